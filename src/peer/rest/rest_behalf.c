/* X-On-Behalf-Of: an application's own server asks as one of its users: what he may not see or do it may not either, what is made is his, and the
 * metadata of a change say who sent it ("sent_by"). It counts on every route that acts for a user (NEED_ACTOR); on all others it is an error, so that
 * nobody takes his own doing for somebody else's. */
#include "peer/rest/rest.h"

#include "base/log.h"

#define BEHALF_HEADER "X-On-Behalf-Of"

struct behalf { /* job->state */
    struct span username;
    void (*then)(struct request *request);
    struct account account;
};

static void run_behalf(struct request_job *job, struct store *store, struct store_reader *reader)
{
    struct behalf *behalf = job->state;
    (void)reader;
    job->err = store_account_find(store, &job->arena, behalf->username, &behalf->account);
    if (job->err == ERR_NOT_FOUND || (job->err == OK && behalf->account.is_disabled))
        job->err = ERR_UNKNOWN_USER;
}

static void on_behalf(struct request_job *job, struct request *request)
{
    const struct behalf *behalf = job->state;
    if (job->err) {
        request_fail(request, job->err, job->err == ERR_UNKNOWN_USER ? SPAN("on_behalf_of") : SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    struct identity *backend = request->identity;
    log_debug("request.on_behalf", "request=%s user=%s by=%s", request->exchange->request_id,
              LOG_TEXT(behalf->account.username), LOG_TEXT(backend->username));
    request->sponsor = arena_copy(&request->exchange->arena, backend->username);
    request->identity = identity_of_account(request->host, &behalf->account);
    identity_unref(backend);
    behalf->then(request);
}

bool request_has_behalf(const struct request *request)
{
    return http_header(request->exchange, BEHALF_HEADER).len > 0;
}

void request_refuse_behalf(struct request *request)
{
    request_fail(request, ERR_BAD_REQUEST, SPAN("on_behalf_of"), SPAN("X-On-Behalf-Of means nothing here."));
}

void request_on_behalf(struct request *request, void (*then)(struct request *request))
{
    struct span username = http_header(request->exchange, BEHALF_HEADER);
    if (username.len == 0) {
        then(request);
        return;
    }
    if (!rest_is_backend(request))
        return;
    struct request_job *job = request_job_new(request);
    struct behalf *behalf = arena_alloc(&job->arena, sizeof *behalf);
    behalf->username = arena_copy(&job->arena, username);
    behalf->then = then;
    job->state = behalf;
    job->run = run_behalf;
    job->done = on_behalf;
    request_write(job);
}

/* What there is besides; false when it speaks of a sender itself. */
static bool append_others(struct buf *out, struct span metadata)
{
    struct json json;
    if (metadata.len == 0)
        return true;
    bool is_free = json_parse(&json, metadata, &json_limits_default) == OK && !json_get(json.root, "sent_by");
    if (is_free && yyjson_obj_size(json.root) > 0) {
        buf_append_char(out, ',');
        buf_append(out, metadata.data + 1, metadata.len - 2); /* a compact object: without its braces */
    }
    json_deinit(&json);
    return is_free;
}

enum err rest_sign_change(const struct request *request, struct arena *arena, struct change *change)
{
    struct buf metadata = BUF_EMPTY;
    if (request->sponsor.len == 0)
        return OK;
    buf_append_char(&metadata, '{');
    json_member_string(&metadata, "sent_by", request->sponsor);
    bool is_signed = append_others(&metadata, change->metadata);
    buf_append_char(&metadata, '}');
    if (is_signed)
        change->metadata = arena_copy(arena, buf_span(&metadata));
    buf_deinit(&metadata);
    return is_signed ? OK : ERR_BAD_FIELD;
}
