/* /api/v1/inventory/collaboration: what the inventory grid asks beside its socket: who is there, and "I changed this cell" from
 * programs that have no socket. */
#include "peer/rest/rest.h"

#include "base/limits.h"
#include "collab/type/access.h"

#define ROOM_DEFAULT SPAN("inventory_management")

static enum err room_asked_for(struct request *request, struct span name, struct span *room, struct span *field)
{
    return rest_free_room(request, name.len ? name : ROOM_DEFAULT, room, field);
}

/* ---- who is there ---- */

static void write_person(struct buf *out, const struct presence *presence)
{
    buf_append_char(out, '{');
    json_member_id(out, "user_id", presence->user_id);
    json_member_string(out, "username", presence->username);
    json_member_string(out, "color", presence->color);
    json_member_raw(out, "cursor_position", presence->cursor);
    json_member_text(out, "editing_row", presence->editing_row);
    json_member_time(out, "last_seen", presence->last_seen_ms);
    buf_append_char(out, '}');
}

static void on_looked(struct request *request, const struct answer *answer)
{
    struct buf json = BUF_EMPTY;
    if (answer->err) {
        request_fail(request, answer->err, answer->field, answer->message);
        return;
    }
    buf_append_char(&json, '{');
    json_member_string(&json, "room", answer->room);
    json_append_key(&json, "users");
    buf_append_char(&json, '[');
    for (uint32_t i = 0; i < answer->presence_count; i++) {
        if (i)
            buf_append_char(&json, ',');
        write_person(&json, &answer->presences[i]);
    }
    buf_append_char(&json, ']');
    json_member_u64(&json, "count", answer->people_count);
    buf_append_char(&json, '}');
    request_respond(request, 200, buf_span(&json));
    buf_deinit(&json);
}

static void handle_presence(struct request *request)
{
    struct span name = SPAN_EMPTY, room, field;
    http_query(request->exchange, "room", &name);
    enum err err = room_asked_for(request, name, &room, &field);
    if (err)
        request_fail(request, err, field, SPAN_EMPTY);
    else
        request_send(request, request_command(request, COMMAND_LOOK, room), on_looked);
}

/* ---- announcing a change ---- */

struct announcement {
    struct span sku, field, update_type, room;
    struct span old_value, new_value; /* JSON */
};

static enum err read_text(yyjson_val *body, const char *name, bool is_required, struct span *out, struct span *field)
{
    yyjson_val *value = json_get(body, name);
    *field = span_from_str(name);
    if (!value)
        return is_required ? ERR_MISSING_FIELD : OK;
    *out = json_text(value);
    return yyjson_is_str(value) && out->len > 0 && out->len <= LIMIT_ID_BYTES ? OK : ERR_BAD_FIELD;
}

static enum err read_value(const struct json *body, const char *name, struct span *out, struct span *field)
{
    yyjson_val *value = json_get(body->root, name);
    *field = span_from_str(name);
    *out = value ? json_slice(body, value) : SPAN_EMPTY;
    return out->len <= LIMIT_PUBLISHED_VALUE_BYTES ? OK : ERR_TOO_LARGE;
}

static enum err read_announcement(const struct json *body, struct announcement *out, struct span *field)
{
    enum err err;
    out->update_type = SPAN("edit");
    out->room = SPAN_EMPTY;
    if ((err = read_text(body->root, "sku", true, &out->sku, field)) ||
        (err = read_text(body->root, "field", true, &out->field, field)) ||
        (err = read_text(body->root, "update_type", false, &out->update_type, field)) ||
        (err = read_text(body->root, "room", false, &out->room, field)) ||
        (err = read_value(body, "old_value", &out->old_value, field)) ||
        (err = read_value(body, "new_value", &out->new_value, field)))
        return err;
    *field = SPAN_EMPTY;
    return OK;
}

static struct span print_change(struct request *request, struct arena *arena, const struct announcement *announcement)
{
    struct buf json = BUF_EMPTY;
    buf_append_char(&json, '{');
    json_member_string(&json, "user_id", request->identity->user_id);
    json_member_string(&json, "username", request->identity->username);
    json_member_string(&json, "update_type", announcement->update_type);
    json_member_string(&json, "sku", announcement->sku);
    json_member_string(&json, "field", announcement->field);
    json_member_raw(&json, "old_value", announcement->old_value);
    json_member_raw(&json, "new_value", announcement->new_value);
    json_member_time(&json, "timestamp", request->host->wall_ms);
    buf_append_char(&json, '}');
    struct span copy = arena_copy(arena, buf_span(&json));
    buf_deinit(&json);
    return copy;
}

static void on_announced(struct request *request, const struct answer *answer)
{
    if (answer->err)
        request_fail(request, answer->err, answer->field, answer->message);
    else
        request_respond(request, 200, SPAN("{\"success\":true}"));
}

/* Nothing is stored, but people see it as somebody's work: it takes the right to do that work. */
static bool may_announce(const struct request *request)
{
    const struct type *type = type_find(request->registry, SPAN("inventory"));
    return !type || access_allows(request->identity->access, type, VERB_UPDATE);
}

static enum err announce(struct request *request, const struct json *body, struct span *field)
{
    struct announcement announcement;
    struct span room;
    enum err err = read_announcement(body, &announcement, field);
    if (err || (err = room_asked_for(request, announcement.room, &room, field)))
        return err;
    struct command *command = request_command(request, COMMAND_PUBLISH, room);
    command->publish.as_server = true;
    command->publish.name = SPAN("inventory_changed");
    command->publish.data = print_change(request, &command->arena, &announcement);
    request_send(request, command, on_announced);
    return OK;
}

static void handle_broadcast(struct request *request)
{
    struct json body = {0};
    struct span field = SPAN_EMPTY;
    enum err err = may_announce(request) ? request_json(request, &body) : ERR_FORBIDDEN;
    if (err == OK)
        err = announce(request, &body, &field);
    if (err)
        request_fail(request, err, field, SPAN_EMPTY);
    json_deinit(&body);
}

const struct route routes_inventory[] = {
    {"GET", "/api/v1/inventory/collaboration/presence", NEED_ACTOR, handle_presence, false},
    {"POST", "/api/v1/inventory/collaboration/broadcast-change", NEED_ACTOR, handle_broadcast, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
