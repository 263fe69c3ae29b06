/* dialect.h: what a way of speaking must do: hear a client's messages and turn them into commands; say events and answers in its own words. A dialect
 * holds no business rule and keeps no room state. */
#pragma once

#include "peer/slice.h"

struct dialect {
    const char *name;
    /* A client's message: parse, check, send commands or answer at once. The session may be ended inside. NULL: its messages are heard elsewhere. */
    void (*hear)(struct session *session, bool is_text, struct span payload);
    /* Appends the event in this dialect's words, showing only the fields of `mask` (bits of type fields); false: it has no words for it. Pure. NULL: for none. */
    bool (*say)(const struct event *event, uint64_t mask, struct buf *out);
    /* The answer to a command of this session. Joins: the membership is in its slice already; missed events are replayed by the caller after this. */
    void (*answer)(struct session *session, const struct answer *answer);
    /* Became authenticated (once), and the end; NULL is fine. */
    void (*opened)(struct session *session);
    void (*closed)(struct session *session);
};

extern const struct dialect dialect_native;
extern const struct dialect dialect_manufacturing;
extern const struct dialect dialect_sse;
