#include "base/memory.h"
#include "lib/websocket_stage.h"

#include <stdlib.h>
#include <string.h>

static void say_deflated(enum ws_opcode opcode, struct span payload)
{
    struct deflater *deflater = deflater_new(15, false, 6);
    struct buf compressed = BUF_EMPTY, frame = BUF_EMPTY;

    deflater_message(deflater, payload, &compressed);
    ws_append_frame(&frame, opcode, true, buf_span(&compressed), echo_mask);
    far_say(&echo.far, buf_span(&frame));
    deflater_free(deflater);
    buf_deinit(&compressed);
    buf_deinit(&frame);
}

static void long_messages_travel_compressed(void **state)
{
    char bytes[1000];

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    echo_upgrade(UPGRADE_DEFLATE);
    assert_true(far_has(&echo.far, "permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"));
    assert_true(websocket_has_deflate(echo.socket));
    say_deflated(WS_TEXT, (struct span){bytes, 1000});
    say_deflated(WS_TEXT, SPAN("short"));
    echo_say_frame(WS_TEXT, SPAN("plain"));
    echo_until_reply("[text plain]");
    assert_true(span_starts_with(buf_span(&echo.replies), SPAN("[deflated text xxxx")));
    assert_non_null(memmem(echo.replies.data, echo.replies.len, "x][text short]", 14));
}

static void context_is_kept_when_that_was_agreed(void **state)
{
    char bytes[1000];
    size_t first, second;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)('a' + (i * i) % 23);
    echo.options.deflate_policy = DEFLATE_AS_OFFERED;
    inflater_free(echo.inflater);
    echo.inflater = inflater_new(15, true);
    echo_upgrade(UPGRADE_DEFLATE);
    assert_false(websocket_has_deflate(echo.socket)); /* takes no shared frames */
    echo_say_frame(WS_TEXT, (struct span){bytes, sizeof(bytes)});
    echo_until_reply("]");
    first = echo.far.heard.len;
    echo_say_frame(WS_TEXT, (struct span){bytes, sizeof(bytes)});
    echo_until_reply("][deflated");
    second = echo.far.heard.len - first;
    assert_true(second < 40); /* a reference to the first */
}

static void a_bomb_is_refused_while_it_unfolds(void **state)
{
    size_t len = 6 * 1024 * 1024;
    char *zeros = memory_alloc(len);

    (void)state;
    echo_upgrade(UPGRADE_DEFLATE);
    say_deflated(WS_BINARY, (struct span){zeros, len});
    echo_until_reply("[close 1009 ]");
    far_close(&echo.far);
    echo_until_closed(1009);
    assert_int_equal(echo.message_count, 0);
    free(zeros);
}

static void broken_compression_and_bad_text_in_it_are_1007(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        echo_reopen(NULL);
        echo_upgrade(UPGRADE_DEFLATE);
        if (i == 0)
            far_say(&echo.far, SPAN("\xc2\x84\0\0\0\0\xff\xff\xff\xff"));
        else
            say_deflated(WS_TEXT, SPAN("\xff"));
        echo_until_reply("[close 1007 ]");
        far_close(&echo.far);
        echo_until_closed(1007);
    }
}

static void one_frame_serves_all_of_a_kind(void **state)
{
    struct deflater *deflater = deflater_new(15, false, 6);
    struct frame *plain, *deflated;
    char bytes[1000];

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    plain = websocket_encode((struct span){bytes, 300}, true);
    deflated = websocket_encode_deflated(deflater, (struct span){bytes, 1000}, true);
    assert_null(websocket_encode_deflated(deflater, (struct span){bytes, 100}, true)); /* does not pay */
    assert_true(deflated->len < 100);

    echo_upgrade(UPGRADE_DEFLATE);
    websocket_send_frame(echo.socket, plain, 0);
    websocket_send_frame(echo.socket, deflated, 0);
    assert_int_equal(plain->ref_count, 2);
    echo_until_reply("][deflated text xxx");
    assert_true(span_starts_with(buf_span(&echo.replies), SPAN("[text xxx")));
    assert_int_equal(plain->ref_count, 1);
    frame_unref(plain);
    frame_unref(deflated);
    deflater_free(deflater);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, websocket_stage_set_up, websocket_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(long_messages_travel_compressed),    TEST(context_is_kept_when_that_was_agreed),
        TEST(a_bomb_is_refused_while_it_unfolds), TEST(broken_compression_and_bad_text_in_it_are_1007),
        TEST(one_frame_serves_all_of_a_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
