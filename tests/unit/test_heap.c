#include "base/heap.h"
#include "base/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { TIMERS = 500 };

static struct timer_heap heap;
static struct timer timers[TIMERS];

static int set_up(void **state)
{
    (void)state;
    timer_heap_init(&heap);
    for (int i = 0; i < TIMERS; i++)
        timers[i] = (struct timer){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    timer_heap_deinit(&heap);
    return 0;
}

static void an_empty_heap_has_nothing_to_expire(void **state)
{
    (void)state;
    assert_null(timer_heap_first(&heap));
    assert_null(timer_heap_expire(&heap, UINT64_MAX));
}

static void timers_expire_in_the_order_of_their_deadlines(void **state)
{
    struct rand rand;
    uint64_t before = 0;

    (void)state;
    rand_seed(&rand, 2);
    for (int i = 0; i < TIMERS; i++)
        timer_schedule(&heap, &timers[i], rand_below(&rand, 1000));
    for (int i = 0; i < TIMERS; i++) {
        struct timer *timer = timer_heap_expire(&heap, 1000);

        assert_non_null(timer);
        assert_true(timer->deadline >= before);
        assert_false(timer_is_scheduled(timer));
        before = timer->deadline;
    }
    assert_null(timer_heap_expire(&heap, UINT64_MAX));
}

static void a_timer_expires_at_its_deadline_and_not_before(void **state)
{
    (void)state;
    timer_schedule(&heap, &timers[0], 10);
    assert_null(timer_heap_expire(&heap, 9));
    assert_ptr_equal(timer_heap_first(&heap), &timers[0]);
    assert_ptr_equal(timer_heap_expire(&heap, 10), &timers[0]);
}

static void scheduling_again_moves_the_timer(void **state)
{
    (void)state;
    timer_schedule(&heap, &timers[0], 10);
    timer_schedule(&heap, &timers[1], 20);
    timer_schedule(&heap, &timers[0], 30);
    assert_int_equal(heap.count, 2);
    assert_ptr_equal(timer_heap_first(&heap), &timers[1]);
    timer_schedule(&heap, &timers[0], 5);
    assert_ptr_equal(timer_heap_first(&heap), &timers[0]);
}

static void a_cancelled_timer_does_not_expire(void **state)
{
    (void)state;
    timer_cancel(&heap, &timers[0]); /* was never scheduled */
    timer_schedule(&heap, &timers[0], 10);
    timer_schedule(&heap, &timers[1], 20);
    timer_cancel(&heap, &timers[0]);
    timer_cancel(&heap, &timers[0]);
    assert_false(timer_is_scheduled(&timers[0]));
    assert_ptr_equal(timer_heap_expire(&heap, 100), &timers[1]);
    assert_null(timer_heap_expire(&heap, 100));
}

static void an_expired_timer_can_be_scheduled_again(void **state)
{
    (void)state;
    timer_schedule(&heap, &timers[0], 10);
    assert_ptr_equal(timer_heap_expire(&heap, 10), &timers[0]);
    timer_schedule(&heap, &timers[0], UINT64_MAX);
    assert_null(timer_heap_expire(&heap, UINT64_MAX - 1));
    assert_ptr_equal(timer_heap_expire(&heap, UINT64_MAX), &timers[0]);
}

static void timers_survive_their_heap_unscheduled(void **state)
{
    (void)state;
    timer_schedule(&heap, &timers[0], 10);
    timer_heap_deinit(&heap);
    assert_false(timer_is_scheduled(&timers[0]));
    timer_schedule(&heap, &timers[0], 10);
    assert_ptr_equal(timer_heap_first(&heap), &timers[0]);
}

static uint64_t earliest_deadline(void)
{
    uint64_t earliest = UINT64_MAX;

    for (int i = 0; i < TIMERS; i++)
        if (timer_is_scheduled(&timers[i]) && timers[i].deadline < earliest)
            earliest = timers[i].deadline;
    return earliest;
}

static void random_changes_keep_the_earliest_first(void **state)
{
    struct rand rand;

    (void)state;
    rand_seed(&rand, 3);
    for (int step = 0; step < 20000; step++) {
        struct timer *timer = &timers[rand_below(&rand, TIMERS)];

        if (rand_below(&rand, 3) == 0)
            timer_cancel(&heap, timer);
        else
            timer_schedule(&heap, timer, rand_below(&rand, 10000));
        if (heap.count > 0)
            assert_true(timer_heap_first(&heap)->deadline == earliest_deadline());
    }
    for (uint32_t i = 0; i < heap.count; i++)
        assert_int_equal(heap.timers[i]->position, i + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_heap_has_nothing_to_expire, set_up, tear_down),
        cmocka_unit_test_setup_teardown(timers_expire_in_the_order_of_their_deadlines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_timer_expires_at_its_deadline_and_not_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(scheduling_again_moves_the_timer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cancelled_timer_does_not_expire, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_expired_timer_can_be_scheduled_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(timers_survive_their_heap_unscheduled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(random_changes_keep_the_earliest_first, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
