/* The course of commands: who waits for whom, and what comes after what. */
#include "collab/keep/keep_job.h"

#include "base/memory.h"
#include "collab/room/room.h"

#include <assert.h>
#include <stdlib.h>

enum { ATTEMPTS_MAX = 3 };

/* The commands for one room. */
struct keep_line {
    struct keep *keep;
    struct list waiting;   /* the first of them may be reading */
    struct list under_way; /* at the store, or being looked up there */
    uint32_t job_count;
    struct span room;
    char name[];
};

struct keep {
    struct map lines; /* by room */
    uint32_t job_count;
};

static void work_off(struct keep_line *line);

/* ---- lines -------------------------------------------------------------------------------------------------------- */

static struct keep *keep_of(struct hub *hub)
{
    if (hub->keep == NULL) {
        hub->keep = NEW(struct keep);
        map_init(&hub->keep->lines);
    }
    return hub->keep;
}

static struct keep_line *line_get(struct keep *keep, struct span room)
{
    struct keep_line *line = map_get(&keep->lines, room);

    if (line)
        return line;
    line = memory_alloc(sizeof(*line) + room.len);
    line->keep = keep;
    list_init(&line->waiting);
    list_init(&line->under_way);
    memcpy(line->name, room.data, room.len);
    line->room = span_of(line->name, room.len);
    map_put(&keep->lines, line->room, line);
    return line;
}

static void line_free(struct keep_line *line)
{
    map_remove(&line->keep->lines, line->room);
    free(line);
}

static void enter_line(struct keep_job *job, struct keep_line *line)
{
    job->line = line;
    line->job_count++;
    line->keep->job_count++;
    list_push_tail(&line->waiting, &job->node);
}

static void job_free(struct keep_job *job)
{
    list_remove(&job->node);
    job->line->job_count--;
    job->line->keep->job_count--;
    keep_job_free(job);
}

static void free_list(struct list *head)
{
    while (!list_is_empty(head))
        job_free(LIST_OWNER(head->next, struct keep_job, node));
}

void keep_free(struct hub *hub)
{
    struct map_entry *entry;

    if (hub->keep == NULL)
        return;
    while ((entry = map_first(&hub->keep->lines))) {
        struct keep_line *line = entry->value;

        free_list(&line->waiting);
        free_list(&line->under_way);
        line_free(line);
    }
    map_deinit(&hub->keep->lines);
    free(hub->keep);
    hub->keep = NULL;
    keep_views_free(hub->keep_views);
    hub->keep_views = NULL;
}

/* ---- going on ----------------------------------------------------------------------------------------------------- */

/* Takes answer. */
static void finish(struct keep_job *job, struct answer *answer)
{
    if (job->command->object.id.len > 0)
        answer->op_id = arena_copy(&answer->arena, job->command->object.id);
    hub_answer(job->hub, job->command, answer);
    job_free(job);
}

static void refuse(struct keep_job *job, enum err err)
{
    finish(job, keep_refusal(job, err));
}

/* Behind it in line others may go on. */
static void leave_line(struct keep_job *job, enum keep_step step)
{
    job->step = step;
    list_remove(&job->node);
    list_push_tail(&job->line->under_way, &job->node);
}

static void submit(struct keep_job *job)
{
    leave_line(job, KEEP_COMMITTING);
    keep_send(job, keep_take_commit(job));
}

/* What is refused by what was read may be a repeat: the comment that is to be deleted is gone because it was. */
static void look_up(struct keep_job *job)
{
    struct store_request *request = keep_new_request(job, STORE_OP_FIND);

    keep_set_op(job, request);
    leave_line(job, KEEP_LOOKING);
    keep_send(job, request);
}

/* ---- deciding ----------------------------------------------------------------------------------------------------- */

static enum err decide(struct keep_job *job)
{
    const struct command *command = job->command;

    job->type = type_of_room(job->hub->registry, command->room, &job->entity_id);
    if (job->type == NULL)
        job->entity_id = SPAN_EMPTY;
    switch (command->object.kind) {
    case OBJECT_COMMENT: return keep_comment(job);
    case OBJECT_MESSAGE: return keep_message(job);
    case OBJECT_NOTIFICATION: return keep_notification(job);
    case OBJECT_PREFERENCES: return keep_preferences(job);
    case OBJECT_ACTIVITY: return keep_activity(job);
    case OBJECT_CONFLICT: return keep_conflict(job);
    default: return keep_refuse(job, ERR_UNSUPPORTED, "kind");
    }
}

static bool has_read(const struct keep_job *job)
{
    return job->facts.objects || job->facts.users || job->facts.has_record || job->facts.has_list;
}

/* A refusal that nothing in the store has to do with is no repeat of something that went well. */
static void conclude(struct keep_job *job)
{
    const bool has_id = job->command->object.id.len > 0;

    if (job->verdict != OK && has_id && has_read(job)) {
        look_up(job);
    } else if (job->verdict != OK) {
        refuse(job, job->verdict);
    } else if (job->commit == NULL && !has_id) {
        finish(job, keep_outcome(job, NULL));
    } else {
        if (job->commit == NULL)
            (void)keep_new_commit(job); /* that its id was used is kept */
        submit(job);
    }
}

static void work(struct keep_job *job)
{
    keep_job_undecide(job);
    job->verdict = decide(job);
    if (job->verdict == OK && keep_is_unknown(job)) {
        keep_job_undecide(job);
        keep_read_unknown(job);
        return;
    }
    conclude(job);
}

static void work_off(struct keep_line *line)
{
    while (!list_is_empty(&line->waiting)) {
        struct keep_job *job = LIST_OWNER(line->waiting.next, struct keep_job, node);

        if (job->step == KEEP_READING)
            return;
        work(job);
    }
    if (line->job_count == 0)
        line_free(line);
}

/* ---- completions -------------------------------------------------------------------------------------------------- */

static void on_read(struct keep_job *job, const struct store_request *request)
{
    if (request->err != OK)
        job->failure = request->err;
    else
        keep_learn(job, request);
    if (job->asked_count > 0)
        return;
    job->step = KEEP_WAITING;
    if (job->failure != OK)
        refuse(job, job->failure);
}

/* Somebody else was faster: all that was read is old. It comes before those that wait. */
static void try_again(struct keep_job *job)
{
    keep_job_forget(job);
    job->step = KEEP_WAITING;
    list_remove(&job->node);
    list_push_head(&job->line->waiting, &job->node);
}

/* What the first one was answered: its object, as it is now. */
static void repeat(struct keep_job *job, const struct store_request *request)
{
    struct object first = {.kind = job->command->object.kind};
    struct json json = {0};

    keep_job_undecide(job);
    if (json_parse(&json, request->commit.answer, &keep_body_limits) == OK) {
        yyjson_val *body = json_get(json.root, "body");

        job->shown = yyjson_get_uint(json_get(json.root, "shown"));
        first.id = arena_copy(&job->arena, json_get_text(json.root, "id"));
        if (body)
            first.body = arena_copy(&job->arena, json_slice(&json, body));
        json_deinit(&json);
    }
    if (first.id.len == 0) {
        finish(job, keep_outcome_again(job, &first, request->position));
        return;
    }
    job->position = request->position;
    job->facts = (struct keep_facts){0};
    (void)keep_object(job, first.kind, first.id);
    keep_read_unknown(job);
    job->step = KEEP_REPEATING;
}

static void on_repeat_read(struct keep_job *job, const struct store_request *request)
{
    if (request->err != OK)
        refuse(job, request->err);
    else
        finish(job, keep_outcome_again(job, &request->objects[0], job->position));
}

/* In a room that is kept in memory it is heard when it is on the disk; nobody may be left by then. */
static void say_here(struct keep_job *job)
{
    struct room *room = room_find(job->hub, job->command->room);

    if (job->said == NULL || room == NULL || room->is_durable)
        return;
    job->said->position = (struct position){room->epoch, room->log.head + 1};
    room_publish_numbered(room, job->said);
}

static void on_committed(struct keep_job *job, const struct store_request *request)
{
    if (request->err != OK && job->is_view)
        keep_view_forget(job);
    if (request->err == ERR_CONFLICT && ++job->attempts < ATTEMPTS_MAX) {
        try_again(job);
    } else if (request->err != OK) {
        refuse(job, request->err);
    } else if (request->is_repeat) {
        repeat(job, request);
    } else {
        say_here(job);
        finish(job, keep_outcome(job, request));
    }
}

static void on_looked_up(struct keep_job *job, const struct store_request *request)
{
    if (request->err != OK)
        refuse(job, request->err);
    else if (request->is_repeat)
        repeat(job, request);
    else
        refuse(job, job->verdict);
}

void keep_on_stored(struct hub *hub, struct store_request *request)
{
    struct keep_job *job = request->context;
    struct keep_line *line = job->line;

    assert(job->hub == hub && job->asked_count > 0);
    job->asked_count--;
    switch (job->step) {
    case KEEP_READING: on_read(job, request); break;
    case KEEP_COMMITTING: on_committed(job, request); break;
    case KEEP_LOOKING: on_looked_up(job, request); break;
    default: assert(job->step == KEEP_REPEATING); on_repeat_read(job, request);
    }
    store_request_free(request);
    work_off(line);
}

/* ---- the door ----------------------------------------------------------------------------------------------------- */

static enum err check(struct hub *hub, const struct command *command, struct json *input, struct span *field)
{
    const struct keep *keep = keep_of(hub);
    const struct keep_line *line = map_get(&keep->lines, command->room);
    enum err err;

    if (!room_name_is_valid(command->room))
        return ERR_BAD_NAME;
    if (keep->job_count >= hub->limits.keeping_max || (line && line->job_count >= hub->limits.changes_waiting_max))
        return ERR_OVERLOADED;
    *field = SPAN("input");
    if (command->object.input.len == 0)
        return OK;
    if ((err = json_parse(input, command->object.input, &json_limits_default)) != OK)
        return err;
    return yyjson_is_obj(input->root) ? OK : ERR_BAD_FIELD;
}

void keep_command(struct hub *hub, struct command *command)
{
    struct span field = SPAN_EMPTY;
    struct json input = {0};
    enum err err = check(hub, command, &input, &field);
    struct keep_line *line;
    struct keep_job *job;

    if (err != OK) {
        hub_refuse(hub, command, err, field);
        json_deinit(&input);
        command_free(command);
        return;
    }
    job = keep_job_new(hub, command, &input);
    line = line_get(hub->keep, command->room);
    enter_line(job, line);
    if (line->waiting.next == &job->node)
        work_off(line);
}
