#include "load/caller.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static const uint8_t mask[4] = {1, 2, 3, 4};

/* A caller that has asked for the upgrade. */
static void given_upgrading(struct caller *caller)
{
    caller_init(caller, 0);
    caller->state = CALLER_UPGRADING;
}

static void append_acceptance(struct buf *out)
{
    buf_append_str(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ");
    ws_append_accept(out, SPAN("Y29sbGFiZCBiZW5jaCBrZQ=="));
    buf_append_str(out, "\r\n\r\n");
}

static enum caller_news feed(struct caller *caller, const char *text, struct span *message)
{
    struct span input = span_from_str(text);

    return caller_next(caller, &input, mask, message);
}

static void an_upgrade_is_understood_byte_by_byte(void **state)
{
    struct buf bytes = BUF_EMPTY;
    struct caller caller;
    struct span message;

    (void)state;
    given_upgrading(&caller);
    append_acceptance(&bytes);
    for (size_t i = 0; i < bytes.len; i++) {
        struct span input = span_of(bytes.data + i, 1);
        enum caller_news news = caller_next(&caller, &input, mask, &message);

        assert_int_equal(news, i + 1 < bytes.len ? CALLER_QUIET : CALLER_UPGRADED);
        assert_int_equal(input.len, 0);
    }
    assert_int_equal(caller.state, CALLER_GREETING);
    caller_deinit(&caller);
    buf_deinit(&bytes);
}

static void messages_that_came_with_the_upgrade_are_heard(void **state)
{
    struct buf bytes = BUF_EMPTY;
    struct caller caller;
    struct span input, message;

    (void)state;
    given_upgrading(&caller);
    append_acceptance(&bytes);
    ws_append_frame(&bytes, WS_TEXT, false, SPAN("one"), NULL);
    ws_append_frame(&bytes, WS_BINARY, false, SPAN("two"), NULL);
    input = buf_span(&bytes);
    assert_int_equal(caller_next(&caller, &input, mask, &message), CALLER_UPGRADED);
    assert_int_equal(caller_next(&caller, &input, mask, &message), CALLER_HEARD);
    assert_true(span_equal(message, SPAN("one")));
    assert_int_equal(caller_next(&caller, &input, mask, &message), CALLER_HEARD);
    assert_true(span_equal(message, SPAN("two")));
    assert_int_equal(caller_next(&caller, &input, mask, &message), CALLER_QUIET);
    caller_deinit(&caller);
    buf_deinit(&bytes);
}

static void a_refused_upgrade_says_why(void **state)
{
    struct caller caller;
    struct span message;

    (void)state;
    given_upgrading(&caller);
    assert_int_equal(feed(&caller, "HTTP/1.1 401 Unauthorized\r\n\r\n", &message), CALLER_GONE);
    assert_int_equal(caller.state, CALLER_CLOSED);
    assert_string_equal(caller.failure, "upgrade refused: HTTP/1.1 401 Unauthorized");
    caller_deinit(&caller);
}

static void an_upgrade_with_the_wrong_digest_is_none(void **state)
{
    struct caller caller;
    struct span message;

    (void)state;
    given_upgrading(&caller);
    assert_int_equal(feed(&caller, "HTTP/1.1 101 Sure\r\nSec-WebSocket-Accept: AAAA\r\n\r\n", &message), CALLER_GONE);
    caller_deinit(&caller);
}

static void a_ping_is_answered_without_being_told(void **state)
{
    struct buf bytes = BUF_EMPTY, pong = BUF_EMPTY;
    struct caller caller;
    struct span input, message;

    (void)state;
    given_upgrading(&caller);
    caller.state = CALLER_READY;
    ws_append_frame(&bytes, WS_OP_PING, false, SPAN("hi"), NULL);
    ws_append_frame(&pong, WS_OP_PONG, false, SPAN("hi"), mask);
    input = buf_span(&bytes);
    assert_int_equal(caller_next(&caller, &input, mask, &message), CALLER_QUIET);
    assert_true(span_equal(buf_span(&caller.out), buf_span(&pong)));
    caller_deinit(&caller);
    buf_deinit(&bytes);
    buf_deinit(&pong);
}

static void a_close_frame_tells_code_and_reason(void **state)
{
    struct buf bytes = BUF_EMPTY;
    struct caller caller;
    struct span input, message;

    (void)state;
    given_upgrading(&caller);
    caller.state = CALLER_READY;
    ws_append_close(&bytes, 4401, SPAN("Log in first."), NULL);
    input = buf_span(&bytes);
    assert_int_equal(caller_next(&caller, &input, mask, &message), CALLER_GONE);
    assert_string_equal(caller.failure, "closed by the server, 4401 Log in first.");
    caller_deinit(&caller);
    buf_deinit(&bytes);
}

static void what_the_socket_does_not_take_is_kept(void **state)
{
    enum { LEN = 4 << 20 };
    static char text[LEN], heard[LEN];
    struct caller caller;
    struct ws server;
    struct ws_event event;
    int pair[2];
    size_t len = 0, sent;

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    given_upgrading(&caller);
    caller.state = CALLER_READY;
    caller.fd = pair[0];
    caller_say(&caller, span_of(text, sizeof(text) - 64), mask);
    sent = caller.out.len;
    assert_true(caller_flush(&caller));
    assert_true(caller.is_blocked && caller.out.len > 0);
    while (len < sent) {
        ssize_t got = recv(pair[1], heard + len, sizeof(heard) - len, 0);

        len += got > 0 ? (size_t)got : 0;
        assert_true(caller_flush(&caller));
    }
    assert_false(caller.is_blocked);
    ws_init(&server, true, false, &(struct ws_limits){.message_bytes_max = LEN});
    struct span input = span_of(heard, len);
    assert_int_equal(ws_feed(&server, &input, &event), WS_MESSAGE);
    assert_true(span_equal(event.payload, span_of(text, sizeof(text) - 64)));
    ws_deinit(&server);
    shutdown(pair[1], SHUT_RDWR);
    caller_deinit(&caller);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upgrade_is_understood_byte_by_byte),
        cmocka_unit_test(messages_that_came_with_the_upgrade_are_heard),
        cmocka_unit_test(a_refused_upgrade_says_why),
        cmocka_unit_test(an_upgrade_with_the_wrong_digest_is_none),
        cmocka_unit_test(a_ping_is_answered_without_being_told),
        cmocka_unit_test(a_close_frame_tells_code_and_reason),
        cmocka_unit_test(what_the_socket_does_not_take_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
