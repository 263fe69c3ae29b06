/* undo_work.h: what undo.c and undo_make.c share. Nobody else includes it. */
#pragma once

#include "collab/change/undo.h"

struct undo_mark {
    uint32_t taken_by; /* the change that stands and has taken this one back; as many as there are: none */
    uint32_t since;    /* the last one that took it back or brought it back, itself or by way of others; or itself */
};
/* One for each change. An undo that was itself taken back takes nothing. */
void undo_mark(const struct change *const *log, uint32_t count, struct undo_mark *marks);
/* The change of that version among the first `count`; `count`: none. */
uint32_t undo_index(const struct change *const *log, uint32_t count, uint64_t version);
/* The first of those that the undo takes back, of which `last` is the last. */
uint32_t undo_first(const struct change *const *log, const struct change *undo, uint32_t last);
bool undo_did_something(const struct change *change);
/* A record is made here, and not because its deletion was taken back. */
bool undo_begins_life(const struct change *change);
