#include "lib/lobby.h"

#include <string.h>

/* ---- coming and going --------------------------------------------------------------------------------------------- */

static void somebody_who_comes_is_announced_once(void **state)
{
    struct event *event;

    (void)state;
    lobby_join(MARIA);
    event = next_event(EVENT_USER_JOINED);
    assert_non_null(event);
    assert_text(event->presence.user_id, "2");
    assert_text(event->presence.username, "maria");
    assert_int_equal(event->presence.status, STATUS_ONLINE);
    assert_int_equal(event->presence.session_count, 1);
    assert_int_equal(event->presence.session, MARIA);
    assert_int_equal(event->origin, MARIA);
    assert_null(next_event(EVENT_USER_JOINED));
}

static void two_tabs_are_one_person(void **state)
{
    const struct answer *answer;

    (void)state;
    lobby_join(MARIA);
    answer = lobby_join(MARIA_TOO);
    assert_int_equal(answer->presence_count, 2);
    assert_int_equal(hub_double_person(answer, "2")->session_count, 2);
    assert_quiet();
    lobby_leave(MARIA, LEAVE_ASKED);
    assert_quiet();
    lobby_leave(MARIA_TOO, LEAVE_ASKED);
    assert_non_null(next_event(EVENT_USER_LEFT));
}

static void a_leave_that_was_asked_for_is_heard_at_once(void **state)
{
    struct event *event;

    (void)state;
    lobby_join(MARIA);
    lobby_leave(MARIA, LEAVE_ASKED);
    event = next_event(EVENT_USER_LEFT);
    assert_non_null(event);
    assert_text(event->presence.user_id, "2");
    assert_int_equal(event->presence.status, STATUS_OFFLINE);
    assert_null(lobby_maria());
}

static void somebody_who_is_dead_leaves_at_once(void **state)
{
    (void)state;
    lobby_join(MARIA);
    lobby_leave(MARIA, LEAVE_DEAD);
    assert_non_null(next_event(EVENT_USER_LEFT));
}

static void a_broken_connection_is_a_leave_only_after_the_grace(void **state)
{
    (void)state;
    lobby_join(MARIA);
    lobby_leave(MARIA, LEAVE_DISCONNECTED);
    hub_double_advance(world, world->limits.grace_ms - 1);
    assert_quiet();
    assert_non_null(lobby_maria());
    hub_double_advance(world, 1);
    assert_non_null(next_event(EVENT_USER_LEFT));
    assert_null(lobby_maria());
}

static void who_reloads_the_page_never_left(void **state)
{
    const struct presence *presence;
    char color[8];

    (void)state;
    lobby_join(MARIA);
    (void)memcpy(color, lobby_maria()->color.data, 7);
    lobby_leave(MARIA, LEAVE_DISCONNECTED);
    hub_double_advance(world, 2000);
    lobby_join(MARIA_TOO);
    hub_double_advance(world, world->limits.grace_ms * 2);
    assert_quiet();
    presence = lobby_maria();
    assert_int_equal(presence->session_count, 1);
    assert_int_equal(presence->session, MARIA); /* the name others know him by */
    assert_memory_equal(presence->color.data, color, 7);
}

/* The page that was reloaded does not edit any more until it says so. */
static void what_a_broken_connection_said_goes_when_its_user_is_back(void **state)
{
    struct event *event;

    (void)state;
    lobby_join(MARIA);
    lobby_change(MARIA, (struct presence_change){.given = PRESENCE_INTENT, .intent = INTENT_EDITING});
    lobby_tick();
    lobby_leave(MARIA, LEAVE_DISCONNECTED);
    assert_int_equal(lobby_maria()->intent, INTENT_EDITING);
    lobby_join(MARIA_TOO);
    lobby_tick();
    event = next_event(EVENT_PRESENCE);
    assert_non_null(event);
    assert_int_equal(event->presence.intent, INTENT_NONE);
}

static void without_grace_a_broken_connection_is_a_leave(void **state)
{
    (void)state;
    world->limits.grace_ms = 0;
    hub_double_restart(world);
    lobby_join(ADA);
    lobby_join(MARIA);
    lobby_leave(MARIA, LEAVE_DISCONNECTED);
    assert_non_null(next_event(EVENT_USER_LEFT));
}

static void who_only_listens_is_not_there(void **state)
{
    const struct answer *answer = hub_double_listen(world, MARIA, 2, "lobby");

    (void)state;
    assert_true(answer->listens);
    assert_false(answer->is_present);
    assert_int_equal(answer->presence_count, 1);
    assert_quiet();
    assert_int_equal(lobby_change(MARIA, (struct presence_change){0})->err, ERR_NOT_MEMBER);
    lobby_leave(MARIA, LEAVE_DISCONNECTED);
    hub_double_advance(world, world->limits.grace_ms);
    assert_quiet();
}

static void who_only_wants_to_be_seen_is_not_told_who_is_there(void **state)
{
    struct command *command = hub_double_command(world, COMMAND_JOIN, MARIA, 2, "lobby");
    const struct answer *answer;

    (void)state;
    command->join.is_present = true;
    answer = hub_double_ask(world, command);
    assert_true(answer->is_present);
    assert_int_equal(answer->presence_count, 0);
    assert_non_null(lobby_maria());
}

/* ---- what somebody does ------------------------------------------------------------------------------------------- */

static void changes_within_a_tick_are_said_once(void **state)
{
    struct event *event;

    (void)state;
    lobby_join(MARIA);
    lobby_change(MARIA, (struct presence_change){.given = PRESENCE_PAGE, .page = SPAN("orders")});
    lobby_change(MARIA, (struct presence_change){.given = PRESENCE_SECTION, .section = SPAN("lines")});
    assert_quiet();
    lobby_tick();
    event = next_event(EVENT_PRESENCE);
    assert_text(event->presence.page, "orders");
    assert_text(event->presence.section, "lines");
    assert_int_equal(event->origin, MARIA);
    assert_int_not_equal(event->conflate_key, 0);
    assert_null(next_event(EVENT_PRESENCE));
}

static void without_a_tick_changes_are_said_at_once(void **state)
{
    (void)state;
    world->limits.tick_ms = 0;
    hub_double_restart(world);
    lobby_join(ADA);
    lobby_join(MARIA);
    lobby_change(MARIA, (struct presence_change){.given = PRESENCE_PAGE, .page = SPAN("orders")});
    assert_non_null(next_event(EVENT_PRESENCE));
}

static void what_changes_nothing_is_not_said(void **state)
{
    (void)state;
    lobby_join(MARIA);
    lobby_change(MARIA, (struct presence_change){.given = PRESENCE_PAGE, .page = SPAN("orders")});
    lobby_tick();
    lobby_change(MARIA, (struct presence_change){.given = PRESENCE_PAGE, .page = SPAN("orders")});
    lobby_tick();
    assert_quiet();
}

static void editing_in_one_tab_beats_viewing_in_another(void **state)
{
    (void)state;
    lobby_join(MARIA);
    lobby_join(MARIA_TOO);
    lobby_change(MARIA, (struct presence_change){.given = PRESENCE_INTENT, .intent = INTENT_EDITING});
    lobby_change(MARIA_TOO, (struct presence_change){.given = PRESENCE_INTENT, .intent = INTENT_VIEWING});
    assert_int_equal(lobby_maria()->intent, INTENT_EDITING);
    lobby_leave(MARIA, LEAVE_ASKED);
    lobby_tick();
    assert_int_equal(next_event(EVENT_PRESENCE)->presence.intent, INTENT_VIEWING);
}

static void somebody_is_where_he_was_active_last(void **state)
{
    (void)state;
    lobby_join(MARIA);
    lobby_join(MARIA_TOO);
    lobby_change(MARIA, (struct presence_change){.given = PRESENCE_PAGE, .page = SPAN("orders")});
    lobby_change(MARIA_TOO, (struct presence_change){.given = PRESENCE_PAGE, .page = SPAN("parts")});
    assert_text(lobby_maria()->page, "parts");
    lobby_touch(MARIA);
    assert_text(lobby_maria()->page, "orders");
}

/* When two of his tabs said something within a tick, each has to hear of the other. */
static void what_two_tabs_say_at_once_both_hear(void **state)
{
    (void)state;
    lobby_join(MARIA);
    lobby_join(MARIA_TOO);
    lobby_tick();
    lobby_change(MARIA, (struct presence_change){.given = PRESENCE_PAGE, .page = SPAN("orders")});
    lobby_change(MARIA_TOO, (struct presence_change){.given = PRESENCE_SECTION, .section = SPAN("top")});
    lobby_tick();
    assert_int_equal(next_event(EVENT_PRESENCE)->origin, 0);
}

static void too_long_a_text_is_refused_and_changes_nothing(void **state)
{
    static char text[257];
    struct presence_change presence = {.given = PRESENCE_PAGE | PRESENCE_INTENT, .intent = INTENT_EDITING};
    const struct answer *answer;

    (void)state;
    memset(text, 'a', sizeof(text));
    presence.page = span_of(text, sizeof(text));
    lobby_join(MARIA);
    answer = lobby_change(MARIA, presence);
    assert_int_equal(answer->err, ERR_TOO_LARGE);
    assert_text(answer->field, "page");
    assert_int_equal(lobby_maria()->intent, INTENT_NONE);
}

static void a_new_name_is_told(void **state)
{
    const struct span role = SPAN("editor");
    struct identity *renamed =
        identity_new(SPAN("2"), SPAN("maria"), SPAN("Maria Lopez"), SPAN_EMPTY, &role, 1, world->users[2]->access);
    struct command *command;

    (void)state;
    lobby_join(MARIA);
    command = command_new(COMMAND_JOIN, MARIA, renamed, SPAN("lobby"));
    command->join.is_present = true;
    hub_double_do(world, command);
    identity_unref(renamed);
    lobby_tick();
    assert_text(next_event(EVENT_PRESENCE)->presence.name, "Maria Lopez");
}

/* ---- idle --------------------------------------------------------------------------------------------------------- */

static void who_does_nothing_is_away(void **state)
{
    (void)state;
    lobby_join(MARIA);
    hub_double_hush(world);
    hub_double_advance(world, world->limits.idle_ms - 1);
    assert_quiet();
    lobby_touch(ADA);
    hub_double_advance(world, 1 + world->limits.tick_ms);
    assert_int_equal(hub_double_count(world, EVENT_PRESENCE), 1);
    assert_int_equal(next_event(EVENT_PRESENCE)->presence.status, STATUS_AWAY);
}

static void who_does_something_is_back(void **state)
{
    struct event *event;

    (void)state;
    lobby_join(MARIA);
    hub_double_advance(world, world->limits.idle_ms * 2);
    lobby_touch(MARIA);
    lobby_tick();
    event = next_event(EVENT_PRESENCE);
    assert_int_equal(event->presence.status, STATUS_ONLINE);
    assert_int_equal(event->origin, 0); /* his own page was told that he is away */
}

static void activity_puts_idleness_off(void **state)
{
    (void)state;
    lobby_join(MARIA);
    hub_double_advance(world, world->limits.idle_ms - 1);
    lobby_touch(MARIA);
    hub_double_advance(world, world->limits.idle_ms - 1);
    assert_int_equal(lobby_maria()->status, STATUS_ONLINE);
    hub_double_advance(world, 1);
    assert_int_equal(lobby_maria()->status, STATUS_AWAY);
}

static void one_active_tab_keeps_somebody_online(void **state)
{
    (void)state;
    lobby_join(MARIA);
    lobby_join(MARIA_TOO);
    hub_double_advance(world, world->limits.idle_ms - 1);
    lobby_touch(MARIA_TOO);
    hub_double_advance(world, world->limits.idle_ms - 1);
    assert_int_equal(lobby_maria()->status, STATUS_ONLINE);
    lobby_leave(MARIA_TOO, LEAVE_ASKED);
    lobby_tick();
    assert_int_equal(lobby_maria()->status, STATUS_AWAY);
}

static void a_status_of_ones_own_choice_stays(void **state)
{
    (void)state;
    lobby_join(MARIA);
    lobby_change(MARIA, (struct presence_change){.given = PRESENCE_STATUS, .status = STATUS_AWAY});
    lobby_touch(MARIA);
    lobby_point(MARIA, "{\"x\":1}", NULL);
    lobby_tick();
    assert_int_equal(lobby_maria()->status, STATUS_AWAY);
    lobby_change(MARIA, (struct presence_change){.given = PRESENCE_STATUS, .status = STATUS_ONLINE});
    assert_int_equal(lobby_maria()->status, STATUS_ONLINE);
}

/* ---- refresh ------------------------------------------------------------------------------------------------------ */

static void the_refresh_carries_who_moved_and_nobody_else(void **state)
{
    struct event *event;

    (void)state;
    lobby_join(MARIA);
    lobby_join(AMIR);
    hub_double_advance(world, world->limits.refresh_ms);
    hub_double_hush(world);
    lobby_touch(AMIR);
    hub_double_advance(world, world->limits.refresh_ms);
    event = next_event(EVENT_PRESENCE_REFRESH);
    assert_non_null(event);
    assert_int_equal(event->presences.count, 1);
    assert_text(event->presences.entries[0].user_id, "3");
    hub_double_advance(world, world->limits.refresh_ms * 3);
    assert_null(next_event(EVENT_PRESENCE_REFRESH)); /* nobody moved since */
}

/* ---- bounds ------------------------------------------------------------------------------------------------------- */

static void a_very_full_room_lists_only_some_and_says_how_many_there_are(void **state)
{
    const struct answer *answer;

    (void)state;
    world->limits.presence_list_max = 3;
    hub_double_restart(world);
    for (unsigned i = 1; i < DOUBLE_USERS; i++)
        lobby_join(10 * i + 2);
    answer = lobby_look();
    assert_int_equal(answer->presence_count, 3);
    assert_int_equal(answer->people_count, 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lobby_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(somebody_who_comes_is_announced_once),
        TEST(two_tabs_are_one_person),
        TEST(a_leave_that_was_asked_for_is_heard_at_once),
        TEST(somebody_who_is_dead_leaves_at_once),
        TEST(a_broken_connection_is_a_leave_only_after_the_grace),
        TEST(who_reloads_the_page_never_left),
        TEST(what_a_broken_connection_said_goes_when_its_user_is_back),
        TEST(without_grace_a_broken_connection_is_a_leave),
        TEST(who_only_listens_is_not_there),
        TEST(who_only_wants_to_be_seen_is_not_told_who_is_there),
        TEST(changes_within_a_tick_are_said_once),
        TEST(without_a_tick_changes_are_said_at_once),
        TEST(what_changes_nothing_is_not_said),
        TEST(editing_in_one_tab_beats_viewing_in_another),
        TEST(somebody_is_where_he_was_active_last),
        TEST(what_two_tabs_say_at_once_both_hear),
        TEST(too_long_a_text_is_refused_and_changes_nothing),
        TEST(a_new_name_is_told),
        TEST(who_does_nothing_is_away),
        TEST(who_does_something_is_back),
        TEST(activity_puts_idleness_off),
        TEST(one_active_tab_keeps_somebody_online),
        TEST(a_status_of_ones_own_choice_stays),
        TEST(the_refresh_carries_who_moved_and_nobody_else),
        TEST(a_very_full_room_lists_only_some_and_says_how_many_there_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
