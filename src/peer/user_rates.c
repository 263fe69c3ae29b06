#include "peer/user_rates.h"

#include "auth/bucket.h"
#include "base/limits.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Each request that adds at most one user takes this many away, if they are at rest: so there are no more than there must be, and no walk. */
#define FORGOTTEN_AT_ONCE 2

struct rated_user {
    struct list in_recent;
    struct bucket reads, writes;
    double factor; /* of his latest request */
    uint32_t id_len;
    char id[];
};

void user_rates_init(struct user_rates *rates)
{
    map_init(&rates->users);
    list_init(&rates->recent);
}

static void forget(struct user_rates *rates, struct rated_user *user)
{
    map_remove(&rates->users, span_of(user->id, user->id_len));
    list_remove(&user->in_recent);
    free(user);
}

void user_rates_deinit(struct user_rates *rates)
{
    LIST_EACH (&rates->recent, node)
        forget(rates, LIST_OWNER(node, struct rated_user, in_recent));
    map_deinit(&rates->users);
}

static bool is_at_rest(const struct rated_user *user, const struct user_rate_limits *limits, uint64_t now_ms)
{
    const struct user_rate *reads = &limits->reads, *writes = &limits->writes;
    return bucket_is_full(&user->reads, reads->per_second * user->factor, reads->burst * user->factor, now_ms) &&
           bucket_is_full(&user->writes, writes->per_second * user->factor, writes->burst * user->factor, now_ms);
}

static void forget_some(struct user_rates *rates, const struct user_rate_limits *limits, uint64_t now_ms)
{
    for (int i = 0; i < FORGOTTEN_AT_ONCE && !list_is_empty(&rates->recent); i++) {
        struct rated_user *oldest = LIST_OWNER(rates->recent.prev, struct rated_user, in_recent);
        if (rates->users.count < LIMIT_RATED_USERS && !is_at_rest(oldest, limits, now_ms))
            return;
        forget(rates, oldest);
    }
}

static struct rated_user *user_new(struct user_rates *rates, struct span id)
{
    struct rated_user *user = memory_alloc(sizeof *user + id.len);
    list_init(&user->in_recent);
    user->reads = user->writes = (struct bucket){0};
    user->id_len = (uint32_t)id.len;
    memcpy(user->id, id.data, id.len);
    map_put(&rates->users, span_of(user->id, id.len), user);
    return user;
}

bool user_rates_take(struct user_rates *rates, const struct user_rate_limits *limits, const struct user_charge *charge,
                     uint64_t now_ms, uint64_t *retry_ms)
{
    const struct user_rate *rate = charge->is_write ? &limits->writes : &limits->reads;
    double factor = charge->is_backend && limits->backend_factor > 0 ? limits->backend_factor : 1;
    if (rate->per_second <= 0)
        return true;
    struct rated_user *user = map_get(&rates->users, charge->user_id);
    if (!user) {
        forget_some(rates, limits, now_ms);
        user = user_new(rates, charge->user_id);
    }
    list_remove(&user->in_recent);
    list_push_head(&rates->recent, &user->in_recent);
    user->factor = factor;
    struct bucket *bucket = charge->is_write ? &user->writes : &user->reads;
    if (charge->paid)
        bucket_give(bucket, charge->paid);
    return bucket_take(bucket, rate->per_second * factor, rate->burst * factor, charge->count, now_ms, retry_ms);
}
