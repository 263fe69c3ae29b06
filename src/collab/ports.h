/* ports.h: what the core asks of the world. worker.c supplies it in the server, tests/simulation in virtual time.
 *
 * The core never waits: what takes time comes back as a completion (hub_on_stored). Completions and committed events of one
 * store reach each hub in the order in which the store did the work: an event that was committed before a room was opened, read or loaded is
 * part of that answer, and one committed after it comes after it. A commit's events come directly before its own completion, with no command in
 * between. The core's correctness hangs on this order. */
#pragma once

#include "collab/event.h"
#include "collab/object_access.h"

/* Work for the storage thread. One heap object that travels there and back; inputs first, results filled in by the store. */
enum store_kind {
    STORE_COMMIT,       /* commit */
    STORE_RECORD_LOAD,  /* type, entity_id -> found, state, version */
    STORE_ROOM_OPEN,    /* room -> position: its epoch and the offset of its last event (0: none yet) */
    STORE_EVENTS_READ,  /* room, since, count_max, bytes_max -> position (as above), events, is_complete. More than
                         * bytes_max: only the newest ones, not complete, and `since` has moved up to the one before them */
    STORE_CHANGES_READ, /* type, entity_id, since.offset: a version, count_max -> changes after it, oldest first (at most
                         * count_max, and some megabytes: the newest ones; is_complete: they begin right after it), version: of the last */
    STORE_RECORD_AT, /* type, entity_id, version -> found, state: as it was then; ERR_BAD_VERSION: there was no such version */
    STORE_OBJECTS_READ, /* objects: kind and id -> the rest of each; revision 0 when it is not there */
    STORE_OBJECTS_LIST, /* objects[0]: kind, owner, state (none empty), rights -> objects: those that may be seen, oldest first, at
                         * most count_max; version: how many there are in all */
    STORE_USERS_FIND, /* names: usernames in any case, or '#' and an id -> user_ids, an empty span for who is not
                         * there or whose account is disabled */
    STORE_USERS_LIST, /* names as above, or '@' and a role -> user_ids: who is meant by each of them in turn, at most count_max by
                         * one; user_of: the indexes of the names; user_count; name_users: how many each of them means */
    STORE_ROLES_READ, /* names: users' ids -> roles: what the account of each has now */
    STORE_OP_FIND, /* commit.user_id, op_id, op_hash -> is_repeat, or ERR_ID_REUSED; in both cases commit.answer. Writes nothing;
                        * without an op_id it only comes back in its turn, behind what was asked before */
};

#define COMMIT_ROOMS_MAX 16
/* A change, its alerts, and all whom they are told (LIMIT_ALERTED_BY_CHANGE); or a conflict, and the authors of all that its operations stand
 * against. */
#define COMMIT_EVENTS_MAX 320
#define COMMIT_OBJECTS_MAX 320
#define USERS_COUNTED_MAX 1000

/* An event that is also something that somebody did: a line of the activity feed, found again by any of these. */
struct commit_activity {
    struct span action; /* "created", "updated", "deleted", "viewed", "commented", "approved", ... */
    struct span user_id;
    struct span type, entity_id; /* of the record; may be empty */
    struct span customer_id;     /* the customer whom it is about; may be empty */
};

/* One event and the rooms that show it. The store numbers it in each room in the transaction that writes it, and makes of `event` one
 * numbered view per room (event_in_room). */
struct commit_event {
    struct event *event; /* owned reference: EVENT_CHANGE, EVENT_MESSAGE or EVENT_ALERT, without room and position */
    struct span body;    /* event_print's: what is kept; of a change it is also what history is read from */
    const struct commit_activity *activity; /* in the request's arena; NULL: none */
    uint32_t room_count, room_capacity;
    struct span *rooms;         /* in the request's arena; the first event's first room is the record's own */
    struct position *positions; /* result; as many, in the arena */
};

/* Which part of the core a completion belongs to. */
enum store_asker { ASKER_ROOM, ASKER_RECORD, ASKER_KEEP };

/* What somebody's account says he is. */
struct account_roles {
    /* There is an account of that id, or there was one: else he is known by his tokens alone, if at all. */
    bool is_known;
    bool is_active; /* it is there, and not disabled */
    uint32_t count;
    struct span *names;
};

struct store_request {
    enum store_kind kind;
    enum store_asker asker;
    enum err
        err; /* result. For STORE_COMMIT: ERR_CONFLICT (the record's version is not version - 1), ERR_ID_REUSED, ERR_STORAGE_FULL, ... */
    unsigned worker;    /* whose hub asked */
    void *context;      /* the hub's */
    struct arena arena; /* inputs and results live here */
    struct span room;
    const struct type *type;
    struct span entity_id;
    struct position since;
    uint32_t count_max;
    size_t bytes_max; /* of STORE_EVENTS_READ, as event_bytes counts; 0: no bound */
    /* results */
    bool found, is_repeat, is_complete;
    struct span state;
    uint64_t version;
    struct position position;
    uint32_t event_count;
    struct event **events; /* owned references */
    uint32_t change_count;
    struct change **changes; /* of STORE_CHANGES_READ */
    /* STORE_OBJECTS_READ: inputs with kind and id; what is there is filled in. STORE_OBJECTS_LIST: what is asked for, then
     * what there is. STORE_RECORD_LOAD: the record's locks. */
    uint32_t object_count;
    struct object *objects;
    struct object_rights rights; /* of who asks */
    /* STORE_USERS_FIND, STORE_USERS_LIST, STORE_ROLES_READ */
    uint32_t name_count, user_count;
    struct span *names, *user_ids;
    uint32_t *user_of;
    uint32_t *name_users;        /* counted up to USERS_COUNTED_MAX */
    struct account_roles *roles; /* one for each name */
    struct {
        struct span op_id; /* idempotency key with its owner; empty: none. Kept for 24 h at least */
        struct span user_id;
        uint64_t op_hash; /* of what was asked: the same id with another hash is ERR_ID_REUSED */
        /* Kept with the op id; a repeat gives the first one back here (is_repeat), and in `position` where the first one's first
         * event stood in its first room (epoch 0: it had none). */
        struct span answer;
        bool has_change;       /* a record row and a change row are written; events[0] is the EVENT_CHANGE: */
        struct span new_state; /* the record after it; empty for a delete */
        bool is_delete;
        uint64_t version; /* the new one */
        int64_t time_ms;
        uint32_t event_count, event_capacity;
        struct commit_event *events; /* in the arena; commit_add_event */
        /* What is put beside: each with its new revision, which must be one more than what is there, else the whole commit is
         * refused with ERR_CONFLICT. An empty body takes it away. */
        uint32_t object_count, object_capacity;
        struct object *objects; /* in the arena; commit_add_object */
        /* The number of the first event in the order of everything that was ever committed: grows, is never given twice. It is
         * the fencing token of a lock that this commit grants. */
        uint64_t sequence; /* result */
        /* To be put into objects[0]'s body as its member "token" in place of 0, and into the first event's: */
        bool grants;
    } commit;
};

/* Room for one more event, zeroed; at most COMMIT_EVENTS_MAX. Earlier ones may move. */
struct commit_event *commit_add_event(struct store_request *request);
/* Room for one more object, zeroed; at most COMMIT_OBJECTS_MAX. Earlier ones may move. */
struct object *commit_add_object(struct store_request *request);
/* One more room that shows it; at most COMMIT_ROOMS_MAX. */
void commit_show_in(struct store_request *request, struct commit_event *entry, struct span room);
/* For the record; others set `asker`. */
struct store_request *store_request_new(enum store_kind kind);
void store_request_free(struct store_request *request); /* its events too */

/* Ports may be called at any moment while the hub works. Commands given to hub_command from inside one wait until it is done. */
struct ports {
    void *world;
    /* To the session's worker, in order with deliver. Takes answer. */
    void (*answer)(void *world, struct answer *answer);
    /* To the listeners of the event's room on one worker. Takes a reference of its own. */
    void (*deliver)(void *world, unsigned worker, struct event *event);
    /* A command for a room that lives elsewhere. Takes command. */
    void (*relay)(void *world, struct command *command);
    /* Takes request; comes back by hub_on_stored. Committed events come to every room's home by hub_on_committed. */
    void (*store)(void *world, struct store_request *request);
    uint64_t (*random)(void *world);
    /* The wall clock in nanoseconds, for what orders events of different rooms; NULL: nobody asks for that order. */
    int64_t (*moment)(void *world);
    /* A change was committed whose alerts name more people than are told: how many were, and how many were not; NULL: nobody asks. */
    void (*left_out)(void *world, struct span room, uint32_t told, uint32_t left_out);
};
