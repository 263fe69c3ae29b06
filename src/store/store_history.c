/* One record, now and in the past. A past state is the nearest state that was kept whole before it, and the changes
 * since then applied again. */
#include "store/sqlite_internal.h"

#include <assert.h>
#include <string.h>

struct found_record {
    int64_t room_id;
    uint64_t version, last_change;
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
    out->room_id = sqlite3_column_int64(statement, 0);
    out->version = sql_column_u64(statement, 1);
    out->is_deleted = sqlite3_column_int(statement, 2) != 0;
    out->last_change = sql_column_u64(statement, 4);
    out->row = (struct list_row){
        .id = arena_copy(arena, id),
        .state = sql_column_copy(statement, 5, arena),
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

/* ---- going backwards through the changes ---- */

struct step {
    uint64_t seq, version;
    struct change *change;
};

/* Where to begin, to come to a version soon: at the last change, or at the first one from that version on whose
 * state was kept. */
static enum err start_above(struct store_reader *reader, const struct found_record *record, uint64_t version,
                            struct step *step)
{
    sqlite3_stmt *statement = reader->sql.statements[SQL_milestone_from];
    enum err err;

    *step = (struct step){.seq = record->last_change};
    sql_bind_i64(statement, 1, record->room_id);
    sql_bind_u64(statement, 2, version);
    if ((err = sql_row(statement)) != OK)
        return err == ERR_NOT_FOUND ? OK : err;
    step->seq = sql_column_u64(statement, 0);
    sqlite3_reset(statement);
    return OK;
}

/* Reads the change at step->seq, when its version is below `before`, and moves on to the one before it. */
static enum err step_back(struct store_reader *reader, struct arena *arena, uint64_t before, struct step *step)
{
    sqlite3_stmt *statement = reader->sql.statements[SQL_change_step];
    uint64_t previous;
    enum err err;

    sql_bind_u64(statement, 1, step->seq);
    if ((err = sql_row(statement)) != OK)
        return err == ERR_NOT_FOUND ? ERR_STORAGE : err; /* changes are never removed */
    step->version = sql_column_u64(statement, 0);
    previous = sql_column_u64(statement, 1);
    step->change = NULL;
    if (step->version < before) {
        step->change = arena_alloc(arena, sizeof(*step->change));
        err = change_read(arena, sql_column(statement, 2), step->change) == OK ? OK : ERR_STORAGE;
        step->change->version = step->version;
    }
    sqlite3_reset(statement);
    if (previous >= step->seq)
        err = ERR_STORAGE; /* a damaged file must not lead in circles */
    step->seq = previous;
    return err;
}

/* ---- the past ---- */

struct past {
    struct arena *arena;
    uint64_t version; /* 0: before the first */
    struct buf state; /* empty: there was no such record then */
    int64_t time_ms;
    struct change *changes[MILESTONE_EVERY]; /* by version, from the one after `version` on */
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
    past->time_ms = sqlite3_column_int64(statement, 1);
    buf_append_span(&past->state, sql_column(statement, 2));
    sqlite3_reset(statement);
    return OK;
}

/* The changes between the state that was kept and the one that is asked for. */
static enum err collect(struct store_reader *reader, const struct found_record *record, uint64_t version,
                        struct past *past)
{
    struct step step;
    enum err err;

    if (version - past->version > MILESTONE_EVERY)
        return ERR_STORAGE;
    if ((err = start_above(reader, record, version, &step)) != OK)
        return err;
    do {
        if ((err = step_back(reader, past->arena, version + 1, &step)) != OK)
            return err;
        if (step.change && step.version > past->version)
            past->changes[step.version - past->version - 1] = step.change;
    } while (step.version > past->version + 1 && step.seq > 0);
    return OK;
}

/* No type is given: what was accepted once is not judged again by what the configuration says today. */
static enum err apply(struct past *past, struct change *change)
{
    struct buf next = BUF_EMPTY;
    enum err err = change_apply(past->arena, NULL, buf_span(&past->state), SIZE_MAX, change, &next);

    past->time_ms = change->time_ms;
    buf_deinit(&past->state);
    past->state = next;
    return err;
}

static enum err travel(struct store_reader *reader, const struct found_record *record, uint64_t version,
                       struct past *past)
{
    uint64_t count;
    enum err err;

    if ((err = load_milestone(reader, record->room_id, version, past)) != OK)
        return err;
    count = version - past->version;
    if (count > 0 && (err = collect(reader, record, version, past)) != OK)
        return err;
    for (uint64_t i = 0; i < count; i++)
        if (past->changes[i] == NULL || apply(past, past->changes[i]) != OK)
            return ERR_STORAGE; /* a gap, or what nobody here can read: better nothing than something wrong */
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

static enum err read_changes(struct store_reader *reader, struct arena *arena, const struct found_record *record,
                             uint64_t before, uint32_t limit, struct history_page *page)
{
    struct step step;
    enum err err;

    if ((err = start_above(reader, record, before, &step)) != OK)
        return err;
    page->changes = arena_alloc(arena, limit * sizeof(struct change *));
    while (step.seq > 0 && page->count < limit) {
        if ((err = step_back(reader, arena, before, &step)) != OK)
            return err;
        if (step.change)
            page->changes[page->count++] = step.change;
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
