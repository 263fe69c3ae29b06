#include "peer/admission.h"

#include "auth/bucket.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/metric.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SUSPICION_LOG_MS 60000
/* Addresses without connections are remembered this long, so that reconnecting does not refill their bucket. */
#define GUEST_LINGER_MS 60000

struct admission_guest { /* one network address */
    uint32_t connections;
    struct bucket handshakes;
    uint64_t last_ms, logged_ms;
    uint32_t network_len;
    char network[];
};

struct admission_user {
    uint32_t sessions;
    uint32_t id_len;
    char id[];
};

struct admission {
    pthread_mutex_t mutex;
    struct admission_limits limits;
    struct map guests, users;
    struct user_rates rates;
    uint32_t connections, waiting;
    size_t resident_bytes;
    uint64_t swept_ms;
};

struct admission *admission_new(const struct admission_limits *limits)
{
    struct admission *admission = NEW(struct admission);
    pthread_mutex_init(&admission->mutex, NULL);
    admission->limits = *limits;
    map_init(&admission->guests);
    map_init(&admission->users);
    user_rates_init(&admission->rates);
    return admission;
}

static void free_values(struct map *map)
{
    for (struct map_entry *entry = map_first(map); entry; entry = map_next(map, entry))
        free(entry->value);
    map_deinit(map);
}

void admission_free(struct admission *admission)
{
    if (!admission)
        return;
    free_values(&admission->guests);
    free_values(&admission->users);
    user_rates_deinit(&admission->rates);
    pthread_mutex_destroy(&admission->mutex);
    free(admission);
}

void admission_set_limits(struct admission *admission, const struct admission_limits *limits)
{
    pthread_mutex_lock(&admission->mutex);
    admission->limits = *limits;
    pthread_mutex_unlock(&admission->mutex);
}

void admission_set_memory(struct admission *admission, size_t resident_bytes)
{
    pthread_mutex_lock(&admission->mutex);
    admission->resident_bytes = resident_bytes;
    pthread_mutex_unlock(&admission->mutex);
}

static struct admission_guest *guest_of(struct admission *admission, struct span network)
{
    struct admission_guest *guest = map_get(&admission->guests, network);
    if (guest)
        return guest;
    guest = memory_alloc(sizeof *guest + network.len);
    guest->network_len = (uint32_t)network.len;
    memcpy(guest->network, network.data, network.len);
    map_put(&admission->guests, span_of(guest->network, network.len), guest);
    return guest;
}

/* Forgets addresses that have been quiet: at most once per linger time, so the walk costs nothing that counts. */
static void sweep(struct admission *admission, uint64_t now_ms)
{
    if (now_ms - admission->swept_ms < GUEST_LINGER_MS)
        return;
    admission->swept_ms = now_ms;
    struct map kept;
    map_init(&kept);
    for (struct map_entry *entry = map_first(&admission->guests); entry; entry = map_next(&admission->guests, entry)) {
        struct admission_guest *guest = entry->value;
        if (guest->connections == 0 && now_ms - guest->last_ms >= GUEST_LINGER_MS)
            free(guest);
        else
            map_put(&kept, map_entry_key(entry), guest);
    }
    map_deinit(&admission->guests);
    admission->guests = kept;
}

static void suspect(struct admission_guest *guest, uint64_t now_ms, enum err err)
{
    metric_add(METRIC_suspicious, 1);
    if (guest->logged_ms && now_ms - guest->logged_ms < SUSPICION_LOG_MS)
        return;
    guest->logged_ms = now_ms;
    log_warn("suspicious.connections", "address=%s reason=%s connections=%u",
             log_text(span_of(guest->network, guest->network_len)), err_code(err), guest->connections);
}

static enum err judge(struct admission *admission, struct admission_guest *guest, uint64_t now_ms)
{
    const struct admission_limits *limits = &admission->limits;
    if (!bucket_take(&guest->handshakes, limits->handshakes_per_second, limits->handshakes_burst, 1, now_ms, NULL))
        return ERR_RATE_LIMITED;
    if (limits->connections_per_address_max && guest->connections > limits->connections_per_address_max)
        return ERR_TOO_MANY;
    if (limits->connections_max && admission->connections > limits->connections_max)
        return ERR_OVERLOADED;
    if (limits->memory_bytes_max && admission->resident_bytes >= limits->memory_bytes_max)
        return ERR_OVERLOADED;
    return OK;
}

enum err admission_enter(struct admission *admission, struct span network, uint64_t now_ms,
                         struct admission_guest **out)
{
    pthread_mutex_lock(&admission->mutex);
    sweep(admission, now_ms);
    struct admission_guest *guest = guest_of(admission, network);
    guest->connections++;
    guest->last_ms = now_ms;
    admission->connections++;
    enum err err = judge(admission, guest, now_ms);
    if (err == ERR_RATE_LIMITED || err == ERR_TOO_MANY)
        suspect(guest, now_ms, err);
    pthread_mutex_unlock(&admission->mutex);
    metric_add(err ? METRIC_connections_refused : METRIC_connections_accepted, 1);
    *out = guest;
    return err;
}

void admission_leave(struct admission *admission, struct admission_guest *guest)
{
    pthread_mutex_lock(&admission->mutex);
    guest->connections--;
    admission->connections--;
    pthread_mutex_unlock(&admission->mutex);
}

enum err admission_wait(struct admission *admission)
{
    enum err err = OK;
    pthread_mutex_lock(&admission->mutex);
    const struct admission_limits *limits = &admission->limits;
    if (limits->connections_max && limits->unauthenticated_percent_max &&
        admission->waiting >= (uint64_t)limits->connections_max * limits->unauthenticated_percent_max / 100)
        err = ERR_TOO_MANY;
    else
        admission->waiting++;
    pthread_mutex_unlock(&admission->mutex);
    if (!err)
        metric_add(METRIC_connections_unauthenticated, 1);
    return err;
}

void admission_wait_end(struct admission *admission)
{
    pthread_mutex_lock(&admission->mutex);
    admission->waiting--;
    pthread_mutex_unlock(&admission->mutex);
    metric_add(METRIC_connections_unauthenticated, -1);
}

enum err admission_user_enter(struct admission *admission, struct span user_id)
{
    enum err err = OK;
    pthread_mutex_lock(&admission->mutex);
    const struct admission_limits *limits = &admission->limits;
    struct admission_user *user = map_get(&admission->users, user_id);
    if (user ? limits->sessions_per_user_max && user->sessions >= limits->sessions_per_user_max
             : limits->users_max && admission->users.count >= limits->users_max) {
        err = ERR_TOO_MANY;
    } else {
        if (!user) {
            user = memory_alloc(sizeof *user + user_id.len);
            user->id_len = (uint32_t)user_id.len;
            memcpy(user->id, user_id.data, user_id.len);
            map_put(&admission->users, span_of(user->id, user_id.len), user);
        }
        user->sessions++;
    }
    metric_set(METRIC_users, (int64_t)admission->users.count);
    pthread_mutex_unlock(&admission->mutex);
    return err;
}

void admission_user_leave(struct admission *admission, struct span user_id)
{
    pthread_mutex_lock(&admission->mutex);
    struct admission_user *user = map_get(&admission->users, user_id);
    if (user && --user->sessions == 0) {
        map_remove(&admission->users, user_id);
        free(user);
    }
    metric_set(METRIC_users, (int64_t)admission->users.count);
    pthread_mutex_unlock(&admission->mutex);
}

uint32_t admission_user_count(struct admission *admission)
{
    pthread_mutex_lock(&admission->mutex);
    uint32_t count = (uint32_t)admission->users.count;
    pthread_mutex_unlock(&admission->mutex);
    return count;
}

enum err admission_charge(struct admission *admission, const struct user_charge *charge, uint64_t now_ms,
                          uint64_t *retry_ms)
{
    pthread_mutex_lock(&admission->mutex);
    bool is_taken = user_rates_take(&admission->rates, &admission->limits.requests, charge, now_ms, retry_ms);
    pthread_mutex_unlock(&admission->mutex);
    if (is_taken)
        return OK;
    metric_add(METRIC_rate_limited, 1);
    return ERR_RATE_LIMITED;
}
