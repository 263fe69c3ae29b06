#include "collab/event_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct event_log event_log;

static int set_up(void **state)
{
    (void)state;
    event_log_init(&event_log, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    event_log_deinit(&event_log);
    return 0;
}

static void append(unsigned count, uint64_t now_ms)
{
    for (unsigned i = 0; i < count; i++) {
        struct event *event = event_new(EVENT_MESSAGE, SPAN("lobby"));

        event->position = (struct position){7, event_log.head + 1};
        event_log_append(&event_log, event, now_ms);
        event_unref(event);
    }
}

/* What somebody at `offset` is given must be every offset after it. */
static void assert_serves(uint64_t offset)
{
    uint32_t place, count;

    assert_int_equal(event_log_since(&event_log, offset, &place, &count), OK);
    assert_int_equal(count, event_log.head - offset);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(event_log_at(&event_log, place + i)->position.offset, offset + 1 + i);
}

static void assert_cannot_serve(uint64_t offset)
{
    uint32_t place, count;

    assert_int_equal(event_log_since(&event_log, offset, &place, &count), ERR_RESYNC);
}

static void keep(uint32_t events_max)
{
    event_log_trim(&event_log, events_max, SIZE_MAX, 0);
}

static void an_empty_log_serves_who_is_up_to_date(void **state)
{
    (void)state;
    assert_serves(0);
    assert_cannot_serve(1);
}

static void a_log_that_begins_later_serves_from_there(void **state)
{
    (void)state;
    event_log_init(&event_log, 41);
    assert_serves(41);
    assert_cannot_serve(40);
    append(2, 0);
    assert_serves(41);
    assert_serves(42);
    assert_int_equal(event_log.head, 43);
}

static void everything_after_an_offset_is_served_in_order(void **state)
{
    (void)state;
    append(100, 0);
    for (uint64_t offset = 0; offset <= 100; offset++)
        assert_serves(offset);
}

static void the_future_is_not_served(void **state)
{
    (void)state;
    append(3, 0);
    assert_cannot_serve(4);
    assert_cannot_serve(UINT64_MAX);
}

static void the_oldest_go_when_there_are_too_many(void **state)
{
    (void)state;
    append(20, 0);
    keep(5);
    assert_serves(15);
    assert_cannot_serve(14);
    assert_int_equal(event_log.count, 5);
}

static void the_oldest_go_when_they_are_too_old(void **state)
{
    (void)state;
    append(3, 1000);
    append(2, 2000);
    event_log_trim(&event_log, 100, SIZE_MAX, 1001);
    assert_serves(3);
    assert_cannot_serve(2);
}

static void the_oldest_go_when_they_are_too_large(void **state)
{
    size_t one;

    (void)state;
    append(1, 0);
    one = event_log.bytes;
    assert_true(one > 0);
    append(9, 0);
    event_log_trim(&event_log, 100, 4 * one, 0);
    assert_serves(6);
    assert_cannot_serve(5);
    assert_true(event_log.bytes <= 4 * one);
}

static void a_log_without_events_keeps_no_memory_but_knows_its_head(void **state)
{
    (void)state;
    append(9, 0);
    keep(0);
    assert_int_equal(event_log.bytes, 0);
    assert_null(event_log.ring);
    assert_serves(9);
    append(1, 0);
    assert_serves(9);
    assert_int_equal(event_log.head, 10);
}

/* The ring turns while it grows. */
static void a_log_that_forgets_as_fast_as_it_learns_stays_whole(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        append(1 + i % 5, 0);
        keep(3 + i % 7);
        assert_serves(event_log.head - event_log.count);
        if (event_log.head > event_log.count)
            assert_cannot_serve(event_log.head - event_log.count - 1);
    }
}

static void an_event_lives_as_long_as_the_log_keeps_it(void **state)
{
    struct event *event = event_new(EVENT_MESSAGE, SPAN("lobby"));

    (void)state;
    event->position.offset = 1;
    event_log_append(&event_log, event, 0);
    assert_int_equal(event->ref_count, 2);
    keep(0);
    assert_int_equal(event->ref_count, 1);
    event_unref(event);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_log_serves_who_is_up_to_date),
        TEST(a_log_that_begins_later_serves_from_there),
        TEST(everything_after_an_offset_is_served_in_order),
        TEST(the_future_is_not_served),
        TEST(the_oldest_go_when_there_are_too_many),
        TEST(the_oldest_go_when_they_are_too_old),
        TEST(the_oldest_go_when_they_are_too_large),
        TEST(a_log_without_events_keeps_no_memory_but_knows_its_head),
        TEST(a_log_that_forgets_as_fast_as_it_learns_stays_whole),
        TEST(an_event_lives_as_long_as_the_log_keeps_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
