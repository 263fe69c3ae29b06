/* What a record was. A past state is the nearest state that was kept whole before it, and the changes since then
 * applied again: at most MILESTONE_EVERY - 1 of them, however long the history is. */
#include "store/sqlite_internal.h"

#include <assert.h>
#include <string.h>

/* ---- going backwards through the changes ---- */

enum err past_start(struct sql *sql, const struct lineage *record, uint64_t version, struct past_step *step)
{
    sqlite3_stmt *statement = sql->statements[SQL_milestone_from];
    enum err err;

    *step = (struct past_step){.seq = record->last_change};
    sql_bind_i64(statement, 1, record->room_id);
    sql_bind_u64(statement, 2, version);
    if ((err = sql_row(statement)) != OK)
        return err == ERR_NOT_FOUND ? OK : err;
    step->seq = sql_column_u64(statement, 0);
    sqlite3_reset(statement);
    return OK;
}

enum err past_step_back(struct sql *sql, struct arena *arena, uint64_t before, struct past_step *step)
{
    sqlite3_stmt *statement = sql->statements[SQL_change_step];
    struct span body;
    uint64_t previous;
    enum err err;

    sql_bind_u64(statement, 1, step->seq);
    if ((err = sql_row(statement)) != OK)
        return err == ERR_NOT_FOUND ? ERR_STORAGE : err; /* none is removed without those before it (store_cut.c) */
    step->version = sql_column_u64(statement, 0);
    previous = sql_column_u64(statement, 1);
    body = sql_column(statement, 2);
    step->bytes = body.len;
    step->change = NULL;
    if (step->version < before) {
        step->change = arena_alloc(arena, sizeof(*step->change));
        err = change_read(arena, body, step->change) == OK ? OK : ERR_STORAGE;
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
    struct sql *sql;
    struct arena *arena;
    uint64_t version; /* 0: before the first */
    struct buf state; /* empty: there was no such record then */
    int64_t time_ms;
    struct change *changes[MILESTONE_EVERY]; /* by version, from the one after `version` on */
};

static enum err load_milestone(struct past *past, int64_t room_id, uint64_t version)
{
    sqlite3_stmt *statement = past->sql->statements[SQL_milestone_before];
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
static enum err collect(struct past *past, const struct lineage *record, uint64_t version)
{
    struct past_step step;
    enum err err;

    if (version - past->version > MILESTONE_EVERY)
        return ERR_STORAGE;
    if ((err = past_start(past->sql, record, version, &step)) != OK)
        return err;
    do {
        if ((err = past_step_back(past->sql, past->arena, version + 1, &step)) != OK)
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

static enum err travel(struct past *past, const struct lineage *record, uint64_t version)
{
    uint64_t first, count;
    enum err err;

    if ((err = past_first(past->sql, record->room_id, &first)) != OK)
        return err;
    if (version < first)
        return ERR_BAD_VERSION;
    if ((err = load_milestone(past, record->room_id, version)) != OK)
        return err;
    count = version - past->version;
    if (count > 0 && (err = collect(past, record, version)) != OK)
        return err;
    for (uint64_t i = 0; i < count; i++)
        if (past->changes[i] == NULL || apply(past, past->changes[i]) != OK)
            return ERR_STORAGE; /* a gap, or what nobody here can read: better nothing than something wrong */
    return past->state.len > 0 ? OK : ERR_NOT_FOUND;
}

enum err past_state(struct sql *sql, struct arena *arena, const struct lineage *record, uint64_t version,
                    struct span *state, int64_t *time_ms)
{
    struct past past = {.sql = sql, .arena = arena};
    enum err err = travel(&past, record, version);

    if (err == OK) {
        *state = arena_copy(arena, buf_span(&past.state));
        *time_ms = past.time_ms;
    }
    buf_deinit(&past.state);
    return err;
}

/* ---- the version of a moment ---- */

static enum err milestone_time(struct sql *sql, int64_t room_id, uint64_t version, int64_t *out)
{
    sqlite3_stmt *statement = sql->statements[SQL_milestone_time];
    enum err err;

    sql_bind_i64(statement, 1, room_id);
    sql_bind_u64(statement, 2, version);
    if ((err = sql_row(statement)) != OK)
        return err == ERR_NOT_FOUND ? ERR_STORAGE : err;
    *out = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return OK;
}

/* The last milestone that had been reached, by halving; 0: none. ERR_NOT_FOUND: the history was cut after that. */
static enum err last_milestone(struct sql *sql, const struct lineage *record, int64_t time_ms, uint64_t *out)
{
    uint64_t first, reached, beyond = record->version / MILESTONE_EVERY + 1;
    int64_t first_ms;
    enum err err;

    if ((err = past_first(sql, record->room_id, &first)) != OK)
        return err;
    reached = first / MILESTONE_EVERY;
    if (reached > 0 && ((err = milestone_time(sql, record->room_id, first, &first_ms)) != OK || first_ms > time_ms))
        return err == OK ? ERR_NOT_FOUND : err;
    while (beyond - reached > 1) {
        uint64_t middle = reached + (beyond - reached) / 2;
        int64_t middle_ms;

        if ((err = milestone_time(sql, record->room_id, middle * MILESTONE_EVERY, &middle_ms)) != OK)
            return err;
        if (middle_ms <= time_ms)
            reached = middle;
        else
            beyond = middle;
    }
    *out = reached * MILESTONE_EVERY;
    return OK;
}

/* From the milestone after it backwards. */
enum err past_version(struct sql *sql, struct arena *arena, const struct lineage *record, int64_t time_ms,
                      uint64_t *version)
{
    struct past_step step;
    uint64_t reached;
    enum err err;

    if ((err = last_milestone(sql, record, time_ms, &reached)) != OK ||
        (err = past_start(sql, record, reached + MILESTONE_EVERY, &step)) != OK)
        return err;
    while (step.seq > 0) {
        if ((err = past_step_back(sql, arena, UINT64_MAX, &step)) != OK)
            return err;
        assert(step.change); /* nothing was passed over */
        if (step.version <= reached || step.change->time_ms <= time_ms) {
            *version = step.version;
            return OK;
        }
    }
    return ERR_NOT_FOUND; /* before the first */
}
