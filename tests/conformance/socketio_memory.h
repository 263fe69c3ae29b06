/* socketio_memory.h: what a socket of the echo was sent last, so that connection state recovery can be tried without rooms: packets, numbered, while it is
 * connected and for a while after that. */
#pragma once

#include "base/map.h"
#include "peer/socketio/socketio.h"

struct memory;

struct memories {
    struct loop *loop;
    uint64_t keeps_ms; /* 0: nothing is remembered */
    uint64_t offset_last;
    struct map away; /* private id -> struct memory of a socket that is gone */
};

void memories_init(struct memories *memories, struct loop *loop, uint64_t keeps_ms);
void memories_deinit(struct memories *memories);

/* The memory that a CONNECT asks for: the socket is sent what was missed. Or a new one. */
struct memory *memory_recall(struct memories *memories, struct sio_socket *socket, yyjson_val *auth);
/* Its ids; empty ones when there is none, or it is new. */
struct span memory_sid(const struct memory *memory);
struct span memory_pid(const struct memory *memory);
/* It was accepted. */
void memory_meet(struct memory *memory, struct sio_socket *socket);
/* Numbers an event and keeps it; gives the array with the number in it, which lives in *numbered. */
struct span memory_add(struct memory *memory, struct span array, const struct span *binaries, unsigned binary_count,
                       struct buf *numbered);
/* The socket is gone: kept for a while, or freed. */
void memory_part(struct memory *memory, bool may_return);
