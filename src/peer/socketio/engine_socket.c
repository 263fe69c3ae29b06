/* WebSocket as the carrier of a session: from the start, or taking over from polling.
 *
 * A client that polls opens a WebSocket with the session's id and says "2probe"; it is answered "3probe", and the poll
 * that waits is let go, so that the client can stop polling. Only "5" switches. Until then the session polls on, and if
 * the WebSocket goes it goes alone. */
#include "peer/socketio/engine_internal.h"

#include "base/memory.h"

#include <stdlib.h>

enum { NUDGE_MS = 50 };

static void on_message(struct websocket *socket, bool is_text, struct span payload);
static void on_slow(struct websocket *socket);
static void on_closed(struct websocket *socket, uint16_t code);

static const struct websocket_events events = {.on_message = on_message, .on_slow = on_slow, .on_closed = on_closed};

static struct websocket *accept_socket(struct engine_host *host, struct http_exchange *exchange)
{
    const struct engine_settings *settings = &host->settings;
    struct websocket_options options = {
        .events = &events,
        .limits = {.message_bytes_max = settings->payload_bytes_max, .fragments_max = settings->fragments_max},
        .deflate_policy = settings->deflate_policy,
        .allows_deflate = true,
        .pings_per_second_max = settings->pings_per_second_max,
    };
    return websocket_accept(exchange, &options);
}

/* ---- from the start ---- */

struct engine *engine_open_socket(struct engine_host *host, struct http_exchange *exchange, void *user)
{
    struct websocket *socket = accept_socket(host, exchange);
    struct buf text = BUF_EMPTY;
    if (!socket)
        return NULL;
    struct engine *engine = engine_new(host, user);
    engine->state = ENGINE_CARRIED;
    engine->socket = socket;
    websocket_set_user(socket, engine);
    engine_append_open(engine, &text);
    websocket_send(socket, true, buf_span(&text));
    buf_deinit(&text);
    engine_start(engine);
    return engine;
}

/* ---- taking over ---- */

void engine_drop_probe(struct engine *engine)
{
    struct engine_probe *probe = engine->probe;
    if (!probe)
        return;
    engine->probe = NULL;
    loop_timer_stop(engine->host->loop, &probe->timer);
    loop_timer_stop(engine->host->loop, &probe->nudge);
    if (probe->socket) {
        websocket_set_user(probe->socket, NULL);
        websocket_close(probe->socket, 1000, SPAN_EMPTY);
    }
    free(probe);
}

static void on_probe_time(struct loop_timer *timer)
{
    engine_drop_probe(LIST_OWNER(timer, struct engine_probe, timer)->engine);
}

static void on_nudge_time(struct loop_timer *timer)
{
    struct engine *engine = LIST_OWNER(timer, struct engine_probe, nudge)->engine;
    if (engine->poll)
        engine_answer_poll(engine, false);
}

void engine_nudge(struct engine *engine)
{
    struct engine_probe *probe = engine->probe;
    if (probe->is_probed && !timer_is_scheduled(&probe->nudge.timer))
        loop_timer_set(engine->host->loop, &probe->nudge, loop_now_ms(engine->host->loop) + NUDGE_MS);
}

void engine_on_probe(struct engine *engine, struct http_exchange *exchange)
{
    struct engine_host *host = engine->host;
    struct websocket *socket = accept_socket(host, exchange);
    if (!socket)
        return;
    if (engine->state != ENGINE_POLLING || engine->probe || !host->settings.allows_upgrades) {
        websocket_close(socket, 1000, SPAN_EMPTY); /* the first one is kept */
        return;
    }
    struct engine_probe *probe = NEW(struct engine_probe);
    probe->engine = engine;
    probe->socket = socket;
    probe->timer.on_time = on_probe_time;
    probe->nudge.on_time = on_nudge_time;
    engine->probe = probe;
    websocket_set_user(socket, engine);
    loop_timer_set(host->loop, &probe->timer, loop_now_ms(host->loop) + host->settings.probe_ms);
}

static void take_over(struct engine *engine)
{
    engine->socket = engine->probe->socket;
    engine->probe->socket = NULL;
    engine_drop_probe(engine);
    /* A client that has said "5" polls no more; one that does gets a noop there, and what waits comes here. */
    struct engine_queue waiting = engine->queue;
    engine->queue = (struct engine_queue){0};
    if (engine->poll)
        engine_answer_poll(engine, false);
    list_remove(&engine->in_ready);
    engine->state = ENGINE_CARRIED;
    engine_queue_carry(&waiting, engine->socket);
}

static void hear_probe(struct engine *engine, bool is_text, struct span payload)
{
    struct engine_probe *probe = engine->probe;
    struct eio_packet packet = {0};
    enum err err = is_text ? eio_decode_text(payload, &packet) : ERR_PROTOCOL;
    if (!err && packet.type == EIO_PING && span_equal(packet.data, SPAN("probe")) && !probe->is_probed) {
        probe->is_probed = true;
        websocket_send(probe->socket, true, SPAN("3probe"));
        if (engine->poll)
            engine_nudge(engine);
    } else if (!err && packet.type == EIO_UPGRADE && probe->is_probed) {
        take_over(engine);
    } else {
        engine_drop_probe(engine);
    }
}

/* ---- the socket's events ---- */

static bool hear_carried(struct engine *engine, bool is_text, struct span payload)
{
    struct eio_packet packet = {.type = EIO_MESSAGE, .is_binary = true, .data = payload};
    return (!is_text || eio_decode_text(payload, &packet) == OK) && engine_hear(engine, &packet);
}

static void on_message(struct websocket *socket, bool is_text, struct span payload)
{
    struct engine *engine = websocket_user(socket);
    if (!engine)
        return; /* on its way out */
    if (socket != engine->socket)
        hear_probe(engine, is_text, payload);
    else if (!hear_carried(engine, is_text, payload))
        engine_finish(engine, ENGINE_BAD, 1002, SPAN_EMPTY);
}

/* What waits would keep the close frame from a reader that is slow but alive. */
static void on_slow(struct websocket *socket)
{
    struct engine *engine = websocket_user(socket);
    conn_drop_waiting(websocket_conn(socket));
    if (engine && socket == engine->socket)
        engine_finish(engine, ENGINE_SLOW, (uint16_t)err_close_code(ERR_SLOW_CONSUMER),
                      span_from_str(err_code(ERR_SLOW_CONSUMER)));
    else
        websocket_terminate(socket);
}

/* A close handshake by the client, with or without a close packet before it, means that he left the page or closed the
 * socket; Socket.IO tells these apart from leaving by a packet of its own. */
static void on_closed(struct websocket *socket, uint16_t code)
{
    struct engine *engine = websocket_user(socket);
    if (!engine)
        return;
    if (socket == engine->socket) {
        engine->socket = NULL;
        engine_finish(engine, code == 1002 || code == 1007 || code == 1009 ? ENGINE_BAD : ENGINE_LOST, 0, SPAN_EMPTY);
    } else {
        engine->probe->socket = NULL;
        engine_drop_probe(engine);
    }
}
