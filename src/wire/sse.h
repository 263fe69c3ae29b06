/* sse.h: Server-Sent Events (the HTML standard, "Server-sent events") as an encoder. Pure. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* Appends one event: `id` and `name` are left out when empty; data is split at \n, \r and \r\n so that no event can be
 * injected. id and name must hold no line end and no NUL: ERR_BAD_FIELD, nothing appended. */
must_check enum err sse_append_event(struct buf *out, struct span id, struct span name, struct span data);
void sse_append_comment(struct buf *out, struct span text); /* heartbeats; line ends become spaces */
void sse_append_retry(struct buf *out, uint64_t delay_ms);
