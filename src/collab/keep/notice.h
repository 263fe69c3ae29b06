/* notice.h: what somebody is told in his inbox: of this, about that record, caused by somebody, as a part of a commit. Whoever makes the
 * commit begins a notice with notice_about, says the rest, and adds it for each person. Home thread only.
 *
 * A notification is kept as it was made, and read with whatever roles its reader has by then. What he may not see is left out for him, or the
 * whole of it: `shown` says which fields it tells about. But a title or a message is a sentence, of which nothing can be left out. So a sentence calls
 * the record what notice.record says, and quotes nothing else that is in it. */
#pragma once

#include "collab/hub_internal.h"

struct notice {
    /* "mention", "reply", "message", "assignment", "conflict", "lock_request", "lock_lost", or an application's own */
    struct span type;
    struct span priority; /* "low", "normal", "high", "urgent"; empty: normal */
    struct span title, message;
    struct span data;         /* a JSON object, or empty */
    struct span actions;      /* a JSON array, or empty */
    const struct type *about; /* the record, or NULL */
    struct span entity_id, entity_name;
    struct span record; /* what a sentence may call it, whoever reads it: "Pump", or "Order O-1" */
    struct span from_user_id, from_username, from_name; /* who caused it; empty: the server */
    uint64_t shown;                                     /* the record's fields that it tells about */
};

/* About a record (NULL: about none) in this state (JSON, or empty), caused by `who`. Spans are borrowed, what is made is in the arena. */
struct notice notice_about(struct arena *arena, const struct identity *who, struct span type, const struct type *about,
                           struct span entity_id, struct span state);
/* {"comment_id": "...", "path": "..."}; without a path only the first. */
struct span notice_data(struct arena *arena, const char *key, struct span id, struct span path);

/* Adds the notification to a commit: the object in his inbox, the event in his own room. `preferences`: the body of his preferences (empty: the
 * defaults). False: he does not want this kind, nothing was added. Nobody is told of what he did himself. */
bool notice_add(struct hub *hub, struct store_request *request, const struct notice *notice, struct span user_id,
                struct span preferences);

/* ---- for keep_*.c and tests ---- */

struct notice_ways {
    bool is_on, toast, badge, sound, desktop;
};
struct notice_ways notice_ways_of(struct span preferences, struct span type, struct span priority);
/* The body. user_id, ways: empty and NULL of one that is only said, and in nobody's inbox. */
void notice_print(struct buf *out, const struct notice *notice, struct span id, int64_t time_ms, struct span user_id,
                  const struct notice_ways *ways);
