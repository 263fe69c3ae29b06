/* Taking changes back: POST /api/v1/records/{type}/{id}/undo, /redo and /restore. All three are changes like any other. */
#include "base/limits.h"
#include "peer/rest/rest.h"

static void on_done(struct request *request, const struct answer *answer)
{
    rest_answer_record(request, answer, 200);
}

static enum err read_version(yyjson_val *body, uint64_t *version, struct span *field)
{
    yyjson_val *value = json_get(body, "version");
    *field = SPAN("version");
    if (!value)
        return OK;
    if (!yyjson_is_num(value))
        return ERR_BAD_FIELD;
    if (!yyjson_is_uint(value) || yyjson_get_uint(value) == 0)
        return ERR_BAD_VERSION;
    *version = yyjson_get_uint(value);
    return OK;
}

/* Nothing at all: the last one. */
static enum err read_undo(struct request *request, struct command *command, struct span *field)
{
    struct json body;
    struct span id;
    if (request->exchange->body.len == 0)
        return OK;
    enum err err = request_json(request, &body);
    if (err)
        return err;
    if ((err = read_version(body.root, &command->undo.version, field)))
        goto done;
    yyjson_val *value = json_get2(body.root, "change_id", "changeId");
    *field = SPAN("change_id");
    id = json_text(value);
    if (value && (id.len == 0 || id.len > LIMIT_ID_BYTES || command->undo.version))
        err = ERR_BAD_FIELD;
    command->undo.change_id = arena_copy(&command->arena, id);
done:
    json_deinit(&body);
    return err;
}

static void undo(struct request *request, bool is_redo)
{
    struct span room, key, field = SPAN_EMPTY;
    if (!rest_record_room(request, &room))
        return;
    struct command *command = request_command(request, COMMAND_UNDO, room);
    command->undo.is_redo = is_redo;
    enum err err = rest_idempotency_key(request->exchange, &key);
    if (err == OK)
        err = read_undo(request, command, &field);
    if (err) {
        command_free(command);
        request_fail(request, err, field, SPAN_EMPTY);
        return;
    }
    command->undo.id = arena_copy(&command->arena, key);
    request_send(request, command, on_done);
}

static void handle_undo(struct request *request)
{
    undo(request, false);
}

static void handle_redo(struct request *request)
{
    undo(request, true);
}

static enum err read_restore(struct request *request, struct command *command, struct span *field)
{
    struct json body;
    struct span key;
    enum err err = rest_if_match(request->exchange, &command->restore.must_match, &command->restore.base_version);
    if (err || (err = rest_idempotency_key(request->exchange, &key)) || (err = request_json(request, &body)))
        return err;
    command->restore.id = arena_copy(&command->arena, key);
    err = read_version(body.root, &command->restore.version, field);
    if (err == OK && command->restore.version == 0)
        err = ERR_MISSING_FIELD;
    json_deinit(&body);
    return err;
}

static void handle_restore(struct request *request)
{
    struct span room, field = SPAN_EMPTY;
    if (!rest_record_room(request, &room))
        return;
    struct command *command = request_command(request, COMMAND_RESTORE, room);
    enum err err = read_restore(request, command, &field);
    if (err == OK) {
        request_send(request, command, on_done);
        return;
    }
    command_free(command);
    request_fail(request, err, field, SPAN_EMPTY);
}

const struct route routes_undo[] = {
    {"POST", "/api/v1/records/{type}/{id}/undo", NEED_ACTOR, handle_undo, false},
    {"POST", "/api/v1/records/{type}/{id}/redo", NEED_ACTOR, handle_redo, false},
    {"POST", "/api/v1/records/{type}/{id}/restore", NEED_ACTOR, handle_restore, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
