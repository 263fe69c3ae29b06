/* origin.h: which web pages may talk to this server (REST, SSE and every socket alike): its own origin, plus exact
 * ones, plus a regular expression. A page's origin is scheme://host[:port]; case does not count and a default port
 * may be left out; everything else must be equal, so there is nothing a prefix or a suffix could slip through. The
 * origin `null` (sandboxed frames, local files) is refused. Immutable after loading; any thread. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct origin_rules;

/* `exact`: origins separated by commas or blanks ("https://app.example.com"); "*" is refused, because every answer
 * here is with credentials, and then the word for everybody must not be given. `pattern`: POSIX extended, without
 * case, always matched against the whole origin in its short form (lower case, without a default port). Both may
 * be empty. ERR_CONFIG with a sentence in *why. */
must_check enum err origin_rules_new(struct span exact, struct span pattern, struct origin_rules **out,
                                     struct buf *why);
void origin_rules_free(struct origin_rules *rules);

struct origin_request {
    struct span origin;     /* the header's value; empty: missing */
    struct span host;       /* Host */
    bool is_tls;            /* of the connection, or X-Forwarded-Proto where that is trusted */
    struct span fetch_site; /* Sec-Fetch-Site; empty: missing */
    bool is_state_changing; /* POST, PATCH, PUT, DELETE, or a socket */
};
enum origin_verdict {
    ORIGIN_NONE,    /* no browser's page: nothing to add */
    ORIGIN_SAME,    /* the server's own */
    ORIGIN_ALLOWED, /* answer with CORS headers (credentials), naming the origin as it came */
    ORIGIN_REFUSED, /* 403 */
};
enum origin_verdict origin_check(const struct origin_rules *rules, const struct origin_request *request);
