/* What people did: a line for an event that is also something that somebody did. */
#include "store/sqlite_internal.h"

enum err activity_write(struct store *store, uint64_t seq, const struct commit_event *event, bool is_kept,
                        int64_t wall_ms)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_activity_add];
    const struct commit_activity *activity = event->activity;

    sql_bind_u64(statement, 1, seq);
    sql_bind_i64(statement, 2, event->event->time_ms != 0 ? event->event->time_ms : wall_ms);
    sql_bind_text(statement, 3, activity->action);
    sql_bind_text(statement, 4, activity->user_id);
    sql_bind_text(statement, 5, activity->type);
    sql_bind_text(statement, 6, activity->entity_id);
    sql_bind_text(statement, 7, activity->customer_id);
    if (is_kept)
        sql_bind_null(statement, 8);
    else
        sql_bind_text(statement, 8, event->body);
    return sql_run(statement);
}
