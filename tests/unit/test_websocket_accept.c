#include "lib/websocket_stage.h"

static void the_answer_is_the_one_of_the_rfc(void **state)
{
    (void)state;
    echo.options.protocol = SPAN("chat");
    echo_upgrade(UPGRADE);
    assert_true(far_has(&echo.far, "HTTP/1.1 101 Switching Protocols\r\n"));
    assert_true(far_has(&echo.far, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"));
    assert_true(far_has(&echo.far, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_true(far_has(&echo.far, "\r\nSec-WebSocket-Protocol: chat\r\n"));
    assert_false(far_has(&echo.far, "Extensions"));
    assert_true(websocket_is_open(echo.socket));
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
        echo_reopen(NULL);
        echo_say(rows[i].request);
        echo_say("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        far_until_ended(&echo.far);
        if (!far_has(&echo.far, rows[i].answer))
            fail_msg("%s", rows[i].request);
        assert_false(far_has(&echo.far, "no socket"));
        assert_null(echo.socket);
    }
}

static void frames_that_come_with_the_request_are_heard(void **state)
{
    struct buf bytes = BUF_EMPTY;

    (void)state;
    buf_append_str(&bytes, UPGRADE);
    ws_append_frame(&bytes, WS_TEXT, false, SPAN("early"), echo_mask);
    far_say(&echo.far, buf_span(&bytes));
    far_until_text(&echo.far, "early");
    assert_true(far_has(&echo.far, "HTTP/1.1 101 "));
    buf_deinit(&bytes);
}

static void frames_that_come_before_a_late_answer_are_heard(void **state)
{
    (void)state;
    echo.answers_later = true;
    echo_say(UPGRADE);
    echo_say_frame(WS_TEXT, SPAN("one"));
    while (echo.pending == NULL)
        stage_turns(&echo.stage, 1);
    echo_say_frame(WS_TEXT, SPAN("two"));
    stage_turns(&echo.stage, 3);
    assert_int_equal(echo.message_count, 0);

    http_add_header(echo.pending, "Set-Cookie", SPAN("a=b"));
    echo.socket = websocket_accept(echo.pending, &echo.options);
    far_until_text(&echo.far, "two");
    assert_true(far_has(&echo.far, "Set-Cookie: a=b\r\n"));
    assert_text(buf_span(&echo.seen), "[text one][text two]");
}

static void a_late_refusal_closes(void **state)
{
    (void)state;
    echo.answers_later = true;
    echo_say(UPGRADE);
    echo_say_frame(WS_TEXT, SPAN("GET / HTTP/1.1"));
    while (echo.pending == NULL)
        stage_turns(&echo.stage, 1);
    http_respond_error(echo.pending, ERR_BAD_ORIGIN, SPAN_EMPTY, SPAN_EMPTY);
    far_until_ended(&echo.far);
    assert_true(far_has(&echo.far, "HTTP/1.1 403 "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, websocket_stage_set_up, websocket_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_answer_is_the_one_of_the_rfc),
        TEST(what_is_no_handshake_is_refused),
        TEST(frames_that_come_with_the_request_are_heard),
        TEST(frames_that_come_before_a_late_answer_are_heard),
        TEST(a_late_refusal_closes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
