/* Pages of the activity feed, newest first. Its order is that of the log, so a page of everything, of a user, of a
 * record or of a customer is a piece of one index. What else is asked for is looked at row by row.
 *
 * A period is a piece of the log, too: where it begins and ends is found by halving. */
#include "store/sqlite_internal.h"

#include <assert.h>

/* Clocks that were put back a little, and events that waited for their commit, are not quite in the log's order. */
enum { SLACK_MS = 60 * 1000 };

struct feed {
    struct store_reader *reader;
    const struct activity_query *query;
    struct arena *arena;
    uint64_t first, end; /* seqs: from the one on, and before the other */
};

/* ---- periods ---- */

/* The first seq at or after which somebody did something at `time_ms` or later; `end` when nobody did. */
static enum err halve(struct feed *feed, int64_t time_ms, uint64_t first, uint64_t end, uint64_t *out)
{
    sqlite3_stmt *statement = feed->reader->sql.statements[SQL_activity_near];
    enum err err;

    while (first < end) {
        uint64_t middle = first + (end - first) / 2;

        sql_bind_u64(statement, 1, middle);
        if ((err = sql_row(statement)) != OK && err != ERR_NOT_FOUND)
            return err;
        if (err == ERR_NOT_FOUND || sqlite3_column_int64(statement, 1) >= time_ms)
            end = middle;
        else
            first = sql_column_u64(statement, 0) + 1;
        sqlite3_reset(statement);
    }
    *out = first;
    return OK;
}

static enum err find_ends(struct feed *feed)
{
    sqlite3_stmt *statement = feed->reader->sql.statements[SQL_activity_ends];
    enum err err = sql_row(statement);

    if (err != OK)
        return err;
    feed->first = sql_column_u64(statement, 0);
    feed->end = sql_column_u64(statement, 1) + 1;
    sqlite3_reset(statement);
    return OK;
}

static enum err find_period(struct feed *feed)
{
    const struct activity_query *query = feed->query;
    uint64_t first, end;
    enum err err;

    if ((err = find_ends(feed)) != OK)
        return err;
    first = feed->first;
    end = feed->end;
    if (query->since_ms > SLACK_MS && (err = halve(feed, query->since_ms - SLACK_MS, first, end, &feed->first)) != OK)
        return err;
    if (query->until_ms > 0 && query->until_ms < INT64_MAX - SLACK_MS)
        err = halve(feed, query->until_ms + SLACK_MS, first, end, &feed->end);
    return err;
}

/* ---- the statement ---- */

/* Values have the same numbers in all of them. */
enum { FIRST = 1, END, SINCE, UNTIL, USER, TYPE, ENTITY, CUSTOMER, ACTION, LIMIT };

static const char *choose_index(const struct activity_query *query)
{
    if (query->entity_id.len > 0)
        return "INDEXED BY activity_entity";
    if (query->customer_id.len > 0)
        return "INDEXED BY activity_customer";
    return query->user_id.len > 0 ? "INDEXED BY activity_user" : "NOT INDEXED";
}

static void print_statement(const struct activity_query *query, struct buf *out)
{
    buf_printf(out,
               "SELECT a.seq, a.time_ms, a.action, a.user_id, a.type, a.entity_id, a.customer_id, "
               "ifnull(a.body, event.body) FROM activity AS a %s LEFT JOIN event ON event.seq = a.seq "
               "WHERE a.seq >= ?1 AND a.seq < ?2 AND a.time_ms >= ?3 AND a.time_ms < ?4",
               choose_index(query));
    if (query->user_id.len > 0)
        buf_append_str(out, " AND a.user_id = ?5 AND a.user_id != ''");
    if (query->type.len > 0)
        buf_append_str(out, " AND a.type = ?6");
    if (query->entity_id.len > 0)
        buf_append_str(out, " AND a.entity_id = ?7 AND a.entity_id != ''");
    if (query->customer_id.len > 0)
        buf_append_str(out, " AND a.customer_id = ?8 AND a.customer_id != ''");
    if (query->action.len > 0)
        buf_append_str(out, " AND a.action = ?9");
    buf_append_str(out, " ORDER BY a.seq DESC LIMIT ?10");
}

static void bind(const struct feed *feed, sqlite3_stmt *statement)
{
    const struct activity_query *query = feed->query;

    sql_bind_u64(statement, FIRST, feed->first);
    sql_bind_u64(statement, END, feed->end);
    sql_bind_i64(statement, SINCE, query->since_ms > 0 ? query->since_ms : INT64_MIN);
    sql_bind_i64(statement, UNTIL, query->until_ms > 0 ? query->until_ms : INT64_MAX);
    sql_bind_text(statement, USER, query->user_id);
    sql_bind_text(statement, TYPE, query->type);
    sql_bind_text(statement, ENTITY, query->entity_id);
    sql_bind_text(statement, CUSTOMER, query->customer_id);
    sql_bind_text(statement, ACTION, query->action);
    sql_bind_u64(statement, LIMIT, (uint64_t)query->limit + 1); /* one more says whether there is another page */
}

/* ---- a page ---- */

static uint64_t query_hash(const struct activity_query *query)
{
    const struct span parts[] = {SPAN("activity"),
                                 query->user_id,
                                 query->customer_id,
                                 query->action,
                                 query->type,
                                 query->entity_id,
                                 span_of(&query->since_ms, sizeof(query->since_ms)),
                                 span_of(&query->until_ms, sizeof(query->until_ms))};

    return place_query(parts, sizeof(parts) / sizeof(parts[0]));
}

static void read_row(sqlite3_stmt *statement, struct arena *arena, struct activity_row *row)
{
    row->seq = sql_column_u64(statement, 0);
    row->time_ms = sqlite3_column_int64(statement, 1);
    row->action = sql_column_copy(statement, 2, arena);
    row->user_id = sql_column_copy(statement, 3, arena);
    row->type = sql_column_copy(statement, 4, arena);
    row->entity_id = sql_column_copy(statement, 5, arena);
    row->customer_id = sql_column_copy(statement, 6, arena);
    row->body = sql_column_copy(statement, 7, arena);
}

static enum err read_rows(struct feed *feed, sqlite3_stmt *statement, struct activity_page *page)
{
    size_t bytes = 0;
    enum err err;

    page->rows = arena_alloc(feed->arena, feed->query->limit * sizeof(*page->rows));
    while ((err = sql_row(statement)) == OK) {
        struct activity_row *row = &page->rows[page->count];

        if (page->count == feed->query->limit || bytes >= PAGE_BYTES_MAX) {
            page->next =
                place_print(feed->arena, &(struct place){.query = query_hash(feed->query), .at = (int64_t)row[-1].seq});
            return OK;
        }
        read_row(statement, feed->arena, row);
        bytes += row->body.len;
        page->count++;
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err fill_page(struct feed *feed, struct activity_page *page)
{
    sqlite3 *db = feed->reader->sql.db;
    struct place place;
    sqlite3_stmt *statement = NULL;
    struct buf text = BUF_EMPTY;
    enum err err;

    if ((err = find_period(feed)) != OK)
        goto done;
    if (feed->query->cursor.len > 0) {
        if ((err = place_read(feed->query->cursor, query_hash(feed->query), &place)) != OK)
            goto done;
        if (place.at >= 0 && (uint64_t)place.at < feed->end)
            feed->end = (uint64_t)place.at;
    }
    print_statement(feed->query, &text);
    if ((err = sql_err(db, sqlite3_prepare_v2(db, text.data, (int)text.len, &statement, NULL))) != OK)
        goto done;
    bind(feed, statement);
    err = read_rows(feed, statement, page);
done:
    sqlite3_finalize(statement);
    buf_deinit(&text);
    return err;
}

enum err store_activity(struct store_reader *reader, struct arena *arena, const struct activity_query *query,
                        struct activity_page *page)
{
    struct feed feed = {.reader = reader, .query = query, .arena = arena};
    enum err err;

    assert(query->limit >= 1 && query->limit <= PAGE_LIMIT_MAX);
    *page = (struct activity_page){0};
    reader_start_clock(reader);
    if ((err = sql_exec(reader->sql.db, "BEGIN")) != OK)
        return err;
    err = fill_page(&feed, page);
    (void)sqlite3_exec(reader->sql.db, "COMMIT", NULL, NULL, NULL);
    return err;
}
