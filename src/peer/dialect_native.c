/* Hearing the native dialect: docs/protocol/native.md. Saying it is dialect_native_say.c. */
#include "peer/dialect_native.h"

#include "base/log.h"
#include "collab/access.h"

#include <stdlib.h>
#include <string.h>

#define ID_BYTES_MAX 128
#define CURSOR_BYTES_MAX 1024

/* One message on its way through the handlers below. */
struct hearing {
    struct session *session;
    struct message message;
    yyjson_val *payload; /* NULL: none */
    struct arena *arena; /* the message's */
    struct span field;   /* what was wrong */
    uint64_t retry_ms;
};

struct verb_row {
    struct span type;
    enum err (*hear)(struct hearing *hearing);
    bool is_conflated; /* never refused by a rate */
    bool before_login;
    bool wants_object; /* a payload that is there must be an object */
};

/* ---- saying things at once ---- */

static void say(struct session *session, struct buf *text)
{
    session_say(session, buf_span(text), true);
    buf_deinit(text);
}

static void say_error(struct session *session, struct span message_id, enum err err, struct span field,
                      struct span message, uint64_t current_version)
{
    struct buf text = BUF_EMPTY;
    native_write_error(&text, message_id, err, field, message, current_version);
    say(session, &text);
    session_count_error(session, err);
}

/* ---- commands ---- */

static enum err command_for(struct hearing *hearing, enum command_kind kind, struct span room, enum native_ask ask,
                            struct command **out)
{
    struct session *session = hearing->session;
    uint64_t tag = 0;
    enum err err = session_command(session, kind, room, 0, true, out);
    if (err)
        return err;
    if (hearing->message.has_id && (err = dialogue_wait(session, ask, hearing->message.id, &tag))) {
        command_free(*out);
        return err;
    }
    (*out)->tag = tag;
    (*out)->is_quiet = !hearing->message.has_id && kind != COMMAND_JOIN;
    return OK;
}

/* The room a message is about, under its canonical name. */
static enum err channel_of(struct hearing *hearing, struct span *room)
{
    hearing->field = SPAN("channel");
    yyjson_val *channel = json_get(hearing->message.root, "channel");
    if (!channel)
        return ERR_MISSING_FIELD;
    if (!yyjson_is_str(channel))
        return ERR_BAD_FIELD;
    *room = json_text(channel);
    if (!room_name_is_valid(*room))
        return ERR_BAD_NAME;
    *room = room_canonical(hearing->arena, hearing->session->host->registry, *room);
    hearing->field = SPAN_EMPTY;
    return OK;
}

static enum err joined_channel(struct hearing *hearing, struct span *room)
{
    enum err err = channel_of(hearing, room);
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

static enum err hear_subscribe(struct hearing *hearing)
{
    struct span room;
    struct position since;
    bool has_since;
    struct command *command;
    enum err err = channel_of(hearing, &room);
    if (err || (err = position_read(hearing->payload, &has_since, &since, &hearing->field)))
        return err;
    struct presence_change presence;
    bool is_present;
    if ((err = presence_read(hearing->payload, &presence, &hearing->field)) ||
        (err = flag_read(hearing->payload, "present", "present", true, &is_present, &hearing->field)))
        return err;
    if (!span_equal(room, SPAN(ROOM_PRESENCE)))
        announce(hearing->session);
    if ((err = command_for(hearing, COMMAND_JOIN, room, NATIVE_SUBSCRIBE, &command))) {
        if (err == ERR_TOO_MANY)
            hearing->field = SPAN("channel");
        return err;
    }
    command->join.listens = true;
    command->join.is_present = is_present;
    command->join.has_since = has_since;
    if (has_since)
        command->join.since = since;
    command->join.presence = presence;
    presence_change_copy(&command->arena, &command->join.presence);
    session_send(hearing->session, command);
    return OK;
}

static enum err hear_unsubscribe(struct hearing *hearing)
{
    struct span room;
    struct command *command;
    enum err err = joined_channel(hearing, &room);
    if (err)
        return err;
    /* Nobody goes offline by no longer listening to who is online. */
    bool stays = span_equal(room, SPAN(ROOM_PRESENCE));
    if ((err = command_for(hearing, stays ? COMMAND_TOUCH : COMMAND_LEAVE, room, NATIVE_PLAIN, &command)))
        return err;
    if (stays)
        session_mute(hearing->session, room);
    else
        command->leave.reason = LEAVE_ASKED;
    session_send(hearing->session, command);
    return OK;
}

static enum err read_key(struct hearing *hearing, yyjson_val *object, struct span *out)
{
    yyjson_val *id = json_get(object, "id");
    *out = SPAN_EMPTY;
    if (!id)
        return OK;
    hearing->field = SPAN("id");
    if (!yyjson_is_str(id) || json_text(id).len == 0 || json_text(id).len > ID_BYTES_MAX)
        return ERR_BAD_FIELD;
    *out = json_text(id);
    hearing->field = SPAN_EMPTY;
    return OK;
}

static enum err hear_publish(struct hearing *hearing)
{
    struct span room, id;
    struct command *command;
    yyjson_val *root = hearing->message.root, *event = json_get(root, "event");
    enum err err = joined_channel(hearing, &room);
    bool is_volatile, includes_origin;
    if (err || (err = read_key(hearing, root, &id)) ||
        (err = flag_read(root, "volatile", "volatile", false, &is_volatile, &hearing->field)) ||
        (err = flag_read(root, "echo", "echo", false, &includes_origin, &hearing->field)))
        return err;
    if (event && (!yyjson_is_str(event) || json_text(event).len > ID_BYTES_MAX)) {
        hearing->field = SPAN("event");
        return ERR_BAD_FIELD;
    }
    if ((err = command_for(hearing, COMMAND_PUBLISH, room, NATIVE_PUBLISH, &command)))
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

static enum err hear_presence(struct hearing *hearing)
{
    struct span room = SPAN(ROOM_PRESENCE);
    struct presence_change presence;
    struct command *command;
    enum err err = presence_read(hearing->payload, &presence, &hearing->field);
    if (err || (json_get(hearing->message.root, "channel") && (err = channel_of(hearing, &room))))
        return err;
    announce(hearing->session);
    const struct membership *membership = session_membership(hearing->session, room);
    /* Saying that one is somewhere is being there, without hearing what happens there. */
    bool is_new = !membership || membership->is_left;
    if ((err = command_for(hearing, is_new ? COMMAND_JOIN : COMMAND_PRESENCE, room, NATIVE_PLAIN, &command)))
        return err;
    struct presence_change *change = is_new ? &command->join.presence : &command->presence;
    if (is_new)
        command->join.is_present = true;
    *change = presence;
    presence_change_copy(&command->arena, change);
    session_send(hearing->session, command);
    return OK;
}

static enum err hear_look(struct hearing *hearing)
{
    struct span room;
    struct command *command;
    enum err err = channel_of(hearing, &room);
    if (err || (err = command_for(hearing, COMMAND_LOOK, room, NATIVE_LOOK, &command)))
        return err;
    session_send(hearing->session, command);
    return OK;
}

static enum err hear_typing(struct hearing *hearing)
{
    struct span room;
    struct command *command;
    enum err err = joined_channel(hearing, &room);
    if (err)
        return err;
    yyjson_val *field = json_get(hearing->payload, "field");
    hearing->field = SPAN("field");
    if (field && (!yyjson_is_str(field) || json_text(field).len > ID_BYTES_MAX))
        return ERR_BAD_FIELD;
    yyjson_val *typing = json_get(hearing->payload, "typing");
    if (!typing)
        typing = json_get2(hearing->payload, "isTyping", "is_typing");
    hearing->field = SPAN("typing");
    if (typing && !yyjson_is_bool(typing))
        return ERR_BAD_FIELD;
    hearing->field = SPAN_EMPTY;
    if ((err = command_for(hearing, COMMAND_TYPING, room, NATIVE_PLAIN, &command)))
        return err;
    command->typing.field = arena_copy(&command->arena, json_text(field));
    command->typing.is_typing = typing ? yyjson_get_bool(typing) : true;
    session_send(hearing->session, command);
    return OK;
}

static enum err hear_cursor(struct hearing *hearing)
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
    if (data.len > CURSOR_BYTES_MAX)
        return ERR_TOO_LARGE;
    yyjson_val *row = json_get2(hearing->payload, "editingRow", "editing_row");
    hearing->field = SPAN("editingRow");
    if (row && !yyjson_is_null(row) && (!yyjson_is_str(row) || json_text(row).len > ID_BYTES_MAX))
        return ERR_BAD_FIELD;
    hearing->field = SPAN_EMPTY;
    if ((err = command_for(hearing, COMMAND_CURSOR, room, NATIVE_PLAIN, &command)))
        return err;
    command->cursor.data = arena_copy(&command->arena, data);
    command->cursor.has_editing_row = row != NULL;
    command->cursor.editing_row = arena_copy(&command->arena, json_text(row));
    session_send(hearing->session, command);
    return OK;
}

/* ---- records ---- */

/* Which record a message is about: entityType and entityId, else the channel. */
static enum err record_of(struct hearing *hearing, const struct type **type, struct span *id, struct span *room)
{
    const struct type_registry *registry = hearing->session->host->registry;
    struct span type_name = json_get_text2(hearing->payload, "entityType", "entity_type");
    *id = json_get_text2(hearing->payload, "entityId", "entity_id");
    if (type_name.len == 0 && json_get(hearing->message.root, "channel")) {
        enum err err = channel_of(hearing, room);
        if (err)
            return err;
        hearing->field = SPAN("channel");
        *type = type_of_room(registry, *room, id);
        return *type ? OK : ERR_BAD_NAME;
    }
    hearing->field = SPAN("entityType");
    if (type_name.len == 0)
        return ERR_MISSING_FIELD;
    *type = type_find(registry, type_name);
    if (!*type)
        return ERR_NOT_FOUND;
    hearing->field = SPAN("entityId");
    if (id->len == 0)
        return ERR_MISSING_FIELD;
    if (!record_id_is_valid(*id))
        return ERR_BAD_NAME;
    *room = arena_printf(hearing->arena, "%.*s:%.*s", SPAN_ARG((*type)->name), SPAN_ARG(*id));
    hearing->field = SPAN_EMPTY;
    return OK;
}

static enum err read_version(struct hearing *hearing, uint64_t *version)
{
    yyjson_val *value = json_get(hearing->payload, "version");
    if (!value)
        value = json_get2(hearing->payload, "baseVersion", "base_version");
    *version = 0;
    if (!value || yyjson_is_null(value))
        return OK;
    hearing->field = SPAN("version");
    if (!yyjson_is_num(value))
        return ERR_BAD_FIELD;
    if (!yyjson_is_uint(value))
        return ERR_BAD_VERSION;
    *version = yyjson_get_uint(value);
    hearing->field = SPAN_EMPTY;
    return OK;
}

/* The operations, in whichever of the forms they come. */
static enum err read_change(struct hearing *hearing, struct arena *arena, const struct type *type,
                            struct change *change)
{
    yyjson_val *payload = hearing->payload, *patch = json_get(payload, "patch"), *data = json_get(payload, "data");
    uint64_t writable = access_writable(hearing->session->identity->access, type);
    struct span operation = json_get_text(payload, "operation"), path = json_get_text(payload, "path");
    if (patch)
        return change_from_patch(arena, type, patch, writable, change, &hearing->field);
    if (data)
        return change_from_record(arena, type, data, writable, change, &hearing->field);
    if (span_equal(operation, SPAN("delete")) && (path.len == 0 || span_equal(path, SPAN("/")))) {
        change->kind = CHANGE_DELETE;
        return OK;
    }
    return change_from_json(arena, type, payload, writable, change, &hearing->field);
}

static enum err hear_update(struct hearing *hearing)
{
    const struct type *type;
    struct span id, room, key;
    uint64_t version;
    struct command *command;
    bool must_match;
    enum err err = record_of(hearing, &type, &id, &room);
    if (err || (err = read_version(hearing, &version)) || (err = read_key(hearing, hearing->payload, &key)) ||
        (err = flag_read(hearing->payload, "ifMatch", "if_match", false, &must_match, &hearing->field)))
        return err;
    if ((err = session_command(hearing->session, COMMAND_CHANGE, room, 0, true, &command)))
        return err;
    struct change *change = arena_alloc(&command->arena, sizeof *change);
    command->change = change;
    change->kind = CHANGE_UPDATE;
    if ((err = read_change(hearing, &command->arena, type, change)))
        goto failed;
    change->id = arena_copy(&command->arena, key);
    change->type = type->name;
    change->entity_id = arena_copy(&command->arena, id);
    change->base_version = version;
    change->must_match |= must_match; /* the change's own word for it may be there, too */
    command->is_quiet = !hearing->message.has_id;
    if (hearing->message.has_id &&
        (err = dialogue_wait(hearing->session, NATIVE_CHANGE, hearing->message.id, &command->tag)))
        goto failed;
    session_send(hearing->session, command);
    return OK;
failed:
    err = access_field_error(hearing->session->identity->access, type, err, hearing->field);
    /* what was wrong may be named in the command's arena */
    hearing->field = arena_copy(hearing->arena, hearing->field);
    command_free(command);
    return err;
}

static enum err hear_action(struct hearing *hearing)
{
    const struct type *type;
    struct span id, room, key;
    uint64_t version;
    struct command *command;
    yyjson_val *action = json_get(hearing->payload, "action"), *input = json_get(hearing->payload, "input");
    bool must_match;
    enum err err = record_of(hearing, &type, &id, &room);
    if (err || (err = read_version(hearing, &version)) || (err = read_key(hearing, hearing->payload, &key)) ||
        (err = flag_read(hearing->payload, "ifMatch", "if_match", false, &must_match, &hearing->field)))
        return err;
    hearing->field = SPAN("action");
    if (!action)
        return ERR_MISSING_FIELD;
    if (!yyjson_is_str(action))
        return ERR_BAD_FIELD;
    hearing->field = SPAN("input");
    if (input && !yyjson_is_obj(input))
        return ERR_BAD_FIELD;
    hearing->field = SPAN_EMPTY;
    if ((err = command_for(hearing, COMMAND_ACTION, room, NATIVE_CHANGE, &command)))
        return err;
    struct arena *arena = &command->arena;
    command->action.name = arena_copy(arena, json_text(action));
    command->action.id = arena_copy(arena, key);
    command->action.input = input ? arena_copy(arena, json_slice(&hearing->message.json, input)) : SPAN_EMPTY;
    command->action.base_version = version;
    command->action.must_match = must_match;
    session_send(hearing->session, command);
    return OK;
}

static enum err hear_sync(struct hearing *hearing)
{
    const struct type *type;
    struct span id, room;
    struct command *command;
    enum err err = record_of(hearing, &type, &id, &room);
    if (err || (err = command_for(hearing, COMMAND_LOOK, room, NATIVE_SYNC, &command)))
        return err;
    command->look.wants_record = true;
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
        native_write_ack_user(&text, message_id, session->identity, session->token_expires_ms);
        say(session, &text);
    }
}

static enum err hear_auth(struct hearing *hearing)
{
    yyjson_val *token = json_get(hearing->payload, "token");
    hearing->field = SPAN("token");
    return dialogue_login(hearing->session, token ? token : json_get(hearing->message.root, "token"),
                          hearing->message.id, on_login);
}

static enum err hear_ping(struct hearing *hearing)
{
    struct buf text = BUF_EMPTY;
    native_write_pong(&text, hearing->message.id);
    say(hearing->session, &text);
    return OK;
}

/* A client may answer a ping it never got. */
static enum err hear_pong(struct hearing *hearing)
{
    (void)hearing;
    return OK;
}

static const struct verb_row verbs[] = {
    {SPAN_INIT("cursor"), hear_cursor, true, false, true},
    {SPAN_INIT("publish"), hear_publish, false, false, false},
    {SPAN_INIT("update"), hear_update, false, false, true},
    {SPAN_INIT("typing"), hear_typing, true, false, true},
    {SPAN_INIT("presence"), hear_presence, true, false, true},
    {SPAN_INIT("subscribe"), hear_subscribe, false, false, true},
    {SPAN_INIT("unsubscribe"), hear_unsubscribe, false, false, true},
    {SPAN_INIT("presence_get"), hear_look, false, false, true},
    {SPAN_INIT("action"), hear_action, false, false, true},
    {SPAN_INIT("sync"), hear_sync, false, false, true},
    {SPAN_INIT("auth"), hear_auth, false, true, true},
    {SPAN_INIT("ping"), hear_ping, false, true, false},
    {SPAN_INIT("pong"), hear_pong, false, true, false},
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
    enum err rate = session_take_message(session, payload.len, verb && verb->is_conflated, &hearing->retry_ms);
    if (rate || err)
        return rate ? rate : err;
    log_debug("message.heard", "session=%llu type=" LOG_QUOTED " bytes=%zu", (unsigned long long)session->id,
              LOG_TEXT(hearing->message.type), payload.len);
    hearing->field = SPAN("type");
    if (!verb)
        return ERR_UNKNOWN_TYPE;
    hearing->field = SPAN_EMPTY;
    if (!session->identity && !verb->before_login)
        return ERR_NOT_AUTHENTICATED;
    hearing->payload = json_get(hearing->message.root, "payload");
    if (verb->wants_object && hearing->payload && !yyjson_is_obj(hearing->payload)) {
        if (yyjson_is_null(hearing->payload)) {
            hearing->payload = NULL;
        } else {
            hearing->field = SPAN("payload");
            return ERR_BAD_FIELD;
        }
    }
    return verb->hear(hearing);
}

static void hear(struct session *session, bool is_text, struct span payload)
{
    struct hearing hearing = {.session = session, .arena = &hearing.message.arena};
    enum err err = hear_message(&hearing, is_text, payload);
    if (err == ERR_UNSUPPORTED) {
        session_end(session, err);
    } else if (err == ERR_RATE_LIMITED) {
        struct buf text = BUF_EMPTY;
        native_write_retry(&text, hearing.message.id, hearing.retry_ms);
        say(session, &text);
        session_count_error(session, err);
    } else if (err) {
        say_error(session, hearing.message.id, err, hearing.field, SPAN_EMPTY, 0);
    }
    message_deinit(&hearing.message);
}

/* ---- answers from the rooms ---- */

static void answer(struct session *session, const struct answer *answer)
{
    struct waiting *waiting = dialogue_take(session, answer->tag);
    struct span message_id = waiting ? waiting_id(waiting) : SPAN_EMPTY;
    if (answer->err && answer->err != ERR_RESYNC) {
        /* What the server asked for by itself (being online) is nobody's error. */
        if (waiting || answer->tag || answer->kind != COMMAND_JOIN || !span_equal(answer->room, SPAN(ROOM_PRESENCE)))
            say_error(session, message_id, answer->err, answer->err == ERR_ID_REUSED ? SPAN("id") : answer->field,
                      answer->message, answer->current_version);
    } else if (waiting) {
        uint64_t mask = answer->type ? access_readable(session->identity->access, answer->type) : UINT64_MAX;
        struct buf text = BUF_EMPTY;
        native_write_ack(&text, message_id, answer, (enum native_ask)waiting->kind, mask);
        session_say(session, buf_span(&text), answer->kind != COMMAND_JOIN && answer->kind != COMMAND_LOOK);
        buf_deinit(&text);
    }
    free(waiting);
}

const struct dialect dialect_native = {
    .name = "native",
    .hear = hear,
    .say = native_say,
    .answer = answer,
    .closed = dialogue_close,
};
