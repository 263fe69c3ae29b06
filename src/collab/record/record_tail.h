/* record_tail.h: the newest changes of a record, oldest first and without a gap up to its present version, those on the way to
 * the disk included: what a change that was made against an older version has to be brought over. Bounded; what is older is read from
 * the store when somebody needs it, and kept beside for whoever comes with the same old version. Home thread only. */
#pragma once

#include "collab/ports.h"

#define TAIL_CHANGES_MAX 256
#define TAIL_BYTES_MAX ((size_t)256 * 1024)
#define TAIL_READ_MAX 10000 /* changes that are read at most */

struct record_tail {
    struct event **events; /* a ring of EVENT_CHANGE; owned references */
    uint32_t capacity, first, count;
    size_t event_bytes;
    struct store_request *older; /* STORE_CHANGES_READ, done; or NULL */
};

void record_tail_clear(struct record_tail *tail);
/* The next version. Takes a reference of its own. */
void record_tail_add(struct record_tail *tail, struct event *event);
/* Everything after that version never was. */
void record_tail_cut(struct record_tail *tail, uint64_t version);
/* It ends with that version, or is empty: else it is another record's past, and is forgotten. */
void record_tail_check(struct record_tail *tail, uint64_t version);
/* Takes what was read. It ends with the present version. */
void record_tail_set_older(struct record_tail *tail, struct store_request *request);
/* What was read is forgotten when it is large: nobody is busy with the record. */
void record_tail_rest(struct record_tail *tail);
size_t record_tail_bytes(const struct record_tail *tail);

enum tail_reach {
    TAIL_REACHES, /* these are all */
    TAIL_ENDS,    /* the ones before must be read */
    TAIL_LOST     /* the ones before were read for, and are not kept any more */
};
struct tail_changes {
    const struct change **items; /* in the arena */
    uint32_t count;
    /* The state before them, where they do not lead back to it (reconcile.h); record_tail_since leaves it empty. */
    struct span base;
};
/* The source of changes of a session that names none: only of copies, for comparing. */
#define TAIL_SELF SPAN("(self)")
/* The changes after `version`, oldest first: all there are at hand. Those that session `self` made without naming a source have the
 * source TAIL_SELF: who sends one change after the other has seen his own, whatever version he names. 0: nobody. */
enum tail_reach record_tail_since(const struct record_tail *tail, uint64_t version, uint64_t present, session_id self,
                                  struct arena *arena, struct tail_changes *out);
