/* One record, now and in the past. A past state is the nearest state that was kept whole before it, and the changes since then applied again. */
#include "store/sqlite_internal.h"

#include <assert.h>
#include <string.h>

struct found_record {
    int64_t room_id;
    uint64_t version;
    bool is_deleted;
    struct list_row row;
};

static enum err find_record(struct store_reader *reader, struct arena *arena, const struct type *type, struct span id,
                            struct found_record *out)
{
    sqlite3_stmt *statement = reader->sql.statements[SQL_record_find];
    enum err err;

    reader_start_clock(reader);
    record_room_name(&reader->name, type, id);
    sql_bind_text(statement, 1, buf_span(&reader->name));
    if ((err = sql_row(statement)) != OK)
        return err;
    out->room_id = sqlite3_column_int64(statement, 0);
    out->version = sql_column_u64(statement, 1);
    out->is_deleted = sqlite3_column_int(statement, 2) != 0;
    out->row = (struct list_row){
        .id = arena_copy(arena, id),
        .state = sql_column_copy(statement, 4, arena),
        .version = out->version,
        .updated_ms = sqlite3_column_int64(statement, 3),
    };
    sqlite3_reset(statement);
    return OK;
}

enum err store_record(struct store_reader *reader, struct arena *arena, const struct type *type, struct span id,
                      struct list_row *out)
{
    struct found_record record;
    enum err err;

    if ((err = find_record(reader, arena, type, id, &record)) != OK)
        return err;
    if (record.is_deleted)
        return ERR_NOT_FOUND;
    *out = record.row;
    return OK;
}

/* ---- the past ---- */

struct past {
    struct arena *arena;
    uint64_t version, offset; /* of the change that made it; 0: before the first */
    struct buf state;         /* empty: there was no such record then */
    int64_t time_ms;
};

static enum err load_milestone(struct store_reader *reader, int64_t room_id, uint64_t version, struct past *past)
{
    sqlite3_stmt *statement = reader->sql.statements[SQL_milestone_before];
    enum err err;

    sql_bind_i64(statement, 1, room_id);
    sql_bind_u64(statement, 2, version);
    if ((err = sql_row(statement)) != OK)
        return err == ERR_NOT_FOUND ? OK : err; /* from the beginning, then */
    past->version = sql_column_u64(statement, 0);
    past->offset = sql_column_u64(statement, 1);
    past->time_ms = sqlite3_column_int64(statement, 2);
    buf_append_span(&past->state, sql_column(statement, 3));
    sqlite3_reset(statement);
    return OK;
}

static enum err apply(struct past *past, struct span body)
{
    struct change *change = arena_alloc(past->arena, sizeof(*change));
    struct buf next = BUF_EMPTY;
    enum err err;

    if ((err = change_read(past->arena, body, change)) != OK)
        return err;
    past->time_ms = change->time_ms;
    /* No type: what was accepted once is not judged again by what the configuration says today. */
    err = change_apply(past->arena, NULL, buf_span(&past->state), SIZE_MAX, change, &next);
    if (err == OK) {
        struct buf before = past->state;

        past->state = next;
        next = before;
    }
    buf_deinit(&next);
    return err;
}

static enum err fold(struct store_reader *reader, int64_t room_id, uint64_t version, struct past *past)
{
    sqlite3_stmt *statement = reader->sql.statements[SQL_changes_after];
    enum err err;

    sql_bind_i64(statement, 1, room_id);
    sql_bind_u64(statement, 2, past->offset);
    sql_bind_u64(statement, 3, version - past->version);
    while ((err = sql_row(statement)) == OK) {
        if (sql_column_u64(statement, 0) != past->version + 1 || apply(past, sql_column(statement, 1)) != OK) {
            sqlite3_reset(statement);
            return ERR_STORAGE; /* a gap, or what nobody here can read: better nothing than something wrong */
        }
        past->version++;
    }
    if (err != ERR_NOT_FOUND)
        return err;
    return past->version == version ? OK : ERR_STORAGE;
}

static enum err travel(struct store_reader *reader, const struct found_record *record, uint64_t version, struct past *past)
{
    enum err err;

    if ((err = load_milestone(reader, record->room_id, version, past)) != OK)
        return err;
    if ((err = fold(reader, record->room_id, version, past)) != OK)
        return err;
    return past->state.len > 0 ? OK : ERR_NOT_FOUND;
}

static enum err read_past(struct store_reader *reader, struct arena *arena, const struct type *type, struct span id,
                          uint64_t version, struct list_row *out)
{
    struct past past = {.arena = arena};
    struct found_record record;
    enum err err;

    if ((err = find_record(reader, arena, type, id, &record)) != OK)
        return err == ERR_NOT_FOUND ? ERR_BAD_VERSION : err;
    if (version == 0 || version > record.version)
        return ERR_BAD_VERSION;
    *out = record.row;
    if (version == record.version)
        return record.is_deleted ? ERR_NOT_FOUND : OK;
    if ((err = travel(reader, &record, version, &past)) == OK) {
        out->state = arena_copy(arena, buf_span(&past.state));
        out->version = version;
        out->updated_ms = past.time_ms;
    }
    buf_deinit(&past.state);
    return err;
}

/* The record and its changes are of one moment. */
enum err store_record_at(struct store_reader *reader, struct arena *arena, const struct type *type, struct span id,
                         uint64_t version, struct list_row *out)
{
    enum err err = sql_exec(reader->sql.db, "BEGIN");

    if (err != OK)
        return err;
    err = read_past(reader, arena, type, id, version, out);
    (void)sqlite3_exec(reader->sql.db, "COMMIT", NULL, NULL, NULL);
    return err;
}

/* ---- history ---- */

/* Where in the room to begin to look downwards for changes before a version: not far above it, however long the history is. */
static enum err offset_above(struct store_reader *reader, int64_t room_id, uint64_t version, uint64_t *out)
{
    sqlite3_stmt *statement = reader->sql.statements[SQL_milestone_from];
    enum err err;

    *out = SQL_NUMBER_MAX;
    sql_bind_i64(statement, 1, room_id);
    sql_bind_u64(statement, 2, version);
    if ((err = sql_row(statement)) != OK)
        return err == ERR_NOT_FOUND ? OK : err;
    *out = sql_column_u64(statement, 0);
    sqlite3_reset(statement);
    return OK;
}

static enum err read_change(sqlite3_stmt *statement, struct arena *arena, struct history_page *page)
{
    struct change *change = arena_alloc(arena, sizeof(*change));
    enum err err = change_read(arena, sql_column(statement, 1), change);

    if (err != OK)
        return ERR_STORAGE;
    change->version = sql_column_u64(statement, 0);
    page->changes[page->count++] = change;
    return OK;
}

static enum err read_changes(struct store_reader *reader, struct arena *arena, int64_t room_id, uint64_t before_version,
                             uint32_t limit, struct history_page *page)
{
    sqlite3_stmt *statement = reader->sql.statements[SQL_changes_before];
    uint64_t offset;
    enum err err;

    if ((err = offset_above(reader, room_id, before_version, &offset)) != OK)
        return err;
    sql_bind_i64(statement, 1, room_id);
    sql_bind_u64(statement, 2, offset);
    sql_bind_u64(statement, 3, before_version);
    sql_bind_u64(statement, 4, limit);
    page->changes = arena_alloc(arena, limit * sizeof(struct change *));
    while ((err = sql_row(statement)) == OK) {
        if ((err = read_change(statement, arena, page)) != OK) {
            sqlite3_reset(statement);
            return err;
        }
    }
    if (page->count > 0 && page->count == limit && page->changes[limit - 1]->version > 1)
        page->next_before = page->changes[limit - 1]->version;
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err store_history(struct store_reader *reader, struct arena *arena, const struct type *type, struct span id,
                       uint64_t before_version, uint32_t limit, struct history_page *page)
{
    uint64_t before = before_version > 0 && before_version < SQL_NUMBER_MAX ? before_version : SQL_NUMBER_MAX;
    struct found_record record;
    enum err err;

    assert(limit > 0);
    *page = (struct history_page){0};
    if ((err = find_record(reader, arena, type, id, &record)) != OK)
        return err;
    return read_changes(reader, arena, record.room_id, before, limit, page);
}
