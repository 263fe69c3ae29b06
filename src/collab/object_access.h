/* object_access.h: who may see an object (object.h) that is kept: it is said to nobody else, listed for nobody else, and counted for nobody
 * else. What is kept names the fields that it is about; which of them somebody may read is asked when he reads it. Pure; any thread. */
#pragma once

#include "collab/object.h"
#include "collab/type/access.h"
#include "wire/json.h"

/* The type of the record that it is about: by its room, and in an inbox by its body; NULL: about none that is configured. */
const struct type *object_type_about(const struct type_registry *registry, struct span room, yyjson_val *body);
/* Whether all the fields that it is about (path, data.path, fields[].path) are in the mask. */
bool object_is_readable(const struct type *type, uint64_t mask, yyjson_val *body);
/* The same, and whether he may read such records at all: of kind, room and body. Whose inbox it is, is not asked. Of
 * locks and conflicts in records whose type is not configured any more nobody knows who may read them: only admins see them. */
bool object_is_shown(const struct type_registry *registry, const struct access *access, const struct object *object);

/* Who asks. Both live as long as their registry. */
struct object_rights {
    const struct type_registry *registry;
    const struct access *access; /* NULL: he may see everything */
};
bool object_may_be_seen(const struct object_rights *rights, const struct object *object);
/* Nothing can be hidden from him: nothing has to be looked at. */
bool object_rights_are_whole(const struct object_rights *rights);
