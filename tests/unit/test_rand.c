#include "base/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void the_generator_is_xoshiro256_starstar(void **state)
{
    struct rand rand = {.state = {1, 2, 3, 4}};

    (void)state;
    assert_true(rand_next(&rand) == 11520);
    assert_true(rand_next(&rand) == 0);
    assert_true(rand_next(&rand) == 1509978240);
    assert_true(rand_next(&rand) == 1215971899390074240);
}

static void a_seed_gives_the_same_numbers_every_time(void **state)
{
    struct rand a, b, other;
    int same = 0;

    (void)state;
    rand_seed(&a, 42);
    rand_seed(&b, 42);
    rand_seed(&other, 43);
    for (int i = 0; i < 100; i++) {
        uint64_t number = rand_next(&a);

        assert_true(number == rand_next(&b));
        same += number == rand_next(&other);
    }
    assert_int_equal(same, 0);
}

static void the_seed_is_spread_by_splitmix64(void **state)
{
    struct rand rand;

    (void)state;
    rand_seed(&rand, 0);
    assert_true(rand.state[0] == 0xe220a8397b1dcdafu);
}

static void numbers_below_a_bound_reach_all_of_it_evenly(void **state)
{
    struct rand rand;
    unsigned counts[10] = {0};

    (void)state;
    rand_seed(&rand, 1);
    for (int i = 0; i < 100000; i++) {
        uint64_t number = rand_below(&rand, 10);

        assert_in_range(number, 0, 9);
        counts[number]++;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(counts[i], 9500, 10500);
}

/* Three quarters of the range: the last quarter, folded back, would make the first third come up half of the time. */
static void a_bound_that_does_not_divide_the_range_favours_nobody(void **state)
{
    const uint64_t third = UINT64_C(1) << 62;
    struct rand rand;
    unsigned in_first_third = 0;

    (void)state;
    rand_seed(&rand, 5);
    for (int i = 0; i < 30000; i++)
        in_first_third += rand_below(&rand, 3 * third) < third;
    assert_in_range(in_first_third, 9500, 10500);
}

static void any_bound_works(void **state)
{
    struct rand rand;

    (void)state;
    rand_seed(&rand, 1);
    for (int i = 0; i < 100; i++) {
        assert_true(rand_below(&rand, 1) == 0);
        assert_true(rand_below(&rand, (UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
        assert_true(rand_below(&rand, UINT64_MAX) < UINT64_MAX);
    }
}

static void the_kernels_bytes_fill_exactly_what_was_asked_for(void **state)
{
    unsigned char bytes[70000]; /* more than the kernel gives in one uninterrupted piece */
    size_t zeros = 0;

    (void)state;
    memset(bytes, 0, sizeof(bytes));
    rand_bytes(bytes, 0);
    rand_bytes(bytes, sizeof(bytes) - 16);
    for (size_t i = 0; i < sizeof(bytes) - 16; i++)
        zeros += bytes[i] == 0;
    assert_in_range(zeros, 0, 1000); /* about 270 are to be expected */
    for (size_t i = sizeof(bytes) - 16; i < sizeof(bytes); i++)
        assert_int_equal(bytes[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generator_is_xoshiro256_starstar),
        cmocka_unit_test(a_seed_gives_the_same_numbers_every_time),
        cmocka_unit_test(the_seed_is_spread_by_splitmix64),
        cmocka_unit_test(numbers_below_a_bound_reach_all_of_it_evenly),
        cmocka_unit_test(a_bound_that_does_not_divide_the_range_favours_nobody),
        cmocka_unit_test(any_bound_works),
        cmocka_unit_test(the_kernels_bytes_fill_exactly_what_was_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
