#include "lib/model_store.h"

#include "base/map.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- tables ------------------------------------------------------------------------------------------------------- */

void model_store_init(struct model_store *store, const struct type_registry *registry, uint64_t seed)
{
    *store = (struct model_store){.registry = registry, .seed = seed, .events_max = 10000};
}

static char *text_copy(struct span text)
{
    char *copy = memory_alloc(text.len + 1);

    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    return copy;
}

static bool is(const char *text, struct span other)
{
    return strlen(text) == other.len && memcmp(text, other.data, other.len) == 0;
}

/* A new last row, zeroed. */
static void *add_row(void **rows, unsigned *count, unsigned *capacity, size_t size)
{
    if (*count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 64;
        *rows = memory_resize(*rows, *capacity * size);
    }
    return memset((char *)*rows + (size_t)(*count)++ * size, 0, size);
}

#define ADD(store, table)                                                                     \
    add_row((void **)&(store)->table##s, &(store)->table##_count, &(store)->table##_capacity, \
            sizeof(*(store)->table##s))

struct model_moment model_store_now(const struct model_store *store)
{
    return (struct model_moment){store->room_count, store->event_count, store->change_count, store->op_count};
}

void model_store_go_back(struct model_store *store, struct model_moment moment)
{
    while (store->op_count > moment.op_count) {
        struct model_op *op = &store->ops[--store->op_count];

        free(op->id);
        free(op->answer);
    }
    while (store->change_count > moment.change_count) {
        struct model_change *change = &store->changes[--store->change_count];

        free(change->record);
        free(change->state);
        free(change->op_id);
    }
    while (store->event_count > moment.event_count) {
        struct model_event *event = &store->events[--store->event_count];

        store->rooms[event->room].head--;
        free(event->body);
    }
    while (store->room_count > moment.room_count)
        free(store->rooms[--store->room_count].name);
}

void model_store_deinit(struct model_store *store)
{
    model_store_go_back(store, (struct model_moment){0});
    free(store->rooms);
    free(store->events);
    free(store->changes);
    free(store->ops);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

const struct model_room *model_store_room(const struct model_store *store, struct span name)
{
    for (unsigned i = 0; i < store->room_count; i++) {
        if (is(store->rooms[i].name, name))
            return &store->rooms[i];
    }
    return NULL;
}

const struct model_change *model_store_record(const struct model_store *store, struct span room)
{
    for (unsigned i = store->change_count; i-- > 0;) {
        if (is(store->changes[i].record, room))
            return &store->changes[i];
    }
    return NULL;
}

const struct model_change *model_store_version(const struct model_store *store, struct span room, uint64_t version)
{
    for (unsigned i = 0; i < store->change_count; i++) {
        if (store->changes[i].version == version && is(store->changes[i].record, room))
            return &store->changes[i];
    }
    return NULL;
}

const struct model_event *model_store_event(const struct model_store *store, struct span room, uint64_t offset)
{
    for (unsigned i = 0; i < store->event_count; i++) {
        if (store->events[i].offset == offset && is(store->rooms[store->events[i].room].name, room))
            return &store->events[i];
    }
    return NULL;
}

const struct model_op *model_store_op(const struct model_store *store, struct span op_id)
{
    for (unsigned i = 0; i < store->op_count; i++) {
        if (is(store->ops[i].id, op_id))
            return &store->ops[i];
    }
    return NULL;
}

uint64_t model_store_version_at(const struct model_store *store, struct span room, uint64_t offset)
{
    uint64_t version = 0;

    for (unsigned i = 0; i < store->event_count; i++) {
        const struct model_event *event = &store->events[i];

        if (event->version > version && event->offset <= offset && is(store->rooms[event->room].name, room))
            version = event->version;
    }
    return version;
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static struct model_room *open_room(struct model_store *store, struct span name)
{
    struct model_room *room = (struct model_room *)(uintptr_t)model_store_room(store, name);

    if (room == NULL) {
        room = ADD(store, room);
        room->name = text_copy(name);
        room->epoch = ((store->seed * 31 + hash_stable(name)) >> 11) + 1;
    }
    return room;
}

static void add_event(struct model_store *store, const struct store_request *request, struct commit_event *entry,
                      uint32_t index, const struct model_sink *sink)
{
    struct model_room *room = open_room(store, entry->rooms[index]);
    const struct position position = {room->epoch, ++room->head};
    struct model_event *row = ADD(store, event);
    struct event *view = event_in_room(entry->event, entry->rooms[index], position);

    row->room = (unsigned)(room - store->rooms);
    row->offset = position.offset;
    row->version = entry->event->kind == EVENT_CHANGE ? request->commit.version : 0;
    row->origin = entry->event->origin;
    row->body = text_copy(entry->body);
    row->body_len = entry->body.len;
    entry->positions[index] = position;
    sink->committed(sink->arg, view);
    event_unref(view);
}

static void add_change(struct model_store *store, const struct store_request *request)
{
    struct model_change *row = ADD(store, change);

    row->record = text_copy(request->room);
    row->version = request->commit.version;
    row->is_delete = request->commit.is_delete;
    row->state = text_copy(request->commit.new_state);
    row->state_len = request->commit.new_state.len;
    row->op_id = request->commit.op_id.len > 0 ? text_copy(request->commit.op_id) : NULL;
}

static void add_op(struct model_store *store, const struct store_request *request)
{
    struct model_op *row = ADD(store, op);

    row->id = text_copy(request->commit.op_id);
    row->hash = request->commit.op_hash;
    row->answer = text_copy(request->commit.answer);
    if (request->commit.event_count > 0)
        row->position = request->commit.events[0].positions[0];
}

/* True: there is no more to be done with this request. */
static bool find_op(const struct model_store *store, struct store_request *request)
{
    const struct model_op *op = request->commit.op_id.len ? model_store_op(store, request->commit.op_id) : NULL;

    if (op == NULL)
        return false;
    if (op->hash != request->commit.op_hash) {
        request->err = ERR_ID_REUSED;
        return true;
    }
    request->is_repeat = true;
    request->commit.answer = arena_copy(&request->arena, span_from_str(op->answer));
    request->position = op->position;
    return true;
}

static void commit(struct model_store *store, struct store_request *request, enum err failure,
                   const struct model_sink *sink)
{
    const struct model_change *last = model_store_record(store, request->room);
    const uint64_t version = last ? last->version : 0;

    request->err = failure;
    if (failure != OK || find_op(store, request))
        return;
    if (request->commit.has_change && request->commit.version != version + 1) {
        request->err = ERR_CONFLICT;
        return;
    }
    if (request->commit.has_change)
        add_change(store, request);
    for (uint32_t i = 0; i < request->commit.event_count; i++) {
        for (uint32_t j = 0; j < request->commit.events[i].room_count; j++)
            add_event(store, request, &request->commit.events[i], j, sink);
    }
    if (request->commit.op_id.len > 0)
        add_op(store, request);
}

/* ---- answering ---------------------------------------------------------------------------------------------------- */

static void load_record(const struct model_store *store, struct store_request *request)
{
    const struct model_change *last = model_store_record(store, request->room);

    if (last == NULL)
        return;
    request->version = last->version;
    request->found = !last->is_delete;
    if (request->found)
        request->state = arena_copy(&request->arena, span_of(last->state, last->state_len));
}

static void read_events(struct model_store *store, struct store_request *request)
{
    const struct model_room *room = open_room(store, request->room);
    const uint64_t since = request->since.offset;

    request->position = (struct position){room->epoch, room->head};
    if (request->since.epoch != room->epoch || since > room->head || room->head - since > request->count_max ||
        room->head - since > store->events_max)
        return;
    request->is_complete = true;
    request->events = arena_alloc(&request->arena, (size_t)(room->head - since) * sizeof(struct event *));
    for (uint64_t offset = since + 1; offset <= room->head; offset++) {
        const struct model_event *row = model_store_event(store, request->room, offset);

        assert(row);
        if (event_read(span_of(row->body, row->body_len), request->room, (struct position){room->epoch, offset},
                       store->registry, &request->events[request->event_count]) != OK)
            abort();
        request->event_count++;
    }
}

void model_store_execute(struct model_store *store, struct store_request *request, enum err failure,
                         const struct model_sink *sink)
{
    const struct model_room *room;

    switch (request->kind) {
    case STORE_COMMIT: commit(store, request, failure, sink); break;
    case STORE_RECORD_LOAD:
        request->err = failure;
        if (failure == OK)
            load_record(store, request);
        break;
    case STORE_ROOM_OPEN:
        room = open_room(store, request->room);
        request->err = failure;
        request->position = (struct position){room->epoch, room->head};
        break;
    case STORE_EVENTS_READ:
        request->err = failure;
        if (failure == OK)
            read_events(store, request);
        break;
    case STORE_OP_FIND:
        request->err = failure;
        if (failure == OK)
            (void)find_op(store, request);
        break;
    }
    sink->done(sink->arg, request);
}
