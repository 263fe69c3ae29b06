/* recent_ids.h: the idempotency keys of what was lately published in a room that is kept in memory: a message that is sent again,
 * because its acknowledgement was lost, is not said twice. The last 1,000, then the oldest goes. */
#pragma once

#include "base/err.h"
#include "base/map.h"

enum { RECENT_IDS_MAX = 1000 };

struct recent_id;
struct recent_ids {
    struct map by_key;
    struct recent_id **ring; /* NULL until the first one comes */
    uint32_t count, next;
};

void recent_ids_deinit(struct recent_ids *ids);
/* What became of this user's id: ERR_NOT_FOUND when it is new, OK and its offset when it is a repeat, ERR_ID_REUSED when it was
 * used for something else (another hash). */
must_check enum err recent_ids_find(const struct recent_ids *ids, struct span user_id, struct span id, uint64_t hash,
                                    uint64_t *offset);
/* It must be new. */
void recent_ids_add(struct recent_ids *ids, struct span user_id, struct span id, uint64_t hash, uint64_t offset);
