/* POST /api/v1/records/{type}. Without an id of its own a record gets the type's next number, and then a repeated request
 * (Idempotency-Key) has to find the number that the first one got, or it would ask for something else. */
#include "peer/rest/rest_create.h"

#include "base/memory.h"
#include "collab/type/access.h"

#include <stdlib.h>

/* A generated id may be taken: by somebody who chose it himself, or by the same request on another connection. */
#define ATTEMPTS_MAX 4

struct creation { /* request->state */
    const struct type *type;
    struct span key;    /* in the exchange's arena */
    bool is_new_number; /* the id was generated just now: trying again with another is fine */
    unsigned attempts;
};

static void find_id(struct request *request);

/* ---- the command ---- */

static enum err read_record(struct request *request, struct arena *arena, struct change *change, struct span *field)
{
    const struct type *type = ((const struct creation *)request->state)->type;
    struct json json;
    enum err err = request_json(request, &json);
    if (err)
        return err;
    err = change_from_record(arena, type, json.root, access_writable(request->identity->access, type), change, field);
    json_deinit(&json);
    return rest_field_error(request, type, err, *field);
}

static void on_created(struct request *request, const struct answer *answer)
{
    const struct creation *creation = request->state;
    bool is_taken = answer->err == ERR_EXISTS || answer->err == ERR_ID_REUSED;
    if (is_taken && creation->is_new_number && creation->attempts < ATTEMPTS_MAX)
        find_id(request);
    else
        rest_answer_record(request, answer, 201);
}

static void create(struct request *request, struct span id)
{
    const struct creation *creation = request->state;
    struct span room = rest_room(&request->exchange->arena, creation->type, id);
    struct command *command = request_command(request, COMMAND_CHANGE, room);
    struct span field = SPAN_EMPTY;
    command->change = arena_alloc(&command->arena, sizeof *command->change);
    command->change->entity_id = arena_copy(&command->arena, id);
    command->change->id = arena_copy(&command->arena, creation->key);
    enum err err = read_record(request, &command->arena, command->change, &field);
    if (err == OK)
        err = rest_sign_change(request, &command->arena, command->change);
    if (err == OK) {
        request_send(request, command, on_created);
        return;
    }
    field = arena_copy(&request->exchange->arena, field);
    command_free(command);
    request_fail(request, err, field, SPAN_EMPTY);
}

/* ---- the id ---- */

struct numbering {
    struct span type, prefix, user_id, key;
    bool was_known;
    struct span id; /* result */
};

/* What the first request with this key made, if it was one of these. */
static enum err find_by_key(struct request_job *job, struct store *store, struct numbering *numbering)
{
    struct store_request *find = store_request_new(STORE_OP_FIND);
    struct json json = {0};
    find->commit.user_id = numbering->user_id;
    find->commit.op_id =
        arena_printf(&find->arena, "%.*s:%.*s", SPAN_ARG(numbering->user_id), SPAN_ARG(numbering->key));
    store_execute(store, &find, 1, 0);
    enum err err = find->err == ERR_ID_REUSED ? OK : find->err;
    if (err == OK && find->commit.answer.len && json_parse(&json, find->commit.answer, &json_limits_default) == OK &&
        span_equal(json_get_text(json.root, "type"), numbering->type))
        numbering->id = arena_copy(&job->arena, json_get_text(json.root, "id"));
    numbering->was_known = numbering->id.len > 0;
    json_deinit(&json);
    store_request_free(find);
    return err;
}

static void run_numbering(struct request_job *job, struct store *store, struct store_reader *reader)
{
    struct numbering *numbering = job->state;
    uint64_t number;
    (void)reader;
    job->err = numbering->key.len ? find_by_key(job, store, numbering) : OK;
    if (job->err || numbering->was_known || (job->err = store_next_number(store, numbering->type, &number)))
        return;
    numbering->id = arena_printf(&job->arena, "%.*s%llu", SPAN_ARG(numbering->prefix), (unsigned long long)number);
}

static void on_numbered(struct request_job *job, struct request *request)
{
    const struct numbering *numbering = job->state;
    struct creation *creation = request->state;
    if (job->err) {
        request_fail(request, job->err, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    creation->is_new_number = !numbering->was_known;
    create(request, numbering->id);
}

static void find_id(struct request *request)
{
    struct creation *creation = request->state;
    struct request_job *job = request_job_new(request);
    struct numbering *numbering = arena_alloc(&job->arena, sizeof *numbering);
    numbering->type = creation->type->name;
    numbering->prefix = creation->type->id_prefix;
    numbering->user_id = arena_copy(&job->arena, request->identity->user_id);
    numbering->key = arena_copy(&job->arena, creation->key);
    creation->attempts++;
    job->state = numbering;
    job->run = run_numbering;
    job->done = on_numbered;
    request_write(job);
}

/* ---- the request ---- */

void rest_create_handle(struct request *request)
{
    const struct type *type = rest_type(request);
    struct change change = {0};
    struct span key, field = SPAN_EMPTY;
    if (!type)
        return;
    struct creation *creation = NEW(struct creation);
    request->state = creation;
    creation->type = type;
    enum err err = rest_idempotency_key(request->exchange, &key);
    if (err == OK && !access_allows(request->identity->access, type, VERB_CREATE))
        err = ERR_FORBIDDEN;
    /* Looked at before a number is spent on it. */
    if (err == OK)
        err = read_record(request, &request->exchange->arena, &change, &field);
    if (err) {
        request_fail(request, err, field, SPAN_EMPTY);
        return;
    }
    creation->key = key;
    if (change.entity_id.len)
        create(request, change.entity_id);
    else
        find_id(request);
}
