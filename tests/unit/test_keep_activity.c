#include "collab/keep/keep.h"
#include "lib/object_double.h"

#include <stdio.h>
#include <string.h>

/* ---- builders ---- */

static struct answer *note(session_id session, const char *room, const char *input)
{
    return object_ask(session, room, OBJECT_ACTIVITY, OBJECT_ADD, "", input);
}

/* How many lines of the feed there are of an action. */
static unsigned lines(const char *action)
{
    unsigned count = 0;

    for (unsigned i = 0; i < world->store.line_count; i++)
        count += strcmp(world->store.lines[i].action, action) == 0;
    return count;
}

static void what_somebody_did_is_in_the_feeds(void **state)
{
    const struct answer *answer;
    const struct model_line *line;

    (void)state;
    object_listen(AMIR, ROOM_ACTIVITY);
    object_listen(AMIR, "feed:user:8");
    object_listen(AMIR, "feed:customer:C-1");
    answer = note(VERA, "order:O-1", "{\"action\":\"exported\",\"metadata\":{\"format\":\"pdf\"}}");
    assert_done(answer);
    assert_string_equal(answered(answer, "action"), "exported");
    assert_string_equal(answered(answer, "metadata.format"), "pdf");
    assert_string_equal(answered(answer, "entity_name"), "Pump");
    assert_string_equal(answered(answer, "username"), "vera");
    assert_non_null(object_heard(ROOM_ACTIVITY));
    hub_double_store_all(world);
    line = &world->store.lines[world->store.line_count - 1];
    assert_string_equal(line->action, "exported");
    assert_string_equal(line->user_id, "8");
    assert_string_equal(line->type, "order");
    assert_string_equal(line->entity_id, "O-1");
    assert_string_equal(line->customer_id, "C-1");
}

static void all_but_a_view_is_heard_in_the_records_room(void **state)
{
    (void)state;
    object_listen(AMIR, "order:O-1");
    assert_done(note(VERA, "order:O-1", "{\"action\":\"viewed\"}"));
    assert_null(object_heard("order:O-1"));
    assert_done(note(VERA, "order:O-1", "{\"action\":\"exported\"}"));
    assert_non_null(object_heard("order:O-1"));
}

static void a_customer_has_a_feed_of_his_own(void **state)
{
    (void)state;
    object_listen(AMIR, "feed:customer:C-7");
    assert_done(note(VERA, "customer:C-7", "{\"action\":\"called\"}"));
    assert_non_null(object_heard("feed:customer:C-7"));
}

static void a_view_is_noted_once_in_ten_minutes(void **state)
{
    (void)state;
    assert_done(note(VERA, "order:O-1", "{\"action\":\"viewed\"}"));
    assert_done(note(VERA, "order:O-1", "{\"action\":\"viewed\"}"));
    assert_int_equal(lines("viewed"), 1);
    assert_done(note(AMIR, "order:O-1", "{\"action\":\"viewed\"}"));
    assert_done(note(VERA, "order:O-2", "{\"action\":\"viewed\"}"));
    assert_int_equal(lines("viewed"), 3);
    hub_double_advance(world, 600000);
    assert_done(note(VERA, "order:O-1", "{\"action\":\"viewed\"}"));
    assert_int_equal(lines("viewed"), 4);
}

static void a_view_that_could_not_be_noted_may_be_noted_again(void **state)
{
    (void)state;
    world->is_store_slow = true;
    hub_double_do(world, object_command(VERA, "order:O-1", OBJECT_ACTIVITY, OBJECT_ADD, "", "{\"action\":\"viewed\"}"));
    hub_double_store_some(world, 1); /* the record is read */
    world->failure = ERR_STORAGE_FULL;
    hub_double_store_all(world);
    assert_int_equal(hub_double_answer(world)->err, ERR_STORAGE_FULL);
    world->failure = OK;
    world->is_store_slow = false;
    assert_done(note(VERA, "order:O-1", "{\"action\":\"viewed\"}"));
    assert_int_equal(lines("viewed"), 1);
}

static void what_the_server_says_itself_nobody_else_says(void **state)
{
    static const char *const words[] = {"created", "updated", "deleted", "approved", "commented", "locked"};
    char input[64];

    (void)state;
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        (void)snprintf(input, sizeof(input), "{\"action\":\"%s\"}", words[i]);
        assert_refused_for(note(MARIA, "order:O-1", input), ERR_BAD_FIELD, "action");
    }
}

static void an_action_is_a_short_word(void **state)
{
    (void)state;
    assert_refused_for(note(MARIA, "order:O-1", "{}"), ERR_MISSING_FIELD, "action");
    assert_refused_for(note(MARIA, "order:O-1", "{\"action\":\"Viewed\"}"), ERR_BAD_FIELD, "action");
    assert_refused_for(note(MARIA, "order:O-1", "{\"action\":\"a b\"}"), ERR_BAD_FIELD, "action");
    assert_refused_for(note(MARIA, "order:O-1", "{\"action\":\"abcdefghijklmnopqrstuvwxyzabcdefg\"}"), ERR_BAD_FIELD,
                       "action");
    assert_refused_for(note(MARIA, "order:O-1", "{\"action\":\"x\",\"metadata\":\"y\"}"), ERR_BAD_FIELD, "metadata");
}

static void only_who_may_read_the_record_did_something_with_it(void **state)
{
    (void)state;
    assert_refused_for(note(MARIA, "secret:S-1", "{\"action\":\"viewed\"}"), ERR_FORBIDDEN, "");
    assert_refused_for(note(MARIA, "order:O-9", "{\"action\":\"viewed\"}"), ERR_NOT_FOUND, "");
    assert_refused_for(note(MARIA, "lobby", "{\"action\":\"viewed\"}"), ERR_NOT_FOUND, "");
}

static void a_repeat_is_told_what_was_noted_first(void **state)
{
    const char *id;
    char first[64];

    (void)state;
    id = answered(object_ask_as("a1", VERA, "order:O-1", OBJECT_ACTIVITY, OBJECT_ADD, "", "{\"action\":\"exported\"}"),
                  "id");
    (void)snprintf(first, sizeof(first), "%s", id);
    assert_true(strlen(first) > 0);
    assert_string_equal(
        answered(object_ask_as("a1", VERA, "order:O-1", OBJECT_ACTIVITY, OBJECT_ADD, "", "{\"action\":\"exported\"}"),
                 "id"),
        first);
    assert_int_equal(lines("exported"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, object_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_somebody_did_is_in_the_feeds),
        TEST(all_but_a_view_is_heard_in_the_records_room),
        TEST(a_customer_has_a_feed_of_his_own),
        TEST(a_view_is_noted_once_in_ten_minutes),
        TEST(a_view_that_could_not_be_noted_may_be_noted_again),
        TEST(what_the_server_says_itself_nobody_else_says),
        TEST(an_action_is_a_short_word),
        TEST(only_who_may_read_the_record_did_something_with_it),
        TEST(a_repeat_is_told_what_was_noted_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
