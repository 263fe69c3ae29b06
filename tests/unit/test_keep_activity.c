#include "collab/keep/keep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/object_double.h"

#include <stdio.h>
#include <string.h>

static struct hub_double *world;

/* Users of the double: an admin, two who edit, one who only reads. */
enum { ADA = 1, MARIA = 2, AMIR = 3, VERA = 8 };

static int set_up(void **state)
{
    (void)state;
    world = object_double_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    object_double_free(world);
    return 0;
}

/* ---- builders ---- */

static void listen(unsigned user, const char *room)
{
    assert_int_equal(hub_double_listen(world, object_session(user), user, room)->err, OK);
}

static void assert_refused(const struct answer *answer, enum err err, const char *field)
{
    assert_non_null(answer);
    assert_string_equal(err_code(answer->err), err_code(err));
    assert_true(span_is(answer->field, field));
    assert_false(answer->has_object);
}

static void assert_done(const struct answer *answer)
{
    assert_non_null(answer);
    assert_string_equal(err_code(answer->err), "ok");
    assert_true(answer->has_object);
}

static struct answer *note(unsigned user, const char *room, const char *input)
{
    return object_ask(world, user, room, OBJECT_ACTIVITY, OBJECT_ADD, "", input);
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
    listen(AMIR, ROOM_ACTIVITY);
    listen(AMIR, "feed:user:8");
    listen(AMIR, "feed:customer:C-1");
    answer = note(VERA, "order:O-1", "{\"action\":\"exported\",\"metadata\":{\"format\":\"pdf\"}}");
    assert_done(answer);
    assert_string_equal(answered(answer, "action"), "exported");
    assert_string_equal(answered(answer, "metadata.format"), "pdf");
    assert_string_equal(answered(answer, "entity_name"), "Pump");
    assert_string_equal(answered(answer, "username"), "vera");
    assert_non_null(object_heard(world, ROOM_ACTIVITY));
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
    listen(AMIR, "order:O-1");
    assert_done(note(VERA, "order:O-1", "{\"action\":\"viewed\"}"));
    assert_null(object_heard(world, "order:O-1"));
    assert_done(note(VERA, "order:O-1", "{\"action\":\"exported\"}"));
    assert_non_null(object_heard(world, "order:O-1"));
}

static void a_customer_has_a_feed_of_his_own(void **state)
{
    (void)state;
    listen(AMIR, "feed:customer:C-7");
    assert_done(note(VERA, "customer:C-7", "{\"action\":\"called\"}"));
    assert_non_null(object_heard(world, "feed:customer:C-7"));
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
    hub_double_do(world,
                  object_command(world, VERA, "order:O-1", OBJECT_ACTIVITY, OBJECT_ADD, "", "{\"action\":\"viewed\"}"));
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
        assert_refused(note(MARIA, "order:O-1", input), ERR_BAD_FIELD, "action");
    }
}

static void an_action_is_a_short_word(void **state)
{
    (void)state;
    assert_refused(note(MARIA, "order:O-1", "{}"), ERR_MISSING_FIELD, "action");
    assert_refused(note(MARIA, "order:O-1", "{\"action\":\"Viewed\"}"), ERR_BAD_FIELD, "action");
    assert_refused(note(MARIA, "order:O-1", "{\"action\":\"a b\"}"), ERR_BAD_FIELD, "action");
    assert_refused(note(MARIA, "order:O-1", "{\"action\":\"abcdefghijklmnopqrstuvwxyzabcdefg\"}"), ERR_BAD_FIELD,
                   "action");
    assert_refused(note(MARIA, "order:O-1", "{\"action\":\"x\",\"metadata\":\"y\"}"), ERR_BAD_FIELD, "metadata");
}

static void only_who_may_read_the_record_did_something_with_it(void **state)
{
    (void)state;
    assert_refused(note(MARIA, "secret:S-1", "{\"action\":\"viewed\"}"), ERR_FORBIDDEN, "");
    assert_refused(note(MARIA, "order:O-9", "{\"action\":\"viewed\"}"), ERR_NOT_FOUND, "");
    assert_refused(note(MARIA, "lobby", "{\"action\":\"viewed\"}"), ERR_NOT_FOUND, "");
}

static void a_repeat_is_told_what_was_noted_first(void **state)
{
    const char *id;
    char first[64];

    (void)state;
    id = answered(
        object_ask_as(world, "a1", VERA, "order:O-1", OBJECT_ACTIVITY, OBJECT_ADD, "", "{\"action\":\"exported\"}"),
        "id");
    (void)snprintf(first, sizeof(first), "%s", id);
    assert_true(strlen(first) > 0);
    assert_string_equal(answered(object_ask_as(world, "a1", VERA, "order:O-1", OBJECT_ACTIVITY, OBJECT_ADD, "",
                                               "{\"action\":\"exported\"}"),
                                 "id"),
                        first);
    assert_int_equal(lines("exported"), 1);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_somebody_did_is_in_the_feeds),
        T(all_but_a_view_is_heard_in_the_records_room),
        T(a_customer_has_a_feed_of_his_own),
        T(a_view_is_noted_once_in_ten_minutes),
        T(a_view_that_could_not_be_noted_may_be_noted_again),
        T(what_the_server_says_itself_nobody_else_says),
        T(an_action_is_a_short_word),
        T(only_who_may_read_the_record_did_something_with_it),
        T(a_repeat_is_told_what_was_noted_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
