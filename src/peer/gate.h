/* gate.h: on the way from a client to its rooms: an application's backend is asked before some commands go on. One per worker, home thread.
 *
 * A command that is asked about waits for the answer, and everything its session sends after it waits behind it, also what it sends when it
 * closes: its order holds. Other sessions are not delayed. One question per session is under way at a time, so a backend sees a session's
 * commands in order, each after it has decided about the one before.
 *
 *     asked as     about
 *     join         JOIN and LOOK, but for rooms that the server joins by itself and a user's own
 *     publish      PUBLISH
 *     change       CHANGE, ACTION, UNDO, RESTORE, and OBJECT that settles a conflict
 *     object       every other OBJECT, but renewing a lock
 *
 * About changes of records whose type is `proxied` it is asked whatever the rules say, and they need its yes: without an answer, or without a
 * backend, they are refused. What the server does itself (`as_server`) is never asked about. A refusal is ERR_BACKEND_REFUSED with the backend's sentence, no usable answer
 * is ERR_BACKEND_UNAVAILABLE, or as the rules say. Only what the backend allows for a while is remembered: joins and publishes, by user, roles and room. */
#pragma once

#include "peer/host.h"

enum {
    GATE_JOIN = 1,
    GATE_PUBLISH = 2,
    GATE_CHANGE = 4,
    GATE_OBJECT = 8,
};

struct gate_rules {
    bool has_backend;         /* there is one to ask */
    unsigned asks;            /* bits as above */
    bool allows_when_down;    /* without an answer a command goes on */
    uint64_t cache_max_ms;    /* what is allowed for longer is asked again after this */
    uint32_t waiting_max;     /* commands of one session, */
    size_t waiting_bytes_max; /* and what they take: past either the session ends with ERR_OVERLOADED */
    uint32_t held_max;        /* of all sessions together; */
    size_t held_bytes_max;    /* past either what would wait is refused with ERR_OVERLOADED */
    uint32_t remembered_max;  /* answers; past it all are forgotten */
};

struct gate *gate_new(struct peer_host *host, const struct gate_rules *rules);
/* With what still waits; answers that come later must find no host. NULL is fine. */
void gate_free(struct gate *gate);
/* Sends it to its room's home, now or when it may go; takes. */
void gate_send(struct gate *gate, struct command *command);
/* What was allowed to a user is asked again. */
void gate_forget(struct gate *gate, struct span user_id);
/* The session's rights were taken away: what of it waits is refused (ERR_SESSION_REVOKED), whatever the backend says. Its leaving goes on. */
void gate_revoke(struct gate *gate, session_id session);
/* How many commands wait. */
uint32_t gate_held(const struct gate *gate);
