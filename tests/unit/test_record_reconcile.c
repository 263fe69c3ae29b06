#include "collab/hub.h"
#include "lib/hub_stage.h"

/* ---- builders ---- */

static struct command *change_of(session_id session, const char *room, const char *json)
{
    return hub_double_json_command(world, session, user_of(session), room, json);
}

static struct answer *change(session_id session, const char *room, const char *json)
{
    return hub_double_ask(world, change_of(session, room, json));
}

static void send(session_id session, const char *room, const char *json)
{
    hub_double_do(world, change_of(session, room, json));
}

static struct answer *create(const char *room, const char *patch)
{
    return hub_double_change(world, LI, 4, room, CHANGE_CREATE, "", patch);
}

static void assert_done(const struct answer *answer, enum verdict verdict, uint64_t version)
{
    assert_ok(answer);
    assert_int_equal(answer->verdict, verdict);
    assert_int_equal(answer->version, version);
}

static unsigned asked_of_kind(enum store_kind kind)
{
    unsigned count = 0;

    for (unsigned i = 0; i < world->asked_count; i++)
        count += world->asked[i]->kind == kind;
    return count;
}

/* ---- merging ---- */

static void texts_that_were_edited_at_the_same_time_keep_both_edits(void **state)
{
    const struct answer *answer;

    (void)state;
    create("doc:D-1", "{\"body\":\"one two\"}");
    assert_done(
        change(MARIA, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[\"zero \"]}]}"),
        VERDICT_APPLIED, 2);
    answer = change(AMIR, "doc:D-1",
                    "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[7,\" three\"]}]}");
    assert_done(answer, VERDICT_MERGED, 3);
    assert_int_equal(answer->strategy, STRATEGY_OPERATIONAL_TRANSFORM);
    assert_record("doc:D-1", 3, "{\"body\":\"zero one two three\"}");
}

/* Each edit keeps the whole text before and after it. */
static struct answer *edit_a_long_text(unsigned times)
{
    struct buf text = BUF_EMPTY;
    struct answer *answer;

    buf_append_str(&text, "{\"ops\":[");
    for (unsigned i = 0; i < times; i++)
        buf_append_str(&text, i > 0 ? ",{\"op\":\"txt\",\"path\":\"body\",\"value\":[\"x\"]}"
                                    : "{\"op\":\"txt\",\"path\":\"body\",\"value\":[\"x\"]}");
    buf_append(&text, "]}", 3); /* with its NUL */
    answer = change(MARIA, "doc:D-1", text.data);
    buf_deinit(&text);
    return answer;
}

static void a_change_is_not_kept_when_it_is_much_larger_than_what_was_sent(void **state)
{
    enum { LONG = 15000 };
    struct buf text = BUF_EMPTY;

    (void)state;
    buf_printf(&text, "{\"title\":\"A\",\"body\":\"%0*d\"}%c", LONG, 1, 0);
    create("doc:D-1", text.data);
    buf_deinit(&text);
    assert_done(edit_a_long_text(40), VERDICT_APPLIED, 2);
    assert_string_equal(err_code(edit_a_long_text(250)->err), "too_large");
    assert_done(edit_a_long_text(1), VERDICT_APPLIED, 3);
}

static void counters_add_up(void **state)
{
    (void)state;
    create("doc:D-1", "{\"qty\":1}");
    change(MARIA, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"inc\",\"path\":\"qty\",\"value\":2}]}");
    change(AMIR, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"inc\",\"path\":\"qty\",\"value\":4}]}");
    assert_record("doc:D-1", 3, "{\"qty\":7}");
}

static void edits_meet_on_the_way_to_the_disk(void **state)
{
    (void)state;
    create("doc:D-1", "{\"body\":\"ab\"}");
    world->is_store_slow = true;
    send(MARIA, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[\"x\"]}]}");
    send(AMIR, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[1,\"y\"]}]}");
    assert_int_equal(world->asked_count, 2);
    hub_double_store_all(world);
    assert_record("doc:D-1", 3, "{\"body\":\"xayb\"}");
}

static void what_never_came_to_be_is_not_merged_with(void **state)
{
    (void)state;
    create("doc:D-1", "{\"body\":\"ab\"}");
    world->is_store_slow = true;
    send(MARIA, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[\"xxx\"]}]}");
    send(AMIR, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[1,\"y\"]}]}");
    store_fails(ERR_STORAGE);
    hub_double_store_all(world);
    world->is_store_slow = false;
    assert_record("doc:D-1", 2, "{\"body\":\"ayb\"}");
    assert_done(
        change(LI, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[2,\"z\"]}]}"),
        VERDICT_MERGED, 3);
    assert_record("doc:D-1", 3, "{\"body\":\"aybz\"}");
}

static void who_did_not_wait_for_himself_has_seen_his_own_edits(void **state)
{
    (void)state;
    create("doc:D-1", "{\"body\":\"\"}");
    send(MARIA, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[\"ab\"]}]}");
    send(MARIA, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[2,\"cd\"]}]}");
    assert_record("doc:D-1", 3, "{\"body\":\"abcd\"}");
}

static void a_value_that_lost_is_kept_in_the_history(void **state)
{
    const struct answer *answer;

    (void)state;
    create("doc:D-1", "{\"title\":\"A\"}");
    change(MARIA, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"B\"}]}");
    answer = change(AMIR, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"C\"}]}");
    assert_done(answer, VERDICT_MERGED, 3);
    assert_int_equal(answer->change->superseded_count, 1);
    assert_text(answer->change->superseded[0].value, "\"B\"");
    assert_record("doc:D-1", 3, "{\"title\":\"C\"}");
}

static void a_change_of_which_nothing_is_left_is_history_all_the_same(void **state)
{
    const struct answer *answer;

    (void)state;
    create("doc:D-1", "{\"body\":\"ab\"}");
    change(MARIA, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"body\",\"value\":\"new\"}]}");
    answer =
        change(AMIR, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[2,\"c\"]}]}");
    assert_done(answer, VERDICT_MERGED, 3);
    assert_int_equal(answer->change->op_count, 0);
    assert_int_equal(answer->change->superseded_count, 1);
    assert_record("doc:D-1", 3, "{\"body\":\"new\"}");
}

/* ---- what was seen ---- */

static void what_was_seen_says_against_what_it_was_made(void **state)
{
    (void)state;
    create("doc:D-1", "{\"body\":\"ab\"}");
    change(MARIA, "doc:D-1", "{\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[\"x\"]}]}");
    assert_done(
        change(AMIR, "doc:D-1", "{\"operation\":\"text\",\"path\":\"body\",\"before\":\"ab\",\"after\":[2,\"c\"]}"),
        VERDICT_MERGED, 3);
    assert_record("doc:D-1", 3, "{\"body\":\"xabc\"}");
}

static void what_was_seen_may_be_of_a_record_that_is_gone(void **state)
{
    const struct answer *answer;

    (void)state;
    create("doc:D-1", "{\"body\":\"one\"}");
    hub_double_change(world, LI, 4, "doc:D-1", CHANGE_DELETE, "", NULL);
    create("doc:D-1", "{\"body\":\"two\"}");
    answer =
        change(AMIR, "doc:D-1",
               "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"body\",\"value\":\"three\",\"before\":\"one\"}]}");
    assert_done(answer, VERDICT_MERGED, 4);
    assert_int_equal(answer->change->superseded_count, 1);
    answer =
        change(AMIR, "doc:D-1", "{\"ops\":[{\"op\":\"set\",\"path\":\"body\",\"value\":\"four\",\"before\":\"one\"}]}");
    assert_done(answer, VERDICT_MERGED, 5);
    assert_int_equal(answer->change->base_version, 1);
    assert_int_equal(answer->change->superseded_count, 1);
    assert_record("doc:D-1", 5, "{\"body\":\"two\"}");
}

static void what_never_was_there_is_refused(void **state)
{
    (void)state;
    create("doc:D-1", "{\"title\":\"A\"}");
    assert_refused(
        change(AMIR, "doc:D-1", "{\"operation\":\"update\",\"path\":\"title\",\"before\":\"Z\",\"after\":\"B\"}"),
        ERR_BAD_BEFORE);
    assert_record("doc:D-1", 1, "{\"title\":\"A\"}");
}

/* ---- strategies ---- */

static void a_strategy_that_the_type_does_not_allow_is_refused(void **state)
{
    struct command *command;

    (void)state;
    create("doc:D-1", "{\"title\":\"A\"}");
    command = change_of(MARIA, "doc:D-1", "{\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"B\"}]}");
    command->change->has_strategy = true;
    command->change->strategy = STRATEGY_CRDT;
    assert_refused(hub_double_ask(world, command), ERR_STRATEGY);
    command = change_of(MARIA, "doc:D-1", "{\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"B\"}]}");
    command->change->has_strategy = true;
    command->change->strategy = STRATEGY_LAST_WRITE_WINS;
    assert_done(hub_double_ask(world, command), VERDICT_APPLIED, 2);
}

static void the_same_change_again_gets_the_same_verdict(void **state)
{
    static const char text[] =
        "{\"id\":\"c1\",\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[2,\"c\"]}]}";
    const struct answer *answer;

    (void)state;
    create("doc:D-1", "{\"body\":\"ab\"}");
    change(MARIA, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[\"x\"]}]}");
    assert_done(change(AMIR, "doc:D-1", text), VERDICT_MERGED, 3);
    answer = change(AMIR, "doc:D-1", text);
    assert_done(answer, VERDICT_MERGED, 3);
    assert_true(answer->is_repeat);
    assert_int_equal(answer->strategy, STRATEGY_OPERATIONAL_TRANSFORM);
    assert_record("doc:D-1", 3, "{\"body\":\"xabc\"}");
}

static void a_change_without_an_id_can_be_named_all_the_same(void **state)
{
    const struct answer *answer;

    (void)state;
    answer = create("doc:D-1", "{\"title\":\"A\"}");
    assert_true(answer->change->id.len > 0);
    assert_true(span_equal(answer->change->id, answer->event->id));
    assert_int_equal(answer->op_id.len, 0);
    assert_int_equal(world->store.op_count, 0);
}

/* ---- older than what is in memory ---- */

static void what_is_not_in_memory_any_more_is_read(void **state)
{
    (void)state;
    create("doc:D-1", "{\"body\":\"ab\"}");
    change(MARIA, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[\"x\"]}]}");
    hub_double_restart(world);
    assert_done(
        change(AMIR, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[2,\"c\"]}]}"),
        VERDICT_MERGED, 3);
    assert_record("doc:D-1", 3, "{\"body\":\"xabc\"}");
}

static void others_wait_in_line_while_old_changes_are_read(void **state)
{
    (void)state;
    create("doc:D-1", "{\"body\":\"ab\"}");
    change(MARIA, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[\"x\"]}]}");
    hub_double_restart(world);
    change(LI, "doc:D-1", "{\"ops\":[{\"op\":\"test\",\"path\":\"qty\",\"value\":null}]}"); /* it is loaded */
    hub_double_hush(world);
    world->is_store_slow = true;
    send(AMIR, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[2,\"c\"]}]}");
    send(LI, "doc:D-1", "{\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"T\"}]}");
    assert_int_equal(world->asked_count, 1);
    assert_int_equal(asked_of_kind(STORE_CHANGES_READ), 1);
    hub_double_store_some(world, 1);
    assert_int_equal(asked_of_kind(STORE_COMMIT), 2);
    hub_double_store_all(world);
    assert_int_equal(hub_double_answer(world)->version, 3);
    assert_int_equal(hub_double_answer(world)->version, 4);
    assert_record("doc:D-1", 4, "{\"body\":\"xabc\",\"title\":\"T\"}");
}

static void what_was_read_serves_the_next_one_too(void **state)
{
    unsigned reads = 0;

    (void)state;
    create("doc:D-1", "{\"qty\":0}");
    change(MARIA, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"inc\",\"path\":\"qty\",\"value\":1}]}");
    hub_double_restart(world);
    world->is_store_slow = true;
    for (unsigned i = 0; i < 5; i++) {
        send(AMIR, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"inc\",\"path\":\"qty\",\"value\":1}]}");
        while (world->asked_count > 0) {
            reads += world->asked[0]->kind == STORE_CHANGES_READ;
            hub_double_store_some(world, 1);
        }
    }
    assert_int_equal(reads, 1);
    assert_record("doc:D-1", 7, "{\"qty\":6}");
}

static void a_tail_that_was_passed_over_is_read_again(void **state)
{
    (void)state;
    create("doc:D-1", "{\"body\":\"ab\"}");
    for (unsigned i = 0; i < 300; i++)
        change(MARIA, "doc:D-1",
               i % 2 ? "{\"ops\":[{\"op\":\"set\",\"path\":\"qty\",\"value\":1}]}"
                     : "{\"ops\":[{\"op\":\"set\",\"path\":\"qty\",\"value\":2}]}");
    change(MARIA, "doc:D-1", "{\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[\"x\"]}]}");
    assert_done(
        change(AMIR, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[2,\"c\"]}]}"),
        VERDICT_MERGED, 303);
    assert_record("doc:D-1", 303, "{\"body\":\"xabc\",\"qty\":1}");
}

static void when_old_changes_cannot_be_read_the_change_is_refused(void **state)
{
    (void)state;
    create("doc:D-1", "{\"body\":\"ab\"}");
    change(MARIA, "doc:D-1", "{\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[\"x\"]}]}");
    hub_double_restart(world);
    change(LI, "doc:D-1", "{\"ops\":[{\"op\":\"test\",\"path\":\"qty\",\"value\":null}]}"); /* it is loaded */
    world->failure = ERR_STORAGE;
    assert_refused(
        change(AMIR, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[2,\"c\"]}]}"),
        ERR_STORAGE);
    world->failure = OK;
    assert_done(
        change(AMIR, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[2,\"c\"]}]}"),
        VERDICT_MERGED, 3);
}

static void a_tip_that_fails_while_old_changes_are_read_is_forgotten(void **state)
{
    (void)state;
    create("doc:D-1", "{\"body\":\"ab\"}");
    change(MARIA, "doc:D-1", "{\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[\"x\"]}]}");
    hub_double_restart(world);
    change(LI, "doc:D-1", "{\"ops\":[{\"op\":\"test\",\"path\":\"qty\",\"value\":null}]}"); /* it is loaded */
    hub_double_hush(world);
    world->is_store_slow = true;
    send(LI, "doc:D-1", "{\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[\"lost\"]}]}");
    send(AMIR, "doc:D-1", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[2,\"c\"]}]}");
    store_fails(ERR_STORAGE);
    hub_double_store_all(world);
    assert_refused(hub_double_answer(world), ERR_STORAGE);
    assert_done(hub_double_answer(world), VERDICT_MERGED, 3);
    assert_record("doc:D-1", 3, "{\"body\":\"xabc\"}");
}

/* ---- history and feed ---- */

static void a_change_is_a_line_of_the_activity_feed(void **state)
{
    const struct event *event;

    (void)state;
    hub_double_join(world, ADA, 1, ROOM_ACTIVITY);
    create("doc:D-1", "{\"title\":\"A\"}");
    event = hub_double_event(world, 0, EVENT_CHANGE);
    assert_non_null(event);
    assert_text(event->room, ROOM_ACTIVITY);
    assert_int_equal(world->store.line_count, 1);
    assert_string_equal(world->store.lines[0].action, "created");
    assert_string_equal(world->store.lines[0].user_id, "4");
}

static void who_is_made_responsible_hears_of_it(void **state)
{
    const struct event *event;

    (void)state;
    hub_double_join(world, AMIR, 3, "user:3");
    create("doc:D-1", "{\"title\":\"A\"}");
    change(MARIA, "doc:D-1", "{\"ops\":[{\"op\":\"set\",\"path\":\"owner\",\"value\":\"amir\"}]}");
    event = hub_double_event(world, 0, EVENT_OBJECT);
    assert_non_null(event);
    assert_int_equal(event->object.kind, OBJECT_NOTIFICATION);
    assert_text(event->room, "user:3");
    hub_double_hush(world);
    change(MARIA, "doc:D-1", "{\"ops\":[{\"op\":\"set\",\"path\":\"owner\",\"value\":\"amir\"}]}"); /* he is already */
    change(AMIR, "doc:D-1", "{\"ops\":[{\"op\":\"set\",\"path\":\"owner\",\"value\":\"nobody\"}]}");
    change(AMIR, "doc:D-1", "{\"ops\":[{\"op\":\"set\",\"path\":\"owner\",\"value\":\"amir\"}]}"); /* his own doing */
    assert_null(hub_double_event(world, 0, EVENT_OBJECT));
    assert_record("doc:D-1", 4, "{\"title\":\"A\",\"owner\":\"amir\"}");
}

/* However often a change says who it is. */
static void who_is_made_responsible_in_the_end_counts(void **state)
{
    struct buf text = BUF_EMPTY;

    (void)state;
    hub_double_join(world, AMIR, 3, "user:3");
    hub_double_join(world, LI, 4, "user:4");
    create("doc:D-1", "{\"title\":\"A\"}");
    hub_double_hush(world);
    buf_append_str(&text, "{\"ops\":[");
    for (unsigned i = 0; i < 200; i++)
        buf_printf(&text, "{\"op\":\"set\",\"path\":\"owner\",\"value\":\"%s%u\"},", "nobody", i);
    buf_append_str(&text, "{\"op\":\"set\",\"path\":\"owner\",\"value\":\"li\"}]}");
    buf_append_char(&text, 0);
    assert_done(change(MARIA, "doc:D-1", text.data), VERDICT_APPLIED, 2);
    assert_text(hub_double_event(world, 0, EVENT_OBJECT)->room, "user:4");
    buf_deinit(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, hub_stage_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(texts_that_were_edited_at_the_same_time_keep_both_edits),
        TEST(a_change_is_not_kept_when_it_is_much_larger_than_what_was_sent),
        TEST(counters_add_up),
        TEST(edits_meet_on_the_way_to_the_disk),
        TEST(what_never_came_to_be_is_not_merged_with),
        TEST(who_did_not_wait_for_himself_has_seen_his_own_edits),
        TEST(a_value_that_lost_is_kept_in_the_history),
        TEST(a_change_of_which_nothing_is_left_is_history_all_the_same),
        TEST(what_was_seen_says_against_what_it_was_made),
        TEST(what_never_was_there_is_refused),
        TEST(a_strategy_that_the_type_does_not_allow_is_refused),
        TEST(the_same_change_again_gets_the_same_verdict),
        TEST(a_change_without_an_id_can_be_named_all_the_same),
        TEST(what_is_not_in_memory_any_more_is_read),
        TEST(others_wait_in_line_while_old_changes_are_read),
        TEST(what_was_read_serves_the_next_one_too),
        TEST(a_tail_that_was_passed_over_is_read_again),
        TEST(when_old_changes_cannot_be_read_the_change_is_refused),
        TEST(a_tip_that_fails_while_old_changes_are_read_is_forgotten),
        TEST(a_change_is_a_line_of_the_activity_feed),
        TEST(who_is_made_responsible_hears_of_it),
        TEST(who_is_made_responsible_in_the_end_counts),
        TEST(what_was_seen_may_be_of_a_record_that_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
