/* record.h: a business record at its home: its state as it is committed, the tip on which the next change builds while earlier
 * ones are still on their way to the disk, and the changes that wait. Home thread only.
 *
 *     loading ----> ready ----> settling ----> loading
 *
 * Changes are pipelined: each is applied to the tip and handed to the store without waiting for those before it. When one of them
 * fails, the tip never was: the record settles until the store has answered everything, is loaded anew, and the changes that
 * only failed because of others are made again, in order.
 *
 * Nobody is told anything that depends on a tip which may never be: a refusal goes through the store, too, behind the changes it
 * depends on, and on the way learns whether the same change was made before (its idempotency key is known). */
#pragma once

#include "base/buf.h"
#include "collab/room.h"

struct snapshot {
    struct buf state; /* JSON; empty when there is no such record */
    uint64_t version; /* of a record that was deleted: its last one */
    bool exists;
};

enum record_step { RECORD_LOADING, RECORD_READY, RECORD_SETTLING };

struct record {
    struct hub *hub;
    struct span room; /* its name */
    enum record_step step;
    struct snapshot committed;
    struct snapshot tip;   /* only while commits are under way */
    uint32_t commit_count; /* of changes, at the store */
    uint32_t asked_count;  /* of all that was asked of the store for jobs and is not answered */
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

/* A change or an action. Takes command. */
void record_command(struct hub *hub, struct command *command);
void record_on_loaded(struct record *record, struct store_request *request);
/* Of what record.c asked in STORE_COMMIT and STORE_OP_FIND. */
void record_on_stored(struct hub *hub, struct store_request *request);
/* A change was committed; when it is none of ours, what we know is old. */
void record_on_committed(struct hub *hub, const struct event *event);
void record_free(struct record *record);
