/* session.h: one client as everything above the wire knows him: who he is, which rooms he is in, how he is spoken to. A WebSocket, an SSE stream, a
 * Socket.IO socket and a waiting REST request are sessions.
 *
 * Home thread only. Life: session_open -> (authenticated) -> session_close. After session_close the session is unlinked at once (commands leave its
 * rooms) and its memory goes when the caller of the transport's on_closed is done: nobody else holds pointers; answers find it by id or are dropped. */
#pragma once

#include "auth/bucket.h"
#include "base/list.h"
#include "peer/host.h"

struct dialect;
struct fanout;
struct slice;

/* A session in a room. */
struct membership {
    struct list in_session; /* session->memberships */
    struct session *session;
    struct slice *slice; /* while it listens, from the answer to the join on; else NULL */
    uint32_t place;      /* in slice->members */
    bool is_joined;      /* answered, and not left since */
    bool is_present;     /* as somebody who is there */
    bool is_left;        /* only here until the answers of joins that were overtaken by a leave have come */
    uint32_t joins_waiting, joins_stale;
    struct position since; /* with a slice: everything behind it was delivered */
    uint32_t room_len;
    char room[];
};

/* How bytes reach the client. Every function is the transport's. */
struct outlet {
    /* A fan-out payload that was encoded once: `forms` encodes further per wire form on demand (fanout.h). */
    void (*send_shared)(struct session *session, struct fanout *fanout, uint64_t conflate_key);
    /* The same for one receiver, not counted against the slow-reader limit; NULL: send the text. */
    void (*replay)(struct session *session, struct fanout *fanout);
    /* One message for this client alone; counted says whether the slow-reader limit applies. */
    void (*send)(struct session *session, struct span message, bool counted);
    void (*close)(struct session *session, enum err reason, uint16_t code, struct span text);
    /* An answer that session_is_busy waited for has been said; NULL: this way in does not wait for any. */
    void (*answered)(struct session *session);
};

/* There are tens of thousands, so it is small; what every event that is handed over comes by stands first. */
struct session {
    session_id id; /* its bytes are the key in host->sessions */
    const struct dialect *dialect;
    const struct outlet *outlet;
    void *transport;             /* websocket, stream, socket: the outlet's */
    struct identity *identity;   /* NULL: not authenticated yet */
    const struct access *access; /* the identity's */
    bool is_closing, is_waiting_auth, is_counted_user;
    bool is_replaying;    /* one of the answers that are due may bring a whole log along */
    uint32_t answers_due; /* to joins and looks: long ones */
    enum err ended_by;    /* with is_closing: why */
    struct peer_host *host;
    struct list in_host;     /* host->sessions_all */
    void *state;             /* the dialect's own; freed by dialect->closed */
    struct position *resume; /* where the handshake's query says it was (?epoch=&offset=), or NULL; owned */
    struct list memberships;
    uint32_t membership_count; /* of rooms that the client asked for */
    uint32_t touched_ms; /* when the server-wide presence last heard that its user is active; the clock's lower half */
    uint64_t login_mark; /* of the cookie or token it came with: how a logout finds it; 0: none */
    struct loop_timer timer;  /* login deadline, then the token's expiry */
    int64_t token_expires_ms; /* wall clock; 0: none */
    struct bucket messages, bytes, errors;
};

struct session *session_open(struct peer_host *host, const struct dialect *dialect, const struct outlet *outlet,
                             void *transport);
/* Unlinks it, leaves its rooms (reason), frees it. The transport must not use it afterwards. */
void session_close(struct session *session, enum leave_reason reason);
struct session *session_find(struct peer_host *host, session_id id);

/* Nobody has said yet who this is: the login deadline runs. ERR_TOO_MANY: too many such sessions already. */
must_check enum err session_wait(struct session *session);
/* The login_mark of a login key (32 bytes), or 0 for an empty one. */
uint64_t session_login_mark(struct span login_key);
/* Takes the identity's reference. ERR_TOO_MANY: too many sessions of this user. Arms the expiry timer. */
must_check enum err session_authenticate(struct session *session, struct identity *identity, int64_t token_expires_ms,
                                         const uint8_t *login_key);
/* Ends it with an error's close code (peer side still gets on_closed). */
void session_end(struct session *session, enum err reason);

/* Rates: OK, or ERR_RATE_LIMITED; then nothing was taken and *retry_ms says when there will be enough (may be NULL). `count` is what the message
 * is charged as: 1, or as many as the changes that it holds; more than the burst passes when nothing else was taken before (bucket.h).
 * `is_conflated` messages (cursor, typing, presence) are never refused. */
must_check enum err session_take_message(struct session *session, uint32_t count, size_t bytes, bool is_conflated,
                                         uint64_t *retry_ms);
/* Counts an error answered, if it is one of those that are counted (err.def); ends the session past the limit. Gives false when it was ended. */
bool session_count_error(struct session *session, enum err err);

/* Rooms. */
struct membership *session_membership(struct session *session, struct span room);
/* Makes the command and, for JOIN and LEAVE, keeps the membership; the caller fills in the command's union and calls session_send. Room names are
 * canonical here (room_canonical). ERR_BAD_NAME, ERR_TOO_MANY, ERR_NOT_AUTHENTICATED. */
must_check enum err session_command(struct session *session, enum command_kind kind, struct span room, uint64_t tag,
                                    bool wants_answer, struct command **out);
/* To its room's home, by way of the backend where one is asked (gate.h). */
void session_send(struct session *session, struct command *command); /* takes */
/* Enough long answers are on their way to this client: a transport that can hears nothing more from it until `answered`. They are not counted
 * against its queue's limit, so their number is what keeps small questions from filling the memory. */
bool session_is_busy(const struct session *session);
static inline bool session_is_long_answer(enum command_kind kind)
{
    return kind == COMMAND_JOIN || kind == COMMAND_LOOK;
}
void session_on_answered(struct session *session); /* after the dialect has said a long one */
/* Hears the room's events no more, but stays in it, as seen as before; joining again with `listens` ends that. */
void session_mute(struct session *session, struct span room);
/* The answer to a JOIN: the membership takes its place in the slice. False when it failed or a leave has overtaken it: then nothing is replayed. */
bool session_on_joined(struct session *session, const struct answer *answer);
/* The name under which a room is known inside: a type's alias replaced by its name ("item:SKU-1" -> "inventory:SKU-1"). In the arena. */
struct span room_canonical(struct arena *arena, const struct type_registry *registry, struct span name);

/* One message to this client. */
void session_say(struct session *session, struct span message, bool counted);
