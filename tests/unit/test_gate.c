#include "lib/gate_stage.h"

#include <stdlib.h>
#include <string.h>

/* ---- order -------------------------------------------------------------------------------------------------------- */

static void everything_waits_behind_what_is_asked_about(void **state)
{
    struct session *session = gated_connect_ann();

    (void)state;
    gated_say(session, COMMAND_JOIN, "lobby");
    gated_say(session, COMMAND_PRESENCE, "lobby");
    gated_publish(session, "lobby", "1");
    gated_say(session, COMMAND_PRESENCE, "lobby");
    assert_next(&gated.sent, "");
    assert_int_equal(gated.ask_count, 1);
    gated_allow(0);
    assert_next(&gated.sent, "join lobby, presence lobby, ");
    assert_int_equal(gated.ask_count, 2);
    gated_allow(1);
    assert_next(&gated.sent, "publish lobby, presence lobby, ");
    assert_int_equal(gate_held(stage.host.gate), 0);
}

static void other_sessions_do_not_wait(void **state)
{
    struct session *one = gated_connect_ann(), *other = gated_connect_ann();

    (void)state;
    gated_say(one, COMMAND_JOIN, "lobby");
    gated_say(other, COMMAND_PRESENCE, "lobby");
    assert_next(&gated.sent, "presence lobby, ");
    gated_say(other, COMMAND_JOIN, "hall");
    gated_allow(1);
    assert_next(&gated.sent, "join hall, ");
    gated_allow(0);
    assert_next(&gated.sent, "join lobby, ");
}

static void what_is_not_asked_about_goes_at_once(void **state)
{
    struct session *session = gated_connect_ann();
    struct command *command;

    (void)state;
    gated_say(session, COMMAND_JOIN, ROOM_PRESENCE);
    gated_say(session, COMMAND_JOIN, ROOM_RECORDS);
    gated_say(session, COMMAND_JOIN, "user:7");
    command = gated_command(session, COMMAND_PUBLISH, "lobby");
    command->publish.as_server = true;
    session_send(session, command);
    command = gated_command(session, COMMAND_OBJECT, "order:1");
    command->object.kind = OBJECT_LOCK;
    command->object.verb = OBJECT_RENEW;
    session_send(session, command);
    gated_say(session, COMMAND_LEAVE, "lobby");
    assert_int_equal(gated.ask_count, 0);
    assert_next(
        &gated.sent,
        "join user-presence, touch user-presence, join records, join user:7, publish lobby, object order:1, leave lobby, ");
}

static void only_what_is_configured_is_asked_about(void **state)
{
    struct session *session = gated_connect_ann();

    (void)state;
    gated.rules.asks = GATE_CHANGE;
    gated_set_rules();
    gated_say(session, COMMAND_JOIN, "lobby");
    gated_publish(session, "lobby", "1");
    assert_next(&gated.sent, "join lobby, publish lobby, ");
    gated_say(session, COMMAND_RESTORE, "order:1");
    assert_int_equal(gated.ask_count, 1);
}

/* ---- refusing ----------------------------------------------------------------------------------------------------- */

static void what_is_refused_is_answered_and_the_rest_goes_on(void **state)
{
    struct session *session = gated_connect_ann();

    (void)state;
    gated_publish(session, "lobby", "1");
    gated_say(session, COMMAND_PRESENCE, "lobby");
    gated_tell(0, OK, "{\"allow\":false,\"message\":\"Not today.\"}");
    assert_next(&gated.answered, "backend_refused: Not today., ");
    assert_next(&gated.sent, "presence lobby, ");
}

static void a_join_that_is_refused_can_be_tried_again(void **state)
{
    struct session *session = gated_connect_ann();

    (void)state;
    gated_say(session, COMMAND_JOIN, "lobby");
    gated_tell(0, OK, "{\"allow\":false}");
    assert_next(&gated.answered, "backend_refused: , ");
    assert_null(session_membership(session, SPAN("lobby")));
    assert_int_equal(session->answers_due, 0);
    gated_say(session, COMMAND_JOIN, "lobby");
    gated_allow(1);
    assert_next(&gated.sent, "join lobby, ");
}

static void without_an_answer_it_is_refused(void **state)
{
    static const char *const texts[] = {"{}", "{\"allow\":1}", "{\"allow\":null}"};
    struct session *session = gated_connect_ann();

    (void)state;
    gated_publish(session, "lobby", "1");
    gated_tell(0, ERR_BACKEND_UNAVAILABLE, "");
    assert_next(&gated.answered, "backend_unavailable: , ");
    for (unsigned i = 0; i < 3; i++) {
        gated_publish(session, "lobby", "1");
        gated_tell(i + 1, OK, texts[i]);
        assert_next(&gated.answered, "backend_unavailable: , ");
    }
    assert_next(&gated.sent, "");
}

static void without_an_answer_it_goes_on_where_that_is_configured(void **state)
{
    struct session *session = gated_connect_ann();

    (void)state;
    gated.rules.allows_when_down = true;
    gated_set_rules();
    gated_publish(session, "lobby", "1");
    gated_tell(0, ERR_BACKEND_UNAVAILABLE, "");
    assert_next(&gated.sent, "publish lobby, ");
    gated_publish(session, "lobby", "1");
    gated_tell(1, OK, "{\"allow\":false}");
    assert_next(&gated.answered, "backend_refused: , ");
    assert_next(&gated.sent, "");
}

/* ---- what a backend decides --------------------------------------------------------------------------------------- */

/* Tickets are the backend's; the registry of the stage has none. */
static struct type_registry *tickets(void)
{
    struct type_registry *registry;
    struct buf why = BUF_EMPTY;

    assert_int_equal(type_registry_new(
                         SPAN("{\"ticket\":{\"write_mode\":\"proxied\",\"fields\":{\"title\":{\"kind\":\"string\"}}}}"),
                         SPAN_EMPTY, &registry, &why),
                     OK);
    return registry;
}

static void about_what_a_backend_decides_it_is_always_asked(void **state)
{
    struct session *session = gated_connect_ann();
    struct type_registry *const usual = stage.host.registry, *const other = tickets();

    (void)state;
    stage.host.registry = other;
    gated.rules.asks = 0;
    gated.rules.allows_when_down = true;
    gated_set_rules();
    gated_say(session, COMMAND_RESTORE, "order:1");
    assert_next(&gated.sent, "restore order:1, ");
    gated_say(session, COMMAND_RESTORE, "ticket:1");
    gated_tell(0, ERR_BACKEND_UNAVAILABLE, "");
    assert_next(&gated.answered, "backend_unavailable: , ");
    gated_say(session, COMMAND_RESTORE, "ticket:1");
    gated_tell(1, OK, "{\"allow\":false,\"message\":\"No.\"}");
    assert_next(&gated.answered, "backend_refused: No., ");
    assert_next(&gated.sent, "");
    gated_say(session, COMMAND_RESTORE, "ticket:1");
    gated_allow(2);
    assert_next(&gated.sent, "restore ticket:1, ");
    stage.host.registry = usual;
    type_registry_unref(other);
}

static void without_a_backend_nobody_decides(void **state)
{
    struct session *session = gated_connect_ann();
    struct type_registry *const usual = stage.host.registry, *const other = tickets();

    (void)state;
    stage.host.registry = other;
    gated.rules = (struct gate_rules){.allows_when_down = true};
    gated_set_rules();
    gated_say(session, COMMAND_RESTORE, "ticket:1");
    gated_say(session, COMMAND_JOIN, "ticket:1");
    gated_run_errands();
    assert_next(&gated.answered, "backend_unavailable: , ");
    assert_next(&gated.sent, "join ticket:1, ");
    assert_int_equal(gated.ask_count, 0);
    stage.host.registry = usual;
    type_registry_unref(other);
}

/* ---- remembering -------------------------------------------------------------------------------------------------- */

static void what_may_be_remembered_is_not_asked_again(void **state)
{
    struct session *one = gated_connect_ann(), *two = gated_connect_ann();

    (void)state;
    gated_say(one, COMMAND_JOIN, "lobby");
    gated_tell(0, OK, "{\"allow\":true,\"cache_seconds\":10}");
    gated_say(two, COMMAND_LOOK, "lobby");
    assert_next(&gated.sent, "join lobby, look lobby, ");
    gated_say(two, COMMAND_JOIN, "hall");             /* another room */
    gated_publish(gated_connect_ann(), "lobby", "1"); /* another hook */
    gated_say(gated_connect("8", "editor"), COMMAND_JOIN, "lobby");
    gated_say(gated_connect("7", "viewer"), COMMAND_JOIN, "lobby");
    assert_int_equal(gated.ask_count, 5);
    stage.host.wall_ms += 10000;
    gated_say(gated_connect_ann(), COMMAND_JOIN, "lobby");
    assert_int_equal(gated.ask_count, 6);
}

static void it_is_remembered_no_longer_than_configured(void **state)
{
    (void)state;
    gated_say(gated_connect_ann(), COMMAND_JOIN, "lobby");
    gated_tell(0, OK, "{\"allow\":true,\"cache_seconds\":1e300}");
    stage.host.wall_ms += 59999;
    gated_say(gated_connect_ann(), COMMAND_JOIN, "lobby");
    assert_int_equal(gated.ask_count, 1);
    stage.host.wall_ms += 1;
    gated_say(gated_connect_ann(), COMMAND_JOIN, "lobby");
    assert_int_equal(gated.ask_count, 2);
}

static void a_clock_that_was_put_back_makes_nothing_last_longer(void **state)
{
    (void)state;
    gated_say(gated_connect_ann(), COMMAND_JOIN, "lobby");
    gated_tell(0, OK, "{\"allow\":true,\"cache_seconds\":10}");
    stage.host.wall_ms -= 3600 * 1000;
    gated_say(gated_connect_ann(), COMMAND_JOIN, "lobby");
    assert_int_equal(gated.ask_count, 2);
}

static void neither_changes_nor_refusals_are_remembered(void **state)
{
    struct session *session = gated_connect_ann();

    (void)state;
    gated_say(session, COMMAND_RESTORE, "order:1");
    gated_tell(0, OK, "{\"allow\":true,\"cache_seconds\":10}");
    gated_say(session, COMMAND_RESTORE, "order:1");
    gated_tell(1, OK, "{\"allow\":false,\"cache_seconds\":10}");
    gated_say(session, COMMAND_LOOK, "lobby");
    gated_tell(2, OK, "{\"allow\":false,\"cache_seconds\":10}");
    gated_say(session, COMMAND_LOOK, "lobby");
    assert_int_equal(gated.ask_count, 4);
}

static void revoking_a_user_forgets_what_he_was_allowed(void **state)
{
    (void)state;
    gated_say(gated_connect_ann(), COMMAND_JOIN, "lobby");
    gated_say(gated_connect("8", "editor"), COMMAND_JOIN, "lobby");
    gated_tell(0, OK, "{\"allow\":true,\"cache_seconds\":10}");
    gated_tell(1, OK, "{\"allow\":true,\"cache_seconds\":10}");
    peer_host_on_revoke(&stage.host, SPAN("7"), SPAN_EMPTY);
    gated_say(gated_connect("8", "editor"), COMMAND_JOIN, "lobby");
    assert_int_equal(gated.ask_count, 2);
    gated_say(gated_connect_ann(), COMMAND_JOIN, "lobby");
    assert_int_equal(gated.ask_count, 3);
}

static void what_was_asked_before_a_revocation_is_not_remembered(void **state)
{
    (void)state;
    gated_say(gated_connect_ann(), COMMAND_JOIN, "lobby");
    peer_host_on_revoke(&stage.host, SPAN("7"), SPAN_EMPTY);
    gated_tell(0, OK, "{\"allow\":true,\"cache_seconds\":10}");
    gated_say(gated_connect_ann(), COMMAND_JOIN, "lobby");
    assert_int_equal(gated.ask_count, 2);
}

static void only_so_much_is_remembered(void **state)
{
    struct session *session = gated_connect_ann();

    (void)state;
    gated.rules.remembered_max = 2;
    gated_set_rules();
    for (unsigned i = 0; i < 3; i++) {
        char room[8];
        (void)snprintf(room, sizeof(room), "r%u", i);
        gated_say(session, COMMAND_LOOK, room);
        gated_tell(i, OK, "{\"allow\":true,\"cache_seconds\":10}");
    }
    gated_say(session, COMMAND_LOOK, "r2");
    assert_int_equal(gated.ask_count, 3);
    gated_say(session, COMMAND_LOOK, "r0");
    assert_int_equal(gated.ask_count, 4);
}

/* ---- going -------------------------------------------------------------------------------------------------------- */

static void what_waits_is_void_once_the_rights_are_taken_away(void **state)
{
    struct session *session = gated_connect_ann(), *other = gated_connect_ann();

    (void)state;
    gated_publish(session, "lobby", "1");
    gated_publish(session, "lobby", "2");
    gated_publish(other, "lobby", "3");
    gate_revoke(stage.host.gate, session->id);
    gated_say(session, COMMAND_LEAVE, "lobby");
    gated_allow(0);
    assert_next(&gated.sent, "leave lobby, ");
    assert_int_equal(gated.ask_count, 2);
    gated_allow(1);
    assert_next(&gated.sent, "publish lobby, ");
    assert_int_equal(gate_held(stage.host.gate), 0);
}

static void who_closes_leaves_after_what_he_said(void **state)
{
    struct session *session = gated_connect_ann();

    (void)state;
    gated_say(session, COMMAND_JOIN, "lobby");
    gated_publish(session, "lobby", "1");
    session_close(session, LEAVE_DISCONNECTED);
    gated_allow(0);
    assert_next(&gated.sent, "join lobby, ");
    gated_allow(1);
    assert_next(&gated.sent, "publish lobby, leave lobby, ");
    assert_int_equal(gate_held(stage.host.gate), 0);
}

static void who_is_refused_after_he_went_leaves_all_the_same(void **state)
{
    struct session *session = gated_connect_ann();

    (void)state;
    gated_say(session, COMMAND_JOIN, "lobby");
    session_close(session, LEAVE_DISCONNECTED);
    gated_tell(0, OK, "{\"allow\":false}");
    assert_next(&gated.answered, "");
    assert_next(&gated.sent, "leave lobby, ");
}

static void who_leaves_before_the_answer_has_not_joined(void **state)
{
    struct session *session = gated_connect_ann();

    (void)state;
    gated_say(session, COMMAND_JOIN, "lobby");
    gated_say(session, COMMAND_LEAVE, "lobby");
    gated_tell(0, OK, "{\"allow\":false}");
    assert_next(&gated.answered, "backend_refused: , ");
    assert_next(&gated.sent, "leave lobby, ");
    assert_null(session_membership(session, SPAN("lobby")));
}

/* ---- bounds ------------------------------------------------------------------------------------------------------- */

static void who_lets_too_much_wait_is_ended(void **state)
{
    struct session *session = gated_connect_ann();

    (void)state;
    gated.rules.waiting_max = 3;
    gated_set_rules();
    for (int i = 0; i < 3; i++)
        gated_publish(session, "lobby", "1");
    assert_int_equal(gated.ended_by, OK);
    gated_publish(session, "lobby", "1");
    assert_int_equal(gated.ended_by, ERR_OVERLOADED);
    gated_run_errands();
    assert_next(&gated.answered, "overloaded: , ");
    assert_int_equal(gate_held(stage.host.gate), 3);
}

static void what_waits_is_bounded_in_bytes_too(void **state)
{
    struct session *one = gated_connect_ann(), *other = gated_connect_ann();
    char *large = malloc(40003);

    (void)state;
    memset(large, 'x', 40002);
    large[0] = large[40001] = '"';
    large[40002] = '\0';
    gated.rules.waiting_bytes_max = 50000;
    gated.rules.held_bytes_max = 150000;
    gated_set_rules();
    gated_publish(one, "lobby", large);
    gated_publish(one, "lobby", large);
    gated_publish(other, "lobby", large);
    assert_int_equal(gated.ended_by, OK);
    gated_publish(other, "lobby", large); /* the last that there is a place for */
    gated_publish(gated_connect_ann(), "lobby", large);
    assert_int_equal(gated.ended_by, OK);
    gated_publish(one, "lobby", "1");
    assert_int_equal(gated.ended_by, ERR_OVERLOADED);
    gated_run_errands();
    assert_next(&gated.answered, "overloaded: , overloaded: , ");
    free(large);
}

static void only_so_much_waits_in_all(void **state)
{
    struct session *one = gated_connect_ann(), *other = gated_connect_ann();

    (void)state;
    gated.rules.held_max = 2;
    gated_set_rules();
    gated_say(one, COMMAND_JOIN, "lobby");
    gated_publish(one, "lobby", "1");
    gated_publish(other, "lobby", "1");
    gated_say(other, COMMAND_PRESENCE, "lobby"); /* need not wait */
    gated_run_errands();
    assert_next(&gated.answered, "overloaded: , ");
    assert_next(&gated.sent, "presence lobby, ");
    assert_int_equal(gated.ended_by, OK);
    session_close(one, LEAVE_DISCONNECTED);
    gated_allow(0);
    gated_allow(1);
    assert_next(&gated.sent, "join lobby, publish lobby, leave lobby, ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, gate_stage_set_up, gate_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(everything_waits_behind_what_is_asked_about),
        TEST(other_sessions_do_not_wait),
        TEST(what_is_not_asked_about_goes_at_once),
        TEST(only_what_is_configured_is_asked_about),
        TEST(what_is_refused_is_answered_and_the_rest_goes_on),
        TEST(a_join_that_is_refused_can_be_tried_again),
        TEST(without_an_answer_it_is_refused),
        TEST(without_an_answer_it_goes_on_where_that_is_configured),
        TEST(about_what_a_backend_decides_it_is_always_asked),
        TEST(without_a_backend_nobody_decides),
        TEST(what_may_be_remembered_is_not_asked_again),
        TEST(it_is_remembered_no_longer_than_configured),
        TEST(a_clock_that_was_put_back_makes_nothing_last_longer),
        TEST(neither_changes_nor_refusals_are_remembered),
        TEST(revoking_a_user_forgets_what_he_was_allowed),
        TEST(what_was_asked_before_a_revocation_is_not_remembered),
        TEST(only_so_much_is_remembered),
        TEST(what_waits_is_void_once_the_rights_are_taken_away),
        TEST(who_closes_leaves_after_what_he_said),
        TEST(who_is_refused_after_he_went_leaves_all_the_same),
        TEST(who_leaves_before_the_answer_has_not_joined),
        TEST(who_lets_too_much_wait_is_ended),
        TEST(what_waits_is_bounded_in_bytes_too),
        TEST(only_so_much_waits_in_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
