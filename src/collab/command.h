/* command.h: what somebody wants, in no wire's vocabulary. One half of the program's narrow waist; the other is event.h.
 *
 * A command is one heap object with everything it names in its own arena, so it can travel between workers. Dialects make
 * commands; the room's home hub (hub.h) takes and frees them. Every command gets exactly one answer when `wants_answer`, unless it is
 * quiet and all went well. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"
#include "collab/change/change.h"
#include "collab/identity.h"
#include "collab/object.h"

/* One client session (a WebSocket, an SSE stream, a Socket.IO socket, a REST request): worker << 48 | serial. Never used again. */
typedef uint64_t session_id;
static inline unsigned session_worker(session_id id)
{
    return (unsigned)(id >> 48);
}

struct position {   /* in a room's order of events */
    uint64_t epoch; /* 0: none */
    uint64_t offset;
};

enum status { STATUS_ONLINE, STATUS_AWAY, STATUS_OFFLINE };
enum intent { INTENT_NONE, INTENT_VIEWING, INTENT_EDITING };

enum leave_reason {
    LEAVE_ASKED,        /* at once */
    LEAVE_DISCONNECTED, /* the connection broke: grace before the others hear of it */
    LEAVE_DEAD,         /* silent too long, logged out or revoked: at once */
};

/* Which fields of a presence update were given; others stay. */
enum {
    PRESENCE_STATUS = 1,
    PRESENCE_INTENT = 2,
    PRESENCE_PAGE = 4,
    PRESENCE_SECTION = 8,
    PRESENCE_ACTIVITY = 16,
    PRESENCE_EDITING_ROW = 32,
    PRESENCE_COLOR = 64
};

struct presence_change {
    uint32_t given;
    enum status status;
    enum intent intent;
    struct span page, section, activity; /* <= 256 bytes each */
    struct span editing_row;             /* <= 128 bytes; empty: none */
    struct span color;                   /* #RRGGBB, checked by the dialect with color_is_valid */
};

enum command_kind {
    COMMAND_JOIN,     /* room, join.*; again on a joined room: adds what was given (listening, presence) */
    COMMAND_LEAVE,    /* room, leave.reason */
    COMMAND_PRESENCE, /* room, presence */
    COMMAND_TOUCH,    /* room: the session did something (keeps it from becoming away) */
    COMMAND_TYPING,   /* room, typing.* */
    COMMAND_CURSOR,   /* room, cursor.* */
    COMMAND_PUBLISH,  /* room, publish.* */
    COMMAND_CHANGE,   /* room is the record's, change (create, update, delete) */
    COMMAND_ACTION,   /* room is the record's, action.* */
    COMMAND_UNDO,     /* room is the record's, undo.*: a change that takes back an earlier one of his own */
    COMMAND_RESTORE,  /* room is the record's, restore.*: a change that brings back an older state */
    COMMAND_OBJECT,   /* object.*: locks, conflicts, comments, chat, notifications, ...; room: object.h says whose */
    COMMAND_LOOK,     /* room: who is here and where it stands, without joining */
    COMMAND_MIRROR, /* from another hub: mirror.entry, a person's presence elsewhere, for the server-wide presence room */
};

struct command {
    enum command_kind kind;
    session_id session;
    struct identity *identity; /* owned reference */
    struct span room;          /* canonical name */
    uint64_t tag;              /* the dialect's: comes back with the answer */
    bool wants_answer;
    bool is_quiet; /* only a refusal is answered: most cursors and messages have no id that a client waits for */
    struct arena arena;
    struct list node; /* of who lets it wait: for a backend (peer/gate.h), then in the hub for the store */
    union {
        struct {
            bool listens;    /* wants the room's events */
            bool is_present; /* counts as somebody who is there */
            bool has_since;  /* resume: */
            struct position since;
            struct presence_change presence;
        } join;
        struct {
            enum leave_reason reason;
        } leave;
        struct {
            bool wants_record; /* of a record's room: its state, as a join would get it */
        } look;
        struct presence_change presence;
        struct {
            struct span field; /* may be empty; <= 128 bytes */
            bool is_typing;
        } typing;
        struct {
            struct span data; /* a JSON object, as it came, <= 1 KiB: position, selection, ... */
            bool has_editing_row;
            struct span editing_row;
        } cursor;
        struct {
            struct span name;      /* the event's name in vocabularies that have names; may be empty */
            struct span data;      /* JSON, as it came */
            struct span id;        /* idempotency key; may be empty */
            bool is_volatile;      /* not kept, no offset */
            bool includes_origin;  /* the sender gets the event too */
            bool as_server;        /* on the user's behalf by the server itself: he need not be in the room */
            struct span *binaries; /* attachments of the data's placeholders */
            uint32_t binary_count;
        } publish;
        struct change *change; /* in the arena */
        struct {
            struct span name;
            struct span id;        /* idempotency key */
            struct span input;     /* a JSON object, or empty */
            uint64_t base_version; /* 0: current */
            bool must_match;
        } action;
        struct {
            bool is_redo;
            uint64_t version;      /* of the change; 0: his last one that is not undone (or undone, to redo) */
            struct span change_id; /* instead of the version; may be empty */
            struct span id;        /* idempotency key */
        } undo;
        struct {
            uint64_t version;
            struct span id;        /* idempotency key */
            uint64_t base_version; /* 0: current */
            bool must_match;
        } restore;
        struct {
            enum object_kind kind;
            enum object_verb verb;
            struct span object_id; /* of what is there already; may be empty */
            struct span id;        /* idempotency key */
            struct span input;     /* a JSON object in snake_case, or empty: object.h says what is in it */
            bool as_server;        /* on nobody's behalf: the server's own, or a backend's with the role `service` */
        } object;
        struct {
            struct event *event; /* owned reference */
        } mirror;
    };
};

/* Takes a reference to the identity; copies the room's name. */
struct command *command_new(enum command_kind kind, session_id session, struct identity *identity, struct span room);
void command_free(struct command *command);
/* Does anybody want to know that it ended like this? */
static inline bool command_wants(const struct command *command, enum err err)
{
    return command->wants_answer && (err != OK || !command->is_quiet);
}

bool color_is_valid(struct span color); /* #RRGGBB */
/* Room names: 1-200 bytes, valid UTF-8, no control characters. */
bool room_name_is_valid(struct span name);
