/* record_past.h: what a record was, and what differs between two of its versions: what REST and the native dialect ask of the store's reader. On the
 * reader's thread; results live in the arena. How it is said: dialect/record_say.h. */
#pragma once

#include "store/store.h"

struct record_moment {
    enum { RECORD_NOW, RECORD_AT_VERSION, RECORD_AT_TIME } when;
    uint64_t version;
    int64_t time_ms;
};

struct record_difference {
    uint64_t from, to;    /* versions; 0: before there was such a record */
    struct change change; /* makes the one of the other; its operations have the values before and after */
};

/* The record as it was then. ERR_NOT_FOUND, ERR_BAD_VERSION: as of store_record_at. */
must_check enum err record_past_read(struct store_reader *reader, struct arena *arena, const struct type *type,
                                     struct span id, const struct record_moment *moment, struct list_row *out);
/* Finds what differs between `from` and `to`. A record that is not there yet, or no more, has no fields. ERR_BAD_VERSION. */
must_check enum err record_past_compare(struct store_reader *reader, struct arena *arena, const struct type *type,
                                        struct span id, struct record_difference *difference);
