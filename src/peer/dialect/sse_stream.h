/* sse_stream.h: one client's Server-Sent Events: a session that listens in some channels and says the native dialect's events as
 * docs/protocol/rest.md describes. Home thread only.
 *
 *     joining ----> streaming ----> gone
 *
 * Until every channel is joined the HTTP request waits, so that one which may not be joined is an ordinary error; events of those
 * that are joined already are held back. Then come `ready`, what was missed, and what happens. */
#pragma once

#include "peer/rest/route.h"
#include "peer/dialect/sse_positions.h"

struct sse_stream;

/* The names must be canonical and different from each other; copied. */
struct sse_stream *sse_stream_new(const struct sse_channel *channels, uint32_t count);
/* Takes both: the request is answered with a stream or with an error. */
void sse_stream_start(struct sse_stream *stream, struct request *request);
