/* event.h: what happened in a room, numbered in its order, and what a command is answered: facts in no wire's vocabulary.
 *
 * Events are immutable once published and reference-counted (atomically): they travel from a room's home to every worker that has
 * listeners. Each dialect has one function that says an event in its words. */
#pragma once

#include "collab/command.h"

enum event_kind {
    EVENT_USER_JOINED,      /* presence */
    EVENT_USER_LEFT,        /* presence */
    EVENT_PRESENCE,         /* presence: one person's changed */
    EVENT_PRESENCE_REFRESH, /* presences: those whose last_seen or state changed since the last refresh */
    EVENT_TYPING,           /* typing */
    EVENT_CURSOR,           /* cursor */
    EVENT_MESSAGE,          /* message: published by a client or a backend */
    EVENT_CHANGE,           /* change: a record was changed */
    EVENT_ALERT,            /* alert */
    EVENT_OBJECT,           /* object: something that is kept about a record or for somebody came, changed or went */
    EVENT_KIND_COUNT
};

/* One person in one room: all his sessions there as one. */
struct presence {
    struct span user_id, username, name, avatar;
    struct span color; /* "#FF6B6B": unique among the room's people */
    enum status status;
    enum intent intent;
    struct span page, section, activity, editing_row;
    struct span cursor;             /* JSON, or empty */
    int64_t last_seen_ms, since_ms; /* wall clock */
    uint32_t session_count;
    session_id session; /* the first one: a stable name for the tab in vocabularies that want one */
    struct span room;   /* where: differs from the event's room when it is a mirror */
};

struct event { /* its memory ends with what its kind uses of the union: never copy one by assignment */
    _Atomic uint32_t ref_count;
    enum event_kind kind;
    struct span room;
    struct position position; /* offset 0: ephemeral, no place in the order */
    int64_t time_ms;          /* wall clock */
    int64_t
        moment; /* of a message: the same in nanoseconds, between rooms the order in which they were said; 0: not known */
    session_id origin; /* the session that caused it gets an answer instead; 0: nobody */
    bool includes_origin;
    uint64_t conflate_key;                      /* != 0: only the latest with this key matters */
    struct span user_id, username, name, color; /* who; empty: the server */
    /* Of changes and alerts (the registry outlives events in flight); of presence in a record's room; else NULL. */
    const struct type *type;
    struct span entity_id; /* with type */
    struct span id;        /* unique and stable: what clients can drop duplicates by; empty for ephemeral ones */
    struct event *base;    /* a view of another event: its spans live there; owned reference, or NULL */
    struct arena arena;    /* everything above and below lives here */
    union {
        struct presence presence;
        struct {
            uint32_t count;
            struct presence *entries;
        } presences;
        struct {
            struct span field;
            bool is_typing;
        } typing;
        struct {
            struct span data;
            struct span editing_row;
        } cursor;
        struct {
            struct span name;
            struct span data;
            struct span *binaries;
            uint32_t binary_count;
            bool is_volatile;
        } message;
        struct {
            struct change *change; /* with version, before and after of each operation */
            struct span action;    /* "create", "update", "delete" or the action's name */
            struct span event;     /* "created", "updated", "deleted", "approved", ... */
            struct span label;     /* what people call the record */
            /* the fields that the type wants told with every change, as they are then: a JSON object, or empty */
            struct span context;
        } change;
        struct {
            struct span rule, priority, title, message;
            double value, limit;
            const struct role_set *audience;
            uint64_t shown; /* the fields that it tells about */
        } alert;
        struct {
            enum object_kind kind;
            enum object_verb verb; /* what happened to it */
            struct span id;
            struct span body; /* as it is now (of one that went: as it was): a JSON object in snake_case, object.h */
            uint64_t shown;   /* the record's fields that it tells about: who may not read them all is not told */
        } object;
    };
};

struct event *event_new(enum event_kind kind, struct span room); /* one reference; fill it in before it is published */
/* The same, when it is known about how much text it will hold: events that are kept should not waste memory. */
struct event *event_new_for(enum event_kind kind, struct span room, size_t text_bytes);
struct event *event_ref(struct event *event); /* any thread */
void event_unref(struct event *event);        /* any thread; NULL is fine */
/* The same event as one room numbers it: shares everything else with `event`, of which it keeps a reference. Any thread. */
struct event *event_in_room(struct event *event, struct span room, struct position position);
void event_set_user(struct event *event, const struct identity *identity, struct span color);
/* A deep copy of a change, with before and after of its operations, into an event of kind EVENT_CHANGE. */
void event_set_change(struct event *event, const struct change *change);
/* A deep copy of a presence into an arena. */
void presence_copy(struct arena *arena, const struct presence *from, struct presence *to);
size_t event_bytes(const struct event *event); /* about what it occupies, for bounded logs */

/* The stored form of a durable event and back (the body column of the log): JSON. `registry` finds the type again. */
void event_print(struct buf *out, const struct event *event);
must_check enum err event_read(struct span body, struct span room, struct position position,
                               const struct type_registry *registry, struct event **out);

/* What a command gets. One heap object, travels to the session's worker. */
struct answer {
    session_id session;
    uint64_t tag;
    enum command_kind kind; /* of the command */
    enum err err;
    struct span field;   /* what was wrong, or empty */
    struct span message; /* instead of the error's own sentence, or empty */
    struct span room;
    struct position position; /* where the room stands: with state and missed in one */
    bool is_repeat;           /* an idempotency key seen before: the first answer again */
    /* join and look: */
    bool listens, is_present;
    bool is_resync;        /* the position asked for could not be served: load the state anew */
    uint32_t people_count; /* in the room; in very full ones only the first are listed: */
    uint32_t presence_count;
    struct presence *presences;
    /* Of the room of all people: who is at which record (presence.room). */
    uint32_t place_count;
    struct presence *places;
    uint32_t missed_count; /* join with a position: exactly what was missed, in order; owned references */
    struct event **missed;
    /* join of a record's room, change, action: */
    const struct type *type;
    struct span entity_id;
    bool has_record;
    struct span record;       /* the record's fields as one JSON object */
    uint64_t version;         /* 0: there is none (deleted or never made) */
    struct event *event;      /* owned reference: the change as the record's room numbered it; or NULL */
    struct change *change;    /* as committed: the event's, or NULL */
    struct span op_id;        /* the id that a change or action came with, or empty */
    uint64_t current_version; /* with ERR_CONFLICT, ERR_PRECONDITION, ERR_BAD_VERSION */
    enum verdict verdict;     /* of a change, undo or restore */
    enum strategy strategy;   /* that was used */
    uint32_t skipped_count;   /* undo: operations that would have destroyed somebody else's work, and were left out */
    /* Of COMMAND_OBJECT: what it is now. With VERDICT_CONFLICT: the conflict. With ERR_LOCKED and ERR_LOCK_LOST: the
     * lock that is in the way, when there is one. */
    bool has_object;
    enum object_kind object_kind;
    struct span object; /* JSON in snake_case */
    uint64_t object_shown;
    struct arena arena;
};

struct answer *answer_new(const struct command *command, enum err err);
void answer_free(struct answer *answer);
