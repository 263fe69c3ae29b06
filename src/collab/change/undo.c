#include "collab/change/undo_work.h"

#include "collab/change/change_build.h"

/* ---- what belongs together ---- */

static bool is_by(const struct change *change, struct span user_id)
{
    return span_equal(change->user_id, user_id);
}

static bool is_ordinary(const struct change *change)
{
    return change->undo_of == 0 && change->kind == CHANGE_UPDATE;
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

/* Where the step that ends here begins: a named group, or else a burst. */
static uint32_t first_of_group(const struct change *const *log, uint32_t last)
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

static uint32_t last_of_named_group(const struct change *const *log, uint32_t count, uint32_t first)
{
    uint32_t last = first;

    for (uint32_t i = first + 1; i < count; i++) {
        if (!is_by(log[i], log[first]->user_id))
            continue;
        if (!is_ordinary(log[i]) || !span_equal(log[i]->group, log[first]->group))
            break;
        last = i;
    }
    return last;
}

/* ---- what was taken back ---- */

uint32_t undo_index(const struct change *const *log, uint32_t count, uint64_t version)
{
    for (uint32_t i = count; i-- > 0 && log[i]->version >= version;)
        if (log[i]->version == version)
            return i;
    return count;
}

uint32_t undo_first(const struct change *const *log, const struct change *undo, uint32_t last)
{
    uint32_t first = last;

    if (undo->undo_from == 0)
        return first_of_group(log, last);
    while (first > 0 && log[first - 1]->version >= undo->undo_from)
        first--;
    return first;
}

/* Whoever takes the making of a record back takes along what he did to it since. */
static uint32_t last_taken(const struct change *const *log, uint32_t index, uint32_t last)
{
    return log[index]->kind == CHANGE_DELETE && log[last]->kind == CHANGE_CREATE ? index - 1 : last;
}

/* Of several that take it the one is meant that has done so longest: it was taken already when the others came. */
static void take(struct undo_mark *marks, uint32_t count, uint32_t index, uint32_t by)
{
    struct undo_mark *mark = &marks[index];
    const bool stands = marks[by].taken_by == count;

    if (stands && (mark->taken_by == count || marks[by].since < marks[mark->taken_by].since))
        mark->taken_by = by;
    if (mark->since < marks[by].since)
        mark->since = marks[by].since;
}

/* Newest first: whether an undo stands is known before what it took back is looked at. */
void undo_mark(const struct change *const *log, uint32_t count, struct undo_mark *marks)
{
    for (uint32_t i = 0; i < count; i++)
        marks[i] = (struct undo_mark){.taken_by = count, .since = i};
    for (uint32_t i = count; i-- > 0;) {
        const uint32_t of = log[i]->undo_of != 0 ? undo_index(log, i, log[i]->undo_of) : i;

        if (of == i)
            continue;
        for (uint32_t k = undo_first(log, log[i], of); k <= last_taken(log, i, of); k++)
            if (is_by(log[k], log[of]->user_id))
                take(marks, count, k, i);
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

bool undo_did_something(const struct change *change)
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

/* Nothing of a record's earlier life can be taken back, unless the deletion in between was. */
bool undo_begins_life(const struct change *change)
{
    return change->kind == CHANGE_CREATE && change->undo_of == 0;
}

/* Not taken back; and of what brought something back, not all of that was taken back one by one since. */
static bool stands(const struct change *const *log, uint32_t count, const struct undo_mark *marks, uint32_t index)
{
    const uint32_t undo = log[index]->undo_of != 0 ? undo_index(log, index, log[index]->undo_of) : index;
    const uint32_t last = log[undo]->undo_of != 0 ? undo_index(log, undo, log[undo]->undo_of) : undo;

    if (marks[index].taken_by != count)
        return false;
    if (last == undo)
        return true;
    for (uint32_t i = undo_first(log, log[undo], last); i <= last; i++)
        if (is_by(log[i], log[last]->user_id) && undo_did_something(log[i]) && stands(log, count, marks, i))
            return true;
    return false;
}

/* An action that wrote what nobody may write himself. */
static bool is_passed_over(const struct type *type, const struct change *change)
{
    for (uint32_t i = 0; type && change->kind == CHANGE_ACTION && i < change->op_count; i++) {
        const struct path *path = &change->ops[i].path;
        const struct field *field = path->depth > 0 ? type_field(type, path->steps[0]) : NULL;

        if (field && field->is_read_only)
            return true;
    }
    return false;
}

enum err undo_find_last(const struct type *type, const struct change *const *log, uint32_t count, struct span user_id,
                        bool is_redo, struct undo_target *out)
{
    struct undo_mark marks[UNDO_LOOK_BACK_MAX] = {0};
    uint32_t start;

    *out = (struct undo_target){0};
    look_back(&log, &count, &start);
    undo_mark(log, count, marks);
    for (uint32_t i = count; i-- > 0;) {
        const bool is_candidate = is_by(log[i], user_id) && undo_did_something(log[i]);

        if (is_candidate && !is_passed_over(type, log[i]) && is_undo(log, i) == is_redo &&
            stands(log, count, marks, i)) {
            out->first = first_of_group(log, i) + start;
            out->last = i + start;
            return OK;
        }
        if (undo_begins_life(log[i]) || (is_candidate && is_redo && log[i]->undo_of == 0))
            return ERR_NOTHING_TO_UNDO; /* whoever goes on has left what he took back behind */
    }
    out->may_be_older = count > 0 && log[0]->version > 1;
    return ERR_NOTHING_TO_UNDO;
}

enum err undo_find(const struct change *const *log, uint32_t count, uint64_t version, bool is_redo,
                   struct undo_target *out)
{
    struct undo_mark marks[UNDO_LOOK_BACK_MAX] = {0};
    uint32_t start, index;

    *out = (struct undo_target){0};
    look_back(&log, &count, &start);
    undo_mark(log, count, marks);
    index = undo_index(log, count, version);
    if (index == count) {
        out->may_be_older = count > 0 && log[0]->version > version;
        return ERR_NOT_FOUND;
    }
    if (is_redo)
        index = marks[index].taken_by;
    if (index == count || marks[index].taken_by != count || !undo_did_something(log[index]))
        return ERR_NOTHING_TO_UNDO;
    out->first = out->last = index + start;
    if (is_ordinary(log[index]) && log[index]->group.len > 0) {
        out->first = first_of_named_group(log, index) + start;
        out->last = last_of_named_group(log, count, index) + start;
    }
    return OK;
}
