/* dialect_native_hear.h: hearing the native dialect, in parts: dialect_native.c is the door (the table of messages, logins, answers), and each
 * group of messages has a file: dialect_native_rooms.c, ..._records.c, ..._queue.c, ..._objects.c, ..._lists.c, ..._past.c. One message passes through one handler, which
 * sends a command, says an answer at once, or gives an error with `field` set. Home thread only. */
#pragma once

#include "peer/dialect/dialect_native.h"

struct native_hearing {
    struct session *session;
    struct message message;
    yyjson_val *payload; /* NULL: none */
    struct arena *arena; /* the message's */
    struct span field;   /* what was wrong */
    uint64_t retry_ms;
};

/* rooms */
must_check enum err native_hear_subscribe(struct native_hearing *hearing);
must_check enum err native_hear_unsubscribe(struct native_hearing *hearing);
must_check enum err native_hear_publish(struct native_hearing *hearing);
must_check enum err native_hear_presence(struct native_hearing *hearing);
must_check enum err native_hear_look(struct native_hearing *hearing);
must_check enum err native_hear_typing(struct native_hearing *hearing);
must_check enum err native_hear_cursor(struct native_hearing *hearing);
/* records */
must_check enum err native_hear_update(struct native_hearing *hearing);
must_check enum err native_hear_action(struct native_hearing *hearing);
must_check enum err native_hear_undo(struct native_hearing *hearing);
must_check enum err native_hear_redo(struct native_hearing *hearing);
must_check enum err native_hear_restore(struct native_hearing *hearing);
must_check enum err native_hear_sync(struct native_hearing *hearing);
/* How many changes the `sync` that was heard brings, 1 when it brings none or more than it may: a rate counts it so. */
uint32_t native_queue_count(const struct native_hearing *hearing);
/* what is kept beside them */
must_check enum err native_hear_lock(struct native_hearing *hearing);
must_check enum err native_hear_comment(struct native_hearing *hearing);
must_check enum err native_hear_conflict(struct native_hearing *hearing);
must_check enum err native_hear_activity(struct native_hearing *hearing);
must_check enum err native_hear_notification(struct native_hearing *hearing);
must_check enum err native_hear_chat(struct native_hearing *hearing);
must_check enum err native_hear_preferences(struct native_hearing *hearing);
/* lists of it */
must_check enum err native_hear_list(struct native_hearing *hearing);
must_check enum err native_list_preferences(struct native_hearing *hearing);
must_check enum err native_list_changes(struct native_hearing *hearing);
/* what a record was */
must_check enum err native_hear_read(struct native_hearing *hearing);
must_check enum err native_hear_diff(struct native_hearing *hearing);

/* ---- what they share ---- */

/* A command whose answer is printed as `ask` says; without a message id only a refusal is answered. */
must_check enum err native_command(struct native_hearing *hearing, enum command_kind kind, struct span room,
                                   enum native_ask ask, struct command **out);
/* The room a message is about, under its canonical name; "inbox" is the user's own. ERR_MISSING_FIELD, ERR_BAD_FIELD,
 * ERR_BAD_NAME. */
must_check enum err native_channel(struct native_hearing *hearing, struct span *room);
/* Which record a message is about: entityType and entityId, or entity {type, id}; else the channel. */
must_check enum err native_record(struct native_hearing *hearing, const struct type **type, struct span *id,
                                  struct span *room);
/* The idempotency key, the member "id" of `object`: empty when there is none. ERR_BAD_FIELD. */
must_check enum err native_key(struct native_hearing *hearing, yyjson_val *object, struct span *out);
/* A member of the payload, a text of at most 128 bytes; missing or null: empty. ERR_BAD_FIELD. */
must_check enum err native_text(struct native_hearing *hearing, const char *name, const char *other, struct span *out);
/* The same, of a version: 0 when there is none. ERR_BAD_FIELD, ERR_BAD_VERSION for a number that is none. */
must_check enum err native_version(struct native_hearing *hearing, const char *name, const char *other, uint64_t *out);
/* To this client; takes what is in the text. */
void native_say_text(struct session *session, struct buf *text);
/* The same of an error, which is counted: the session may be ended by it. */
void native_say_failure(struct session *session, struct span message_id, const struct native_failure *failure);

/* What a client wants changed of a record, in whichever of the forms it comes, into a command. On an error *field names what was
 * wrong, in `arena`. */
must_check enum err native_read_change(struct session *session, const struct type *type, struct span id,
                                       yyjson_val *object, struct command *command, struct arena *arena,
                                       struct span *field);

/* A queue of changes in one message (dialect_native_queue.c): every one is a command, and together they get one answer. */
must_check enum err native_hear_queue(struct native_hearing *hearing, const struct type *type, struct span id,
                                      struct span room, yyjson_val *changes);
/* The answer to one of them, or to the look at the record that ends it. Takes waiting. */
void native_queue_answer(struct session *session, struct waiting *waiting, const struct answer *answer, uint64_t mask);

/* A message that the store's reader answers (dialect_native_question.c). */
struct native_question {
    struct store_job job; /* first */
    struct peer_host *host;
    session_id session;
    struct type_registry *registry; /* of when it was asked: its types live as long as the question; owned */
    struct arena arena;             /* what it is about lives here */
    struct span message_id;
    struct span field; /* what an error names */
    enum err err;
    void *state;                                                                    /* the asker's, in the arena */
    enum err (*run)(struct native_question *question, struct store_reader *reader); /* on the reader's thread */
    /* The members of the answer's payload, with the rights of now: they may have changed since it was asked for. */
    void (*say)(const struct native_question *question, const struct session *session, struct buf *out);
};
/* With a state of that many zeroed bytes; the caller sets `run` and `say`. ERR_MISSING_FIELD: nobody would get the answer, it has no message id. */
must_check enum err native_question_new(struct native_hearing *hearing, size_t state_bytes,
                                        struct native_question **out);
/* Sends it; or drops it when reading the message came to an error, which it gives back. Takes question. */
must_check enum err native_question_ask(struct native_hearing *hearing, struct native_question *question, enum err err);
/* As native_text; the text lives as long as the question, as do all the spans below. */
must_check enum err native_question_text(struct native_hearing *hearing, struct native_question *question,
                                         const char *name, const char *other, struct span *out);
/* As native_record; ERR_FORBIDDEN when he may not read such records. */
must_check enum err native_question_record(struct native_hearing *hearing, struct native_question *question,
                                           const struct type **type, struct span *id, struct span *room);
/* `limit` and `cursor` of a list. ERR_BAD_FIELD. */
must_check enum err native_question_page(struct native_hearing *hearing, struct native_question *question,
                                         struct span *cursor, uint32_t *limit);
