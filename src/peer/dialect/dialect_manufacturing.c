/* Hearing the manufacturing dialect: docs/protocol/manufacturing.md. Saying it is dialect_manufacturing_say.c. */
#include "peer/dialect/dialect_manufacturing.h"

#include "base/limits.h"
#include "base/log.h"

#include <stdlib.h>

/* The tag of the server's own joins at the start; no waiting message has it. */
#define TAG_RECORDS UINT64_MAX

struct hearing {
    struct session *session;
    struct message message;
    yyjson_val *root;
    struct arena *arena;
    struct span field;
    uint64_t retry_ms;
};

struct verb_row {
    struct span type;
    enum err (*hear)(struct hearing *hearing);
    bool is_conflated, before_login;
};

static void say(struct session *session, struct buf *text)
{
    session_say(session, buf_span(text), true);
    buf_deinit(text);
}

static void say_error(struct session *session, struct span message_id, enum err err, struct span field,
                      struct span message, uint64_t retry_ms)
{
    struct buf text = BUF_EMPTY;
    manufacturing_write_error(&text, message_id, err, field, message, retry_ms);
    say(session, &text);
    session_count_error(session, err);
}

static enum err command_for(struct hearing *hearing, enum command_kind kind, struct span room, struct command **out)
{
    uint64_t tag = 0;
    enum err err = session_command(hearing->session, kind, room, 0, true, out);
    if (err)
        return err;
    if (hearing->message.has_id && (err = dialogue_wait(hearing->session, 0, hearing->message.id, &tag))) {
        command_free(*out);
        return err;
    }
    (*out)->tag = tag;
    (*out)->is_quiet = !hearing->message.has_id && kind != COMMAND_JOIN;
    return OK;
}

static enum err text_member(struct hearing *hearing, const char *name, const char *other, struct span *out)
{
    yyjson_val *value = json_get2(hearing->root, name, other);
    hearing->field = span_from_str(name);
    if (!value)
        return ERR_MISSING_FIELD;
    if (!yyjson_is_str(value) || json_text(value).len == 0)
        return ERR_BAD_FIELD;
    *out = json_text(value);
    hearing->field = SPAN_EMPTY;
    return OK;
}

/* "room", or a record by resource_type and resource_id. */
static enum err room_of(struct hearing *hearing, struct span *room)
{
    struct span type_name, id;
    const struct type_registry *registry = hearing->session->host->registry;
    enum err err;
    if (json_get(hearing->root, "room")) {
        if ((err = text_member(hearing, "room", "room", room)))
            return err;
        *room = room_canonical(hearing->arena, registry, *room);
        hearing->field = SPAN("room");
        return room_name_is_valid(*room) ? OK : ERR_BAD_NAME;
    }
    if ((err = text_member(hearing, "resource_type", "resourceType", &type_name)) ||
        (err = text_member(hearing, "resource_id", "resourceId", &id)))
        return err;
    const struct type *type = type_find(registry, type_name);
    hearing->field = SPAN("resource_type");
    if (!type)
        return ERR_NOT_FOUND;
    hearing->field = SPAN("resource_id");
    if (!record_id_is_valid(id))
        return ERR_BAD_NAME;
    hearing->field = SPAN_EMPTY;
    *room = arena_printf(hearing->arena, "%.*s:%.*s", SPAN_ARG(type->name), SPAN_ARG(id));
    return OK;
}

static bool is_member(const struct hearing *hearing, struct span room)
{
    const struct membership *membership = session_membership(hearing->session, room);
    return membership && !membership->is_left;
}

static enum err hear_presence(struct hearing *hearing)
{
    struct span room, action;
    struct command *command;
    struct presence_change presence;
    enum err err = room_of(hearing, &room);
    if (err || (err = text_member(hearing, "action", "action", &action)))
        return err;
    if (span_equal(action, SPAN("left"))) {
        if (!is_member(hearing, room)) {
            hearing->field = SPAN("resource_id");
            return ERR_NOT_MEMBER;
        }
        if ((err = command_for(hearing, COMMAND_LEAVE, room, &command)))
            return err;
        command->leave.reason = LEAVE_ASKED;
    } else {
        if ((err = presence_read(hearing->root, &presence, &hearing->field)))
            return err;
        bool is_new = !is_member(hearing, room);
        if ((err = command_for(hearing, is_new ? COMMAND_JOIN : COMMAND_PRESENCE, room, &command)))
            return err;
        if (is_new)
            command->join.is_present = true;
        presence_put(command, &presence);
    }
    session_send(hearing->session, command);
    return OK;
}

static enum err hear_subscribe(struct hearing *hearing)
{
    struct span room;
    bool has_since;
    struct position since;
    struct command *command;
    bool is_present;
    enum err err = room_of(hearing, &room);
    if (err || (err = position_read(hearing->root, &has_since, &since, &hearing->field)) ||
        (err = flag_read(hearing->root, "present", "present", true, &is_present, &hearing->field)) ||
        (err = command_for(hearing, COMMAND_JOIN, room, &command)))
        return err;
    command->join.listens = true;
    command->join.is_present = is_present;
    command->join.has_since = has_since;
    if (has_since)
        command->join.since = since;
    session_send(hearing->session, command);
    return OK;
}

static enum err joined_room(struct hearing *hearing, struct span *room)
{
    enum err err = room_of(hearing, room);
    if (err)
        return err;
    hearing->field = SPAN("room");
    if (!is_member(hearing, *room))
        return ERR_NOT_MEMBER;
    hearing->field = SPAN_EMPTY;
    return OK;
}

static enum err hear_unsubscribe(struct hearing *hearing)
{
    struct span room;
    struct command *command;
    enum err err = joined_room(hearing, &room);
    if (err || (err = command_for(hearing, COMMAND_LEAVE, room, &command)))
        return err;
    command->leave.reason = LEAVE_ASKED;
    session_send(hearing->session, command);
    return OK;
}

static enum err hear_publish(struct hearing *hearing)
{
    struct span room, event = SPAN_EMPTY, id = SPAN_EMPTY;
    struct command *command;
    enum err err = joined_room(hearing, &room);
    if (err || (json_get(hearing->root, "event") && (err = text_member(hearing, "event", "event", &event))) ||
        (json_get(hearing->root, "id") && (err = text_member(hearing, "id", "id", &id))))
        return err;
    if (event.len > LIMIT_ID_BYTES || id.len > LIMIT_ID_BYTES) {
        hearing->field = event.len > LIMIT_ID_BYTES ? SPAN("event") : SPAN("id");
        return ERR_BAD_FIELD;
    }
    yyjson_val *data = json_get2(hearing->root, "data", "payload");
    if ((err = command_for(hearing, COMMAND_PUBLISH, room, &command)))
        return err;
    command->publish.name = arena_copy(&command->arena, event);
    command->publish.id = arena_copy(&command->arena, id);
    command->publish.data = data ? arena_copy(&command->arena, json_slice(&hearing->message.json, data)) : SPAN("null");
    session_send(hearing->session, command);
    return OK;
}

static enum err hear_typing(struct hearing *hearing)
{
    struct span room, field = SPAN_EMPTY;
    struct command *command;
    yyjson_val *typing = json_get2(hearing->root, "typing", "isTyping");
    enum err err = joined_room(hearing, &room);
    if (err || (json_get(hearing->root, "field") && (err = text_member(hearing, "field", "field", &field))))
        return err;
    hearing->field = SPAN("field");
    if (field.len > LIMIT_ID_BYTES)
        return ERR_BAD_FIELD;
    hearing->field = SPAN("typing");
    if (typing && !yyjson_is_bool(typing))
        return ERR_BAD_FIELD;
    hearing->field = SPAN_EMPTY;
    if ((err = command_for(hearing, COMMAND_TYPING, room, &command)))
        return err;
    command->typing.field = arena_copy(&command->arena, field);
    command->typing.is_typing = typing ? yyjson_get_bool(typing) : true;
    session_send(hearing->session, command);
    return OK;
}

static enum err hear_cursor(struct hearing *hearing)
{
    struct span room;
    struct command *command;
    yyjson_val *data = json_get2(hearing->root, "data", "payload");
    enum err err = joined_room(hearing, &room);
    if (err)
        return err;
    hearing->field = SPAN("data");
    if (!data)
        return ERR_MISSING_FIELD;
    if (!yyjson_is_obj(data))
        return ERR_BAD_FIELD;
    struct span text = json_slice(&hearing->message.json, data);
    if (text.len > LIMIT_CURSOR_BYTES)
        return ERR_TOO_LARGE;
    hearing->field = SPAN_EMPTY;
    if ((err = command_for(hearing, COMMAND_CURSOR, room, &command)))
        return err;
    command->cursor.data = arena_copy(&command->arena, text);
    session_send(hearing->session, command);
    return OK;
}

/* ---- who it is ---- */

static void on_login(struct session *session, struct span message_id, enum err err)
{
    if (err) {
        say_error(session, message_id, err, SPAN("token"), SPAN_EMPTY, 0);
    } else if (message_id.len) {
        struct buf text = BUF_EMPTY;
        manufacturing_write_ack(&text, message_id, NULL);
        say(session, &text);
    }
}

static enum err hear_auth(struct hearing *hearing)
{
    yyjson_val *payload = json_get(hearing->root, "payload");
    hearing->field = SPAN("token");
    return dialogue_login(hearing->session, json_get(payload ? payload : hearing->root, "token"), hearing->message.id,
                          on_login);
}

static enum err hear_ping(struct hearing *hearing)
{
    struct buf text = BUF_EMPTY;
    BUF_APPEND_LITERAL(&text, "{\"type\":\"pong\"");
    if (hearing->message.has_id)
        json_member_string(&text, "reply_to", hearing->message.id);
    buf_append_char(&text, '}');
    say(hearing->session, &text);
    return OK;
}

static enum err hear_pong(struct hearing *hearing)
{
    (void)hearing;
    return OK;
}

static const struct verb_row verbs[] = {
    {SPAN_INIT("presence"), hear_presence, true, false},
    {SPAN_INIT("cursor"), hear_cursor, true, false},
    {SPAN_INIT("typing"), hear_typing, true, false},
    {SPAN_INIT("subscribe"), hear_subscribe, false, false},
    {SPAN_INIT("unsubscribe"), hear_unsubscribe, false, false},
    {SPAN_INIT("publish"), hear_publish, false, false},
    {SPAN_INIT("auth"), hear_auth, false, true},
    {SPAN_INIT("ping"), hear_ping, false, true},
    {SPAN_INIT("pong"), hear_pong, false, true},
};

static const struct verb_row *verb_of(struct span type)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (span_equal(type, verbs[i].type))
            return &verbs[i];
    return NULL;
}

static enum err hear_message(struct hearing *hearing, bool is_text, struct span payload)
{
    struct session *session = hearing->session;
    enum err err = message_read(&hearing->message, is_text, payload, &hearing->field);
    const struct verb_row *verb = err ? NULL : verb_of(hearing->message.type);
    enum err rate = session_take_message(session, 1, payload.len, verb && verb->is_conflated, &hearing->retry_ms);
    if (rate || err)
        return rate ? rate : err;
    log_debug("message.heard", "session=%llu type=" LOG_QUOTED " bytes=%zu", (unsigned long long)session->id,
              LOG_TEXT(hearing->message.type), payload.len);
    hearing->root = hearing->message.root;
    hearing->field = SPAN("type");
    if (!verb)
        return ERR_UNKNOWN_TYPE;
    hearing->field = SPAN_EMPTY;
    if (!session->identity && !verb->before_login)
        return ERR_NOT_AUTHENTICATED;
    return verb->hear(hearing);
}

static void hear(struct session *session, bool is_text, struct span payload)
{
    struct hearing hearing = {.session = session, .arena = &hearing.message.arena};
    enum err err = hear_message(&hearing, is_text, payload);
    if (err == ERR_UNSUPPORTED)
        session_end(session, err);
    else if (err)
        say_error(session, hearing.message.id, err, hearing.field, SPAN_EMPTY, hearing.retry_ms);
    message_deinit(&hearing.message);
}

/* ---- the life of a session ---- */

/* Everybody hears every change he may read, and who comes and goes, from connecting on. */
static void opened(struct session *session)
{
    struct command *command;
    if (session_command(session, COMMAND_JOIN, SPAN(ROOM_RECORDS), TAG_RECORDS, true, &command) == OK) {
        command->join.listens = true;
        command->join.has_since = session->resume != NULL;
        if (session->resume)
            command->join.since = *session->resume;
        session_send(session, command);
    }
    if (session_command(session, COMMAND_JOIN, SPAN(ROOM_PRESENCE), 0, true, &command) == OK) {
        command->join.listens = true;
        command->join.is_present = true;
        session_send(session, command);
    }
}

static void answer(struct session *session, const struct answer *answer)
{
    struct buf text = BUF_EMPTY;
    if (answer->tag == TAG_RECORDS && !answer->err) {
        manufacturing_write_connected(&text, session->identity, answer);
        session_say(session, buf_span(&text), true);
        buf_deinit(&text);
        return;
    }
    struct waiting *waiting = dialogue_take(session, answer->tag);
    struct span message_id = waiting ? waiting_id(waiting) : SPAN_EMPTY;
    if (answer->err) {
        say_error(session, message_id, answer->err, answer->field, answer->message, 0);
    } else if (waiting) {
        manufacturing_write_ack(&text, message_id, answer);
        session_say(session, buf_span(&text), answer->kind != COMMAND_JOIN);
        buf_deinit(&text);
    }
    waiting_free(waiting);
}

const struct dialect dialect_manufacturing = {
    .name = "manufacturing",
    .hear = hear,
    .say = manufacturing_say,
    .answer = answer,
    .opened = opened,
    .closed = dialogue_close,
};
