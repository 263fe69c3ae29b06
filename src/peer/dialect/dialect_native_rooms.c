/* Hearing the native dialect: rooms, and who is there and what he does. */
#include "base/limits.h"
#include "peer/dialect/dialect_native_hear.h"

static enum err joined_channel(struct native_hearing *hearing, struct span *room)
{
    enum err err = native_channel(hearing, room);
    if (err)
        return err;
    const struct membership *membership = session_membership(hearing->session, *room);
    if (membership && !membership->is_left)
        return OK;
    hearing->field = SPAN("channel");
    return ERR_NOT_MEMBER;
}

/* Whoever joins anything is online for the whole server, seen but not listening. */
static void announce(struct session *session)
{
    struct command *command;
    if (session_membership(session, SPAN(ROOM_PRESENCE)))
        return;
    if (session_command(session, COMMAND_JOIN, SPAN(ROOM_PRESENCE), 0, true, &command) != OK)
        return;
    command->join.is_present = true;
    session_send(session, command);
}

enum err native_hear_subscribe(struct native_hearing *hearing)
{
    struct span room;
    struct position since;
    bool has_since;
    struct command *command;
    enum err err = native_channel(hearing, &room);
    if (err || (err = position_read(hearing->payload, &has_since, &since, &hearing->field)))
        return err;
    struct presence_change presence;
    bool is_present;
    if ((err = presence_read(hearing->payload, &presence, &hearing->field)) ||
        (err = flag_read(hearing->payload, "present", "present", true, &is_present, &hearing->field)))
        return err;
    if (!span_equal(room, SPAN(ROOM_PRESENCE)))
        announce(hearing->session);
    if ((err = native_command(hearing, COMMAND_JOIN, room, NATIVE_SUBSCRIBE, &command))) {
        if (err == ERR_TOO_MANY)
            hearing->field = SPAN("channel");
        return err;
    }
    command->join.listens = true;
    command->join.is_present = is_present;
    command->join.has_since = has_since;
    if (has_since)
        command->join.since = since;
    presence_put(command, &presence);
    session_send(hearing->session, command);
    return OK;
}

enum err native_hear_unsubscribe(struct native_hearing *hearing)
{
    struct span room;
    struct command *command;
    enum err err = joined_channel(hearing, &room);
    if (err)
        return err;
    /* Nobody goes offline by no longer listening to who is online. */
    bool stays = span_equal(room, SPAN(ROOM_PRESENCE));
    if ((err = native_command(hearing, stays ? COMMAND_TOUCH : COMMAND_LEAVE, room, NATIVE_PLAIN, &command)))
        return err;
    if (stays)
        session_mute(hearing->session, room);
    else
        command->leave.reason = LEAVE_ASKED;
    session_send(hearing->session, command);
    return OK;
}

enum err native_hear_publish(struct native_hearing *hearing)
{
    struct span room, id;
    struct command *command;
    yyjson_val *root = hearing->message.root, *event = json_get(root, "event");
    enum err err = joined_channel(hearing, &room);
    bool is_volatile, includes_origin;
    if (err || (err = native_key(hearing, root, &id)) ||
        (err = flag_read(root, "volatile", "volatile", false, &is_volatile, &hearing->field)) ||
        (err = flag_read(root, "echo", "echo", false, &includes_origin, &hearing->field)))
        return err;
    if (event && (!yyjson_is_str(event) || json_text(event).len > LIMIT_ID_BYTES)) {
        hearing->field = SPAN("event");
        return ERR_BAD_FIELD;
    }
    if ((err = native_command(hearing, COMMAND_PUBLISH, room, NATIVE_PUBLISH, &command)))
        return err;
    struct arena *arena = &command->arena;
    command->publish.name = arena_copy(arena, json_text(event));
    command->publish.id = arena_copy(arena, id);
    command->publish.data =
        hearing->payload ? arena_copy(arena, json_slice(&hearing->message.json, hearing->payload)) : SPAN("null");
    command->publish.is_volatile = is_volatile;
    command->publish.includes_origin = includes_origin;
    session_send(hearing->session, command);
    return OK;
}

enum err native_hear_presence(struct native_hearing *hearing)
{
    struct span room = SPAN(ROOM_PRESENCE);
    struct presence_change presence;
    struct command *command;
    enum err err = presence_read(hearing->payload, &presence, &hearing->field);
    if (err || (json_get(hearing->message.root, "channel") && (err = native_channel(hearing, &room))))
        return err;
    announce(hearing->session);
    const struct membership *membership = session_membership(hearing->session, room);
    /* Saying that one is somewhere is being there, without hearing what happens there. */
    bool is_new = !membership || membership->is_left;
    if ((err = native_command(hearing, is_new ? COMMAND_JOIN : COMMAND_PRESENCE, room, NATIVE_PLAIN, &command)))
        return err;
    if (is_new)
        command->join.is_present = true;
    presence_put(command, &presence);
    session_send(hearing->session, command);
    return OK;
}

enum err native_hear_look(struct native_hearing *hearing)
{
    struct span room;
    struct command *command;
    enum err err = native_channel(hearing, &room);
    if (err || (err = native_command(hearing, COMMAND_LOOK, room, NATIVE_LOOK, &command)))
        return err;
    session_send(hearing->session, command);
    return OK;
}

enum err native_hear_typing(struct native_hearing *hearing)
{
    struct span room;
    struct command *command;
    enum err err = joined_channel(hearing, &room);
    if (err)
        return err;
    yyjson_val *field = json_get(hearing->payload, "field");
    hearing->field = SPAN("field");
    if (field && (!yyjson_is_str(field) || json_text(field).len > LIMIT_ID_BYTES))
        return ERR_BAD_FIELD;
    yyjson_val *typing = json_get(hearing->payload, "typing");
    if (!typing)
        typing = json_get2(hearing->payload, "isTyping", "is_typing");
    hearing->field = SPAN("typing");
    if (typing && !yyjson_is_bool(typing))
        return ERR_BAD_FIELD;
    hearing->field = SPAN_EMPTY;
    if ((err = native_command(hearing, COMMAND_TYPING, room, NATIVE_PLAIN, &command)))
        return err;
    command->typing.field = arena_copy(&command->arena, json_text(field));
    command->typing.is_typing = typing ? yyjson_get_bool(typing) : true;
    session_send(hearing->session, command);
    return OK;
}

enum err native_hear_cursor(struct native_hearing *hearing)
{
    struct span room;
    struct command *command;
    enum err err = joined_channel(hearing, &room);
    if (err)
        return err;
    hearing->field = SPAN("payload");
    if (!hearing->payload)
        return ERR_MISSING_FIELD;
    struct span data = json_slice(&hearing->message.json, hearing->payload);
    if (data.len > LIMIT_CURSOR_BYTES)
        return ERR_TOO_LARGE;
    yyjson_val *row = json_get2(hearing->payload, "editingRow", "editing_row");
    hearing->field = SPAN("editingRow");
    if (row && !yyjson_is_null(row) && (!yyjson_is_str(row) || json_text(row).len > LIMIT_ID_BYTES))
        return ERR_BAD_FIELD;
    hearing->field = SPAN_EMPTY;
    if ((err = native_command(hearing, COMMAND_CURSOR, room, NATIVE_PLAIN, &command)))
        return err;
    command->cursor.data = arena_copy(&command->arena, data);
    command->cursor.has_editing_row = row != NULL;
    command->cursor.editing_row = arena_copy(&command->arena, json_text(row));
    session_send(hearing->session, command);
    return OK;
}
