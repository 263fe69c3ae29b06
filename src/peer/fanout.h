/* fanout.h: one event's encodings: once per dialect and field mask, and of each once per wire form (plain WebSocket frame, deflated one).
 * Lives for one delivery. Home thread only. */
#pragma once

#include "base/arena.h"
#include "collab/event.h"
#include "net/frame.h"
#include "net/websocket_conn.h"

enum wire_form { FORM_WEBSOCKET, FORM_WEBSOCKET_DEFLATED, FORM_COUNT };

struct fanout {
    const struct event *event;
    struct span text;  /* what the dialect said: the message's bytes */
    struct frame *frames[FORM_COUNT];
    struct deflater *deflater;
    /* Socket.IO: packet text in `text`, attachments follow it on the wire, adjacent */
    struct span *binaries;
    uint32_t binary_count;
};

/* Lends the frame in that form, made on first use; FORM_WEBSOCKET_DEFLATED falls back to plain when it does not pay. */
struct frame *fanout_frame(struct fanout *fanout, enum wire_form form);
void fanout_release(struct fanout *fanout);
