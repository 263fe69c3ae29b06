#include "collab/type/type.h"

#include "base/utf8.h"
#include "collab/type/access.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

/* ---- the registry's life (it is born in type_parse.c) ---- */

struct type_registry *type_registry_ref(struct type_registry *registry)
{
    uint32_t before = atomic_fetch_add_explicit(&registry->ref_count, 1, memory_order_relaxed);

    assert(before > 0);
    return registry;
}

void type_registry_unref(struct type_registry *registry)
{
    uint32_t before;

    if (registry == NULL)
        return;
    before = atomic_fetch_sub_explicit(&registry->ref_count, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before > 1)
        return;
    access_free_all(registry);
    map_deinit(&registry->by_name);
    map_deinit(&registry->by_channel);
    json_deinit(&registry->sources[0]);
    json_deinit(&registry->sources[1]);
    arena_deinit(&registry->arena);
    free(registry);
}

/* ---- finding ---- */

const struct type *type_find(const struct type_registry *registry, struct span name)
{
    return map_get(&registry->by_name, name);
}

const struct type *type_find_channel(const struct type_registry *registry, struct span channel)
{
    return map_get(&registry->by_channel, channel);
}

const struct type *type_of_room(const struct type_registry *registry, struct span room, struct span *id)
{
    size_t colon = span_find(room, ':');
    const struct type *type;
    struct span rest;

    if (colon == room.len)
        return NULL;
    type = type_find(registry, span_slice(room, 0, colon));
    rest = span_slice(room, colon + 1, room.len);
    if (type == NULL || !record_id_is_valid(rest))
        return NULL;
    *id = rest;
    return type;
}

const struct field *type_field(const struct type *type, struct span name)
{
    for (uint32_t i = 0; i < type->field_count; i++)
        if (span_equal(type->fields[i].name, name))
            return &type->fields[i];
    return NULL;
}

const struct action *type_action(const struct type *type, struct span name)
{
    for (uint32_t i = 0; i < type->action_count; i++)
        if (span_equal(type->actions[i].name, name))
            return &type->actions[i];
    return NULL;
}

/* ---- strategies ---- */

/* The first name of each is the one that is printed. */
static const struct {
    struct span name;
    enum strategy strategy;
} strategies[] = {
    {SPAN_INIT("last-write-wins"), STRATEGY_LAST_WRITE_WINS},
    {SPAN_INIT("lww"), STRATEGY_LAST_WRITE_WINS},
    {SPAN_INIT("operational-transform"), STRATEGY_OPERATIONAL_TRANSFORM},
    {SPAN_INIT("operational-transformation"), STRATEGY_OPERATIONAL_TRANSFORM},
    {SPAN_INIT("ot"), STRATEGY_OPERATIONAL_TRANSFORM},
    {SPAN_INIT("crdt"), STRATEGY_CRDT},
    {SPAN_INIT("lock-based"), STRATEGY_LOCK_BASED},
    {SPAN_INIT("lock"), STRATEGY_LOCK_BASED},
    {SPAN_INIT("manual"), STRATEGY_MANUAL},
};

const char *strategy_name(enum strategy strategy)
{
    for (size_t i = 0; i < sizeof(strategies) / sizeof(strategies[0]); i++)
        if (strategies[i].strategy == strategy)
            return strategies[i].name.data;
    assert(false); /* a strategy without a name */
    return NULL;
}

bool strategy_parse(struct span name, enum strategy *out)
{
    for (size_t i = 0; i < sizeof(strategies) / sizeof(strategies[0]); i++) {
        if (span_equal(strategies[i].name, name)) {
            *out = strategies[i].strategy;
            return true;
        }
    }
    return false;
}

/* ---- ids ---- */

enum { RECORD_ID_BYTES_MAX = 128 };

bool record_id_is_valid(struct span id)
{
    struct span rest = id;
    uint32_t codepoint;

    if (id.len == 0 || id.len > RECORD_ID_BYTES_MAX || !utf8_is_valid(id) || span_find(id, '/') < id.len)
        return false;
    if (id.data[0] == ' ' || id.data[id.len - 1] == ' ')
        return false;
    while (utf8_next(&rest, &codepoint))
        if (utf8_is_control(codepoint))
            return false;
    return true;
}
