/* reconcile_work.h: what reconcile.c and the other reconcile_*.c share. Nobody else includes it. */
#pragma once

#include "collab/change/reconcile.h"

/* What an operation of the change went through. */
struct journey {
    enum strategy strategy;
    const struct op *sent; /* as it was; NULL: it has met nothing, and is so still */
    bool is_lost;          /* nothing is left of it */
    bool is_lost_to_text;  /* ... because an edit of the same text did the same already */
    bool is_rewritten;
    bool overwrites; /* something that was written meanwhile */
    bool clashes;
    /* Of its values as it was rewritten the last two. */
    struct {
        char *data;
        size_t capacity;
    } rooms[2];
    unsigned room;
    uint32_t met; /* index in `since`: the last one that did something there, or the one that it lost to */
};

struct reconciliation {
    struct arena *arena;
    struct arena meeting; /* of one that is met, and what comes of it on its way */
    const struct reconcile_input *input;
    struct change *change;
    struct journey *journeys; /* of change->ops */
    struct reconciled *out;
    const struct op *tried; /* change->ops as they were sent, done at the base; NULL: that was not needed */
    yyjson_val *present;    /* input->state, when it was needed; else NULL */
};

/* Whether the same client made both. */
bool change_is_own(const struct change *change, const struct change *other);

/* reconcile_base.c: the state that the change was made on, as far as these places are concerned. */
struct span base_state(const struct reconciliation *work, const struct op *places, uint32_t place_count);
/* Whether what the change's operations expect to find was there: ERR_BAD_BEFORE, with failed_op. */
must_check enum err base_check(const struct reconciliation *work);

/* reconcile_crdt.c: as transform_op, for operations whose order is that of their stamps. */
bool crdt_rewrite(struct arena *arena, struct op *a, const struct op *b, bool a_is_greater);
bool change_is_greater(const struct change *a, const struct change *b);

/* reconcile_manual.c: whether two operations that meet want different things, so far as their kinds tell. */
bool manual_is_clash(const struct op *a, const struct op *b);
/* Fills the clashes of the operations whose journey `clashes`, without those that come to the same. */
void manual_find_clashes(struct reconciliation *work);

/* Whether the operation did nothing when it was committed. */
static inline bool op_is_idle(const struct op *op)
{
    return span_equal(op->before, op->after);
}
