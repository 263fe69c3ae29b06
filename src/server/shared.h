/* shared.h: everything the workers read and nobody changes: limits, keys, origins, files, business types. Built from the configuration at start and
 * anew at each reload; reference-counted (atomically), so that a worker swaps one pointer and the old set goes when the last worker let go. */
#pragma once

#include "peer/host.h"
#include "peer/socketio/namespace.h"

struct config;

struct shared {
    _Atomic uint32_t ref_count;
    struct peer_limits peer_limits;
    struct token_rules tokens;
    struct origin_rules *origins;
    struct static_files *files;
    struct namespaces namespaces;
    struct type_registry *registry;
    bool trusts_forwarded;
    struct buf limits_text; /* for /metrics */
    struct buf texts;       /* what the token rules' spans point into */
};

/* `own_secret` is the server's own signing key (32 bytes). ERR_CONFIG with a sentence in *why. One reference, the caller's. */
must_check enum err shared_new(const struct config *config, struct span own_secret, struct shared **out,
                               struct buf *why);
struct shared *shared_ref(struct shared *shared);
void shared_unref(struct shared *shared);
