/* Answering with a record, and with what became of a command on one. */
#include "peer/rest/rest.h"

#include "collab/type/access.h"
#include "peer/dialect/record_say.h"
#include "peer/rest/rest_objects.h"

#include <assert.h>

static void add_etag(struct request *request, uint64_t version)
{
    struct http_exchange *exchange = request->exchange;
    http_add_header(exchange, "ETag", arena_printf(&exchange->arena, "\"%llu\"", (unsigned long long)version));
}

/* An id in a path: everything but the unreserved characters of RFC 3986 in percent. */
static void append_segment(struct buf *out, struct span text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        bool is_plain = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
                        byte == '-' || byte == '_' || byte == '.' || byte == '~';
        if (is_plain) {
            buf_append_char(out, (char)byte);
            continue;
        }
        buf_append_char(out, '%');
        buf_append_char(out, hex[byte >> 4]);
        buf_append_char(out, hex[byte & 15]);
    }
}

static void add_location(struct request *request, const struct type *type, struct span id)
{
    struct buf place = BUF_EMPTY;
    BUF_APPEND_LITERAL(&place, "/api/v1/records/");
    buf_append_span(&place, type->name);
    buf_append_char(&place, '/');
    append_segment(&place, id);
    http_add_header(request->exchange, "Location", buf_span(&place));
    buf_deinit(&place);
}

void rest_respond_record(struct request *request, unsigned status, const struct type *type, const struct list_row *row)
{
    struct buf json = BUF_EMPTY;
    add_etag(request, row->version);
    http_add_header(request->exchange, "Cache-Control", SPAN("private, no-cache"));
    if (status == 201)
        add_location(request, type, row->id);
    if (status != 304)
        record_say(&json, type, row, access_readable(request->identity->access, type), OBJECT_SNAKE);
    request_respond(request, status, buf_span(&json));
    buf_deinit(&json);
}

/* ---- what became of a change ---- */

void rest_add_verdict(struct request *request, const struct answer *answer)
{
    struct http_exchange *exchange = request->exchange;
    http_add_header(exchange, "X-Verdict", span_from_str(verdict_name(answer->verdict)));
    http_add_header(exchange, "X-Strategy", span_from_str(strategy_name(answer->strategy)));
    if (answer->skipped_count)
        http_add_header(exchange, "X-Skipped", arena_printf(&exchange->arena, "%u", answer->skipped_count));
}

void rest_answer_conflict(struct request *request, const struct answer *answer)
{
    struct buf json = BUF_EMPTY;
    rest_add_verdict(request, answer);
    buf_append_char(&json, '{');
    json_member_string(&json, "verdict", span_from_str(verdict_name(answer->verdict)));
    json_member_string(&json, "strategy", span_from_str(strategy_name(answer->strategy)));
    json_append_key(&json, "conflict");
    rest_object_write(&json, request, OBJECT_CONFLICT, answer->room, answer->object);
    buf_append_char(&json, '}');
    request_respond_long(request, 202, &json);
}

/* The lock that is in the way, the conflict as it is by now: beside the error. */
static void fail_with_object(struct request *request, const struct answer *answer)
{
    struct span kind = arena_copy(&request->exchange->arena, object_kind_name(answer->object_kind));
    struct buf json = BUF_EMPTY;
    rest_object_write(&json, request, answer->object_kind, answer->room, answer->object);
    request_fail_with(request, answer->err, answer->field, answer->message, kind.data, buf_span(&json));
    buf_deinit(&json);
}

void rest_fail_answer(struct request *request, const struct answer *answer)
{
    if (answer->current_version)
        add_etag(request, answer->current_version);
    if (rest_answer_has_object(request, answer))
        fail_with_object(request, answer);
    else
        request_fail(request, answer->err, answer->field, answer->message);
}

/* ---- after a command ---- */

struct reread {
    const struct type *type;
    struct span id;
    uint64_t version;
    unsigned status;
    struct list_row row;
};

static void run_reread(struct request_job *job, struct store *store, struct store_reader *reader)
{
    struct reread *reread = job->state;
    (void)store;
    job->err = store_record_at(reader, &job->arena, reread->type, reread->id, reread->version, &reread->row);
}

static void on_reread(struct request_job *job, struct request *request)
{
    const struct reread *reread = job->state;
    if (job->err == ERR_NOT_FOUND) /* what was made is that it is not there: the undo of its making */
        request_respond(request, 204, SPAN_EMPTY);
    else if (job->err)
        request_fail(request, job->err, SPAN_EMPTY, SPAN_EMPTY);
    else
        rest_respond_record(request, reread->status, reread->type, &reread->row);
}

/* A repeated request is answered with the version that the first one made; that one, and a change that did nothing, are not
 * in the answer. */
static void reread(struct request *request, const struct type *type, const struct answer *answer, unsigned status)
{
    struct request_job *job = request_job_new(request);
    struct reread *state = arena_alloc(&job->arena, sizeof *state);
    state->type = type;
    state->id = arena_copy(&job->arena, answer->entity_id);
    state->version = answer->version;
    state->status = status;
    job->state = state;
    job->run = run_reread;
    job->done = on_reread;
    request_read(job);
}

void rest_answer_record(struct request *request, const struct answer *answer, unsigned status)
{
    if (answer->err) {
        rest_fail_answer(request, answer);
        return;
    }
    if (answer->verdict == VERDICT_CONFLICT) {
        rest_answer_conflict(request, answer);
        return;
    }
    rest_add_verdict(request, answer);
    const struct type *type = type_find(request->registry, request->segments[0]);
    const struct change *change = answer->change;
    assert(type);
    if (type->write_mode == WRITE_BROADCAST) { /* announced, and kept by nobody */
        struct list_row announced = {answer->entity_id, SPAN("{}"), 0,
                                     change ? change->time_ms : request->host->wall_ms};
        rest_respond_record(request, status, type, &announced);
        return;
    }
    if (!answer->has_record || !change || change->version != answer->version) {
        reread(request, type, answer, status);
        return;
    }
    struct list_row row = {answer->entity_id, answer->record, answer->version, change->time_ms};
    rest_respond_record(request, status, type, &row);
}
