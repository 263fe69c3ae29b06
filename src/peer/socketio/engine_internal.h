/* engine_internal.h: an Engine.IO session as the files see it that work for it. */
#pragma once

#include "base/list.h"
#include "peer/socketio/engine.h"

#define ENGINE_SID_BYTES 29 /* the worker in two hexadecimal digits, 160 random bits in base64url */

/*            open by GET                         open by WebSocket
 *                 |                                     |
 *                 v             probed, then "5"        v
 *              polling --------------------------> carried by a WebSocket
 *                 |                                     |
 *   engine_close and no poll is there                   | closed, broken, dead, bad
 *                 v                                     v
 *              closing --- a poll, or 5 s ----------> ended (not in the map; on_closed, then its memory goes)
 *                                                       ^
 *              polling --- closed, given up, dead, bad -+
 */
enum engine_state { ENGINE_POLLING, ENGINE_CARRIED, ENGINE_CLOSING, ENGINE_OVER };

struct engine_slot {
    struct frame *frame;
    uint64_t key;
    bool is_text, is_counted;
};

/* What waits for a poll. */
struct engine_queue {
    struct engine_slot *slots;
    uint32_t count, cap;
    size_t counted_bytes;
    uint64_t backlog_since_ms; /* above the soft limit; 0: it is not */
};

/* A WebSocket that was opened to take over a polling session. */
struct engine_probe {
    struct engine *engine;
    struct websocket *socket;
    bool is_probed;          /* "2probe" came, and "3probe" was answered */
    struct loop_timer timer; /* it must be over by then */
    struct loop_timer nudge; /* a poll that came meanwhile is answered, so that the client can stop polling */
};

struct engine {
    struct engine_host *host;
    void *user;
    struct websocket *socket;   /* carried */
    struct http_exchange *poll; /* polling: the one that waits */
    struct http_exchange *post; /* the one whose body is being read */
    struct engine_probe *probe;
    struct engine_queue queue;
    struct list in_ready, in_ended;
    struct loop_timer timer; /* the next ping is due, or the pong; closing: the last poll */
    uint8_t state;           /* enum engine_state */
    uint8_t end;             /* enum engine_end */
    bool awaits_pong;
    bool keeps_plain; /* the next poll's answer */
    bool is_slow;
    bool was_told; /* on_closed was called */
    char sid[ENGINE_SID_BYTES];
};

/* engine.c */
struct engine *engine_new(struct engine_host *host, void *user);
void engine_start(struct engine *engine); /* the heartbeat */
/* Does at once what its timer is about to do in this turn. It may be over then. */
void engine_catch_up(struct engine *engine);
/* It is over at once: whatever carries it is let go. Idempotent. */
void engine_finish(struct engine *engine, enum engine_end end, uint16_t code, struct span reason);
/* A packet the client sent, on whichever transport; false: it broke the protocol. */
bool engine_hear(struct engine *engine, const struct eio_packet *packet);
void engine_append_open(const struct engine *engine, struct buf *out); /* the handshake packet */

/* engine_queue.c */
void engine_queue_deinit(struct engine_queue *queue);
/* Everything that waits, as a polling payload. Empties the queue. */
void engine_queue_drain(struct engine_queue *queue, struct buf *out);
/* The same onto a WebSocket, in order. */
void engine_queue_carry(struct engine_queue *queue, struct websocket *socket);
void engine_queue_push(struct engine_queue *queue, struct frame *frame, bool is_text, uint64_t key, bool is_counted);

/* engine_polling.c */
void engine_on_poll(struct engine *engine, struct http_exchange *exchange);
void engine_on_post(struct engine *engine, struct http_exchange *exchange);
/* A POST's head has come, and its body is on its way. */
void engine_expect_post(struct engine *engine, struct http_exchange *exchange);
void engine_forget_post(struct engine *engine);
/* Answers the poll that waits with what there is; with nothing, a noop. */
void engine_answer_poll(struct engine *engine, bool is_last);
void engine_answer_greeting(struct engine *engine, struct http_exchange *exchange);

/* engine_socket.c */
struct engine *engine_open_socket(struct engine_host *host, struct http_exchange *exchange, void *user);
void engine_on_probe(struct engine *engine, struct http_exchange *exchange);
void engine_drop_probe(struct engine *engine);
/* A poll waits while the client is on its way to the WebSocket. */
void engine_nudge(struct engine *engine);
