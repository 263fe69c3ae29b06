#include "peer/dialect/vocabulary.h"

#include "base/limits.h"
#include "base/memory.h"
#include "collab/type/access.h"

#include <stdlib.h>
#include <string.h>

/* ---- arguments ---- */

enum err vocabulary_object(struct sio_hearing *hearing)
{
    if (!hearing->payload || yyjson_is_obj(hearing->payload))
        return OK;
    if (yyjson_is_null(hearing->payload)) {
        hearing->payload = NULL;
        return OK;
    }
    hearing->field = SPAN("payload");
    return ERR_BAD_FIELD;
}

enum err vocabulary_text(struct sio_hearing *hearing, const char *key, const char *other, bool is_required,
                         struct span *out)
{
    yyjson_val *value = json_get2(hearing->payload, key, other);
    *out = SPAN_EMPTY;
    hearing->field = span_from_str(key);
    if (!value || yyjson_is_null(value)) {
        if (is_required)
            return ERR_MISSING_FIELD;
    } else if (yyjson_is_uint(value)) {
        *out = arena_printf(hearing->arena, "%llu", (unsigned long long)yyjson_get_uint(value));
    } else {
        *out = json_text(value);
        if (out->len == 0 || out->len > LIMIT_ID_BYTES)
            return ERR_BAD_FIELD;
    }
    hearing->field = SPAN_EMPTY;
    return OK;
}

enum err vocabulary_value(struct sio_hearing *hearing, const char *key, const char *other, yyjson_val **out)
{
    *out = json_get2(hearing->payload, key, other);
    if (*out)
        return OK;
    hearing->field = span_from_str(key);
    return ERR_MISSING_FIELD;
}

enum err vocabulary_record_room(struct sio_hearing *hearing, const char *type_name, const char *key, const char *other,
                                struct span *id, struct span *room)
{
    enum err err = vocabulary_text(hearing, key, other, true, id);
    if (err)
        return err;
    if (!record_id_is_valid(*id)) {
        hearing->field = span_from_str(key);
        return ERR_BAD_NAME;
    }
    *room = arena_printf(hearing->arena, "%s:%.*s", type_name, SPAN_ARG(*id));
    return OK;
}

enum err vocabulary_member(struct sio_hearing *hearing, struct span room, const char *field)
{
    const struct membership *membership = session_membership(hearing->session, room);
    if (membership && !membership->is_left)
        return OK;
    hearing->field = span_from_str(field);
    return ERR_NOT_MEMBER;
}

/* ---- rooms ---- */

enum err vocabulary_enter(struct sio_hearing *hearing, struct span room, const char *field)
{
    struct presence_change presence;
    struct command *command;
    enum err err = presence_read(hearing->payload, &presence, &hearing->field);
    if (err)
        return err;
    if ((err = sio_command(hearing, COMMAND_JOIN, room, VOCABULARY_JOIN, &command))) {
        hearing->field = span_from_str(field);
        return err;
    }
    command->join.listens = true;
    command->join.is_present = true;
    presence_put(command, &presence);
    session_send(hearing->session, command);
    return OK;
}

enum err vocabulary_leave(struct sio_hearing *hearing, struct span room, const char *field)
{
    struct command *command;
    enum err err = vocabulary_member(hearing, room, field);
    if (err || (err = sio_command(hearing, COMMAND_LEAVE, room, VOCABULARY_PLAIN, &command)))
        return err;
    command->leave.reason = LEAVE_ASKED;
    session_send(hearing->session, command);
    return OK;
}

void vocabulary_look(struct session *session, struct span room, unsigned asked)
{
    struct command *command;
    if (session_command(session, COMMAND_LOOK, room, sio_tag_plain(asked), true, &command) == OK)
        session_send(session, command);
}

/* A join that was answered, while others on which it depends are not. */
struct held {
    struct list in_held;
    uint64_t tag;
    uint32_t room_len;
    char room[];
};

struct vocabulary_state { /* made when something is held */
    struct list held;
};

void vocabulary_join(struct session *session, struct span room, bool listens, bool is_present)
{
    struct command *command;
    if (session_command(session, COMMAND_JOIN, room, 0, true, &command) != OK)
        return;
    command->join.listens = listens;
    command->join.is_present = is_present;
    session_send(session, command);
}

static bool is_joining(const struct session *session)
{
    for (const struct list *node = session->memberships.next; node != &session->memberships; node = node->next) {
        const struct membership *membership = LIST_OWNER(node, struct membership, in_session);
        if (!membership->is_left && !membership->is_joined)
            return true;
    }
    return false;
}

static void hold(struct session *session, const struct answer *answer)
{
    struct vocabulary_state *state = *sio_session_state(session);
    if (!state) {
        state = *sio_session_state(session) = NEW(struct vocabulary_state);
        list_init(&state->held);
    }
    struct held *held = memory_alloc(sizeof *held + answer->room.len);
    held->tag = answer->tag;
    held->room_len = (uint32_t)answer->room.len;
    memcpy(held->room, answer->room.data, answer->room.len);
    list_push_tail(&state->held, &held->in_held);
}

/* Asked again, so that the answer is of now: who came meanwhile was not told to this client as somebody who came. */
static void release(struct session *session)
{
    struct vocabulary_state *state = *sio_session_state(session);
    if (!state)
        return;
    LIST_EACH (&state->held, node) {
        struct held *held = LIST_OWNER(node, struct held, in_held);
        struct span room = span_of(held->room, held->room_len);
        struct command *command;
        const struct membership *membership = session_membership(session, room);
        enum err err = !membership || membership->is_left
                           ? ERR_NOT_MEMBER
                           : session_command(session, COMMAND_JOIN, room, held->tag, true, &command);
        const uint64_t tag = held->tag;
        list_remove(&held->in_held);
        free(held);
        if (err) {
            sio_session_fail(session, tag, err, SPAN_EMPTY, SPAN_EMPTY, 0);
        } else {
            command->join.listens = true;
            session_send(session, command);
        }
    }
}

/* True: this join waits for the others, its answer comes again later. */
static bool holds(struct session *session, const struct answer *answer)
{
    if (answer->kind != COMMAND_JOIN)
        return false;
    if (!is_joining(session)) {
        release(session);
        return false;
    }
    if (sio_tag_asked(answer->tag) != VOCABULARY_JOIN || answer->err)
        return false;
    hold(session, answer);
    return true;
}

void vocabulary_close(struct session *session)
{
    struct vocabulary_state *state = *sio_session_state(session);
    if (!state)
        return;
    LIST_EACH (&state->held, node) {
        free(LIST_OWNER(node, struct held, in_held));
    }
    free(state);
    *sio_session_state(session) = NULL;
}

/* ---- changes ---- */

static enum err read_change(struct sio_hearing *hearing, const struct vocabulary_change *what, struct arena *arena,
                            struct change *change)
{
    const uint64_t writable = access_writable(hearing->session->identity->access, what->type);
    struct buf text = BUF_EMPTY;
    struct json json = {0};
    enum err err;
    if (what->patch)
        return change_from_patch(arena, what->type, what->patch, writable, change, &hearing->field);
    bool is_path = !type_field(what->type, what->field) &&
                   (span_find(what->field, '.') < what->field.len || span_find(what->field, '/') < what->field.len);
    buf_append_char(&text, '{');
    if (is_path) {
        json_member_string(&text, "operation", SPAN("update"));
        json_member_string(&text, "path", what->field);
        json_append_key(&text, "after");
    } else {
        json_append_string(&text, what->field);
        buf_append_char(&text, ':');
    }
    json_append_value(&text, what->value);
    buf_append_char(&text, '}');
    if ((err = json_parse(&json, buf_span(&text), &json_limits_default)) != OK)
        goto done;
    err = is_path ? change_from_json(arena, what->type, json.root, writable, change, &hearing->field)
                  : change_from_patch(arena, what->type, json.root, writable, change, &hearing->field);
done:
    hearing->field = arena_copy(hearing->arena, hearing->field); /* the text goes */
    json_deinit(&json);
    buf_deinit(&text);
    return err;
}

static enum err read_version(struct sio_hearing *hearing, uint64_t *version)
{
    yyjson_val *value = json_get2(hearing->payload, "version", "baseVersion");
    *version = 0;
    if (!value || yyjson_is_null(value))
        return OK;
    hearing->field = SPAN("version");
    if (!yyjson_is_uint(value))
        return yyjson_is_num(value) ? ERR_BAD_VERSION : ERR_BAD_FIELD;
    *version = yyjson_get_uint(value);
    hearing->field = SPAN_EMPTY;
    return OK;
}

enum err vocabulary_change(struct sio_hearing *hearing, const struct vocabulary_change *what, unsigned asked)
{
    struct command *command;
    struct span key;
    uint64_t version;
    bool must_match;
    enum err err;
    if ((err = vocabulary_text(hearing, "id", "id", false, &key)) || (err = read_version(hearing, &version)) ||
        (err = flag_read(hearing->payload, "if_match", "ifMatch", false, &must_match, &hearing->field)) ||
        (err = sio_command(hearing, COMMAND_CHANGE, what->room, asked, &command)))
        return err;
    struct change *change = arena_alloc(&command->arena, sizeof *change);
    command->change = change;
    change->kind = CHANGE_UPDATE;
    if ((err = read_change(hearing, what, &command->arena, change))) {
        hearing->field = arena_copy(hearing->arena, hearing->field);
        command_free(command);
        return access_field_error(hearing->session->identity->access, what->type, err, hearing->field);
    }
    change->id = arena_copy(&command->arena, key);
    change->type = what->type->name;
    change->entity_id = arena_copy(&command->arena, what->id);
    change->base_version = version;
    change->must_match = must_match;
    change->metadata = arena_copy(&command->arena, what->metadata);
    session_send(hearing->session, command);
    return OK;
}

/* ---- answers ---- */

bool vocabulary_acknowledge(struct session *session, const struct answer *answer, struct span members)
{
    struct buf ack = BUF_EMPTY;
    BUF_APPEND_LITERAL(&ack, "{\"ok\":true");
    if (members.len) {
        buf_append_char(&ack, ',');
        buf_append_span(&ack, members);
    }
    if (answer->is_repeat)
        json_member_bool(&ack, "repeat", true);
    buf_append_char(&ack, '}');
    bool is_asked_for = sio_session_acknowledge(session, answer->tag, buf_span(&ack));
    buf_deinit(&ack);
    return is_asked_for;
}

void vocabulary_answer(struct session *session, const struct answer *answer,
                       void (*const ways[])(struct session *session, const struct answer *answer))
{
    unsigned asked = sio_tag_asked(answer->tag);
    if (holds(session, answer) || asked == VOCABULARY_NOTHING)
        return;
    if (answer->err)
        sio_session_fail(session, answer->tag, answer->err, answer->field, answer->message, 0);
    else if (asked == VOCABULARY_PLAIN)
        (void)vocabulary_acknowledge(session, answer, SPAN_EMPTY);
    else
        ways[asked](session, answer);
}

/* ---- saying ---- */

void vocabulary_open(struct buf *out, const char *name)
{
    BUF_APPEND_LITERAL(out, "[\"");
    buf_append_str(out, name);
    BUF_APPEND_LITERAL(out, "\",{");
}

void vocabulary_shut(struct buf *out)
{
    BUF_APPEND_LITERAL(out, "}]");
}

void vocabulary_path(struct buf *out, const struct op *op)
{
    for (uint32_t step = 0; step < op->path.depth; step++) {
        if (step)
            buf_append_char(out, '.');
        buf_append_span(out, op->path.steps[step]);
    }
}

static bool is_one_of(struct span name, const char *const *names)
{
    for (; *names; names++)
        if (span_equal(name, span_from_str(*names)))
            return true;
    return false;
}

/* What a client's library itself says to the application; and "error" is what the server answers with. */
static const char *const reserved_names[] = {
    "connect",        "connect_error", "disconnect", "disconnecting",          "newListener",
    "removeListener", "error",         "message",    "connection_established", NULL};

void vocabulary_say_message(const struct event *event, const char *const *own_names, struct buf *out)
{
    const struct span name = event->message.name;
    if (name.len && !is_one_of(name, reserved_names) && !is_one_of(name, own_names)) {
        buf_append_char(out, '[');
        json_append_string(out, name);
        buf_append_char(out, ',');
        buf_append_span(out, event->message.data);
        buf_append_char(out, ']');
        return;
    }
    vocabulary_open(out, "message");
    json_member_string(out, "room", event->room);
    if (name.len)
        json_member_string(out, "event", name);
    json_member_string(out, "user_id", event->user_id);
    json_member_string(out, "username", event->username);
    json_member_raw(out, "data", event->message.data);
    json_member_time(out, "timestamp", event->time_ms);
    vocabulary_shut(out);
}
