/* text.h: edits of a text, as operations on strings carry them: an array that walks over the old text from its start,
 *
 *     [5, "new", {"d": 2}]      keep 5, insert "new", delete 2; what is not mentioned stays
 *
 * Lengths count UTF-16 units, as JavaScript does. Pure. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "wire/json.h"

#define TEXT_EDIT_STEPS_MAX 1000

/* The shape alone: 1 to TEXT_EDIT_STEPS_MAX steps. Steps of no length are fine, and left out when it is written. */
bool text_edit_is_valid(yyjson_val *edit);
/* A valid one as operations carry it: without the steps that do nothing. [] is what is left of one that does nothing at all. */
void text_edit_write(struct buf *out, yyjson_val *edit);
/* Appends the new text. ERR_BAD_OFFSET when the edit reaches beyond the text's end or cuts a surrogate pair (then *out
 * may hold a part). An edit that was transformed may have more steps. */
must_check enum err text_edit_apply(struct span text, yyjson_val *edit, struct buf *out);
/* Takes `units` UTF-16 units off the front of *rest. ERR_BAD_OFFSET as above (then *rest is anywhere). */
must_check enum err text_take(struct span *rest, uint64_t units, struct span *taken);
