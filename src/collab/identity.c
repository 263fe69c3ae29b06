#include "collab/identity.h"

#include "base/memory.h"
#include "collab/type/access.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static struct span put(char **place, struct span text)
{
    char *copy = *place;

    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    *place += text.len;
    return span_of(copy, text.len);
}

struct identity *identity_new(struct span user_id, struct span username, struct span name, struct span avatar,
                              const struct span *roles, uint32_t role_count, const struct access *access)
{
    size_t size =
        sizeof(struct identity) + role_count * sizeof(struct span) + user_id.len + username.len + name.len + avatar.len;
    struct identity *identity;
    char *place;

    assert(access);
    for (uint32_t i = 0; i < role_count; i++)
        size += roles[i].len;
    identity = memory_alloc(size);
    atomic_init(&identity->ref_count, 1);
    identity->role_count = role_count;
    place = (char *)(identity->roles + role_count);
    for (uint32_t i = 0; i < role_count; i++)
        identity->roles[i] = put(&place, roles[i]);
    identity->user_id = put(&place, user_id);
    identity->username = put(&place, username);
    identity->name = name.len > 0 ? put(&place, name) : identity->username;
    identity->avatar = put(&place, avatar);
    identity->access = access;
    type_registry_ref(access_registry(access));
    return identity;
}

struct identity *identity_ref(struct identity *identity)
{
    uint32_t before = atomic_fetch_add_explicit(&identity->ref_count, 1, memory_order_relaxed);

    assert(before > 0);
    return identity;
}

void identity_unref(struct identity *identity)
{
    uint32_t before;

    if (identity == NULL)
        return;
    before = atomic_fetch_sub_explicit(&identity->ref_count, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before > 1)
        return;
    type_registry_unref(access_registry(identity->access));
    free(identity);
}

bool identity_has_role(const struct identity *identity, struct span role)
{
    for (uint32_t i = 0; i < identity->role_count; i++)
        if (span_equal(identity->roles[i], role))
            return true;
    return false;
}
