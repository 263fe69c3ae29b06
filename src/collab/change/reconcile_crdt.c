/* Results that do not depend on the order of arrival. The table of transform.h does it, when not the arrival but the
 * stamp says which of two operations is the late one; but for these cells of it, where it goes by kinds or drops what a
 * third operation, still under way, will ask for again:
 *
 *   set, del against set, del    the greater stamp counts: taking a value away is a value like any other
 *   inc under set, del           is kept, even if it does nothing now
 *   del over inc                 the counter starts anew, with what was counted meanwhile
 *
 * Text edits converge in pairs only; more of them at one place go by the order of arrival. */
#include "collab/change/reconcile_work.h"

#include "collab/change/change_build.h"
#include "collab/change/transform.h"

bool stamp_is_greater(uint64_t stamp_a, struct span source_a, uint64_t stamp_b, struct span source_b)
{
    return stamp_a != stamp_b ? stamp_a > stamp_b : span_compare(source_a, source_b) > 0;
}

static uint64_t stamp_of(const struct change *change)
{
    return change->stamp ? change->stamp : (uint64_t)change->time_ms << 16;
}

static struct span source_of(const struct change *change)
{
    return change->source.len > 0 ? change->source : change->user_id;
}

bool change_is_greater(const struct change *a, const struct change *b)
{
    return stamp_is_greater(stamp_of(a), source_of(a), stamp_of(b), source_of(b));
}

static bool is_write(const struct op *op)
{
    return op->kind == OP_SET || op->kind == OP_DEL;
}

/* Only whole fields count from nothing: further inside, an inc of what is not there does nothing. */
static void start_anew(struct op *del, const struct op *inc)
{
    if (del->path.depth > 1)
        return;
    del->kind = OP_SET;
    del->value = inc->value;
}

bool crdt_rewrite(struct arena *arena, struct op *a, const struct op *b, bool a_is_greater)
{
    const bool is_member = !path_is_item(&a->path) && path_relation(&a->path, &b->path) == RELATION_SAME;

    if (is_member && is_write(a) && is_write(b))
        return a_is_greater;
    if (is_member && a->kind == OP_INC && is_write(b))
        return true;
    if (is_member && a->kind == OP_DEL && b->kind == OP_INC) {
        start_anew(a, b);
        return true;
    }
    return transform_op(arena, a, b, a_is_greater ? SIDE_LATE : SIDE_EARLY);
}
