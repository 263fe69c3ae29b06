/* What the native dialect says: events and answers in the envelope of docs/protocol/native.md. Pure. */
#include "peer/dialect_native.h"

#include "base/clock.h"

static void envelope(struct buf *out, const char *type)
{
    buf_append_char(out, '{');
    json_member_string(out, "type", span_from_str(type));
}

/* What follows the payload: when, who, which, and the event's place in the room's order. */
static void finish(struct buf *out, const struct event *event)
{
    json_member_time(out, "timestamp", event->time_ms);
    if (event->user_id.len)
        json_member_string(out, "userId", event->user_id);
    if (event->id.len) {
        json_member_string(out, "messageId", event->id);
    } else { /* ephemeral: nothing is ever repeated, any name that differs will do */
        json_append_key(out, "messageId");
        BUF_APPEND_LITERAL(out, "\"e");
        buf_append_u64(out, event->kind);
        buf_append_char(out, '-');
        buf_append_hex(out, (uint64_t)event->time_ms);
        buf_append_char(out, '-');
        buf_append_hex(out, event->conflate_key ^ event->origin);
        buf_append_char(out, '"');
    }
    if (event->position.offset) {
        json_member_u64(out, "epoch", event->position.epoch);
        json_member_u64(out, "offset", event->position.offset);
    }
    buf_append_char(out, '}');
}

static void open_payload(struct buf *out, const char *type, const struct event *event)
{
    envelope(out, type);
    json_member_string(out, "channel", event->room);
    json_append_key(out, "payload");
}

static void say_presence(const struct event *event, const char *what, struct buf *out)
{
    open_payload(out, "presence", event);
    buf_append_char(out, '{');
    json_member_string(out, "event", span_from_str(what));
    presence_write(out, &event->presence);
    if (event->presence.room.len && !span_equal(event->presence.room, event->room))
        json_member_string(out, "room", event->presence.room);
    buf_append_char(out, '}');
    finish(out, event);
}

static void say_refresh(const struct event *event, struct buf *out)
{
    open_payload(out, "presence", event);
    BUF_APPEND_LITERAL(out, "{\"event\":\"refresh\",\"users\":");
    presences_write(out, event->presences.entries, event->presences.count);
    buf_append_char(out, '}');
    finish(out, event);
}

static void say_typing(const struct event *event, struct buf *out)
{
    open_payload(out, "typing", event);
    buf_append_char(out, '{');
    json_member_string(out, "userId", event->user_id);
    json_member_string(out, "username", event->username);
    json_member_string(out, "color", event->color);
    json_member_string(out, "field", event->typing.field);
    json_member_bool(out, "typing", event->typing.is_typing);
    buf_append_char(out, '}');
    finish(out, event);
}

static void say_cursor(const struct event *event, struct buf *out)
{
    open_payload(out, "cursor", event);
    buf_append_char(out, '{');
    json_member_string(out, "userId", event->user_id);
    json_member_string(out, "username", event->username);
    json_member_string(out, "color", event->color);
    json_member_raw(out, "cursor", event->cursor.data);
    if (event->cursor.editing_row.len)
        json_member_string(out, "editingRow", event->cursor.editing_row);
    else
        json_member_raw(out, "editingRow", SPAN("null"));
    buf_append_char(out, '}');
    finish(out, event);
}

static void say_message(const struct event *event, struct buf *out)
{
    envelope(out, "publish");
    json_member_string(out, "channel", event->room);
    if (event->message.name.len)
        json_member_string(out, "event", event->message.name);
    json_member_raw(out, "payload", event->message.data);
    finish(out, event);
}

void change_write(struct buf *out, const struct type *type, const struct change *change, struct span action,
                  uint64_t mask)
{
    json_member_string(out, "id", change->id);
    json_member_string(out, "entityType", type->name);
    json_member_string(out, "entityId", change->entity_id);
    json_member_string(out, "action", action);
    ops_write(out, type, change, mask);
    json_member_u64(out, "version", change->version);
    json_member_string(out, "userId", change->user_id);
    json_member_string(out, "username", change->username);
    json_member_time(out, "timestamp", change->time_ms);
    json_member_bool(out, "resolved", true);
    if (change->metadata.len)
        json_member_raw(out, "metadata", change->metadata);
}

/* The label is a field's value, too. */
static struct span label_of(const struct event *event, uint64_t mask)
{
    const struct field *field = type_field(event->type, event->type->label);
    return !field || (mask >> field->index & 1) ? event->change.label : event->entity_id;
}

static void say_change(const struct event *event, uint64_t mask, struct buf *out)
{
    open_payload(out, "update", event);
    buf_append_char(out, '{');
    change_write(out, event->type, event->change.change, event->change.action, mask);
    json_member_string(out, "label", label_of(event, mask));
    buf_append_char(out, '}');
    finish(out, event);
}

static void say_alert(const struct event *event, struct buf *out)
{
    open_payload(out, "notification", event);
    buf_append_char(out, '{');
    json_member_string(out, "id", event->id);
    json_member_string(out, "rule", event->alert.rule);
    json_member_string(out, "priority", event->alert.priority);
    json_member_string(out, "title", event->alert.title);
    json_member_string(out, "message", event->alert.message);
    json_member_string(out, "entityType", event->type->name);
    json_member_string(out, "entityId", event->entity_id);
    json_append_key(out, "value");
    json_append_number(out, event->alert.value);
    json_append_key(out, "limit");
    json_append_number(out, event->alert.limit);
    json_member_time(out, "timestamp", event->time_ms);
    buf_append_char(out, '}');
    finish(out, event);
}

bool native_say(const struct event *event, uint64_t mask, struct buf *out)
{
    switch (event->kind) {
    case EVENT_USER_JOINED: say_presence(event, "user_joined", out); return true;
    case EVENT_USER_LEFT: say_presence(event, "user_left", out); return true;
    case EVENT_PRESENCE: say_presence(event, "presence_update", out); return true;
    case EVENT_PRESENCE_REFRESH: say_refresh(event, out); return true;
    case EVENT_TYPING: say_typing(event, out); return true;
    case EVENT_CURSOR: say_cursor(event, out); return true;
    case EVENT_MESSAGE: say_message(event, out); return true;
    case EVENT_CHANGE: say_change(event, mask, out); return true;
    case EVENT_ALERT: say_alert(event, out); return true;
    case EVENT_KIND_COUNT: break;
    }
    return false;
}

/* ---- answers ---- */

static void open_answer(struct buf *out, const char *type, struct span message_id)
{
    envelope(out, type);
    if (message_id.len)
        json_member_string(out, "replyTo", message_id);
}

void native_write_error(struct buf *out, struct span message_id, enum err err, struct span field, struct span message,
                        uint64_t current_version)
{
    open_answer(out, "error", message_id);
    BUF_APPEND_LITERAL(out, ",\"payload\":{");
    json_member_string(out, "code", span_from_str(err_code(err)));
    json_member_string(out, "message", message.len ? message : span_from_str(err_sentence(err)));
    if (field.len)
        json_member_string(out, "field", field);
    if (current_version)
        json_member_u64(out, "currentVersion", current_version);
    BUF_APPEND_LITERAL(out, "}}");
}

void native_write_retry(struct buf *out, struct span message_id, uint64_t retry_ms)
{
    open_answer(out, "error", message_id);
    BUF_APPEND_LITERAL(out, ",\"payload\":{");
    json_member_string(out, "code", span_from_str(err_code(ERR_RATE_LIMITED)));
    json_member_string(out, "message", span_from_str(err_sentence(ERR_RATE_LIMITED)));
    json_member_u64(out, "retryAfterMs", retry_ms);
    BUF_APPEND_LITERAL(out, "}}");
}

void native_write_pong(struct buf *out, struct span message_id)
{
    open_answer(out, "pong", message_id);
    BUF_APPEND_LITERAL(out, ",\"payload\":{}}");
}

void native_write_ack_user(struct buf *out, struct span message_id, const struct identity *identity, int64_t expires_ms)
{
    open_answer(out, "ack", message_id);
    BUF_APPEND_LITERAL(out, ",\"payload\":{\"user\":{");
    json_member_string(out, "id", identity->user_id);
    json_member_string(out, "username", identity->username);
    json_member_string(out, "name", identity->name);
    BUF_APPEND_LITERAL(out, ",\"roles\":[");
    for (uint32_t i = 0; i < identity->role_count; i++) {
        if (i)
            buf_append_char(out, ',');
        json_append_string(out, identity->roles[i]);
    }
    BUF_APPEND_LITERAL(out, "]}");
    if (expires_ms)
        json_member_time(out, "expiresAt", expires_ms);
    BUF_APPEND_LITERAL(out, "}}");
}

static void write_join(struct buf *out, const struct answer *answer, uint64_t mask)
{
    json_member_position(out, "position", answer->position);
    json_member_bool(out, "resync", answer->is_resync);
    json_member_u64(out, "missed", answer->missed_count);
    json_append_key(out, "presence");
    presences_write(out, answer->presences, answer->presence_count);
    if (answer->type) {
        json_append_key(out, "record");
        if (answer->has_record)
            record_write(out, answer->type, answer->entity_id, answer->version, answer->record, mask);
        else
            BUF_APPEND_LITERAL(out, "null");
    }
}

static void write_change(struct buf *out, const struct answer *answer, uint64_t mask)
{
    struct span action = answer->change ? answer->change->action : SPAN_EMPTY;
    json_member_string(out, "id", answer->change ? answer->change->id : answer->op_id);
    json_member_u64(out, "version", answer->version);
    json_member_position(out, "position", answer->position);
    if (answer->is_repeat)
        json_member_bool(out, "repeat", true);
    if (answer->change && answer->type) {
        json_append_key(out, "change");
        buf_append_char(out, '{');
        change_write(out, answer->type, answer->change, action.len ? action : change_word(answer->change->kind), mask);
        buf_append_char(out, '}');
    }
}

void native_write_ack(struct buf *out, struct span message_id, const struct answer *answer, enum native_ask ask,
                      uint64_t mask)
{
    open_answer(out, "ack", message_id);
    if (answer->room.len)
        json_member_string(out, "channel", answer->room);
    BUF_APPEND_LITERAL(out, ",\"payload\":{");
    switch (ask) {
    case NATIVE_SUBSCRIBE: write_join(out, answer, mask); break;
    case NATIVE_LOOK:
        json_append_key(out, "presence");
        presences_write(out, answer->presences, answer->presence_count);
        json_member_position(out, "position", answer->position);
        break;
    case NATIVE_SYNC:
        json_append_key(out, "record");
        if (answer->has_record)
            record_write(out, answer->type, answer->entity_id, answer->version, answer->record, mask);
        else
            BUF_APPEND_LITERAL(out, "null");
        json_member_position(out, "position", answer->position);
        break;
    case NATIVE_PUBLISH:
        json_member_position(out, "position", answer->position);
        if (answer->is_repeat)
            json_member_bool(out, "repeat", true);
        break;
    case NATIVE_CHANGE: write_change(out, answer, mask); break;
    case NATIVE_PLAIN: break;
    }
    BUF_APPEND_LITERAL(out, "}}");
}
