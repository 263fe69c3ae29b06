/* heap.h: timers as an intrusive 4-ary heap ordered by a deadline. The owner embeds `struct timer`; a timer that is
 * not scheduled costs nothing but its bytes. No clock: the owner of the heap passes the time in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
    uint64_t deadline; /* in whatever unit the heap's owner counts */
    uint32_t position; /* in the heap, 1-based; 0: not scheduled */
};

struct timer_heap {
    struct timer **timers;
    uint32_t count;
    uint32_t capacity;
};

void timer_heap_init(struct timer_heap *heap);
void timer_heap_deinit(struct timer_heap *heap); /* the timers stay their owners' */
void timer_schedule(struct timer_heap *heap, struct timer *timer, uint64_t deadline); /* moves it when scheduled */
void timer_cancel(struct timer_heap *heap, struct timer *timer);                      /* fine when not scheduled */
static inline bool timer_is_scheduled(const struct timer *timer)
{
    return timer->position != 0;
}
/* The earliest one, or NULL. */
struct timer *timer_heap_first(const struct timer_heap *heap);
/* Takes out the earliest one whose deadline is <= now, or gives NULL. */
struct timer *timer_heap_expire(struct timer_heap *heap, uint64_t now);
