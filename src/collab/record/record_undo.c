/* Taking back, and bringing back: both make an ordinary change of what the history knows. */
#include "collab/type/access.h"
#include "collab/record/record_making.h"
#include "collab/change/undo.h"

/* ---- which one ---------------------------------------------------------------------------------------------------- */

static uint64_t version_of_id(const struct tail_changes *log, struct span id)
{
    for (uint32_t i = log->count; i-- > 0;)
        if (span_equal(log->items[i]->id, id))
            return log->items[i]->version;
    return 0;
}

static enum err find_by_version(const struct tail_changes *log, uint64_t version, bool is_redo,
                                struct undo_target *target)
{
    return version == 0 ? ERR_NOT_FOUND : undo_find(log->items, log->count, version, is_redo, target);
}

static enum err find_in(const struct making *making, const struct tail_changes *log, struct undo_target *target)
{
    const struct command *command = making->command;
    const bool is_redo = command->undo.is_redo;

    if (command->undo.version != 0)
        return find_by_version(log, command->undo.version, is_redo, target);
    if (command->undo.change_id.len > 0)
        return find_by_version(log, version_of_id(log, command->undo.change_id), is_redo, target);
    return undo_find_last(making->type, log->items, log->count, command->identity->user_id, is_redo, target);
}

/* What is in memory mostly has it; else as much of the past is read as anybody may undo. What is found may be part of a group that
 * begins earlier: then the whole of it is wanted. */
static bool find(struct making *making, struct tail_changes *log, struct undo_target *target)
{
    const uint64_t present = making->present->version;
    const uint64_t since = present > UNDO_LOOK_BACK_MAX ? present - UNDO_LOOK_BACK_MAX : 0;
    enum err err;
    bool is_complete;

    if (making_changes_at_hand(making, since, log) != TAIL_REACHES) {
        err = find_in(making, log, target);
        if (err == OK && target->first > 0)
            return true;
        if (!making_changes_since(making, since, 0, log, &is_complete))
            return false;
    }
    *target = (struct undo_target){0};
    if ((err = find_in(making, log, target)) != OK)
        making_refuse(making, err, SPAN_EMPTY);
    return err == OK;
}

/* ---- undo --------------------------------------------------------------------------------------------------------- */

static enum err check_author(const struct making *making, const struct change *undone)
{
    const struct identity *identity = making->command->identity;

    if (span_equal(undone->user_id, identity->user_id))
        return OK;
    return access_allows(identity->access, making->type, VERB_REVERT_OTHERS) ? OK : ERR_FORBIDDEN;
}

static enum err check_present(const struct making *making, const struct change *change)
{
    if (change->kind == CHANGE_CREATE)
        return making->present->exists ? ERR_EXISTS : OK;
    return making->present->exists ? OK : ERR_NOT_FOUND;
}

static enum err make_undo(struct making *making, const struct tail_changes *log, const struct undo_target *target,
                          struct change *change, struct span *field)
{
    enum err err;

    if ((err = check_author(making, log->items[target->last])) != OK)
        return err;
    if ((err = undo_make(making->arena, log->items, log->count, target, change,
                         &making->plan->outcome.skipped_count)) != OK)
        return err;
    if ((err = check_present(making, change)) != OK)
        return err;
    return making_authorise_ops(making, change, field);
}

/* A record that was deleted after more changes than are looked at: as it was just before. False: that is being read. */
static bool make_again(struct making *making, const struct change *deleted, struct change *change, enum err *err,
                       struct span *field)
{
    struct span state = SPAN_EMPTY;
    bool exists = false;

    if (!making_state_at(making, deleted->version - 1, err, &state, &exists))
        return false;
    *change = (struct change){.kind = CHANGE_CREATE, .undo_of = deleted->version, .undo_from = deleted->version};
    if (*err != OK || !exists)
        *err = ERR_NOT_FOUND; /* it is not kept any more */
    if (*err == OK)
        *err = change_between(making->arena, making->type, SPAN("{}"), state, &change->ops, &change->op_count);
    if (*err == OK)
        *err = check_present(making, change);
    if (*err == OK)
        *err = making_authorise_ops(making, change, field);
    return true;
}

void plan_undo(struct making *making)
{
    const struct command *command = making->command;
    struct tail_changes log;
    struct undo_target target = {0};
    struct change change = {.kind = CHANGE_UPDATE};
    struct span field = SPAN_EMPTY;
    struct record_plan *plan = making->plan;
    enum err err;

    if (!find(making, &log, &target))
        return;
    err = make_undo(making, &log, &target, &change, &field);
    if (err == ERR_UNSUPPORTED && !make_again(making, log.items[target.last], &change, &err, &field))
        return;
    if (err != OK) {
        making_refuse(making, err, field);
        return;
    }
    change.id = command->undo.id;
    if (plan_apply(making, &change) == NULL && plan->err == OK && plan->need == NULL && !plan->waits)
        making_refuse(making, ERR_UNDO_BLOCKED, SPAN_EMPTY); /* it is as it would be already */
}

/* ---- restore ------------------------------------------------------------------------------------------------------ */

/* As it is; or, when it was deleted, as it was just before. False: that is being read. */
static bool find_last(struct making *making, enum err *err, struct span *last)
{
    bool exists = false;

    *last = buf_span(&making->present->state);
    return making->present->exists || making_state_at(making, making->present->version - 1, err, last, &exists);
}

/* Whoever makes a record again may make it as it was last, fields and all. What it was before that, he has to be allowed to write: deleting and
 * restoring must not do what restoring alone may not. */
static enum err authorise_restore(const struct making *making, struct span last, struct span state,
                                  const struct change *change, struct span *field)
{
    struct change older = {.kind = CHANGE_UPDATE};
    enum err err = making_authorise_ops(making, change, field);

    if (err != OK)
        return err;
    if ((err = change_between(making->arena, making->type, last, state, &older.ops, &older.op_count)) != OK)
        return err;
    return making_authorise_ops(making, &older, field);
}

/* What he may not write stays as it is. ERR_FORBIDDEN: that is all. What he may not even see is not counted. */
static enum err leave_out_forbidden(struct making *making, struct change *change, struct span *field)
{
    uint32_t *skipped = &making->plan->outcome.skipped_count;
    enum err err = OK;
    uint32_t left = 0;

    for (uint32_t i = 0; i < change->op_count; i++) {
        struct change one = {.kind = CHANGE_UPDATE, .op_count = 1, .ops = &change->ops[i]};
        struct span named = SPAN_EMPTY;
        const enum err refused = making_authorise_ops(making, &one, &named);

        if (refused == OK) {
            change->ops[left++] = change->ops[i];
            continue;
        }
        err = refused;
        *field = named;
        *skipped += named.len > 0;
    }
    change->op_count = left;
    return left > 0 ? OK : err;
}

static enum err make_restore(struct making *making, struct span last, struct span state, struct change *change,
                             struct span *field)
{
    const struct span present = making->present->exists ? last : SPAN("{}");
    enum err err;

    if ((err = change_between(making->arena, making->type, present, state, &change->ops, &change->op_count)) != OK)
        return err;
    if (change->op_count > CHANGE_OPS_MAX)
        return ERR_TOO_LARGE;
    if (change->kind == CHANGE_UPDATE)
        return leave_out_forbidden(making, change, field);
    return authorise_restore(making, last, state, change, field);
}

static enum err check_restore(const struct making *making)
{
    const struct command *command = making->command;

    if (command->restore.version == 0)
        return ERR_MISSING_FIELD;
    if (command->restore.version > making->present->version)
        return ERR_BAD_VERSION;
    return making_check_version(making, command->restore.base_version, command->restore.must_match);
}

/* One that was deleted is made again. */
void plan_restore(struct making *making)
{
    const struct command *command = making->command;
    struct change change = {.kind = making->present->exists ? CHANGE_UPDATE : CHANGE_CREATE,
                            .id = command->restore.id,
                            .restored = command->restore.version};
    struct span state = SPAN_EMPTY, last, field = SPAN("version");
    bool exists = false;
    enum err err;

    if ((err = check_restore(making)) != OK) {
        making_refuse(making, err, field);
        return;
    }
    if (!making_state_at(making, command->restore.version, &err, &state, &exists))
        return;
    if (err == OK && !exists)
        err = ERR_NOT_FOUND;
    if (err == OK && !find_last(making, &err, &last))
        return;
    if (err == OK)
        err = make_restore(making, last, state, &change, &field);
    if (err != OK)
        making_refuse(making, err, field);
    else
        (void)plan_apply(making, &change);
}
