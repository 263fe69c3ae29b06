/* http.h: an HTTP/1.1 server on connections: parsing (llhttp), keep-alive, pipelining, limits, deadlines, answers, streams and the upgrade to WebSocket.
 *
 * The owner registers handlers; each request arrives whole (headers and body) as a `struct http_exchange`, which lives until it
 * was answered and its answer is queued, or the connection is gone (on_abort). An exchange may be answered in a later turn; further
 * pipelined requests wait meanwhile. Nothing is held for an idle keep-alive connection but the conn and a small struct.
 * Sources: RFC 9110, RFC 9112. Smuggling cases (two lengths, obs-fold, bare LF, ...) are 400 and close. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "net/conn.h"

struct http_limits {
    size_t request_line_bytes_max; /* 8 KiB -> 414 */
    size_t header_bytes_max;       /* 16 KiB -> 431 */
    unsigned header_count_max;     /* 100 -> 431 */
    unsigned query_count_max;      /* 256 -> 400 */
    size_t body_bytes_max;         /* 256 KiB -> 413; body_limit may say otherwise per path */
    uint64_t header_ms;            /* 10 s for the whole head -> 408 */
    uint64_t body_rate_grace_ms;   /* after 10 s a body must keep up body_rate_bytes_min (1 KiB/s on average) -> 408 */
    size_t body_rate_bytes_min;
    uint64_t idle_ms;       /* keep-alive: 75 s */
    uint64_t first_byte_ms; /* a connection that says nothing: 10 s */
    unsigned pipeline_max;  /* 64 requests read ahead */
};
extern const struct http_limits http_limits_default;

struct http_header {
    struct span name, value;
};

struct http_exchange {
    /* the request: spans live in the exchange's arena */
    struct span method; /* "GET" */
    struct span target; /* as sent */
    /* percent-decoded; no NUL, no "..", no backslash, no empty segments (else 400 before you see it) */
    struct span path;
    struct span query; /* after '?', raw */
    struct http_header *headers;
    unsigned header_count;
    struct span body;
    bool is_http_1_0;
    struct conn *conn;
    struct arena arena; /* for whoever handles it */
    void *user;         /* the handler's */
    struct http_conn *http_conn;
    char request_id[17]; /* in the answer's X-Request-Id and in every error */
    bool is_answered;
    bool aborts_on_end; /* set it for a request that waits (a long poll): a peer that ends its side has given up on it.
                           Else a peer that has ended still gets its answer. */
    bool is_refused_silently; /* set it in body_limit: when the body turns out to be too large, the answer is empty */
    /* Set by whoever answers in a later turn and wants to hear himself that the connection died: instead of
     * handlers.on_abort. */
    void (*on_gone)(struct http_exchange *exchange);
    /* Set it in body_limit, to hear when its body is not read any more, before on_request: it is whole, it was refused, or
     * (is_broken) its connection died. */
    void (*on_body_end)(struct http_exchange *exchange, bool is_broken);
};

struct http_handlers {
    void (*on_request)(void *arg, struct http_exchange *exchange);
    /* The connection died before the answer: forget the exchange (it is freed after this). */
    void (*on_abort)(void *arg, struct http_exchange *exchange);
    /* Allowed body size for a head that just arrived (body is still empty); NULL: limits.body_bytes_max for all. */
    size_t (*body_limit)(void *arg, struct http_exchange *exchange);
    /* The connection is gone (every connection, once); for counting. NULL is fine. */
    void (*on_closed)(void *arg, struct conn *conn, void *conn_user);
};

/* Gives the connection an HTTP owner. Handlers, arg and limits must outlive it. conn_user is any pointer of the caller's (limits per address),
 * read back with http_conn_user. */
void http_serve(struct conn *conn, const struct http_handlers *handlers, void *arg, const struct http_limits *limits,
                void *conn_user);
void *http_conn_user(const struct http_exchange *exchange);

/* Reading the request. */
struct span http_header(const struct http_exchange *exchange,
                        const char *name); /* first of that name, any case; empty: none */
unsigned http_header_values(const struct http_exchange *exchange, const char *name, struct span *values, unsigned max);
/* Whether Accept-Encoding names this coding. */
bool http_accepts_coding(const struct http_exchange *exchange, struct span coding);
/* A query parameter, decoded (+ and %xx) into the arena; false when absent; true with the first one's value. */
bool http_query(struct http_exchange *exchange, const char *name, struct span *value);
/* Iterates all parameters in order: *position starts at 0. */
bool http_query_next(struct http_exchange *exchange, size_t *position, struct span *name, struct span *value);
/* A cookie's value; ERR_BAD_REQUEST when there are two of that name with different values. Empty: none. */
must_check enum err http_cookie(const struct http_exchange *exchange, const char *name, struct span *value);

/* Answering: headers first (any number), then exactly one of the ways to end. Values with CR, LF or NUL are refused by assertion: callers
 * escape. Date, Content-Length, Connection and the security headers are added here. */
void http_add_header(struct http_exchange *exchange, const char *name, struct span value);
void http_respond(struct http_exchange *exchange, unsigned status, const char *content_type, struct span body);
/* The body is kept by its owner until `release(arg)`; sent in pieces as the socket drains (files). HEAD sends none of it. */
void http_respond_static(struct http_exchange *exchange, unsigned status, const char *content_type, struct span body,
                         void (*release)(void *arg), void *arg);
/* {"error":{"code","message","field","request_id"}} with err's status; field and message may be empty (message: err's sentence). */
void http_respond_error(struct http_exchange *exchange, enum err err, struct span field, struct span message);
void http_close_after(struct http_exchange *exchange); /* Connection: close */

/* A response without end (Server-Sent Events): 200, no length, until close (so that a frame suits every receiver as it is).
 * The exchange is over; the stream takes the connection: queue frames on its conn. on_closed is called once. NULL for HEAD,
 * which was answered. */
struct http_stream {
    struct conn *conn;
    void (*on_closed)(struct http_stream *stream);
    void (*on_drained)(struct http_stream *stream); /* NULL is fine */
    void (*on_slow)(struct http_stream *stream);    /* NULL: close */
    void *user;
};
struct http_stream *http_respond_stream(struct http_exchange *exchange, const char *content_type);
void http_stream_finish(struct http_stream *stream); /* flush and close */

const char *http_reason(unsigned status);
/* Stops keep-alive everywhere: each connection closes after its current exchange (draining); idle ones now. Per host. */
void http_drain(struct conn_host *host);
