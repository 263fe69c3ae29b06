#include "collab/command.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "collab/event.h"

#include <stdlib.h>

enum {
    ARENA_BLOCK_BYTES = 512, /* a cursor with its room's name fits into one */
    ROOM_NAME_BYTES_MAX = 200,
};

struct command *command_new(enum command_kind kind, session_id session, struct identity *identity, struct span room)
{
    struct command *command = NEW(struct command);

    command->kind = kind;
    command->session = session;
    command->identity = identity ? identity_ref(identity) : NULL;
    arena_init(&command->arena, ARENA_BLOCK_BYTES);
    command->room = arena_copy(&command->arena, room);
    list_init(&command->node);
    return command;
}

/* The event of a mirror is the one thing in the union that does not live in the arena. */
void command_free(struct command *command)
{
    if (command == NULL)
        return;
    list_remove(&command->node);
    if (command->kind == COMMAND_MIRROR)
        event_unref(command->mirror.event);
    identity_unref(command->identity);
    arena_deinit(&command->arena);
    free(command);
}

static bool is_hex_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool color_is_valid(struct span color)
{
    if (color.len != 7 || color.data[0] != '#')
        return false;
    for (size_t i = 1; i < color.len; i++) {
        if (!is_hex_digit(color.data[i]))
            return false;
    }
    return true;
}

bool room_name_is_valid(struct span name)
{
    uint32_t codepoint;

    if (name.len == 0 || name.len > ROOM_NAME_BYTES_MAX || !utf8_is_valid(name))
        return false;
    while (utf8_next(&name, &codepoint)) {
        if (utf8_is_control(codepoint))
            return false;
    }
    return true;
}
