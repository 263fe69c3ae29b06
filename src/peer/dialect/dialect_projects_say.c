/* What the projects vocabulary says: docs/protocol/socketio.md. Pure. */
#include "peer/dialect/dialect_projects.h"

#include "peer/dialect/record_say.h"

#include <math.h>

/* Events of the server's own; a message of that name is no such event. */
static const char *const own_names[] = {"presence:change",  "project:updated", "division:updated",
                                        "capacity:updated", "alert:new",       "typing:start",
                                        "typing:stop",      "message:new",     NULL};

static bool is_type(const struct type *type, const char *name)
{
    return type && span_equal(type->name, span_from_str(name));
}

void projects_write_place(struct buf *out, const struct type *type, struct span id)
{
    if (is_type(type, PROJECTS_TYPE))
        json_member_string(out, "projectId", id);
    else if (is_type(type, PROJECTS_DIVISION_TYPE))
        json_member_string(out, "divisionId", id);
}

/* ---- people ------------------------------------------------------------------------------------------------------- */

static struct span status_word(enum status status)
{
    return status == STATUS_AWAY ? SPAN("idle") : span_from_str(status_name(status));
}

void projects_write_presence(struct buf *out, const struct presence *presence, bool has_left, const struct type *type,
                             struct span id)
{
    json_member_string(out, "userId", presence->user_id);
    json_member_string(out, "username", presence->username);
    json_member_text(out, "color", presence->color);
    json_member_string(out, "status", has_left ? SPAN("offline") : status_word(presence->status));
    if (!type)
        return;
    projects_write_place(out, type, id);
    json_member_text(out, "action", has_left ? SPAN_EMPTY : span_from_str(intent_name(presence->intent)));
}

/* Of everybody who is connected, and of those in a room that was joined. What people do in other records' rooms is told in the room of all people, too,
 * but is nobody's status. */
static bool say_presence(const struct event *event, struct buf *out)
{
    if (span_equal(event->room, SPAN(ROOM_PRESENCE)) && event->type)
        return false;
    vocabulary_open(out, "presence:change");
    projects_write_presence(out, &event->presence, event->kind == EVENT_USER_LEFT, event->type, event->entity_id);
    if (!event->type && !span_equal(event->room, SPAN(ROOM_PRESENCE)))
        json_member_string(out, "room", event->room);
    vocabulary_shut(out);
    return true;
}

static bool say_typing(const struct event *event, struct buf *out)
{
    vocabulary_open(out, event->typing.is_typing ? "typing:start" : "typing:stop");
    projects_write_place(out, event->type, event->entity_id);
    if (!event->type)
        json_member_string(out, "room", event->room);
    json_member_string(out, "userId", event->user_id);
    json_member_string(out, "username", event->username);
    json_member_string(out, "field", event->typing.field);
    vocabulary_shut(out);
    return true;
}

/* ---- capacity ----------------------------------------------------------------------------------------------------- */

/* A field's value, if it is there and may be seen. */
static yyjson_val *value_of(const struct type *type, yyjson_val *state, const char *name, uint64_t mask)
{
    const struct field *field = type_field(type, span_from_str(name));
    return field && (mask >> field->index & 1) ? json_get(state, name) : NULL;
}

static void write_value(struct buf *out, const char *key, yyjson_val *value)
{
    json_append_key(out, key);
    if (value)
        json_append_value(out, value);
    else
        BUF_APPEND_LITERAL(out, "null");
}

void projects_write_capacity(struct buf *out, const struct type *type, struct span employee_id, struct span state,
                             uint64_t mask)
{
    struct json json = {0};
    (void)!json_parse(&json, state, &json_limits_kept); /* what is not there is null */
    yyjson_val *hours = value_of(type, json.root, "hours", mask),
               *capacity = value_of(type, json.root, "capacity", mask);
    write_value(out, "division", value_of(type, json.root, "division", mask));
    json_member_string(out, "employeeId", employee_id);
    json_append_key(out, "newUtilization");
    if (yyjson_is_num(hours) && yyjson_get_num(capacity) > 0)
        json_append_number(out, round(yyjson_get_num(hours) * 100 / yyjson_get_num(capacity)));
    else
        BUF_APPEND_LITERAL(out, "null");
    write_value(out, "hours", hours);
    write_value(out, "capacity", capacity);
    json_deinit(&json);
}

/* Which changes of an employee are changes of who can do how much where. */
static bool is_about_capacity(const struct event *event, uint64_t mask)
{
    static const char *const fields[] = {"hours", "capacity", "division", "crew", "project", "status"};
    const struct change *change = event->change.change;
    for (uint32_t i = 0; i < change->op_count; i++) {
        const struct op *op = &change->ops[i];
        for (size_t j = 0; op->path.depth > 0 && j < sizeof fields / sizeof *fields; j++)
            if (span_equal(op->path.steps[0], span_from_str(fields[j])) && op_is_readable(event->type, op, mask))
                return true;
    }
    return change->kind == CHANGE_DELETE;
}

static void write_author(struct buf *out, const struct event *event)
{
    json_member_string(out, "updatedBy", event->user_id);
    json_member_string(out, "username", event->username);
    if (event->change.change->version)
        json_member_u64(out, "version", event->change.change->version);
    json_member_time(out, "timestamp", event->time_ms);
}

static bool say_capacity(const struct event *event, uint64_t mask, struct buf *out)
{
    if (!is_about_capacity(event, mask))
        return false;
    vocabulary_open(out, "capacity:updated");
    projects_write_capacity(out, event->type, event->entity_id, event->change.context, mask);
    if (event->change.change->kind == CHANGE_DELETE)
        json_member_bool(out, "deleted", true);
    write_author(out, event);
    vocabulary_shut(out);
    return true;
}

/* ---- records ------------------------------------------------------------------------------------------------------ */

static void write_field(struct buf *out, const struct op *op)
{
    struct buf path = BUF_EMPTY;
    vocabulary_path(&path, op);
    json_member_string(out, "field", buf_span(&path));
    json_member_raw(out, "newValue", op->after);
    buf_deinit(&path);
}

/* The first change in the event itself, and all of them when there are several. */
static bool write_fields(struct buf *out, const struct event *event, uint64_t mask)
{
    const struct change *change = event->change.change;
    const struct op *first = NULL;
    uint32_t shown_count = 0;
    for (uint32_t i = 0; i < change->op_count; i++)
        if (op_is_readable(event->type, &change->ops[i], mask) && shown_count++ == 0)
            first = &change->ops[i];
    if (!first) {
        json_member_raw(out, "field", SPAN("null"));
        json_member_raw(out, "newValue", SPAN("null"));
        return change->op_count == 0;
    }
    write_field(out, first);
    if (shown_count < 2)
        return true;
    json_append_key(out, "changes");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < change->op_count; i++) {
        if (!op_is_readable(event->type, &change->ops[i], mask))
            continue;
        buf_append_str(out, out->data[out->len - 1] == '[' ? "{" : ",{");
        write_field(out, &change->ops[i]);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
    return true;
}

static bool say_record(const struct event *event, const char *name, uint64_t mask, struct buf *out)
{
    const size_t start = out->len;
    vocabulary_open(out, name);
    projects_write_place(out, event->type, event->entity_id);
    if (!write_fields(out, event, mask)) { /* only what he may not see */
        out->len = start;
        return false;
    }
    json_member_string(out, "action", event->change.action);
    write_author(out, event);
    vocabulary_shut(out);
    return true;
}

/* People are told on the employees' channel, wherever they are; projects and divisions in their own rooms. */
static bool say_change(const struct event *event, uint64_t mask, struct buf *out)
{
    bool is_channel = span_equal(event->room, event->type->channel);
    if (is_type(event->type, PROJECTS_EMPLOYEE_TYPE))
        return is_channel && say_capacity(event, mask, out);
    if (is_channel || span_equal(event->room, SPAN(ROOM_RECORDS)))
        return false;
    if (is_type(event->type, PROJECTS_TYPE))
        return say_record(event, "project:updated", mask, out);
    return is_type(event->type, PROJECTS_DIVISION_TYPE) && say_record(event, "division:updated", mask, out);
}

/* An alert is shown in several rooms; here it is told in the alerts' own. */
static bool say_alert(const struct event *event, struct buf *out)
{
    if (!span_equal(event->room, SPAN(ROOM_ALERTS)))
        return false;
    vocabulary_open(out, "alert:new");
    json_member_string(out, "id", event->id);
    json_member_string(out, "entityType", event->type->name);
    json_member_string(out, "entityId", event->entity_id);
    alert_say(out, event);
    json_member_time(out, "timestamp", event->time_ms);
    vocabulary_shut(out);
    return true;
}

/* ---- what is kept for somebody ------------------------------------------------------------------------------------ */

static void write_member(struct buf *out, const char *key, yyjson_val *value)
{
    if (!value)
        return;
    json_append_key(out, key);
    json_append_value(out, value);
}

void projects_write_message(struct buf *out, const struct type *type, struct span entity_id, struct span body)
{
    struct json json = {0};
    (void)!json_parse(&json, body, &json_limits_kept); /* what is not there is not said */
    write_member(out, "id", json_get(json.root, "id"));
    write_member(out, "userId", json_get(json.root, "user_id"));
    write_member(out, "username", json_get(json.root, "username"));
    write_member(out, "to", json_get(json.root, "to_user_id"));
    projects_write_place(out, type, entity_id);
    write_member(out, "text", json_get(json.root, "text"));
    write_member(out, "data", json_get(json.root, "data"));
    write_member(out, "timestamp", json_get(json.root, "created_at"));
    json_deinit(&json);
}

static bool is_own_room(const struct event *event)
{
    return span_starts_with(event->room, SPAN(ROOM_OF_USER));
}

static bool say_text(const struct event *event, struct buf *out)
{
    if (!is_own_room(event) && !is_type(event->type, PROJECTS_TYPE) && !is_type(event->type, PROJECTS_DIVISION_TYPE))
        return false;
    vocabulary_open(out, "message:new");
    projects_write_message(out, event->type, event->entity_id, event->object.body);
    vocabulary_shut(out);
    return true;
}

/* What comes into his inbox, but what he hears of anyhow: alerts in their own room, and messages. */
static bool say_notice(const struct event *event, uint64_t mask, struct buf *out)
{
    const struct object_view view = {OBJECT_CAMEL, event->type, mask};
    struct json json = {0};
    (void)!json_parse(&json, event->object.body, &json_limits_kept);
    struct span type = json_get_text(json.root, "type");
    bool is_news = is_own_room(event) && !span_equal(type, SPAN("alert")) && !span_equal(type, SPAN("message"));
    json_deinit(&json);
    if (!is_news)
        return false;
    vocabulary_open(out, "alert:new");
    object_write_members(out, OBJECT_NOTIFICATION, event->object.body, &view);
    json_member_time(out, "timestamp", event->time_ms);
    vocabulary_shut(out);
    return true;
}

static bool say_object(const struct event *event, uint64_t mask, struct buf *out)
{
    if (event->object.verb != OBJECT_ADD)
        return false;
    if (event->object.kind == OBJECT_MESSAGE)
        return say_text(event, out);
    return event->object.kind == OBJECT_NOTIFICATION && say_notice(event, mask, out);
}

bool projects_say(const struct event *event, uint64_t mask, struct buf *out)
{
    switch (event->kind) {
    case EVENT_USER_JOINED:
    case EVENT_USER_LEFT:
    case EVENT_PRESENCE: return say_presence(event, out);
    case EVENT_TYPING: return say_typing(event, out);
    case EVENT_MESSAGE: vocabulary_say_message(event, own_names, out); return true;
    case EVENT_CHANGE: return say_change(event, mask, out);
    case EVENT_ALERT: return say_alert(event, out);
    case EVENT_OBJECT: return say_object(event, mask, out);
    case EVENT_PRESENCE_REFRESH: /* no words for it */
    case EVENT_CURSOR:
    case EVENT_KIND_COUNT: break;
    }
    return false;
}
