#include "collab/hub_internal.h"

#include "base/memory.h"
#include "collab/type/access.h"
#include "collab/keep/keep.h"
#include "collab/room/places.h"
#include "collab/room/presence.h"
#include "collab/record/record.h"
#include "collab/room/typing.h"

#include <assert.h>
#include <stdlib.h>

#define EPOCH_MASK (((uint64_t)1 << 53) - 1) /* what a JavaScript number holds */

const struct hub_limits hub_limits_default = {
    .tick_ms = 2,
    .grace_ms = 15000,
    .idle_ms = 300000,
    .typing_ms = 5000,
    .refresh_ms = 10000,
    .log_events_max = 10000,
    .log_age_ms = 600000,
    .log_bytes_max = (size_t)4 * 1024 * 1024,
    .hub_log_bytes_max = (size_t)256 * 1024 * 1024,
    .rooms_max = 100000,
    .room_members_max = 20000,
    .room_waiting_max = 20000,
    .presence_list_max = 2000,
    .places_max = 20000,
    .records_cached_max = 20000,
    .records_bytes_max = (size_t)64 * 1024 * 1024,
    .record_bytes_max = (size_t)64 * 1024,
    .changes_waiting_max = 1000,
    .keeping_max = 20000,
    .lock_ttl_ms = 30000,
    .room_linger_ms = 600000,
};

/* ---- life --------------------------------------------------------------------------------------------------------- */

struct hub *hub_new(unsigned worker, unsigned worker_count, struct type_registry *registry,
                    const struct hub_limits *limits, const struct ports *ports)
{
    struct hub *hub = NEW(struct hub);

    assert(worker < worker_count);
    hub->worker = worker;
    hub->worker_count = worker_count;
    hub->registry = type_registry_ref(registry);
    hub->limits = *limits;
    hub->ports = *ports;
    timer_heap_init(&hub->alarms);
    map_init(&hub->rooms);
    map_init(&hub->members);
    map_init(&hub->people);
    map_init(&hub->records);
    map_init(&hub->places);
    list_init(&hub->places_taken);
    list_init(&hub->queue);
    list_init(&hub->rooms_empty);
    list_init(&hub->rooms_logged);
    list_init(&hub->publishing);
    list_init(&hub->records_idle);
    hub->linger.kind = ALARM_LINGER;
    return hub;
}

static void free_commands(struct list *head)
{
    while (!list_is_empty(head))
        command_free(LIST_OWNER(head->next, struct command, node));
}

/* People go with their rooms; what is left then are sessions that only listen, which are in no list but the map. */
static void free_rooms(struct hub *hub)
{
    struct map_entry *entry;

    while ((entry = map_first(&hub->rooms)))
        room_free(entry->value);
    for (entry = map_first(&hub->members); entry; entry = map_next(&hub->members, entry))
        free(entry->value);
}

void hub_free(struct hub *hub)
{
    struct map_entry *entry;

    if (hub == NULL)
        return;
    free_commands(&hub->queue);
    free_commands(&hub->publishing);
    keep_free(hub);
    free_rooms(hub);
    while ((entry = map_first(&hub->records)))
        record_free(entry->value);
    places_clear(hub);
    map_deinit(&hub->rooms);
    map_deinit(&hub->members);
    map_deinit(&hub->people);
    map_deinit(&hub->records);
    timer_heap_deinit(&hub->alarms);
    for (uint32_t i = 0; i < hub->old_registry_count; i++)
        type_registry_unref(hub->old_registries[i]);
    free(hub->old_registries);
    type_registry_unref(hub->registry);
    free(hub);
}

void hub_set_time(struct hub *hub, uint64_t now_ms, int64_t wall_ms)
{
    assert(now_ms >= hub->now_ms);
    hub->now_ms = now_ms;
    hub->wall_ms = wall_ms;
}

/* Events in the logs point into the registry that they were made with, so it stays as long as the hub. Reloads are rare. */
void hub_set_registry(struct hub *hub, struct type_registry *registry)
{
    hub->old_registries =
        memory_resize(hub->old_registries, (hub->old_registry_count + 1) * sizeof(struct type_registry *));
    hub->old_registries[hub->old_registry_count++] = hub->registry;
    hub->registry = type_registry_ref(registry);
    for (struct map_entry *entry = map_first(&hub->rooms); entry; entry = map_next(&hub->rooms, entry)) {
        struct room *room = entry->value;

        if (room->type)
            room->type = type_of_room(registry, room->name, &room->entity_id);
        room->is_servers = room_is_servers(registry, room->name);
    }
}

/* ---- rooms' names ------------------------------------------------------------------------------------------------- */

unsigned room_home(struct span room, unsigned worker_count)
{
    return (unsigned)(hash_stable(room) % worker_count);
}

bool room_is_servers(const struct type_registry *registry, struct span room)
{
    return span_equal(room, SPAN(ROOM_RECORDS)) || span_equal(room, SPAN(ROOM_PRESENCE)) ||
           span_equal(room, SPAN(ROOM_ALERTS)) || span_equal(room, SPAN(ROOM_LOCKS)) ||
           span_equal(room, SPAN(ROOM_COMMENTS)) || span_equal(room, SPAN(ROOM_ACTIVITY)) ||
           span_starts_with(room, SPAN(ROOM_OF_FEED)) || type_find_channel(registry, room) != NULL;
}

bool room_is_durable(const struct type_registry *registry, struct span room)
{
    struct span id;

    return room_is_servers(registry, room) || span_starts_with(room, SPAN(ROOM_OF_USER)) ||
           type_of_room(registry, room, &id) != NULL;
}

enum err hub_may_read(const struct hub *hub, const struct identity *identity, struct span room)
{
    struct span id;
    const struct type *type = type_of_room(hub->registry, room, &id);

    if (type == NULL)
        type = type_find_channel(hub->registry, room);
    if (type == NULL && span_starts_with(room, SPAN(ROOM_OF_USER)))
        return span_equal(span_slice(room, sizeof(ROOM_OF_USER) - 1, room.len), identity->user_id) ||
                       access_is_admin(identity->access)
                   ? OK
                   : ERR_FORBIDDEN;
    if (type == NULL && span_starts_with(room, SPAN(ROOM_OF_TWO))) /* no room, only where their messages are listed */
        return ERR_FORBIDDEN;
    return type == NULL || access_allows(identity->access, type, VERB_READ) ? OK : ERR_FORBIDDEN;
}

/* ---- for the rooms ------------------------------------------------------------------------------------------------ */

void alarm_set(struct hub *hub, struct alarm *alarm, uint64_t deadline)
{
    timer_schedule(&hub->alarms, &alarm->timer, deadline);
}

void alarm_cancel(struct hub *hub, struct alarm *alarm)
{
    timer_cancel(&hub->alarms, &alarm->timer);
}

void hub_answer(struct hub *hub, const struct command *command, struct answer *answer)
{
    if (command_wants(command, answer->err))
        hub->ports.answer(hub->ports.world, answer);
    else
        answer_free(answer);
}

void hub_refuse(struct hub *hub, const struct command *command, enum err err, struct span field)
{
    struct answer *answer = answer_new(command, err);

    if (field.len > 0)
        answer->field = arena_copy(&answer->arena, field);
    hub_answer(hub, command, answer);
}

void hub_store(struct hub *hub, struct store_request *request, void *context)
{
    request->worker = hub->worker;
    request->context = context;
    hub->ports.store(hub->ports.world, request);
}

void hub_relay(struct hub *hub, struct command *command)
{
    if (room_home(command->room, hub->worker_count) == hub->worker)
        hub_command(hub, command);
    else
        hub->ports.relay(hub->ports.world, command);
}

uint64_t hub_new_epoch(struct hub *hub)
{
    uint64_t epoch;

    do {
        epoch = hub->ports.random(hub->ports.world) & EPOCH_MASK;
    } while (epoch == 0);
    return epoch;
}

struct span hub_new_event_id(struct hub *hub, struct arena *arena)
{
    uint64_t number = hub->ports.random(hub->ports.world);
    char digits[16];

    for (size_t at = sizeof(digits); at > 0; number >>= 4)
        digits[--at] = "0123456789abcdef"[number & 15];
    return arena_copy(arena, span_of(digits, sizeof(digits)));
}

/* ---- in ----------------------------------------------------------------------------------------------------------- */

/* Locks, and the settling of conflicts, decide over changes: they wait in line with them. */
static bool is_records(const struct command *command)
{
    return command->object.kind == OBJECT_LOCK ||
           (command->object.kind == OBJECT_CONFLICT && command->object.verb == OBJECT_RESOLVE);
}

static void run(struct hub *hub, struct command *command)
{
    switch (command->kind) {
    case COMMAND_CHANGE:
    case COMMAND_ACTION:
    case COMMAND_UNDO:
    case COMMAND_RESTORE: record_command(hub, command); break;
    case COMMAND_OBJECT:
        if (is_records(command))
            record_command(hub, command);
        else
            keep_command(hub, command);
        break;
    case COMMAND_MIRROR: presence_on_mirror(hub, command); break;
    default: room_command(hub, command);
    }
}

static void enter(struct hub *hub)
{
    assert(!hub->is_busy);
    hub->is_busy = true;
}

/* What came in while the hub was at work (a delivery can end a slow reader, who then leaves) is done now, before anything else. */
static void leave(struct hub *hub)
{
    while (!list_is_empty(&hub->queue)) {
        struct command *command = LIST_OWNER(hub->queue.next, struct command, node);

        list_remove(&command->node);
        run(hub, command);
    }
    hub->is_busy = false;
}

void hub_command(struct hub *hub, struct command *command)
{
    assert(room_home(command->room, hub->worker_count) == hub->worker);
    assert(command->identity || command->kind == COMMAND_MIRROR);
    list_push_tail(&hub->queue, &command->node);
    if (hub->is_busy)
        return;
    enter(hub);
    leave(hub);
}

static void hand_to_asker(struct hub *hub, struct store_request *request)
{
    switch (request->asker) {
    case ASKER_ROOM: room_on_message_stored(hub, request); break;
    case ASKER_RECORD: record_on_stored(hub, request); break;
    case ASKER_KEEP: keep_on_stored(hub, request); break;
    }
}

void hub_on_stored(struct hub *hub, struct store_request *request)
{
    enter(hub);
    switch (request->kind) {
    case STORE_ROOM_OPEN: room_on_opened(request->context, request); break;
    case STORE_EVENTS_READ: room_on_events_read(request->context, request); break;
    case STORE_RECORD_LOAD:
        if (request->asker == ASKER_KEEP)
            keep_on_stored(hub, request);
        else
            record_on_loaded(request->context, request);
        break;
    case STORE_COMMIT:
    case STORE_OP_FIND:
    case STORE_CHANGES_READ:
    case STORE_RECORD_AT:
    case STORE_OBJECTS_READ:
    case STORE_OBJECTS_LIST:
    case STORE_USERS_FIND:
    case STORE_USERS_LIST:
    case STORE_ROLES_READ: hand_to_asker(hub, request); break;
    }
    leave(hub);
}

/* Between a commit's events and its completion no command may run: it would see the room ahead of the record. So the queue is not
 * looked at here; hub_next_deadline says that something is waiting. */
void hub_on_committed(struct hub *hub, struct event *event)
{
    struct room *room = room_find(hub, event->room);

    enter(hub);
    if (room && room->is_open)
        room_publish_numbered(room, event);
    if (event->kind == EVENT_CHANGE)
        record_on_committed(hub, event);
    hub->is_busy = false;
}

/* ---- time --------------------------------------------------------------------------------------------------------- */

uint64_t hub_next_deadline(const struct hub *hub)
{
    const struct timer *timer = timer_heap_first(&hub->alarms);

    if (!list_is_empty(&hub->queue))
        return 0;
    return timer ? timer->deadline : UINT64_MAX;
}

static void go_off(struct hub *hub, struct alarm *alarm)
{
    switch (alarm->kind) {
    case ALARM_TICK: presence_on_tick(LIST_OWNER(alarm, struct room, tick)); break;
    case ALARM_REFRESH: presence_on_refresh(LIST_OWNER(alarm, struct room, refresh)); break;
    case ALARM_PERSON: presence_on_alarm(LIST_OWNER(alarm, struct person, alarm)); break;
    case ALARM_TYPING: typing_on_alarm(typing_of_alarm(alarm)); break;
    case ALARM_LINGER: room_on_linger(hub); break;
    case ALARM_LOCKS: record_on_alarm(alarm); break;
    }
}

void hub_advance(struct hub *hub)
{
    struct timer *timer;

    enter(hub);
    while ((timer = timer_heap_expire(&hub->alarms, hub->now_ms)))
        go_off(hub, LIST_OWNER(timer, struct alarm, timer));
    leave(hub);
}

/* ---- counts ------------------------------------------------------------------------------------------------------- */

struct hub_counts hub_counts(const struct hub *hub)
{
    struct hub_counts counts = {
        .rooms = (uint32_t)hub->rooms.count,
        .members = (uint32_t)hub->members.count,
        .people = (uint32_t)hub->people.count,
        .records = (uint32_t)hub->records.count,
        .log_bytes = hub->log_bytes,
    };

    for (struct map_entry *entry = map_first(&hub->records); entry; entry = map_next(&hub->records, entry)) {
        const struct record *record = entry->value;

        counts.records_busy += record->job_count > 0;
    }
    return counts;
}
