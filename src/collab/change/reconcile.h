/* reconcile.h: how a change that was made against an older version is brought onto the present one: the one function in
 * which the five strategies differ. Pure.
 *
 *   last-write-wins        what was sent is done, in order of arrival; texts and counters still merge, because their
 *                          operations say what was done and not what came out
 *   operational-transform  rewritten over everything that was committed meanwhile (transform.h): all intents survive;
 *                          of two values for one field the later commit counts, the other is superseded
 *   crdt                   the same operations; of two values for one field the greater (stamp, source) counts,
 *                          whatever came first, and counters add up under any value
 *   lock-based             the lock was checked before (lock.h): then as last-write-wins
 *   manual                 when it and what was committed meanwhile want different things of the same place, nothing is
 *                          done: a person decides
 *
 * Each operation is under its field's strategy, or the type's, or the one that the change names and the type allows.
 * One operation in manual conflict parks the whole change. */
#pragma once

#include "collab/change/change.h"

struct reconcile_input {
    const struct type *type;
    struct span state; /* the present one, JSON; empty: a create */
    size_t state_bytes_max;
    const struct change *const *since; /* committed after change->base_version, oldest first */
    uint32_t since_count;
    uint64_t present_version;
    /* The state at change->base_version, where `since` does not lead back to it: the record was deleted meanwhile; empty: it does. */
    struct span base;
};

/* A place that two changes want different things of. */
struct clash {
    uint32_t op;        /* of the change; op_count: the record itself, which it wants to delete */
    uint32_t since;     /* index: the (last) change that stands against it */
    struct span base;   /* JSON: what was there when the change was made; empty: nothing */
    struct span mine;   /* what the change wants there; empty: nothing */
    struct span theirs; /* what is there now; empty: nothing */
};

struct reconciled {
    enum verdict verdict;   /* APPLIED, MERGED, CONFLICT, or REJECTED with `err` */
    enum strategy strategy; /* the one that decided: of the operation that was touched, else of the first one */
    enum err err;
    uint32_t failed_op;
    uint32_t clash_count; /* with CONFLICT */
    struct clash *clashes;
};

/* The strategy of an operation under this type, with what the change asks for. A field that is lock-based or manual by
 * itself stays so, whatever a change asks for. A path of depth 0 is the whole record. */
enum strategy strategy_of(const struct type *type, const struct change *change, const struct op *op);

/* Rewrites change->ops in place (of which nothing is left is taken out), fills strategy, verdict, superseded, and
 * before and after of every operation (change_apply), and appends the new state to *after (nothing with CONFLICT,
 * REJECTED or for a delete). With CONFLICT the operations are as they were sent, with before and after as they would have
 * been at base_version. A change whose base_version is 0 or the present one meets nothing, and neither does it meet
 * earlier changes from the same `source` of the same user: he knew them; nor, when he made the record anew himself,
 * anything before that. The caller has set user_id, and time_ms, which is the stamp of a change without one.
 *
 * Refused are: ERR_STRATEGY, an `expected` value that was not there at base_version (ERR_BAD_BEFORE), a sum that the
 * field may not hold (ERR_BAD_FIELD), and what change_apply refuses: `test` operations (ERR_CONFLICT),
 * ERR_CYCLIC_MOVE, ERR_BAD_OFFSET, ... */
void reconcile(struct arena *arena, const struct reconcile_input *input, struct change *change, struct buf *after,
               struct reconciled *out);

/* The version that the change was made against, found by its `expected` values: the newest of present_version and those
 * before the changes of `since` at which every place had them. False: there was none (ERR_BAD_BEFORE), or it is too long ago
 * for how large it is. */
bool reconcile_find_base(const struct reconcile_input *input, const struct change *change, uint64_t *base_version);

/* Whether the CRDT order puts a over b. */
bool stamp_is_greater(uint64_t stamp_a, struct span source_a, uint64_t stamp_b, struct span source_b);
