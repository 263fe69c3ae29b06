/* GET /api/v1/presence: who is in a record's room, or in any other, in the words of the manufacturing application. */
#include "peer/rest/rest.h"

#include "collab/type/access.h"

static void member_text(struct buf *out, const char *key, struct span text)
{
    if (text.len)
        json_member_string(out, key, text);
    else
        json_member_raw(out, key, SPAN("null"));
}

/* In `user-presence` people are shown with the room in which they are: that is what tells the record, if it may be told. */
static void write_person(struct buf *out, const struct request *request, struct span room,
                         const struct presence *presence)
{
    struct span id = SPAN_EMPTY;
    const struct type *type = type_of_room(request->registry, presence->room.len ? presence->room : room, &id);
    if (type && !access_allows(request->identity->access, type, VERB_READ)) {
        type = NULL;
        id = SPAN_EMPTY;
    }
    buf_append_char(out, '{');
    json_member_id(out, "user_id", presence->user_id);
    json_member_string(out, "username", presence->username);
    json_member_string(out, "name", presence->name);
    json_member_string(out, "color", presence->color);
    json_member_string(out, "status", span_from_str(status_name(presence->status)));
    member_text(out, "resource_type", type ? type->name : SPAN_EMPTY);
    member_text(out, "resource_id", id);
    /* Whoever is in a record's room and does not say more is looking at the record. */
    member_text(out, "action",
                type && presence->intent == INTENT_NONE ? SPAN("viewing")
                                                        : span_from_str(intent_name(presence->intent)));
    json_member_time(out, "timestamp", presence->last_seen_ms);
    buf_append_char(out, '}');
}

static void on_looked(struct request *request, const struct answer *answer)
{
    struct buf json = BUF_EMPTY;
    if (answer->err) {
        request_fail(request, answer->err, answer->field, answer->message);
        return;
    }
    buf_append_char(&json, '[');
    for (uint32_t i = 0; i < answer->presence_count; i++) {
        if (i)
            buf_append_char(&json, ',');
        write_person(&json, request, answer->room, &answer->presences[i]);
    }
    buf_append_char(&json, ']');
    request_respond(request, 200, buf_span(&json));
    buf_deinit(&json);
}

/* The record's room; 404 for a type that is not there, or not for this user. */
static enum err room_of_record(struct request *request, struct span type_name, struct span *room, struct span *field)
{
    const struct type *type = type_find(request->registry, type_name);
    struct span id;
    *field = SPAN("resource_id");
    if (!http_query(request->exchange, "resource_id", &id))
        return ERR_MISSING_FIELD;
    *field = SPAN_EMPTY;
    if (!type || !record_id_is_valid(id) || !access_allows(request->identity->access, type, VERB_READ))
        return ERR_NOT_FOUND;
    *room = rest_room(&request->exchange->arena, type, id);
    return OK;
}

static enum err room_asked_for(struct request *request, struct span *room, struct span *field)
{
    struct span name;
    if (http_query(request->exchange, "resource_type", &name))
        return room_of_record(request, name, room, field);
    *field = SPAN("resource_type");
    if (!http_query(request->exchange, "room", &name))
        return ERR_MISSING_FIELD;
    return rest_free_room(request, name, room, field);
}

static void handle_presence(struct request *request)
{
    struct span room, field = SPAN_EMPTY;
    enum err err = room_asked_for(request, &room, &field);
    if (err)
        request_fail(request, err, field, SPAN_EMPTY);
    else
        request_send(request, request_command(request, COMMAND_LOOK, room), on_looked);
}

const struct route routes_presence[] = {
    {"GET", "/api/v1/presence", NEED_ACTOR, handle_presence, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
