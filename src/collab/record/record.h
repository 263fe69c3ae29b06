/* record.h: a business record at its home: its state as it is committed, the tip on which the next change builds while earlier
 * ones are still on their way to the disk, its newest changes, its locks, and the commands that wait. Home thread only.
 *
 *     loading ----> ready <----> reading
 *        ^            |             |
 *        |            v             |
 *        +-------- settling <-------+
 *
 * Changes are pipelined: each is applied to the tip and handed to the store without waiting for those before it. When one of them
 * fails, the tip never was: the record settles until the store has answered everything, is loaded anew, and the changes that
 * only failed because of others are made again, in order.
 *
 * A command that needs something from the store before it can be decided (older changes, an old state, a conflict, who wants to be
 * told) makes the record read: those behind it wait, so nothing is under way any more when it is decided.
 *
 * Nobody is told anything that depends on a tip which may never be: a refusal goes through the store, too, behind the changes it
 * depends on, and on the way learns whether the same change was made before (its idempotency key is known). What the store would not
 * refuse when the tip fails (a conflict, a lock) is decided when nothing is under way. */
#pragma once

#include "base/buf.h"
#include "collab/record/record_tail.h"
#include "collab/room/room.h"

struct record_locks; /* record_lock.h */

struct snapshot {
    struct buf state; /* JSON; empty when there is no such record */
    uint64_t version; /* of a record that was deleted: its last one */
    bool exists;
};

enum record_step { RECORD_LOADING, RECORD_READY, RECORD_READING, RECORD_SETTLING };

struct record {
    struct hub *hub;
    struct span room; /* its name */
    enum record_step step;
    struct snapshot committed;
    struct snapshot tip;        /* only while commits are under way */
    struct record_tail tail;    /* up to the tip */
    struct record_locks *locks; /* NULL: nobody has locked anything */
    uint32_t commit_count;      /* of changes, at the store */
    uint32_t lock_count;        /* commits of locks, at the store */
    uint32_t asked_count;       /* of all that was asked of the store for jobs and is not answered */
    uint32_t job_count;
    struct list waiting; /* jobs for a state that is not there yet */
    /* jobs at the store, in the order of their changes; those that conflicted stay in their place */
    struct list under_way;
    struct list in_idle; /* hub->records_idle, while there is nothing to do */
    char name[];
};

/* The record of an open room, for a join: OK with NULL when it is still being loaded (room_wake follows). ERR_OVERLOADED. */
must_check enum err record_for_join(const struct room *room, struct record **out);
/* The committed state, for an answer. */
void record_describe(const struct record *record, struct answer *answer);

/* A change, an action, an undo, a restore, a lock, the settling of a conflict. Takes command. */
void record_command(struct hub *hub, struct command *command);
void record_on_loaded(struct record *record, struct store_request *request);
/* Of what was asked for the record's commands. */
void record_on_stored(struct hub *hub, struct store_request *request);
/* A change was committed; when it is none of ours, what we know is old. */
void record_on_committed(struct hub *hub, const struct event *event);
void record_free(struct record *record);

/* A session is no member of the record's room any more: its locks go, or, when its connection broke, begin to expire. */
void record_session_left(struct hub *hub, struct span room, session_id session, bool is_broken);
/* A session of the user is in the room: it keeps alive what he holds. */
void record_session_came(struct hub *hub, struct span room, struct span user_id, session_id session);
void record_on_alarm(struct alarm *alarm); /* ALARM_LOCKS */
