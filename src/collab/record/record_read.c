/* What plans need from the store. Each asks as if it was there already; when it is not, the plan's need says what to read, and the
 * plan is made anew afterwards. */
#include "collab/record/record_making.h"

#include <string.h>

struct store_request *making_need(struct making *making, enum store_kind kind)
{
    struct store_request *request = store_request_new(kind);

    store_request_free(making->plan->need);
    making->plan->need = request;
    request->room = arena_copy(&request->arena, making->record->room);
    request->type = making->type;
    request->entity_id = arena_copy(&request->arena, making->id);
    return request;
}

/* ---- objects ------------------------------------------------------------------------------------------------------ */

static const struct object *find_object(const struct making *making, enum object_kind kind, struct span id)
{
    for (uint32_t i = 0; i < making->reads->count; i++) {
        const struct store_request *request = making->reads->requests[i];

        for (uint32_t j = 0; request->kind == STORE_OBJECTS_READ && j < request->object_count; j++)
            if (request->objects[j].kind == kind && span_equal(request->objects[j].id, id))
                return &request->objects[j];
    }
    return NULL;
}

bool making_read_objects(struct making *making, enum object_kind kind, const struct span *ids, uint32_t count)
{
    struct store_request *request;
    uint32_t known = 0;

    while (known < count && find_object(making, kind, ids[known]))
        known++;
    if (known == count)
        return true;
    request = making_need(making, STORE_OBJECTS_READ);
    request->objects = arena_alloc(&request->arena, count * sizeof(*request->objects));
    request->object_count = count;
    for (uint32_t i = 0; i < count; i++) {
        request->objects[i].kind = kind;
        request->objects[i].id = arena_copy(&request->arena, ids[i]);
    }
    return false;
}

const struct object *making_object(struct making *making, enum object_kind kind, struct span id)
{
    return making_read_objects(making, kind, &id, 1) ? find_object(making, kind, id) : NULL;
}

/* ---- people ------------------------------------------------------------------------------------------------------- */

bool making_find_user(struct making *making, struct span name, struct span *user_id)
{
    struct store_request *request;

    for (uint32_t i = 0; i < making->reads->count; i++) {
        const struct store_request *read = making->reads->requests[i];

        for (uint32_t j = 0; read->kind == STORE_USERS_FIND && j < read->name_count; j++) {
            if (span_equal(read->names[j], name)) {
                *user_id = read->user_ids[j];
                return true;
            }
        }
    }
    request = making_need(making, STORE_USERS_FIND);
    request->names = arena_alloc(&request->arena, sizeof(struct span));
    request->names[0] = arena_copy(&request->arena, name);
    request->name_count = 1;
    return false;
}

const struct account_roles *making_roles(const struct making *making, struct span user_id)
{
    for (uint32_t i = 0; i < making->reads->count; i++) {
        const struct store_request *read = making->reads->requests[i];

        for (uint32_t j = 0; read->kind == STORE_ROLES_READ && j < read->name_count; j++)
            if (span_equal(read->names[j], user_id))
                return &read->roles[j];
    }
    return NULL;
}

bool making_read_roles(struct making *making, const struct span *ids, uint32_t count)
{
    struct store_request *request;
    uint32_t known = 0;

    while (known < count && making_roles(making, ids[known]))
        known++;
    if (known == count)
        return true;
    request = making_need(making, STORE_ROLES_READ);
    request->names = arena_alloc(&request->arena, count * sizeof(*request->names));
    request->name_count = count;
    for (uint32_t i = 0; i < count; i++)
        request->names[i] = arena_copy(&request->arena, ids[i]);
    return false;
}

/* ---- the past ----------------------------------------------------------------------------------------------------- */

bool making_state_at(struct making *making, uint64_t version, enum err *err, struct span *state, bool *exists)
{
    for (uint32_t i = 0; i < making->reads->count; i++) {
        const struct store_request *read = making->reads->requests[i];

        if (read->kind != STORE_RECORD_AT || read->since.offset != version)
            continue;
        *err = read->err;
        *state = read->state;
        *exists = read->found;
        return true;
    }
    making_need(making, STORE_RECORD_AT)->version = version;
    making->plan->need->since.offset = version;
    return false;
}

enum tail_reach making_changes_at_hand(struct making *making, uint64_t version, struct tail_changes *changes)
{
    return record_tail_since(&making->record->tail, version, making->present->version, 0, making->arena, changes);
}

bool making_changes_since(struct making *making, uint64_t version, session_id self, struct tail_changes *changes,
                          bool *is_complete)
{
    const enum tail_reach reach =
        record_tail_since(&making->record->tail, version, making->present->version, self, making->arena, changes);
    struct store_request *request;

    *is_complete = reach == TAIL_REACHES;
    if (reach != TAIL_ENDS)
        return true;
    request = making_need(making, STORE_CHANGES_READ);
    request->since.offset = version;
    request->count_max = TAIL_READ_MAX;
    return false;
}

bool making_base_of(struct making *making, uint64_t version, struct tail_changes *changes)
{
    struct span state = SPAN_EMPTY;
    bool exists = false;
    enum err err = OK;
    uint32_t i = 0;

    while (i < changes->count && changes->items[i]->kind != CHANGE_DELETE)
        i++;
    if (i == changes->count)
        return true;
    if (!making_state_at(making, version, &err, &state, &exists))
        return false;
    changes->base = err == OK && exists ? state : SPAN("{}");
    return true;
}

/* ---- values ------------------------------------------------------------------------------------------------------- */

static yyjson_val *step_into(yyjson_val *container, struct span step)
{
    yyjson_val *item;
    yyjson_arr_iter iter;

    if (step.len == 0 || step.data[0] != '@')
        return yyjson_obj_getn(container, step.data, step.len);
    if (!yyjson_is_arr(container))
        return NULL;
    yyjson_arr_iter_init(container, &iter);
    while ((item = yyjson_arr_iter_next(&iter)))
        if (span_equal(json_get_text(item, "id"), span_slice(step, 1, step.len)))
            return item;
    return NULL;
}

yyjson_val *state_find(yyjson_val *state, const struct path *path)
{
    yyjson_val *value = state;

    for (uint32_t i = 0; value && i < path->depth; i++)
        value = step_into(value, path->steps[i]);
    return value;
}

struct span value_text(struct arena *arena, yyjson_val *value)
{
    struct buf text = BUF_EMPTY;
    struct span copy;

    if (value == NULL)
        return SPAN_EMPTY;
    json_append_value(&text, value);
    copy = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    return copy;
}
