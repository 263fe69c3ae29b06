/* All paths: each noun's are in its own file, at the end. */
#include "peer/dialect.h"
#include "peer/rest/rest.h"
#include "peer/socketio/socketio_session.h"
#include "peer/websocket_session.h"

static void handle_native(struct request *request)
{
    websocket_session_handle(request, &dialect_native);
}

static void handle_manufacturing(struct request *request)
{
    websocket_session_handle(request, &dialect_manufacturing);
}

const struct route routes_sockets[] = {
    {"GET", "/ws", NEED_NOTHING, handle_native, false},
    {"GET", "/api/v1/ws", NEED_NOTHING, handle_manufacturing, false},
    {NULL, "/socket.io", NEED_NOTHING, socketio_session_handle, false},
    {NULL, "/socket.io/", NEED_NOTHING, socketio_session_handle, false},
    {NULL, "/ws/socket.io", NEED_NOTHING, socketio_session_handle, false},
    {NULL, "/ws/socket.io/", NEED_NOTHING, socketio_session_handle, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};

const struct route *const route_tables[] = {
    routes_sockets,       routes_sockets_rest, routes_backend,
    routes_login,         routes_types,        routes_records,
    routes_changes,       routes_actions,      routes_history,
    routes_undo,          routes_locks,        routes_conflicts,
    routes_comments,      routes_messages,     routes_activity,
    routes_notifications, routes_presence,     routes_inventory,
    routes_events,        routes_health,       NULL,
};
