/* Writing an answer: the head into the worker's scratch buffer, short bodies behind it, long ones as frames of their own. */
#include "net/http_internal.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/metric.h"
#include "wire/json.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *http_reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } rows[] = {{101, "Switching Protocols"},
                {200, "OK"},
                {201, "Created"},
                {202, "Accepted"},
                {204, "No Content"},
                {206, "Partial Content"},
                {301, "Moved Permanently"},
                {302, "Found"},
                {303, "See Other"},
                {304, "Not Modified"},
                {307, "Temporary Redirect"},
                {308, "Permanent Redirect"},
                {400, "Bad Request"},
                {401, "Unauthorized"},
                {403, "Forbidden"},
                {404, "Not Found"},
                {405, "Method Not Allowed"},
                {406, "Not Acceptable"},
                {408, "Request Timeout"},
                {409, "Conflict"},
                {410, "Gone"},
                {412, "Precondition Failed"},
                {413, "Content Too Large"},
                {414, "URI Too Long"},
                {415, "Unsupported Media Type"},
                {416, "Range Not Satisfiable"},
                {417, "Expectation Failed"},
                {422, "Unprocessable Content"},
                {426, "Upgrade Required"},
                {428, "Precondition Required"},
                {429, "Too Many Requests"},
                {431, "Request Header Fields Too Large"},
                {500, "Internal Server Error"},
                {501, "Not Implemented"},
                {503, "Service Unavailable"},
                {505, "HTTP Version Not Supported"},
                {507, "Insufficient Storage"}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].status == status)
            return rows[i].reason;
    }
    return "Status";
}

/* RFC 9110 5.6.7, written anew once a second. strftime() would ask the locale for the names. */
static const char *date_now(struct http_host *host)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t now_s = clock_wall_ms() / 1000;
    time_t seconds = (time_t)now_s;
    struct tm tm;
    struct buf text = BUF_EMPTY;

    if (now_s == host->date_s)
        return host->date;
    host->date_s = now_s;
    gmtime_r(&seconds, &tm);
    buf_printf(&text, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday, tm.tm_mday,
               months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    assert(text.len < sizeof(host->date));
    memcpy(host->date, text.data, text.len);
    host->date[text.len] = '\0';
    buf_deinit(&text);
    return host->date;
}

static bool is_field_value(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] == '\r' || value.data[i] == '\n' || value.data[i] == '\0')
            return false;
    }
    return true;
}

void http_add_header(struct http_exchange *exchange, const char *name, struct span value)
{
    struct http_inflight *inflight = http_inflight_of(exchange);
    struct http_added *added = arena_alloc(&exchange->arena, sizeof(*added));

    assert(!exchange->is_answered && http_is_token(span_from_str(name)) && is_field_value(value));
    if (span_equal_nocase(span_from_str(name), SPAN("cache-control")))
        inflight->has_cache_control = true;
    added->line = arena_printf(&exchange->arena, "%s: %.*s\r\n", name, SPAN_ARG(value));
    if (inflight->added)
        inflight->added_last->next = added;
    else
        inflight->added = added;
    inflight->added_last = added;
}

void http_append_added(struct buf *out, const struct http_inflight *inflight)
{
    for (const struct http_added *added = inflight->added; added; added = added->next)
        buf_append_span(out, added->line);
}

void http_close_after(struct http_exchange *exchange)
{
    http_inflight_of(exchange)->keeps_alive = false;
}

static bool has_body(const struct http_inflight *inflight, unsigned status)
{
    return !inflight->is_head && status >= 200 && status != 204 && status != 304;
}

/* Everything up to the blank line. content_length: -1 for none. */
static struct buf *begin(struct http_inflight *inflight, unsigned status, const char *content_type,
                         int64_t content_length)
{
    struct http_exchange *exchange = &inflight->exchange;
    struct http_host *host = http_host(conn_host_of(exchange->conn));
    struct buf *out = &host->scratch;

    assert(!exchange->is_answered && status >= 200 && status <= 599);
    buf_reset(out);
    BUF_APPEND_LITERAL(out, "HTTP/1.1 ");
    buf_append_u64(out, status);
    buf_append_char(out, ' ');
    buf_append_str(out, http_reason(status));
    BUF_APPEND_LITERAL(out, "\r\nDate: ");
    buf_append_str(out, date_now(host));
    if (content_type) {
        BUF_APPEND_LITERAL(out, "\r\nContent-Type: ");
        buf_append_str(out, content_type);
    }
    if (content_length >= 0 && status != 204 && status != 304) {
        BUF_APPEND_LITERAL(out, "\r\nContent-Length: ");
        buf_append_u64(out, (uint64_t)content_length);
    }
    BUF_APPEND_LITERAL(out, "\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nX-Request-Id: ");
    buf_append_str(out, exchange->request_id);
    if (!inflight->has_cache_control)
        BUF_APPEND_LITERAL(out, "\r\nCache-Control: no-store");
    if (!inflight->keeps_alive)
        BUF_APPEND_LITERAL(out, "\r\nConnection: close");
    else if (exchange->is_http_1_0)
        BUF_APPEND_LITERAL(out, "\r\nConnection: keep-alive");
    BUF_APPEND_LITERAL(out, "\r\n");
    http_append_added(out, inflight);
    BUF_APPEND_LITERAL(out, "\r\n");
    return out;
}

static void count(unsigned status)
{
    metric_add(METRIC_http_requests, 1);
    if (status >= 400)
        metric_add(METRIC_http_errors, 1);
}

/* A refused upgrade ends the connection: what follows it may be frames, and is never read as a request. */
static void settle(struct http_inflight *inflight)
{
    if (inflight->is_upgrade || inflight->exchange.http_conn->is_draining)
        inflight->keeps_alive = false;
}

void http_respond(struct http_exchange *exchange, unsigned status, const char *content_type, struct span body)
{
    struct http_inflight *inflight = http_inflight_of(exchange);
    struct buf *out;

    settle(inflight);
    out = begin(inflight, status, content_type, (int64_t)body.len);
    count(status);
    if (!has_body(inflight, status))
        body = SPAN_EMPTY;
    if (body.len <= HTTP_ONE_FRAME_BYTES) {
        buf_append_span(out, body);
        http_queue(exchange->http_conn, buf_span(out));
    } else {
        http_queue(exchange->http_conn, buf_span(out));
        http_queue(exchange->http_conn, body);
    }
    http_answered(inflight);
}

void http_release_body(struct http_inflight *inflight)
{
    void (*release)(void *arg) = inflight->release;

    inflight->rest = SPAN_EMPTY;
    inflight->release = NULL;
    if (release)
        release(inflight->release_arg);
}

void http_continue_body(struct http_inflight *inflight)
{
    struct span piece = span_slice(inflight->rest, 0, HTTP_PIECE_BYTES);

    http_queue(inflight->exchange.http_conn, piece);
    inflight->rest = span_slice(inflight->rest, piece.len, inflight->rest.len);
    if (inflight->rest.len == 0)
        http_release_body(inflight);
}

void http_respond_static(struct http_exchange *exchange, unsigned status, const char *content_type, struct span body,
                         void (*release)(void *arg), void *arg)
{
    struct http_inflight *inflight = http_inflight_of(exchange);
    struct buf *out;

    settle(inflight);
    out = begin(inflight, status, content_type, (int64_t)body.len);
    count(status);
    inflight->release = release;
    inflight->release_arg = arg;
    if (!has_body(inflight, status))
        body = SPAN_EMPTY;
    inflight->rest = body;
    http_queue(exchange->http_conn, buf_span(out));
    http_continue_body(inflight);
    http_answered(inflight);
}

static void respond_json_error(struct http_exchange *exchange, unsigned status, struct span code, struct span message,
                               struct span field)
{
    struct buf body = BUF_EMPTY;

    BUF_APPEND_LITERAL(&body, "{\"error\":{");
    json_member_string(&body, "code", code);
    json_member_string(&body, "message", message);
    if (field.len > 0)
        json_member_string(&body, "field", field);
    json_member_string(&body, "request_id", span_from_str(exchange->request_id));
    BUF_APPEND_LITERAL(&body, "}}");
    http_respond(exchange, status, "application/json", buf_span(&body));
    buf_deinit(&body);
}

void http_respond_error(struct http_exchange *exchange, enum err err, struct span field, struct span message)
{
    respond_json_error(exchange, err_http_status(err), span_from_str(err_code(err)),
                       message.len > 0 ? message : span_from_str(err_sentence(err)), field);
}

void http_respond_fault(struct http_exchange *exchange, const struct http_fault *fault)
{
    http_close_after(exchange);
    if (exchange->is_refused_silently)
        http_respond(exchange, fault->status, NULL, SPAN_EMPTY);
    else
        respond_json_error(exchange, fault->status, span_from_str(fault->code), span_from_str(fault->message),
                           SPAN_EMPTY);
}

/* ---- streams ------------------------------------------------------------------------------------------------------ */

struct stream {
    struct http_stream stream; /* first */
    const struct http_service *service;
    void *user;
};

static size_t stream_on_bytes(void *owner, char *bytes, size_t len)
{
    (void)owner;
    (void)bytes;
    return len; /* nothing more can be asked on this connection */
}

static void stream_on_end(void *owner)
{
    conn_close(((struct http_stream *)owner)->conn);
}

static void stream_on_drained(void *owner)
{
    struct http_stream *stream = owner;

    if (stream->on_drained)
        stream->on_drained(stream);
}

static void stream_on_slow(void *owner)
{
    struct http_stream *stream = owner;

    if (stream->on_slow)
        stream->on_slow(stream);
    else
        conn_close(stream->conn);
}

static void stream_on_closed(void *owner)
{
    struct stream *stream = owner;

    if (stream->stream.on_closed)
        stream->stream.on_closed(&stream->stream);
    if (stream->service->handlers->on_closed)
        stream->service->handlers->on_closed(stream->service->arg, stream->stream.conn, stream->user);
    free(stream);
}

static const struct conn_events stream_events = {
    .on_bytes = stream_on_bytes,
    .on_drained = stream_on_drained,
    .on_end = stream_on_end,
    .on_slow = stream_on_slow,
    .on_closed = stream_on_closed,
};

struct http_stream *http_respond_stream(struct http_exchange *exchange, const char *content_type)
{
    struct http_inflight *inflight = http_inflight_of(exchange);
    struct stream *stream;

    http_close_after(exchange);
    if (inflight->is_head) {
        http_respond(exchange, 200, content_type, SPAN_EMPTY);
        return NULL;
    }
    http_add_header(exchange, "X-Accel-Buffering", SPAN("no")); /* a proxy in front must not collect it either */
    count(200);
    http_queue(exchange->http_conn, buf_span(begin(inflight, 200, content_type, -1)));
    stream = NEW(struct stream);
    stream->stream.conn = http_detach(exchange, &stream->service, &stream->user);
    conn_set_owner(stream->stream.conn, &stream_events, stream);
    return &stream->stream;
}

void http_stream_finish(struct http_stream *stream)
{
    conn_finish(stream->conn, HTTP_LINGER_MS);
}
