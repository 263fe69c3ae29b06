/* change_cases.h: states and operations drawn by chance, for tests of what must hold whatever they are. Each case has a
 * seed of its own: CASES=n draws that many, SIMULATION_SEED=n begins with that one, so that a case which failed is
 * played again with SIMULATION_SEED=its seed CASES=1. */
#pragma once

#include "base/rand.h"
#include "collab/change/change.h"

enum { CASE_OPS_MAX = 5, OP_KINDS = OP_TXT + 1 /* those that change something */ };

struct cases {
    struct type_registry *registry;
    struct arena arena; /* of one case */
    struct rand rand;
    uint64_t seed;      /* of the present case */
    uint64_t left;      /* cases */
    bool is_whole;      /* as many as in an ordinary run, so that each kind of case must turn up */
    uint32_t new_items; /* so that no two have the same id */
};

void cases_init(struct cases *cases, uint64_t ordinary_count);
void cases_deinit(struct cases *cases);
bool cases_next(struct cases *cases); /* false: that was the last one */

/* One of the types lww, ot, crdt, lock, manual, mixed (a strategy per field); all have the same fields. */
const struct type *cases_type(const struct cases *cases, const char *name);
uint64_t cases_below(struct cases *cases, uint64_t bound);
bool cases_one_in(struct cases *cases, uint64_t bound);
enum op_kind cases_kind(struct cases *cases);
struct span cases_state(struct cases *cases);
/* An operation of this kind that somebody may make who sees `state`. */
struct op cases_op(struct cases *cases, enum op_kind kind, struct span state);
/* Up to `max` operations one after the other. */
struct change cases_change(struct cases *cases, struct span state, uint32_t max);

/* Applies without asking the type; false: it was refused. */
bool cases_apply(struct arena *arena, struct change *change, struct span state, struct span *after);
bool cases_is_same(struct arena *arena, struct span a, struct span b);

/* Takes operations out of the changes, and fields out of the state, as long as the case still fails, then says what is
 * left and how to play it again. */
struct case_trial {
    struct span state;
    struct change *changes;
    uint32_t change_count;
};
typedef bool case_holds(void *context, struct arena *arena, const struct case_trial *trial);
void cases_fail(struct cases *cases, struct case_trial trial, case_holds *holds, void *context);
