#include "auth/bucket.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

/* Fractions of a token, added up millisecond by millisecond, miss the whole by this much at most. Without it somebody who
 * comes back exactly when told to could be a rounding error too early. */
static const double ROUNDING = 1e-6;

/* The time may seem to stand still or to run backwards (a caller that took it before another): nothing is refilled
 * then. */
static void refill(struct bucket *bucket, double rate, double burst, uint64_t now_ms)
{
    uint64_t at_ms = now_ms + 1;

    if (bucket->filled_ms == 0) {
        *bucket = (struct bucket){at_ms, burst};
        return;
    }
    if (at_ms > bucket->filled_ms) {
        bucket->tokens += (double)(at_ms - bucket->filled_ms) / 1000.0 * rate;
        bucket->filled_ms = at_ms;
    }
    if (bucket->tokens > burst) /* also after a reload that made the burst smaller */
        bucket->tokens = burst;
}

bool bucket_take(struct bucket *bucket, double rate, double burst, double count, uint64_t now_ms, uint64_t *retry_ms)
{
    double needed;

    assert(rate >= 0 && burst >= 0 && count >= 0);
    if (rate <= 0)
        return true;
    refill(bucket, rate, burst, now_ms);
    needed = fmin(count, burst) - ROUNDING;
    if (bucket->tokens < needed) {
        if (retry_ms)
            *retry_ms = (uint64_t)ceil((needed - bucket->tokens) / rate * 1000.0);
        return false;
    }
    bucket->tokens -= count;
    return true;
}

void bucket_give(struct bucket *bucket, double count)
{
    assert(count >= 0);
    bucket->tokens += count;
}

bool bucket_is_full(const struct bucket *bucket, double rate, double burst, uint64_t now_ms)
{
    struct bucket later = *bucket;

    if (rate <= 0 || bucket->filled_ms == 0)
        return true;
    refill(&later, rate, burst, now_ms);
    return later.tokens >= burst - ROUNDING;
}
