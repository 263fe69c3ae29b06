#include "peer/dialect/dialect_relay.h"

#include "base/limits.h"
#include "peer/socketio/namespace.h"

/* What was asked: how its answer is acknowledged. */
enum asked { ASKED_NOTHING, ASKED_JOIN, ASKED_LEAVE, ASKED_SAY };

/* ---- rooms ---- */

static struct span room_name(struct arena *arena, const struct session *session, struct span room)
{
    return arena_printf(arena, "io:%.*s#%.*s", SPAN_ARG(sio_nsp(sio_session_socket(session))), SPAN_ARG(room));
}

/* The application's name of one of our rooms; empty: the whole namespace, or no room of a relay. */
static struct span own_name(const struct membership *membership)
{
    struct span name = span_of(membership->room, membership->room_len);
    return span_slice(name, span_find(name, '#') + 1, name.len);
}

static bool is_in(struct session *session, struct arena *arena, struct span room)
{
    const struct membership *membership =
        room.len && room.len <= LIMIT_ID_BYTES ? session_membership(session, room_name(arena, session, room)) : NULL;
    return membership && !membership->is_left;
}

static enum err join(struct session *session, struct span room, uint64_t tag)
{
    struct command *command;
    enum err err = session_command(session, COMMAND_JOIN, room, tag, true, &command);
    if (err)
        return err;
    command->join.listens = true;
    session_send(session, command);
    return OK;
}

void relay_opened(struct session *session)
{
    struct arena arena;
    arena_init(&arena, 256);
    if (join(session, room_name(&arena, session, SPAN_EMPTY), 0) != OK)
        session_end(session, ERR_OVERLOADED);
    arena_deinit(&arena);
}

/* ---- hearing ---- */

/* The room that an event is about: a string, or a member `room`. */
static enum err named_room(struct sio_hearing *hearing, struct span *room)
{
    yyjson_val *value = yyjson_is_obj(hearing->payload) ? json_get(hearing->payload, "room") : hearing->payload;
    hearing->field = SPAN("room");
    if (!value)
        return ERR_MISSING_FIELD;
    if (!yyjson_is_str(value))
        return ERR_BAD_FIELD;
    if (json_text(value).len == 0 || json_text(value).len > LIMIT_ID_BYTES)
        return ERR_BAD_NAME;
    *room = json_text(value);
    hearing->field = SPAN_EMPTY;
    return OK;
}

static enum err hear_join(struct sio_hearing *hearing)
{
    struct span room;
    enum err err = named_room(hearing, &room);
    if (err)
        return err;
    return join(hearing->session, room_name(hearing->arena, hearing->session, room), sio_tag(hearing, ASKED_JOIN));
}

static enum err hear_leave(struct sio_hearing *hearing)
{
    struct span room;
    struct command *command;
    enum err err = named_room(hearing, &room);
    if (err)
        return err;
    if (!is_in(hearing->session, hearing->arena, room)) {
        hearing->field = SPAN("room");
        return ERR_NOT_MEMBER;
    }
    err = sio_command(hearing, COMMAND_LEAVE, room_name(hearing->arena, hearing->session, room), ASKED_LEAVE, &command);
    if (err)
        return err;
    command->leave.reason = LEAVE_ASKED;
    session_send(hearing->session, command);
    return OK;
}

/* The arguments from the `from`-th item of the packet on, as they came. */
static struct span arguments(struct arena *arena, const struct sio_hearing *hearing, size_t from)
{
    struct buf text = BUF_EMPTY;
    yyjson_val *value;
    size_t i, count;
    buf_append_char(&text, '[');
    yyjson_arr_foreach(hearing->event->data, i, count, value)
    {
        if (i < from)
            continue;
        if (text.len > 1)
            buf_append_char(&text, ',');
        buf_append_span(&text, json_slice(hearing->event->json, value));
    }
    buf_append_char(&text, ']');
    struct span copy = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    return copy;
}

static enum err say_in(struct sio_hearing *hearing, const struct namespace *namespace, struct span room, size_t from,
                       bool is_acknowledged)
{
    struct command *command;
    enum err err = sio_command(hearing, COMMAND_PUBLISH, room, ASKED_SAY, &command);
    if (err)
        return err;
    struct arena *arena = &command->arena;
    if (!is_acknowledged)
        command->tag = 0;
    command->publish.name = arena_copy(arena, hearing->name);
    command->publish.data = arguments(arena, hearing, from);
    command->publish.is_volatile = namespace_is_volatile(namespace, hearing->name);
    command->publish.includes_origin = namespace->echoes;
    command->publish.binary_count = hearing->event->binary_count;
    if (hearing->event->binary_count)
        command->publish.binaries = arena_alloc(arena, hearing->event->binary_count * sizeof(struct span));
    for (unsigned i = 0; i < hearing->event->binary_count; i++)
        command->publish.binaries[i] = arena_copy(arena, hearing->event->binaries[i]);
    session_send(hearing->session, command);
    return OK;
}

/* The room a message names is where it goes: as first of several arguments, which is then left out, or as a member
 * `room` of the first. */
static bool target_of(struct sio_hearing *hearing, struct span *room, size_t *from)
{
    bool is_first = yyjson_is_str(hearing->payload) && yyjson_arr_size(hearing->event->data) > 2;
    *from = is_first ? 2 : 1;
    *room = is_first ? json_text(hearing->payload) : json_get_text(hearing->payload, "room");
    if (is_in(hearing->session, hearing->arena, *room))
        return true;
    *from = 1;
    return false;
}

/* In every room that was joined; in the whole namespace when there is none. */
static enum err say_everywhere(struct sio_hearing *hearing, const struct namespace *namespace)
{
    struct session *session = hearing->session;
    bool is_said = false;
    LIST_EACH (&session->memberships, node) {
        const struct membership *membership = LIST_OWNER(node, struct membership, in_session);
        if (membership->is_left || own_name(membership).len == 0)
            continue;
        enum err err = say_in(hearing, namespace, span_of(membership->room, membership->room_len), 1, !is_said);
        if (err)
            return err;
        is_said = true;
    }
    return is_said ? OK : say_in(hearing, namespace, room_name(hearing->arena, session, SPAN_EMPTY), 1, true);
}

enum err relay_hear(struct sio_hearing *hearing)
{
    struct session *session = hearing->session;
    const struct namespace *namespace = namespace_find(session->host->namespaces, sio_nsp(sio_session_socket(session)));
    struct span room;
    size_t from;
    if (!namespace || !namespace->is_relay) /* a reload took it away */
        return ERR_NOT_FOUND;
    if (namespace_joins(namespace, hearing->name))
        return hear_join(hearing);
    if (namespace_leaves(namespace, hearing->name))
        return hear_leave(hearing);
    if (target_of(hearing, &room, &from))
        return say_in(hearing, namespace, room_name(hearing->arena, session, room), from, true);
    return say_everywhere(hearing, namespace);
}

/* ---- a backend's hand ---- */

bool relay_is_in(struct session *session, struct span room)
{
    struct arena arena;
    arena_init(&arena, 256);
    bool is_there = is_in(session, &arena, room);
    arena_deinit(&arena);
    return is_there;
}

void relay_join(struct session *session, struct span room)
{
    struct arena arena;
    arena_init(&arena, 256);
    enum err err = join(session, room_name(&arena, session, room), 0);
    (void)err; /* too many rooms: it stays out */
    arena_deinit(&arena);
}

void relay_leave(struct session *session, struct span room)
{
    struct arena arena;
    struct command *command;
    arena_init(&arena, 256);
    if (is_in(session, &arena, room) &&
        session_command(session, COMMAND_LEAVE, room_name(&arena, session, room), 0, true, &command) == OK) {
        command->leave.reason = LEAVE_ASKED;
        session_send(session, command);
    }
    arena_deinit(&arena);
}

void relay_write_socket(struct buf *out, const struct session *session)
{
    buf_append_char(out, '{');
    json_member_string(out, "id", sio_sid(sio_session_socket(session)));
    json_member_id(out, "user_id", session->identity->user_id);
    json_member_string(out, "username", session->identity->username);
    json_append_key(out, "rooms");
    buf_append_char(out, '[');
    LIST_EACH (&session->memberships, node) {
        const struct membership *membership = LIST_OWNER(node, struct membership, in_session);
        struct span room = own_name(membership);
        if (membership->is_left || room.len == 0)
            continue;
        if (out->data[out->len - 1] != '[')
            buf_append_char(out, ',');
        json_append_string(out, room);
    }
    BUF_APPEND_LITERAL(out, "]}");
}

/* ---- saying ---- */

static bool say(const struct event *event, uint64_t mask, struct buf *out)
{
    (void)mask;
    if (event->kind != EVENT_MESSAGE)
        return false;
    struct span data = event->message.data;
    buf_append_char(out, '[');
    json_append_string(out, event->message.name);
    /* What came from elsewhere may be one value instead of a list of arguments. */
    if (span_starts_with(data, SPAN("[")))
        data = span_slice(data, 1, data.len - 2);
    if (data.len)
        buf_append_char(out, ',');
    buf_append_span(out, data);
    buf_append_char(out, ']');
    return true;
}

static void answer(struct session *session, const struct answer *answer)
{
    if (answer->err) {
        if (answer->tag)
            sio_session_fail(session, answer->tag, answer->err, answer->field, answer->message, 0);
        return;
    }
    if (answer->tag)
        sio_session_acknowledge(session, answer->tag, SPAN("{\"ok\":true}"));
}

const struct dialect dialect_relay = {
    .name = "relay",
    .say = say,
    .answer = answer,
};
