#include "lib/lobby.h"

int lobby_set_up(void **state)
{
    (void)hub_stage_set_up(state);
    lobby_join(ADA);
    return 0;
}

/* ---- what somebody does ------------------------------------------------------------------------------------------- */

struct answer *lobby_join(session_id session)
{
    return hub_double_join(world, session, user_of(session), "lobby");
}

void lobby_leave(session_id session, enum leave_reason reason)
{
    hub_double_leave(world, session, user_of(session), "lobby", reason);
}

struct answer *lobby_change(session_id session, struct presence_change presence)
{
    struct command *command = hub_double_command(world, COMMAND_PRESENCE, session, user_of(session), "lobby");

    command->presence = presence;
    return hub_double_ask(world, command);
}

void lobby_type(session_id session, const char *field, bool is_typing)
{
    struct command *command = hub_double_command(world, COMMAND_TYPING, session, user_of(session), "lobby");

    command->typing.field = span_from_str(field);
    command->typing.is_typing = is_typing;
    hub_double_ask(world, command);
}

struct answer *lobby_point(session_id session, const char *cursor, const char *row)
{
    struct command *command = hub_double_command(world, COMMAND_CURSOR, session, user_of(session), "lobby");

    command->cursor.data = span_from_str(cursor);
    command->cursor.has_editing_row = row != NULL;
    command->cursor.editing_row = span_from_str(row);
    return hub_double_ask(world, command);
}

void lobby_touch(session_id session)
{
    hub_double_ask(world, hub_double_command(world, COMMAND_TOUCH, session, user_of(session), "lobby"));
}

void lobby_tick(void)
{
    hub_double_advance(world, world->limits.tick_ms);
}

/* ---- how it looks ------------------------------------------------------------------------------------------------- */

const struct answer *lobby_look(void)
{
    return hub_double_ask(world, hub_double_command(world, COMMAND_LOOK, 99, 1, "lobby"));
}

const struct presence *lobby_maria(void)
{
    return hub_double_person(lobby_look(), "2");
}

void assert_quiet(void)
{
    assert_int_equal(hub_double_count(world, EVENT_USER_JOINED), 0);
    assert_int_equal(hub_double_count(world, EVENT_USER_LEFT), 0);
    assert_int_equal(hub_double_count(world, EVENT_PRESENCE), 0);
}
