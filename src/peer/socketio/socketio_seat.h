/* socketio_seat.h: a client in a namespace, as the files see it that make a session of it: socketio_session.c connects it, hears it and lets it go,
 * socketio_say.c speaks to it, socketio_recovery.c brings it back, socketio_request.c is where its requests arrive. Home thread only. */
#pragma once

#include "auth/bucket.h"
#include "peer/socketio/socketio_keeper.h"
#include "peer/socketio/socketio_session.h"
#include "peer/socketio/socketio_survey.h"

struct namespace;

struct socketio_peers { /* of a worker */
    struct socketio_host sockets;
    struct peer_host *host;
    struct sio_keeper keeper;
    struct sio_surveys surveys;
    struct map dynamic; /* names that match a pattern and have somebody here: name -> struct dynamic_name */
};

/* A client: whom its handshake named. */
struct guest {
    struct peer_host *host;
    struct identity *identity; /* NULL: nobody */
    enum err err;              /* why nobody */
    int64_t expires_ms;
    bool has_login_key, is_waiting;
    uint8_t login_key[32];
};

/* What a socket needs that may be recovered. */
struct sio_life {
    struct sio_pid pid;
    struct sio_track track;
    session_id past[SIO_PAST_MAX];
    uint32_t past_count;
};

struct sio_return;

/* A client in a namespace. */
struct seat {
    struct sio_socket *socket;
    struct session *session;                 /* NULL until it is known who it is */
    struct credentials_check *check;         /* of the token that came with the CONNECT */
    const struct sio_vocabulary *vocabulary; /* NULL: a relay, or undecided */
    bool is_relay, is_stranger;
    struct dynamic_name *dynamic; /* NULL: its namespace has a name in the configuration */
    uint64_t recovery_ms;         /* it may come back within that time after its connection broke; 0: it may not */
    struct sio_life *life;        /* with recovery_ms, once it is accepted */
    struct sio_return *returning; /* what it wants back, until it has it or is told that it begins anew */
    void *vocabulary_state;
    struct bucket changes;
    struct loop_timer closing; /* session_end may come at any moment: the session goes in a turn of its own */
    uint16_t close_code;
    struct span close_text;
};

static inline struct seat *seat_of(const struct session *session)
{
    return session->state;
}

/* socketio_session.c */
const struct dialect *seat_dialect(const struct seat *seat);
void seat_welcome(struct seat *seat); /* as a new socket */
void seat_be_stranger(struct seat *seat, struct span sid);
void socketio_guest_free(struct guest *guest);
extern const struct socketio_events socketio_session_events;

/* socketio_say.c */
extern const struct outlet outlet_socketio;
void sio_write_error(struct buf *out, enum err err, struct span field, struct span message, uint64_t retry_ms);
