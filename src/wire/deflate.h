/* deflate.h: permessage-deflate (RFC 7692): negotiation of the offers in Sec-WebSocket-Extensions, and compression and
 * inflating of messages by zlib. Pure; the caller owns the state. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct deflate_terms {
    bool is_on;
    bool server_no_context_takeover;
    bool client_no_context_takeover;
    uint8_t server_window_bits; /* 9..15 */
    uint8_t client_window_bits;
};

enum deflate_policy {
    /* The product: only offers it can serve with messages compressed once for all receivers (server window 15, no
     * server context take-over); answers server_no_context_takeover; client_no_context_takeover. */
    DEFLATE_SHARED,
    /* The conformance program: every valid offer is honoured as made, window bits 9-15, context take-over included. */
    DEFLATE_AS_OFFERED,
};

/* Picks the first acceptable offer of the header's value (several offers, comma separated; at most 16 looked at) and
 * appends the answer's value to `answer`. Terms with is_on = false when none was acceptable: that is not an error.
 * ERR_BAD_REQUEST for a header that is not well formed (RFC 7692 section 5; duplicate parameters; more than 4 KiB). */
must_check enum err deflate_negotiate(struct span header, enum deflate_policy policy, struct deflate_terms *terms,
                                      struct buf *answer);

/* Compression of one message without context: the result (without the 00 00 FF FF tail) suits every receiver with
 * server_window_bits 15. Holds one zlib state for reuse; one thread. */
struct deflater;
struct deflater *deflater_new(unsigned window_bits, bool keeps_context, int level);
void deflater_free(struct deflater *deflater);
void deflater_message(struct deflater *deflater, struct span message, struct buf *out);

/* Inflating of messages. `message_bytes_max` is checked while inflating in steps of at most 16 KiB: ERR_TOO_LARGE;
 * ERR_PROTOCOL for broken data (close 1007). Without context one inflater can serve all connections of a worker. */
struct inflater;
struct inflater *inflater_new(unsigned window_bits, bool keeps_context);
void inflater_free(struct inflater *inflater);
must_check enum err inflater_message(struct inflater *inflater, struct span message, size_t message_bytes_max,
                                     struct buf *out);
