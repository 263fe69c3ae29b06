/* A user's inbox, how he wants to be told, and telling others: about a record to those who are with it, and, for an application's own
 * server, to anybody. */
#include "peer/rest/rest_objects.h"

#include "base/limits.h"
#include "collab/type/access.h"
#include "peer/dialect/object_say.h"

static const struct rest_deed read = {OBJECT_NOTIFICATION, OBJECT_READ, 200, NULL, true, false};
static const struct rest_deed unread = {OBJECT_NOTIFICATION, OBJECT_UNREAD, 200, NULL, false, false};
static const struct rest_deed dismiss = {OBJECT_NOTIFICATION, OBJECT_REMOVE, 200, NULL, false, false};
static const struct rest_deed notify = {OBJECT_NOTIFICATION, OBJECT_ADD, 201, "notification", true, false};
static const struct rest_deed notify_as_server = {OBJECT_NOTIFICATION, OBJECT_ADD, 201, "notification", true, true};
static const struct rest_deed prefer = {OBJECT_PREFERENCES, OBJECT_EDIT, 200, "preferences", true, false};

static struct span own_room(struct request *request)
{
    return rest_user_room(request, request->identity->user_id);
}

/* ---- the inbox ---- */

static void handle_list(struct request *request)
{
    struct rest_listing listing = {.query = {.kind = OBJECT_NOTIFICATION, .newest_first = true},
                                   .key = "notifications",
                                   .count_key = "unread_count",
                                   .count_state = SPAN("unread")};
    listing.query.owner = request->identity->user_id;
    rest_object_list(request, &listing);
}

/* All of them are more than one command takes: it is sent again until none is left. */
struct reading { /* request->state, in the exchange's arena */
    uint64_t count;
};

static void on_all_read(struct request *request, const struct answer *answer);

static void read_all(struct request *request, struct span key)
{
    struct command *command = request_command(request, COMMAND_OBJECT, own_room(request));
    command->object.kind = OBJECT_NOTIFICATION;
    command->object.verb = OBJECT_READ;
    command->object.id = arena_copy(&command->arena, key);
    command->object.input = SPAN("{\"all\":true}");
    request_send(request, command, on_all_read);
}

static void on_all_read(struct request *request, const struct answer *answer)
{
    struct reading *reading = request->state;
    struct json body = {0};
    struct buf json = BUF_EMPTY;
    if (answer->err || json_parse(&body, answer->object, &json_limits_default) != OK) {
        rest_object_answer(request, &read, answer);
        return;
    }
    uint64_t count = yyjson_get_uint(json_get(body.root, "count"));
    uint64_t unread_count = yyjson_get_uint(json_get(body.root, "unread_count"));
    json_deinit(&body);
    reading->count += count;
    if (count > 0 && unread_count > 0) {
        read_all(request, SPAN_EMPTY);
        return;
    }
    BUF_APPEND_LITERAL(&json, "{\"state\":\"read\"");
    json_member_u64(&json, "count", reading->count);
    json_member_u64(&json, "unread_count", unread_count);
    buf_append_char(&json, '}');
    request_respond(request, 200, buf_span(&json));
    buf_deinit(&json);
}

static void handle_read(struct request *request)
{
    struct json body;
    struct span key;
    enum err err = rest_idempotency_key(request->exchange, &key);
    if (err || (err = request_json(request, &body))) {
        request_fail(request, err, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    bool is_all = json_get_bool(body.root, "all", false) && !json_get(body.root, "ids");
    json_deinit(&body);
    if (!is_all) {
        rest_object_do(request, &read, own_room(request), SPAN_EMPTY);
        return;
    }
    request->state = arena_alloc(&request->exchange->arena, sizeof(struct reading));
    request->state_is_borrowed = true;
    read_all(request, key);
}

static void handle_unread(struct request *request)
{
    rest_object_do(request, &unread, own_room(request), request->segments[0]);
}

static void handle_dismiss(struct request *request)
{
    rest_object_do(request, &dismiss, own_room(request), request->segments[0]);
}

/* ---- telling others ---- */

struct telling { /* request->state, in the exchange's arena */
    uint32_t waiting, count;
};

static void on_told(struct request *request, const struct answer *answer)
{
    struct telling *telling = request->state;
    struct buf json = BUF_EMPTY;
    if (answer->err) {
        rest_fail_answer(request, answer);
        return;
    }
    telling->count += answer->has_object; /* else he does not want to be told */
    if (--telling->waiting > 0)
        return;
    buf_append_char(&json, '{');
    json_member_u64(&json, "notified", telling->count);
    buf_append_char(&json, '}');
    request_respond(request, 201, buf_span(&json));
    buf_deinit(&json);
}

static void tell(struct request *request, struct span user_id, struct span key, struct span input)
{
    struct command *command = request_command(request, COMMAND_OBJECT, rest_user_room(request, user_id));
    struct arena *arena = &command->arena;
    command->object.kind = OBJECT_NOTIFICATION;
    command->object.verb = OBJECT_ADD;
    command->object.as_server = true;
    command->object.input = arena_copy(arena, input);
    if (key.len) /* one for each: they are answered one by one */
        command->object.id = arena_printf(arena, "%.*s#%.*s", SPAN_ARG(key), SPAN_ARG(user_id));
    request_send(request, command, on_told);
}

static enum err read_people(struct request *request, yyjson_val *list, struct span *ids, uint32_t *count)
{
    struct arena *arena = &request->exchange->arena;
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    yyjson_val *item;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) == 0 || yyjson_arr_size(list) > LIMIT_NOTIFIED)
        return ERR_BAD_FIELD;
    while ((item = yyjson_arr_iter_next(&iter))) {
        struct span id = yyjson_is_uint(item) ? arena_printf(arena, "%llu", (unsigned long long)yyjson_get_uint(item))
                                              : arena_copy(arena, json_text(item));
        if (id.len == 0 || id.len > LIMIT_ID_BYTES || !room_name_is_valid(rest_user_room(request, id)))
            return ERR_BAD_FIELD;
        ids[(*count)++] = id;
    }
    return OK;
}

/* {"to": [...]} without a record: each gets it in his inbox. */
static void tell_people(struct request *request, const struct json *body)
{
    static const char *const except[] = {"to", NULL};
    struct span ids[LIMIT_NOTIFIED], key;
    uint32_t count = 0;
    struct buf input = BUF_EMPTY;
    enum err err = rest_idempotency_key(request->exchange, &key);
    if (err == OK)
        err = read_people(request, json_get(body->root, "to"), ids, &count);
    if (err) {
        request_fail(request, err, err == ERR_BAD_FIELD ? SPAN("to") : SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    struct telling *telling = arena_alloc(&request->exchange->arena, sizeof *telling);
    telling->waiting = count;
    request->state = telling;
    request->state_is_borrowed = true;
    object_input(&input, body, body->root, except);
    for (uint32_t i = 0; i < count; i++)
        tell(request, ids[i], key, buf_span(&input));
    buf_deinit(&input);
}

static bool is_about_record(const struct json *body)
{
    return json_get2(body->root, "entity_type", "entityType") || !json_get(body->root, "to");
}

static void handle_notify(struct request *request)
{
    struct json body;
    enum err err = request_json(request, &body);
    if (err)
        request_fail(request, err, SPAN_EMPTY, SPAN_EMPTY);
    else if (is_about_record(&body))
        rest_object_do_about(request, rest_has_backend_role(request) ? &notify_as_server : &notify);
    else if (rest_is_backend(request))
        tell_people(request, &body);
    json_deinit(&body);
}

static void handle_notify_user(struct request *request)
{
    struct span id;
    if (rest_is_backend(request) && rest_user_id(request, &id))
        rest_object_do(request, &notify_as_server, rest_user_room(request, id), SPAN_EMPTY);
}

/* ---- preferences ---- */

struct preferring {
    struct span user_id;
    struct object object;
};

static void run_preferences(struct request_job *job, struct store *store, struct store_reader *reader)
{
    struct preferring *preferring = job->state;
    (void)store;
    job->err = store_object_get(reader, &job->arena, OBJECT_PREFERENCES, preferring->user_id, &preferring->object);
}

/* Who never said anything has none of his own. */
static void on_preferences(struct request_job *job, struct request *request)
{
    const struct preferring *preferring = job->state;
    struct buf json = BUF_EMPTY;
    if (job->err && job->err != ERR_NOT_FOUND) {
        request_fail(request, job->err, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    BUF_APPEND_LITERAL(&json, "{\"preferences\":");
    if (job->err)
        BUF_APPEND_LITERAL(&json, "{\"types\":{},\"default\":{}}");
    else
        rest_object_write(&json, request, OBJECT_PREFERENCES, SPAN_EMPTY, preferring->object.body);
    buf_append_char(&json, '}');
    request_respond_long(request, 200, &json);
}

static void handle_preferences(struct request *request)
{
    struct request_job *job = request_job_new(request);
    struct preferring *preferring = arena_alloc(&job->arena, sizeof *preferring);
    preferring->user_id = arena_copy(&job->arena, request->identity->user_id);
    job->state = preferring;
    job->run = run_preferences;
    job->done = on_preferences;
    request_read(job);
}

static void handle_prefer(struct request *request)
{
    rest_object_do(request, &prefer, own_room(request), SPAN_EMPTY);
}

const struct route routes_notifications[] = {
    {"GET", "/api/v1/notifications", NEED_ACTOR, handle_list, false},
    {"POST", "/api/v1/notifications", NEED_ACTOR, handle_notify, false},
    {"POST", "/api/v1/notifications/read", NEED_ACTOR, handle_read, false},
    {"POST", "/api/v1/notifications/{notification}/unread", NEED_ACTOR, handle_unread, false},
    {"DELETE", "/api/v1/notifications/{notification}", NEED_ACTOR, handle_dismiss, false},
    {"POST", "/api/v1/users/{user}/notify", NEED_USER, handle_notify_user, false},
    {"GET", "/api/v1/preferences", NEED_ACTOR, handle_preferences, false},
    {"PUT", "/api/v1/preferences", NEED_ACTOR, handle_prefer, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
