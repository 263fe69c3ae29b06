#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/commit_pace.h"

#define US ((uint64_t)1000)
#define GATHER (2000 * US)

static struct commit_pace pace;
static uint64_t now;

static int set_up(void **state)
{
    (void)state;
    now = 1000000 * US;
    commit_pace_init(&pace, GATHER, now);
    return 0;
}

/* Batches of `size`, one every `every_us`, for a tenth of a second. */
static void given_batches(uint32_t size, uint64_t every_us)
{
    for (uint64_t passed = 0; passed < 100000; passed += every_us) {
        commit_pace_note(&pace, now, size);
        now += every_us * US;
    }
}

static void the_first_ones_wait_for_nobody(void **state)
{
    (void)state;
    assert_int_equal(commit_pace_wait_ns(&pace, now, 1), 0);
    commit_pace_note(&pace, now, 1);
    assert_int_equal(commit_pace_wait_ns(&pace, now + US, 5), 0);
}

static void who_waits_for_each_of_his_answers_is_not_held_up(void **state)
{
    (void)state;
    given_batches(1, 700);
    assert_int_equal(commit_pace_wait_ns(&pace, now, 1), 0);
}

static void many_small_batches_become_larger_ones(void **state)
{
    (void)state;
    given_batches(1, 250);
    now -= 250 * US;
    assert_int_equal(commit_pace_wait_ns(&pace, now + 250 * US, 1), GATHER - 250 * US);
    assert_int_equal(commit_pace_wait_ns(&pace, now + 1999 * US, 3), US);
    assert_int_equal(commit_pace_wait_ns(&pace, now + 2000 * US, 3), 0);
}

static void larger_ones_go_on_being_waited_for(void **state)
{
    (void)state;
    given_batches(8, 2000);
    assert_true(commit_pace_wait_ns(&pace, now - 1000 * US, 2) > 0);
}

static void a_long_queue_does_not_wait(void **state)
{
    (void)state;
    given_batches(40, 1000);
    assert_true(commit_pace_wait_ns(&pace, now - 500 * US, PACE_FULL - 1) > 0);
    assert_int_equal(commit_pace_wait_ns(&pace, now - 500 * US, PACE_FULL), 0);
}

static void where_nothing_waits_there_is_nothing_to_wait_for(void **state)
{
    (void)state;
    given_batches(8, 500);
    assert_int_equal(commit_pace_wait_ns(&pace, now - 100 * US, 0), 0);
}

static void when_it_is_quiet_again_nobody_waits_any_more(void **state)
{
    (void)state;
    given_batches(8, 500);
    given_batches(1, 5000);
    assert_int_equal(commit_pace_wait_ns(&pace, now - 4000 * US, 1), 0);
    given_batches(8, 500);
    now += 60000000 * US;
    commit_pace_note(&pace, now, 1); /* the window was a minute long */
    assert_int_equal(commit_pace_wait_ns(&pace, now + US, 1), 0);
}

static void without_a_time_to_gather_nobody_waits(void **state)
{
    (void)state;
    commit_pace_init(&pace, 0, now);
    given_batches(8, 250);
    assert_int_equal(commit_pace_wait_ns(&pace, now - 250 * US, 1), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_ones_wait_for_nobody),
        TEST(who_waits_for_each_of_his_answers_is_not_held_up),
        TEST(many_small_batches_become_larger_ones),
        TEST(larger_ones_go_on_being_waited_for),
        TEST(a_long_queue_does_not_wait),
        TEST(where_nothing_waits_there_is_nothing_to_wait_for),
        TEST(when_it_is_quiet_again_nobody_waits_any_more),
        TEST(without_a_time_to_gather_nobody_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
