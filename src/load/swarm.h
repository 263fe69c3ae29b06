/* swarm.h: all callers of a run, in one epoll set. A scenario tells some of them what to say and calls swarm_poll
 * again and again; the swarm sends, reads, answers pings and counts.
 *
 * Being cheap is its first duty: it shares the machine with the server it measures. A message heard costs the
 * frame's header and a look at its first bytes; only every so-many-th caller, the sampled ones, look for the moment
 * of sending. */
#pragma once

#include "base/rand.h"
#include "load/caller.h"
#include "load/latency.h"

struct swarm_ack {
    uint32_t number; /* the caller's */
    uint32_t ack_id;
};

struct swarm {
    const struct plan *plan;
    struct dialer dialer;
    int epoll_fd;
    struct caller *callers;                /* `count` of them; the first `opened` were told to connect */
    uint32_t count, opened, ready, failed; /* failed: before they were ready */
    uint32_t lost;                         /* closed after they were ready */
    uint64_t delivered, errors;            /* what all of them have heard */
    struct swarm_ack *acks;                /* those of the last poll, when the script can read them */
    uint32_t ack_count, ack_room;
    struct caller **dirty;
    uint32_t dirty_count;
    struct rand rand;
    struct buf text; /* of the message that is being put together */
    char *scratch;
    uint32_t sample_every;
    bool is_sampling;
    struct latency latency;    /* from sending to hearing, of what sampled callers heard while is_sampling */
    struct latency connecting; /* from connect to ready */
    char failure[128];         /* the first thing that went wrong */
};

/* ERR_NOT_FOUND: there is no such host; ERR_IO: no epoll set. */
must_check enum err swarm_init(struct swarm *swarm, const struct plan *plan);
void swarm_deinit(struct swarm *swarm);

/* Connects until the first `count` callers are ready or have failed, at most plan->in_flight at once. False when one
 * failed, or when for ten seconds nobody made progress: see swarm->failure. */
must_check bool swarm_open(struct swarm *swarm, uint32_t count);
/* Sends what was said, waits until something is heard or it is `until_ns`, and takes in what was heard. */
void swarm_poll(struct swarm *swarm, uint64_t until_ns);
/* The same until it is `until_ns`. */
void swarm_rest(struct swarm *swarm, uint64_t until_ns);

/* The text to append a message to; swarm_say sends it. */
struct buf *swarm_compose(struct swarm *swarm);
void swarm_say(struct swarm *swarm, uint32_t number); /* nothing happens when that caller is closed */
