/* What the inventory vocabulary says: docs/protocol/socketio.md. Pure. */
#include "peer/dialect/dialect_inventory.h"

/* Events of the server's own; a message of that name is no such event. */
static const char *const own_names[] = {"room_joined",       "user_joined",     "user_left", "cursor_updated",
                                        "inventory_changed", "presence_update", NULL};

/* ---- people ------------------------------------------------------------------------------------------------------- */

static void write_who(struct buf *out, struct span user_id, struct span username, struct span color)
{
    json_member_string(out, "user_id", user_id);
    json_member_string(out, "username", username);
    json_member_text(out, "color", color);
}

static void write_place(struct buf *out, struct span cursor, struct span editing_row)
{
    json_member_raw(out, "cursor_position", cursor);
    json_member_text(out, "editing_row", editing_row);
}

/* A connection is named by its session; one's own by the id that one's socket knows itself by. */
static void write_sid(struct buf *out, session_id session, struct span sid)
{
    if (sid.len) {
        json_member_string(out, "sid", sid);
        return;
    }
    json_append_key(out, "sid");
    buf_append_char(out, '"');
    buf_append_hex(out, session);
    buf_append_char(out, '"');
}

static void write_person(struct buf *out, const struct presence *presence, struct span sid)
{
    write_who(out, presence->user_id, presence->username, presence->color);
    write_place(out, presence->cursor, presence->editing_row);
    json_member_string(out, "status", span_from_str(status_name(presence->status)));
    json_member_time(out, "last_seen", presence->last_seen_ms);
    write_sid(out, presence->session, sid);
}

void inventory_write_room(struct buf *out, const struct answer *answer, const struct inventory_asker *asker,
                          bool is_join)
{
    const struct presence *own = NULL;
    json_member_string(out, "room", answer->room);
    json_append_key(out, "users");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < answer->presence_count; i++) {
        const struct presence *presence = &answer->presences[i];
        bool is_own = span_equal(presence->user_id, asker->user_id);
        if (is_own)
            own = presence;
        buf_append_str(out, i ? ",{" : "{");
        write_person(out, presence, is_own ? asker->sid : SPAN_EMPTY);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
    json_member_u64(out, "count", answer->people_count);
    if (!is_join)
        return;
    json_append_key(out, "user");
    buf_append_char(out, '{');
    write_who(out, asker->user_id, asker->username, own ? own->color : SPAN_EMPTY);
    json_member_string(out, "sid", asker->sid);
    buf_append_char(out, '}');
}

static void say_person(const struct event *event, const char *name, struct buf *out)
{
    vocabulary_open(out, name);
    write_person(out, &event->presence, SPAN_EMPTY);
    json_member_string(out, "room", event->room);
    vocabulary_shut(out);
}

/* Somebody on another wire said with his presence what is said here with the cursor. */
static void say_moved(const struct event *event, struct buf *out)
{
    vocabulary_open(out, "cursor_updated");
    write_who(out, event->presence.user_id, event->presence.username, event->presence.color);
    write_place(out, event->presence.cursor, event->presence.editing_row);
    json_member_string(out, "room", event->room);
    vocabulary_shut(out);
}

static void say_cursor(const struct event *event, struct buf *out)
{
    vocabulary_open(out, "cursor_updated");
    write_who(out, event->user_id, event->username, event->color);
    write_place(out, event->cursor.data, event->cursor.editing_row);
    json_member_string(out, "room", event->room);
    vocabulary_shut(out);
}

/* ---- changes ------------------------------------------------------------------------------------------------------ */

struct details { /* what the client that made the change said beside it: change->metadata */
    struct json json;
    struct span update_type;
    yyjson_val *old_value; /* of a record that nobody stores */
};

static struct span update_type(const struct event *event)
{
    switch (event->change.change->kind) {
    case CHANGE_CREATE: return SPAN("create");
    case CHANGE_DELETE: return SPAN("delete");
    case CHANGE_ACTION: return event->change.action;
    case CHANGE_UPDATE: break;
    }
    return SPAN("edit");
}

static void details_init(struct details *details, const struct event *event)
{
    const struct span metadata = event->change.change->metadata;
    *details = (struct details){.update_type = update_type(event)};
    if (metadata.len == 0 || json_parse(&details->json, metadata, &json_limits_default) != OK)
        return;
    yyjson_val *said = json_get(details->json.root, "update_type");
    if (json_text(said).len && event->change.change->kind == CHANGE_UPDATE)
        details->update_type = json_text(said);
    details->old_value = json_get(details->json.root, "old_value");
}

static void write_field(struct buf *out, const struct op *op, const struct details *details)
{
    struct buf path = BUF_EMPTY;
    vocabulary_path(&path, op);
    json_member_string(out, "field", buf_span(&path));
    json_append_key(out, "old_value");
    if (op->before.len == 0 && details->old_value)
        json_append_value(out, details->old_value);
    else
        buf_append_span(out, op->before.len ? op->before : SPAN("null"));
    json_member_raw(out, "new_value", op->after);
    buf_deinit(&path);
}

/* The first change in the event itself, and all of them when there are several. */
static void write_fields(struct buf *out, const struct event *event, uint64_t mask, const struct op *first,
                         uint32_t shown_count, const struct details *details)
{
    const struct change *change = event->change.change;
    if (first) {
        write_field(out, first, details);
    } else {
        json_member_raw(out, "field", SPAN("null"));
        json_member_raw(out, "old_value", SPAN("null"));
        json_member_raw(out, "new_value", SPAN("null"));
    }
    if (shown_count < 2)
        return;
    json_append_key(out, "changes");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < change->op_count; i++) {
        if (!op_is_readable(event->type, &change->ops[i], mask))
            continue;
        buf_append_str(out, out->data[out->len - 1] == '[' ? "{" : ",{");
        write_field(out, &change->ops[i], details);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

/* Heard on the type's channel: whoever is in a record's room, too, would hear it twice. */
static bool say_change(const struct event *event, uint64_t mask, struct buf *out)
{
    const struct change *change = event->change.change;
    const struct op *first = NULL;
    uint32_t shown_count = 0;
    struct details details;
    if (!span_equal(event->type->name, SPAN(INVENTORY_TYPE)) || !span_equal(event->room, event->type->channel))
        return false;
    for (uint32_t i = 0; i < change->op_count; i++) {
        if (!op_is_readable(event->type, &change->ops[i], mask))
            continue;
        if (shown_count++ == 0)
            first = &change->ops[i];
    }
    if (change->op_count > 0 && shown_count == 0)
        return false;
    details_init(&details, event);
    vocabulary_open(out, "inventory_changed");
    write_who(out, event->user_id, event->username, event->color);
    json_member_string(out, "update_type", details.update_type);
    json_member_string(out, "sku", event->entity_id);
    write_fields(out, event, mask, first, shown_count, &details);
    json_member_time(out, "timestamp", event->time_ms);
    if (change->version)
        json_member_u64(out, "version", change->version);
    vocabulary_shut(out);
    json_deinit(&details.json);
    return true;
}

/* ---- messages ----------------------------------------------------------------------------------------------------- */

static void copy_member(struct buf *out, yyjson_val *data, const char *key)
{
    yyjson_val *value = json_get(data, key);
    json_append_key(out, key);
    if (value)
        json_append_value(out, value);
    else
        BUF_APPEND_LITERAL(out, "null");
}

/* A change that is stored nowhere: announced by a program, or by somebody on another wire. Who did it is what the server knows, not what the data says. */
static void say_announcement(const struct event *event, struct buf *out)
{
    struct json data = {0};
    (void)!json_parse(&data, event->message.data, &json_limits_default); /* what is no JSON has no members */
    vocabulary_open(out, "inventory_changed");
    write_who(out, event->user_id, event->username, event->color);
    copy_member(out, data.root, "update_type");
    copy_member(out, data.root, "sku");
    copy_member(out, data.root, "field");
    copy_member(out, data.root, "old_value");
    copy_member(out, data.root, "new_value");
    json_member_time(out, "timestamp", event->time_ms);
    vocabulary_shut(out);
    json_deinit(&data);
}

bool inventory_say(const struct event *event, uint64_t mask, struct buf *out)
{
    if (span_equal(event->room, SPAN(ROOM_PRESENCE))) /* he is seen there, and hears of rooms in the rooms */
        return false;
    switch (event->kind) {
    case EVENT_USER_JOINED: say_person(event, "user_joined", out); return true;
    case EVENT_USER_LEFT: say_person(event, "user_left", out); return true;
    case EVENT_PRESENCE: say_moved(event, out); return true;
    case EVENT_CURSOR: say_cursor(event, out); return true;
    case EVENT_MESSAGE:
        if (span_equal(event->message.name, SPAN("inventory_changed")))
            say_announcement(event, out);
        else
            vocabulary_say_message(event, own_names, out);
        return true;
    case EVENT_CHANGE: return say_change(event, mask, out);
    case EVENT_PRESENCE_REFRESH: /* no words for it */
    case EVENT_TYPING:
    case EVENT_ALERT:
    case EVENT_OBJECT:
    case EVENT_KIND_COUNT: break;
    }
    return false;
}
