/* admission.h: who may connect at all, and how much a user may ask for over REST: limits per address, per user and in total, shared by all workers behind one mutex (held for a few
 * instructions; connections and requests are rare beside messages). Counts suspicious activity: rapid connections are logged once per address and minute.
 * Any thread. */
#pragma once

#include "base/err.h"
#include "base/span.h"
#include "peer/user_rates.h"

struct admission;

struct admission_limits {
    uint32_t connections_max;                       /* 0: no limit, as everywhere here */
    uint32_t users_max;                             /* distinct users with sessions */
    uint32_t connections_per_address_max;           /* 1,000 */
    double handshakes_per_second, handshakes_burst; /* per address: 50, 200 */
    uint32_t sessions_per_user_max;                 /* 50 */
    uint32_t unauthenticated_percent_max;           /* 10 % of connections_max */
    size_t memory_bytes_max;                        /* resident memory past this refuses newcomers; 0: no limit */
    struct user_rate_limits requests;               /* per user, over REST */
};

struct admission *admission_new(const struct admission_limits *limits);
void admission_free(struct admission *admission);
void admission_set_limits(struct admission *admission, const struct admission_limits *limits);
void admission_set_memory(struct admission *admission, size_t resident_bytes); /* measured by the server every second */

/* A connection was accepted from this network (conn_address.network). ERR_TOO_MANY, ERR_RATE_LIMITED, ERR_OVERLOADED: serve it a refusal and close. It is
 * counted in any case: *guest must be given back when the connection is gone. */
struct admission_guest;
must_check enum err admission_enter(struct admission *admission, struct span network, uint64_t now_ms,
                                    struct admission_guest **guest);
void admission_leave(struct admission *admission, struct admission_guest *guest);
/* A socket waits for its first message to say who it is. ERR_TOO_MANY: too many such already. */
must_check enum err admission_wait(struct admission *admission);
void admission_wait_end(struct admission *admission);
/* A session of a user begins / ends. ERR_TOO_MANY. */
must_check enum err admission_user_enter(struct admission *admission, struct span user_id);
void admission_user_leave(struct admission *admission, struct span user_id);
uint32_t admission_user_count(struct admission *admission);
/* A user's request over REST (user_rates.h). ERR_RATE_LIMITED, with *retry_ms: nothing of it was taken. */
must_check enum err admission_charge(struct admission *admission, const struct user_charge *charge, uint64_t now_ms,
                                     uint64_t *retry_ms);
