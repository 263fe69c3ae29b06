/* Comments on records and their fields: flat, in the order of time; `parent_id` says which thread one belongs to. */
#include "peer/rest/rest_objects.h"

static const struct rest_deed add = {OBJECT_COMMENT, OBJECT_ADD, 201, "comment", true, false};
static const struct rest_deed edit = {OBJECT_COMMENT, OBJECT_EDIT, 200, "comment", true, false};
static const struct rest_deed delete = {OBJECT_COMMENT, OBJECT_REMOVE, 204, NULL, false, false};
static const struct rest_deed resolve = {OBJECT_COMMENT, OBJECT_RESOLVE, 200, "comment", false, false};
static const struct rest_deed reopen = {OBJECT_COMMENT, OBJECT_REOPEN, 200, "comment", false, false};
static const struct rest_deed react = {OBJECT_COMMENT, OBJECT_REACT, 200, "comment", true, false};

static void handle_list(struct request *request)
{
    struct rest_listing listing = {.query = {.kind = OBJECT_COMMENT}, .key = "comments"};
    if (rest_record_room(request, &listing.query.room))
        rest_object_list(request, &listing);
}

static void handle_add(struct request *request)
{
    struct span room;
    if (rest_record_room(request, &room))
        rest_object_do(request, &add, room, SPAN_EMPTY);
}

static void handle_read(struct request *request)
{
    rest_object_show(request, OBJECT_COMMENT, request->segments[0], "comment");
}

static void handle_edit(struct request *request)
{
    rest_object_find_and_do(request, &edit, request->segments[0]);
}

static void handle_delete(struct request *request)
{
    rest_object_find_and_do(request, &delete, request->segments[0]);
}

static void handle_resolve(struct request *request)
{
    rest_object_find_and_do(request, &resolve, request->segments[0]);
}

static void handle_reopen(struct request *request)
{
    rest_object_find_and_do(request, &reopen, request->segments[0]);
}

static void handle_react(struct request *request)
{
    rest_object_find_and_do(request, &react, request->segments[0]);
}

const struct route routes_comments[] = {
    {"GET", "/api/v1/records/{type}/{id}/comments", NEED_ACTOR, handle_list, false},
    {"POST", "/api/v1/records/{type}/{id}/comments", NEED_ACTOR, handle_add, false},
    {"GET", "/api/v1/comments/{comment}", NEED_ACTOR, handle_read, false},
    {"PATCH", "/api/v1/comments/{comment}", NEED_ACTOR, handle_edit, false},
    {"DELETE", "/api/v1/comments/{comment}", NEED_ACTOR, handle_delete, false},
    {"POST", "/api/v1/comments/{comment}/resolve", NEED_ACTOR, handle_resolve, false},
    {"POST", "/api/v1/comments/{comment}/reopen", NEED_ACTOR, handle_reopen, false},
    {"POST", "/api/v1/comments/{comment}/react", NEED_ACTOR, handle_react, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
