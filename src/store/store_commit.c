/* Writing one commit, inside the batch's transaction: the idempotency key, the record, the events in every room that
 * shows them, the lines of the activity feed, the objects beside. What can be refused is refused before the first write, so a refused commit leaves nothing behind and
 * needs no transaction of its own. */
#include "store/grant.h"
#include "store/sqlite_internal.h"

#include <assert.h>
#include <string.h>

/* ---- idempotency keys ---- */

/* The user first: nobody can hit or see somebody else's key. In the store's scratch buffer. */
static struct span op_key(struct store *store, const struct store_request *request)
{
    buf_reset(&store->key);
    buf_append_span(&store->key, request->commit.user_id);
    buf_append_char(&store->key, '\0');
    buf_append_span(&store->key, request->commit.op_id);
    return buf_span(&store->key);
}

enum err op_find(struct store *store, struct store_request *request, bool *found)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_op_find];
    uint64_t offset;
    enum err err;

    *found = false;
    sql_bind_blob(statement, 1, op_key(store, request));
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

/* One look at the index for the usual case, a new key; the question whether it is there comes with the attempt to
 * add it. */
static enum err claim_op(struct store *store, struct store_request *request, int64_t wall_ms, bool *found)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_op_claim];
    uint64_t offset;
    enum err err;

    *found = false;
    if ((err = first_offset(store, request, &offset)) != OK)
        return err;
    sql_bind_blob(statement, 1, op_key(store, request));
    sql_bind_i64(statement, 2, (int64_t)request->commit.op_hash);
    sql_bind_i64(statement, 3, wall_ms);
    sql_bind_u64(statement, 4, offset);
    sql_bind_blob(statement, 5, request->commit.answer);
    if ((err = sql_run(statement)) != OK || sqlite3_changes(store->sql.db) > 0)
        return err;
    return op_find(store, request, found);
}

/* ---- the record ---- */

void record_room_name(struct buf *out, const struct type *type, struct span id)
{
    buf_reset(out);
    buf_append_span(out, type->name);
    buf_append_char(out, ':');
    buf_append_span(out, id);
}

/* The record's row, after its events are numbered. Deleting and making anew move the record out of the index and
 * into it; any other change leaves the index alone. */
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

static enum err write_milestone(struct store *store, const struct store_request *request,
                                const struct stored_room *room)
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
    uint64_t seq, version;                      /* version: of the change that it is, or 0 */
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

static void note_place(struct store *store, const struct stored_room *room)
{
    places_append(&store->places, room->id, room->head);
    tidy_note_crowded(store, room->id, room->head);
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
static enum err enter_room(struct store *store, struct entry *entry, struct stored_room *room,
                           const struct stored_room *own)
{
    enum err err;

    if ((err = make_room(store, room)) != OK)
        return err;
    if (room->head >= SQL_NUMBER_MAX)
        return ERR_STORAGE; /* no number of ours */
    room->head++;
    if (room->is_record && entry->offset == 0)
        link_event(entry, room);
    else
        note_place(store, room);
    return !room->is_record || room == own ? OK : write_head(store, room);
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
    sql_bind_blob(statement, 8, buf_span(&store->line));
    sql_bind_text(statement, 9, body);
    return sql_run(statement);
}

static void write_line(struct store *store, const struct commit_event *event, int64_t wall_ms)
{
    buf_reset(&store->line);
    if (event->activity)
        line_append(&store->line, event->activity, event->event->time_ms != 0 ? event->event->time_ms : wall_ms);
}

/* Numbers the event in every room that shows it. `version`: of the change, which is seen in its record's room first. */
static enum err number_event(struct store *store, struct commit_event *event, uint64_t version,
                             const struct stored_room *own, int64_t wall_ms)
{
    struct entry entry = {.seq = store->next_seq++, .version = version};
    struct stored_room *room;
    enum err err;

    assert(event->room_count <= COMMIT_ROOMS_MAX);
    buf_reset(&store->places);
    for (uint32_t i = 0; i < event->room_count; i++) {
        if ((err = rooms_find(store, event->rooms[i], &room)) != OK ||
            (err = enter_room(store, &entry, room, own)) != OK)
            return err;
        event->positions[i] = (struct position){store->epoch, room->head};
    }
    write_line(store, event, wall_ms);
    return write_event(store, &entry, event->body, wall_ms);
}

static enum err write_events(struct store *store, struct store_request *request, const struct stored_room *own,
                             int64_t wall_ms)
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

/* Whether the record and the objects are where the commit expects them; else a repeat explains it, or it is a conflict.
 * `room`: the record's, or NULL. */
static enum err check_versions(struct store *store, struct store_request *request, const struct stored_room *room,
                               bool *is_good)
{
    bool found = false;
    enum err err = OK;

    *is_good = room == NULL || room->version + 1 == request->commit.version;
    if (*is_good)
        err = objects_check(store, request, is_good);
    if (err != OK || *is_good)
        return err;
    if (request->commit.op_id.len > 0)
        err = op_find(store, request, &found);
    if (err == OK && !found) {
        request->err = ERR_CONFLICT;
        request->version = room ? room->version : 0;
    }
    return err;
}

/* From here on nothing is refused. */
static enum err write_change(struct store *store, struct store_request *request, struct stored_room *room,
                             int64_t wall_ms)
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
        if ((err = rooms_find(store, request->commit.events[0].rooms[0], &room)) != OK)
            return err;
    }
    if ((err = check_versions(store, request, room, &is_good)) != OK || !is_good)
        return err;
    if (request->commit.op_id.len > 0 && ((err = claim_op(store, request, wall_ms, &found)) != OK || found))
        return err;
    request->commit.sequence = request->commit.event_count > 0 ? store->next_seq : 0;
    if (request->commit.grants)
        grant_token(request);
    err = room ? write_change(store, request, room, wall_ms) : write_events(store, request, NULL, wall_ms);
    return err == OK ? objects_put(store, request, wall_ms) : err;
}
