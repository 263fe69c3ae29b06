/* /api/v1/records/{type} and /api/v1/records/{type}/{id}. Reading asks the store's reader, changing asks the record's home. */
#include "peer/rest_create.h"
#include "peer/rest_list.h"

#include "collab/access.h"

/* ---- reading one ---- */

struct reading {
    const struct type *type;
    struct span id;
    bool is_past;
    uint64_t version; /* with is_past */
    struct list_row row;
};

static void run_reading(struct request_job *job, struct store *store, struct store_reader *reader)
{
    struct reading *reading = job->state;
    (void)store;
    if (reading->is_past)
        job->err = store_record_at(reader, &job->arena, reading->type, reading->id, reading->version, &reading->row);
    else
        job->err = store_record(reader, &job->arena, reading->type, reading->id, &reading->row);
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

static void handle_read(struct request *request)
{
    const struct type *type = rest_type(request);
    struct span id, value;
    if (!type || !rest_id(request, &id))
        return;
    uint64_t version = 0;
    if (!rest_query_u64(request->exchange, "version", INT64_MAX, &version)) {
        request_fail(request, ERR_BAD_FIELD, SPAN("version"), SPAN_EMPTY);
        return;
    }
    struct request_job *job = request_job_new(request);
    struct reading *reading = arena_alloc(&job->arena, sizeof *reading);
    reading->type = type;
    reading->id = arena_copy(&job->arena, id);
    reading->is_past = http_query(request->exchange, "version", &value);
    reading->version = version;
    job->state = reading;
    job->run = run_reading;
    job->done = on_read;
    request_read(job);
}

/* ---- changing one ---- */

/* What PATCH and DELETE share: which version, under which key. */
static enum err start_change(struct request *request, const struct type *type, struct span id, struct command **out)
{
    bool must_match;
    uint64_t version;
    struct span key;
    enum err err = rest_if_match(request->exchange, &must_match, &version);
    if (err == OK)
        err = rest_idempotency_key(request->exchange, &key);
    if (err)
        return err;
    struct command *command = request_command(request, COMMAND_CHANGE, rest_room(&request->exchange->arena, type, id));
    struct change *change = arena_alloc(&command->arena, sizeof *change);
    change->type = type->name;
    change->entity_id = arena_copy(&command->arena, id);
    change->id = arena_copy(&command->arena, key);
    change->must_match = must_match;
    change->base_version = version;
    command->change = change;
    *out = command;
    return OK;
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
    enum err err = start_change(request, type, id, &command);
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
    if (answer->err)
        rest_fail_answer(request, answer);
    else
        request_respond(request, 204, SPAN_EMPTY);
}

static void handle_delete(struct request *request)
{
    const struct type *type = rest_type(request);
    struct span id;
    struct command *command;
    if (!type || !rest_id(request, &id))
        return;
    enum err err = start_change(request, type, id, &command);
    if (err) {
        request_fail(request, err, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    command->change->kind = CHANGE_DELETE;
    request_send(request, command, on_deleted);
}

const struct route routes_records[] = {
    {"GET", "/api/v1/records/{type}", NEED_USER, rest_list_handle, false},
    {"POST", "/api/v1/records/{type}", NEED_USER, rest_create_handle, false},
    {"GET", "/api/v1/records/{type}/{id}", NEED_USER, handle_read, false},
    {"PATCH", "/api/v1/records/{type}/{id}", NEED_USER, handle_patch, false},
    {"DELETE", "/api/v1/records/{type}/{id}", NEED_USER, handle_delete, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
