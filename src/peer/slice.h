/* slice.h: a room as one worker sees it: only the sessions that listen here. Events arrive from the room's home in order and go out to each of them in
 * his dialect, encoded once per dialect, permission mask and wire form. Home thread only. */
#pragma once

#include "peer/session.h"

struct slice {
    struct session **members; /* side by side: a delivery fetches the next ones while it serves one */
    uint32_t count, capacity;
    uint32_t name_len;
    char name[];
};

/* Finds or makes the room's slice and adds the membership / removes it (an empty slice goes). */
void slice_add(struct peer_host *host, struct membership *membership);
void slice_remove(struct peer_host *host, struct membership *membership);
/* To every listener who may hear it but the origin. */
void slice_deliver(struct peer_host *host, struct event *event);
/* One event to one session (replay), by the same rules. */
void slice_replay(struct session *session, struct event *event);
/* Which fields of a record's event who has this access may see; false: not even that it happened. */
bool event_is_readable(const struct access *access, const struct event *event, uint64_t *mask);
