/* The change that settles a conflict: the parked one, or a person's own values. */
#include "collab/type/access.h"
#include "collab/change/reconcile.h"
#include "collab/record/record_settling.h"
#include "collab/change/transform.h"

static bool is_item(const struct path *path)
{
    return path->depth > 0 && path->steps[path->depth - 1].data[0] == '@';
}

/* ---- the parked change -------------------------------------------------------------------------------------------- */

static struct op op_for(struct settling *settling, const struct place *place)
{
    struct op op = {.path = place->path, .value = value_text(settling->making->arena, place->mine)};

    if (op.value.len == 0)
        op.kind = OP_DEL;
    else if (is_item(&place->path) && place->now == NULL)
        op.kind = OP_INS; /* somebody took it away */
    else
        op.kind = OP_SET;
    return op;
}

static const struct place *place_of(const struct settling *settling, const struct path *path)
{
    for (uint32_t i = 0; i < settling->place_count; i++)
        if (!settling->places[i].is_move && path_relation(&settling->places[i].path, path) == RELATION_SAME)
            return &settling->places[i];
    return NULL;
}

/* What the parked change wants besides, where nobody stands against it, brought onto what happened since. */
static bool rebase_rest(struct settling *settling, struct change *rest)
{
    struct making *making = settling->making;
    const struct change *local = &settling->local;
    struct type type = *making->type;
    struct tail_changes since = {0};
    struct reconciled reconciled = {0};
    struct buf after = BUF_EMPTY;
    bool is_complete;

    rest->ops = arena_alloc(making->arena, local->op_count * sizeof(*rest->ops));
    for (uint32_t i = 0; i < local->op_count; i++)
        if (place_of(settling, &local->ops[i].path) == NULL)
            rest->ops[rest->op_count++] = local->ops[i];
    if (rest->op_count == 0)
        return true;
    if (!making_changes_since(making, local->base_version, 0, &since, &is_complete))
        return false;
    type.strategies_allowed |= 1u << STRATEGY_OPERATIONAL_TRANSFORM;
    rest->has_strategy = true;
    rest->strategy = STRATEGY_OPERATIONAL_TRANSFORM;
    rest->base_version = local->base_version;
    reconcile(making->arena,
              &(const struct reconcile_input){&type, buf_span(&making->present->state),
                                              making->hub->limits.record_bytes_max, since.items, since.count,
                                              making->present->version},
              rest, &after, &reconciled);
    buf_deinit(&after);
    if (reconciled.verdict == VERDICT_REJECTED)
        making_refuse(making, reconciled.err, SPAN_EMPTY);
    return reconciled.verdict != VERDICT_REJECTED;
}

bool settling_make_local(struct settling *settling, struct change *change)
{
    struct making *making = settling->making;
    struct change rest = {.kind = CHANGE_UPDATE};

    change->kind = settling->local.kind;
    if (change->kind == CHANGE_DELETE)
        return true;
    if (!rebase_rest(settling, &rest))
        return false;
    change->ops = arena_alloc(making->arena, (rest.op_count + settling->place_count) * sizeof(*change->ops));
    for (uint32_t i = 0; i < rest.op_count; i++)
        change->ops[change->op_count++] = rest.ops[i];
    for (uint32_t i = 0; i < settling->place_count; i++)
        if (!settling->places[i].is_move && settling->places[i].path.depth > 0)
            change->ops[change->op_count++] = op_for(settling, &settling->places[i]);
    return true;
}

/* ---- values of a person --------------------------------------------------------------------------------------------- */

/* Its value for one place, else an object of them by path. */
yyjson_val *settling_merged_value(const struct settling *settling)
{
    yyjson_val *input = settling->input.root;
    yyjson_val *value = json_get2(input, "value", "merged_value");

    if (value == NULL)
        value = json_get(input, "mergedValue");
    return value ? value : json_get(input, "values");
}

static void print_op(struct buf *out, const struct place *place, yyjson_val *value)
{
    struct buf path = BUF_EMPTY;
    const bool is_none = none_if_null(value) == NULL;

    path_append(&path, &place->path);
    buf_append_str(out, out->len > 0 && out->data[out->len - 1] == '}' ? ",{" : "{");
    json_member_string(out, "path", buf_span(&path));
    json_member_string(out, "op",
                       is_none                                       ? SPAN("del")
                       : place->is_move                              ? SPAN("mov")
                       : is_item(&place->path) && place->now == NULL ? SPAN("ins")
                                                                     : SPAN("set"));
    if (!is_none) {
        json_append_key(out, place->is_move ? "pos" : "value");
        json_append_value(out, value);
    }
    buf_append_char(out, '}');
    buf_deinit(&path);
}

/* Values by path; what is not named stays as it is. */
static enum err print_values(struct settling *settling, yyjson_val *values, struct buf *out)
{
    struct making *making = settling->making;
    yyjson_obj_iter iter;
    yyjson_val *key;

    if (!yyjson_is_obj(values))
        return values ? ERR_BAD_FIELD : ERR_MISSING_FIELD;
    yyjson_obj_iter_init(values, &iter);
    while ((key = yyjson_obj_iter_next(&iter))) {
        const struct place *place = NULL;
        struct path path;

        if (path_parse(making->arena, json_text(key), &path) != OK)
            return ERR_BAD_PATH;
        for (uint32_t i = 0; i < settling->place_count; i++)
            if (path_relation(&settling->places[i].path, &path) == RELATION_SAME)
                place = &settling->places[i];
        if (place == NULL)
            return ERR_BAD_FIELD;
        print_op(out, place, yyjson_obj_iter_get_val(key));
    }
    return OK;
}

/* What nobody disputes of the parked change is done, too, whatever becomes of the rest. */
static bool add_rest(struct settling *settling, struct change *change)
{
    struct change rest = {.kind = CHANGE_UPDATE};
    struct op *ops;
    uint32_t count = 0;

    if (!rebase_rest(settling, &rest))
        return false;
    ops = arena_alloc(settling->making->arena, (rest.op_count + change->op_count) * sizeof(*ops));
    for (uint32_t i = 0; i < rest.op_count; i++)
        ops[count++] = rest.ops[i];
    for (uint32_t i = 0; i < change->op_count; i++)
        ops[count++] = change->ops[i];
    change->ops = ops;
    change->op_count = count;
    return true;
}

/* A person's value is checked like any client's. */
bool settling_make_merged(struct settling *settling, struct change *change)
{
    struct making *making = settling->making;
    const struct access *access = making->command->identity->access;
    const uint64_t writable = access_is_admin(access) ? UINT64_MAX : access_writable(access, making->type);
    yyjson_val *values = json_get(settling->input.root, "values");
    struct json json = {0};
    struct buf text = BUF_EMPTY;
    struct span field = SPAN("values");
    enum err err = OK;

    buf_append_str(&text, "{\"ops\":[");
    if (settling->local.kind == CHANGE_DELETE) { /* there is nothing between a record and none */
        field = SPAN("resolution");
        err = ERR_BAD_FIELD;
    } else if (values || settling->place_count != 1) {
        err = print_values(settling, values, &text);
    } else if (settling_merged_value(settling)) {
        print_op(&text, &settling->places[0], settling_merged_value(settling));
    } else {
        field = SPAN("value");
        err = ERR_MISSING_FIELD;
    }
    buf_append_str(&text, "]}");
    if (err == OK && (err = json_parse(&json, arena_copy(making->arena, buf_span(&text)), &json_limits_default)) == OK)
        err = change_from_json(making->arena, making->type, json.root, writable, change, &field);
    if (err != OK)
        making_refuse(making, err, field);
    json_deinit(&json);
    buf_deinit(&text);
    return err == OK && add_rest(settling, change);
}
