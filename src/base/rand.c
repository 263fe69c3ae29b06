#include "base/rand.h"

#include "base/wraps.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* splitmix64: turns neighbouring seeds into states that have nothing in common, and never into four zeros. */
WRAPS static uint64_t split_mix(uint64_t *seed)
{
    uint64_t mixed = *seed += 0x9e3779b97f4a7c15u;

    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

void rand_seed(struct rand *rand, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        rand->state[i] = split_mix(&seed);
}

WRAPS static uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

WRAPS uint64_t rand_next(struct rand *rand)
{
    uint64_t *s = rand->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return result;
}

WRAPS uint64_t rand_below(struct rand *rand, uint64_t bound)
{
    uint64_t number;
    uint64_t uneven;

    assert(bound > 0);
    uneven = (0 - bound) % bound; /* 2^64 mod bound: so many numbers would come up once too often */
    do
        number = rand_next(rand);
    while (number < uneven);
    return number % bound;
}

void rand_bytes(void *out, size_t len)
{
    unsigned char *bytes = out;

    while (len > 0) {
        ssize_t got = getrandom(bytes, len, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            /* Going on with guessable keys and session ids would be worse than ending. */
            perror("getrandom");
            abort();
        }
        bytes += got;
        len -= (size_t)got;
    }
}
