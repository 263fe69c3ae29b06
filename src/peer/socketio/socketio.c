/* Clients, their sockets, and what they hear and say. */
#include "peer/socketio/socketio.h"

#include "base/limits.h"
#include "base/base64.h"
#include "base/memory.h"
#include "base/rand.h"

#include <stdlib.h>
#include <string.h>

#define SID_RANDOM_BYTES 15 /* 20 characters */

struct socketio {
    struct engine *engine;
    struct socketio_host *host;
    void *user;
    struct list sockets;
    unsigned socket_count;
    struct sio_assembly assembly;
    struct loop_timer connect_timer, assembly_timer;
};

struct sio_socket {
    struct list in_client;
    struct socketio *client;
    void *user;
    bool is_connected;
    char sid[20];
    uint32_t nsp_len;
    char nsp[];
};

/* ---- small things ---- */

struct socketio *socketio_of(const struct engine *engine)
{
    return engine_user(engine);
}

struct engine *socketio_engine(const struct socketio *client)
{
    return client->engine;
}

struct socketio_host *socketio_host_of(const struct socketio *client)
{
    return client->host;
}

void *socketio_user(const struct socketio *client)
{
    return client->user;
}

void socketio_set_user(struct socketio *client, void *user)
{
    client->user = user;
}

struct socketio *sio_client(const struct sio_socket *socket)
{
    return socket->client;
}

struct span sio_nsp(const struct sio_socket *socket)
{
    return span_of(socket->nsp, socket->nsp_len);
}

struct span sio_sid(const struct sio_socket *socket)
{
    return span_of(socket->sid, sizeof socket->sid);
}

void *sio_user(const struct sio_socket *socket)
{
    return socket->user;
}

void sio_set_user(struct sio_socket *socket, void *user)
{
    socket->user = user;
}

bool sio_is_connected(const struct sio_socket *socket)
{
    return socket->is_connected;
}

struct span sio_heard(const struct sio_socket *socket)
{
    return socket->client->assembly.packet.data;
}

static struct loop *loop_of(const struct socketio *client)
{
    return client->host->engines.loop;
}

static void deadline(struct socketio *client, struct loop_timer *timer, uint64_t delay_ms)
{
    loop_timer_set(loop_of(client), timer, loop_now_ms(loop_of(client)) + delay_ms);
}

void socketio_set_connect_deadline(struct socketio *client, uint64_t connect_ms)
{
    if (timer_is_scheduled(&client->connect_timer.timer))
        deadline(client, &client->connect_timer, connect_ms);
}

/* ---- sockets ---- */

static struct sio_socket *socket_find(struct socketio *client, struct span nsp)
{
    LIST_EACH (&client->sockets, node) {
        struct sio_socket *socket = LIST_OWNER(node, struct sio_socket, in_client);
        if (span_equal(sio_nsp(socket), nsp))
            return socket;
    }
    return NULL;
}

static struct sio_socket *socket_new(struct socketio *client, struct span nsp)
{
    struct sio_socket *socket = memory_alloc(sizeof *socket + nsp.len);
    uint8_t random[SID_RANDOM_BYTES];
    struct buf sid = BUF_EMPTY;
    rand_bytes(random, sizeof random);
    base64url_encode(&sid, span_of(random, sizeof random));
    memcpy(socket->sid, sid.data, sizeof socket->sid);
    buf_deinit(&sid);
    socket->nsp_len = (uint32_t)nsp.len;
    memcpy(socket->nsp, nsp.data, nsp.len);
    socket->client = client;
    list_init(&socket->in_client);
    list_push_tail(&client->sockets, &socket->in_client);
    client->socket_count++;
    return socket;
}

static void socket_free(struct sio_socket *socket)
{
    list_remove(&socket->in_client);
    socket->client->socket_count--;
    free(socket);
}

static void end(struct sio_socket *socket, enum engine_end how)
{
    socket->client->host->events->on_disconnect(socket, how);
    socket_free(socket);
}

/* ---- sending ---- */

static void send_text(struct socketio *client, enum sio_type type, struct span nsp, unsigned attachments,
                      const uint64_t *ack_id, struct span data)
{
    struct buf text = BUF_EMPTY;
    sio_append(&text, type, nsp, attachments, ack_id, data);
    engine_send(client->engine, true, buf_span(&text), true);
    buf_deinit(&text);
}

/* Attachments follow their packet at once: nothing else is queued in between. */
static void send_packet(struct sio_socket *socket, enum sio_type type, const uint64_t *ack_id, struct span array,
                        const struct span *binaries, unsigned binary_count)
{
    send_text(socket->client, type, sio_nsp(socket), binary_count, ack_id, array);
    for (unsigned i = 0; i < binary_count; i++)
        engine_send(socket->client->engine, false, binaries[i], true);
}

void sio_emit(struct sio_socket *socket, struct span array, const struct span *binaries, unsigned binary_count,
              const uint64_t *ack_id)
{
    send_packet(socket, binary_count ? SIO_BINARY_EVENT : SIO_EVENT, ack_id, array, binaries, binary_count);
}

void sio_acknowledge(struct sio_socket *socket, uint64_t ack_id, struct span array, const struct span *binaries,
                     unsigned binary_count)
{
    send_packet(socket, binary_count ? SIO_BINARY_ACK : SIO_ACK, &ack_id, array, binaries, binary_count);
}

static void send_connected(struct sio_socket *socket, struct span pid)
{
    struct buf data = BUF_EMPTY;
    loop_timer_stop(loop_of(socket->client), &socket->client->connect_timer);
    buf_append_char(&data, '{');
    json_member_string(&data, "sid", sio_sid(socket));
    if (pid.len) {
        json_member_string(&data, "pid", pid);
        engine_keep_plain(socket->client->engine);
    }
    buf_append_char(&data, '}');
    send_text(socket->client, SIO_CONNECT, sio_nsp(socket), 0, NULL, buf_span(&data));
    buf_deinit(&data);
}

void sio_accept(struct sio_socket *socket, struct span sid, struct span pid)
{
    if (sid.len == sizeof socket->sid)
        memcpy(socket->sid, sid.data, sizeof socket->sid);
    socket->is_connected = true;
    send_connected(socket, pid);
}

static void send_connect_error(struct socketio *client, struct span nsp, struct span message, struct span data)
{
    struct buf text = BUF_EMPTY;
    buf_append_char(&text, '{');
    json_member_string(&text, "message", message);
    if (data.len)
        json_member_raw(&text, "data", data);
    buf_append_char(&text, '}');
    send_text(client, SIO_CONNECT_ERROR, nsp, 0, NULL, buf_span(&text));
    buf_deinit(&text);
}

void sio_reject(struct sio_socket *socket, struct span message, struct span data)
{
    send_connect_error(socket->client, sio_nsp(socket), message, data);
    socket_free(socket);
}

void sio_disconnect(struct sio_socket *socket)
{
    send_text(socket->client, SIO_DISCONNECT, sio_nsp(socket), 0, NULL, SPAN_EMPTY);
    end(socket, ENGINE_LEFT);
}

/* ---- hearing ---- */

static enum err hear_connect(struct socketio *client, struct span nsp, yyjson_val *auth)
{
    if (nsp.len > SIO_NSP_BYTES_MAX || client->socket_count >= client->host->settings.namespaces_max ||
        socket_find(client, nsp)) {
        send_connect_error(client, nsp, SPAN("Invalid namespace"), SPAN_EMPTY);
        return OK;
    }
    client->host->events->on_connect(socket_new(client, nsp), auth);
    return OK;
}

static enum err hear_packet(struct socketio *client)
{
    const struct sio_assembly *assembly = &client->assembly;
    const struct sio_packet *packet = &assembly->packet;
    const struct socketio_events *events = client->host->events;
    if (packet->type == SIO_CONNECT)
        return hear_connect(client, packet->nsp, assembly->json.root);
    struct sio_socket *socket = socket_find(client, packet->nsp);
    if (!socket || packet->type == SIO_CONNECT_ERROR)
        return ERR_PROTOCOL;
    if (packet->type == SIO_DISCONNECT) {
        end(socket, ENGINE_LEFT);
        return OK;
    }
    if (!socket->is_connected)
        return ERR_PROTOCOL; /* an event before the CONNECT was answered */
    struct span binaries[LIMIT_SIO_ATTACHMENTS];
    for (unsigned i = 0; i < packet->attachment_count; i++)
        binaries[i] = buf_span(&assembly->attachments[i]);
    struct sio_event event = {.data = assembly->json.root,
                              .text = packet->data,
                              .json = &assembly->json,
                              .has_ack = packet->has_ack,
                              .ack_id = packet->ack_id,
                              .binaries = binaries,
                              .binary_count = packet->attachment_count};
    if (packet->type == SIO_EVENT || packet->type == SIO_BINARY_EVENT)
        events->on_event(socket, &event);
    else if (events->on_ack)
        events->on_ack(socket, &event);
    return OK;
}

static void on_message(struct engine *engine, bool is_text, struct span data)
{
    struct socketio *client = engine_user(engine);
    struct sio_assembly *assembly = &client->assembly;
    bool is_whole = false;
    enum err err = is_text ? sio_assembly_text(assembly, data, &client->host->settings.json, &is_whole)
                           : sio_assembly_binary(assembly, data, &is_whole);
    if (err == OK && is_whole) {
        loop_timer_stop(loop_of(client), &client->assembly_timer);
        err = hear_packet(client);
        /* Whoever heard it may have closed the engine; its memory stays until the turn's end. */
        sio_assembly_reset(assembly);
    } else if (err == OK && !timer_is_scheduled(&client->assembly_timer.timer)) {
        deadline(client, &client->assembly_timer, client->host->settings.assembly_ms);
    }
    if (err)
        engine_close(engine, ENGINE_BAD, (uint16_t)(err == ERR_TOO_LARGE ? 1009 : 1002), SPAN_EMPTY);
}

/* ---- life ---- */

static void on_connect_time(struct loop_timer *timer)
{
    engine_close(LIST_OWNER(timer, struct socketio, connect_timer)->engine, ENGINE_BAD, 1000, SPAN("connect timeout"));
}

static void on_assembly_time(struct loop_timer *timer)
{
    engine_close(LIST_OWNER(timer, struct socketio, assembly_timer)->engine, ENGINE_BAD, 1002, SPAN_EMPTY);
}

struct socketio *socketio_open(struct socketio_host *host, struct http_exchange *exchange, void *user)
{
    struct engine *engine = engine_open(&host->engines, exchange, NULL);
    if (!engine)
        return NULL;
    struct socketio *client = NEW(struct socketio);
    client->engine = engine;
    client->host = host;
    client->user = user;
    client->connect_timer.on_time = on_connect_time;
    client->assembly_timer.on_time = on_assembly_time;
    list_init(&client->sockets);
    sio_assembly_init(&client->assembly, host->engines.settings.payload_bytes_max);
    engine_set_user(engine, client);
    deadline(client, &client->connect_timer, host->settings.connect_ms);
    return client;
}

/* From the loop, never in the middle of a packet. */
static void on_closed(struct engine *engine, enum engine_end how)
{
    struct socketio *client = engine_user(engine);
    loop_timer_stop(loop_of(client), &client->assembly_timer);
    loop_timer_stop(loop_of(client), &client->connect_timer);
    while (!list_is_empty(&client->sockets))
        end(LIST_OWNER(client->sockets.next, struct sio_socket, in_client), how);
    if (client->host->events->on_gone)
        client->host->events->on_gone(client, how);
    sio_assembly_deinit(&client->assembly);
    free(client);
}

static void on_pong(struct engine *engine)
{
    struct socketio *client = engine_user(engine);
    LIST_EACH (&client->sockets, node)
        if (client->host->events->on_pong)
            client->host->events->on_pong(LIST_OWNER(node, struct sio_socket, in_client));
}

static const struct engine_events engine_events = {
    .on_message = on_message,
    .on_pong = on_pong,
    .on_closed = on_closed,
};

void socketio_host_init(struct socketio_host *host)
{
    host->engines.events = &engine_events;
    engine_host_init(&host->engines);
}

void socketio_host_deinit(struct socketio_host *host)
{
    engine_host_deinit(&host->engines);
}
