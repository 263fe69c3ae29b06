#include "collab/record/record_lock.h"

#include "base/memory.h"
#include "collab/type/access.h"
#include "collab/keep/keep.h"
#include "collab/room/person.h"
#include "collab/change/reconcile.h"

#include <assert.h>
#include <stdlib.h>

enum { PUT_PAUSE_MS = 1000, AWAY_PAUSE_MS = 10000 };

/* ---- the set ------------------------------------------------------------------------------------------------------ */

struct lock_limits locks_limits(const struct hub *hub)
{
    return (struct lock_limits){.ttl_ms = hub->limits.lock_ttl_ms, .grace_ms = hub->limits.grace_ms};
}

struct lock_set *locks_set(struct record *record)
{
    if (record->locks == NULL) {
        record->locks = NEW(struct record_locks);
        record->locks->record = record;
        record->locks->alarm.kind = ALARM_LOCKS;
        lock_set_init(&record->locks->set);
        record->hub->locked_count++;
    }
    return &record->locks->set;
}

void record_locks_free(struct record *record)
{
    if (record->locks == NULL)
        return;
    alarm_cancel(record->hub, &record->locks->alarm);
    lock_set_deinit(&record->locks->set);
    record->hub->locked_count--;
    free(record->locks);
    record->locks = NULL;
}

/* A store that refuses is not asked again at once. */
static uint64_t next_deadline(const struct record *record)
{
    const struct record_locks *locks = record->locks;
    const uint64_t expires_at = lock_set_deadline(&locks->set);
    uint64_t extend_at = lock_set_extend_at(&locks->set, record->hub->now_ms, record->hub->wall_ms);

    if (locks->put_ms != 0 && extend_at < locks->put_ms + PUT_PAUSE_MS)
        extend_at = locks->put_ms + PUT_PAUSE_MS;
    if (expires_at < extend_at)
        extend_at = expires_at;
    return extend_at < locks->away_ms ? locks->away_ms : extend_at;
}

void record_locks_tidy(struct record *record)
{
    struct record_locks *locks = record->locks;
    uint64_t deadline;

    if (locks == NULL)
        return;
    deadline = next_deadline(record);
    if (locks->set.count == 0 && record->lock_count == 0)
        record_locks_free(record);
    else if (deadline == UINT64_MAX || locks->is_sweeping)
        alarm_cancel(record->hub, &locks->alarm);
    else
        alarm_set(record->hub, &locks->alarm, deadline);
}

/* What was let go of comes back when the store refuses it (or everything was forgotten, because it could not be read), and nobody knows
 * any more which connection had taken it: whoever is there. */
static void find_keepers(struct record *record)
{
    const struct room *room = room_find(record->hub, record->room);

    if (room == NULL)
        return;
    LIST_EACH (&room->people, person_node) {
        struct person *person = LIST_OWNER(person_node, struct person, in_room);

        LIST_EACH (&person->sessions, node) {
            const struct member *member = LIST_OWNER(node, struct member, in_person);

            if (member->lingers_until == 0)
                lock_set_session_came(&record->locks->set, person->identity->user_id, member->key.session,
                                      record->hub->now_ms);
        }
    }
}

void record_locks_load(struct record *record, const struct store_request *request)
{
    struct hub *hub = record->hub;
    const struct lock_limits limits = locks_limits(hub);
    const bool is_first = record->locks == NULL;

    if (is_first && request->object_count == 0)
        return;
    lock_set_load(locks_set(record), record->room, request->objects, request->object_count, &limits, hub->now_ms);
    find_keepers(record);
    if (is_first)
        lock_set_end_overdue(&record->locks->set, &limits, hub->now_ms, hub->wall_ms);
}

static const struct lock *lock_find(const struct record *record, struct span id)
{
    if (record->locks == NULL)
        return NULL;
    LIST_EACH (&record->locks->set.locks, node) {
        const struct lock *lock = LIST_OWNER(node, struct lock, node);

        if (span_equal(lock->id, id))
            return lock;
    }
    return NULL;
}

bool record_locks_print(const struct record *record, struct span id, struct buf *out)
{
    const struct lock *lock = lock_find(record, id);

    if (lock == NULL || lock->token == 0) /* it never came to be */
        return false;
    lock_print(out, lock, record->hub->now_ms, record->hub->wall_ms);
    return true;
}

void record_locks_granted(struct record *record, const struct store_request *request, uint64_t grant)
{
    if (request->commit.grants && record->locks)
        lock_set_granted(&record->locks->set, request->commit.objects[0].id, grant, request->commit.sequence);
}

/* ---- whether a change may be made --------------------------------------------------------------------------------- */

struct needing {
    const struct type *type;
    const struct change *change;
};

static bool needs_lock(const void *context, const struct op *op)
{
    const struct needing *needing = context;

    if (op->path.depth == 0)
        return needing->type->strategy == STRATEGY_LOCK_BASED;
    return strategy_of(needing->type, needing->change, op) == STRATEGY_LOCK_BASED;
}

/* Most types know of no locks, and their changes do not ask. */
static bool asks_for_locks(const struct type *type, const struct change *change)
{
    if (change->fence != 0 || type->enforces_locks || type->strategy == STRATEGY_LOCK_BASED ||
        (change->has_strategy && change->strategy == STRATEGY_LOCK_BASED))
        return true;
    for (uint32_t i = 0; i < type->field_count; i++)
        if (type->fields[i].has_strategy && type->fields[i].strategy == STRATEGY_LOCK_BASED)
            return true;
    return false;
}

static uint64_t shown_by(const struct making *making, const struct path *path)
{
    return path->depth > 0 ? making_shown(making, path) : 0; /* that a record is locked tells nothing of it */
}

/* The lock in the way may be on a field of which he does not even know that it is there. */
bool locks_may_see(const struct making *making, const struct lock *lock)
{
    const struct access *access = making->command->identity->access;

    return (shown_by(making, &lock->path) & ~access_readable(access, making->type)) == 0;
}

void locks_show(struct making *making, const struct lock *lock)
{
    struct record_outcome *outcome = &making->plan->outcome;
    struct buf body = BUF_EMPTY;

    if (lock == NULL || !locks_may_see(making, lock))
        return;
    lock_print(&body, lock, making->hub->now_ms, making->hub->wall_ms);
    outcome->has_object = true;
    outcome->object_kind = OBJECT_LOCK;
    outcome->object_id = arena_copy(making->arena, lock->id);
    outcome->object = arena_copy(making->arena, buf_span(&body));
    outcome->object_shown = shown_by(making, &lock->path);
    buf_deinit(&body);
}

bool plan_check_locks(struct making *making, const struct change *change)
{
    const struct needing needing = {making->type, change};
    const struct lock *in_the_way = NULL;
    struct lock_set none;
    enum err err;

    if (!asks_for_locks(making->type, change))
        return true;
    if (making->record->lock_count > 0) { /* a lock that may never be neither allows nor forbids */
        (void)making_waits(making);
        return false;
    }
    lock_set_init(&none);
    err = lock_set_check(making->record->locks ? &making->record->locks->set : &none, change, needs_lock, &needing,
                         making->type->enforces_locks, making->command->identity->user_id, making->hub->now_ms,
                         &in_the_way);
    lock_set_deinit(&none);
    if (err == OK)
        return true;
    locks_show(making, in_the_way);
    making_refuse(making, err, SPAN_EMPTY);
    return false;
}

/* ---- what is asked of locks --------------------------------------------------------------------------------------- */

struct lock_scene locks_scene(const struct making *making, const struct lock_limits *limits)
{
    const struct command *command = making->command;
    const struct room *room = room_find(making->hub, command->room);
    const struct member *member = room ? room_member(room, command->session) : NULL;
    const struct identity *identity = command->identity;

    return (struct lock_scene){
        .room = making->record->room,
        .identity = identity,
        .session = command->session,
        .is_member = member && member->lingers_until == 0,
        .may_force =
            identity && (command->object.as_server || access_allows(identity->access, making->type, VERB_FORCE_LOCKS)),
        .limits = limits,
        .now_ms = making->hub->now_ms,
        .wall_ms = making->hub->wall_ms};
}

uint64_t locks_shown_by(const struct making *making, struct span body)
{
    struct json json = {0};
    struct path path = {0};
    struct span text;
    uint64_t shown = 0;

    if (json_parse(&json, body, &record_json_limits) != OK)
        return 0;
    text = json_get_text(json.root, "path");
    if (text.len > 0 && path_parse(making->arena, text, &path) == OK)
        shown = shown_by(making, &path);
    json_deinit(&json);
    return shown;
}

void locks_put(struct making *making, struct store_request *request, const struct lock_decision *decision,
               uint64_t shown)
{
    struct object object = decision->object;
    struct arena *arena = &request->arena;

    object.id = arena_copy(arena, object.id);
    object.room = arena_copy(arena, object.room);
    object.owner = arena_copy(arena, object.owner);
    object.state = arena_copy(arena, object.state);
    object.body = arena_copy(arena, object.body);
    if (decision->is_silent)
        *commit_add_object(request) = object;
    else
        announce_object(making, request, &object, decision->body, decision->verb, shown, SPAN(ROOM_LOCKS));
}

/* ---- by the server ------------------------------------------------------------------------------------------------ */

/* What is over goes, and of what goes on it is put that it does. */
static uint32_t let_time_pass(struct making *making, const struct lock_scene *scene, struct lock_decision *decisions)
{
    struct record_locks *locks = making->record->locks;
    const uint32_t over = lock_set_expire(&locks->set, making->arena, scene, decisions);
    const uint32_t extended = lock_set_extend(&locks->set, making->arena, scene, decisions + over);

    locks->is_sweeping = false;
    locks->away_ms = 0;
    if (extended > 0)
        locks->put_ms = scene->now_ms;
    return over + extended;
}

void plan_lock_sweep(struct making *making)
{
    const struct lock_limits limits = locks_limits(making->hub);
    const struct lock_scene scene = locks_scene(making, &limits);
    struct record_locks *locks = making->record->locks;
    struct lock_decision decisions[LOCKS_PER_RECORD_MAX];
    struct store_request *request;
    uint32_t count;

    if (locks == NULL)
        return;
    if (making->command->object.verb == OBJECT_EXPIRE)
        count = let_time_pass(making, &scene, decisions);
    else
        count = lock_set_session_left(&locks->set, making->arena, &scene, false, decisions);
    if (count == 0)
        return;
    request = making_commit(making);
    for (uint32_t i = 0; i < count; i++)
        locks_put(making, request, &decisions[i], locks_shown_by(making, decisions[i].body));
    making->plan->request = request;
    making->plan->locks = true;
}

/* ---- sessions ----------------------------------------------------------------------------------------------------- */

static bool holds_any(const struct lock_set *set, session_id session)
{
    LIST_EACH (&set->locks, node) {
        if (lock_is_kept_by(LIST_OWNER(node, struct lock, node), session))
            return true;
    }
    return false;
}

bool record_locks_leave(struct record *record, session_id session, bool is_broken)
{
    const struct lock_limits limits = locks_limits(record->hub);
    const struct lock_scene scene = {.room = record->room,
                                     .session = session,
                                     .limits = &limits,
                                     .now_ms = record->hub->now_ms,
                                     .wall_ms = record->hub->wall_ms};
    struct lock_decision decisions[LOCKS_PER_RECORD_MAX];
    struct arena arena;

    if (record->locks == NULL || !holds_any(&record->locks->set, session))
        return false;
    if (!is_broken)
        return true;
    arena_init(&arena, 256);
    (void)lock_set_session_left(&record->locks->set, &arena, &scene, true, decisions);
    arena_deinit(&arena);
    return true;
}

/* Who left keeps nothing alive, and what he kept ends later. */
void record_locks_put_off(struct record *record, session_id session)
{
    if (record->locks == NULL)
        return;
    (void)record_locks_leave(record, session, true);
    record->locks->is_sweeping = false;
    record->locks->away_ms = record->hub->now_ms + AWAY_PAUSE_MS;
}
