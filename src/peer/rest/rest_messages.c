/* Chat: in a room, and from one person to another. A page is the newest messages; its cursor leads to older ones. */
#include "peer/rest/rest_objects.h"

#include "collab/hub.h"

static const struct rest_deed send_message = {OBJECT_MESSAGE, OBJECT_ADD, 201, "message", true, false};
/* A request is nobody who could have joined a room. Rooms of any name are open to all, so it speaks as if it had. */
static const struct rest_deed send_in_free_room = {OBJECT_MESSAGE, OBJECT_ADD, 201, "message", true, true};

static void list(struct request *request, struct span room)
{
    struct rest_listing listing = {.query = {.kind = OBJECT_MESSAGE, .room = room, .newest_first = true},
                                   .key = "messages"};
    rest_object_list(request, &listing);
}

/* What two people or one say among themselves is asked for by whom it was said to, not by a room's name. */
static bool room_of(struct request *request, struct span *room)
{
    struct span field;
    enum err err = rest_free_room(request, request->segments[0], room, &field);
    if (err == OK && (span_starts_with(*room, SPAN(ROOM_OF_USER)) || span_starts_with(*room, SPAN(ROOM_OF_TWO))))
        err = ERR_NOT_FOUND;
    if (err)
        request_fail(request, err, field, SPAN_EMPTY);
    return err == OK;
}

static void handle_list(struct request *request)
{
    struct span room;
    if (room_of(request, &room))
        list(request, room);
}

static void handle_send(struct request *request)
{
    struct span room, id;
    if (!room_of(request, &room))
        return;
    bool is_records = type_of_room(request->registry, room, &id) != NULL;
    rest_object_do(request, is_records ? &send_message : &send_in_free_room, room, SPAN_EMPTY);
}

static void handle_list_direct(struct request *request)
{
    struct span id;
    if (rest_user_id(request, &id))
        list(request, object_dm_room(&request->exchange->arena, request->identity->user_id, id));
}

static void handle_send_direct(struct request *request)
{
    struct span id;
    if (rest_user_id(request, &id))
        rest_object_do(request, &send_message, rest_user_room(request, id), SPAN_EMPTY);
}

const struct route routes_messages[] = {
    {"GET", "/api/v1/rooms/{room+}/messages", NEED_ACTOR, handle_list, false},
    {"POST", "/api/v1/rooms/{room+}/messages", NEED_ACTOR, handle_send, false},
    {"GET", "/api/v1/users/{user}/messages", NEED_ACTOR, handle_list_direct, false},
    {"POST", "/api/v1/users/{user}/messages", NEED_ACTOR, handle_send_direct, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
