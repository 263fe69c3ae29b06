/* Long-polling: a GET waits until there is something to say, a POST brings what the client says. */
#include "peer/socketio/engine_internal.h"

#include "base/limits.h"
#include "wire/gzip.h"

#include <assert.h>
#include <stdlib.h>

#define POLL_TYPE "text/plain; charset=UTF-8"
#define GZIP_LEVEL 1 /* a loop has other things to do */

/* Long ones are paced by HTTP, so that a client that reads slowly holds one copy at most. */
static void respond(struct http_exchange *exchange, struct buf *body)
{
    size_t len;
    char *bytes = buf_take(body, &len);
    http_respond_static(exchange, 200, POLL_TYPE, span_of(bytes, len), free, bytes);
}

void engine_answer_greeting(struct engine *engine, struct http_exchange *exchange)
{
    struct buf body = BUF_EMPTY;
    engine_append_open(engine, &body);
    respond(exchange, &body);
}

/* What is small does not pay, what is huge would keep others waiting. */
static void compress(struct engine *engine, struct http_exchange *exchange, struct buf *body)
{
    struct engine_host *host = engine->host;
    struct buf packed = BUF_EMPTY;
    bool is_plain = engine->keeps_plain;
    engine->keeps_plain = false;
    if (host->settings.gzip_bytes_min == 0 || body->len < host->settings.gzip_bytes_min ||
        body->len > host->settings.gzip_bytes_max)
        return;
    http_add_header(exchange, "Vary", SPAN("Accept-Encoding"));
    if (is_plain || !http_accepts_coding(exchange, SPAN("gzip")))
        return;
    if (!host->gzipper)
        host->gzipper = gzipper_new(GZIP_LEVEL);
    gzipper_append(host->gzipper, buf_span(body), &packed);
    http_add_header(exchange, "Content-Encoding", SPAN("gzip"));
    buf_deinit(body);
    *body = packed;
}

static struct http_exchange *take_poll(struct engine *engine)
{
    struct http_exchange *exchange = engine->poll;
    engine->poll = NULL;
    exchange->on_gone = NULL;
    exchange->aborts_on_end = false;
    return exchange;
}

void engine_answer_poll(struct engine *engine, bool is_last)
{
    struct buf body = BUF_EMPTY;
    struct http_exchange *exchange = take_poll(engine);
    engine_queue_drain(&engine->queue, &body);
    if (is_last && body.len)
        buf_append_char(&body, EIO_SEPARATOR);
    if (is_last || body.len == 0)
        eio_append_text(&body, is_last ? EIO_CLOSE : EIO_NOOP, SPAN_EMPTY);
    compress(engine, exchange, &body);
    respond(exchange, &body);
}

/* The client gave up a poll: nobody can say whether it would have got what was on its way. */
static void on_gone(struct http_exchange *exchange)
{
    struct engine *engine = exchange->user;
    assert(engine->poll == exchange);
    take_poll(engine);
    engine_finish(engine, ENGINE_LOST, 0, SPAN_EMPTY);
}

static void wait(struct engine *engine, struct http_exchange *exchange)
{
    engine->poll = exchange;
    exchange->user = engine;
    exchange->on_gone = on_gone;
    exchange->aborts_on_end = true;
    if (engine->probe)
        engine_nudge(engine);
}

void engine_on_poll(struct engine *engine, struct http_exchange *exchange)
{
    if (engine->poll) { /* of two at once neither can be trusted: the order of the packets would be anybody's guess */
        engine_finish(engine, ENGINE_BAD, 0, SPAN_EMPTY);
        engine_refuse(exchange, EIO_BAD_REQUEST);
        return;
    }
    wait(engine, exchange);
    if (engine->state == ENGINE_CLOSING) {
        engine_answer_poll(engine, true);
        engine_finish(engine, ENGINE_ENDED, 0, SPAN_EMPTY);
    } else if (engine->queue.count) {
        engine_answer_poll(engine, false);
    }
}

/* A packet's handler may end the session: the rest of the payload is nobody's then. */
static enum err hear_payload(struct engine *engine, struct span body)
{
    struct eio_payload payload = {.rest = body, .packets_max = LIMIT_SIO_PACKETS};
    struct eio_packet packet;
    enum err err = OK;
    while (engine->state == ENGINE_POLLING && eio_payload_next(&payload, &packet, &err)) {
        if (!engine_hear(engine, &packet)) {
            err = ERR_PROTOCOL;
            break;
        }
    }
    eio_payload_deinit(&payload);
    return err;
}

void engine_forget_post(struct engine *engine)
{
    if (engine->post)
        engine->post->on_body_end = NULL;
    engine->post = NULL;
}

/* What was refused was not heard, and the client knows it. */
static void on_body_end(struct http_exchange *exchange, bool is_broken)
{
    struct engine *engine = exchange->user;
    engine->post = NULL;
    if (is_broken)
        engine_finish(engine, ENGINE_LOST, 0, SPAN_EMPTY);
}

void engine_expect_post(struct engine *engine, struct http_exchange *exchange)
{
    if (engine->post) { /* as with two polls */
        engine_finish(engine, ENGINE_BAD, 0, SPAN_EMPTY);
        return;
    }
    engine->post = exchange;
    exchange->user = engine;
    exchange->on_body_end = on_body_end;
}

void engine_on_post(struct engine *engine, struct http_exchange *exchange)
{
    if (exchange->body.len > engine->host->settings.payload_bytes_max) {
        http_respond(exchange, 413, NULL, SPAN_EMPTY);
        return;
    }
    if (hear_payload(engine, exchange->body)) {
        engine_finish(engine, ENGINE_BAD, 0, SPAN_EMPTY);
        engine_refuse(exchange, EIO_BAD_REQUEST);
    } else {
        http_respond(exchange, 200, "text/html", SPAN("ok"));
    }
}
