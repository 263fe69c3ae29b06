#include "peer/dialect/activity_say.h"

#include "collab/hub.h"
#include "peer/dialect/dialogue.h"

bool activity_is_meant(const struct event *event)
{
    return (event->kind == EVENT_CHANGE || event->kind == EVENT_OBJECT) &&
           (span_equal(event->room, SPAN(ROOM_ACTIVITY)) || span_starts_with(event->room, SPAN(ROOM_OF_FEED)));
}

struct span activity_label(const struct event *event, uint64_t mask)
{
    const struct field *field = type_field(event->type, event->type->label);
    return !field || (mask >> field->index & 1) ? event->change.label : event->entity_id;
}

struct telling {
    struct buf *out;
    const struct event *event;
    uint64_t mask;
    enum object_style style;
};

static void write_user(const struct telling *telling)
{
    struct buf *out = telling->out;
    if (telling->style == OBJECT_CAMEL)
        json_member_string(out, "userId", telling->event->user_id);
    else
        json_member_id(out, "user_id", telling->event->user_id);
    json_member_string(out, "username", telling->event->username);
    json_member_string(out, "name", telling->event->name);
}

static void write_entity(const struct telling *telling, struct span name)
{
    const struct event *event = telling->event;
    json_append_key(telling->out, "entity");
    if (!event->type) {
        BUF_APPEND_LITERAL(telling->out, "null");
        return;
    }
    buf_append_char(telling->out, '{');
    json_member_string(telling->out, "type", event->type->name);
    json_member_string(telling->out, "id", event->entity_id);
    json_member_string(telling->out, "name", name.len ? name : event->entity_id);
    buf_append_char(telling->out, '}');
}

/* ---- changes ---- */

/* "status", "phases.@p1.name": a path as people write it. */
static void write_field(struct buf *out, const struct op *op)
{
    struct buf field = BUF_EMPTY;
    for (uint32_t step = 0; step < op->path.depth; step++) {
        if (step)
            buf_append_char(&field, '.');
        buf_append_span(&field, op->path.steps[step]);
    }
    json_member_string(out, "field", buf_span(&field));
    json_member_raw(out, "before", op->before);
    json_member_raw(out, "after", op->after);
    buf_deinit(&field);
}

static void write_changes(const struct telling *telling, const struct change *change)
{
    struct buf *out = telling->out;
    json_append_key(out, "changes");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < change->op_count; i++) {
        if (!op_is_readable(telling->event->type, &change->ops[i], telling->mask))
            continue;
        buf_append_str(out, out->data[out->len - 1] == '[' ? "{" : ",{");
        write_field(out, &change->ops[i]);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

static void write_change(const struct telling *telling)
{
    const struct event *event = telling->event;
    const struct change *change = event->change.change;
    json_member_string(telling->out, "action", event->change.event);
    write_entity(telling, activity_label(event, telling->mask));
    write_changes(telling, change);
    json_member_u64(telling->out, "version", change->version);
    if (change->metadata.len)
        json_member_raw(telling->out, "metadata", change->metadata);
}

/* ---- objects ---- */

static struct span entity_name(const struct telling *telling, yyjson_val *body)
{
    const struct type *type = telling->event->type;
    const struct field *field = type ? type_field(type, type->label) : NULL;
    return !field || (telling->mask >> field->index & 1) ? json_get_text(body, "entity_name") : SPAN_EMPTY;
}

/* An activity of an application's own says itself what it is; of all else the object goes along, under its kind's name. */
static void write_body(const struct telling *telling, const struct json *json)
{
    const struct event *event = telling->event;
    const struct object_view view = {telling->style, event->type, telling->mask};
    yyjson_val *metadata = json_get(json->root, "metadata");
    struct span action = object_activity_name(event->object.kind, event->object.verb);
    if (event->object.kind == OBJECT_ACTIVITY || action.len == 0)
        action = json_get_text(json->root, "action");
    json_member_string(telling->out, "action", action);
    write_entity(telling, entity_name(telling, json->root));
    if (event->object.kind == OBJECT_ACTIVITY) {
        if (metadata)
            json_member_raw(telling->out, "metadata", json_slice(json, metadata));
        return;
    }
    object_append_key(telling->out, object_kind_name(event->object.kind), telling->style);
    object_write(telling->out, event->object.kind, event->object.body, &view);
}

static void write_object(const struct telling *telling)
{
    struct json json = {0};
    if (json_parse(&json, telling->event->object.body, &json_limits_kept) == OK)
        write_body(telling, &json);
    json_deinit(&json);
}

void activity_say(struct buf *out, const struct event *event, uint64_t mask, enum object_style style)
{
    const struct telling telling = {out, event, mask, style};
    buf_append_char(out, '{');
    json_member_string(out, "id", event->id);
    write_user(&telling);
    if (event->kind == EVENT_CHANGE)
        write_change(&telling);
    else
        write_object(&telling);
    json_member_time(out, "timestamp", event->time_ms);
    buf_append_char(out, '}');
}
