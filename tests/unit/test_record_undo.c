#include "collab/hub.h"
#include "lib/hub_stage.h"

#include <string.h>

static const char room[] = "order:O-1";

static int set_up(void **state)
{
    (void)hub_stage_set_up(state);
    hub_double_change(world, MARIA, 2, room, CHANGE_CREATE, "", "{\"title\":\"A\",\"qty\":5}");
    hub_double_advance(world, 10000); /* not the same group */
    return 0;
}

/* ---- builders ---- */

static struct answer *change(session_id session, const char *patch)
{
    struct answer *answer = hub_double_change(world, session, user_of(session), room, CHANGE_UPDATE, "", patch);

    hub_double_advance(world, 10000);
    return answer;
}

static struct command *undo_of(session_id session, bool is_redo)
{
    struct command *command = hub_double_command(world, COMMAND_UNDO, session, user_of(session), room);

    command->undo.is_redo = is_redo;
    return command;
}

static struct answer *undo(session_id session)
{
    struct answer *answer = hub_double_ask(world, undo_of(session, false));

    hub_double_advance(world, 10000);
    return answer;
}

static struct answer *redo(session_id session)
{
    struct answer *answer = hub_double_ask(world, undo_of(session, true));

    hub_double_advance(world, 10000);
    return answer;
}

static struct answer *undo_version(session_id session, uint64_t version)
{
    struct command *command = undo_of(session, false);

    command->undo.version = version;
    return hub_double_ask(world, command);
}

static struct answer *restore(session_id session, uint64_t version)
{
    struct command *command = hub_double_command(world, COMMAND_RESTORE, session, user_of(session), room);

    command->restore.version = version;
    return hub_double_ask(world, command);
}

/* ---- undo ---- */

static void ones_last_change_is_taken_back_and_done_again(void **state)
{
    const struct answer *answer;

    (void)state;
    change(MARIA, "{\"qty\":6}");
    change(AMIR, "{\"title\":\"B\"}");
    answer = undo(MARIA);
    assert_made(answer, 4);
    assert_int_equal(answer->change->undo_of, 2);
    assert_text(answer->event->change.action, "update");
    assert_int_equal(answer->change->kind, CHANGE_UPDATE);
    assert_record(room, 4, "{\"title\":\"B\",\"qty\":5}");
    answer = redo(MARIA);
    assert_made(answer, 5);
    assert_int_equal(answer->change->undo_of, 4);
    assert_text(answer->event->change.action, "update");
    assert_record(room, 5, "{\"title\":\"B\",\"qty\":6}");
}

static void it_is_found_after_a_restart(void **state)
{
    (void)state;
    change(MARIA, "{\"qty\":6}");
    change(AMIR, "{\"title\":\"B\"}");
    hub_double_restart(world);
    assert_made(undo(MARIA), 4);
    assert_record(room, 4, "{\"title\":\"B\",\"qty\":5}");
    hub_double_restart(world);
    assert_made(redo(MARIA), 5);
    assert_record(room, 5, "{\"title\":\"B\",\"qty\":6}");
}

static void who_did_nothing_has_nothing_to_undo(void **state)
{
    (void)state;
    assert_refused(undo(AMIR), ERR_NOTHING_TO_UNDO);
    assert_refused(redo(MARIA), ERR_NOTHING_TO_UNDO);
    assert_refused(undo(VERA), ERR_FORBIDDEN);
}

static void what_somebody_else_wrote_since_is_not_destroyed(void **state)
{
    (void)state;
    change(MARIA, "{\"qty\":6}");
    change(AMIR, "{\"qty\":7}");
    assert_refused(undo(MARIA), ERR_UNDO_BLOCKED);
    assert_record(room, 3, "{\"title\":\"A\",\"qty\":7}");
}

static void the_rest_of_it_is_undone_and_counted(void **state)
{
    const struct answer *answer;

    (void)state;
    change(MARIA, "{\"qty\":6,\"title\":\"B\"}");
    change(AMIR, "{\"qty\":7}");
    answer = undo(MARIA);
    assert_made(answer, 4);
    assert_int_equal(answer->skipped_count, 1);
    assert_record(room, 4, "{\"title\":\"A\",\"qty\":7}");
}

static void others_changes_are_undone_only_by_who_may_do_everything(void **state)
{
    (void)state;
    change(MARIA, "{\"qty\":6}");
    assert_refused(undo_version(AMIR, 2), ERR_FORBIDDEN);
    assert_made(undo_version(ADA, 2), 3);
    assert_record(room, 3, "{\"title\":\"A\",\"qty\":5}");
}

static void a_change_is_undone_by_its_id(void **state)
{
    struct command *command;

    (void)state;
    hub_double_change(world, MARIA, 2, room, CHANGE_UPDATE, "c1", "{\"qty\":6}");
    hub_double_advance(world, 10000);
    change(MARIA, "{\"title\":\"B\"}");
    command = undo_of(MARIA, false);
    command->undo.change_id = SPAN("c1");
    assert_made(hub_double_ask(world, command), 4);
    assert_record(room, 4, "{\"title\":\"B\",\"qty\":5}");
    command = undo_of(MARIA, false);
    command->undo.change_id = SPAN("c9");
    assert_refused(hub_double_ask(world, command), ERR_NOT_FOUND);
}

static void an_undo_sent_again_is_done_once(void **state)
{
    struct command *command = undo_of(MARIA, false);
    const struct answer *answer;

    (void)state;
    change(MARIA, "{\"qty\":6}");
    change(MARIA, "{\"qty\":7}");
    command->undo.id = SPAN("u1");
    assert_made(hub_double_ask(world, command), 4);
    hub_double_advance(world, 10000);
    command = undo_of(MARIA, false);
    command->undo.id = SPAN("u1");
    answer = hub_double_ask(world, command);
    assert_true(answer->is_repeat);
    assert_int_equal(answer->version, 4);
    assert_record(room, 4, "{\"title\":\"A\",\"qty\":6}");
}

static void an_undo_of_what_is_on_its_way_is_made_on_it(void **state)
{
    (void)state;
    world->is_store_slow = true;
    hub_double_hush(world);
    hub_double_do(world, hub_double_change_command(world, MARIA, 2, room, CHANGE_UPDATE, "", "{\"qty\":6}"));
    hub_double_do(world, undo_of(MARIA, false));
    hub_double_store_all(world);
    assert_made(hub_double_answer(world), 2);
    assert_made(hub_double_answer(world), 3);
    assert_record(room, 3, "{\"title\":\"A\",\"qty\":5}");
}

/* There would be nothing else of his to undo but the making of the record. */
static void an_undo_of_what_never_came_to_be_is_none(void **state)
{
    (void)state;
    world->is_store_slow = true;
    hub_double_hush(world);
    hub_double_do(world, hub_double_change_command(world, AMIR, 3, room, CHANGE_UPDATE, "", "{\"qty\":6}"));
    hub_double_do(world, undo_of(AMIR, false));
    store_fails(ERR_STORAGE);
    hub_double_store_all(world);
    assert_refused(hub_double_answer(world), ERR_STORAGE);
    assert_refused(hub_double_answer(world), ERR_NOTHING_TO_UNDO);
    assert_record(room, 1, "{\"title\":\"A\",\"qty\":5}");
}

static void an_undo_that_cannot_be_kept_may_be_sent_again(void **state)
{
    (void)state;
    change(MARIA, "{\"qty\":6}");
    world->failure = ERR_STORAGE_FULL;
    assert_refused(undo(MARIA), ERR_STORAGE_FULL);
    world->failure = OK;
    assert_made(undo(MARIA), 3);
    assert_record(room, 3, "{\"title\":\"A\",\"qty\":5}");
}

static void what_only_an_action_may_write_is_undone_only_by_who_may_do_everything(void **state)
{
    struct command *command = hub_double_command(world, COMMAND_ACTION, MARIA, 2, room);
    const struct answer *answer;

    (void)state;
    change(MARIA, "{\"status\":\"draft\"}");
    command->action.name = SPAN("approve");
    assert_made(hub_double_ask(world, command), 3);
    hub_double_advance(world, 10000);
    answer = undo_version(MARIA, 3);
    assert_refused(answer, ERR_FORBIDDEN);
    assert_text(answer->field, "approved_by");
    assert_made(undo_version(ADA, 3), 4);
    assert_record(room, 4, "{\"title\":\"A\",\"qty\":5,\"status\":\"draft\"}");
}

static void what_only_an_action_may_write_is_passed_over(void **state)
{
    struct command *command = hub_double_command(world, COMMAND_ACTION, MARIA, 2, room);

    (void)state;
    change(MARIA, "{\"status\":\"draft\"}");
    hub_double_advance(world, 10000);
    change(MARIA, "{\"qty\":6}");
    command->action.name = SPAN("approve");
    assert_made(hub_double_ask(world, command), 4);
    assert_made(undo(MARIA), 5);
    assert_record(room, 5, "{\"title\":\"A\",\"qty\":5,\"status\":\"approved\",\"approved_by\":\"maria\"}");
    assert_refused(undo(MARIA), ERR_UNDO_BLOCKED); /* the status was written since */
}

static void a_deleted_record_is_made_again(void **state)
{
    const struct answer *answer;

    (void)state;
    hub_double_change(world, MARIA, 2, room, CHANGE_DELETE, "", NULL);
    hub_double_advance(world, 10000);
    answer = undo(MARIA);
    assert_made(answer, 3);
    assert_int_equal(answer->change->kind, CHANGE_CREATE);
    assert_record(room, 3, "{\"title\":\"A\",\"qty\":5}");
}

/* ---- restore ---- */

static void an_old_version_is_brought_back_as_a_new_one(void **state)
{
    const struct answer *answer;

    (void)state;
    change(MARIA, "{\"qty\":6,\"title\":\"B\"}");
    change(AMIR, "{\"title\":null}");
    answer = restore(AMIR, 1);
    assert_made(answer, 4);
    assert_int_equal(answer->change->restored, 1);
    assert_text(answer->event->change.action, "update");
    assert_int_equal(answer->change->op_count, 2);
    assert_non_null(strstr(model_store_record(&world->store, span_from_str(room))->state, "\"qty\":5"));
    assert_non_null(strstr(model_store_record(&world->store, span_from_str(room))->state, "\"title\":\"A\""));
}

static void a_version_that_never_was_is_not_brought_back(void **state)
{
    (void)state;
    assert_refused(restore(AMIR, 2), ERR_BAD_VERSION);
    assert_refused(restore(AMIR, 0), ERR_MISSING_FIELD);
    assert_refused(restore(VERA, 1), ERR_FORBIDDEN);
}

static void what_he_may_not_write_is_not_brought_back(void **state)
{
    const struct answer *answer;

    (void)state;
    change(ADA, "{\"price\":9}");
    answer = restore(MARIA, 1);
    assert_refused(answer, ERR_FORBIDDEN);
    assert_text(answer->field, "price");
    assert_made(restore(ADA, 1), 3);
    assert_record(room, 3, "{\"title\":\"A\",\"qty\":5}");
}

static void who_restores_may_insist_on_the_present_version(void **state)
{
    struct command *command = hub_double_command(world, COMMAND_RESTORE, MARIA, 2, room);

    (void)state;
    change(AMIR, "{\"qty\":6}");
    command->restore.version = 1;
    command->restore.base_version = 1;
    command->restore.must_match = true;
    assert_refused(hub_double_ask(world, command), ERR_PRECONDITION);
}

static void what_is_there_already_makes_no_version(void **state)
{
    const struct answer *answer;

    (void)state;
    answer = restore(MARIA, 1);
    assert_int_equal(answer->err, OK);
    assert_int_equal(answer->version, 1);
    assert_null(answer->change);
}

static void a_deleted_record_is_brought_back(void **state)
{
    (void)state;
    hub_double_change(world, MARIA, 2, room, CHANGE_DELETE, "", NULL);
    assert_refused(restore(MARIA, 2), ERR_NOT_FOUND);
    assert_made(restore(MARIA, 1), 3);
    assert_record(room, 3, "{\"title\":\"A\",\"qty\":5}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ones_last_change_is_taken_back_and_done_again),
        TEST(it_is_found_after_a_restart),
        TEST(who_did_nothing_has_nothing_to_undo),
        TEST(what_somebody_else_wrote_since_is_not_destroyed),
        TEST(the_rest_of_it_is_undone_and_counted),
        TEST(others_changes_are_undone_only_by_who_may_do_everything),
        TEST(a_change_is_undone_by_its_id),
        TEST(an_undo_sent_again_is_done_once),
        TEST(an_undo_of_what_is_on_its_way_is_made_on_it),
        TEST(an_undo_of_what_never_came_to_be_is_none),
        TEST(an_undo_that_cannot_be_kept_may_be_sent_again),
        TEST(what_only_an_action_may_write_is_undone_only_by_who_may_do_everything),
        TEST(what_only_an_action_may_write_is_passed_over),
        TEST(a_deleted_record_is_made_again),
        TEST(an_old_version_is_brought_back_as_a_new_one),
        TEST(a_version_that_never_was_is_not_brought_back),
        TEST(what_he_may_not_write_is_not_brought_back),
        TEST(who_restores_may_insist_on_the_present_version),
        TEST(what_is_there_already_makes_no_version),
        TEST(a_deleted_record_is_brought_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
