/* Conflicts: what two people wanted of one field whose strategy leaves it to a person: listed, assigned, resolved. */
#include "peer/rest/rest_objects.h"

static const struct rest_deed resolve = {OBJECT_CONFLICT, OBJECT_RESOLVE, 200, "conflict", true, false};
static const struct rest_deed assign = {OBJECT_CONFLICT, OBJECT_ASSIGN, 200, "conflict", true, false};

static void list(struct request *request, struct rest_listing *listing)
{
    listing->key = "conflicts";
    listing->query.kind = OBJECT_CONFLICT;
    listing->query.newest_first = true;
    rest_object_list(request, listing);
}

static void handle_list_all(struct request *request)
{
    struct http_exchange *exchange = request->exchange;
    struct rest_listing listing = {0};
    const struct type *type;
    if (!rest_query_type(request, &type))
        return;
    listing.query.type = type ? type->name : SPAN_EMPTY;
    listing.owner_is_named = true;
    if (!rest_query_text(exchange, &exchange->arena, "assigned_to", &listing.query.owner))
        request_fail(request, ERR_BAD_FIELD, SPAN("assigned_to"), SPAN_EMPTY);
    else
        list(request, &listing);
}

static void handle_list(struct request *request)
{
    struct rest_listing listing = {0};
    if (rest_record_room(request, &listing.query.room))
        list(request, &listing);
}

static void handle_read(struct request *request)
{
    rest_object_show(request, OBJECT_CONFLICT, request->segments[0], "conflict");
}

static void handle_resolve(struct request *request)
{
    rest_object_find_and_do(request, &resolve, request->segments[0]);
}

static void handle_assign(struct request *request)
{
    rest_object_find_and_do(request, &assign, request->segments[0]);
}

const struct route routes_conflicts[] = {
    {"GET", "/api/v1/conflicts", NEED_ACTOR, handle_list_all, false},
    {"GET", "/api/v1/records/{type}/{id}/conflicts", NEED_ACTOR, handle_list, false},
    {"GET", "/api/v1/conflicts/{conflict}", NEED_ACTOR, handle_read, false},
    {"POST", "/api/v1/conflicts/{conflict}/resolve", NEED_ACTOR, handle_resolve, false},
    {"POST", "/api/v1/conflicts/{conflict}/assign", NEED_ACTOR, handle_assign, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
