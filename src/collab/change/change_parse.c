/* A client's Change object: either a batch under "ops", or one operation in the object itself. */
#include "collab/change/change_build.h"

#include "base/limits.h"
#include "base/utf8.h"

enum { CHANGE_ID_BYTES_MAX = 128, METADATA_BYTES_MAX = LIMIT_METADATA_BYTES, STAMP_COUNTER_MAX = 0xffff };

static struct span copy(struct change_builder *builder, struct span text)
{
    return arena_copy(builder->arena, text);
}

/* ---- what surrounds the operations ---- */

static bool is_change_id(struct span id)
{
    struct span rest = id;
    uint32_t codepoint;

    while (utf8_next(&rest, &codepoint))
        if (utf8_is_control(codepoint))
            return false;
    return id.len > 0 && id.len <= CHANGE_ID_BYTES_MAX;
}

static enum err take_entity(struct change_builder *builder, yyjson_val *object)
{
    yyjson_val *type = json_get2(object, "entityType", "entity_type");
    yyjson_val *id = json_get2(object, "entityId", "entity_id");
    struct change *change = builder->change;

    if (type && type_find(builder->type->registry, json_text(type)) != builder->type)
        return builder_fail(builder, ERR_BAD_FIELD, SPAN("entityType"));
    if (id == NULL)
        return OK;
    if (!record_id_is_valid(json_text(id)))
        return builder_fail(builder, ERR_BAD_FIELD, SPAN("entityId"));
    if (change->entity_id.len == 0)
        change->entity_id = copy(builder, json_text(id));
    return span_equal(change->entity_id, json_text(id)) ? OK : builder_fail(builder, ERR_BAD_FIELD, SPAN("entityId"));
}

static enum err take_version(struct change_builder *builder, yyjson_val *object)
{
    yyjson_val *version = json_get2(object, "baseVersion", "base_version");

    if (version == NULL)
        version = json_get(object, "version");
    if (version == NULL || yyjson_is_null(version))
        return OK;
    if (!yyjson_is_uint(version))
        return builder_fail(builder, yyjson_is_num(version) ? ERR_BAD_VERSION : ERR_BAD_FIELD, SPAN("version"));
    builder->change->base_version = yyjson_get_uint(version);
    return OK;
}

static enum err take_metadata(struct change_builder *builder, yyjson_val *metadata)
{
    struct span text;

    if (metadata == NULL || yyjson_is_null(metadata))
        return OK;
    if (!yyjson_is_obj(metadata))
        return builder_fail(builder, ERR_BAD_FIELD, SPAN("metadata"));
    if (value_is_deeper_than(metadata, VALUE_DEPTH_MAX))
        return builder_fail(builder, ERR_TOO_DEEP, SPAN("metadata"));
    text = builder_print(builder, metadata);
    if (text.len > METADATA_BYTES_MAX)
        return builder_fail(builder, ERR_TOO_LARGE, SPAN("metadata"));
    builder->change->metadata = text;
    return OK;
}

static enum err take_strategy(struct change_builder *builder, yyjson_val *name)
{
    struct change *change = builder->change;

    if (name == NULL || yyjson_is_null(name))
        return OK;
    if (!strategy_parse(json_text(name), &change->strategy))
        return builder_fail(builder, ERR_BAD_FIELD, SPAN("strategy"));
    change->has_strategy = true;
    return OK;
}

/* A number, or its digits, since JavaScript rounds those beyond 2^53. */
static enum err take_fence(struct change_builder *builder, yyjson_val *fence)
{
    uint64_t *out = &builder->change->fence;

    if (fence == NULL || yyjson_is_null(fence) || (yyjson_is_str(fence) && span_parse_u64(json_text(fence), out)))
        return OK;
    if (!yyjson_is_uint(fence))
        return builder_fail(builder, ERR_BAD_FIELD, SPAN("fence"));
    *out = yyjson_get_uint(fence);
    return OK;
}

/* {"ms", "counter"}, or one number: milliseconds, or, when it is more than those can be, both in one. */
static bool read_stamp(yyjson_val *stamp, uint64_t *out)
{
    const bool is_whole = yyjson_is_uint(stamp);
    yyjson_val *ms = is_whole ? stamp : json_get(stamp, "ms");
    yyjson_val *counter = is_whole ? NULL : json_get(stamp, "counter");
    const uint64_t shift = STAMP_COUNTER_MAX + 1;

    if (!yyjson_is_uint(ms) || (counter && !yyjson_is_uint(counter)) || yyjson_get_uint(counter) > STAMP_COUNTER_MAX)
        return false;
    *out = yyjson_get_uint(ms);
    if (*out > UINT64_MAX / shift)
        return is_whole;
    *out = *out * shift + yyjson_get_uint(counter);
    return true;
}

static enum err take_stamp(struct change_builder *builder, yyjson_val *stamp)
{
    if (stamp == NULL || yyjson_is_null(stamp) || read_stamp(stamp, &builder->change->stamp))
        return OK;
    return builder_fail(builder, ERR_BAD_FIELD, SPAN("stamp"));
}

/* A short name that the client chose: of the change, of its tab, of a group of changes. */
static enum err take_name(struct change_builder *builder, yyjson_val *name, struct span member, struct span *out)
{
    if (name == NULL || yyjson_is_null(name))
        return OK;
    if (!is_change_id(json_text(name)))
        return builder_fail(builder, ERR_BAD_FIELD, member);
    *out = copy(builder, json_text(name));
    return OK;
}

static yyjson_val *find_source(yyjson_val *object)
{
    yyjson_val *source = json_get2(object, "source", "src");

    return source ? source : json_get2(object, "clientId", "client_id");
}

static yyjson_val *find_fence(yyjson_val *object)
{
    yyjson_val *fence = json_get(object, "fence");

    if (fence == NULL)
        fence = json_get2(object, "fencingToken", "fencing_token");
    return fence ? fence : json_get2(object, "lockToken", "lock_token");
}

/* How the change is to be brought onto what others did. */
static enum err take_terms(struct change_builder *builder, yyjson_val *object)
{
    struct change *change = builder->change;
    enum err err;

    if ((err = take_strategy(builder, json_get(object, "strategy"))) != OK ||
        (err = take_fence(builder, find_fence(object))) != OK ||
        (err = take_stamp(builder, json_get2(object, "stamp", "hlc"))) != OK ||
        (err = take_name(builder, find_source(object), SPAN("source"), &change->source)) != OK)
        return err;
    return take_name(builder, json_get(object, "group"), SPAN("group"), &change->group);
}

static enum err take_head(struct change_builder *builder, yyjson_val *object)
{
    yyjson_val *must_match = json_get2(object, "mustMatch", "must_match");
    enum err err;

    if ((err = take_name(builder, json_get(object, "id"), SPAN("id"), &builder->change->id)) != OK)
        return err;
    if (must_match) {
        if (!yyjson_is_bool(must_match))
            return builder_fail(builder, ERR_BAD_FIELD, SPAN("mustMatch"));
        builder->change->must_match = yyjson_get_bool(must_match);
    }
    if ((err = take_entity(builder, object)) != OK || (err = take_version(builder, object)) != OK ||
        (err = take_terms(builder, object)) != OK)
        return err;
    return take_metadata(builder, json_get(object, "metadata"));
}

enum err change_head_from_json(struct arena *arena, const struct type *type, yyjson_val *object, struct change *change,
                               struct span *field)
{
    struct change_builder builder = {.arena = arena, .type = type, .change = change, .field = field};

    return yyjson_is_obj(object) ? take_head(&builder, object) : builder_fail(&builder, ERR_BAD_REQUEST, SPAN_EMPTY);
}

/* ---- where an operation works ---- */

static enum err check_rights(struct change_builder *builder, const struct field *field, enum op_kind kind)
{
    /* What nobody may write can still be a precondition, unless it is kept from some. */
    bool is_open = field->is_read_only && field->read.count == 0;

    if (builder->writable >> field->index & 1 || (kind == OP_TEST && is_open))
        return OK;
    return builder_fail(builder, ERR_FORBIDDEN, field->name);
}

/* Registers are replaced whole, so only objects and collections have something inside. An item's id and pos are made
 * and moved by operations of their own. */
static enum err check_shape(struct change_builder *builder, const struct field *field, const struct op *op)
{
    const struct path *path = &op->path;
    bool is_inside = path->depth > 1;
    struct span last = path->steps[path->depth - 1];

    if (is_inside && field->kind != FIELD_OBJECT && field->kind != FIELD_COLLECTION)
        return builder_fail(builder, ERR_BAD_PATH, field->name);
    if (is_inside && (path->steps[1].data[0] == '@') != (field->kind == FIELD_COLLECTION))
        return builder_fail(builder, ERR_BAD_PATH, field->name);
    if (path->depth > 2 && path->steps[path->depth - 2].data[0] == '@' && op->kind != OP_TEST &&
        (span_equal(last, SPAN("id")) || span_equal(last, SPAN("pos"))))
        return builder_fail(builder, ERR_BAD_PATH, field->name);
    if ((op->kind == OP_INS || op->kind == OP_MOV) && !path_is_item(path))
        return builder_fail(builder, ERR_BAD_PATH, field->name);
    return OK;
}

/* "coll" and "id", or "path" alone. An insert at a collection names the new item in its value. */
static enum err take_path(struct change_builder *builder, yyjson_val *object, yyjson_val *value, struct op *op)
{
    yyjson_val *coll = json_get(object, "coll"), *place = coll ? coll : json_get(object, "path");
    yyjson_val *id = coll ? json_get(object, "id") : NULL;
    struct span text = json_text(place);
    const struct field *field;
    enum err err;

    if (place == NULL || yyjson_is_null(place))
        return builder_fail(builder, ERR_MISSING_FIELD, SPAN("path"));
    if ((err = path_parse(builder->arena, text, &op->path)) != OK)
        return builder_fail(builder, err, SPAN("path"));
    field = type_field(builder->type, op->path.steps[0]);
    if (field == NULL)
        return builder_fail(builder, ERR_UNKNOWN_FIELD, op->path.steps[0]);
    if (op->kind == OP_INS && coll == NULL && !path_is_item(&op->path)) {
        if (field->kind != FIELD_COLLECTION) {
            op->kind = OP_SET; /* an object's new key */
            return OK;
        }
        id = json_get(value, "id");
    } else if (coll == NULL) {
        return OK;
    }
    if (id == NULL)
        return builder_fail(builder, ERR_MISSING_FIELD, SPAN("id"));
    if (op->path.depth == PATH_DEPTH_MAX || !item_id_is_valid(json_text(id)))
        return builder_fail(builder, ERR_BAD_FIELD, SPAN("id"));
    op->path.steps[op->path.depth++] = arena_printf(builder->arena, "@%.*s", SPAN_ARG(json_text(id)));
    return OK;
}

/* ---- operations ---- */

static enum err add_set(struct change_builder *builder, const struct field *field, struct op *op, yyjson_val *value)
{
    if (value == NULL)
        return builder_fail(builder, ERR_MISSING_FIELD, SPAN("value"));
    if (op->path.depth == 1)
        return builder_set_field(builder, field, value);
    if (path_is_item(&op->path) && !yyjson_is_obj(value))
        return builder_fail(builder, ERR_BAD_FIELD, field->name);
    if (value_is_deeper_than(value, VALUE_DEPTH_MAX - op->path.depth))
        return builder_fail(builder, ERR_TOO_DEEP, field->name);
    op->value = builder_print(builder, value);
    return builder_add(builder, op);
}

static enum err add_del(struct change_builder *builder, const struct field *field, struct op *op)
{
    if (op->path.depth == 1 && field->is_required)
        return builder_fail(builder, ERR_MISSING_FIELD, field->name);
    return builder_add(builder, op);
}

/* "pos", or where a Change has it: in the item, or the value itself. */
static yyjson_val *find_pos(yyjson_val *object, yyjson_val *value)
{
    yyjson_val *pos = json_get2(object, "pos", "position");

    if (pos == NULL)
        pos = yyjson_is_obj(value) ? json_get(value, "pos") : value;
    return pos;
}

static enum err add_ins(struct change_builder *builder, const struct field *field, struct op *op, yyjson_val *object,
                        yyjson_val *value)
{
    yyjson_val *pos = find_pos(object, value);

    if (!yyjson_is_obj(value))
        return builder_fail(builder, ERR_BAD_FIELD, field->name);
    if (value_is_deeper_than(value, VALUE_DEPTH_MAX - op->path.depth))
        return builder_fail(builder, ERR_TOO_DEEP, field->name);
    if (pos && !order_key_is_valid(json_text(pos)))
        return builder_fail(builder, ERR_BAD_FIELD, SPAN("pos"));
    op->pos = copy(builder, json_text(pos));
    op->value = builder_print(builder, value);
    return builder_add(builder, op);
}

static enum err add_mov(struct change_builder *builder, struct op *op, yyjson_val *object, yyjson_val *value)
{
    yyjson_val *pos = find_pos(object, value);

    if (!order_key_is_valid(json_text(pos)))
        return builder_fail(builder, pos ? ERR_BAD_FIELD : ERR_MISSING_FIELD, SPAN("pos"));
    op->pos = copy(builder, json_text(pos));
    return builder_add(builder, op);
}

static enum err add_inc(struct change_builder *builder, const struct field *field, struct op *op, yyjson_val *object,
                        yyjson_val *value)
{
    yyjson_val *amount = json_get2(object, "n", "by");
    bool is_whole = op->path.depth == 1 && field->kind == FIELD_INTEGER;

    if (amount == NULL)
        amount = value;
    if (op->path.depth == 1 && field->kind != FIELD_INTEGER && field->kind != FIELD_NUMBER)
        return builder_fail(builder, ERR_BAD_FIELD, field->name);
    if (is_whole ? !yyjson_is_int(amount) : !yyjson_is_num(amount))
        return builder_fail(builder, amount ? ERR_BAD_FIELD : ERR_MISSING_FIELD, SPAN("n"));
    op->value = builder_print(builder, amount);
    return builder_add(builder, op);
}

static enum err add_txt(struct change_builder *builder, const struct field *field, struct op *op, yyjson_val *value)
{
    struct buf text = BUF_EMPTY;

    if (op->path.depth == 1 && field->kind != FIELD_STRING && field->kind != FIELD_TEXT)
        return builder_fail(builder, ERR_BAD_FIELD, field->name);
    if (!text_edit_is_valid(value))
        return builder_fail(builder, value ? ERR_BAD_FIELD : ERR_MISSING_FIELD, SPAN("value"));
    text_edit_write(&text, value);
    op->value = copy(builder, buf_span(&text));
    buf_deinit(&text);
    return builder_add(builder, op);
}

static enum err add_test(struct change_builder *builder, struct op *op, yyjson_val *value)
{
    if (value)
        op->value = builder_print(builder, value);
    return builder_add(builder, op);
}

/* What the client saw there, for the operation that was added last. null: he saw nothing. */
static enum err take_expected(struct change_builder *builder, yyjson_val *before)
{
    struct change *change = builder->change;

    if (before == NULL)
        return OK;
    if (value_is_deeper_than(before, VALUE_DEPTH_MAX))
        return builder_fail(builder, ERR_TOO_DEEP, SPAN("before"));
    change->ops[change->op_count - 1].expected = builder_print(builder, before);
    return OK;
}

static enum err add_op_of_kind(struct change_builder *builder, const struct field *field, struct op *op,
                               yyjson_val *object, yyjson_val *value)
{
    switch (op->kind) {
    case OP_SET: return add_set(builder, field, op, value);
    case OP_DEL: return add_del(builder, field, op);
    case OP_INS: return add_ins(builder, field, op, object, value);
    case OP_MOV: return add_mov(builder, op, object, value);
    case OP_INC: return add_inc(builder, field, op, object, value);
    case OP_TXT: return add_txt(builder, field, op, value);
    case OP_TEST: return add_test(builder, op, value);
    }
    return ERR_INTERNAL;
}

static enum err add_op(struct change_builder *builder, yyjson_val *object)
{
    yyjson_val *value = json_get2(object, "value", "after");
    struct op op = {0};
    const struct field *field;
    enum err err;

    if (!op_kind_parse(json_get_text2(object, "op", "operation"), &op.kind))
        return builder_fail(builder, ERR_BAD_FIELD, SPAN("operation"));
    if ((err = take_path(builder, object, value, &op)) != OK)
        return err;
    field = type_field(builder->type, op.path.steps[0]);
    if ((err = check_rights(builder, field, op.kind)) != OK || (err = check_shape(builder, field, &op)) != OK ||
        (err = add_op_of_kind(builder, field, &op, object, value)) != OK)
        return err;
    return take_expected(builder, json_get(object, "before"));
}

/* ---- the whole ---- */

static enum err add_batch(struct change_builder *builder, yyjson_val *ops)
{
    yyjson_arr_iter iter;
    yyjson_val *op;
    enum err err;

    if (!yyjson_is_arr(ops) || yyjson_arr_size(ops) == 0)
        return builder_fail(builder, ERR_BAD_FIELD, SPAN("ops"));
    if (yyjson_arr_size(ops) > CHANGE_OPS_MAX)
        return builder_fail(builder, ERR_TOO_LARGE, SPAN("ops"));
    yyjson_arr_iter_init(ops, &iter);
    while ((op = yyjson_arr_iter_next(&iter)) != NULL)
        if ((err = add_op(builder, op)) != OK)
            return err;
    return OK;
}

/* Without a path, or with "/", the operation is on the whole record. */
static enum err add_whole(struct change_builder *builder, yyjson_val *object)
{
    yyjson_val *after = json_get2(object, "after", "value");
    enum op_kind kind;

    if (!op_kind_parse(json_get_text2(object, "operation", "op"), &kind))
        return builder_fail(builder, json_get2(object, "operation", "op") ? ERR_BAD_FIELD : ERR_MISSING_FIELD,
                            SPAN("operation"));
    if (kind == OP_INS && after && !yyjson_is_obj(after))
        return builder_fail(builder, ERR_BAD_FIELD, SPAN("after"));
    if (kind == OP_INS) {
        builder->change->kind = CHANGE_CREATE;
        return after ? builder_record(builder, after) : builder_fail(builder, ERR_MISSING_FIELD, SPAN("after"));
    }
    if (kind == OP_DEL) {
        builder->change->kind = CHANGE_DELETE;
        return OK;
    }
    if (kind == OP_SET && yyjson_is_obj(after))
        return builder_patch(builder, after);
    if (json_get_text(object, "path").len == 0)
        return builder_fail(builder, ERR_MISSING_FIELD, SPAN("path"));
    return kind == OP_SET ? builder_fail(builder, ERR_BAD_FIELD, SPAN("after"))
                          : builder_fail(builder, ERR_BAD_PATH, SPAN("path"));
}

enum err change_from_json(struct arena *arena, const struct type *type, yyjson_val *object, uint64_t writable,
                          struct change *change, struct span *field)
{
    struct change_builder builder = builder_start(arena, type, writable, change, CHANGE_UPDATE, field);
    yyjson_val *ops = json_get(object, "ops"), *path = json_get(object, "path");
    enum err err;

    if (!yyjson_is_obj(object))
        return builder_fail(&builder, ERR_BAD_REQUEST, SPAN_EMPTY);
    if ((err = take_head(&builder, object)) != OK)
        return err;
    if (ops)
        return add_batch(&builder, ops);
    if (path && !yyjson_is_null(path) && !yyjson_is_str(path))
        return builder_fail(&builder, ERR_BAD_FIELD, SPAN("path"));
    if (json_get(object, "coll")) /* its "id" would be the item's and the change's */
        return builder_fail(&builder, ERR_BAD_FIELD, SPAN("coll"));
    if (json_text(path).len > 0 && !span_equal(json_text(path), SPAN("/")))
        return add_op(&builder, object);
    return add_whole(&builder, object);
}
