/* fanout.h: one event's encodings: once per dialect and field mask, and of each once per wire form (plain WebSocket frame, deflated one).
 * Lives for one delivery. Home thread only. */
#pragma once

#include "base/limits.h"
#include "base/arena.h"
#include "collab/event.h"
#include "net/frame.h"
#include "net/websocket_conn.h"
#include "peer/socketio/socketio_track.h"

enum wire_form { FORM_WEBSOCKET, FORM_WEBSOCKET_DEFLATED, FORM_COUNT };
/* The forms of a Socket.IO event: a WebSocket's frame, the same deflated, a packet of a polling payload. */
enum packet_form { PACKET_WEBSOCKET, PACKET_WEBSOCKET_DEFLATED, PACKET_POLLED, PACKET_FORM_COUNT };

struct fanout {
    struct event *event;
    struct span text; /* what the dialect said: the message's bytes */
    struct frame *frames[FORM_COUNT];
    struct deflater *deflater;
    /* Socket.IO: the packet of one namespace at a time (receivers of one event are nearly always in the same); attachments follow it on the wire, adjacent */
    struct span nsp;
    struct frame *packets[PACKET_FORM_COUNT];
    bool is_marked; /* these are for sockets that may be recovered */
    bool has_mark;
    struct sio_mark mark; /* fanout_mark's */
    struct span *binaries;
    uint32_t binary_count;
    struct frame *attachments[2][LIMIT_SIO_ATTACHMENTS];
};

/* Lends the frame in that form, made on first use; the deflated one falls back to plain when it does not pay. */
struct frame *fanout_frame(struct fanout *fanout, enum wire_form form);
/* The same for `text` as a Socket.IO event's array; nsp must stay valid until the fanout is released. `is_marked`: with the
 * event's place as one more argument, by which a socket can be recovered (socketio_track.h). */
struct frame *fanout_packet(struct fanout *fanout, struct span nsp, enum packet_form form, bool is_marked);
/* The event's place in its room. */
const struct sio_mark *fanout_mark(struct fanout *fanout);
/* An attachment: a WebSocket's frame, or its bytes for engine_queue. */
struct frame *fanout_attachment(struct fanout *fanout, uint32_t index, bool is_polled);
void fanout_release(struct fanout *fanout);
