#include "collab/change/reconcile_work.h"

#include "collab/change/change_build.h"
#include "collab/change/number.h"
#include "collab/change/state.h"
#include "collab/change/transform.h"

#include <string.h>

/* ---- which strategy ---- */

static bool is_allowed(const struct type *type, const struct change *change)
{
    return !change->has_strategy || (type->strategies_allowed >> change->strategy & 1);
}

enum strategy strategy_of(const struct type *type, const struct change *change, const struct op *op)
{
    const struct field *field = op->path.depth > 0 ? type_field(type, op->path.steps[0]) : NULL;
    const bool has_own = field && field->has_strategy;

    if (has_own && (field->strategy == STRATEGY_LOCK_BASED || field->strategy == STRATEGY_MANUAL))
        return field->strategy;
    if (change->has_strategy && is_allowed(type, change))
        return change->strategy;
    return has_own ? field->strategy : type->strategy;
}

static enum strategy strategy_at(const struct reconciliation *work, const struct op *op)
{
    return strategy_of(work->input->type, work->change, op);
}

/* A client that sends one change after the other without waiting has seen its own. */
bool change_is_own(const struct change *change, const struct change *other)
{
    return other->source.len > 0 && span_equal(other->source, change->source) &&
           span_equal(other->user_id, change->user_id);
}

/* ---- two operations that meet ---- */

static bool rewrite_mine(struct reconciliation *work, enum strategy strategy, struct op *mine, const struct op *theirs,
                         const struct change *other)
{
    switch (strategy) {
    case STRATEGY_LAST_WRITE_WINS:
    case STRATEGY_LOCK_BASED: return mine->kind != OP_TXT || transform_op(&work->meeting, mine, theirs, SIDE_LATE);
    case STRATEGY_CRDT: return crdt_rewrite(&work->meeting, mine, theirs, change_is_greater(work->change, other));
    default: return transform_op(&work->meeting, mine, theirs, SIDE_LATE);
    }
}

/* What theirs is to the operations of the change that come after this one. */
static bool rewrite_theirs(struct reconciliation *work, enum strategy strategy, struct op *theirs,
                           const struct op *mine, const struct change *other)
{
    if (strategy == STRATEGY_CRDT)
        return crdt_rewrite(&work->meeting, theirs, mine, !change_is_greater(work->change, other));
    return transform_op(&work->meeting, theirs, mine, SIDE_EARLY);
}

static bool is_rewritten(const struct op *sent, const struct op *now)
{
    return sent->kind != now->kind || !span_equal(sent->value, now->value);
}

/* Whether a value that was written meanwhile is not there any more when mine is done. An increment that mine was put on
 * top of is. */
static bool overwrites(const struct op *mine, const struct op *theirs, bool was_rewritten)
{
    const bool is_value = theirs->kind != OP_MOV && !(theirs->kind == OP_INC && was_rewritten);

    return (mine->kind == OP_SET || mine->kind == OP_DEL) && is_value &&
           path_relation(&mine->path, &theirs->path) != RELATION_INSIDE;
}

/* A value that was rewritten takes the place of the one before the last: whoever was away for long meets thousands. */
static void keep_value(const struct reconciliation *work, struct journey *journey, struct op *mine)
{
    const size_t len = mine->value.len;

    journey->room ^= 1;
    if (journey->rooms[journey->room].capacity < len) {
        journey->rooms[journey->room].capacity = 2 * len;
        journey->rooms[journey->room].data = arena_alloc(work->arena, 2 * len);
    }
    memcpy(journey->rooms[journey->room].data, mine->value.data, len);
    mine->value = span_of(journey->rooms[journey->room].data, len);
}

/* Takes theirs over the change's operation `index`, which is `before` until then. */
static void meet(struct reconciliation *work, uint32_t index, uint32_t since, const struct op *theirs,
                 const struct op *before)
{
    const struct change *other = work->input->since[since];
    struct journey *journey = &work->journeys[index];
    struct op *mine = &work->change->ops[index];
    bool was_rewritten;

    if (journey->sent == NULL)
        journey->sent = ops_copy(work->arena, mine, 1);
    journey->is_lost = !rewrite_mine(work, journey->strategy, mine, theirs, other);
    journey->is_lost_to_text = journey->is_lost && theirs->kind == OP_TXT;
    was_rewritten = is_rewritten(before, mine);
    journey->is_rewritten |= was_rewritten;
    if (mine->value.len > 0 && mine->value.data != before->value.data)
        keep_value(work, journey, mine);
    if (!op_is_idle(theirs) || journey->is_lost)
        journey->met = since;
    if (!op_is_idle(theirs)) {
        journey->overwrites |= !journey->is_lost && overwrites(mine, theirs, was_rewritten);
        journey->clashes |= journey->strategy == STRATEGY_MANUAL && manual_is_clash(before, theirs);
    }
}

/* ---- all that meet ---- */

static bool is_in_reach(const struct reconciliation *work, uint32_t index, const struct op *theirs)
{
    return !work->journeys[index].is_lost &&
           path_relation(&work->change->ops[index].path, &theirs->path) != RELATION_APART;
}

static bool meets(const struct reconciliation *work, uint32_t index, const struct op *theirs)
{
    return is_in_reach(work, index, theirs) && theirs->kind != OP_TEST && work->change->ops[index].kind != OP_TEST;
}

/* What others did is rewritten on its way past the change's operations, from the first one that it meets on, until nothing is left of it. It
 * is copied only when it goes on: mostly it has met the last one. */
static void go_past(struct reconciliation *work, uint32_t first, uint32_t since, const struct op *theirs)
{
    const uint32_t count = work->change->op_count;
    struct op before, copy;

    for (uint32_t i = first; i < count; i++) {
        if (!meets(work, i, theirs))
            continue;
        if (theirs != &copy)
            arena_reset(&work->meeting);
        before = work->change->ops[i];
        meet(work, i, since, theirs, &before);
        if (i + 1 == count)
            return;
        if (theirs != &copy)
            copy = *theirs;
        theirs = &copy;
        if (!rewrite_theirs(work, work->journeys[i].strategy, &copy, &before, work->input->since[since]))
            return;
    }
}

/* Most of what others did lies apart from all of the change. */
static void pass_over(struct reconciliation *work, uint32_t since, const struct op *theirs)
{
    for (uint32_t i = 0; i < work->change->op_count; i++) {
        if (is_in_reach(work, i, theirs)) {
            go_past(work, i, since, theirs);
            return;
        }
    }
}

static bool is_own_making(const struct change *change, const struct change *other)
{
    return other->kind == CHANGE_CREATE && other->undo_of == 0 && other->restored == 0 && change_is_own(change, other);
}

/* Who made the record anew himself knew all that is in it, and that nothing is left of what was there before. */
static uint32_t first_unseen(const struct reconciliation *work)
{
    uint32_t i = work->change->source.len > 0 ? work->input->since_count : 0;

    while (i > 0 && !is_own_making(work->change, work->input->since[i - 1]))
        i--;
    return i;
}

static void pass_over_all(struct reconciliation *work)
{
    static const struct op whole = {.kind = OP_DEL, .before = SPAN_INIT("{}")};
    const struct reconcile_input *input = work->input;

    for (uint32_t i = first_unseen(work); i < input->since_count; i++) {
        const struct change *other = input->since[i];

        if (other->kind == CHANGE_DELETE) /* what is there now is another record of the same name */
            pass_over(work, i, &whole);
        for (uint32_t k = 0; k < other->op_count && !change_is_own(work->change, other); k++)
            pass_over(work, i, &other->ops[k]);
    }
}

/* ---- conflicts ---- */

/* Whoever deletes a record that a person should decide about must have seen what others made of it. */
static void find_clash_of_delete(struct reconciliation *work)
{
    const struct reconcile_input *input = work->input;
    const struct op whole = {.kind = OP_DEL};

    if (strategy_at(work, &whole) != STRATEGY_MANUAL)
        return;
    for (uint32_t i = input->since_count; i-- > 0;) {
        const struct change *other = input->since[i];

        if (change_is_own(work->change, other) || change_is_empty(other))
            continue;
        work->out->clashes = arena_alloc(work->arena, sizeof(struct clash));
        work->out->clashes[work->out->clash_count++] = (struct clash){
            .op = work->change->op_count, .since = i, .base = base_state(work, &whole, 1), .theirs = input->state};
        return;
    }
}

static void find_clashes(struct reconciliation *work)
{
    if (work->change->kind == CHANGE_DELETE)
        find_clash_of_delete(work);
    for (uint32_t i = 0; i < work->change->op_count && work->out->clash_count == 0; i++) {
        if (work->journeys[i].clashes) {
            manual_find_clashes(work);
            return;
        }
    }
}

static void put_back(struct reconciliation *work)
{
    for (uint32_t i = 0; i < work->change->op_count; i++) {
        struct op *op = &work->change->ops[i];

        if (work->journeys[i].sent)
            *op = *work->journeys[i].sent;
        if (work->tried == NULL)
            continue;
        op->before = work->tried[i].before;
        op->after = work->tried[i].after;
    }
}

/* ---- what was superseded ---- */

static void add_superseded(struct reconciliation *work, const struct path *path, struct span value, uint64_t by_version)
{
    struct change *change = work->change;

    if (value.len > 0)
        change->superseded[change->superseded_count++] = (struct superseded){*path, value, by_version};
}

static struct span wanted(struct arena *arena, const struct op *op)
{
    struct buf text = BUF_EMPTY;
    struct span value = op->value;

    if (op->kind == OP_MOV) {
        json_append_string(&text, op->pos);
        value = arena_copy(arena, buf_span(&text));
        buf_deinit(&text);
    }
    return value;
}

/* What is there although somebody else's operation counted is nobody's loss; nor is a text that both deleted. */
static bool is_there_anyway(struct reconciliation *work, const struct journey *journey)
{
    const struct op *sent = journey->sent;

    if (sent->kind == OP_TXT && journey->is_lost_to_text)
        return true;
    if (sent->kind == OP_INC)
        return false;
    if (work->present == NULL)
        work->present = json_in_arena_read(work->arena, work->input->state);
    return value_is_same(wanted(work->arena, sent), state_at_op_in(work->arena, work->present, sent),
                         path_is_item(&sent->path));
}

static void note_lost(struct reconciliation *work, const struct journey *journey)
{
    if (!is_there_anyway(work, journey))
        add_superseded(work, &journey->sent->path, wanted(work->arena, journey->sent),
                       work->input->since[journey->met]->version);
}

static bool wants_a_value(const struct op *op)
{
    return op->kind == OP_SET || op->kind == OP_INS || op->kind == OP_INC || op->kind == OP_TXT;
}

static bool goes_into(const struct op *op, const struct op *ops, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (path_relation(&op->path, &ops[i].path) != RELATION_APART)
            return true;
    return false;
}

/* The last change that did something there. */
static uint64_t version_that_decided(const struct reconciliation *work, const struct op *op)
{
    const struct reconcile_input *input = work->input;

    if (goes_into(op, work->change->ops, (uint32_t)(op - work->change->ops)))
        return input->present_version + 1;
    for (uint32_t i = input->since_count; i-- > 0;)
        if (goes_into(op, input->since[i]->ops, input->since[i]->op_count))
            return input->since[i]->version;
    return input->present_version;
}

/* It has met nothing of others, but what it goes into is not there: never was, or he took it away himself before. Or
 * he puts in what is there already, as something else. */
static void note_alone(struct reconciliation *work, const struct op *op)
{
    const bool is_missing = wants_a_value(op) && op->before.len == 0 && op->after.len == 0;
    const bool is_taken = op->kind == OP_INS && op_is_idle(op) && !value_is_same(op->value, op->after, true);

    if (is_missing || is_taken)
        add_superseded(work, &op->path, wanted(work->arena, op), version_that_decided(work, op));
}

static void note_done(struct reconciliation *work, const struct journey *journey, const struct op *op)
{
    if (journey->sent == NULL)
        note_alone(work, op);
    else if (journey->overwrites && !op_is_idle(op))
        add_superseded(work, &op->path, op->before, work->input->present_version + 1);
    else if (wants_a_value(op) && op_is_idle(op)) /* what it was to go into is not there any more */
        note_lost(work, journey);
}

/* `journeys` are those of the operations as they were sent; those that are left have moved up. */
static void note_superseded(struct reconciliation *work, uint32_t sent_count)
{
    struct change *change = work->change;
    uint32_t left = 0;

    change->superseded = arena_alloc(work->arena, sent_count * sizeof(struct superseded));
    for (uint32_t i = 0; i < sent_count; i++) {
        if (work->journeys[i].is_lost)
            note_lost(work, &work->journeys[i]);
        else
            note_done(work, &work->journeys[i], &change->ops[left++]);
    }
}

/* ---- the whole ---- */

static void take_out_lost(struct reconciliation *work)
{
    struct change *change = work->change;
    uint32_t left = 0;

    for (uint32_t i = 0; i < change->op_count; i++)
        if (!work->journeys[i].is_lost)
            change->ops[left++] = change->ops[i];
    change->op_count = left;
}

/* A value was checked when it came; what it became on top of an increment was not. */
static enum err check_sums(const struct reconciliation *work)
{
    const struct change *change = work->change;

    for (uint32_t i = 0; i < change->op_count; i++) {
        const struct op *op = &change->ops[i];
        const struct field *field = type_field(work->input->type, op->path.steps[0]);
        const bool is_sum = work->journeys[i].is_rewritten && op->kind == OP_SET && number_is(op->value);

        if (is_sum && op->path.depth == 1 && field && !field_number_fits(field, number_value(work->arena, op->value))) {
            work->out->failed_op = i;
            return ERR_BAD_FIELD;
        }
    }
    return OK;
}

static enum strategy deciding_strategy(const struct reconciliation *work)
{
    const struct op whole = {.kind = OP_SET};
    const struct change *change = work->change;

    for (uint32_t i = 0; i < change->op_count; i++)
        if (work->journeys[i].sent)
            return strategy_at(work, &change->ops[i]);
    return strategy_at(work, change->op_count > 0 ? &change->ops[0] : &whole);
}

static bool has_changed(const struct reconciliation *work, uint32_t sent_count)
{
    for (uint32_t i = 0; i < sent_count; i++)
        if (work->journeys[i].is_lost || work->journeys[i].is_rewritten)
            return true;
    return work->change->superseded_count > 0;
}

static enum err apply(struct reconciliation *work, struct buf *after)
{
    const struct reconcile_input *input = work->input;
    struct change *change = work->change;
    const uint32_t sent_count = change->op_count;
    const size_t start = after->len;
    enum err err;

    if ((err = check_sums(work)) != OK)
        return err;
    take_out_lost(work);
    if ((err = change_apply(work->arena, input->type, input->state, input->state_bytes_max, change, after)) != OK) {
        work->out->failed_op = change->failed_op;
        after->len = start;
        return err;
    }
    note_superseded(work, sent_count);
    change->verdict = has_changed(work, sent_count) ? VERDICT_MERGED : VERDICT_APPLIED;
    return OK;
}

static enum err settle(struct reconciliation *work, struct buf *after)
{
    struct change *change = work->change;
    enum err err;

    if (!is_allowed(work->input->type, change))
        return ERR_STRATEGY;
    if ((err = base_check(work)) != OK) {
        work->out->failed_op = change->failed_op;
        return err;
    }
    pass_over_all(work);
    work->out->strategy = change->strategy = deciding_strategy(work);
    find_clashes(work);
    if (work->out->clash_count == 0)
        return apply(work, after);
    put_back(work);
    change->verdict = VERDICT_CONFLICT;
    return OK;
}

void reconcile(struct arena *arena, const struct reconcile_input *input, struct change *change, struct buf *after,
               struct reconciled *out)
{
    struct reconcile_input met = *input;
    struct reconciliation work = {.arena = arena, .input = &met, .change = change, .out = out};

    if (change->kind == CHANGE_CREATE || change->base_version == 0 || change->base_version == input->present_version)
        met.since_count = 0;
    arena_init(&work.meeting, 1024);
    work.journeys = arena_alloc(arena, change->op_count * sizeof(struct journey));
    for (uint32_t i = 0; i < change->op_count; i++)
        work.journeys[i].strategy = strategy_at(&work, &change->ops[i]);
    *out = (struct reconciled){.strategy = change->strategy};
    change->superseded_count = 0;
    out->err = settle(&work, after);
    arena_deinit(&work.meeting);
    if (out->err != OK)
        change->verdict = VERDICT_REJECTED;
    out->verdict = change->verdict;
}
