#include "lib/lobby.h"

static void typing_is_said_when_it_starts_and_stops(void **state)
{
    struct event *event;

    (void)state;
    lobby_join(MARIA);
    lobby_type(MARIA, "notes", true);
    event = next_event(EVENT_TYPING);
    assert_true(event->typing.is_typing);
    assert_text(event->typing.field, "notes");
    lobby_type(MARIA, "notes", true);
    assert_null(next_event(EVENT_TYPING)); /* still */
    lobby_type(MARIA, "notes", false);
    assert_false(next_event(EVENT_TYPING)->typing.is_typing);
    lobby_type(MARIA, "notes", false);
    assert_null(next_event(EVENT_TYPING));
}

static void typing_ends_by_itself_unless_it_is_renewed(void **state)
{
    (void)state;
    lobby_join(MARIA);
    lobby_type(MARIA, "notes", true);
    hub_double_advance(world, world->limits.typing_ms - 1);
    lobby_type(MARIA, "notes", true);
    hub_double_advance(world, world->limits.typing_ms - 1);
    assert_null(next_event(EVENT_TYPING));
    hub_double_advance(world, 1);
    assert_false(next_event(EVENT_TYPING)->typing.is_typing);
}

static void typing_ends_when_the_connection_breaks(void **state)
{
    (void)state;
    lobby_join(MARIA);
    lobby_type(MARIA, "notes", true);
    lobby_leave(MARIA, LEAVE_DISCONNECTED);
    assert_false(next_event(EVENT_TYPING)->typing.is_typing);
}

static void who_comes_later_hears_of_typing_when_it_is_renewed(void **state)
{
    (void)state;
    lobby_join(MARIA);
    lobby_type(MARIA, "notes", true);
    lobby_join(AMIR);
    lobby_type(MARIA, "notes", true);
    assert_true(next_event(EVENT_TYPING)->typing.is_typing);
    lobby_type(MARIA, "notes", true);
    assert_null(next_event(EVENT_TYPING));
}

static void two_fields_are_typed_in_separately(void **state)
{
    uint64_t notes, title;

    (void)state;
    lobby_join(MARIA);
    lobby_type(MARIA, "notes", true);
    notes = next_event(EVENT_TYPING)->conflate_key;
    lobby_type(MARIA, "title", true);
    title = next_event(EVENT_TYPING)->conflate_key;
    assert_true(notes != title);
    lobby_type(MARIA, "notes", false);
    assert_text(next_event(EVENT_TYPING)->typing.field, "notes");
    lobby_leave(MARIA, LEAVE_ASKED);
    assert_text(next_event(EVENT_TYPING)->typing.field, "title");
}

static void somebody_types_in_a_bounded_number_of_fields(void **state)
{
    struct command *command;
    char field[2] = "a";

    (void)state;
    lobby_join(MARIA);
    for (; field[0] < 'a' + 16; field[0]++)
        lobby_type(MARIA, field, true);
    command = hub_double_command(world, COMMAND_TYPING, MARIA, 2, "lobby");
    command->typing.field = SPAN("one more");
    command->typing.is_typing = true;
    assert_int_equal(hub_double_ask(world, command)->err, ERR_TOO_MANY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lobby_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(typing_is_said_when_it_starts_and_stops), TEST(typing_ends_by_itself_unless_it_is_renewed),
        TEST(typing_ends_when_the_connection_breaks),  TEST(who_comes_later_hears_of_typing_when_it_is_renewed),
        TEST(two_fields_are_typed_in_separately),      TEST(somebody_types_in_a_bounded_number_of_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
