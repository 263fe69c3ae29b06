/* POST /api/v1/records/{type}/{id}/changes: changes in their whole vocabulary, one or a queue of them that was filled while its client was
 * away. They are sent together, in order, each answered for itself: a verdict or an error.
 *
 * And what a change may be asked with beside its operations: which version it was made against, under which lock, how it is to be
 * reconciled. */
#include "peer/rest/rest.h"

#include "base/limits.h"
#include "collab/type/access.h"
#include "peer/dialect/record_say.h"
#include "peer/rest/rest_objects.h"

/* ---- what goes with a change ---- */

static enum err read_base(struct http_exchange *exchange, struct change *change, struct span *field)
{
    struct span value = http_header(exchange, "X-Base-Version");
    uint64_t version;
    if (value.len == 0 && !http_query(exchange, "base_version", &value))
        return OK;
    *field = SPAN("base_version");
    if (change->must_match) /* which of the two? */
        return ERR_BAD_REQUEST;
    if (!span_parse_u64(value, &version))
        return ERR_BAD_FIELD;
    if (version == 0)
        return ERR_BAD_VERSION;
    change->base_version = version;
    return OK;
}

static enum err read_fence(const struct http_exchange *exchange, struct change *change, struct span *field)
{
    struct span value = http_header(exchange, "Lock-Token");
    *field = SPAN("lock_token");
    if (value.len && (!span_parse_u64(value, &change->fence) || change->fence == 0))
        return ERR_BAD_FIELD;
    return OK;
}

static enum err read_strategy(struct http_exchange *exchange, struct change *change, struct span *field)
{
    struct span value;
    *field = SPAN("strategy");
    change->has_strategy = http_query(exchange, "strategy", &value);
    return change->has_strategy && !strategy_parse(value, &change->strategy) ? ERR_BAD_FIELD : OK;
}

enum err rest_change_terms(struct request *request, struct arena *arena, struct change *change, struct span *field)
{
    struct http_exchange *exchange = request->exchange;
    enum err err;
    *field = SPAN_EMPTY;
    if ((err = rest_if_match(exchange, &change->must_match, &change->base_version)))
        return err;
    if ((err = read_base(exchange, change, field)) || (err = read_fence(exchange, change, field)) ||
        (err = read_strategy(exchange, change, field)))
        return err;
    *field = SPAN("group");
    if (!rest_query_text(exchange, arena, "group", &change->group) || change->group.len > LIMIT_ID_BYTES)
        return ERR_BAD_FIELD;
    *field = SPAN_EMPTY;
    return OK;
}

/* ---- a queue of changes ---- */

struct batch { /* request->state, in the exchange's arena */
    const struct type *type;
    uint32_t count, waiting;
    struct span results[LIMIT_QUEUE_CHANGES]; /* JSON, as they come */
};

static void respond(struct request *request)
{
    const struct batch *batch = request->state;
    struct buf json = BUF_EMPTY;
    BUF_APPEND_LITERAL(&json, "{\"results\":[");
    for (uint32_t i = 0; i < batch->count; i++) {
        if (i)
            buf_append_char(&json, ',');
        buf_append_span(&json, batch->results[i]);
    }
    BUF_APPEND_LITERAL(&json, "]}");
    request_respond_long(request, 200, &json);
}

static void keep_result(struct request *request, uint64_t place, struct buf *json)
{
    struct batch *batch = request->state;
    buf_append_char(json, '}');
    batch->results[place] = arena_copy(&request->exchange->arena, buf_span(json));
    buf_deinit(json);
    batch->waiting--;
}

static struct buf open_result(struct span id, enum verdict verdict)
{
    struct buf json = BUF_EMPTY;
    buf_append_char(&json, '{');
    json_member_text(&json, "id", id);
    json_member_string(&json, "verdict", span_from_str(verdict_name(verdict)));
    return json;
}

static void write_refusal(struct buf *json, const struct request *request, const struct answer *answer)
{
    request_write_error(json, request, answer->err, answer->field, answer->message);
    if (answer->current_version)
        json_member_u64(json, "current_version", answer->current_version);
    if (answer->object_kind != OBJECT_LOCK || !rest_answer_has_object(request, answer))
        return;
    json_append_key(json, "lock");
    rest_object_write(json, request, OBJECT_LOCK, answer->room, answer->object);
}

static void write_success(struct buf *json, const struct request *request, const struct answer *answer)
{
    const struct batch *batch = request->state;
    json_member_string(json, "strategy", span_from_str(strategy_name(answer->strategy)));
    json_member_u64(json, "version", answer->version);
    json_member_position(json, "position", answer->position);
    if (answer->is_repeat)
        json_member_bool(json, "repeat", true);
    if (answer->verdict == VERDICT_CONFLICT) {
        json_append_key(json, "conflict");
        rest_object_write(json, request, OBJECT_CONFLICT, answer->room, answer->object);
    } else if (answer->change) {
        json_append_key(json, "change");
        change_say(json, batch->type, answer->change, access_readable(request->identity->access, batch->type),
                   OBJECT_SNAKE);
    }
}

static void on_answered(struct request *request, const struct answer *answer)
{
    const struct batch *batch = request->state;
    struct span id = answer->change ? answer->change->id : answer->op_id;
    struct buf json = open_result(id, answer->err ? VERDICT_REJECTED : answer->verdict);
    if (answer->err)
        write_refusal(&json, request, answer);
    else
        write_success(&json, request, answer);
    keep_result(request, answer->tag, &json);
    if (batch->waiting == 0)
        respond(request);
}

static void refuse(struct request *request, uint32_t place, struct span id, enum err err, struct span field)
{
    struct buf json = open_result(id, VERDICT_REJECTED);
    request_write_error(&json, request, err, field, SPAN_EMPTY);
    keep_result(request, place, &json);
}

/* Where a change does not say it itself, the request does. */
static void inherit(struct change *change, const struct change *terms, struct span key, uint32_t place,
                    struct arena *arena)
{
    if (change->base_version == 0) {
        change->base_version = terms->base_version;
        change->must_match |= terms->must_match;
    }
    if (change->fence == 0)
        change->fence = terms->fence;
    if (!change->has_strategy) {
        change->has_strategy = terms->has_strategy;
        change->strategy = terms->strategy;
    }
    if (change->group.len == 0)
        change->group = arena_copy(arena, terms->group);
    if (change->id.len == 0 && key.len)
        change->id = arena_printf(arena, "%.*s#%u", SPAN_ARG(key), place);
}

/* What one queue holds was made one after the other, however old the version that it was made against: it does not stand in its own
 * way. */
static void name_source(const struct request *request, struct change *change, struct arena *arena)
{
    if (change->source.len == 0)
        change->source = arena_printf(arena, "request %s", request->exchange->request_id);
}

struct queue {
    const struct type *type;
    struct span room, entity_id, key;
    struct change terms;
};

static void submit(struct request *request, const struct queue *queue, uint32_t place, yyjson_val *object)
{
    struct command *command = request_command(request, COMMAND_CHANGE, queue->room);
    struct change *change = arena_alloc(&command->arena, sizeof *change);
    struct span field = SPAN_EMPTY;
    change->entity_id = arena_copy(&command->arena, queue->entity_id);
    enum err err = change_from_json(&command->arena, queue->type, object,
                                    access_writable(request->identity->access, queue->type), change, &field);
    if (err == OK && (err = rest_sign_change(request, &command->arena, change)))
        field = SPAN("metadata");
    if (err) {
        refuse(request, place, json_get_text(object, "id"), rest_field_error(request, queue->type, err, field), field);
        command_free(command);
        return;
    }
    inherit(change, &queue->terms, queue->key, place, &command->arena);
    name_source(request, change, &command->arena);
    change->type = queue->type->name;
    command->change = change;
    command->tag = place;
    request_send(request, command, on_answered);
}

static enum err read_queue(struct request *request, struct queue *queue, struct span *field)
{
    struct arena *arena = &request->exchange->arena;
    enum err err = rest_change_terms(request, arena, &queue->terms, field);
    return err ? err : rest_idempotency_key(request->exchange, &queue->key);
}

/* {"changes": [...]}, or one change. */
static enum err check_body(yyjson_val *body, uint32_t *count, struct span *field)
{
    yyjson_val *changes = json_get(body, "changes");
    *count = 1;
    if (!changes)
        return OK;
    *field = SPAN("changes");
    if (!yyjson_is_arr(changes) || yyjson_arr_size(changes) == 0)
        return ERR_BAD_FIELD;
    if (yyjson_arr_size(changes) > LIMIT_QUEUE_CHANGES)
        return ERR_TOO_LARGE;
    *count = (uint32_t)yyjson_arr_size(changes);
    return OK;
}

static void submit_all(struct request *request, const struct queue *queue, yyjson_val *body, uint32_t count)
{
    struct batch *batch = arena_alloc(&request->exchange->arena, sizeof *batch);
    yyjson_val *changes = json_get(body, "changes");
    batch->type = queue->type;
    batch->count = batch->waiting = count;
    request->state = batch;
    request->state_is_borrowed = true;
    for (uint32_t i = 0; i < count; i++)
        submit(request, queue, i, changes ? yyjson_arr_get(changes, i) : body);
    if (batch->waiting == 0) /* not one of them was a change */
        respond(request);
}

static void handle_changes(struct request *request)
{
    const struct type *type = rest_type(request);
    struct queue queue = {.type = type};
    struct json body = {0};
    struct span field = SPAN_EMPTY;
    uint32_t count;
    if (!type || !rest_id(request, &queue.entity_id))
        return;
    queue.room = rest_room(&request->exchange->arena, type, queue.entity_id);
    enum err err = read_queue(request, &queue, &field);
    if (err == OK && (err = request_json(request, &body)) == OK)
        err = check_body(body.root, &count, &field);
    if (err)
        request_fail(request, err, field, SPAN_EMPTY);
    else if (request_charge(request, count)) /* all or none of it */
        submit_all(request, &queue, body.root, count);
    json_deinit(&body);
}

const struct route routes_changes[] = {
    {"POST", "/api/v1/records/{type}/{id}/changes", NEED_ACTOR, handle_changes, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
