#include "server/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { FAILURES = 5, OPEN_MS = 5000 };

static struct breaker breaker;

static int set_up(void **state)
{
    (void)state;
    breaker_init(&breaker, FAILURES, OPEN_MS);
    return 0;
}

/* At a moment; the breaker opens with the last one. */
static void fail_until_open(uint64_t now_ms)
{
    for (int i = 1; i < FAILURES; i++) {
        assert_true(breaker_may_pass(&breaker, now_ms));
        assert_false(breaker_failed(&breaker, now_ms));
    }
    assert_true(breaker_may_pass(&breaker, now_ms));
    assert_true(breaker_failed(&breaker, now_ms));
}

static void it_opens_after_failures_in_a_row(void **state)
{
    (void)state;
    fail_until_open(1000);
    assert_false(breaker_may_pass(&breaker, 1000));
    assert_false(breaker_may_pass(&breaker, 1000 + OPEN_MS - 1));
}

static void a_success_in_between_begins_the_row_anew(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 1; i < FAILURES; i++)
            assert_false(breaker_failed(&breaker, 1));
        assert_false(breaker_succeeded(&breaker));
    }
    assert_true(breaker_may_pass(&breaker, 1));
}

static void then_one_alone_passes(void **state)
{
    (void)state;
    fail_until_open(1000);
    assert_true(breaker_may_pass(&breaker, 1000 + OPEN_MS));
    assert_false(breaker_may_pass(&breaker, 1000 + OPEN_MS));
    assert_false(breaker_may_pass(&breaker, 1000 + 10 * OPEN_MS));
}

static void when_that_succeeds_it_is_closed(void **state)
{
    (void)state;
    fail_until_open(1000);
    assert_true(breaker_may_pass(&breaker, 1000 + OPEN_MS));
    assert_true(breaker_succeeded(&breaker));
    assert_true(breaker_may_pass(&breaker, 1000 + OPEN_MS));
    fail_until_open(9000); /* and counts from the beginning */
}

static void when_that_fails_it_is_open_as_long_again(void **state)
{
    (void)state;
    fail_until_open(1000);
    assert_true(breaker_may_pass(&breaker, 7000));
    assert_false(breaker_failed(&breaker, 7500)); /* still open: nothing new */
    assert_false(breaker_may_pass(&breaker, 7500 + OPEN_MS - 1));
    assert_true(breaker_may_pass(&breaker, 7500 + OPEN_MS));
}

static void what_was_sent_before_and_fails_later_changes_nothing(void **state)
{
    (void)state;
    fail_until_open(1000);
    assert_false(breaker_failed(&breaker, 4000));
    assert_true(breaker_may_pass(&breaker, 1000 + OPEN_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_opens_after_failures_in_a_row, set_up),
        cmocka_unit_test_setup(a_success_in_between_begins_the_row_anew, set_up),
        cmocka_unit_test_setup(then_one_alone_passes, set_up),
        cmocka_unit_test_setup(when_that_succeeds_it_is_closed, set_up),
        cmocka_unit_test_setup(when_that_fails_it_is_open_as_long_again, set_up),
        cmocka_unit_test_setup(what_was_sent_before_and_fails_later_changes_nothing, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
