/* What goes because of its age, or because there is too much of it, and is not an event: a step of each kind at a
 * time.
 *
 * How full an inbox is nobody counts: it is looked at when so many notifications came for those who share its slot, and
 * what is beyond the newest ones goes. A look costs as much as the inbox is long. */
#include "store/sqlite_internal.h"

#include <stdlib.h>

enum { STEP_ROWS = 256, LOOKS_PER_STEP = 8 };

/* ---- inboxes ---- */

void inboxes_note(struct store *store, struct span owner)
{
    uint8_t *fresh = &store->fresh[hash_stable(owner) % INBOX_SLOTS];

    if (++*fresh < INBOX_LOOK_EVERY)
        return;
    *fresh = INBOX_LOOK_EVERY - 1; /* the next one asks again, should there be no place now */
    for (uint32_t i = 0; i < store->full_count; i++)
        if (span_equal(store->full[i], owner))
            return;
    if (store->full_count == INBOXES_NOTED_MAX)
        return;
    store->full[store->full_count++] = span_of(span_to_str(owner), owner.len);
    *fresh = 0;
}

static void forget_last(struct store *store)
{
    free((char *)store->full[--store->full_count].data);
}

void inboxes_forget(struct store *store)
{
    while (store->full_count > 0)
        forget_last(store);
}

static enum err drop_beyond(struct store *store, struct span owner, int *dropped)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_object_drop_beyond];
    enum err err;

    sql_bind_text(statement, 1, object_kind_name(OBJECT_NOTIFICATION));
    sql_bind_text(statement, 2, owner);
    sql_bind_i64(statement, 3, INBOX_MAX);
    sql_bind_i64(statement, 4, STEP_ROWS);
    err = sql_run(statement);
    *dropped = sqlite3_changes(store->sql.db);
    return err;
}

/* One with more to lose stays noted. When the transaction fails, the notifications to come note it again. */
static enum err empty_inboxes(struct store *store)
{
    int dropped = 0;
    enum err err;

    for (int i = 0; i < LOOKS_PER_STEP && store->full_count > 0 && dropped < STEP_ROWS; i++) {
        if ((err = drop_beyond(store, store->full[store->full_count - 1], &dropped)) != OK)
            return err;
        if (dropped < STEP_ROWS)
            forget_last(store);
    }
    return OK;
}

/* ---- ages ---- */

struct rule {
    enum object_kind kind;
    struct span state;
    uint64_t age_ms;
};

enum { RULE_COUNT = 3 };

/* From when they were put last: what was settled yesterday is not old. */
static struct rule rule_of(const struct store *store, int index)
{
    const struct rule rules[RULE_COUNT] = {
        {OBJECT_MESSAGE, SPAN_EMPTY, store->message_age_ms},
        {OBJECT_CONFLICT, SPAN("resolved"), 90 * DAY_MS},
        {OBJECT_NOTIFICATION, SPAN("read"), 90 * DAY_MS},
    };

    return rules[index];
}

static enum err first_is_old(sqlite3_stmt *statement, int64_t oldest_ms, bool *is_old)
{
    enum err err = sql_row(statement);

    *is_old = err == OK && sqlite3_column_int64(statement, 0) < oldest_ms;
    if (err == OK)
        sqlite3_reset(statement);
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err aged_look(struct store *store, int64_t wall_ms, bool *has)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_object_first];
    enum err err =
        first_is_old(store->sql.statements[SQL_activity_first], tidy_oldest(wall_ms, store->activity_age_ms), has);

    *has = *has || store->full_count > 0;
    for (int i = 0; i < RULE_COUNT && err == OK && !*has; i++) {
        struct rule rule = rule_of(store, i);

        sql_bind_text(statement, 1, object_kind_name(rule.kind));
        sql_bind_text(statement, 2, rule.state);
        err = first_is_old(statement, tidy_oldest(wall_ms, rule.age_ms), has);
    }
    return err;
}

static enum err drop_activities(struct store *store, int64_t wall_ms)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_activity_drop];

    sql_bind_i64(statement, 1, tidy_oldest(wall_ms, store->activity_age_ms));
    sql_bind_i64(statement, 2, STEP_ROWS);
    return sql_run(statement);
}

static enum err drop_objects(struct store *store, const struct rule *rule, int64_t wall_ms)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_object_drop];

    sql_bind_text(statement, 1, object_kind_name(rule->kind));
    sql_bind_text(statement, 2, rule->state);
    sql_bind_i64(statement, 3, tidy_oldest(wall_ms, rule->age_ms));
    sql_bind_i64(statement, 4, STEP_ROWS);
    return sql_run(statement);
}

enum err aged_drop(struct store *store, int64_t wall_ms)
{
    enum err err = drop_activities(store, wall_ms);

    for (int i = 0; i < RULE_COUNT && err == OK; i++) {
        struct rule rule = rule_of(store, i);

        err = drop_objects(store, &rule, wall_ms);
    }
    return err == OK ? empty_inboxes(store) : err;
}
