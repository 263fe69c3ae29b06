/* latency.h: a histogram of durations with fixed buckets: 64 for each power of two, so that a percentile is at most
 * 1.6 % too high, whatever the range. Adding is a few instructions; nothing is ever allocated. */
#pragma once

#include <stdint.h>

enum { LATENCY_BUCKET_COUNT = 59 * 64 };

struct latency {
    uint64_t count;
    uint64_t max_ns;
    uint64_t buckets[LATENCY_BUCKET_COUNT];
};

void latency_reset(struct latency *latency);
void latency_add(struct latency *latency, uint64_t duration_ns);
/* The duration that `percent` of those added did not exceed, as its bucket's upper edge; 0 when there are none. */
uint64_t latency_percentile(const struct latency *latency, double percent);
