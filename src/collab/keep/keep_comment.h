/* keep_comment.h: what keep_comment.c, which does all else with comments, and keep_reaction.c share. Nobody else includes it. */
#pragma once

#include "collab/keep/keep_job.h"

/* Commits a comment as it is now, and says it to whoever looks at the record. `before` is what was read; takes the edit. An empty state: it is deleted. */
void keep_comment_changed(struct keep_job *job, const struct object *before, struct keep_edit *edit, struct span state);

/* keep_reaction.c: OBJECT_REACT on a comment that he may see. */
must_check enum err keep_react(struct keep_job *job, const struct object *comment);
