#include "server/breaker.h"

#include <assert.h>

void breaker_init(struct breaker *breaker, uint32_t failures_max, uint64_t open_ms)
{
    assert(failures_max > 0);
    *breaker = (struct breaker){.failures_max = failures_max, .open_ms = open_ms};
}

bool breaker_may_pass(struct breaker *breaker, uint64_t now_ms)
{
    if (breaker->state == BREAKER_OPEN && now_ms >= breaker->until_ms) {
        breaker->state = BREAKER_PROBING;
        return true;
    }
    return breaker->state == BREAKER_CLOSED;
}

/* Of one that was sent before it opened, too: whoever answers is there. */
bool breaker_succeeded(struct breaker *breaker)
{
    bool was_closed = breaker->state == BREAKER_CLOSED;

    breaker->state = BREAKER_CLOSED;
    breaker->failures = 0;
    return !was_closed;
}

/* Those that were sent before it opened do not make it stay open for longer. */
bool breaker_failed(struct breaker *breaker, uint64_t now_ms)
{
    enum breaker_state before = breaker->state;

    if (before == BREAKER_OPEN || (before == BREAKER_CLOSED && ++breaker->failures < breaker->failures_max))
        return false;
    breaker->state = BREAKER_OPEN;
    breaker->failures = 0;
    breaker->until_ms = now_ms + breaker->open_ms;
    return before == BREAKER_CLOSED;
}
