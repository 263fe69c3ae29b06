/* Durations below 64 ns have a bucket each. Above, the highest set bit picks a row of 64, and the six bits after it the
 * bucket in the row. */
#include "load/latency.h"

#include <assert.h>
#include <string.h>

enum { ROW_BITS = 6, ROW_LEN = 1 << ROW_BITS };

static unsigned bucket_of(uint64_t duration_ns)
{
    unsigned shift;

    if (duration_ns < ROW_LEN)
        return (unsigned)duration_ns;
    shift = 63u - (unsigned)__builtin_clzll(duration_ns) - ROW_BITS;
    return (shift + 1) * ROW_LEN + (unsigned)(duration_ns >> shift) - ROW_LEN;
}

static uint64_t bucket_upper_ns(unsigned bucket)
{
    unsigned shift;

    if (bucket < ROW_LEN)
        return bucket;
    shift = bucket / ROW_LEN - 1;
    return (((uint64_t)(bucket % ROW_LEN) + ROW_LEN) << shift) + (((uint64_t)1 << shift) - 1);
}

void latency_reset(struct latency *latency)
{
    memset(latency, 0, sizeof(*latency));
}

void latency_add(struct latency *latency, uint64_t duration_ns)
{
    unsigned bucket = bucket_of(duration_ns);

    assert(bucket < LATENCY_BUCKET_COUNT);
    latency->buckets[bucket]++;
    latency->count++;
    if (duration_ns > latency->max_ns)
        latency->max_ns = duration_ns;
}

uint64_t latency_percentile(const struct latency *latency, double percent)
{
    double wanted = (double)latency->count * percent / 100;
    uint64_t seen = 0;

    assert(percent >= 0 && percent <= 100);
    if (latency->count == 0)
        return 0;
    for (unsigned i = 0; i < LATENCY_BUCKET_COUNT; i++) {
        seen += latency->buckets[i];
        if (seen > 0 && (double)seen >= wanted) {
            uint64_t upper_ns = bucket_upper_ns(i);

            return upper_ns < latency->max_ns ? upper_ns : latency->max_ns;
        }
    }
    return latency->max_ns;
}
