#include "peer/socketio/socketio_track.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct sio_track track;
static struct sio_mark red, blue;

static int set_up(void **state)
{
    (void)state;
    track = (struct sio_track){0};
    red = sio_mark_of(SPAN("red"), 0);
    blue = sio_mark_of(SPAN("blue"), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sio_track_deinit(&track);
    return 0;
}

static void add(struct sio_mark room, uint64_t offset)
{
    sio_track_add(&track, &(struct sio_mark){room.room, offset});
}

static void assert_text(struct buf *text, const char *expected)
{
    assert_true(span_equal(buf_span(text), span_from_str(expected)));
    buf_deinit(text);
}

static void a_mark_is_read_as_it_was_written(void **state)
{
    struct sio_mark mark = sio_mark_of(SPAN("io:/board#red"), UINT64_MAX), again;
    struct buf text = BUF_EMPTY;

    (void)state;
    sio_mark_write(&text, &mark);
    assert_true(text.len <= SIO_MARK_TEXT_MAX);
    assert_true(sio_mark_read(buf_span(&text), &again));
    assert_true(again.room == mark.room && again.offset == mark.offset);
    buf_deinit(&text);
}

static void what_is_no_mark_is_not_read(void **state)
{
    static const char *const texts[] = {"",
                                        "-",
                                        "0",
                                        "000000000000",
                                        "000000000000-",
                                        "00000000000-1",
                                        "0000000000000-1",
                                        "00000000000g-1",
                                        "000000000000-x",
                                        "000000000000--1",
                                        "00000000000A-1",
                                        "000000000000-18446744073709551616"};
    struct sio_mark mark;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(sio_mark_read(span_from_str(texts[i]), &mark));
}

static void a_mark_is_the_last_argument(void **state)
{
    struct sio_mark mark = {0xab, 7};
    struct buf text = BUF_EMPTY;

    (void)state;
    sio_append_marked(&text, SPAN("[\"a\",{\"b\":1} \n]"), &mark);
    assert_text(&text, "[\"a\",{\"b\":1},\"0000000000ab-7\"]");
}

static void only_a_text_at_the_end_is_hidden(void **state)
{
    static const char *const pairs[][2] = {{"[\"a\"]", "[\"a\",null]"},
                                           {"[\"a\",\"b\" ]", "[\"a\",\"b\",null]"},
                                           {"[\"a\",1]", "[\"a\",1]"},
                                           {"[\"a\",[\"b\"]]", "[\"a\",[\"b\"]]"}};

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct buf text = BUF_EMPTY;
        sio_append_unmarked(&text, span_from_str(pairs[i][0]));
        assert_text(&text, pairs[i][1]);
    }
}

static void the_last_event_seen_tells_where_every_room_stood(void **state)
{
    uint32_t count;

    (void)state;
    add(red, 4), add(blue, 9), add(red, 5), add(blue, 10);
    assert_true(sio_track_find(&track, &(struct sio_mark){red.room, 5}, &count));
    assert_int_equal(sio_track_stand(&track, count, red.room, 1), 5);
    assert_int_equal(sio_track_stand(&track, count, blue.room, 1), 9);
    assert_int_equal(sio_track_stand(&track, count, sio_mark_of(SPAN("green"), 0).room, 3), 3);
}

static void a_room_that_was_joined_later_stands_where_it_was_joined(void **state)
{
    uint32_t count;

    (void)state;
    add(red, 4), add(red, 5);
    assert_true(sio_track_find(&track, &(struct sio_mark){red.room, 4}, &count));
    assert_int_equal(sio_track_stand(&track, count, red.room, 7), 7);
}

static void what_was_not_sent_is_not_found(void **state)
{
    uint32_t count;

    (void)state;
    add(red, 4);
    assert_false(sio_track_find(&track, &(struct sio_mark){red.room, 5}, &count));
    assert_false(sio_track_find(&track, &(struct sio_mark){blue.room, 4}, &count));
}

static void two_pongs_later_what_came_before_the_first_is_not_needed(void **state)
{
    uint32_t count;

    (void)state;
    add(red, 1), add(red, 2), add(red, 3);
    assert_int_equal(sio_track_pong(&track), 0);
    add(red, 4);
    assert_int_equal(sio_track_pong(&track), 2);
    sio_track_cut(&track, 2);
    assert_true(track.is_cut);
    assert_true(
        sio_track_find(&track, &(struct sio_mark){red.room, 3}, &count)); /* he may have seen no more than this */
    assert_int_equal(sio_track_pong(&track), 1);
}

static void it_is_full_at_its_limit_and_has_room_when_it_was_cut(void **state)
{
    uint32_t count;

    (void)state;
    for (uint64_t i = 1; !sio_track_is_full(&track); i++)
        add(red, i);
    assert_int_equal(track.count, LIMIT_SIO_TRACKED);
    sio_track_cut(&track, LIMIT_SIO_TRACKED / 2);
    assert_false(sio_track_is_full(&track));
    assert_false(sio_track_find(&track, &(struct sio_mark){red.room, 1}, &count));
    assert_true(sio_track_find(&track, &(struct sio_mark){red.room, LIMIT_SIO_TRACKED}, &count));
    assert_int_equal(count, LIMIT_SIO_TRACKED / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_is_read_as_it_was_written),
        cmocka_unit_test(what_is_no_mark_is_not_read),
        cmocka_unit_test(a_mark_is_the_last_argument),
        cmocka_unit_test(only_a_text_at_the_end_is_hidden),
        cmocka_unit_test_setup_teardown(the_last_event_seen_tells_where_every_room_stood, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_room_that_was_joined_later_stands_where_it_was_joined, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_not_sent_is_not_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_pongs_later_what_came_before_the_first_is_not_needed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_full_at_its_limit_and_has_room_when_it_was_cut, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
