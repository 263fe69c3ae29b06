/* One record, now and in the past, for those who only read. */
#include "store/sqlite_internal.h"

#include <assert.h>

struct found_record {
    struct lineage lineage;
    bool is_deleted;
    struct list_row row;
};

static enum err find_record(struct store_reader *reader, struct arena *arena, const struct type *type, struct span id,
                            struct found_record *out)
{
    sqlite3_stmt *statement = reader->sql.statements[SQL_record_read];
    enum err err;

    reader_start_clock(reader);
    record_room_name(&reader->name, type, id);
    sql_bind_text(statement, 1, buf_span(&reader->name));
    if ((err = sql_row(statement)) != OK)
        return err;
    out->lineage = (struct lineage){.room_id = sqlite3_column_int64(statement, 0),
                                    .version = sql_column_u64(statement, 1),
                                    .last_change = sql_column_u64(statement, 4)};
    out->is_deleted = sqlite3_column_int(statement, 2) != 0;
    out->row = (struct list_row){
        .id = arena_copy(arena, id),
        .state = sql_column_copy(statement, 5, arena),
        .version = out->lineage.version,
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

static enum err read_version(struct store_reader *reader, struct arena *arena, const struct found_record *record,
                             uint64_t version, struct list_row *out)
{
    if (version == 0 || version > record->lineage.version)
        return ERR_BAD_VERSION;
    *out = record->row;
    if (version == record->lineage.version)
        return record->is_deleted ? ERR_NOT_FOUND : OK;
    out->version = version;
    return past_state(&reader->sql, arena, &record->lineage, version, &out->state, &out->updated_ms);
}

/* The record and its changes are of one moment. */
enum err store_record_at(struct store_reader *reader, struct arena *arena, const struct type *type, struct span id,
                         uint64_t version, struct list_row *out)
{
    struct found_record record;
    enum err err = sql_exec(reader->sql.db, "BEGIN");

    if (err != OK)
        return err;
    if ((err = find_record(reader, arena, type, id, &record)) == OK)
        err = read_version(reader, arena, &record, version, out);
    else if (err == ERR_NOT_FOUND)
        err = ERR_BAD_VERSION;
    (void)sqlite3_exec(reader->sql.db, "COMMIT", NULL, NULL, NULL);
    return err;
}

enum err store_record_at_time(struct store_reader *reader, struct arena *arena, const struct type *type, struct span id,
                              int64_t time_ms, struct list_row *out)
{
    struct found_record record;
    uint64_t version;
    enum err err = sql_exec(reader->sql.db, "BEGIN");

    if (err != OK)
        return err;
    if ((err = find_record(reader, arena, type, id, &record)) == OK &&
        (err = past_version(&reader->sql, arena, &record.lineage, time_ms, &version)) == OK)
        err = read_version(reader, arena, &record, version, out);
    (void)sqlite3_exec(reader->sql.db, "COMMIT", NULL, NULL, NULL);
    return err;
}

/* ---- history ---- */

static enum err read_changes(struct store_reader *reader, struct arena *arena, const struct found_record *record,
                             uint64_t before, uint32_t limit, struct history_page *page)
{
    struct past_step step;
    size_t bytes = 0;
    enum err err;

    if ((err = past_start(&reader->sql, &record->lineage, before, &step)) != OK)
        return err;
    page->changes = arena_alloc(arena, limit * sizeof(struct change *));
    while (step.seq > 0 && page->count < limit && bytes < PAGE_BYTES_MAX) {
        if ((err = past_step_back(&reader->sql, arena, before, &step)) != OK)
            return err;
        if (step.change) {
            page->changes[page->count++] = step.change;
            bytes += step.bytes;
        }
    }
    if (step.seq > 0 && page->count > 0)
        page->next_before = step.version;
    return OK;
}

enum err store_history(struct store_reader *reader, struct arena *arena, const struct type *type, struct span id,
                       uint64_t before_version, uint32_t limit, struct history_page *page)
{
    uint64_t before = before_version > 0 && before_version < SQL_NUMBER_MAX ? before_version : SQL_NUMBER_MAX;
    struct found_record record;
    enum err err;

    assert(limit > 0);
    *page = (struct history_page){0};
    if ((err = sql_exec(reader->sql.db, "BEGIN")) != OK)
        return err;
    if ((err = find_record(reader, arena, type, id, &record)) == OK)
        err = read_changes(reader, arena, &record, before, limit, page);
    (void)sqlite3_exec(reader->sql.db, "COMMIT", NULL, NULL, NULL);
    return err;
}
