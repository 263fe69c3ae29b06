#include "load/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SPEAKERS = 20, SECOND_NS = 1000000000 };

static void one_speaker_speaks_as_regularly_as_a_clock(void **state)
{
    struct pace pace;

    (void)state;
    pace_init(&pace, 1, 50, 7000, 1);
    for (uint64_t i = 0; i < 200; i++) {
        assert_true(pace_due_ns(&pace) == 7000 + i * (SECOND_NS / 50));
        assert_int_equal(pace_take(&pace), 0);
    }
    pace_deinit(&pace);
}

static void everybody_speaks_once_a_period_and_time_never_goes_back(void **state)
{
    struct pace pace;
    uint64_t before_ns = 0;

    (void)state;
    pace_init(&pace, SPEAKERS, 2, 0, 1);
    for (uint64_t period = 0; period < 3; period++) {
        unsigned spoken[SPEAKERS] = {0};

        for (unsigned i = 0; i < SPEAKERS; i++) {
            uint64_t due_ns = pace_due_ns(&pace);

            assert_true(due_ns >= before_ns);
            assert_true(due_ns / (SECOND_NS / 2) == period);
            before_ns = due_ns;
            spoken[pace_take(&pace)]++;
        }
        for (unsigned i = 0; i < SPEAKERS; i++)
            assert_int_equal(spoken[i], 1);
    }
    pace_deinit(&pace);
}

static void the_same_seed_gives_the_same_order(void **state)
{
    struct pace a, b;

    (void)state;
    pace_init(&a, SPEAKERS, 6, 0, 42);
    pace_init(&b, SPEAKERS, 6, 0, 42);
    for (unsigned i = 0; i < 3 * SPEAKERS; i++) {
        assert_true(pace_due_ns(&a) == pace_due_ns(&b));
        assert_int_equal(pace_take(&a), pace_take(&b));
    }
    pace_deinit(&a);
    pace_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_speaker_speaks_as_regularly_as_a_clock),
        cmocka_unit_test(everybody_speaks_once_a_period_and_time_never_goes_back),
        cmocka_unit_test(the_same_seed_gives_the_same_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
