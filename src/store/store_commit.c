/* A batch of requests: commits in one transaction, and what is asked between them. */
#include "store/sqlite_internal.h"

#include "base/metric.h"

#include <assert.h>
#include <string.h>

/* ---- idempotency keys ---- */

/* The user first: nobody can hit or see somebody else's key. */
static struct span op_key(struct store *store, const struct store_request *request)
{
    buf_reset(&store->key);
    buf_append_span(&store->key, request->commit.user_id);
    buf_append_char(&store->key, '\0');
    buf_append_span(&store->key, request->commit.op_id);
    return buf_span(&store->key);
}

/* The first answer again, or the word that it was another question. */
static enum err find_op(struct store *store, struct span key, struct store_request *request, bool *found)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_op_find];
    uint64_t offset;
    enum err err;

    *found = false;
    sql_bind_blob(statement, 1, key);
    if ((err = sql_row(statement)) != OK)
        return err == ERR_NOT_FOUND ? OK : err;
    *found = true;
    request->is_repeat = sqlite3_column_int64(statement, 0) == (int64_t)request->commit.op_hash;
    request->err = request->is_repeat ? OK : ERR_ID_REUSED;
    offset = sql_column_u64(statement, 1);
    request->position = (struct position){offset > 0 ? store->epoch : 0, offset};
    request->commit.answer = sql_column_copy(statement, 2, &request->arena);
    sqlite3_reset(statement);
    return OK;
}

/* The number the first event is about to get in its first room. */
static enum err first_offset(struct store *store, const struct store_request *request, uint64_t *out)
{
    struct stored_room *room;
    enum err err;

    *out = 0;
    if (request->commit.event_count == 0 || request->commit.events[0].room_count == 0)
        return OK;
    if ((err = rooms_find(store, request->commit.events[0].rooms[0], &room)) == OK)
        *out = room->head + 1;
    return err;
}

/* One look at the index for the usual case, a new key; the question whether it is there comes with the attempt to add it. */
static enum err claim_op(struct store *store, struct store_request *request, int64_t wall_ms, bool *found)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_op_claim];
    struct span key = op_key(store, request);
    uint64_t offset;
    enum err err;

    *found = false;
    if ((err = first_offset(store, request, &offset)) != OK)
        return err;
    sql_bind_blob(statement, 1, key);
    sql_bind_i64(statement, 2, (int64_t)request->commit.op_hash);
    sql_bind_i64(statement, 3, wall_ms);
    sql_bind_u64(statement, 4, offset);
    sql_bind_blob(statement, 5, request->commit.answer);
    if ((err = sql_run(statement)) != OK || sqlite3_changes(store->sql.db) > 0)
        return err;
    return find_op(store, key, request, found);
}

/* ---- the record ---- */

void record_room_name(struct buf *out, const struct type *type, struct span id)
{
    buf_reset(out);
    buf_append_span(out, type->name);
    buf_append_char(out, ':');
    buf_append_span(out, id);
}

/* The record's row, after its events are numbered. Deleting and making anew move the record out of the index and into it; any other change
 * leaves the index alone. */
static enum err write_record(struct store *store, const struct store_request *request, struct stored_room *room)
{
    bool turns = room->is_deleted != request->commit.is_delete;
    sqlite3_stmt *statement = store->sql.statements[turns ? SQL_record_turn : SQL_record_change];

    sql_bind_i64(statement, 1, room->id);
    sql_bind_u64(statement, 2, room->head);
    sql_bind_u64(statement, 3, room->last);
    sql_bind_u64(statement, 4, room->last_change);
    sql_bind_u64(statement, 5, request->commit.version);
    sql_bind_i64(statement, 6, request->commit.time_ms);
    sql_bind_text(statement, 7, request->commit.new_state);
    if (turns)
        sql_bind_i64(statement, 8, request->commit.is_delete);
    room->version = request->commit.version;
    room->is_deleted = request->commit.is_delete;
    return sql_run(statement);
}

static enum err write_milestone(struct store *store, const struct store_request *request, const struct stored_room *room)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_milestone_add];

    if (request->commit.version % MILESTONE_EVERY != 0)
        return OK;
    sql_bind_i64(statement, 1, room->id);
    sql_bind_u64(statement, 2, request->commit.version);
    sql_bind_u64(statement, 3, room->last_change);
    sql_bind_i64(statement, 4, request->commit.time_ms);
    sql_bind_text(statement, 5, request->commit.new_state);
    return sql_run(statement);
}

/* ---- events ---- */

/* One event on its way into the log. */
struct entry {
    uint64_t seq, version; /* version: of the change that it is, or 0 */
    uint64_t offset, previous, previous_change; /* in the first record's room that shows it */
};

/* The link to the event before it in a record's room. */
static void link_event(struct entry *entry, struct stored_room *room)
{
    entry->offset = room->head;
    entry->previous = room->last;
    room->last = entry->seq;
    if (entry->version > 0) {
        entry->previous_change = room->last_change;
        room->last_change = entry->seq;
    }
}

static enum err index_event(struct store *store, const struct entry *entry, struct stored_room *room)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_room_event_add];

    sql_bind_i64(statement, 1, room->id);
    sql_bind_u64(statement, 2, room->head);
    sql_bind_u64(statement, 3, entry->seq);
    places_append(&store->places, room->id, room->head);
    tidy_note_crowded(store, room->id, room->head);
    return sql_run(statement);
}

static enum err write_head(struct store *store, const struct stored_room *room)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_record_say];

    sql_bind_i64(statement, 1, room->id);
    sql_bind_u64(statement, 2, room->head);
    sql_bind_u64(statement, 3, room->last);
    return sql_run(statement);
}

/* A room that is new becomes what its name says. */
static enum err make_room(struct store *store, struct stored_room *room)
{
    const struct type *type;
    struct span id;

    if (room->id != 0)
        return OK;
    type = type_of_room(store->registry, room->name, &id);
    return type ? rooms_make_record(store, room, type, id) : rooms_make(store, room);
}

/* `own`: the room of the record that changes, whose row is written later. */
static enum err enter_room(struct store *store, struct entry *entry, struct stored_room *room, const struct stored_room *own)
{
    enum err err;

    if ((err = make_room(store, room)) != OK)
        return err;
    room->head++;
    if (!room->is_record)
        return index_event(store, entry, room);
    if (entry->offset == 0)
        link_event(entry, room);
    else if ((err = index_event(store, entry, room)) != OK)
        return err;
    return room == own ? OK : write_head(store, room);
}

static enum err write_event(struct store *store, const struct entry *entry, struct span body, int64_t wall_ms)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_event_add];

    sql_bind_u64(statement, 1, entry->seq);
    sql_bind_i64(statement, 2, wall_ms);
    sql_bind_u64(statement, 3, entry->version);
    sql_bind_u64(statement, 4, entry->offset);
    sql_bind_u64(statement, 5, entry->previous);
    sql_bind_u64(statement, 6, entry->previous_change);
    sql_bind_blob(statement, 7, buf_span(&store->places));
    sql_bind_text(statement, 8, body);
    return sql_run(statement);
}

/* Numbers the event in every room that shows it. `version`: of the change, which is seen in its record's room first. */
static enum err number_event(struct store *store, struct commit_event *event, uint64_t version, const struct stored_room *own,
                             int64_t wall_ms)
{
    struct entry entry = {.seq = store->next_seq++, .version = version};
    struct stored_room *room;
    enum err err;

    assert(event->room_count <= COMMIT_ROOMS_MAX);
    buf_reset(&store->places);
    for (uint32_t i = 0; i < event->room_count; i++) {
        if ((err = rooms_find(store, event->rooms[i], &room)) != OK || (err = enter_room(store, &entry, room, own)) != OK)
            return err;
        event->positions[i] = (struct position){store->epoch, room->head};
    }
    return write_event(store, &entry, event->body, wall_ms);
}

static enum err write_events(struct store *store, struct store_request *request, const struct stored_room *own, int64_t wall_ms)
{
    enum err err;

    assert(request->commit.event_count <= COMMIT_EVENTS_MAX);
    for (uint32_t i = 0; i < request->commit.event_count; i++) {
        uint64_t version = own && i == 0 ? request->commit.version : 0;

        if ((err = number_event(store, &request->commit.events[i], version, own, wall_ms)) != OK)
            return err;
    }
    return OK;
}

/* ---- a commit ---- */

/* Whether the record is where the change expects it; else a repeat explains it, or it is a conflict. */
static enum err check_version(struct store *store, struct store_request *request, struct stored_room *room, bool *is_good)
{
    bool found = false;
    enum err err = OK;

    *is_good = room->version + 1 == request->commit.version;
    if (*is_good)
        return OK;
    if (request->commit.op_id.len > 0)
        err = find_op(store, op_key(store, request), request, &found);
    if (err == OK && !found) {
        request->err = ERR_CONFLICT;
        request->version = room->version;
    }
    return err;
}

/* From here on nothing is refused. */
static enum err write_change(struct store *store, struct store_request *request, struct stored_room *room, int64_t wall_ms)
{
    struct stored_type *type;
    enum err err;

    if ((err = rooms_make_record(store, room, request->type, request->entity_id)) != OK ||
        (err = store_type_id(store, request->type->name, &type)) != OK)
        return err;
    if (room->version == 0)
        numbers_note(type, request->type, request->entity_id);
    if ((err = write_events(store, request, room, wall_ms)) != OK || (err = write_record(store, request, room)) != OK)
        return err;
    return write_milestone(store, request, room);
}

enum err commit_write(struct store *store, struct store_request *request, int64_t wall_ms)
{
    struct stored_room *room = NULL;
    bool is_good, found;
    enum err err;

    request->err = OK;
    if (request->commit.has_change) {
        assert(request->commit.event_count > 0 && request->commit.events[0].room_count > 0);
        if ((err = rooms_find(store, request->commit.events[0].rooms[0], &room)) != OK ||
            (err = check_version(store, request, room, &is_good)) != OK || !is_good)
            return err;
    }
    if (request->commit.op_id.len > 0 && ((err = claim_op(store, request, wall_ms, &found)) != OK || found))
        return err;
    return room ? write_change(store, request, room, wall_ms) : write_events(store, request, NULL, wall_ms);
}

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

/* Puts an event in its place among those that were missed. Of a type that is not configured any more: its place stays empty. */
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
    err = find_op(store, op_key(store, request), request, &found);
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
