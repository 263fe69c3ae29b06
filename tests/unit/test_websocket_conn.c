#include "lib/net_stage.h"

#include "base/memory.h"
#include "base/rand.h"
#include "net/websocket_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define FIELDS "Host: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
#define UPGRADE "GET /ws HTTP/1.1\r\n" FIELDS KEY "\r\n"
#define UPGRADE_DEFLATE "GET /ws HTTP/1.1\r\n" FIELDS KEY "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"

static const uint8_t mask[4] = {1, 2, 3, 4};

/* A server that echoes, writes down what it hears, and a client that decodes what it gets. */
struct server {
    struct stage stage;
    struct far far;
    struct conn *conn;
    struct http_handlers handlers;
    struct websocket_options options;
    struct websocket_events events;
    struct websocket *socket;
    struct http_exchange *pending;
    struct buf seen;
    unsigned message_count, closed_count, conn_closed_count, slow_count;
    uint16_t code;
    bool answers_later, is_silent, closes_on_message, terminates_on_message, pauses_on_message;
    /* the client's side */
    struct ws client;
    size_t decoded;
    struct buf replies; /* "text:...", "ping:", "close:1000" ... in brackets */
    struct inflater *inflater;
};

static struct server *server_of(struct websocket *socket)
{
    return websocket_user(socket);
}

static void on_message(struct websocket *socket, bool is_text, struct span payload)
{
    struct server *server = server_of(socket);

    server->message_count++;
    buf_printf(&server->seen, "[%s %.*s]", is_text ? "text" : "binary", SPAN_ARG(span_slice(payload, 0, 100)));
    if (server->closes_on_message)
        websocket_close(socket, 4001, SPAN("enough"));
    if (server->terminates_on_message)
        websocket_terminate(socket);
    if (server->pauses_on_message)
        conn_pause(websocket_conn(socket));
    if (!server->is_silent)
        websocket_send_uncounted(socket, is_text, payload);
}

static void on_slow(struct websocket *socket)
{
    server_of(socket)->slow_count++;
}

static void on_socket_closed(struct websocket *socket, uint16_t code)
{
    struct server *server = server_of(socket);

    server->closed_count++;
    server->code = code;
    server->socket = NULL;
}

static void on_request(void *arg, struct http_exchange *exchange)
{
    struct server *server = arg;

    if (server->answers_later)
        server->pending = exchange;
    else if (websocket_is_requested(exchange))
        server->socket = websocket_accept(exchange, &server->options);
    else
        http_respond(exchange, 200, "text/plain", SPAN("no socket"));
}

static void on_conn_closed(void *arg, struct conn *conn, void *user)
{
    (void)conn;
    (void)user;
    ((struct server *)arg)->conn_closed_count++;
}

static void open_server(struct server *server, const struct conn_limits *limits)
{
    static const struct ws_limits client_limits = {.message_bytes_max = 64 * 1024 * 1024};

    *server = (struct server){0};
    server->handlers = (struct http_handlers){.on_request = on_request, .on_closed = on_conn_closed};
    server->events = (struct websocket_events){.on_message = on_message, .on_closed = on_socket_closed};
    server->options = (struct websocket_options){.events = &server->events,
                                                 .limits = {.message_bytes_max = 65536, .fragments_max = 1024},
                                                 .allows_deflate = true,
                                                 .close_ms = 1000,
                                                 .pings_per_second_max = 20,
                                                 .user = server};
    stage_init(&server->stage, limits);
    server->conn = far_open(&server->far, &server->stage);
    http_serve(server->conn, &server->handlers, server, &http_limits_default, NULL);
    ws_init(&server->client, false, true, &client_limits);
    server->inflater = inflater_new(15, false);
}

static void close_server(struct server *server)
{
    bool was_upgraded = server->socket || server->closed_count > 0;

    far_close(&server->far);
    stage_deinit(&server->stage);
    assert_int_equal(server->closed_count, was_upgraded);
    assert_int_equal(server->conn_closed_count, 1);
    ws_deinit(&server->client);
    inflater_free(server->inflater);
    buf_deinit(&server->seen);
    buf_deinit(&server->replies);
}

/* ---- the client --------------------------------------------------------------------------------------------------- */

static void say(struct server *server, const char *text)
{
    far_say(&server->far, span_from_str(text));
}

static void say_frame(struct server *server, enum ws_opcode opcode, struct span payload)
{
    struct buf frame = BUF_EMPTY;

    ws_append_frame(&frame, opcode, false, payload, mask);
    far_say(&server->far, buf_span(&frame));
    buf_deinit(&frame);
}

static void say_close(struct server *server, uint16_t code)
{
    struct buf frame = BUF_EMPTY;

    ws_append_close(&frame, code, SPAN_EMPTY, mask);
    far_say(&server->far, buf_span(&frame));
    buf_deinit(&frame);
}

static void upgrade(struct server *server, const char *request)
{
    char *end;

    say(server, request);
    far_until_text(&server->far, "\r\n\r\n");
    assert_true(far_has(&server->far, "HTTP/1.1 101 "));
    end = memmem(server->far.heard.data, server->far.heard.len, "\r\n\r\n", 4);
    server->decoded = (size_t)(end + 4 - server->far.heard.data);
}

static void write_reply(struct server *server, enum ws_step step, const struct ws_event *event)
{
    struct buf inflated = BUF_EMPTY;
    struct span payload = event->payload;

    if (event->is_compressed && step == WS_MESSAGE) {
        assert_int_equal(inflater_message(server->inflater, payload, 1 << 26, &inflated), OK);
        payload = buf_span(&inflated);
    }
    if (step == WS_CLOSE)
        buf_printf(&server->replies, "[close %u %.*s]", event->code, SPAN_ARG(payload));
    else
        buf_printf(&server->replies, "[%s%s %.*s]", event->is_compressed ? "deflated " : "",
                   step == WS_PING            ? "ping"
                   : step == WS_PONG          ? "pong"
                   : event->opcode == WS_TEXT ? "text"
                                              : "binary",
                   SPAN_ARG(payload));
    buf_deinit(&inflated);
}

static void decode(struct server *server)
{
    struct span input = span_slice(buf_span(&server->far.heard), server->decoded, server->far.heard.len);
    struct ws_event event;
    enum ws_step step;

    while ((step = ws_feed(&server->client, &input, &event)) != WS_MORE) {
        assert_int_not_equal(step, WS_BAD);
        write_reply(server, step, &event);
    }
    server->decoded = server->far.heard.len - input.len;
}

struct wanted {
    struct server *server;
    const char *text;
};

static bool has_reply(void *arg)
{
    struct wanted *wanted = arg;
    struct buf *replies = &wanted->server->replies;

    decode(wanted->server);
    return replies->len > 0 && memmem(replies->data, replies->len, wanted->text, strlen(wanted->text)) != NULL;
}

static void until_reply(struct server *server, const char *text)
{
    struct wanted wanted = {server, text};

    stage_until(&server->stage, has_reply, &wanted);
}

static void assert_replies(struct server *server, const char *text)
{
    decode(server);
    if (!span_equal(buf_span(&server->replies), span_from_str(text)))
        fail_msg("got %.*s", SPAN_ARG(span_slice(buf_span(&server->replies), 0, 1000)));
}

static bool has_closed(void *arg)
{
    return ((struct server *)arg)->closed_count > 0;
}

static void until_closed(struct server *server, uint16_t code)
{
    stage_until(&server->stage, has_closed, server);
    assert_int_equal(server->code, code);
}

/* ---- the handshake ------------------------------------------------------------------------------------------------ */

static void the_answer_is_the_one_of_the_rfc(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    server.options.protocol = SPAN("chat");
    upgrade(&server, UPGRADE);
    assert_true(far_has(&server.far, "HTTP/1.1 101 Switching Protocols\r\n"));
    assert_true(far_has(&server.far, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"));
    assert_true(far_has(&server.far, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_true(far_has(&server.far, "\r\nSec-WebSocket-Protocol: chat\r\n"));
    assert_false(far_has(&server.far, "Extensions"));
    assert_true(websocket_is_open(server.socket));
    close_server(&server);
}

static void what_is_no_handshake_is_refused(void **state)
{
    static const struct {
        const char *request, *answer;
    } rows[] = {
        {"POST /ws HTTP/1.1\r\n" FIELDS KEY "\r\n", "HTTP/1.1 400 "},
        {"GET /ws HTTP/1.0\r\n" FIELDS KEY "\r\n", "HTTP/1.1 400 "},
        {"GET /ws HTTP/1.1\r\n" FIELDS KEY "Content-Length: 3\r\n\r\nabc", "HTTP/1.1 400 "},
        {"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive\r\nSec-WebSocket-Version: 13\r\n" KEY
         "\r\n",
         "HTTP/1.1 400 "},
        {"GET /ws HTTP/1.1\r\n" FIELDS "\r\n", "HTTP/1.1 400 "},
        {"GET /ws HTTP/1.1\r\n" FIELDS "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /ws HTTP/1.1\r\n" FIELDS "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /ws HTTP/1.1\r\n" FIELDS "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /ws HTTP/1.1\r\n" FIELDS KEY KEY "\r\n", "HTTP/1.1 400 "},
        {"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n" KEY
         "\r\n",
         "Sec-WebSocket-Version: 13\r\n"},
        {"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key1: 4 @1\r\n\r\n",
         "HTTP/1.1 426 "},
        {"GET /ws HTTP/1.1\r\n" FIELDS KEY "Sec-WebSocket-Protocol: a b\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /ws HTTP/1.1\r\n" FIELDS KEY "Sec-WebSocket-Protocol: a,,b\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /ws HTTP/1.1\r\n" FIELDS KEY
         "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9; server_max_window_bits=9\r\n\r\n",
         "HTTP/1.1 400 "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct server server;

        open_server(&server, NULL);
        say(&server, rows[i].request);
        say(&server, "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        far_until_ended(&server.far);
        if (!far_has(&server.far, rows[i].answer))
            fail_msg("%s", rows[i].request);
        assert_false(far_has(&server.far, "no socket"));
        assert_null(server.socket);
        close_server(&server);
    }
}

static void frames_that_come_with_the_request_are_heard(void **state)
{
    struct server server;
    struct buf bytes = BUF_EMPTY;

    (void)state;
    open_server(&server, NULL);
    buf_append_str(&bytes, UPGRADE);
    ws_append_frame(&bytes, WS_TEXT, false, SPAN("early"), mask);
    far_say(&server.far, buf_span(&bytes));
    far_until_text(&server.far, "early");
    assert_true(far_has(&server.far, "HTTP/1.1 101 "));
    buf_deinit(&bytes);
    close_server(&server);
}

static void frames_that_come_before_a_late_answer_are_heard(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    server.answers_later = true;
    say(&server, UPGRADE);
    say_frame(&server, WS_TEXT, SPAN("one"));
    while (server.pending == NULL)
        stage_turns(&server.stage, 1);
    say_frame(&server, WS_TEXT, SPAN("two"));
    stage_turns(&server.stage, 3);
    assert_int_equal(server.message_count, 0);

    http_add_header(server.pending, "Set-Cookie", SPAN("a=b"));
    server.socket = websocket_accept(server.pending, &server.options);
    far_until_text(&server.far, "two");
    assert_true(far_has(&server.far, "Set-Cookie: a=b\r\n"));
    assert_true(span_equal(buf_span(&server.seen), SPAN("[text one][text two]")));
    close_server(&server);
}

static void a_late_refusal_closes(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    server.answers_later = true;
    say(&server, UPGRADE);
    say_frame(&server, WS_TEXT, SPAN("GET / HTTP/1.1"));
    while (server.pending == NULL)
        stage_turns(&server.stage, 1);
    http_respond_error(server.pending, ERR_BAD_ORIGIN, SPAN_EMPTY, SPAN_EMPTY);
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "HTTP/1.1 403 "));
    close_server(&server);
}

/* ---- messages ----------------------------------------------------------------------------------------------------- */

static void messages_come_back_as_they_were(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    upgrade(&server, UPGRADE);
    say_frame(&server, WS_TEXT, SPAN("hello"));
    say_frame(&server, WS_BINARY, SPAN("\xff"));
    say_frame(&server, WS_TEXT, SPAN_EMPTY);
    until_reply(&server, "[text ]");
    assert_replies(&server, "[text hello][binary \xff][text ]");
    close_server(&server);
}

static void a_ping_is_answered_between_fragments(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    upgrade(&server, UPGRADE);
    far_say(&server.far, SPAN("\x01\x82\0\0\0\0he")); /* not final */
    say_frame(&server, WS_OP_PING, SPAN("now"));
    say_frame(&server, WS_OP_PONG, SPAN("unasked"));
    say_frame(&server, WS_CONTINUATION, SPAN("llo"));
    until_reply(&server, "hello");
    assert_replies(&server, "[pong now][text hello]");
    close_server(&server);
}

static void every_ping_of_a_batch_is_answered(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    upgrade(&server, UPGRADE);
    say_frame(&server, WS_OP_PING, SPAN("1"));
    say_frame(&server, WS_OP_PING, SPAN("2"));
    say_frame(&server, WS_OP_PING, SPAN("3"));
    until_reply(&server, "[pong 3]");
    assert_replies(&server, "[pong 1][pong 2][pong 3]");
    close_server(&server);
}

static bool is_blocked(void *arg)
{
    return conn_is_blocked(((struct server *)arg)->conn);
}

static bool has_no_more_to_say(void *arg)
{
    struct server *server = arg;

    return server->far.to_say.len == 0;
}

static void one_pong_waits_for_a_reader_that_does_not_read(void **state)
{
    struct server server;
    char *bytes = memory_alloc(4000000);

    (void)state;
    open_server(&server, NULL);
    upgrade(&server, UPGRADE);
    far_listen(&server.far, false);
    websocket_send_uncounted(server.socket, false, (struct span){bytes, 4000000});
    stage_until(&server.stage, is_blocked, &server);
    for (int i = 0; i < 10; i++)
        say_frame(&server, WS_OP_PING, (struct span){&"0123456789"[i], 1});
    stage_until(&server.stage, has_no_more_to_say, &server);
    stage_turns(&server.stage, 3);
    far_listen(&server.far, true);
    until_reply(&server, "[pong 9]");
    assert_null(memmem(server.replies.data, server.replies.len, "[pong 8]", 8));
    free(bytes);
    close_server(&server);
}

static void too_many_pings_are_a_violation(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    upgrade(&server, UPGRADE);
    for (int i = 0; i < 50; i++) /* even when a second begins in between, one of them sees more than 20 */
        say_frame(&server, WS_OP_PING, SPAN_EMPTY);
    until_reply(&server, "[close 1008 ]");
    far_close(&server.far);
    until_closed(&server, 1008);
    close_server(&server);
}

static void a_paused_socket_hears_the_rest_later(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    upgrade(&server, UPGRADE);
    server.pauses_on_message = true;
    for (int i = 0; i < 5; i++)
        say_frame(&server, WS_TEXT, (struct span){&"01234"[i], 1});
    until_reply(&server, "[text 0]");
    stage_turns(&server.stage, 5);
    assert_int_equal(server.message_count, 1);
    server.pauses_on_message = false;
    conn_resume(websocket_conn(server.socket));
    until_reply(&server, "[text 4]");
    assert_replies(&server, "[text 0][text 1][text 2][text 3][text 4]");
    close_server(&server);
}

/* ---- limits and violations ---------------------------------------------------------------------------------------- */

static void violations_close_with_their_code(void **state)
{
    static const struct {
        struct span bytes;
        const char *reply;
        uint16_t code;
    } rows[] = {
        {SPAN_INIT("\x81\x01x"), "[close 1002 ]", 1002},                          /* not masked */
        {SPAN_INIT("GET / HTTP/1.1\r\n\r\n"), "[close 1002 ]", 1002},             /* meant for a cache */
        {SPAN_INIT("\xc1\x80\0\0\0\0"), "[close 1002 ]", 1002},                   /* RSV1 was not agreed on */
        {SPAN_INIT("\x83\x80\0\0\0\0"), "[close 1002 ]", 1002},                   /* opcode 3 */
        {SPAN_INIT("\x80\x80\0\0\0\0"), "[close 1002 ]", 1002},                   /* continues nothing */
        {SPAN_INIT("\x09\x80\0\0\0\0"), "[close 1002 ]", 1002},                   /* a ping in pieces */
        {SPAN_INIT("\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0"), "[close 1002 ]", 1002}, /* length with the top bit */
        {SPAN_INIT("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"), "[close 1009 ]", 1009},
        {SPAN_INIT("\x81\x82\0\0\0\0\xc0\x80"), "[close 1007 ]", 1007},
        {SPAN_INIT("\x88\x81\0\0\0\0x"), "[close 1002 ]", 1002},
        {SPAN_INIT("\x88\x82\0\0\0\0\x03\xed"), "[close 1002 ]", 1002}, /* 1005 may not be sent */
        {SPAN_INIT("\x88\x83\0\0\0\0\x03\xe8\xff"), "[close 1007 ]", 1007},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct server server;

        open_server(&server, NULL);
        upgrade(&server, UPGRADE);
        far_say(&server.far, rows[i].bytes);
        say_frame(&server, WS_TEXT, SPAN("not heard"));
        far_until_ended(&server.far); /* the server goes first */
        assert_replies(&server, rows[i].reply);
        assert_int_equal(server.message_count, 0);
        far_close(&server.far);
        until_closed(&server, rows[i].code);
        close_server(&server);
    }
}

static void messages_have_a_limit_and_text_may_have_a_lower_one(void **state)
{
    struct server server;
    char bytes[2001];

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    for (int i = 0; i < 2; i++) {
        open_server(&server, NULL);
        server.options.limits = (struct ws_limits){.message_bytes_max = 2000, .text_bytes_max = 1000};
        upgrade(&server, UPGRADE);
        say_frame(&server, WS_BINARY, (struct span){bytes, 2000});
        say_frame(&server, WS_TEXT, (struct span){bytes, 1000});
        until_reply(&server, "[text ");
        say_frame(&server, i == 0 ? WS_BINARY : WS_TEXT, (struct span){bytes, i == 0 ? 2001 : 1001});
        until_reply(&server, "[close 1009 ]");
        far_close(&server.far);
        until_closed(&server, 1009);
        close_server(&server);
    }
}

/* ---- compression -------------------------------------------------------------------------------------------------- */

static void say_deflated(struct server *server, enum ws_opcode opcode, struct span payload)
{
    struct deflater *deflater = deflater_new(15, false, 6);
    struct buf compressed = BUF_EMPTY, frame = BUF_EMPTY;

    deflater_message(deflater, payload, &compressed);
    ws_append_frame(&frame, opcode, true, buf_span(&compressed), mask);
    far_say(&server->far, buf_span(&frame));
    deflater_free(deflater);
    buf_deinit(&compressed);
    buf_deinit(&frame);
}

static void long_messages_travel_compressed(void **state)
{
    struct server server;
    char bytes[1000];

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    open_server(&server, NULL);
    upgrade(&server, UPGRADE_DEFLATE);
    assert_true(far_has(&server.far, "permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"));
    assert_true(websocket_has_deflate(server.socket));
    say_deflated(&server, WS_TEXT, (struct span){bytes, 1000});
    say_deflated(&server, WS_TEXT, SPAN("short"));
    say_frame(&server, WS_TEXT, SPAN("plain"));
    until_reply(&server, "[text plain]");
    assert_true(span_starts_with(buf_span(&server.replies), SPAN("[deflated text xxxx")));
    assert_non_null(memmem(server.replies.data, server.replies.len, "x][text short]", 14));
    close_server(&server);
}

static void context_is_kept_when_that_was_agreed(void **state)
{
    struct server server;
    char bytes[1000];
    size_t first, second;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)('a' + (i * i) % 23);
    open_server(&server, NULL);
    server.options.deflate_policy = DEFLATE_AS_OFFERED;
    inflater_free(server.inflater);
    server.inflater = inflater_new(15, true);
    upgrade(&server, UPGRADE_DEFLATE);
    assert_false(websocket_has_deflate(server.socket)); /* takes no shared frames */
    say_frame(&server, WS_TEXT, (struct span){bytes, sizeof(bytes)});
    until_reply(&server, "]");
    first = server.far.heard.len;
    say_frame(&server, WS_TEXT, (struct span){bytes, sizeof(bytes)});
    until_reply(&server, "][deflated");
    second = server.far.heard.len - first;
    assert_true(second < 40); /* a reference to the first */
    close_server(&server);
}

static void a_bomb_is_refused_while_it_unfolds(void **state)
{
    struct server server;
    size_t len = 6 * 1024 * 1024;
    char *zeros = memory_alloc(len);

    (void)state;
    open_server(&server, NULL);
    upgrade(&server, UPGRADE_DEFLATE);
    say_deflated(&server, WS_BINARY, (struct span){zeros, len});
    until_reply(&server, "[close 1009 ]");
    far_close(&server.far);
    until_closed(&server, 1009);
    assert_int_equal(server.message_count, 0);
    free(zeros);
    close_server(&server);
}

static void broken_compression_and_bad_text_in_it_are_1007(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct server server;

        open_server(&server, NULL);
        upgrade(&server, UPGRADE_DEFLATE);
        if (i == 0)
            far_say(&server.far, SPAN("\xc2\x84\0\0\0\0\xff\xff\xff\xff"));
        else
            say_deflated(&server, WS_TEXT, SPAN("\xff"));
        until_reply(&server, "[close 1007 ]");
        far_close(&server.far);
        until_closed(&server, 1007);
        close_server(&server);
    }
}

static void one_frame_serves_all_of_a_kind(void **state)
{
    struct server server;
    struct deflater *deflater = deflater_new(15, false, 6);
    struct frame *plain, *deflated;
    char bytes[1000];

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    plain = websocket_encode((struct span){bytes, 300}, true);
    deflated = websocket_encode_deflated(deflater, (struct span){bytes, 1000}, true);
    assert_null(websocket_encode_deflated(deflater, (struct span){bytes, 100}, true)); /* does not pay */
    assert_true(deflated->len < 100);

    open_server(&server, NULL);
    upgrade(&server, UPGRADE_DEFLATE);
    websocket_send_frame(server.socket, plain, 0);
    websocket_send_frame(server.socket, deflated, 0);
    assert_int_equal(plain->ref_count, 2);
    until_reply(&server, "][deflated text xxx");
    assert_true(span_starts_with(buf_span(&server.replies), SPAN("[text xxx")));
    assert_int_equal(plain->ref_count, 1);
    frame_unref(plain);
    frame_unref(deflated);
    deflater_free(deflater);
    close_server(&server);
}

/* ---- closing ------------------------------------------------------------------------------------------------------ */

static void a_close_is_answered_with_its_code_and_nothing_is_heard_behind_it(void **state)
{
    static const uint16_t codes[] = {1000, 1001, 3000, 4999, 1005};

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct server server;
        char expected[32];

        open_server(&server, NULL);
        upgrade(&server, UPGRADE);
        say_close(&server, codes[i]);
        say_frame(&server, WS_TEXT, SPAN("too late"));
        say_close(&server, 1001);
        far_until_ended(&server.far);
        snprintf(expected, sizeof(expected), "[close %u ]", codes[i]);
        assert_replies(&server, expected);
        assert_int_equal(server.message_count, 0);
        far_end(&server.far);
        until_closed(&server, codes[i]);
        close_server(&server);
    }
}

static void our_close_waits_for_the_peers(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    upgrade(&server, UPGRADE);
    websocket_close(server.socket, 4401, SPAN("who are you"));
    assert_false(websocket_is_open(server.socket));
    websocket_send(server.socket, true, SPAN("too late"));
    websocket_close(server.socket, 1000, SPAN_EMPTY);
    say_frame(&server, WS_TEXT, SPAN("not heard any more"));
    until_reply(&server, "[close");
    stage_turns(&server.stage, 3);
    assert_false(server.far.is_ended);
    say_close(&server, 1000);
    far_until_ended(&server.far);
    assert_replies(&server, "[close 4401 who are you]");
    assert_int_equal(server.message_count, 0);
    far_close(&server.far);
    until_closed(&server, 4401); /* what was said first */
    close_server(&server);
}

static void our_close_does_not_wait_for_ever(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    server.options.close_ms = 100;
    upgrade(&server, UPGRADE);
    websocket_close(server.socket, 1001, SPAN_EMPTY);
    until_closed(&server, 1001);
    close_server(&server);

    /* nor for a FIN after both closes */
    open_server(&server, NULL);
    server.options.close_ms = 100;
    upgrade(&server, UPGRADE);
    say_close(&server, 1000);
    until_closed(&server, 1000);
    close_server(&server);
}

static void a_connection_that_breaks_is_1006(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    upgrade(&server, UPGRADE);
    far_end(&server.far);
    until_closed(&server, 1006);
    close_server(&server);

    open_server(&server, NULL);
    upgrade(&server, UPGRADE);
    websocket_terminate(server.socket);
    websocket_send(server.socket, true, SPAN("too late"));
    until_closed(&server, 1006);
    assert_replies(&server, "");
    close_server(&server);
}

static void a_socket_may_be_closed_inside_its_callback(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    upgrade(&server, UPGRADE);
    server.closes_on_message = true;
    say_frame(&server, WS_TEXT, SPAN("a"));
    say_frame(&server, WS_TEXT, SPAN("b"));
    until_reply(&server, "[close 4001 enough]");
    assert_int_equal(server.message_count, 1);
    far_close(&server.far);
    until_closed(&server, 4001);
    close_server(&server);

    open_server(&server, NULL);
    upgrade(&server, UPGRADE);
    server.terminates_on_message = true;
    say_frame(&server, WS_TEXT, SPAN("a"));
    say_frame(&server, WS_TEXT, SPAN("b"));
    until_closed(&server, 1006);
    assert_int_equal(server.message_count, 1);
    close_server(&server);
}

/* ---- liveness and slow readers ------------------------------------------------------------------------------------ */

static void a_silent_peer_is_pinged_and_then_gone(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    server.options.ping_ms = 50;
    server.options.dead_ms = 600;
    upgrade(&server, UPGRADE);
    until_closed(&server, 1006);
    decode(&server);
    assert_true(span_starts_with(buf_span(&server.replies), SPAN("[ping ]")));
    close_server(&server);
}

static void who_answers_pings_stays(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    server.options.ping_ms = 50;
    server.options.dead_ms = 400;
    upgrade(&server, UPGRADE);
    for (int i = 0; i < 4; i++) {
        until_reply(&server, "[ping ]");
        buf_reset(&server.replies);
        say_frame(&server, WS_OP_PONG, SPAN_EMPTY);
    }
    assert_int_equal(server.closed_count, 0);
    close_server(&server);
}

static const struct conn_limits small_limits = {
    .queue_bytes_max = 10000, .queue_bytes_soft = 5000, .queue_soft_ms = 100000};

static void flood(struct server *server)
{
    char *bytes = memory_alloc(4000000);

    far_listen(&server->far, false);
    websocket_send_uncounted(server->socket, false, (struct span){bytes, 4000000});
    stage_until(&server->stage, is_blocked, server);
    for (int i = 0; i < 5; i++)
        websocket_send(server->socket, false, (struct span){bytes, 3000});
    free(bytes);
}

static void a_slow_reader_is_told_so(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, &small_limits);
    upgrade(&server, UPGRADE);
    flood(&server);
    stage_turns(&server.stage, 2);
    assert_false(websocket_is_open(server.socket));
    far_listen(&server.far, true);
    until_reply(&server, "[close 4450 slow_consumer]"); /* right behind what had begun to leave */
    say_close(&server, 4450);
    far_until_ended(&server.far);
    far_close(&server.far);
    until_closed(&server, 4450);
    close_server(&server);
}

static void the_owner_may_treat_a_slow_reader_otherwise(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, &small_limits);
    server.events.on_slow = on_slow;
    upgrade(&server, UPGRADE);
    flood(&server);
    stage_turns(&server.stage, 3);
    assert_int_equal(server.slow_count, 1);
    assert_true(websocket_is_open(server.socket));
    close_server(&server);
}

/* ---- cost and robustness ------------------------------------------------------------------------------------------ */

static void an_idle_connection_is_small(void **state)
{
    struct server server;

    (void)state;
    open_server(&server, NULL);
    upgrade(&server, UPGRADE);
    say_frame(&server, WS_TEXT, SPAN("hello"));
    say_frame(&server, WS_OP_PING, SPAN("hello"));
    until_reply(&server, "[pong hello]");
    stage_turns(&server.stage, 2);
    assert_true(sizeof(struct conn) + sizeof(struct websocket) <= 512);
    assert_null(server.conn->extra);
    assert_ptr_equal(server.conn->slots, server.conn->slots_inline);
    assert_null(server.socket->ws.message.data);
    assert_null(server.socket->ws.control);
    close_server(&server);
}

static void no_bytes_break_it(void **state)
{
    struct rand rand;

    (void)state;
    rand_seed(&rand, 11);
    for (int round = 0; round < 300; round++) {
        struct server server;

        open_server(&server, NULL);
        upgrade(&server, round % 2 ? UPGRADE : UPGRADE_DEFLATE);
        for (int i = 0; i < 8 && !server.far.is_ended; i++) {
            struct buf bytes = BUF_EMPTY;
            enum ws_opcode opcode = (enum ws_opcode)rand_below(&rand, 11);
            char payload[300];

            for (size_t at = 0; at < sizeof(payload); at++)
                payload[at] = (char)rand_below(&rand, 128);
            ws_append_frame(&bytes, opcode, opcode < WS_OP_CLOSE && rand_below(&rand, 4) == 0,
                            (struct span){payload, rand_below(&rand, opcode < WS_OP_CLOSE ? 300 : 126)}, mask);
            if (rand_below(&rand, 3) == 0)
                bytes.data[rand_below(&rand, bytes.len)] ^= (char)(1 << rand_below(&rand, 8));
            far_say(&server.far, buf_span(&bytes));
            buf_deinit(&bytes);
            stage_turns(&server.stage, (unsigned)rand_below(&rand, 3) + 1);
            if (rand_below(&rand, 40) == 0 && server.socket)
                websocket_terminate(server.socket);
            if (rand_below(&rand, 40) == 0 && server.socket)
                websocket_close(server.socket, 1000, SPAN_EMPTY);
        }
        close_server(&server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_is_the_one_of_the_rfc),
        cmocka_unit_test(what_is_no_handshake_is_refused),
        cmocka_unit_test(frames_that_come_with_the_request_are_heard),
        cmocka_unit_test(frames_that_come_before_a_late_answer_are_heard),
        cmocka_unit_test(a_late_refusal_closes),
        cmocka_unit_test(messages_come_back_as_they_were),
        cmocka_unit_test(a_ping_is_answered_between_fragments),
        cmocka_unit_test(every_ping_of_a_batch_is_answered),
        cmocka_unit_test(one_pong_waits_for_a_reader_that_does_not_read),
        cmocka_unit_test(too_many_pings_are_a_violation),
        cmocka_unit_test(a_paused_socket_hears_the_rest_later),
        cmocka_unit_test(violations_close_with_their_code),
        cmocka_unit_test(messages_have_a_limit_and_text_may_have_a_lower_one),
        cmocka_unit_test(long_messages_travel_compressed),
        cmocka_unit_test(context_is_kept_when_that_was_agreed),
        cmocka_unit_test(a_bomb_is_refused_while_it_unfolds),
        cmocka_unit_test(broken_compression_and_bad_text_in_it_are_1007),
        cmocka_unit_test(one_frame_serves_all_of_a_kind),
        cmocka_unit_test(a_close_is_answered_with_its_code_and_nothing_is_heard_behind_it),
        cmocka_unit_test(our_close_waits_for_the_peers),
        cmocka_unit_test(our_close_does_not_wait_for_ever),
        cmocka_unit_test(a_connection_that_breaks_is_1006),
        cmocka_unit_test(a_socket_may_be_closed_inside_its_callback),
        cmocka_unit_test(a_silent_peer_is_pinged_and_then_gone),
        cmocka_unit_test(who_answers_pings_stays),
        cmocka_unit_test(a_slow_reader_is_told_so),
        cmocka_unit_test(the_owner_may_treat_a_slow_reader_otherwise),
        cmocka_unit_test(an_idle_connection_is_small),
        cmocka_unit_test(no_bytes_break_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
