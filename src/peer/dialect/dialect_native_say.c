/* What the native dialect says of events, in the envelope of docs/protocol/native.md. Pure. */
#include "peer/dialect/dialect_native.h"

#include "peer/dialect/activity_say.h"
#include "peer/dialect/record_say.h"

static void envelope(struct buf *out, struct span type)
{
    buf_append_char(out, '{');
    json_member_string(out, "type", type);
}

static struct span object_type(enum object_kind kind)
{
    return kind == OBJECT_MESSAGE ? SPAN("chat") : object_kind_name(kind);
}

struct span native_event_type(const struct event *event)
{
    switch (event->kind) {
    case EVENT_TYPING: return SPAN("typing");
    case EVENT_CURSOR: return SPAN("cursor");
    case EVENT_MESSAGE: return SPAN("publish");
    case EVENT_CHANGE: return activity_is_meant(event) ? SPAN("activity") : SPAN("update");
    case EVENT_ALERT: return SPAN("notification");
    case EVENT_OBJECT: return activity_is_meant(event) ? SPAN("activity") : object_type(event->object.kind);
    default: return SPAN("presence");
    }
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

static void open_payload(struct buf *out, const struct event *event)
{
    envelope(out, native_event_type(event));
    json_member_string(out, "channel", event->room);
    json_append_key(out, "payload");
}

static void say_presence(const struct event *event, const char *what, struct buf *out)
{
    open_payload(out, event);
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
    open_payload(out, event);
    BUF_APPEND_LITERAL(out, "{\"event\":\"refresh\",\"users\":");
    presences_write(out, event->presences.entries, event->presences.count);
    buf_append_char(out, '}');
    finish(out, event);
}

static void say_typing(const struct event *event, struct buf *out)
{
    open_payload(out, event);
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
    open_payload(out, event);
    buf_append_char(out, '{');
    json_member_string(out, "userId", event->user_id);
    json_member_string(out, "username", event->username);
    json_member_string(out, "color", event->color);
    json_member_raw(out, "cursor", event->cursor.data);
    json_member_text(out, "editingRow", event->cursor.editing_row);
    buf_append_char(out, '}');
    finish(out, event);
}

static void say_message(const struct event *event, struct buf *out)
{
    envelope(out, native_event_type(event));
    json_member_string(out, "channel", event->room);
    if (event->message.name.len)
        json_member_string(out, "event", event->message.name);
    json_member_raw(out, "payload", event->message.data);
    finish(out, event);
}

static void member_if_any(struct buf *out, const char *key, struct span text)
{
    if (text.len)
        json_member_string(out, key, text);
}

/* What most changes do not have. */
static void write_origin(struct buf *out, const struct change *change)
{
    if (change->undo_of)
        json_member_u64(out, "undoOf", change->undo_of);
    if (change->restored)
        json_member_u64(out, "restored", change->restored);
    member_if_any(out, "resolves", change->resolves);
    member_if_any(out, "group", change->group);
    member_if_any(out, "source", change->source);
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
    write_origin(out, change);
    superseded_say(out, type, change, mask, OBJECT_CAMEL);
}

static void say_change(const struct event *event, uint64_t mask, struct buf *out)
{
    open_payload(out, event);
    buf_append_char(out, '{');
    change_write(out, event->type, event->change.change, event->change.action, mask);
    json_member_string(out, "label", activity_label(event, mask));
    buf_append_char(out, '}');
    finish(out, event);
}

static void say_alert(const struct event *event, struct buf *out)
{
    open_payload(out, event);
    buf_append_char(out, '{');
    json_member_string(out, "id", event->id);
    json_member_string(out, "entityType", event->type->name);
    json_member_string(out, "entityId", event->entity_id);
    alert_say(out, event);
    json_member_time(out, "timestamp", event->time_ms);
    buf_append_char(out, '}');
    finish(out, event);
}

static void say_activity(const struct event *event, uint64_t mask, struct buf *out)
{
    open_payload(out, event);
    activity_say(out, event, mask, OBJECT_CAMEL);
    finish(out, event);
}

static void say_object(const struct event *event, uint64_t mask, struct buf *out)
{
    const struct object_view view = {OBJECT_CAMEL, event->type, mask};
    open_payload(out, event);
    buf_append_char(out, '{');
    json_member_string(out, "event", object_event_name(event->object.kind, event->object.verb));
    object_write_members(out, event->object.kind, event->object.body, &view);
    buf_append_char(out, '}');
    finish(out, event);
}

bool native_say(const struct event *event, uint64_t mask, struct buf *out)
{
    if (activity_is_meant(event)) {
        say_activity(event, mask, out);
        return true;
    }
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
    case EVENT_OBJECT: say_object(event, mask, out); return true;
    case EVENT_KIND_COUNT: break;
    }
    return false;
}
