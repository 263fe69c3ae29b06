/* What is kept beside records, for those who only read: pages in the order in which things were made. A page goes on
 * after the last row of the one before, so what comes or goes meanwhile moves nothing. */
#include "store/sqlite_internal.h"

#include "base/clock.h"

#include <assert.h>

struct listing {
    struct store_reader *reader;
    const struct object_query *query;
    struct arena *arena;
    struct place after; /* row 0: from the beginning */
};

/* Values have the same numbers in all statements. */
enum { KIND = 1, ROOM, OWNER, STATE, TYPE, TYPE_END, PAST, TIME, ROW, LIMIT };

static uint64_t query_hash(const struct object_query *query)
{
    const struct span parts[] = {SPAN("objects"),
                                 object_kind_name(query->kind),
                                 query->room,
                                 query->type,
                                 query->owner,
                                 query->state,
                                 query->newest_first ? SPAN("-") : SPAN("+")};

    return place_query(parts, sizeof(parts) / sizeof(parts[0]));
}

/* A '+' keeps an index from being chosen for the column: what is in a room is read by room, the rest by owner. */
static void print_conditions(const struct object_query *query, struct buf *out)
{
    const char *mark = query->room.len > 0 ? "+" : "";

    buf_append_str(out, " FROM object WHERE kind = ?1");
    if (query->room.len > 0)
        buf_append_str(out, " AND room = ?2");
    if (query->type.len > 0)
        buf_printf(out, " AND %sroom >= ?5 AND %sroom < ?6", mark, mark);
    if (query->owner.len > 0)
        buf_printf(out, " AND %sowner = ?3", mark);
    if (query->state.len > 0)
        buf_printf(out, " AND %sstate = ?4", mark);
    if (query->past_ms != 0)
        buf_append_str(out, " AND json_extract(body, '$.expires_at') > ?7");
}

static void print_page(const struct listing *listing, struct buf *out)
{
    bool down = listing->query->newest_first;
    const char *order = down ? "DESC" : "ASC";

    buf_append_str(out, "SELECT id, room, owner, state, time_ms, revision, body, rowid");
    print_conditions(listing->query, out);
    if (listing->after.row > 0)
        buf_printf(out, " AND (time_ms, rowid) %s (?8, ?9)", down ? "<" : ">");
    buf_printf(out, " ORDER BY time_ms %s, rowid %s LIMIT ?10", order, order);
}

/* As bodies say it: such texts are in order as the times are. */
static struct span print_time(struct arena *arena, int64_t time_ms)
{
    struct buf text = BUF_EMPTY;
    struct span copy;

    clock_append_iso(&text, time_ms);
    copy = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    return copy;
}

/* Takes the text. */
static enum err prepare(const struct listing *listing, struct buf *text, sqlite3_stmt **out)
{
    const struct object_query *query = listing->query;
    /* The rooms of a type's records are those between "type:" and what follows it. */
    struct span type = arena_printf(listing->arena, "%.*s:", SPAN_ARG(query->type));
    struct span type_end = arena_printf(listing->arena, "%.*s;", SPAN_ARG(query->type));
    const struct span values[] = {object_kind_name(query->kind),
                                  query->room,
                                  query->owner,
                                  query->state,
                                  type,
                                  type_end,
                                  print_time(listing->arena, query->past_ms)};
    int code = sqlite3_prepare_v2(listing->reader->sql.db, text->data, (int)text->len, out, NULL);
    int count;

    buf_deinit(text);
    if (code != SQLITE_OK)
        return sql_err(listing->reader->sql.db, code);
    count = sqlite3_bind_parameter_count(*out); /* the greatest number that is mentioned */
    for (int i = KIND; i <= PAST && i <= count; i++)
        sql_bind_text(*out, i, values[i - 1]);
    if (count == LIMIT) {
        sql_bind_i64(*out, TIME, listing->after.at);
        sql_bind_i64(*out, ROW, listing->after.row);
        sql_bind_u64(*out, LIMIT, (uint64_t)query->limit + 1); /* one more says whether there is another page */
    }
    return OK;
}

static enum err read_rows(struct listing *listing, sqlite3_stmt *statement, struct object_page *page)
{
    struct place last = {.query = query_hash(listing->query)};
    size_t bytes = 0;
    enum err err;

    page->objects = arena_alloc(listing->arena, listing->query->limit * sizeof(*page->objects));
    while ((err = sql_row(statement)) == OK) {
        struct object *object = &page->objects[page->count];

        if (page->count == listing->query->limit || bytes >= PAGE_BYTES_MAX) {
            page->next = place_print(listing->arena, &last);
            return OK;
        }
        object->kind = listing->query->kind;
        object_read(statement, listing->arena, object);
        last.at = object->time_ms;
        last.row = sqlite3_column_int64(statement, 7);
        bytes += object->body.len;
        page->count++;
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err count_rows(struct listing *listing, uint64_t *total)
{
    struct buf text = BUF_EMPTY;
    sqlite3_stmt *statement = NULL;
    enum err err;

    buf_append_str(&text, "SELECT count(*)");
    print_conditions(listing->query, &text);
    if ((err = prepare(listing, &text, &statement)) == OK && (err = sql_row(statement)) == OK)
        *total = sql_column_u64(statement, 0);
    sqlite3_finalize(statement);
    return err;
}

static enum err fill_page(struct listing *listing, struct object_page *page)
{
    const struct object_query *query = listing->query;
    struct buf text = BUF_EMPTY;
    sqlite3_stmt *statement = NULL;
    enum err err;

    if (query->cursor.len > 0 && (err = place_read(query->cursor, query_hash(query), &listing->after)) != OK)
        return err;
    if ((err = count_rows(listing, &page->total)) != OK)
        return err;
    print_page(listing, &text);
    if ((err = prepare(listing, &text, &statement)) == OK)
        err = read_rows(listing, statement, page);
    sqlite3_finalize(statement);
    return err;
}

enum err store_objects(struct store_reader *reader, struct arena *arena, const struct object_query *query,
                       struct object_page *page)
{
    struct listing listing = {.reader = reader, .query = query, .arena = arena};
    enum err err;

    assert(query->limit >= 1 && query->limit <= PAGE_LIMIT_MAX);
    *page = (struct object_page){0};
    reader_start_clock(reader);
    if ((err = sql_exec(reader->sql.db, "BEGIN")) != OK) /* the count and the rows are of one moment */
        return err;
    err = fill_page(&listing, page);
    (void)sqlite3_exec(reader->sql.db, "COMMIT", NULL, NULL, NULL);
    return err;
}

enum err store_object_get(struct store_reader *reader, struct arena *arena, enum object_kind kind, struct span id,
                          struct object *out)
{
    *out = (struct object){.kind = kind, .id = id};
    reader_start_clock(reader);
    return object_find(&reader->sql, arena, out);
}

enum err store_object_count(struct store_reader *reader, enum object_kind kind, struct span owner, struct span state,
                            const struct object_rights *rights, uint64_t *out)
{
    reader_start_clock(reader);
    return objects_count(&reader->sql, kind, owner, state, rights, out);
}
