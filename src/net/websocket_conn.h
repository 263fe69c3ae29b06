/* websocket_conn.h: a WebSocket on a connection: handshake answer, decoder, inflating, control frames, liveness, close handshake. The owner sees whole
 * messages and sends frames.
 *
 * Home thread only. Life: websocket_accept -> open -> websocket_close (sends close, waits at most close_ms for the peer's) -> on_closed, once. */
#pragma once

#include "net/http.h"
#include "wire/deflate.h"
#include "wire/websocket.h"

struct websocket;

struct websocket_events {
    /* A whole message, inflated and checked for UTF-8 when text. The payload is writable scratch, valid during the call. */
    void (*on_message)(struct websocket *socket, bool is_text, struct span payload);
    void (*on_drained)(struct websocket *socket); /* NULL is fine */
    /* The reader is too slow (conn.h). NULL: close 4450. */
    void (*on_slow)(struct websocket *socket);
    /* code: what the peer sent, what we sent first, 1006 for a broken line, or WEBSOCKET_CODE_DEAD for a peer that was silent past dead_ms. Once; the
     * socket is gone after it. */
    void (*on_closed)(struct websocket *socket, uint16_t code);
};

enum { WEBSOCKET_CODE_DEAD = 1 }; /* never on the wire */

struct websocket_options {
    const struct websocket_events *events;
    struct ws_limits limits;
    enum deflate_policy deflate_policy;
    bool allows_deflate;
    uint64_t ping_ms;              /* 30 s; 0: never. A pong is due like any byte: */
    uint64_t dead_ms;              /* 60 s after its last byte the peer is gone; 0: never */
    uint16_t close_ms;             /* how long the peer's close may take; 0: 5 s */
    unsigned pings_per_second_max; /* 20 received; 0: no limit -> 1008 */
    struct span protocol;          /* Sec-WebSocket-Protocol to answer; empty: none */
    void *user;
};

/* True when the request asks for an upgrade to WebSocket at all (then answer with accept, refuse or any HTTP error). */
bool websocket_is_requested(const struct http_exchange *exchange);
/* Checks the handshake (RFC 6455 4.2.1) and answers 101, or refuses with 400 / 426 itself and gives NULL. The exchange is over in both cases. */
struct websocket *websocket_accept(struct http_exchange *exchange, const struct websocket_options *options);

void *websocket_user(const struct websocket *socket);
void websocket_set_user(struct websocket *socket, void *user);
struct conn *websocket_conn(const struct websocket *socket);
bool websocket_is_open(const struct websocket *socket);     /* false once closing began */
bool websocket_has_deflate(const struct websocket *socket); /* the shared kind: takes frames compressed once for all */

/* Queues an encoded frame as it is (fan-out); see conn_send. */
void websocket_send_frame(struct websocket *socket, struct frame *frame, uint64_t conflate_key);
/* Encodes and queues one message (compressed when negotiated and >= 256 bytes and allow_deflate). */
void websocket_send(struct websocket *socket, bool is_text, struct span payload);
/* As above, not counted against the slow-reader limit (snapshots, replay, lists). */
void websocket_send_uncounted(struct websocket *socket, bool is_text, struct span payload);
/* Encoders for fan-out: one frame for all plain receivers, one for all deflate receivers (NULL when it does not pay: < 256 bytes). */
struct frame *websocket_encode(struct span payload, bool is_text);
struct frame *websocket_encode_deflated(struct deflater *deflater, struct span payload, bool is_text);
void websocket_close(struct websocket *socket, uint16_t code, struct span reason);
void websocket_terminate(struct websocket *socket); /* without a close handshake */
