/* A command's way through its record. */
#include "collab/record/record_job.h"

#include "base/memory.h"
#include "collab/record/record_lock.h"

#include <assert.h>
#include <stdlib.h>

enum { ATTEMPTS_MAX = 3 };

void job_new(struct record *record, struct command *command)
{
    struct job *job = NEW(struct job);

    job->record = record;
    job->command = command;
    job->hash = record_plan_hash(command);
    record->job_count++;
    list_push_tail(&record->waiting, &job->node);
}

void job_new_for_locks(struct record *record, enum object_verb verb, session_id session, bool is_first)
{
    struct command *command = command_new(COMMAND_OBJECT, session, NULL, record->room);
    struct list *node;

    command->object.kind = OBJECT_LOCK;
    command->object.verb = verb;
    command->object.as_server = true;
    job_new(record, command);
    if (!is_first)
        return;
    node = record->waiting.prev;
    list_remove(node);
    list_push_head(&record->waiting, node);
}

void record_reads_clear(struct record_reads *reads)
{
    for (uint32_t i = 0; i < reads->count; i++)
        store_request_free(reads->requests[i]);
    reads->count = 0;
}

void job_free(struct job *job)
{
    list_remove(&job->node);
    record_reads_clear(&job->reads);
    store_request_free(job->repeated);
    command_free(job->command);
    free(job);
}

/* ---- answering ---------------------------------------------------------------------------------------------------- */

/* Answered, one way or another. */
static void finish(struct job *job, struct answer *answer)
{
    hub_answer(job->record->hub, job->command, answer);
    job->record->job_count--;
    job_free(job);
}

/* Its type goes with it, also where nothing else is said of the record: who may see what of the object is judged by it. */
static void show_object(const struct job *job, struct answer *answer, struct span body)
{
    if (answer->type == NULL)
        answer->type = type_of_room(job->record->hub->registry, answer->room, &answer->entity_id);
    answer->has_object = true;
    answer->object_kind = job->outcome.object_kind;
    answer->object = arena_copy(&answer->arena, body);
    answer->object_shown = job->outcome.object_shown;
}

void job_refuse(struct job *job, enum err err, struct span field)
{
    struct answer *answer = answer_new(job->command, err);

    if (field.len == 0 && err == ERR_BAD_VERSION)
        field = SPAN("version");
    if (field.len > 0)
        answer->field = arena_copy(&answer->arena, field);
    if (err == ERR_CONFLICT || err == ERR_PRECONDITION || err == ERR_BAD_VERSION || err == ERR_BAD_BEFORE)
        answer->current_version = job->version;
    if (job->outcome.has_object && job->outcome.object.len > 0 && err == job->verdict)
        show_object(job, answer, job->outcome.object);
    answer->verdict = VERDICT_REJECTED;
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
    answer->verdict = job->outcome.verdict;
    answer->strategy = job->outcome.strategy;
    answer->skipped_count = job->outcome.skipped_count;
    if (job->outcome.has_object && job->outcome.object.len > 0)
        show_object(job, answer, job->outcome.object);
    return answer;
}

static void show_lock(const struct job *job, struct answer *answer)
{
    struct buf body = BUF_EMPTY;

    if (record_locks_print(job->record, job->outcome.object_id, &body))
        show_object(job, answer, buf_span(&body));
    buf_deinit(&body);
}

/* The first answer's version, verdict and position, and the record as it is now. */
static void answer_repeat(struct job *job, const struct store_request *request, struct span object)
{
    struct record *record = job->record;
    uint64_t version;
    struct answer *answer;

    version = plan_read_answer(&job->command->arena, request->commit.answer, &job->outcome);
    answer = answer_done(job);
    answer->current_version = answer->version;
    answer->is_repeat = true;
    answer->version = version;
    answer->position = request->position.epoch ? request->position : position_now(record);
    if (job->outcome.has_object && job->outcome.object_kind == OBJECT_LOCK)
        show_lock(job, answer);
    else if (object.len > 0)
        show_object(job, answer, object);
    finish(job, answer);
}

static void answer_nothing_done(struct job *job)
{
    struct answer *answer = answer_done(job);

    answer->version = job->version;
    answer->position = position_now(job->record);
    finish(job, answer);
}

/* An object of which it was not said what it is looks as its event says. */
static void show_what_was_put(const struct job *job, const struct store_request *request, struct answer *answer)
{
    const struct event *event = request->commit.events[0].event;

    if (!job->outcome.has_object || job->outcome.object.len > 0)
        return;
    if (request->commit.grants)
        show_lock(job, answer); /* with its token */
    else if (event->kind == EVENT_OBJECT)
        show_object(job, answer, event->object.body);
}

static void answer_committed(struct job *job, const struct store_request *request)
{
    const struct commit_event *entry = &request->commit.events[0];
    struct answer *answer = answer_done(job);

    answer->position = entry->positions[0];
    show_what_was_put(job, request, answer);
    if (entry->event->kind == EVENT_CHANGE) {
        answer->version = request->commit.version;
        answer->event = event_in_room(entry->event, job->record->room, entry->positions[0]);
        answer->change = answer->event->change.change;
    }
    if (job->outcome.err != OK) {
        answer->err = job->outcome.err;
        answer->current_version = answer->version;
    }
    finish(job, answer);
}

/* ---- asking ------------------------------------------------------------------------------------------------------- */

static void ask(struct job *job, struct store_request *request)
{
    struct record *record = job->record;

    list_remove(&job->node);
    list_push_tail(&record->under_way, &job->node);
    job->is_asked = true;
    record->asked_count++;
    if (request->commit.has_change)
        record->commit_count++;
    if (job->locks)
        record->lock_count++;
    hub_store(record->hub, request, job);
}

static void ask_in_turn(struct job *job)
{
    struct store_request *request = store_request_new(STORE_OP_FIND);

    request->room = arena_copy(&request->arena, job->record->room);
    if (job->command->identity)
        request->commit.user_id = arena_copy(&request->arena, job->command->identity->user_id);
    plan_set_op(request, job->command, job->hash);
    ask(job, request);
}

/* It stays the first in line, and nobody behind it goes on. */
static void read(struct job *job, struct store_request *request)
{
    struct record *record = job->record;

    assert(job->node.prev == &record->waiting && record->step == RECORD_READY);
    record->step = RECORD_READING;
    record->asked_count++;
    job->is_asked = true;
    hub_store(record->hub, request, job);
}

/* What a lock is, is not kept with an id: it would have gone by the time somebody asks again. */
static bool keeps_id(const struct job *job)
{
    return record_plan_id(job->command).len > 0 && job->command->kind != COMMAND_OBJECT;
}

/* What it comes to without a commit. Certain at once only when nothing is under way that it depends on and it cannot be a
 * repeat; else the store is asked, which answers after what is under way. */
static void conclude(struct job *job)
{
    const bool has_id = record_plan_id(job->command).len > 0;

    if (job->is_in_doubt || (has_id && job->verdict != OK))
        ask_in_turn(job);
    else if (job->verdict != OK)
        job_refuse(job, job->verdict, job->field);
    else if (keeps_id(job))
        ask(job, plan_keep_id(job->record->hub, job->command, job->hash, job->version, &job->outcome));
    else
        answer_nothing_done(job);
}

static void take_plan(struct job *job, const struct record_plan *plan)
{
    const struct record *record = job->record;

    job->verdict = plan->err;
    job->field = plan->field;
    job->outcome = plan->outcome;
    job->locks = plan->locks;
    job->version = record_present(record)->version;
    job->is_in_doubt = record->commit_count > 0;
}

bool job_submit(struct job *job)
{
    struct record *record = job->record;
    struct record_plan plan;
    bool is_decided = false;

    record_plan_make(record, job->command, job->hash, &job->reads, &plan);
    if (plan.waits) {
        assert(record->asked_count > 0);
        goto done;
    }
    if (plan.sweeps) {
        job_new_for_locks(record, OBJECT_EXPIRE, 0, true);
        is_decided = true; /* who has the first place now */
        goto done;
    }
    if (plan.need) {
        read(job, plan.need);
        plan.need = NULL;
        goto done;
    }
    is_decided = true;
    take_plan(job, &plan);
    if (plan.err != OK || plan.request == NULL) {
        conclude(job);
        goto done;
    }
    if (plan.changes) {
        record_set_tip(record, &plan);
        job->version = record->tip.version;
    }
    ask(job, plan.request);
    plan.request = NULL;
done:
    record_plan_deinit(&plan);
    return is_decided;
}

/* ---- what the store says ------------------------------------------------------------------------------------------ */

/* It was not its fault, or not known to be: it will be decided again on the record as it is, unless that happened too often. */
static void try_again(struct job *job)
{
    job->is_asked = false; /* stays where it is among those under way: that is its turn */
    job->version = job->record->committed.version;
    record_reads_clear(&job->reads);
    if (++job->attempts > ATTEMPTS_MAX)
        job_refuse(job, ERR_CONFLICT, SPAN_EMPTY);
}

/* The store knew it. What its answer shows besides the record is as it is now. */
static void on_repeat(struct job *job, const struct store_request *request)
{
    struct record_outcome outcome = {0};
    struct store_request *shown;

    (void)plan_read_answer(&job->command->arena, request->commit.answer, &outcome);
    if (!outcome.has_object || outcome.object_kind == OBJECT_LOCK) {
        answer_repeat(job, request, SPAN_EMPTY);
        return;
    }
    job->repeated = store_request_new(STORE_OP_FIND);
    job->repeated->position = request->position;
    job->repeated->commit.answer = arena_copy(&job->repeated->arena, request->commit.answer);
    shown = store_request_new(STORE_OBJECTS_READ);
    shown->room = arena_copy(&shown->arena, job->record->room);
    shown->objects = arena_alloc(&shown->arena, sizeof(*shown->objects));
    shown->object_count = 1;
    shown->objects[0].kind = outcome.object_kind;
    shown->objects[0].id = arena_copy(&shown->arena, outcome.object_id);
    job->locks = false;
    ask(job, shown);
}

static void on_change_failed(struct job *job, const struct store_request *request)
{
    record_abandon_tip(job->record);
    if (request->is_repeat)
        on_repeat(job, request);
    else if (request->err == ERR_CONFLICT)
        try_again(job);
    else
        job_refuse(job, request->err, SPAN_EMPTY);
}

void job_on_change(struct job *job, struct store_request *request)
{
    struct record *record = job->record;

    record->commit_count--;
    if (request->err != OK || request->is_repeat) {
        on_change_failed(job, request);
        return;
    }
    record_advance(record, request);
    if (job->outcome.left_out_count > 0 && record->hub->ports.left_out)
        record->hub->ports.left_out(record->hub->ports.world, record->room, job->outcome.alerted_count,
                                    job->outcome.left_out_count);
    answer_committed(job, request);
}

static void no_doubt_left(struct job *job)
{
    job->is_in_doubt = false;
    if (job->verdict != OK)
        job_refuse(job, job->verdict, job->field);
    else
        conclude(job);
}

/* Locks are as if it was done, and objects as they were when it was decided: neither is so. */
static void on_objects_failed(struct job *job, const struct store_request *request)
{
    if (job->locks)
        record_abandon_tip(job->record); /* the locks come with the record */
    if (request->err != ERR_CONFLICT) {
        job_refuse(job, request->err, SPAN_EMPTY);
        return;
    }
    record_abandon_tip(job->record); /* to be decided again in its turn */
    try_again(job);
}

void job_on_verdict(struct job *job, struct store_request *request)
{
    struct record *record = job->record;

    if (job->locks)
        record->lock_count--;
    if (request->err != OK) {
        on_objects_failed(job, request);
    } else if (request->is_repeat) {
        if (job->locks)
            record_abandon_tip(record);
        on_repeat(job, request);
    } else if (request->commit.event_count > 0) {
        if (job->locks)
            record_locks_granted(record, request, job->outcome.grant);
        answer_committed(job, request);
    } else if (job->is_in_doubt && job->version > record->committed.version) {
        try_again(job); /* what was under way then is done by now, and did not lead to that version */
    } else if (request->kind == STORE_OP_FIND) {
        no_doubt_left(job);
    } else {
        answer_nothing_done(job);
    }
}

/* The log belongs to the record; the rest to the command. */
static void keep_read(struct job *job, struct store_request *request)
{
    struct record *record = job->record;

    if (request->kind == STORE_CHANGES_READ) {
        if (request->version != record->committed.version)
            record_abandon_tip(record); /* somebody else wrote it */
        record_set_older(record, request);
        return;
    }
    assert(job->reads.count < PLAN_READS_MAX);
    job->reads.requests[job->reads.count++] = request;
}

static bool is_answer(const struct store_request *request)
{
    return request->err == OK || (request->kind == STORE_RECORD_AT && request->err == ERR_BAD_VERSION);
}

static void on_shown(struct job *job, struct store_request *request)
{
    struct span body = request->err == OK && request->objects[0].revision > 0 ? request->objects[0].body : SPAN_EMPTY;

    answer_repeat(job, job->repeated, body);
    store_request_free(request);
}

void job_on_read(struct job *job, struct store_request *request)
{
    struct record *record = job->record;

    if (job->repeated) {
        on_shown(job, request);
        return;
    }
    job->is_asked = false;
    if (record->step != RECORD_READING) { /* it is loaded anew: what was read may be older */
        assert(record->step == RECORD_SETTLING);
        record_reads_clear(&job->reads);
        store_request_free(request);
        return;
    }
    record->step = RECORD_READY;
    if (is_answer(request)) {
        keep_read(job, request);
        return;
    }
    job->verdict = request->err;
    job_refuse(job, request->err, SPAN_EMPTY);
    store_request_free(request);
}
