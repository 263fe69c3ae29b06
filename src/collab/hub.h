/* hub.h: one worker's share of the core: the rooms and records whose home it is. Commands, completions and time go in; answers
 * and events come out through ports. Deterministic: the same inputs give the same outputs. Home thread only.
 *
 * Time: now_ms is monotonic and drives every duration; wall_ms is only printed. Both come in with hub_set_time before each batch. */
#pragma once

#include "collab/ports.h"

struct hub;

struct hub_limits {
    uint64_t tick_ms;             /* cursors and presence wait this long to be conflated: 2; 0: at once */
    uint64_t grace_ms;            /* a broken connection is not a leave before this: 15,000 */
    uint64_t idle_ms;             /* without activity a person is away: 300,000 */
    uint64_t typing_ms;           /* typing ends by itself: 5,000 */
    uint64_t refresh_ms;          /* presence refresh: 10,000 */
    uint32_t log_events_max;      /* of a room, resumable: 10,000 */
    uint64_t log_age_ms;          /* 600,000 */
    size_t log_bytes_max;         /* of a room's log in memory: 4 MiB */
    size_t hub_log_bytes_max;     /* of all of them: 256 MiB, oldest rooms first */
    uint32_t rooms_max;           /* 100,000 */
    uint32_t room_members_max;    /* 20,000 */
    uint32_t room_waiting_max;    /* commands for a room that wait for the store: 20,000 */
    uint32_t presence_list_max;   /* people listed in one answer: 2,000 */
    uint32_t places_max;          /* people at records, known to the room of all people: 20,000 */
    uint32_t records_cached_max;  /* 20,000, least recently used goes */
    size_t records_bytes_max;     /* of all cached ones: 64 MiB */
    size_t record_bytes_max;      /* 64 KiB */
    uint32_t changes_waiting_max; /* per record, while its state is loaded or the disk is slow: 1,000 */
    uint32_t keeping_max;         /* commands about what is kept beside records, in all rooms: 20,000 */
    uint64_t lock_ttl_ms;         /* of a lock, when none is asked for: 30,000 */
    uint64_t room_linger_ms;      /* an empty free room keeps its log this long: 600,000 */
};
extern const struct hub_limits hub_limits_default;

struct hub *hub_new(unsigned worker, unsigned worker_count, struct type_registry *registry,
                    const struct hub_limits *limits, const struct ports *ports);
void hub_free(struct hub *hub);
void hub_set_time(struct hub *hub, uint64_t now_ms, int64_t wall_ms);
void hub_set_registry(struct hub *hub,
                      struct type_registry *registry); /* after a reload; takes a reference of its own */

void hub_command(struct hub *hub, struct command *command);         /* takes; its room must be at home here */
void hub_on_stored(struct hub *hub, struct store_request *request); /* takes: a completion of ports.store */
void hub_on_committed(struct hub *hub,
                      struct event *event); /* a durable event of a room at home here; takes a reference of its own */
uint64_t hub_next_deadline(const struct hub *hub); /* now_ms value; UINT64_MAX: nothing is waiting */
void hub_advance(struct hub *hub);                 /* does what is due at the time set */

/* For /socket-stats and tests. */
struct hub_counts {
    uint32_t rooms, members, people, records, records_busy;
    size_t log_bytes;
};
struct hub_counts hub_counts(const struct hub *hub);

/* Which worker is a room's home. */
unsigned room_home(struct span room, unsigned worker_count);

/* The rooms the server itself speaks in. */
#define ROOM_RECORDS "records"        /* every change of every record */
#define ROOM_PRESENCE "user-presence" /* who is connected at all; mirrors presence in records' rooms */
#define ROOM_ALERTS "notifications"   /* alerts */
#define ROOM_OF_USER "user:"          /* and an id: that user's own, closed to others but admins; his inbox, durable */
#define ROOM_LOCKS "edit-locks"       /* every lock */
#define ROOM_COMMENTS "comments"      /* every comment */
#define ROOM_ACTIVITY "activity-feed" /* what everybody did */
#define ROOM_OF_FEED "feed:"          /* "feed:user:ID", "feed:customer:ID": what one did, what concerns one */
/* Whether events of this room are stored: a record's room, a type's channel, the server's own. Clients cannot publish in those but a record's. */
bool room_is_durable(const struct type_registry *registry, struct span room);
