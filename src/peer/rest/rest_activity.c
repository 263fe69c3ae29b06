/* What people did: GET /api/v1/activity, newest first, and POST for what leaves no other trace. A line is the event that told of it when
 * it happened, so whoever may not read the record or the field is not shown it here either. */
#include "peer/rest/rest_objects.h"

#include "collab/type/access.h"
#include "peer/dialect/activity_say.h"

static const struct rest_deed add = {OBJECT_ACTIVITY, OBJECT_ADD, 201, "activity", true, false};

struct looking { /* job->state */
    struct activity_query query;
    struct activity_page page;
};

/* ---- printing ---- */

static void write_row(struct buf *out, const struct request *request, const struct activity_row *row)
{
    const struct access *access = request->identity->access;
    struct event *event = NULL;
    uint64_t mask;
    /* What the configuration has no type for any more cannot be shown to anybody. */
    if (event_read(row->body, SPAN_EMPTY, (struct position){0}, request->registry, &event) == OK &&
        event_is_readable(access, event, &mask)) {
        if (out->data[out->len - 1] != '[')
            buf_append_char(out, ',');
        activity_say(out, event, event->type ? access_readable(access, event->type) : mask, OBJECT_SNAKE);
    }
    event_unref(event);
}

/* ---- the feed ---- */

static void run_looking(struct request_job *job, struct store *store, struct store_reader *reader)
{
    struct looking *looking = job->state;
    (void)store;
    if ((job->err = store_user_resolve(reader, &job->arena, &looking->query.user_id)))
        return;
    job->err = store_activity(reader, &job->arena, &looking->query, &looking->page);
}

static void on_looked(struct request_job *job, struct request *request)
{
    const struct looking *looking = job->state;
    struct buf json = BUF_EMPTY;
    if (job->err) {
        rest_fail_page(request, job->err);
        return;
    }
    BUF_APPEND_LITERAL(&json, "{\"activity\":[");
    for (uint32_t i = 0; i < looking->page.count; i++)
        write_row(&json, request, &looking->page.rows[i]);
    buf_append_char(&json, ']');
    rest_write_cursor(&json, looking->page.next);
    buf_append_char(&json, '}');
    request_respond_long(request, 200, &json);
}

/* feed=user|customer|global: whose `entity_id` names is then the user or the customer. */
static enum err read_feed(struct http_exchange *exchange, struct activity_query *query, struct span *field)
{
    struct span feed;
    if (!http_query(exchange, "feed", &feed))
        return OK;
    struct span *whose = span_equal(feed, SPAN("user"))       ? &query->user_id
                         : span_equal(feed, SPAN("customer")) ? &query->customer_id
                                                              : NULL;
    *field = SPAN("feed");
    if (!whose)
        return span_equal(feed, SPAN("global")) ? OK : ERR_BAD_FIELD;
    *field = SPAN("entity_id");
    if (query->entity_id.len == 0)
        return ERR_MISSING_FIELD;
    *whose = query->entity_id;
    query->entity_id = SPAN_EMPTY;
    return OK;
}

static enum err read_words(struct http_exchange *exchange, struct arena *arena, struct activity_query *query,
                           struct span *field)
{
    const struct {
        const char *name;
        struct span *out;
    } words[] = {{"user", &query->user_id},
                 {"entity_id", &query->entity_id},
                 {"customer", &query->customer_id},
                 {"action", &query->action}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        *field = span_from_str(words[i].name);
        if (!rest_query_text(exchange, arena, words[i].name, words[i].out))
            return ERR_BAD_FIELD;
    }
    return OK;
}

static enum err read_query(struct request *request, struct arena *arena, struct activity_query *query,
                           struct span *field)
{
    struct http_exchange *exchange = request->exchange;
    enum err err;
    if ((err = read_words(exchange, arena, query, field)) || (err = read_feed(exchange, query, field)))
        return err;
    *field = SPAN("since");
    if (!rest_query_time(exchange, "since", &query->since_ms))
        return ERR_BAD_FIELD;
    *field = SPAN("until");
    if (!rest_query_time(exchange, "until", &query->until_ms))
        return ERR_BAD_FIELD;
    *field = SPAN("type");
    if (query->entity_id.len && query->type.len == 0)
        return ERR_MISSING_FIELD;
    return rest_page(request, arena, &query->cursor, &query->limit, field);
}

static void handle_list(struct request *request)
{
    const struct type *type;
    struct span field = SPAN_EMPTY;
    if (!rest_query_type(request, &type))
        return;
    struct request_job *job = request_job_new(request);
    struct looking *looking = arena_alloc(&job->arena, sizeof *looking);
    looking->query.type = type ? type->name : SPAN_EMPTY;
    job->state = looking;
    job->run = run_looking;
    job->done = on_looked;
    enum err err = read_query(request, &job->arena, &looking->query, &field);
    if (err) {
        request_fail(request, err, field, SPAN_EMPTY);
        request_job_drop(job);
        return;
    }
    request_read(job);
}

static void handle_add(struct request *request)
{
    rest_object_do_about(request, &add);
}

const struct route routes_activity[] = {
    {"GET", "/api/v1/activity", NEED_ACTOR, handle_list, false},
    {"POST", "/api/v1/activity", NEED_ACTOR, handle_add, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
