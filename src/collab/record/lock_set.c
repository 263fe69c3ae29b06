/* What happens to locks while nobody asks for one: sessions come and go, time passes, records are written and loaded. */
#include "collab/record/lock_internal.h"

#include <assert.h>
#include <stdlib.h>

void lock_set_init(struct lock_set *set)
{
    *set = (struct lock_set){0};
    list_init(&set->locks);
}

void lock_set_deinit(struct lock_set *set)
{
    LIST_EACH (&set->locks, node) {
        lock_set_remove(set, LIST_OWNER(node, struct lock, node));
    }
    assert(set->count == 0);
}

void lock_set_remove(struct lock_set *set, struct lock *lock)
{
    list_remove(&lock->node);
    set->count--;
    lock_free(lock);
}

struct lock *lock_set_find(const struct lock_set *set, struct span id)
{
    LIST_EACH (&set->locks, node) {
        struct lock *lock = LIST_OWNER(node, struct lock, node);

        if (span_equal(lock->id, id))
            return lock;
    }
    return NULL;
}

/* ---- may it be written? ------------------------------------------------------------------------------------------- */

/* A write and who wants it. */
struct writer {
    const struct lock_set *set;
    struct span user_id;
    uint64_t now_ms;
    bool enforces;
    bool (*needs)(const void *context, const struct op *op);
    const void *context;
    const struct lock **in_the_way;
};

static bool is_his(const struct writer *writer, const struct lock *lock)
{
    return span_equal(lock->user_id, writer->user_id);
}

static bool holds(const struct writer *writer, const struct path *path)
{
    LIST_EACH (&writer->set->locks, node) {
        const struct lock *lock = LIST_OWNER(node, struct lock, node);

        if (!lock->is_soft && is_his(writer, lock) && lock_is_live(lock, writer->now_ms) &&
            lock_path_covers(&lock->path, path))
            return true;
    }
    return false;
}

/* Somebody else's lock on what is written. Of a delete those count that guard a lock-based field, too. */
static const struct lock *find_other(const struct writer *writer, const struct path *path, bool is_delete)
{
    LIST_EACH (&writer->set->locks, node) {
        const struct lock *lock = LIST_OWNER(node, struct lock, node);

        if (lock->is_soft || is_his(writer, lock) || !lock_is_live(lock, writer->now_ms) ||
            !lock_path_overlaps(&lock->path, path))
            continue;
        if (!is_delete || writer->enforces ||
            writer->needs(writer->context, &(struct op){.kind = OP_DEL, .path = lock->path}))
            return lock;
    }
    return NULL;
}

static enum err check_op(const struct writer *writer, const struct op *op)
{
    const bool is_delete = op->path.depth == 0;
    const bool needs_one = writer->needs(writer->context, op);
    const struct lock *other = NULL;

    if (needs_one && holds(writer, &op->path))
        return OK;
    if (needs_one || writer->enforces || is_delete)
        other = find_other(writer, &op->path, is_delete && !needs_one);
    *writer->in_the_way = other;
    if (other)
        return ERR_LOCKED;
    return needs_one ? ERR_LOCK_REQUIRED : OK;
}

/* Under which lock the change was made must be one that he still holds. A token that nobody was given yet is no better than
 * one that was taken away. */
static enum err check_fence(const struct writer *writer, const struct change *change)
{
    if (change->fence == 0)
        return OK;
    LIST_EACH (&writer->set->locks, node) {
        const struct lock *lock = LIST_OWNER(node, struct lock, node);

        if (lock->token == change->fence && is_his(writer, lock) && lock_is_live(lock, writer->now_ms))
            return OK;
    }
    for (uint32_t i = 0; i < change->op_count && *writer->in_the_way == NULL; i++)
        *writer->in_the_way = find_other(writer, &change->ops[i].path, false);
    return ERR_LOCK_LOST;
}

enum err lock_set_check(const struct lock_set *set, const struct change *change,
                        bool (*needs)(const void *context, const struct op *op), const void *context, bool enforces,
                        struct span user_id, uint64_t now_ms, const struct lock **in_the_way)
{
    const struct writer writer = {set, user_id, now_ms, enforces, needs, context, in_the_way};
    const struct op whole = {.kind = OP_DEL};
    enum err err;

    *in_the_way = NULL;
    if ((err = check_fence(&writer, change)) != OK)
        return err;
    if (change->kind == CHANGE_CREATE) {
        *in_the_way = enforces ? find_other(&writer, &whole.path, false) : NULL;
        return *in_the_way ? ERR_LOCKED : OK;
    }
    if (change->kind == CHANGE_DELETE)
        return check_op(&writer, &whole);
    for (uint32_t i = 0; i < change->op_count && err == OK; i++)
        if (change->ops[i].kind != OP_TEST) /* looks, and writes nothing */
            err = check_op(&writer, &change->ops[i]);
    return err;
}

/* ---- sessions ----------------------------------------------------------------------------------------------------- */

bool lock_is_kept_by(const struct lock *lock, session_id session)
{
    for (uint32_t i = 0; i < lock->session_count; i++)
        if (lock->sessions[i] == session)
            return true;
    return false;
}

/* Of too many the oldest makes room: those that are left are enough to keep it alive. */
void lock_keep(struct lock *lock, session_id session)
{
    if (lock_is_kept_by(lock, session))
        return;
    if (lock->session_count == LOCK_SESSIONS_MAX)
        memmove(lock->sessions, lock->sessions + 1, --lock->session_count * sizeof(*lock->sessions));
    lock->sessions[lock->session_count++] = session;
}

/* True: it kept the lock alive, and nobody else does. */
static bool lose_last_session(struct lock *lock, session_id session)
{
    const uint32_t before = lock->session_count;

    lock->session_count = 0;
    for (uint32_t i = 0; i < before; i++)
        if (lock->sessions[i] != session)
            lock->sessions[lock->session_count++] = lock->sessions[i];
    return before > 0 && lock->session_count == 0;
}

uint32_t lock_set_session_left(struct lock_set *set, struct arena *arena, const struct lock_scene *scene,
                               bool is_broken, struct lock_decision *decisions)
{
    uint32_t count = 0;

    LIST_EACH (&set->locks, node) {
        struct lock *lock = LIST_OWNER(node, struct lock, node);

        if (!lose_last_session(lock, scene->session))
            continue;
        if (is_broken) {
            lock->awaits_session = true;
            lock->expires_ms = scene->now_ms + scene->limits->grace_ms;
        } else {
            decisions[count] = (struct lock_decision){0};
            lock_take_away(set, arena, scene, OBJECT_REMOVE, lock, &decisions[count++]);
        }
    }
    return count;
}

void lock_set_session_came(struct lock_set *set, struct span user_id, session_id session, uint64_t now_ms)
{
    LIST_EACH (&set->locks, node) {
        struct lock *lock = LIST_OWNER(node, struct lock, node);

        if ((lock->awaits_session || lock->outside == session) && lock_is_live(lock, now_ms) &&
            span_equal(lock->user_id, user_id))
            lock_keep(lock, session);
    }
}

/* ---- time --------------------------------------------------------------------------------------------------------- */

uint64_t lock_set_deadline(const struct lock_set *set)
{
    uint64_t deadline = UINT64_MAX;

    LIST_EACH (&set->locks, node) {
        const struct lock *lock = LIST_OWNER(node, struct lock, node);

        if (lock->session_count == 0 && lock->expires_ms < deadline)
            deadline = lock->expires_ms;
    }
    return deadline;
}

uint32_t lock_set_expire(struct lock_set *set, struct arena *arena, const struct lock_scene *scene,
                         struct lock_decision *decisions)
{
    uint32_t count = 0;

    LIST_EACH (&set->locks, node) {
        struct lock *lock = LIST_OWNER(node, struct lock, node);

        if (lock_is_live(lock, scene->now_ms))
            continue;
        decisions[count] = (struct lock_decision){0};
        lock_take_away(set, arena, scene, OBJECT_EXPIRE, lock, &decisions[count++]);
    }
    return count;
}

/* ---- what is stored ----------------------------------------------------------------------------------------------- */

enum { SAME_MS = 1000 }; /* two clocks that are read one after the other may be a little apart */

static bool outlives_what_is_stored(const struct lock *lock, uint64_t now_ms, int64_t wall_ms)
{
    return lock->session_count > 0 || lock_wall_of(lock->expires_ms, now_ms, wall_ms) > lock->stored_ends_ms + SAME_MS;
}

/* When half of what is stored is left. */
static uint64_t extend_at(const struct lock *lock, uint64_t now_ms, int64_t wall_ms)
{
    const uint64_t half_ms = (lock->ttl_ms > LOCK_KEPT_MS ? lock->ttl_ms : LOCK_KEPT_MS) / 2;
    const int64_t left_ms = lock->stored_ends_ms - wall_ms;

    if (!lock_is_live(lock, now_ms) || !outlives_what_is_stored(lock, now_ms, wall_ms))
        return UINT64_MAX;
    return left_ms > (int64_t)half_ms ? now_ms + (uint64_t)left_ms - half_ms : now_ms;
}

uint64_t lock_set_extend_at(const struct lock_set *set, uint64_t now_ms, int64_t wall_ms)
{
    uint64_t first = UINT64_MAX;

    LIST_EACH (&set->locks, node) {
        const uint64_t at = extend_at(LIST_OWNER(node, struct lock, node), now_ms, wall_ms);

        if (at < first)
            first = at;
    }
    return first;
}

uint32_t lock_set_extend(struct lock_set *set, struct arena *arena, const struct lock_scene *scene,
                         struct lock_decision *decisions)
{
    uint32_t count = 0;

    LIST_EACH (&set->locks, node) {
        struct lock *lock = LIST_OWNER(node, struct lock, node);

        if (lock->token == 0 || extend_at(lock, scene->now_ms, scene->wall_ms) > scene->now_ms)
            continue;
        decisions[count] = (struct lock_decision){0};
        lock_extend(arena, scene, lock, &decisions[count++]);
    }
    return count;
}

/* ---- loading ------------------------------------------------------------------------------------------------------ */

/* The same grant: its token may have been on its way. */
static bool is_same(const struct lock *old, const struct lock *lock)
{
    return old && span_equal(old->user_id, lock->user_id) && (old->token == 0 || old->token == lock->token);
}

static void add_loaded(struct lock_set *set, const struct lock_set *before, struct lock *lock,
                       const struct lock_limits *limits, uint64_t now_ms)
{
    const struct lock *old = lock_set_find(before, lock->id);
    const bool is_known = is_same(old, lock);

    for (uint32_t i = 0; is_known && i < old->session_count; i++)
        lock_keep(lock, old->sessions[i]);
    lock->awaits_session = is_known ? old->awaits_session : true;
    lock->outside = is_known ? old->outside : 0;
    lock->expires_ms = is_known ? old->expires_ms : now_ms + lock->ttl_ms + limits->grace_ms;
    list_push_tail(&set->locks, &lock->node);
    set->count++;
}

/* Of two that clash the later grant counts: the earlier one had expired by then, and only its end was not written. */
static void end_outdated(struct lock_set *set, struct lock *lock, uint64_t now_ms)
{
    LIST_EACH (&set->locks, node) {
        const struct lock *other = LIST_OWNER(node, struct lock, node);

        if (lock->is_soft || other->is_soft || span_equal(lock->user_id, other->user_id) ||
            lock->token >= other->token || !lock_path_overlaps(&lock->path, &other->path))
            continue;
        lock->session_count = 0;
        lock->awaits_session = false;
        lock->expires_ms = now_ms;
    }
}

void lock_set_load(struct lock_set *set, struct span room, const struct object *objects, uint32_t count,
                   const struct lock_limits *limits, uint64_t now_ms)
{
    struct lock_set before;

    lock_set_init(&before);
    while (!list_is_empty(&set->locks)) {
        struct list *node = set->locks.next;

        list_remove(node);
        list_push_tail(&before.locks, node);
        before.count++;
    }
    set->count = 0;
    for (uint32_t i = 0; i < count && set->count < LOCKS_PER_RECORD_MAX; i++) {
        struct lock *lock = lock_read(room, &objects[i]);

        if (lock)
            add_loaded(set, &before, lock, limits, now_ms);
    }
    LIST_EACH (&set->locks, node) {
        end_outdated(set, LIST_OWNER(node, struct lock, node), now_ms);
    }
    lock_set_deinit(&before);
}

/* Its user may have been on his way back all the while: he has the grace. */
void lock_set_end_overdue(struct lock_set *set, const struct lock_limits *limits, uint64_t now_ms, int64_t wall_ms)
{
    LIST_EACH (&set->locks, node) {
        struct lock *lock = LIST_OWNER(node, struct lock, node);

        if (lock->session_count == 0 && lock->stored_ends_ms + (int64_t)limits->grace_ms <= wall_ms)
            lock->expires_ms = now_ms;
    }
}
