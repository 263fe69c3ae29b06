/* Coming back. A client says where it stood; it gets exactly what was said since, or the word that it must load anew. What is in
 * memory is served from there; of durable rooms what is older is read from the store, and kept in memory then, because after a
 * restart everybody comes back at once. Nobody catches up on more than a room may keep in memory. */
#include "collab/room/room.h"

#include <assert.h>

/* The one who missed most of those who wait: what is read for him serves them all. */
static uint64_t earliest_wanted(const struct room *room, uint64_t offset)
{
    LIST_EACH (&room->waiting, node) {
        const struct command *command = LIST_OWNER(node, struct command, node);

        if (command->kind == COMMAND_JOIN && command->join.has_since && command->join.since.epoch == room->epoch &&
            command->join.since.offset >= room->unreadable_before && command->join.since.offset < offset &&
            room->log.head - command->join.since.offset <= room->hub->limits.log_events_max)
            offset = command->join.since.offset;
    }
    return offset;
}

static void read_since(struct room *room, uint64_t offset)
{
    struct store_request *request = store_request_new(STORE_EVENTS_READ);

    request->room = arena_copy(&request->arena, room->name);
    request->since = (struct position){room->epoch, earliest_wanted(room, offset)};
    request->count_max = room->hub->limits.log_events_max;
    request->bytes_max = room->hub->limits.log_bytes_max;
    room->is_reading = true;
    hub_store(room->hub, request, room);
}

bool room_resume(struct room *room, struct position since, struct missed *missed)
{
    *missed = (struct missed){0};
    room_trim_log(room);
    if (since.epoch == room->epoch && event_log_since(&room->log, since.offset, &missed->place, &missed->count) == OK)
        return true;
    missed->is_resync = true;
    if (!room->is_durable || since.epoch != room->epoch || since.offset > room->log.head ||
        since.offset < room->unreadable_before || room->log.head - since.offset > room->hub->limits.log_events_max)
        return true;
    if (!room->is_reading)
        read_since(room, since.offset);
    return false;
}

static bool reaches_head(const struct room *room, const struct store_request *request)
{
    return request->err == OK && request->position.epoch == room->epoch &&
           request->event_count == room->log.head - request->since.offset;
}

/* What was read reaches up to the head as it is now: completions and committed events come in one order. */
static void fill_log(struct room *room, const struct store_request *request)
{
    struct hub *hub = room->hub;
    const uint64_t head = room->log.head;

    hub->log_bytes -= room->log.bytes;
    event_log_deinit(&room->log);
    event_log_init(&room->log, request->since.offset);
    for (uint32_t i = 0; i < request->event_count; i++)
        event_log_append(&room->log, request->events[i], hub->now_ms);
    assert(room->log.head == head);
    hub->log_bytes += room->log.bytes;
    list_remove(&room->in_logged);
    if (room->log.count > 0)
        list_push_tail(&hub->rooms_logged, &room->in_logged);
}

/* Reading again would not help those who stand before what fits into the log. */
static void keep_what_fits(struct room *room, const struct store_request *request)
{
    uint64_t before_first;

    fill_log(room, request);
    room_trim_log(room);
    before_first = room->log.head - room->log.count;
    if (!request->is_complete || before_first > request->since.offset)
        room->unreadable_before = before_first;
}

void room_on_events_read(struct room *room, struct store_request *request)
{
    room->is_reading = false;
    if (reaches_head(room, request))
        keep_what_fits(room, request);
    else
        room->unreadable_before = request->since.offset + 1;
    store_request_free(request);
    room_wake(room, OK);
}
