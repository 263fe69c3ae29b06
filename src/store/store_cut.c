/* Histories are cut at their far end, when there is an age from which nobody asks for them any more: at a state that
 * was kept whole, so that everything from there on can be read as before. Of a record go the changes before that
 * version and the states kept before it; the change that made the state becomes the first of its history. A history
 * that was never long enough to be cut begins at version 1 and has its first milestone at MILESTONE_EVERY: so that one
 * is never cut at, and which version comes first is seen by the first milestone. Nor is it cut at the newest one: what
 * was done last can be read and taken back however old it is, also when it is that the record was deleted. */
#include "store/sqlite_internal.h"

#include "base/log.h"

enum { STEP_MILESTONES = 256, PAUSE_MS = 60 * 60 * 1000 /* between two walks through all records */ };

enum err past_first(struct sql *sql, int64_t room_id, uint64_t *version)
{
    sqlite3_stmt *statement = sql->statements[SQL_milestone_first];
    enum err err;

    *version = 1;
    sql_bind_i64(statement, 1, room_id);
    if ((err = sql_row(statement)) != OK)
        return err == ERR_NOT_FOUND ? OK : err;
    if (sql_column_u64(statement, 0) > MILESTONE_EVERY)
        *version = sql_column_u64(statement, 0);
    sqlite3_reset(statement);
    return OK;
}

/* ---- looking ---- */

/* Events up to store->tidied are in no room's index any more. */
static bool may_be_first(const struct store *store, const struct cut *place, int64_t time_ms, int64_t oldest_ms)
{
    return time_ms < oldest_ms && place->version > MILESTONE_EVERY && place->seq <= store->tidied;
}

/* The next milestone at which something may be cut off, of so many that are looked at; version 0: none of them. */
static enum err look_on(struct store *store, int64_t oldest_ms, struct cut *found)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_milestone_next];
    struct cut *place = &store->cut_place;
    uint32_t count = 0;
    enum err err;

    sql_bind_i64(statement, 1, place->room_id);
    sql_bind_u64(statement, 2, place->version);
    sql_bind_u64(statement, 3, STEP_MILESTONES);
    while ((err = sql_row(statement)) == OK) {
        *place = (struct cut){sqlite3_column_int64(statement, 0), sql_column_u64(statement, 1),
                              sql_column_u64(statement, 2)};
        count++;
        if (sqlite3_column_int(statement, 4) != 0 &&
            may_be_first(store, place, sqlite3_column_int64(statement, 3), oldest_ms)) {
            *found = *place;
            sqlite3_reset(statement);
            return OK;
        }
    }
    if (err == ERR_NOT_FOUND && count < STEP_MILESTONES)
        *place = (struct cut){0}; /* that was all: from the beginning, the next time */
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err cut_look(struct store *store, int64_t wall_ms, struct cut *found)
{
    const bool is_due = wall_ms >= store->cut_due_ms || wall_ms < store->cut_due_ms - PAUSE_MS;
    enum err err;

    *found = (struct cut){0};
    if (store->history_age_ms == 0 || !is_due)
        return OK;
    err = look_on(store, tidy_oldest(wall_ms, store->history_age_ms), found);
    if (err == OK && store->cut_place.room_id == 0)
        store->cut_due_ms = wall_ms + PAUSE_MS;
    return err;
}

/* ---- cutting ---- */

static enum err run_with(struct store *store, enum sql_statement name, uint64_t number)
{
    sql_bind_u64(store->sql.statements[name], 1, number);
    return sql_run(store->sql.statements[name]);
}

/* The one before a change; 0: it is the first. */
static enum err change_before(struct store *store, uint64_t seq, uint64_t *previous)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_change_before];
    enum err err;

    *previous = 0;
    sql_bind_u64(statement, 1, seq);
    if ((err = sql_row(statement)) != OK)
        return err == ERR_NOT_FOUND ? ERR_STORAGE : err;
    *previous = sql_column_u64(statement, 0);
    sqlite3_reset(statement);
    return *previous < seq ? OK : ERR_STORAGE;
}

/* From one milestone to the one before it: not many. */
enum err cut_drop(struct store *store, const struct cut *place)
{
    sqlite3_stmt *milestones = store->sql.statements[SQL_milestone_drop];
    uint64_t seq, previous;
    enum err err;

    if ((err = change_before(store, place->seq, &seq)) != OK ||
        (err = run_with(store, SQL_change_be_first, place->seq)) != OK)
        return err;
    for (; seq > 0; seq = previous)
        if ((err = change_before(store, seq, &previous)) != OK || (err = run_with(store, SQL_change_drop, seq)) != OK ||
            (err = run_with(store, SQL_activity_drop_one, seq)) != OK)
            return err;
    sql_bind_i64(milestones, 1, place->room_id);
    sql_bind_u64(milestones, 2, place->version);
    return sql_run(milestones);
}
