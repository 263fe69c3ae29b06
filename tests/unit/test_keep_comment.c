#include "collab/keep/keep.h"
#include "base/buf.h"
#include "lib/object_double.h"

#include <stdio.h>
#include <string.h>

/* ---- builders ---- */

static struct answer *comment(session_id session, enum object_verb verb, const char *id, const char *input)
{
    return object_ask(session, "order:O-1", OBJECT_COMMENT, verb, id, input);
}

static struct answer *add(session_id session, const char *input)
{
    return comment(session, OBJECT_ADD, "", input);
}

static const char *add_id(session_id session, const char *input)
{
    static char ids[4][64];
    static unsigned next;
    char *id = ids[next++ % 4];

    (void)snprintf(id, sizeof(ids[0]), "%s", answered(add(session, input), "id"));
    assert_true(strlen(id) > 0);
    return id;
}

/* ---- adding ---- */

static void a_comment_has_its_author_its_time_and_its_record(void **state)
{
    const struct answer *answer;

    (void)state;
    answer = add(MARIA, "{\"text\":\"Is this right?\",\"color\":\"red\"}");
    assert_done(answer);
    assert_int_equal(answer->object_kind, OBJECT_COMMENT);
    assert_string_equal(answered(answer, "kind"), "comment");
    assert_string_equal(answered(answer, "text"), "Is this right?");
    assert_string_equal(answered(answer, "user_id"), "2");
    assert_string_equal(answered(answer, "username"), "maria");
    assert_string_equal(answered(answer, "entity_type"), "order");
    assert_string_equal(answered(answer, "entity_id"), "O-1");
    assert_string_equal(answered(answer, "entity_name"), "Pump");
    assert_string_equal(answered(answer, "created_at"), "1970-01-01T00:00:01.000Z");
    assert_string_equal(answered(answer, "state"), "open");
    assert_string_equal(answered(answer, "mentions"), "[]");
    assert_string_equal(answered(answer, "reactions"), "{}");
    assert_string_equal(answered(answer, "color"), ""); /* what is not known is ignored */
}

static void a_comment_is_heard_where_its_record_is_and_where_all_comments_are(void **state)
{
    const struct answer *answer;
    const struct event *event;

    (void)state;
    object_listen(AMIR, "order:O-1");
    object_listen(AMIR, ROOM_COMMENTS);
    object_listen(AMIR, ROOM_ACTIVITY);
    answer = add(MARIA, "{\"text\":\"Hello\"}");
    event = object_heard("order:O-1");
    assert_non_null(event);
    assert_int_equal(event->object.kind, OBJECT_COMMENT);
    assert_int_equal(event->object.verb, OBJECT_ADD);
    assert_true(span_equal(event->object.body, answer->object));
    assert_int_equal(event->position.offset, answer->position.offset);
    assert_int_equal(event->origin, MARIA);
    assert_text(event->username, "maria");
    assert_text(event->type->name, "order");
    assert_non_null(object_heard(ROOM_COMMENTS));
    assert_non_null(object_heard(ROOM_ACTIVITY));
}

static void a_comment_is_heard_in_the_feeds_of_its_author_and_of_its_records_customer(void **state)
{
    (void)state;
    object_listen(AMIR, "feed:user:2");
    object_listen(AMIR, "feed:customer:C-1");
    add(MARIA, "{\"text\":\"Hello\"}");
    assert_non_null(object_heard("feed:user:2"));
    assert_non_null(object_heard("feed:customer:C-1"));
}

static void text_is_kept_as_it_was_typed(void **state)
{
    const struct answer *answer = add(MARIA, "{\"text\":\"<img src=x onerror=alert(1)>\\n  two \\ud83d\\ude00\"}");

    (void)state;
    assert_string_equal(answered(answer, "text"), "<img src=x onerror=alert(1)>\n  two \xf0\x9f\x98\x80");
}

static void a_text_has_1_to_4000_characters(void **state)
{
    struct buf input = BUF_EMPTY;

    (void)state;
    assert_refused_for(add(MARIA, "{}"), ERR_MISSING_FIELD, "text");
    assert_refused_for(add(MARIA, ""), ERR_MISSING_FIELD, "text");
    assert_refused_for(add(MARIA, "{\"text\":\"\"}"), ERR_BAD_FIELD, "text");
    assert_refused_for(add(MARIA, "{\"text\":7}"), ERR_BAD_FIELD, "text");
    for (unsigned length = 4000; length <= 4001; length++) {
        buf_reset(&input);
        buf_append_str(&input, "{\"text\":\"");
        for (unsigned i = 0; i < length; i++)
            buf_append_str(&input, "\xc3\xbc");
        buf_append(&input, "\"}", 3);
        assert_int_equal(add(MARIA, input.data)->err, length == 4000 ? OK : ERR_BAD_FIELD);
    }
    buf_deinit(&input);
}

static void what_is_no_object_is_no_input(void **state)
{
    (void)state;
    assert_refused_for(add(MARIA, "[]"), ERR_BAD_FIELD, "input");
    assert_refused_for(add(MARIA, "{\"text\":"), ERR_BAD_JSON, "input");
}

static void comments_are_about_records(void **state)
{
    (void)state;
    assert_refused_for(object_ask(MARIA, "lobby", OBJECT_COMMENT, OBJECT_ADD, "", "{\"text\":\"x\"}"), ERR_NOT_FOUND,
                       "");
    assert_refused_for(object_ask(MARIA, "user:2", OBJECT_COMMENT, OBJECT_ADD, "", "{\"text\":\"x\"}"), ERR_NOT_FOUND,
                       "");
}

static void a_record_that_is_not_there_has_no_comments(void **state)
{
    (void)state;
    assert_refused_for(object_ask(MARIA, "order:O-9", OBJECT_COMMENT, OBJECT_ADD, "", "{\"text\":\"x\"}"),
                       ERR_NOT_FOUND, "");
}

static void who_only_reads_may_comment_and_who_may_not_read_may_not(void **state)
{
    (void)state;
    assert_done(add(VERA, "{\"text\":\"x\"}"));
    assert_refused_for(object_ask(MARIA, "secret:S-1", OBJECT_COMMENT, OBJECT_ADD, "", "{\"text\":\"x\"}"),
                       ERR_FORBIDDEN, "");
    assert_done(object_ask(ADA, "secret:S-1", OBJECT_COMMENT, OBJECT_ADD, "", "{\"text\":\"x\"}"));
}

/* ---- fields ---- */

static void a_comment_about_a_field_shows_that_field(void **state)
{
    const struct answer *answer;

    (void)state;
    object_listen(AMIR, "order:O-1");
    answer = add(ADA, "{\"text\":\"x\",\"path\":\"cost\"}");
    assert_done(answer);
    assert_string_equal(answered(answer, "path"), "/cost"); /* in one form, whatever it was written in */
    assert_int_equal(answer->object_shown, 1 << 3);
    assert_int_equal(object_heard("order:O-1")->object.shown, 1 << 3);
}

static void a_field_that_he_may_not_read_is_not_there(void **state)
{
    (void)state;
    assert_refused_for(add(MARIA, "{\"text\":\"x\",\"path\":\"cost\"}"), ERR_UNKNOWN_FIELD, "path");
    assert_refused_for(add(MARIA, "{\"text\":\"x\",\"path\":\"nothing\"}"), ERR_UNKNOWN_FIELD, "path");
    assert_refused_for(add(MARIA, "{\"text\":\"x\",\"path\":\"/\"}"), ERR_BAD_PATH, "path");
    assert_refused_for(add(MARIA, "{\"text\":\"x\",\"path\":\"items/0\"}"), ERR_POSITION_IN_PATH, "path");
}

static void a_comment_about_such_a_field_is_not_there_either(void **state)
{
    const char *id = add_id(ADA, "{\"text\":\"x\",\"path\":\"cost\"}");
    char input[128];

    (void)state;
    assert_refused_for(comment(MARIA, OBJECT_RESOLVE, id, ""), ERR_NOT_FOUND, "object_id");
    assert_refused_for(comment(MARIA, OBJECT_REACT, id, "{\"emoji\":\"+\"}"), ERR_NOT_FOUND, "object_id");
    (void)snprintf(input, sizeof(input), "{\"text\":\"y\",\"parent_id\":\"%s\"}", id);
    assert_refused_for(add(MARIA, input), ERR_NOT_FOUND, "parent_id");
    assert_done(comment(ADA, OBJECT_RESOLVE, id, ""));
}

/* ---- threads ---- */

static void an_answer_hangs_on_the_first_comment_and_is_about_the_same_field(void **state)
{
    const char *first = add_id(MARIA, "{\"text\":\"x\",\"path\":\"title\"}"), *second;
    const struct answer *answer;
    char input[128];

    (void)state;
    (void)snprintf(input, sizeof(input), "{\"text\":\"y\",\"parent_id\":\"%s\",\"path\":\"note\"}", first);
    second = add_id(AMIR, input);
    (void)snprintf(input, sizeof(input), "{\"text\":\"z\",\"parent_id\":\"%s\"}", second);
    answer = add(VERA, input);
    assert_string_equal(answered(answer, "parent_id"), first);
    assert_string_equal(answered(answer, "path"), "/title");
    assert_int_equal(answer->object_shown, 1);
    assert_int_equal(object_notices("3", "reply"), 1); /* whose words were answered */
    assert_int_equal(object_notices("2", "reply"), 1);
}

static void only_a_comment_of_the_same_room_can_be_answered(void **state)
{
    const char *id = add_id(MARIA, "{\"text\":\"x\"}");
    char input[128];

    (void)state;
    (void)snprintf(input, sizeof(input), "{\"text\":\"y\",\"parent_id\":\"%s\"}", id);
    assert_refused_for(object_ask(MARIA, "order:O-2", OBJECT_COMMENT, OBJECT_ADD, "", input), ERR_NOT_FOUND,
                       "parent_id");
    assert_refused_for(add(MARIA, "{\"text\":\"y\",\"parent_id\":\"nothing\"}"), ERR_NOT_FOUND, "parent_id");
    assert_refused_for(add(MARIA, "{\"text\":\"y\",\"parent_id\":true}"), ERR_BAD_FIELD, "parent_id");
}

static void nobody_is_told_that_he_answered_himself(void **state)
{
    const char *id = add_id(MARIA, "{\"text\":\"x\"}");
    char input[128];

    (void)state;
    (void)snprintf(input, sizeof(input), "{\"text\":\"y\",\"parent_id\":\"%s\"}", id);
    assert_done(add(MARIA, input));
    assert_int_equal(object_notices("2", "reply"), 0);
}

/* ---- mentions ---- */

static void who_is_named_with_an_at_is_mentioned_and_told(void **state)
{
    const struct answer *answer;
    struct span notice;

    (void)state;
    object_listen(AMIR, "user:3");
    answer = add(MARIA, "{\"text\":\"@Amir, @bob: see a@li.com and @nobody. Or @vera.\"}");
    assert_string_equal(answered(answer, "mentions"), "[\"3\",\"7\",\"8\"]");
    assert_int_equal(object_notices("3", "mention"), 1);
    assert_int_equal(object_notices("7", "mention"), 1);
    assert_int_equal(object_notices("4", "mention"), 0);
    notice = object_notice("3");
    assert_string_equal(member_of(notice, "title"), "maria mentioned you on Pump");
    assert_string_equal(member_of(notice, "data.comment_id"), answered(answer, "id"));
    assert_string_equal(member_of(notice, "entity_id"), "O-1");
    assert_string_equal(member_of(notice, "to_user_id"), "3");
    assert_non_null(object_heard("user:3"));
}

static void who_is_listed_by_id_or_name_is_mentioned_once(void **state)
{
    const struct answer *answer = add(MARIA, "{\"text\":\"@amir\",\"mentions\":[3,\"3\",\"AMIR\",\"bob\"]}");

    (void)state;
    assert_done(answer);
    assert_string_equal(answered(answer, "mentions"), "[\"3\",\"7\"]");
    assert_int_equal(object_notices("3", "mention"), 1);
}

static void a_listed_name_that_nobody_has_is_refused(void **state)
{
    (void)state;
    assert_refused_for(add(MARIA, "{\"text\":\"x\",\"mentions\":[\"nobody\"]}"), ERR_UNKNOWN_USER, "mentions");
    assert_refused_for(add(MARIA, "{\"text\":\"x\",\"mentions\":[\"amir\",99]}"), ERR_UNKNOWN_USER, "mentions");
    assert_refused_for(add(MARIA, "{\"text\":\"x\",\"mentions\":\"amir\"}"), ERR_BAD_FIELD, "mentions");
    assert_refused_for(add(MARIA, "{\"text\":\"x\",\"mentions\":[null]}"), ERR_BAD_FIELD, "mentions");
    assert_int_equal(object_notices("3", "mention"), 0);
}

static void at_most_50_are_mentioned(void **state)
{
    struct buf input = BUF_EMPTY;

    (void)state;
    for (unsigned count = 50; count <= 51; count++) {
        buf_reset(&input);
        buf_append_str(&input, "{\"text\":\"");
        for (unsigned i = 0; i < count; i++)
            buf_printf(&input, "@u%u ", i);
        buf_append(&input, "\"}", 3);
        assert_int_equal(add(MARIA, input.data)->err, count == 50 ? OK : ERR_BAD_FIELD);
    }
    buf_reset(&input);
    buf_append_str(&input, "{\"text\":\"x\",\"mentions\":[3");
    for (unsigned i = 0; i < 50; i++)
        buf_append_str(&input, ",3");
    buf_append(&input, "]}", 3);
    assert_refused_for(add(MARIA, input.data), ERR_BAD_FIELD, "mentions");
    buf_deinit(&input);
}

static void a_notice_about_a_hidden_field_is_for_those_who_may_see_it(void **state)
{
    const struct event *event;

    (void)state;
    object_listen(AMIR, "user:3");
    add(ADA, "{\"text\":\"@amir\",\"path\":\"cost\"}");
    event = object_heard("user:3");
    assert_non_null(event);
    assert_int_equal(event->object.shown, 1 << 3);
    assert_string_equal(member_of(event->object.body, "data.path"), "/cost");
}

/* ---- editing ---- */

static void its_author_may_change_what_he_said(void **state)
{
    const char *id = add_id(MARIA, "{\"text\":\"x @amir\"}");
    const struct answer *answer;
    const struct event *event;

    (void)state;
    object_listen(VERA, "order:O-1");
    hub_double_advance(world, 5000);
    answer = comment(MARIA, OBJECT_EDIT, id, "{\"text\":\"y @amir @bob\"}");
    assert_done(answer);
    assert_string_equal(answered(answer, "text"), "y @amir @bob");
    assert_string_equal(answered(answer, "created_at"), "1970-01-01T00:00:01.000Z");
    assert_string_equal(answered(answer, "edited_at"), "1970-01-01T00:00:06.000Z");
    assert_string_equal(answered(answer, "updated_at"), "1970-01-01T00:00:06.000Z");
    assert_string_equal(answered(answer, "mentions"), "[\"3\",\"7\"]");
    event = object_heard("order:O-1");
    assert_int_equal(event->object.verb, OBJECT_EDIT);
    assert_true(span_equal(event->object.body, answer->object));
    assert_int_equal(object_notices("3", "mention"), 1); /* he was told before */
    assert_int_equal(object_notices("7", "mention"), 1);
}

static void others_may_not_but_an_admin_may(void **state)
{
    const char *id = add_id(MARIA, "{\"text\":\"x\"}");

    (void)state;
    assert_refused_for(comment(AMIR, OBJECT_EDIT, id, "{\"text\":\"y\"}"), ERR_FORBIDDEN, "");
    assert_refused_for(comment(AMIR, OBJECT_REMOVE, id, ""), ERR_FORBIDDEN, "");
    assert_done(comment(ADA, OBJECT_EDIT, id, "{\"text\":\"y\"}"));
    assert_done(comment(ADA, OBJECT_REMOVE, id, ""));
}

static void a_deleted_comment_leaves_its_place_and_nothing_else(void **state)
{
    const char *id = add_id(MARIA, "{\"text\":\"x @amir\"}");
    const struct answer *answer;
    char input[128];

    (void)state;
    answer = comment(MARIA, OBJECT_REMOVE, id, "");
    assert_done(answer);
    assert_string_equal(answered(answer, "id"), id);
    assert_string_equal(answered(answer, "text"), "");
    assert_string_equal(answered(answer, "deleted"), "true");
    assert_string_equal(answered(answer, "mentions"), "[]");
    assert_refused_for(comment(MARIA, OBJECT_REMOVE, id, ""), ERR_NOT_FOUND, "object_id");
    assert_refused_for(comment(MARIA, OBJECT_EDIT, id, "{\"text\":\"y\"}"), ERR_NOT_FOUND, "object_id");
    (void)snprintf(input, sizeof(input), "{\"text\":\"y\",\"parent_id\":\"%s\"}", id);
    assert_refused_for(add(AMIR, input), ERR_NOT_FOUND, "parent_id");
}

static void a_comment_of_another_room_is_not_there(void **state)
{
    const char *id = add_id(MARIA, "{\"text\":\"x\"}");

    (void)state;
    assert_refused_for(object_ask(MARIA, "order:O-2", OBJECT_COMMENT, OBJECT_EDIT, id, "{\"text\":\"y\"}"),
                       ERR_NOT_FOUND, "object_id");
    assert_refused_for(comment(MARIA, OBJECT_EDIT, "", "{\"text\":\"y\"}"), ERR_MISSING_FIELD, "object_id");
}

/* ---- settling ---- */

static void whoever_reads_it_may_resolve_it_and_open_it_again(void **state)
{
    const char *id = add_id(MARIA, "{\"text\":\"x\"}");
    const struct answer *answer = comment(VERA, OBJECT_RESOLVE, id, "");

    (void)state;
    assert_done(answer);
    assert_string_equal(answered(answer, "state"), "resolved");
    assert_string_equal(answered(answer, "resolved_by"), "8");
    assert_string_equal(answered(answer, "resolved_at"), "1970-01-01T00:00:01.000Z");
    answer = comment(AMIR, OBJECT_REOPEN, id, "");
    assert_done(answer);
    assert_string_equal(answered(answer, "state"), "open");
    assert_string_equal(answered(answer, "resolved_by"), "");
}

static void resolving_what_is_resolved_is_fine_and_nobody_hears_of_it(void **state)
{
    const char *id = add_id(MARIA, "{\"text\":\"x\"}");
    const struct answer *answer;

    (void)state;
    object_listen(AMIR, "order:O-1");
    assert_done(comment(VERA, OBJECT_RESOLVE, id, ""));
    answer = comment(AMIR, OBJECT_RESOLVE, id, "");
    assert_done(answer);
    assert_string_equal(answered(answer, "resolved_by"), "8");
    assert_null(object_heard("order:O-1"));
}

/* ---- reactions ---- */

static void a_reaction_comes_and_goes(void **state)
{
    const char *id = add_id(MARIA, "{\"text\":\"x\"}");

    (void)state;
    assert_string_equal(answered(comment(AMIR, OBJECT_REACT, id, "{\"emoji\":\"\\ud83d\\udc4d\"}"), "reactions"),
                        "{\"\xf0\x9f\x91\x8d\":[\"3\"]}");
    assert_string_equal(
        answered(comment(VERA, OBJECT_REACT, id, "{\"emoji\":\"\\ud83d\\udc4d\",\"on\":true}"), "reactions"),
        "{\"\xf0\x9f\x91\x8d\":[\"3\",\"8\"]}");
    assert_string_equal(
        answered(comment(VERA, OBJECT_REACT, id, "{\"emoji\":\"\\ud83d\\udc4d\",\"on\":true}"), "reactions"),
        "{\"\xf0\x9f\x91\x8d\":[\"3\",\"8\"]}");
    assert_string_equal(answered(comment(AMIR, OBJECT_REACT, id, "{\"emoji\":\"\\ud83d\\udc4d\"}"), "reactions"),
                        "{\"\xf0\x9f\x91\x8d\":[\"8\"]}");
    assert_string_equal(
        answered(comment(VERA, OBJECT_REACT, id, "{\"emoji\":\"\\ud83d\\udc4d\",\"on\":false}"), "reactions"), "{}");
    assert_string_equal(
        answered(comment(VERA, OBJECT_REACT, id, "{\"emoji\":\"\\ud83d\\udc4d\",\"on\":false}"), "reactions"), "{}");
}

static void a_reaction_is_one_short_sign(void **state)
{
    const char *id = add_id(MARIA, "{\"text\":\"x\"}");

    (void)state;
    assert_done(comment(AMIR, OBJECT_REACT, id, "{\"emoji\":\"\\ud83d\\udc69\\u200d\\ud83d\\ude80\"}"));
    assert_refused_for(comment(AMIR, OBJECT_REACT, id, "{}"), ERR_MISSING_FIELD, "emoji");
    assert_refused_for(comment(AMIR, OBJECT_REACT, id, "{\"emoji\":\"\"}"), ERR_BAD_FIELD, "emoji");
    assert_refused_for(comment(AMIR, OBJECT_REACT, id, "{\"emoji\":\"a\\nb\"}"), ERR_BAD_FIELD, "emoji");
    assert_refused_for(comment(AMIR, OBJECT_REACT, id, "{\"emoji\":\"123456789012345678901234567890123\"}"),
                       ERR_BAD_FIELD, "emoji");
    assert_refused_for(comment(AMIR, OBJECT_REACT, id, "{\"emoji\":\"x\",\"on\":1}"), ERR_BAD_FIELD, "on");
}

static void there_are_at_most_200_different_ones(void **state)
{
    const char *id = add_id(MARIA, "{\"text\":\"x\"}");
    char input[64];

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        (void)snprintf(input, sizeof(input), "{\"emoji\":\"e%u\"}", i);
        assert_int_equal(comment(AMIR, OBJECT_REACT, id, input)->err, OK);
    }
    assert_refused_for(comment(AMIR, OBJECT_REACT, id, "{\"emoji\":\"e200\"}"), ERR_TOO_MANY, "emoji");
    assert_done(comment(VERA, OBJECT_REACT, id, "{\"emoji\":\"e0\"}"));
}

static void a_comment_has_no_other_verbs(void **state)
{
    (void)state;
    assert_refused_for(comment(MARIA, OBJECT_ASSIGN, "x", ""), ERR_UNKNOWN_ACTION, "verb");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, object_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_comment_has_its_author_its_time_and_its_record),
        TEST(a_comment_is_heard_where_its_record_is_and_where_all_comments_are),
        TEST(a_comment_is_heard_in_the_feeds_of_its_author_and_of_its_records_customer),
        TEST(text_is_kept_as_it_was_typed),
        TEST(a_text_has_1_to_4000_characters),
        TEST(what_is_no_object_is_no_input),
        TEST(comments_are_about_records),
        TEST(a_record_that_is_not_there_has_no_comments),
        TEST(who_only_reads_may_comment_and_who_may_not_read_may_not),
        TEST(a_comment_about_a_field_shows_that_field),
        TEST(a_field_that_he_may_not_read_is_not_there),
        TEST(a_comment_about_such_a_field_is_not_there_either),
        TEST(an_answer_hangs_on_the_first_comment_and_is_about_the_same_field),
        TEST(only_a_comment_of_the_same_room_can_be_answered),
        TEST(nobody_is_told_that_he_answered_himself),
        TEST(who_is_named_with_an_at_is_mentioned_and_told),
        TEST(who_is_listed_by_id_or_name_is_mentioned_once),
        TEST(a_listed_name_that_nobody_has_is_refused),
        TEST(at_most_50_are_mentioned),
        TEST(a_notice_about_a_hidden_field_is_for_those_who_may_see_it),
        TEST(its_author_may_change_what_he_said),
        TEST(others_may_not_but_an_admin_may),
        TEST(a_deleted_comment_leaves_its_place_and_nothing_else),
        TEST(a_comment_of_another_room_is_not_there),
        TEST(whoever_reads_it_may_resolve_it_and_open_it_again),
        TEST(resolving_what_is_resolved_is_fine_and_nobody_hears_of_it),
        TEST(a_reaction_comes_and_goes),
        TEST(a_reaction_is_one_short_sign),
        TEST(there_are_at_most_200_different_ones),
        TEST(a_comment_has_no_other_verbs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
