#include "peer/namespace.h"

#include "wire/json.h"

#include <string.h>

#define NAME_BYTES_MAX 128
#define NAMES_MAX 64

static enum err fail(struct buf *why, struct span name, const char *reason)
{
    buf_printf(why, "namespaces: %.*s: %s", SPAN_ARG(name), reason);
    return ERR_CONFIG;
}

static enum err read_names(struct namespaces *all, const struct namespace *namespace, yyjson_val *value,
                           const char *fallback, struct span **names, uint32_t *count, struct buf *why)
{
    size_t size = yyjson_arr_size(value);
    if (value && (!yyjson_is_arr(value) || size > NAMES_MAX))
        return fail(why, namespace->name, "event names are a list of at most 64");
    *names = arena_alloc(&all->arena, (size + 1) * sizeof **names);
    for (size_t i = 0; i < size; i++) {
        struct span name = json_text(yyjson_arr_get(value, i));
        if (name.len == 0 || name.len > NAME_BYTES_MAX)
            return fail(why, namespace->name, "an event's name has 1 to 128 bytes");
        (*names)[(*count)++] = arena_copy(&all->arena, name);
    }
    if (!value && fallback)
        (*names)[(*count)++] = span_from_str(fallback);
    return OK;
}

static enum err read_namespace(struct namespaces *all, struct span name, yyjson_val *value, struct namespace *out,
                               struct buf *why)
{
    enum err err;
    out->name = arena_copy(&all->arena, name);
    if (!span_starts_with(name, SPAN("/")) || name.len > NAME_BYTES_MAX || memchr(name.data, ',', name.len))
        return fail(why, name, "a namespace's name begins with a slash and has no comma");
    if (!yyjson_is_obj(value))
        return fail(why, name, "an object is expected");
    out->is_anonymous = json_get_bool(value, "anonymous", false);
    out->echoes = json_get_bool(value, "echo", false);
    out->recovers = json_get_bool(value, "recovery", false);
    if ((err = read_names(all, out, json_get(value, "join"), "join", &out->joins, &out->join_count, why)) ||
        (err = read_names(all, out, json_get(value, "leave"), "leave", &out->leaves, &out->leave_count, why)))
        return err;
    return read_names(all, out, json_get(value, "volatile"), NULL, &out->volatiles, &out->volatile_count, why);
}

enum err namespaces_init(struct namespaces *namespaces, struct span json, struct buf *why)
{
    struct json parsed = {0};
    enum err err = OK;
    memset(namespaces, 0, sizeof *namespaces);
    arena_init(&namespaces->arena, 1024);
    if (json.len && json_parse(&parsed, json, &json_limits_default))
        err = fail(why, SPAN("all of it"), "not valid JSON");
    else if (json.len && !yyjson_is_obj(parsed.root))
        err = fail(why, SPAN("all of it"), "an object is expected");
    size_t size = json.len && !err ? yyjson_obj_size(parsed.root) : 0;
    namespaces->list = arena_alloc(&namespaces->arena, (size + 1) * sizeof *namespaces->list);
    yyjson_obj_iter iter = yyjson_obj_iter_with(parsed.root);
    for (yyjson_val *key; !err && size && (key = yyjson_obj_iter_next(&iter));)
        err = read_namespace(namespaces, json_text(key), yyjson_obj_iter_get_val(key),
                             &namespaces->list[namespaces->count++], why);
    if (!err && !namespace_find(namespaces, SPAN("/relay"))) {
        yyjson_doc *empty = yyjson_read("{}", 2, 0);
        err = read_namespace(namespaces, SPAN("/relay"), yyjson_doc_get_root(empty),
                             &namespaces->list[namespaces->count++], why);
        yyjson_doc_free(empty);
    }
    json_deinit(&parsed);
    return err;
}

void namespaces_deinit(struct namespaces *namespaces)
{
    arena_deinit(&namespaces->arena);
}

const struct namespace *namespace_find(const struct namespaces *namespaces, struct span name)
{
    for (uint32_t i = 0; i < namespaces->count; i++)
        if (span_equal(namespaces->list[i].name, name))
            return &namespaces->list[i];
    return NULL;
}

static bool has(const struct span *names, uint32_t count, struct span name)
{
    for (uint32_t i = 0; i < count; i++)
        if (span_equal(names[i], name))
            return true;
    return false;
}

bool namespace_joins(const struct namespace *namespace, struct span event)
{
    return has(namespace->joins, namespace->join_count, event);
}

bool namespace_leaves(const struct namespace *namespace, struct span event)
{
    return has(namespace->leaves, namespace->leave_count, event);
}

bool namespace_is_volatile(const struct namespace *namespace, struct span event)
{
    return has(namespace->volatiles, namespace->volatile_count, event);
}
