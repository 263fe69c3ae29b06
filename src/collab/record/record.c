#include "collab/record/record.h"

#include "base/memory.h"
#include "collab/room/presence.h"
#include "collab/record/record_job.h"
#include "collab/record/record_lock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- snapshots ---------------------------------------------------------------------------------------------------- */

static void snapshot_set(struct snapshot *snapshot, struct span state, uint64_t version, bool exists)
{
    if (snapshot->state.cap > 2 * state.len)
        buf_deinit(&snapshot->state); /* it was much larger */
    buf_reset(&snapshot->state);
    if (exists)
        buf_append_span(&snapshot->state, state);
    snapshot->version = version;
    snapshot->exists = exists;
}

const struct snapshot *record_present(const struct record *record)
{
    return record->commit_count > 0 ? &record->tip : &record->committed;
}

static void drop_tip(struct record *record)
{
    buf_deinit(&record->tip.state);
    record->tip = (struct snapshot){0};
}

/* ---- the cache ---------------------------------------------------------------------------------------------------- */

static size_t record_bytes(const struct record *record)
{
    return sizeof(*record) + record->room.len + record->committed.state.cap + record_tail_bytes(&record->tail);
}

/* Around everything that changes what it occupies. */
static void begin_counting(struct record *record)
{
    record->hub->record_bytes -= record_bytes(record);
}

static void end_counting(struct record *record)
{
    record->hub->record_bytes += record_bytes(record);
}

void record_free(struct record *record)
{
    struct hub *hub = record->hub;

    for (struct list *head = &record->waiting; head; head = head == &record->waiting ? &record->under_way : NULL) {
        LIST_EACH (head, node) {
            job_free(LIST_OWNER(node, struct job, node));
        }
    }
    map_remove(&hub->records, record->room);
    list_remove(&record->in_idle);
    begin_counting(record);
    drop_tip(record);
    record_tail_clear(&record->tail);
    record_locks_free(record);
    buf_deinit(&record->committed.state);
    free(record);
}

/* A state is worth more than the changes that led to it: of a record that is to go these go first, and it gets another turn. */
static void shrink(struct record *record)
{
    struct hub *hub = record->hub;

    if (record_tail_bytes(&record->tail) == 0) {
        record_free(record);
        return;
    }
    begin_counting(record);
    record_tail_clear(&record->tail);
    end_counting(record);
    list_remove(&record->in_idle);
    list_push_tail(&hub->records_idle, &record->in_idle);
}

/* Idle records are kept for the next one who asks, the least recently used go first. */
static void bound_cache(struct hub *hub)
{
    while (hub->records.count > hub->limits.records_cached_max && !list_is_empty(&hub->records_idle))
        record_free(LIST_OWNER(hub->records_idle.next, struct record, in_idle));
    while (hub->record_bytes > hub->limits.records_bytes_max && !list_is_empty(&hub->records_idle))
        shrink(LIST_OWNER(hub->records_idle.next, struct record, in_idle));
}

static void load(struct record *record)
{
    struct hub *hub = record->hub;
    struct store_request *request = store_request_new(STORE_RECORD_LOAD);
    struct span id;

    record->step = RECORD_LOADING;
    list_remove(&record->in_idle);
    request->room = arena_copy(&request->arena, record->room);
    request->type = type_of_room(hub->registry, request->room, &id);
    request->entity_id = id;
    hub_store(hub, request, record);
}

static struct record *record_new(struct hub *hub, struct span room)
{
    struct record *record = memory_alloc(sizeof(*record) + room.len);

    memcpy(record->name, room.data, room.len);
    record->room = span_of(record->name, room.len);
    record->hub = hub;
    list_init(&record->waiting);
    list_init(&record->under_way);
    list_init(&record->in_idle);
    map_put(&hub->records, record->room, record);
    end_counting(record);
    return record;
}

/* The record of a room of that name, from the cache or on its way from the store. NULL: too many are in use. */
static struct record *record_get(struct hub *hub, struct span room)
{
    struct record *record = map_get(&hub->records, room);

    if (record) {
        list_remove(&record->in_idle);
        return record;
    }
    if (hub->records.count >= hub->limits.records_cached_max && list_is_empty(&hub->records_idle))
        return NULL;
    record = record_new(hub, room);
    bound_cache(hub);
    load(record);
    return record;
}

/* One that is locked is not idle: the locks' connections are known here only. */
static bool is_idle(const struct record *record)
{
    return record->step == RECORD_READY && record->job_count == 0 && record->locks == NULL;
}

/* After something was done with it: is there anything left to do? */
static void settle(struct record *record)
{
    if (is_idle(record) && list_is_empty(&record->in_idle)) {
        begin_counting(record);
        record_tail_rest(&record->tail);
        end_counting(record);
        list_push_tail(&record->hub->records_idle, &record->in_idle);
    }
    bound_cache(record->hub);
}

/* ---- what it is --------------------------------------------------------------------------------------------------- */

void record_set_tip(struct record *record, struct record_plan *plan)
{
    buf_deinit(&record->tip.state);
    record->tip = plan->after;
    plan->after = (struct snapshot){0};
    begin_counting(record);
    record_tail_add(&record->tail, plan->request->commit.events[0].event);
    end_counting(record);
}

void record_set_older(struct record *record, struct store_request *request)
{
    begin_counting(record);
    record_tail_set_older(&record->tail, request);
    end_counting(record);
}

static void set_committed(struct record *record, struct span state, uint64_t version, bool exists)
{
    begin_counting(record);
    snapshot_set(&record->committed, state, version, exists);
    end_counting(record);
}

void record_advance(struct record *record, const struct store_request *request)
{
    assert(request->commit.version == record->committed.version + 1);
    set_committed(record, request->commit.new_state, request->commit.version, !request->commit.is_delete);
    if (record->commit_count == 0)
        drop_tip(record);
}

/* ---- joining ------------------------------------------------------------------------------------------------------ */

static bool is_known(const struct record *record)
{
    return record->step == RECORD_READY || record->step == RECORD_READING;
}

enum err record_for_join(const struct room *room, struct record **out)
{
    struct record *record = record_get(room->hub, room->name);

    *out = NULL;
    if (record == NULL)
        return ERR_OVERLOADED;
    if (!is_known(record))
        return OK;
    *out = record;
    if (is_idle(record))
        list_push_tail(&room->hub->records_idle, &record->in_idle); /* lent: nothing frees it in this turn */
    return OK;
}

void record_describe(const struct record *record, struct answer *answer)
{
    const struct snapshot *committed = &record->committed;
    struct span id;

    answer->type = type_of_room(record->hub->registry, answer->room, &id);
    answer->entity_id = id;
    answer->has_record = committed->exists;
    answer->version = committed->exists ? committed->version : 0;
    if (committed->exists)
        answer->record = arena_copy(&answer->arena, buf_span(&committed->state));
}

/* ---- the line ----------------------------------------------------------------------------------------------------- */

static void submit_waiting(struct record *record)
{
    while (record->step == RECORD_READY && !list_is_empty(&record->waiting)) {
        if (!job_submit(LIST_OWNER(record->waiting.next, struct job, node)))
            break;
    }
}

static void run(struct record *record)
{
    submit_waiting(record);
    record_locks_tidy(record);
    settle(record);
}

static void keep_awake(const struct hub *hub, const struct command *command)
{
    const struct room *room = room_find(hub, command->room);
    struct member *member = room ? room_member(room, command->session) : NULL;

    if (member)
        presence_touch(member);
}

void record_command(struct hub *hub, struct command *command)
{
    struct span field = SPAN_EMPTY;
    enum err err = record_plan_authorise(hub, command, &field);
    struct record *record = err == OK ? record_get(hub, command->room) : NULL;

    if (err == OK && (record == NULL || record->job_count >= hub->limits.changes_waiting_max))
        err = ERR_OVERLOADED;
    if (err != OK) {
        hub_refuse(hub, command, err, field);
        command_free(command);
        if (record)
            settle(record);
        return;
    }
    keep_awake(hub, command);
    job_new(record, command);
    run(record);
}

/* ---- when the tip was not to be ----------------------------------------------------------------------------------- */

void record_abandon_tip(struct record *record)
{
    if (is_known(record))
        record->step = RECORD_SETTLING;
}

static void reload_when_quiet(struct record *record)
{
    if (record->step != RECORD_SETTLING || record->asked_count > 0)
        return;
    drop_tip(record);
    begin_counting(record);
    record_tail_cut(&record->tail, record->committed.version);
    end_counting(record);
    while (!list_is_empty(&record->under_way)) { /* what conflicted goes first, in the same order */
        struct list *last = record->under_way.prev;

        list_remove(last);
        list_push_head(&record->waiting, last);
    }
    load(record);
}

/* ---- what the store says ------------------------------------------------------------------------------------------ */

static void set_loaded(struct record *record, const struct store_request *request)
{
    record->step = RECORD_READY;
    set_committed(record, request->state, request->version, request->found);
    begin_counting(record);
    record_tail_check(&record->tail, request->version);
    end_counting(record);
    record_locks_load(record, request);
    submit_waiting(record);
    record_locks_tidy(record);
}

void record_on_loaded(struct record *record, struct store_request *request)
{
    struct hub *hub = record->hub;
    struct room *room = room_find(hub, record->room);
    const enum err err = request->err;

    assert(record->step == RECORD_LOADING);
    if (err == OK) {
        set_loaded(record, request);
    } else {
        LIST_EACH (&record->waiting, node) {
            job_refuse(LIST_OWNER(node, struct job, node), err, SPAN_EMPTY);
        }
        record_free(record);
        record = NULL;
    }
    store_request_free(request);
    if (room && room->is_open)
        room_wake(room, err);
    if (record)
        settle(record); /* not before those who waited for it had it */
}

static bool is_reading(const struct store_request *request)
{
    return request->kind != STORE_COMMIT && request->kind != STORE_OP_FIND;
}

void record_on_stored(struct hub *hub, struct store_request *request)
{
    struct job *job = request->context;
    struct record *record = job->record;

    (void)hub;
    assert(record->hub == hub && job->is_asked && record->asked_count > 0);
    record->asked_count--;
    if (is_reading(request)) {
        job_on_read(job, request);
    } else {
        if (request->commit.has_change)
            job_on_change(job, request);
        else
            job_on_verdict(job, request);
        store_request_free(request);
    }
    reload_when_quiet(record);
    run(record);
}

void record_on_committed(struct hub *hub, const struct event *event)
{
    struct record *record = map_get(&hub->records, event->room);
    const uint64_t version = event->change.change->version;

    if (record == NULL || !is_known(record) || version <= record_present(record)->version)
        return;
    record_abandon_tip(record);
    reload_when_quiet(record);
}

/* ---- sessions and time -------------------------------------------------------------------------------------------- */

static void command_locks(struct record *record, enum object_verb verb, session_id session)
{
    list_remove(&record->in_idle);
    job_new_for_locks(record, verb, session, false);
    run(record);
}

void record_session_left(struct hub *hub, struct span room, session_id session, bool is_broken)
{
    struct record *record = map_get(&hub->records, room);

    if (record == NULL || !record_locks_leave(record, session, is_broken))
        return;
    if (is_broken)
        run(record);
    else
        command_locks(record, OBJECT_REMOVE, session);
}

void record_session_came(struct hub *hub, struct span room, struct span user_id, session_id session)
{
    struct record *record = map_get(&hub->records, room);

    if (record && record->locks) {
        lock_set_session_came(&record->locks->set, user_id, session, hub->now_ms);
        record_locks_tidy(record);
    }
}

void record_on_alarm(struct alarm *alarm)
{
    struct record_locks *locks = LIST_OWNER(alarm, struct record_locks, alarm);

    locks->is_sweeping = true;
    command_locks(locks->record, OBJECT_EXPIRE, 0);
}
