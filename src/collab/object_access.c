/* Who may see an object: nobody else counts it, either. */
#include "collab/object_access.h"

#include "collab/change/change.h"
#include "collab/event.h"

/* What names no field of the type (an application's own `path` in its data) tells nothing of one. */
static bool is_path_readable(struct arena *arena, const struct type *type, uint64_t mask, yyjson_val *text)
{
    struct path path;
    const struct field *field = NULL;
    if (json_text(text).len > 0 && path_parse(arena, json_text(text), &path) == OK)
        field = type_field(type, path.steps[0]);
    return !field || (mask >> field->index & 1);
}

bool object_is_readable(const struct type *type, uint64_t mask, yyjson_val *body)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(json_get(body, "fields"));
    yyjson_val *field;
    struct arena arena;
    arena_init(&arena, 512);
    bool is_readable = is_path_readable(&arena, type, mask, json_get(body, "path")) &&
                       is_path_readable(&arena, type, mask, json_get(json_get(body, "data"), "path"));
    while (is_readable && (field = yyjson_arr_iter_next(&iter)))
        is_readable = is_path_readable(&arena, type, mask, json_get(field, "path"));
    arena_deinit(&arena);
    return is_readable;
}

const struct type *object_type_about(const struct type_registry *registry, struct span room, yyjson_val *body)
{
    struct span id;
    const struct type *type = type_of_room(registry, room, &id);
    return type ? type : type_find(registry, json_get_text(body, "entity_type"));
}

static bool is_in_record(enum object_kind kind)
{
    return kind == OBJECT_LOCK || kind == OBJECT_CONFLICT;
}

bool object_is_shown(const struct type_registry *registry, const struct access *access, const struct object *object)
{
    struct json json;
    if (json_parse(&json, object->body, &json_limits_kept) != OK)
        return false;
    const struct type *type = object_type_about(registry, object->room, json.root);
    bool is_shown = type ? access_allows(access, type, VERB_READ) &&
                               object_is_readable(type, access_readable(access, type), json.root)
                         : !is_in_record(object->kind) || access_is_admin(access);
    json_deinit(&json);
    return is_shown;
}

bool object_may_be_seen(const struct object_rights *rights, const struct object *object)
{
    return rights->access == NULL || object_is_shown(rights->registry, rights->access, object);
}

bool object_rights_are_whole(const struct object_rights *rights)
{
    return rights->access == NULL || access_reads_all(rights->access, rights->registry);
}
