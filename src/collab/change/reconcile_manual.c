#include "collab/change/reconcile_work.h"

#include "collab/change/change_build.h"
#include "collab/change/state.h"
#include "collab/change/transform.h"

/* ---- by kinds ---- */

static bool takes_all(const struct op *op)
{
    return op->kind == OP_SET || op->kind == OP_DEL;
}

static bool is_clash_at_one_place(const struct op *a, const struct op *b)
{
    const bool moves = a->kind == OP_MOV || b->kind == OP_MOV;

    if (a->kind == b->kind && (a->kind == OP_INC || a->kind == OP_TXT))
        return false; /* both are kept */
    if (moves && a->kind != b->kind)
        return a->kind == OP_DEL || b->kind == OP_DEL; /* where an item stands and what is in it are two things */
    return true;
}

bool manual_is_clash(const struct op *a, const struct op *b)
{
    switch (path_relation(&a->path, &b->path)) {
    case RELATION_SAME: return is_clash_at_one_place(a, b);
    case RELATION_INSIDE: return takes_all(b);
    case RELATION_AROUND: return takes_all(a);
    default: return false;
    }
}

/* ---- by what comes of them ---- */

/* Counting and editing are never what somebody else did by writing a value. */
static bool comes_to_the_same(const struct op *op, const struct clash *clash)
{
    const bool is_item = path_is_item(&op->path) && op->kind != OP_MOV;

    return op->kind != OP_INC && op->kind != OP_TXT && value_is_same(clash->mine, clash->theirs, is_item);
}

/* The operations as they were sent. */
static struct op *sent_ops(struct reconciliation *work)
{
    struct op *ops = ops_copy(work->arena, work->change->ops, work->change->op_count);

    for (uint32_t i = 0; i < work->change->op_count; i++)
        if (work->journeys[i].sent)
            ops[i] = *work->journeys[i].sent;
    return ops;
}

/* What the whole change makes of the state that it was made on; fills before and after of its operations. Of one that
 * does not even fit there: the state as it was. */
static struct span do_at_base(struct reconciliation *work, struct span base, struct op *ops)
{
    struct change change = *work->change;
    struct buf out = BUF_EMPTY;
    struct span done = base;

    change.ops = ops;
    if (change_apply(work->arena, NULL, base, SIZE_MAX, &change, &out) == OK)
        done = arena_copy(work->arena, buf_span(&out));
    buf_deinit(&out);
    return done;
}

/* What counts is what the change wants at its end: a later operation may write the same place anew. */
void manual_find_clashes(struct reconciliation *work)
{
    const struct reconcile_input *input = work->input;
    const uint32_t count = work->change->op_count;
    struct op *ops = sent_ops(work);
    const struct span base = base_state(work, ops, count);
    yyjson_val *before = json_in_arena_read(work->arena, base);
    yyjson_val *done = json_in_arena_read(work->arena, do_at_base(work, base, ops));
    yyjson_val *now = json_in_arena_read(work->arena, input->state);
    struct reconciled *out = work->out;

    out->clashes = arena_alloc(work->arena, count * sizeof(struct clash));
    for (uint32_t i = 0; i < count; i++) {
        const struct clash clash = {.op = i,
                                    .since = work->journeys[i].met,
                                    .base = state_at_op_in(work->arena, before, &ops[i]),
                                    .mine = state_at_op_in(work->arena, done, &ops[i]),
                                    .theirs = state_at_op_in(work->arena, now, &ops[i])};

        if (!work->journeys[i].clashes || (ops[i].kind == OP_INS && op_is_idle(&ops[i])))
            continue; /* who put in what was there already wanted nothing new */
        if (!comes_to_the_same(&ops[i], &clash))
            out->clashes[out->clash_count++] = clash;
    }
    work->tried = ops;
}
