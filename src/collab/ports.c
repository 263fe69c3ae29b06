#include "collab/ports.h"

enum { REQUEST_BLOCK_BYTES = 2048 }; /* a record, its change and the names of the rooms that show it */

struct store_request *store_request_new(enum store_kind kind)
{
    struct store_request *request;
    struct arena arena;

    arena_init(&arena, sizeof(*request) + REQUEST_BLOCK_BYTES);
    request = arena_alloc(&arena, sizeof(*request)); /* the first thing in its own arena: one piece of memory */
    request->arena = arena;
    request->kind = kind;
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
