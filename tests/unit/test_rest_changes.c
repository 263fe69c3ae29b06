/* rest_changes.c, rest_undo.c and rest_behalf.c: what becomes of a request's words in the command, and of the answers in the response. */
#include "lib/rest_stage.h"
#include "peer/rest/rest.h"

#define RECORD "/api/v1/records/order/O-1"

static const struct change *sent(unsigned place)
{
    assert_true(place < stage.command_count);
    assert_int_equal(stage.commands[place]->kind, COMMAND_CHANGE);
    return stage.commands[place]->change;
}

static void answer(enum err err, enum verdict verdict, uint64_t version)
{
    struct answer *answer = peer_stage_answer(&stage, err);

    answer->verdict = verdict;
    answer->version = version;
    peer_stage_send_answer(&stage, answer);
}

/* ---- what a change is made against ---- */

static void a_patch_says_what_it_is_made_against_and_under(void **state)
{
    (void)state;
    rest_ask("PATCH", RECORD "?strategy=manual&group=g", JSON "X-Base-Version: 7\r\nLock-Token: 12\r\n",
             "{\"title\":\"x\"}");
    assert_int_equal(sent(0)->base_version, 7);
    assert_false(sent(0)->must_match);
    assert_int_equal(sent(0)->fence, 12);
    assert_true(sent(0)->has_strategy);
    assert_int_equal(sent(0)->strategy, STRATEGY_MANUAL);
    assert_text(sent(0)->group, "g");
}

static void without_a_word_it_is_the_present_version(void **state)
{
    (void)state;
    rest_ask("PATCH", RECORD, JSON, "{\"title\":\"x\"}");
    assert_int_equal(sent(0)->base_version, 0);
    assert_false(sent(0)->must_match);
    assert_false(sent(0)->has_strategy);
    assert_int_equal(sent(0)->fence, 0);
}

static void what_makes_no_sense_is_not_sent(void **state)
{
    static const struct {
        const char *path, *headers, *code;
    } rows[] = {
        {RECORD "?base_version=x", JSON, "bad_field"},
        {RECORD "?base_version=0", JSON, "bad_version"},
        {RECORD "?base_version=1", JSON "If-Match: \"1\"\r\n", "bad_request"},
        {RECORD "?strategy=luck", JSON, "bad_field"},
        {RECORD, JSON "Lock-Token: 0\r\n", "bad_field"},
        {RECORD, JSON "X-On-Behalf-Of: bob\r\n", "forbidden"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rest_ask("PATCH", rows[i].path, rows[i].headers, "{\"title\":\"x\"}");
        far_until_text(&far, rows[i].code);
        assert_int_equal(stage.command_count, 0);
    }
}

static void a_conflict_is_accepted_and_not_done(void **state)
{
    struct answer *conflict;

    (void)state;
    rest_ask("PATCH", RECORD, JSON, "{\"title\":\"x\"}");
    conflict = peer_stage_answer(&stage, OK);
    conflict->verdict = VERDICT_CONFLICT;
    conflict->strategy = STRATEGY_MANUAL;
    conflict->has_object = true;
    conflict->object_kind = OBJECT_CONFLICT;
    conflict->object = SPAN("{\"id\":\"c1\",\"user_id\":\"7\",\"state\":\"open\"}");
    peer_stage_send_answer(&stage, conflict);
    far_until_text(&far, "HTTP/1.1 202 ");
    far_until_text(&far, "X-Verdict: conflict\r\n");
    far_until_text(&far,
                   "{\"verdict\":\"conflict\",\"strategy\":\"manual\",\"conflict\":{\"id\":\"c1\",\"user_id\":7,");
}

static void the_lock_that_is_in_the_way_is_told_beside_the_error(void **state)
{
    struct answer *refusal;

    (void)state;
    rest_ask("PATCH", RECORD, JSON, "{\"title\":\"x\"}");
    refusal = peer_stage_answer(&stage, ERR_LOCKED);
    refusal->has_object = true;
    refusal->object_kind = OBJECT_LOCK;
    refusal->object = SPAN("{\"path\":\"\",\"locked_by\":\"9\"}");
    peer_stage_send_answer(&stage, refusal);
    far_until_text(&far, "HTTP/1.1 423 ");
    far_until_text(&far, "{\"error\":{\"code\":\"locked\",");
    far_until_text(&far, "},\"lock\":{\"path\":\"\",\"locked_by\":9");
}

/* ---- queues ---- */

static void a_queue_is_sent_in_order_under_one_source(void **state)
{
    (void)state;
    rest_ask("POST", RECORD "/changes?base_version=3", JSON "Idempotency-Key: k\r\n",
             "{\"changes\":[{\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"a\"}]},"
             "{\"id\":\"own\",\"version\":5,\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"b\"}]}]}");
    assert_int_equal(stage.command_count, 2);
    assert_text(sent(0)->id, "k#0");
    assert_int_equal(sent(0)->base_version, 3);
    assert_text(sent(1)->id, "own");
    assert_int_equal(sent(1)->base_version, 5);
    assert_true(sent(0)->source.len > 0);
    assert_true(span_equal(sent(0)->source, sent(1)->source));
    assert_text(stage.commands[1]->room, "order:O-1");
}

static void results_stand_in_the_order_of_the_queue(void **state)
{
    (void)state;
    rest_ask("POST", RECORD "/changes", JSON,
             "{\"changes\":[{\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"a\"}]},"
             "{\"id\":\"bad\",\"ops\":[{\"op\":\"set\",\"path\":\"nothing\",\"value\":1}]},"
             "{\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"c\"}]}]}");
    assert_int_equal(stage.command_count, 2);
    answer(OK, VERDICT_APPLIED, 4);
    assert_false(far_has(&far, "HTTP/1.1"));
    answer(ERR_CONFLICT, VERDICT_REJECTED, 0);
    far_until_text(&far, "{\"results\":[{\"id\":null,\"verdict\":\"applied\"");
    far_until_text(&far, "\"version\":4");
    far_until_text(&far, "{\"id\":\"bad\",\"verdict\":\"rejected\",\"error\":{\"code\":\"unknown_field\"");
    far_until_text(&far, "\"error\":{\"code\":\"conflict\"");
}

static void a_queue_without_a_change_in_it_is_answered_at_once(void **state)
{
    (void)state;
    rest_ask("POST", RECORD "/changes", JSON, "{\"changes\":[1,{},{\"ops\":[]}]}");
    assert_int_equal(stage.command_count, 0);
    far_until_text(&far, "HTTP/1.1 200 ");
    far_until_text(&far, "\"verdict\":\"rejected\"");
}

static void a_connection_may_be_gone_while_a_queue_is_under_way(void **state)
{
    (void)state;
    rest_ask("POST", RECORD "/changes", JSON,
             "{\"changes\":[{\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"a\"}]},"
             "{\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"b\"}]}]}");
    answer(OK, VERDICT_APPLIED, 4);
    conn_host_close_all(stage.net.host);
    stage_turns(&stage.net, 3);
    answer(OK, VERDICT_APPLIED, 5);
    assert_int_equal(stage.host.sessions.count, 0);
}

/* ---- taking back ---- */

static void undo_names_a_change_by_its_version_or_its_id(void **state)
{
    (void)state;
    rest_ask("POST", RECORD "/undo", "", "");
    rest_ask("POST", RECORD "/redo", JSON, "{\"version\":4}");
    assert_int_equal(stage.command_count, 1); /* the other waits for its turn */
    assert_int_equal(stage.commands[0]->kind, COMMAND_UNDO);
    assert_false(stage.commands[0]->undo.is_redo);
    assert_int_equal(stage.commands[0]->undo.version, 0);
    answer(ERR_NOTHING_TO_UNDO, VERDICT_REJECTED, 0);
    far_until_text(&far, "\"code\":\"nothing_to_undo\"");
    stage_turns(&stage.net, 3);
    peer_stage_run_jobs(&stage);
    assert_true(stage.commands[0]->undo.is_redo);
    assert_int_equal(stage.commands[0]->undo.version, 4);
}

static void restoring_has_the_conditions_of_a_patch(void **state)
{
    (void)state;
    rest_ask("POST", RECORD "/restore", JSON "If-Match: \"9\"\r\nIdempotency-Key: k\r\n", "{\"version\":2}");
    assert_int_equal(stage.commands[0]->kind, COMMAND_RESTORE);
    assert_int_equal(stage.commands[0]->restore.version, 2);
    assert_int_equal(stage.commands[0]->restore.base_version, 9);
    assert_true(stage.commands[0]->restore.must_match);
    assert_text(stage.commands[0]->restore.id, "k");
}

/* ---- on behalf of somebody ---- */

static void add_account(const char *id, const char *name)
{
    struct span role = SPAN("editor");
    struct account account = {
        .id = span_from_str(id), .username = span_from_str(name), .roles = &role, .role_count = 1};

    assert_int_equal(store_account_put(stage.store.store, &stage.store.arena, &account), OK);
}

static void a_backend_changes_as_one_of_its_users_and_signs_it(void **state)
{
    (void)state;
    peer_stage_set_account(&stage, "service", false);
    add_account("8", "bob");
    rest_ask("PATCH", RECORD, JSON "X-On-Behalf-Of: bob\r\n", "{\"title\":\"x\"}");
    assert_text(stage.commands[0]->identity->user_id, "8");
    assert_text(sent(0)->metadata, "{\"sent_by\":\"ann\"}");
}

static void what_it_says_besides_stays(void **state)
{
    (void)state;
    peer_stage_set_account(&stage, "service", false);
    add_account("8", "bob");
    rest_ask(
        "POST", RECORD "/changes", JSON "X-On-Behalf-Of: bob\r\n",
        "{\"changes\":[{\"metadata\":{\"why\":\"x\"},\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"a\"}]},"
        "{\"metadata\":{\"sent_by\":\"me\"},\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"b\"}]}]}");
    assert_int_equal(stage.command_count, 1);
    assert_text(sent(0)->metadata, "{\"sent_by\":\"ann\",\"why\":\"x\"}");
}

static void nobody_is_acted_for_who_is_not_there(void **state)
{
    (void)state;
    peer_stage_set_account(&stage, "service", false);
    rest_ask("PATCH", RECORD, JSON "X-On-Behalf-Of: carol\r\n", "{\"title\":\"x\"}");
    assert_int_equal(stage.command_count, 0);
    far_until_text(&far, "\"code\":\"unknown_user\"");
    far_until_text(&far, "\"field\":\"on_behalf_of\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rest_stage_set_up, rest_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_patch_says_what_it_is_made_against_and_under),
        TEST(without_a_word_it_is_the_present_version),
        TEST(what_makes_no_sense_is_not_sent),
        TEST(a_conflict_is_accepted_and_not_done),
        TEST(the_lock_that_is_in_the_way_is_told_beside_the_error),
        TEST(a_queue_is_sent_in_order_under_one_source),
        TEST(results_stand_in_the_order_of_the_queue),
        TEST(a_queue_without_a_change_in_it_is_answered_at_once),
        TEST(a_connection_may_be_gone_while_a_queue_is_under_way),
        TEST(undo_names_a_change_by_its_version_or_its_id),
        TEST(restoring_has_the_conditions_of_a_patch),
        TEST(a_backend_changes_as_one_of_its_users_and_signs_it),
        TEST(what_it_says_besides_stays),
        TEST(nobody_is_acted_for_who_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
