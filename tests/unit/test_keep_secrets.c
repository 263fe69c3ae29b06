/* What is told to people in texts, and which rooms a thing is shown in: neither can be masked field by field for whoever reads it, so
 * neither may say what is in a field that not everybody may read. */
#include "collab/keep/keep.h"
#include "lib/object_double.h"

#include <stdio.h>
#include <string.h>

/* The name of a deal and its customer are for managers, and Ada; its limit is for those who edit, too. */
static const char room[] = "deal:D-1";

static int set_up(void **state)
{
    object_set_up(state);
    assert_int_equal(hub_double_change(world, ADA, user_of(ADA), room, CHANGE_CREATE, "",
                                       "{\"code\":\"Falcon\",\"limit\":5,\"customer\":\"C-7\"}")
                         ->err,
                     OK);
    return 0;
}

/* ---- builders ---- */

static bool contains(struct span text, const char *word)
{
    const size_t len = strlen(word);

    for (size_t i = 0; i + len <= text.len; i++)
        if (memcmp(text.data + i, word, len) == 0)
            return true;
    return false;
}

static void assert_silent(const char *text)
{
    if (contains(span_from_str(text), "Falcon"))
        fail_msg("it says the name: %s", text);
}

/* He was told of the deal, by what everybody may call it. */
static void assert_told(const char *user_id, const char *type, const char *title)
{
    const struct span body = object_notice(user_id);

    assert_int_equal(object_notices(user_id, type), 1);
    assert_string_equal(member_of(body, "title"), title);
    assert_silent(member_of(body, "message"));
    assert_silent(member_of(body, "data"));
}

static void set_limit(session_id session, uint64_t version, const char *value)
{
    char text[120];

    (void)snprintf(text, sizeof(text), "{\"version\":%u,\"ops\":[{\"op\":\"set\",\"path\":\"limit\",\"value\":%s}]}",
                   (unsigned)version, value);
    assert_ok(hub_double_ask(world, hub_double_json_command(world, session, user_of(session), room, text)));
}

/* ---- titles ---- */

static void a_mention_does_not_say_what_the_record_is_called(void **state)
{
    (void)state;
    assert_int_equal(object_ask(ADA, room, OBJECT_COMMENT, OBJECT_ADD, "", "{\"text\":\"look, @amir\"}")->err, OK);
    assert_told("3", "mention", "ada mentioned you on Deal D-1");
}

static void an_answer_does_not_either(void **state)
{
    const struct answer *answer = object_ask(AMIR, room, OBJECT_COMMENT, OBJECT_ADD, "", "{\"text\":\"well\"}");
    char input[120];

    (void)state;
    (void)snprintf(input, sizeof(input), "{\"text\":\"yes\",\"parent_id\":\"%s\"}", answered(answer, "id"));
    assert_int_equal(object_ask(ADA, room, OBJECT_COMMENT, OBJECT_ADD, "", input)->err, OK);
    assert_told("3", "reply", "ada answered you on Deal D-1");
}

static void nor_does_an_assignment(void **state)
{
    (void)state;
    assert_int_equal(hub_double_change(world, ADA, user_of(ADA), room, CHANGE_UPDATE, "", "{\"owner\":\"amir\"}")->err,
                     OK);
    assert_told("3", "assignment", "Assigned to you: Deal D-1");
}

static void nor_does_a_conflict(void **state)
{
    (void)state;
    set_limit(MARIA, 1, "6");
    set_limit(AMIR, 1, "7");
    assert_told("2", "conflict", "Conflicting changes: Deal D-1");
    assert_told("3", "conflict", "Conflicting changes: Deal D-1");
}

static void nor_does_a_conflict_that_somebody_is_to_settle(void **state)
{
    const struct event *event;
    char input[] = "{\"user_id\":5}";

    (void)state;
    object_listen(ADA, room);
    set_limit(MARIA, 1, "6");
    set_limit(AMIR, 1, "7");
    while ((event = object_heard(room)) && event->object.kind != OBJECT_CONFLICT)
        ;
    assert_non_null(event);
    assert_int_equal(object_ask(ADA, room, OBJECT_CONFLICT, OBJECT_ASSIGN, event->object.id.data, input)->err, OK);
    assert_told("5", "assignment", "ada asks you to settle a conflict");
    assert_string_equal(member_of(object_notice("5"), "message"), "Two versions of Deal D-1 wait for a decision.");
}

static void nor_does_a_request_for_a_lock(void **state)
{
    (void)state;
    assert_int_equal(object_ask(AMIR, room, OBJECT_LOCK, OBJECT_ADD, "", "{}")->err, OK);
    assert_int_equal(object_ask(ADA, room, OBJECT_LOCK, OBJECT_REQUEST, "", "{}")->err, OK);
    assert_told("3", "lock_request", "ada asks for your lock on Deal D-1");
}

static void what_everybody_may_read_is_said(void **state)
{
    (void)state;
    assert_int_equal(object_ask(ADA, "order:O-1", OBJECT_COMMENT, OBJECT_ADD, "", "{\"text\":\"look, @amir\"}")->err,
                     OK);
    assert_told("3", "mention", "ada mentioned you on Pump");
}

/* ---- what a notification is about ---- */

static void it_says_which_fields_it_tells_about(void **state)
{
    (void)state;
    assert_int_equal(hub_double_change(world, ADA, user_of(ADA), room, CHANGE_UPDATE, "", "{\"owner\":\"amir\"}")->err,
                     OK);
    assert_string_equal(member_of(object_notice("3"), "fields"), "[{\"path\":\"/owner\"}]");
    set_limit(MARIA, 1, "6");
    set_limit(AMIR, 1, "7");
    assert_string_equal(member_of(object_notice("2"), "fields"), "[{\"path\":\"/limit\"}]");
}

static void of_the_whole_record_it_names_none(void **state)
{
    (void)state;
    assert_int_equal(object_ask(ADA, room, OBJECT_COMMENT, OBJECT_ADD, "", "{\"text\":\"look, @amir\"}")->err, OK);
    assert_string_equal(member_of(object_notice("3"), "fields"), "");
}

/* ---- feeds ---- */

static void a_customers_feed_does_not_tell_whose_record_it_is(void **state)
{
    const struct model_line *line = NULL;

    (void)state;
    assert_int_equal(object_ask(ADA, room, OBJECT_COMMENT, OBJECT_ADD, "", "{\"text\":\"hm\"}")->err, OK);
    for (unsigned i = 0; i < world->store.line_count; i++)
        if (strcmp(world->store.lines[i].entity_id, "D-1") == 0)
            line = &world->store.lines[i];
    assert_non_null(line);
    assert_string_equal(line->customer_id, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_mention_does_not_say_what_the_record_is_called),
        TEST(an_answer_does_not_either),
        TEST(nor_does_an_assignment),
        TEST(nor_does_a_conflict),
        TEST(nor_does_a_conflict_that_somebody_is_to_settle),
        TEST(nor_does_a_request_for_a_lock),
        TEST(what_everybody_may_read_is_said),
        TEST(it_says_which_fields_it_tells_about),
        TEST(of_the_whole_record_it_names_none),
        TEST(a_customers_feed_does_not_tell_whose_record_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
