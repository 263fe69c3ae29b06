/* GET /api/v1/records/{type}/{id}/history: a record's changes, newest first, also those of one that was deleted; and /diff: what
 * differs between two of its versions. */
#include "peer/rest/rest.h"

#include "collab/type/access.h"
#include "collab/change/undo.h"

#define LIMIT_DEFAULT 50

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
        rest_write_change(&json, looking->type, page->changes[i], mask);
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
    uint64_t before = INT64_MAX, limit = LIMIT_DEFAULT;
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
    uint64_t from, to;
    struct change change; /* from the one to the other */
};

/* A record that is not there yet (version 0), or no more, has no fields. */
static enum err read_state(struct request_job *job, struct store_reader *reader, uint64_t version, struct span *state)
{
    const struct comparing *comparing = job->state;
    struct list_row row = {0};
    enum err err = version ? store_record_at(reader, &job->arena, comparing->type, comparing->id, version, &row) : OK;
    *state = row.state.len && err == OK ? row.state : SPAN("{}");
    return err == ERR_NOT_FOUND ? OK : err;
}

static void run_comparing(struct request_job *job, struct store *store, struct store_reader *reader)
{
    struct comparing *comparing = job->state;
    struct change *change = &comparing->change;
    struct span from, to;
    struct buf after = BUF_EMPTY;
    (void)store;
    if ((job->err = read_state(job, reader, comparing->from, &from)) ||
        (job->err = read_state(job, reader, comparing->to, &to)))
        return;
    change->kind = CHANGE_UPDATE;
    job->err = change_between(&job->arena, comparing->type, from, to, &change->ops, &change->op_count);
    if (job->err == OK) /* for the values before and after */
        job->err = change_apply(&job->arena, NULL, from, SIZE_MAX, change, &after);
    buf_deinit(&after);
}

static void write_op(struct buf *out, const struct op *op)
{
    static const char *const words[] = {
        [OP_SET] = "update", [OP_DEL] = "delete", [OP_INS] = "insert", [OP_MOV] = "move",
        [OP_INC] = "update", [OP_TXT] = "update", [OP_TEST] = "test",
    };
    struct buf path = BUF_EMPTY;
    path_append(&path, &op->path);
    buf_append_char(out, '{');
    json_member_string(out, "operation", span_from_str(words[op->kind]));
    json_member_string(out, "path", buf_span(&path));
    json_member_raw(out, "before", op->before);
    json_member_raw(out, "after", op->after);
    buf_append_char(out, '}');
    buf_deinit(&path);
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
    json_member_u64(&json, "from", comparing->from);
    json_member_u64(&json, "to", comparing->to);
    json_append_key(&json, "ops");
    buf_append_char(&json, '[');
    for (uint32_t i = 0; i < comparing->change.op_count; i++) {
        const struct op *op = &comparing->change.ops[i];
        if (!op_is_readable(comparing->type, op, mask))
            continue;
        if (json.data[json.len - 1] != '[')
            buf_append_char(&json, ',');
        write_op(&json, op);
    }
    BUF_APPEND_LITERAL(&json, "]}");
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
    comparing->from = from;
    comparing->to = to;
    job->state = comparing;
    job->run = run_comparing;
    job->done = on_compared;
    request_read(job);
}

const struct route routes_history[] = {
    {"GET", "/api/v1/records/{type}/{id}/history", NEED_USER, handle_history, false},
    {"GET", "/api/v1/records/{type}/{id}/diff", NEED_USER, handle_diff, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
