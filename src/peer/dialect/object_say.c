#include "peer/dialect/object_say.h"

#include "peer/dialect/dialogue.h"

#define NAME_BYTES_MAX 64
#define INPUT_MEMBERS_MAX 64 /* none of our inputs has half as many */

/* Whose values are users' own, or have keys that are. */
static const char *const opaque_names[] = {"value", "values", "base",     "mine",         "theirs",  "before", "after",
                                           "data",  "input",  "metadata", "merged_value", "actions", NULL};
static const char *const id_names[] = {"user_id",    "locked_by",    "assigned_to", "resolved_by", "assigned_by",
                                       "to_user_id", "from_user_id", "mentions",    NULL};

static bool is_one_of(struct span name, const char *const *names)
{
    for (; *names; names++)
        if (span_equal(name, span_from_str(*names)))
            return true;
    return false;
}

/* ---- names -------------------------------------------------------------------------------------------------------- */

static void append_camel(struct buf *out, struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        char next = i + 1 < name.len ? name.data[i + 1] : '_';
        if (name.data[i] == '_' && next >= 'a' && next <= 'z') {
            buf_append_char(out, (char)(next - 'a' + 'A'));
            i++;
        } else {
            buf_append_char(out, name.data[i]);
        }
    }
}

static void append_snake(struct buf *out, struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        char byte = name.data[i];
        if (byte >= 'A' && byte <= 'Z') {
            buf_append_char(out, '_');
            byte = (char)(byte - 'A' + 'a');
        }
        buf_append_char(out, byte);
    }
}

static void separate(struct buf *out)
{
    if (out->len > 0 && out->data[out->len - 1] != '{' && out->data[out->len - 1] != '[')
        buf_append_char(out, ',');
}

void object_append_key(struct buf *out, struct span name, enum object_style style)
{
    separate(out);
    buf_append_char(out, '"');
    if (style == OBJECT_CAMEL)
        append_camel(out, name);
    else
        buf_append_span(out, name);
    BUF_APPEND_LITERAL(out, "\":");
}

/* ---- values ------------------------------------------------------------------------------------------------------- */

struct saying {
    struct buf *out;
    const struct json *json;
    const struct object_view *view;
    enum object_style style;
};

static void write_as_it_is(const struct saying *saying, yyjson_val *value)
{
    buf_append_span(saying->out, json_slice(saying->json, value));
}

static void write_value(const struct saying *saying, yyjson_val *value);

static void write_id(const struct saying *saying, yyjson_val *value)
{
    struct buf text = BUF_EMPTY;
    if (!yyjson_is_str(value) || saying->style == OBJECT_CAMEL) {
        write_as_it_is(saying, value);
        return;
    }
    buf_append_char(&text, '{');
    json_member_id(&text, "", json_text(value));
    buf_append_span(saying->out, span_slice(buf_span(&text), sizeof "{\"\":" - 1, text.len));
    buf_deinit(&text);
}

/* One of them or a list. */
static void write_ids(const struct saying *saying, yyjson_val *value)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    yyjson_val *id;
    if (!yyjson_is_arr(value)) {
        write_id(saying, value);
        return;
    }
    buf_append_char(saying->out, '[');
    while ((id = yyjson_arr_iter_next(&iter))) {
        separate(saying->out);
        write_id(saying, id);
    }
    buf_append_char(saying->out, ']');
}

/* {"emoji": [who, ...]} */
static void write_reactions(const struct saying *saying, yyjson_val *reactions)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(reactions);
    yyjson_val *emoji;
    buf_append_char(saying->out, '{');
    while ((emoji = yyjson_obj_iter_next(&iter))) {
        separate(saying->out);
        write_as_it_is(saying, emoji);
        buf_append_char(saying->out, ':');
        write_ids(saying, yyjson_obj_iter_get_val(emoji));
    }
    buf_append_char(saying->out, '}');
}

/* {"a type of the application's": {...}} */
static void write_types(const struct saying *saying, yyjson_val *types)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(types);
    yyjson_val *name;
    buf_append_char(saying->out, '{');
    while ((name = yyjson_obj_iter_next(&iter))) {
        separate(saying->out);
        write_as_it_is(saying, name);
        buf_append_char(saying->out, ':');
        write_value(saying, yyjson_obj_iter_get_val(name));
    }
    buf_append_char(saying->out, '}');
}

/* What people call the record is a field's value, too. */
static bool is_hidden(const struct object_view *view, struct span name)
{
    const struct field *label = NULL;
    if (view->type && span_equal(name, SPAN("entity_name")))
        label = type_field(view->type, view->type->label);
    return label && !(view->mask >> label->index & 1);
}

static void write_member(const struct saying *saying, struct span name, yyjson_val *value)
{
    object_append_key(saying->out, name, saying->style);
    if (is_hidden(saying->view, name))
        BUF_APPEND_LITERAL(saying->out, "null");
    else if (is_one_of(name, opaque_names))
        write_as_it_is(saying, value);
    else if (is_one_of(name, id_names))
        write_ids(saying, value);
    else if (span_equal(name, SPAN("reactions")) && yyjson_is_obj(value))
        write_reactions(saying, value);
    else if (span_equal(name, SPAN("types")) && yyjson_is_obj(value))
        write_types(saying, value);
    else
        write_value(saying, value);
}

static void write_object(const struct saying *saying, yyjson_val *object)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    yyjson_val *key;
    buf_append_char(saying->out, '{');
    while ((key = yyjson_obj_iter_next(&iter)))
        write_member(saying, json_text(key), yyjson_obj_iter_get_val(key));
    buf_append_char(saying->out, '}');
}

/* As deep as our own members go, which is as deep as json_limits_kept lets any of them be. */
static void write_value(const struct saying *saying, yyjson_val *value)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    yyjson_val *item;
    if (yyjson_is_obj(value)) {
        write_object(saying, value);
    } else if (yyjson_is_arr(value)) {
        buf_append_char(saying->out, '[');
        while ((item = yyjson_arr_iter_next(&iter))) {
            separate(saying->out);
            write_value(saying, item);
        }
        buf_append_char(saying->out, ']');
    } else {
        write_as_it_is(saying, value);
    }
}

/* ---- conflicts ---------------------------------------------------------------------------------------------------- */

static void member_text(const struct saying *saying, struct span name, struct span text)
{
    object_append_key(saying->out, name, saying->style);
    json_append_string(saying->out, text);
}

static void member_user(const struct saying *saying, struct span user_id)
{
    if (saying->style == OBJECT_CAMEL)
        json_member_string(saying->out, "userId", user_id);
    else
        json_member_id(saying->out, "user_id", user_id);
}

/* A change as it was kept (change_print), as a Change. */
static void write_change(const struct saying *saying, yyjson_val *kept, bool is_resolved)
{
    struct buf *out = saying->out;
    struct arena arena;
    struct change change;
    arena_init(&arena, 1024);
    if (change_read(&arena, json_slice(saying->json, kept), &change) != OK) {
        BUF_APPEND_LITERAL(out, "null");
        goto done;
    }
    buf_append_char(out, '{');
    json_member_string(out, "id", change.id);
    member_text(saying, SPAN("entity_type"), change.type);
    member_text(saying, SPAN("entity_id"), change.entity_id);
    json_member_string(out, "action", change.action.len ? change.action : change_word(change.kind));
    ops_write(out, saying->view->type, &change, saying->view->type ? saying->view->mask : UINT64_MAX);
    json_member_u64(out, "version", change.version ? change.version : change.base_version);
    member_user(saying, change.user_id);
    json_member_string(out, "username", change.username);
    json_member_time(out, "timestamp", change.time_ms);
    json_member_bool(out, "resolved", is_resolved);
    if (change.metadata.len)
        json_member_raw(out, "metadata", change.metadata);
    buf_append_char(out, '}');
done:
    arena_deinit(&arena);
}

static void write_remote(const struct saying *saying, yyjson_val *changes)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(changes);
    yyjson_val *kept;
    if (yyjson_arr_size(changes) > 0) {
        object_append_key(saying->out, SPAN("remote_change"), saying->style);
        write_change(saying, yyjson_arr_get_last(changes), true);
    }
    object_append_key(saying->out, SPAN("remote_changes"), saying->style);
    buf_append_char(saying->out, '[');
    while ((kept = yyjson_arr_iter_next(&iter))) {
        separate(saying->out);
        write_change(saying, kept, true);
    }
    buf_append_char(saying->out, ']');
}

/* A place is a field or something inside: what it tells is its own. Where it is the whole record (it was taken away while somebody
 * wrote to it) its values are records. */
static void write_place(const struct saying *saying, yyjson_val *place)
{
    const struct object_view *view = saying->view;
    yyjson_obj_iter iter = yyjson_obj_iter_with(place);
    yyjson_val *key;
    const bool is_whole = view->type && json_get_text(place, "path").len == 0;
    buf_append_char(saying->out, '{');
    while ((key = yyjson_obj_iter_next(&iter))) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (is_whole && yyjson_is_obj(value)) {
            object_append_key(saying->out, json_text(key), saying->style);
            state_write(saying->out, view->type, json_slice(saying->json, value), view->mask);
        } else {
            write_member(saying, json_text(key), value);
        }
    }
    buf_append_char(saying->out, '}');
}

static void write_places(const struct saying *saying, yyjson_val *places)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(places);
    yyjson_val *place;
    object_append_key(saying->out, SPAN("fields"), saying->style);
    buf_append_char(saying->out, '[');
    while ((place = yyjson_arr_iter_next(&iter))) {
        separate(saying->out);
        write_place(saying, place);
    }
    buf_append_char(saying->out, ']');
}

static bool is_in_state(yyjson_val *body, struct span state)
{
    return span_equal(json_get_text(body, "state"), state);
}

static void write_conflict_member(const struct saying *saying, yyjson_val *body, struct span name, yyjson_val *value)
{
    if (span_equal(name, SPAN("local"))) {
        object_append_key(saying->out, SPAN("local_change"), saying->style);
        write_change(saying, value, is_in_state(body, SPAN("resolved")));
    } else if (span_equal(name, SPAN("remote"))) {
        write_remote(saying, value);
    } else if (span_equal(name, SPAN("fields"))) {
        write_places(saying, value);
    } else {
        write_member(saying, name, value);
    }
}

/* ---- bodies ------------------------------------------------------------------------------------------------------- */

/* What follows from the kind, or from another member. */
static void write_rest(const struct saying *saying, enum object_kind kind, yyjson_val *body)
{
    struct buf *out = saying->out;
    if (kind == OBJECT_LOCK)
        json_member_bool(out, "renewable", true);
    if (kind == OBJECT_CONFLICT)
        member_text(saying, SPAN("resolution_strategy"), SPAN("manual"));
    if (kind == OBJECT_CONFLICT || kind == OBJECT_COMMENT)
        json_member_bool(out, "resolved", is_in_state(body, SPAN("resolved")));
    if (kind == OBJECT_NOTIFICATION && (is_in_state(body, SPAN("read")) || is_in_state(body, SPAN("unread"))))
        json_member_bool(out, "read", is_in_state(body, SPAN("read")));
}

void object_write_members(struct buf *out, enum object_kind kind, struct span body, const struct object_view *view)
{
    struct json json;
    struct saying saying = {out, &json, view, view->style};
    yyjson_val *key;
    if (json_parse(&json, body, &json_limits_kept) != OK)
        return;
    if (yyjson_is_obj(json.root)) {
        yyjson_obj_iter iter = yyjson_obj_iter_with(json.root);
        while ((key = yyjson_obj_iter_next(&iter))) {
            yyjson_val *value = yyjson_obj_iter_get_val(key);
            if (kind == OBJECT_CONFLICT)
                write_conflict_member(&saying, json.root, json_text(key), value);
            else
                write_member(&saying, json_text(key), value);
        }
        write_rest(&saying, kind, json.root);
    }
    json_deinit(&json);
}

void object_write(struct buf *out, enum object_kind kind, struct span body, const struct object_view *view)
{
    if (body.len == 0) {
        BUF_APPEND_LITERAL(out, "null");
        return;
    }
    buf_append_char(out, '{');
    object_write_members(out, kind, body, view);
    buf_append_char(out, '}');
}

/* ---- for whom ---------------------------------------------------------------------------------------------------- */

struct object_view object_view_of(const struct type_registry *registry, const struct access *access, struct span room,
                                  struct span body, enum object_style style)
{
    struct object_view view = {.style = style};
    struct json json = {0};
    if (json_parse(&json, body, &json_limits_kept) == OK)
        view.type = object_type_about(registry, room, json.root);
    if (view.type)
        view.mask = access_readable(access, view.type);
    json_deinit(&json);
    return view;
}

/* ---- input -------------------------------------------------------------------------------------------------------- */

/* Whether one of the members before it has the same name in the other case. */
static bool is_repeated(yyjson_val *object, yyjson_val *until, struct span name)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    yyjson_val *key;
    bool is_found = false;
    while (!is_found && (key = yyjson_obj_iter_next(&iter)) != until) {
        struct buf other = BUF_EMPTY;
        append_snake(&other, json_text(key));
        is_found = span_equal(buf_span(&other), name);
        buf_deinit(&other);
    }
    return is_found;
}

void object_input(struct buf *out, const struct json *json, yyjson_val *object, const char *const *except)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    yyjson_val *key;
    unsigned count = 0;
    buf_append_char(out, '{');
    while ((key = yyjson_obj_iter_next(&iter)) && count++ < INPUT_MEMBERS_MAX) {
        struct buf name = BUF_EMPTY;
        if (json_text(key).len <= NAME_BYTES_MAX) /* no member of ours is longer */
            append_snake(&name, json_text(key));
        if (name.len > 0 && !is_one_of(buf_span(&name), except) && !is_repeated(object, key, buf_span(&name))) {
            separate(out);
            json_append_string(out, buf_span(&name));
            buf_append_char(out, ':');
            buf_append_span(out, json_slice(json, yyjson_obj_iter_get_val(key)));
        }
        buf_deinit(&name);
    }
    buf_append_char(out, '}');
}
