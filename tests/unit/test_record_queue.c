#include "lib/order.h"

/* ---- several at once ---------------------------------------------------------------------------------------------- */

static void changes_do_not_wait_for_each_other(void **state)
{
    (void)state;
    order_create("{\"qty\":5}");
    world->is_store_slow = true;
    for (unsigned i = 0; i < 5; i++)
        order_send(CHANGE_UPDATE, "", i % 2 ? "{\"qty\":6}" : "{\"qty\":7}");
    assert_int_equal(world->asked_count, 5);
    hub_double_store_all(world);
    for (uint64_t version = 2; version <= 6; version++)
        assert_made(hub_double_answer(world), version);
    assert_record(ORDER, 6, "{\"qty\":7}");
}

static void changes_wait_for_the_record_to_be_loaded_in_order(void **state)
{
    (void)state;
    order_create("{\"qty\":5}");
    hub_double_restart(world);
    world->is_store_slow = true;
    order_send(CHANGE_UPDATE, "", "{\"qty\":6}");
    order_send(CHANGE_UPDATE, "", "{\"qty\":7}");
    assert_int_equal(world->asked_count, 1);
    assert_int_equal(world->asked[0]->kind, STORE_RECORD_LOAD);
    hub_double_store_all(world);
    assert_made(hub_double_answer(world), 2);
    assert_made(hub_double_answer(world), 3);
    assert_record(ORDER, 3, "{\"qty\":7}");
}

static void when_one_fails_those_behind_it_are_made_again(void **state)
{
    (void)state;
    order_create("{\"qty\":5}");
    hub_double_join(world, ADA, 1, ORDER);
    hub_double_hush(world);
    world->is_store_slow = true;
    order_send(CHANGE_UPDATE, "", "{\"qty\":6}");
    order_send(CHANGE_UPDATE, "", "{\"title\":\"B\"}");
    order_send(CHANGE_UPDATE, "", "{\"title\":\"C\"}");
    store_fails(ERR_STORAGE_FULL);
    hub_double_store_all(world);
    assert_refused(hub_double_answer(world), ERR_STORAGE_FULL);
    assert_made(hub_double_answer(world), 2);
    assert_made(hub_double_answer(world), 3);
    assert_record(ORDER, 3, "{\"qty\":5,\"title\":\"C\"}"); /* nothing of the first one */
    assert_int_equal(hub_counts(world->hub).records_busy, 0);
}

static void a_join_waits_while_it_is_not_known_what_is_committed(void **state)
{
    const struct answer *answer;

    (void)state;
    order_create("{\"qty\":5}");
    hub_double_join(world, VERA, 8, ORDER);
    world->is_store_slow = true;
    order_send(CHANGE_UPDATE, "", "{\"qty\":6}");
    order_send(CHANGE_UPDATE, "", "{\"qty\":7}");
    store_fails(ERR_STORAGE);
    assert_null(hub_double_join(world, ADA, 1, ORDER));
    hub_double_store_all(world);
    answer = hub_double_answer(world);
    while (answer && answer->kind != COMMAND_JOIN)
        answer = hub_double_answer(world);
    assert_non_null(answer);
    assert_int_equal(answer->version, answer->position.offset);
}

/* Somebody else (another node) writes the record every time we are about to. */
static void a_change_that_conflicts_too_often_is_refused(void **state)
{
    unsigned asked = 0;
    const struct answer *answer;

    (void)state;
    order_create("{\"qty\":5}");
    world->is_store_slow = true;
    order_send(CHANGE_UPDATE, "", "{\"qty\":6}");
    while (world->asked_count > 0) {
        if (world->asked[0]->kind == STORE_COMMIT) {
            world->failure = ERR_CONFLICT;
            asked++;
        }
        hub_double_store_some(world, 1);
        world->failure = OK;
    }
    answer = hub_double_answer(world);
    assert_refused(answer, ERR_CONFLICT);
    assert_int_equal(answer->current_version, 1);
    assert_int_equal(asked, 4);
    world->is_store_slow = false;
    assert_made(order_update("{\"qty\":6}"), 2);
}

/* "It exists" would be a lie if the create that is under way fails. */
static void nobody_is_refused_because_of_what_never_came_to_be(void **state)
{
    uint64_t second;
    const struct answer *answer;

    (void)state;
    assert_refused(order_update("{}"), ERR_NOT_FOUND); /* loads it */
    world->is_store_slow = true;
    hub_double_hush(world);
    order_send(CHANGE_CREATE, "", "{\"qty\":1}");
    second = order_send(CHANGE_CREATE, "", "{\"qty\":2}");
    assert_null(hub_double_answer(world));
    store_fails(ERR_STORAGE);
    hub_double_store_all(world);
    assert_refused(hub_double_answer(world), ERR_STORAGE);
    answer = hub_double_answer(world);
    assert_int_equal(answer->tag, second);
    assert_made(answer, 1);
    assert_record(ORDER, 1, "{\"qty\":2}");
}

static void a_refusal_that_depends_on_what_is_under_way_waits_for_it(void **state)
{
    (void)state;
    assert_refused(order_update("{}"), ERR_NOT_FOUND);
    world->is_store_slow = true;
    hub_double_hush(world);
    order_send(CHANGE_CREATE, "", "{\"qty\":1}");
    order_send(CHANGE_CREATE, "", "{\"qty\":2}");
    hub_double_store_all(world);
    assert_made(hub_double_answer(world), 1);
    assert_refused(hub_double_answer(world), ERR_EXISTS);
}

static void what_somebody_else_committed_is_loaded(void **state)
{
    struct event *event;
    struct change change = {.kind = CHANGE_UPDATE, .version = 2};
    struct model_change *row;

    (void)state;
    order_create("{\"qty\":5}");
    /* another node writes version 2, and its event arrives */
    row = &world->store.changes[0];
    assert_int_equal(row->version, 1);
    row->version = 2;
    row->state[7] = '9';
    world->store.rooms[0].head++;
    event = event_new(EVENT_CHANGE, SPAN(ORDER));
    event->position = (struct position){world->store.rooms[0].epoch, 2};
    event_set_change(event, &change);
    hub_on_committed(world->hub, event);
    event_unref(event);
    hub_double_store_all(world);
    assert_made(order_update("{\"title\":\"B\"}"), 3);
    assert_record(ORDER, 3, "{\"qty\":9,\"title\":\"B\"}");
}

/* ---- when the store cannot ---------------------------------------------------------------------------------------- */

static void what_cannot_be_loaded_is_refused_and_asked_for_again(void **state)
{
    (void)state;
    order_create("{\"qty\":5}");
    hub_double_restart(world);
    world->failure = ERR_STORAGE;
    assert_refused(order_update("{\"qty\":6}"), ERR_STORAGE);
    assert_int_equal(hub_counts(world->hub).records, 0);
    world->failure = OK;
    assert_made(order_update("{\"qty\":6}"), 2);
}

static void a_join_whose_record_cannot_be_loaded_is_refused(void **state)
{
    (void)state;
    world->is_store_slow = true;
    assert_null(hub_double_join(world, ADA, 1, ORDER));
    hub_double_store_some(world, 1); /* the room is open */
    world->failure = ERR_STORAGE;
    hub_double_store_all(world);
    assert_refused(hub_double_answer(world), ERR_STORAGE);
    assert_int_equal(hub_counts(world->hub).members, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, hub_stage_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(changes_do_not_wait_for_each_other),
        TEST(changes_wait_for_the_record_to_be_loaded_in_order),
        TEST(when_one_fails_those_behind_it_are_made_again),
        TEST(a_join_waits_while_it_is_not_known_what_is_committed),
        TEST(a_change_that_conflicts_too_often_is_refused),
        TEST(nobody_is_refused_because_of_what_never_came_to_be),
        TEST(a_refusal_that_depends_on_what_is_under_way_waits_for_it),
        TEST(what_somebody_else_committed_is_loaded),
        TEST(what_cannot_be_loaded_is_refused_and_asked_for_again),
        TEST(a_join_whose_record_cannot_be_loaded_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
