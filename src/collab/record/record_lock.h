/* record_lock.h: a record's locks, and when the next one expires. Allocated while there are any. Home thread only. */
#pragma once

#include "collab/record/lock.h"
#include "collab/record/record_making.h"

struct record_locks {
    struct record *record;
    struct lock_set set;
    struct alarm alarm;
    bool is_sweeping; /* it went off, and what has expired is in line */
    uint64_t put_ms;  /* when something was put last for what goes on; 0: never */
    uint64_t away_ms; /* until then it is not tried again: the type is not there */
};

/* ---- record_lock_ask.c, and what it needs of record_lock.c ---- */

/* COMMAND_OBJECT on a lock; also what the server itself does with locks (as_server: OBJECT_EXPIRE; OBJECT_REMOVE when the command's
 * session left). */
void plan_lock(struct making *making);
/* The server's own part of it. */
void plan_lock_sweep(struct making *making);
struct lock_limits locks_limits(const struct hub *hub);
/* Who asks, and when. `limits` is borrowed. */
struct lock_scene locks_scene(const struct making *making, const struct lock_limits *limits);
/* The record's, which is made when there is none. */
struct lock_set *locks_set(struct record *record);
/* The plan's outcome shows the lock, if he may see it; NULL: none. */
void locks_show(struct making *making, const struct lock *lock);
bool locks_may_see(const struct making *making, const struct lock *lock);
/* The fields that a lock with this body tells about. */
uint64_t locks_shown_by(const struct making *making, struct span body);
/* What was decided, into the commit. */
void locks_put(struct making *making, struct store_request *request, const struct lock_decision *decision,
               uint64_t shown);

/* ---- the rest ---- */

/* May this change be made under the locks as they are? False: no (plan says why). */
bool plan_check_locks(struct making *making, const struct change *change);

/* What the store has; the record's locks are that from now on. */
void record_locks_load(struct record *record, const struct store_request *request);
/* A commit of locks came to be: what it granted (0: nothing) has its token. */
void record_locks_granted(struct record *record, const struct store_request *request, uint64_t grant);
/* A session left. True: it held locks, which are to be given back in line. When its connection broke they only begin to expire. */
bool record_locks_leave(struct record *record, session_id session, bool is_broken);
/* How a lock stands, as an object; false: there is no such lock. */
bool record_locks_print(const struct record *record, struct span id, struct buf *out);
/* What time does to them, or that this session left (0: none), cannot be told now: the configuration does not have the type. */
void record_locks_put_off(struct record *record, session_id session);
/* After anything that may have changed them: the alarm is set, an empty set goes. */
void record_locks_tidy(struct record *record);
void record_locks_free(struct record *record);
