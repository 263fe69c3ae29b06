/* user_rates.h: how much each user has asked for over REST, whatever the connection: two buckets a user, for what reads and for what
 * writes. Pure: the time and the limits are arguments. Not locked: admission.c guards it.
 *
 * Bounded: a user is forgotten when his buckets are full again, which changes nothing for him, and past LIMIT_RATED_USERS whoever asked
 * longest ago, who then begins anew. */
#pragma once

#include "base/list.h"
#include "base/map.h"

struct user_rate {
    double per_second, burst; /* per_second 0: no limit */
};

struct user_rate_limits {
    struct user_rate reads, writes;
    double backend_factor; /* an application's backend has so many times as much; 0: 1 */
};

/* What a request is charged. */
struct user_charge {
    struct span user_id;
    bool is_write;
    bool is_backend;
    uint32_t count; /* all of it, */
    uint32_t paid;  /* of which so much was taken before: it is given back first, also when the whole is refused */
};

struct user_rates {
    struct map users;
    struct list recent; /* who asked last first */
};

void user_rates_init(struct user_rates *rates);
void user_rates_deinit(struct user_rates *rates);
/* False, and nothing of it is taken any more, when there is not enough: then *retry_ms says in how many milliseconds there will be. More than
 * the burst passes when nothing was taken before (bucket.h). */
bool user_rates_take(struct user_rates *rates, const struct user_rate_limits *limits, const struct user_charge *charge,
                     uint64_t now_ms, uint64_t *retry_ms);
