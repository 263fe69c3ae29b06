#include "collab/change/state.h"

#include "collab/change/change_build.h"
#include "collab/change/transform.h"
#include "collab/change/undo.h"

enum { READING_BLOCK_BYTES = 1024 };

/* ---- looking ---- */

static struct span print(struct arena *arena, yyjson_val *value)
{
    struct buf text = BUF_EMPTY;
    struct span copy = SPAN_EMPTY;

    if (value) {
        json_append_value(&text, value);
        copy = arena_copy(arena, buf_span(&text));
        buf_deinit(&text);
    }
    return copy;
}

static yyjson_val *find_item(yyjson_val *array, struct span id)
{
    yyjson_arr_iter items;
    yyjson_val *item;

    yyjson_arr_iter_init(array, &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL)
        if (span_equal(json_get_text(item, "id"), id))
            return item;
    return NULL;
}

static yyjson_val *find(yyjson_val *value, const struct path *path)
{
    for (uint32_t i = 0; i < path->depth && value; i++) {
        const struct span step = path->steps[i];

        value = step.data[0] == '@' ? find_item(value, span_slice(step, 1, step.len))
                                    : yyjson_obj_getn(value, step.data, step.len);
    }
    return value;
}

struct span state_value(struct arena *arena, struct span state, const struct path *path)
{
    return print(arena, find(json_in_arena_read(arena, state), path));
}

struct span state_at_op_in(struct arena *arena, yyjson_val *state, const struct op *op)
{
    yyjson_val *value = find(state, &op->path);

    return print(arena, op->kind == OP_MOV ? json_get(value, "pos") : value);
}

struct span state_at_op(struct arena *arena, struct span state, const struct op *op)
{
    return state_at_op_in(arena, json_in_arena_read(arena, state), op);
}

static bool is_field_of(struct span name, const struct op *ops, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (span_equal(ops[i].path.steps[0], name))
            return true;
    return false;
}

struct span state_of_fields(struct arena *arena, struct span state, const struct op *ops, uint32_t count)
{
    yyjson_obj_iter fields;
    yyjson_val *key;
    struct buf text = BUF_EMPTY;
    struct span copy;

    buf_append_char(&text, '{');
    yyjson_obj_iter_init(json_in_arena_read(arena, state), &fields);
    while ((key = yyjson_obj_iter_next(&fields)) != NULL) {
        if (!is_field_of(json_text(key), ops, count))
            continue;
        if (text.len > 1)
            buf_append_char(&text, ',');
        json_append_string(&text, json_text(key));
        buf_append_char(&text, ':');
        json_append_value(&text, yyjson_obj_iter_get_val(key));
    }
    buf_append_char(&text, '}');
    copy = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    return copy;
}

/* ---- comparing ---- */

static bool is_nothing(yyjson_val *value)
{
    return value == NULL || yyjson_is_null(value);
}

static size_t count_members(yyjson_val *object, bool is_item)
{
    size_t count = yyjson_obj_size(object);

    if (is_item)
        count -= (size_t)(json_get(object, "id") != NULL) + (size_t)(json_get(object, "pos") != NULL);
    return count;
}

static bool is_same(yyjson_val *a, yyjson_val *b, bool is_item);

static bool has_same_members(yyjson_val *a, yyjson_val *b, bool is_item)
{
    yyjson_obj_iter members;
    yyjson_val *key;

    if (count_members(a, is_item) != count_members(b, is_item))
        return false;
    yyjson_obj_iter_init(a, &members);
    while ((key = yyjson_obj_iter_next(&members)) != NULL) {
        yyjson_val *other = yyjson_obj_getn(b, yyjson_get_str(key), yyjson_get_len(key));

        if (is_item && (yyjson_equals_str(key, "id") || yyjson_equals_str(key, "pos")))
            continue;
        if (other == NULL || !is_same(yyjson_obj_iter_get_val(key), other, false))
            return false;
    }
    return true;
}

static bool has_same_elements(yyjson_val *a, yyjson_val *b)
{
    yyjson_arr_iter one, other;
    yyjson_val *element;

    if (yyjson_arr_size(a) != yyjson_arr_size(b))
        return false;
    yyjson_arr_iter_init(a, &one);
    yyjson_arr_iter_init(b, &other);
    while ((element = yyjson_arr_iter_next(&one)) != NULL)
        if (!is_same(element, yyjson_arr_iter_next(&other), false))
            return false;
    return true;
}

/* Values are not deep: they were refused if they were. */
static bool is_same(yyjson_val *a, yyjson_val *b, bool is_item)
{
    if (is_nothing(a) || is_nothing(b))
        return is_nothing(a) && is_nothing(b);
    if (yyjson_is_num(a) && yyjson_is_num(b))
        return yyjson_is_int(a) && yyjson_is_int(b) ? yyjson_equals(a, b) : yyjson_get_num(a) == yyjson_get_num(b);
    if (yyjson_is_obj(a) && yyjson_is_obj(b))
        return has_same_members(a, b, is_item);
    if (yyjson_is_arr(a) && yyjson_is_arr(b))
        return has_same_elements(a, b);
    return yyjson_equals(a, b);
}

bool value_is_same(struct span a, struct span b, bool is_item)
{
    struct arena reading;
    bool same;

    if (span_equal(a, b))
        return true;
    arena_init(&reading, READING_BLOCK_BYTES);
    same = is_same(json_in_arena_read(&reading, a), json_in_arena_read(&reading, b), is_item);
    arena_deinit(&reading);
    return same;
}

/* ---- going back ---- */

static bool touches(const struct op *op, const struct op *places, uint32_t place_count)
{
    for (uint32_t i = 0; i < place_count; i++)
        if (path_relation(&op->path, &places[i].path) != RELATION_APART)
            return true;
    return false;
}

static uint32_t count_touching(const struct change *const *since, uint32_t since_count, const struct op *places,
                               uint32_t place_count)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < since_count; i++)
        for (uint32_t k = 0; k < since[i]->op_count; k++)
            count += touches(&since[i]->ops[k], places, place_count);
    return count;
}

struct span state_rewind(struct arena *arena, struct span state, const struct change *const *since,
                         uint32_t since_count, const struct op *places, uint32_t place_count)
{
    const uint32_t count = count_touching(since, since_count, places, place_count);
    struct change back = {.ops = arena_alloc(arena, count * sizeof(struct op))};
    struct buf out = BUF_EMPTY;

    for (uint32_t i = since_count; i-- > 0;)
        for (uint32_t k = since[i]->op_count; k-- > 0;)
            if (touches(&since[i]->ops[k], places, place_count) &&
                op_invert(arena, &since[i]->ops[k], &back.ops[back.op_count]))
                back.op_count++;
    if (back.op_count > 0 && change_apply(arena, NULL, state, SIZE_MAX, &back, &out) == OK)
        state = arena_copy(arena, buf_span(&out));
    buf_deinit(&out);
    return state;
}
