/* socketio_session.h: Socket.IO clients as sessions. Each namespace a client is connected to is one session (session.h) with a dialect: the vocabulary it speaks.
 *
 *   /            both vocabularies of ours: a socket is undecided until its first event that belongs to one (dialect_inventory.c, dialect_projects.c)
 *   /NAME        as configured (`namespaces`): a relay for an application's own rooms and events (dialect_relay.c)
 *
 * A vocabulary hears events through a table of rows and says events and answers through its struct dialect, whose `say` appends the JSON array
 * ["name", argument, ...] without namespace or packet type: the outlet adds those, once per namespace. Home thread only. */
#pragma once

#include "peer/dialect/dialogue.h"
#include "peer/rest/route.h"
#include "peer/socketio/socketio.h"

/* An event that was heard. */
struct sio_hearing {
    struct session *session;
    const struct sio_event *event;
    struct arena *arena; /* of this event */
    struct span name;
    yyjson_val *payload; /* the first argument; NULL: none */
    struct span field;   /* what was wrong */
    uint64_t retry_ms;
};

struct sio_verb {
    const char *name;
    enum err (*hear)(struct sio_hearing *hearing);
    bool is_conflated; /* cursors, typing: never refused by a rate */
    bool is_counted;   /* changes state: the projects vocabulary's 100 a minute */
};

struct sio_vocabulary {
    const char *name;
    const struct sio_verb *verbs; /* ends with a row without a name */
    const struct dialect *dialect;
    bool limits_changes; /* counts is_counted events */
    /* A socket that was recovered is in this room again: who is there now, in the vocabulary's words. */
    void (*returned)(struct session *session, struct span room);
};
extern const struct sio_vocabulary vocabulary_inventory, vocabulary_projects;

/* Says `connection_established` once the session is authenticated: both vocabularies' hello. */
extern const struct dialect dialect_undecided;

/* The command's tag: which acknowledgement it is answered with (none: 0), and what was asked, the vocabulary's own small number. */
uint64_t sio_tag(const struct sio_hearing *hearing, unsigned asked);
uint64_t sio_tag_plain(unsigned asked); /* without an acknowledgement */
unsigned sio_tag_asked(uint64_t tag);
/* A command for the hearing's session with that tag, always answered. */
must_check enum err sio_command(struct sio_hearing *hearing, enum command_kind kind, struct span room, unsigned asked,
                                struct command **out);

/* One event to this client: ["name", payload]; payload is JSON. */
void sio_session_emit(struct session *session, const char *name, struct span payload);
/* The acknowledgement of what the tag belongs to, if one was asked for: one JSON argument. False: none was asked for. */
bool sio_session_acknowledge(struct session *session, uint64_t tag, struct span argument);
/* {"error":{code, message, field, retry_after_ms}} as acknowledgement, or the event `error` with that object. Counts the error. */
void sio_session_fail(struct session *session, uint64_t tag, enum err err, struct span field, struct span message,
                      uint64_t retry_ms);
/* The socket of such a session. */
struct sio_socket *sio_session_socket(const struct session *session);

/* What the vocabulary remembers of this session; its dialect's `closed` frees it. */
void **sio_session_state(const struct session *session);

/* The route "/socket.io/" and "/ws/socket.io/". Takes the request. */
void socketio_session_handle(struct request *request);
/* What a POST there may carry (http_handlers.body_limit). */
size_t socketio_session_body_limit(struct peer_host *host, struct http_exchange *exchange);

/* Per worker; called with the peer_host. */
struct socketio_peers *socketio_peers_new(struct peer_host *host);
void socketio_peers_free(struct socketio_peers *peers);
