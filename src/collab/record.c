#include "collab/record.h"

#include "base/memory.h"
#include "collab/presence.h"
#include "collab/record_plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ATTEMPTS_MAX = 3 };

/* A change or an action on its way. */
struct job {
    struct list node; /* record->waiting or record->under_way */
    struct record *record;
    struct command *command;
    uint64_t hash;     /* of what was asked */
    unsigned attempts; /* that failed because the tip was dropped */
    bool is_asked;     /* the store has it; else it is in its place among those that conflicted */
    bool is_in_doubt;  /* what was decided holds only if that tip comes to be */
    enum err verdict;  /* what it will be answered unless the store knows better */
    struct span field;
    uint64_t version; /* of the record it was decided on, or that it makes */
};

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

static const struct snapshot *present(const struct record *record)
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
    return sizeof(*record) + record->room.len + record->committed.state.cap;
}

void record_free(struct record *record)
{
    struct hub *hub = record->hub;

    for (struct list *head = &record->waiting; head; head = head == &record->waiting ? &record->under_way : NULL) {
        LIST_EACH (head, node) {
            struct job *job = LIST_OWNER(node, struct job, node);

            list_remove(&job->node);
            command_free(job->command);
            free(job);
        }
    }
    map_remove(&hub->records, record->room);
    list_remove(&record->in_idle);
    hub->record_bytes -= record_bytes(record);
    drop_tip(record);
    buf_deinit(&record->committed.state);
    free(record);
}

/* Idle records are kept for the next one who asks, the least recently used go first. */
static void bound_cache(struct hub *hub)
{
    while ((hub->records.count > hub->limits.records_cached_max || hub->record_bytes > hub->limits.records_bytes_max) &&
           !list_is_empty(&hub->records_idle))
        record_free(LIST_OWNER(hub->records_idle.next, struct record, in_idle));
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
    record = memory_alloc(sizeof(*record) + room.len);
    memcpy(record->name, room.data, room.len);
    record->room = span_of(record->name, room.len);
    record->hub = hub;
    list_init(&record->waiting);
    list_init(&record->under_way);
    list_init(&record->in_idle);
    map_put(&hub->records, record->room, record);
    hub->record_bytes += record_bytes(record);
    bound_cache(hub);
    load(record);
    return record;
}

/* After something was done with it: is there anything left to do? */
static void settle(struct record *record)
{
    if (record->step == RECORD_READY && record->job_count == 0 && list_is_empty(&record->in_idle))
        list_push_tail(&record->hub->records_idle, &record->in_idle);
    bound_cache(record->hub);
}

static void set_committed(struct record *record, struct span state, uint64_t version, bool exists)
{
    record->hub->record_bytes -= record_bytes(record);
    snapshot_set(&record->committed, state, version, exists);
    record->hub->record_bytes += record_bytes(record);
}

/* ---- joining ------------------------------------------------------------------------------------------------------ */

enum err record_for_join(const struct room *room, struct record **out)
{
    struct record *record = record_get(room->hub, room->name);

    *out = NULL;
    if (record == NULL)
        return ERR_OVERLOADED;
    if (record->step != RECORD_READY)
        return OK;
    *out = record;
    if (record->job_count == 0)
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

/* ---- answering ---------------------------------------------------------------------------------------------------- */

/* Answered, one way or another. */
static void finish(struct job *job, struct answer *answer)
{
    hub_answer(job->record->hub, job->command, answer);
    job->record->job_count--;
    list_remove(&job->node);
    command_free(job->command);
    free(job);
}

static void refuse(struct job *job, enum err err, struct span field)
{
    struct answer *answer = answer_new(job->command, err);

    if (field.len == 0 && err == ERR_BAD_VERSION)
        field = SPAN("version");
    if (field.len > 0)
        answer->field = arena_copy(&answer->arena, field);
    if (err == ERR_CONFLICT || err == ERR_PRECONDITION || err == ERR_BAD_VERSION)
        answer->current_version = job->version;
    finish(job, answer);
}

static struct position position_now(const struct record *record)
{
    const struct room *room = room_find(record->hub, record->room);

    return room && room->is_open ? room_position(room) : (struct position){0};
}

static struct answer *answer_done(const struct job *job)
{
    struct answer *answer = answer_new(job->command, OK);

    answer->op_id = arena_copy(&answer->arena, record_plan_id(job->command));
    record_describe(job->record, answer);
    return answer;
}

/* The first answer's version and position, and the record as it is now. */
static void answer_repeat(struct job *job, const struct store_request *request)
{
    struct record *record = job->record;
    struct answer *answer = answer_done(job);

    answer->current_version = answer->version;
    answer->is_repeat = true;
    answer->version = plan_kept_version(request->commit.answer);
    answer->position = request->position.epoch ? request->position : position_now(record);
    finish(job, answer);
}

static void answer_nothing_done(struct job *job)
{
    struct answer *answer = answer_done(job);

    answer->version = job->version;
    answer->position = position_now(job->record);
    finish(job, answer);
}

static void answer_committed(struct job *job, const struct store_request *request)
{
    const struct commit_event *entry = &request->commit.events[0];
    struct answer *answer = answer_done(job);

    answer->version = request->commit.version;
    answer->position = entry->positions[0];
    answer->event = event_in_room(entry->event, job->record->room, entry->positions[0]);
    answer->change = answer->event->change.change;
    finish(job, answer);
}

/* ---- submitting --------------------------------------------------------------------------------------------------- */

static void ask(struct job *job, struct store_request *request)
{
    struct record *record = job->record;

    list_remove(&job->node);
    list_push_tail(&record->under_way, &job->node);
    job->is_asked = true;
    record->asked_count++;
    if (request->commit.has_change)
        record->commit_count++;
    hub_store(record->hub, request, job);
}

static void ask_in_turn(struct job *job)
{
    struct store_request *request = store_request_new(STORE_OP_FIND);

    request->room = arena_copy(&request->arena, job->record->room);
    request->commit.user_id = arena_copy(&request->arena, job->command->identity->user_id);
    plan_set_op(request, job->command, job->hash);
    ask(job, request);
}

/* What it comes to without a change. Certain at once only when nothing is under way that it depends on and it cannot be a
 * repeat; else the store is asked, which answers after what is under way. */
static void conclude(struct job *job)
{
    const bool has_id = record_plan_id(job->command).len > 0;
    struct hub *hub = job->record->hub;

    if (job->is_in_doubt || (has_id && job->verdict != OK))
        ask_in_turn(job);
    else if (job->verdict != OK)
        refuse(job, job->verdict, job->field);
    else if (has_id)
        ask(job, plan_keep_id(hub, job->command, job->hash, job->version));
    else
        answer_nothing_done(job);
}

static void submit(struct job *job)
{
    struct record *record = job->record;
    struct record_plan plan;

    record_plan_make(record->hub, present(record), job->command, job->hash, &plan);
    job->verdict = plan.err;
    job->field = plan.field;
    job->version = present(record)->version;
    job->is_in_doubt = record->commit_count > 0;
    if (plan.err != OK || plan.request == NULL) {
        conclude(job);
        goto done;
    }
    if (plan.changes) {
        buf_deinit(&record->tip.state);
        record->tip = plan.after;
        plan.after = (struct snapshot){0};
        job->version = record->tip.version;
    }
    ask(job, plan.request);
    plan.request = NULL;
done:
    record_plan_deinit(&plan);
}

static void submit_waiting(struct record *record)
{
    while (record->step == RECORD_READY && !list_is_empty(&record->waiting))
        submit(LIST_OWNER(record->waiting.next, struct job, node));
}

static void run(struct record *record)
{
    submit_waiting(record);
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
    struct job *job;

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
    job = NEW(struct job);
    job->record = record;
    job->command = command;
    job->hash = record_plan_hash(command);
    record->job_count++;
    list_push_tail(&record->waiting, &job->node);
    run(record);
}

/* ---- when the tip was not to be ----------------------------------------------------------------------------------- */

/* From now on nothing is submitted until the store has answered everything and the record was loaded anew. */
static void abandon_tip(struct record *record)
{
    if (record->step == RECORD_READY)
        record->step = RECORD_SETTLING;
}

/* It was not its fault, or not known to be: it will be decided again on the record as it is, unless that happened too often. */
static void try_again(struct job *job)
{
    job->is_asked = false; /* stays where it is among those under way: that is its turn */
    job->version = job->record->committed.version;
    if (++job->attempts > ATTEMPTS_MAX)
        refuse(job, ERR_CONFLICT, SPAN_EMPTY);
}

static void reload_when_quiet(struct record *record)
{
    if (record->step != RECORD_SETTLING || record->asked_count > 0)
        return;
    drop_tip(record);
    while (!list_is_empty(&record->under_way)) { /* what conflicted goes first, in the same order */
        struct list *last = record->under_way.prev;

        list_remove(last);
        list_push_head(&record->waiting, last);
    }
    load(record);
}

/* ---- what the store says ------------------------------------------------------------------------------------------ */

void record_on_loaded(struct record *record, struct store_request *request)
{
    struct hub *hub = record->hub;
    struct room *room = room_find(hub, record->room);
    const enum err err = request->err;

    assert(record->step == RECORD_LOADING);
    if (err == OK) {
        record->step = RECORD_READY;
        set_committed(record, request->state, request->version, request->found);
        submit_waiting(record);
    } else {
        LIST_EACH (&record->waiting, node) {
            refuse(LIST_OWNER(node, struct job, node), err, SPAN_EMPTY);
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

static void on_change_failed(struct job *job, const struct store_request *request)
{
    struct record *record = job->record;

    abandon_tip(record);
    if (request->is_repeat)
        answer_repeat(job, request);
    else if (request->err == ERR_CONFLICT)
        try_again(job);
    else
        refuse(job, request->err, SPAN_EMPTY);
}

static void on_change_stored(struct job *job, const struct store_request *request)
{
    struct record *record = job->record;

    record->commit_count--;
    if (request->err != OK || request->is_repeat) {
        on_change_failed(job, request);
        return;
    }
    assert(request->commit.version == record->committed.version + 1);
    set_committed(record, request->commit.new_state, request->commit.version, !request->commit.is_delete);
    if (record->commit_count == 0)
        drop_tip(record);
    answer_committed(job, request);
}

static void no_doubt_left(struct job *job)
{
    job->is_in_doubt = false;
    if (job->verdict != OK)
        refuse(job, job->verdict, job->field);
    else
        conclude(job);
}

/* A verdict, or what was only announced. */
static void on_verdict_back(struct job *job, const struct store_request *request)
{
    if (request->err != OK)
        refuse(job, request->err, SPAN_EMPTY);
    else if (request->is_repeat)
        answer_repeat(job, request);
    else if (request->commit.event_count > 0)
        answer_committed(job, request);
    else if (job->is_in_doubt && job->version > job->record->committed.version)
        try_again(job); /* what was under way then is done by now, and did not lead to that version */
    else if (request->kind == STORE_OP_FIND)
        no_doubt_left(job);
    else
        answer_nothing_done(job);
}

void record_on_stored(struct hub *hub, struct store_request *request)
{
    struct job *job = request->context;
    struct record *record = job->record;

    assert(record->hub == hub && job->is_asked && record->asked_count > 0);
    record->asked_count--;
    if (request->commit.has_change)
        on_change_stored(job, request);
    else
        on_verdict_back(job, request);
    store_request_free(request);
    reload_when_quiet(record);
    run(record);
}

void record_on_committed(struct hub *hub, const struct event *event)
{
    struct record *record = map_get(&hub->records, event->room);
    const uint64_t version = event->change.change->version;

    if (record == NULL || record->step != RECORD_READY || version <= present(record)->version)
        return;
    abandon_tip(record);
    reload_when_quiet(record);
}
