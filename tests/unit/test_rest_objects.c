/* rest_objects.c and those who use it: a request becomes a command in the right room, an answer what REST shows of it. */
#include "lib/rest_stage.h"
#include "peer/rest/rest_objects.h"

static void assert_asked(const char *room, enum object_kind kind, enum object_verb verb, const char *input)
{
    const struct command *command = stage.commands[0];

    assert_int_equal(stage.command_count, 1);
    assert_int_equal(command->kind, COMMAND_OBJECT);
    assert_text(command->room, room);
    assert_int_equal(command->object.kind, kind);
    assert_int_equal(command->object.verb, verb);
    assert_text(command->object.input, input);
}

/* The answer to the oldest command: an object, or nothing to show. */
static void answer(enum err err, const char *object)
{
    struct answer *answer = peer_stage_answer(&stage, err);

    answer->has_object = object != NULL;
    answer->object = span_from_str(object);
    peer_stage_send_answer(&stage, answer);
}

static void what_is_asked_goes_to_the_records_room_in_our_own_words(void **state)
{
    (void)state;
    rest_ask("POST", "/api/v1/records/order/O-1/comments", JSON "Idempotency-Key: k\r\n",
             "{\"text\":\"x\",\"parentId\":\"c0\",\"data\":{\"aB\":1}}");
    assert_asked("order:O-1", OBJECT_COMMENT, OBJECT_ADD, "{\"text\":\"x\",\"parent_id\":\"c0\",\"data\":{\"aB\":1}}");
    assert_text(stage.commands[0]->object.id, "k");
    assert_false(stage.commands[0]->object.as_server);
    answer(OK, "{\"id\":\"c1\",\"user_id\":\"7\",\"text\":\"x\"}");
    far_until_text(&far, "HTTP/1.1 201 ");
    far_until_text(&far, "{\"comment\":{\"id\":\"c1\",\"user_id\":7,\"text\":\"x\"");
}

static void a_body_is_asked_for_where_it_is_needed_only(void **state)
{
    (void)state;
    rest_ask("POST", "/api/v1/records/order/O-1/comments", "", "");
    far_until_text(&far, "HTTP/1.1 415 ");
    assert_int_equal(stage.command_count, 0);
    rest_ask("POST", "/api/v1/records/order/O-1/locks", "", "");
    assert_asked("order:O-1", OBJECT_LOCK, OBJECT_ADD, "");
    answer(OK, NULL);
    far_until_text(&far, "HTTP/1.1 204 ");
}

static void what_a_delete_means_stands_in_its_query(void **state)
{
    (void)state;
    rest_ask("DELETE", "/api/v1/records/order/O-1/locks?path=title&token=12", "", "");
    assert_asked("order:O-1", OBJECT_LOCK, OBJECT_REMOVE, "{\"path\":\"title\",\"token\":12}");
}

static void ones_own_room_is_for_what_is_ones_own(void **state)
{
    (void)state;
    rest_ask("DELETE", "/api/v1/notifications/n1", "", "");
    assert_asked("user:7", OBJECT_NOTIFICATION, OBJECT_REMOVE, "");
    assert_text(stage.commands[0]->object.object_id, "n1");
}

static void what_is_said_about_a_record_names_it_in_the_body(void **state)
{
    (void)state;
    rest_ask("POST", "/api/v1/activity", JSON,
             "{\"entityType\":\"order\",\"entity_id\":\"O-1\",\"action\":\"printed\"}");
    assert_asked("order:O-1", OBJECT_ACTIVITY, OBJECT_ADD, "{\"action\":\"printed\"}");
}

static void a_request_speaks_in_free_rooms_without_being_in_them(void **state)
{
    (void)state;
    rest_ask("POST", "/api/v1/rooms/page%3A%2Fa/messages", JSON, "{\"text\":\"x\"}");
    assert_asked("page:/a", OBJECT_MESSAGE, OBJECT_ADD, "{\"text\":\"x\"}");
    assert_true(stage.commands[0]->object.as_server);
}

static void in_a_records_room_it_has_no_more_rights_than_its_user(void **state)
{
    (void)state;
    rest_ask("POST", "/api/v1/rooms/order%3AO-1/messages", JSON, "{\"text\":\"x\"}");
    assert_asked("order:O-1", OBJECT_MESSAGE, OBJECT_ADD, "{\"text\":\"x\"}");
    assert_false(stage.commands[0]->object.as_server);
}

static void rooms_of_others_are_not_there(void **state)
{
    static const char *const paths[] = {"/api/v1/rooms/user%3A9/messages", "/api/v1/rooms/dm%3A7%3A9/messages",
                                        "/api/v1/rooms/user%3A7/messages"};

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        rest_ask("GET", paths[i], "", "");
        far_until_text(&far, "HTTP/1.1 404 ");
        rest_ask("POST", paths[i], JSON, "{\"text\":\"x\"}");
        far_until_text(&far, "HTTP/1.1 404 ");
    }
    assert_int_equal(stage.command_count, 0);
}

static void what_is_not_there_is_not_asked_for(void **state)
{
    (void)state;
    rest_ask("POST", "/api/v1/comments/nothing/resolve", "", "");
    far_until_text(&far, "HTTP/1.1 404 ");
    rest_ask("PATCH", "/api/v1/comments/nothing", JSON, "{\"text\":\"x\"}");
    far_until_text(&far, "HTTP/1.1 404 ");
    rest_ask("POST", "/api/v1/records/nothing/O-1/locks", "", "");
    far_until_text(&far, "HTTP/1.1 404 ");
    assert_int_equal(stage.command_count, 0);
}

static void an_empty_list_is_a_list(void **state)
{
    (void)state;
    rest_ask("GET", "/api/v1/records/order/O-1/comments", "", "");
    far_until_text(&far, "{\"comments\":[],\"next_cursor\":null}");
    rest_ask("GET", "/api/v1/notifications", "", "");
    far_until_text(&far, "{\"notifications\":[],\"unread_count\":0,\"next_cursor\":null}");
    rest_ask("GET", "/api/v1/activity", "", "");
    far_until_text(&far, "{\"activity\":[],\"next_cursor\":null}");
}

static void a_connection_may_be_gone_while_an_object_is_looked_for(void **state)
{
    (void)state;
    rest_ask("GET", "/api/v1/me", "", "");
    far_until_text(&far, "HTTP/1.1 200 ");
    far_say(&far, SPAN("POST /api/v1/comments/c1/resolve HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n"));
    stage_turns(&stage.net, 3);
    peer_stage_begin_jobs(&stage);
    conn_host_close_all(stage.net.host);
    stage_turns(&stage.net, 3);
    peer_stage_finish_jobs(&stage);
    assert_int_equal(stage.command_count, 0);
}

/* ---- an application's own server ---- */

static void a_backend_tells_several_people_and_is_answered_once(void **state)
{
    (void)state;
    peer_stage_set_account(&stage, "service", false);
    rest_ask("POST", "/api/v1/notifications", JSON "Idempotency-Key: k\r\n", "{\"title\":\"x\",\"to\":[5,\"bob\"]}");
    assert_int_equal(stage.command_count, 2);
    assert_text(stage.commands[0]->room, "user:5");
    assert_text(stage.commands[0]->object.input, "{\"title\":\"x\"}");
    assert_text(stage.commands[1]->room, "user:bob");
    assert_text(stage.commands[1]->object.id, "k#bob");
    assert_true(stage.commands[1]->object.as_server);
    answer(OK, "{}");
    assert_false(far_has(&far, "HTTP/1.1"));
    answer(OK, NULL);
    far_until_text(&far, "{\"notified\":1}");
}

static void only_a_backend_does_what_backends_do(void **state)
{
    static const char *const paths[] = {"/api/v1/users/5/kick", "/api/v1/users/5/revoke", "/api/v1/users/5/notify",
                                        "/api/v1/rooms/lobby/publish", "/api/v1/sockets/emit"};

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        rest_ask("POST", paths[i], JSON, "{\"title\":\"x\"}");
        far_until_text(&far, "HTTP/1.1 403 ");
    }
    rest_ask("POST", "/api/v1/notifications", JSON, "{\"title\":\"x\",\"to\":[5]}");
    far_until_text(&far, "HTTP/1.1 403 ");
    assert_int_equal(stage.command_count, 0);
    assert_int_equal(stage.revoke_count, 0);
}

static void revoking_ends_older_logins_on_all_workers(void **state)
{
    struct span role = SPAN("editor");
    struct account bob = {.id = SPAN("8"), .username = SPAN("bob"), .roles = &role, .role_count = 1};

    (void)state;
    assert_int_equal(store_account_put(stage.store.store, &stage.store.arena, &bob), OK);
    peer_stage_set_account(&stage, "service", false);
    rest_ask("POST", "/api/v1/users/8/revoke", "", "");
    far_until_text(&far, "{\"ok\":true}");
    assert_int_equal(stage.revoke_count, 1);
    assert_int_equal(store_account_get(stage.store.store, &stage.store.arena, SPAN("8"), &bob), OK);
    assert_int_equal(bob.generation, 2);
    rest_ask("POST", "/api/v1/users/9/revoke", "", "");
    far_until_text(&far, "HTTP/1.1 404 ");
    assert_int_equal(stage.revoke_count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rest_stage_set_up, rest_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_asked_goes_to_the_records_room_in_our_own_words),
        TEST(a_body_is_asked_for_where_it_is_needed_only),
        TEST(what_a_delete_means_stands_in_its_query),
        TEST(ones_own_room_is_for_what_is_ones_own),
        TEST(what_is_said_about_a_record_names_it_in_the_body),
        TEST(a_request_speaks_in_free_rooms_without_being_in_them),
        TEST(in_a_records_room_it_has_no_more_rights_than_its_user),
        TEST(rooms_of_others_are_not_there),
        TEST(what_is_not_there_is_not_asked_for),
        TEST(an_empty_list_is_a_list),
        TEST(a_connection_may_be_gone_while_an_object_is_looked_for),
        TEST(a_backend_tells_several_people_and_is_answered_once),
        TEST(only_a_backend_does_what_backends_do),
        TEST(revoking_ends_older_logins_on_all_workers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
