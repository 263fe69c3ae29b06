/* What the manufacturing dialect says: docs/protocol/manufacturing.md. Pure. */
#include "peer/dialect/dialect_manufacturing.h"

#include "peer/dialect/record_say.h"

/* {"type":..., and who it is about: flat, as that application knows it. */
static void open_event(struct buf *out, struct span type, struct span user_id, struct span username)
{
    buf_append_char(out, '{');
    json_member_string(out, "type", type);
    if (user_id.len) {
        json_member_id(out, "user_id", user_id);
        json_member_string(out, "user", username);
    }
}

static void close_event(struct buf *out, const struct event *event)
{
    json_member_time(out, "timestamp", event->time_ms);
    if (event->position.offset) {
        json_member_u64(out, "epoch", event->position.epoch);
        json_member_u64(out, "offset", event->position.offset);
    }
    buf_append_char(out, '}');
}

static void write_resource(struct buf *out, const struct event *event)
{
    json_member_string(out, "room", event->room);
    if (event->type) {
        json_member_string(out, "resource_type", event->type->name);
        json_member_string(out, "resource_id", event->entity_id);
    }
}

/* Joining and leaving mean the server; what people do in a record's room is a presence update for everybody. */
static bool say_presence(const struct event *event, struct buf *out)
{
    if (!span_equal(event->room, SPAN(ROOM_PRESENCE)))
        return false;
    const struct presence *presence = &event->presence;
    bool is_elsewhere = event->type != NULL;
    if (event->kind != EVENT_PRESENCE && !is_elsewhere) {
        open_event(out, event->kind == EVENT_USER_JOINED ? SPAN("user_joined") : SPAN("user_left"), presence->user_id,
                   presence->username);
        close_event(out, event);
        return true;
    }
    const char *intent = intent_name(presence->intent);
    bool has_left = event->kind == EVENT_USER_LEFT || presence->status == STATUS_OFFLINE;
    open_event(out, SPAN("presence_update"), presence->user_id, presence->username);
    BUF_APPEND_LITERAL(out, ",\"data\":{");
    if (is_elsewhere) {
        json_member_string(out, "resource_type", event->type->name);
        json_member_string(out, "resource_id", event->entity_id);
        json_member_string(out, "action", has_left ? SPAN("left") : span_from_str(intent ? intent : "viewing"));
    }
    if (!is_elsewhere || !has_left) /* who has left a record may well be online */
        json_member_string(out, "status", span_from_str(status_name(presence->status)));
    json_member_time(out, "timestamp", event->time_ms);
    buf_append_char(out, '}');
    close_event(out, event);
    return true;
}

/* The fields that changed, with their new values; deeper paths are joined with dots. */
static void write_data(struct buf *out, const struct event *event, uint64_t mask)
{
    const struct change *change = event->change.change;
    json_append_key(out, "data");
    buf_append_char(out, '{');
    for (uint32_t i = 0; i < change->op_count; i++) {
        const struct op *op = &change->ops[i];
        if (op->path.depth == 0 || !op_is_readable(event->type, op, mask))
            continue;
        struct buf name = BUF_EMPTY;
        for (uint32_t step = 0; step < op->path.depth; step++) {
            if (step)
                buf_append_char(&name, '.');
            buf_append_span(&name, op->path.steps[step]);
        }
        if (out->data[out->len - 1] != '{')
            buf_append_char(out, ',');
        json_append_string(out, buf_span(&name));
        buf_append_char(out, ':');
        buf_append_span(out, op->after.len ? op->after : SPAN("null"));
        buf_deinit(&name);
    }
    buf_append_char(out, '}');
}

static bool say_change(const struct event *event, uint64_t mask, struct buf *out)
{
    if (!span_equal(event->room, SPAN(ROOM_RECORDS)))
        return false; /* heard already, by the feed of all records */
    struct buf type = BUF_EMPTY;
    buf_printf(&type, "%.*s_%.*s", SPAN_ARG(event->type->name), SPAN_ARG(event->change.event));
    open_event(out, buf_span(&type), event->user_id, event->username);
    buf_deinit(&type);
    json_member_string(out, "id", event->entity_id);
    json_member_string(out, "action", event->change.action);
    json_member_u64(out, "version", event->change.change->version);
    write_data(out, event, mask);
    close_event(out, event);
    return true;
}

static bool say_alert(const struct event *event, struct buf *out)
{
    if (!span_equal(event->room, SPAN(ROOM_RECORDS)))
        return false;
    open_event(out, SPAN("alert"), SPAN_EMPTY, SPAN_EMPTY);
    json_member_string(out, "resource_type", event->type->name);
    json_member_string(out, "id", event->entity_id);
    alert_say(out, event);
    close_event(out, event);
    return true;
}

static bool say_typing(const struct event *event, struct buf *out)
{
    open_event(out, SPAN("typing"), event->user_id, event->username);
    write_resource(out, event);
    json_member_string(out, "field", event->typing.field);
    json_member_bool(out, "typing", event->typing.is_typing);
    close_event(out, event);
    return true;
}

static bool say_cursor(const struct event *event, struct buf *out)
{
    open_event(out, SPAN("cursor"), event->user_id, event->username);
    json_member_string(out, "color", event->color);
    write_resource(out, event);
    json_member_raw(out, "data", event->cursor.data);
    close_event(out, event);
    return true;
}

static bool say_message(const struct event *event, struct buf *out)
{
    open_event(out, SPAN("message"), event->user_id, event->username);
    write_resource(out, event);
    if (event->message.name.len)
        json_member_string(out, "event", event->message.name);
    json_member_raw(out, "data", event->message.data);
    close_event(out, event);
    return true;
}

bool manufacturing_say(const struct event *event, uint64_t mask, struct buf *out)
{
    switch (event->kind) {
    case EVENT_USER_JOINED:
    case EVENT_USER_LEFT:
    case EVENT_PRESENCE: return say_presence(event, out);
    case EVENT_TYPING: return say_typing(event, out);
    case EVENT_CURSOR: return say_cursor(event, out);
    case EVENT_MESSAGE: return say_message(event, out);
    case EVENT_CHANGE: return say_change(event, mask, out);
    case EVENT_ALERT: return say_alert(event, out);
    case EVENT_PRESENCE_REFRESH: /* that application has no word for "still there" */
    case EVENT_OBJECT:
    case EVENT_KIND_COUNT: break;
    }
    return false;
}

/* ---- answers ---- */

void manufacturing_write_connected(struct buf *out, const struct identity *identity, const struct answer *answer)
{
    open_event(out, SPAN("connected"), identity->user_id, identity->username);
    json_member_u64(out, "epoch", answer->position.epoch);
    json_member_u64(out, "offset", answer->position.offset);
    json_member_bool(out, "resync", answer->is_resync);
    json_member_u64(out, "missed", answer->missed_count);
    buf_append_char(out, '}');
}

static void write_people(struct buf *out, const struct answer *answer)
{
    json_append_key(out, "presence");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < answer->presence_count; i++) {
        const struct presence *presence = &answer->presences[i];
        const char *intent = intent_name(presence->intent);
        buf_append_str(out, i ? ",{" : "{");
        json_member_id(out, "user_id", presence->user_id);
        json_member_string(out, "username", presence->username);
        json_member_string(out, "color", presence->color);
        json_member_string(out, "status", span_from_str(status_name(presence->status)));
        json_member_string(out, "action", span_from_str(intent ? intent : "viewing"));
        json_member_time(out, "timestamp", presence->last_seen_ms);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

void manufacturing_write_ack(struct buf *out, struct span message_id, const struct answer *answer)
{
    BUF_APPEND_LITERAL(out, "{\"type\":\"ack\"");
    if (message_id.len)
        json_member_string(out, "reply_to", message_id);
    if (answer && answer->kind == COMMAND_JOIN && answer->listens) {
        json_member_string(out, "room", answer->room);
        json_member_u64(out, "epoch", answer->position.epoch);
        json_member_u64(out, "offset", answer->position.offset);
        json_member_bool(out, "resync", answer->is_resync);
        json_member_u64(out, "missed", answer->missed_count);
        write_people(out, answer);
    } else if (answer && answer->kind == COMMAND_PUBLISH) {
        json_member_u64(out, "epoch", answer->position.epoch);
        json_member_u64(out, "offset", answer->position.offset);
    }
    buf_append_char(out, '}');
}

void manufacturing_write_error(struct buf *out, struct span message_id, enum err err, struct span field,
                               struct span message, uint64_t retry_ms)
{
    BUF_APPEND_LITERAL(out, "{\"type\":\"error\"");
    if (message_id.len)
        json_member_string(out, "reply_to", message_id);
    BUF_APPEND_LITERAL(out, ",\"error\":{");
    json_members_error(out, err, field, message);
    if (retry_ms)
        json_member_u64(out, "retry_after_ms", retry_ms);
    BUF_APPEND_LITERAL(out, "}}");
}
