/* GET /api/v1/records/{type}/{id}/history: a record's changes, newest first, also those of one that was deleted; and /diff: what
 * differs between two of its versions. */
#include "peer/rest/rest.h"

#include "base/limits.h"
#include "collab/type/access.h"
#include "peer/dialect/record_say.h"

struct looking_back {
    const struct type *type;
    struct span id;
    uint64_t before, limit;
    struct history_page page;
};

static void run_history(struct request_job *job, struct store *store, struct store_reader *reader)
{
    struct looking_back *looking = job->state;
    (void)store;
    job->err = store_history(reader, &job->arena, looking->type, looking->id, looking->before, (uint32_t)looking->limit,
                             &looking->page);
}

static void on_history(struct request_job *job, struct request *request)
{
    const struct looking_back *looking = job->state;
    const struct history_page *page = &looking->page;
    struct buf json = BUF_EMPTY;
    if (job->err) {
        request_fail(request, job->err, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    uint64_t mask = access_readable(request->identity->access, looking->type);
    BUF_APPEND_LITERAL(&json, "{\"changes\":[");
    for (uint32_t i = 0; i < page->count; i++) {
        if (i)
            buf_append_char(&json, ',');
        change_say(&json, looking->type, page->changes[i], mask, OBJECT_SNAKE);
    }
    buf_append_char(&json, ']');
    if (page->next_before)
        json_member_u64(&json, "next_before", page->next_before);
    else
        json_member_raw(&json, "next_before", SPAN("null"));
    buf_append_char(&json, '}');
    request_respond_long(request, 200, &json);
}

static void handle_history(struct request *request)
{
    const struct type *type = rest_type(request);
    uint64_t before = INT64_MAX, limit = LIMIT_PAGE_ROWS;
    struct span id;
    if (!type || !rest_id(request, &id))
        return;
    uint64_t limit_max = request->host->limits->list_rows_max;
    if (!rest_query_u64(request->exchange, "limit", limit_max, &limit) || limit == 0) {
        request_fail(request, ERR_BAD_FIELD, SPAN("limit"), SPAN_EMPTY);
        return;
    }
    if (!rest_query_u64(request->exchange, "before", INT64_MAX, &before)) {
        request_fail(request, ERR_BAD_FIELD, SPAN("before"), SPAN_EMPTY);
        return;
    }
    struct request_job *job = request_job_new(request);
    struct looking_back *looking = arena_alloc(&job->arena, sizeof *looking);
    looking->type = type;
    looking->id = arena_copy(&job->arena, id);
    looking->before = before;
    looking->limit = limit;
    job->state = looking;
    job->run = run_history;
    job->done = on_history;
    request_read(job);
}

/* ---- what differs ---- */

struct comparing { /* job->state */
    const struct type *type;
    struct span id;
    struct record_difference difference;
};

static void run_comparing(struct request_job *job, struct store *store, struct store_reader *reader)
{
    struct comparing *comparing = job->state;
    (void)store;
    job->err = record_past_compare(reader, &job->arena, comparing->type, comparing->id, &comparing->difference);
}

static void on_compared(struct request_job *job, struct request *request)
{
    const struct comparing *comparing = job->state;
    struct buf json = BUF_EMPTY;
    if (job->err) {
        request_fail(request, job->err, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    uint64_t mask = access_readable(request->identity->access, comparing->type);
    buf_append_char(&json, '{');
    difference_say(&json, comparing->type, &comparing->difference, mask);
    buf_append_char(&json, '}');
    request_respond_long(request, 200, &json);
}

static bool read_version(struct request *request, const char *name, uint64_t *version)
{
    struct span value;
    bool is_there = http_query(request->exchange, name, &value);
    if (is_there && rest_query_u64(request->exchange, name, INT64_MAX, version))
        return true;
    request_fail(request, is_there ? ERR_BAD_FIELD : ERR_MISSING_FIELD, span_from_str(name), SPAN_EMPTY);
    return false;
}

static void handle_diff(struct request *request)
{
    const struct type *type = rest_type(request);
    uint64_t from, to;
    struct span id;
    if (!type || !rest_id(request, &id) || !read_version(request, "from", &from) || !read_version(request, "to", &to))
        return;
    struct request_job *job = request_job_new(request);
    struct comparing *comparing = arena_alloc(&job->arena, sizeof *comparing);
    comparing->type = type;
    comparing->id = arena_copy(&job->arena, id);
    comparing->difference.from = from;
    comparing->difference.to = to;
    job->state = comparing;
    job->run = run_comparing;
    job->done = on_compared;
    request_read(job);
}

const struct route routes_history[] = {
    {"GET", "/api/v1/records/{type}/{id}/history", NEED_ACTOR, handle_history, false},
    {"GET", "/api/v1/records/{type}/{id}/diff", NEED_ACTOR, handle_diff, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
