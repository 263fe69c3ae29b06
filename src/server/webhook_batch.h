/* webhook_batch.h: what a webhook's delivery says: {"events": [...]}, each as in the activity feed, with "kind" and "event" before. And where a
 * webhook stands, as it is kept. Pure. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "collab/type/type.h"
#include "store/store.h"

/* Everything up to `done` was delivered; with an id, what is after that up to `upto` is under way under that id. */
struct webhook_place {
    uint64_t done, upto;
    char id[33]; /* empty: nothing is under way */
};
void webhook_place_print(struct buf *out, const struct webhook_place *place);
bool webhook_place_read(struct span text, struct webhook_place *out);

/* What a batch is made of. */
struct webhook_batch {
    uint32_t count; /* 0: nothing that anybody wants, and the body means nothing */
    unsigned kinds; /* bits as in hooks_events */
    uint64_t lost;  /* rows that could not be read, because their type is gone */
};
/* Appends the body for those of the rows that `kinds` (hooks_events) wants. */
struct webhook_batch webhook_print_batch(struct buf *out, const struct log_page *page, unsigned kinds,
                                         const struct type_registry *registry);
/* "change,comment": appends the kinds' names. */
void webhook_print_kinds(struct buf *out, unsigned kinds);
