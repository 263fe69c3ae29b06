#include "collab/ports.h"

#include <assert.h>
#include <string.h>

enum { REQUEST_BLOCK_BYTES = 2048 }; /* a record, its change and the names of the rooms that show it */

/* The same with room for at least one more. Arenas do not give back: few are needed, so it doubles from a small number. */
static void *grow(struct arena *arena, void *items, uint32_t count, uint32_t *capacity, size_t size)
{
    void *grown;

    if (count < *capacity)
        return items;
    *capacity = *capacity == 0 ? 4 : 2 * *capacity;
    grown = arena_alloc(arena, *capacity * size);
    if (count > 0)
        memcpy(grown, items, count * size);
    return grown;
}

struct commit_event *commit_add_event(struct store_request *request)
{
    assert(request->commit.event_count < COMMIT_EVENTS_MAX);
    request->commit.events = grow(&request->arena, request->commit.events, request->commit.event_count,
                                  &request->commit.event_capacity, sizeof(*request->commit.events));
    return &request->commit.events[request->commit.event_count++];
}

struct object *commit_add_object(struct store_request *request)
{
    assert(request->commit.object_count < COMMIT_OBJECTS_MAX);
    request->commit.objects = grow(&request->arena, request->commit.objects, request->commit.object_count,
                                   &request->commit.object_capacity, sizeof(*request->commit.objects));
    return &request->commit.objects[request->commit.object_count++];
}

void commit_show_in(struct store_request *request, struct commit_event *entry, struct span room)
{
    uint32_t capacity = entry->room_capacity;

    assert(entry->room_count < COMMIT_ROOMS_MAX);
    entry->positions = grow(&request->arena, entry->positions, entry->room_count, &capacity, sizeof(*entry->positions));
    entry->rooms = grow(&request->arena, entry->rooms, entry->room_count, &entry->room_capacity, sizeof(*entry->rooms));
    entry->rooms[entry->room_count++] = arena_copy(&request->arena, room);
}

struct store_request *store_request_new(enum store_kind kind)
{
    struct store_request *request;
    struct arena arena;

    arena_init(&arena, sizeof(*request) + REQUEST_BLOCK_BYTES);
    request = arena_alloc(&arena, sizeof(*request)); /* the first thing in its own arena: one piece of memory */
    request->arena = arena;
    request->kind = kind;
    request->asker = ASKER_RECORD;
    return request;
}

void store_request_free(struct store_request *request)
{
    struct arena arena;

    if (request == NULL)
        return;
    for (uint32_t i = 0; i < request->event_count; i++)
        event_unref(request->events[i]);
    for (uint32_t i = 0; i < request->commit.event_count; i++)
        event_unref(request->commit.events[i].event);
    arena = request->arena;
    arena_deinit(&arena);
}
