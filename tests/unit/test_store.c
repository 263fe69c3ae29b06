#include "lib/store_stage.h"
#include "store/sqlite_internal.h"

#include <stdio.h>

/* ---- commits ------------------------------------------------------------------------------------------------------ */

static void a_change_is_numbered_in_every_room_that_shows_it(void **state)
{
    struct store_request *first = store_fixture_change(&fixture, "O-1", 1, SPAN_EMPTY, "{\"title\":\"one\"}");
    struct store_request *second = store_fixture_change(&fixture, "O-2", 1, SPAN_EMPTY, "{\"title\":\"two\"}");
    struct store_request *batch[] = {first, second};

    (void)state;
    store_execute(fixture.store, batch, 2, fixture.wall_ms);
    assert_int_equal(first->err, OK);
    assert_int_equal(second->err, OK);
    assert_int_equal(first->commit.events[0].positions[0].offset, 1);
    assert_int_equal(first->commit.events[0].positions[1].offset, 1);
    assert_int_equal(second->commit.events[0].positions[0].offset, 1); /* its own room */
    assert_int_equal(second->commit.events[0].positions[1].offset, 2); /* the channel */
    assert_int_equal(second->commit.events[0].positions[2].offset, 2);
    assert_int_not_equal(first->commit.events[0].positions[0].epoch, 0);
    store_request_free(first);
    store_request_free(second);
    assert_int_equal(store_fixture_position(&fixture, "order-updates").offset, 2);
}

static void a_record_is_found_as_it_was_left(void **state)
{
    uint64_t version;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\",\"qty\":3}"), OK);
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":4}"), OK);
    assert_text(store_fixture_state(&fixture, "O-1", &version), "{\"title\":\"one\",\"qty\":4}");
    assert_int_equal(version, 2);
    assert_int_equal(store_fixture_state(&fixture, "O-9", &version).len, 0);
    assert_int_equal(version, 0);
}

static void what_comes_later_in_a_batch_sees_what_came_before(void **state)
{
    struct store_request *change = store_fixture_change(&fixture, "O-1", 1, SPAN_EMPTY, "{\"title\":\"one\"}");
    struct store_request *load = store_request_new(STORE_RECORD_LOAD);
    struct store_request *room = store_request_new(STORE_ROOM_OPEN);
    struct store_request *before = store_request_new(STORE_ROOM_OPEN);
    struct store_request *batch[] = {before, change, load, room};

    (void)state;
    load->type = fixture.type;
    load->entity_id = SPAN("O-1");
    room->room = before->room = SPAN("order:O-1");
    store_execute(fixture.store, batch, 4, fixture.wall_ms);
    assert_int_equal(before->position.offset, 0);
    assert_true(load->found);
    assert_int_equal(load->version, 1);
    assert_int_equal(room->position.offset, 1);
    for (size_t i = 0; i < 4; i++)
        store_request_free(batch[i]);
}

static void a_change_that_is_late_is_refused_alone(void **state)
{
    struct store_request *good = store_fixture_change(&fixture, "O-1", 1, SPAN_EMPTY, "{\"title\":\"one\"}");
    struct store_request *late = store_fixture_change(&fixture, "O-1", 1, SPAN_EMPTY, "{\"title\":\"other\"}");
    struct store_request *early = store_fixture_change(&fixture, "O-2", 2, SPAN_EMPTY, "{\"title\":\"none\"}");
    struct store_request *next = store_fixture_change(&fixture, "O-1", 2, SPAN("{\"title\":\"one\"}"), "{\"qty\":1}");
    struct store_request *batch[] = {good, late, early, next};
    uint64_t version;

    (void)state;
    store_execute(fixture.store, batch, 4, fixture.wall_ms);
    assert_int_equal(good->err, OK);
    assert_int_equal(late->err, ERR_CONFLICT);
    assert_int_equal(late->version, 1);
    assert_int_equal(early->err, ERR_CONFLICT);
    assert_int_equal(next->err, OK);
    assert_text(store_fixture_state(&fixture, "O-1", &version), "{\"title\":\"one\",\"qty\":1}");
    assert_int_equal(store_fixture_position(&fixture, "order-updates").offset, 2); /* the refused ones left no gap */
    assert_int_equal(store_fixture_position(&fixture, "order:O-2").offset, 0);
    for (size_t i = 0; i < 4; i++)
        store_request_free(batch[i]);
}

static void a_record_that_is_made_again_goes_on_with_its_versions(void **state)
{
    struct store_request *removal;
    uint64_t version;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    removal = store_fixture_delete(&fixture, "O-1", 2);
    assert_int_equal(store_fixture_execute(&fixture, removal), OK);
    store_request_free(removal);
    assert_int_equal(store_fixture_state(&fixture, "O-1", &version).len, 0);
    assert_int_equal(version, 2);
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"again\"}"), OK);
    assert_text(store_fixture_state(&fixture, "O-1", &version), "{\"title\":\"again\"}");
    assert_int_equal(version, 3);
}

/* ---- reading events ----------------------------------------------------------------------------------------------- */

static void what_was_missed_is_given_in_order(void **state)
{
    struct store_request *missed;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    assert_int_equal(store_fixture_say(&fixture, "order:O-1", "{\"n\":1}"), OK);
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":2}"), OK);
    missed = store_fixture_events(&fixture, "order:O-1", 1, 100);
    assert_true(missed->is_complete);
    assert_int_equal(missed->event_count, 2);
    assert_int_equal(missed->events[0]->kind, EVENT_MESSAGE);
    assert_text(missed->events[0]->message.data, "{\"n\":1}");
    assert_int_equal(missed->events[0]->position.offset, 2);
    assert_int_equal(missed->events[1]->kind, EVENT_CHANGE);
    assert_int_equal(missed->events[1]->position.offset, 3);
    assert_int_equal(missed->events[1]->change.change->version, 2);
    assert_text(missed->events[1]->room, "order:O-1");
    assert_int_equal(missed->position.offset, 3);
    store_request_free(missed);
}

static void a_position_that_cannot_be_served_gives_nothing(void **state)
{
    struct store_request *missed;

    (void)state;
    assert_int_equal(store_fixture_say(&fixture, "order:O-1", "1"), OK);
    assert_int_equal(store_fixture_say(&fixture, "order:O-1", "2"), OK);

    missed = store_fixture_events(&fixture, "order:O-1", 3, 100); /* the future */
    assert_false(missed->is_complete);
    store_request_free(missed);

    missed = store_fixture_events(&fixture, "order:O-1", 0, 1); /* more than asked for */
    assert_false(missed->is_complete);
    assert_int_equal(missed->event_count, 0);
    missed->since.epoch++; /* another history */
    missed->count_max = 100;
    assert_int_equal(store_fixture_execute(&fixture, missed), OK);
    assert_false(missed->is_complete);
    store_request_free(missed);

    missed = store_fixture_events(&fixture, "order:O-1", 2, 100); /* nothing was missed */
    assert_true(missed->is_complete);
    assert_int_equal(missed->event_count, 0);
    store_request_free(missed);
}

/* ---- restarts ----------------------------------------------------------------------------------------------------- */

static void a_restart_keeps_heads_epoch_keys_and_records(void **state)
{
    struct store_request *first, *again;
    struct position before, after;
    uint64_t version;

    (void)state;
    assert_int_equal(store_stage_change_with_key("O-1", 1, "5", "key", 77, &first), OK);
    store_request_free(first);
    before = store_fixture_position(&fixture, "records");
    store_fixture_reopen(&fixture);
    after = store_fixture_position(&fixture, "records");
    assert_int_equal(after.offset, 1);
    assert_int_equal(after.epoch, before.epoch);
    assert_int_equal(store_stage_change_with_key("O-1", 1, "5", "key", 77, &again), OK);
    assert_true(again->is_repeat);
    store_request_free(again);
    assert_text(store_fixture_state(&fixture, "O-1", &version), "{\"title\":\"one\"}");
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), OK);
    assert_int_equal(store_fixture_position(&fixture, "records").offset, 2);
}

static void forgetting_rooms_costs_nothing_but_time(void **state)
{
    (void)state;
    fixture.store->rooms.count_max = 200;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 500; i++) {
            char id[16];

            (void)snprintf(id, sizeof(id), "O-%d", i);
            assert_int_equal(store_fixture_put(&fixture, id, "{\"qty\":1}"), OK);
        }
    }
    assert_in_range(fixture.store->rooms.count, 1, 200);
    assert_int_equal(store_fixture_position(&fixture, "records").offset, 1000);
    assert_int_equal(store_fixture_position(&fixture, "order:O-7").offset, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_stage_set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_is_numbered_in_every_room_that_shows_it),
        TEST(a_record_is_found_as_it_was_left),
        TEST(what_comes_later_in_a_batch_sees_what_came_before),
        TEST(a_change_that_is_late_is_refused_alone),
        TEST(a_record_that_is_made_again_goes_on_with_its_versions),
        TEST(what_was_missed_is_given_in_order),
        TEST(a_position_that_cannot_be_served_gives_nothing),
        TEST(a_restart_keeps_heads_epoch_keys_and_records),
        TEST(forgetting_rooms_costs_nothing_but_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
