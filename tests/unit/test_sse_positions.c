#include "peer/dialect/sse_positions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct sse_channel channels[2];

static int set_up(void **state)
{
    (void)state;
    sse_channel_init(&channels[0], SPAN("order:O-1"));
    sse_channel_init(&channels[1], SPAN("lobby"));
    return 0;
}

static void what_is_written_is_read_back(void **state)
{
    struct buf text = BUF_EMPTY;
    struct sse_channel again[2];

    (void)state;
    channels[0].position = (struct position){81237, 4711};
    channels[1].position = (struct position){UINT64_MAX, 0};
    sse_positions_write(&text, channels, 2);
    /* In another order: it is the names that count. */
    sse_channel_init(&again[0], SPAN("lobby"));
    sse_channel_init(&again[1], SPAN("order:O-1"));
    assert_int_equal(sse_positions_read(buf_span(&text), again, 2), OK);
    assert_true(again[0].has_since && again[1].has_since);
    assert_true(again[0].position.epoch == UINT64_MAX && again[0].position.offset == 0);
    assert_true(again[1].position.epoch == 81237 && again[1].position.offset == 4711);
    buf_deinit(&text);
}

static void a_channel_that_is_not_named_has_no_position(void **state)
{
    struct buf text = BUF_EMPTY;
    struct sse_channel other[1];

    (void)state;
    sse_positions_write(&text, channels, 2);
    sse_channel_init(&other[0], SPAN("order:O-2"));
    assert_int_equal(sse_positions_read(buf_span(&text), other, 1), OK);
    assert_false(other[0].has_since);
    assert_int_equal(sse_positions_read(SPAN_EMPTY, other, 1), OK);
    assert_false(other[0].has_since);
    buf_deinit(&text);
}

static void what_we_did_not_write_is_refused(void **state)
{
    static const char *const bad[] = {
        "1",
        "..",
        "a.b.c",
        "0000000000000000.1",
        "0000000000000000.1.",
        "0000000000000000.-1.1",
        "0000000000000000.1.01",
        "000000000000000.1.1",
        "00000000000000000.1.1",
        "000000000000000G.1.1",
        "000000000000000A.1.1",
        "0000000000000000.1.1,",
        ",0000000000000000.1.1",
        "0000000000000000.1.1,,0000000000000000.1.1",
        " 0000000000000000.1.1",
        "0000000000000000.1.1.1",
        "0000000000000000.1.18446744073709551616",
        "\r\n",
        ",",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (sse_positions_read(span_from_str(bad[i]), channels, 2) != ERR_BAD_FIELD)
            fail_msg("\"%s\" was read", bad[i]);
    }
    assert_int_equal(sse_positions_read(span_of("0000000000000000.1.1\0", 21), channels, 2), ERR_BAD_FIELD);
}

static void the_positions_of_all_channels_that_may_be_fit_into_what_is_read(void **state)
{
    struct sse_channel many[LIMIT_SSE_CHANNELS];
    struct buf text = BUF_EMPTY;
    char name[LIMIT_SSE_CHANNELS];

    (void)state;
    for (unsigned i = 0; i < LIMIT_SSE_CHANNELS; i++) {
        name[i] = (char)i;
        sse_channel_init(&many[i], span_of(&name[i], 1));
        many[i].position = (struct position){UINT64_MAX, UINT64_MAX};
    }
    sse_positions_write(&text, many, LIMIT_SSE_CHANNELS);
    assert_int_equal(sse_positions_read(buf_span(&text), many, LIMIT_SSE_CHANNELS), OK);
    assert_true(many[LIMIT_SSE_CHANNELS - 1].has_since);
    buf_deinit(&text);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read_back),
        TEST(a_channel_that_is_not_named_has_no_position),
        TEST(what_we_did_not_write_is_refused),
        TEST(the_positions_of_all_channels_that_may_be_fit_into_what_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
