/* The operations that lead from one state to another: as small as they can be had by walking over both once. */
#include "collab/change/change_build.h"
#include "base/map.h"
#include "collab/change/undo.h"

struct difference {
    struct arena *arena;
    bool is_coarse; /* whole fields only */
    struct op *ops;
    uint32_t count; /* may go past CHANGE_OPS_MAX; then it is done again, coarsely */
};

/* ---- operations ---- */

static struct span print(struct difference *difference, yyjson_val *value)
{
    struct buf text = BUF_EMPTY;
    struct span copy;

    json_append_value(&text, value);
    copy = arena_copy(difference->arena, buf_span(&text));
    buf_deinit(&text);
    return copy;
}

static struct path step_into(struct difference *difference, const struct path *path, struct span step)
{
    struct path deeper = *path;

    deeper.steps[deeper.depth++] = arena_copy(difference->arena, step);
    return deeper;
}

static struct path item_path(struct difference *difference, const struct path *path, struct span id)
{
    struct path deeper = *path;

    deeper.steps[deeper.depth++] = arena_printf(difference->arena, "@%.*s", SPAN_ARG(id));
    return deeper;
}

static void add(struct difference *difference, enum op_kind kind, const struct path *path, yyjson_val *value,
                struct span pos)
{
    if (difference->count++ >= CHANGE_OPS_MAX)
        return;
    difference->ops[difference->count - 1] = (struct op){.kind = kind,
                                                         .path = *path,
                                                         .value = value ? print(difference, value) : SPAN_EMPTY,
                                                         .pos = arena_copy(difference->arena, pos)};
}

static void add_set_or_del(struct difference *difference, const struct path *path, yyjson_val *from, yyjson_val *to)
{
    if (to)
        add(difference, OP_SET, path, to, SPAN_EMPTY);
    else if (from)
        add(difference, OP_DEL, path, NULL, SPAN_EMPTY);
}

/* ---- objects ---- */

static bool is_order(struct span key)
{
    return span_equal(key, SPAN("id")) || span_equal(key, SPAN("pos"));
}

/* Whether each member can be named by a path. */
static bool has_good_keys(yyjson_val *object)
{
    yyjson_obj_iter members;
    yyjson_val *key;

    yyjson_obj_iter_init(object, &members);
    while ((key = yyjson_obj_iter_next(&members)) != NULL)
        if (!path_step_is_valid(json_text(key)) || json_text(key).data[0] == '@')
            return false;
    return true;
}

static void compare_members(struct difference *difference, const struct path *path, yyjson_val *from, yyjson_val *to,
                            bool is_item)
{
    yyjson_obj_iter members;
    yyjson_val *key;

    yyjson_obj_iter_init(from, &members);
    while ((key = yyjson_obj_iter_next(&members)) != NULL) {
        const struct path member = step_into(difference, path, json_text(key));

        if (!(is_item && is_order(json_text(key))) && !yyjson_obj_getn(to, yyjson_get_str(key), yyjson_get_len(key)))
            add(difference, OP_DEL, &member, NULL, SPAN_EMPTY);
    }
    yyjson_obj_iter_init(to, &members);
    while ((key = yyjson_obj_iter_next(&members)) != NULL) {
        const struct path member = step_into(difference, path, json_text(key));
        yyjson_val *value = yyjson_obj_iter_get_val(key);

        if (!(is_item && is_order(json_text(key))) &&
            !yyjson_equals(yyjson_obj_getn(from, yyjson_get_str(key), yyjson_get_len(key)), value))
            add(difference, OP_SET, &member, value, SPAN_EMPTY);
    }
}

static void compare_objects(struct difference *difference, const struct path *path, yyjson_val *from, yyjson_val *to,
                            bool is_item)
{
    if (has_good_keys(from) && has_good_keys(to))
        compare_members(difference, path, from, to, is_item);
    else if (!yyjson_equals(from, to))
        add(difference, OP_SET, path, to, SPAN_EMPTY);
}

/* ---- collections ---- */

static void gather(struct map *ids, yyjson_val *items)
{
    yyjson_arr_iter iter;
    yyjson_val *item;

    map_init(ids);
    yyjson_arr_iter_init(items, &iter);
    while ((item = yyjson_arr_iter_next(&iter)) != NULL)
        (void)map_put(ids, json_get_text(item, "id"), item);
}

static void compare_item(struct difference *difference, const struct path *path, yyjson_val *from, yyjson_val *to)
{
    const struct span pos = json_get_text(to, "pos");

    if (from == NULL) {
        add(difference, OP_INS, path, to, pos);
        return;
    }
    if (!span_equal(json_get_text(from, "pos"), pos))
        add(difference, OP_MOV, path, NULL, pos);
    compare_objects(difference, path, from, to, true);
}

static void compare_collections(struct difference *difference, const struct path *path, yyjson_val *from,
                                yyjson_val *to)
{
    struct map before, after;
    yyjson_arr_iter items;
    yyjson_val *item;

    gather(&before, from);
    gather(&after, to);
    yyjson_arr_iter_init(from, &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL) {
        const struct path place = item_path(difference, path, json_get_text(item, "id"));

        if (!map_get(&after, json_get_text(item, "id")))
            add(difference, OP_DEL, &place, NULL, SPAN_EMPTY);
    }
    yyjson_arr_iter_init(to, &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL) {
        const struct path place = item_path(difference, path, json_get_text(item, "id"));

        compare_item(difference, &place, map_get(&before, json_get_text(item, "id")), item);
    }
    map_deinit(&before);
    map_deinit(&after);
}

/* ---- fields ---- */

static void compare_field(struct difference *difference, const struct field *field, yyjson_val *from, yyjson_val *to)
{
    const struct path path = {1, {field->name}};
    const bool is_fine = !difference->is_coarse;

    if (from && to && yyjson_equals(from, to))
        return;
    if (is_fine && field->kind == FIELD_OBJECT && yyjson_is_obj(from) && yyjson_is_obj(to))
        compare_objects(difference, &path, from, to, false);
    else if (is_fine && field->kind == FIELD_COLLECTION && yyjson_is_arr(from) && yyjson_is_arr(to))
        compare_collections(difference, &path, from, to);
    else
        add_set_or_del(difference, &path, from, to);
}

static void compare_fields(struct difference *difference, const struct type *type, yyjson_val *from, yyjson_val *to)
{
    difference->count = 0;
    for (uint32_t i = 0; i < type->field_count; i++) {
        const struct span name = type->fields[i].name;

        compare_field(difference, &type->fields[i], yyjson_obj_getn(from, name.data, name.len),
                      yyjson_obj_getn(to, name.data, name.len));
    }
}

enum err change_between(struct arena *arena, const struct type *type, struct span from, struct span to, struct op **ops,
                        uint32_t *count)
{
    struct difference difference = {.arena = arena};
    yyjson_val *before = json_in_arena_read(arena, from), *after = json_in_arena_read(arena, to);

    *count = 0;
    if (!yyjson_is_obj(before) || !yyjson_is_obj(after))
        return ERR_BAD_JSON;
    difference.ops = arena_alloc(arena, CHANGE_OPS_MAX * sizeof(struct op));
    compare_fields(&difference, type, before, after);
    if (difference.count > CHANGE_OPS_MAX) {
        difference.is_coarse = true;
        compare_fields(&difference, type, before, after);
    }
    *ops = difference.ops;
    *count = difference.count;
    return OK;
}
