/* Hearing the inventory vocabulary: docs/protocol/socketio.md. Saying it is dialect_inventory_say.c. */
#include "peer/dialect/dialect_inventory.h"

#include "base/limits.h"
#include "collab/type/access.h"

enum asked { ASKED_UPDATE = VOCABULARY_OWN, ASKED_PRESENCE, ASKED_COUNT };

static struct span channel_of(const struct session *session)
{
    const struct type *type = type_find(session->host->registry, SPAN(INVENTORY_TYPE));
    return type ? type->channel : SPAN_EMPTY;
}

/* ---- rooms -------------------------------------------------------------------------------------------------------- */

/* Rooms where people meet: not those that the server joined for him. */
static bool is_meeting(const struct session *session, struct span room)
{
    struct span id;
    return !room_is_durable(session->host->registry, room) || type_of_room(session->host->registry, room, &id) != NULL;
}

/* The room that he joined last; when he is in none, where everybody is. */
static struct span usual_room(const struct session *session)
{
    for (const struct list *node = session->memberships.next; node != &session->memberships; node = node->next) {
        const struct membership *membership = LIST_OWNER(node, struct membership, in_session);
        struct span room = span_of(membership->room, membership->room_len);
        if (!membership->is_left && is_meeting(session, room))
            return room;
    }
    return SPAN(INVENTORY_ROOM);
}

/* {room} or {room_name}; or the name alone. */
static enum err room_of(struct sio_hearing *hearing, struct span fallback, struct span *room)
{
    enum err err;
    if (hearing->payload && yyjson_is_str(hearing->payload)) {
        *room = json_text(hearing->payload);
        hearing->payload = NULL;
    } else if ((err = vocabulary_object(hearing)) ||
               (err = vocabulary_text(hearing, "room", "room_name", false, room))) {
        return err;
    } else if (room->len == 0) {
        *room = arena_copy(hearing->arena, fallback);
    }
    hearing->field = SPAN("room");
    if (!room_name_is_valid(*room))
        return ERR_BAD_NAME;
    hearing->field = SPAN_EMPTY;
    *room = room_canonical(hearing->arena, hearing->session->host->registry, *room);
    return OK;
}

static enum err joined_room(struct sio_hearing *hearing, struct span *room)
{
    enum err err = room_of(hearing, usual_room(hearing->session), room);
    return err ? err : vocabulary_member(hearing, *room, "room");
}

static enum err hear_join(struct sio_hearing *hearing)
{
    struct span room;
    enum err err = room_of(hearing, SPAN(INVENTORY_ROOM), &room);
    return err ? err : vocabulary_enter(hearing, room, "room");
}

static enum err hear_leave(struct sio_hearing *hearing)
{
    struct span room;
    enum err err = room_of(hearing, usual_room(hearing->session), &room);
    return err ? err : vocabulary_leave(hearing, room, "room");
}

static enum err hear_cursor(struct sio_hearing *hearing)
{
    struct span room, row;
    struct command *command;
    struct buf data = BUF_EMPTY;
    enum err err = joined_room(hearing, &room);
    if (err || (err = vocabulary_text(hearing, "editing_row", "editingRow", false, &row)))
        return err;
    yyjson_val *position = json_get2(hearing->payload, "cursor_position", "cursorPosition");
    hearing->field = SPAN("cursor_position");
    if (position && !yyjson_is_obj(position) && !yyjson_is_null(position))
        return ERR_BAD_FIELD;
    if (position)
        json_append_value(&data, position);
    err = data.len > LIMIT_CURSOR_BYTES ? ERR_TOO_LARGE
                                        : sio_command(hearing, COMMAND_CURSOR, room, VOCABULARY_PLAIN, &command);
    if (err == OK) {
        command->is_quiet = !hearing->event->has_ack;
        command->cursor.data = arena_copy(&command->arena, buf_span(&data));
        command->cursor.has_editing_row = json_get2(hearing->payload, "editing_row", "editingRow") != NULL;
        command->cursor.editing_row = arena_copy(&command->arena, row);
        session_send(hearing->session, command);
    }
    buf_deinit(&data);
    return err;
}

static enum err hear_presence(struct sio_hearing *hearing)
{
    struct span room;
    struct command *command;
    enum err err = room_of(hearing, usual_room(hearing->session), &room);
    if (err || (err = sio_command(hearing, COMMAND_LOOK, room, ASKED_PRESENCE, &command)))
        return err;
    session_send(hearing->session, command);
    return OK;
}

/* ---- changes ------------------------------------------------------------------------------------------------------ */

/* What he said beside the change goes with it: how he calls it, and where nothing is stored, what was there. */
static struct span print_details(struct sio_hearing *hearing, const struct type *type, struct span update_type)
{
    yyjson_val *old_value = json_get2(hearing->payload, "old_value", "oldValue");
    struct buf text = BUF_EMPTY;
    buf_append_char(&text, '{');
    if (update_type.len)
        json_member_string(&text, "update_type", update_type);
    if (old_value && (!type || !type_is_stored(type))) {
        json_append_key(&text, "old_value");
        json_append_value(&text, old_value);
    }
    buf_append_char(&text, '}');
    struct span copy = text.len > 2 ? arena_copy(hearing->arena, buf_span(&text)) : SPAN_EMPTY;
    buf_deinit(&text);
    return copy;
}

/* The configuration took the type away: there are no records, and the word goes round in the room alone. */
static enum err announce(struct sio_hearing *hearing)
{
    struct span room, key;
    struct command *command;
    struct buf data = BUF_EMPTY;
    enum err err = joined_room(hearing, &room);
    if (err || (err = vocabulary_text(hearing, "id", "id", false, &key)) ||
        (err = sio_command(hearing, COMMAND_PUBLISH, room, VOCABULARY_PLAIN, &command)))
        return err;
    json_append_value(&data, hearing->payload);
    command->publish.name = SPAN("inventory_changed");
    command->publish.id = arena_copy(&command->arena, key);
    command->publish.data = arena_copy(&command->arena, buf_span(&data));
    buf_deinit(&data);
    session_send(hearing->session, command);
    return OK;
}

static enum err hear_update(struct sio_hearing *hearing)
{
    const struct type *type = type_find(hearing->session->host->registry, SPAN(INVENTORY_TYPE));
    struct vocabulary_change change = {.type = type};
    struct span update_type;
    enum err err = vocabulary_object(hearing);
    if (err || (err = vocabulary_record_room(hearing, INVENTORY_TYPE, "sku", "item_id", &change.id, &change.room)) ||
        (err = vocabulary_text(hearing, "field", "field", true, &change.field)) ||
        (err = vocabulary_text(hearing, "update_type", "updateType", false, &update_type)))
        return err;
    if ((err = vocabulary_value(hearing, "new_value", "newValue", &change.value)))
        return err;
    if (!type)
        return announce(hearing);
    change.metadata = print_details(hearing, type, update_type);
    return vocabulary_change(hearing, &change, ASKED_UPDATE);
}

static const struct sio_verb verbs[] = {
    {"update_cursor", hear_cursor, true, false},        {"inventory_update", hear_update, false, true},
    {"request_presence", hear_presence, false, false},  {"join_inventory_room", hear_join, false, false},
    {"leave_inventory_room", hear_leave, false, false}, {NULL, NULL, false, false},
};

/* ---- answers ------------------------------------------------------------------------------------------------------ */

/* The event, and the same as an acknowledgement if one was asked for. */
static void answer_room(struct session *session, const struct answer *answer, const char *name, bool is_join)
{
    struct inventory_asker asker = {session->identity->user_id, session->identity->username,
                                    sio_sid(sio_session_socket(session))};
    struct buf room = BUF_EMPTY;
    buf_append_char(&room, '{');
    inventory_write_room(&room, answer, &asker, is_join);
    buf_append_char(&room, '}');
    sio_session_emit(session, name, buf_span(&room));
    (void)vocabulary_acknowledge(session, answer, span_slice(buf_span(&room), 1, room.len - 2));
    buf_deinit(&room);
}

static void answer_join(struct session *session, const struct answer *answer)
{
    answer_room(session, answer, "room_joined", true);
}

static void answer_presence(struct session *session, const struct answer *answer)
{
    answer_room(session, answer, "presence_update", false);
}

static void answer_update(struct session *session, const struct answer *answer)
{
    struct buf ack = BUF_EMPTY;
    buf_append_char(&ack, '{');
    json_member_string(&ack, "sku", answer->entity_id);
    json_member_u64(&ack, "version", answer->version);
    (void)vocabulary_acknowledge(session, answer, span_slice(buf_span(&ack), 1, ack.len));
    buf_deinit(&ack);
}

static void answer(struct session *session, const struct answer *answer)
{
    static void (*const ways[ASKED_COUNT])(struct session *, const struct answer *) = {
        [VOCABULARY_JOIN] = answer_join,
        [ASKED_UPDATE] = answer_update,
        [ASKED_PRESENCE] = answer_presence,
    };
    vocabulary_answer(session, answer, ways);
}

/* Changes are heard wherever he is. */
static void opened(struct session *session)
{
    if (channel_of(session).len)
        vocabulary_join(session, channel_of(session), true, false);
}

static void returned(struct session *session, struct span room)
{
    vocabulary_look(session, room, ASKED_PRESENCE);
}

static const struct dialect dialect_inventory = {
    .name = "inventory",
    .say = inventory_say,
    .answer = answer,
    .opened = opened,
    .closed = vocabulary_close,
};

const struct sio_vocabulary vocabulary_inventory = {
    .name = "inventory",
    .verbs = verbs,
    .dialect = &dialect_inventory,
    .limits_changes = false,
    .returned = returned,
};
