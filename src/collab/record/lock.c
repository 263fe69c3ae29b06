#include "collab/record/lock_internal.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

enum { OBJECT_ID_BYTES_MAX = 400, LOCK_ARENA_BYTES = 512 };

/* ---- a lock's life ------------------------------------------------------------------------------------------------ */

struct lock *lock_new(struct span id, const struct path *path)
{
    struct lock *lock = NEW(struct lock);

    list_init(&lock->node);
    arena_init(&lock->arena, LOCK_ARENA_BYTES);
    lock->id = arena_copy(&lock->arena, id);
    lock->path.depth = path->depth;
    for (uint32_t i = 0; i < path->depth; i++)
        lock->path.steps[i] = arena_copy(&lock->arena, path->steps[i]);
    return lock;
}

void lock_free(struct lock *lock)
{
    if (lock == NULL)
        return;
    arena_deinit(&lock->arena);
    free(lock);
}

static void set_holder(struct lock *lock, struct span user_id, struct span username, struct span name)
{
    lock->user_id = arena_copy(&lock->arena, user_id);
    lock->username = arena_copy(&lock->arena, username);
    lock->name = arena_copy(&lock->arena, name);
}

static void add_request(struct lock *lock, const struct lock_request *request)
{
    struct lock_request *copy = &lock->requests[lock->request_count++];

    assert(lock->request_count <= LOCK_REQUESTS_MAX);
    copy->user_id = arena_copy(&lock->arena, request->user_id);
    copy->username = arena_copy(&lock->arena, request->username);
    copy->name = arena_copy(&lock->arena, request->name);
    copy->note = arena_copy(&lock->arena, request->note);
    copy->at_ms = request->at_ms;
}

/* A lock that takes the place of another one: the same path, still without the line of those who wait. */
static struct lock *replacement_new(const struct lock *old)
{
    struct lock *lock = lock_new(old->id, &old->path);

    lock->is_soft = old->is_soft;
    lock->ttl_ms = old->ttl_ms;
    lock->expires_ms = old->expires_ms;
    lock->revision = old->revision + 1;
    return lock;
}

/* All but this user. Texts are copied, so that a lock which changes often does not grow. */
static void keep_line(struct lock *lock, const struct lock *old, struct span without_user_id)
{
    for (uint32_t i = 0; i < old->request_count; i++)
        if (!span_equal(old->requests[i].user_id, without_user_id))
            add_request(lock, &old->requests[i]);
}

static void put_in_place(struct lock_set *set, struct lock *old, struct lock *lock)
{
    list_insert_after(&old->node, &lock->node);
    set->count++;
    lock_set_remove(set, old);
}

/* ---- finding ------------------------------------------------------------------------------------------------------ */

bool lock_path_covers(const struct path *outer, const struct path *inner)
{
    if (outer->depth > inner->depth)
        return false;
    for (uint32_t i = 0; i < outer->depth; i++)
        if (!span_equal(outer->steps[i], inner->steps[i]))
            return false;
    return true;
}

bool lock_path_overlaps(const struct path *a, const struct path *b)
{
    return a->depth <= b->depth ? lock_path_covers(a, b) : lock_path_covers(b, a);
}

bool lock_is_live(const struct lock *lock, uint64_t now_ms)
{
    return lock->session_count > 0 || lock->expires_ms > now_ms;
}

uint64_t lock_ends_ms(const struct lock *lock, uint64_t now_ms)
{
    const uint64_t kept_ms = lock->ttl_ms > LOCK_KEPT_MS ? lock->ttl_ms : LOCK_KEPT_MS;

    return lock->session_count > 0 ? now_ms + kept_ms : lock->expires_ms;
}

/* A canonical path escapes every '~', so two of them in a row can only be ours. */
static struct span lock_id(struct arena *arena, const struct lock_scene *scene, const struct path *path, bool is_soft)
{
    struct buf text = BUF_EMPTY;
    struct span id;

    buf_append_span(&text, scene->room);
    buf_append_char(&text, '#');
    path_append(&text, path);
    if (is_soft) {
        BUF_APPEND_LITERAL(&text, "~~");
        buf_append_span(&text, scene->identity->user_id);
    }
    id = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    return id;
}

static struct lock *find_live(const struct lock_set *set, struct arena *arena, const struct lock_scene *scene,
                              const struct lock_ask *ask, bool is_soft)
{
    struct lock *lock = lock_set_find(set, lock_id(arena, scene, &ask->path, is_soft));

    return lock && lock_is_live(lock, scene->now_ms) ? lock : NULL;
}

static bool is_mine(const struct lock_scene *scene, const struct lock *lock)
{
    return span_equal(lock->user_id, scene->identity->user_id);
}

/* A lock of others that does not go together with a hard one of this user on this path. */
static struct lock *find_clash_with(const struct lock_set *set, const struct path *path, struct span user_id,
                                    uint64_t now_ms, const struct lock *except)
{
    LIST_EACH (&set->locks, node) {
        struct lock *lock = LIST_OWNER(node, struct lock, node);

        if (lock != except && !lock->is_soft && !span_equal(lock->user_id, user_id) && lock_is_live(lock, now_ms) &&
            lock_path_overlaps(&lock->path, path))
            return lock;
    }
    return NULL;
}

static struct lock *find_clash(const struct lock_set *set, const struct lock_scene *scene, const struct path *path)
{
    return find_clash_with(set, path, scene->identity->user_id, scene->now_ms, NULL);
}

/* What the asker holds at this very path: the hard lock, or else the soft one. With why not, when he does not. */
static struct lock *find_mine(const struct lock_set *set, struct arena *arena, const struct lock_scene *scene,
                              const struct lock_ask *ask, struct lock_decision *decision)
{
    struct lock *lock = ask->is_soft ? NULL : find_live(set, arena, scene, ask, false);

    if (lock == NULL || !is_mine(scene, lock))
        lock = find_live(set, arena, scene, ask, true);
    if (lock && (!ask->has_token || ask->token == lock->token))
        return lock;
    decision->in_the_way = lock ? lock : find_clash(set, scene, &ask->path);
    if (ask->has_token)
        decision->err = ERR_LOCK_LOST;
    else
        decision->err = decision->in_the_way ? ERR_LOCKED : ERR_NOT_FOUND;
    return NULL;
}

/* ---- what happens to a lock --------------------------------------------------------------------------------------- */

void lock_tell(struct arena *arena, const struct lock_scene *scene, enum object_verb verb, struct lock *lock,
               struct lock_decision *decision)
{
    struct buf text = BUF_EMPTY;

    lock->stored_ends_ms = lock_wall_of(lock_ends_ms(lock, scene->now_ms), scene->now_ms, scene->wall_ms);
    lock_print(&text, lock, scene->now_ms, scene->wall_ms);
    decision->body = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    decision->is_stored = true;
    decision->verb = verb;
    decision->lock = lock;
    decision->object = (struct object){
        .kind = OBJECT_LOCK,
        .id = arena_copy(arena, lock->id),
        .room = arena_copy(arena, scene->room),
        .owner = arena_copy(arena, lock->user_id),
        .time_ms = lock->locked_at_ms,
        .revision = lock->revision,
        .body = decision->body,
    };
}

void lock_extend(struct arena *arena, const struct lock_scene *scene, struct lock *lock, struct lock_decision *decision)
{
    lock->revision++;
    lock_tell(arena, scene, OBJECT_RENEW, lock, decision);
    decision->is_silent = true;
}

void lock_take_away(struct lock_set *set, struct arena *arena, const struct lock_scene *scene, enum object_verb verb,
                    struct lock *lock, struct lock_decision *decision)
{
    lock->revision++;
    lock_tell(arena, scene, verb, lock, decision);
    decision->goes = true;
    decision->object.body = SPAN_EMPTY;
    decision->lock = NULL;
    lock_set_remove(set, lock);
}

/* Whoever asks from inside the room keeps it alive from now on, with those who do already. */
static void keep_alive(struct lock *lock, const struct lock_scene *scene)
{
    lock->expires_ms = scene->now_ms + lock->ttl_ms;
    lock->outside = scene->is_member ? 0 : scene->session;
    if (!scene->is_member)
        return;
    lock_keep(lock, scene->session);
    lock->awaits_session = false;
}

static void grant(struct lock_set *set, struct arena *arena, const struct lock_scene *scene, enum object_verb verb,
                  struct lock *lock, struct lock_decision *decision)
{
    lock->grant = ++set->grant_count;
    lock->locked_at_ms = scene->wall_ms;
    lock_tell(arena, scene, verb, lock, decision);
    decision->grant = lock->grant;
}

/* What a connection keeps alive is extended in its time (lock_set_extend). */
static void renew(struct arena *arena, const struct lock_scene *scene, const struct lock_ask *ask, struct lock *lock,
                  struct lock_decision *decision)
{
    decision->verb = OBJECT_RENEW;
    decision->waits = lock->token == 0;
    if (decision->waits)
        return;
    if (ask->has_ttl)
        lock->ttl_ms = ask->ttl_ms;
    keep_alive(lock, scene);
    decision->lock = lock;
    if (lock->session_count == 0 || ask->has_ttl)
        lock_extend(arena, scene, lock, decision);
}

/* ---- what is asked ------------------------------------------------------------------------------------------------ */

static void acquire(struct lock_set *set, struct arena *arena, const struct lock_scene *scene,
                    const struct lock_ask *ask, struct lock_decision *decision)
{
    const struct span id = lock_id(arena, scene, &ask->path, ask->is_soft);
    struct lock *there = lock_set_find(set, id), *lock;

    if (there && lock_is_live(there, scene->now_ms) && is_mine(scene, there)) {
        renew(arena, scene, ask, there, decision);
        return;
    }
    decision->in_the_way = ask->is_soft ? NULL : find_clash(set, scene, &ask->path);
    if (decision->in_the_way)
        decision->err = ERR_LOCKED;
    else if (id.len > OBJECT_ID_BYTES_MAX)
        decision->err = ERR_BAD_PATH;
    else if (there == NULL && set->count == LOCKS_PER_RECORD_MAX)
        decision->err = ERR_TOO_MANY;
    if (decision->err != OK)
        return;
    lock = lock_new(id, &ask->path);
    set_holder(lock, scene->identity->user_id, scene->identity->username, scene->identity->name);
    lock->is_soft = ask->is_soft;
    lock->revision = there ? there->revision + 1 : 1;
    lock->ttl_ms = ask->has_ttl ? ask->ttl_ms : scene->limits->ttl_ms;
    keep_alive(lock, scene);
    list_push_tail(&set->locks, &lock->node);
    set->count++;
    if (there) /* it has expired, and nobody has swept it up yet */
        lock_set_remove(set, there);
    grant(set, arena, scene, OBJECT_ADD, lock, decision);
}

static void release(struct lock_set *set, struct arena *arena, const struct lock_scene *scene,
                    const struct lock_ask *ask, struct lock_decision *decision)
{
    struct lock *lock = find_mine(set, arena, scene, ask, decision);

    if (lock)
        lock_take_away(set, arena, scene, OBJECT_REMOVE, lock, decision);
}

static struct lock *find_holders(const struct lock_set *set, struct arena *arena, const struct lock_scene *scene,
                                 const struct lock_ask *ask)
{
    struct lock *lock = find_live(set, arena, scene, ask, false);

    return lock == NULL || is_mine(scene, lock) ? find_clash(set, scene, &ask->path) : lock;
}

static void ask_holder(struct lock_set *set, struct arena *arena, const struct lock_scene *scene,
                       const struct lock_ask *ask, struct lock_decision *decision)
{
    struct lock *old = find_holders(set, arena, scene, ask), *lock;

    if (old == NULL) {
        decision->err = ERR_NOT_FOUND;
        return;
    }
    decision->waits = old->token == 0; /* what would be put had no token in it */
    if (decision->waits)
        return;
    lock = replacement_new(old);
    keep_line(lock, old, scene->identity->user_id);
    if (lock->request_count == LOCK_REQUESTS_MAX) {
        decision->err = ERR_TOO_MANY;
        lock_free(lock);
        return;
    }
    set_holder(lock, old->user_id, old->username, old->name);
    for (uint32_t i = 0; i < old->session_count; i++)
        lock_keep(lock, old->sessions[i]);
    lock->outside = old->outside;
    lock->awaits_session = old->awaits_session;
    lock->grant = old->grant;
    lock->token = old->token;
    lock->locked_at_ms = old->locked_at_ms;
    add_request(lock, &(struct lock_request){scene->identity->user_id, scene->identity->username, scene->identity->name,
                                             ask->note, scene->wall_ms});
    put_in_place(set, old, lock);
    lock_tell(arena, scene, OBJECT_REQUEST, lock, decision);
    decision->notify_user_id = arena_copy(arena, lock->user_id);
}

/* What he might when he asked for it he may not, maybe, when he gets it. */
static bool may_hold(const struct lock_scene *scene, const struct lock *lock, const struct lock_request *request)
{
    return scene->may_hold == NULL || scene->may_hold(scene->holders, request->user_id, &lock->path);
}

static const struct lock_request *find_request(const struct lock_scene *scene, const struct lock *lock,
                                               struct span user_id, struct lock_decision *decision)
{
    for (uint32_t i = 0; i < lock->request_count; i++) {
        const struct lock_request *request = &lock->requests[i];

        if (user_id.len > 0 && !span_equal(request->user_id, user_id))
            continue;
        if (may_hold(scene, lock, request))
            return request;
        if (user_id.len > 0)
            decision->err = ERR_FORBIDDEN;
    }
    if (decision->err == OK)
        decision->err = ERR_NOT_FOUND;
    decision->field = SPAN("user_id");
    return NULL;
}

static void keep_line_of_those_who_may(const struct lock_scene *scene, struct lock *lock, const struct lock *old)
{
    for (uint32_t i = 0; i < old->request_count; i++)
        if (!span_equal(old->requests[i].user_id, lock->user_id) && may_hold(scene, old, &old->requests[i]))
            add_request(lock, &old->requests[i]);
}

/* To somebody who asked for it and may have gone meanwhile: he has the ttl to say that he is there. What the holder keeps of
 * what is inside or around it would be in the way then. */
static void hand_over(struct lock_set *set, struct arena *arena, const struct lock_scene *scene,
                      const struct lock_ask *ask, struct lock_decision *decision)
{
    struct lock *old = find_mine(set, arena, scene, ask, decision), *lock;
    const struct lock_request *to;

    if (old == NULL)
        return;
    to = find_request(scene, old, ask->to_user_id, decision);
    if (to == NULL)
        return;
    decision->in_the_way = find_clash_with(set, &old->path, to->user_id, scene->now_ms, old);
    if (decision->in_the_way) {
        decision->err = ERR_LOCKED;
        return;
    }
    lock = replacement_new(old);
    set_holder(lock, to->user_id, to->username, to->name);
    keep_line_of_those_who_may(scene, lock, old);
    lock->expires_ms = scene->now_ms + lock->ttl_ms;
    lock->awaits_session = true;
    put_in_place(set, old, lock);
    grant(set, arena, scene, OBJECT_HAND_OVER, lock, decision);
    decision->notify_user_id = arena_copy(arena, lock->user_id);
}

static void force(struct lock_set *set, struct arena *arena, const struct lock_scene *scene, const struct lock_ask *ask,
                  struct lock_decision *decision)
{
    struct lock *lock = find_live(set, arena, scene, ask, false);

    if (!scene->may_force) {
        decision->err = ERR_FORBIDDEN;
    } else if (lock == NULL) {
        decision->err = ERR_NOT_FOUND;
    } else {
        decision->notify_user_id = arena_copy(arena, lock->user_id);
        lock->note = arena_copy(&lock->arena, ask->note);
        lock_take_away(set, arena, scene, OBJECT_FORCE, lock, decision);
    }
}

const struct lock *lock_asked_for(const struct lock_set *set, struct arena *arena, const struct lock_scene *scene,
                                  const struct lock_ask *ask)
{
    struct lock_decision why = {0};

    switch (ask->verb) {
    case OBJECT_REQUEST: return find_holders(set, arena, scene, ask);
    case OBJECT_HAND_OVER: return find_mine(set, arena, scene, ask, &why);
    case OBJECT_FORCE: return find_live(set, arena, scene, ask, false);
    default: return NULL;
    }
}

void lock_decide(struct lock_set *set, struct arena *arena, const struct lock_scene *scene, const struct lock_ask *ask,
                 struct lock_decision *decision)
{
    struct lock *lock;

    *decision = (struct lock_decision){.verb = ask->verb};
    switch (ask->verb) {
    case OBJECT_ADD: acquire(set, arena, scene, ask, decision); break;
    case OBJECT_REMOVE: release(set, arena, scene, ask, decision); break;
    case OBJECT_RENEW:
        lock = find_mine(set, arena, scene, ask, decision);
        if (lock)
            renew(arena, scene, ask, lock, decision);
        break;
    case OBJECT_REQUEST: ask_holder(set, arena, scene, ask, decision); break;
    case OBJECT_HAND_OVER: hand_over(set, arena, scene, ask, decision); break;
    case OBJECT_FORCE: force(set, arena, scene, ask, decision); break;
    default: assert(false); /* lock_ask_parse lets nothing else through */
    }
}

void lock_set_granted(struct lock_set *set, struct span id, uint64_t number, uint64_t token)
{
    struct lock *lock = lock_set_find(set, id);

    if (lock && lock->grant == number)
        lock->token = token;
}
