/* ports.h: what the core asks of the world. worker.c supplies it in the server, tests/simulation in virtual time.
 *
 * The core never waits: what takes time comes back as a completion (hub_on_stored). Completions and committed events of one
 * store reach each hub in the order in which the store did the work: an event that was committed before a room was opened, read or loaded is
 * part of that answer, and one committed after it comes after it. A commit's events come directly before its own completion, with no command in
 * between. The core's correctness hangs on this order. */
#pragma once

#include "collab/event.h"

/* Work for the storage thread. One heap object that travels there and back; inputs first, results filled in by the store. */
enum store_kind {
    STORE_COMMIT,      /* commit */
    STORE_RECORD_LOAD, /* type, entity_id -> found, state, version */
    STORE_ROOM_OPEN,   /* room -> position: its epoch and the offset of its last event (0: none yet) */
    STORE_EVENTS_READ, /* room, since, count_max -> position (as above), events, is_complete */
    STORE_OP_FIND, /* commit.user_id, op_id, op_hash -> is_repeat, or ERR_ID_REUSED; in both cases commit.answer. Writes nothing;
                        * without an op_id it only comes back in its turn, behind what was asked before */
};

#define COMMIT_ROOMS_MAX 16
#define COMMIT_EVENTS_MAX 8

/* One event and the rooms that show it. The store numbers it in each room in the transaction that writes it, and makes of `event` one
 * numbered view per room (event_in_room). */
struct commit_event {
    struct event *event; /* owned reference: EVENT_CHANGE, EVENT_MESSAGE or EVENT_ALERT, without room and position */
    struct span body;    /* event_print's: what is kept; of a change it is also what history is read from */
    uint32_t room_count;
    struct span rooms[COMMIT_ROOMS_MAX];         /* the first event's first room is the record's own */
    struct position positions[COMMIT_ROOMS_MAX]; /* result */
};

struct store_request {
    enum store_kind kind;
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
    /* results */
    bool found, is_repeat, is_complete;
    struct span state;
    uint64_t version;
    struct position position;
    uint32_t event_count;
    struct event **events; /* owned references */
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
        uint32_t event_count;
        struct commit_event events[COMMIT_EVENTS_MAX];
    } commit;
};

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
};
