/* lock.h: who holds a record, or a part of it, for himself: leases with fencing tokens. Bookkeeping only: the record
 * (record.c) owns the set, hands what is decided here to the store, and loads the set anew when the store refuses it. Home thread only.
 *
 *     free ----> granted (token 0: on its way to the disk) ----> held ----> free (released, expired, forced, handed over)
 *
 * What is decided counts at once for what is decided next: the store keeps the order. Time: now_ms is monotonic and drives every
 * expiry; wall_ms is only shown. A lock is kept alive by the connections that took it (all of one user): while one of them is a
 * member of the record's room it does not expire; when the last one leaves, the lock goes at once; when that breaks, grace_ms later,
 * unless its user comes back. A lock taken by no member (REST) lives as long as its ttl and must be renewed. One that has expired counts as gone, whether
 * lock_set_expire has been called or not.
 *
 * What is stored of a lock says when it ends, so that whoever only reads what is stored (lists; a restart) knows whether it is over:
 * of a lock that goes on, that is written anew in time (lock_set_extend).
 *
 * Two locks clash when one path is inside the other (or the same) and their users differ. One user's own locks do not clash. A
 * soft lock warns and keeps nobody from writing; it clashes with nothing.
 *
 *     lock.c        what is asked of locks, and decided
 *     lock_set.c    sessions, expiry, whether a write may be done
 *     lock_ask.c    reading what is asked      lock_print.c   the stored form and back */
#pragma once

#include "base/limits.h"
#include "base/list.h"
#include "collab/change/change.h"
#include "collab/command.h"
#include "collab/object.h"
#include "wire/json.h"

#define LOCKS_PER_RECORD_MAX 64
#define LOCK_REQUESTS_MAX 16
#define LOCK_SESSIONS_MAX 8
#define LOCK_TTL_MIN_MS 1000
#define LOCK_TTL_MAX_MS 3600000
#define LOCK_NOTE_BYTES_MAX LIMIT_LOCK_NOTE_BYTES
#define LOCK_KEPT_MS 20000 /* what is stored of a lock that a connection keeps alive is good for that long at least */

struct lock_limits {
    uint64_t ttl_ms;   /* when none is asked for: 30,000 */
    uint64_t grace_ms; /* 15,000 */
};

struct lock {
    struct list node;
    struct span
        id; /* the record's room, '#', the canonical path ("" for the whole record); of a soft one also "~~" and its user */
    struct path path;
    struct span user_id, username, name;
    /* Members of the room that took it, each as its user: while there is one it does not expire. */
    uint32_t session_count;
    session_id sessions[LOCK_SESSIONS_MAX];
    session_id outside; /* who took it was no member then: when he comes in he keeps it alive; 0: nobody */
    bool
        awaits_session; /* nobody knows which connection took it: every session of its user in the room keeps it alive */
    bool is_soft;
    uint64_t grant; /* which of the set's grants made it */
    uint64_t token; /* 0: its grant is on the way to the disk */
    uint64_t ttl_ms, expires_ms;
    int64_t locked_at_ms;   /* wall clock */
    int64_t stored_ends_ms; /* wall clock: when it ends by what is stored */
    uint64_t revision;      /* of the stored object */
    uint32_t request_count;
    struct lock_request {
        struct span user_id, username, name, note;
        int64_t at_ms;
    } requests[LOCK_REQUESTS_MAX];
    struct span note;   /* of one that is taken from its holder: why */
    struct arena arena; /* its texts */
};

struct lock_set {
    struct list locks;
    uint32_t count;
    uint64_t grant_count; /* ever decided */
};

void lock_set_init(struct lock_set *set);
void lock_set_deinit(struct lock_set *set);

/* Somebody wants something of a lock. */
struct lock_ask {
    enum object_verb verb; /* ADD, REMOVE, RENEW, REQUEST, HAND_OVER, FORCE */
    struct path path;      /* depth 0: the whole record */
    bool has_token, is_soft, has_ttl;
    uint64_t token, ttl_ms;
    struct span to_user_id, note;
};
/* Of a command's input: {path?, token?, ttl_ms? | ttl? (seconds), soft?, user_id?, note?}. Spans in the arena. ERR_BAD_FIELD (a ttl
 * outside of LOCK_TTL_MIN_MS..LOCK_TTL_MAX_MS, a token below 1, ...), ERR_BAD_PATH, ERR_POSITION_IN_PATH, ERR_UNKNOWN_FIELD (the type has
 * no such field), with *field. `input` may be NULL. */
must_check enum err lock_ask_parse(struct arena *arena, const struct type *type, enum object_verb verb,
                                   yyjson_val *input, struct lock_ask *ask, struct span *field);

/* Who asks, and when. */
struct lock_scene {
    struct span room;                /* the record's */
    const struct identity *identity; /* NULL: nobody, time passes */
    session_id session;
    bool is_member; /* the session is in the room */
    bool may_force; /* his role may take locks from others */
    /* Whether somebody else may hold a lock there now: who gets one that is handed over. NULL: everybody. */
    bool (*may_hold)(const void *context, struct span user_id, const struct path *path);
    const void *holders; /* its context */
    const struct lock_limits *limits;
    uint64_t now_ms;
    int64_t wall_ms;
};

/* What comes of it: an object to be put and said. */
struct lock_decision {
    /* ERR_LOCKED, ERR_LOCK_LOST (the token is not the lock's, or the lock is gone), ERR_FORBIDDEN, ERR_NOT_FOUND (nobody holds it,
     * or, with the field user_id: he did not ask for it; the same with ERR_FORBIDDEN: he may not hold it any more), ERR_TOO_MANY, ERR_BAD_PATH (the path is too long) */
    enum err err;
    struct span field;
    const struct lock *in_the_way; /* with ERR_LOCKED, ERR_LOCK_LOST: or NULL. Valid until the set changes */
    bool waits; /* the lock's grant is still on the way to the disk: ask again when it is there. Nothing was changed */
    bool is_stored;          /* object, verb and body say what is to be put; else (some renewals) it is done already */
    bool is_silent;          /* it is put, and nobody is told: renewals */
    uint64_t grant;          /* != 0: the commit's sequence becomes the token: lock_set_granted */
    bool goes;               /* the object is taken away; body is what is told */
    enum object_verb verb;   /* what happened */
    struct object object;    /* spans in the arena; its body is empty when it goes */
    struct span body;        /* JSON, lock_print's; "token" is 0 while it grants */
    const struct lock *lock; /* of what is answered; or NULL when it goes. Valid until the set changes */
    /* who must hear of it in his inbox (the holder who was asked, the one who lost it, the one who got it); or empty */
    struct span notify_user_id;
};
/* Decides, and changes the set as if the store had agreed. Taking the lock again that one holds is a renewal: same token. A
 * request reaches the lock in the way when nobody holds exactly what is asked for. Handing over needs no user_id when somebody asked
 * for the lock: then it is the first who did and may still hold it; who may not any more waits no longer. What is forced is free
 * afterwards. */
void lock_decide(struct lock_set *set, struct arena *arena, const struct lock_scene *scene, const struct lock_ask *ask,
                 struct lock_decision *decision);
/* Whose lock it would be about: the one that is asked for, handed over or forced; NULL: there is none. Valid until the set changes. */
const struct lock *lock_asked_for(const struct lock_set *set, struct arena *arena, const struct lock_scene *scene,
                                  const struct lock_ask *ask);
/* The store has: the token is the commit's sequence. Nothing, when the lock is gone or another's by then. */
void lock_set_granted(struct lock_set *set, struct span id, uint64_t grant, uint64_t token);

/* Whether a write may be done: every operation of the change that needs a lock has one. `needs` says whether an operation's field is
 * lock-based; of a delete of the record it is asked about operations on the locks' own paths, and about one of depth 0. For those: a lock of
 * this user that covers its path (ERR_LOCKED when somebody else holds it, ERR_LOCK_REQUIRED when nobody does). For all others: a
 * lock of somebody else is in the way only when `enforces`. A fence that was given must always be the token of a lock that the user
 * holds: ERR_LOCK_LOST. A create of the record needs none. */
must_check enum err lock_set_check(const struct lock_set *set, const struct change *change,
                                   bool (*needs)(const void *context, const struct op *op), const void *context,
                                   bool enforces, struct span user_id, uint64_t now_ms, const struct lock **in_the_way);

/* Whether this session is one of those that keep it alive. */
bool lock_is_kept_by(const struct lock *lock, session_id session);
/* A session went. Gone at once (is_broken false): gives the locks that nobody else keeps, one decision each (REMOVE). Broken: they only
 * begin to expire. `decisions` has room for LOCKS_PER_RECORD_MAX. Gives how many. */
uint32_t lock_set_session_left(struct lock_set *set, struct arena *arena, const struct lock_scene *scene,
                               bool is_broken, struct lock_decision *decisions);
/* A session of the user came (back) into the room: it keeps alive what it took itself, and what he held through a connection that broke, if
 * he was in time. */
void lock_set_session_came(struct lock_set *set, struct span user_id, session_id session, uint64_t now_ms);
/* When the next one expires; UINT64_MAX: none. */
uint64_t lock_set_deadline(const struct lock_set *set);
/* Those that have expired: one decision each (EXPIRE). */
uint32_t lock_set_expire(struct lock_set *set, struct arena *arena, const struct lock_scene *scene,
                         struct lock_decision *decisions);

/* When what is stored has to be put anew, or a lock that goes on would seem to be over; UINT64_MAX: never. */
uint64_t lock_set_extend_at(const struct lock_set *set, uint64_t now_ms, int64_t wall_ms);
/* Those of which that is so now: one silent decision each (RENEW). */
uint32_t lock_set_extend(struct lock_set *set, struct arena *arena, const struct lock_scene *scene,
                         struct lock_decision *decisions);

/* After loading: the set is what the store has. Who is in it already keeps his session and expiry; the others live for their ttl and a grace, or
 * until their user comes back. */
void lock_set_load(struct lock_set *set, struct span room, const struct object *objects, uint32_t count,
                   const struct lock_limits *limits, uint64_t now_ms);
/* After the first loading: what nobody keeps and was over before, by what is stored and a grace, ends now: there was no server to see it. */
void lock_set_end_overdue(struct lock_set *set, const struct lock_limits *limits, uint64_t now_ms, int64_t wall_ms);
/* As OBJECT_LOCK's body in object.h says. expires_at of a lock that its connection keeps alive is what it would be without that. */
void lock_print(struct buf *out, const struct lock *lock, uint64_t now_ms, int64_t wall_ms);
