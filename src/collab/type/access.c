#include "collab/type/access.h"

#include "base/memory.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

struct type_access {
    uint64_t readable, writable; /* a bit per field */
    uint64_t actions;            /* a bit per action */
    uint32_t verbs;              /* a bit per verb */
};

struct access {
    struct access *next; /* older */
    struct type_registry *registry;
    uint64_t roles; /* bits of the registry's */
    struct type_access types[];
};

enum { ADMIN_BIT = 1 }; /* the registry's first role */

static bool is_empty(const struct role_set *set)
{
    return !set->any && set->count == 0;
}

/* ---- compiling ---- */

static bool is_in(uint64_t roles, const struct role_set *set)
{
    return set->any || (set->bits & roles) != 0 || (roles & ADMIN_BIT) != 0;
}

static void compile_fields(const struct type *type, uint64_t roles, struct type_access *out)
{
    bool may_read = is_in(roles, &type->read);
    bool may_write = is_in(roles, &type->create) || is_in(roles, &type->update);

    for (uint32_t i = 0; i < type->field_count; i++) {
        const struct field *field = &type->fields[i];
        uint64_t bit = (uint64_t)1 << field->index;

        if (!may_read || !(is_empty(&field->read) || is_in(roles, &field->read)))
            continue;
        out->readable |= bit;
        if (!field->is_read_only && (is_empty(&field->write) ? may_write : is_in(roles, &field->write)))
            out->writable |= bit;
    }
}

static void compile_type(const struct type *type, uint64_t roles, struct type_access *out)
{
    compile_fields(type, roles, out);
    if (is_in(roles, &type->read))
        out->verbs |= 1u << VERB_READ;
    if (is_in(roles, &type->create))
        out->verbs |= 1u << VERB_CREATE;
    if (is_in(roles, &type->update) || out->writable != 0)
        out->verbs |= 1u << VERB_UPDATE;
    if (is_in(roles, &type->delete))
        out->verbs |= 1u << VERB_DELETE;
    if (is_in(roles, &type->force_locks))
        out->verbs |= 1u << VERB_FORCE_LOCKS;
    if (is_in(roles, &type->revert_others))
        out->verbs |= 1u << VERB_REVERT_OTHERS;
    for (uint32_t i = 0; i < type->action_count; i++) {
        const struct role_set *set = is_empty(&type->actions[i].roles) ? &type->update : &type->actions[i].roles;

        if (is_in(roles, set))
            out->actions |= (uint64_t)1 << i;
    }
}

static struct access *compile(struct type_registry *registry, uint64_t roles)
{
    struct access *access = memory_alloc(sizeof(*access) + registry->type_count * sizeof(struct type_access));

    access->registry = registry;
    access->roles = roles;
    for (uint32_t i = 0; i < registry->type_count; i++)
        compile_type(&registry->types[i], roles, &access->types[i]);
    return access;
}

/* ---- finding ---- */

static const struct access *find(const struct access *access, uint64_t roles)
{
    while (access && access->roles != roles)
        access = access->next;
    return access;
}

/* Two threads may compile the same set at once: the one whose exchange fails looks again among what was added
 * meanwhile. */
static const struct access *find_or_add(struct type_registry *registry, uint64_t roles)
{
    struct access *newest = atomic_load_explicit(&registry->accesses, memory_order_acquire);
    const struct access *found = find(newest, roles);
    struct access *fresh;

    if (found)
        return found;
    fresh = compile(registry, roles);
    do {
        if ((found = find(newest, roles)) != NULL) {
            free(fresh);
            return found;
        }
        fresh->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&registry->accesses, &newest, fresh, memory_order_release,
                                                    memory_order_acquire));
    return fresh;
}

static uint64_t role_bit(const struct type_registry *registry, struct span role)
{
    for (uint32_t i = 0; i < registry->role_count; i++)
        if (span_equal(registry->roles[i], role))
            return (uint64_t)1 << i;
    return 0;
}

const struct access *access_of(struct type_registry *registry, const struct span *roles, uint32_t role_count)
{
    uint64_t bits = 0;

    for (uint32_t i = 0; i < role_count; i++)
        bits |= role_bit(registry, roles[i]);
    return find_or_add(registry, bits);
}

struct type_registry *access_registry(const struct access *access)
{
    return access->registry;
}

void access_free_all(struct type_registry *registry)
{
    struct access *access = atomic_load_explicit(&registry->accesses, memory_order_acquire);

    while (access) {
        struct access *next = access->next;

        free(access);
        access = next;
    }
}

/* ---- asking ---- */

/* The same roles in another registry, whose types have other numbers and fields. */
static const struct access *translate(const struct access *access, struct type_registry *registry)
{
    const struct type_registry *from = access->registry;
    uint64_t bits = 0;

    for (uint32_t i = 0; i < from->role_count; i++)
        if (access->roles >> i & 1)
            bits |= role_bit(registry, from->roles[i]);
    return find_or_add(registry, bits);
}

static const struct type_access *access_to(const struct access *access, const struct type *type)
{
    if (access->registry != type->registry)
        access = translate(access, type->registry);
    assert(type->index < type->registry->type_count);
    return &access->types[type->index];
}

bool access_is_admin(const struct access *access)
{
    return access->roles & ADMIN_BIT;
}

bool access_allows(const struct access *access, const struct type *type, enum verb verb)
{
    return access_to(access, type)->verbs >> verb & 1;
}

bool access_allows_action(const struct access *access, const struct type *type, const struct action *action)
{
    size_t index = (size_t)(action - type->actions);

    assert(index < type->action_count);
    return access_to(access, type)->actions >> index & 1;
}

uint64_t access_readable(const struct access *access, const struct type *type)
{
    return access_to(access, type)->readable;
}

uint64_t access_writable(const struct access *access, const struct type *type)
{
    return access_to(access, type)->writable;
}

bool access_reads_all(const struct access *access, const struct type_registry *registry)
{
    for (uint32_t i = 0; i < registry->type_count; i++) {
        const struct type *type = &registry->types[i];
        const struct type_access *may = access_to(access, type);

        if (!(may->verbs >> VERB_READ & 1) ||
            (type->field_count > 0 && may->readable != UINT64_MAX >> (64 - type->field_count)))
            return false;
    }
    return true;
}

bool access_is_open(const struct type *type, const struct field *field)
{
    if (is_empty(&field->read) || field->read.any)
        return true;
    return !type->read.any && (type->read.bits & ~(field->read.bits | ADMIN_BIT)) == 0;
}

enum err access_field_error(const struct access *access, const struct type *type, enum err err, struct span field)
{
    const struct field *named = type_field(type, field);

    if (err != ERR_FORBIDDEN || named == NULL || (access_readable(access, type) >> named->index & 1))
        return err;
    return ERR_UNKNOWN_FIELD;
}

bool access_in_audience(const struct access *access, const struct role_set *audience)
{
    if (is_empty(audience) || audience->any || access_is_admin(access))
        return true;
    for (uint32_t i = 0; i < audience->count; i++)
        if (access->roles & role_bit(access->registry, audience->names[i]))
            return true;
    return false;
}
