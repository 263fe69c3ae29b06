/* A batch of requests, in order: its commits are one transaction, and what is asked between them is answered as of
 * that moment. */
#include "store/sqlite_internal.h"

#include "base/metric.h"

#include <assert.h>

/* ---- what is asked ---- */

static enum err load_record(struct store *store, struct store_request *request)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_record_state];
    struct stored_room *room;
    enum err err;

    request->found = false;
    request->version = 0;
    record_room_name(&store->key, request->type, request->entity_id);
    if ((err = rooms_find(store, buf_span(&store->key), &room)) != OK || !room->is_record)
        return err;
    sql_bind_i64(statement, 1, room->id);
    if ((err = sql_row(statement)) != OK)
        return err == ERR_NOT_FOUND ? OK : err;
    request->version = sql_column_u64(statement, 0);
    request->found = sqlite3_column_int(statement, 1) == 0;
    request->state = sql_column_copy(statement, 2, &request->arena);
    sqlite3_reset(statement);
    return OK;
}

static enum err open_room(struct store *store, struct store_request *request, struct stored_room **out)
{
    enum err err = rooms_find(store, request->room, out);

    if (err == OK)
        request->position = (struct position){store->epoch, (*out)->head};
    return err;
}

/* Puts an event in its place among those that were missed. Of a type that is not configured any more: its place
 * stays empty. */
static void place_event(struct store *store, struct store_request *request, uint64_t offset, struct span body)
{
    struct event **place = &request->events[offset - request->since.offset - 1];
    struct position position = {store->epoch, offset};

    if (*place == NULL && event_read(body, request->room, position, store->registry, place) == OK)
        request->event_count++;
}

static bool was_missed(const struct store_request *request, uint64_t offset)
{
    return offset > request->since.offset && offset <= request->position.offset;
}

/* Backwards along the chain, until it leads to what was seen, or nowhere: that was removed. */
static enum err read_chain(struct store *store, struct store_request *request, uint64_t last)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_event_step];
    enum err err = OK;

    while (last > 0) {
        uint64_t offset, previous;

        sql_bind_u64(statement, 1, last);
        if ((err = sql_row(statement)) != OK)
            break;
        offset = sql_column_u64(statement, 0);
        previous = sql_column_u64(statement, 1);
        if (was_missed(request, offset))
            place_event(store, request, offset, sql_column(statement, 2));
        sqlite3_reset(statement);
        last = offset > request->since.offset + 1 && previous < last ? previous : 0;
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err read_index(struct store *store, struct store_request *request, int64_t room_id)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_room_event_since];
    enum err err;

    sql_bind_i64(statement, 1, room_id);
    sql_bind_u64(statement, 2, request->since.offset);
    while ((err = sql_row(statement)) == OK) {
        uint64_t offset = sql_column_u64(statement, 0);

        if (was_missed(request, offset))
            place_event(store, request, offset, sql_column(statement, 1));
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

/* The places may have gaps: give up what is behind them. */
static void drop_events(struct store_request *request, uint64_t place_count)
{
    for (uint64_t i = 0; i < place_count; i++)
        event_unref(request->events[i]);
    request->event_count = 0;
}

/* All that came after a position, or nothing. */
static enum err answer_events(struct store *store, struct store_request *request)
{
    struct stored_room *room;
    uint64_t missed;
    enum err err;

    request->is_complete = false;
    request->event_count = 0;
    if ((err = open_room(store, request, &room)) != OK)
        return err;
    if (request->since.epoch != store->epoch || request->since.offset > room->head)
        return OK; /* another history, or a future */
    missed = room->head - request->since.offset;
    if (missed > request->count_max)
        return OK;
    request->events = arena_alloc(&request->arena, missed * sizeof(*request->events));
    if ((err = read_chain(store, request, room->last)) == OK)
        err = read_index(store, request, room->id);
    request->is_complete = err == OK && request->event_count == missed;
    if (!request->is_complete)
        drop_events(request, missed);
    return err;
}

static enum err answer_op(struct store *store, struct store_request *request)
{
    bool found;
    enum err err;

    request->is_repeat = false;
    request->err = OK;
    err = op_find(store, request, &found);
    return err == OK ? request->err : err;
}

static enum err answer(struct store *store, struct store_request *request)
{
    struct stored_room *room;

    assert(request->kind != STORE_COMMIT);
    switch (request->kind) {
    case STORE_RECORD_LOAD: return load_record(store, request);
    case STORE_ROOM_OPEN: return open_room(store, request, &room);
    case STORE_EVENTS_READ: return answer_events(store, request);
    case STORE_OP_FIND: return answer_op(store, request);
    case STORE_COMMIT: break;
    }
    return ERR_INTERNAL;
}

/* ---- a batch ---- */

static enum err execute_all(struct store *store, struct store_request **requests, size_t count, int64_t wall_ms)
{
    enum err err;

    for (size_t i = 0; i < count; i++) {
        if (requests[i]->kind == STORE_COMMIT) {
            if ((err = commit_write(store, requests[i], wall_ms)) != OK)
                return err;
        } else {
            requests[i]->err = answer(store, requests[i]);
            if (requests[i]->err != OK && sqlite3_get_autocommit(store->sql.db))
                return requests[i]->err; /* reading failed so badly that the transaction is gone */
        }
    }
    return OK;
}

static void answer_all(struct store *store, struct store_request **requests, size_t count)
{
    for (size_t i = 0; i < count; i++)
        requests[i]->err = answer(store, requests[i]);
}

/* Nothing was written. What was asked is asked again: the first answers may have told of what is undone. */
static void fail_all(struct store *store, struct store_request **requests, size_t count, enum err err)
{
    for (size_t i = 0; i < count; i++) {
        struct store_request *request = requests[i];

        if (request->kind == STORE_COMMIT) {
            request->err = err;
            request->is_repeat = false;
        } else {
            drop_events(request, request->event_count); /* complete, or none */
            request->err = answer(store, request);
        }
    }
}

static void count_commits(struct store_request **requests, size_t count)
{
    int64_t changes = 0;

    for (size_t i = 0; i < count; i++)
        changes += requests[i]->kind == STORE_COMMIT && requests[i]->err == OK && !requests[i]->is_repeat &&
                   requests[i]->commit.has_change;
    metric_add(METRIC_store_commits, 1);
    metric_add(METRIC_changes_committed, changes);
}

void store_execute(struct store *store, struct store_request **requests, size_t count, int64_t wall_ms)
{
    bool writes = false;
    enum err err = OK;

    for (size_t i = 0; i < count; i++)
        writes = writes || requests[i]->kind == STORE_COMMIT;
    if (!writes) {
        answer_all(store, requests, count);
        return;
    }
    if ((err = store_begin(store)) == OK)
        err = store_end(store, execute_all(store, requests, count, wall_ms));
    if (err != OK)
        fail_all(store, requests, count, err);
    else
        count_commits(requests, count);
}
