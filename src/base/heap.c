#include "base/heap.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

/* Four children instead of two: half as many levels, and the children of one timer share a cache line. */
enum { CHILDREN = 4, FIRST_CAPACITY = 16 };

void timer_heap_init(struct timer_heap *heap)
{
    *heap = (struct timer_heap){0};
}

void timer_heap_deinit(struct timer_heap *heap)
{
    for (uint32_t i = 0; i < heap->count; i++)
        heap->timers[i]->position = 0;
    free(heap->timers);
    timer_heap_init(heap);
}

static void place(struct timer_heap *heap, uint32_t index, struct timer *timer)
{
    heap->timers[index] = timer;
    timer->position = index + 1;
}

static void sift_up(struct timer_heap *heap, uint32_t index)
{
    struct timer *timer = heap->timers[index];

    while (index > 0) {
        uint32_t parent = (index - 1) / CHILDREN;

        if (heap->timers[parent]->deadline <= timer->deadline)
            break;
        place(heap, index, heap->timers[parent]);
        index = parent;
    }
    place(heap, index, timer);
}

/* The child with the earliest deadline; `index` itself when there is none. */
static uint32_t earliest_child(const struct timer_heap *heap, uint32_t index)
{
    uint32_t first = index * CHILDREN + 1;
    uint32_t best = index;

    for (uint32_t child = first; child < heap->count && child < first + CHILDREN; child++)
        if (best == index || heap->timers[child]->deadline < heap->timers[best]->deadline)
            best = child;
    return best;
}

static void sift_down(struct timer_heap *heap, uint32_t index)
{
    struct timer *timer = heap->timers[index];

    for (;;) {
        uint32_t child = earliest_child(heap, index);

        if (child == index || heap->timers[child]->deadline >= timer->deadline)
            break;
        place(heap, index, heap->timers[child]);
        index = child;
    }
    place(heap, index, timer);
}

/* One of the two moves it, the other finds it in its place. */
static void restore(struct timer_heap *heap, uint32_t index)
{
    struct timer *timer = heap->timers[index];

    sift_up(heap, index);
    sift_down(heap, timer->position - 1);
}

static void grow(struct timer_heap *heap)
{
    if (heap->count < heap->capacity)
        return;
    assert(heap->capacity <= UINT32_MAX / 2 / CHILDREN);
    heap->capacity = heap->capacity > 0 ? heap->capacity * 2 : FIRST_CAPACITY;
    heap->timers = memory_resize(heap->timers, heap->capacity * sizeof(struct timer *));
}

static bool is_mine(const struct timer_heap *heap, const struct timer *timer)
{
    return timer->position <= heap->count && heap->timers[timer->position - 1] == timer;
}

void timer_schedule(struct timer_heap *heap, struct timer *timer, uint64_t deadline)
{
    timer->deadline = deadline;
    if (!timer_is_scheduled(timer)) {
        grow(heap);
        place(heap, heap->count++, timer);
    }
    assert(is_mine(heap, timer));
    restore(heap, timer->position - 1);
}

void timer_cancel(struct timer_heap *heap, struct timer *timer)
{
    uint32_t hole;
    struct timer *last;

    if (!timer_is_scheduled(timer))
        return;
    assert(is_mine(heap, timer));
    hole = timer->position - 1;
    timer->position = 0;
    last = heap->timers[--heap->count];
    if (last == timer)
        return;
    place(heap, hole, last);
    restore(heap, hole);
}

struct timer *timer_heap_first(const struct timer_heap *heap)
{
    return heap->count > 0 ? heap->timers[0] : NULL;
}

struct timer *timer_heap_expire(struct timer_heap *heap, uint64_t now)
{
    struct timer *first = timer_heap_first(heap);

    if (first == NULL || first->deadline > now)
        return NULL;
    timer_cancel(heap, first);
    return first;
}
