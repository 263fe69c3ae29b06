/* outbound.h: one signed POST to an application's backend, as a curl handle that is set up here and run by whoever made it (backend.c, webhook.c).
 * HTTP/1.1 over http and https, certificates checked, no redirects, no proxy, JSON in and out.
 *
 * Every request carries `Collabd-Signature: t=<unix seconds>,v1=<hex>`, the HMAC-SHA256 of "<t>.<body>" with the shared secret: whoever
 * computes the same knows that it is from here, whole, and how old. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <curl/curl.h>

#define OUTBOUND_SECRET_BYTES_MIN 16
#define OUTBOUND_ANSWER_BYTES_MAX (64 * 1024)

struct outbound {
    CURL *easy;
    struct curl_slist *headers;
    struct buf answer; /* its body; one that is longer than it may be is a failure */
    bool is_too_long;
    char error[CURL_ERROR_SIZE];
};

/* `url` ends with a NUL and `body` stays as it is until outbound_deinit. `extra`: lines of headers, each ended by a newline; may be empty. */
void outbound_init(struct outbound *call, const char *url, struct span secret, struct span extra, struct span body,
                   int64_t now_s, uint64_t timeout_ms);
void outbound_deinit(struct outbound *call);
/* What it came to; 0: no answer at all, and call->error says why. */
long outbound_status(const struct outbound *call, CURLcode code);

/* Appends the signature header's value. */
void outbound_sign(struct buf *out, struct span secret, int64_t now_s, struct span body);
/* Whether these could work. ERR_CONFIG with a sentence in *why. */
must_check enum err outbound_check_url(struct span url, struct buf *why);
must_check enum err outbound_check_secret(struct span secret, struct buf *why);
