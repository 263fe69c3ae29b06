#include "collab/record/record_tail.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

enum { CAPACITY_FIRST = 4 };
#define OLDER_BYTES_MAX ((size_t)1024 * 1024) /* of what was read, kept while the record rests */

static struct event *event_at(const struct record_tail *tail, uint32_t index)
{
    assert(index < tail->count);
    return tail->events[(tail->first + index) % tail->capacity];
}

static const struct change *change_at(const struct record_tail *tail, uint32_t index)
{
    return event_at(tail, index)->change.change;
}

static void drop_older(struct record_tail *tail)
{
    store_request_free(tail->older);
    tail->older = NULL;
}

/* ---- the ring ----------------------------------------------------------------------------------------------------- */

static void forget_first(struct record_tail *tail)
{
    struct event *event = event_at(tail, 0);

    if (tail->older && event->change.change->version > tail->older->version)
        drop_older(tail); /* there would be a gap */
    tail->event_bytes -= event_bytes(event);
    event_unref(event);
    tail->first = (tail->first + 1) % tail->capacity;
    tail->count--;
}

static void forget_last(struct record_tail *tail)
{
    struct event *event = event_at(tail, tail->count - 1);

    tail->event_bytes -= event_bytes(event);
    event_unref(event);
    tail->count--;
}

static void grow(struct record_tail *tail)
{
    const uint32_t capacity = tail->capacity == 0 ? CAPACITY_FIRST : 2 * tail->capacity;
    struct event **events = memory_alloc(capacity * sizeof(struct event *));

    for (uint32_t i = 0; i < tail->count; i++)
        events[i] = event_at(tail, i);
    free(tail->events);
    tail->events = events;
    tail->capacity = capacity;
    tail->first = 0;
}

void record_tail_clear(struct record_tail *tail)
{
    while (tail->count > 0)
        forget_last(tail);
    free(tail->events);
    drop_older(tail);
    *tail = (struct record_tail){0};
}

void record_tail_add(struct record_tail *tail, struct event *event)
{
    assert(event->kind == EVENT_CHANGE);
    assert(tail->count == 0 || change_at(tail, tail->count - 1)->version + 1 == event->change.change->version);
    if (tail->count == TAIL_CHANGES_MAX)
        forget_first(tail);
    if (tail->count == tail->capacity)
        grow(tail);
    tail->events[(tail->first + tail->count++) % tail->capacity] = event_ref(event);
    tail->event_bytes += event_bytes(event);
    while (tail->event_bytes > TAIL_BYTES_MAX && tail->count > 1)
        forget_first(tail);
}

void record_tail_cut(struct record_tail *tail, uint64_t version)
{
    while (tail->count > 0 && change_at(tail, tail->count - 1)->version > version)
        forget_last(tail);
}

void record_tail_check(struct record_tail *tail, uint64_t version)
{
    if (tail->count > 0 && change_at(tail, tail->count - 1)->version == version)
        return;
    if (tail->count == 0 && tail->older && tail->older->version == version)
        return;
    record_tail_clear(tail);
}

/* ---- what was read ------------------------------------------------------------------------------------------------ */

void record_tail_set_older(struct record_tail *tail, struct store_request *request)
{
    drop_older(tail);
    tail->older = request;
}

void record_tail_rest(struct record_tail *tail)
{
    if (tail->older && tail->older->arena.used_bytes > OLDER_BYTES_MAX)
        drop_older(tail);
}

size_t record_tail_bytes(const struct record_tail *tail)
{
    return tail->event_bytes + tail->capacity * sizeof(struct event *) +
           (tail->older ? tail->older->arena.used_bytes : 0);
}

/* ---- what came after a version ------------------------------------------------------------------------------------ */

/* Those of what was read that come before what is in the ring. */
static uint32_t older_count(const struct record_tail *tail)
{
    const uint64_t first = tail->count > 0 ? change_at(tail, 0)->version : UINT64_MAX;
    uint32_t count = tail->older ? tail->older->change_count : 0;

    while (count > 0 && tail->older->changes[count - 1]->version >= first)
        count--;
    return count;
}

static enum tail_reach reach(const struct record_tail *tail, uint32_t older, uint64_t version, uint64_t present)
{
    uint64_t first = present + 1; /* the oldest version at hand */

    if (older > 0)
        first = tail->older->changes[0]->version;
    else if (tail->count > 0)
        first = change_at(tail, 0)->version;
    if (version + 1 >= first)
        return TAIL_REACHES;
    return tail->older && tail->older->since.offset <= version ? TAIL_LOST : TAIL_ENDS;
}

static const struct change *named(struct arena *arena, const struct event *event, session_id self)
{
    const struct change *change = event->change.change;
    struct change *copy;

    if (self == 0 || event->origin != self || change->source.len > 0)
        return change;
    copy = arena_alloc(arena, sizeof(*copy));
    *copy = *change;
    copy->source = TAIL_SELF;
    return copy;
}

enum tail_reach record_tail_since(const struct record_tail *tail, uint64_t version, uint64_t present, session_id self,
                                  struct arena *arena, struct tail_changes *out)
{
    uint32_t older, from = 0, start = 0;

    *out = (struct tail_changes){0};
    if (version >= present)
        return TAIL_REACHES;
    older = older_count(tail);
    while (from < older && tail->older->changes[from]->version <= version)
        from++;
    while (start < tail->count && change_at(tail, start)->version <= version)
        start++;
    out->items = arena_alloc(arena, (older - from + tail->count - start) * sizeof(out->items[0]));
    for (uint32_t i = from; i < older; i++)
        out->items[out->count++] = tail->older->changes[i];
    for (uint32_t i = start; i < tail->count; i++)
        out->items[out->count++] = named(arena, event_at(tail, i), self);
    return reach(tail, older, version, present);
}
