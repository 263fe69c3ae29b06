/* The indexes follow the log. A commit writes an event once, with its places in rooms and its line of the activity feed beside it. What
 * finds events by these, the tables room_event and activity, is brought up to date for many events together: a step then
 * touches a page once that as many commits would have written each. Until a step comes, readers look through the end of
 * the log itself, newest first: some thousand events.
 *
 * How far the indexes go stands in the same transaction (META_INDEXED), so after a crash they go on from there. */
#include "store/sqlite_internal.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

enum {
    STEP_EVENTS = 8192,   /* at most, in one step; mostly all that wait */
    STEP_PAUSE_MS = 5000, /* or when fewer have waited so long */
    PLACES_AT_ONCE = 4096,
};

/* ---- numbers: seven bits a byte, the last one without the eighth ---- */

static void append_number(struct buf *out, uint64_t number)
{
    for (; number > 127; number >>= 7)
        buf_append_char(out, (char)(number | 128));
    buf_append_char(out, (char)number);
}

static bool next_number(struct span *bytes, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < bytes->len && i < 9; i++) {
        unsigned char byte = (unsigned char)bytes->data[i];

        *number |= (uint64_t)(byte & 127) << (7 * i);
        if (byte < 128) {
            *bytes = span_slice(*bytes, i + 1, bytes->len);
            return true;
        }
    }
    return false;
}

void places_append(struct buf *places, int64_t room_id, uint64_t offset)
{
    append_number(places, (uint64_t)room_id);
    append_number(places, offset);
}

bool places_next(struct span *places, int64_t *room_id, uint64_t *offset)
{
    uint64_t id;

    if (!next_number(places, &id) || !next_number(places, offset))
        return false;
    *room_id = (int64_t)id; /* 63 bits at most */
    return true;
}

/* ---- lines ---- */

static void append_text(struct buf *line, struct span text)
{
    append_number(line, text.len);
    buf_append_span(line, text);
}

static bool next_text(struct span *line, struct span *text)
{
    uint64_t len;

    if (!next_number(line, &len) || len > line->len)
        return false;
    *text = span_slice(*line, 0, (size_t)len);
    *line = span_slice(*line, (size_t)len, line->len);
    return true;
}

void line_append(struct buf *line, const struct commit_activity *activity, int64_t time_ms)
{
    append_number(line, time_ms > 0 ? (uint64_t)time_ms : 0);
    append_text(line, activity->action);
    append_text(line, activity->user_id);
    append_text(line, activity->type);
    append_text(line, activity->entity_id);
    append_text(line, activity->customer_id);
}

bool line_read(struct span line, struct activity_row *row)
{
    uint64_t time_ms;

    if (!next_number(&line, &time_ms) || !next_text(&line, &row->action) || !next_text(&line, &row->user_id) ||
        !next_text(&line, &row->type) || !next_text(&line, &row->entity_id) || !next_text(&line, &row->customer_id))
        return false;
    row->time_ms = (int64_t)time_ms;
    return true;
}

/* ---- a step ---- */

struct indexed_place {
    int64_t room_id;
    uint64_t offset, seq;
};

struct step {
    struct indexed_place *places;
    size_t place_count, capacity;
    uint32_t event_count;
    uint64_t last_seq;
};

static void note_places(struct step *step, uint64_t seq, struct span places)
{
    struct indexed_place place = {.seq = seq};

    while (places_next(&places, &place.room_id, &place.offset)) {
        if (step->place_count == step->capacity) {
            step->capacity += PLACES_AT_ONCE;
            step->places = memory_resize(step->places, step->capacity * sizeof(*step->places));
        }
        step->places[step->place_count++] = place;
    }
}

/* Of a change the body stays in the log; other events go from there when they are old, sooner than their lines. */
static enum err add_line(struct store *store, const struct activity_row *row, bool is_change)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_activity_add];

    sql_bind_u64(statement, 1, row->seq);
    sql_bind_i64(statement, 2, row->time_ms);
    sql_bind_text(statement, 3, row->action);
    sql_bind_text(statement, 4, row->user_id);
    sql_bind_text(statement, 5, row->type);
    sql_bind_text(statement, 6, row->entity_id);
    sql_bind_text(statement, 7, row->customer_id);
    if (is_change)
        sql_bind_null(statement, 8);
    else
        sql_bind_text(statement, 8, row->body);
    return sql_run(statement);
}

static enum err take_events(struct store *store, struct step *step)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_event_unindexed];
    enum err err;

    sql_bind_u64(statement, 1, store->indexed);
    sql_bind_u64(statement, 2, STEP_EVENTS);
    while ((err = sql_row(statement)) == OK) {
        struct activity_row row = {.seq = sql_column_u64(statement, 0)};

        step->event_count++;
        step->last_seq = row.seq;
        note_places(step, row.seq, sql_column(statement, 2));
        if (!line_read(sql_column(statement, 3), &row))
            continue;
        row.body = sql_column(statement, 4);
        if ((err = add_line(store, &row, sqlite3_column_int64(statement, 1) > 0)) != OK) {
            sqlite3_reset(statement);
            return err;
        }
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

static int by_place(const void *a, const void *b)
{
    const struct indexed_place *one = a, *other = b;

    if (one->room_id != other->room_id)
        return one->room_id < other->room_id ? -1 : 1;
    return one->offset < other->offset ? -1 : one->offset > other->offset;
}

static enum err add_places(struct store *store, struct step *step)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_room_event_add];
    enum err err = OK;

    if (step->place_count > 0)
        qsort(step->places, step->place_count, sizeof(*step->places), by_place);
    for (size_t i = 0; i < step->place_count && err == OK; i++) {
        sql_bind_i64(statement, 1, step->places[i].room_id);
        sql_bind_u64(statement, 2, step->places[i].offset);
        sql_bind_u64(statement, 3, step->places[i].seq);
        err = sql_run(statement);
    }
    return err;
}

/* When nothing is left, the numbers that were leapt over count as indexed, too. */
static uint64_t end_of_step(const struct store *store, const struct step *step)
{
    return step->event_count < STEP_EVENTS ? store->next_seq - 1 : step->last_seq;
}

static enum err index_step(struct store *store)
{
    struct step step = {0};
    uint64_t end = 0;
    enum err err;

    if ((err = store_begin(store)) != OK)
        return err;
    if ((err = take_events(store, &step)) == OK && (err = add_places(store, &step)) == OK) {
        end = end_of_step(store, &step);
        err = meta_put_number(&store->sql, META_INDEXED, end);
    }
    if ((err = store_end(store, err)) == OK)
        store->indexed = end;
    free(step.places);
    return err;
}

bool index_is_whole(const struct store *store)
{
    return store->indexed + 1 >= store->next_seq;
}

enum err index_all(struct store *store)
{
    enum err err = OK;

    while (!index_is_whole(store) && err == OK)
        err = index_step(store);
    return err;
}

void index_look(struct store *store, int64_t wall_ms)
{
    const uint64_t waiting = store->next_seq - 1 - store->indexed;
    const bool is_due = wall_ms >= store->index_due_ms || wall_ms < store->index_due_ms - STEP_PAUSE_MS;

    if (waiting > 0 && !is_due && (waiting < INDEX_ENOUGH || store->is_failing))
        return;
    if (waiting > 0)
        (void)index_step(store); /* what it did not do waits, and is found all the same */
    store->index_due_ms = wall_ms + STEP_PAUSE_MS;
}

/* ---- the end of the log ---- */

sqlite3_stmt *index_tail(struct sql *sql, uint64_t indexed, uint64_t before)
{
    sqlite3_stmt *statement = sql->statements[SQL_event_tail];

    sql_bind_u64(statement, 1, indexed);
    sql_bind_u64(statement, 2, before);
    return statement;
}

bool places_next_in(struct span *places, int64_t room_id, uint64_t *offset)
{
    uint64_t found;
    int64_t id;

    while (places_next(places, &id, &found)) {
        if (id != room_id)
            continue;
        *offset = found;
        return true;
    }
    return false;
}

enum err index_tail_head(struct store *store, int64_t room_id, uint64_t *head)
{
    sqlite3_stmt *statement = index_tail(&store->sql, store->indexed, SQL_NUMBER_MAX);
    bool is_found = false;
    uint64_t offset;
    enum err err = OK;

    while (!is_found && (err = sql_row(statement)) == OK) {
        struct span places = sql_column(statement, 1);

        for (; places_next_in(&places, room_id, &offset); is_found = true)
            *head = offset > *head ? offset : *head;
    }
    sqlite3_reset(statement);
    return err == ERR_NOT_FOUND ? OK : err;
}
