/* Patches and whole records as changes, and the steps that all ways of making a change share. */
#include "collab/change/change_build.h"

#include <string.h>

enum { OPS_FIRST = 4 };

struct change_builder builder_start(struct arena *arena, const struct type *type, uint64_t writable,
                                    struct change *change, enum change_kind kind, struct span *field)
{
    change->kind = kind;
    change->type = arena_copy(arena, type->name);
    change->ops = NULL;
    change->op_count = 0;
    return (struct change_builder){arena, type, writable, change, field, 0, 0};
}

enum err builder_fail(struct change_builder *builder, enum err err, struct span field)
{
    /* The request's memory may be gone before the answer is written. */
    *builder->field = arena_copy(builder->arena, field);
    return err;
}

static size_t op_bytes(const struct op *op)
{
    size_t bytes = op->value.len + op->pos.len;

    for (uint32_t i = 0; i < op->path.depth; i++)
        bytes += op->path.steps[i].len + 1;
    return bytes;
}

enum err builder_add(struct change_builder *builder, const struct op *op)
{
    struct change *change = builder->change;

    builder->bytes += op_bytes(op);
    if (change->op_count == CHANGE_OPS_MAX || builder->bytes > CHANGE_BYTES_MAX)
        return builder_fail(builder, ERR_TOO_LARGE, op->path.steps[0]);
    if (change->op_count == builder->capacity) {
        uint32_t capacity = builder->capacity ? builder->capacity * 2 : OPS_FIRST;
        struct op *ops = arena_alloc(builder->arena, capacity * sizeof(struct op));

        if (change->op_count > 0)
            memcpy(ops, change->ops, change->op_count * sizeof(struct op));
        change->ops = ops;
        builder->capacity = capacity;
    }
    change->ops[change->op_count++] = *op;
    return OK;
}

struct span builder_print(struct change_builder *builder, yyjson_val *value)
{
    struct buf text = BUF_EMPTY;
    struct span copy;

    json_append_value(&text, value);
    copy = arena_copy(builder->arena, buf_span(&text));
    buf_deinit(&text);
    return copy;
}

/* Recursion is bounded by `depth`. */
bool value_is_deeper_than(yyjson_val *value, unsigned depth)
{
    yyjson_obj_iter members;
    yyjson_arr_iter items;
    yyjson_val *inner;

    if (!yyjson_is_ctn(value))
        return false;
    if (depth == 0)
        return true;
    yyjson_obj_iter_init(value, &members);
    while ((inner = yyjson_obj_iter_next(&members)) != NULL)
        if (value_is_deeper_than(yyjson_obj_iter_get_val(inner), depth - 1))
            return true;
    yyjson_arr_iter_init(value, &items);
    while ((inner = yyjson_arr_iter_next(&items)) != NULL)
        if (value_is_deeper_than(inner, depth - 1))
            return true;
    return false;
}

/* ---- whole fields ---- */

static struct op op_on_field(struct change_builder *builder, enum op_kind kind, const struct field *field)
{
    return (struct op){.kind = kind, .path = {1, {arena_copy(builder->arena, field->name)}}};
}

/* The text of a field's new value, if it suits the field. */
static enum err take_value(struct change_builder *builder, const struct field *field, yyjson_val *value,
                           struct span *out)
{
    if (value_is_deeper_than(value, VALUE_DEPTH_MAX - 1))
        return builder_fail(builder, ERR_TOO_DEEP, field->name);
    if (field->kind == FIELD_COLLECTION) {
        if (items_normalize(builder->arena, value, out) != OK)
            return builder_fail(builder, ERR_BAD_FIELD, field->name);
        return OK;
    }
    if (!field_accepts(field, value))
        return builder_fail(builder, ERR_BAD_FIELD, field->name);
    *out = builder_print(builder, value);
    return OK;
}

enum err builder_set_field(struct change_builder *builder, const struct field *field, yyjson_val *value)
{
    bool is_removal = yyjson_is_null(value);
    struct op op = op_on_field(builder, is_removal ? OP_DEL : OP_SET, field);
    enum err err;

    if (is_removal && field->is_required)
        return builder_fail(builder, ERR_MISSING_FIELD, field->name);
    if (!is_removal && (err = take_value(builder, field, value, &op.value)) != OK)
        return err;
    return builder_add(builder, &op);
}

enum err builder_find_field(struct change_builder *builder, struct span name, const struct field **out)
{
    const struct field *field = type_field(builder->type, name);

    if (field == NULL)
        return builder_fail(builder, ERR_UNKNOWN_FIELD, name);
    if (!(builder->writable >> field->index & 1))
        return builder_fail(builder, ERR_FORBIDDEN, name);
    *out = field;
    return OK;
}

/* A record that carries its own id names itself, and nothing else. */
static enum err take_id(struct change_builder *builder, yyjson_val *value)
{
    struct change *change = builder->change;

    if (!yyjson_is_str(value) || !record_id_is_valid(json_text(value)))
        return builder_fail(builder, ERR_BAD_FIELD, SPAN("id"));
    if (change->entity_id.len == 0 && change->kind == CHANGE_CREATE)
        change->entity_id = arena_copy(builder->arena, json_text(value));
    if (!span_equal(change->entity_id, json_text(value)))
        return builder_fail(builder, ERR_BAD_FIELD, SPAN("id"));
    return OK;
}

/* ---- patches ---- */

/* A merge patch goes one level into the objects that the type declares. */
static enum err patch_object(struct change_builder *builder, const struct field *field, yyjson_val *patch)
{
    yyjson_obj_iter members;
    yyjson_val *key;
    enum err err;

    yyjson_obj_iter_init(patch, &members);
    while ((key = yyjson_obj_iter_next(&members)) != NULL) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        struct op op = op_on_field(builder, yyjson_is_null(value) ? OP_DEL : OP_SET, field);
        struct span name = json_text(key);

        if (!path_step_is_valid(name) || name.data[0] == '@')
            return builder_fail(builder, ERR_BAD_FIELD, field->name);
        if (value_is_deeper_than(value, VALUE_DEPTH_MAX - 2))
            return builder_fail(builder, ERR_TOO_DEEP, field->name);
        op.path.steps[op.path.depth++] = arena_copy(builder->arena, name);
        if (op.kind == OP_SET)
            op.value = builder_print(builder, value);
        if ((err = builder_add(builder, &op)) != OK)
            return err;
    }
    return OK;
}

static enum err patch_member(struct change_builder *builder, struct span name, yyjson_val *value)
{
    const struct field *field;
    enum err err;

    if (span_equal(name, SPAN("id")))
        return take_id(builder, value);
    if ((err = builder_find_field(builder, name, &field)) != OK)
        return err;
    if (field->kind == FIELD_OBJECT && yyjson_is_obj(value))
        return patch_object(builder, field, value);
    return builder_set_field(builder, field, value);
}

enum err builder_patch(struct change_builder *builder, yyjson_val *patch)
{
    yyjson_obj_iter members;
    yyjson_val *key;
    enum err err;

    if (!yyjson_is_obj(patch))
        return builder_fail(builder, ERR_BAD_REQUEST, SPAN_EMPTY);
    yyjson_obj_iter_init(patch, &members);
    while ((key = yyjson_obj_iter_next(&members)) != NULL)
        if ((err = patch_member(builder, json_text(key), yyjson_obj_iter_get_val(key))) != OK)
            return err;
    return OK;
}

enum err change_from_patch(struct arena *arena, const struct type *type, yyjson_val *patch, uint64_t writable,
                           struct change *change, struct span *field)
{
    struct change_builder builder = builder_start(arena, type, writable, change, CHANGE_UPDATE, field);

    return builder_patch(&builder, patch);
}

/* ---- whole records ---- */

static enum err check_members(struct change_builder *builder, yyjson_val *record)
{
    yyjson_obj_iter members;
    yyjson_val *key;
    enum err err;

    yyjson_obj_iter_init(record, &members);
    while ((key = yyjson_obj_iter_next(&members)) != NULL) {
        if (type_field(builder->type, json_text(key)))
            continue;
        if (!span_equal(json_text(key), SPAN("id")))
            return builder_fail(builder, ERR_UNKNOWN_FIELD, json_text(key));
        if ((err = take_id(builder, yyjson_obj_iter_get_val(key))) != OK)
            return err;
    }
    return OK;
}

/* What somebody may not write he may still give as it would be without him. */
static enum err record_field(struct change_builder *builder, const struct field *field, yyjson_val *value)
{
    bool is_given = value && !yyjson_is_null(value);

    if (!is_given && field->fallback)
        return builder_set_field(builder, field, field->fallback);
    if (!is_given)
        return field->is_required ? builder_fail(builder, ERR_MISSING_FIELD, field->name) : OK;
    if (!(builder->writable >> field->index & 1) && !(field->fallback && yyjson_equals(value, field->fallback)))
        return builder_fail(builder, ERR_FORBIDDEN, field->name);
    return builder_set_field(builder, field, value);
}

enum err builder_record(struct change_builder *builder, yyjson_val *record)
{
    const struct type *type = builder->type;
    enum err err;

    if (!yyjson_is_obj(record))
        return builder_fail(builder, ERR_BAD_REQUEST, SPAN_EMPTY);
    if ((err = check_members(builder, record)) != OK)
        return err;
    for (uint32_t i = 0; i < type->field_count; i++) {
        const struct field *field = &type->fields[i];

        err = record_field(builder, field, yyjson_obj_getn(record, field->name.data, field->name.len));
        if (err != OK)
            return err;
    }
    return OK;
}

enum err change_from_record(struct arena *arena, const struct type *type, yyjson_val *record, uint64_t writable,
                            struct change *change, struct span *field)
{
    struct change_builder builder = builder_start(arena, type, writable, change, CHANGE_CREATE, field);

    return builder_record(&builder, record);
}
