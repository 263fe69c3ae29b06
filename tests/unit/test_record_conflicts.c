#include "lib/contract.h"

/* ---- opened ------------------------------------------------------------------------------------------------------- */

static void two_who_want_different_things_leave_it_to_a_person(void **state)
{
    const struct answer *answer;

    (void)state;
    contract_given();
    answer = contract_clash("c1");
    assert_conflict(answer, 2);
    assert_null(answer->change);
    /* nothing of it, not even what nobody minds */
    assert_record(CONTRACT, 2, "{\"title\":\"A\",\"price\":6,\"terms\":\"none\"}");
    assert_member(answer->object, "/state", "\"open\"");
    assert_member(answer->object, "/user_id", "\"3\"");
    assert_member(answer->object, "/entity_name", "\"A\"");
    assert_member(answer->object, "/fields/0/path", "\"/price\"");
    assert_member(answer->object, "/fields/0/base", "5");
    assert_member(answer->object, "/fields/0/mine", "7");
    assert_member(answer->object, "/fields/0/theirs", "6");
    assert_member(answer->object, "/fields/1", "(nothing)");
    assert_member(answer->object, "/base_version", "1");
    assert_member(answer->object, "/current_version", "2");
    assert_member(answer->object, "/remote/0/user_id", "\"2\"");
    assert_member(answer->object, "/local/ops/1/path", "\"/terms\"");
    assert_int_equal(answer->object_shown, 2);
    assert_non_null(conflict_stored(conflict_id(answer)));
    assert_int_equal(conflict_stored(conflict_id(answer))->revision, 1);
    assert_text(conflict_stored(conflict_id(answer))->room, CONTRACT);
}

static void what_waits_besides_can_be_seen(void **state)
{
    const struct answer *answer;

    (void)state;
    contract_given();
    answer = contract_change(AMIR, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"B\"},"
                                   "{\"op\":\"set\",\"path\":\"price\",\"value\":7}]}");
    assert_conflict(answer, 2);
    assert_member(answer->object, "/local/ops/0/before", "\"A\"");
    assert_member(answer->object, "/local/ops/0/value", "\"B\"");
    assert_member(answer->object, "/local/ops/1/before", "5");
}

static void a_record_that_was_taken_away_and_made_anew_is_shown_as_it_was(void **state)
{
    const struct answer *answer;

    (void)state;
    contract_given();
    hub_double_change(world, LI, 4, CONTRACT, CHANGE_DELETE, "", NULL);
    hub_double_change(world, LI, 4, CONTRACT, CHANGE_CREATE, "", "{\"title\":\"B\",\"price\":9}");
    answer = contract_change(AMIR, "{\"version\":2,\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":7}]}");
    assert_conflict(answer, 4);
    assert_member(answer->object, "/fields/0/base", "6");
    assert_member(answer->object, "/fields/0/mine", "7");
    assert_member(answer->object, "/fields/0/theirs", "9");
    answer = contract_change(AMIR, "{\"version\":2,\"ops\":[{\"op\":\"txt\",\"path\":\"terms\",\"value\":[4,\"!\"]}]}");
    assert_conflict(answer, 4);
    assert_member(answer->object, "/fields/0/base", "\"none\"");
    assert_member(answer->object, "/fields/0/mine", "\"none!\"");
    assert_member(answer->object, "/fields/0/theirs", "null");
}

static void who_wants_the_same_is_not_in_conflict(void **state)
{
    const struct answer *answer;

    (void)state;
    contract_given();
    answer = contract_change(AMIR, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":6},"
                                   "{\"op\":\"set\",\"path\":\"title\",\"value\":\"B\"}]}");
    assert_ok(answer);
    assert_int_not_equal(answer->verdict, VERDICT_CONFLICT);
    assert_record(CONTRACT, 3, "{\"title\":\"B\",\"price\":6,\"terms\":\"none\"}");
}

static void a_conflict_is_heard_in_the_room_and_by_those_whose_work_it_is(void **state)
{
    const struct event *event;
    bool maria = false, amir = false, in_room = false;

    (void)state;
    contract_given();
    hub_double_join(world, ADA, 1, CONTRACT);
    hub_double_join(world, MARIA, 2, "user:2");
    hub_double_join(world, AMIR, 3, "user:3");
    contract_clash("c1");
    while ((event = hub_double_event(world, 0, EVENT_OBJECT))) {
        in_room |= span_is(event->room, CONTRACT) && event->object.kind == OBJECT_CONFLICT &&
                   event->object.verb == OBJECT_ADD && event->object.shown == 2;
        maria |= span_is(event->room, "user:2") && event->object.kind == OBJECT_NOTIFICATION;
        amir |= span_is(event->room, "user:3") && event->object.kind == OBJECT_NOTIFICATION;
    }
    assert_true(in_room);
    assert_true(maria);
    assert_true(amir);
}

/* Maria's session speaks for somebody else from now on. */
static void maria_becomes(unsigned number)
{
    struct identity *before = world->users[2];
    char id[16];

    (void)snprintf(id, sizeof(id), "%u", number);
    world->users[2] = identity_new(span_from_str(id), span_from_str(id), SPAN_EMPTY, SPAN_EMPTY, before->roles,
                                   before->role_count, before->access);
    identity_unref(before);
}

static bool was_told(unsigned number)
{
    struct buf owner = BUF_EMPTY;
    bool is_told = false;

    buf_printf(&owner, "%u", number);
    for (unsigned i = 0; i < world->store.object_count; i++) {
        const struct object *object = &world->store.objects[i].object;

        is_told |= object->kind == OBJECT_NOTIFICATION && span_equal(object->owner, buf_span(&owner));
    }
    buf_deinit(&owner);
    return is_told;
}

/* Each has put another item right, and Amir wants all of them otherwise. */
static void all_whose_work_it_is_hear_of_it_and_he_only_if_he_wants_to(void **state)
{
    enum { MANY = 40 };
    struct buf lines = BUF_EMPTY, ops = BUF_EMPTY, patch = BUF_EMPTY;

    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        buf_printf(&lines, "%s{\"id\":\"i%u\",\"pos\":\"a\",\"qty\":1}", i ? "," : "", i);
    buf_printf(&patch, "{\"title\":\"A\",\"lines\":[%.*s]}", (int)lines.len, lines.data);
    buf_append_char(&patch, '\0');
    assert_ok(hub_double_change(world, LI, 4, CONTRACT, CHANGE_CREATE, "", patch.data));
    assert_ok(hub_double_ask(world, object_command(AMIR, "user:3", OBJECT_PREFERENCES, OBJECT_EDIT, "",
                                                   "{\"types\":{\"conflict\":{\"on\":false}}}")));
    for (unsigned i = 0; i < MANY; i++) {
        buf_reset(&patch);
        buf_printf(&patch, "{\"version\":%u,\"ops\":[{\"op\":\"set\",\"path\":\"/lines/@i%u/qty\",\"value\":2}]}",
                   i + 1, i);
        buf_append_char(&patch, '\0');
        maria_becomes(100 + i);
        assert_ok(contract_change(MARIA, patch.data));
        buf_printf(&ops, "%s{\"op\":\"set\",\"path\":\"/lines/@i%u/qty\",\"value\":3}", i ? "," : "", i);
    }
    buf_reset(&patch);
    buf_printf(&patch, "{\"version\":1,\"ops\":[%.*s]}", (int)ops.len, ops.data);
    buf_append_char(&patch, '\0');
    assert_conflict(contract_change(AMIR, patch.data), MANY + 1);
    for (unsigned i = 0; i < MANY; i++)
        assert_true(was_told(100 + i));
    assert_false(was_told(3));
    buf_deinit(&lines);
    buf_deinit(&ops);
    buf_deinit(&patch);
}

static void the_same_change_again_gets_the_same_conflict(void **state)
{
    const char *id = contract_given_conflict();
    const struct answer *answer;

    (void)state;
    answer = contract_clash("c1");
    assert_conflict(answer, 2);
    assert_true(answer->is_repeat);
    assert_string_equal(conflict_id(answer), id);
    hub_double_restart(world);
    assert_string_equal(conflict_id(contract_clash("c1")), id);
    assert_int_equal(world->store.change_count, 2);
}

static void a_conflict_with_what_never_came_to_be_is_none(void **state)
{
    const struct answer *answer;

    (void)state;
    hub_double_change(world, LI, 4, CONTRACT, CHANGE_CREATE, "", "{\"price\":5,\"terms\":\"none\"}");
    world->is_store_slow = true;
    hub_double_hush(world);
    hub_double_do(
        world, contract_change_of(MARIA, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":6}]}"));
    hub_double_do(
        world, contract_change_of(AMIR, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":7}]}"));
    assert_int_equal(world->asked_count, 1); /* the second waits until it is certain */
    store_fails(ERR_STORAGE);
    hub_double_store_all(world);
    assert_refused(hub_double_answer(world), ERR_STORAGE);
    answer = hub_double_answer(world);
    assert_int_equal(answer->verdict, VERDICT_APPLIED);
    assert_int_equal(answer->version, 2);
    assert_int_equal(world->store.object_count, 0);
    assert_record(CONTRACT, 2, "{\"price\":7,\"terms\":\"none\"}");
}

static void those_behind_a_conflict_wait_for_it_and_go_on(void **state)
{
    (void)state;
    hub_double_change(world, LI, 4, CONTRACT, CHANGE_CREATE, "", "{\"price\":5}");
    world->is_store_slow = true;
    hub_double_hush(world);
    hub_double_do(
        world, contract_change_of(MARIA, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":6}]}"));
    hub_double_do(
        world, contract_change_of(AMIR, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":7}]}"));
    hub_double_do(world, contract_change_of(LI, "{\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"T\"}]}"));
    hub_double_store_all(world);
    assert_int_equal(hub_double_answer(world)->version, 2);
    assert_conflict(hub_double_answer(world), 2);
    assert_int_equal(hub_double_answer(world)->version, 3);
    assert_int_equal(hub_counts(world->hub).records_busy, 0);
}

static void a_conflict_that_cannot_be_kept_is_refused_and_may_be_sent_again(void **state)
{
    (void)state;
    contract_given();
    world->is_store_slow = true;
    hub_double_hush(world);
    contract_clash("c1");
    hub_double_store_some(world, 1); /* how they want to be told */
    assert_int_equal(world->asked[0]->kind, STORE_COMMIT);
    world->failure = ERR_STORAGE_FULL;
    hub_double_store_all(world);
    world->failure = OK;
    world->is_store_slow = false;
    assert_refused(hub_double_answer(world), ERR_STORAGE_FULL);
    assert_conflict(contract_clash("c1"), 2);
}

/* ---- older than all that is kept ---------------------------------------------------------------------------------- */

static struct command *doc_change(session_id session, const char *patch)
{
    struct command *command =
        hub_double_change_command(world, session, user_of(session), "doc:D-1", CHANGE_UPDATE, "", patch);

    command->change->base_version = 1;
    return command;
}

/* Version 1 and 2 of three are known no more but as states. */
static void given_a_log_that_was_cut(void)
{
    hub_double_change(world, LI, 4, "doc:D-1", CHANGE_CREATE, "", "{\"title\":\"A\",\"qty\":1,\"body\":\"b\"}");
    hub_double_change(world, LI, 4, "doc:D-1", CHANGE_UPDATE, "", "{\"title\":\"B\"}");
    hub_double_change(world, LI, 4, "doc:D-1", CHANGE_UPDATE, "", "{\"qty\":2}");
    hub_double_restart(world);
    world->is_store_slow = true;
}

/* Amir made it from version 1. */
static struct answer *send_to_cut_log(const char *patch, bool is_state_kept)
{
    given_a_log_that_was_cut();
    hub_double_do(world, doc_change(AMIR, patch));
    while (world->asked_count > 0) {
        if (world->asked[0]->kind == STORE_CHANGES_READ)
            world->asked[0]->count_max = 1;
        if (world->asked[0]->kind == STORE_RECORD_AT && !is_state_kept)
            world->asked[0]->version = 99;
        hub_double_store_some(world, 1);
    }
    return hub_double_answer(world);
}

static void what_is_too_old_to_be_brought_over_is_left_to_a_person(void **state)
{
    const struct answer *answer = send_to_cut_log("{\"title\":\"C\",\"body\":\"c\"}", true);

    (void)state;
    assert_conflict(answer, 3);
    assert_member(answer->object, "/fields/0/path", "\"/title\"");
    assert_member(answer->object, "/fields/0/base", "\"A\"");
    assert_member(answer->object, "/fields/0/theirs", "\"B\"");
    assert_member(answer->object, "/fields/1", "(nothing)");
    assert_string_equal(model_store_record(&world->store, SPAN("doc:D-1"))->state,
                        "{\"title\":\"B\",\"qty\":2,\"body\":\"b\"}");
}

static void what_nobody_touched_is_done_however_old_it_is(void **state)
{
    const struct answer *answer = send_to_cut_log("{\"body\":\"c\"}", true);

    (void)state;
    assert_ok(answer);
    assert_int_not_equal(answer->verdict, VERDICT_CONFLICT);
    assert_int_equal(answer->version, 4);
}

static void when_nothing_is_known_of_it_all_is_left_to_a_person(void **state)
{
    const struct answer *answer = send_to_cut_log("{\"body\":\"c\"}", false);

    (void)state;
    assert_conflict(answer, 3);
    assert_member(answer->object, "/fields/0/mine", "\"c\"");
    assert_member(answer->object, "/fields/0/theirs", "\"b\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, hub_stage_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(two_who_want_different_things_leave_it_to_a_person),
        TEST(who_wants_the_same_is_not_in_conflict),
        TEST(a_conflict_is_heard_in_the_room_and_by_those_whose_work_it_is),
        TEST(all_whose_work_it_is_hear_of_it_and_he_only_if_he_wants_to),
        TEST(the_same_change_again_gets_the_same_conflict),
        TEST(a_conflict_with_what_never_came_to_be_is_none),
        TEST(those_behind_a_conflict_wait_for_it_and_go_on),
        TEST(a_conflict_that_cannot_be_kept_is_refused_and_may_be_sent_again),
        TEST(what_is_too_old_to_be_brought_over_is_left_to_a_person),
        TEST(what_nobody_touched_is_done_however_old_it_is),
        TEST(when_nothing_is_known_of_it_all_is_left_to_a_person),
        TEST(what_waits_besides_can_be_seen),
        TEST(a_record_that_was_taken_away_and_made_anew_is_shown_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
