#include "collab/keep/keep.h"
#include "base/buf.h"
#include "lib/object_double.h"

#include <stdio.h>

/* ---- builders ---- */

static struct answer *told(session_id session, const char *room, const char *input)
{
    return object_ask(session, room, OBJECT_NOTIFICATION, OBJECT_ADD, "", input);
}

static struct answer *mark(session_id session, enum object_verb verb, const char *id, const char *input)
{
    return object_ask(session, "user:3", OBJECT_NOTIFICATION, verb, id, input);
}

/* Amir gets so many. */
static void fill_inbox(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_done(told(ADA, "user:3", "{\"title\":\"Look\",\"type\":\"alert\"}"));
}

static const char *newest_id(void)
{
    static char ids[4][64];
    static unsigned next;
    char *id = ids[next++ % 4];

    (void)snprintf(id, sizeof(ids[0]), "%s", member_of(object_notice("3"), "id"));
    return id;
}

/* ---- telling ---- */

static void who_may_update_tells_those_who_look_at_a_record(void **state)
{
    const struct answer *answer;
    const struct event *event;

    (void)state;
    object_listen(AMIR, "order:O-1");
    object_listen(AMIR, ROOM_ALERTS);
    answer = told(MARIA, "order:O-1",
                  "{\"type\":\"info\",\"title\":\"Order updated\",\"message\":\"It was changed\","
                  "\"actions\":[{\"label\":\"Open\",\"url\":\"/orders/O-1\"}],\"priority\":\"high\"}");
    assert_done(answer);
    assert_string_equal(answered(answer, "title"), "Order updated");
    assert_string_equal(answered(answer, "priority"), "high");
    assert_string_equal(answered(answer, "entity_id"), "O-1");
    assert_string_equal(answered(answer, "actions.0.url"), "/orders/O-1");
    assert_string_equal(answered(answer, "state"), ""); /* nobody has it in his inbox */
    event = object_heard("order:O-1");
    assert_non_null(event);
    assert_int_equal(event->object.kind, OBJECT_NOTIFICATION);
    assert_int_equal(event->origin, MARIA);
    assert_non_null(object_heard(ROOM_ALERTS));
    assert_int_equal(object_notices("3", "info"), 0);
}

static void those_who_are_named_get_it_in_their_inboxes_too(void **state)
{
    (void)state;
    assert_done(told(MARIA, "order:O-1", "{\"title\":\"x\",\"to\":[3,\"bob\",\"3\",2]}"));
    assert_int_equal(object_notices("3", "info"), 1);
    assert_int_equal(object_notices("7", "info"), 1);
    assert_int_equal(object_notices("2", "info"), 1); /* he asked for it */
    assert_refused_for(told(MARIA, "order:O-1", "{\"title\":\"x\",\"to\":[\"nobody\"]}"), ERR_UNKNOWN_USER, "to");
}

static void who_only_reads_tells_nobody(void **state)
{
    (void)state;
    assert_refused_for(told(VERA, "order:O-1", "{\"title\":\"x\"}"), ERR_FORBIDDEN, "");
    assert_refused_for(told(MARIA, "secret:S-1", "{\"title\":\"x\"}"), ERR_FORBIDDEN, "");
    assert_refused_for(told(MARIA, "user:3", "{\"title\":\"x\"}"), ERR_FORBIDDEN, "");
    assert_refused_for(told(MARIA, "user:2", "{\"title\":\"x\"}"), ERR_FORBIDDEN, "");
    assert_refused_for(told(MARIA, "lobby", "{\"title\":\"x\"}"), ERR_NOT_FOUND, "");
}

static void a_backend_tells_anybody(void **state)
{
    struct command *command = object_command(VERA, "user:3", OBJECT_NOTIFICATION, OBJECT_ADD, "", "{\"title\":\"x\"}");
    const struct answer *answer;

    (void)state;
    object_listen(AMIR, "user:3");
    command->object.as_server = true;
    answer = hub_double_ask(world, command);
    assert_done(answer);
    assert_string_equal(answered(answer, "to_user_id"), "3");
    assert_string_equal(answered(answer, "show.toast"), "true");
    assert_int_equal(object_notices("3", "info"), 1);
    assert_non_null(object_heard("user:3"));
}

static void what_is_told_has_a_title_and_a_known_priority(void **state)
{
    (void)state;
    assert_refused_for(told(ADA, "user:3", "{}"), ERR_MISSING_FIELD, "title");
    assert_refused_for(told(ADA, "user:3", "{\"title\":\"a\\nb\"}"), ERR_BAD_FIELD, "title");
    assert_refused_for(told(ADA, "user:3", "{\"title\":\"x\",\"priority\":\"top\"}"), ERR_BAD_FIELD, "priority");
    assert_refused_for(told(ADA, "user:3", "{\"title\":\"x\",\"data\":7}"), ERR_BAD_FIELD, "data");
}

static void a_click_leads_to_no_script(void **state)
{
    (void)state;
    assert_refused_for(
        told(ADA, "user:3", "{\"title\":\"x\",\"actions\":[{\"label\":\"Go\",\"url\":\"javascript:alert(1)\"}]}"),
        ERR_BAD_FIELD, "actions");
    assert_refused_for(told(ADA, "user:3", "{\"title\":\"x\",\"actions\":[{\"url\":\"/\"}]}"), ERR_BAD_FIELD,
                       "actions");
    assert_refused_for(told(ADA, "user:3", "{\"title\":\"x\",\"actions\":[7]}"), ERR_BAD_FIELD, "actions");
    assert_done(told(ADA, "user:3", "{\"title\":\"x\",\"actions\":[{\"label\":\"Go\",\"url\":\"https://a.b/\"}]}"));
}

static void who_does_not_want_it_is_not_told(void **state)
{
    const struct answer *answer;

    (void)state;
    assert_done(
        object_ask(AMIR, "user:3", OBJECT_PREFERENCES, OBJECT_EDIT, "", "{\"types\":{\"info\":{\"on\":false}}}"));
    answer = told(ADA, "user:3", "{\"title\":\"x\"}");
    assert_int_equal(answer->err, OK);
    assert_false(answer->has_object);
    assert_int_equal(object_notices("3", "info"), 0);
}

/* ---- marking ---- */

static void what_is_read_is_read_on_all_his_devices(void **state)
{
    const struct answer *answer;
    const struct event *event;
    const char *id;

    (void)state;
    fill_inbox(2);
    object_listen(AMIR, "user:3");
    id = newest_id();
    answer = mark(AMIR, OBJECT_READ, id, "");
    assert_done(answer);
    assert_string_equal(answered(answer, "ids.0"), id);
    assert_string_equal(answered(answer, "state"), "read");
    assert_string_equal(answered(answer, "count"), "1");
    assert_string_equal(answered(answer, "unread_count"), "1");
    event = object_heard("user:3");
    assert_int_equal(event->object.verb, OBJECT_READ);
    assert_text(event->object.id, id);
    assert_true(span_equal(event->object.body, answer->object));
    assert_string_equal(
        member_of(model_store_object(&world->store, OBJECT_NOTIFICATION, span_from_str(id))->body, "state"), "read");
}

static void what_was_read_can_become_unread(void **state)
{
    const char *id;

    (void)state;
    fill_inbox(1);
    id = newest_id();
    assert_string_equal(answered(mark(AMIR, OBJECT_READ, id, ""), "unread_count"), "0");
    assert_string_equal(answered(mark(AMIR, OBJECT_UNREAD, id, ""), "unread_count"), "1");
    assert_int_equal(object_notices("3", "alert"), 1);
}

static void what_is_put_away_is_gone(void **state)
{
    const struct answer *answer;
    const char *id;

    (void)state;
    fill_inbox(2);
    id = newest_id();
    answer = mark(AMIR, OBJECT_REMOVE, id, "");
    assert_string_equal(answered(answer, "state"), "dismissed");
    assert_string_equal(answered(answer, "unread_count"), "1");
    assert_null(model_store_object(&world->store, OBJECT_NOTIFICATION, span_from_str(id)));
    assert_refused_for(mark(AMIR, OBJECT_REMOVE, id, ""), ERR_NOT_FOUND, "object_id");
}

static void several_are_marked_at_once_and_heard_of_at_once(void **state)
{
    const struct answer *answer;
    char input[256], first[64];

    (void)state;
    fill_inbox(1);
    (void)snprintf(first, sizeof(first), "%s", newest_id());
    hub_double_advance(world, 1000);
    fill_inbox(1);
    object_listen(AMIR, "user:3");
    (void)snprintf(input, sizeof(input), "{\"ids\":[\"%s\",\"%s\",\"%s\",\"nothing\"]}", first, newest_id(), first);
    answer = mark(AMIR, OBJECT_READ, "", input);
    assert_string_equal(answered(answer, "count"), "2");
    assert_string_equal(answered(answer, "unread_count"), "0");
    assert_non_null(object_heard("user:3"));
    assert_null(object_heard("user:3"));
}

static void all_are_marked_64_at_a_time(void **state)
{
    (void)state;
    fill_inbox(100);
    assert_string_equal(answered(mark(AMIR, OBJECT_READ, "", "{\"all\":true}"), "unread_count"), "36");
    assert_string_equal(answered(mark(AMIR, OBJECT_READ, "", "{\"all\":true}"), "unread_count"), "0");
    assert_string_equal(answered(mark(AMIR, OBJECT_READ, "", "{\"all\":true}"), "count"), "0");
    assert_int_equal(object_notices("3", "alert"), 0);
}

static void what_is_marked_so_already_is_fine_and_nobody_hears_of_it(void **state)
{
    const char *id;

    (void)state;
    fill_inbox(1);
    id = newest_id();
    assert_done(mark(AMIR, OBJECT_READ, id, ""));
    object_listen(AMIR, "user:3");
    assert_string_equal(answered(mark(AMIR, OBJECT_READ, id, ""), "count"), "0");
    assert_null(object_heard("user:3"));
}

static void nobody_marks_what_is_in_the_inbox_of_somebody_else(void **state)
{
    const char *id;

    (void)state;
    fill_inbox(1);
    id = newest_id();
    assert_refused_for(mark(MARIA, OBJECT_READ, id, ""), ERR_FORBIDDEN, "");
    assert_refused_for(object_ask(MARIA, "user:2", OBJECT_NOTIFICATION, OBJECT_READ, id, ""), ERR_NOT_FOUND,
                       "object_id");
    assert_int_equal(object_notices("3", "alert"), 1);
    assert_done(mark(ADA, OBJECT_READ, id, ""));
}

static void what_is_to_be_marked_must_be_said(void **state)
{
    struct buf input = BUF_EMPTY;

    (void)state;
    assert_refused_for(mark(AMIR, OBJECT_READ, "", ""), ERR_MISSING_FIELD, "object_id");
    assert_refused_for(mark(AMIR, OBJECT_REMOVE, "", "{\"all\":true}"), ERR_MISSING_FIELD, "object_id");
    assert_refused_for(mark(AMIR, OBJECT_READ, "", "{\"ids\":\"x\"}"), ERR_BAD_FIELD, "ids");
    assert_refused_for(mark(AMIR, OBJECT_READ, "", "{\"ids\":[\"x\"]}"), ERR_NOT_FOUND, "ids");
    buf_append_str(&input, "{\"ids\":[\"0\"");
    for (unsigned i = 0; i < 64; i++)
        buf_append_str(&input, ",\"0\"");
    buf_append(&input, "]}", 3);
    assert_refused_for(mark(AMIR, OBJECT_READ, "", input.data), ERR_BAD_FIELD, "ids");
    assert_refused_for(mark(AMIR, OBJECT_REACT, "x", ""), ERR_UNKNOWN_ACTION, "verb");
    buf_deinit(&input);
}

/* ---- what he may not see ---- */

/* Of what an order costs only managers know. */
static void tell_amir_of_costs(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_done(told(ADA, "order:O-1", "{\"title\":\"It costs\",\"to\":[3],\"data\":{\"path\":\"/cost\"}}"));
}

static void what_he_may_not_see_is_not_counted(void **state)
{
    const char *id;

    (void)state;
    tell_amir_of_costs(2);
    fill_inbox(2);
    id = newest_id();
    assert_string_equal(answered(mark(AMIR, OBJECT_READ, id, ""), "unread_count"), "1");
    assert_string_equal(answered(mark(AMIR, OBJECT_REMOVE, newest_id(), ""), "unread_count"), "0");
}

static void what_he_may_not_see_he_does_not_mark(void **state)
{
    const char *id;

    (void)state;
    tell_amir_of_costs(1);
    id = newest_id();
    assert_refused_for(mark(AMIR, OBJECT_READ, id, ""), ERR_NOT_FOUND, "object_id");
    assert_int_equal(object_notices("3", "info"), 1);
    assert_string_equal(answered(mark(ADA, OBJECT_READ, id, ""), "unread_count"), "0");
    assert_int_equal(object_notices("3", "info"), 0);
}

static void all_are_all_that_he_may_see(void **state)
{
    const struct answer *answer;

    (void)state;
    tell_amir_of_costs(70);
    fill_inbox(66);
    answer = mark(AMIR, OBJECT_READ, "", "{\"all\":true}");
    assert_string_equal(answered(answer, "count"), "64");
    assert_string_equal(answered(answer, "unread_count"), "2");
    answer = mark(AMIR, OBJECT_READ, "", "{\"all\":true}");
    assert_string_equal(answered(answer, "count"), "2");
    assert_string_equal(answered(answer, "unread_count"), "0");
    assert_int_equal(object_notices("3", "info"), 70);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, object_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_may_update_tells_those_who_look_at_a_record),
        TEST(those_who_are_named_get_it_in_their_inboxes_too),
        TEST(who_only_reads_tells_nobody),
        TEST(a_backend_tells_anybody),
        TEST(what_is_told_has_a_title_and_a_known_priority),
        TEST(a_click_leads_to_no_script),
        TEST(who_does_not_want_it_is_not_told),
        TEST(what_is_read_is_read_on_all_his_devices),
        TEST(what_was_read_can_become_unread),
        TEST(what_is_put_away_is_gone),
        TEST(several_are_marked_at_once_and_heard_of_at_once),
        TEST(all_are_marked_64_at_a_time),
        TEST(what_is_marked_so_already_is_fine_and_nobody_hears_of_it),
        TEST(nobody_marks_what_is_in_the_inbox_of_somebody_else),
        TEST(what_is_to_be_marked_must_be_said),
        TEST(what_he_may_not_see_is_not_counted),
        TEST(what_he_may_not_see_he_does_not_mark),
        TEST(all_are_all_that_he_may_see),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
