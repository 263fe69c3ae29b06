/* One job: its life, what it asks of the store, what was decided, and what is answered. In which order all that happens: keep.c. */
#include "collab/keep/keep_job.h"

#include "base/memory.h"
#include "collab/room/room.h"
#include "collab/type/access.h"

#include <assert.h>
#include <stdlib.h>

enum { JOB_BLOCK_BYTES = 1024 };

/* ---- its life ----------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct command *command)
{
    struct buf text = BUF_EMPTY;
    uint64_t hash;

    if (command->object.id.len == 0)
        return 0;
    buf_printf(&text, "object %u %u %zu %zu %zu ", (unsigned)command->object.kind, (unsigned)command->object.verb,
               command->room.len, command->object.object_id.len, command->object.input.len);
    buf_append_span(&text, command->room);
    buf_append_span(&text, command->object.object_id);
    buf_append_span(&text, command->object.input);
    hash = hash_stable(buf_span(&text));
    buf_deinit(&text);
    return hash;
}

struct keep_job *keep_job_new(struct hub *hub, struct command *command, struct json *input)
{
    struct keep_job *job = NEW(struct keep_job);

    job->hub = hub;
    job->command = command;
    job->input = *input;
    *input = (struct json){0};
    job->hash = hash_of(command);
    job->is_privileged = command->object.as_server || access_is_admin(command->identity->access);
    arena_init(&job->arena, JOB_BLOCK_BYTES);
    return job;
}

void keep_job_undecide(struct keep_job *job)
{
    store_request_free(job->commit);
    job->commit = NULL;
    event_unref(job->said);
    job->said = NULL;
    job->object = (struct object){0};
    job->shown = 0;
    job->field = SPAN_EMPTY;
}

void keep_job_forget(struct keep_job *job)
{
    keep_job_undecide(job);
    arena_reset(&job->arena);
    job->facts = (struct keep_facts){0};
}

void keep_job_free(struct keep_job *job)
{
    keep_job_undecide(job);
    json_deinit(&job->input);
    arena_deinit(&job->arena);
    command_free(job->command);
    free(job);
}

/* ---- what it asks of the store -------------------------------------------------------------------------------------- */

struct store_request *keep_new_request(struct keep_job *job, enum store_kind kind)
{
    struct store_request *request = store_request_new(kind);

    request->asker = ASKER_KEEP;
    request->room = arena_copy(&request->arena, job->command->room);
    request->type = job->type;
    request->entity_id = job->type ? arena_copy(&request->arena, job->entity_id) : SPAN_EMPTY;
    return request;
}

void keep_send(struct keep_job *job, struct store_request *request)
{
    job->asked_count++;
    hub_store(job->hub, request, job);
}

void keep_set_op(struct keep_job *job, struct store_request *request)
{
    const struct command *command = job->command;
    struct arena *arena = &request->arena;

    request->commit.user_id = arena_copy(arena, command->identity->user_id);
    if (command->object.id.len == 0)
        return;
    request->commit.op_id =
        arena_printf(arena, "%.*s:%.*s", SPAN_ARG(command->identity->user_id), SPAN_ARG(command->object.id));
    request->commit.op_hash = job->hash;
}

struct store_request *keep_new_commit(struct keep_job *job)
{
    assert(job->commit == NULL);
    job->commit = keep_new_request(job, STORE_COMMIT);
    job->commit->commit.time_ms = job->hub->wall_ms;
    keep_set_op(job, job->commit);
    return job->commit;
}

/* Of an object its id, so that a repeat is told how it is by then; of anything else the answer itself. */
static void set_answer(struct keep_job *job, struct store_request *request)
{
    struct buf text = BUF_EMPTY;

    if (request->commit.op_id.len == 0)
        return;
    buf_append_char(&text, '{');
    json_member_string(&text, "kind", object_kind_name(job->object.kind));
    if (job->object.id.len > 0)
        json_member_string(&text, "id", job->object.id);
    else if (job->object.body.len > 0)
        json_member_raw(&text, "body", job->object.body);
    if (job->shown != 0)
        json_member_u64(&text, "shown", job->shown);
    buf_append_char(&text, '}');
    request->commit.answer = arena_copy(&request->arena, buf_span(&text));
    buf_deinit(&text);
}

struct store_request *keep_take_commit(struct keep_job *job)
{
    struct store_request *request = job->commit;

    job->commit = NULL;
    set_answer(job, request);
    return request;
}

/* ---- what was decided --------------------------------------------------------------------------------------------- */

enum err keep_refuse(struct keep_job *job, enum err err, const char *field)
{
    job->field = span_from_str(field);
    return err;
}

void keep_put(struct keep_job *job, const struct object *object)
{
    struct object *put = commit_add_object(job->commit);

    keep_copy_object(&job->commit->arena, object, put);
    keep_copy_object(&job->arena, object, &job->object);
}

struct commit_event *keep_say(struct keep_job *job, const struct object *object, enum object_verb verb)
{
    const struct identity *who = job->command->identity;
    struct commit_event *entry =
        keep_add_event(job->hub, job->commit, who, job->type, job->entity_id, object, verb, job->shown);

    entry->event->origin = job->command->session;
    return entry;
}

/* ---- what is answered --------------------------------------------------------------------------------------------- */

struct answer *keep_refusal(const struct keep_job *job, enum err err)
{
    struct answer *answer = answer_new(job->command, err);

    if (err == ERR_ID_REUSED)
        answer->field = SPAN("id");
    else if (err == job->verdict && job->field.len > 0)
        answer->field = arena_copy(&answer->arena, job->field);
    return answer;
}

static struct answer *answer_object(const struct keep_job *job, enum object_kind kind, struct span body)
{
    struct answer *answer = answer_new(job->command, OK);

    answer->type = job->type;
    if (job->type)
        answer->entity_id = arena_copy(&answer->arena, job->entity_id);
    answer->has_object = body.len > 0;
    answer->object_kind = kind;
    answer->object = arena_copy(&answer->arena, body);
    answer->object_shown = job->shown;
    return answer;
}

static struct position position_now(const struct keep_job *job)
{
    const struct room *room = room_find(job->hub, job->command->room);

    return room && room->is_open ? room_position(room) : (struct position){0};
}

/* Where the first event stands in the room that the command named, if that shows it. */
static struct position position_of(const struct keep_job *job, const struct store_request *request)
{
    if (request->commit.event_count == 0)
        return position_now(job);
    for (uint32_t i = 0; i < request->commit.events[0].room_count; i++)
        if (span_equal(request->commit.events[0].rooms[i], job->command->room))
            return request->commit.events[0].positions[i];
    return position_now(job);
}

struct answer *keep_outcome(const struct keep_job *job, const struct store_request *request)
{
    struct answer *answer = answer_object(job, job->object.kind, job->object.body);

    answer->position = request ? position_of(job, request) : position_now(job);
    return answer;
}

struct answer *keep_outcome_again(const struct keep_job *job, const struct object *object, struct position position)
{
    struct answer *answer = answer_object(job, object->kind, object->body);

    answer->is_repeat = true;
    answer->position = position.epoch ? position : position_now(job);
    return answer;
}
