/* identity.h: who somebody is, as every part of the program knows him: immutable and reference-counted (atomically:
 * identities travel with commands between workers). Made by peer/ from an account or a token. */
#pragma once

#include "base/span.h"

struct access; /* collab/access.h: what his roles allow */

struct identity {
    _Atomic uint32_t ref_count;
    uint32_t role_count;
    struct span user_id;         /* a string everywhere inside; "5" */
    struct span username;        /* "jsmith" */
    struct span name;            /* "John Smith"; the username when there is none */
    struct span avatar;          /* a URL, or empty */
    const struct access *access; /* belongs to the type registry; never NULL */
    struct span roles[];         /* and behind them, what the spans point to */
};

/* Copies everything; one reference, the caller's. */
struct identity *identity_new(struct span user_id, struct span username, struct span name, struct span avatar,
                              const struct span *roles, uint32_t role_count, const struct access *access);
struct identity *identity_ref(struct identity *identity); /* any thread */
void identity_unref(struct identity *identity);           /* any thread; NULL is fine */
bool identity_has_role(const struct identity *identity, struct span role);
