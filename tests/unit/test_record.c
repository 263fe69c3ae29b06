#include "lib/order.h"

#include <stdio.h>

static struct answer *update_from(uint64_t base_version, bool must_match, const char *patch)
{
    struct command *command = hub_double_change_command(world, MARIA, 2, ORDER, CHANGE_UPDATE, "", patch);

    command->change->base_version = base_version;
    command->change->must_match = must_match;
    return hub_double_ask(world, command);
}

/* ---- one after the other ------------------------------------------------------------------------------------------ */

static void a_record_is_made_changed_and_deleted(void **state)
{
    const struct answer *answer = order_create("{\"title\":\"A\",\"qty\":5}");

    (void)state;
    assert_made(answer, 1);
    assert_true(answer->has_record);
    assert_text(answer->record, "{\"title\":\"A\",\"qty\":5}");
    assert_text(answer->entity_id, "O-1");
    assert_int_equal(answer->position.offset, 1);
    answer = order_update("{\"qty\":6}");
    assert_made(answer, 2);
    assert_text(answer->change->ops[0].before, "5");
    assert_text(answer->change->ops[0].after, "6");
    assert_record(ORDER, 2, "{\"title\":\"A\",\"qty\":6}");
    answer = order_delete();
    assert_made(answer, 3);
    assert_false(answer->has_record);
    assert_true(order_stored()->is_delete);
}

static void versions_go_on_when_a_deleted_record_is_made_again(void **state)
{
    (void)state;
    order_create("{}");
    order_delete();
    assert_made(order_create("{\"title\":\"B\"}"), 3);
}

static void what_is_there_is_not_made_and_what_is_not_there_is_not_changed(void **state)
{
    (void)state;
    assert_refused(order_update("{\"qty\":6}"), ERR_NOT_FOUND);
    assert_refused(order_delete(), ERR_NOT_FOUND);
    assert_refused(order_act(MARIA, "approve", ""), ERR_NOT_FOUND);
    order_create("{}");
    assert_refused(order_create("{}"), ERR_EXISTS);
    order_delete();
    assert_refused(order_update("{\"qty\":6}"), ERR_NOT_FOUND);
}

static void a_change_that_does_nothing_makes_no_version(void **state)
{
    const struct answer *answer;

    (void)state;
    hub_double_join(world, ADA, 1, ORDER);
    order_create("{\"qty\":5}");
    answer = order_update("{\"qty\":5}");
    assert_int_equal(answer->err, OK);
    assert_int_equal(answer->version, 1);
    assert_null(answer->change);
    assert_int_equal(answer->position.offset, 1);
    assert_text(answer->record, "{\"qty\":5}");
    assert_null(next_event(EVENT_CHANGE));
}

/* ---- against which version ---------------------------------------------------------------------------------------- */

static void an_older_base_is_brought_onto_the_present_state_field_by_field(void **state)
{
    (void)state;
    order_create("{\"title\":\"A\",\"qty\":5}");
    order_update("{\"title\":\"B\"}");
    assert_made(update_from(1, false, "{\"qty\":7}"), 3);
    assert_record(ORDER, 3, "{\"title\":\"B\",\"qty\":7}");
}

static void a_version_from_the_future_is_refused(void **state)
{
    const struct answer *answer;

    (void)state;
    order_create("{}");
    answer = update_from(2, false, "{\"qty\":7}");
    assert_refused(answer, ERR_BAD_VERSION);
    assert_int_equal(answer->current_version, 1);
}

static void who_insists_on_a_version_gets_it_or_is_refused(void **state)
{
    const struct answer *answer;

    (void)state;
    order_create("{}");
    assert_made(update_from(1, true, "{\"qty\":7}"), 2);
    answer = update_from(1, true, "{\"qty\":8}");
    assert_refused(answer, ERR_PRECONDITION);
    assert_int_equal(answer->current_version, 2);
    assert_record(ORDER, 2, "{\"qty\":7}");
}

/* ---- actions ------------------------------------------------------------------------------------------------------ */

static void an_action_does_what_it_is_configured_to_do(void **state)
{
    const struct answer *answer;
    const struct event *event;

    (void)state;
    hub_double_join(world, ADA, 1, ORDER);
    order_create("{\"status\":\"draft\"}");
    answer = order_act(MARIA, "approve", "");
    assert_made(answer, 2);
    assert_record(ORDER, 2, "{\"status\":\"approved\",\"approved_by\":\"maria\"}");
    event = next_event(EVENT_CHANGE);
    assert_text(event->change.action, "approve");
    assert_text(event->change.event, "approved");
    assert_int_equal(event->change.change->kind, CHANGE_ACTION);
}

static void an_action_whose_conditions_do_not_hold_is_refused(void **state)
{
    const struct answer *answer;

    (void)state;
    order_create("{\"status\":\"approved\"}");
    answer = order_act(MARIA, "approve", "");
    assert_refused(answer, ERR_BAD_STATE);
    assert_text(answer->field, "status");
    assert_refused(order_act(MARIA, "implement", ""), ERR_UNKNOWN_ACTION);
}

/* ---- who may ------------------------------------------------------------------------------------------------------ */

static void who_may_not_change_is_refused(void **state)
{
    (void)state;
    order_create("{\"status\":\"draft\"}");
    assert_refused(hub_double_change(world, VERA, 8, ORDER, CHANGE_UPDATE, "", "{\"qty\":1}"), ERR_FORBIDDEN);
    assert_refused(hub_double_change(world, VERA, 8, ORDER, CHANGE_DELETE, "", NULL), ERR_FORBIDDEN);
    assert_refused(hub_double_change(world, VERA, 8, "order:O-2", CHANGE_CREATE, "", "{}"), ERR_FORBIDDEN);
    assert_refused(order_act(VERA, "approve", ""), ERR_FORBIDDEN);
    assert_record(ORDER, 1, "{\"status\":\"draft\"}");
}

static void a_field_one_may_not_write_is_refused_whoever_read_the_message(void **state)
{
    const struct answer *answer;

    (void)state;
    order_create("{\"qty\":1}");
    answer = order_update("{\"qty\":2,\"price\":9}");
    assert_refused(answer, ERR_FORBIDDEN);
    assert_text(answer->field, "price");
    assert_record(ORDER, 1, "{\"qty\":1}");
}

static void what_is_no_record_cannot_be_changed(void **state)
{
    struct command *command = hub_double_command(world, COMMAND_ACTION, MARIA, 2, "lobby");

    (void)state;
    command->action.name = SPAN("approve");
    assert_refused(hub_double_ask(world, command), ERR_NOT_FOUND);
}

static void a_record_that_a_backend_decides_about_is_kept_as_any_other(void **state)
{
    (void)state;
    assert_made(hub_double_change(world, MARIA, 2, "far:F-1", CHANGE_CREATE, "", "{\"title\":\"A\"}"), 1);
    assert_record("far:F-1", 1, "{\"title\":\"A\"}");
}

static void a_type_that_only_announces_is_heard_and_not_stored(void **state)
{
    const struct answer *answer;

    (void)state;
    hub_double_join(world, ADA, 1, "shout:S-1");
    answer = hub_double_change(world, MARIA, 2, "shout:S-1", CHANGE_UPDATE, "", "{\"title\":\"A\"}");
    assert_int_equal(answer->err, OK);
    assert_int_equal(answer->version, 0);
    assert_int_equal(answer->position.offset, 1);
    assert_text(next_event(EVENT_CHANGE)->change.change->ops[0].after, "\"A\"");
    assert_null(model_store_record(&world->store, SPAN("shout:S-1")));
}

/* ---- who hears of it ---------------------------------------------------------------------------------------------- */

static void a_change_is_heard_in_every_room_that_shows_it(void **state)
{
    static const char *const rooms[] = {ORDER, "order-updates", ROOM_RECORDS};
    const struct event *event;
    struct span id = SPAN_EMPTY;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        hub_double_join(world, ADA, 1, rooms[i]);
    order_create("{\"title\":\"Screws\"}");
    for (unsigned i = 0; i < 3; i++) {
        event = next_event(EVENT_CHANGE);
        assert_true(span_is(event->room, rooms[i]));
        assert_int_equal(event->position.offset, 1);
        assert_int_equal(event->origin, MARIA);
        assert_text(event->change.event, "created");
        assert_text(event->change.label, "Screws");
        assert_true(i == 0 || span_equal(event->id, id)); /* it is one event */
        id = event->id;
    }
}

static void an_alert_goes_off_once_when_its_condition_becomes_true(void **state)
{
    const struct event *event;

    (void)state;
    hub_double_join(world, ADA, 1, ROOM_ALERTS);
    order_create("{\"title\":\"Screws\",\"qty\":5}");
    assert_null(next_event(EVENT_ALERT));
    order_update("{\"qty\":2}");
    event = next_event(EVENT_ALERT);
    assert_text(event->room, ROOM_ALERTS);
    assert_text(event->alert.title, "Screws is low");
    assert_text(event->alert.message, "2 left");
    assert_int_equal(event->origin, 0); /* who caused it is told, too */
    order_update("{\"qty\":1}");
    assert_null(next_event(EVENT_ALERT));
}

static void who_changes_a_record_is_not_idle_in_its_room(void **state)
{
    const struct answer *answer;

    (void)state;
    order_create("{}");
    hub_double_join(world, MARIA, 2, ORDER);
    hub_double_advance(world, world->limits.idle_ms - 1);
    order_update("{\"qty\":1}");
    hub_double_advance(world, world->limits.idle_ms - 1);
    answer = hub_double_ask(world, hub_double_command(world, COMMAND_LOOK, 99, 1, ORDER));
    assert_int_equal(hub_double_person(answer, "2")->status, STATUS_ONLINE);
}

/* ---- state and position in one ------------------------------------------------------------------------------------ */

static void a_join_gets_the_record_as_it_is_where_the_room_stands(void **state)
{
    const struct answer *answer;

    (void)state;
    order_create("{\"qty\":5}");
    order_update("{\"qty\":6}");
    answer = hub_double_join(world, VERA, 8, ORDER);
    assert_true(answer->has_record);
    assert_text(answer->record, "{\"qty\":6}");
    assert_int_equal(answer->version, 2);
    assert_int_equal(answer->position.offset, 2);
    order_delete();
    answer = hub_double_join(world, AMIR, 3, ORDER);
    assert_false(answer->has_record);
    assert_int_equal(answer->version, 0);
    assert_int_equal(answer->position.offset, 3);
}

static void a_join_is_not_shown_what_is_not_committed(void **state)
{
    const struct answer *answer;

    (void)state;
    order_create("{\"qty\":5}");
    hub_double_join(world, VERA, 8, ORDER);
    world->is_store_slow = true;
    order_send(CHANGE_UPDATE, "", "{\"qty\":6}");
    answer = hub_double_join(world, ADA, 1, ORDER);
    assert_text(answer->record, "{\"qty\":5}");
    assert_int_equal(answer->version, 1);
    assert_int_equal(answer->position.offset, 1);
    hub_double_store_all(world);
    assert_int_equal(next_event(EVENT_CHANGE)->position.offset, 2);
}

/* ---- bounds ------------------------------------------------------------------------------------------------------- */

static void too_many_changes_at_once_are_refused(void **state)
{
    (void)state;
    order_create("{\"qty\":5}");
    world->limits.changes_waiting_max = 2;
    hub_double_restart(world);
    world->is_store_slow = true;
    order_send(CHANGE_UPDATE, "", "{\"qty\":1}");
    order_send(CHANGE_UPDATE, "", "{\"qty\":2}");
    order_send(CHANGE_UPDATE, "", "{\"qty\":3}");
    assert_refused(hub_double_answer(world), ERR_OVERLOADED);
    hub_double_store_all(world);
    assert_record(ORDER, 3, "{\"qty\":2}");
}

static void a_record_that_would_be_too_large_is_refused(void **state)
{
    (void)state;
    order_create("{\"title\":\"A\"}");
    world->limits.record_bytes_max = 30;
    hub_double_restart(world);
    assert_refused(order_update("{\"title\":\"A very long title that does not fit\"}"), ERR_TOO_LARGE);
    assert_record(ORDER, 1, "{\"title\":\"A\"}");
}

static void idle_records_go_when_there_are_too_many(void **state)
{
    (void)state;
    world->limits.records_cached_max = 3;
    hub_double_restart(world);
    for (unsigned i = 0; i < 10; i++) {
        char room[16];

        (void)snprintf(room, sizeof(room), "order:O-%u", i);
        assert_made(hub_double_change(world, MARIA, 2, room, CHANGE_CREATE, "", "{}"), 1);
        assert_int_equal(hub_double_join(world, ADA, 1, room)->err, OK);
        assert_true(hub_counts(world->hub).records <= 3);
    }
    assert_made(hub_double_change(world, MARIA, 2, "order:O-0", CHANGE_UPDATE, "", "{\"qty\":1}"), 2);
}

static void records_that_are_too_large_together_go_and_come_again(void **state)
{
    (void)state;
    world->limits.records_bytes_max = 1;
    hub_double_restart(world);
    assert_made(order_create("{}"), 1);
    assert_int_equal(hub_double_join(world, ADA, 1, ORDER)->version, 1);
    assert_made(order_update("{\"qty\":1}"), 2);
}

static void when_all_records_are_busy_another_one_is_refused(void **state)
{
    (void)state;
    world->limits.records_cached_max = 1;
    hub_double_restart(world);
    world->is_store_slow = true;
    order_send(CHANGE_CREATE, "", "{}");
    assert_refused(hub_double_change(world, MARIA, 2, "order:O-2", CHANGE_CREATE, "", "{}"), ERR_OVERLOADED);
    hub_double_store_all(world);
    world->is_store_slow = false;
    assert_made(hub_double_change(world, MARIA, 2, "order:O-2", CHANGE_CREATE, "", "{}"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, hub_stage_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_record_is_made_changed_and_deleted),
        TEST(versions_go_on_when_a_deleted_record_is_made_again),
        TEST(what_is_there_is_not_made_and_what_is_not_there_is_not_changed),
        TEST(a_change_that_does_nothing_makes_no_version),
        TEST(an_older_base_is_brought_onto_the_present_state_field_by_field),
        TEST(a_version_from_the_future_is_refused),
        TEST(who_insists_on_a_version_gets_it_or_is_refused),
        TEST(an_action_does_what_it_is_configured_to_do),
        TEST(an_action_whose_conditions_do_not_hold_is_refused),
        TEST(who_may_not_change_is_refused),
        TEST(a_field_one_may_not_write_is_refused_whoever_read_the_message),
        TEST(what_is_no_record_cannot_be_changed),
        TEST(a_record_that_a_backend_decides_about_is_kept_as_any_other),
        TEST(a_type_that_only_announces_is_heard_and_not_stored),
        TEST(a_change_is_heard_in_every_room_that_shows_it),
        TEST(an_alert_goes_off_once_when_its_condition_becomes_true),
        TEST(who_changes_a_record_is_not_idle_in_its_room),
        TEST(a_join_gets_the_record_as_it_is_where_the_room_stands),
        TEST(a_join_is_not_shown_what_is_not_committed),
        TEST(too_many_changes_at_once_are_refused),
        TEST(a_record_that_would_be_too_large_is_refused),
        TEST(idle_records_go_when_there_are_too_many),
        TEST(records_that_are_too_large_together_go_and_come_again),
        TEST(when_all_records_are_busy_another_one_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
