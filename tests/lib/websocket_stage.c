#include "lib/websocket_stage.h"

#include <string.h>

struct websocket_stage echo;
const uint8_t echo_mask[4] = {1, 2, 3, 4};

static void on_message(struct websocket *socket, bool is_text, struct span payload)
{
    assert_ptr_equal(websocket_user(socket), &echo);
    echo.message_count++;
    buf_printf(&echo.seen, "[%s %.*s]", is_text ? "text" : "binary", SPAN_ARG(span_slice(payload, 0, 100)));
    if (echo.closes_on_message)
        websocket_close(socket, 4001, SPAN("enough"));
    if (echo.terminates_on_message)
        websocket_terminate(socket);
    if (echo.pauses_on_message)
        conn_pause(websocket_conn(socket));
    websocket_send_uncounted(socket, is_text, payload);
}

static void on_socket_closed(struct websocket *socket, uint16_t code)
{
    assert_ptr_equal(websocket_user(socket), &echo);
    echo.closed_count++;
    echo.code = code;
    echo.socket = NULL;
}

static void on_request(void *arg, struct http_exchange *exchange)
{
    (void)arg;
    if (echo.answers_later)
        echo.pending = exchange;
    else if (websocket_is_requested(exchange))
        echo.socket = websocket_accept(exchange, &echo.options);
    else
        http_respond(exchange, 200, "text/plain", SPAN("no socket"));
}

static void on_conn_closed(void *arg, struct conn *conn, void *user)
{
    (void)arg;
    (void)conn;
    (void)user;
    echo.conn_closed_count++;
}

static void open_server(const struct conn_limits *limits)
{
    static const struct ws_limits client_limits = {.message_bytes_max = 64 * 1024 * 1024};

    echo = (struct websocket_stage){0};
    echo.handlers = (struct http_handlers){.on_request = on_request, .on_closed = on_conn_closed};
    echo.events = (struct websocket_events){.on_message = on_message, .on_closed = on_socket_closed};
    echo.options = (struct websocket_options){.events = &echo.events,
                                              .limits = {.message_bytes_max = 65536, .fragments_max = 1024},
                                              .allows_deflate = true,
                                              .close_ms = 1000,
                                              .pings_per_second_max = 20,
                                              .user = &echo};
    stage_init(&echo.stage, limits);
    echo.conn = far_open(&echo.far, &echo.stage);
    http_serve(echo.conn, &echo.handlers, &echo, &http_limits_default, NULL);
    ws_init(&echo.client, false, true, &client_limits);
    echo.inflater = inflater_new(15, false);
}

static void close_server(void)
{
    bool was_upgraded = echo.socket || echo.closed_count > 0;

    far_close(&echo.far);
    stage_deinit(&echo.stage);
    assert_int_equal(echo.closed_count, was_upgraded);
    assert_int_equal(echo.conn_closed_count, 1);
    ws_deinit(&echo.client);
    inflater_free(echo.inflater);
    buf_deinit(&echo.seen);
    buf_deinit(&echo.replies);
}

int websocket_stage_set_up(void **state)
{
    (void)state;
    open_server(NULL);
    return 0;
}

int websocket_stage_tear_down(void **state)
{
    (void)state;
    close_server();
    return 0;
}

void echo_reopen(const struct conn_limits *limits)
{
    close_server();
    open_server(limits);
}

/* ---- the client --------------------------------------------------------------------------------------------------- */

void echo_say(const char *text)
{
    far_say(&echo.far, span_from_str(text));
}

void echo_say_frame(enum ws_opcode opcode, struct span payload)
{
    struct buf frame = BUF_EMPTY;

    ws_append_frame(&frame, opcode, false, payload, echo_mask);
    far_say(&echo.far, buf_span(&frame));
    buf_deinit(&frame);
}

void echo_say_close(uint16_t code)
{
    struct buf frame = BUF_EMPTY;

    ws_append_close(&frame, code, SPAN_EMPTY, echo_mask);
    far_say(&echo.far, buf_span(&frame));
    buf_deinit(&frame);
}

void echo_upgrade(const char *request)
{
    char *end;

    echo_say(request);
    far_until_text(&echo.far, "\r\n\r\n");
    assert_true(far_has(&echo.far, "HTTP/1.1 101 "));
    end = memmem(echo.far.heard.data, echo.far.heard.len, "\r\n\r\n", 4);
    echo.decoded = (size_t)(end + 4 - echo.far.heard.data);
}

static void write_reply(enum ws_step step, const struct ws_event *event)
{
    struct buf inflated = BUF_EMPTY;
    struct span payload = event->payload;

    if (event->is_compressed && step == WS_MESSAGE) {
        assert_int_equal(inflater_message(echo.inflater, payload, 1 << 26, &inflated), OK);
        payload = buf_span(&inflated);
    }
    if (step == WS_CLOSE)
        buf_printf(&echo.replies, "[close %u %.*s]", event->code, SPAN_ARG(payload));
    else
        buf_printf(&echo.replies, "[%s%s %.*s]", event->is_compressed ? "deflated " : "",
                   step == WS_PING            ? "ping"
                   : step == WS_PONG          ? "pong"
                   : event->opcode == WS_TEXT ? "text"
                                              : "binary",
                   SPAN_ARG(payload));
    buf_deinit(&inflated);
}

void echo_decode(void)
{
    struct span input = span_slice(buf_span(&echo.far.heard), echo.decoded, echo.far.heard.len);
    struct ws_event event;
    enum ws_step step;

    while ((step = ws_feed(&echo.client, &input, &event)) != WS_MORE) {
        assert_int_not_equal(step, WS_BAD);
        write_reply(step, &event);
    }
    echo.decoded = echo.far.heard.len - input.len;
}

static bool has_reply(void *arg)
{
    const char *text = arg;

    echo_decode();
    return echo.replies.len > 0 && memmem(echo.replies.data, echo.replies.len, text, strlen(text)) != NULL;
}

void echo_until_reply(const char *text)
{
    stage_until(&echo.stage, has_reply, (void *)(uintptr_t)text);
}

static bool has_closed(void *arg)
{
    (void)arg;
    return echo.closed_count > 0;
}

void echo_until_closed(uint16_t code)
{
    stage_until(&echo.stage, has_closed, NULL);
    assert_int_equal(echo.code, code);
}

static bool is_blocked(void *arg)
{
    (void)arg;
    return conn_is_blocked(echo.conn);
}

void echo_until_blocked(void)
{
    stage_until(&echo.stage, is_blocked, NULL);
}

void assert_replies(const char *text)
{
    echo_decode();
    if (!span_equal(buf_span(&echo.replies), span_from_str(text)))
        fail_msg("got %.*s", SPAN_ARG(span_slice(buf_span(&echo.replies), 0, 1000)));
}
