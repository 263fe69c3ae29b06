#include "lib/http_stage.h"

#include <string.h>

struct http_stage server;

static void on_release(void *arg)
{
    ((struct http_stage *)arg)->release_count++;
}

static void on_stream_closed(struct http_stream *stream)
{
    ((struct http_stage *)stream->user)->stream_closed_count++;
}

static void on_request(void *arg, struct http_exchange *exchange)
{
    struct http_stage *stage = arg;

    stage->request_count++;
    buf_printf(&stage->seen, "[%.*s %.*s %.*s]", SPAN_ARG(exchange->method), SPAN_ARG(exchange->path),
               SPAN_ARG(exchange->body));
    if (span_equal(exchange->path, SPAN("/later")) || span_equal(exchange->path, SPAN("/poll"))) {
        exchange->aborts_on_end = span_equal(exchange->path, SPAN("/poll"));
        stage->pending = exchange;
    } else if (span_equal(exchange->path, SPAN("/body"))) {
        http_respond(exchange, 200, "text/plain", stage->body);
    } else if (span_equal(exchange->path, SPAN("/static"))) {
        http_respond_static(exchange, 200, "text/plain", stage->body, on_release, stage);
    } else if (span_equal(exchange->path, SPAN("/none"))) {
        http_respond(exchange, 204, NULL, SPAN_EMPTY);
    } else if (span_equal(exchange->path, SPAN("/error"))) {
        http_respond_error(exchange, ERR_BAD_FIELD, SPAN("na\"me"), SPAN_EMPTY);
    } else if (span_equal(exchange->path, SPAN("/cached"))) {
        http_add_header(exchange, "cache-control", SPAN("max-age=1"));
        http_add_header(exchange, "X-Own", SPAN("yes"));
        http_respond(exchange, 200, "text/plain", SPAN("x"));
    } else if (span_equal(exchange->path, SPAN("/stream"))) {
        stage->stream = http_respond_stream(exchange, "text/event-stream");
        if (stage->stream) {
            stage->stream->user = stage;
            stage->stream->on_closed = on_stream_closed;
        }
    } else if (span_equal(exchange->path, SPAN("/close"))) {
        conn_close(exchange->conn);
    } else if (span_equal(exchange->path, SPAN("/close-then-answer"))) {
        conn_close(exchange->conn);
        http_respond(exchange, 200, "text/plain", SPAN("nobody reads this"));
    } else if (span_equal(exchange->path, SPAN("/answer-then-close"))) {
        http_respond(exchange, 200, "text/plain", SPAN("nobody reads this"));
        conn_close(exchange->conn);
    } else if (span_equal(exchange->path, SPAN("/last"))) {
        http_close_after(exchange);
        http_respond(exchange, 200, "text/plain", SPAN("last"));
    } else {
        http_respond(exchange, 200, "text/plain", exchange->path);
    }
}

static void on_abort(void *arg, struct http_exchange *exchange)
{
    struct http_stage *stage = arg;

    stage->abort_count++;
    if (stage->pending == exchange)
        stage->pending = NULL;
}

static void on_closed(void *arg, struct conn *conn, void *user)
{
    struct http_stage *stage = arg;

    assert_ptr_equal(user, stage);
    assert_ptr_equal(conn, stage->conn);
    stage->closed_count++;
}

static void open_server(const struct http_limits *limits)
{
    server = (struct http_stage){.limits = limits ? *limits : http_limits_default};
    server.handlers = (struct http_handlers){.on_request = on_request, .on_abort = on_abort, .on_closed = on_closed};
    stage_init(&server.stage, NULL);
    server.conn = far_open(&server.far, &server.stage);
    http_serve(server.conn, &server.handlers, &server, &server.limits, &server);
}

static void close_server(void)
{
    far_close(&server.far);
    stage_deinit(&server.stage);
    assert_int_equal(server.closed_count, 1);
    assert_int_equal(server.stream_closed_count, server.stream != NULL);
    buf_deinit(&server.seen);
}

int http_stage_set_up(void **state)
{
    (void)state;
    open_server(NULL);
    return 0;
}

int http_stage_tear_down(void **state)
{
    (void)state;
    close_server();
    return 0;
}

void server_reopen(const struct http_limits *limits)
{
    close_server();
    open_server(limits);
}

void server_say(const char *text)
{
    far_say(&server.far, span_from_str(text));
}

static bool has_closed(void *arg)
{
    return ((struct http_stage *)arg)->closed_count > 0;
}

static bool has_pending(void *arg)
{
    return ((struct http_stage *)arg)->pending != NULL;
}

void server_until_closed(void)
{
    stage_until(&server.stage, has_closed, &server);
}

void server_until_pending(void)
{
    stage_until(&server.stage, has_pending, &server);
}

unsigned server_count(const char *text)
{
    struct span rest = buf_span(&server.far.heard);
    unsigned count = 0;
    const char *found;

    while (rest.len > 0 && (found = memmem(rest.data, rest.len, text, strlen(text))) != NULL) {
        size_t used = (size_t)(found - rest.data) + 1;

        count++;
        rest = span_slice(rest, used, rest.len);
    }
    return count;
}

void assert_seen(const char *text)
{
    assert_text(buf_span(&server.seen), text);
}
