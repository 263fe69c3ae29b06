/* Locks on records, fields and items: /api/v1/records/{type}/{id}/locks, and all of them at /api/v1/locks. Who asks for a lock here is
 * no connection that could keep it alive: it lives as long as its ttl and is renewed with its token. */
#include "peer/rest/rest_objects.h"

static const struct rest_deed acquire = {OBJECT_LOCK, OBJECT_ADD, 201, "lock", false, false};
static const struct rest_deed renew = {OBJECT_LOCK, OBJECT_RENEW, 200, "lock", true, false};
static const struct rest_deed release = {OBJECT_LOCK, OBJECT_REMOVE, 204, NULL, false, false};
static const struct rest_deed ask = {OBJECT_LOCK, OBJECT_REQUEST, 200, "lock", false, false};
static const struct rest_deed hand_over = {OBJECT_LOCK, OBJECT_HAND_OVER, 200, "lock", true, false};
static const struct rest_deed force = {OBJECT_LOCK, OBJECT_FORCE, 200, "lock", false, false};

static void handle(struct request *request, const struct rest_deed *deed)
{
    struct span room;
    if (rest_record_room(request, &room))
        rest_object_do(request, deed, room, SPAN_EMPTY);
}

static void handle_acquire(struct request *request)
{
    handle(request, &acquire);
}

static void handle_renew(struct request *request)
{
    handle(request, &renew);
}

static void handle_ask(struct request *request)
{
    handle(request, &ask);
}

static void handle_hand_over(struct request *request)
{
    handle(request, &hand_over);
}

static void handle_force(struct request *request)
{
    handle(request, &force);
}

/* A DELETE has no body to speak of: ?path=&token= say which. */
static struct span input_of_query(struct request *request, struct span path, uint64_t token)
{
    struct buf input = BUF_EMPTY;
    buf_append_char(&input, '{');
    if (path.len)
        json_member_string(&input, "path", path);
    if (token)
        json_member_u64(&input, "token", token);
    buf_append_char(&input, '}');
    struct span copy = arena_copy(&request->exchange->arena, buf_span(&input));
    buf_deinit(&input);
    return copy;
}

static void handle_release(struct request *request)
{
    struct http_exchange *exchange = request->exchange;
    struct span room, path = SPAN_EMPTY;
    uint64_t token = 0;
    if (!rest_record_room(request, &room))
        return;
    if (!rest_query_text(exchange, &exchange->arena, "path", &path))
        request_fail(request, ERR_BAD_PATH, SPAN("path"), SPAN_EMPTY);
    else if (!rest_query_u64(exchange, "token", INT64_MAX, &token))
        request_fail(request, ERR_BAD_FIELD, SPAN("token"), SPAN_EMPTY);
    else
        rest_object_send(request, &release, room, SPAN_EMPTY, input_of_query(request, path, token));
}

static void handle_list(struct request *request)
{
    struct rest_listing listing = {.query = {.kind = OBJECT_LOCK, .past_ms = request->host->wall_ms}, .key = "locks"};
    if (rest_record_room(request, &listing.query.room))
        rest_object_list(request, &listing);
}

static void handle_list_all(struct request *request)
{
    struct rest_listing listing = {.query = {.kind = OBJECT_LOCK, .past_ms = request->host->wall_ms}, .key = "locks"};
    const struct type *type;
    if (!rest_query_type(request, &type))
        return;
    listing.query.type = type ? type->name : SPAN_EMPTY;
    rest_object_list(request, &listing);
}

const struct route routes_locks[] = {
    {"GET", "/api/v1/locks", NEED_ACTOR, handle_list_all, false},
    {"GET", "/api/v1/records/{type}/{id}/locks", NEED_ACTOR, handle_list, false},
    {"POST", "/api/v1/records/{type}/{id}/locks", NEED_ACTOR, handle_acquire, false},
    {"PATCH", "/api/v1/records/{type}/{id}/locks", NEED_ACTOR, handle_renew, false},
    {"DELETE", "/api/v1/records/{type}/{id}/locks", NEED_ACTOR, handle_release, false},
    {"POST", "/api/v1/records/{type}/{id}/locks/request", NEED_ACTOR, handle_ask, false},
    {"POST", "/api/v1/records/{type}/{id}/locks/hand_over", NEED_ACTOR, handle_hand_over, false},
    {"POST", "/api/v1/records/{type}/{id}/locks/force", NEED_ACTOR, handle_force, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
