#include "collab/room/room.h"

#include "base/memory.h"
#include "collab/room/presence.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { LOGGED_EXACT_MS = 1000 };

/* ---- life --------------------------------------------------------------------------------------------------------- */

struct room *room_find(const struct hub *hub, struct span name)
{
    return map_get(&hub->rooms, name);
}

/* When there are as many rooms as there may be, the one that has been empty longest goes before its time. Who comes back to
 * it is told to load anew, or reads from the store what he missed. */
static enum err make_place(struct hub *hub)
{
    if (hub->rooms.count < hub->limits.rooms_max)
        return OK;
    if (list_is_empty(&hub->rooms_empty))
        return ERR_TOO_MANY;
    room_free(LIST_OWNER(hub->rooms_empty.next, struct room, in_empty));
    return OK;
}

static struct room *room_alloc(struct hub *hub, struct span name)
{
    const size_t head = sizeof(struct room) + hub->worker_count * sizeof(uint32_t);
    struct room *room = memory_alloc(head + name.len);
    char *text = (char *)room + head;

    memcpy(text, name.data, name.len);
    room->name = span_of(text, name.len);
    room->hub = hub;
    room->serial = ++hub->room_serial;
    list_init(&room->people);
    list_init(&room->pending);
    list_init(&room->moved);
    list_init(&room->waiting);
    list_init(&room->in_empty);
    list_init(&room->in_logged);
    room->tick.kind = ALARM_TICK;
    room->refresh.kind = ALARM_REFRESH;
    return room;
}

static void ask_where_it_stands(struct room *room)
{
    struct store_request *request = store_request_new(STORE_ROOM_OPEN);

    request->room = arena_copy(&request->arena, room->name);
    hub_store(room->hub, request, room);
}

enum err room_new(struct hub *hub, struct span name, struct room **out)
{
    struct room *room;
    enum err err;

    if (!room_name_is_valid(name))
        return ERR_BAD_NAME;
    if ((err = make_place(hub)) != OK)
        return err;
    room = room_alloc(hub, name);
    room->type = type_of_room(hub->registry, room->name, &room->entity_id);
    room->is_servers = room_is_servers(hub->registry, room->name);
    room->is_durable = room_is_durable(hub->registry, room->name);
    event_log_init(&room->log, 0);
    map_put(&hub->rooms, room->name, room);
    if (room->is_durable) {
        ask_where_it_stands(room);
    } else {
        room->is_open = true;
        room->epoch = hub_new_epoch(hub);
    }
    *out = room;
    return OK;
}

/* It cannot be said where it stands, so nobody can be let in: whoever waited is told why, and the next one asks again. */
static void refuse_all(struct room *room, enum err err)
{
    while (!list_is_empty(&room->waiting)) {
        struct command *command = LIST_OWNER(room->waiting.next, struct command, node);

        hub_refuse(room->hub, command, err, SPAN_EMPTY);
        command_free(command);
    }
}

void room_on_opened(struct room *room, struct store_request *request)
{
    const enum err err = request->err;
    const struct position position = request->position;

    store_request_free(request);
    assert(!room->is_open);
    if (err != OK) {
        refuse_all(room, err);
        room_free(room);
        return;
    }
    room->is_open = true;
    room->epoch = position.epoch;
    event_log_init(&room->log, position.offset);
    room_wake(room, OK);
}

static void account_log(struct room *room, size_t bytes_before)
{
    room->hub->log_bytes += room->log.bytes;
    room->hub->log_bytes -= bytes_before;
    if (room->log.count == 0)
        list_remove(&room->in_logged);
}

void room_free(struct room *room)
{
    struct hub *hub = room->hub;

    presence_clear(room);
    while (!list_is_empty(&room->waiting))
        command_free(LIST_OWNER(room->waiting.next, struct command, node));
    alarm_cancel(hub, &room->tick);
    alarm_cancel(hub, &room->refresh);
    hub->log_bytes -= room->log.bytes;
    event_log_deinit(&room->log);
    recent_ids_deinit(&room->recent_ids);
    color_set_deinit(&room->colors);
    list_remove(&room->in_empty);
    list_remove(&room->in_logged);
    map_remove(&hub->rooms, room->name);
    free(room);
}

static bool is_in_use(const struct room *room)
{
    return room->member_count > 0 || room->waiting_count > 0 || room->publishing_count > 0 || room->is_reading ||
           !room->is_open;
}

static void arm_linger(struct hub *hub)
{
    if (list_is_empty(&hub->rooms_empty))
        alarm_cancel(hub, &hub->linger);
    else
        alarm_set(hub, &hub->linger,
                  LIST_OWNER(hub->rooms_empty.next, struct room, in_empty)->empty_since_ms +
                      hub->limits.room_linger_ms);
}

void room_hold(struct room *room)
{
    list_remove(&room->in_empty);
}

/* A stored room that somebody only looked into has nothing that is worth keeping: it goes next. */
static bool is_worth_keeping(const struct room *room)
{
    return room->was_joined || !room->is_durable;
}

void room_settle(struct room *room)
{
    struct hub *hub = room->hub;
    const uint64_t linger_ms = hub->limits.room_linger_ms;

    if (is_in_use(room) || !list_is_empty(&room->in_empty))
        return;
    if (is_worth_keeping(room)) {
        room->empty_since_ms = hub->now_ms;
        list_push_tail(&hub->rooms_empty, &room->in_empty);
        if (!alarm_is_set(&hub->linger))
            arm_linger(hub);
    } else {
        room->empty_since_ms = hub->now_ms > linger_ms ? hub->now_ms - linger_ms : 0;
        list_push_head(&hub->rooms_empty, &room->in_empty);
        arm_linger(hub);
    }
}

void room_on_linger(struct hub *hub)
{
    while (!list_is_empty(&hub->rooms_empty)) {
        struct room *room = LIST_OWNER(hub->rooms_empty.next, struct room, in_empty);

        if (room->empty_since_ms + hub->limits.room_linger_ms > hub->now_ms)
            break;
        room_free(room);
    }
    arm_linger(hub);
}

/* ---- what was said ------------------------------------------------------------------------------------------------ */

struct position room_position(const struct room *room)
{
    return (struct position){room->epoch, room->log.head};
}

void room_deliver(struct room *room, struct event *event)
{
    struct hub *hub = room->hub;

    for (unsigned worker = 0; worker < hub->worker_count; worker++) {
        if (room->listeners[worker] > 0)
            hub->ports.deliver(hub->ports.world, worker, event);
    }
}

static uint64_t oldest_kept_ms(const struct hub *hub)
{
    return hub->now_ms > hub->limits.log_age_ms ? hub->now_ms - hub->limits.log_age_ms : 0;
}

void room_trim_log(struct room *room)
{
    const struct hub_limits *limits = &room->hub->limits;
    const size_t before = room->log.bytes;

    event_log_trim(&room->log, limits->log_events_max, limits->log_bytes_max, oldest_kept_ms(room->hub));
    account_log(room, before);
}

/* All logs together are bounded, too: the rooms in which nothing was said for longest forget first. */
static void bound_all_logs(struct hub *hub)
{
    while (hub->log_bytes > hub->limits.hub_log_bytes_max && !list_is_empty(&hub->rooms_logged)) {
        struct room *room = LIST_OWNER(hub->rooms_logged.next, struct room, in_logged);
        const size_t before = room->log.bytes;

        event_log_trim(&room->log, 0, 0, 0);
        account_log(room, before);
    }
}

/* Among the rooms in which something was said lately. Exact to a second: moving on costs a look at the neighbours, which
 * are nowhere near. */
static void keep_place(struct room *room)
{
    struct hub *hub = room->hub;

    if (!list_is_empty(&room->in_logged) && hub->now_ms - room->logged_ms < LOGGED_EXACT_MS)
        return;
    list_remove(&room->in_logged);
    list_push_tail(&hub->rooms_logged, &room->in_logged);
    room->logged_ms = hub->now_ms;
}

void room_publish_numbered(struct room *room, struct event *event)
{
    struct hub *hub = room->hub;
    const size_t before = room->log.bytes;

    event_log_append(&room->log, event, hub->now_ms);
    keep_place(room);
    account_log(room, before);
    room_trim_log(room);
    bound_all_logs(hub);
    room_deliver(room, event);
}

/* ---- members ------------------------------------------------------------------------------------------------------ */

static struct span member_key(const struct member_key *key)
{
    return span_of(key, sizeof(*key));
}

struct member *room_member(const struct room *room, session_id session)
{
    const struct member_key key = {room->serial, session};

    return map_get(&room->hub->members, member_key(&key));
}

enum err room_add_member(struct room *room, session_id session, struct member **out)
{
    struct member *member;

    if (room->member_count >= room->hub->limits.room_members_max)
        return ERR_TOO_MANY;
    member = NEW(struct member);
    member->key = (struct member_key){room->serial, session};
    member->room = room;
    list_init(&member->in_person);
    map_put(&room->hub->members, member_key(&member->key), member);
    room->member_count++;
    room->was_joined = true;
    *out = member;
    return OK;
}

void room_set_listening(struct member *member, bool listens)
{
    struct room *room = member->room;
    uint32_t *count = &room->listeners[session_worker(member->key.session)];

    if (member->listens == listens)
        return;
    member->listens = listens;
    if (listens) {
        ++*count;
        room->arrivals++;
    } else {
        --*count;
    }
}

void room_remove_member(struct member *member)
{
    struct room *room = member->room;

    assert(member->person == NULL);
    room_set_listening(member, false);
    map_remove(&room->hub->members, member_key(&member->key));
    room->member_count--;
    free(member->said);
    free(member);
    room_settle(room);
}
