/* transform.h: operations that were made at the same time: how one is rewritten so that it does what was meant after
 * the other. Pure. For any two changes a and b made on one state, doing a and then b rewritten (early) gives the same
 * state as doing b and then a rewritten (late).
 *
 *   side   late: `a` comes after `b` in the server's order (the server's rewriting); early: before it (what clients do)
 *
 * The table, for operations on the same address; different addresses leave each other alone, an operation on what
 * contains the other's target stays as it is, and one inside of what the other took away or replaced does nothing any
 * more. Reasons are in docs/decisions/0004-reconciliation.md.
 *
 *   a \ b | set                  | del                    | inc             | txt            | ins           | mov
 *   set   | late: a, early: none | member: a, item: none  | a on top, or a  | a              | a             | a
 *   del   | member: none, item: a| none                   | a               | a              | a             | a
 *   inc   | number: a, else none | none                   | a               | a              | a             | a
 *   txt   | none                 | none                   | a               | text_transform | a             | a
 *   ins   | a                    | none                   | a               | a              | same id: none | a
 *   mov   | a                    | none                   | a               | a              | a             | late: a,
 *                                                                                                     early: none
 */
#pragma once

#include "collab/change/change.h"

enum side { SIDE_LATE, SIDE_EARLY };

static inline enum side side_opposite(enum side side)
{
    return side == SIDE_LATE ? SIDE_EARLY : SIDE_LATE;
}

/* How two addresses lie to each other. */
enum relation { RELATION_APART, RELATION_SAME, RELATION_INSIDE /* a inside b */, RELATION_AROUND /* a around b */ };
enum relation path_relation(const struct path *a, const struct path *b);

/* Rewrites *a in place (new values in the arena); false: nothing is left of it. OP_TEST is never rewritten. */
bool transform_op(struct arena *arena, struct op *a, const struct op *b, enum side side);

/* Lists against each other, in place: afterwards (state, a, b') and (state, b, a') agree. Operations of which nothing
 * is left are taken out. */
void transform_both(struct arena *arena, struct op *a, uint32_t *a_count, struct op *b, uint32_t *b_count,
                    enum side side);
/* The same for `a` alone. */
void transform_ops(struct arena *arena, struct op *a, uint32_t *a_count, const struct op *b, uint32_t b_count,
                   enum side side);
/* A copy of operations that are about to be rewritten; values are shared. */
struct op *ops_copy(struct arena *arena, const struct op *ops, uint32_t count);

/* Text edits (text.h) against each other; `side` as above: what was committed earlier goes to the left of what is
 * inserted at the same place. The result is an edit, in the arena; empty: nothing is left. */
struct span text_transform(struct arena *arena, struct span a, struct span b, enum side side);
/* The edit that takes it back, on the text after it. */
struct span text_invert(struct arena *arena, struct span before, struct span edit);
