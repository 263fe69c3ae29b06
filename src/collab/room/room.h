/* room.h: a room at its home: the sessions in it, how many of them listen on each worker, where its events stand and the last of
 * them, and the commands that have to wait for the store. Home thread only.
 *
 *     opening ----> open <----> empty ----> gone
 *
 * A durable room is opening until the store has said where it stands; commands wait meanwhile. A room without members lingers, so
 * that those who come back soon get what they missed. */
#pragma once

#include "collab/room/color.h"
#include "collab/hub_internal.h"
#include "collab/room/recent_ids.h"

struct person;

/* A session in a room. */
struct member {
    struct member_key {
        uint64_t room;
        session_id session;
    } key; /* its bytes are the key in hub->members */
    struct room *room;
    struct person *person;    /* NULL: only listens */
    struct list in_person;    /* person->sessions */
    struct whereabouts *said; /* where he says he is; NULL: nowhere */
    uint64_t active_ms;       /* when he did something last */
    uint64_t lingers_until;   /* 0: connected; else: the connection broke, and until then nobody has to know */
    bool listens;
    uint8_t intent;
    uint8_t status; /* what he chose; online: as his activity says */
};

struct room {
    struct hub *hub;
    uint64_t serial; /* never used again: part of its members' keys */
    struct span name;
    const struct type *type; /* of the record whose room it is, or NULL */
    struct span entity_id;   /* in name */
    bool is_durable, is_open;
    bool is_servers; /* only the server speaks in it */
    bool was_joined; /* somebody was ever in it */
    bool is_reading; /* what somebody missed is being read from the store */
    uint64_t epoch;
    struct event_log log;
    uint64_t unreadable_before; /* the store cannot serve who stands before this offset */
    uint32_t member_count, people_count, waiting_count;
    uint32_t publishing_count; /* messages at the store */
    uint32_t arrivals;         /* listeners that ever came: typing says itself again to new ones */
    struct list people;        /* in the order in which they came */
    struct list pending;       /* people of whom there is something to say at the next tick */
    struct list moved;         /* people whose last_seen moved since the last refresh */
    struct list waiting;       /* commands */
    struct list in_empty, in_logged;
    uint64_t empty_since_ms;
    uint64_t logged_ms; /* when it took its place in that list */
    struct alarm tick, refresh;
    struct recent_ids recent_ids;
    struct color_set colors;
    uint32_t own_color_count; /* people with a colour of their own choice */
    uint32_t listeners[];     /* per worker; the name's bytes lie behind them */
};

struct room *room_find(const struct hub *hub, struct span name);
/* Makes a room that is not there; a durable one begins to open. ERR_BAD_NAME, ERR_TOO_MANY. */
must_check enum err room_new(struct hub *hub, struct span name, struct room **out);
/* With everything in it; nobody hears of it. */
void room_free(struct room *room);
void room_on_opened(struct room *room, struct store_request *request);
/* Something is under way: it is not empty now. To be followed by: */
void room_hold(struct room *room);
/* Without members, and with nothing under way, it begins to linger. */
void room_settle(struct room *room);
void room_on_linger(struct hub *hub); /* ALARM_LINGER */

struct position room_position(const struct room *room);
/* To the listeners, wherever they are. */
void room_deliver(struct room *room, struct event *event);
/* Keeps a numbered event for those who come back, and delivers it. */
void room_publish_numbered(struct room *room, struct event *event);
/* Drops what is older than the limits say. */
void room_trim_log(struct room *room);

struct member *room_member(const struct room *room, session_id session);
/* ERR_TOO_MANY */
must_check enum err room_add_member(struct room *room, session_id session, struct member **out);
void room_set_listening(struct member *member, bool listens);
/* He is nobody in presence any more (person is NULL). */
void room_remove_member(struct member *member);

/* room_queue.c: commands that concern a room. Takes command. */
void room_command(struct hub *hub, struct command *command);
/* What waited for the store goes on; with an error, joins are refused with it. */
void room_wake(struct room *room, enum err err);

/* room_join.c. They take the command, but for a join or look that has to wait for the store: false. */
bool room_join(struct room *room, struct command *command);
void room_leave(struct room *room, struct command *command);
bool room_look(struct room *room, struct command *command);

/* room_resume.c */
struct missed {
    bool is_resync;
    uint32_t place, count; /* in the log */
};
/* What somebody who stands at `since` has missed. False: it is being read from the store, ask again after that. */
bool room_resume(struct room *room, struct position since, struct missed *missed);
void room_on_events_read(struct room *room, struct store_request *request);

/* room_publish.c. Takes command. */
void room_publish(struct room *room, struct command *command);
void room_on_message_stored(struct hub *hub, struct store_request *request);
