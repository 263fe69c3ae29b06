#include "lib/net_stage.h"

#include "base/memory.h"
#include "base/rand.h"
#include "net/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST "Host: a\r\n"

/* A server whose handler does what the test says. */
struct server {
    struct stage stage;
    struct far far;
    struct conn *conn;
    struct http_limits limits;
    struct http_handlers handlers;
    unsigned request_count, abort_count, closed_count, release_count;
    struct http_exchange *pending; /* PATH /later waits here */
    struct buf seen;               /* method, path and body of each request */
    struct span body;              /* what /body answers */
    struct http_stream *stream;
    unsigned stream_closed_count;
    size_t body_limit;
};

static void on_release(void *arg)
{
    ((struct server *)arg)->release_count++;
}

static void on_stream_closed(struct http_stream *stream)
{
    ((struct server *)stream->user)->stream_closed_count++;
}

static void on_request(void *arg, struct http_exchange *exchange)
{
    struct server *server = arg;

    server->request_count++;
    buf_printf(&server->seen, "[%.*s %.*s %.*s]", SPAN_ARG(exchange->method), SPAN_ARG(exchange->path),
               SPAN_ARG(exchange->body));
    if (span_equal(exchange->path, SPAN("/later")) || span_equal(exchange->path, SPAN("/poll"))) {
        exchange->aborts_on_end = span_equal(exchange->path, SPAN("/poll"));
        server->pending = exchange;
    } else if (span_equal(exchange->path, SPAN("/body"))) {
        http_respond(exchange, 200, "text/plain", server->body);
    } else if (span_equal(exchange->path, SPAN("/static"))) {
        http_respond_static(exchange, 200, "text/plain", server->body, on_release, server);
    } else if (span_equal(exchange->path, SPAN("/none"))) {
        http_respond(exchange, 204, NULL, SPAN_EMPTY);
    } else if (span_equal(exchange->path, SPAN("/error"))) {
        http_respond_error(exchange, ERR_BAD_FIELD, SPAN("na\"me"), SPAN_EMPTY);
    } else if (span_equal(exchange->path, SPAN("/cached"))) {
        http_add_header(exchange, "cache-control", SPAN("max-age=1"));
        http_add_header(exchange, "X-Own", SPAN("yes"));
        http_respond(exchange, 200, "text/plain", SPAN("x"));
    } else if (span_equal(exchange->path, SPAN("/stream"))) {
        server->stream = http_respond_stream(exchange, "text/event-stream");
        if (server->stream) {
            server->stream->user = server;
            server->stream->on_closed = on_stream_closed;
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
    struct server *server = arg;

    server->abort_count++;
    if (server->pending == exchange)
        server->pending = NULL;
}

static size_t body_limit(void *arg, struct http_exchange *exchange)
{
    struct server *server = arg;

    assert_true(exchange->path.len > 0);
    return server->body_limit;
}

static void on_closed(void *arg, struct conn *conn, void *user)
{
    struct server *server = arg;

    assert_ptr_equal(user, server);
    assert_ptr_equal(conn, server->conn);
    server->closed_count++;
}

static void open_server(struct server *server, const struct http_limits *limits)
{
    *server = (struct server){.limits = limits ? *limits : http_limits_default};
    server->handlers = (struct http_handlers){.on_request = on_request, .on_abort = on_abort, .on_closed = on_closed};
    stage_init(&server->stage, NULL);
    server->conn = far_open(&server->far, &server->stage);
    http_serve(server->conn, &server->handlers, server, &server->limits, server);
}

static void close_server(struct server *server)
{
    far_close(&server->far);
    stage_deinit(&server->stage);
    assert_int_equal(server->closed_count, 1);
    buf_deinit(&server->seen);
}

static void say(struct server *server, const char *text)
{
    far_say(&server->far, span_from_str(text));
}

static bool has_closed(void *arg)
{
    return ((struct server *)arg)->closed_count > 0;
}

static bool has_pending(void *arg)
{
    return ((struct server *)arg)->pending != NULL;
}

static unsigned count_of(const struct server *server, const char *text)
{
    struct span rest = buf_span(&server->far.heard);
    unsigned count = 0;
    const char *found;

    while (rest.len > 0 && (found = memmem(rest.data, rest.len, text, strlen(text))) != NULL) {
        size_t used = (size_t)(found - rest.data) + 1;

        count++;
        rest = span_slice(rest, used, rest.len);
    }
    return count;
}

static void assert_seen(const struct server *server, const char *text)
{
    if (!span_equal(buf_span(&server->seen), span_from_str(text)))
        fail_msg("saw %.*s", SPAN_ARG(buf_span(&server->seen)));
}

/* ---- answers ------------------------------------------------------------------------------------------------------ */

static void a_connection_serves_one_request_after_the_other(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    say(&server, "GET /one HTTP/1.1\r\n" HOST "\r\n");
    far_until_text(&server.far, "\r\n\r\n/one");
    say(&server, "POST /two HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
    far_until_text(&server.far, "\r\n\r\n/two");
    assert_seen(&server, "[GET /one ][POST /two abc]");
    assert_false(server.far.is_ended);
    close_server(&server);
}

static void every_answer_has_the_headers_that_keep_browsers_honest(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    say(&server, "GET /one HTTP/1.1\r\n" HOST "\r\n");
    far_until_text(&server.far, "/one");
    assert_true(far_has(&server.far, "HTTP/1.1 200 OK\r\nDate: "));
    assert_true(far_has(&server.far, " GMT\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n"));
    assert_true(far_has(&server.far, "\r\nX-Content-Type-Options: nosniff\r\n"));
    assert_true(far_has(&server.far, "\r\nReferrer-Policy: no-referrer\r\n"));
    assert_true(far_has(&server.far, "\r\nCache-Control: no-store\r\n"));
    assert_true(far_has(&server.far, "\r\nX-Request-Id: "));
    assert_false(far_has(&server.far, "Connection:"));

    buf_reset(&server.far.heard);
    say(&server, "GET /cached HTTP/1.1\r\n" HOST "\r\n");
    far_until_text(&server.far, "X-Own: yes\r\n");
    assert_true(far_has(&server.far, "cache-control: max-age=1\r\n"));
    assert_false(far_has(&server.far, "no-store"));
    close_server(&server);
}

static void an_error_has_a_code_a_sentence_a_field_and_its_request(void **state)
{
    struct server server;
    const char *id;
    char wanted[64];

    (void)state;
    open_server(&server, NULL);
    say(&server, "GET /error HTTP/1.1\r\n" HOST "\r\n");
    far_until_text(&server.far, "}}");
    assert_true(far_has(&server.far, "HTTP/1.1 400 Bad Request\r\n"));
    assert_true(far_has(&server.far, "Content-Type: application/json\r\n"));
    assert_true(far_has(&server.far,
                        "{\"error\":{\"code\":\"bad_field\",\"message\":\"A field has the wrong type or value.\","
                        "\"field\":\"na\\\"me\",\"request_id\":\""));
    buf_append_char(&server.far.heard, '\0');
    id = strstr(server.far.heard.data, "X-Request-Id: ") + 14;
    snprintf(wanted, sizeof(wanted), "\"request_id\":\"%.16s\"", id);
    assert_true(far_has(&server.far, wanted));
    close_server(&server);
}

static void head_and_204_have_no_body(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    say(&server,
        "HEAD /one HTTP/1.1\r\n" HOST "\r\nGET /none HTTP/1.1\r\n" HOST "\r\nGET /end HTTP/1.1\r\n" HOST "\r\n");
    far_until_text(&server.far, "/end");
    assert_true(far_has(&server.far, "Content-Length: 4\r\n")); /* of both the first and the last */
    assert_false(far_has(&server.far, "/one"));
    assert_true(far_has(&server.far, "HTTP/1.1 204 No Content\r\n"));
    assert_int_equal(count_of(&server, "Content-Length"), 2);
    close_server(&server);
}

static void long_bodies_arrive_whole(void **state)
{
    struct server server;
    size_t len = 3000000;
    char *bytes = memory_alloc(len);
    const char *paths[] = {"GET /body HTTP/1.1\r\n" HOST "\r\n", "GET /static HTTP/1.1\r\n" HOST "\r\n",
                           "GET /static HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"};

    (void)state;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 31 + i / 257);
    open_server(&server, NULL);
    server.body = (struct span){bytes, len};
    for (int i = 0; i < 3; i++) {
        size_t head;

        buf_reset(&server.far.heard);
        say(&server, paths[i]);
        far_until_bytes(&server.far, len + 1);
        head = (size_t)((char *)memmem(server.far.heard.data, 1000, "\r\n\r\n", 4) - server.far.heard.data) + 4;
        far_until_bytes(&server.far, head + len);
        assert_memory_equal(server.far.heard.data + head, bytes, len);
    }
    far_until_ended(&server.far);
    assert_int_equal(server.release_count, 2);
    free(bytes);
    close_server(&server);
}

static void a_body_that_is_still_leaving_is_released_when_the_connection_dies(void **state)
{
    struct server server;
    size_t len = 3000000;
    char *bytes = memory_alloc(len);

    (void)state;
    open_server(&server, NULL);
    server.body = (struct span){bytes, len};
    far_listen(&server.far, false);
    say(&server, "GET /static HTTP/1.1\r\n" HOST "\r\n");
    while (server.request_count == 0)
        stage_turns(&server.stage, 1);
    stage_turns(&server.stage, 5);
    assert_int_equal(server.release_count, 0);
    far_close(&server.far);
    stage_until(&server.stage, has_closed, &server);
    assert_int_equal(server.release_count, 1);
    assert_int_equal(server.abort_count, 0); /* it was answered */
    free(bytes);
    close_server(&server);
}

/* ---- staying and going -------------------------------------------------------------------------------------------- */

static void who_asks_to_close_is_closed_and_what_follows_is_ignored(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    say(&server, "GET /one HTTP/1.1\r\n" HOST "Connection: close\r\n\r\nGET /two HTTP/1.1\r\n" HOST "\r\n\0garbage");
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "Connection: close\r\n"));
    assert_seen(&server, "[GET /one ]");
    close_server(&server);
}

static void http_1_0_closes_unless_asked_to_stay(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    say(&server, "GET /one HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    far_until_text(&server.far, "/one");
    assert_true(far_has(&server.far, "Connection: keep-alive\r\n"));
    say(&server, "GET /two HTTP/1.0\r\n\r\n");
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "/two"));
    close_server(&server);
}

static void a_bad_request_is_answered_and_ends_the_connection(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    say(&server,
        "GET /one HTTP/1.1\r\n" HOST "\r\nGET /two HTTP/1.1\nHost: a\r\n\r\nGET /three HTTP/1.1\r\n" HOST "\r\n");
    far_until_ended(&server.far);
    assert_int_equal(count_of(&server, "HTTP/1.1 200"), 1);
    assert_int_equal(count_of(&server, "HTTP/1.1 400"), 1);
    assert_true(far_has(&server.far, "{\"error\":{\"code\":\"bad_request\""));
    assert_true(far_has(&server.far, "Connection: close\r\n"));
    assert_seen(&server, "[GET /one ]");
    close_server(&server);
}

static void a_handler_can_end_the_connection_with_its_answer(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    say(&server, "GET /last HTTP/1.1\r\n" HOST "\r\nGET /more HTTP/1.1\r\n" HOST "\r\n");
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "Connection: close\r\n"));
    assert_seen(&server, "[GET /last ]");
    close_server(&server);
}

static void a_handler_may_close_the_connection_under_itself(void **state)
{
    const char *paths[] = {"GET /close HTTP/1.1\r\n" HOST "\r\n", "GET /close-then-answer HTTP/1.1\r\n" HOST "\r\n",
                           "GET /answer-then-close HTTP/1.1\r\n" HOST "\r\n"};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct server server;

        open_server(&server, NULL);
        say(&server, paths[i]);
        say(&server, "GET /more HTTP/1.1\r\n" HOST "\r\n");
        far_until_ended(&server.far);
        assert_int_equal(server.request_count, 1);
        assert_int_equal(server.abort_count, i == 0); /* only the one that has no answer */
        close_server(&server);
    }
}

static void a_request_cut_short_by_the_peers_end_is_refused(void **state)
{
    const char *parts[] = {"GET /x HT", "POST /x HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nhello",
                           "POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct server server;

        open_server(&server, NULL);
        say(&server, parts[i]);
        far_end(&server.far);
        far_until_ended(&server.far);
        assert_true(far_has(&server.far, "HTTP/1.1 400 "));
        assert_int_equal(server.request_count, 0);
        close_server(&server);
    }
}

static void a_peer_that_has_ended_still_gets_its_answers(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    say(&server, "GET /later HTTP/1.1\r\n" HOST "\r\nGET /two HTTP/1.1\r\n" HOST "\r\n");
    far_end(&server.far);
    stage_until(&server.stage, has_pending, &server);
    stage_turns(&server.stage, 3);
    http_respond(server.pending, 200, "text/plain", SPAN("one"));
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "one"));
    assert_true(far_has(&server.far, "/two"));
    assert_int_equal(server.abort_count, 0);
    close_server(&server);
}

static void a_long_poll_is_given_up_when_the_peer_ends(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    say(&server, "GET /poll HTTP/1.1\r\n" HOST "\r\n");
    far_end(&server.far);
    stage_until(&server.stage, has_closed, &server);
    assert_int_equal(server.abort_count, 1);
    close_server(&server);
}

/* ---- pipelining --------------------------------------------------------------------------------------------------- */

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct server server;
    struct buf expected = BUF_EMPTY;

    (void)state;
    open_server(&server, NULL);
    for (int i = 0; i < 500; i++) { /* more than are looked at before the answers leave */
        struct buf text = BUF_EMPTY;

        buf_printf(&text, "GET /%03d HTTP/1.1\r\n" HOST "\r\n", i);
        far_say(&server.far, buf_span(&text));
        buf_deinit(&text);
        buf_printf(&expected, "[GET /%03d ]", i);
    }
    far_until_text(&server.far, "/499");
    assert_int_equal(count_of(&server, "HTTP/1.1 200"), 500);
    assert_true(span_equal(buf_span(&server.seen), buf_span(&expected)));
    buf_deinit(&expected);
    close_server(&server);
}

static void the_next_request_waits_for_a_late_answer(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    say(&server, "GET /later HTTP/1.1\r\n" HOST "\r\nGET /two HTTP/1.1\r\n" HOST "\r\n");
    stage_until(&server.stage, has_pending, &server);
    say(&server, "GET /three HTTP/1.1\r\n" HOST "\r\n");
    stage_turns(&server.stage, 5);
    assert_int_equal(server.request_count, 1);

    http_respond(server.pending, 200, "text/plain", SPAN("one"));
    assert_int_equal(server.request_count, 1); /* handlers do not nest */
    far_until_text(&server.far, "/three");
    assert_seen(&server, "[GET /later ][GET /two ][GET /three ]");
    close_server(&server);
}

static void who_does_not_read_is_not_listened_to(void **state)
{
    struct server server;
    char *bytes = memory_alloc(10000);

    (void)state;
    open_server(&server, NULL);
    server.body = (struct span){bytes, 10000};
    far_listen(&server.far, false);
    for (int i = 0; i < 10000; i++)
        say(&server, "GET /body HTTP/1.1\r\n" HOST "\r\n");
    stage_turns(&server.stage, 300);
    assert_true(conn_queue_bytes(server.conn) <= 256 * 1024 + 2 * 10000);
    assert_true(server.request_count < 1000);
    free(bytes);
    close_server(&server);
}

/* ---- deadlines ---------------------------------------------------------------------------------------------------- */

static struct http_limits patient(void)
{
    struct http_limits limits = http_limits_default;

    limits.first_byte_ms = limits.header_ms = limits.idle_ms = limits.body_rate_grace_ms = 1000000;
    return limits;
}

static void a_connection_that_says_nothing_is_closed(void **state)
{
    struct server server;
    struct http_limits limits = patient();

    (void)state;
    limits.first_byte_ms = 20;
    open_server(&server, &limits);
    far_until_ended(&server.far);
    assert_int_equal(server.far.heard.len, 0);
    close_server(&server);
}

static void a_head_has_a_deadline_of_its_own_however_it_drips(void **state)
{
    struct server server;
    struct http_limits limits = patient();

    (void)state;
    limits.header_ms = 30;
    open_server(&server, &limits);
    say(&server, "GET /x HTTP/1.1\r\n");
    while (!server.far.is_ended) { /* a byte in each turn does not move it */
        say(&server, "a");
        stage_turns(&server.stage, 1);
    }
    assert_true(far_has(&server.far, "HTTP/1.1 408 "));
    assert_int_equal(server.request_count, 0);
    close_server(&server);
}

static void a_body_must_come_at_a_pace(void **state)
{
    struct server server;
    struct http_limits limits = patient();

    (void)state;
    limits.body_rate_grace_ms = 30;
    limits.body_rate_bytes_min = 1000000;
    open_server(&server, &limits);
    say(&server, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\nabc");
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "HTTP/1.1 408 "));
    assert_int_equal(server.request_count, 0);
    close_server(&server);
}

static void an_idle_connection_is_closed(void **state)
{
    struct server server;
    struct http_limits limits = patient();

    (void)state;
    limits.idle_ms = 20;
    open_server(&server, &limits);
    say(&server, "GET /x HTTP/1.1\r\n" HOST "\r\n");
    far_until_ended(&server.far);
    assert_int_equal(count_of(&server, "HTTP/1.1 "), 1);
    close_server(&server);
}

static void a_handler_has_all_the_time_it_wants(void **state)
{
    struct server server;
    struct http_limits limits = patient();
    uint64_t until;

    (void)state;
    limits.header_ms = limits.idle_ms = limits.body_rate_grace_ms = 5;
    open_server(&server, &limits);
    say(&server, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    stage_until(&server.stage, has_pending, &server);
    until = loop_now_ms(server.stage.loop) + 30;
    while (loop_now_ms(server.stage.loop) < until)
        stage_turns(&server.stage, 1);
    assert_int_equal(server.closed_count, 0);
    http_respond(server.pending, 200, "text/plain", SPAN("at last"));
    far_until_text(&server.far, "at last");
    close_server(&server);
}

static void a_reader_must_take_its_answer_at_a_pace(void **state)
{
    struct server server;
    struct http_limits limits = patient();
    size_t len = 3000000;
    char *bytes = memory_alloc(len);

    (void)state;
    limits.body_rate_grace_ms = 20;
    for (int i = 0; i < 2; i++) {
        open_server(&server, &limits);
        server.body = (struct span){bytes, len};
        far_listen(&server.far, false);
        say(&server, i == 0 ? "GET /static HTTP/1.1\r\n" HOST "\r\n"
                            : "GET /body HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
        stage_until(&server.stage, has_closed, &server);
        close_server(&server);
    }
    free(bytes);
}

/* ---- bodies ------------------------------------------------------------------------------------------------------- */

static void expect_gets_100_when_the_body_is_welcome(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    say(&server, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    far_until_text(&server.far, "HTTP/1.1 100 Continue\r\n\r\n");
    say(&server, "hello");
    far_until_text(&server.far, "HTTP/1.1 200 OK");
    assert_seen(&server, "[POST /x hello]");
    close_server(&server);
}

static void expect_gets_413_when_it_is_not(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    say(&server, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 500000\r\nExpect: 100-continue\r\n\r\n");
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "HTTP/1.1 413 "));
    assert_false(far_has(&server.far, "HTTP/1.1 100 "));
    close_server(&server);
}

static void the_handler_says_how_large_a_body_may_be(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    server.handlers.body_limit = body_limit;
    server.body_limit = 4;
    say(&server, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nfour");
    far_until_text(&server.far, "HTTP/1.1 200 OK");
    say(&server, "POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nfiver\r\n0\r\n\r\n");
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "HTTP/1.1 413 "));
    assert_seen(&server, "[POST /x four]");
    close_server(&server);
}

static void a_request_byte_by_byte_is_one_request(void **state)
{
    struct server server;
    const char *text = "POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";

    (void)state;
    open_server(&server, NULL);
    for (const char *byte = text; *byte; byte++) {
        far_say(&server.far, (struct span){byte, 1});
        stage_turns(&server.stage, 2);
    }
    far_until_text(&server.far, "HTTP/1.1 200 OK");
    assert_seen(&server, "[POST /x hello]");
    close_server(&server);
}

/* ---- upgrades, streams, draining ---------------------------------------------------------------------------------- */

static void nothing_behind_a_refused_upgrade_is_a_request(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    say(&server, "GET /one HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
                 "GET /smuggled HTTP/1.1\r\n" HOST "\r\n");
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "Connection: close\r\n"));
    assert_seen(&server, "[GET /one ]");
    close_server(&server);
}

static void an_upgrade_to_something_else_is_ignored(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    say(&server, "GET /one HTTP/1.1\r\n" HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"
                 "GET /two HTTP/1.1\r\n" HOST "\r\n");
    far_until_text(&server.far, "/two");
    close_server(&server);
}

static void a_stream_sends_frames_as_they_are_until_it_is_finished(void **state)
{
    struct server server;
    struct frame *frame = frame_new(SPAN("data: x\n\n"));

    (void)state;
    open_server(&server, NULL);
    say(&server, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    far_until_text(&server.far, "\r\n\r\n");
    assert_true(far_has(&server.far, "HTTP/1.1 200 OK\r\n"));
    assert_true(far_has(&server.far, "Content-Type: text/event-stream\r\n"));
    assert_true(far_has(&server.far, "Connection: close\r\n"));
    assert_false(far_has(&server.far, "Content-Length"));
    conn_send(server.stream->conn, frame, 0);
    conn_send(server.stream->conn, frame, 0);
    far_until_text(&server.far, "\r\n\r\ndata: x\n\ndata: x\n\n");
    say(&server, "GET /ignored HTTP/1.1\r\n" HOST "\r\n");
    stage_turns(&server.stage, 3);
    assert_int_equal(server.request_count, 1);

    http_stream_finish(server.stream);
    far_until_ended(&server.far);
    far_end(&server.far);
    stage_until(&server.stage, has_closed, &server);
    assert_int_equal(server.stream_closed_count, 1);
    frame_unref(frame);
    close_server(&server);
}

static void a_streams_reader_that_leaves_ends_it(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    say(&server, "HEAD /stream HTTP/1.1\r\n" HOST "\r\n");
    far_until_ended(&server.far);
    assert_null(server.stream); /* nothing to stream to */
    close_server(&server);

    open_server(&server, NULL);
    say(&server, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    far_until_text(&server.far, "\r\n\r\n");
    far_end(&server.far);
    stage_until(&server.stage, has_closed, &server);
    assert_int_equal(server.stream_closed_count, 1);
    close_server(&server);
}

static void draining_closes_idle_connections_and_lets_the_others_finish(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    say(&server, "GET /x HTTP/1.1\r\n" HOST "\r\n");
    far_until_text(&server.far, "/x");
    http_drain(server.stage.host);
    far_until_ended(&server.far);
    close_server(&server);

    open_server(&server, NULL);
    say(&server, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    stage_until(&server.stage, has_pending, &server);
    http_drain(server.stage.host);
    stage_turns(&server.stage, 3);
    assert_int_equal(server.closed_count, 0);
    http_respond(server.pending, 200, "text/plain", SPAN("done"));
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "done"));
    assert_true(far_has(&server.far, "Connection: close\r\n"));
    close_server(&server);
}

static void a_peer_that_dies_aborts_what_it_asked_for(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    say(&server, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    stage_until(&server.stage, has_pending, &server);
    conn_close(server.conn);
    stage_until(&server.stage, has_closed, &server);
    assert_int_equal(server.abort_count, 1);
    close_server(&server);
}

static void an_answer_and_the_connections_end_may_meet_in_a_turn(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    say(&server, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    stage_until(&server.stage, has_pending, &server);
    http_respond(server.pending, 200, "text/plain", SPAN("too late"));
    conn_close(server.conn);
    stage_until(&server.stage, has_closed, &server);
    assert_int_equal(server.abort_count, 0);
    stage_turns(&server.stage, 3);
    close_server(&server);
}

/* ---- reading a request -------------------------------------------------------------------------------------------- */

static void check_request(void *arg, struct http_exchange *exchange)
{
    struct span values[4], value;
    size_t position = 0;

    (void)arg;
    assert_true(span_equal(http_header(exchange, "x-multi"), SPAN("a")));
    assert_int_equal(http_header_values(exchange, "X-MULTI", values, 4), 2);
    assert_true(span_equal(values[1], SPAN("b")));
    assert_int_equal(http_header(exchange, "absent").len, 0);

    assert_true(http_query(exchange, "q", &value));
    assert_true(span_equal(value, SPAN("one two&")));
    assert_true(http_query(exchange, "empty", &value));
    assert_int_equal(value.len, 0);
    assert_false(http_query(exchange, "absent", &value));
    assert_true(http_query_next(exchange, &position, &values[0], &values[1]));
    assert_true(span_equal(values[0], SPAN("q")));

    assert_int_equal(http_cookie(exchange, "session", &value), OK);
    assert_true(span_equal(value, SPAN("s3cret=")));
    assert_int_equal(http_cookie(exchange, "absent", &value), OK);
    assert_int_equal(value.len, 0);
    assert_int_equal(http_cookie(exchange, "same", &value), OK);
    assert_int_equal(http_cookie(exchange, "twice", &value), ERR_BAD_REQUEST);
    http_respond(exchange, 200, "text/plain", SPAN("checked"));
}

static void headers_queries_and_cookies_are_found(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    server.handlers.on_request = check_request;
    say(&server, "GET /x?q=one+two%26&empty&q=second HTTP/1.1\r\n" HOST "X-Multi: a\r\nx-multi: b\r\n"
                 "Cookie: a=b; session=s3cret=; twice=1; same=x\r\nCookie: twice=2; same=x\r\n\r\n");
    far_until_text(&server.far, "checked");
    close_server(&server);
}

/* ---- everything at once ------------------------------------------------------------------------------------------- */

static void say_something(struct server *server, struct rand *rand)
{
    static const char *texts[] = {
        "GET /one HTTP/1.1\r\n" HOST "\r\n",
        "GET /later HTTP/1.1\r\n" HOST "\r\n",
        "GET /poll HTTP/1.1\r\n" HOST "\r\n",
        "GET /static HTTP/1.1\r\n" HOST "\r\n",
        "GET /body HTTP/1.1\r\n" HOST "\r\n",
        "HEAD /static HTTP/1.1\r\n" HOST "\r\n",
        "POST /x HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
        "POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        "GET /stream HTTP/1.1\r\n" HOST "\r\n",
        "GET /close HTTP/1.1\r\n" HOST "\r\n",
        "GET /answer-then-close HTTP/1.1\r\n" HOST "\r\n",
        "GET /last HTTP/1.1\r\n" HOST "\r\n",
        "GET /bad HTTP/1.1\n" HOST "\r\n",
    };
    size_t count = sizeof(texts) / sizeof(texts[0]);
    /* The first ones more often: the last ones end it all. */
    struct span text = span_from_str(texts[rand_below(rand, rand_below(rand, 4) == 0 ? count : 9)]);

    far_say(&server->far, rand_below(rand, 8) == 0 ? span_slice(text, 0, rand_below(rand, text.len)) : text);
}

static void do_something(struct server *server, struct rand *rand)
{
    bool is_open = server->closed_count == 0;

    switch (rand_below(rand, 24)) {
    case 0: far_listen(&server->far, false); break;
    case 1: far_listen(&server->far, true); break;
    case 2:
        if (rand_below(rand, 8) == 0)
            far_end(&server->far);
        break;
    case 3:
        if (is_open && rand_below(rand, 8) == 0)
            conn_close(server->conn);
        break;
    case 4:
        if (rand_below(rand, 8) == 0)
            http_drain(server->stage.host);
        break;
    case 5:
    case 6:
    case 7:
        if (server->pending) {
            struct http_exchange *exchange = server->pending;

            server->pending = NULL;
            http_respond(exchange, 200, "text/plain", SPAN("later"));
        }
        break;
    default: say_something(server, rand);
    }
}

static void any_mix_of_requests_answers_and_ends_is_survived(void **state)
{
    char *bytes = memory_alloc(300000);

    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct server server;
        struct rand rand;

        rand_seed(&rand, seed);
        open_server(&server, NULL);
        server.body = (struct span){bytes, 300000};
        for (int i = 0; i < 60; i++) {
            do_something(&server, &rand);
            stage_turns(&server.stage, (unsigned)rand_below(&rand, 3) + 1);
        }
        close_server(&server);
        assert_int_equal(server.stream != NULL, server.stream_closed_count);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_serves_one_request_after_the_other),
        cmocka_unit_test(every_answer_has_the_headers_that_keep_browsers_honest),
        cmocka_unit_test(an_error_has_a_code_a_sentence_a_field_and_its_request),
        cmocka_unit_test(head_and_204_have_no_body),
        cmocka_unit_test(long_bodies_arrive_whole),
        cmocka_unit_test(a_body_that_is_still_leaving_is_released_when_the_connection_dies),
        cmocka_unit_test(who_asks_to_close_is_closed_and_what_follows_is_ignored),
        cmocka_unit_test(http_1_0_closes_unless_asked_to_stay),
        cmocka_unit_test(a_bad_request_is_answered_and_ends_the_connection),
        cmocka_unit_test(a_handler_can_end_the_connection_with_its_answer),
        cmocka_unit_test(a_handler_may_close_the_connection_under_itself),
        cmocka_unit_test(a_request_cut_short_by_the_peers_end_is_refused),
        cmocka_unit_test(a_peer_that_has_ended_still_gets_its_answers),
        cmocka_unit_test(a_long_poll_is_given_up_when_the_peer_ends),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(the_next_request_waits_for_a_late_answer),
        cmocka_unit_test(who_does_not_read_is_not_listened_to),
        cmocka_unit_test(a_connection_that_says_nothing_is_closed),
        cmocka_unit_test(a_head_has_a_deadline_of_its_own_however_it_drips),
        cmocka_unit_test(a_body_must_come_at_a_pace),
        cmocka_unit_test(an_idle_connection_is_closed),
        cmocka_unit_test(a_handler_has_all_the_time_it_wants),
        cmocka_unit_test(a_reader_must_take_its_answer_at_a_pace),
        cmocka_unit_test(expect_gets_100_when_the_body_is_welcome),
        cmocka_unit_test(expect_gets_413_when_it_is_not),
        cmocka_unit_test(the_handler_says_how_large_a_body_may_be),
        cmocka_unit_test(a_request_byte_by_byte_is_one_request),
        cmocka_unit_test(nothing_behind_a_refused_upgrade_is_a_request),
        cmocka_unit_test(an_upgrade_to_something_else_is_ignored),
        cmocka_unit_test(a_stream_sends_frames_as_they_are_until_it_is_finished),
        cmocka_unit_test(a_streams_reader_that_leaves_ends_it),
        cmocka_unit_test(draining_closes_idle_connections_and_lets_the_others_finish),
        cmocka_unit_test(a_peer_that_dies_aborts_what_it_asked_for),
        cmocka_unit_test(an_answer_and_the_connections_end_may_meet_in_a_turn),
        cmocka_unit_test(headers_queries_and_cookies_are_found),
        cmocka_unit_test(any_mix_of_requests_answers_and_ends_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
