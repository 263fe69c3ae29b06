/* dialogue.h: what the two JSON dialects share: reading a message's envelope, remembering which command belongs to which message id, and printing
 * people and times. Home thread only. */
#pragma once

#include "base/limits.h"
#include "peer/dialect.h"
#include "wire/json.h"

/* Several commands that came in one message and whose answers become one: a place for each one's text. It goes with the last of
 * those who wait for an answer to one of them. */
struct gathering {
    uint32_t ref_count;
    uint32_t due; /* answers that have not come */
    bool has_failed;
    uint64_t tag; /* of the command that ends it */
    uint32_t count;
    struct buf parts[];
};

/* A message that was heard and whose answer is on its way. */
struct waiting {
    struct list in_dialogue;
    uint64_t tag;
    uint32_t kind;               /* the dialect's: what was asked */
    uint32_t place;              /* in the gathering */
    struct gathering *gathering; /* or NULL */
    uint32_t id_len;
    char id[]; /* the message id; empty: only errors are answered */
};

struct dialogue { /* session->state of the JSON dialects, while something waits: a connection at rest has none */
    struct list waiting;
    uint32_t count;
    uint64_t serial;
    struct credentials_check *check; /* a token being checked */
    struct span check_id;            /* the message id it will be answered with; owned */
    void (*on_login)(struct session *session, struct span message_id, enum err err);
};

struct dialogue *dialogue_of(struct session *session);
void dialogue_close(struct session *session); /* the dialects' `closed` */
/* Remembers a message; gives the tag for its command. ERR_OVERLOADED: too many unanswered. */
must_check enum err dialogue_wait(struct session *session, uint32_t kind, struct span message_id, uint64_t *tag);
/* The same, of a message whose answers are gathered; it keeps a reference of the gathering. */
must_check enum err dialogue_gather(struct session *session, uint32_t kind, struct span message_id,
                                    struct gathering *gathering, uint32_t place, uint64_t *tag);
/* Takes it out again, for the caller to free. NULL: not one of ours. */
struct waiting *dialogue_take(struct session *session, uint64_t tag);
void waiting_free(struct waiting *waiting); /* NULL is fine */
struct span waiting_id(const struct waiting *waiting);
struct gathering *gathering_new(uint32_t count); /* one reference, the caller's */
void gathering_unref(struct gathering *gathering);

/* Checks the token that a message brought and makes its user the session's; `on_login` is called once, now or later, unless the session ends first. Whoever
 * then still has said nothing about himself is ended; a failed refresh changes nothing. ERR_OVERLOADED: one at a time. */
must_check enum err dialogue_login(struct session *session, yyjson_val *token, struct span message_id,
                                   void (*on_login)(struct session *session, struct span message_id, enum err err));

/* A message's envelope. */
struct message {
    struct json json;
    struct arena arena;
    yyjson_val *root;
    struct span type;
    struct span id; /* messageId / message_id */
    bool has_id;
};
/* Parses and checks what all messages share. On an error *field may name what was wrong, and message->id is set when it could be read. Deinit in any case. */
must_check enum err message_read(struct message *message, bool is_text, struct span payload, struct span *field);
void message_deinit(struct message *message);

/* A position given as {"epoch": E, "offset": N}, numbers or decimal strings; false: none was given. Nonsense gives a position that no room has, so the
 * client is told to reload. ERR_BAD_FIELD for other types. */
must_check enum err position_read(yyjson_val *object, bool *has_position, struct position *out, struct span *field);
/* A member that is true or false, under either of two names; missing or null: `fallback`. ERR_BAD_FIELD with *field for anything else: a
 * condition that is not understood must not be taken for none. */
must_check enum err flag_read(yyjson_val *object, const char *name, const char *other, bool fallback, bool *out,
                              struct span *field);
/* status, action, currentLocation {page, section}, activity, editingRow, color; with lengths checked. ERR_BAD_FIELD, ERR_BAD_COLOR with *field. */
must_check enum err presence_read(yyjson_val *object, struct presence_change *out, struct span *field);
/* Puts what presence_read gave, whose texts point into the message, into a command: COMMAND_PRESENCE or COMMAND_JOIN. */
void presence_put(struct command *command, const struct presence_change *presence);

/* In camelCase, as the native dialect shows people. */
void presence_write(struct buf *out, const struct presence *presence);
void presences_write(struct buf *out, const struct presence *presences, uint32_t count); /* [{...},...] */
void json_member_time(struct buf *out, const char *key, int64_t wall_ms);                /* "key":"2026-..." */
/* "code", "message" (empty: the error's own sentence) and, if there is one, "field" of an error, into the object that *out has open: the same
 * on every wire. */
void json_members_error(struct buf *out, enum err err, struct span field, struct span message);
/* "key":{"epoch":..,"offset":..}; nothing when there is none: nobody is in the room, and nothing is kept of it in memory. */
void json_member_position(struct buf *out, const char *key, struct position position);
/* "key":"text", or null for an empty one: "there is none" and "it is empty" mean the same for people. */
void json_member_text(struct buf *out, const char *key, struct span text);
/* {"type","id","version","data"} with only the fields of `mask`. */
void record_write(struct buf *out, const struct type *type, struct span id, uint64_t version, struct span state,
                  uint64_t mask);
/* The state's object with only the fields of `mask` (all: the text as it is). */
void state_write(struct buf *out, const struct type *type, struct span state, uint64_t mask);
/* Whether an operation's path begins with a field of the mask. */
bool op_is_readable(const struct type *type, const struct op *op, uint64_t mask);
struct span change_word(enum change_kind kind); /* "create", "update", "delete"; an action's is its name */
/* A change's operations on fields of the mask: "ops":[...], and before it the members of the first of them, which are the change's one-operation form. */
void ops_write(struct buf *out, const struct type *type, const struct change *change, uint64_t mask);
const char *status_name(enum status status); /* "online", "away", "offline" */
const char *intent_name(enum intent intent); /* "viewing", "editing"; NULL: none */
