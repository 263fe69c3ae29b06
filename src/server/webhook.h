/* webhook.h: events out: what is committed is POSTed to an application's backend, in order and at least once: a thread of its own that follows the
 * store's log from a place that is kept in the database (the meta value "webhook"), so neither a restart nor kill -9 loses anything.
 *
 * A batch is noted with its end and its id before it is sent for the first time, so sent again it is the same one. Nothing is in memory but one
 * batch. While the backend is down it is tried again after 1 s, 2 s, 4 s, ... 5 min. */
#pragma once

#include "collab/type/type.h"
#include "store/store_thread.h"

struct webhook;

struct webhook_options {
    struct span url, secret;
    unsigned kinds; /* hooks_events */
    struct type_registry *registry;
    struct store_thread *store;
};

/* For the first time it starts at the log's present end; so before the first client. ERR_TOO_MANY (no thread) or the store's error, with a sentence. */
must_check enum err webhook_start(const struct webhook_options *options, struct webhook **out, struct buf *why);
void webhook_stop(struct webhook *webhook); /* while the store still works; NULL is fine */
/* After a reload: in whose types events are read. Any thread; takes a reference of its own. */
void webhook_set_registry(struct webhook *webhook, struct type_registry *registry);
