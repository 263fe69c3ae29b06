/* state.h: what lies where in a record's state, now and before changes that were committed. Pure; everything that is
 * given lies in the arena. */
#pragma once

#include "collab/change/change.h"
#include "wire/json.h"

/* The JSON that is at the path; empty: nothing. Of an item: with its id and pos. */
struct span state_value(struct arena *arena, struct span state, const struct path *path);
/* What an operation of this kind at this path looks at: as above, but of a mov the item's order key. */
struct span state_at_op(struct arena *arena, struct span state, const struct op *op);
/* The same in a state that is parsed, for many operations at once. */
struct span state_at_op_in(struct arena *arena, yyjson_val *state, const struct op *op);
/* A state with nothing but the fields of these operations: the rest of a large record is not carried along. */
struct span state_of_fields(struct arena *arena, struct span state, const struct op *ops, uint32_t count);
/* Whether two values are the same: no value is null, 10 is 10.0, members are in any order. `is_item`: id and pos do not
 * count. */
bool value_is_same(struct span a, struct span b, bool is_item);

/* The state as it was before `since` (oldest first, what was committed last in it made `state`), as far as the places
 * of these operations are concerned: elsewhere it is not rewound. */
struct span state_rewind(struct arena *arena, struct span state, const struct change *const *since,
                         uint32_t since_count, const struct op *places, uint32_t place_count);
