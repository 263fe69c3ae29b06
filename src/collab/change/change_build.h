/* change_build.h: what the files that make and use changes share; path.c, change_build.c (patches, records),
 * change_action.c, change_parse.c (a client's Change), change_apply.c, change_print.c. Nobody else includes it. */
#pragma once

#include "collab/change/change.h"
#include "collab/change/items.h"
#include "collab/change/text.h"

#define VALUE_DEPTH_MAX 24 /* of a value, with the steps of its path */

/* A change under way: operations are checked against the type and added one by one. */
struct change_builder {
    struct arena *arena;
    const struct type *type;
    uint64_t writable; /* bits of fields */
    struct change *change;
    struct span *field; /* gives the name of what was wrong */
    uint32_t capacity;
    size_t bytes; /* of paths and values so far */
};

/* Starts a change of this kind; what its caller has set in *change besides operations stays. */
struct change_builder builder_start(struct arena *arena, const struct type *type, uint64_t writable,
                                    struct change *change, enum change_kind kind, struct span *field);
enum err builder_fail(struct change_builder *builder, enum err err, struct span field);
must_check enum err builder_add(struct change_builder *builder, const struct op *op);
/* The compact text of a value, in the arena. */
struct span builder_print(struct change_builder *builder, yyjson_val *value);
/* A whole field; null takes its value away. Does not ask who may. */
must_check enum err builder_set_field(struct change_builder *builder, const struct field *field, yyjson_val *value);
/* The field of that name, if it may be written. */
must_check enum err builder_find_field(struct change_builder *builder, struct span name, const struct field **out);
must_check enum err builder_patch(struct change_builder *builder, yyjson_val *patch);
must_check enum err builder_record(struct change_builder *builder, yyjson_val *record);
bool value_is_deeper_than(yyjson_val *value, unsigned depth);

/* path.c: as path_parse for paths that path_append wrote; and what a key must be to stand in a path. */
must_check enum err path_read(struct arena *arena, struct span text, struct path *out);
bool path_step_is_valid(struct span step);
/* Whether the path ends at an item of a collection. */
static inline bool path_is_item(const struct path *path)
{
    return path->depth > 0 && path->steps[path->depth - 1].data[0] == '@';
}
static inline struct span path_item_id(const struct path *path)
{
    return span_slice(path->steps[path->depth - 1], 1, path->steps[path->depth - 1].len);
}

/* change.c */
struct span op_name(enum op_kind kind); /* "set" */
/* By that name, by the long one ("increment"), or by the kinds of a Change ("insert", "update", "delete", "move"). */
bool op_kind_parse(struct span name, enum op_kind *out);
