/* bucket.h: a token bucket: `rate` per second with a burst. Pure; the time comes as an argument (monotonic
 * milliseconds). What is larger than the burst passes when the bucket is full and leaves a debt behind, so that
 * nothing is refused for ever and the rate still holds in the long run. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bucket {
    uint64_t filled_ms; /* when it was refilled last, plus one; 0: never: it starts full at the first take */
    double tokens;      /* below zero: a debt */
};

/* Takes `count`; false (and nothing taken) when there are not enough: then *retry_ms says in how many milliseconds
 * there will be (may be NULL). rate 0: no limit. */
bool bucket_take(struct bucket *bucket, double rate, double burst, double count, uint64_t now_ms, uint64_t *retry_ms);
/* Puts back what was taken; what is more than the burst runs over at the next take. */
void bucket_give(struct bucket *bucket, double count);
/* Whether it holds the whole burst by now: it may be forgotten, as a new one is full, too. */
bool bucket_is_full(const struct bucket *bucket, double rate, double burst, uint64_t now_ms);
