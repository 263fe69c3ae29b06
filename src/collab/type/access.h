/* access.h: what a set of roles allows, compiled once per set: per type and action, and which fields may be read and
 * written. Pure and immutable; belongs to the registry. The role `admin` may do everything. */
#pragma once

#include "collab/type/type.h"

enum verb {
    VERB_READ,
    VERB_CREATE,
    VERB_UPDATE,
    VERB_DELETE,
    VERB_FORCE_LOCKS,   /* take a lock from its holder */
    VERB_REVERT_OTHERS, /* take back what somebody else did */
};

struct access;

/* Any thread; found or compiled (without a lock); lives as long as the registry. Roles that no type names are
 * ignored. */
const struct access *access_of(struct type_registry *registry, const struct span *roles, uint32_t role_count);
struct type_registry *access_registry(const struct access *access);

/* The type may be of another registry (before or after a reload) than the access: what counts then is what the same
 * roles may in the type's. */
bool access_is_admin(const struct access *access);
bool access_allows(const struct access *access, const struct type *type, enum verb verb);
bool access_allows_action(const struct access *access, const struct type *type, const struct action *action);
/* A field's own list counts instead of the type's. Writable fields are readable ones that are not read-only; somebody
 * who may write any field may VERB_UPDATE. */
uint64_t access_readable(const struct access *access, const struct type *type); /* a bit per field */
uint64_t access_writable(const struct access *access, const struct type *type);
/* There is nothing in the registry's types that they may not read. */
bool access_reads_all(const struct access *access, const struct type_registry *registry);
/* Everybody who may read a record of the type may read this field of it. */
bool access_is_open(const struct type *type, const struct field *field);
/* What is wrong with a change, said to whoever sent it: a field that he may not even read is one that is not there. */
enum err access_field_error(const struct access *access, const struct type *type, enum err err, struct span field);
/* By name, so the audience may be of any registry. An empty one is everybody. */
bool access_in_audience(const struct access *access, const struct role_set *audience);

/* For type_registry_unref. */
void access_free_all(struct type_registry *registry);
