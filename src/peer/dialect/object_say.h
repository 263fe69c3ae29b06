/* object_say.h: an object's body (collab/object.h) as clients see it, and what they send as a command's input. Pure.
 *
 * Bodies are kept in snake_case. Names of our own members are rewritten on the way out; what is a user's own stays as it is, byte for byte: the
 * values of fields (value, base, mine, theirs, before, after, merged_value), data, metadata, actions, and the keys of reactions and preferences.
 * A lock can be renewed, so it says so; a conflict's changes are Changes, as everywhere else, the last of the remote ones by itself, too. */
#pragma once

#include "collab/object_access.h"
#include "wire/json.h"

enum object_style {
    OBJECT_CAMEL, /* camelCase, users' ids are strings: the native dialect, the projects vocabulary, SSE */
    OBJECT_SNAKE, /* snake_case, users' ids are numbers when they are some: REST */
};

/* For whom it is said. */
struct object_view {
    enum object_style style;
    const struct type *type; /* the record's that it is about; NULL: everything may be seen */
    uint64_t mask;           /* with type: the fields that may be read; of a conflict's changes nothing else is shown */
};

/* Its members, without braces, into the object that *out has open. A body that is no JSON object: nothing. */
void object_write_members(struct buf *out, enum object_kind kind, struct span body, const struct object_view *view);
/* {...}; null when the body is empty. */
void object_write(struct buf *out, enum object_kind kind, struct span body, const struct object_view *view);
/* A member under a name of ours: "user_id" is "userId" in camelCase. Follows the comma rule of json_append_key. */
void object_append_key(struct buf *out, struct span name, enum object_style style);
/* Of what is kept in a room, for whoever may this: by the type of the room, and in an inbox by that of the record that it is about. */
struct object_view object_view_of(const struct type_registry *registry, const struct access *access, struct span room,
                                  struct span body, enum object_style style);

/* What a client sent as a command's input: the members of `object` with their names in snake_case, values as they are. Names in `except`
 * (in snake_case, the list ends with NULL) are left out, and what comes after the 64th; of a name that is there in both cases the first one counts. */
void object_input(struct buf *out, const struct json *json, yyjson_val *object, const char *const *except);
