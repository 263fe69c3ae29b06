/* A batch of requests, in order: its commits are one transaction, and what is asked between them is answered as of
 * that moment. */
#include "store/sqlite_internal.h"

#include "base/metric.h"

static enum err execute_all(struct store *store, struct store_request **requests, size_t count, int64_t wall_ms)
{
    enum err err;

    for (size_t i = 0; i < count; i++) {
        if (requests[i]->kind == STORE_COMMIT) {
            if ((err = commit_write(store, requests[i], wall_ms)) != OK)
                return err;
        } else {
            requests[i]->err = request_answer(store, requests[i]);
            if (requests[i]->err != OK && sqlite3_get_autocommit(store->sql.db))
                return requests[i]->err; /* reading failed so badly that the transaction is gone */
        }
    }
    return OK;
}

static void answer_all(struct store *store, struct store_request **requests, size_t count)
{
    for (size_t i = 0; i < count; i++)
        requests[i]->err = request_answer(store, requests[i]);
}

/* Nothing was written. What was asked is asked again: the first answers may have told of what is undone. */
static void fail_all(struct store *store, struct store_request **requests, size_t count, enum err err)
{
    for (size_t i = 0; i < count; i++) {
        struct store_request *request = requests[i];

        if (request->kind == STORE_COMMIT) {
            request->err = err;
            request->is_repeat = false;
        } else {
            request_drop_events(request, request->event_count); /* complete, or none */
            request->err = request_answer(store, request);
        }
    }
}

static void count_commits(struct store_request **requests, size_t count)
{
    int64_t changes = 0;

    for (size_t i = 0; i < count; i++)
        changes += requests[i]->kind == STORE_COMMIT && requests[i]->err == OK && !requests[i]->is_repeat &&
                   requests[i]->commit.has_change;
    metric_add(METRIC_store_commits, 1);
    metric_add(METRIC_changes_committed, changes);
}

void store_execute(struct store *store, struct store_request **requests, size_t count, int64_t wall_ms)
{
    bool writes = false;
    enum err err = OK;

    for (size_t i = 0; i < count; i++)
        writes = writes || requests[i]->kind == STORE_COMMIT;
    if (!writes) {
        answer_all(store, requests, count);
        return;
    }
    if ((err = store_begin(store)) == OK)
        err = store_end(store, execute_all(store, requests, count, wall_ms));
    if (err != OK)
        fail_all(store, requests, count, err);
    else
        count_commits(requests, count);
}
