#include "lib/order.h"

static void a_change_sent_again_gets_the_first_answer(void **state)
{
    const struct answer *answer;

    (void)state;
    order_create("{\"qty\":5}");
    assert_made(order_update_as("c1", "{\"qty\":6}"), 2);
    order_update("{\"qty\":7}");
    answer = order_update_as("c1", "{\"qty\":6}");
    assert_int_equal(answer->err, OK);
    assert_true(answer->is_repeat);
    assert_int_equal(answer->version, 2);
    assert_int_equal(answer->position.offset, 2);
    assert_int_equal(answer->current_version, 3);
    assert_text(answer->record, "{\"qty\":7}");
    assert_record(ORDER, 3, "{\"qty\":7}");
    assert_made(order_update("{\"qty\":8}"), 4); /* and all goes on */
}

static void a_change_sent_again_after_a_restart_gets_the_first_answer(void **state)
{
    (void)state;
    order_create("{\"status\":\"draft\"}");
    assert_made(order_act(MARIA, "approve", "a1"), 2);
    hub_double_restart(world);
    assert_true(order_act(MARIA, "approve", "a1")->is_repeat); /* and not "it is approved already" */
    assert_refused(order_act(MARIA, "approve", "a2"), ERR_BAD_STATE);
}

static void a_create_sent_again_does_not_find_that_it_exists(void **state)
{
    (void)state;
    assert_made(hub_double_change(world, MARIA, 2, ORDER, CHANGE_CREATE, "c1", "{}"), 1);
    assert_true(hub_double_change(world, MARIA, 2, ORDER, CHANGE_CREATE, "c1", "{}")->is_repeat);
}

static void an_id_used_for_something_else_is_refused(void **state)
{
    (void)state;
    order_create("{\"qty\":5}");
    order_update_as("c1", "{\"qty\":6}");
    assert_refused(order_update_as("c1", "{\"qty\":7}"), ERR_ID_REUSED);
    assert_record(ORDER, 2, "{\"qty\":6}");
    assert_made(order_update("{\"qty\":8}"), 3);
}

/* Sent again later, it would do something by then. */
static void what_did_nothing_still_does_nothing_when_it_is_sent_again(void **state)
{
    (void)state;
    order_create("{\"qty\":5}");
    assert_int_equal(order_update_as("c1", "{\"qty\":5}")->version, 1);
    order_update("{\"qty\":6}");
    assert_true(order_update_as("c1", "{\"qty\":5}")->is_repeat);
    assert_record(ORDER, 2, "{\"qty\":6}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, hub_stage_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_sent_again_gets_the_first_answer),
        TEST(a_change_sent_again_after_a_restart_gets_the_first_answer),
        TEST(a_create_sent_again_does_not_find_that_it_exists),
        TEST(an_id_used_for_something_else_is_refused),
        TEST(what_did_nothing_still_does_nothing_when_it_is_sent_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
