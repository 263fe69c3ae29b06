/* places.h: who is at which record, as the home of the room of all people knows it: the latest of every mirrored presence
 * (presence.h), so that whoever begins to look at an overview sees those who came before him. Home thread only.
 *
 * Bounded by `places_max`: beyond it newcomers are told live only. */
#pragma once

#include "collab/hub_internal.h"

/* The presence that a COMMAND_MIRROR brings: the latest counts; of somebody who left (offline), the place is free again. */
void places_note(struct hub *hub, struct command *command);
/* Fills answer->places with those in rooms that the identity may read, in the order in which they came. */
void places_list(const struct hub *hub, const struct identity *identity, struct answer *answer);
void places_clear(struct hub *hub);
