/* /api/v1/records/{type} and /api/v1/records/{type}/{id}. Reading asks the store's reader, changing asks the record's home. */
#include "peer/record_past.h"
#include "peer/rest/rest_create.h"
#include "peer/rest/rest_list.h"

#include "collab/type/access.h"

/* ---- reading one ---- */

struct reading {
    const struct type *type;
    struct span id;
    struct record_moment moment;
    struct list_row row;
};

static void run_reading(struct request_job *job, struct store *store, struct store_reader *reader)
{
    struct reading *reading = job->state;
    (void)store;
    job->err = record_past_read(reader, &job->arena, reading->type, reading->id, &reading->moment, &reading->row);
}

static void on_read(struct request_job *job, struct request *request)
{
    const struct reading *reading = job->state;
    if (job->err) {
        request_fail(request, job->err, job->err == ERR_BAD_VERSION ? SPAN("version") : SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    bool is_known = rest_if_none_match(request->exchange, reading->row.version);
    rest_respond_record(request, is_known ? 304 : 200, reading->type, &reading->row);
}

/* ?version= or ?at=, but not both. */
static enum err read_moment(struct request *request, struct record_moment *moment, struct span *field)
{
    struct http_exchange *exchange = request->exchange;
    struct span value;
    *field = SPAN("version");
    if (http_query(exchange, "version", &value))
        moment->when = RECORD_AT_VERSION;
    if (!rest_query_u64(exchange, "version", INT64_MAX, &moment->version))
        return ERR_BAD_FIELD;
    *field = SPAN("at");
    if (!http_query(exchange, "at", &value))
        return OK;
    if (moment->when == RECORD_AT_VERSION)
        return ERR_BAD_REQUEST;
    moment->when = RECORD_AT_TIME;
    return rest_query_time(exchange, "at", &moment->time_ms) ? OK : ERR_BAD_FIELD;
}

static void handle_read(struct request *request)
{
    const struct type *type = rest_type(request);
    struct span id, field;
    if (!type || !rest_id(request, &id))
        return;
    struct request_job *job = request_job_new(request);
    struct reading *reading = arena_alloc(&job->arena, sizeof *reading);
    reading->type = type;
    reading->id = arena_copy(&job->arena, id);
    job->state = reading;
    job->run = run_reading;
    job->done = on_read;
    enum err err = read_moment(request, &reading->moment, &field);
    if (err) {
        request_job_drop(job);
        request_fail(request, err, field, SPAN_EMPTY);
        return;
    }
    request_read(job);
}

/* ---- changing one ---- */

/* What PATCH and DELETE share: which version, under which key. */
static enum err start_change(struct request *request, const struct type *type, struct span id, struct command **out,
                             struct span *field)
{
    struct span key;
    enum err err = rest_idempotency_key(request->exchange, &key);
    if (err)
        return err;
    struct command *command = request_command(request, COMMAND_CHANGE, rest_room(&request->exchange->arena, type, id));
    struct change *change = arena_alloc(&command->arena, sizeof *change);
    change->type = type->name;
    change->entity_id = arena_copy(&command->arena, id);
    change->id = arena_copy(&command->arena, key);
    command->change = change;
    *out = command;
    if ((err = rest_sign_change(request, &command->arena, change)))
        return err;
    return rest_change_terms(request, &command->arena, change, field);
}

static void on_patched(struct request *request, const struct answer *answer)
{
    rest_answer_record(request, answer, 200);
}

static enum err read_patch(struct request *request, const struct type *type, struct command *command,
                           struct span *field)
{
    struct json json;
    struct span named = SPAN_EMPTY;
    enum err err = request_json(request, &json);
    if (err)
        return err;
    err = change_from_patch(&command->arena, type, json.root, access_writable(request->identity->access, type),
                            command->change, &named);
    json_deinit(&json);
    *field = arena_copy(&request->exchange->arena, named);
    return rest_field_error(request, type, err, named);
}

static void handle_patch(struct request *request)
{
    const struct type *type = rest_type(request);
    struct span id, field = SPAN_EMPTY;
    struct command *command = NULL;
    if (!type || !rest_id(request, &id))
        return;
    enum err err = start_change(request, type, id, &command, &field);
    if (err == OK)
        err = read_patch(request, type, command, &field);
    if (err) {
        command_free(command);
        request_fail(request, err, field, SPAN_EMPTY);
        return;
    }
    request_send(request, command, on_patched);
}

static void on_deleted(struct request *request, const struct answer *answer)
{
    if (answer->err) {
        rest_fail_answer(request, answer);
    } else if (answer->verdict == VERDICT_CONFLICT) {
        rest_answer_conflict(request, answer);
    } else {
        rest_add_verdict(request, answer);
        request_respond(request, 204, SPAN_EMPTY);
    }
}

static void handle_delete(struct request *request)
{
    const struct type *type = rest_type(request);
    struct span id, field = SPAN_EMPTY;
    struct command *command = NULL;
    if (!type || !rest_id(request, &id))
        return;
    enum err err = start_change(request, type, id, &command, &field);
    if (err) {
        command_free(command);
        request_fail(request, err, field, SPAN_EMPTY);
        return;
    }
    command->change->kind = CHANGE_DELETE;
    request_send(request, command, on_deleted);
}

const struct route routes_records[] = {
    {"GET", "/api/v1/records/{type}", NEED_ACTOR, rest_list_handle, false},
    {"POST", "/api/v1/records/{type}", NEED_ACTOR, rest_create_handle, false},
    {"GET", "/api/v1/records/{type}/{id}", NEED_ACTOR, handle_read, false},
    {"PATCH", "/api/v1/records/{type}/{id}", NEED_ACTOR, handle_patch, false},
    {"DELETE", "/api/v1/records/{type}/{id}", NEED_ACTOR, handle_delete, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
