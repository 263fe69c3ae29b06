/* dialect_manufacturing.h: the parts of the manufacturing dialect that its two files share. The wire is described in docs/protocol/manufacturing.md. */
#pragma once

#include "peer/dialect/dialogue.h"

bool manufacturing_say(const struct event *event, uint64_t mask, struct buf *out);
/* The first message: who you are and where the feed of all records stands. */
void manufacturing_write_connected(struct buf *out, const struct identity *identity, const struct answer *answer);
void manufacturing_write_ack(struct buf *out, struct span message_id,
                             const struct answer *answer); /* answer NULL: a bare one */
void manufacturing_write_error(struct buf *out, struct span message_id, enum err err, struct span field,
                               struct span message, uint64_t retry_ms);
