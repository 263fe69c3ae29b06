/* Housekeeping: the WAL goes back into the file, and what is old goes.
 *
 * An event is looked at once, in the order of the log, when it is old enough: its places in rooms are removed, and
 * itself, unless it is a record's history (store_cut.c). Between two looks a crowded room loses what exceeds the number of events
 * that are kept. What is not an event is store_age.c's. The steps are small, because requests wait meanwhile. */
#include "store/sqlite_internal.h"

#include "base/log.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

enum {
    CHECKPOINT_FRAMES = 1000, /* pages in the WAL: measured, see bench/store_commit.c */
    STEP_EVENTS = 256,
    STEP_OPS = 256,
    CROWD = 1024,         /* a room is looked at when it has that many events more */
    PAUSE_MS = 1000,      /* when there was nothing to do */
    EXPIRE_MS = 60 * 1000 /* between looks at logins and revoked tokens */
};

void tidy_init(struct store *store)
{
    store->checkpoint_frames = CHECKPOINT_FRAMES;
}

/* ---- rooms that lose their oldest events ---- */

struct range { /* of offsets in one room */
    int64_t room_id;
    uint64_t first, last;
};

static enum err drop_range(struct store *store, const struct range *range)
{
    sqlite3_stmt *keep = store->sql.statements[SQL_room_keep_head];
    sqlite3_stmt *drop = store->sql.statements[SQL_room_event_drop];
    enum err err;

    /* The next event's offset must not depend on the last one being there. */
    sql_bind_i64(keep, 1, range->room_id);
    sql_bind_u64(keep, 2, range->last);
    if ((err = sql_run(keep)) != OK)
        return err;
    sql_bind_i64(drop, 1, range->room_id);
    sql_bind_u64(drop, 2, range->first);
    sql_bind_u64(drop, 3, range->last);
    return sql_run(drop);
}

void tidy_note_crowded(struct store *store, int64_t room_id, uint64_t head)
{
    if (head % CROWD != 0 || head <= store->log_events_max ||
        store->crowded_count == sizeof(store->crowded) / sizeof(store->crowded[0]))
        return;
    store->crowded[store->crowded_count++] = (struct crowded_room){room_id, head - store->log_events_max};
}

static bool has_crowd(const struct store *store)
{
    return store->crowded_count > 0 && index_is_whole(store); /* else the oldest may not be there yet */
}

static enum err drop_crowd(struct store *store)
{
    enum err err = OK;

    for (uint32_t i = 0; i < store->crowded_count && err == OK; i++) {
        const struct crowded_room *room = &store->crowded[i];
        /* Twice as far back as the last look went: what was missed then is removed by age. */
        uint64_t reach = 2 * (uint64_t)CROWD;

        err =
            drop_range(store, &(struct range){room->room_id, room->upto > reach ? room->upto - reach : 1, room->upto});
    }
    if (err == OK)
        store->crowded_count = 0;
    return err;
}

/* ---- events that are old ---- */

struct look {
    struct range *ranges;
    uint32_t range_count, event_count;
    uint64_t last_seq;
    bool has_passing; /* events that are no record's history */
};

static int by_room(const void *a, const void *b)
{
    const struct range *one = a, *other = b;

    if (one->room_id != other->room_id)
        return one->room_id < other->room_id ? -1 : 1;
    return one->first < other->first ? -1 : one->first > other->first;
}

/* Places next to each other in a room become one range. */
static void join_ranges(struct look *look)
{
    uint32_t count = 0;

    if (look->range_count == 0)
        return;
    qsort(look->ranges, look->range_count, sizeof(*look->ranges), by_room);
    for (uint32_t i = 1; i < look->range_count; i++) {
        struct range *last = &look->ranges[count];

        if (last->room_id == look->ranges[i].room_id && look->ranges[i].first <= last->last + 1)
            last->last = look->ranges[i].last;
        else
            look->ranges[++count] = look->ranges[i];
    }
    look->range_count = count + 1;
}

static void add_ranges(struct look *look, struct span places)
{
    struct range range;

    while (places_next(&places, &range.room_id, &range.first)) {
        range.last = range.first;
        if (look->range_count % STEP_EVENTS == 0)
            look->ranges = memory_resize(look->ranges, (look->range_count + STEP_EVENTS) * sizeof(*look->ranges));
        look->ranges[look->range_count++] = range;
    }
}

static enum err look_at_events(struct store *store, int64_t oldest_ms, struct look *look)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_event_oldest];
    enum err err;

    sql_bind_u64(statement, 1, store->tidied);
    sql_bind_u64(statement, 2, store->indexed);
    sql_bind_u64(statement, 3, STEP_EVENTS);
    while ((err = sql_row(statement)) == OK) {
        if (sqlite3_column_int64(statement, 1) >= oldest_ms) {
            sqlite3_reset(statement);
            return OK;
        }
        look->event_count++;
        look->last_seq = sql_column_u64(statement, 0);
        look->has_passing = look->has_passing || sqlite3_column_int64(statement, 2) == 0;
        add_ranges(look, sql_column(statement, 3));
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err drop_events(struct store *store, const struct look *look)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_event_drop];

    if (!look->has_passing)
        return OK;
    sql_bind_u64(statement, 1, store->tidied);
    sql_bind_u64(statement, 2, look->last_seq);
    return sql_run(statement);
}

static enum err drop_look(struct store *store, struct look *look)
{
    enum err err;

    join_ranges(look);
    for (uint32_t i = 0; i < look->range_count; i++)
        if ((err = drop_range(store, &look->ranges[i])) != OK)
            return err;
    if ((err = drop_events(store, look)) != OK)
        return err;
    return meta_put_number(&store->sql, META_TIDIED, look->last_seq);
}

/* ---- keys, logins, tokens ---- */

static enum err has_old_ops(struct store *store, int64_t oldest_ms, bool *has)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_op_first];
    enum err err = sql_row(statement);

    *has = err == OK && sqlite3_column_int64(statement, 0) < oldest_ms;
    if (err == OK)
        sqlite3_reset(statement);
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err drop_ops(struct store *store, int64_t oldest_ms)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_op_drop];

    sql_bind_i64(statement, 1, oldest_ms);
    sql_bind_u64(statement, 2, STEP_OPS);
    return sql_run(statement);
}

static enum err expire(struct store *store, int64_t wall_ms)
{
    enum sql_statement names[] = {SQL_login_expire, SQL_revoked_token_expire};
    enum err err = OK;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && err == OK; i++) {
        sql_bind_i64(store->sql.statements[names[i]], 1, wall_ms);
        err = sql_run(store->sql.statements[names[i]]);
    }
    return err;
}

/* ---- a step ---- */

int64_t tidy_oldest(int64_t wall_ms, uint64_t age_ms)
{
    return wall_ms > 0 && age_ms <= (uint64_t)wall_ms ? wall_ms - (int64_t)age_ms : INT64_MIN;
}

/* What a step found that may go. */
struct findings {
    struct look look;
    bool has_ops, has_aged, expires;
    struct cut cut;
};

static enum err find_old(struct store *store, int64_t wall_ms, struct findings *found)
{
    enum err err;

    found->expires = wall_ms >= store->expire_due_ms || wall_ms < store->expire_due_ms - EXPIRE_MS;
    if ((err = look_at_events(store, tidy_oldest(wall_ms, store->log_age_ms), &found->look)) != OK ||
        (err = has_old_ops(store, tidy_oldest(wall_ms, store->op_age_ms), &found->has_ops)) != OK ||
        (err = cut_look(store, wall_ms, &found->cut)) != OK)
        return err;
    return aged_look(store, wall_ms, &found->has_aged);
}

static enum err drop_all(struct store *store, struct findings *found, int64_t wall_ms)
{
    enum err err = has_crowd(store) ? drop_crowd(store) : OK;

    if (err == OK && found->look.event_count > 0)
        err = drop_look(store, &found->look);
    if (err == OK && found->has_ops)
        err = drop_ops(store, tidy_oldest(wall_ms, store->op_age_ms));
    if (err == OK && found->has_aged)
        err = aged_drop(store, wall_ms);
    if (err == OK && found->cut.version > 0)
        err = cut_drop(store, &found->cut);
    if (err == OK && found->expires)
        err = expire(store, wall_ms);
    return err;
}

/* True when something was removed: there may be more. */
static bool remove_old(struct store *store, int64_t wall_ms)
{
    struct findings found = {0};
    bool did = false;
    enum err err;

    if ((err = find_old(store, wall_ms, &found)) != OK)
        goto done;
    if (found.look.event_count == 0 && !found.has_ops && !found.has_aged && !found.expires && found.cut.version == 0 &&
        !has_crowd(store))
        goto done;
    if ((err = store_begin(store)) == OK)
        err = store_end(store, drop_all(store, &found, wall_ms));
    did = err == OK;
    if (did && found.expires)
        store->expire_due_ms = wall_ms + EXPIRE_MS;
    if (did && found.look.event_count > 0)
        store->tidied = found.look.last_seq;
done:
    free(found.look.ranges);
    return did;
}

/* Back into the file with the WAL, when it is long. What a reader still looks at waits for the next time. */
static void checkpoint(struct store *store)
{
    int code;

    if (store->wal_frames < store->checkpoint_frames)
        return;
    code = sqlite3_wal_checkpoint_v2(store->sql.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (code != SQLITE_OK && !store->is_failing) {
        store->is_failing = true; /* the next transaction tells when it is over */
        log_error("store.checkpoint", "code=%s reason=" LOG_QUOTED, err_code(sql_err(store->sql.db, code)),
                  LOG_TEXT(span_from_str(sqlite3_errmsg(store->sql.db))));
    }
    store->wal_frames = 0; /* not asked again before the next transaction says how long it is */
}

bool store_tidy(struct store *store, int64_t wall_ms)
{
    bool is_due = wall_ms >= store->tidy_due_ms || wall_ms < store->tidy_due_ms - PAUSE_MS; /* the clock was put back */

    checkpoint(store);
    index_look(store, wall_ms);
    if (!is_due && !has_crowd(store) && store->full_count < INBOXES_NOTED_MAX / 2)
        return false;
    if (remove_old(store, wall_ms))
        return true;
    store->tidy_due_ms = wall_ms + PAUSE_MS;
    return false;
}
