#include "lib/lobby.h"

static void presence_in_a_records_room_is_mirrored_for_all(void **state)
{
    const struct event *event;
    struct command *command;

    (void)state;
    hub_double_join(world, ADA, 1, ROOM_PRESENCE);
    hub_double_join(world, MARIA, 2, "order:O-1");
    event = next_event(EVENT_PRESENCE);
    assert_text(event->room, ROOM_PRESENCE);
    assert_text(event->presence.room, "order:O-1");
    assert_text(event->entity_id, "O-1");
    assert_non_null(event->type);
    command = hub_double_command(world, COMMAND_PRESENCE, MARIA, 2, "order:O-1");
    command->presence = (struct presence_change){.given = PRESENCE_INTENT, .intent = INTENT_EDITING};
    hub_double_ask(world, command);
    lobby_tick();
    event = next_event(EVENT_PRESENCE); /* in the record's room */
    assert_text(event->room, "order:O-1");
    event = next_event(EVENT_PRESENCE);
    assert_text(event->room, ROOM_PRESENCE);
    assert_int_equal(event->presence.intent, INTENT_EDITING);
    hub_double_leave(world, MARIA, 2, "order:O-1", LEAVE_ASKED);
    event = next_event(EVENT_PRESENCE);
    assert_int_equal(event->presence.status, STATUS_OFFLINE);
    assert_int_equal(event->presence.intent, INTENT_NONE);
}

static void presence_in_other_rooms_is_nobody_elses_business(void **state)
{
    (void)state;
    hub_double_join(world, ADA, 1, ROOM_PRESENCE);
    lobby_join(MARIA);
    assert_int_equal(hub_double_count(world, EVENT_PRESENCE), 0);
}

static void who_begins_to_look_sees_who_was_at_which_record_before_him(void **state)
{
    struct answer *answer;

    (void)state;
    hub_double_join(world, MARIA, 2, "order:O-1");
    hub_double_join(world, AMIR, 3, "order:O-2");
    hub_double_leave(world, AMIR, 3, "order:O-2", LEAVE_ASKED);
    answer = hub_double_join(world, ADA, 1, ROOM_PRESENCE);
    assert_int_equal(answer->place_count, 1);
    assert_text(answer->places[0].room, "order:O-1");
    assert_text(answer->places[0].user_id, "2");
    hub_double_leave(world, MARIA, 2, "order:O-1", LEAVE_DISCONNECTED);
    hub_double_advance(world, world->limits.grace_ms);
    assert_int_equal(hub_double_join(world, ADA, 1, ROOM_PRESENCE)->place_count, 0);
}

static void who_is_at_a_record_is_not_told_to_those_who_may_not_read_it(void **state)
{
    (void)state;
    hub_double_join(world, ADA, 1, "secret:S-1");
    assert_int_equal(hub_double_join(world, AMIR, 3, ROOM_PRESENCE)->place_count, 0);
    assert_int_equal(hub_double_join(world, ADA, 1, ROOM_PRESENCE)->place_count, 1);
}

static void only_so_many_places_are_remembered(void **state)
{
    struct answer *answer;

    (void)state;
    world->limits.places_max = 1;
    hub_double_restart(world);
    hub_double_join(world, MARIA, 2, "order:O-1");
    hub_double_join(world, AMIR, 3, "order:O-2");
    answer = hub_double_join(world, ADA, 1, ROOM_PRESENCE);
    assert_int_equal(answer->place_count, 1);
    assert_text(answer->places[0].user_id, "2");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lobby_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(presence_in_a_records_room_is_mirrored_for_all),
        TEST(presence_in_other_rooms_is_nobody_elses_business),
        TEST(who_begins_to_look_sees_who_was_at_which_record_before_him),
        TEST(who_is_at_a_record_is_not_told_to_those_who_may_not_read_it),
        TEST(only_so_many_places_are_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
