/* websocket_internal.h: what the handshake, the connection and the worker's clock share. */
#pragma once

#include "net/http_internal.h"
#include "net/websocket_conn.h"

enum {
    WEBSOCKET_CLOSE_MS = 5000, /* for the peer's close, and then for its FIN */
    WHEEL_TICK_MS = 250,       /* how exact liveness and the close deadline are */
    WHEEL_SLOTS = 256,         /* a check that is further away is looked at on the way */
};

/* open -> closing (our close was sent, the peer's is due) -> over (both were, or the connection failed: it is finishing) */
enum websocket_state { WEBSOCKET_OPEN, WEBSOCKET_CLOSING, WEBSOCKET_OVER };

/* What WebSockets opened alike share: kept once. Without gaps: compared as bytes. */
struct websocket_kind {
    struct websocket_kind *next;
    const struct websocket_events *events;
    const struct http_service *service;       /* told when the connection is gone */
    struct ws_limits limits;                  /* on the wire */
    size_t message_bytes_max, text_bytes_max; /* after inflating */
    uint64_t ping_ms, dead_ms;
    uint64_t close_ms;
    uint64_t pings_per_second_max;
};

/* With the conn all that an idle connection costs: no buffer, no timer of its own. */
struct websocket {
    struct conn *conn;
    void *user;
    const struct websocket_kind *kind;
    uint8_t state; /* enum websocket_state */
    uint8_t server_window_bits;
    bool has_deflate : 1;
    bool is_shared : 1;   /* takes frames compressed once for all */
    uint16_t code;        /* 0: not known yet */
    uint16_t pings_count; /* received in: */
    uint32_t pings_second;
    uint32_t close_due_ms; /* when the peer's close is, by the loop's clock cut to 32 bits */
    void *service_user;
    struct list wheel;         /* in a slot of the worker's wheel, or alone */
    struct deflater *deflater; /* of its own only with context take-over */
    struct inflater *inflater;
    struct ws ws;
};

/* Per worker. */
struct websocket_host {
    struct conn_host *host;
    struct websocket_kind *kinds;
    struct list wheel[WHEEL_SLOTS];
    struct loop_timer timer;
    uint64_t tick;                            /* the last one that was looked at */
    uint64_t count;                           /* in the wheel */
    struct buf encoded, compressed, inflated; /* scratch */
    struct deflater *deflaters[16];           /* without context, by window bits; made when needed */
    struct inflater *inflater;                /* without context */
};

struct websocket_host *websocket_host(struct conn_host *host);
/* The one that is like this, made when it is the first (next does not count). Lives as long as the host. */
const struct websocket_kind *websocket_kind(struct websocket_host *host, const struct websocket_kind *like);
/* The socket is looked at (websocket_check) in `delay_ms` from now, a tick late at most. */
void websocket_schedule(struct websocket *socket, uint64_t delay_ms);
void websocket_check(struct websocket *socket, uint64_t now_ms);
/* Starts life on an open connection: liveness, callbacks. */
void websocket_begin(struct websocket *socket);
struct deflater *websocket_deflater(struct websocket *socket);
struct inflater *websocket_inflater(struct websocket *socket);
