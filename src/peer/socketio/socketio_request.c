/* Where Socket.IO's requests arrive: a greeting finds out who it is, what belongs to another worker's session goes there. */
#include "peer/socketio/socketio_seat.h"

#include "base/limits.h"
#include "base/memory.h"
#include "net/hand_over.h"

#include <stdlib.h>
#include <string.h>

/* ---- requests ---------------------------------------------------------------------------------------------------- */

/* A cookie or token that is no good any more keeps nobody out: the CONNECT may bring a better one. */
static void on_greeted(void *arg, const struct credentials_result *result)
{
    struct request *request = arg;
    struct peer_host *host = request->host;
    struct http_exchange *exchange = request->exchange;
    struct guest *guest = NEW(struct guest);
    request->check = NULL;
    guest->host = host;
    guest->identity = result->identity;
    guest->err = result->err;
    guest->expires_ms = result->expires_ms;
    guest->has_login_key = result->has_login_key;
    memcpy(guest->login_key, result->login_key, sizeof guest->login_key);
    if (!guest->identity && admission_wait(host->admission)) {
        socketio_guest_free(guest);
        request_fail(request, ERR_TOO_MANY, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    guest->is_waiting = !guest->identity;
    request_forget(request);
    struct socketio *client = socketio_open(&host->socketio->sockets, exchange, guest);
    if (!client)
        socketio_guest_free(guest);
    else if (guest->is_waiting)
        socketio_set_connect_deadline(client, host->limits->auth_ms);
}

static void greet_request(struct request *request)
{
    if (request->host->is_draining) {
        request_fail(request, ERR_DRAINING, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    struct credentials_check *check =
        credentials_check_request(request->host, request->exchange, true, on_greeted, request);
    /* When it was decided at once the request is gone already. */
    if (check)
        request->check = check;
}

/* A connection on its way to the worker where the session lives. What follows the request is kept at the end of this
 * turn; after that it goes as a whole. */
struct transfer {
    struct loop_timer timer;
    struct peer_host *host;
    struct http_exchange *exchange;
    unsigned home;
};

static void on_transfer_gone(struct http_exchange *exchange)
{
    struct transfer *transfer = exchange->user;
    loop_timer_stop(transfer->host->loop, &transfer->timer);
    free(transfer);
}

static void on_transfer_time(struct loop_timer *timer)
{
    struct transfer *transfer = LIST_OWNER(timer, struct transfer, timer);
    struct peer_host *host = transfer->host;
    transfer->exchange->on_gone = NULL;
    host->hand_over(host->world, transfer->home, http_hand_over(transfer->exchange));
    free(transfer);
}

static void hand_over(struct peer_host *host, struct http_exchange *exchange, unsigned home)
{
    if (home >= host->worker_count) {
        engine_refuse(exchange, EIO_UNKNOWN_SID);
        return;
    }
    struct transfer *transfer = NEW(struct transfer);
    transfer->host = host;
    transfer->exchange = exchange;
    transfer->home = home;
    transfer->timer.on_time = on_transfer_time;
    exchange->user = transfer;
    exchange->on_gone = on_transfer_gone;
    loop_timer_set(host->loop, &transfer->timer, loop_now_ms(host->loop));
}

void socketio_session_handle(struct request *request)
{
    struct peer_host *host = request->host;
    struct http_exchange *exchange = request->exchange;
    struct engine_host *engines = &host->socketio->sockets.engines;
    unsigned home;
    enum engine_ask ask = engine_look(engines, exchange, &home);
    if (ask == ENGINE_GREETING) {
        greet_request(request);
        return;
    }
    request_forget(request);
    if (ask == ENGINE_OWN)
        engine_serve(engines, exchange);
    else if (ask == ENGINE_FOREIGN)
        hand_over(host, exchange, home);
}

size_t socketio_session_body_limit(struct peer_host *host, struct http_exchange *exchange)
{
    return engine_body_limit(&host->socketio->sockets.engines, exchange);
}

/* ---- per worker -------------------------------------------------------------------------------------------------- */

struct socketio_peers *socketio_peers_new(struct peer_host *host)
{
    struct socketio_peers *peers = NEW(struct socketio_peers);
    struct engine_host *engines = &peers->sockets.engines;
    peers->host = host;
    engines->loop = host->loop;
    engines->conn_host = host->conn_host;
    engines->worker = host->worker;
    engines->settings = engine_settings_default;
    engines->settings.ping_interval_ms = host->limits->engine_ping_interval_ms;
    engines->settings.ping_timeout_ms = host->limits->engine_ping_timeout_ms;
    engines->settings.payload_bytes_max = host->limits->engine_payload_bytes_max;
    peers->sockets.settings = (struct socketio_settings){
        .connect_ms = LIMIT_SIO_CONNECT_MS,
        .assembly_ms = LIMIT_SIO_ASSEMBLY_MS,
        .namespaces_max = LIMIT_SIO_NAMESPACES,
        .json = {host->limits->message_bytes_max, json_limits_default.depth_max, json_limits_default.members_max},
    };
    peers->sockets.events = &socketio_session_events;
    socketio_host_init(&peers->sockets);
    sio_keeper_init(&peers->keeper, host);
    sio_surveys_init(&peers->surveys, host);
    map_init(&peers->dynamic);
    return peers;
}

void socketio_peers_free(struct socketio_peers *peers)
{
    if (!peers)
        return;
    socketio_host_deinit(&peers->sockets);
    sio_keeper_deinit(&peers->keeper);
    sio_surveys_deinit(&peers->surveys);
    map_deinit(&peers->dynamic);
    free(peers);
}
