/* http_stage.h: an HTTP server with one connection, whose handler answers as the path says, and a client at its far end. Made anew for
 * every test, as `server`.
 *
 *     /later   is left in `pending`            /poll     too, and is given up when the client ends
 *     /body    `body`, copied                  /static   `body`, lent
 *     /none    204                             /error    a wrong field
 *     /cached  with headers of its own         /stream   a stream, in `stream`
 *     /last    and the connection's end        /close, /close-then-answer, /answer-then-close   under the handler
 *     others   the path */
#pragma once

#include "lib/net_stage.h"
#include "net/http.h"

#define HOST "Host: a\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

struct http_stage {
    struct stage stage;
    struct far far;
    struct conn *conn;
    struct http_limits limits;
    struct http_handlers handlers;
    unsigned request_count, abort_count, closed_count, release_count;
    struct http_exchange *pending;
    struct buf seen; /* method, path and body of each request */
    struct span body;
    struct http_stream *stream;
    unsigned stream_closed_count;
};

extern struct http_stage server;

/* cmocka's, around each test. */
int http_stage_set_up(void **state);
int http_stage_tear_down(void **state);
/* Another connection, with these limits or the default ones. */
void server_reopen(const struct http_limits *limits);

void server_say(const char *text);
void server_until_pending(void);
void server_until_closed(void);
/* How often a text stands in what the client heard. */
unsigned server_count(const char *text);
void assert_seen(const char *text);
