#include "collab/change/undo_work.h"

#include "collab/change/change_build.h"
#include "collab/change/number.h"
#include "collab/change/state.h"
#include "collab/change/transform.h"

/* Each operation of the target is compared with all that came after, and each text edit is rewritten over all edits. */
enum { PAIRS_MAX = 16 * 1024 * 1024, TEXT_PAIRS_MAX = 512 * 1024 };

struct undoing {
    struct arena *arena;
    const struct change *const *log;
    uint32_t count;
    const struct undo_target *target;
    struct span author;
    struct undo_mark *marks;
    struct change *change; /* in the making */
    uint32_t skipped;
    const struct op **standing; /* of the target: what could not be taken back, and so covers what it was done on */
};

/* ---- what counts of what came after ---- */

/* An undo of what came after the change that is taken back only puts back what was there. */
static bool puts_back(const struct undoing *undo, uint32_t taken, uint32_t index)
{
    const struct change *const *log = undo->log;
    const uint32_t of = log[index]->undo_of != 0 ? undo_index(log, index, log[index]->undo_of) : index;

    return of < index && undo_first(log, log[index], of) > taken;
}

static bool has_place(const struct change *change, const struct op *op)
{
    for (uint32_t i = 0; i < change->op_count; i++)
        if (path_relation(&change->ops[i].path, &op->path) == RELATION_SAME)
            return true;
    return false;
}

/* A pair of an operation and what took it back is as if it had never been; the author's, that is: what somebody else
 * wrote, if only to take it back, is his. The target's own are about to be taken back here. `taken` is the one whose turn it is. */
static bool counts(const struct undoing *undo, uint32_t taken, uint32_t index, const struct op *op)
{
    const struct change *change = undo->log[index];
    const uint32_t taken_by = undo->marks[index].taken_by;

    if (span_equal(op->before, op->after))
        return false;
    if (!span_equal(change->user_id, undo->author))
        return true;
    if (index <= undo->target->last || puts_back(undo, taken, index))
        return false;
    return taken_by == undo->count || !has_place(undo->log[taken_by], op);
}

/* Whether the way back would destroy what this one did. */
static bool is_in_the_way(const struct op *back, const struct op *later)
{
    const enum relation relation = path_relation(&back->path, &later->path);

    if (relation == RELATION_APART)
        return false;
    if (back->kind == OP_MOV) {
        const bool is_here = relation == RELATION_SAME && (later->kind == OP_MOV || later->kind == OP_DEL);

        return is_here || (relation == RELATION_INSIDE && (later->kind == OP_SET || later->kind == OP_DEL));
    }
    if (later->kind == OP_MOV && back->kind != OP_DEL && relation != RELATION_AROUND)
        return false; /* where an item stands is not what is in it */
    return back->kind != later->kind || (back->kind != OP_INC && back->kind != OP_TXT);
}

typedef bool looks(const struct op *back, const struct op *later);

static bool touches(const struct op *back, const struct op *later)
{
    const enum relation relation = path_relation(&back->path, &later->path);

    return relation != RELATION_APART && (relation != RELATION_INSIDE || later->kind != OP_MOV || back->kind == OP_DEL);
}

static bool any_since(const struct undoing *undo, uint32_t index, const struct op *back, looks *look)
{
    for (uint32_t i = index + 1; i < undo->count; i++) {
        const struct change *change = undo->log[i];

        for (uint32_t k = 0; k < change->op_count; k++)
            if (look(back, &change->ops[k]) && counts(undo, index, i, &change->ops[k]))
                return true;
    }
    return false;
}

/* ---- bringing the way back over it ---- */

static void count_or_edit_back(struct undoing *undo, const struct op *op, struct op *back)
{
    if (op->kind != OP_INC && op->kind != OP_TXT)
        return;
    back->kind = op->kind;
    if (op->kind == OP_INC)
        back->value = number_negative(undo->arena, op->value);
    else if (op->before.len == 0) /* it was made of nothing; back->value has the way back otherwise */
        back->value = text_invert(undo->arena, SPAN_EMPTY, op->value);
}

/* Only what comes of it stays: a text may meet thousands of edits. */
static bool bring_over(struct undoing *undo, struct op *back, const struct op *ops, uint32_t count)
{
    const char *before = back->value.data;
    struct arena passing;
    uint32_t left = 1;

    arena_init(&passing, 1024);
    transform_ops(&passing, back, &left, ops, count, SIDE_EARLY);
    if (back->value.data != before)
        back->value = arena_copy(undo->arena, back->value);
    arena_deinit(&passing);
    return left > 0;
}

/* Places in a text are shifted by everything that came after, taken back or not, and by what is taken back here. */
static bool bring_text_over(struct undoing *undo, uint32_t index, uint32_t op, struct op *back)
{
    const struct change *own = undo->log[index];

    if (!bring_over(undo, back, own->ops + op + 1, own->op_count - op - 1))
        return false;
    for (uint32_t i = index + 1; i < undo->count; i++)
        if (!bring_over(undo, back, undo->log[i]->ops, undo->log[i]->op_count))
            return false;
    return bring_over(undo, back, undo->change->ops, undo->change->op_count);
}

static bool is_covered(const struct undoing *undo, const struct op *back)
{
    for (uint32_t i = 0; i < undo->skipped; i++)
        if (is_in_the_way(back, undo->standing[i]))
            return true;
    return false;
}

/* False: newer work is there. */
static bool make_back(struct undoing *undo, uint32_t index, uint32_t op, struct op *back)
{
    if (is_covered(undo, back))
        return false;
    if (!any_since(undo, index, back, touches))
        return true;
    count_or_edit_back(undo, &undo->log[index]->ops[op], back);
    if (any_since(undo, index, back, is_in_the_way))
        return false;
    return back->kind != OP_TXT || bring_text_over(undo, index, op, back);
}

static enum err take_back(struct undoing *undo, uint32_t index)
{
    const struct change *taken = undo->log[index];
    struct change *change = undo->change;
    struct op back;

    for (uint32_t i = taken->op_count; i-- > 0;) {
        if (!op_invert(undo->arena, &taken->ops[i], &back))
            continue;
        if (!make_back(undo, index, i, &back)) {
            undo->standing[undo->skipped++] = &taken->ops[i];
            continue;
        }
        if (change->op_count == CHANGE_OPS_MAX)
            return ERR_TOO_LARGE;
        change->ops[change->op_count++] = back;
    }
    return OK;
}

/* ---- a record that was deleted ---- */

static enum err fold(struct undoing *undo, uint32_t first, uint32_t end, struct span *state)
{
    struct buf out = BUF_EMPTY;
    enum err err = OK;

    *state = SPAN_EMPTY;
    for (uint32_t i = first; i < end && err == OK; i++) {
        struct change change = *undo->log[i];

        change.ops = ops_copy(undo->arena, change.ops, change.op_count);
        buf_reset(&out);
        err = change_apply(undo->arena, NULL, *state, SIZE_MAX, &change, &out);
        *state = arena_copy(undo->arena, buf_span(&out));
    }
    buf_deinit(&out);
    return err;
}

static enum err make_again(struct undoing *undo)
{
    const uint32_t end = undo->target->last;
    struct change *change = undo->change;
    struct span state;
    yyjson_obj_iter members;
    yyjson_val *root, *key;
    uint32_t first = end;
    enum err err;

    if (end + 1 != undo->count)
        return ERR_UNDO_BLOCKED; /* there is another one by now */
    while (first > 0 && undo->log[first]->kind != CHANGE_CREATE)
        first--;
    if (undo->log[first]->kind != CHANGE_CREATE)
        return ERR_UNSUPPORTED;
    if ((err = fold(undo, first, end, &state)) != OK)
        return err;
    root = json_in_arena_read(undo->arena, state);
    change->kind = CHANGE_CREATE;
    change->ops = arena_alloc(undo->arena, yyjson_obj_size(root) * sizeof(struct op));
    yyjson_obj_iter_init(root, &members);
    while ((key = yyjson_obj_iter_next(&members)) != NULL) {
        const struct path path = {1, {json_text(key)}};
        struct op *op = &change->ops[change->op_count++];

        *op = (struct op){.kind = OP_SET, .path = path, .value = state_value(undo->arena, state, &path)};
    }
    return OK;
}

/* ---- a record that was made ---- */

/* Nobody else's work goes with it. */
static enum err unmake(struct undoing *undo)
{
    for (uint32_t i = undo->target->last + 1; i < undo->count; i++) {
        const struct change *later = undo->log[i];

        if (!span_equal(later->user_id, undo->author) && undo_did_something(later))
            return ERR_UNDO_BLOCKED;
    }
    undo->change->kind = CHANGE_DELETE;
    return OK;
}

/* ---- the whole ---- */

static uint32_t count_target_ops(const struct undoing *undo)
{
    uint32_t count = 0;

    for (uint32_t i = undo->target->first; i <= undo->target->last; i++)
        count += undo->log[i]->op_count;
    return count;
}

static uint64_t count_texts(const struct undoing *undo, uint32_t end)
{
    uint64_t count = 0;

    for (uint32_t i = undo->target->first; i < end; i++)
        for (uint32_t k = 0; k < undo->log[i]->op_count; k++)
            count += undo->log[i]->ops[k].kind == OP_TXT;
    return count;
}

/* Whoever wrote a log chooses how long taking it back would take. */
static bool is_too_much(const struct undoing *undo, uint32_t target_ops)
{
    const uint32_t end = undo->target->last + 1;
    uint64_t later_ops = 0;

    for (uint32_t i = undo->target->first; i < undo->count; i++)
        later_ops += undo->log[i]->op_count;
    return target_ops * later_ops > PAIRS_MAX ||
           count_texts(undo, end) * count_texts(undo, undo->count) > TEXT_PAIRS_MAX;
}

/* What is there now is another record of the same name. */
static bool is_of_earlier_life(const struct undoing *undo)
{
    for (uint32_t i = undo->target->last + 1; i < undo->count; i++)
        if (undo_begins_life(undo->log[i]))
            return true;
    return false;
}

enum err undo_make(struct arena *arena, const struct change *const *log, uint32_t count,
                   const struct undo_target *target, struct change *change, uint32_t *skipped)
{
    const struct change *last = log[target->last];
    struct undoing undo = {
        .arena = arena, .log = log, .count = count, .target = target, .author = last->user_id, .change = change};
    uint32_t target_ops;
    enum err err = OK;

    *skipped = 0;
    change->kind = CHANGE_UPDATE;
    change->type = arena_copy(arena, last->type);
    change->entity_id = arena_copy(arena, last->entity_id);
    change->undo_of = last->version;
    change->undo_from = log[target->first]->version;
    if (is_of_earlier_life(&undo))
        return ERR_UNDO_BLOCKED;
    if (last->kind == CHANGE_CREATE)
        return unmake(&undo);
    if (last->kind == CHANGE_DELETE)
        return make_again(&undo);
    target_ops = count_target_ops(&undo);
    if (is_too_much(&undo, target_ops))
        return ERR_TOO_LARGE;
    change->ops = arena_alloc(arena, CHANGE_OPS_MAX * sizeof(struct op));
    undo.marks = arena_alloc(arena, count * sizeof(*undo.marks));
    undo_mark(log, count, undo.marks);
    undo.standing = arena_alloc(arena, target_ops * sizeof(struct op *));
    for (uint32_t i = target->last + 1; i-- > target->first && err == OK;)
        if (span_equal(log[i]->user_id, undo.author) && undo.marks[i].taken_by == count)
            err = take_back(&undo, i);
    *skipped = undo.skipped;
    if (err == OK && change->op_count == 0)
        err = ERR_UNDO_BLOCKED;
    return err;
}
