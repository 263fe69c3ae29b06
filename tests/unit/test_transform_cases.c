/* What must hold of operations on the same state, whatever they are: lib/change_cases.h draws them. */
#include "lib/change_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collab/change/transform.h"
#include "collab/change/undo.h"

#include <stdlib.h>

enum { PAIRS = 30000, LISTS = 8000, INVERSES = 8000, FAULT_CASES = 50000 };

static struct cases cases;

/* ---- the law: (state, a, b') is (state, b, a') ---- */

typedef bool transform(struct arena *arena, struct op *a, const struct op *b, enum side side);

static struct change copy(struct arena *arena, const struct change *change)
{
    struct change same = *change;

    same.ops = ops_copy(arena, change->ops, change->op_count);
    return same;
}

static bool both_ways_agree(struct arena *arena, const struct case_trial *trial, const struct change *late,
                            const struct change *early)
{
    struct change a = copy(arena, &trial->changes[0]), b = copy(arena, &trial->changes[1]);
    struct change a_late = copy(arena, late), b_early = copy(arena, early);
    struct span one, other;

    if (!cases_apply(arena, &a, trial->state, &one) || !cases_apply(arena, &b, trial->state, &other))
        return true; /* so it was not made on this state */
    return cases_apply(arena, &b_early, one, &one) && cases_apply(arena, &a_late, other, &other) &&
           cases_is_same(arena, one, other);
}

static bool pair_holds(void *context, struct arena *arena, const struct case_trial *trial)
{
    transform *const *rewrite = context;
    struct change late = copy(arena, &trial->changes[0]), early = copy(arena, &trial->changes[1]);

    if (late.op_count == 0 || early.op_count == 0)
        return true;
    late.op_count = (*rewrite)(arena, &late.ops[0], &trial->changes[1].ops[0], SIDE_LATE);
    early.op_count = (*rewrite)(arena, &early.ops[0], &trial->changes[0].ops[0], SIDE_EARLY);
    return both_ways_agree(arena, trial, &late, &early);
}

static bool lists_hold(void *context, struct arena *arena, const struct case_trial *trial)
{
    struct change late = copy(arena, &trial->changes[0]), early = copy(arena, &trial->changes[1]);

    (void)context;
    transform_both(arena, late.ops, &late.op_count, early.ops, &early.op_count, SIDE_LATE);
    return both_ways_agree(arena, trial, &late, &early);
}

/* ---- pairs ---- */

static void draw_pair(struct case_trial *trial, struct change pair[2], struct op ops[2], enum op_kind a, enum op_kind b)
{
    *trial = (struct case_trial){cases_state(&cases), pair, 2};
    ops[0] = cases_op(&cases, a, trial->state);
    ops[1] = cases_op(&cases, b, trial->state);
    for (int i = 0; i < 2; i++)
        pair[i] = (struct change){.kind = CHANGE_UPDATE, .ops = &ops[i], .op_count = 1};
}

static void any_two_operations_agree_in_both_orders(void **state)
{
    transform *rewrite = transform_op;
    uint32_t met[OP_KINDS][OP_KINDS] = {0};

    (void)state;
    cases_init(&cases, PAIRS);
    while (cases_next(&cases)) {
        const enum op_kind a = cases_kind(&cases), b = cases_kind(&cases);
        struct case_trial trial;
        struct change pair[2];
        struct op ops[2];

        draw_pair(&trial, pair, ops, a, b);
        met[a][b] += path_relation(&ops[0].path, &ops[1].path) != RELATION_APART;
        if (!pair_holds(&rewrite, &cases.arena, &trial))
            cases_fail(&cases, trial, pair_holds, &rewrite);
    }
    for (int a = 0; cases.is_whole && a < OP_KINDS; a++)
        for (int b = 0; b < OP_KINDS; b++)
            if (met[a][b] == 0 && !(a == OP_INC && b == OP_TXT) && !(a == OP_TXT && b == OP_INC))
                fail_msg("operations of kinds %d and %d never met", a, b);
    cases_deinit(&cases);
}

static void any_two_lists_agree_in_both_orders(void **state)
{
    (void)state;
    cases_init(&cases, LISTS);
    while (cases_next(&cases)) {
        const struct span before = cases_state(&cases);
        struct change pair[2] = {cases_change(&cases, before, CASE_OPS_MAX),
                                 cases_change(&cases, before, CASE_OPS_MAX)};
        const struct case_trial trial = {before, pair, 2};

        if (!lists_hold(NULL, &cases.arena, &trial))
            cases_fail(&cases, trial, lists_hold, NULL);
    }
    cases_deinit(&cases);
}

/* ---- faults that must be noticed ---- */

/* A table in which one cell says the opposite when it is asked for the late one (a table that says it both times would
 * only let the earlier one win). Some cells are the same either way (taking away twice, moving what is
 * gone, putting in what is there already); these are the others. */
struct fault {
    enum op_kind a, b;
    enum relation relation;
    bool is_item;
};

static const struct fault faults[] = {
    {OP_SET, OP_SET, RELATION_SAME, false},   {OP_SET, OP_DEL, RELATION_SAME, false},
    {OP_SET, OP_INC, RELATION_SAME, false},   {OP_SET, OP_TXT, RELATION_SAME, false},
    {OP_DEL, OP_SET, RELATION_SAME, false},   {OP_DEL, OP_SET, RELATION_SAME, true},
    {OP_DEL, OP_INC, RELATION_SAME, false},   {OP_DEL, OP_TXT, RELATION_SAME, false},
    {OP_DEL, OP_MOV, RELATION_SAME, true},    {OP_INC, OP_SET, RELATION_SAME, false},
    {OP_INC, OP_DEL, RELATION_SAME, false},   {OP_INC, OP_INC, RELATION_SAME, false},
    {OP_TXT, OP_SET, RELATION_SAME, false},   {OP_TXT, OP_DEL, RELATION_SAME, false},
    {OP_TXT, OP_TXT, RELATION_SAME, false},   {OP_MOV, OP_MOV, RELATION_SAME, true},
    {OP_MOV, OP_SET, RELATION_SAME, true},    {OP_SET, OP_MOV, RELATION_SAME, true},
    {OP_SET, OP_SET, RELATION_SAME, true},    {OP_SET, OP_SET, RELATION_INSIDE, false},
    {OP_SET, OP_DEL, RELATION_INSIDE, false}, {OP_INS, OP_SET, RELATION_INSIDE, true},
    {OP_INS, OP_DEL, RELATION_INSIDE, true},  {OP_DEL, OP_SET, RELATION_AROUND, false},
    {OP_SET, OP_SET, RELATION_AROUND, false},
};

static const struct fault *planted;

static bool transform_with_fault(struct arena *arena, struct op *a, const struct op *b, enum side side)
{
    const struct op before = *a;
    const bool is_left = transform_op(arena, a, b, side);
    const bool is_item = a->path.steps[a->path.depth - 1].data[0] == '@';

    if (side != SIDE_LATE || before.kind != planted->a || b->kind != planted->b || is_item != planted->is_item ||
        path_relation(&before.path, &b->path) != planted->relation)
        return is_left;
    *a = before;
    return !is_left;
}

static bool notices(const struct fault *fault)
{
    transform *rewrite = transform_with_fault;
    uint32_t drawn = 0;
    bool is_noticed = false;

    planted = fault;
    for (uint64_t seed = 1; drawn < FAULT_CASES && !is_noticed; seed++, drawn++) {
        struct case_trial trial;
        struct change pair[2];
        struct op ops[2];

        cases.left = 1;
        if (!cases_next(&cases))
            break;
        draw_pair(&trial, pair, ops, fault->a, fault->b);
        is_noticed = !pair_holds(&rewrite, &cases.arena, &trial);
    }
    return is_noticed;
}

static void a_table_with_one_wrong_cell_is_noticed(void **state)
{
    (void)state;
    cases_init(&cases, FAULT_CASES);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        if (!notices(&faults[i]))
            fail_msg("nobody noticed that the cell %d, %d (relation %d) was wrong", faults[i].a, faults[i].b,
                     faults[i].relation);
    cases_deinit(&cases);
}

static bool transform_with_wrong_tie(struct arena *arena, struct op *a, const struct op *b, enum side side)
{
    return transform_op(arena, a, b, a->kind == OP_TXT ? SIDE_LATE : side);
}

static void texts_that_both_go_to_the_right_are_noticed(void **state)
{
    transform *rewrite = transform_with_wrong_tie;
    bool is_noticed = false;

    (void)state;
    cases_init(&cases, FAULT_CASES);
    while (!is_noticed && cases_next(&cases)) {
        struct case_trial trial;
        struct change pair[2];
        struct op ops[2];

        draw_pair(&trial, pair, ops, OP_TXT, OP_TXT);
        is_noticed = !pair_holds(&rewrite, &cases.arena, &trial);
    }
    assert_true(is_noticed || !cases.is_whole);
    cases_deinit(&cases);
}

/* ---- the way back ---- */

static bool inverse_holds(void *context, struct arena *arena, const struct case_trial *trial)
{
    struct change change = copy(arena, &trial->changes[0]), back = {.kind = CHANGE_UPDATE};
    struct span after, restored;

    (void)context;
    if (!cases_apply(arena, &change, trial->state, &after))
        return true;
    change_invert(arena, &change, &back.ops, &back.op_count);
    return cases_apply(arena, &back, after, &restored) && cases_is_same(arena, restored, trial->state);
}

static void the_inverse_restores_exactly(void **state)
{
    (void)state;
    cases_init(&cases, INVERSES);
    while (cases_next(&cases)) {
        const struct span before = cases_state(&cases);
        struct change change = cases_change(&cases, before, CASE_OPS_MAX);
        const struct case_trial trial = {before, &change, 1};

        if (!inverse_holds(NULL, &cases.arena, &trial))
            cases_fail(&cases, trial, inverse_holds, NULL);
    }
    cases_deinit(&cases);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(any_two_operations_agree_in_both_orders),
        TEST(any_two_lists_agree_in_both_orders),
        TEST(a_table_with_one_wrong_cell_is_noticed),
        TEST(texts_that_both_go_to_the_right_are_noticed),
        TEST(the_inverse_restores_exactly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
