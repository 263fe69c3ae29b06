/* The change that settles a conflict: the parked one, or a person's own values. */
#include "collab/type/access.h"
#include "collab/change/reconcile.h"
#include "collab/record/record_settling.h"
#include "collab/change/transform.h"

static bool is_item(const struct path *path)
{
    return path->depth > 0 && path->steps[path->depth - 1].data[0] == '@';
}

static struct span path_text(struct arena *arena, const struct path *path)
{
    struct buf text = BUF_EMPTY;
    struct span copy;

    path_append(&text, path);
    copy = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    return copy;
}

/* Somebody took away the item that it is in, or that was to be moved: what is written there would be lost without a word. */
static bool is_out_of_reach(const struct settling *settling, const struct place *place)
{
    struct path around = place->path;

    if (place->is_move && place->now == NULL)
        return true;
    while (around.depth > 1) {
        around.depth--;
        if (is_item(&around) && state_find(settling->state.root, &around) == NULL)
            return true;
    }
    return false;
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

/* What somebody wrote where only a person may decide, after the conflict was opened: he has decided, and it is kept. */
static void keep_theirs(const struct making *making, struct change *rest, const struct reconciled *reconciled)
{
    rest->superseded = arena_alloc(making->arena, reconciled->clash_count * sizeof(*rest->superseded));
    for (uint32_t i = 0; i < reconciled->clash_count; i++) {
        const struct clash *clash = &reconciled->clashes[i];

        if (clash->theirs.len > 0)
            rest->superseded[rest->superseded_count++] =
                (struct superseded){rest->ops[clash->op].path, clash->theirs, making->present->version + 1};
    }
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
              &(const struct reconcile_input){.type = &type,
                                              .state = buf_span(&making->present->state),
                                              .state_bytes_max = making->hub->limits.record_bytes_max,
                                              .since = since.items,
                                              .since_count = since.count,
                                              .present_version = making->present->version},
              rest, &after, &reconciled);
    buf_deinit(&after);
    if (reconciled.verdict == VERDICT_REJECTED)
        making_refuse(making, reconciled.err, SPAN_EMPTY);
    else if (reconciled.verdict == VERDICT_CONFLICT)
        keep_theirs(making, rest, &reconciled);
    return reconciled.verdict != VERDICT_REJECTED;
}

/* What was lost on the way, of either side, is kept with the change that settles it. */
static void keep_lost(struct change *change, const struct change *rest)
{
    change->superseded = rest->superseded;
    change->superseded_count = rest->superseded_count;
}

/* The place where the parked change has a value that cannot be put there; NULL: none. */
static const struct place *find_out_of_reach(const struct settling *settling)
{
    for (uint32_t i = 0; i < settling->place_count; i++)
        if (settling->places[i].mine && is_out_of_reach(settling, &settling->places[i]))
            return &settling->places[i];
    return NULL;
}

bool settling_make_local(struct settling *settling, struct change *change)
{
    const struct place *lost = find_out_of_reach(settling);
    struct making *making = settling->making;
    struct change rest = {.kind = CHANGE_UPDATE};

    change->kind = settling->local.kind;
    if (change->kind == CHANGE_DELETE)
        return true;
    if (lost) {
        making_refuse(making, ERR_NOT_FOUND, path_text(making->arena, &lost->path));
        return false;
    }
    if (!rebase_rest(settling, &rest))
        return false;
    keep_lost(change, &rest);
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

static void append_op(struct buf *out, const struct place *place, struct span path, yyjson_val *value)
{
    const bool is_none = none_if_null(value) == NULL;

    buf_append_str(out, out->len > 0 && out->data[out->len - 1] == '}' ? ",{" : "{");
    json_member_string(out, "path", path);
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
}

/* An error says which place. */
static enum err print_op(const struct settling *settling, struct buf *out, const struct place *place, yyjson_val *value,
                         struct span *field)
{
    const struct span path = path_text(settling->making->arena, &place->path);

    if (none_if_null(value) && is_out_of_reach(settling, place)) {
        *field = path;
        return ERR_NOT_FOUND;
    }
    append_op(out, place, path, value);
    return OK;
}

static uint32_t index_of_place(const struct settling *settling, const struct path *path)
{
    uint32_t i = 0;

    while (i < settling->place_count && path_relation(&settling->places[i].path, path) != RELATION_SAME)
        i++;
    return i;
}

/* Values by path, one for each place: what nobody decided about would be lost. */
static enum err print_values(struct settling *settling, yyjson_val *values, struct buf *out, struct span *field)
{
    struct making *making = settling->making;
    bool *is_named = arena_alloc(making->arena, settling->place_count * sizeof(*is_named));
    yyjson_obj_iter iter;
    yyjson_val *key;
    enum err err;

    if (!yyjson_is_obj(values))
        return values ? ERR_BAD_FIELD : ERR_MISSING_FIELD;
    yyjson_obj_iter_init(values, &iter);
    while ((key = yyjson_obj_iter_next(&iter))) {
        struct path path;
        uint32_t i;

        if (path_parse(making->arena, json_text(key), &path) != OK)
            return ERR_BAD_PATH;
        if ((i = index_of_place(settling, &path)) == settling->place_count)
            return ERR_BAD_FIELD;
        if ((err = print_op(settling, out, &settling->places[i], yyjson_obj_iter_get_val(key), field)) != OK)
            return err;
        is_named[i] = true;
    }
    for (uint32_t i = 0; i < settling->place_count; i++) {
        if (is_named[i])
            continue;
        *field = path_text(making->arena, &settling->places[i].path);
        return ERR_MISSING_FIELD;
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
    keep_lost(change, &rest);
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
        err = print_values(settling, values, &text, &field);
    } else if (settling_merged_value(settling)) {
        err = print_op(settling, &text, &settling->places[0], settling_merged_value(settling), &field);
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
