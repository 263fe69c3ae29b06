/* reconcile_work.h: what reconcile.c, reconcile_crdt.c and reconcile_manual.c share. Nobody else includes it. */
#pragma once

#include "collab/reconcile.h"

/* What an operation of the change went through. */
struct journey {
    const struct op *sent; /* as it was; NULL: it has met nothing, and is so still */
    bool is_lost;          /* nothing is left of it */
    bool is_lost_to_text;  /* ... because an edit of the same text did the same already */
    bool is_rewritten;
    bool overwrites; /* something that was written meanwhile */
    bool clashes;
    uint32_t met; /* index in `since`: the last one that did something there, or the one that it lost to */
};

struct reconciliation {
    struct arena *arena;
    const struct reconcile_input *input;
    struct change *change;
    struct journey *journeys; /* of change->ops */
    struct reconciled *out;
};

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
