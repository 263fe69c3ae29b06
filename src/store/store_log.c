/* Following the log: events as they were committed, a page at a time. */
#include "store/sqlite_internal.h"

#include <assert.h>

enum { LOG_BYTES_MAX = 1024 * 1024 };

/* Numbers are given one after the other, but for the leaps of copies that were taken back into use: what else is missing was removed. */
static uint64_t missing(uint64_t before, uint64_t seq)
{
    return (seq - before - 1) % SEQUENCE_LEAP;
}

static enum err read_rows(sqlite3_stmt *statement, struct arena *arena, uint32_t limit, struct log_page *page)
{
    size_t bytes = 0;
    enum err err;

    while ((err = sql_row(statement)) == OK) {
        struct log_row *row = &page->rows[page->count++];

        row->seq = sql_column_u64(statement, 0);
        row->body = sql_column_copy(statement, 1, arena);
        page->skipped += missing(page->upto, row->seq);
        page->upto = row->seq;
        bytes += row->body.len;
        if (page->count == limit || bytes >= LOG_BYTES_MAX) {
            sqlite3_reset(statement);
            return OK;
        }
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err store_log(struct store_reader *reader, struct arena *arena, uint64_t after, uint64_t upto, uint32_t limit,
                   struct log_page *page)
{
    sqlite3_stmt *statement = reader->sql.statements[SQL_event_after];

    assert(limit >= 1 && limit <= PAGE_LIMIT_MAX);
    *page = (struct log_page){.rows = arena_alloc(arena, limit * sizeof(*page->rows)), .upto = after};
    reader_start_clock(reader);
    sql_bind_u64(statement, 1, after);
    sql_bind_u64(statement, 2, upto);
    sql_bind_u64(statement, 3, limit);
    return read_rows(statement, arena, limit, page);
}

enum err store_log_end(struct store_reader *reader, uint64_t *seq)
{
    sqlite3_stmt *statement = reader->sql.statements[SQL_event_last];
    enum err err;

    reader_start_clock(reader);
    if ((err = sql_row(statement)) != OK)
        return err;
    *seq = sql_column_u64(statement, 0);
    sqlite3_reset(statement);
    return OK;
}
