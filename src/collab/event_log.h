/* event_log.h: the last events of a room, bounded by count, age and bytes, so that a client who comes back gets exactly what he
 * missed. Holds references. Offsets are consecutive. */
#pragma once

#include "collab/event.h"

struct event_log {
    struct event_log_entry {
        struct event *event;
        uint64_t time_ms; /* when it was appended */
    } * ring;
    uint32_t capacity, first, count;
    uint64_t head;      /* the offset of the last event ever appended; 0: none */
    uint64_t oldest_ms; /* the first one's time_ms: every message asks whether it is too old */
    size_t bytes;
};

void event_log_init(struct event_log *log, uint64_t head);
void event_log_deinit(struct event_log *log);
/* The event's offset must be head + 1. */
void event_log_append(struct event_log *log, struct event *event, uint64_t now_ms);
/* Drops what exceeds the bounds, oldest first. */
void event_log_trim(struct event_log *log, uint32_t events_max, size_t bytes_max, uint64_t oldest_ms);
/* Everything after `offset`: ERR_RESYNC when some of it is gone or the offset is in the future. Gives how many and the first's place
 * (read with event_log_at, which lends). */
must_check enum err event_log_since(const struct event_log *log, uint64_t offset, uint32_t *place, uint32_t *count);
struct event *event_log_at(const struct event_log *log, uint32_t place);
