/* Making a record is taken back by deleting it, and deleting it by making it again. */
#include "lib/hub_stage.h"

#include "collab/change/undo.h"

static const char room[] = "order:O-1";

static struct answer *change(session_id session, enum change_kind kind, const char *patch)
{
    struct answer *answer = hub_double_change(world, session, user_of(session), room, kind, "", patch);

    hub_double_advance(world, 10000); /* the next one is not in the same burst */
    return answer;
}

static struct answer *step(session_id session, uint64_t version, bool is_redo)
{
    struct command *command = hub_double_command(world, COMMAND_UNDO, session, user_of(session), room);
    struct answer *answer;

    command->undo.is_redo = is_redo;
    command->undo.version = version;
    answer = hub_double_ask(world, command);
    hub_double_advance(world, 10000);
    return answer;
}

static struct answer *undo(session_id session)
{
    return step(session, 0, false);
}

static struct answer *redo(session_id session)
{
    return step(session, 0, true);
}

static void assert_gone(const struct answer *answer, uint64_t version)
{
    assert_ok(answer);
    assert_int_equal(answer->version, version);
    assert_int_equal(answer->change->kind, CHANGE_DELETE);
    assert_false(answer->has_record);
}

static int set_up(void **state)
{
    (void)hub_stage_set_up(state);
    assert_ok(change(MARIA, CHANGE_CREATE, "{\"title\":\"A\",\"qty\":5}"));
    return 0;
}

/* ---- made --------------------------------------------------------------------------------------------------------- */

static void a_record_that_one_made_is_taken_back_and_made_again(void **state)
{
    const struct answer *answer;

    (void)state;
    answer = undo(MARIA);
    assert_gone(answer, 2);
    assert_int_equal(answer->change->undo_of, 1);
    assert_true(span_is(answer->event->change.event, "deleted"));
    assert_refused(undo(MARIA), ERR_NOTHING_TO_UNDO);
    answer = redo(MARIA);
    assert_ok(answer);
    assert_int_equal(answer->change->kind, CHANGE_CREATE);
    assert_record(room, 3, "{\"title\":\"A\",\"qty\":5}");
    assert_refused(redo(MARIA), ERR_NOTHING_TO_UNDO);
    assert_gone(undo(MARIA), 4);
}

static void it_is_the_last_step_back_and_the_first_one_forth(void **state)
{
    (void)state;
    change(MARIA, CHANGE_UPDATE, "{\"qty\":6}");
    assert_ok(undo(MARIA));
    assert_gone(undo(MARIA), 4);
    assert_refused(undo(MARIA), ERR_NOTHING_TO_UNDO);
    assert_ok(redo(MARIA));
    assert_ok(redo(MARIA));
    assert_record(room, 6, "{\"title\":\"A\",\"qty\":6}");
}

static void it_is_found_after_a_restart(void **state)
{
    (void)state;
    hub_double_restart(world);
    assert_gone(undo(MARIA), 2);
    hub_double_restart(world);
    assert_ok(redo(MARIA));
    hub_double_restart(world);
    assert_gone(undo(MARIA), 4);
}

static void what_its_maker_did_to_it_since_goes_along_and_comes_back(void **state)
{
    (void)state;
    change(MARIA, CHANGE_UPDATE, "{\"qty\":6}");
    assert_gone(step(MARIA, 1, false), 3);
    assert_refused(undo(MARIA), ERR_NOTHING_TO_UNDO);
    assert_ok(redo(MARIA));
    assert_record(room, 4, "{\"title\":\"A\",\"qty\":6}");
}

static void nobody_elses_work_goes_with_it(void **state)
{
    (void)state;
    change(AMIR, CHANGE_UPDATE, "{\"qty\":6}");
    assert_refused(undo(MARIA), ERR_UNDO_BLOCKED);
    assert_refused(step(MARIA, 1, false), ERR_UNDO_BLOCKED);
    assert_refused(step(ADA, 1, false), ERR_UNDO_BLOCKED);
    assert_record(room, 2, "{\"title\":\"A\",\"qty\":6}");
}

static void only_ones_own_making_is_taken_back(void **state)
{
    (void)state;
    assert_refused(undo(AMIR), ERR_NOTHING_TO_UNDO);
    assert_refused(step(AMIR, 1, false), ERR_FORBIDDEN);
    assert_gone(step(ADA, 1, false), 2);
}

static void a_record_that_was_made_anew_is_another_one(void **state)
{
    (void)state;
    change(MARIA, CHANGE_DELETE, NULL);
    change(MARIA, CHANGE_CREATE, "{\"title\":\"B\"}");
    assert_refused(step(MARIA, 1, false), ERR_UNDO_BLOCKED);
    assert_refused(step(MARIA, 2, false), ERR_UNDO_BLOCKED);
    assert_gone(undo(MARIA), 4);
    assert_refused(undo(MARIA), ERR_NOTHING_TO_UNDO);
}

/* ---- deleted ------------------------------------------------------------------------------------------------------ */

static void what_was_done_to_a_record_that_is_gone_is_not_done_back_to_the_next_one(void **state)
{
    (void)state;
    assert_ok(change(MARIA, CHANGE_UPDATE, "{\"title\":\"B\"}"));
    assert_ok(change(MARIA, CHANGE_DELETE, NULL));
    assert_ok(change(MARIA, CHANGE_CREATE, "{\"qty\":1}"));
    assert_refused(step(MARIA, 2, false), ERR_UNDO_BLOCKED);
    assert_record(room, 4, "{\"qty\":1}");
}

static void a_deleted_record_comes_back_and_goes_again(void **state)
{
    const struct answer *answer;

    (void)state;
    change(AMIR, CHANGE_UPDATE, "{\"qty\":6}");
    change(MARIA, CHANGE_DELETE, NULL);
    answer = undo(MARIA);
    assert_ok(answer);
    assert_int_equal(answer->change->undo_of, 3);
    assert_record(room, 4, "{\"title\":\"A\",\"qty\":6}");
    assert_gone(redo(MARIA), 5);
    assert_ok(undo(MARIA));
    assert_record(room, 6, "{\"title\":\"A\",\"qty\":6}");
}

static void it_does_not_go_again_when_somebody_has_worked_on_it(void **state)
{
    (void)state;
    change(MARIA, CHANGE_DELETE, NULL);
    assert_ok(undo(MARIA));
    change(AMIR, CHANGE_UPDATE, "{\"qty\":6}");
    assert_refused(redo(MARIA), ERR_UNDO_BLOCKED);
}

static void it_comes_back_however_much_was_done_to_it(void **state)
{
    const struct answer *answer;

    (void)state;
    for (unsigned i = 0; i < UNDO_LOOK_BACK_MAX + 10; i++)
        assert_ok(hub_double_change(world, AMIR, 3, room, CHANGE_UPDATE, "", i % 2 ? "{\"qty\":6}" : "{\"qty\":7}"));
    change(MARIA, CHANGE_DELETE, NULL);
    hub_double_hush(world);
    answer = undo(MARIA);
    assert_ok(answer);
    assert_int_equal(answer->change->kind, CHANGE_CREATE);
    assert_int_equal(answer->change->undo_of, UNDO_LOOK_BACK_MAX + 12);
    assert_record(room, UNDO_LOOK_BACK_MAX + 13, "{\"title\":\"A\",\"qty\":6}");
    assert_gone(redo(MARIA), UNDO_LOOK_BACK_MAX + 14);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_record_that_one_made_is_taken_back_and_made_again),
        TEST(it_is_the_last_step_back_and_the_first_one_forth),
        TEST(it_is_found_after_a_restart),
        TEST(what_its_maker_did_to_it_since_goes_along_and_comes_back),
        TEST(nobody_elses_work_goes_with_it),
        TEST(only_ones_own_making_is_taken_back),
        TEST(a_record_that_was_made_anew_is_another_one),
        TEST(a_deleted_record_comes_back_and_goes_again),
        TEST(it_does_not_go_again_when_somebody_has_worked_on_it),
        TEST(it_comes_back_however_much_was_done_to_it),
        TEST(what_was_done_to_a_record_that_is_gone_is_not_done_back_to_the_next_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
