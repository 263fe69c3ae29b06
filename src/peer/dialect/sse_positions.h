/* sse_positions.h: where a stream of Server-Sent Events stands in each of its channels, as the text of an event's id, so that a
 * browser brings all of them back in Last-Event-ID. A channel is named by a hash: ids stay short, and a request for other
 * channels than before takes nothing for the position of another. Pure. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "collab/command.h"

struct sse_channel {
    struct span room; /* canonical */
    uint64_t hash;    /* of it: sse_channel_init */
    bool has_since;
    struct position position; /* with has_since: of the last event that was seen */
};

void sse_channel_init(struct sse_channel *channel, struct span room);
/* Fills in the channels that the text names; others in it are ignored. ERR_BAD_FIELD for what is no such text. */
must_check enum err sse_positions_read(struct span text, struct sse_channel *channels, uint32_t count);
void sse_positions_write(struct buf *out, const struct sse_channel *channels, uint32_t count);
