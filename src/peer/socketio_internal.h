/* socketio_internal.h: clients and their sockets, as the files see them that work for them. */
#pragma once

#include "peer/socketio.h"

struct socketio {
    struct engine *engine;
    struct socketio_host *host;
    void *user;
    struct list sockets;
    unsigned socket_count;
    struct sio_assembly assembly;
    struct loop_timer connect_timer, assembly_timer;
};

struct sio_memory;

struct sio_socket {
    struct list in_client;
    struct socketio *client; /* NULL: away */
    struct socketio_host *host;
    struct sio_memory *memory; /* NULL: it ends with its connection */
    void *user;
    bool is_connected;
    char sid[20];
    uint32_t nsp_len;
    char nsp[];
};

/* socketio.c */
void sio_attach(struct sio_socket *socket, struct socketio *client);
void sio_detach(struct sio_socket *socket);
void sio_end(struct sio_socket *socket, enum engine_end end); /* on_disconnect, and it is gone */
void sio_send_connected(struct sio_socket *socket, struct span pid);

/* socketio_recovery.c */
struct sio_memory *sio_memory_new(struct sio_socket *socket);
void sio_memory_free(struct sio_memory *memory);
struct span sio_memory_pid(const struct sio_memory *memory); /* empty for NULL */
/* Numbers an event and keeps it; gives the array with the offset in it, which lives in *numbered. */
struct span sio_remember(struct sio_socket *socket, struct span array, const struct span *binaries,
                         unsigned binary_count, struct buf *numbered);
/* Its connection is gone: takes it from its client and keeps it for a while. False: it cannot return. */
bool sio_keep_away(struct sio_socket *socket, enum engine_end end);
/* The socket that a CONNECT asks for: it was away and has everything now, with its answer. NULL: a new one is to be made. */
struct sio_socket *sio_recover(struct socketio *client, struct span nsp, yyjson_val *auth);
void sio_forget_away(struct socketio_host *host);
