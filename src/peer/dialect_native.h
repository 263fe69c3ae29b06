/* dialect_native.h: the parts of the native dialect that its two files share: hearing (dialect_native.c) and saying (dialect_native_say.c). The wire is
 * described in docs/protocol/native.md. */
#pragma once

#include "peer/dialogue.h"

/* What was asked: how its answer is printed. */
enum native_ask { NATIVE_PLAIN, NATIVE_SUBSCRIBE, NATIVE_LOOK, NATIVE_SYNC, NATIVE_PUBLISH, NATIVE_CHANGE };

bool native_say(const struct event *event, uint64_t mask, struct buf *out);
void native_write_ack(struct buf *out, struct span message_id, const struct answer *answer, enum native_ask ask,
                      uint64_t mask);
void native_write_ack_user(struct buf *out, struct span message_id, const struct identity *identity,
                           int64_t expires_ms);
void native_write_pong(struct buf *out, struct span message_id);
void native_write_error(struct buf *out, struct span message_id, enum err err, struct span field, struct span message,
                        uint64_t current_version);
void native_write_retry(struct buf *out, struct span message_id, uint64_t retry_ms);
/* The members of a change, without braces, showing only operations on the mask's fields. */
void change_write(struct buf *out, const struct type *type, const struct change *change, struct span action,
                  uint64_t mask);
