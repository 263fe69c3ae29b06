/* A request's life: made, served by jobs and commands, ended once. */
#include "base/log.h"
#include "base/memory.h"
#include "peer/dialect/dialogue.h"
#include "peer/rest/route.h"

#include <assert.h>
#include <stdlib.h>

#define JOB_ARENA_BYTES 4096
#define LONG_BYTES (64 * 1024)
#define BODY_JSON_LIMITS ((struct json_limits){.bytes_max = 1u << 20, .depth_max = 32, .members_max = 4096})

struct request *request_new(struct peer_host *host, struct http_exchange *exchange)
{
    struct request *request = NEW(struct request);
    request->exchange = exchange;
    request->host = host;
    request->registry = type_registry_ref(host->registry);
    exchange->user = request;
    return request;
}

/* Jobs on their way hold a pointer: the last one to come back frees what is left. */
static void release(struct request *request)
{
    if (request->exchange)
        request->exchange->user = NULL;
    request->exchange = NULL;
    if (request->check)
        credentials_cancel(request->check);
    request->check = NULL;
    if (request->session)
        session_close(request->session, LEAVE_ASKED);
    request->session = NULL;
    if (request->jobs > 0)
        return;
    if (!request->state_is_borrowed)
        free(request->state);
    identity_unref(request->identity);
    type_registry_unref(request->registry);
    free(request);
}

void request_abandon(struct request *request)
{
    if (request->on_gone)
        request->on_gone(request);
    release(request);
}

/* ---- ending ---- */

static void log_end(const struct request *request, unsigned status)
{
    const struct http_exchange *exchange = request->exchange;
    log_debug("request.ended", "request=%s method=%s path=%s status=%u user=%s", exchange->request_id,
              LOG_TEXT(exchange->method), LOG_TEXT(exchange->path), status,
              LOG_TEXT(request->identity ? request->identity->user_id : SPAN_EMPTY));
}

void request_respond(struct request *request, unsigned status, struct span json)
{
    request_respond_text(request, status, json.len ? "application/json" : NULL, json);
}

void request_respond_text(struct request *request, unsigned status, const char *content_type, struct span body)
{
    log_end(request, status);
    http_respond(request->exchange, status, content_type, body);
    release(request);
}

void request_respond_long(struct request *request, unsigned status, struct buf *json)
{
    size_t len;
    if (json->len <= LONG_BYTES) {
        request_respond(request, status, buf_span(json));
        buf_deinit(json);
        return;
    }
    log_end(request, status);
    char *body = buf_take(json, &len);
    http_respond_static(request->exchange, status, "application/json", span_of(body, len), free, body);
    release(request);
}

void request_forget(struct request *request)
{
    release(request);
}

static bool is_temporary(enum err err)
{
    unsigned status = err_http_status(err);
    return status == 429 || status == 503;
}

static void add_error_headers(const struct request *request, enum err err)
{
    struct http_exchange *exchange = request->exchange;
    unsigned long long retry_s = request->retry_ms ? (request->retry_ms + 999) / 1000 : 1;
    if (is_temporary(err))
        http_add_header(exchange, "Retry-After", arena_printf(&exchange->arena, "%llu", retry_s));
    if (err_http_status(err) == 401)
        http_add_header(exchange, "WWW-Authenticate", SPAN("Bearer"));
}

void request_fail(struct request *request, enum err err, struct span field, struct span message)
{
    struct http_exchange *exchange = request->exchange;
    assert(err != OK);
    log_end(request, err_http_status(err));
    add_error_headers(request, err);
    http_respond_error(exchange, err, field, message);
    release(request);
}

void request_write_error(struct buf *out, const struct request *request, enum err err, struct span field,
                         struct span message)
{
    json_append_key(out, "error");
    buf_append_char(out, '{');
    json_members_error(out, err, field, message);
    json_member_string(out, "request_id", span_from_str(request->exchange->request_id));
    buf_append_char(out, '}');
}

void request_fail_with(struct request *request, enum err err, struct span field, struct span message, const char *key,
                       struct span json)
{
    struct buf body = BUF_EMPTY;
    assert(err != OK);
    add_error_headers(request, err);
    buf_append_char(&body, '{');
    request_write_error(&body, request, err, field, message);
    json_member_raw(&body, key, json);
    buf_append_char(&body, '}');
    request_respond(request, err_http_status(err), buf_span(&body));
    buf_deinit(&body);
}

/* ---- rates ---- */

bool request_charge(struct request *request, uint32_t count)
{
    struct peer_host *host = request->host;
    const struct user_charge charge = {.user_id = request->payer,
                                       .is_write = !request_is_reading(request),
                                       .is_backend = request->is_payer_backend,
                                       .count = count,
                                       .paid = request->paid};
    enum err err = admission_charge(host->admission, &charge, loop_now_ms(host->loop), &request->retry_ms);
    request->paid = err ? 0 : count;
    if (err)
        request_fail(request, err, SPAN_EMPTY, SPAN_EMPTY);
    return !err;
}

/* ---- commands ---- */

static void on_answer(struct session *session, const struct answer *answer)
{
    struct request *request = session->transport;
    request->on_answer(request, answer);
}

static const struct dialect dialect_request = {
    .name = "request",
    .answer = on_answer,
};

static void send_shared_nowhere(struct session *session, struct fanout *fanout, uint64_t conflate_key)
{
    (void)session;
    (void)fanout;
    (void)conflate_key;
}

static void send_nowhere(struct session *session, struct span message, bool counted)
{
    (void)session;
    (void)message;
    (void)counted;
}

/* What was asked for while the user might is answered; there is no more to come afterwards. */
static void close_later(struct session *session, enum err reason, uint16_t code, struct span text)
{
    (void)session;
    (void)reason;
    (void)code;
    (void)text;
}

static const struct outlet outlet_request = {
    .send_shared = send_shared_nowhere,
    .send = send_nowhere,
    .close = close_later,
};

struct session *request_session(struct request *request)
{
    if (!request->session) {
        request->session = session_open(request->host, &dialect_request, &outlet_request, request);
        /* Without session_authenticate: it is not one of the user's connections. */
        request->session->identity = identity_ref(request->identity);
    }
    return request->session;
}

struct command *request_command(struct request *request, enum command_kind kind, struct span room)
{
    struct session *session = request_session(request);
    assert(room_name_is_valid(room));
    struct command *command = command_new(kind, session->id, session->identity, room);
    command->wants_answer = true;
    return command;
}

void request_send(struct request *request, struct command *command,
                  void (*on_answered)(struct request *request, const struct answer *answer))
{
    request->on_answer = on_answered;
    session_send(request->session, command);
}

/* ---- jobs ---- */

static void run_job(struct store_job *store_job, struct store *store, struct store_reader *reader)
{
    struct request_job *job = (struct request_job *)store_job;
    job->run(job, store, reader);
}

static void on_job_done(struct store_job *store_job, void *worker)
{
    struct request_job *job = (struct request_job *)store_job;
    struct request *request = job->request;
    (void)worker;
    request->jobs--;
    if (request->exchange)
        job->done(job, request);
    else
        release(request);
    request_job_drop(job);
}

struct request_job *request_job_new(struct request *request)
{
    struct request_job *job = NEW(struct request_job);
    job->job.run = run_job;
    job->job.done = on_job_done;
    job->request = request;
    arena_init(&job->arena, JOB_ARENA_BYTES);
    return job;
}

void request_job_drop(struct request_job *job)
{
    arena_deinit(&job->arena);
    free(job);
}

void request_read(struct request_job *job)
{
    struct peer_host *host = job->request->host;
    job->request->jobs++;
    host->read_job(host->world, &job->job);
}

void request_write(struct request_job *job)
{
    struct peer_host *host = job->request->host;
    job->request->jobs++;
    host->write_job(host->world, &job->job);
}

bool request_compute(struct request_job *job)
{
    struct request *request = job->request;
    struct peer_host *host = request->host;
    request->jobs++;
    if (host->compute_job(host->world, &job->job))
        return true;
    request->jobs--;
    request_fail(request, ERR_OVERLOADED, SPAN_EMPTY, SPAN_EMPTY);
    request_job_drop(job);
    return false;
}

/* ---- bodies ---- */

/* Pages of other sites can send forms and plain text without asking, but not this. */
static bool is_json(struct span content_type)
{
    struct span name = span_trim(span_slice(content_type, 0, span_find(content_type, ';')));
    return span_equal_nocase(name, SPAN("application/json")) ||
           span_equal_nocase(name, SPAN("application/merge-patch+json"));
}

enum err request_json(struct request *request, struct json *out)
{
    const struct http_exchange *exchange = request->exchange;
    struct span coding = http_header(exchange, "Content-Encoding");
    *out = (struct json){0};
    if (!is_json(http_header(exchange, "Content-Type")))
        return ERR_UNSUPPORTED;
    if (coding.len && !span_equal_nocase(coding, SPAN("identity")))
        return ERR_UNSUPPORTED;
    enum err err = json_parse(out, exchange->body, &BODY_JSON_LIMITS);
    if (err)
        return err;
    if (yyjson_is_obj(out->root))
        return OK;
    json_deinit(out);
    return ERR_BAD_REQUEST;
}
