#include "lib/model_store.h"

#include "base/map.h"
#include "base/memory.h"
#include "store/grant.h"

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
    return (struct model_moment){store->room_count,   store->event_count, store->change_count, store->op_count,
                                 store->object_count, store->line_count,  store->user_count,   store->sequence};
}

static struct span span_copy(struct span span)
{
    return span_of(text_copy(span), span.len);
}

static void free_object(const struct object *object)
{
    free((char *)object->id.data);
    free((char *)object->room.data);
    free((char *)object->owner.data);
    free((char *)object->state.data);
    free((char *)object->body.data);
}

static void free_line(struct model_line *line)
{
    free(line->action);
    free(line->user_id);
    free(line->type);
    free(line->entity_id);
    free(line->customer_id);
    free(line->body);
}

static void forget_beside(struct model_store *store, struct model_moment moment)
{
    while (store->object_count > moment.object_count)
        free_object(&store->objects[--store->object_count].object);
    while (store->line_count > moment.line_count)
        free_line(&store->lines[--store->line_count]);
    while (store->user_count > moment.user_count) {
        struct model_user *user = &store->users[--store->user_count];

        free(user->name);
        free(user->id);
    }
    store->sequence = moment.sequence;
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
        free(change->body);
        free(change->op_id);
    }
    while (store->event_count > moment.event_count) {
        struct model_event *event = &store->events[--store->event_count];

        store->rooms[event->room].head--;
        free(event->body);
    }
    while (store->room_count > moment.room_count)
        free(store->rooms[--store->room_count].name);
    forget_beside(store, moment);
}

void model_store_deinit(struct model_store *store)
{
    model_store_go_back(store, (struct model_moment){0});
    free(store->rooms);
    free(store->events);
    free(store->changes);
    free(store->ops);
    free(store->objects);
    free(store->lines);
    free(store->users);
}

void model_store_add_user(struct model_store *store, struct span name, struct span id)
{
    struct model_user *user = ADD(store, user);

    user->name = text_copy(name);
    user->id = text_copy(id);
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

const struct object *model_store_object(const struct model_store *store, enum object_kind kind, struct span id)
{
    for (unsigned i = store->object_count; i-- > 0;) {
        const struct object *object = &store->objects[i].object;

        if (object->kind == kind && span_equal(object->id, id))
            return object->body.len > 0 ? object : NULL;
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
    row->body = text_copy(request->commit.events[0].body);
    row->body_len = request->commit.events[0].body.len;
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

/* Whether each object has the revision that comes next. */
static bool objects_fit(const struct model_store *store, const struct store_request *request)
{
    const struct object *objects = request->commit.objects;

    for (uint32_t i = 0; i < request->commit.object_count; i++) {
        const struct object *before = model_store_object(store, objects[i].kind, objects[i].id);

        for (uint32_t j = 0; j < i; j++)
            assert(objects[j].kind != objects[i].kind || !span_equal(objects[j].id, objects[i].id));
        if (objects[i].revision != (before ? before->revision : 0) + 1)
            return false;
    }
    return true;
}

static void put_object(struct model_store *store, const struct object *object)
{
    struct model_object *row = ADD(store, object);

    row->object = *object;
    row->object.id = span_copy(object->id);
    row->object.room = span_copy(object->room);
    row->object.owner = span_copy(object->owner);
    row->object.state = span_copy(object->state);
    row->object.body = span_copy(object->body);
}

static void add_line(struct model_store *store, const struct commit_event *entry, bool is_change)
{
    const struct commit_activity *activity = entry->activity;
    struct model_line *line = ADD(store, line);

    line->seq = store->sequence;
    line->is_change = is_change;
    line->action = text_copy(activity->action);
    line->user_id = text_copy(activity->user_id);
    line->type = text_copy(activity->type);
    line->entity_id = text_copy(activity->entity_id);
    line->customer_id = text_copy(activity->customer_id);
    line->body = text_copy(entry->body);
}

static void write_commit(struct model_store *store, struct store_request *request, const struct model_sink *sink)
{
    request->commit.sequence = request->commit.event_count > 0 ? store->sequence + 1 : 0;
    if (request->commit.grants)
        grant_token(request);
    if (request->commit.has_change)
        add_change(store, request);
    for (uint32_t i = 0; i < request->commit.object_count; i++)
        put_object(store, &request->commit.objects[i]);
    for (uint32_t i = 0; i < request->commit.event_count; i++) {
        struct commit_event *entry = &request->commit.events[i];

        store->sequence++;
        if (entry->activity)
            add_line(store, entry, i == 0 && request->commit.has_change);
        for (uint32_t j = 0; j < entry->room_count; j++)
            add_event(store, request, entry, j, sink);
    }
    if (request->commit.op_id.len > 0)
        add_op(store, request);
}

static void commit(struct model_store *store, struct store_request *request, enum err failure,
                   const struct model_sink *sink)
{
    const struct model_change *last = model_store_record(store, request->room);
    const uint64_t version = last ? last->version : 0;

    request->err = failure;
    if (failure != OK || find_op(store, request))
        return;
    if ((request->commit.has_change && request->commit.version != version + 1) || !objects_fit(store, request)) {
        request->err = ERR_CONFLICT;
        request->version = request->commit.has_change ? version : 0;
        return;
    }
    write_commit(store, request, sink);
}

/* ---- answering ---------------------------------------------------------------------------------------------------- */

static struct span record_room(struct store_request *request)
{
    return arena_printf(&request->arena, "%.*s:%.*s", SPAN_ARG(request->type->name), SPAN_ARG(request->entity_id));
}

static struct object object_copy(struct arena *arena, const struct object *object)
{
    struct object copy = *object;

    copy.id = arena_copy(arena, object->id);
    copy.room = arena_copy(arena, object->room);
    copy.owner = arena_copy(arena, object->owner);
    copy.state = arena_copy(arena, object->state);
    copy.body = arena_copy(arena, object->body);
    return copy;
}

/* Oldest first, then as they were added. */
static bool comes_before(const struct object *a, const struct object *b)
{
    return a->time_ms < b->time_ms;
}

/* What there is of a kind, in a room or of an owner in a state (NULL: any), in the request's arena. */
static void list_objects(const struct model_store *store, struct store_request *request, enum object_kind kind,
                         const struct span *room, const struct object *like)
{
    struct object *found = arena_alloc(&request->arena, (store->object_count + 1) * sizeof(*found));
    uint32_t count = 0, at;

    for (unsigned i = 0; i < store->object_count; i++) {
        const struct object *put = &store->objects[i].object, *object;

        if (put->kind != kind || put->revision != 1 || !(object = model_store_object(store, kind, put->id)))
            continue;
        if ((room && !span_equal(object->room, *room)) ||
            (like && (!span_equal(object->owner, like->owner) || !span_equal(object->state, like->state))))
            continue;
        for (at = 0; at < count && !span_equal(found[at].id, object->id); at++)
            continue;
        if (at < count) /* it went and came again: where it is now is its later place */
            memmove(&found[at], &found[at + 1], (--count - at) * sizeof(*found));
        for (at = count; at > 0 && comes_before(object, &found[at - 1]); at--)
            found[at] = found[at - 1];
        found[at] = object_copy(&request->arena, object);
        count++;
    }
    request->objects = found;
    request->object_count = count;
}

static void load_record(const struct model_store *store, struct store_request *request)
{
    const struct span room = record_room(request);
    const struct model_change *last = model_store_record(store, room);

    list_objects(store, request, OBJECT_LOCK, &room, NULL);
    if (last == NULL)
        return;
    request->version = last->version;
    request->found = !last->is_delete;
    if (request->found)
        request->state = arena_copy(&request->arena, span_of(last->state, last->state_len));
}

static void load_past(const struct model_store *store, struct store_request *request)
{
    const struct model_change *change = model_store_version(store, record_room(request), request->version);

    if (change == NULL) {
        request->err = ERR_BAD_VERSION;
        return;
    }
    request->found = !change->is_delete;
    if (request->found)
        request->state = arena_copy(&request->arena, span_of(change->state, change->state_len));
}

static void read_changes(const struct model_store *store, struct store_request *request)
{
    const struct span room = record_room(request);
    const struct model_change *last = model_store_record(store, room);
    uint64_t missed, first = request->since.offset + 1;

    request->version = last ? last->version : 0;
    if (request->since.offset > request->version)
        return;
    missed = request->version - request->since.offset;
    request->is_complete = missed <= request->count_max;
    if (!request->is_complete)
        first = request->version - request->count_max + 1;
    request->changes = arena_alloc(&request->arena, (size_t)(missed + 1) * sizeof(*request->changes));
    for (uint64_t version = first; version <= request->version; version++) {
        const struct model_change *row = model_store_version(store, room, version);
        struct change *change = arena_alloc(&request->arena, sizeof(*change));

        assert(row);
        if (change_read(&request->arena, span_of(row->body, row->body_len), change) != OK)
            abort();
        change->version = version;
        request->changes[request->change_count++] = change;
    }
}

static void read_objects(const struct model_store *store, struct store_request *request)
{
    for (uint32_t i = 0; i < request->object_count; i++) {
        struct object *asked = &request->objects[i];
        const struct object *object = model_store_object(store, asked->kind, asked->id);

        *asked = object ? object_copy(&request->arena, object) : (struct object){.kind = asked->kind, .id = asked->id};
    }
}

static void list_asked(const struct model_store *store, struct store_request *request)
{
    const struct object asked = request->objects[0];
    uint32_t found, count = 0;

    list_objects(store, request, asked.kind, NULL, &asked);
    found = request->object_count;
    for (uint32_t i = 0; i < found; i++)
        if (object_may_be_seen(&request->rights, &request->objects[i]))
            request->objects[count++] = request->objects[i];
    request->version = count;
    request->object_count = count < request->count_max ? count : request->count_max;
}

static void find_users(const struct model_store *store, struct store_request *request)
{
    request->user_ids = arena_alloc(&request->arena, request->name_count * sizeof(struct span));
    for (uint32_t i = 0; i < request->name_count; i++) {
        const struct span name = request->names[i];

        for (unsigned j = 0; j < store->user_count; j++) {
            const struct model_user *user = &store->users[j];

            if (span_equal_nocase(span_from_str(user->name), name) ||
                (span_starts_with(name, SPAN("#")) && is(user->id, span_slice(name, 1, name.len))))
                request->user_ids[i] = arena_copy(&request->arena, span_from_str(user->id));
        }
    }
}

static void read_roles(const struct model_store *store, struct store_request *request)
{
    request->roles = arena_alloc(&request->arena, request->name_count * sizeof(*request->roles));
    for (uint32_t i = 0; i < request->name_count; i++) {
        struct account_roles *roles = &request->roles[i];

        for (unsigned j = 0; j < store->user_count; j++) {
            const struct model_user *user = &store->users[j];

            if (!is(user->id, request->names[i]))
                continue;
            roles->is_known = roles->is_active = true;
            roles->names = arena_alloc(&request->arena, sizeof(*roles->names));
            if (user->role)
                roles->names[roles->count++] = span_from_str(user->role);
        }
    }
}

static bool is_meant(const struct model_user *user, struct span name)
{
    if (span_starts_with(name, SPAN("@")))
        return user->role && is(user->role, span_slice(name, 1, name.len));
    return span_equal_nocase(span_from_str(user->name), name);
}

static void list_users(const struct model_store *store, struct store_request *request)
{
    const size_t people_max = (size_t)request->name_count * request->count_max;

    request->user_ids = arena_alloc(&request->arena, people_max * sizeof(struct span));
    request->user_of = arena_alloc(&request->arena, people_max * sizeof(uint32_t));
    request->name_users = arena_alloc(&request->arena, request->name_count * sizeof(uint32_t));
    for (uint32_t i = 0; i < request->name_count; i++) {
        for (unsigned j = 0; j < store->user_count; j++) {
            if (!is_meant(&store->users[j], request->names[i]) || request->name_users[i]++ >= request->count_max)
                continue;
            request->user_of[request->user_count] = i;
            request->user_ids[request->user_count++] = arena_copy(&request->arena, span_from_str(store->users[j].id));
        }
    }
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

static void answer(struct model_store *store, struct store_request *request)
{
    switch (request->kind) {
    case STORE_RECORD_LOAD: load_record(store, request); break;
    case STORE_RECORD_AT: load_past(store, request); break;
    case STORE_CHANGES_READ: read_changes(store, request); break;
    case STORE_EVENTS_READ: read_events(store, request); break;
    case STORE_OBJECTS_READ: read_objects(store, request); break;
    case STORE_OBJECTS_LIST: list_asked(store, request); break;
    case STORE_USERS_FIND: find_users(store, request); break;
    case STORE_USERS_LIST: list_users(store, request); break;
    case STORE_ROLES_READ: read_roles(store, request); break;
    case STORE_OP_FIND: (void)find_op(store, request); break;
    case STORE_ROOM_OPEN:
    case STORE_COMMIT: break;
    }
}

void model_store_execute(struct model_store *store, struct store_request *request, enum err failure,
                         const struct model_sink *sink)
{
    const struct model_room *room;

    request->err = failure;
    if (request->kind == STORE_COMMIT) {
        commit(store, request, failure, sink);
    } else if (request->kind == STORE_ROOM_OPEN) {
        room = open_room(store, request->room);
        request->position = (struct position){room->epoch, room->head};
    } else if (failure == OK) {
        answer(store, request);
    }
    sink->done(sink->arg, request);
}
