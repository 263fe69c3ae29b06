/* The stored form of a change: a JSON object that says only what is not evident.
 *
 *     {"kind":"update","id":"c1","type":"work_order","entity_id":"WO-1001","base_version":3,
 *      "ops":[{"op":"set","path":"/status","value":"open","before":"draft"},
 *             {"op":"inc","path":"/quantity","value":2,"before":5,"after":7}],
 *      "version":4,"user_id":"5","username":"jsmith","time_ms":1771507800123}
 *
 * No "before": there was nothing. No "after": a set's value; else nothing is there, or, with "idle", what was before.
 */
#include "collab/change_build.h"

#include <assert.h>

/* What was stored was within the limits of changes; these only keep a damaged row from doing harm. The depth has room
 * for the event around it. */
static const struct json_limits stored_limits = {64 * 1024 * 1024, 128, 1024 * 1024};

static const struct span kind_names[] = {SPAN_INIT("create"), SPAN_INIT("update"), SPAN_INIT("delete"),
                                         SPAN_INIT("action")};

/* ---- printing ---- */

static void member_if_any(struct buf *out, const char *key, struct span text)
{
    if (text.len > 0)
        json_member_string(out, key, text);
}

static void raw_if_any(struct buf *out, const char *key, struct span json)
{
    if (json.len > 0)
        json_member_raw(out, key, json);
}

static void number_if_any(struct buf *out, const char *key, uint64_t number)
{
    if (number != 0)
        json_member_u64(out, key, number);
}

static struct span usual_after(const struct op *op)
{
    return op->kind == OP_SET ? op->value : SPAN_EMPTY;
}

static void print_path(struct buf *out, const struct path *path)
{
    struct buf text = BUF_EMPTY;

    path_append(&text, path);
    json_member_string(out, "path", buf_span(&text));
    buf_deinit(&text);
}

static void print_op(struct buf *out, const struct op *op)
{
    buf_append_char(out, '{');
    json_member_string(out, "op", op_name(op->kind));
    print_path(out, &op->path);
    member_if_any(out, "pos", op->pos);
    raw_if_any(out, "value", op->value);
    raw_if_any(out, "before", op->before);
    if (span_equal(op->after, usual_after(op)))
        ;
    else if (span_equal(op->after, op->before))
        json_member_bool(out, "idle", true);
    else
        raw_if_any(out, "after", op->after);
    buf_append_char(out, '}');
}

void change_print(struct buf *out, const struct change *change)
{
    buf_append_char(out, '{');
    json_member_string(out, "kind", kind_names[change->kind]);
    member_if_any(out, "id", change->id);
    json_member_string(out, "type", change->type);
    json_member_string(out, "entity_id", change->entity_id);
    member_if_any(out, "action", change->action);
    number_if_any(out, "base_version", change->base_version);
    if (change->must_match)
        json_member_bool(out, "must_match", true);
    json_append_key(out, "ops");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < change->op_count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        print_op(out, &change->ops[i]);
    }
    buf_append_char(out, ']');
    raw_if_any(out, "metadata", change->metadata);
    number_if_any(out, "version", change->version);
    member_if_any(out, "user_id", change->user_id);
    member_if_any(out, "username", change->username);
    json_member_i64(out, "time_ms", change->time_ms);
    buf_append_char(out, '}');
}

/* ---- reading ---- */

static struct span copy_text(struct arena *arena, yyjson_val *object, const char *key)
{
    return arena_copy(arena, json_get_text(object, key));
}

static struct span slice(const struct json *json, yyjson_val *object, const char *key)
{
    yyjson_val *value = json_get(object, key);

    return value ? json_slice(json, value) : SPAN_EMPTY;
}

static uint64_t read_number(yyjson_val *object, const char *key)
{
    return yyjson_get_uint(json_get(object, key));
}

static bool read_kind(yyjson_val *object, enum change_kind *out)
{
    for (size_t i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++) {
        if (span_equal(kind_names[i], json_get_text(object, "kind"))) {
            *out = (enum change_kind)i;
            return true;
        }
    }
    return false;
}

static enum err read_op(struct arena *arena, const struct json *json, yyjson_val *object, struct op *op)
{
    enum err err;

    if (!op_kind_parse(json_get_text(object, "op"), &op->kind))
        return ERR_BAD_MESSAGE;
    if ((err = path_read(arena, json_get_text(object, "path"), &op->path)) != OK)
        return err;
    op->pos = copy_text(arena, object, "pos");
    op->value = slice(json, object, "value");
    op->before = slice(json, object, "before");
    op->after = slice(json, object, "after");
    if (op->after.len == 0)
        op->after = json_get_bool(object, "idle", false) ? op->before : usual_after(op);
    return OK;
}

static enum err read_ops(struct arena *arena, const struct json *json, struct change *change)
{
    yyjson_val *ops = json_get(json->root, "ops"), *op;
    size_t count = yyjson_arr_size(ops);
    yyjson_arr_iter iter;
    enum err err;

    if (!yyjson_is_arr(ops) || count > CHANGE_OPS_MAX)
        return ERR_BAD_MESSAGE;
    change->ops = arena_alloc(arena, count * sizeof(struct op));
    yyjson_arr_iter_init(ops, &iter);
    while ((op = yyjson_arr_iter_next(&iter)) != NULL)
        if ((err = read_op(arena, json, op, &change->ops[change->op_count++])) != OK)
            return err;
    return OK;
}

static enum err read_change(struct arena *arena, const struct json *json, struct change *change)
{
    yyjson_val *root = json->root;

    if (!yyjson_is_obj(root) || !read_kind(root, &change->kind))
        return ERR_BAD_MESSAGE;
    change->id = copy_text(arena, root, "id");
    change->type = copy_text(arena, root, "type");
    change->entity_id = copy_text(arena, root, "entity_id");
    change->action = copy_text(arena, root, "action");
    change->base_version = read_number(root, "base_version");
    change->must_match = json_get_bool(root, "must_match", false);
    change->metadata = slice(json, root, "metadata");
    change->version = read_number(root, "version");
    change->user_id = copy_text(arena, root, "user_id");
    change->username = copy_text(arena, root, "username");
    (void)json_get_i64(root, "time_ms", &change->time_ms);
    return read_ops(arena, json, change);
}

enum err change_read(struct arena *arena, struct span body, struct change *change)
{
    struct json json;
    enum err err;

    *change = (struct change){0};
    body = arena_copy(arena, body); /* values are slices of it */
    if ((err = json_parse(&json, body, &stored_limits)) != OK)
        return err;
    err = read_change(arena, &json, change);
    json_deinit(&json);
    return err;
}
