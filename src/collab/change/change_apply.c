/* Applying a change to a record's state. The state is parsed into a tree that can be changed, in the arena, and printed
 * again: about two microseconds for a common record, and one way for all operations. */
#include "base/map.h"
#include "collab/change/change_build.h"
#include "collab/change/number.h"

struct application {
    struct arena *arena;
    const struct type *type; /* NULL: a replay */
    yyjson_alc allocator;
    yyjson_mut_doc *doc;
    yyjson_mut_val *root;
};

/* What a path leads to. */
struct place {
    yyjson_mut_val *container; /* an object, or the array of an item; NULL: the way there is missing */
    yyjson_mut_val *value;     /* NULL: not there */
    struct span key;           /* of an object's member */
    bool is_item;
    size_t index; /* of an item */
};

/* ---- texts and trees ---- */

static struct span print(struct application *app, yyjson_mut_val *value)
{
    struct buf text = BUF_EMPTY;
    struct span copy;

    if (value == NULL)
        return SPAN_EMPTY;
    json_append_mut(&text, value);
    copy = arena_copy(app->arena, buf_span(&text));
    buf_deinit(&text);
    return copy;
}

static yyjson_val *parse(struct application *app, struct span text)
{
    return json_in_arena_read(app->arena, text);
}

static yyjson_mut_val *parse_value(struct application *app, struct span text)
{
    return yyjson_val_mut_copy(app->doc, parse(app, text));
}

static yyjson_mut_val *text_value(struct application *app, struct span text)
{
    return yyjson_mut_strn(app->doc, text.len > 0 ? text.data : "", text.len);
}

static struct span text_of(yyjson_mut_val *value)
{
    return yyjson_mut_is_str(value) ? span_of(yyjson_mut_get_str(value), yyjson_mut_get_len(value)) : SPAN_EMPTY;
}

/* ---- finding the place ---- */

static bool is_item_step(struct span step)
{
    return step.data[0] == '@';
}

static yyjson_mut_val *step_into(yyjson_mut_val *container, struct span step, size_t *index)
{
    if (!is_item_step(step))
        return yyjson_mut_obj_getn(container, step.data, step.len);
    if (!yyjson_mut_is_arr(container))
        return NULL;
    return items_find(container, span_slice(step, 1, step.len), index);
}

static void put_member(struct application *app, yyjson_mut_val *object, struct span key, yyjson_mut_val *value)
{
    yyjson_mut_val *name = text_value(app, key);

    if (yyjson_mut_obj_getn(object, key.data, key.len))
        yyjson_mut_obj_replace(object, name, value); /* it keeps its place */
    else
        yyjson_mut_obj_add(object, name, value);
}

/* A field that is an object or a collection is as good as there: it is made when something goes in. */
static yyjson_mut_val *make_field(struct application *app, const struct path *path)
{
    yyjson_mut_val *made = is_item_step(path->steps[1]) ? yyjson_mut_arr(app->doc) : yyjson_mut_obj(app->doc);

    put_member(app, app->root, path->steps[0], made);
    return made;
}

static bool makes_fields(const struct op *op)
{
    return op->kind == OP_SET ? !path_is_item(&op->path) && !is_item_step(op->path.steps[1]) : op->kind == OP_INS;
}

static struct place find_place(struct application *app, const struct op *op)
{
    const struct path *path = &op->path;
    struct place place = {.container = app->root};
    uint32_t last = path->depth - 1;

    for (uint32_t i = 0; i < last && place.container; i++) {
        yyjson_mut_val *next = step_into(place.container, path->steps[i], &place.index);

        if (next == NULL && i == 0 && last == 1 && makes_fields(op))
            next = make_field(app, path);
        place.container = next;
    }
    place.key = path->steps[last];
    place.is_item = is_item_step(place.key);
    if (place.is_item ? !yyjson_mut_is_arr(place.container) : !yyjson_mut_is_obj(place.container))
        place.container = NULL;
    if (place.container)
        place.value = step_into(place.container, place.key, &place.index);
    return place;
}

/* ---- the operations: each gets its place and fills op->before and op->after ---- */

static void replace_item(struct place *place, yyjson_mut_val *item)
{
    yyjson_mut_arr_remove(place->container, place->index);
    items_insert(place->container, item);
    place->value = item;
}

static enum err apply_set(struct application *app, struct op *op, struct place *place)
{
    yyjson_mut_val *value;

    op->before = print(app, place->value);
    if (place->container == NULL || (place->is_item && place->value == NULL))
        return OK;
    value = parse_value(app, op->value);
    if (value == NULL)
        return ERR_BAD_JSON;
    if (!place->is_item) {
        put_member(app, place->container, place->key, value);
        op->after = op->value;
        return OK;
    }
    replace_item(place,
                 item_new(app->doc, path_item_id(&op->path), text_of(yyjson_mut_obj_get(place->value, "pos")), value));
    op->after = print(app, place->value);
    return OK;
}

static enum err apply_del(struct application *app, struct op *op, struct place *place)
{
    op->before = print(app, place->value);
    if (place->value == NULL)
        return OK;
    if (place->is_item)
        yyjson_mut_arr_remove(place->container, place->index);
    else
        yyjson_mut_obj_remove_keyn(place->container, place->key.data, place->key.len);
    return OK;
}

static enum err apply_ins(struct application *app, struct op *op, struct place *place)
{
    yyjson_mut_val *members;

    op->before = print(app, place->value);
    op->after = op->before;
    if (place->container == NULL || place->value)
        return OK;
    members = parse_value(app, op->value);
    if (members == NULL)
        return ERR_BAD_JSON;
    if (op->pos.len == 0)
        op->pos = items_key_behind(app->arena, place->container);
    place->value = item_new(app->doc, path_item_id(&op->path), op->pos, members);
    items_insert(place->container, place->value);
    op->after = print(app, place->value);
    return OK;
}

static enum err apply_mov(struct application *app, struct op *op, struct place *place)
{
    yyjson_mut_val *pos = yyjson_mut_obj_get(place->value, "pos");

    op->before = print(app, pos);
    op->after = op->before;
    if (pos == NULL || !place->is_item)
        return OK;
    put_member(app, place->value, SPAN("pos"), text_value(app, op->pos));
    replace_item(place, place->value);
    op->after = print(app, yyjson_mut_obj_get(place->value, "pos"));
    return OK;
}

/* The field whose range counts: only whole fields have one. */
static const struct field *ranged_field(const struct application *app, const struct op *op)
{
    return app->type && op->path.depth == 1 ? type_field(app->type, op->path.steps[0]) : NULL;
}

/* A counter that is not there yet counts from 0. */
static enum err apply_inc(struct application *app, struct op *op, struct place *place)
{
    const struct field *field = ranged_field(app, op);
    yyjson_mut_val *number;
    struct span total;

    op->before = print(app, place->value);
    op->after = op->before;
    if (place->container == NULL || place->is_item ||
        (place->value ? !yyjson_mut_is_num(place->value) : op->path.depth > 1))
        return OK;
    total = number_sum(app->arena, place->value ? op->before : SPAN("0"), op->value);
    number = total.len > 0 ? parse_value(app, total) : NULL;
    if (number == NULL || (field && !field_number_fits(field, yyjson_mut_get_num(number))))
        return ERR_BAD_FIELD;
    put_member(app, place->container, place->key, number);
    op->after = total;
    return OK;
}

/* A text field that is not there yet is empty. */
static enum err apply_txt(struct application *app, struct op *op, struct place *place)
{
    const struct field *field = ranged_field(app, op);
    struct buf edited = BUF_EMPTY;
    yyjson_mut_val *value;
    yyjson_val *edit;
    enum err err;

    op->before = print(app, place->value);
    op->after = op->before;
    if (place->container == NULL || place->is_item ||
        (place->value ? !yyjson_mut_is_str(place->value) : op->path.depth > 1))
        return OK;
    edit = parse(app, op->value);
    if ((err = text_edit_apply(text_of(place->value), edit, &edited)) != OK)
        goto done;
    if (field && !field_text_fits(field, buf_span(&edited))) {
        err = ERR_BAD_FIELD;
        goto done;
    }
    value = text_value(app, arena_copy(app->arena, buf_span(&edited)));
    put_member(app, place->container, place->key, value);
    op->after = print(app, value);
done:
    buf_deinit(&edited);
    return err;
}

/* 10 and 10.0 are the same number; no value and null are the same absence. */
static bool is_expected(yyjson_mut_val *value, yyjson_mut_val *expected)
{
    if (value == NULL || expected == NULL)
        return (value == NULL || yyjson_mut_is_null(value)) && (expected == NULL || yyjson_mut_is_null(expected));
    if (yyjson_mut_is_num(value) && yyjson_mut_is_num(expected))
        return yyjson_mut_get_num(value) == yyjson_mut_get_num(expected);
    return yyjson_mut_equals(value, expected);
}

static enum err apply_test(struct application *app, struct op *op, struct place *place)
{
    yyjson_mut_val *expected = op->value.len > 0 ? parse_value(app, op->value) : NULL;

    op->before = print(app, place->value);
    op->after = op->before;
    return app->type == NULL || is_expected(place->value, expected) ? OK : ERR_CONFLICT;
}

static enum err apply_op(struct application *app, struct op *op)
{
    struct place place = find_place(app, op);

    op->before = op->after = SPAN_EMPTY;
    switch (op->kind) {
    case OP_SET: return apply_set(app, op, &place);
    case OP_DEL: return apply_del(app, op, &place);
    case OP_INS: return apply_ins(app, op, &place);
    case OP_MOV: return apply_mov(app, op, &place);
    case OP_INC: return apply_inc(app, op, &place);
    case OP_TXT: return apply_txt(app, op, &place);
    case OP_TEST: return apply_test(app, op, &place);
    }
    return ERR_INTERNAL;
}

/* ---- items inside of items ---- */

/* A chain that long nobody looks through, and to follow it costs too much. */
enum { PARENTS_MAX = 256 };

/* The items of one collection by id: changes mostly work on one. */
struct family {
    yyjson_mut_val *items;
    struct map by_id;
};

static void gather(struct family *family, yyjson_mut_val *items)
{
    yyjson_mut_arr_iter iter;
    yyjson_mut_val *item;

    if (family->items == items)
        return;
    map_deinit(&family->by_id);
    map_init(&family->by_id);
    family->items = items;
    yyjson_mut_arr_iter_init(items, &iter);
    while ((item = yyjson_mut_arr_iter_next(&iter)) != NULL)
        (void)map_put(&family->by_id, text_of(yyjson_mut_obj_get(item, "id")), item);
}

static yyjson_mut_val *parent_of(const struct family *family, yyjson_mut_val *item)
{
    const struct span id = text_of(yyjson_mut_obj_get(item, "parent"));

    return id.len > 0 ? map_get(&family->by_id, id) : NULL;
}

static enum err check_parents(const struct family *family, yyjson_mut_val *item)
{
    for (uint32_t i = 0; i < PARENTS_MAX && item; i++)
        item = parent_of(family, item);
    return item ? ERR_CYCLIC_MOVE : OK;
}

static enum err check_all_parents(const struct family *family)
{
    yyjson_mut_arr_iter iter;
    yyjson_mut_val *item;
    enum err err;

    yyjson_mut_arr_iter_init(family->items, &iter);
    while ((item = yyjson_mut_arr_iter_next(&iter)) != NULL)
        if ((err = check_parents(family, item)) != OK)
            return err;
    return OK;
}

/* How many steps of the path lead to what may have got another parent: an item, or a whole collection; 0: nothing. */
static uint32_t depth_of_child(const struct application *app, const struct op *op)
{
    const uint32_t depth = op->path.depth;
    const struct field *field = type_field(app->type, op->path.steps[0]);

    if ((op->kind != OP_SET && op->kind != OP_INS) || field == NULL || field->kind != FIELD_COLLECTION)
        return 0;
    if (path_is_item(&op->path) || depth == 1)
        return depth;
    return span_equal(op->path.steps[depth - 1], SPAN("parent")) ? depth - 1 : 0;
}

static enum err check_circle(const struct application *app, const struct op *op, struct family *family)
{
    const uint32_t depth = depth_of_child(app, op);
    yyjson_mut_val *container = NULL, *value = app->root;
    size_t index;

    for (uint32_t i = 0; i < depth && value; i++) {
        container = value;
        value = step_into(container, op->path.steps[i], &index);
    }
    if (depth == 1 && yyjson_mut_is_arr(value)) {
        gather(family, value);
        return check_all_parents(family);
    }
    if (depth < 2 || value == NULL || !yyjson_mut_is_arr(container))
        return OK;
    gather(family, container);
    return check_parents(family, value);
}

/* Looked at when all is done: two items may change places. */
static enum err check_circles(const struct application *app, struct change *change)
{
    struct family family = {0};
    enum err err = OK;

    map_init(&family.by_id);
    for (uint32_t i = 0; i < change->op_count && err == OK; i++) {
        change->failed_op = i;
        err = check_circle(app, &change->ops[i], &family);
    }
    map_deinit(&family.by_id);
    return err;
}

/* ---- the whole change ---- */

static enum err read_state(struct application *app, struct span state)
{
    yyjson_val *root;

    app->doc = yyjson_mut_doc_new(&app->allocator);
    if (state.len == 0) {
        app->root = yyjson_mut_obj(app->doc);
        return OK;
    }
    root = parse(app, state);
    if (!yyjson_is_obj(root))
        return ERR_BAD_JSON;
    app->root = yyjson_val_mut_copy(app->doc, root);
    return OK;
}

enum err change_apply(struct arena *arena, const struct type *type, struct span state, size_t state_bytes_max,
                      struct change *change, struct buf *out)
{
    struct application app = {.arena = arena, .type = type, .allocator = json_in_arena(arena)};
    size_t start = out->len;
    enum err err;

    change->failed_op = 0;
    if ((err = read_state(&app, state)) != OK)
        return err;
    for (uint32_t i = 0; i < change->op_count; i++) {
        change->failed_op = i;
        if ((err = apply_op(&app, &change->ops[i])) != OK)
            return err;
    }
    if (change->kind == CHANGE_DELETE)
        return OK;
    if (type && (err = check_circles(&app, change)) != OK)
        return err;
    json_append_mut(out, app.root);
    if (out->len - start <= state_bytes_max)
        return OK;
    out->len = start;
    return ERR_TOO_LARGE;
}
