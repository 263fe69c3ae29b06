#include "collab/hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/hub_double.h"

#include <stdio.h>
#include <string.h>

static struct hub_double *world;

/* Sessions of Ada, who may do everything, of Maria and Amir, who edit, and of Vera, who only reads. */
enum { ADA = 11, MARIA = 21, AMIR = 31, VERA = 81 };

static int set_up(void **state)
{
    (void)state;
    world = hub_double_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hub_double_free(world);
    return 0;
}

/* ---- builders ---- */

static struct answer *create(const char *patch)
{
    return hub_double_change(world, MARIA, 2, "order:O-1", CHANGE_CREATE, "", patch);
}

static struct answer *update(const char *patch)
{
    return hub_double_change(world, MARIA, 2, "order:O-1", CHANGE_UPDATE, "", patch);
}

static struct answer *update_as(const char *id, const char *patch)
{
    return hub_double_change(world, MARIA, 2, "order:O-1", CHANGE_UPDATE, id, patch);
}

static struct answer *delete_it(void)
{
    return hub_double_change(world, MARIA, 2, "order:O-1", CHANGE_DELETE, "", NULL);
}

static struct answer *update_from(uint64_t base_version, bool must_match, const char *patch)
{
    struct command *command = hub_double_change_command(world, MARIA, 2, "order:O-1", CHANGE_UPDATE, "", patch);

    command->change->base_version = base_version;
    command->change->must_match = must_match;
    return hub_double_ask(world, command);
}

static struct answer *act(session_id session, unsigned user, const char *action, const char *id)
{
    struct command *command = hub_double_command(world, COMMAND_ACTION, session, user, "order:O-1");

    command->action.name = span_from_str(action);
    command->action.id = span_from_str(id);
    return hub_double_ask(world, command);
}

/* Amir sends, and does not wait. */
static uint64_t send(enum change_kind kind, const char *id, const char *patch)
{
    struct command *command = hub_double_change_command(world, AMIR, 3, "order:O-1", kind, id, patch);
    const uint64_t tag = command->tag;

    hub_double_do(world, command);
    return tag;
}

static struct event *heard(enum event_kind kind)
{
    return hub_double_event(world, 0, kind);
}

static const struct model_change *stored(void)
{
    return model_store_record(&world->store, SPAN("order:O-1"));
}

static void assert_stored(uint64_t version, const char *state)
{
    assert_non_null(stored());
    assert_int_equal(stored()->version, version);
    assert_string_equal(stored()->state, state);
}

static void assert_refused(const struct answer *answer, enum err err)
{
    assert_non_null(answer);
    assert_string_equal(err_code(answer->err), err_code(err));
}

static void assert_made(const struct answer *answer, uint64_t version)
{
    assert_non_null(answer);
    assert_string_equal(err_code(answer->err), "ok");
    assert_int_equal(answer->version, version);
    assert_non_null(answer->change);
    assert_int_equal(answer->change->version, version);
    assert_false(answer->is_repeat);
}

/* ---- one after the other ---- */

static void a_record_is_made_changed_and_deleted(void **state)
{
    const struct answer *answer = create("{\"title\":\"A\",\"qty\":5}");

    (void)state;
    assert_made(answer, 1);
    assert_true(answer->has_record);
    assert_true(span_is(answer->record, "{\"title\":\"A\",\"qty\":5}"));
    assert_true(span_is(answer->entity_id, "O-1"));
    assert_int_equal(answer->position.offset, 1);
    answer = update("{\"qty\":6}");
    assert_made(answer, 2);
    assert_true(span_is(answer->change->ops[0].before, "5"));
    assert_true(span_is(answer->change->ops[0].after, "6"));
    assert_stored(2, "{\"title\":\"A\",\"qty\":6}");
    answer = delete_it();
    assert_made(answer, 3);
    assert_false(answer->has_record);
    assert_true(stored()->is_delete);
}

static void versions_go_on_when_a_deleted_record_is_made_again(void **state)
{
    (void)state;
    create("{}");
    delete_it();
    assert_made(create("{\"title\":\"B\"}"), 3);
}

static void what_is_there_is_not_made_and_what_is_not_there_is_not_changed(void **state)
{
    (void)state;
    assert_refused(update("{\"qty\":6}"), ERR_NOT_FOUND);
    assert_refused(delete_it(), ERR_NOT_FOUND);
    assert_refused(act(MARIA, 2, "approve", ""), ERR_NOT_FOUND);
    create("{}");
    assert_refused(create("{}"), ERR_EXISTS);
    delete_it();
    assert_refused(update("{\"qty\":6}"), ERR_NOT_FOUND);
}

static void a_change_that_does_nothing_makes_no_version(void **state)
{
    const struct answer *answer;

    (void)state;
    hub_double_join(world, ADA, 1, "order:O-1");
    create("{\"qty\":5}");
    answer = update("{\"qty\":5}");
    assert_int_equal(answer->err, OK);
    assert_int_equal(answer->version, 1);
    assert_null(answer->change);
    assert_int_equal(answer->position.offset, 1);
    assert_true(span_is(answer->record, "{\"qty\":5}"));
    assert_null(heard(EVENT_CHANGE));
}

/* ---- against which version ---- */

static void an_older_base_is_brought_onto_the_present_state_field_by_field(void **state)
{
    (void)state;
    create("{\"title\":\"A\",\"qty\":5}");
    update("{\"title\":\"B\"}");
    assert_made(update_from(1, false, "{\"qty\":7}"), 3);
    assert_stored(3, "{\"title\":\"B\",\"qty\":7}");
}

static void a_version_from_the_future_is_refused(void **state)
{
    const struct answer *answer;

    (void)state;
    create("{}");
    answer = update_from(2, false, "{\"qty\":7}");
    assert_refused(answer, ERR_BAD_VERSION);
    assert_int_equal(answer->current_version, 1);
}

static void who_insists_on_a_version_gets_it_or_is_refused(void **state)
{
    const struct answer *answer;

    (void)state;
    create("{}");
    assert_made(update_from(1, true, "{\"qty\":7}"), 2);
    answer = update_from(1, true, "{\"qty\":8}");
    assert_refused(answer, ERR_PRECONDITION);
    assert_int_equal(answer->current_version, 2);
    assert_stored(2, "{\"qty\":7}");
}

/* ---- actions ---- */

static void an_action_does_what_it_is_configured_to_do(void **state)
{
    const struct answer *answer;
    const struct event *event;

    (void)state;
    hub_double_join(world, ADA, 1, "order:O-1");
    create("{\"status\":\"draft\"}");
    answer = act(MARIA, 2, "approve", "");
    assert_made(answer, 2);
    assert_stored(2, "{\"status\":\"approved\",\"approved_by\":\"maria\"}");
    event = heard(EVENT_CHANGE);
    assert_true(span_is(event->change.action, "approve"));
    assert_true(span_is(event->change.event, "approved"));
    assert_int_equal(event->change.change->kind, CHANGE_ACTION);
}

static void an_action_whose_conditions_do_not_hold_is_refused(void **state)
{
    const struct answer *answer;

    (void)state;
    create("{\"status\":\"approved\"}");
    answer = act(MARIA, 2, "approve", "");
    assert_refused(answer, ERR_BAD_STATE);
    assert_true(span_is(answer->field, "status"));
    assert_refused(act(MARIA, 2, "implement", ""), ERR_UNKNOWN_ACTION);
}

/* ---- who may ---- */

static void who_may_not_change_is_refused(void **state)
{
    (void)state;
    create("{\"status\":\"draft\"}");
    assert_refused(hub_double_change(world, VERA, 8, "order:O-1", CHANGE_UPDATE, "", "{\"qty\":1}"), ERR_FORBIDDEN);
    assert_refused(hub_double_change(world, VERA, 8, "order:O-1", CHANGE_DELETE, "", NULL), ERR_FORBIDDEN);
    assert_refused(hub_double_change(world, VERA, 8, "order:O-2", CHANGE_CREATE, "", "{}"), ERR_FORBIDDEN);
    assert_refused(act(VERA, 8, "approve", ""), ERR_FORBIDDEN);
    assert_stored(1, "{\"status\":\"draft\"}");
}

static void a_field_one_may_not_write_is_refused_whoever_read_the_message(void **state)
{
    const struct answer *answer;

    (void)state;
    create("{\"qty\":1}");
    answer = update("{\"qty\":2,\"price\":9}");
    assert_refused(answer, ERR_FORBIDDEN);
    assert_true(span_is(answer->field, "price"));
    assert_stored(1, "{\"qty\":1}");
}

static void what_is_no_record_cannot_be_changed(void **state)
{
    struct command *command = hub_double_command(world, COMMAND_ACTION, MARIA, 2, "lobby");

    (void)state;
    command->action.name = SPAN("approve");
    assert_refused(hub_double_ask(world, command), ERR_NOT_FOUND);
    assert_refused(hub_double_change(world, MARIA, 2, "far:F-1", CHANGE_CREATE, "", "{}"), ERR_UNSUPPORTED);
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
    assert_true(span_is(heard(EVENT_CHANGE)->change.change->ops[0].after, "\"A\""));
    assert_null(model_store_record(&world->store, SPAN("shout:S-1")));
}

/* ---- who hears of it ---- */

static void a_change_is_heard_in_every_room_that_shows_it(void **state)
{
    static const char *const rooms[] = {"order:O-1", "order-updates", ROOM_RECORDS};
    const struct event *event;
    struct span id = SPAN_EMPTY;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        hub_double_join(world, ADA, 1, rooms[i]);
    create("{\"title\":\"Screws\"}");
    for (unsigned i = 0; i < 3; i++) {
        event = heard(EVENT_CHANGE);
        assert_true(span_is(event->room, rooms[i]));
        assert_int_equal(event->position.offset, 1);
        assert_int_equal(event->origin, MARIA);
        assert_true(span_is(event->change.event, "created"));
        assert_true(span_is(event->change.label, "Screws"));
        assert_true(i == 0 || span_equal(event->id, id)); /* it is one event */
        id = event->id;
    }
}

static void an_alert_goes_off_once_when_its_condition_becomes_true(void **state)
{
    const struct event *event;

    (void)state;
    hub_double_join(world, ADA, 1, ROOM_ALERTS);
    create("{\"title\":\"Screws\",\"qty\":5}");
    assert_null(heard(EVENT_ALERT));
    update("{\"qty\":2}");
    event = heard(EVENT_ALERT);
    assert_true(span_is(event->room, ROOM_ALERTS));
    assert_true(span_is(event->alert.title, "Screws is low"));
    assert_true(span_is(event->alert.message, "2 left"));
    assert_int_equal(event->origin, 0); /* who caused it is told, too */
    update("{\"qty\":1}");
    assert_null(heard(EVENT_ALERT));
}

static void who_changes_a_record_is_not_idle_in_its_room(void **state)
{
    const struct answer *answer;

    (void)state;
    create("{}");
    hub_double_join(world, MARIA, 2, "order:O-1");
    hub_double_advance(world, world->limits.idle_ms - 1);
    update("{\"qty\":1}");
    hub_double_advance(world, world->limits.idle_ms - 1);
    answer = hub_double_ask(world, hub_double_command(world, COMMAND_LOOK, 99, 1, "order:O-1"));
    assert_int_equal(hub_double_person(answer, "2")->status, STATUS_ONLINE);
}

/* ---- state and position in one ---- */

static void a_join_gets_the_record_as_it_is_where_the_room_stands(void **state)
{
    const struct answer *answer;

    (void)state;
    create("{\"qty\":5}");
    update("{\"qty\":6}");
    answer = hub_double_join(world, VERA, 8, "order:O-1");
    assert_true(answer->has_record);
    assert_true(span_is(answer->record, "{\"qty\":6}"));
    assert_int_equal(answer->version, 2);
    assert_int_equal(answer->position.offset, 2);
    delete_it();
    answer = hub_double_join(world, AMIR, 3, "order:O-1");
    assert_false(answer->has_record);
    assert_int_equal(answer->version, 0);
    assert_int_equal(answer->position.offset, 3);
}

static void a_join_is_not_shown_what_is_not_committed(void **state)
{
    const struct answer *answer;

    (void)state;
    create("{\"qty\":5}");
    hub_double_join(world, VERA, 8, "order:O-1");
    world->is_store_slow = true;
    send(CHANGE_UPDATE, "", "{\"qty\":6}");
    answer = hub_double_join(world, ADA, 1, "order:O-1");
    assert_true(span_is(answer->record, "{\"qty\":5}"));
    assert_int_equal(answer->version, 1);
    assert_int_equal(answer->position.offset, 1);
    hub_double_store_all(world);
    assert_int_equal(heard(EVENT_CHANGE)->position.offset, 2);
}

/* ---- once, however often it is sent ---- */

static void a_change_sent_again_gets_the_first_answer(void **state)
{
    const struct answer *answer;

    (void)state;
    create("{\"qty\":5}");
    assert_made(update_as("c1", "{\"qty\":6}"), 2);
    update("{\"qty\":7}");
    answer = update_as("c1", "{\"qty\":6}");
    assert_int_equal(answer->err, OK);
    assert_true(answer->is_repeat);
    assert_int_equal(answer->version, 2);
    assert_int_equal(answer->position.offset, 2);
    assert_int_equal(answer->current_version, 3);
    assert_true(span_is(answer->record, "{\"qty\":7}"));
    assert_stored(3, "{\"qty\":7}");
    assert_made(update("{\"qty\":8}"), 4); /* and all goes on */
}

static void a_change_sent_again_after_a_restart_gets_the_first_answer(void **state)
{
    (void)state;
    create("{\"status\":\"draft\"}");
    assert_made(act(MARIA, 2, "approve", "a1"), 2);
    hub_double_restart(world);
    assert_true(act(MARIA, 2, "approve", "a1")->is_repeat); /* and not "it is approved already" */
    assert_refused(act(MARIA, 2, "approve", "a2"), ERR_BAD_STATE);
}

static void a_create_sent_again_does_not_find_that_it_exists(void **state)
{
    (void)state;
    assert_made(hub_double_change(world, MARIA, 2, "order:O-1", CHANGE_CREATE, "c1", "{}"), 1);
    assert_true(hub_double_change(world, MARIA, 2, "order:O-1", CHANGE_CREATE, "c1", "{}")->is_repeat);
}

static void an_id_used_for_something_else_is_refused(void **state)
{
    (void)state;
    create("{\"qty\":5}");
    update_as("c1", "{\"qty\":6}");
    assert_refused(update_as("c1", "{\"qty\":7}"), ERR_ID_REUSED);
    assert_stored(2, "{\"qty\":6}");
    assert_made(update("{\"qty\":8}"), 3);
}

/* Sent again later, it would do something by then. */
static void what_did_nothing_still_does_nothing_when_it_is_sent_again(void **state)
{
    (void)state;
    create("{\"qty\":5}");
    assert_int_equal(update_as("c1", "{\"qty\":5}")->version, 1);
    update("{\"qty\":6}");
    assert_true(update_as("c1", "{\"qty\":5}")->is_repeat);
    assert_stored(2, "{\"qty\":6}");
}

/* ---- several at once ---- */

static void changes_do_not_wait_for_each_other(void **state)
{
    (void)state;
    create("{\"qty\":5}");
    world->is_store_slow = true;
    for (unsigned i = 0; i < 5; i++)
        send(CHANGE_UPDATE, "", i % 2 ? "{\"qty\":6}" : "{\"qty\":7}");
    assert_int_equal(world->asked_count, 5);
    hub_double_store_all(world);
    for (uint64_t version = 2; version <= 6; version++)
        assert_made(hub_double_answer(world), version);
    assert_stored(6, "{\"qty\":7}");
}

static void changes_wait_for_the_record_to_be_loaded_in_order(void **state)
{
    (void)state;
    create("{\"qty\":5}");
    hub_double_restart(world);
    world->is_store_slow = true;
    send(CHANGE_UPDATE, "", "{\"qty\":6}");
    send(CHANGE_UPDATE, "", "{\"qty\":7}");
    assert_int_equal(world->asked_count, 1);
    assert_int_equal(world->asked[0]->kind, STORE_RECORD_LOAD);
    hub_double_store_all(world);
    assert_made(hub_double_answer(world), 2);
    assert_made(hub_double_answer(world), 3);
    assert_stored(3, "{\"qty\":7}");
}

static void when_one_fails_those_behind_it_are_made_again(void **state)
{
    (void)state;
    create("{\"qty\":5}");
    hub_double_join(world, ADA, 1, "order:O-1");
    hub_double_hush(world);
    world->is_store_slow = true;
    send(CHANGE_UPDATE, "", "{\"qty\":6}");
    send(CHANGE_UPDATE, "", "{\"title\":\"B\"}");
    send(CHANGE_UPDATE, "", "{\"title\":\"C\"}");
    world->failure = ERR_STORAGE_FULL;
    hub_double_store_some(world, 1);
    world->failure = OK;
    hub_double_store_all(world);
    assert_refused(hub_double_answer(world), ERR_STORAGE_FULL);
    assert_made(hub_double_answer(world), 2);
    assert_made(hub_double_answer(world), 3);
    assert_stored(3, "{\"qty\":5,\"title\":\"C\"}"); /* nothing of the first one */
    assert_int_equal(hub_counts(world->hub).records_busy, 0);
}

static void a_join_waits_while_it_is_not_known_what_is_committed(void **state)
{
    const struct answer *answer;

    (void)state;
    create("{\"qty\":5}");
    hub_double_join(world, VERA, 8, "order:O-1");
    world->is_store_slow = true;
    send(CHANGE_UPDATE, "", "{\"qty\":6}");
    send(CHANGE_UPDATE, "", "{\"qty\":7}");
    world->failure = ERR_STORAGE;
    hub_double_store_some(world, 1);
    world->failure = OK;
    assert_null(hub_double_join(world, ADA, 1, "order:O-1"));
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
    create("{\"qty\":5}");
    world->is_store_slow = true;
    send(CHANGE_UPDATE, "", "{\"qty\":6}");
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
    assert_made(update("{\"qty\":6}"), 2);
}

/* "It exists" would be a lie if the create that is under way fails. */
static void nobody_is_refused_because_of_what_never_came_to_be(void **state)
{
    uint64_t second;
    const struct answer *answer;

    (void)state;
    assert_refused(update("{}"), ERR_NOT_FOUND); /* loads it */
    world->is_store_slow = true;
    hub_double_hush(world);
    send(CHANGE_CREATE, "", "{\"qty\":1}");
    second = send(CHANGE_CREATE, "", "{\"qty\":2}");
    assert_null(hub_double_answer(world));
    world->failure = ERR_STORAGE;
    hub_double_store_some(world, 1);
    world->failure = OK;
    hub_double_store_all(world);
    assert_refused(hub_double_answer(world), ERR_STORAGE);
    answer = hub_double_answer(world);
    assert_int_equal(answer->tag, second);
    assert_made(answer, 1);
    assert_stored(1, "{\"qty\":2}");
}

static void a_refusal_that_depends_on_what_is_under_way_waits_for_it(void **state)
{
    (void)state;
    assert_refused(update("{}"), ERR_NOT_FOUND);
    world->is_store_slow = true;
    hub_double_hush(world);
    send(CHANGE_CREATE, "", "{\"qty\":1}");
    send(CHANGE_CREATE, "", "{\"qty\":2}");
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
    create("{\"qty\":5}");
    /* another node writes version 2, and its event arrives */
    row = &world->store.changes[0];
    assert_int_equal(row->version, 1);
    row->version = 2;
    row->state[7] = '9';
    world->store.rooms[0].head++;
    event = event_new(EVENT_CHANGE, SPAN("order:O-1"));
    event->position = (struct position){world->store.rooms[0].epoch, 2};
    event_set_change(event, &change);
    hub_on_committed(world->hub, event);
    event_unref(event);
    hub_double_store_all(world);
    assert_made(update("{\"title\":\"B\"}"), 3);
    assert_stored(3, "{\"qty\":9,\"title\":\"B\"}");
}

/* ---- when the store cannot ---- */

static void what_cannot_be_loaded_is_refused_and_asked_for_again(void **state)
{
    (void)state;
    create("{\"qty\":5}");
    hub_double_restart(world);
    world->failure = ERR_STORAGE;
    assert_refused(update("{\"qty\":6}"), ERR_STORAGE);
    assert_int_equal(hub_counts(world->hub).records, 0);
    world->failure = OK;
    assert_made(update("{\"qty\":6}"), 2);
}

static void a_join_whose_record_cannot_be_loaded_is_refused(void **state)
{
    (void)state;
    world->is_store_slow = true;
    assert_null(hub_double_join(world, ADA, 1, "order:O-1"));
    hub_double_store_some(world, 1); /* the room is open */
    world->failure = ERR_STORAGE;
    hub_double_store_all(world);
    assert_refused(hub_double_answer(world), ERR_STORAGE);
    assert_int_equal(hub_counts(world->hub).members, 0);
}

/* ---- bounds ---- */

static void too_many_changes_at_once_are_refused(void **state)
{
    (void)state;
    create("{\"qty\":5}");
    world->limits.changes_waiting_max = 2;
    hub_double_restart(world);
    world->is_store_slow = true;
    send(CHANGE_UPDATE, "", "{\"qty\":1}");
    send(CHANGE_UPDATE, "", "{\"qty\":2}");
    send(CHANGE_UPDATE, "", "{\"qty\":3}");
    assert_refused(hub_double_answer(world), ERR_OVERLOADED);
    hub_double_store_all(world);
    assert_stored(3, "{\"qty\":2}");
}

static void a_record_that_would_be_too_large_is_refused(void **state)
{
    (void)state;
    create("{\"title\":\"A\"}");
    world->limits.record_bytes_max = 30;
    hub_double_restart(world);
    assert_refused(update("{\"title\":\"A very long title that does not fit\"}"), ERR_TOO_LARGE);
    assert_stored(1, "{\"title\":\"A\"}");
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
    assert_made(create("{}"), 1);
    assert_int_equal(hub_double_join(world, ADA, 1, "order:O-1")->version, 1);
    assert_made(update("{\"qty\":1}"), 2);
}

static void when_all_records_are_busy_another_one_is_refused(void **state)
{
    (void)state;
    world->limits.records_cached_max = 1;
    hub_double_restart(world);
    world->is_store_slow = true;
    send(CHANGE_CREATE, "", "{}");
    assert_refused(hub_double_change(world, MARIA, 2, "order:O-2", CHANGE_CREATE, "", "{}"), ERR_OVERLOADED);
    hub_double_store_all(world);
    world->is_store_slow = false;
    assert_made(hub_double_change(world, MARIA, 2, "order:O-2", CHANGE_CREATE, "", "{}"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
        TEST(a_type_that_only_announces_is_heard_and_not_stored),
        TEST(a_change_is_heard_in_every_room_that_shows_it),
        TEST(an_alert_goes_off_once_when_its_condition_becomes_true),
        TEST(who_changes_a_record_is_not_idle_in_its_room),
        TEST(a_join_gets_the_record_as_it_is_where_the_room_stands),
        TEST(a_join_is_not_shown_what_is_not_committed),
        TEST(a_change_sent_again_gets_the_first_answer),
        TEST(a_change_sent_again_after_a_restart_gets_the_first_answer),
        TEST(a_create_sent_again_does_not_find_that_it_exists),
        TEST(an_id_used_for_something_else_is_refused),
        TEST(what_did_nothing_still_does_nothing_when_it_is_sent_again),
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
        TEST(too_many_changes_at_once_are_refused),
        TEST(a_record_that_would_be_too_large_is_refused),
        TEST(idle_records_go_when_there_are_too_many),
        TEST(records_that_are_too_large_together_go_and_come_again),
        TEST(when_all_records_are_busy_another_one_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
