/* socketio.h: Socket.IO 5 over an Engine.IO session: namespaces, events, acknowledgements, binary packets. Knows no
 * rooms and no users: what packets mean is for the events below (socketio_session.h in the product, handlers of its own
 * in the conformance program). Source: the Socket.IO protocol document, revision 5. Home thread only.
 *
 * A socket ends with its connection. An owner that recovers sockets (socketio_recovery.h) gives each a private id when it accepts it, makes a note when it
 * goes, and on a later CONNECT that brings this id says what was missed before it accepts the new socket under the old ids.
 */
#pragma once

#include "base/list.h"
#include "peer/socketio/engine.h"
#include "wire/socketio.h"

struct socketio;   /* one client: everything on one engine */
struct sio_socket; /* the client in one namespace */

struct sio_event { /* what a socket was sent; valid during the call */
    const struct json *json;
    yyjson_val *data; /* the array: name, arguments */
    struct span text; /* of the array, as it came */
    bool has_ack;
    uint64_t ack_id;
    struct span *binaries; /* of its placeholders */
    unsigned binary_count;
};

struct socketio_events {
    /* A CONNECT: answer with sio_accept or sio_reject, now or later. auth is an object or NULL. */
    void (*on_connect)(struct sio_socket *socket, yyjson_val *auth);
    void (*on_event)(struct sio_socket *socket, const struct sio_event *event);
    /* An acknowledgement of something that was emitted with an id; NULL: not listened to. */
    void (*on_ack)(struct sio_socket *socket, const struct sio_event *event);
    /* Once for each on_connect that was not rejected; the socket is gone after it. */
    void (*on_disconnect)(struct sio_socket *socket, enum engine_end end);
    /* Everything that it was sent before the last ping has arrived. NULL is fine. */
    void (*on_pong)(struct sio_socket *socket);
    /* The client is gone, after its sockets; NULL is fine. */
    void (*on_gone)(struct socketio *client, enum engine_end end);
};

struct socketio_settings {
    uint64_t connect_ms;     /* without any CONNECT it is closed: 45,000 */
    uint64_t assembly_ms;    /* attachments must come within: 10,000 */
    unsigned namespaces_max; /* 16 */
    struct json_limits json;
};

struct socketio_host {
    struct engine_host engines; /* its settings, worker and loop are the caller's */
    struct socketio_settings settings;
    const struct socketio_events *events;
    void *arg;
};

/* Settings, worker and loop are filled in already. */
void socketio_host_init(struct socketio_host *host);
void socketio_host_deinit(struct socketio_host *host);

/* Opens a session for a request that engine_look called a greeting; takes the exchange. NULL: it was refused. */
struct socketio *socketio_open(struct socketio_host *host, struct http_exchange *exchange, void *user);
/* The client of an engine that belongs to a socketio_host. */
struct socketio *socketio_of(const struct engine *engine);
struct engine *socketio_engine(const struct socketio *client);
struct socketio_host *socketio_host_of(const struct socketio *client);
void *socketio_user(const struct socketio *client);
void socketio_set_user(struct socketio *client, void *user);
/* Another deadline for the first CONNECT than the settings': from now. */
void socketio_set_connect_deadline(struct socketio *client, uint64_t connect_ms);

struct socketio *sio_client(const struct sio_socket *socket);
struct span sio_nsp(const struct sio_socket *socket); /* "/" or "/name" */
struct span sio_sid(const struct sio_socket *socket); /* the socket's own id, which others may know */
void *sio_user(const struct sio_socket *socket);
void sio_set_user(struct sio_socket *socket, void *user);
bool sio_is_connected(const struct sio_socket *socket);
/* Within an event: the JSON text that came with it, of CONNECT the auth; empty: none. */
struct span sio_heard(const struct sio_socket *socket);

/* `pid`: a private id for recovery, or empty. `sid`: an old one that was recovered, or empty. */
void sio_accept(struct sio_socket *socket, struct span sid, struct span pid);
/* CONNECT_ERROR with {"message":..., "data": data}; data (JSON) may be empty. The socket is gone, on_disconnect is not called. */
void sio_reject(struct sio_socket *socket, struct span message, struct span data);
/* An event: `array` is the JSON text of name and arguments. Binaries are those of its placeholders. ack_id NULL: none wanted. */
void sio_emit(struct sio_socket *socket, struct span array, const struct span *binaries, unsigned binary_count,
              const uint64_t *ack_id);
void sio_acknowledge(struct sio_socket *socket, uint64_t ack_id, struct span array, const struct span *binaries,
                     unsigned binary_count);
/* Tells the client that it was disconnected from the namespace; on_disconnect is called. */
void sio_disconnect(struct sio_socket *socket);
