/* rand.h: randomness. rand_bytes is the kernel's, for anything that must not be guessed; struct rand is a seeded
 * generator (xoshiro256**) for simulation, jitter and test data. */
#pragma once

#include "base/span.h"

struct rand {
    uint64_t state[4];
};

void rand_seed(struct rand *rand, uint64_t seed);
uint64_t rand_next(struct rand *rand);
uint64_t rand_below(struct rand *rand, uint64_t bound); /* 0..bound-1, without bias; bound > 0 */

void rand_bytes(void *out, size_t len); /* getrandom(2); any thread */
