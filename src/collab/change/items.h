/* items.h: how a collection lies in a record's state: an array of objects, sorted by (pos, id), that carry their "id"
 * and "pos" as first members: just as clients see it. */
#pragma once

#include "collab/type/type.h"

/* The text of a whole new collection from what a client gave: items without an id get one, and when some item has no
 * pos all get new ones in the order given. ERR_BAD_FIELD. The result lies in the arena. */
must_check enum err items_normalize(struct arena *arena, yyjson_val *array, struct span *out);

/* On the state of a change under way. */
yyjson_mut_val *items_find(yyjson_mut_val *array, struct span id, size_t *index); /* NULL: none */
void items_insert(yyjson_mut_val *array, yyjson_mut_val *item);                   /* where its pos says */
/* An item of these members (an object; its own id and pos do not count). */
yyjson_mut_val *item_new(yyjson_mut_doc *doc, struct span id, struct span pos, yyjson_mut_val *members);
/* An order key behind every item's. */
struct span items_key_behind(struct arena *arena, yyjson_mut_val *array);

/* yyjson's memory from an arena: nothing is given back before the arena is. */
yyjson_alc json_in_arena(struct arena *arena);
/* The root of a text's values; NULL when it is no JSON. Whatever needs limits was checked before. */
yyjson_val *json_in_arena_read(struct arena *arena, struct span text);
