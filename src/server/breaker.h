/* breaker.h: a circuit breaker: after some failures in a row nobody is asked for a while, then one asks alone, and what comes of that decides.
 *
 *     closed --failures_max in a row--> open --open_ms later, the next one passes--> probing --success--> closed
 *                                         ^------------------failure-------------------'
 *
 * Pure: the time (any monotonic milliseconds) comes as an argument. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_PROBING };

struct breaker {
    uint32_t failures_max;
    uint64_t open_ms;
    enum breaker_state state;
    uint32_t failures; /* in a row */
    uint64_t until_ms; /* open: until then */
};

void breaker_init(struct breaker *breaker, uint32_t failures_max, uint64_t open_ms);
/* May one be sent now? Of an open one whose time is over the first who asks is the probe, and has to be sent. */
bool breaker_may_pass(struct breaker *breaker, uint64_t now_ms);
/* How one that was sent ended; both give whether the breaker has closed or opened by it. */
bool breaker_succeeded(struct breaker *breaker);
bool breaker_failed(struct breaker *breaker, uint64_t now_ms);
