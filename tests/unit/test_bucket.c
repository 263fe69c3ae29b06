#include "auth/bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_new_bucket_is_full(void **state)
{
    struct bucket bucket = {0};

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(bucket_take(&bucket, 1, 5, 1, 1000, NULL));
    assert_false(bucket_take(&bucket, 1, 5, 1, 1000, NULL));
}

static void it_fills_up_at_its_rate(void **state)
{
    struct bucket bucket = {0};
    uint64_t retry_ms = 0;

    (void)state;
    assert_true(bucket_take(&bucket, 10, 1, 1, 0, NULL));
    assert_false(bucket_take(&bucket, 10, 1, 1, 40, &retry_ms));
    assert_int_equal(retry_ms, 60);
    assert_false(bucket_take(&bucket, 10, 1, 1, 99, NULL));
    assert_true(bucket_take(&bucket, 10, 1, 1, 100, NULL));
}

static void what_is_refused_takes_nothing(void **state)
{
    struct bucket bucket = {0};

    (void)state;
    assert_true(bucket_take(&bucket, 1, 3, 2, 0, NULL));
    assert_false(bucket_take(&bucket, 1, 3, 2, 0, NULL));
    assert_true(bucket_take(&bucket, 1, 3, 1, 0, NULL));
}

static void it_never_holds_more_than_the_burst(void **state)
{
    struct bucket bucket = {0};

    (void)state;
    assert_true(bucket_take(&bucket, 100, 3, 1, 0, NULL));
    for (int i = 0; i < 3; i++)
        assert_true(bucket_take(&bucket, 100, 3, 1, 86400000, NULL));
    assert_false(bucket_take(&bucket, 100, 3, 1, 86400000, NULL));
}

static void what_exceeds_the_burst_passes_once_and_leaves_a_debt(void **state)
{
    struct bucket bucket = {0};
    uint64_t retry_ms = 0;

    (void)state;
    assert_true(bucket_take(&bucket, 10, 10, 30, 0, NULL));
    assert_false(bucket_take(&bucket, 10, 10, 1, 2000, &retry_ms));
    assert_int_equal(retry_ms, 100);
    assert_true(bucket_take(&bucket, 10, 10, 1, 2100, NULL));
    assert_false(bucket_take(&bucket, 10, 10, 30, 3000, &retry_ms)); /* only a full bucket lends */
    assert_int_equal(retry_ms, 100);
}

static void a_rate_of_zero_is_no_limit(void **state)
{
    struct bucket bucket = {0};

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_true(bucket_take(&bucket, 0, 0, 1e9, 0, NULL));
}

static void without_a_burst_one_passes_at_a_time(void **state)
{
    struct bucket bucket = {0};

    (void)state;
    assert_true(bucket_take(&bucket, 2, 0, 1, 0, NULL));
    assert_false(bucket_take(&bucket, 2, 0, 1, 499, NULL));
    assert_true(bucket_take(&bucket, 2, 0, 1, 500, NULL));
}

static void time_that_runs_backwards_gives_nothing(void **state)
{
    struct bucket bucket = {0};

    (void)state;
    assert_true(bucket_take(&bucket, 1, 1, 1, 5000, NULL));
    assert_false(bucket_take(&bucket, 1, 1, 1, 1000, NULL));
    assert_false(bucket_take(&bucket, 1, 1, 1, 5999, NULL));
    assert_true(bucket_take(&bucket, 1, 1, 1, 6000, NULL));
}

static void in_the_long_run_the_rate_holds(void **state)
{
    struct bucket bucket = {0};
    int taken = 0;

    (void)state;
    for (uint64_t now_ms = 0; now_ms < 100000; now_ms++)
        taken += bucket_take(&bucket, 7, 20, 1, now_ms, NULL);
    assert_in_range(taken, 718, 720);
}

static void what_is_given_back_may_be_taken_again(void **state)
{
    struct bucket bucket = {0};

    (void)state;
    assert_true(bucket_take(&bucket, 1, 5, 1, 0, NULL));
    bucket_give(&bucket, 1);
    assert_true(bucket_take(&bucket, 1, 5, 9, 0, NULL)); /* as full as if nothing had been taken: it lends */
    bucket_give(&bucket, 100);
    assert_true(bucket_take(&bucket, 1, 5, 5, 0, NULL));
    assert_false(bucket_take(&bucket, 1, 5, 1, 0, NULL)); /* not more than the burst */
}

static void it_is_full_when_a_new_one_would_be_the_same(void **state)
{
    struct bucket bucket = {0};

    (void)state;
    assert_true(bucket_is_full(&bucket, 2, 5, 0));
    assert_true(bucket_take(&bucket, 2, 5, 9, 1000, NULL));
    assert_false(bucket_is_full(&bucket, 2, 5, 1000));
    assert_false(bucket_is_full(&bucket, 2, 5, 5499));
    assert_true(bucket_is_full(&bucket, 2, 5, 5500));
    assert_true(bucket_is_full(&bucket, 0, 5, 1000)); /* no limit */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_bucket_is_full),
        cmocka_unit_test(it_fills_up_at_its_rate),
        cmocka_unit_test(what_is_refused_takes_nothing),
        cmocka_unit_test(it_never_holds_more_than_the_burst),
        cmocka_unit_test(what_exceeds_the_burst_passes_once_and_leaves_a_debt),
        cmocka_unit_test(a_rate_of_zero_is_no_limit),
        cmocka_unit_test(without_a_burst_one_passes_at_a_time),
        cmocka_unit_test(time_that_runs_backwards_gives_nothing),
        cmocka_unit_test(in_the_long_run_the_rate_holds),
        cmocka_unit_test(what_is_given_back_may_be_taken_again),
        cmocka_unit_test(it_is_full_when_a_new_one_would_be_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
