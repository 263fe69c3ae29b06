/* POST /api/v1/records/{type}/{id}/actions/{action}. */
#include "peer/rest/rest.h"

static void on_done(struct request *request, const struct answer *answer)
{
    rest_answer_record(request, answer, 200);
}

/* Nothing at all is fine: most actions need no input. */
static enum err read_input(struct request *request, struct arena *arena, struct span *input)
{
    struct json json;
    *input = SPAN_EMPTY;
    if (request->exchange->body.len == 0)
        return OK;
    enum err err = request_json(request, &json);
    if (err)
        return err;
    *input = arena_copy(arena, json_slice(&json, json.root));
    json_deinit(&json);
    return OK;
}

static enum err read_action(struct request *request, const struct type *type, struct span id, struct command **out)
{
    struct span key;
    bool must_match;
    uint64_t version;
    enum err err = rest_if_match(request->exchange, &must_match, &version);
    if (err == OK)
        err = rest_idempotency_key(request->exchange, &key);
    if (err)
        return err;
    struct command *command = request_command(request, COMMAND_ACTION, rest_room(&request->exchange->arena, type, id));
    *out = command;
    command->action.name = arena_copy(&command->arena, request->segments[2]);
    command->action.id = arena_copy(&command->arena, key);
    command->action.must_match = must_match;
    command->action.base_version = version;
    return read_input(request, &command->arena, &command->action.input);
}

static void handle_action(struct request *request)
{
    const struct type *type = rest_type(request);
    struct command *command = NULL;
    struct span id;
    if (!type || !rest_id(request, &id))
        return;
    enum err err = read_action(request, type, id, &command);
    if (err == OK) {
        request_send(request, command, on_done);
        return;
    }
    command_free(command);
    request_fail(request, err, SPAN_EMPTY, SPAN_EMPTY);
}

const struct route routes_actions[] = {
    {"POST", "/api/v1/records/{type}/{id}/actions/{action}", NEED_ACTOR, handle_action, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
