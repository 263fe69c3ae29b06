#include "collab/ports.h"

#include "base/memory.h"

#include <stdlib.h>

enum { REQUEST_BLOCK_BYTES = 2048 }; /* a record, its change and the names of the rooms that show it */

struct store_request *store_request_new(enum store_kind kind)
{
    struct store_request *request = NEW(struct store_request);

    request->kind = kind;
    arena_init(&request->arena, REQUEST_BLOCK_BYTES);
    return request;
}

void store_request_free(struct store_request *request)
{
    if (request == NULL)
        return;
    for (uint32_t i = 0; i < request->event_count; i++)
        event_unref(request->events[i]);
    for (uint32_t i = 0; i < request->commit.event_count; i++)
        event_unref(request->commit.events[i].event);
    arena_deinit(&request->arena);
    free(request);
}
