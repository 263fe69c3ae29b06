#include "load/latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void nothing_added_is_zero(void **state)
{
    static struct latency latency;

    (void)state;
    assert_true(latency_percentile(&latency, 50) == 0);
    assert_true(latency_percentile(&latency, 100) == 0);
}

static void durations_below_the_first_row_are_exact(void **state)
{
    static struct latency latency;

    (void)state;
    latency_reset(&latency);
    for (uint64_t i = 1; i <= 50; i++)
        latency_add(&latency, i);
    assert_true(latency.count == 50 && latency.max_ns == 50);
    assert_true(latency_percentile(&latency, 50) == 25);
    assert_true(latency_percentile(&latency, 90) == 45);
    assert_true(latency_percentile(&latency, 100) == 50);
    assert_true(latency_percentile(&latency, 0) == 1);
}

/* Whatever the range: never too low, and at most one part in 64 too high. */
static void percentiles_are_close_over_the_whole_range(void **state)
{
    static struct latency latency;

    (void)state;
    for (unsigned shift = 0; shift < 58; shift++) {
        uint64_t unit = (uint64_t)1 << shift;

        latency_reset(&latency);
        for (uint64_t i = 1; i <= 50; i++)
            latency_add(&latency, i * unit);
        for (unsigned percent = 2; percent <= 100; percent += 2) {
            uint64_t exact = percent / 2 * unit, found = latency_percentile(&latency, percent);

            assert_true(found >= exact);
            assert_true(found - exact <= exact / 64 + 1);
        }
    }
}

static void the_longest_duration_there_is_has_a_bucket(void **state)
{
    static struct latency latency;

    (void)state;
    latency_reset(&latency);
    latency_add(&latency, UINT64_MAX);
    latency_add(&latency, 0);
    assert_true(latency_percentile(&latency, 100) == UINT64_MAX);
    assert_true(latency_percentile(&latency, 50) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_added_is_zero),
        cmocka_unit_test(durations_below_the_first_row_are_exact),
        cmocka_unit_test(percentiles_are_close_over_the_whole_range),
        cmocka_unit_test(the_longest_duration_there_is_has_a_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
