/* hub_internal.h: the hub as the files of the core see it that work for it: rooms, people, records. Nobody outside of collab/
 * includes this. */
#pragma once

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "collab/event_log.h"
#include "collab/hub.h"

/* What falls due. The owner embeds the alarm, hub_advance finds him by the kind. */
enum alarm_kind {
    ALARM_TICK,    /* struct room: cursors and presence waited long enough to be conflated */
    ALARM_REFRESH, /* struct room: somebody's last_seen moved a while ago */
    ALARM_PERSON,  /* struct person: somebody became idle, or a broken connection did not come back */
    ALARM_TYPING,  /* struct typing: nobody said that he still types */
    ALARM_LINGER,  /* struct hub: a room has been empty long enough */
    ALARM_LOCKS,   /* struct record_locks: nobody keeps one of a record's locks alive any more */
};
struct alarm {
    struct timer timer;
    enum alarm_kind kind;
};

struct hub {
    unsigned worker, worker_count;
    struct hub_limits limits;
    struct ports ports;
    struct type_registry *registry;
    struct type_registry **old_registries; /* logs hold events that point into them */
    uint32_t old_registry_count;
    uint64_t now_ms;
    int64_t wall_ms;
    bool is_busy;
    struct list queue; /* commands that came while it was */
    struct timer_heap alarms;
    struct map rooms;   /* by name */
    struct map members; /* by the room's serial and the session */
    struct map people;  /* by the room's serial and the user's id */
    struct map records; /* by their rooms' names */
    struct map places;  /* places.h, by room and user; only at the home of the room of all people */
    struct list places_taken;
    uint64_t room_serial;
    struct list rooms_empty;  /* longest empty first */
    struct list rooms_logged; /* those with events in memory, longest silent first */
    struct list publishing;   /* commands whose message is at the store */
    struct list records_idle; /* least recently used first */
    uint32_t locked_count;    /* records with locks: they are never idle */
    struct alarm linger;
    size_t log_bytes, record_bytes;
    struct keep *keep;             /* keep.c: what is under way there; NULL: nothing ever was */
    struct keep_views *keep_views; /* keep_activity.c; NULL as well */
};

void alarm_set(struct hub *hub, struct alarm *alarm, uint64_t deadline); /* moves it when it was set */
void alarm_cancel(struct hub *hub, struct alarm *alarm);
static inline bool alarm_is_set(const struct alarm *alarm)
{
    return timer_is_scheduled(&alarm->timer);
}

/* Sends it, or drops it when nobody wants to know. Takes answer. */
void hub_answer(struct hub *hub, const struct command *command, struct answer *answer);
void hub_refuse(struct hub *hub, const struct command *command, enum err err, struct span field);
/* Takes request. */
void hub_store(struct hub *hub, struct store_request *request, void *context);
/* To the room's home, be it this hub or another. Takes command. */
void hub_relay(struct hub *hub, struct command *command);
/* Never 0, and small enough to be a number in JavaScript. */
uint64_t hub_new_epoch(struct hub *hub);
/* A durable event's id. */
struct span hub_new_event_id(struct hub *hub, struct arena *arena);
/* May he read what is said in a room of this name: ERR_FORBIDDEN for a type he may not read, and for the room of
 * somebody else. */
must_check enum err hub_may_read(const struct hub *hub, const struct identity *identity, struct span room);
/* Is it one of the rooms in which only the server speaks? */
bool room_is_servers(const struct type_registry *registry, struct span room);
