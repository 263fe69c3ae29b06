/* What commits say about objects: their events, the members that all bodies have, the names of the rooms in which they are kept. */
#include "collab/keep/keep.h"

#include "base/clock.h"
#include "collab/room/presence.h"
#include "wire/json.h"

enum { EVENT_EXTRA_BYTES = 160 }; /* an id, a colour, what alignment takes */

/* ---- events ------------------------------------------------------------------------------------------------------- */

struct commit_event *keep_add_event(struct hub *hub, struct store_request *request, const struct identity *who,
                                    const struct type *type, struct span entity_id, const struct object *object,
                                    enum object_verb verb, uint64_t shown)
{
    struct commit_event *entry = commit_add_event(request);
    struct event *event = event_new_for(EVENT_OBJECT, SPAN_EMPTY, object->body.len + entity_id.len + EVENT_EXTRA_BYTES);
    struct arena *arena = &event->arena;

    entry->event = event;
    event->time_ms = hub->wall_ms;
    event->id = hub_new_event_id(hub, arena);
    event->type = type;
    event->entity_id = arena_copy(arena, entity_id);
    if (who)
        event_set_user(event, who, presence_color(room_find(hub, object->room), arena, who->user_id));
    event->object.kind = object->kind;
    event->object.verb = verb;
    event->object.id = arena_copy(arena, object->id);
    event->object.body = arena_copy(arena, object->body);
    event->object.shown = shown;
    return entry;
}

void keep_print_event(struct store_request *request, struct commit_event *entry)
{
    struct buf body = BUF_EMPTY;

    event_print(&body, entry->event);
    entry->body = arena_copy(&request->arena, buf_span(&body));
    buf_deinit(&body);
}

/* ---- bodies ------------------------------------------------------------------------------------------------------- */

void keep_member_time(struct buf *out, const char *key, int64_t time_ms)
{
    json_append_key(out, key);
    buf_append_char(out, '"');
    clock_append_iso(out, time_ms);
    buf_append_char(out, '"');
}

static void member_if_any(struct buf *out, const char *key, struct span text)
{
    if (text.len > 0)
        json_member_string(out, key, text);
}

void keep_open_body(struct buf *out, const struct object_head *head)
{
    buf_append_char(out, '{');
    json_member_string(out, "id", head->id);
    json_member_string(out, "kind", object_kind_name(head->kind));
    keep_member_time(out, "created_at", head->time_ms);
    keep_member_time(out, "updated_at", head->time_ms);
    member_if_any(out, "user_id", head->user_id);
    member_if_any(out, "username", head->username);
    member_if_any(out, "name", head->name);
    if (head->type == NULL)
        return;
    json_member_string(out, "entity_type", head->type->name);
    json_member_string(out, "entity_id", head->entity_id);
    member_if_any(out, "entity_name", head->entity_name);
}

struct span keep_label(struct arena *arena, const struct type *type, struct span state)
{
    struct span label = SPAN_EMPTY;
    struct json json = {0};

    if (type->label.len == 0 || state.len == 0 || json_parse(&json, state, &keep_body_limits) != OK)
        return SPAN_EMPTY;
    label = json_text(yyjson_obj_getn(json.root, type->label.data, type->label.len));
    label = arena_copy(arena, label);
    json_deinit(&json);
    return label;
}

/* ---- rooms -------------------------------------------------------------------------------------------------------- */

struct span keep_user_room(struct arena *arena, struct span user_id)
{
    return arena_printf(arena, ROOM_OF_USER "%.*s", SPAN_ARG(user_id));
}
