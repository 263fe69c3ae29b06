/* What must hold of changes that were made on the same state, whatever they are: lib/change_cases.h draws them. */
#include "lib/change_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collab/change/reconcile.h"
#include "collab/change/state.h"
#include "collab/change/transform.h"

enum { CONVERGING = 3000, CRDT = 3000, MANUAL = 20000, ARRIVALS = 5000, KEPT = 5000, CHANGES_MAX = 5 };

static struct cases cases;

/* ---- a server: changes made on version 1, one after the other ---- */

struct server {
    struct arena *arena;
    const struct type *type;
    struct span state;
    struct change *log[2 * CHANGES_MAX];
    uint32_t count;
};

static struct change *submit(struct server *server, const struct change *sent, struct reconciled *out)
{
    struct change *change = arena_alloc(server->arena, sizeof(*change));
    const struct reconcile_input input = {.type = server->type,
                                          .state = server->state,
                                          .state_bytes_max = SIZE_MAX,
                                          .since = (const struct change *const *)server->log,
                                          .since_count = server->count,
                                          .present_version = 1 + server->count};
    struct buf after = BUF_EMPTY;

    *change = *sent;
    change->ops = ops_copy(server->arena, sent->ops, sent->op_count);
    change->base_version = 1;
    reconcile(server->arena, &input, change, &after, out);
    if (out->verdict == VERDICT_APPLIED || out->verdict == VERDICT_MERGED) {
        change->version = 2 + server->count;
        server->log[server->count++] = change;
        server->state = arena_copy(server->arena, buf_span(&after));
    } else {
        assert_int_equal(after.len, 0);
    }
    buf_deinit(&after);
    return change;
}

static struct server server_on(struct arena *arena, const char *type, struct span state)
{
    return (struct server){.arena = arena, .type = cases_type(&cases, type), .state = state};
}

static struct case_trial draw(struct change *changes, uint32_t count, uint32_t ops_max)
{
    const struct case_trial trial = {cases_state(&cases), changes, count};

    for (uint32_t i = 0; i < count; i++) {
        changes[i] = cases_change(&cases, trial.state, ops_max);
        changes[i].user_id = changes[i].id = arena_printf(&cases.arena, "u%u", i);
        changes[i].stamp = 1 + cases_below(&cases, 3); /* so that some are equal and the source decides */
    }
    return trial;
}

static bool is_made_on(struct arena *arena, const struct case_trial *trial)
{
    struct span ignored;

    for (uint32_t i = 0; i < trial->change_count; i++) {
        struct change change = trial->changes[i];

        change.ops = ops_copy(arena, change.ops, change.op_count);
        if (!cases_apply(arena, &change, trial->state, &ignored))
            return false;
    }
    return true;
}

static void check(const char *type, uint64_t count, uint32_t changes_max, uint32_t ops_max, case_holds *holds)
{
    cases_init(&cases, count);
    while (cases_next(&cases)) {
        struct change changes[CHANGES_MAX];
        const uint32_t drawn = changes_max == 2 ? 2 : 2 + (uint32_t)cases_below(&cases, changes_max - 1);
        const struct case_trial trial = draw(changes, drawn, ops_max);

        if (!holds((void *)(uintptr_t)type, &cases.arena, &trial))
            cases_fail(&cases, trial, holds, (void *)(uintptr_t)type);
    }
    cases_deinit(&cases);
}

/* ---- operational transformation: a client that has shown its own change already gets to where the server is ---- */

static bool client_converges(void *context, struct arena *arena, const struct case_trial *trial)
{
    const struct change *mine = &trial->changes[trial->change_count - 1];
    struct change view = *mine, own = *mine;
    struct server server = server_on(arena, context, trial->state);
    struct reconciled out;
    struct span shown;

    if (!is_made_on(arena, trial))
        return true;
    view.ops = ops_copy(arena, mine->ops, mine->op_count);
    own.ops = ops_copy(arena, mine->ops, mine->op_count);
    if (!cases_apply(arena, &view, trial->state, &shown))
        return true;
    for (uint32_t i = 0; i + 1 < trial->change_count; i++) {
        const struct change *heard = submit(&server, &trial->changes[i], &out);
        struct change early = *heard;

        if (out.verdict == VERDICT_REJECTED)
            return false;
        early.ops = ops_copy(arena, heard->ops, heard->op_count);
        transform_both(arena, own.ops, &own.op_count, early.ops, &early.op_count, SIDE_LATE);
        if (!cases_apply(arena, &early, shown, &shown))
            return false;
    }
    submit(&server, mine, &out);
    return out.verdict != VERDICT_REJECTED && cases_is_same(arena, shown, server.state);
}

static void a_client_that_has_shown_its_change_gets_to_where_the_server_is(void **state)
{
    (void)state;
    check("ot", CONVERGING, CHANGES_MAX, 3, client_converges);
}

/* ---- crdt: the order of arrival does not matter, nor does what arrives again ---- */

static bool has(const struct change *change, enum op_kind kind)
{
    for (uint32_t i = 0; i < change->op_count; i++)
        if (change->ops[i].kind == kind)
            return true;
    return false;
}

/* What is counted or typed twice is recognised by its id, before it comes here. */
static bool may_arrive_again(const struct change *change)
{
    return !has(change, OP_INC) && !has(change, OP_TXT);
}

static bool deliver(struct server *server, const struct case_trial *trial, const uint32_t *order)
{
    struct reconciled out;

    for (uint32_t i = 0; i < trial->change_count; i++) {
        const struct change *change = &trial->changes[order[i]];

        submit(server, change, &out);
        if (out.verdict == VERDICT_REJECTED)
            return false;
        if (i % 2 == 0 && may_arrive_again(&trial->changes[order[i / 2]]))
            submit(server, &trial->changes[order[i / 2]], &out);
    }
    return true;
}

static uint32_t count_of(const struct case_trial *trial, enum op_kind kind)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < trial->change_count; i++)
        count += has(&trial->changes[i], kind);
    return count;
}

/* The next order of 0..count-1 in the dictionary; false: that was the last. */
static bool next_order(uint32_t *order, uint32_t count)
{
    uint32_t i = count - 1, k = count - 1, rest;

    while (i > 0 && order[i - 1] > order[i])
        i--;
    if (i == 0)
        return false;
    while (order[k] < order[i - 1])
        k--;
    rest = order[k], order[k] = order[i - 1], order[i - 1] = rest;
    for (k = count - 1; i < k; i++, k--)
        rest = order[k], order[k] = order[i], order[i] = rest;
    return true;
}

static bool any_order_is_the_same(void *context, struct arena *arena, const struct case_trial *trial)
{
    uint32_t order[CHANGES_MAX];
    struct server first = server_on(arena, context, trial->state);

    if (!is_made_on(arena, trial) || count_of(trial, OP_TXT) > 2)
        return true; /* more texts at one place go by the order of arrival */
    for (uint32_t i = 0; i < trial->change_count; i++)
        order[i] = i;
    if (!deliver(&first, trial, order))
        return false;
    while (next_order(order, trial->change_count)) {
        struct server other = server_on(arena, context, trial->state);

        if (!deliver(&other, trial, order) || !cases_is_same(arena, first.state, other.state))
            return false;
    }
    return true;
}

static void crdt_gives_the_same_in_any_order_with_repetitions(void **state)
{
    (void)state;
    check("crdt", CRDT, 4, 1, any_order_is_the_same);
}

static void crdt_gives_the_same_for_changes_of_several_operations(void **state)
{
    (void)state;
    check("crdt", CRDT, 3, 2, any_order_is_the_same);
}

/* ---- manual: a conflict if and only if both want different things of the same place ---- */

static bool wants_something_else(struct arena *arena, struct span before, struct op a, struct op b)
{
    struct change mine = {.kind = CHANGE_UPDATE, .ops = &a, .op_count = 1};
    struct change theirs = {.kind = CHANGE_UPDATE, .ops = &b, .op_count = 1};
    const struct op sent = a, other = b;
    const bool is_count_and_value = (a.kind == OP_INC) != (b.kind == OP_INC);
    struct span one, two;
    bool both_left;

    if (path_relation(&a.path, &b.path) == RELATION_APART)
        return false;
    if (!cases_apply(arena, &mine, before, &one) || !cases_apply(arena, &theirs, before, &two))
        fail();
    if (span_equal(b.before, b.after) || (a.kind == OP_INS && span_equal(a.before, a.after)))
        return false; /* one of them did nothing */
    if (a.kind != OP_INC && a.kind != OP_TXT &&
        value_is_same(state_at_op(arena, one, &sent), state_at_op(arena, two, &sent),
                      a.kind == OP_SET && sent.path.steps[sent.path.depth - 1].data[0] == '@'))
        return false;
    a = sent;
    b = other;
    both_left = transform_op(arena, &a, &other, SIDE_LATE) | (a.kind == OP_TXT && b.kind == OP_TXT);
    both_left &= transform_op(arena, &b, &sent, SIDE_EARLY) | (a.kind == OP_TXT && b.kind == OP_TXT);
    return !both_left || (is_count_and_value && path_relation(&a.path, &b.path) == RELATION_SAME && a.kind != OP_MOV &&
                          b.kind != OP_MOV);
}

static bool conflict_is_where_it_must_be(void *context, struct arena *arena, const struct case_trial *trial)
{
    const struct change *theirs = &trial->changes[0], *mine = &trial->changes[1];
    struct server server = server_on(arena, context, trial->state);
    struct reconciled out;
    bool is_conflict;

    if (!is_made_on(arena, trial) || theirs->op_count == 0 || mine->op_count == 0)
        return true;
    submit(&server, theirs, &out);
    submit(&server, mine, &out);
    is_conflict = wants_something_else(arena, trial->state, mine->ops[0], theirs->ops[0]);
    return out.verdict != VERDICT_REJECTED && is_conflict == (out.verdict == VERDICT_CONFLICT) &&
           is_conflict == (out.clash_count == 1);
}

static void manual_is_a_conflict_exactly_where_different_things_are_wanted(void **state)
{
    (void)state;
    check("manual", MANUAL, 2, 1, conflict_is_where_it_must_be);
}

/* ---- last write wins: the last arrival ---- */

static bool last_set_is_there(void *context, struct arena *arena, const struct case_trial *trial)
{
    struct server server = server_on(arena, context, trial->state);
    struct reconciled out;

    if (!is_made_on(arena, trial))
        return true;
    for (uint32_t i = 0; i < trial->change_count; i++) {
        const struct change *change = submit(&server, &trial->changes[i], &out);
        const struct op *op = change->ops;

        if (out.verdict == VERDICT_REJECTED)
            return false;
        if (change->op_count == 1 && op->kind == OP_SET && op->path.depth == 1 &&
            !value_is_same(op->value, state_at_op(arena, server.state, op), false))
            return false;
    }
    return true;
}

static void with_last_write_wins_the_last_arrival_is_there(void **state)
{
    (void)state;
    check("lww", ARRIVALS, CHANGES_MAX, 1, last_set_is_there);
}

/* ---- nothing gets lost: what was wanted is in the data, superseded or in a conflict ---- */

static bool is_superseded(const struct change *change, const struct path *path, struct span value)
{
    for (uint32_t i = 0; i < change->superseded_count; i++)
        if (path_relation(&change->superseded[i].path, path) == RELATION_SAME &&
            value_is_same(change->superseded[i].value, value, true))
            return true;
    return false;
}

static bool is_kept(struct arena *arena, const struct server *server, const struct change *change,
                    const struct op *sent)
{
    const bool is_item = sent->path.steps[sent->path.depth - 1].data[0] == '@';

    if (sent->kind != OP_SET && sent->kind != OP_INS)
        return true;
    if (value_is_same(sent->value, state_at_op(arena, server->state, sent), is_item) ||
        is_superseded(change, &sent->path, sent->value))
        return true;
    for (uint32_t i = 0; i < change->op_count; i++) /* on top of what was counted meanwhile */
        if (path_relation(&change->ops[i].path, &sent->path) == RELATION_SAME && change->ops[i].kind == OP_SET &&
            !span_equal(change->ops[i].value, sent->value))
            return true;
    return false;
}

/* What others wrote meanwhile, and is not there any more. */
static bool is_trace_left(const struct server *server, const struct change *change)
{
    for (uint32_t i = 0; i < change->op_count; i++) {
        const struct op *op = &change->ops[i];
        bool is_others = false;

        if ((op->kind != OP_SET && op->kind != OP_DEL) || op->before.len == 0 || span_equal(op->before, op->after))
            continue;
        for (uint32_t k = 0; k < server->count; k++)
            for (uint32_t n = 0; n < server->log[k]->op_count && server->log[k] != change; n++)
                is_others |= server->log[k]->ops[n].kind == OP_SET &&
                             path_relation(&op->path, &server->log[k]->ops[n].path) == RELATION_SAME &&
                             value_is_same(server->log[k]->ops[n].after, op->before, true) &&
                             !span_equal(server->log[k]->ops[n].before, server->log[k]->ops[n].after);
        if (is_others && !is_superseded(change, &op->path, op->before))
            return false;
    }
    return true;
}

static bool nothing_gets_lost(void *context, struct arena *arena, const struct case_trial *trial)
{
    struct server server = server_on(arena, context, trial->state);
    struct reconciled out;

    if (!is_made_on(arena, trial))
        return true;
    for (uint32_t i = 0; i < trial->change_count; i++) {
        const struct change *sent = &trial->changes[i], *change = submit(&server, sent, &out);
        struct change alone = *sent;
        struct span ignored;

        if (out.verdict == VERDICT_REJECTED || (out.verdict == VERDICT_CONFLICT && out.clash_count == 0))
            return false;
        if (out.verdict == VERDICT_CONFLICT || sent->op_count == 0)
            continue;
        alone.ops = ops_copy(arena, sent->ops, 1);
        (void)cases_apply(arena, &alone, trial->state, &ignored);
        if (span_equal(alone.ops->before, alone.ops->after))
            continue; /* it did nothing where it was made */
        if (!is_kept(arena, &server, change, sent->ops) || !is_trace_left(&server, change))
            return false;
    }
    return true;
}

static void no_value_gets_lost_under_any_strategy(void **state)
{
    static const char *const names[] = {"lww", "ot", "crdt", "lock", "manual", "mixed"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        check(names[i], KEPT / 4, CHANGES_MAX, 1, nothing_gets_lost);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_that_has_shown_its_change_gets_to_where_the_server_is),
        TEST(crdt_gives_the_same_in_any_order_with_repetitions),
        TEST(crdt_gives_the_same_for_changes_of_several_operations),
        TEST(manual_is_a_conflict_exactly_where_different_things_are_wanted),
        TEST(with_last_write_wins_the_last_arrival_is_there),
        TEST(no_value_gets_lost_under_any_strategy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
