#include "base/memory.h"
#include "lib/websocket_stage.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- closing ------------------------------------------------------------------------------------------------------ */

static void a_close_is_answered_with_its_code_and_nothing_is_heard_behind_it(void **state)
{
    static const uint16_t codes[] = {1000, 1001, 3000, 4999, 1005};

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        char expected[32];

        echo_reopen(NULL);
        echo_upgrade(UPGRADE);
        echo_say_close(codes[i]);
        echo_say_frame(WS_TEXT, SPAN("too late"));
        echo_say_close(1001);
        far_until_ended(&echo.far);
        snprintf(expected, sizeof(expected), "[close %u ]", codes[i]);
        assert_replies(expected);
        assert_int_equal(echo.message_count, 0);
        far_end(&echo.far);
        echo_until_closed(codes[i]);
    }
}

static void our_close_waits_for_the_peers(void **state)
{
    (void)state;
    echo_upgrade(UPGRADE);
    websocket_close(echo.socket, 4401, SPAN("who are you"));
    assert_false(websocket_is_open(echo.socket));
    websocket_send(echo.socket, true, SPAN("too late"));
    websocket_close(echo.socket, 1000, SPAN_EMPTY);
    echo_say_frame(WS_TEXT, SPAN("not heard any more"));
    echo_until_reply("[close");
    stage_turns(&echo.stage, 3);
    assert_false(echo.far.is_ended);
    echo_say_close(1000);
    far_until_ended(&echo.far);
    assert_replies("[close 4401 who are you]");
    assert_int_equal(echo.message_count, 0);
    far_close(&echo.far);
    echo_until_closed(4401); /* what was said first */
}

static void our_close_does_not_wait_for_ever(void **state)
{
    (void)state;
    echo.options.close_ms = 100;
    echo_upgrade(UPGRADE);
    websocket_close(echo.socket, 1001, SPAN_EMPTY);
    echo_until_closed(1001);

    /* nor for a FIN after both closes */
    echo_reopen(NULL);
    echo.options.close_ms = 100;
    echo_upgrade(UPGRADE);
    echo_say_close(1000);
    echo_until_closed(1000);
}

static void a_connection_that_breaks_is_1006(void **state)
{
    (void)state;
    echo_upgrade(UPGRADE);
    far_end(&echo.far);
    echo_until_closed(1006);

    echo_reopen(NULL);
    echo_upgrade(UPGRADE);
    websocket_terminate(echo.socket);
    websocket_send(echo.socket, true, SPAN("too late"));
    echo_until_closed(1006);
    assert_replies("");
}

static void a_socket_may_be_closed_inside_its_callback(void **state)
{
    (void)state;
    echo_upgrade(UPGRADE);
    echo.closes_on_message = true;
    echo_say_frame(WS_TEXT, SPAN("a"));
    echo_say_frame(WS_TEXT, SPAN("b"));
    echo_until_reply("[close 4001 enough]");
    assert_int_equal(echo.message_count, 1);
    far_close(&echo.far);
    echo_until_closed(4001);

    echo_reopen(NULL);
    echo_upgrade(UPGRADE);
    echo.terminates_on_message = true;
    echo_say_frame(WS_TEXT, SPAN("a"));
    echo_say_frame(WS_TEXT, SPAN("b"));
    echo_until_closed(1006);
    assert_int_equal(echo.message_count, 1);
}

/* ---- liveness and slow readers ------------------------------------------------------------------------------------ */

static void a_silent_peer_is_pinged_and_then_gone(void **state)
{
    (void)state;
    echo.options.ping_ms = 50;
    echo.options.dead_ms = 600;
    echo_upgrade(UPGRADE);
    echo_until_closed(1006);
    echo_decode();
    assert_true(span_starts_with(buf_span(&echo.replies), SPAN("[ping ]")));
}

static void who_answers_pings_stays(void **state)
{
    (void)state;
    echo.options.ping_ms = 50;
    echo.options.dead_ms = 400;
    echo_upgrade(UPGRADE);
    for (int i = 0; i < 4; i++) {
        echo_until_reply("[ping ]");
        buf_reset(&echo.replies);
        echo_say_frame(WS_OP_PONG, SPAN_EMPTY);
    }
    assert_int_equal(echo.closed_count, 0);
}

static const struct conn_limits small_limits = {
    .queue_bytes_max = 10000, .queue_bytes_soft = 5000, .queue_soft_ms = 100000};

static void flood(void)
{
    char *bytes = memory_alloc(4000000);

    far_listen(&echo.far, false);
    websocket_send_uncounted(echo.socket, false, (struct span){bytes, 4000000});
    echo_until_blocked();
    for (int i = 0; i < 5; i++)
        websocket_send(echo.socket, false, (struct span){bytes, 3000});
    free(bytes);
}

static void a_slow_reader_is_told_so(void **state)
{
    (void)state;
    echo_reopen(&small_limits);
    echo_upgrade(UPGRADE);
    flood();
    stage_turns(&echo.stage, 2);
    assert_false(websocket_is_open(echo.socket));
    far_listen(&echo.far, true);
    echo_until_reply("[close 4450 slow_consumer]"); /* right behind what had begun to leave */
    echo_say_close(4450);
    far_until_ended(&echo.far);
    far_close(&echo.far);
    echo_until_closed(4450);
}

static void on_slow(struct websocket *socket)
{
    assert_ptr_equal(websocket_user(socket), &echo);
    echo.slow_count++;
}

static void the_owner_may_treat_a_slow_reader_otherwise(void **state)
{
    (void)state;
    echo_reopen(&small_limits);
    echo.events.on_slow = on_slow;
    echo_upgrade(UPGRADE);
    flood();
    stage_turns(&echo.stage, 3);
    assert_int_equal(echo.slow_count, 1);
    assert_true(websocket_is_open(echo.socket));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, websocket_stage_set_up, websocket_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_close_is_answered_with_its_code_and_nothing_is_heard_behind_it),
        TEST(our_close_waits_for_the_peers),
        TEST(our_close_does_not_wait_for_ever),
        TEST(a_connection_that_breaks_is_1006),
        TEST(a_socket_may_be_closed_inside_its_callback),
        TEST(a_silent_peer_is_pinged_and_then_gone),
        TEST(who_answers_pings_stays),
        TEST(a_slow_reader_is_told_so),
        TEST(the_owner_may_treat_a_slow_reader_otherwise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
