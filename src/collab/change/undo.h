/* undo.h: taking changes back: a change that does the opposite, brought onto what happened since so that nobody else's
 * work is destroyed; and the change between two states (restoring an old version). Pure.
 *
 * Whose turn it is to be undone is found in the log, so it survives a reload: my changes, newest first; an undo
 * (undo_of) takes the change it undoes off the list and puts itself on the list of what can be redone; a redo (an undo
 * of an undo) puts it back; any other change of mine empties the list of what can be redone. Changes of one group
 * (change.group), or without one those of one source of which each came within 500 ms of the one before with nobody
 * else's between (a burst), are undone together; the settling of a conflict begins anew. A change that is named is taken
 * back alone, or with its group. A change that did nothing in the end is passed over, and so is an action that
 * wrote read-only fields: the way back from an approval is another action.
 *
 * Making a record is taken back by deleting it, with all that its maker did to it since: unless somebody else did
 * something, too. Deleting is taken back by making it again. Nothing of an earlier life is taken back. */
#pragma once

#include "collab/change/change.h"

#define UNDO_GROUP_MS 500
#define UNDO_LOOK_BACK_MAX 1000 /* changes of a record that are looked at */

/* The change that is to be taken back: its range in `log` (oldest first). */
struct undo_target {
    uint32_t first, last; /* indexes into the log: of the group's changes; those of others in between are not touched */
    bool may_be_older;    /* nothing was found, but the log that was given does not begin at version 1 */
};
/* My last change that is not undone (or, is_redo, my last undo that is not redone). `type` says which fields are read-only; NULL: none.
 * ERR_NOTHING_TO_UNDO. */
must_check enum err undo_find_last(const struct type *type, const struct change *const *log, uint32_t count,
                                   struct span user_id, bool is_redo, struct undo_target *out);
/* The change of that version, and what else is in its named group (is_redo: the undo that took it back). ERR_NOT_FOUND when the log does not have it,
 * ERR_NOTHING_TO_UNDO when it is undone already (is_redo: when it is not). */
must_check enum err undo_find(const struct change *const *log, uint32_t count, uint64_t version, bool is_redo,
                              struct undo_target *out);

/* The operation that takes a committed one back, on the state right after it; false: it did nothing. */
bool op_invert(struct arena *arena, const struct op *op, struct op *back);
/* The operations that take `change` back, on the state right after it. Exact: applied there they restore what was
 * before (but a field that is an object or a collection and was made by putting something in stays, empty). */
void change_invert(struct arena *arena, const struct change *change, struct op **ops, uint32_t *count);

/* Makes *change (zeroed by the caller) the one that takes the target back on the present state: inverses of the
 * group's changes by its author, newest first. What nobody has touched since is restored exactly; of the rest counters
 * and texts are brought over what came after, and an operation that would overwrite a newer value is left out
 * (*skipped). What was taken back before stays so. undo_of is the last one's version, undo_from the first one's.
 * ERR_UNDO_BLOCKED: nothing would be left; a record that was made and that somebody else has changed. A whole record that was
 * deleted is made again, if the log goes back to where it was made, else ERR_UNSUPPORTED. ERR_TOO_LARGE: more than CHANGE_OPS_MAX, or the target is so large that
 * finding out would take long. */
must_check enum err undo_make(struct arena *arena, const struct change *const *log, uint32_t count,
                              const struct undo_target *target, struct change *change, uint32_t *skipped);

/* The operations that make `to` of `from` (both JSON objects): set, del, and by items ins, del, mov and set; whole
 * fields when that would be more than CHANGE_OPS_MAX. ERR_BAD_JSON. */
must_check enum err change_between(struct arena *arena, const struct type *type, struct span from, struct span to,
                                   struct op **ops, uint32_t *count);
