/* Commands that concern a room. Most are done at once. One that has to wait for the store (where does the room stand, what is
 * the record, what was missed) waits in the room's queue, and so does every later one of the same session: a session's commands
 * are done in the order in which they came, so a leave never overtakes its join. Others pass by. */
#include "collab/room/presence.h"
#include "collab/room/typing.h"

#include <assert.h>

static struct command *command_at(struct list *node)
{
    return LIST_OWNER(node, struct command, node);
}

static bool has_waiting(const struct room *room, session_id session, const struct list *before)
{
    for (struct list *node = room->waiting.next; node != before; node = node->next) {
        if (command_at(node)->session == session)
            return true;
    }
    return false;
}

/* ---- doing one ---------------------------------------------------------------------------------------------------- */

static enum err run_presence(struct member *member, struct command *command, struct span *field)
{
    switch (command->kind) {
    case COMMAND_PRESENCE: return presence_change(member, &command->presence, field);
    case COMMAND_TYPING:
        *field = SPAN("field");
        presence_touch(member);
        return member->person ? typing_set(member, command->typing.field, command->typing.is_typing) : ERR_NOT_MEMBER;
    case COMMAND_CURSOR:
        return presence_cursor(member, command->cursor.data,
                               command->cursor.has_editing_row ? &command->cursor.editing_row : NULL, field);
    default:
        assert(command->kind == COMMAND_TOUCH);
        presence_touch(member);
        return OK;
    }
}

static void answer_plainly(struct room *room, const struct command *command)
{
    struct answer *answer;

    if (!command_wants(command, OK))
        return;
    answer = answer_new(command, OK);
    answer->position = room_position(room);
    hub_answer(room->hub, command, answer);
}

static void do_presence(struct room *room, struct command *command)
{
    struct member *member = room_member(room, command->session);
    struct span field = SPAN_EMPTY;
    enum err err = member ? run_presence(member, command, &field) : ERR_NOT_MEMBER;

    if (err == OK)
        answer_plainly(room, command);
    else
        hub_refuse(room->hub, command, err, err == ERR_NOT_MEMBER ? SPAN_EMPTY : field);
    command_free(command);
}

/* Done, and the command is gone (true), or it has to wait for the store (false). */
static bool run(struct room *room, struct command *command)
{
    switch (command->kind) {
    case COMMAND_JOIN: return room_join(room, command);
    case COMMAND_LOOK: return room_look(room, command);
    case COMMAND_LEAVE: room_leave(room, command); return true;
    case COMMAND_PUBLISH: room_publish(room, command); return true;
    default: do_presence(room, command); return true;
    }
}

/* ---- waiting ------------------------------------------------------------------------------------------------------ */

/* A leave is never turned away: it is all that keeps its join, which may be waiting, from staying for ever. */
static void park(struct room *room, struct command *command)
{
    if (room->waiting_count >= room->hub->limits.room_waiting_max && command->kind != COMMAND_LEAVE) {
        hub_refuse(room->hub, command, ERR_OVERLOADED, SPAN_EMPTY);
        command_free(command);
        return;
    }
    list_push_tail(&room->waiting, &command->node);
    room->waiting_count++;
}

/* A record that cannot be loaded is asked for by these only. */
static bool needs_record(const struct command *command)
{
    return command->kind == COMMAND_JOIN || (command->kind == COMMAND_LOOK && command->look.wants_record);
}

static void refuse_command(struct room *room, struct command *command, enum err err)
{
    hub_refuse(room->hub, command, err, SPAN_EMPTY);
    command_free(command);
}

void room_wake(struct room *room, enum err err)
{
    struct list *node = room->waiting.next;

    room_hold(room);
    while (node != &room->waiting) {
        struct command *command = command_at(node);
        struct list *next = node->next;

        if (has_waiting(room, command->session, node)) {
            node = next;
            continue;
        }
        list_remove(node);
        room->waiting_count--;
        if (err != OK && needs_record(command)) {
            refuse_command(room, command, err);
        } else if (!run(room, command)) {
            list_push_tail(next, &command->node); /* back to its place */
            room->waiting_count++;
        }
        node = next;
    }
    room_settle(room);
}

/* ---- the door ----------------------------------------------------------------------------------------------------- */

/* The room of a command, if there is one to be had: only a join makes a room, and a look at one that is stored or a word of the
 * server's in it. */
static enum err find(struct hub *hub, const struct command *command, struct room **room)
{
    const bool is_look =
        command->kind == COMMAND_LOOK || (command->kind == COMMAND_PUBLISH && command->publish.as_server);
    enum err err;

    *room = room_find(hub, command->room);
    if (command->kind != COMMAND_JOIN && !is_look)
        return *room ? OK : ERR_NOT_MEMBER;
    if ((err = hub_may_read(hub, command->identity, command->room)) != OK || *room)
        return err;
    if (!room_name_is_valid(command->room))
        return ERR_BAD_NAME;
    if (is_look && !room_is_durable(hub->registry, command->room))
        return OK;
    return room_new(hub, command->room, room);
}

void room_command(struct hub *hub, struct command *command)
{
    struct room *room;
    enum err err = find(hub, command, &room);

    if (err != OK || room == NULL) {
        if (err == OK)
            hub_answer(hub, command, answer_new(command, OK)); /* nobody is there, nothing was said */
        else
            hub_refuse(hub, command, err, SPAN_EMPTY);
        command_free(command);
        return;
    }
    room_hold(room);
    if (!room->is_open || has_waiting(room, command->session, &room->waiting) || !run(room, command))
        park(room, command);
    room_settle(room);
}
