/* What people ask of a record's locks: who may, who has to hear of it, and what comes of it. */
#include "collab/record/record_lock.h"

#include "collab/room/person.h"
#include "collab/type/access.h"

#include <assert.h>

static enum err read_ask(struct making *making, struct lock_ask *ask, struct span *field)
{
    const struct command *command = making->command;
    struct json input = {0};
    enum err err = OK;

    if (command->object.input.len > 0)
        err = json_parse(&input, command->object.input, &json_limits_default);
    if (err == OK)
        err = lock_ask_parse(making->arena, making->type, command->object.verb, input.root, ask, field);
    json_deinit(&input);
    return err;
}

/* ---- who may ------------------------------------------------------------------------------------------------------ */

static bool may_lock(const struct making *making, const struct access *access, const struct path *path)
{
    const struct field *named = path->depth > 0 ? type_field(making->type, path->steps[0]) : NULL;

    if (!access_allows(access, making->type, VERB_UPDATE) || (path->depth > 0 && named == NULL))
        return false;
    return named == NULL || access_is_admin(access) || (access_writable(access, making->type) >> named->index & 1);
}

/* What is held may be given back though the record is gone, and though he may not write there any more. */
static enum err may_ask(const struct making *making, const struct lock_ask *ask, struct span *field)
{
    const struct access *access = making->command->identity->access;
    const struct field *named = ask->path.depth > 0 ? type_field(making->type, ask->path.steps[0]) : NULL;
    const bool wants_it = ask->verb == OBJECT_ADD || ask->verb == OBJECT_RENEW || ask->verb == OBJECT_REQUEST;

    if (named && !access_is_admin(access) && !(access_readable(access, making->type) >> named->index & 1)) {
        *field = ask->path.steps[0];
        return ERR_UNKNOWN_FIELD;
    }
    if (ask->verb == OBJECT_ADD && !making->present->exists)
        return ERR_NOT_FOUND;
    if (!wants_it || may_lock(making, access, &ask->path))
        return OK;
    *field = ask->path.depth > 0 ? ask->path.steps[0] : SPAN_EMPTY;
    return named || ask->path.depth == 0 ? ERR_FORBIDDEN : ERR_UNKNOWN_FIELD;
}

/* Who asked for a lock may not hold it, maybe, when he gets it: what counts is who he is here and now, or what his account says by
 * now. Of somebody who is away and known by his tokens alone nobody knows; he is asked for the next one when he writes. */
static bool may_hold(const void *context, struct span user_id, const struct path *path)
{
    const struct making *making = context;
    const struct room *room = room_find(making->hub, making->record->room);
    const struct person *person = room ? person_find(room, user_id) : NULL;
    const struct account_roles *account = making_roles(making, user_id);

    assert(account); /* they were read before it is decided */
    if (person && may_lock(making, person->identity->access, path))
        return true;
    if (!account->is_known)
        return person == NULL;
    return account->is_active &&
           may_lock(making, access_of(making->hub->registry, account->names, account->count), path);
}

/* ---- who hears of it ---------------------------------------------------------------------------------------------- */

/* Whoever may have to hear of it: how he wants to; and whoever may get it: whether he may have it. What is decided changes the locks, so it must
 * be known before. */
static bool know_the_others(struct making *making, const struct lock_scene *scene, const struct lock_ask *ask)
{
    const struct lock *lock = NULL;
    struct span ids[LOCK_REQUESTS_MAX];
    uint32_t count = 0;

    if (making->record->locks)
        lock = lock_asked_for(&making->record->locks->set, making->arena, scene, ask);
    if (lock == NULL)
        return true;
    if (ask->verb != OBJECT_HAND_OVER)
        return making_object(making, OBJECT_PREFERENCES, lock->user_id) != NULL;
    for (uint32_t i = 0; i < lock->request_count; i++)
        ids[count++] = lock->requests[i].user_id;
    return making_read_roles(making, ids, count) && making_read_objects(making, OBJECT_PREFERENCES, ids, count);
}

static void notify(struct making *making, struct store_request *request, const struct lock_ask *ask,
                   const struct lock_decision *decision, uint64_t shown)
{
    const struct span type = decision->verb == OBJECT_FORCE ? SPAN("lock_lost") : SPAN("lock_request");
    struct notice notice = making_notice(making, type, buf_span(&making->present->state), shown);
    const struct span who = notice.from_name, what = notice.record;

    notice.priority = SPAN("high");
    if (decision->verb == OBJECT_FORCE)
        notice.title = arena_printf(making->arena, "%.*s took your lock on %.*s away", SPAN_ARG(who), SPAN_ARG(what));
    else if (decision->verb == OBJECT_HAND_OVER)
        notice.title = arena_printf(making->arena, "%.*s gave you the lock on %.*s", SPAN_ARG(who), SPAN_ARG(what));
    else
        notice.title = arena_printf(making->arena, "%.*s asks for your lock on %.*s", SPAN_ARG(who), SPAN_ARG(what));
    notice.message = ask->note.len > 0 ? ask->note : notice.title;
    making_tell(making, request, &notice, decision->notify_user_id);
}

/* ---- what comes of it --------------------------------------------------------------------------------------------- */

static void plan_decided(struct making *making, const struct lock_ask *ask, const struct lock_decision *decision)
{
    struct record_plan *plan = making->plan;
    const uint64_t shown =
        locks_shown_by(making, decision->body); /* whoever asks for a lock names another path, maybe */

    if (!decision->is_stored || decision->is_silent) /* no event says how it is now */
        locks_show(making, decision->lock);
    if (!decision->is_stored)
        return;
    plan->outcome.has_object = decision->lock == NULL || locks_may_see(making, decision->lock);
    plan->outcome.object_kind = OBJECT_LOCK;
    plan->outcome.object_shown = shown;
    plan->request = making_commit(making);
    plan->locks = true;
    plan->outcome.grant = decision->grant;
    plan->outcome.object_id = arena_copy(making->arena, decision->object.id);
    plan->request->commit.grants = decision->grant != 0;
    if (decision->is_silent) /* asked for again, by another connection perhaps, it is done again */
        plan->request->commit.op_id = SPAN_EMPTY;
    locks_put(making, plan->request, decision, shown);
    if (decision->notify_user_id.len > 0)
        notify(making, plan->request, ask, decision, shown);
    plan_keep_answer(plan->request, making->present->exists ? making->present->version : 0, &plan->outcome);
}

/* A record with locks stays in memory: there must be room for others. */
static bool is_one_too_many(const struct making *making, const struct lock_ask *ask)
{
    const struct hub *hub = making->hub;

    return ask->verb == OBJECT_ADD && making->record->locks == NULL &&
           hub->locked_count >= hub->limits.records_cached_max / 2;
}

static void decide(struct making *making, const struct lock_scene *scene, const struct lock_ask *ask)
{
    struct lock_decision decision = {0};

    lock_decide(locks_set(making->record), making->arena, scene, ask, &decision);
    assert(!decision.waits); /* nothing is on its way */
    if (decision.err == OK) {
        plan_decided(making, ask, &decision);
        return;
    }
    locks_show(making, decision.in_the_way);
    making_refuse(making, decision.err, decision.field);
}

static void plan_asked(struct making *making, const struct lock_ask *ask)
{
    const struct lock_limits limits = locks_limits(making->hub);
    struct lock_scene scene = locks_scene(making, &limits);

    scene.may_hold = may_hold;
    scene.holders = making;
    if (know_the_others(making, &scene, ask))
        decide(making, &scene, ask);
}

static bool has_expired(const struct record *record)
{
    return record->locks && !record->locks->is_sweeping &&
           lock_set_deadline(&record->locks->set) <= record->hub->now_ms;
}

/* One after the other: what is decided about one lock may depend on every other. */
void plan_lock(struct making *making)
{
    struct lock_ask ask = {0};
    struct span field = SPAN_EMPTY;
    enum err err;

    if (making_waits(making))
        return;
    if (making->command->identity == NULL) {
        plan_lock_sweep(making);
        return;
    }
    if (has_expired(making->record)) { /* everybody sees it go before somebody else has it */
        making->record->locks->is_sweeping = true;
        making->plan->sweeps = true;
        return;
    }
    if ((err = read_ask(making, &ask, &field)) == OK)
        err = may_ask(making, &ask, &field);
    if (err == OK && is_one_too_many(making, &ask))
        err = ERR_TOO_MANY;
    if (err != OK)
        making_refuse(making, err, field);
    else
        plan_asked(making, &ask);
}
