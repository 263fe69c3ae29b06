/* dialect_inventory.h: the parts of the inventory vocabulary that its two files share: hearing (dialect_inventory.c) and saying (dialect_inventory_say.c).
 * The wire is described in docs/protocol/socketio.md. */
#pragma once

#include "peer/dialect/vocabulary.h"

#define INVENTORY_TYPE "inventory"
#define INVENTORY_ROOM "inventory_management"

bool inventory_say(const struct event *event, uint64_t mask, struct buf *out);

/* Who asks, for answers that have him in them: his socket's id is told under `sid` in his own entry. */
struct inventory_asker {
    struct span user_id, username, sid;
};
/* The members "room", "users" and, of a join, "user"; of a look "count". */
void inventory_write_room(struct buf *out, const struct answer *answer, const struct inventory_asker *asker,
                          bool is_join);
