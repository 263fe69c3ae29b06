#include "collab/keep/keep.h"
#include "lib/object_double.h"

/* ---- builders ---- */

static struct answer *say(session_id session, const char *room, const char *input)
{
    return object_ask(session, room, OBJECT_MESSAGE, OBJECT_ADD, "", input);
}

static void join(session_id session, const char *room)
{
    assert_int_equal(hub_double_join(world, session, user_of(session), room)->err, OK);
}

static const struct object *kept(const struct answer *answer)
{
    return model_store_object(&world->store, OBJECT_MESSAGE, span_from_str(answered(answer, "id")));
}

/* ---- about a record ---- */

static void chat_about_a_record_is_heard_in_its_room_in_order(void **state)
{
    const struct answer *answer;
    const struct event *event;

    (void)state;
    object_listen(AMIR, "order:O-1");
    answer = say(VERA, "order:O-1", "{\"text\":\"Hello\",\"data\":{\"color\":\"red\"}}");
    assert_done(answer);
    assert_string_equal(answered(answer, "text"), "Hello");
    assert_string_equal(answered(answer, "data.color"), "red");
    assert_string_equal(answered(answer, "room"), "order:O-1");
    assert_string_equal(answered(answer, "entity_id"), "O-1");
    event = object_heard("order:O-1");
    assert_non_null(event);
    assert_int_equal(event->object.kind, OBJECT_MESSAGE);
    assert_int_equal(event->position.offset, answer->position.offset);
    assert_int_equal(event->position.offset, 2); /* after the change that made the record */
    assert_true(span_equal(kept(answer)->body, answer->object));
    assert_text(kept(answer)->room, "order:O-1");
    assert_text(kept(answer)->owner, "8");
}

static void who_may_not_read_the_record_may_not_talk_about_it(void **state)
{
    (void)state;
    assert_refused_for(say(MARIA, "secret:S-1", "{\"text\":\"x\"}"), ERR_FORBIDDEN, "");
}

static void a_message_has_a_text_and_small_data(void **state)
{
    (void)state;
    assert_refused_for(say(MARIA, "order:O-1", "{}"), ERR_MISSING_FIELD, "text");
    assert_refused_for(say(MARIA, "order:O-1", "{\"text\":\"\"}"), ERR_BAD_FIELD, "text");
    assert_refused_for(say(MARIA, "order:O-1", "{\"text\":\"x\",\"data\":[]}"), ERR_BAD_FIELD, "data");
    assert_refused_for(object_ask(MARIA, "order:O-1", OBJECT_MESSAGE, OBJECT_EDIT, "x", "{}"), ERR_UNKNOWN_ACTION,
                       "verb");
}

/* ---- in a free room ---- */

static void chat_in_a_free_room_is_kept_and_heard_there(void **state)
{
    const struct answer *answer;
    const struct event *event;

    (void)state;
    join(MARIA, "lobby");
    object_listen(AMIR, "lobby");
    hub_double_publish(world, MARIA, user_of(MARIA), "lobby", "", "{}");
    answer = say(MARIA, "lobby", "{\"text\":\"Hello\"}");
    assert_done(answer);
    event = object_heard("lobby");
    assert_non_null(event);
    assert_int_equal(event->position.offset, 2); /* in order with what else is said */
    assert_int_equal(answer->position.offset, 2);
    assert_int_equal(event->origin, MARIA);
    assert_text(event->name, "maria");
    assert_true(span_equal(event->object.body, answer->object));
    assert_text(kept(answer)->room, "lobby");
}

static void it_is_not_heard_before_it_is_on_the_disk(void **state)
{
    (void)state;
    join(MARIA, "lobby");
    object_listen(AMIR, "lobby");
    hub_double_hush(world);
    world->is_store_slow = true;
    hub_double_do(world, object_command(MARIA, "lobby", OBJECT_MESSAGE, OBJECT_ADD, "", "{\"text\":\"x\"}"));
    assert_int_equal(hub_double_count(world, EVENT_OBJECT), 0);
    hub_double_store_all(world);
    assert_int_equal(hub_double_count(world, EVENT_OBJECT), 1);
}

static void what_is_not_kept_is_not_heard(void **state)
{
    (void)state;
    join(MARIA, "lobby");
    object_listen(AMIR, "lobby");
    world->failure = ERR_STORAGE_FULL;
    assert_refused_for(say(MARIA, "lobby", "{\"text\":\"x\"}"), ERR_STORAGE_FULL, "");
    assert_null(object_heard("lobby"));
}

static void who_has_not_joined_a_free_room_may_not_talk_there_but_the_server_may(void **state)
{
    struct command *command;

    (void)state;
    assert_refused_for(say(MARIA, "lobby", "{\"text\":\"x\"}"), ERR_NOT_MEMBER, "");
    object_listen(AMIR, "lobby");
    assert_refused_for(say(MARIA, "lobby", "{\"text\":\"x\"}"), ERR_NOT_MEMBER, "");
    command = object_command(MARIA, "lobby", OBJECT_MESSAGE, OBJECT_ADD, "", "{\"text\":\"x\"}");
    command->object.as_server = true;
    assert_done(hub_double_ask(world, command));
    assert_non_null(object_heard("lobby"));
}

static void nobody_chats_in_the_servers_rooms(void **state)
{
    (void)state;
    object_listen(ADA, ROOM_RECORDS);
    assert_refused_for(say(ADA, ROOM_RECORDS, "{\"text\":\"x\"}"), ERR_FORBIDDEN, "");
    assert_refused_for(say(ADA, ROOM_COMMENTS, "{\"text\":\"x\"}"), ERR_FORBIDDEN, "");
    assert_refused_for(say(ADA, "feed:user:1", "{\"text\":\"x\"}"), ERR_FORBIDDEN, "");
}

static void nobody_speaks_into_what_two_others_say_among_themselves(void **state)
{
    struct command *command;

    (void)state;
    assert_done(say(MARIA, "user:3", "{\"text\":\"Hello\",\"to\":3}"));
    assert_int_equal(hub_double_join(world, VERA, user_of(VERA), "dm:2:3")->err, ERR_FORBIDDEN);
    assert_refused_for(say(VERA, "dm:2:3", "{\"text\":\"x\"}"), ERR_FORBIDDEN, "");
    command = object_command(ADA, "dm:2:3", OBJECT_MESSAGE, OBJECT_ADD, "", "{\"text\":\"x\"}");
    command->object.as_server = true;
    assert_refused_for(hub_double_ask(world, command), ERR_FORBIDDEN, "");
}

/* ---- from one to another ---- */

static void a_direct_message_is_heard_by_both_and_the_other_one_is_told(void **state)
{
    const struct answer *answer;
    const struct event *event;

    (void)state;
    object_listen(MARIA, "user:2");
    object_listen(AMIR, "user:3");
    answer = say(MARIA, "user:3", "{\"text\":\"Hello\",\"to\":3}");
    assert_done(answer);
    assert_string_equal(answered(answer, "to_user_id"), "3");
    assert_string_equal(answered(answer, "user_id"), "2");
    assert_string_equal(answered(answer, "room"), "");
    assert_text(kept(answer)->room, "dm:2:3");
    event = object_heard("user:3");
    assert_non_null(event);
    assert_int_equal(event->object.kind, OBJECT_MESSAGE);
    event = object_heard("user:2");
    assert_non_null(event);
    assert_int_equal(event->object.kind, OBJECT_MESSAGE);
    assert_int_equal(object_notices("3", "message"), 1);
    assert_int_equal(object_notices("2", "message"), 0);
    assert_string_equal(member_of(object_notice("3"), "title"), "maria");
    assert_string_equal(member_of(object_notice("3"), "message"), "Hello");
    assert_string_equal(member_of(object_notice("3"), "data.message_id"), answered(answer, "id"));
}

static void what_two_people_write_to_each_other_is_kept_in_one_place(void **state)
{
    const struct answer *answer = say(AMIR, "user:2", "{\"text\":\"Hello\"}");

    (void)state;
    assert_text(kept(answer)->room, "dm:2:3");
}

static void who_is_not_there_is_not_written_to(void **state)
{
    (void)state;
    assert_refused_for(say(MARIA, "user:99", "{\"text\":\"x\"}"), ERR_UNKNOWN_USER, "to");
    assert_refused_for(say(MARIA, "user:maria", "{\"text\":\"x\"}"), ERR_UNKNOWN_USER, "to");
    assert_refused_for(say(MARIA, "user:3", "{\"text\":\"x\",\"to\":\"4\"}"), ERR_BAD_FIELD, "to");
}

static void a_note_to_oneself_is_heard_once(void **state)
{
    (void)state;
    object_listen(MARIA, "user:2");
    assert_done(say(MARIA, "user:2", "{\"text\":\"milk\"}"));
    assert_non_null(object_heard("user:2"));
    assert_null(object_heard("user:2"));
    assert_int_equal(object_notices("2", "message"), 0);
}

static void no_two_pairs_of_people_share_a_place(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 256);
    assert_text(object_dm_room(&arena, SPAN("13"), SPAN("2")), "dm:2:13");
    assert_text(object_dm_room(&arena, SPAN("2"), SPAN("13")), "dm:2:13");
    assert_text(object_dm_room(&arena, SPAN("b"), SPAN("a")), "dm:a:b");
    assert_text(object_dm_room(&arena, SPAN("a:b"), SPAN("c:d:e")), "dm:a%3Ab:c%3Ad%3Ae");
    assert_text(object_dm_room(&arena, SPAN("%3A"), SPAN(":")), "dm:%3A:%253A");
    arena_deinit(&arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, object_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(chat_about_a_record_is_heard_in_its_room_in_order),
        TEST(who_may_not_read_the_record_may_not_talk_about_it),
        TEST(a_message_has_a_text_and_small_data),
        TEST(chat_in_a_free_room_is_kept_and_heard_there),
        TEST(it_is_not_heard_before_it_is_on_the_disk),
        TEST(what_is_not_kept_is_not_heard),
        TEST(who_has_not_joined_a_free_room_may_not_talk_there_but_the_server_may),
        TEST(nobody_chats_in_the_servers_rooms),
        TEST(nobody_speaks_into_what_two_others_say_among_themselves),
        TEST(a_direct_message_is_heard_by_both_and_the_other_one_is_told),
        TEST(what_two_people_write_to_each_other_is_kept_in_one_place),
        TEST(who_is_not_there_is_not_written_to),
        TEST(a_note_to_oneself_is_heard_once),
        TEST(no_two_pairs_of_people_share_a_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
