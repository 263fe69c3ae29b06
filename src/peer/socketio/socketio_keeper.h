/* socketio_keeper.h: what is known of Socket.IO sockets that may be recovered, while they have no connection: where they stood in their rooms, and for whom.
 * Not what they missed: that is in the rooms' logs.
 *
 * A socket's private id names the worker where it was accepted first. That worker's keeper has a record of it for as long as it may come back: its facts, or
 * who has them. A client that comes back on another worker asks there by mail (sio_keeper_ask), and the facts come by mail; when its connection breaks again
 * they go back (sio_keeper_keep). A client that comes back before its old connection was found broken takes the facts from that.
 *
 * One per worker, home thread only. Bounded: by number and bytes, the oldest facts go first. */
#pragma once

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "collab/command.h"
#include "net/loop.h"
#include "peer/socketio/socketio_track.h"

struct peer_host;
struct sio_vocabulary;

#define SIO_PID_BYTES 26
#define SIO_PAST_MAX 8

struct sio_pid {
    char text[SIO_PID_BYTES];
};

struct sio_facts_room {
    struct span name;
    struct position since; /* with `track`: everything behind it was delivered */
    bool listens, is_present;
};

struct sio_facts {
    struct sio_pid pid;
    char sid[20];
    struct arena arena; /* of the names */
    struct span nsp, user_id;
    bool is_stranger; /* nobody had to log in, and he had not */
    bool is_relay;
    const struct sio_vocabulary *vocabulary;
    struct sio_facts_room *rooms; /* the one that was joined last is the first */
    uint32_t room_count;
    struct sio_track track;
    session_id past[SIO_PAST_MAX]; /* what it was as a session: whose messages it need not be told */
    uint32_t past_count;
    uint64_t until_ms; /* the loop's clock */
};

struct sio_facts *sio_facts_new(void);
void sio_facts_free(struct sio_facts *facts);

struct sio_keeper {
    struct peer_host *host;
    struct map records; /* private id -> struct record */
    struct list kept;   /* records with facts, oldest first */
    uint32_t kept_count;
    size_t kept_bytes;
};

void sio_keeper_init(struct sio_keeper *keeper, struct peer_host *host);
void sio_keeper_deinit(struct sio_keeper *keeper);

/* A new private id, of a socket that is connected as this session. */
void sio_keeper_enroll(struct sio_keeper *keeper, session_id session, struct sio_pid *pid);
bool sio_pid_read(struct span text, struct sio_pid *pid);
/* It lost its connection. Takes the facts, to the worker that the id names. */
void sio_keeper_keep(struct sio_keeper *keeper, struct sio_facts *facts);
/* It is gone for good. */
void sio_keeper_forget(struct sio_keeper *keeper, const struct sio_pid *pid);

struct sio_ask {
    struct sio_pid pid;
    session_id asker; /* it is answered by recovery_found (socketio_recovery.h) */
    struct span nsp, user_id;
    bool is_stranger;
};
void sio_keeper_ask(struct sio_keeper *keeper, const struct sio_ask *ask);
