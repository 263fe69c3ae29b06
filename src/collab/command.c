#include "collab/command.h"

#include "base/utf8.h"
#include "collab/event.h"

enum {
    TEXT_BYTES = 512, /* a cursor with its room's name fits */
    ROOM_NAME_BYTES_MAX = 200,
};

struct command *command_new(enum command_kind kind, session_id session, struct identity *identity, struct span room)
{
    struct command *command;
    struct arena arena;

    arena_init(&arena, sizeof(*command) + TEXT_BYTES);
    command = arena_alloc(&arena, sizeof(*command)); /* the first thing in its own arena: one piece of memory */
    command->arena = arena;
    command->kind = kind;
    command->session = session;
    command->identity = identity ? identity_ref(identity) : NULL;
    command->room = arena_copy(&command->arena, room);
    list_init(&command->node);
    return command;
}

/* The event of a mirror is the one thing in the union that does not live in the arena. */
void command_free(struct command *command)
{
    struct arena arena;

    if (command == NULL)
        return;
    list_remove(&command->node);
    if (command->kind == COMMAND_MIRROR)
        event_unref(command->mirror.event);
    identity_unref(command->identity);
    arena = command->arena;
    arena_deinit(&arena);
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

/* What most names are made of. Every message names its room: only the others are looked at character by character. */
static bool is_printable_ascii(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] < ' ' || name.data[i] > '~')
            return false;
    }
    return true;
}

bool room_name_is_valid(struct span name)
{
    uint32_t codepoint;

    if (name.len == 0 || name.len > ROOM_NAME_BYTES_MAX)
        return false;
    if (is_printable_ascii(name))
        return true;
    if (!utf8_is_valid(name))
        return false;
    while (utf8_next(&name, &codepoint)) {
        if (utf8_is_control(codepoint))
            return false;
    }
    return true;
}
