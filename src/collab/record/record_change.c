/* A change brought onto the present state, and what becomes of it: applied, merged, parked as a conflict or refused. */
#include "collab/record/record_lock.h"
#include "collab/record/record_making.h"
#include "collab/change/reconcile.h"

#include "collab/change/transform.h"
#include "collab/change/undo.h"

#include <assert.h>
#include <string.h>

enum {
    STAMP_AHEAD_MAX_MS = 60000,
    STAMP_COUNTER_BITS = 16,
};

/* Of a change as it is kept. Each edit of a text keeps the whole text: a few hundred in one change of a few kilobytes would be tens
 * of megabytes. */
#define KEPT_BYTES_MAX ((size_t)2 * 1024 * 1024)

/* ---- the commit --------------------------------------------------------------------------------------------------- */

static void fill_commit(struct making *making, struct store_request *request, const struct change *change)
{
    struct record_plan *plan = making->plan;
    const bool is_delete = change->kind == CHANGE_DELETE;

    request->commit.has_change = true;
    request->commit.is_delete = is_delete;
    request->commit.version = change->version;
    request->commit.new_state = arena_copy(&request->arena, buf_span(&plan->after.state));
    plan->changes = true;
    plan->after.version = change->version;
    plan->after.exists = !is_delete;
}

static struct store_request *commit_change(struct making *making, struct change *change)
{
    struct record_plan *plan = making->plan;
    const bool is_delete = change->kind == CHANGE_DELETE;
    const bool is_stored = type_is_stored(making->type);
    const struct span before = buf_span(&making->present->state), after = buf_span(&plan->after.state);
    struct store_request *request = making_commit(making);

    change->version = is_stored ? making->present->version + 1 : 0;
    plan->request = request;
    announce_change(making, request, change, is_delete ? before : after);
    if (request->commit.events[0].body.len > KEPT_BYTES_MAX) {
        making_refuse(making, ERR_TOO_LARGE, SPAN("ops"));
        return NULL;
    }
    plan_keep_answer(request, change->version, &plan->outcome);
    if (!is_stored)
        return request;
    if (!is_delete)
        announce_alerts(making, request, before, after);
    plan_notify_assignees(making, request, change);
    fill_commit(making, request, change);
    return request;
}

/* ---- onto the present state --------------------------------------------------------------------------------------- */

/* Clocks of clients may be wrong; one that is far ahead would win for ever. */
static uint64_t bounded_stamp(const struct making *making, uint64_t stamp)
{
    const uint64_t limit = ((uint64_t)making->hub->wall_ms + STAMP_AHEAD_MAX_MS) << STAMP_COUNTER_BITS;

    return stamp < limit ? stamp : limit;
}

static void sign(const struct making *making, struct change *change)
{
    const struct identity *identity = making->command->identity;

    change->type = making->type->name;
    change->entity_id = making->id;
    change->user_id = identity->user_id;
    change->username = identity->username;
    change->time_ms = making->hub->wall_ms;
    change->stamp = bounded_stamp(making, change->stamp);
}

/* The command's own operations stay as they were sent. */
static void own_ops(struct making *making, struct change *change)
{
    struct op *ops = arena_alloc(making->arena, change->op_count * sizeof(*ops));

    if (change->op_count > 0)
        memcpy(ops, change->ops, change->op_count * sizeof(*ops));
    change->ops = ops;
}

static void refuse_op(struct making *making, enum err err, const struct change *change, uint32_t op)
{
    making_refuse(making, err, op < change->op_count ? change->ops[op].path.steps[0] : SPAN_EMPTY);
}

bool plan_reconcile(struct making *making, struct change *change, const struct tail_changes *since,
                    const struct type *type, struct reconciled *reconciled)
{
    const struct reconcile_input input = {.type = type,
                                          .state = buf_span(&making->present->state),
                                          .state_bytes_max = making->hub->limits.record_bytes_max,
                                          .since = since->items,
                                          .since_count = since->count,
                                          .present_version = making->present->version,
                                          .base = since->base};
    struct record_outcome *outcome = &making->plan->outcome;

    sign(making, change);
    if (!plan_check_locks(making, change))
        return false;
    if (since->count > 0)
        own_ops(making, change);
    buf_reset(&making->plan->after.state);
    *reconciled = (struct reconciled){0};
    reconcile(making->arena, &input, change, &making->plan->after.state, reconciled);
    outcome->verdict = reconciled->verdict;
    outcome->strategy = reconciled->strategy;
    change->verdict = reconciled->verdict;
    change->has_strategy = true;
    change->strategy = reconciled->strategy;
    if (reconciled->verdict == VERDICT_REJECTED)
        refuse_op(making, reconciled->err, change, reconciled->failed_op);
    return reconciled->verdict != VERDICT_REJECTED;
}

/* A change of which nothing is left is history all the same when it lost something. */
static bool does_nothing(const struct making *making, const struct change *change)
{
    return change_is_empty(change) && change->superseded_count == 0 && making->type->write_mode != WRITE_BROADCAST;
}

static struct store_request *commit_reconciled(struct making *making, struct change *change)
{
    if (does_nothing(making, change) || !plan_find_assignees(making, change) || !plan_find_alerted(making, change))
        return NULL;
    return commit_change(making, change);
}

static bool is_noted(const struct change *change, const struct superseded *lost)
{
    for (uint32_t i = 0; i < change->superseded_count; i++)
        if (path_relation(&change->superseded[i].path, &lost->path) == RELATION_SAME &&
            span_equal(change->superseded[i].value, lost->value))
            return true;
    return false;
}

/* What was lost before the change got here. */
static void note_lost(struct making *making, struct change *change, const struct superseded *lost, uint32_t count)
{
    struct superseded *all = arena_alloc(making->arena, (change->superseded_count + count) * sizeof(*all));

    if (count == 0)
        return;
    if (change->superseded_count > 0)
        memcpy(all, change->superseded, change->superseded_count * sizeof(*all));
    change->superseded = all;
    for (uint32_t i = 0; i < count; i++)
        if (!is_noted(change, &lost[i]))
            all[change->superseded_count++] = lost[i];
    change->verdict = making->plan->outcome.verdict = VERDICT_MERGED;
}

struct store_request *plan_apply(struct making *making, struct change *change)
{
    const struct tail_changes none = {0};
    const struct superseded *lost = change->superseded;
    const uint32_t lost_count = change->superseded_count;
    struct reconciled reconciled;

    change->base_version = 0;
    if (!plan_reconcile(making, change, &none, making->type, &reconciled))
        return NULL;
    note_lost(making, change, lost, lost_count);
    assert(reconciled.verdict != VERDICT_CONFLICT); /* nothing stands against it */
    return commit_reconciled(making, change);
}

/* ---- against which version ---------------------------------------------------------------------------------------- */

/* The first operation that says what its sender saw; NULL: none does. */
static const struct op *find_expecting(const struct change *change)
{
    for (uint32_t i = 0; i < change->op_count; i++)
        if (change->ops[i].expected.len > 0)
            return &change->ops[i];
    return NULL;
}

static uint32_t start_of_life(const struct tail_changes *since, uint32_t end)
{
    while (end > 0 && since->items[end - 1]->kind != CHANGE_DELETE)
        end--;
    return end;
}

/* In each life of the record by itself, the last one first: what came after a deletion does not lead back to what was before it.
 * False: what was there before is being read. */
static bool find_base(struct making *making, struct change *change, const struct tail_changes *since, bool *is_found)
{
    struct reconcile_input life = {.type = making->type,
                                   .state = buf_span(&making->present->state),
                                   .state_bytes_max = making->hub->limits.record_bytes_max,
                                   .present_version = making->present->version};
    uint32_t start, end = since->count;
    bool exists;
    enum err err;

    for (unsigned lives = 0; lives < LIMIT_CHANGE_LIVES; lives++) {
        start = start_of_life(since, end);
        life.since = start > 0 ? since->items + start : since->items;
        life.since_count = end - start;
        *is_found = reconcile_find_base(&life, change, &change->base_version);
        if (*is_found || start == 0)
            break;
        assert(since->items != NULL);
        end = start - 1;
        life.present_version = since->items[end]->version - 1;
        if (!making_state_at(making, life.present_version, &err, &life.state, &exists))
            return false;
        if (err != OK || !exists)
            break;
    }
    return true;
}

/* Who says what he saw, but not when: most saw what is there; else it is looked for in what is in memory, and then in all that is
 * kept. False: it is being read, or there never was such a value. */
static bool look_for_base(struct making *making, struct change *change)
{
    const struct op *expecting = find_expecting(change);
    struct tail_changes since = {0};
    bool is_complete, is_found;

    if (change->base_version != 0 || change->kind == CHANGE_CREATE || expecting == NULL)
        return true;
    (void)find_base(making, change, &since, &is_found); /* with nothing that came since there is nothing to read */
    if (is_found)
        return true;
    (void)making_changes_at_hand(making, 0, &since);
    if (!find_base(making, change, &since, &is_found) || is_found)
        return is_found;
    if (!making_changes_since(making, 0, 0, &since, &is_complete))
        return false;
    if (!find_base(making, change, &since, &is_found) || is_found)
        return is_found;
    making_refuse(making, ERR_BAD_BEFORE, expecting->path.steps[0]);
    return false;
}

/* ---- so old that what happened since is not kept ------------------------------------------------------------------ */

/* As if one change had made the present state of that version's, so that what it touched is known: if that state is kept. */
static bool guess_since(struct making *making, const struct change *change, struct change *guess, bool *is_known)
{
    struct span state = SPAN_EMPTY;
    struct buf after = BUF_EMPTY;
    bool exists = false;
    enum err err = OK;

    if (!making_state_at(making, change->base_version, &err, &state, &exists))
        return false;
    *guess = (struct change){.kind = CHANGE_UPDATE, .version = making->present->version};
    *is_known = err == OK && exists &&
                change_between(making->arena, making->type, state, buf_span(&making->present->state), &guess->ops,
                               &guess->op_count) == OK &&
                change_apply(making->arena, NULL, state, SIZE_MAX, guess, &after) == OK;
    buf_deinit(&after);
    return true;
}

/* Nobody knows any more what was there: then all of it may have been touched. */
static void suspect_all(struct making *making, const struct change *change, struct change *guess)
{
    struct json state = {0};

    guess->ops = arena_alloc(making->arena, change->op_count * sizeof(*guess->ops));
    guess->op_count = change->op_count;
    if (json_parse(&state, buf_span(&making->present->state), &record_json_limits) != OK)
        return;
    for (uint32_t i = 0; i < change->op_count; i++) {
        struct op *op = &guess->ops[i];

        op->path = change->ops[i].path;
        op->value = op->after = value_text(making->arena, state_find(state.root, &op->path));
        op->kind = op->value.len > 0 ? OP_SET : OP_DEL;
    }
    json_deinit(&state);
}

/* It is brought onto what is known, and a person decides about every place that was touched. */
static bool rebase_lost(struct making *making, struct change *change, struct tail_changes *since,
                        const struct type **type)
{
    struct change *guess = arena_alloc(making->arena, sizeof(*guess));
    struct type *wide = arena_alloc(making->arena, sizeof(*wide));
    bool is_known;

    if (!guess_since(making, change, guess, &is_known))
        return false;
    if (!is_known)
        suspect_all(making, change, guess);
    since->items = arena_alloc(making->arena, sizeof(since->items[0]));
    since->items[0] = guess;
    since->count = 1;
    *wide = *making->type;
    wide->strategies_allowed |= 1u << STRATEGY_MANUAL;
    *type = wide;
    change->has_strategy = true;
    change->strategy = STRATEGY_MANUAL;
    return true;
}

/* ---- what was asked for ------------------------------------------------------------------------------------------- */

static enum err check_present(const struct making *making, const struct change *change)
{
    if (change->kind == CHANGE_CREATE)
        return making->present->exists ? ERR_EXISTS : OK;
    if (!making->present->exists)
        return ERR_NOT_FOUND;
    return making_check_version(making, change->base_version, change->must_match);
}

/* Who says what he saw, and who leaves it to a person: there it has to be known what was there. */
static bool needs_base(const struct making *making, const struct change *change)
{
    static const struct op whole = {.kind = OP_DEL};
    bool needs = change->kind == CHANGE_DELETE && strategy_of(making->type, change, &whole) == STRATEGY_MANUAL;

    for (uint32_t i = 0; i < change->op_count && !needs; i++) {
        const struct op *op = &change->ops[i];

        needs = op->expected.len > 0 || strategy_of(making->type, change, op) == STRATEGY_MANUAL;
    }
    return needs;
}

/* The changes that it meets. False: they are being read. */
static bool meet(struct making *making, struct change *change, struct tail_changes *since, const struct type **type)
{
    const session_id self = change->source.len == 0 ? making->command->session : 0;
    bool is_complete = true;

    if (change->base_version == 0 || change->base_version == making->present->version || change->kind == CHANGE_CREATE)
        return true;
    if (!making_changes_since(making, change->base_version, self, since, &is_complete))
        return false;
    if (!is_complete)
        return rebase_lost(making, change, since, type);
    return !needs_base(making, change) || making_base_of(making, change->base_version, since);
}

static void bring_onto_present(struct making *making, struct change *change)
{
    const struct type *type = making->type;
    const struct span source = change->source;
    struct tail_changes since = {0};
    struct reconciled reconciled;
    bool is_possible;

    if (!look_for_base(making, change) || !meet(making, change, &since, &type))
        return;
    if (source.len == 0)
        change->source = TAIL_SELF;
    is_possible = plan_reconcile(making, change, &since, type, &reconciled);
    change->source = source;
    if (!is_possible)
        return;
    if (reconciled.verdict == VERDICT_CONFLICT)
        plan_conflict(making, change, &since, &reconciled);
    else
        (void)commit_reconciled(making, change);
}

void plan_change(struct making *making)
{
    struct change change = *making->command->change;
    enum err err;

    if (making->type->write_mode == WRITE_BROADCAST) {
        (void)plan_apply(making, &change);
        return;
    }
    if ((err = check_present(making, &change)) != OK)
        making_refuse(making, err, SPAN_EMPTY);
    else
        bring_onto_present(making, &change);
}

/* An action's operations depend on the record; each attempt makes them anew. */
static enum err change_of_action(struct making *making, struct change *change, struct span *field)
{
    const struct command *command = making->command;
    const struct action *action = type_action(making->type, command->action.name);
    struct json state = {0}, input = {0};
    enum err err;

    if ((err = json_parse(&state, buf_span(&making->present->state), &record_json_limits)) != OK)
        goto done;
    *field = SPAN("input");
    if (command->action.input.len > 0 && (err = json_parse(&input, command->action.input, &json_limits_default)) != OK)
        goto done;
    *field = SPAN_EMPTY;
    err = change_from_action(making->arena, making->type, action, state.root, input.root, command->identity,
                             making->hub->wall_ms, change, field);
    *field = arena_copy(making->arena, *field);
done:
    json_deinit(&input);
    json_deinit(&state);
    return err;
}

void plan_action(struct making *making)
{
    const struct command *command = making->command;
    struct change change = {.kind = CHANGE_ACTION,
                            .id = command->action.id,
                            .action = command->action.name,
                            .base_version = command->action.base_version,
                            .must_match = command->action.must_match};
    struct span field = SPAN_EMPTY;
    enum err err = making->type->write_mode == WRITE_BROADCAST ? OK : check_present(making, &change);

    if (err == OK)
        err = change_of_action(making, &change, &field);
    change.kind = CHANGE_ACTION;
    if (err != OK)
        making_refuse(making, err, field);
    else
        (void)plan_apply(making, &change);
}
