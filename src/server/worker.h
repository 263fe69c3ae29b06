/* worker.h: a thread: one loop, its share of the rooms (hub), its connections (peer_host), one mailbox. The root from which everything mutable of that
 * thread hangs. Implements ports.h for its hub and the doors of peer/host.h for its clients.
 *
 * worker_post may be called from any thread; everything else belongs to the thread that runs it, or to the server before start and after stop. */
#pragma once

#include "net/listener.h"
#include "net/mailbox.h"
#include "peer/gate.h"
#include "server/shared.h"

#include <stdatomic.h>

struct worker;
struct backend;

/* All workers of the process and what they share; fixed after start. */
struct worker_ring {
    struct worker **workers;
    unsigned count;
    struct store_thread *store;
    struct admission *admission;
    struct backend *backend; /* an application's; NULL: there is none */
    struct gate_rules gate_rules;
    bool asks_who; /* the backend, about unknown tokens */
    struct conn_limits conn_limits;
    struct http_limits http_limits;
    struct hub_limits hub_limits;
    atomic_uint empty_count; /* workers that drain and have no connection left */
};

struct worker_listener {
    int fd; /* bound and listening; the worker's from now on */
    struct tls *tls;
};

struct worker *worker_new(unsigned index, struct worker_ring *ring, struct shared *shared);
void worker_free(struct worker *worker);
/* Runs until worker_stop; opens the listeners first. */
void worker_run(struct worker *worker, const struct worker_listener *listeners, unsigned count);

/* Any thread. */
void worker_post(struct worker *worker, struct mail *mail);       /* takes */
void worker_reload(struct worker *worker, struct shared *shared); /* takes a reference of its own */
void worker_revoke(struct worker *worker, struct span user_id);   /* ends the user's sessions on all workers */
void worker_ready(struct worker *worker);                         /* /readyz says yes from now on */
/* Stops accepting, sends 1012 to every client in batches, lets answers leave, then stops by itself, at the latest after drain_ms. */
void worker_drain(struct worker *worker, uint64_t drain_ms);

/* Counts of all hubs are gathered through metrics; this is the thread's own number for logs. */
unsigned worker_index(const struct worker *worker);
