#include "base/memory.h"
#include "base/rand.h"
#include "lib/websocket_stage.h"

#include <stdlib.h>
#include <string.h>

/* ---- messages ----------------------------------------------------------------------------------------------------- */

static void messages_come_back_as_they_were(void **state)
{
    (void)state;
    echo_upgrade(UPGRADE);
    echo_say_frame(WS_TEXT, SPAN("hello"));
    echo_say_frame(WS_BINARY, SPAN("\xff"));
    echo_say_frame(WS_TEXT, SPAN_EMPTY);
    echo_until_reply("[text ]");
    assert_replies("[text hello][binary \xff][text ]");
}

static void a_ping_is_answered_between_fragments(void **state)
{
    (void)state;
    echo_upgrade(UPGRADE);
    far_say(&echo.far, SPAN("\x01\x82\0\0\0\0he")); /* not final */
    echo_say_frame(WS_OP_PING, SPAN("now"));
    echo_say_frame(WS_OP_PONG, SPAN("unasked"));
    echo_say_frame(WS_CONTINUATION, SPAN("llo"));
    echo_until_reply("hello");
    assert_replies("[pong now][text hello]");
}

static void every_ping_of_a_batch_is_answered(void **state)
{
    (void)state;
    echo_upgrade(UPGRADE);
    echo_say_frame(WS_OP_PING, SPAN("1"));
    echo_say_frame(WS_OP_PING, SPAN("2"));
    echo_say_frame(WS_OP_PING, SPAN("3"));
    echo_until_reply("[pong 3]");
    assert_replies("[pong 1][pong 2][pong 3]");
}

static bool has_no_more_to_say(void *arg)
{
    (void)arg;
    return echo.far.to_say.len == 0;
}

static void one_pong_waits_for_a_reader_that_does_not_read(void **state)
{
    char *bytes = memory_alloc(4000000);

    (void)state;
    echo_upgrade(UPGRADE);
    far_listen(&echo.far, false);
    websocket_send_uncounted(echo.socket, false, (struct span){bytes, 4000000});
    echo_until_blocked();
    for (int i = 0; i < 10; i++)
        echo_say_frame(WS_OP_PING, (struct span){&"0123456789"[i], 1});
    stage_until(&echo.stage, has_no_more_to_say, NULL);
    stage_turns(&echo.stage, 3);
    far_listen(&echo.far, true);
    echo_until_reply("[pong 9]");
    assert_null(memmem(echo.replies.data, echo.replies.len, "[pong 8]", 8));
    free(bytes);
}

static void too_many_pings_are_a_violation(void **state)
{
    (void)state;
    echo_upgrade(UPGRADE);
    for (int i = 0; i < 50; i++) /* even when a second begins in between, one of them sees more than 20 */
        echo_say_frame(WS_OP_PING, SPAN_EMPTY);
    echo_until_reply("[close 1008 ]");
    far_close(&echo.far);
    echo_until_closed(1008);
}

static void a_paused_socket_hears_the_rest_later(void **state)
{
    (void)state;
    echo_upgrade(UPGRADE);
    echo.pauses_on_message = true;
    for (int i = 0; i < 5; i++)
        echo_say_frame(WS_TEXT, (struct span){&"01234"[i], 1});
    echo_until_reply("[text 0]");
    stage_turns(&echo.stage, 5);
    assert_int_equal(echo.message_count, 1);
    echo.pauses_on_message = false;
    conn_resume(websocket_conn(echo.socket));
    echo_until_reply("[text 4]");
    assert_replies("[text 0][text 1][text 2][text 3][text 4]");
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
        echo_reopen(NULL);
        echo_upgrade(UPGRADE);
        far_say(&echo.far, rows[i].bytes);
        echo_say_frame(WS_TEXT, SPAN("not heard"));
        far_until_ended(&echo.far); /* the server goes first */
        assert_replies(rows[i].reply);
        assert_int_equal(echo.message_count, 0);
        far_close(&echo.far);
        echo_until_closed(rows[i].code);
    }
}

static void messages_have_a_limit_and_text_may_have_a_lower_one(void **state)
{
    char bytes[2001];

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    for (int i = 0; i < 2; i++) {
        echo_reopen(NULL);
        echo.options.limits = (struct ws_limits){.message_bytes_max = 2000, .text_bytes_max = 1000};
        echo_upgrade(UPGRADE);
        echo_say_frame(WS_BINARY, (struct span){bytes, 2000});
        echo_say_frame(WS_TEXT, (struct span){bytes, 1000});
        echo_until_reply("[text ");
        echo_say_frame(i == 0 ? WS_BINARY : WS_TEXT, (struct span){bytes, i == 0 ? 2001 : 1001});
        echo_until_reply("[close 1009 ]");
        far_close(&echo.far);
        echo_until_closed(1009);
    }
}

/* ---- cost and robustness ------------------------------------------------------------------------------------------ */

static void an_idle_connection_is_small(void **state)
{
    (void)state;
    echo_upgrade(UPGRADE);
    echo_say_frame(WS_TEXT, SPAN("hello"));
    echo_say_frame(WS_OP_PING, SPAN("hello"));
    echo_until_reply("[pong hello]");
    stage_turns(&echo.stage, 2);
    assert_true(sizeof(struct conn) + sizeof(struct websocket) <= 512);
    assert_null(echo.conn->extra);
    assert_ptr_equal(echo.conn->slots, echo.conn->slots_inline);
    assert_null(echo.socket->ws.message.data);
    assert_null(echo.socket->ws.control);
}

static void no_bytes_break_it(void **state)
{
    struct rand rand;

    (void)state;
    rand_seed(&rand, 11);
    for (int round = 0; round < 300; round++) {
        echo_reopen(NULL);
        echo_upgrade(round % 2 ? UPGRADE : UPGRADE_DEFLATE);
        for (int i = 0; i < 8 && !echo.far.is_ended; i++) {
            struct buf bytes = BUF_EMPTY;
            enum ws_opcode opcode = (enum ws_opcode)rand_below(&rand, 11);
            char payload[300];

            for (size_t at = 0; at < sizeof(payload); at++)
                payload[at] = (char)rand_below(&rand, 128);
            ws_append_frame(&bytes, opcode, opcode < WS_OP_CLOSE && rand_below(&rand, 4) == 0,
                            (struct span){payload, rand_below(&rand, opcode < WS_OP_CLOSE ? 300 : 126)}, echo_mask);
            if (rand_below(&rand, 3) == 0)
                bytes.data[rand_below(&rand, bytes.len)] ^= (char)(1 << rand_below(&rand, 8));
            far_say(&echo.far, buf_span(&bytes));
            buf_deinit(&bytes);
            stage_turns(&echo.stage, (unsigned)rand_below(&rand, 3) + 1);
            if (rand_below(&rand, 40) == 0 && echo.socket)
                websocket_terminate(echo.socket);
            if (rand_below(&rand, 40) == 0 && echo.socket)
                websocket_close(echo.socket, 1000, SPAN_EMPTY);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, websocket_stage_set_up, websocket_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_come_back_as_they_were),   TEST(a_ping_is_answered_between_fragments),
        TEST(every_ping_of_a_batch_is_answered), TEST(one_pong_waits_for_a_reader_that_does_not_read),
        TEST(too_many_pings_are_a_violation),    TEST(a_paused_socket_hears_the_rest_later),
        TEST(violations_close_with_their_code),  TEST(messages_have_a_limit_and_text_may_have_a_lower_one),
        TEST(an_idle_connection_is_small),       TEST(no_bytes_break_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
