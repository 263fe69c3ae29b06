#include "peer/user_rates.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct user_rate_limits limits = {.reads = {10, 30}, .writes = {5, 10}, .backend_factor = 4};
static struct user_rates rates;

static int set_up(void **state)
{
    (void)state;
    user_rates_init(&rates);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    user_rates_deinit(&rates);
    return 0;
}

static struct user_charge write_of(const char *user, uint32_t count)
{
    return (struct user_charge){.user_id = span_from_str(user), .is_write = true, .count = count};
}

static bool take(struct user_charge charge, uint64_t now_ms)
{
    return user_rates_take(&rates, &limits, &charge, now_ms, NULL);
}

/* How many of count 1 pass at that moment. */
static unsigned take_all(struct user_charge charge, uint64_t now_ms)
{
    unsigned taken = 0;

    while (take(charge, now_ms))
        taken++;
    return taken;
}

static void each_user_has_a_rate_of_his_own(void **state)
{
    (void)state;
    assert_int_equal(take_all(write_of("7", 1), 1000), 10);
    assert_int_equal(take_all(write_of("8", 1), 1000), 10);
    assert_int_equal(take_all(write_of("7", 1), 2000), 5);
}

static void who_writes_too_much_may_still_read(void **state)
{
    struct user_charge reading = {.user_id = SPAN("7"), .count = 1};

    (void)state;
    assert_int_equal(take_all(write_of("7", 1), 1000), 10);
    assert_int_equal(take_all(reading, 1000), 30);
    assert_int_equal(take_all(reading, 1500), 5);
}

static void a_refusal_says_when_to_come_again(void **state)
{
    struct user_charge charge = write_of("7", 4);
    uint64_t retry_ms = 0;

    (void)state;
    assert_true(take(write_of("7", 8), 1000));
    assert_false(user_rates_take(&rates, &limits, &charge, 1000, &retry_ms));
    assert_int_equal(retry_ms, 400);
    assert_false(take(charge, 1399));
    assert_true(take(charge, 1400));
}

static void a_backend_may_do_more(void **state)
{
    struct user_charge charge = write_of("app", 1);

    (void)state;
    charge.is_backend = true;
    assert_int_equal(take_all(charge, 1000), 40);
    assert_int_equal(take_all(charge, 2000), 20);
}

static void what_was_paid_before_is_a_part_of_the_whole(void **state)
{
    struct user_charge queue = write_of("7", 10);

    (void)state;
    assert_true(take(write_of("7", 1), 1000));
    queue.paid = 1;
    assert_true(take(queue, 1000));
    assert_int_equal(take_all(write_of("7", 1), 1000), 0);
}

static void what_is_refused_costs_nothing(void **state)
{
    struct user_charge queue = write_of("7", 8);

    (void)state;
    assert_true(take(write_of("7", 5), 1000));
    assert_true(take(write_of("7", 1), 1000));
    queue.paid = 1;
    assert_false(take(queue, 1000));
    assert_int_equal(take_all(write_of("7", 1), 1000), 5);
}

static void a_queue_larger_than_the_burst_passes_first_and_is_paid_for_afterwards(void **state)
{
    struct user_charge queue = write_of("7", 30);

    (void)state;
    assert_true(take(write_of("7", 1), 1000));
    queue.paid = 1;
    assert_true(take(queue, 1000));
    assert_false(take(write_of("7", 1), 5000)); /* 20 are owed: four seconds */
    assert_true(take(write_of("7", 1), 5200));
}

static void a_rate_of_zero_is_no_limit_and_remembers_nobody(void **state)
{
    static const struct user_rate_limits open = {.reads = {0, 30}, .writes = {0, 10}, .backend_factor = 4};
    struct user_charge charge = write_of("7", 100);

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_true(user_rates_take(&rates, &open, &charge, 1000, NULL));
    assert_int_equal(rates.users.count, 0);
}

static void who_has_been_quiet_is_forgotten(void **state)
{
    char name[16];

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "u%u", i);
        assert_true(take(write_of(name, 1), 1000 + i)); /* it takes 200 ms to be as before */
    }
    assert_in_range(rates.users.count, 100, 300);
    assert_true(take(write_of("last", 1), 10000));
    assert_true(take(write_of("last", 1), 10000));
    for (unsigned i = 0; i < 400; i++) {
        (void)snprintf(name, sizeof(name), "v%u", i);
        assert_true(take(write_of(name, 1), 10000));
    }
    assert_int_equal(take_all(write_of("last", 1), 10000), 8); /* nobody was who had not been */
}

static void there_are_never_more_than_so_many(void **state)
{
    char name[16];

    (void)state;
    assert_int_equal(take_all(write_of("first", 1), 1000), 10);
    for (unsigned i = 0; i < LIMIT_RATED_USERS + 1000; i++) {
        (void)snprintf(name, sizeof(name), "u%u", i);
        assert_true(take(write_of(name, 1), 1000));
    }
    assert_int_equal(rates.users.count, LIMIT_RATED_USERS);
    assert_int_equal(take_all(write_of("first", 1), 1000), 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_user_has_a_rate_of_his_own),
        TEST(who_writes_too_much_may_still_read),
        TEST(a_refusal_says_when_to_come_again),
        TEST(a_backend_may_do_more),
        TEST(what_was_paid_before_is_a_part_of_the_whole),
        TEST(what_is_refused_costs_nothing),
        TEST(a_queue_larger_than_the_burst_passes_first_and_is_paid_for_afterwards),
        TEST(a_rate_of_zero_is_no_limit_and_remembers_nobody),
        TEST(who_has_been_quiet_is_forgotten),
        TEST(there_are_never_more_than_so_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
