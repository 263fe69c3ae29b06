/* The values that a change expects to find, and the version at which they were there. */
#include "collab/change/reconcile_work.h"

#include "collab/change/change_build.h"
#include "collab/change/state.h"
#include "collab/change/transform.h"

/* ---- what it expects ---- */

static bool was_touched_before(const struct change *change, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++)
        if (path_relation(&change->ops[i].path, &change->ops[index].path) != RELATION_APART)
            return true;
    return false;
}

/* What an operation expects to find is about the record, not about what the operations before it in the change do. */
static bool has_expectation(const struct change *change, uint32_t index)
{
    return change->ops[index].expected.len > 0 && !was_touched_before(change, index);
}

static bool is_as_expected(struct arena *arena, yyjson_val *state, const struct op *op)
{
    return value_is_same(op->expected, state_at_op_in(arena, state, op), path_is_item(&op->path) && op->kind != OP_MOV);
}

/* A client that sends one change after the other without waiting has seen what its own earlier ones made of it. */
static bool is_own_result(const struct reconciliation *work, const struct op *op)
{
    for (uint32_t i = 0; i < work->input->since_count; i++) {
        const struct change *other = work->input->since[i];

        for (uint32_t k = 0; k < other->op_count && change_is_own(work->change, other); k++)
            if (path_relation(&op->path, &other->ops[k].path) == RELATION_SAME &&
                value_is_same(op->expected, other->ops[k].after, false))
                return true;
    }
    return false;
}

struct span base_state(const struct reconciliation *work, const struct op *places, uint32_t place_count)
{
    const struct reconcile_input *input = work->input;

    return input->base.len > 0
               ? input->base
               : state_rewind(work->arena, input->state, input->since, input->since_count, places, place_count);
}

enum err base_check(const struct reconciliation *work)
{
    struct change *change = work->change;
    yyjson_val *base = NULL;

    for (uint32_t i = 0; i < change->op_count; i++) {
        if (!has_expectation(change, i))
            continue;
        if (base == NULL)
            base = json_in_arena_read(work->arena, base_state(work, change->ops, change->op_count));
        change->failed_op = i;
        if (!is_as_expected(work->arena, base, &change->ops[i]) && !is_own_result(work, &change->ops[i]))
            return ERR_BAD_BEFORE;
    }
    return OK;
}

/* ---- the version that it was made against ---- */

/* Whoever sends a value that never was chooses how long it is looked for. */
#define SEARCH_BYTES_MAX ((size_t)8 * 1024 * 1024)

/* Going back through the versions, one at a time. */
struct search {
    const struct change *change;
    bool expects[CHANGE_OPS_MAX]; /* by operation */
    struct arena arena;           /* of one version */
    struct buf state;             /* as it was then, so far as it matters */
    size_t seen_bytes;
};

static void search_begin(struct search *search, struct span state)
{
    const struct change *change = search->change;

    for (uint32_t i = 0; i < change->op_count; i++)
        search->expects[i] = has_expectation(change, i);
    arena_init(&search->arena, 4096);
    buf_append_span(&search->state, state_of_fields(&search->arena, state, change->ops, change->op_count));
}

static bool search_is_there(struct search *search)
{
    const struct change *change = search->change;
    yyjson_val *state = json_in_arena_read(&search->arena, buf_span(&search->state));

    for (uint32_t i = 0; i < change->op_count; i++)
        if (search->expects[i] && !is_as_expected(&search->arena, state, &change->ops[i]))
            return false;
    return true;
}

/* To before the change that was the last one so far. True: something is different there. */
static bool search_step_back(struct search *search, const struct change *last)
{
    const struct change *change = search->change;
    const struct span before =
        state_rewind(&search->arena, buf_span(&search->state), &last, 1, change->ops, change->op_count);
    const bool differs = before.data != search->state.data;

    if (differs) {
        search->seen_bytes += before.len;
        buf_reset(&search->state);
        buf_append_span(&search->state, before);
    }
    arena_reset(&search->arena);
    return differs;
}

bool reconcile_find_base(const struct reconcile_input *input, const struct change *change, uint64_t *base_version)
{
    struct search search = {.change = change};
    uint32_t i = input->since_count;
    bool is_there;

    search_begin(&search, input->state);
    *base_version = input->present_version;
    is_there = search_is_there(&search);
    while (!is_there && i > 0 && search.seen_bytes <= SEARCH_BYTES_MAX) {
        const struct change *last = input->since[--i];

        is_there = search_step_back(&search, last) && search_is_there(&search);
        *base_version = last->version - 1;
    }
    buf_deinit(&search.state);
    arena_deinit(&search.arena);
    return is_there;
}
