/* What an application's own server does here with the role `service` (or `admin`): it speaks in a room as the server, ends a user's
 * connections, and ends his sessions and tokens. Notifying him is rest_notifications.c's. */
#include "peer/rest/rest.h"

#include "base/limits.h"
#include "base/log.h"

#define REASON_BYTES_MAX 256

/* ---- speaking in a room ---- */

static void on_published(struct request *request, const struct answer *answer)
{
    struct buf json = BUF_EMPTY;
    if (answer->err) {
        request_fail(request, answer->err, answer->field, answer->message);
        return;
    }
    buf_append_char(&json, '{');
    if (answer->position.epoch)
        json_member_position(&json, "position", answer->position);
    else /* nobody is there, and nothing is kept for those who come */
        json_member_raw(&json, "position", SPAN("null"));
    if (answer->is_repeat)
        json_member_bool(&json, "repeat", true);
    buf_append_char(&json, '}');
    request_respond(request, 200, buf_span(&json));
    buf_deinit(&json);
}

static enum err read_text(yyjson_val *body, const char *name, size_t bytes_max, struct span *out, struct span *field)
{
    yyjson_val *value = json_get(body, name);
    *field = span_from_str(name);
    *out = json_text(value);
    return !value || (yyjson_is_str(value) && out->len > 0 && out->len <= bytes_max) ? OK : ERR_BAD_FIELD;
}

static enum err read_message(struct request *request, const struct json *body, struct command *command,
                             struct span *field)
{
    yyjson_val *data = json_get(body->root, "data");
    struct span name, id, key;
    enum err err;
    if ((err = read_text(body->root, "event", LIMIT_ID_BYTES, &name, field)) ||
        (err = read_text(body->root, "id", LIMIT_ID_BYTES, &id, field)))
        return err;
    *field = SPAN_EMPTY;
    if ((err = rest_idempotency_key(request->exchange, &key)) ||
        (err = flag_read(body->root, "volatile", "volatile", false, &command->publish.is_volatile, field)))
        return err;
    command->publish.as_server = true;
    command->publish.name = arena_copy(&command->arena, name);
    command->publish.id = arena_copy(&command->arena, id.len ? id : key);
    command->publish.data = data ? arena_copy(&command->arena, json_slice(body, data)) : SPAN("null");
    return OK;
}

static void handle_publish(struct request *request)
{
    struct json body;
    struct span room, field = SPAN_EMPTY;
    struct command *command = NULL;
    if (!rest_is_backend(request))
        return;
    enum err err = request_json(request, &body);
    if (err == OK && (err = rest_free_room(request, request->segments[0], &room, &field)) == OK) {
        command = request_command(request, COMMAND_PUBLISH, room);
        err = read_message(request, &body, command, &field);
    }
    json_deinit(&body);
    if (err == OK) {
        request_send(request, command, on_published);
        return;
    }
    command_free(command);
    request_fail(request, err, field, SPAN_EMPTY);
}

/* ---- ending somebody's connections ---- */

static enum err read_reason(struct request *request, struct span *reason, struct span *field)
{
    struct json body;
    *reason = SPAN_EMPTY;
    if (request->exchange->body.len == 0)
        return OK;
    enum err err = request_json(request, &body);
    if (err)
        return err;
    err = read_text(body.root, "reason", REASON_BYTES_MAX, reason, field);
    *reason = arena_copy(&request->exchange->arena, *reason);
    json_deinit(&body);
    return err;
}

static void end_connections(struct request *request, struct span user_id, struct span reason, const char *what)
{
    log_info("user.ended", "user=%s by=%s what=%s reason=%s", LOG_TEXT(user_id), LOG_TEXT(request->identity->username),
             what, LOG_TEXT(reason));
    request->host->revoke(request->host->world, user_id, SPAN_EMPTY);
    request_respond(request, 200, SPAN("{\"ok\":true}"));
}

static void handle_kick(struct request *request)
{
    struct span id, reason, field = SPAN_EMPTY;
    if (!rest_is_backend(request) || !rest_user_id(request, &id))
        return;
    enum err err = read_reason(request, &reason, &field);
    if (err)
        request_fail(request, err, field, SPAN_EMPTY);
    else
        end_connections(request, id, reason, "kick");
}

/* ---- ending his sessions and tokens, too ---- */

struct revocation { /* job->state */
    struct span user_id, reason;
};

/* A new generation is what older sessions and tokens do not have. */
static void run_revoke(struct request_job *job, struct store *store, struct store_reader *reader)
{
    const struct revocation *revocation = job->state;
    struct account account;
    (void)reader;
    if ((job->err = store_account_get(store, &job->arena, revocation->user_id, &account)))
        return;
    account.generation++;
    if ((job->err = store_account_put(store, &job->arena, &account)) == OK)
        job->err = store_login_remove_all(store, revocation->user_id);
}

static void on_revoked(struct request_job *job, struct request *request)
{
    const struct revocation *revocation = job->state;
    if (job->err)
        request_fail(request, job->err, SPAN_EMPTY, SPAN_EMPTY);
    else
        end_connections(request, revocation->user_id, revocation->reason, "revoke");
}

static void handle_revoke(struct request *request)
{
    struct span id, reason, field = SPAN_EMPTY;
    if (!rest_is_backend(request) || !rest_user_id(request, &id))
        return;
    enum err err = read_reason(request, &reason, &field);
    if (err) {
        request_fail(request, err, field, SPAN_EMPTY);
        return;
    }
    struct request_job *job = request_job_new(request);
    struct revocation *revocation = arena_alloc(&job->arena, sizeof *revocation);
    revocation->user_id = arena_copy(&job->arena, id);
    revocation->reason = arena_copy(&job->arena, reason);
    job->state = revocation;
    job->run = run_revoke;
    job->done = on_revoked;
    request_write(job);
}

const struct route routes_backend[] = {
    {"POST", "/api/v1/rooms/{room+}/publish", NEED_USER, handle_publish, false},
    {"POST", "/api/v1/users/{user}/kick", NEED_USER, handle_kick, false},
    {"POST", "/api/v1/users/{user}/revoke", NEED_USER, handle_revoke, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
