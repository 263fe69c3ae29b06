/* undo_work.h: what undo.c and undo_make.c share. Nobody else includes it. */
#pragma once

#include "collab/change/undo.h"

/* taken_by[i]: the change that stands and has taken change i back; `count`: none. An undo that was itself taken back
 * takes nothing. */
void undo_mark_taken(const struct change *const *log, uint32_t count, uint32_t *taken_by);
/* The change of that version among the first `count`; `count`: none. */
uint32_t undo_index(const struct change *const *log, uint32_t count, uint64_t version);
/* The first one of the group that ends with change `last`. */
uint32_t undo_group_first(const struct change *const *log, uint32_t last);
