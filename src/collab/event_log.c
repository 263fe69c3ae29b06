/* A ring that doubles when it is full and goes when it is empty: a room where nobody publishes keeps no memory for it. */
#include "collab/event_log.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

enum { CAPACITY_FIRST = 8 }; /* a power of two, and so are all that follow */

void event_log_init(struct event_log *log, uint64_t head)
{
    *log = (struct event_log){.head = head};
}

static void free_ring(struct event_log *log)
{
    free(log->ring);
    event_log_init(log, log->head);
}

void event_log_deinit(struct event_log *log)
{
    for (uint32_t i = 0; i < log->count; i++)
        event_unref(event_log_at(log, i));
    free_ring(log);
}

static uint32_t slot(const struct event_log *log, uint32_t place)
{
    return (log->first + place) & (log->capacity - 1);
}

struct event *event_log_at(const struct event_log *log, uint32_t place)
{
    assert(place < log->count);
    return log->ring[slot(log, place)].event;
}

static void grow(struct event_log *log)
{
    uint32_t capacity = log->capacity ? log->capacity * 2 : CAPACITY_FIRST;
    struct event_log_entry *ring = memory_array(capacity, sizeof(*ring));

    for (uint32_t i = 0; i < log->count; i++)
        ring[i] = log->ring[slot(log, i)];
    free(log->ring);
    log->ring = ring;
    log->capacity = capacity;
    log->first = 0;
}

void event_log_append(struct event_log *log, struct event *event, uint64_t now_ms)
{
    uint32_t last;

    assert(event->position.offset == log->head + 1);
    if (log->count == log->capacity)
        grow(log);
    last = slot(log, log->count);
    log->ring[last] = (struct event_log_entry){event_ref(event), now_ms};
    if (log->count == 0)
        log->oldest_ms = now_ms;
    log->count++;
    log->head++;
    log->bytes += event_bytes(event);
}

static void drop_first(struct event_log *log)
{
    struct event *event = event_log_at(log, 0);

    log->bytes -= event_bytes(event);
    event_unref(event);
    log->first = slot(log, 1);
    log->count--;
    if (log->count > 0)
        log->oldest_ms = log->ring[log->first].time_ms;
}

void event_log_trim(struct event_log *log, uint32_t events_max, size_t bytes_max, uint64_t oldest_ms)
{
    while (log->count > 0 && (log->count > events_max || log->bytes > bytes_max || log->oldest_ms < oldest_ms))
        drop_first(log);
    if (log->count == 0)
        free_ring(log);
}

enum err event_log_since(const struct event_log *log, uint64_t offset, uint32_t *place, uint32_t *count)
{
    if (offset > log->head || log->head - offset > log->count)
        return ERR_RESYNC;
    *count = (uint32_t)(log->head - offset);
    *place = log->count - *count;
    return OK;
}
