/* dialect_native.h: what the parts of the native dialect share: hearing (dialect_native.c, dialect_native_hear.h), events (dialect_native_say.c) and
 * answers (dialect_native_answer.c). The wire is described in docs/protocol/native.md. What is said is pure. */
#pragma once

#include "peer/dialect/dialogue.h"

/* What was asked: how its answer is printed. */
enum native_ask {
    NATIVE_PLAIN,
    NATIVE_SUBSCRIBE,
    NATIVE_LOOK,
    NATIVE_SYNC,
    NATIVE_PUBLISH,
    NATIVE_CHANGE,
    NATIVE_QUEUED, /* a change of a `sync`: its answer is a part of that one's */
    NATIVE_OBJECT,
    NATIVE_COMMENT, /* these three as well, but in an error they have names of their own for which one was meant */
    NATIVE_CONFLICT,
    NATIVE_NOTIFICATION
};

/* Why something was not done. */
struct native_failure {
    enum err err;
    struct span field, message; /* may be empty; message: instead of the error's own sentence */
    uint64_t current_version, retry_ms;
    bool is_verdict; /* this is what became of a change */
    bool has_lock;
    struct span lock;              /* the lock that is in the way: its body */
    const struct answer *conflict; /* of one that could not be settled: as it is now; or NULL */
    uint64_t mask;                 /* the fields that he may read */
};
struct native_failure native_failure_of(const struct answer *answer, enum native_ask ask); /* spans are the answer's */

/* ---- events ---- */
bool native_say(const struct event *event, uint64_t mask, struct buf *out);
struct span native_event_type(const struct event *event); /* "update", "lock", "activity", ...: the envelope's type */
/* The members of a change, without braces, showing only operations on the mask's fields. */
void change_write(struct buf *out, const struct type *type, const struct change *change, struct span action,
                  uint64_t mask);

/* ---- answers ---- */
/* {"type":"ack","replyTo":ID,"payload":{ */
void native_open_ack(struct buf *out, struct span message_id);
/* `results` of a `sync` with changes, else NULL. */
void native_write_ack(struct buf *out, struct span message_id, const struct answer *answer, enum native_ask ask,
                      uint64_t mask, const struct gathering *results);
void native_write_ack_user(struct buf *out, struct span message_id, const struct identity *identity,
                           int64_t expires_ms);
void native_write_pong(struct buf *out, struct span message_id);
void native_write_error(struct buf *out, struct span message_id, const struct native_failure *failure);
/* What became of one change of a queue: {id, verdict, version, ...} or {id, error}. */
void native_write_result(struct buf *out, const struct answer *answer, uint64_t mask);
void native_write_result_error(struct buf *out, struct span change_id, const struct native_failure *failure);
