/* http_summary.h: feeds the HTTP parser with bytes in pieces and writes down, as text, all that came out: so two ways of
 * splitting the same bytes can be compared, and a test can look for what it expects. A header only: fuzz targets use it too. */
#pragma once

#include "base/memory.h"
#include "net/http_internal.h"

#include <stdlib.h>
#include <string.h>

static inline void http_summary_span(struct buf *out, const char *name, struct span span)
{
    buf_append_str(out, name);
    buf_append_char(out, '=');
    buf_append_span(out, span);
    buf_append_char(out, '|');
}

static inline void http_summary_request(struct buf *out, struct http_exchange *exchange, const struct http_parse *parse)
{
    struct span name, value;
    size_t position = 0;

    http_summary_span(out, "method", exchange->method);
    http_summary_span(out, "path", exchange->path);
    while (http_query_next(exchange, &position, &name, &value)) {
        http_summary_span(out, "name", name);
        http_summary_span(out, "value", value);
    }
    for (unsigned i = 0; i < exchange->header_count; i++) {
        http_summary_span(out, "field", exchange->headers[i].name);
        http_summary_span(out, "is", exchange->headers[i].value);
    }
    http_summary_span(out, "body", exchange->body);
    buf_append_str(out, exchange->is_http_1_0 ? "1.0|" : "1.1|");
    buf_append_str(out, parse->keeps_alive ? "stays\n" : "closes\n");
}

/* One request from the front of the rest; false when there is no next one. */
static inline bool http_summary_one(struct buf *out, struct span *rest, const struct http_limits *limits,
                                    size_t (*piece)(void *arg), void *arg)
{
    struct http_exchange exchange = {0};
    struct http_parse parse;
    enum http_step step = HTTP_PARSE_MORE;

    arena_init(&exchange.arena, 256);
    http_parse_init(&parse, &exchange, limits);
    while (step == HTTP_PARSE_MORE || step == HTTP_PARSE_HEAD) {
        size_t len = piece ? piece(arg) : rest->len;
        struct span taken = span_slice(*rest, 0, len > 0 ? len : 1);
        /* A copy of its own size, so that a sanitizer sees a read past a piece's end, or a span that points into it. */
        char *copy = memory_copy(taken.data, taken.len);
        struct span input = {copy, taken.len};

        do
            step = http_parse_feed(&parse, &input);
        while (step == HTTP_PARSE_HEAD);
        free(copy);
        *rest = span_slice(*rest, taken.len - input.len, rest->len);
        if (step == HTTP_PARSE_MORE && rest->len == 0)
            break;
    }
    if (step == HTTP_PARSE_WHOLE)
        http_summary_request(out, &exchange, &parse);
    else if (step == HTTP_PARSE_BAD)
        buf_printf(out, "bad %u\n", parse.fault.status);
    else
        buf_append_str(out, http_parse_has_begun(&parse) ? "more\n" : "end\n");
    http_parse_deinit(&parse);
    arena_deinit(&exchange.arena);
    return step == HTTP_PARSE_WHOLE;
}

/* One line per request: method, path, query, headers, body; then how it ended: "more" or "bad STATUS". `piece` gives the
 * size of the next piece (at least 1). */
static inline void http_summary(struct buf *out, struct span bytes, const struct http_limits *limits,
                                size_t (*piece)(void *arg), void *arg)
{
    while (http_summary_one(out, &bytes, limits, piece, arg))
        continue;
}

/* All at once. */
static inline void http_summary_whole(struct buf *out, struct span bytes, const struct http_limits *limits)
{
    http_summary(out, bytes, limits, NULL, NULL);
}
