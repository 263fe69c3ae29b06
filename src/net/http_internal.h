/* http_internal.h: the parts of the HTTP server that only this folder sees: the parser of one request (pure), the request
 * under way on a connection, and what each worker keeps for all of its connections. */
#pragma once

#include "net/conn_internal.h"
#include "net/http.h"

#include <llhttp.h>

enum {
    HTTP_ARENA_BYTES = 2048,
    HTTP_ONE_FRAME_BYTES = 16 * 1024,   /* a body up to this leaves together with its head */
    HTTP_PIECE_BYTES = 64 * 1024,       /* of a long body, as the socket drains */
    HTTP_UNSENT_BYTES_MAX = 256 * 1024, /* of answers: until the peer reads, no more requests are looked at */
    HTTP_LINGER_MS = 2000,
};

/* Why a request cannot be served: what the answer says. */
struct http_fault {
    unsigned status;
    const char *code;
    const char *message;
};

/* ---- http_parse.c: one request, fed in any pieces. Head and body framing are checked twice: the lines by ourselves (RFC
 * 9112 to the letter), lengths, codings and chunks by llhttp with all its leniency off. ----------------------------- */

enum http_step {
    HTTP_PARSE_MORE,  /* all input was used */
    HTTP_PARSE_HEAD,  /* the head is whole: set body_bytes_max, then go on */
    HTTP_PARSE_WHOLE, /* all of it; input stands behind it */
    HTTP_PARSE_BAD,   /* see fault: nothing after it can be trusted */
};

struct http_parse {
    const struct http_limits *limits;
    struct http_exchange *exchange; /* filled in */
    llhttp_t llhttp;
    struct buf head; /* an unfinished head; unallocated when it came in one piece */
    size_t line_start, scanned, fields_start;
    unsigned blank_count, header_count, trailer_count;
    enum { HTTP_AT_HEAD, HTTP_AT_BODY, HTTP_AT_END } at;
    bool is_complete; /* llhttp says so */
    bool is_bad;
    bool is_chunked;
    bool expects_continue;
    bool keeps_alive;
    struct buf body;
    size_t body_bytes_max;
    uint64_t content_length;
    uint64_t chunk_count, extension_bytes, trailer_bytes, framed_bytes;
    struct http_fault fault;
};

/* exchange's arena must be there; its request fields are filled when HTTP_PARSE_HEAD is said, body at HTTP_PARSE_WHOLE. */
void http_parse_init(struct http_parse *parse, struct http_exchange *exchange, const struct http_limits *limits);
void http_parse_deinit(struct http_parse *parse);
enum http_step http_parse_feed(struct http_parse *parse, struct span *input);
bool http_parse_has_begun(const struct http_parse *parse);

/* http_request.c */
bool http_is_token(struct span text);
/* True when a header that is a list of tokens has this one. */
bool http_list_has(const struct http_exchange *exchange, const char *name, struct span token);
/* Splits the target; false when it is not allowed. *authority is empty but for the absolute form. */
bool http_parse_target(struct http_exchange *exchange, struct span *authority);
bool http_host_is_valid(struct span host);

/* ---- http.c ------------------------------------------------------------------------------------------------------ */

/* What connections served alike share: handed to http_serve once per connection, kept once. */
struct http_service {
    const struct http_handlers *handlers;
    void *arg;
    const struct http_limits *limits;
    struct http_service *next;
};

struct http_added { /* a header of the answer */
    struct http_added *next;
    struct span line; /* with its CRLF */
};

/* A request under way, from its first byte until its answer is queued. */
struct http_inflight {
    struct http_exchange exchange; /* first */
    struct http_parse parse;
    struct http_added *added, *added_last;
    bool has_cache_control;
    bool is_head;
    bool is_upgrade;  /* asks for it: whatever follows is not HTTP */
    bool is_handling; /* the handler has it and has not answered */
    bool keeps_alive;
    uint64_t body_start_ms;
    struct span rest; /* of a long body, still to be queued */
    void (*release)(void *arg);
    void *release_arg;
};

struct http_conn {
    struct conn *conn;
    const struct http_service *service;
    void *user;
    struct http_inflight *inflight; /* NULL: idle */
    bool is_dropped;                /* its handlers hear nothing of it any more (hand_over.h) */
    struct loop_timer timer;
    uint64_t deadline_ms;
    uint64_t queued_bytes; /* of all answers so far */
    uint64_t left_bytes;   /* how many of those had left when progress was checked last */
    struct list ready;     /* in http_host->ready */
    unsigned unsent_answers;
    bool is_in_handler; /* on_bytes is on the stack */
    bool is_detached;   /* the connection went to another owner: only memory is left to free */
    bool is_ended;      /* the peer's FIN */
    bool is_closing;    /* once the queue has left */
    bool is_draining;
};

struct http_host {
    struct conn_host *host;
    struct http_service *services;
    struct http_inflight *spare;
    struct buf scratch; /* the answer being written */
    struct list ready;  /* connections whose request was answered in a later turn than it came */
    struct loop_timer ready_timer;
    int64_t date_s;
    char date[32];
    uint64_t request_id;
    bool is_draining;
};

struct http_host *http_host(struct conn_host *host);
static inline struct http_inflight *http_inflight_of(struct http_exchange *exchange)
{
    return (struct http_inflight *)(void *)exchange;
}
/* An answer is whole (or goes on in `rest`): http.c decides what happens next. */
void http_answered(struct http_inflight *inflight);
/* Queues bytes of an answer. */
void http_queue(struct http_conn *http, struct span bytes);
/* Takes the connection away from HTTP (upgrade, stream); the exchange is over. */
struct conn *http_detach(struct http_exchange *exchange, const struct http_service **service, void **user);

/* http_response.c */
void http_append_added(struct buf *out, const struct http_inflight *inflight);
void http_respond_fault(struct http_exchange *exchange, const struct http_fault *fault);
/* More of a long body as the socket drains. */
void http_continue_body(struct http_inflight *inflight);
void http_release_body(struct http_inflight *inflight);
/* The connection goes elsewhere: neither on_abort nor on_closed is called for it here. */
void http_conn_drop(struct http_conn *http);
