/* What people are told in their inboxes, and how they want to be told. */
#include "collab/keep/notice.h"

#include "base/buf.h"
#include "collab/keep/keep.h"
#include "collab/room/presence.h"
#include "collab/type/access.h"
#include "wire/json.h"

/* ---- what he wants ------------------------------------------------------------------------------------------------ */

static void apply(struct notice_ways *ways, yyjson_val *choice)
{
    ways->is_on = json_get_bool(choice, "on", ways->is_on);
    ways->toast = json_get_bool(choice, "toast", ways->toast);
    ways->badge = json_get_bool(choice, "badge", ways->badge);
    ways->sound = json_get_bool(choice, "sound", ways->sound);
    ways->desktop = json_get_bool(choice, "desktop", ways->desktop);
}

struct notice_ways notice_ways_of(struct span preferences, struct span type, struct span priority)
{
    const bool is_urgent = span_equal(priority, SPAN("urgent"));
    struct notice_ways ways = {.is_on = true, .toast = true, .badge = true, .sound = is_urgent, .desktop = is_urgent};
    struct json json = {0};
    yyjson_val *types;

    if (preferences.len == 0 || json_parse(&json, preferences, &keep_body_limits) != OK)
        return ways;
    types = json_get(json.root, "types");
    apply(&ways, json_get(json.root, "default"));
    apply(&ways, yyjson_obj_getn(types, type.data, type.len));
    json_deinit(&json);
    return ways;
}

/* ---- what it is about --------------------------------------------------------------------------------------------- */

/* Its label, when everybody who may read the record may read that. */
static struct span name_for_all(struct arena *arena, const struct type *type, struct span id, struct span label)
{
    const struct field *field = type_field(type, type->label);

    if (label.len > 0 && field && access_is_open(type, field))
        return label;
    return arena_printf(arena, "%.*s %.*s", SPAN_ARG(type->title), SPAN_ARG(id));
}

struct notice notice_about(struct arena *arena, const struct identity *who, struct span type, const struct type *about,
                           struct span entity_id, struct span state)
{
    struct notice notice = {.type = type,
                            .about = about,
                            .entity_id = entity_id,
                            .from_user_id = who->user_id,
                            .from_username = who->username,
                            .from_name = who->name};

    if (about) {
        notice.entity_name = keep_label(arena, about, state);
        notice.record = name_for_all(arena, about, entity_id, notice.entity_name);
    }
    return notice;
}

struct span notice_data(struct arena *arena, const char *key, struct span id, struct span path)
{
    struct buf text = BUF_EMPTY;
    struct span data;

    buf_append_char(&text, '{');
    json_member_string(&text, key, id);
    if (path.len > 0)
        json_member_string(&text, "path", path);
    buf_append_char(&text, '}');
    data = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    return data;
}

/* ---- the notification --------------------------------------------------------------------------------------------- */

/* An event says it by its bits; in an inbox it stands by name: that is read when the types have changed, maybe. */
static void print_fields(struct buf *out, const struct type *type, uint64_t shown)
{
    if (type == NULL || shown == 0)
        return;
    json_append_key(out, "fields");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (!(shown >> type->fields[i].index & 1))
            continue;
        buf_append_str(out, out->data[out->len - 1] == '[' ? "{\"path\":\"/" : ",{\"path\":\"/");
        buf_append_span(out, type->fields[i].name); /* a word */
        buf_append_str(out, "\"}");
    }
    buf_append_char(out, ']');
}

static void print_ways(struct buf *out, const struct notice_ways *ways)
{
    json_append_key(out, "show");
    buf_append_char(out, '{');
    json_member_bool(out, "toast", ways->toast);
    json_member_bool(out, "badge", ways->badge);
    json_member_bool(out, "sound", ways->sound);
    json_member_bool(out, "desktop", ways->desktop);
    buf_append_char(out, '}');
}

void notice_print(struct buf *out, const struct notice *notice, struct span id, int64_t time_ms, struct span user_id,
                  const struct notice_ways *ways)
{
    const struct object_head head = {OBJECT_NOTIFICATION,
                                     id,
                                     time_ms,
                                     notice->from_user_id,
                                     notice->from_username,
                                     notice->from_name,
                                     notice->about,
                                     notice->entity_id,
                                     notice->entity_name};

    keep_open_body(out, &head);
    json_member_string(out, "type", notice->type);
    json_member_string(out, "priority", notice->priority.len > 0 ? notice->priority : SPAN("normal"));
    json_member_string(out, "title", notice->title);
    json_member_string(out, "message", notice->message);
    print_fields(out, notice->about, notice->shown);
    if (notice->actions.len > 0)
        json_member_raw(out, "actions", notice->actions);
    if (notice->data.len > 0)
        json_member_raw(out, "data", notice->data);
    if (ways) {
        json_member_string(out, "to_user_id", user_id);
        json_member_string(out, "state", SPAN("unread"));
        print_ways(out, ways);
    }
    buf_append_char(out, '}');
}

static void set_from(struct event *event, const struct notice *notice)
{
    struct arena *arena = &event->arena;

    if (notice->from_user_id.len == 0)
        return;
    event->user_id = arena_copy(arena, notice->from_user_id);
    event->username = arena_copy(arena, notice->from_username);
    event->name = arena_copy(arena, notice->from_name);
    event->color = arena_copy(arena, presence_color(NULL, arena, notice->from_user_id));
}

static struct object *add_object(struct hub *hub, struct store_request *request, const struct notice *notice,
                                 struct span user_id, const struct notice_ways *ways)
{
    struct object *object = commit_add_object(request);
    struct arena *arena = &request->arena;
    struct buf body = BUF_EMPTY;

    object->kind = OBJECT_NOTIFICATION;
    object->id = hub_new_event_id(hub, arena);
    object->room = keep_user_room(arena, user_id);
    object->owner = arena_copy(arena, user_id);
    object->state = SPAN("unread");
    object->time_ms = hub->wall_ms;
    object->revision = 1;
    notice_print(&body, notice, object->id, hub->wall_ms, user_id, ways);
    object->body = arena_copy(arena, buf_span(&body));
    buf_deinit(&body);
    return object;
}

bool notice_add(struct hub *hub, struct store_request *request, const struct notice *notice, struct span user_id,
                struct span preferences)
{
    const struct notice_ways ways = notice_ways_of(preferences, notice->type, notice->priority);
    struct commit_event *entry;
    struct object *object;

    if (!ways.is_on || user_id.len == 0 || span_equal(user_id, notice->from_user_id))
        return false;
    object = add_object(hub, request, notice, user_id, &ways);
    entry = keep_add_event(hub, request, NULL, notice->about, notice->entity_id, object, OBJECT_ADD, notice->shown);
    set_from(entry->event, notice);
    commit_show_in(request, entry, object->room);
    keep_print_event(request, entry);
    return true;
}
