#include "collab/change/items.h"

#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

static void *alloc(void *context, size_t size)
{
    return arena_alloc(context, size);
}

static void *resize(void *context, void *memory, size_t old_size, size_t size)
{
    void *copy = arena_alloc(context, size);

    memcpy(copy, memory, old_size < size ? old_size : size);
    return copy;
}

static void release(void *context, void *memory)
{
    (void)context;
    (void)memory;
}

yyjson_alc json_in_arena(struct arena *arena)
{
    return (yyjson_alc){alloc, resize, release, arena};
}

yyjson_val *json_in_arena_read(struct arena *arena, struct span text)
{
    const yyjson_alc allocator = json_in_arena(arena);
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text.data, text.len, YYJSON_READ_NOFLAG, &allocator, NULL);

    return doc ? yyjson_doc_get_root(doc) : NULL;
}

/* ---- order keys ---- */

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

enum { LAST_DIGIT = sizeof(digits) - 2, KEY_BYTES_MAX = 64 };

/* The next number of the same length, in base 62; false when there is none (or the key has other characters). */
static bool increment(char *key, size_t len)
{
    while (len-- > 0) {
        const char *digit = strchr(digits, key[len]);

        if (digit == NULL)
            return false;
        if (digit - digits < LAST_DIGIT) {
            key[len] = digit[1];
            return true;
        }
        key[len] = digits[0];
    }
    return false;
}

/* Four digits that start in the middle leave room for millions before keys grow. */
static struct span key_after(struct arena *arena, struct span last)
{
    char *key;

    if (last.len == 0)
        return SPAN("V000");
    key = (char *)(uintptr_t)arena_copy(arena, last).data;
    if (increment(key, last.len))
        return span_of(key, last.len);
    if (last.len == KEY_BYTES_MAX)
        return last; /* then the id decides */
    return arena_printf(arena, "%.*sV", SPAN_ARG(last));
}

/* ---- items of a state ---- */

static struct span member(yyjson_mut_val *item, const char *key)
{
    yyjson_mut_val *value = yyjson_mut_obj_get(item, key);

    return value ? span_of(yyjson_mut_get_str(value), yyjson_mut_get_len(value)) : SPAN_EMPTY;
}

yyjson_mut_val *items_find(yyjson_mut_val *array, struct span id, size_t *index)
{
    yyjson_mut_arr_iter items;
    yyjson_mut_val *item;

    yyjson_mut_arr_iter_init(array, &items);
    for (*index = 0; (item = yyjson_mut_arr_iter_next(&items)) != NULL; ++*index)
        if (span_equal(member(item, "id"), id))
            return item;
    return NULL;
}

static int compare(struct span pos, struct span id, struct span other_pos, struct span other_id)
{
    int order = span_compare(pos, other_pos);

    return order != 0 ? order : span_compare(id, other_id);
}

void items_insert(yyjson_mut_val *array, yyjson_mut_val *item)
{
    struct span id = member(item, "id"), pos = member(item, "pos");
    yyjson_mut_arr_iter items;
    yyjson_mut_val *other;
    size_t index = 0;

    yyjson_mut_arr_iter_init(array, &items);
    while ((other = yyjson_mut_arr_iter_next(&items)) != NULL &&
           compare(member(other, "pos"), member(other, "id"), pos, id) < 0)
        index++;
    yyjson_mut_arr_insert(array, item, index);
}

yyjson_mut_val *item_new(yyjson_mut_doc *doc, struct span id, struct span pos, yyjson_mut_val *members)
{
    yyjson_mut_val *item = yyjson_mut_obj(doc);
    yyjson_mut_obj_iter iter;
    yyjson_mut_val *key;

    yyjson_mut_obj_add_strn(doc, item, "id", id.data, id.len);
    yyjson_mut_obj_add_strn(doc, item, "pos", pos.data, pos.len);
    yyjson_mut_obj_iter_init(members, &iter);
    while ((key = yyjson_mut_obj_iter_next(&iter)) != NULL) {
        yyjson_mut_val *value = yyjson_mut_obj_iter_get_val(key);

        if (yyjson_mut_equals_str(key, "id") || yyjson_mut_equals_str(key, "pos"))
            continue;
        /* Adding links the pair anew, so the walk must not go through the pair itself. */
        yyjson_mut_obj_add(item, yyjson_mut_strn(doc, yyjson_mut_get_str(key), yyjson_mut_get_len(key)),
                           yyjson_mut_val_mut_copy(doc, value));
    }
    return item;
}

struct span items_key_behind(struct arena *arena, yyjson_mut_val *array)
{
    yyjson_mut_val *last = yyjson_mut_arr_get_last(array);

    return key_after(arena, last ? member(last, "pos") : SPAN_EMPTY);
}

/* ---- a whole new collection ---- */

struct item {
    struct span id, pos;
    yyjson_val *value;
};

static int compare_items(const void *a, const void *b)
{
    const struct item *one = a, *other = b;

    return compare(one->pos, one->id, other->pos, other->id);
}

/* Reads what is given; *lacks_pos when some item has none. */
static enum err read_items(yyjson_val *array, struct item *items, struct map *ids, bool *lacks_pos)
{
    yyjson_arr_iter iter;
    yyjson_val *value;

    yyjson_arr_iter_init(array, &iter);
    for (size_t i = 0; (value = yyjson_arr_iter_next(&iter)) != NULL; i++) {
        yyjson_val *id = json_get(value, "id"), *pos = json_get(value, "pos");

        items[i] = (struct item){json_text(id), json_text(pos), value};
        if (!yyjson_is_obj(value) || (id && !item_id_is_valid(items[i].id)) ||
            (pos && !order_key_is_valid(items[i].pos)))
            return ERR_BAD_FIELD;
        if (id && map_put(ids, items[i].id, value))
            return ERR_BAD_FIELD;
        *lacks_pos |= pos == NULL;
    }
    return OK;
}

static void complete_items(struct arena *arena, struct item *items, size_t count, const struct map *ids, bool lacks_pos)
{
    struct span pos = SPAN_EMPTY;
    unsigned number = 0;

    for (size_t i = 0; i < count; i++) {
        pos = key_after(arena, pos);
        if (lacks_pos)
            items[i].pos = pos;
        while (items[i].id.len == 0) {
            struct span id = arena_printf(arena, "i%u", ++number);

            if (map_get(ids, id) == NULL)
                items[i].id = id;
        }
    }
}

static struct span print_items(struct arena *arena, const struct item *items, size_t count)
{
    yyjson_alc allocator = json_in_arena(arena);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(&allocator);
    yyjson_mut_val *array = yyjson_mut_arr(doc);
    struct buf text = BUF_EMPTY;
    struct span copy;

    for (size_t i = 0; i < count; i++)
        yyjson_mut_arr_append(array,
                              item_new(doc, items[i].id, items[i].pos, yyjson_val_mut_copy(doc, items[i].value)));
    json_append_mut(&text, array);
    copy = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    return copy;
}

enum err items_normalize(struct arena *arena, yyjson_val *array, struct span *out)
{
    size_t count = yyjson_arr_size(array);
    struct item *items = arena_alloc(arena, count * sizeof(struct item));
    bool lacks_pos = false;
    struct map ids;
    enum err err;

    if (!yyjson_is_arr(array))
        return ERR_BAD_FIELD;
    map_init(&ids);
    if ((err = read_items(array, items, &ids, &lacks_pos)) != OK)
        goto done;
    complete_items(arena, items, count, &ids, lacks_pos);
    qsort(items, count, sizeof(struct item), compare_items);
    *out = print_items(arena, items, count);
done:
    map_deinit(&ids);
    return err;
}
