/* The stored form of durable events: one JSON object. What all events have is in its member "event"; of a change the
 * object is change_print's with that member added, so history reads the change from the body without knowing of events.
 *
 *     {"event":{"kind":"message","id":"9f..","time":1771507800123,"user":{"id":"5","username":"jsmith",...},
 *               "name":"note","data":{...},"binaries":["base64"]}}
 *     {"id":"c1","ops":[...],...,"event":{"kind":"change",...,"action":"approve","event":"approved","label":"..."}} */
#include "base/base64.h"
#include "collab/event.h"
#include "wire/json.h"

#include <assert.h>

/* What was printed here was within the limits of whoever sent it; these only keep a damaged row from doing harm. */
static const struct json_limits stored_limits = {64 * 1024 * 1024, 128, 1024 * 1024};

static const struct {
    enum event_kind kind;
    struct span name;
} kinds[] = {
    {EVENT_MESSAGE, SPAN_INIT("message")},
    {EVENT_CHANGE, SPAN_INIT("change")},
    {EVENT_ALERT, SPAN_INIT("alert")},
    {EVENT_OBJECT, SPAN_INIT("object")},
};

enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };

/* ---- printing ----------------------------------------------------------------------------------------------------- */

static struct span kind_name(enum event_kind kind)
{
    size_t i = 0;

    while (i < KIND_COUNT && kinds[i].kind != kind)
        i++;
    assert(i < KIND_COUNT); /* nothing else has an offset, so nothing else is stored */
    return kinds[i].name;
}

static void member_if_any(struct buf *out, const char *key, struct span text)
{
    if (text.len > 0)
        json_member_string(out, key, text);
}

static void print_user(struct buf *out, const struct event *event)
{
    if (event->user_id.len == 0)
        return;
    json_append_key(out, "user");
    buf_append_char(out, '{');
    json_member_string(out, "id", event->user_id);
    member_if_any(out, "username", event->username);
    member_if_any(out, "name", event->name);
    member_if_any(out, "color", event->color);
    buf_append_char(out, '}');
}

static void print_message(struct buf *out, const struct event *event)
{
    member_if_any(out, "name", event->message.name);
    if (event->message.data.len > 0)
        json_member_raw(out, "data", event->message.data);
    if (event->message.binary_count == 0)
        return;
    json_append_key(out, "binaries");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < event->message.binary_count; i++) {
        buf_append_str(out, i > 0 ? ",\"" : "\"");
        base64_encode(out, event->message.binaries[i]);
        buf_append_char(out, '"');
    }
    buf_append_char(out, ']');
}

static void print_alert(struct buf *out, const struct event *event)
{
    json_member_string(out, "rule", event->alert.rule);
    json_member_string(out, "priority", event->alert.priority);
    json_member_string(out, "title", event->alert.title);
    json_member_string(out, "message", event->alert.message);
    json_append_key(out, "value");
    json_append_number(out, event->alert.value);
    json_append_key(out, "limit");
    json_append_number(out, event->alert.limit);
}

static void print_object(struct buf *out, const struct event *event)
{
    json_member_string(out, "object", object_kind_name(event->object.kind));
    json_member_u64(out, "verb", event->object.verb);
    json_member_string(out, "object_id", event->object.id);
    json_member_raw(out, "body", event->object.body);
    if (event->object.shown != 0)
        json_member_u64(out, "shown", event->object.shown);
}

static void print_change(struct buf *out, const struct event *event)
{
    json_member_string(out, "action", event->change.action);
    json_member_string(out, "event", event->change.event);
    member_if_any(out, "label", event->change.label);
    if (event->change.context.len > 0)
        json_member_raw(out, "context", event->change.context);
}

static void print_event(struct buf *out, const struct event *event)
{
    buf_append_char(out, '{');
    json_member_string(out, "kind", kind_name(event->kind));
    member_if_any(out, "id", event->id);
    json_member_i64(out, "time", event->time_ms);
    print_user(out, event);
    if (event->type) {
        json_member_string(out, "type", event->type->name);
        json_member_string(out, "entity_id", event->entity_id);
    }
    if (event->kind == EVENT_MESSAGE)
        print_message(out, event);
    else if (event->kind == EVENT_ALERT)
        print_alert(out, event);
    else if (event->kind == EVENT_OBJECT)
        print_object(out, event);
    else
        print_change(out, event);
    buf_append_char(out, '}');
}

void event_print(struct buf *out, const struct event *event)
{
    if (event->kind == EVENT_CHANGE) {
        change_print(out, event->change.change);
        assert(out->len > 0 && out->data[out->len - 1] == '}');
        out->len--; /* open again */
    } else {
        buf_append_char(out, '{');
    }
    json_append_key(out, "event");
    print_event(out, event);
    buf_append_char(out, '}');
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static struct span read_text(struct event *event, yyjson_val *object, const char *key)
{
    struct span text = json_get_text(object, key);

    return text.len > 0 ? arena_copy(&event->arena, text) : SPAN_EMPTY;
}

static double read_number(yyjson_val *object, const char *key)
{
    yyjson_val *value = json_get(object, key);

    return value ? yyjson_get_num(value) : 0;
}

static bool read_kind(yyjson_val *object, enum event_kind *kind)
{
    struct span name = json_get_text(object, "kind");

    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (span_equal(kinds[i].name, name)) {
            *kind = kinds[i].kind;
            return true;
        }
    }
    return false;
}

static enum err read_binaries(struct event *event, yyjson_val *array)
{
    size_t count = yyjson_arr_size(array); /* 0 when there is none */
    struct buf bytes = BUF_EMPTY;
    enum err err = OK;
    yyjson_val *item;
    size_t i, max;

    if (count == 0)
        return OK;
    event->message.binaries = arena_alloc(&event->arena, count * sizeof(struct span));
    event->message.binary_count = (uint32_t)count;
    yyjson_arr_foreach(array, i, max, item)
    {
        buf_reset(&bytes);
        if ((err = base64_decode(&bytes, json_text(item))) != OK)
            break;
        event->message.binaries[i] = arena_copy(&event->arena, buf_span(&bytes));
    }
    buf_deinit(&bytes);
    return err;
}

static enum err read_message(struct event *event, const struct json *json, yyjson_val *object)
{
    yyjson_val *data = json_get(object, "data");

    event->message.name = read_text(event, object, "name");
    if (data)
        event->message.data = json_slice(json, data);
    return read_binaries(event, json_get(object, "binaries"));
}

/* Who an alert is for is asked of the rule as it is now; of a rule that is gone, whoever may read all of the record. */
static void read_audience(struct event *event)
{
    const struct type *type = event->type;

    event->alert.shown = UINT64_MAX;
    for (uint32_t i = 0; type && i < type->alert_count; i++) {
        if (!span_equal(type->alerts[i].name, event->alert.rule))
            continue;
        event->alert.audience = &type->alerts[i].audience;
        event->alert.shown = type->alerts[i].shown;
    }
}

static enum err read_alert(struct event *event, yyjson_val *object)
{
    event->alert.rule = read_text(event, object, "rule");
    event->alert.priority = read_text(event, object, "priority");
    event->alert.title = read_text(event, object, "title");
    event->alert.message = read_text(event, object, "message");
    event->alert.value = read_number(object, "value");
    event->alert.limit = read_number(object, "limit");
    read_audience(event);
    return event->type ? OK : ERR_UNKNOWN_TYPE;
}

static enum err read_object(struct event *event, const struct json *json, yyjson_val *object)
{
    yyjson_val *body = json_get(object, "body");
    uint64_t verb = yyjson_get_uint(json_get(object, "verb"));

    if (!object_kind_parse(json_get_text(object, "object"), &event->object.kind) || verb >= OBJECT_VERB_COUNT ||
        body == NULL)
        return ERR_BAD_MESSAGE;
    event->object.verb = (enum object_verb)verb;
    event->object.id = read_text(event, object, "object_id");
    event->object.body = json_slice(json, body);
    event->object.shown = yyjson_get_uint(json_get(object, "shown"));
    return OK;
}

static enum err read_change(struct event *event, struct span body, const struct json *json, yyjson_val *object)
{
    yyjson_val *context = json_get(object, "context");

    if (context)
        event->change.context = json_slice(json, context);
    event->change.action = read_text(event, object, "action");
    event->change.event = read_text(event, object, "event");
    event->change.label = read_text(event, object, "label");
    event->change.change = arena_alloc(&event->arena, sizeof(struct change));
    return event->type ? change_read(&event->arena, body, event->change.change) : ERR_UNKNOWN_TYPE;
}

static enum err read_event(struct event *event, struct span body, const struct json *json,
                           const struct type_registry *registry)
{
    yyjson_val *object = json_get(json->root, "event");
    yyjson_val *user = json_get(object, "user");

    event->id = read_text(event, object, "id");
    (void)json_get_i64(object, "time", &event->time_ms);
    event->user_id = read_text(event, user, "id");
    event->username = read_text(event, user, "username");
    event->name = read_text(event, user, "name");
    event->color = read_text(event, user, "color");
    event->type = type_find(registry, json_get_text(object, "type"));
    event->entity_id = read_text(event, object, "entity_id");
    if (event->kind == EVENT_MESSAGE)
        return read_message(event, json, object);
    if (event->kind == EVENT_ALERT)
        return read_alert(event, object);
    if (event->kind == EVENT_OBJECT)
        return read_object(event, json, object);
    return read_change(event, body, json, object);
}

/* An event has only the memory that its kind needs. */
#define LARGEST_STORED EVENT_ALERT
#define SIZE_OF(member) sizeof(((struct event *)NULL)->member)
_Static_assert(SIZE_OF(alert) >= SIZE_OF(change) && SIZE_OF(alert) >= SIZE_OF(message) &&
                   SIZE_OF(alert) >= SIZE_OF(object),
               "LARGEST_STORED is not the largest");

enum err event_read(struct span body, struct span room, struct position position, const struct type_registry *registry,
                    struct event **out)
{
    struct event *event = event_new(LARGEST_STORED, room); /* which it is, the body says */
    struct json json = {0};
    enum err err;

    event->position = position;
    body = arena_copy(&event->arena, body); /* what the event's spans point into */
    if ((err = json_parse(&json, body, &stored_limits)) != OK)
        goto done;
    if (!read_kind(json_get(json.root, "event"), &event->kind)) {
        err = ERR_BAD_MESSAGE;
        goto done;
    }
    if ((err = read_event(event, body, &json, registry)) != OK)
        goto done;
    *out = event;
    event = NULL;
done:
    json_deinit(&json);
    event_unref(event);
    return err;
}
