/* activity_say.h: events as lines of the activity feed: who did what with which record. The rooms "activity-feed" and "feed:..." show the very
 * events that other rooms show, and what they are there is said here. Pure. */
#pragma once

#include "collab/event.h"
#include "peer/dialect/object_say.h"

/* Whether the event stands in a feed, and is to be said as an activity. */
bool activity_is_meant(const struct event *event);
/* {id, userId, username, action, entity: {type, id, name}, changes, timestamp, metadata}, in the style's case; of a change only what is in the mask. */
void activity_say(struct buf *out, const struct event *event, uint64_t mask, enum object_style style);
/* What people call the record of a change or an object's event, who may read the mask's fields: its label is a field's value, too. */
struct span activity_label(const struct event *event, uint64_t mask);
