/* object.h: what is kept beside records: locks, conflicts, comments, chat messages, notifications, preferences and what people
 * did (activity). Each is a JSON object in snake_case with an id, a room it belongs to and an owner; commands name a kind and a
 * verb; every change of one is an event of kind EVENT_OBJECT. Dialects print the bodies in their own case (peer/object_say.h)
 * and know nothing else about them.
 *
 * Common members of every body: id, kind ("comment"), created_at, updated_at (ISO 8601, UTC), user_id, username, name (who
 * made it), and, when it is about a record, entity_type, entity_id, entity_name.
 *
 * Rooms. A command goes to the room that its object belongs to: of locks, conflicts, comments, activity, and of chat and
 * notifications about a record, the record's; of chat elsewhere, that room; of notifications, preferences and direct messages, the
 * user's own ("user:ID": of the one who gets the message, or whose inbox it is). */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

enum object_kind {
    OBJECT_LOCK,     /* id: ROOM#PATH. body: path ("" the whole record), token, soft, ttl_ms, locked_by, locked_by_name,
                          * locked_at, expires_at, requests: [{user_id, username, note, at}] */
    OBJECT_CONFLICT, /* body: state open|resolved, local: Change, remote: [Change], fields: [{path, base, mine, theirs}],
                          * base_version, current_version, assigned_to, resolution, merged_value, resolved_by, resolved_at,
                          * resolved_version */
    OBJECT_COMMENT, /* body: parent_id, path, text, mentions: [user_id], reactions: {emoji: [user_id]}, state open|resolved,
                          * resolved_by, edited_at, deleted */
    OBJECT_MESSAGE, /* chat. body: room or to_user_id, text, data */
    OBJECT_NOTIFICATION, /* owner: whose inbox. body: type, priority, title, message, state unread|read, actions: [...], data,
                          * show: {toast, badge, sound, desktop} as his preferences say */
    OBJECT_PREFERENCES, /* id: the user's. body: types: {type: {on, toast, badge, sound, desktop}}, default: {...} */
    OBJECT_ACTIVITY,    /* not kept as an object but in the activity feed. body: action, changes?, metadata? */
    OBJECT_KIND_COUNT
};

/* What is asked for and what happened: one list, because they are the same. */
enum object_verb {
    OBJECT_ADD,       /* comment, message, notification, activity; an event when a conflict opens; lock: acquire */
    OBJECT_EDIT,      /* comment: text; preferences: put; conflict: refreshed */
    OBJECT_REMOVE,    /* comment: delete; lock: release; notification: dismiss */
    OBJECT_RESOLVE,   /* comment; conflict: resolution local|remote|merged */
    OBJECT_REOPEN,    /* comment */
    OBJECT_REACT,     /* comment: {emoji, on} */
    OBJECT_ASSIGN,    /* conflict: {user_id} */
    OBJECT_READ,      /* notification: {ids: [...]} or {all: true} */
    OBJECT_UNREAD,    /* notification */
    OBJECT_RENEW,     /* lock: {token, ttl_ms} */
    OBJECT_REQUEST,   /* lock: ask its holder for it {note} */
    OBJECT_HAND_OVER, /* lock: the holder gives it to {user_id} */
    OBJECT_FORCE,     /* lock: taken from its holder by somebody whose role may */
    OBJECT_EXPIRE,    /* lock: only an event */
    OBJECT_VERB_COUNT
};

/* One of them as it is kept. */
struct object {
    enum object_kind kind;
    struct span id;    /* unique within its kind; <= 400 bytes */
    struct span room;  /* may be empty */
    struct span owner; /* a user's id: whose inbox, who is to settle the conflict, who wrote; may be empty */
    struct span state; /* "open", "resolved", "unread", "read"; may be empty */
    int64_t time_ms;   /* made, wall clock */
    uint64_t revision; /* grows by one with every put; 0: it is not there */
    struct span body;  /* JSON object */
};

struct span object_kind_name(enum object_kind kind); /* "lock", "conflict", "comment", ... */
bool object_kind_parse(struct span name, enum object_kind *out);
/* "acquired", "released", "added", "resolved", ...: what happened, as the kind calls it. */
struct span object_event_name(enum object_kind kind, enum object_verb verb);
/* "commented", "locked", "conflict_opened", ...: what its user did, as the activity feed calls it. Empty: an activity of its own, whose body
 * says it, or nothing that the feed tells. */
struct span object_activity_name(enum object_kind kind, enum object_verb verb);
/* "acquire", "release", "add", "resolve", ...: what is asked for, as the kind calls it. Empty: nobody can ask for that. */
struct span object_verb_name(enum object_kind kind, enum object_verb verb);
/* The other way round. False: the kind has no such verb. */
bool object_verb_parse(enum object_kind kind, struct span name, enum object_verb *out);
/* Whether objects of that kind are ever in that state: `state` in struct object. */
bool object_state_is_known(enum object_kind kind, struct span state);
/* Where two people's direct messages are kept, whoever of them asks: "dm:2:13", the shorter id first, else the one whose bytes are
 * less. Colons inside an id are written %3A, percent signs %25. */
#define ROOM_OF_TWO "dm:"
struct span object_dm_room(struct arena *arena, struct span user_id, struct span other_id);
