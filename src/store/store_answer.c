/* What is asked of the writer, between commits and as of that moment: what the core needs to decide over the next
 * one. */
#include "store/sqlite_internal.h"

#include <assert.h>

/* ---- a record ---- */

static enum err find_record(struct store *store, const struct store_request *request, struct stored_room **out)
{
    record_room_name(&store->key, request->type, request->entity_id);
    return rooms_find(store, buf_span(&store->key), out);
}

static enum err read_state(struct store *store, struct store_request *request, const struct stored_room *room)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_record_state];
    enum err err;

    sql_bind_i64(statement, 1, room->id);
    if ((err = sql_row(statement)) != OK)
        return err == ERR_NOT_FOUND ? OK : err;
    request->version = sql_column_u64(statement, 0);
    request->found = sqlite3_column_int(statement, 1) == 0;
    request->state = sql_column_copy(statement, 2, &request->arena);
    sqlite3_reset(statement);
    return OK;
}

static enum err load_record(struct store *store, struct store_request *request)
{
    struct stored_room *room;
    enum err err;

    request->found = false;
    request->version = 0;
    if ((err = find_record(store, request, &room)) != OK)
        return err;
    if (room->is_record && (err = read_state(store, request, room)) != OK)
        return err;
    return objects_load_locks(store, request, room->name);
}

static struct lineage lineage_of(const struct stored_room *room)
{
    return (struct lineage){room->id, room->version, room->last_change};
}

static enum err answer_past(struct store *store, struct store_request *request)
{
    struct stored_room *room;
    struct lineage record;
    int64_t time_ms;
    enum err err;

    request->found = false;
    if ((err = find_record(store, request, &room)) != OK)
        return err;
    if (request->version == 0 || request->version > room->version)
        return ERR_BAD_VERSION;
    if (request->version == room->version)
        return read_state(store, request, room);
    record = lineage_of(room);
    err = past_state(&store->sql, &request->arena, &record, request->version, &request->state, &time_ms);
    request->found = err == OK;
    return err == ERR_NOT_FOUND ? OK : err;
}

/* Of changes that one question may get, as they are stored: who asks may have made as many as he likes, as large as he may. */
#define CHANGES_BYTES_MAX ((size_t)4 * 1024 * 1024)

/* Those that were read stand at the end of the room that was made for all. */
static void give_up_the_rest(struct store_request *request, uint32_t count)
{
    request->changes += count - request->change_count;
    request->is_complete = false;
}

/* The last `count` changes, which come newest first. */
static enum err read_changes(struct store *store, struct store_request *request, const struct lineage *record,
                             uint32_t count)
{
    struct past_step step = {.seq = record->last_change};
    size_t bytes = 0;
    enum err err;

    request->changes = arena_alloc(&request->arena, count * sizeof(*request->changes));
    for (uint32_t i = 0; i < count && bytes < CHANGES_BYTES_MAX; i++) {
        if (step.seq == 0)
            break; /* the history was cut there */
        if ((err = past_step_back(&store->sql, &request->arena, UINT64_MAX, &step)) != OK)
            return err;
        if (step.version != record->version - i)
            return ERR_STORAGE; /* a gap */
        request->changes[count - 1 - i] = step.change;
        request->change_count++;
        bytes += step.bytes;
    }
    if (request->change_count < count)
        give_up_the_rest(request, count);
    return OK;
}

static enum err answer_changes(struct store *store, struct store_request *request)
{
    struct stored_room *room;
    struct lineage record;
    uint64_t missed;
    enum err err;

    request->is_complete = false;
    request->change_count = 0;
    if ((err = find_record(store, request, &room)) != OK)
        return err;
    request->version = room->version;
    if (request->since.offset > room->version)
        return OK; /* the future */
    record = lineage_of(room);
    missed = room->version - request->since.offset;
    request->is_complete = missed <= request->count_max;
    return read_changes(store, request, &record, request->is_complete ? (uint32_t)missed : request->count_max);
}

/* ---- what was missed in a room ---- */

static enum err open_room(struct store *store, struct store_request *request, struct stored_room **out)
{
    enum err err = rooms_find(store, request->room, out);

    if (err == OK)
        request->position = (struct position){store->epoch, (*out)->head};
    return err;
}

/* What was missed lies in two places, and is read from both backwards, until there is no room for more. */
struct missed_events {
    struct store *store;
    struct store_request *request;
    uint64_t first; /* the offset behind which all are wanted; moves up */
    size_t bytes;   /* from one of the places */
};

/* Puts an event in its place among those that were missed. Of a type that is not configured any more: its place
 * stays empty. */
static void place_event(struct missed_events *missed, uint64_t offset, struct span body)
{
    struct store_request *request = missed->request;
    struct event **place = &request->events[offset - request->since.offset - 1];
    struct position position = {missed->store->epoch, offset};

    if (*place || event_read(body, request->room, position, missed->store->registry, place) != OK)
        return;
    request->event_count++;
    missed->bytes += event_bytes(*place);
    if (request->bytes_max > 0 && missed->bytes > request->bytes_max)
        missed->first = offset;
}

static bool was_missed(const struct missed_events *missed, uint64_t offset)
{
    return offset > missed->first && offset <= missed->request->position.offset;
}

/* Along the chain, until it leads to what was seen, or nowhere: that was removed. */
static enum err read_chain(struct missed_events *missed, uint64_t last)
{
    sqlite3_stmt *statement = missed->store->sql.statements[SQL_event_step];
    enum err err = OK;

    missed->bytes = 0;
    while (last > 0) {
        uint64_t offset, previous;

        sql_bind_u64(statement, 1, last);
        if ((err = sql_row(statement)) != OK)
            break;
        offset = sql_column_u64(statement, 0);
        previous = sql_column_u64(statement, 1);
        if (was_missed(missed, offset))
            place_event(missed, offset, sql_column(statement, 2));
        sqlite3_reset(statement);
        last = offset > missed->first + 1 && previous < last ? previous : 0;
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

/* The newest ones are in no index yet. */
static enum err read_tail(struct missed_events *missed, int64_t room_id)
{
    struct store *store = missed->store;
    sqlite3_stmt *statement = index_tail(&store->sql, store->indexed, SQL_NUMBER_MAX);
    uint64_t offset = UINT64_MAX;
    enum err err = OK;

    missed->bytes = 0;
    while (offset > missed->first + 1 && (err = sql_row(statement)) == OK) {
        struct span places = sql_column(statement, 1);

        while (places_next_in(&places, room_id, &offset))
            if (was_missed(missed, offset))
                place_event(missed, offset, sql_column(statement, 3));
    }
    sqlite3_reset(statement);
    return err == ERR_NOT_FOUND ? OK : err;
}

/* Goes on with what was read from the tail. */
static enum err read_index(struct missed_events *missed, int64_t room_id)
{
    sqlite3_stmt *statement = missed->store->sql.statements[SQL_room_event_since];
    uint64_t offset = UINT64_MAX;
    enum err err = OK;

    sql_bind_i64(statement, 1, room_id);
    sql_bind_u64(statement, 2, missed->first);
    while (offset > missed->first + 1 && (err = sql_row(statement)) == OK) {
        offset = sql_column_u64(statement, 0);
        if (was_missed(missed, offset))
            place_event(missed, offset, sql_column(statement, 1));
    }
    sqlite3_reset(statement);
    return err == ERR_NOT_FOUND ? OK : err;
}

/* Leaves those that are wanted. */
static void move_up(struct missed_events *missed)
{
    struct store_request *request = missed->request;
    const uint64_t dropped = missed->first - request->since.offset;

    for (uint64_t i = 0; i < dropped; i++) {
        request->event_count -= request->events[i] != NULL;
        event_unref(request->events[i]);
    }
    request->events += dropped;
    request->since.offset = missed->first;
}

/* The places may have gaps: give up what is behind them. */
void request_drop_events(struct store_request *request, uint64_t place_count)
{
    for (uint64_t i = 0; i < place_count; i++)
        event_unref(request->events[i]);
    request->event_count = 0;
}

/* All that came after a position, or the newest so many bytes of it, or nothing. */
static enum err answer_events(struct store *store, struct store_request *request)
{
    struct missed_events missed = {store, request, request->since.offset, 0};
    struct stored_room *room;
    uint64_t count;
    bool is_whole;
    enum err err;

    request->is_complete = false;
    request->event_count = 0;
    if ((err = open_room(store, request, &room)) != OK)
        return err;
    if (request->since.epoch != store->epoch || request->since.offset > room->head)
        return OK; /* another history, or a future */
    count = room->head - request->since.offset;
    if (count > request->count_max)
        return OK;
    request->events = arena_alloc(&request->arena, count * sizeof(*request->events));
    if ((err = read_chain(&missed, room->last)) == OK && (err = read_tail(&missed, room->id)) == OK)
        err = read_index(&missed, room->id);
    is_whole = missed.first == request->since.offset;
    move_up(&missed);
    count = room->head - missed.first;
    request->is_complete = is_whole && err == OK && request->event_count == count;
    if (err != OK || request->event_count != count)
        request_drop_events(request, count);
    return err;
}

/* ---- keys, objects, users ---- */

static enum err answer_op(struct store *store, struct store_request *request)
{
    bool found;
    enum err err;

    request->is_repeat = false;
    request->err = OK;
    err = op_find(store, request, &found);
    return err == OK ? request->err : err;
}

static enum err answer_objects(struct store *store, struct store_request *request)
{
    enum err err = OK;

    for (uint32_t i = 0; i < request->object_count && err == OK; i++) {
        err = object_find(&store->sql, &request->arena, &request->objects[i]);
        err = err == ERR_NOT_FOUND ? OK : err;
    }
    return err;
}

/* By name, or by id behind a '#': who has a name like that is not found by it. */
static enum err find_user(struct store *store, struct arena *arena, struct span name, struct span *id)
{
    bool is_id = span_starts_with(name, SPAN("#"));
    sqlite3_stmt *statement = store->sql.statements[is_id ? SQL_account_is_there : SQL_account_id];
    enum err err;

    *id = SPAN_EMPTY;
    sql_bind_text(statement, 1, is_id ? span_slice(name, 1, name.len) : name);
    if ((err = sql_row(statement)) != OK)
        return err == ERR_NOT_FOUND ? OK : err;
    *id = sql_column_copy(statement, 0, arena);
    sqlite3_reset(statement);
    return OK;
}

static enum err answer_users(struct store *store, struct store_request *request)
{
    enum err err = OK;

    request->user_ids = arena_alloc(&request->arena, request->name_count * sizeof(*request->user_ids));
    for (uint32_t i = 0; i < request->name_count && err == OK; i++)
        err = find_user(store, &request->arena, request->names[i], &request->user_ids[i]);
    return err;
}

static void add_user(struct store_request *request, struct span id, uint32_t name)
{
    request->user_of[request->user_count] = name;
    request->user_ids[request->user_count++] = arena_copy(&request->arena, id);
}

static enum err add_users_in_role(struct store *store, struct store_request *request, struct span role, uint32_t name)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_account_in_role];
    enum err err;

    sql_bind_text(statement, 1, role);
    sql_bind_u64(statement, 2, USERS_COUNTED_MAX);
    while ((err = sql_row(statement)) == OK)
        if (request->name_users[name]++ < request->count_max)
            add_user(request, sql_column(statement, 0), name);
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err answer_user_list(struct store *store, struct store_request *request)
{
    const size_t people_max = (size_t)request->name_count * request->count_max;
    enum err err = OK;
    struct span id;

    request->user_ids = arena_alloc(&request->arena, people_max * sizeof(*request->user_ids));
    request->user_of = arena_alloc(&request->arena, people_max * sizeof(*request->user_of));
    request->name_users = arena_alloc(&request->arena, request->name_count * sizeof(*request->name_users));
    for (uint32_t i = 0; i < request->name_count && err == OK; i++) {
        const struct span name = request->names[i];

        if (span_starts_with(name, SPAN("@")))
            err = add_users_in_role(store, request, span_slice(name, 1, name.len), i);
        else if ((err = find_user(store, &request->arena, name, &id)) == OK && id.len > 0 &&
                 request->name_users[i]++ < request->count_max)
            add_user(request, id, i);
    }
    return err;
}

enum err request_answer(struct store *store, struct store_request *request)
{
    struct stored_room *room;

    assert(request->kind != STORE_COMMIT);
    switch (request->kind) {
    case STORE_RECORD_LOAD: return load_record(store, request);
    case STORE_RECORD_AT: return answer_past(store, request);
    case STORE_CHANGES_READ: return answer_changes(store, request);
    case STORE_ROOM_OPEN: return open_room(store, request, &room);
    case STORE_EVENTS_READ: return answer_events(store, request);
    case STORE_OBJECTS_READ: return answer_objects(store, request);
    case STORE_OBJECTS_LIST: return objects_list(store, request);
    case STORE_USERS_FIND: return answer_users(store, request);
    case STORE_USERS_LIST: return answer_user_list(store, request);
    case STORE_ROLES_READ: return accounts_read_roles(store, request);
    case STORE_OP_FIND: return answer_op(store, request);
    case STORE_COMMIT: break;
    }
    return ERR_INTERNAL;
}
