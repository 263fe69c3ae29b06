/* GET /api/v1/records/{type}: pages of a type's records, filtered, searched and sorted by fields that the user may read; one
 * that he may not read is one that is not there. */
#include "peer/rest/rest_list.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "collab/type/access.h"
#include "peer/dialect/record_say.h"

struct listing {
    struct arena *arena; /* the job's */
    const struct peer_limits *limits;
    uint64_t mask;
    struct list_query query;
    struct list_page page;
};

/* ---- reading the question ---- */

static const struct field *readable_field(const struct listing *listing, struct span name)
{
    const struct field *field = type_field(listing->query.type, name);
    return field && (listing->mask >> field->index & 1) ? field : NULL;
}

static bool is_sortable(const struct field *field)
{
    return field->kind != FIELD_JSON && field->kind != FIELD_OBJECT && field->kind != FIELD_COLLECTION;
}

/* A field of the type, or its id (NULL), which may have no field of that name beside it. */
static enum err find_field(const struct listing *listing, struct span name, const struct field **out)
{
    *out = readable_field(listing, name);
    if (*out)
        return is_sortable(*out) ? OK : ERR_BAD_FIELD;
    return span_equal(name, SPAN("id")) ? OK : ERR_UNKNOWN_FIELD;
}

static enum err read_sort(struct listing *listing, struct span value)
{
    listing->query.is_descending = span_starts_with(value, SPAN("-"));
    return find_field(listing, span_slice(value, listing->query.is_descending, value.len), &listing->query.sort);
}

static enum err read_limit(struct listing *listing, struct span value)
{
    uint64_t limit;
    if (!span_parse_u64(value, &limit) || limit < 1 || limit > listing->limits->list_rows_max)
        return ERR_BAD_FIELD;
    listing->query.limit = (uint32_t)limit;
    return OK;
}

static enum err read_search(struct listing *listing, struct span value)
{
    if (value.len > LIMIT_QUERY_TEXT_BYTES)
        return ERR_BAD_FIELD;
    listing->query.search = arena_copy(listing->arena, value);
    return OK;
}

static enum err read_cursor(struct listing *listing, struct span value)
{
    if (value.len > LIMIT_PAGE_CURSOR_BYTES)
        return ERR_BAD_FIELD;
    listing->query.cursor = arena_copy(listing->arena, value);
    return OK;
}

static bool suits(const struct field *field, struct span value)
{
    struct json json = {0};
    bool is_number;
    if (!field || (field->kind != FIELD_NUMBER && field->kind != FIELD_INTEGER && field->kind != FIELD_BOOLEAN))
        return value.len <= LIMIT_FILTER_BYTES;
    if (field->kind == FIELD_BOOLEAN)
        return span_equal(value, SPAN("true")) || span_equal(value, SPAN("false"));
    is_number = json_parse(&json, value, &json_limits_default) == OK && yyjson_is_num(json.root);
    json_deinit(&json);
    return is_number;
}

/* "qty__gt" is a field and a comparison, unless it is a field. */
static struct span cut_comparison(const struct listing *listing, struct span name, enum comparison *comparison)
{
    static const struct {
        struct span suffix;
        enum comparison comparison;
    } rows[] = {{SPAN_INIT("__gte"), COMPARE_AT_LEAST},
                {SPAN_INIT("__gt"), COMPARE_ABOVE},
                {SPAN_INIT("__lte"), COMPARE_AT_MOST},
                {SPAN_INIT("__lt"), COMPARE_BELOW}};
    *comparison = COMPARE_EQUAL;
    if (readable_field(listing, name))
        return name;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (span_ends_with(name, rows[i].suffix)) {
            *comparison = rows[i].comparison;
            return span_slice(name, 0, name.len - rows[i].suffix.len);
        }
    }
    return name;
}

static enum err read_filter(struct listing *listing, struct span name, struct span value)
{
    struct list_query *query = &listing->query;
    struct list_filter filter;
    struct span field_name = cut_comparison(listing, name, &filter.comparison);
    enum err err = find_field(listing, field_name, &filter.field);
    if (err)
        return err;
    if (!suits(filter.field, value))
        return ERR_BAD_FIELD;
    if (query->filter_count == sizeof query->filters / sizeof *query->filters)
        return ERR_BAD_REQUEST;
    filter.value = arena_copy(listing->arena, value);
    query->filters[query->filter_count++] = filter;
    return OK;
}

static enum err read_parameter(struct listing *listing, struct span name, struct span value)
{
    static const struct {
        struct span name;
        enum err (*read)(struct listing *listing, struct span value);
    } rows[] = {{SPAN_INIT("limit"), read_limit},
                {SPAN_INIT("cursor"), read_cursor},
                {SPAN_INIT("q"), read_search},
                {SPAN_INIT("sort"), read_sort}};
    if (!utf8_is_valid(name) || !utf8_is_valid(value))
        return ERR_BAD_UTF8;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (span_equal(rows[i].name, name))
            return rows[i].read(listing, value);
    return read_filter(listing, name, value);
}

static enum err read_query(struct listing *listing, struct http_exchange *exchange, struct span *field)
{
    size_t position = 0;
    struct span name, value;
    while (http_query_next(exchange, &position, &name, &value)) {
        enum err err = read_parameter(listing, name, value);
        if (err) {
            *field = err == ERR_BAD_UTF8 ? SPAN_EMPTY : name;
            return err;
        }
    }
    return OK;
}

/* ---- asking and answering ---- */

static void run_list(struct request_job *job, struct store *store, struct store_reader *reader)
{
    struct listing *listing = job->state;
    (void)store;
    job->err = store_list(reader, &job->arena, &listing->query, &listing->page);
}

static void write_page(struct buf *out, const struct listing *listing)
{
    const struct list_page *page = &listing->page;
    BUF_APPEND_LITERAL(out, "{\"records\":[");
    for (uint32_t i = 0; i < page->count; i++) {
        if (i)
            buf_append_char(out, ',');
        record_say(out, listing->query.type, &page->rows[i], listing->mask, OBJECT_SNAKE);
    }
    buf_append_char(out, ']');
    rest_write_cursor(out, page->next);
    json_member_u64(out, "total", page->total);
    buf_append_char(out, '}');
}

static void on_listed(struct request_job *job, struct request *request)
{
    const struct listing *listing = job->state;
    struct buf json = BUF_EMPTY;
    if (job->err) {
        rest_fail_page(request, job->err);
        return;
    }
    write_page(&json, listing);
    request_respond_long(request, 200, &json);
}

void rest_list_handle(struct request *request)
{
    const struct type *type = rest_type(request);
    struct span field = SPAN_EMPTY;
    if (!type)
        return;
    struct request_job *job = request_job_new(request);
    struct listing *listing = arena_alloc(&job->arena, sizeof *listing);
    listing->arena = &job->arena;
    listing->limits = request->host->limits;
    listing->mask = access_readable(request->identity->access, type);
    listing->query.type = type;
    listing->query.searchable = listing->mask;
    listing->query.limit =
        LIMIT_PAGE_ROWS < listing->limits->list_rows_max ? LIMIT_PAGE_ROWS : listing->limits->list_rows_max;
    job->state = listing;
    job->run = run_list;
    job->done = on_listed;
    enum err err = read_query(listing, request->exchange, &field);
    if (err) {
        request_job_drop(job);
        request_fail(request, err, field, SPAN_EMPTY);
        return;
    }
    request_read(job);
}
