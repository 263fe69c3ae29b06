#include "collab/change/undo_work.h"

#include "collab/change/change_build.h"

/* ---- what belongs together ---- */

static bool is_by(const struct change *change, struct span user_id)
{
    return span_equal(change->user_id, user_id);
}

static bool is_ordinary(const struct change *change)
{
    return change->undo_of == 0 && change->kind != CHANGE_CREATE && change->kind != CHANGE_DELETE;
}

static bool follows_at_once(const struct change *earlier, const struct change *later)
{
    return earlier->group.len == 0 && later->resolves.len == 0 && span_equal(earlier->source, later->source) &&
           later->time_ms - earlier->time_ms <= UNDO_GROUP_MS;
}

static uint32_t first_of_named_group(const struct change *const *log, uint32_t last)
{
    uint32_t first = last;

    for (uint32_t i = last; i-- > 0;) {
        if (!is_by(log[i], log[last]->user_id))
            continue;
        if (!is_ordinary(log[i]) || !span_equal(log[i]->group, log[last]->group))
            break;
        first = i;
    }
    return first;
}

uint32_t undo_group_first(const struct change *const *log, uint32_t last)
{
    uint32_t first = last;

    if (!is_ordinary(log[last]))
        return last;
    if (log[last]->group.len > 0)
        return first_of_named_group(log, last);
    while (first > 0 && is_ordinary(log[first - 1]) && is_by(log[first - 1], log[last]->user_id) &&
           follows_at_once(log[first - 1], log[first]))
        first--;
    return first;
}

/* ---- what was taken back ---- */

uint32_t undo_index(const struct change *const *log, uint32_t count, uint64_t version)
{
    for (uint32_t i = count; i-- > 0 && log[i]->version >= version;)
        if (log[i]->version == version)
            return i;
    return count;
}

/* Newest first: whether an undo stands is known before what it took back is looked at. */
void undo_mark_taken(const struct change *const *log, uint32_t count, uint32_t *taken_by)
{
    for (uint32_t i = 0; i < count; i++)
        taken_by[i] = count;
    for (uint32_t i = count; i-- > 0;) {
        const bool takes = log[i]->undo_of != 0 && taken_by[i] == count;
        const uint32_t last = takes ? undo_index(log, i, log[i]->undo_of) : i;
        const uint32_t first = last < i ? undo_group_first(log, last) : i;

        for (uint32_t k = first; k <= last && k < i; k++)
            if (is_by(log[k], log[last]->user_id))
                taken_by[k] = i;
    }
}

/* ---- whose turn it is ---- */

/* An undo takes back; what takes an undo back does something again. */
static bool is_undo(const struct change *const *log, uint32_t index)
{
    bool is_back = false;

    while (log[index]->undo_of != 0) {
        const uint32_t target = undo_index(log, index, log[index]->undo_of);

        is_back = !is_back;
        if (target == index)
            break; /* older than the log */
        index = target;
    }
    return is_back;
}

static bool did_something(const struct change *change)
{
    if (change->kind == CHANGE_CREATE || change->kind == CHANGE_DELETE)
        return true;
    for (uint32_t i = 0; i < change->op_count; i++)
        if (!span_equal(change->ops[i].before, change->ops[i].after))
            return true;
    return false;
}

/* What comes after the log's oldest UNDO_LOOK_BACK_MAX is looked at. */
static void look_back(const struct change *const **log, uint32_t *count, uint32_t *start)
{
    *start = *count > UNDO_LOOK_BACK_MAX ? *count - UNDO_LOOK_BACK_MAX : 0;
    *log += *start;
    *count -= *start;
}

static void aim(const struct change *const *log, uint32_t index, uint32_t start, struct undo_target *out)
{
    out->first = undo_group_first(log, index) + start;
    out->last = index + start;
}

/* Nothing of a record's earlier life can be taken back, unless the deletion in between was. */
static bool begins_life(const struct change *change)
{
    return change->kind == CHANGE_CREATE && change->undo_of == 0;
}

enum err undo_find_last(const struct change *const *log, uint32_t count, struct span user_id, bool is_redo,
                        struct undo_target *out)
{
    uint32_t taken_by[UNDO_LOOK_BACK_MAX];
    uint32_t start;

    *out = (struct undo_target){0};
    look_back(&log, &count, &start);
    undo_mark_taken(log, count, taken_by);
    for (uint32_t i = count; i-- > 0;) {
        if (begins_life(log[i]))
            return ERR_NOTHING_TO_UNDO;
        if (!is_by(log[i], user_id) || !did_something(log[i]))
            continue;
        if (taken_by[i] == count && is_undo(log, i) == is_redo) {
            aim(log, i, start, out);
            return OK;
        }
        if (is_redo && log[i]->undo_of == 0)
            return ERR_NOTHING_TO_UNDO; /* whoever goes on has left what he took back behind */
    }
    out->may_be_older = count > 0 && log[0]->version > 1;
    return ERR_NOTHING_TO_UNDO;
}

enum err undo_find(const struct change *const *log, uint32_t count, uint64_t version, bool is_redo,
                   struct undo_target *out)
{
    uint32_t taken_by[UNDO_LOOK_BACK_MAX];
    uint32_t start, index;

    *out = (struct undo_target){0};
    look_back(&log, &count, &start);
    undo_mark_taken(log, count, taken_by);
    index = undo_index(log, count, version);
    if (index == count) {
        out->may_be_older = count > 0 && log[0]->version > version;
        return ERR_NOT_FOUND;
    }
    if (is_redo)
        index = taken_by[index];
    if (index == count || taken_by[index] != count || !did_something(log[index]))
        return ERR_NOTHING_TO_UNDO;
    aim(log, index, start, out);
    return OK;
}
