/* Pages of the activity feed, newest first. Its order is that of the log, so a page of everything, of a user, of a
 * record or of a customer is a piece of one index. What else is asked for is looked at row by row. The newest lines are in no
 * index yet: they are read from the end of the log, before the others (store_index.c).
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
    struct activity_page *page;
    size_t bytes;        /* of the page's bodies */
    bool is_full;        /* the page: there is more */
    uint64_t first, end; /* seqs in the index: from the one on, and before the other */
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
    sql_bind_u64(statement, LIMIT,
                 (uint64_t)query->limit - feed->page->count + 1); /* one more says whether there is another page */
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

/* A row whose spans end with the statement's next step; false: the page is full, and says where the next begins. */
static bool take_row(struct feed *feed, const struct activity_row *row)
{
    struct activity_page *page = feed->page;
    struct activity_row *taken = &page->rows[page->count];

    if (page->count == feed->query->limit || feed->bytes >= PAGE_BYTES_MAX) {
        page->next =
            place_print(feed->arena, &(struct place){.query = query_hash(feed->query), .at = (int64_t)taken[-1].seq});
        feed->is_full = true;
        return false;
    }
    *taken = (struct activity_row){
        .seq = row->seq,
        .time_ms = row->time_ms,
        .action = arena_copy(feed->arena, row->action),
        .user_id = arena_copy(feed->arena, row->user_id),
        .type = arena_copy(feed->arena, row->type),
        .entity_id = arena_copy(feed->arena, row->entity_id),
        .customer_id = arena_copy(feed->arena, row->customer_id),
        .body = arena_copy(feed->arena, row->body),
    };
    feed->bytes += row->body.len;
    page->count++;
    return true;
}

static enum err read_index(struct feed *feed, sqlite3_stmt *statement)
{
    enum err err;

    while ((err = sql_row(statement)) == OK) {
        const struct activity_row row = {
            .seq = sql_column_u64(statement, 0),
            .time_ms = sqlite3_column_int64(statement, 1),
            .action = sql_column(statement, 2),
            .user_id = sql_column(statement, 3),
            .type = sql_column(statement, 4),
            .entity_id = sql_column(statement, 5),
            .customer_id = sql_column(statement, 6),
            .body = sql_column(statement, 7),
        };

        if (!take_row(feed, &row))
            return OK;
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err ask_index(struct feed *feed)
{
    sqlite3 *db = feed->reader->sql.db;
    sqlite3_stmt *statement = NULL;
    struct buf text = BUF_EMPTY;
    enum err err;

    print_statement(feed->query, &text);
    if ((err = sql_err(db, sqlite3_prepare_v2(db, text.data, (int)text.len, &statement, NULL))) == OK) {
        bind(feed, statement);
        err = read_index(feed, statement);
    }
    sqlite3_finalize(statement);
    buf_deinit(&text);
    return err;
}

/* ---- the newest ---- */

static bool is_any_or(struct span wanted, struct span value)
{
    return wanted.len == 0 || span_equal(wanted, value);
}

/* What the statement asks for, of a line. */
static bool is_wanted(const struct activity_query *query, const struct activity_row *row)
{
    return (query->since_ms <= 0 || row->time_ms >= query->since_ms) &&
           (query->until_ms <= 0 || row->time_ms < query->until_ms) && is_any_or(query->user_id, row->user_id) &&
           is_any_or(query->type, row->type) && is_any_or(query->entity_id, row->entity_id) &&
           is_any_or(query->customer_id, row->customer_id) && is_any_or(query->action, row->action);
}

static enum err read_tail(struct feed *feed, uint64_t end)
{
    sqlite3_stmt *statement;
    uint64_t indexed;
    enum err err;

    if ((err = meta_get_number(&feed->reader->sql, META_INDEXED, &indexed)) != OK)
        return err;
    statement = index_tail(&feed->reader->sql, indexed, end);
    while (!feed->is_full && (err = sql_row(statement)) == OK) {
        struct activity_row row = {.seq = sql_column_u64(statement, 0)};

        if (!line_read(sql_column(statement, 2), &row) || !is_wanted(feed->query, &row))
            continue;
        row.body = sql_column(statement, 3);
        (void)take_row(feed, &row);
    }
    sqlite3_reset(statement);
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err fill_page(struct feed *feed)
{
    struct place place = {.at = (int64_t)SQL_NUMBER_MAX};
    enum err err;

    if (feed->query->cursor.len > 0 && (err = place_read(feed->query->cursor, query_hash(feed->query), &place)) != OK)
        return err;
    if (place.at < 0)
        place.at = (int64_t)SQL_NUMBER_MAX;
    if ((err = read_tail(feed, (uint64_t)place.at)) != OK || feed->is_full || (err = find_period(feed)) != OK)
        return err;
    if ((uint64_t)place.at < feed->end)
        feed->end = (uint64_t)place.at;
    return ask_index(feed);
}

enum err store_activity(struct store_reader *reader, struct arena *arena, const struct activity_query *query,
                        struct activity_page *page)
{
    struct feed feed = {.reader = reader, .query = query, .arena = arena, .page = page};
    enum err err;

    assert(query->limit >= 1 && query->limit <= PAGE_LIMIT_MAX);
    *page = (struct activity_page){.rows = arena_alloc(arena, query->limit * sizeof(*page->rows))};
    reader_start_clock(reader);
    if ((err = sql_exec(reader->sql.db, "BEGIN")) != OK)
        return err;
    err = fill_page(&feed);
    (void)sqlite3_exec(reader->sql.db, "COMMIT", NULL, NULL, NULL);
    return err;
}
