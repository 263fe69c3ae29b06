/* The stored form of a change: a JSON object that says only what is not evident.
 *
 *     {"kind":"update","id":"c1","type":"work_order","entity_id":"WO-1001","base_version":3,
 *      "ops":[{"op":"set","path":"/status","value":"open","before":"draft"},
 *             {"op":"inc","path":"/quantity","value":2,"before":5,"after":7}],
 *      "version":4,"user_id":"5","username":"jsmith","time_ms":1771507800123}
 *
 * No "before": there was nothing. No "after": a set's value; else nothing is there, or, with "idle", what was before.
 * No "verdict": applied, by the strategy that its type had. */
#include "collab/change/change_build.h"

#include <assert.h>

/* What was stored was within the limits of changes; these only keep a damaged row from doing harm. The depth has room
 * for the event around it. */
static const struct json_limits stored_limits = {64 * 1024 * 1024, 128, 1024 * 1024};

static const struct span kind_names[] = {SPAN_INIT("create"), SPAN_INIT("update"), SPAN_INIT("delete"),
                                         SPAN_INIT("action")};

static const struct span verdict_names[] = {SPAN_INIT("applied"), SPAN_INIT("merged"), SPAN_INIT("conflict"),
                                            SPAN_INIT("rejected")};

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

static void print_superseded(struct buf *out, const struct change *change)
{
    if (change->superseded_count == 0)
        return;
    json_append_key(out, "superseded");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < change->superseded_count; i++) {
        const struct superseded *lost = &change->superseded[i];

        buf_append_str(out, i > 0 ? ",{" : "{");
        print_path(out, &lost->path);
        raw_if_any(out, "value", lost->value);
        if (lost->by_version != change->version)
            json_member_u64(out, "by", lost->by_version);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

/* How it was brought onto what others did, so far as that was not a matter of course. */
static void print_outcome(struct buf *out, const struct change *change)
{
    if (change->verdict != VERDICT_APPLIED)
        json_member_string(out, "verdict", verdict_names[change->verdict]);
    if (change->verdict != VERDICT_APPLIED || change->has_strategy)
        json_member_string(out, "strategy", span_from_str(strategy_name(change->strategy)));
    print_superseded(out, change);
    number_if_any(out, "stamp", change->stamp);
    member_if_any(out, "source", change->source);
    number_if_any(out, "undo_of", change->undo_of);
    number_if_any(out, "undo_from", change->undo_from);
    number_if_any(out, "restored", change->restored);
    member_if_any(out, "resolves", change->resolves);
    member_if_any(out, "group", change->group);
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
    print_outcome(out, change);
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

/* The index of the member's text among names; `count`: it is none of them. */
static size_t read_name(yyjson_val *object, const char *key, const struct span *names, size_t count)
{
    const struct span name = json_get_text(object, key);
    size_t i = 0;

    while (i < count && !span_equal(names[i], name))
        i++;
    return i;
}

static bool read_kind(yyjson_val *object, enum change_kind *out)
{
    const size_t count = sizeof(kind_names) / sizeof(kind_names[0]);
    const size_t kind = read_name(object, "kind", kind_names, count);

    *out = (enum change_kind)kind;
    return kind < count;
}

static void read_verdict(yyjson_val *object, struct change *change)
{
    const size_t count = sizeof(verdict_names) / sizeof(verdict_names[0]);
    const size_t verdict = read_name(object, "verdict", verdict_names, count);

    change->verdict = verdict < count ? (enum verdict)verdict : VERDICT_APPLIED;
    change->has_strategy = strategy_parse(json_get_text(object, "strategy"), &change->strategy);
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

static enum err read_superseded(struct arena *arena, const struct json *json, struct change *change)
{
    yyjson_val *list = json_get(json->root, "superseded"), *entry;
    yyjson_arr_iter iter;
    enum err err;

    change->superseded = arena_alloc(arena, yyjson_arr_size(list) * sizeof(struct superseded));
    yyjson_arr_iter_init(list, &iter);
    while ((entry = yyjson_arr_iter_next(&iter)) != NULL) {
        struct superseded *lost = &change->superseded[change->superseded_count++];
        yyjson_val *by = json_get(entry, "by");

        if ((err = path_read(arena, json_get_text(entry, "path"), &lost->path)) != OK)
            return err;
        lost->value = slice(json, entry, "value");
        lost->by_version = by ? yyjson_get_uint(by) : change->version;
    }
    return OK;
}

static void read_outcome(struct arena *arena, yyjson_val *root, struct change *change)
{
    read_verdict(root, change);
    change->stamp = read_number(root, "stamp");
    change->source = copy_text(arena, root, "source");
    change->undo_of = read_number(root, "undo_of");
    change->undo_from = read_number(root, "undo_from");
    change->restored = read_number(root, "restored");
    change->resolves = copy_text(arena, root, "resolves");
    change->group = copy_text(arena, root, "group");
}

static enum err read_change(struct arena *arena, const struct json *json, struct change *change)
{
    yyjson_val *root = json->root;
    enum err err;

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
    read_outcome(arena, root, change);
    if ((err = read_superseded(arena, json, change)) != OK)
        return err;
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
