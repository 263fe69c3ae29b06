/* /api/v1/sockets: what a backend does with the Socket.IO clients of a relay namespace: speak to them, as
 * io.of(nsp).to(room).emit() would; list them, make them join and leave rooms, disconnect them. For an application's own server and
 * administrators. */
#include "peer/rest/rest.h"

#include "base/limits.h"
#include "base/memory.h"
#include "peer/dialect/dialect_relay.h"
#include "peer/socketio/namespace.h"
#include "peer/socketio/socketio_seat.h"

#include <stdlib.h>

/* How many rooms have not answered yet. */
struct emission {
    unsigned waiting;
};

static void on_emitted(struct request *request, const struct answer *answer)
{
    struct emission *emission = request->state;
    /* A room that is not there has nobody in it, which is nobody's mistake. */
    if (answer->err && answer->err != ERR_NOT_MEMBER)
        request_fail(request, answer->err, answer->field, answer->message);
    else if (--emission->waiting == 0)
        request_respond(request, 200, SPAN("{\"ok\":true}"));
}

static struct span arguments_of(const struct json *body, struct arena *arena)
{
    yyjson_val *args = json_get(body->root, "args");
    return args ? arena_copy(arena, json_slice(body, args)) : SPAN("[]");
}

static void emit(struct request *request, const struct json *body, struct span nsp, struct span room)
{
    struct arena *arena = &request->exchange->arena;
    struct span name = arena_printf(arena, "io:%.*s#%.*s", SPAN_ARG(nsp), SPAN_ARG(room));
    struct command *command = request_command(request, COMMAND_PUBLISH, name);
    command->publish.as_server = true;
    command->publish.name = arena_copy(&command->arena, json_get_text(body->root, "event"));
    command->publish.data = arguments_of(body, &command->arena);
    command->publish.is_volatile = json_get_bool(body->root, "volatile", false);
    request_send(request, command, on_emitted);
}

static bool is_room(yyjson_val *value)
{
    return yyjson_is_str(value) && json_text(value).len > 0 && json_text(value).len <= LIMIT_ID_BYTES &&
           room_name_is_valid(json_text(value));
}

static enum err check_rooms(yyjson_val *rooms)
{
    size_t i, count;
    yyjson_val *room;
    if (!rooms)
        return OK;
    if (!yyjson_is_arr(rooms))
        return ERR_BAD_FIELD;
    if (yyjson_arr_size(rooms) == 0 || yyjson_arr_size(rooms) > LIMIT_SIO_ROOMS)
        return ERR_BAD_FIELD;
    yyjson_arr_foreach(rooms, i, count, room)
    {
        if (!is_room(room))
            return ERR_BAD_NAME;
    }
    return OK;
}

static bool namespace_is_there(const struct request *request, struct span nsp)
{
    const struct namespace *namespace =
        request->host->namespaces ? namespace_find(request->host->namespaces, nsp) : NULL;
    return namespace && namespace->is_relay;
}

static enum err check(const struct request *request, const struct json *body, struct span *nsp, struct span *field)
{
    yyjson_val *args = json_get(body->root, "args"), *event = json_get(body->root, "event");
    enum err err;
    *field = SPAN("namespace");
    *nsp = json_get_text2(body->root, "namespace", "nsp");
    if (!namespace_is_there(request, *nsp))
        return nsp->len ? ERR_NOT_FOUND : ERR_MISSING_FIELD;
    *field = SPAN("event");
    if (!event)
        return ERR_MISSING_FIELD;
    if (json_text(event).len == 0 || json_text(event).len > LIMIT_ID_BYTES)
        return ERR_BAD_FIELD;
    *field = SPAN("args");
    if (args && !yyjson_is_arr(args))
        return ERR_BAD_FIELD;
    *field = SPAN("rooms");
    if ((err = check_rooms(json_get(body->root, "rooms"))))
        return err;
    *field = SPAN_EMPTY;
    return OK;
}

static void emit_everywhere(struct request *request, const struct json *body, struct span nsp)
{
    yyjson_val *rooms = json_get(body->root, "rooms"), *room;
    struct emission *emission = NEW(struct emission);
    size_t i, count;
    emission->waiting = rooms ? (unsigned)yyjson_arr_size(rooms) : 1;
    request->state = emission;
    if (!rooms) {
        emit(request, body, nsp, SPAN_EMPTY);
        return;
    }
    yyjson_arr_foreach(rooms, i, count, room) emit(request, body, nsp, json_text(room));
}

/* ---- with acknowledgements ---- */

static void on_survey_done(struct peer_host *host, session_id asker, struct buf *json)
{
    struct session *session = session_find(host, asker);
    if (session) /* else nobody waits for it any more */
        request_respond_long(session->transport, 200, json);
}

static struct span event_array(struct arena *arena, const struct json *body)
{
    struct span args = arguments_of(body, arena);
    struct span items = span_trim(span_slice(args, 1, args.len - 2));
    struct buf text = BUF_EMPTY;
    buf_append_char(&text, '[');
    json_append_string(&text, json_get_text(body->root, "event"));
    if (items.len)
        buf_append_char(&text, ',');
    buf_append_span(&text, items);
    buf_append_char(&text, ']');
    struct span array = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    return array;
}

static void ask_everywhere(struct request *request, const struct json *body, struct span nsp)
{
    yyjson_val *timeout = json_get(body->root, "timeout_ms"), *rooms = json_get(body->root, "rooms"), *room;
    struct arena *arena = &request->exchange->arena;
    struct sio_survey_plan plan = {
        .nsp = nsp,
        .id = json_get_text(body->root, "id"),
        .rooms = arena_alloc(arena, (LIMIT_SIO_ROOMS + 1) * sizeof(struct span)),
        .array = event_array(arena, body),
        .timeout_ms = yyjson_get_uint(timeout),
    };
    size_t i, count;
    if (!yyjson_is_uint(timeout) || plan.timeout_ms == 0 || plan.timeout_ms > LIMIT_SIO_SURVEY_MS) {
        request_fail(request, ERR_BAD_FIELD, SPAN("timeout_ms"), SPAN_EMPTY);
        return;
    }
    yyjson_arr_foreach(rooms, i, count, room) plan.rooms[plan.room_count++] = json_text(room);
    enum err err = sio_survey(&request->host->socketio->surveys, &plan, request_session(request)->id, on_survey_done);
    if (err)
        request_fail(request, err, SPAN_EMPTY, SPAN_EMPTY);
}

static void handle_emit(struct request *request)
{
    struct json body = {0};
    struct span field = SPAN_EMPTY, nsp;
    if (!rest_is_backend(request))
        return;
    enum err err = request_json(request, &body);
    if (err == OK)
        err = check(request, &body, &nsp, &field);
    if (err)
        request_fail(request, err, field, SPAN_EMPTY);
    else if (json_get(body.root, "timeout_ms"))
        ask_everywhere(request, &body, nsp);
    else
        emit_everywhere(request, &body, nsp);
    json_deinit(&body);
}

/* ---- a tour of all workers: each has its own sockets ---- */

enum deed { DEED_LIST, DEED_JOIN, DEED_LEAVE, DEED_DISCONNECT };

struct tour {
    struct peer_errand errand; /* first */
    enum deed deed;
    unsigned home, next; /* who asked; who is visited after this one */
    session_id asker;
    struct arena arena;
    struct span nsp, room, id; /* which sockets; an empty one matches all */
    struct span *rooms;        /* to join or leave */
    size_t room_count;
    struct buf found;
    unsigned count;
};

static void tour_free(struct tour *tour)
{
    arena_deinit(&tour->arena);
    buf_deinit(&tour->found);
    free(tour);
}

static bool is_meant(const struct tour *tour, struct session *session)
{
    struct sio_socket *socket;
    if (session->dialect != &dialect_relay || session->is_closing)
        return false;
    socket = sio_session_socket(session);
    return span_equal(sio_nsp(socket), tour->nsp) && (tour->id.len == 0 || span_equal(sio_sid(socket), tour->id)) &&
           (tour->room.len == 0 || relay_is_in(session, tour->room));
}

static void do_deed(struct tour *tour, struct session *session)
{
    tour->count++;
    if (tour->deed == DEED_LIST) {
        if (tour->found.len)
            buf_append_char(&tour->found, ',');
        relay_write_socket(&tour->found, session);
    }
    for (size_t i = 0; i < tour->room_count; i++) {
        if (tour->deed == DEED_JOIN)
            relay_join(session, tour->rooms[i]);
        else
            relay_leave(session, tour->rooms[i]);
    }
    if (tour->deed == DEED_DISCONNECT)
        sio_disconnect(sio_session_socket(session)); /* the session is gone after it */
}

static void report(struct tour *tour, struct peer_host *host)
{
    struct session *session = session_find(host, tour->asker);
    struct request *request = session ? session->transport : NULL; /* NULL: nobody waits for it any more */
    struct buf json = BUF_EMPTY;
    if (request) {
        buf_append_str(&json, tour->deed == DEED_LIST ? "{\"sockets\":[" : "{\"ok\":true");
        buf_append_span(&json, buf_span(&tour->found));
        if (tour->deed == DEED_LIST)
            buf_append_char(&json, ']');
        json_member_u64(&json, "count", tour->count);
        buf_append_char(&json, '}');
        request_respond_long(request, 200, &json);
    }
    buf_deinit(&json);
    tour_free(tour);
}

static void visit(struct peer_errand *errand, struct peer_host *host)
{
    struct tour *tour = (struct tour *)errand;
    if (!host) {
        tour_free(tour);
        return;
    }
    if (tour->next == host->worker_count) {
        report(tour, host);
        return;
    }
    LIST_EACH (&host->sessions_all, node) {
        struct session *session = LIST_OWNER(node, struct session, in_host);
        if (is_meant(tour, session))
            do_deed(tour, session);
    }
    tour->next++;
    host->send_errand(host->world, tour->next == host->worker_count ? tour->home : tour->next, errand);
}

static void send_tour(struct request *request, struct tour *tour)
{
    struct peer_host *host = request->host;
    tour->errand.run = visit;
    tour->home = host->worker;
    tour->asker = request_session(request)->id;
    host->send_errand(host->world, 0, &tour->errand);
}

static struct tour *tour_new(enum deed deed, struct span nsp, struct span room, struct span id)
{
    struct tour *tour = NEW(struct tour);
    arena_init(&tour->arena, 512);
    tour->deed = deed;
    tour->nsp = arena_copy(&tour->arena, nsp);
    tour->room = arena_copy(&tour->arena, room);
    tour->id = arena_copy(&tour->arena, id);
    return tour;
}

static void handle_list(struct request *request)
{
    struct span nsp, room, id;
    http_query(request->exchange, "namespace", &nsp);
    http_query(request->exchange, "room", &room);
    http_query(request->exchange, "id", &id);
    if (!rest_is_backend(request))
        return;
    if (!namespace_is_there(request, nsp))
        request_fail(request, nsp.len ? ERR_NOT_FOUND : ERR_MISSING_FIELD, SPAN("namespace"), SPAN_EMPTY);
    else
        send_tour(request, tour_new(DEED_LIST, nsp, room, id));
}

static enum err check_deed(const struct request *request, const struct json *body, enum deed deed, struct span *field)
{
    struct span nsp = json_get_text2(body->root, "namespace", "nsp");
    enum err err;
    *field = SPAN("namespace");
    if (!namespace_is_there(request, nsp))
        return nsp.len ? ERR_NOT_FOUND : ERR_MISSING_FIELD;
    *field = SPAN("rooms");
    if (deed != DEED_DISCONNECT && !json_get(body->root, "rooms"))
        return ERR_MISSING_FIELD;
    if ((err = check_rooms(json_get(body->root, "rooms"))))
        return err;
    *field = SPAN_EMPTY;
    return OK;
}

static struct tour *tour_of_body(const struct json *body, enum deed deed)
{
    struct tour *tour = tour_new(deed, json_get_text2(body->root, "namespace", "nsp"),
                                 json_get_text(body->root, "room"), json_get_text(body->root, "id"));
    yyjson_val *rooms = json_get(body->root, "rooms"), *room;
    size_t i, count;
    if (deed == DEED_DISCONNECT || !rooms)
        return tour;
    tour->rooms = arena_alloc(&tour->arena, yyjson_arr_size(rooms) * sizeof *tour->rooms);
    yyjson_arr_foreach(rooms, i, count, room) tour->rooms[tour->room_count++] =
        arena_copy(&tour->arena, json_text(room));
    return tour;
}

static void handle_deed(struct request *request, enum deed deed)
{
    struct json body = {0};
    struct span field = SPAN_EMPTY;
    if (!rest_is_backend(request))
        return;
    enum err err = request_json(request, &body);
    if (err == OK)
        err = check_deed(request, &body, deed, &field);
    if (err)
        request_fail(request, err, field, SPAN_EMPTY);
    else
        send_tour(request, tour_of_body(&body, deed));
    json_deinit(&body);
}

static void handle_join(struct request *request)
{
    handle_deed(request, DEED_JOIN);
}

static void handle_leave(struct request *request)
{
    handle_deed(request, DEED_LEAVE);
}

static void handle_disconnect(struct request *request)
{
    handle_deed(request, DEED_DISCONNECT);
}

const struct route routes_sockets_rest[] = {
    {"GET", "/api/v1/sockets", NEED_USER, handle_list, false},
    {"POST", "/api/v1/sockets/emit", NEED_USER, handle_emit, false},
    {"POST", "/api/v1/sockets/join", NEED_USER, handle_join, false},
    {"POST", "/api/v1/sockets/leave", NEED_USER, handle_leave, false},
    {"POST", "/api/v1/sockets/disconnect", NEED_USER, handle_disconnect, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
