#include "peer/rest/route.h"

#include "base/log.h"
#include "base/metric.h"
#include "net/hand_over.h"
#include "peer/rest/rest.h"
#include "peer/socketio/socketio_session.h"

#include <string.h>

#define PREFLIGHT_SECONDS SPAN("600")
#define REFUSED_MESSAGE_BYTES_MAX 1024

/* ---- the table ---- */

/* How long the part is that braces stand for: a segment, or with a plus all but what follows the braces. */
static size_t part_len(const char *end, struct span path)
{
    size_t tail = strlen(end + 1);
    if (end[-1] != '+')
        return span_find(path, '/');
    return path.len > tail ? path.len - tail : 0;
}

/* `pattern` is of our own making: braces are closed, and are whole segments. */
bool route_matches(const char *pattern, struct span path, struct span segments[4])
{
    unsigned count = 0;
    for (; *pattern; pattern++) {
        if (*pattern == '*')
            return true;
        size_t len = 1;
        if (*pattern == '{') {
            pattern = strchr(pattern, '}');
            len = part_len(pattern, path);
            if (len == 0)
                return false;
            segments[count++] = span_slice(path, 0, len);
        } else if (path.len == 0 || path.data[0] != *pattern) {
            return false;
        }
        path = span_slice(path, len, path.len);
    }
    return path.len == 0;
}

static bool answers(const struct route *route, struct span method)
{
    if (!route->method)
        return true;
    struct span own = span_from_str(route->method);
    return span_equal(own, method) || (span_equal(method, SPAN("HEAD")) && span_equal(own, SPAN("GET")));
}

static void allow(struct buf *allowed, const struct route *route)
{
    if (allowed->len)
        BUF_APPEND_LITERAL(allowed, ", ");
    buf_append_str(allowed, route->method);
    if (span_equal(span_from_str(route->method), SPAN("GET")))
        BUF_APPEND_LITERAL(allowed, ", HEAD");
}

const struct route *route_find(struct span method, struct span path, struct span segments[4], struct buf *allowed)
{
    for (const struct route *const *table = route_tables; *table; table++) {
        for (const struct route *route = *table; route->path; route++) {
            if (!route_matches(route->path, path, segments))
                continue;
            if (answers(route, method))
                return route;
            allow(allowed, route);
        }
    }
    if (allowed->len)
        BUF_APPEND_LITERAL(allowed, ", OPTIONS");
    return NULL;
}

/* ---- where it comes from ---- */

bool request_is_tls(const struct request *request)
{
    const struct http_exchange *exchange = request->exchange;
    if (conn_is_tls(exchange->conn))
        return true;
    return request->host->trusts_forwarded &&
           span_equal_nocase(http_header(exchange, "X-Forwarded-Proto"), SPAN("https"));
}

bool request_is_reading(const struct request *request)
{
    struct span method = request->exchange->method;
    return span_equal(method, SPAN("GET")) || span_equal(method, SPAN("HEAD")) || span_equal(method, SPAN("OPTIONS"));
}

/* A page of another origin may do nothing at all here unless that origin was allowed; then its browser is told so. */
static enum err check_origin(struct request *request)
{
    struct http_exchange *exchange = request->exchange;
    struct origin_request origin = {
        .origin = http_header(exchange, "Origin"),
        .host = http_header(exchange, "Host"),
        .is_tls = request_is_tls(request),
        .fetch_site = http_header(exchange, "Sec-Fetch-Site"),
        .is_state_changing = !request_is_reading(request) || websocket_is_requested(exchange),
    };
    struct span values[2];
    /* Two of them are no browser's, and whoever stands between might have looked at the other one. */
    bool is_ambiguous = http_header_values(exchange, "Origin", values, 2) > 1;
    enum origin_verdict verdict = is_ambiguous ? ORIGIN_REFUSED : origin_check(request->host->origins, &origin);
    http_add_header(exchange, "Vary", SPAN("Origin"));
    if (verdict == ORIGIN_REFUSED) {
        metric_add(METRIC_origins_refused, 1);
        log_debug("origin.refused", "origin=%s path=%s", LOG_TEXT(origin.origin), LOG_TEXT(exchange->path));
        return ERR_BAD_ORIGIN;
    }
    if (verdict == ORIGIN_ALLOWED) {
        http_add_header(exchange, "Access-Control-Allow-Origin", origin.origin);
        http_add_header(exchange, "Access-Control-Allow-Credentials", SPAN("true"));
        http_add_header(exchange, "Access-Control-Expose-Headers",
                        SPAN("ETag, Location, Retry-After, X-Request-Id, X-Skipped, X-Strategy, X-Verdict"));
    }
    return OK;
}

static void answer_options(struct request *request, struct span allowed)
{
    struct http_exchange *exchange = request->exchange;
    http_add_header(exchange, "Allow", allowed);
    if (http_header(exchange, "Access-Control-Request-Method").len) {
        http_add_header(exchange, "Access-Control-Allow-Methods", SPAN("GET, HEAD, POST, PUT, PATCH, DELETE"));
        http_add_header(exchange, "Access-Control-Allow-Headers",
                        SPAN("Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, "
                             "Lock-Token, X-Base-Version"));
        http_add_header(exchange, "Access-Control-Max-Age", PREFLIGHT_SECONDS);
    }
    request_respond(request, 204, SPAN_EMPTY);
}

/* ---- one request ---- */

/* Who asks pays, whomever he asks for: nobody's rate is used up by a backend, and a backend has its own. */
static bool charge(struct request *request, const struct route *route)
{
    if (route->need == NEED_USER_AT_ANY_RATE)
        return true;
    request->payer = arena_copy(&request->exchange->arena, request->identity->user_id);
    request->is_payer_backend = rest_has_backend_role(request);
    return request_charge(request, 1);
}

static void on_credentials(void *arg, const struct credentials_result *result)
{
    struct request *request = arg;
    const struct route *route = request->state;
    request->check = NULL;
    request->state = NULL;
    request->state_is_borrowed = false;
    if (result->err) {
        request_fail(request, result->err, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    request->identity = result->identity;
    request->token_expires_ms = result->expires_ms;
    request->has_login_key = result->has_login_key;
    memcpy(request->login_key, result->login_key, sizeof request->login_key);
    request->is_account = result->is_account;
    request->generation = result->generation;
    request->token_id = arena_copy(&request->exchange->arena, result->token_id);
    if (!charge(request, route))
        return;
    if (route->need == NEED_ACTOR)
        request_on_behalf(request, route->handle);
    else
        route->handle(request);
}

static void handle(struct request *request, const struct route *route)
{
    if (request->host->is_draining && !route->is_always_served) {
        http_close_after(request->exchange);
        request_fail(request, ERR_DRAINING, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    if (route->need != NEED_ACTOR && request_has_behalf(request)) {
        request_refuse_behalf(request);
        return;
    }
    if (route->need == NEED_NOTHING) {
        route->handle(request);
        return;
    }
    request->state = (void *)(uintptr_t)route;
    request->state_is_borrowed = true;
    struct credentials_check *check =
        credentials_check_request(request->host, request->exchange, false, on_credentials, request);
    if (check) /* else it was decided at once, and the request may be gone */
        request->check = check;
}

/* The pages: whatever is no endpoint. */
static bool serve_file(struct request *request)
{
    struct http_exchange *exchange = request->exchange;
    struct static_files *files = request->host->files;
    if (!files || (!span_equal(exchange->method, SPAN("GET")) && !span_equal(exchange->method, SPAN("HEAD"))))
        return false;
    if (static_files_serve(files, exchange, exchange->path))
        return true;
    return span_equal(exchange->path, SPAN("/inventory/management")) &&
           static_files_serve(files, exchange, SPAN("/inventory/management.html"));
}

static void handle_unknown(struct request *request, struct span allowed)
{
    if (allowed.len) {
        http_add_header(request->exchange, "Allow", allowed);
        request_fail(request, ERR_METHOD, SPAN_EMPTY, SPAN_EMPTY);
    } else if (serve_file(request)) {
        request_forget(request);
    } else {
        request_fail(request, ERR_NOT_FOUND, SPAN_EMPTY, SPAN_EMPTY);
    }
}

static void dispatch(struct request *request)
{
    struct http_exchange *exchange = request->exchange;
    struct buf allowed = BUF_EMPTY;
    enum err err = check_origin(request);
    const struct route *route = route_find(exchange->method, exchange->path, request->segments, &allowed);
    if (err)
        request_fail(request, err, SPAN_EMPTY, SPAN_EMPTY);
    else if (route)
        handle(request, route);
    else if (span_equal(exchange->method, SPAN("OPTIONS")))
        answer_options(request, allowed.len ? buf_span(&allowed) : SPAN("GET, HEAD, OPTIONS"));
    else
        handle_unknown(request, buf_span(&allowed));
    buf_deinit(&allowed);
}

static void on_request(void *arg, struct http_exchange *exchange)
{
    dispatch(request_new(arg, exchange));
}

static void on_abort(void *arg, struct http_exchange *exchange)
{
    (void)arg;
    if (exchange->user)
        request_abandon(exchange->user);
}

/* ---- connections that are too many ---- */

static void refused_on_message(struct websocket *socket, bool is_text, struct span payload)
{
    (void)socket;
    (void)is_text;
    (void)payload;
}

static void refused_on_closed(struct websocket *socket, uint16_t code)
{
    (void)socket;
    (void)code;
}

static const struct websocket_events refused_events = {
    .on_message = refused_on_message,
    .on_closed = refused_on_closed,
};

/* A browser tells its page nothing about a failed handshake: a close code is the only word that arrives. */
static void refuse_socket(struct http_exchange *exchange, enum err err)
{
    struct websocket_options options = {
        .events = &refused_events,
        .limits = {.message_bytes_max = REFUSED_MESSAGE_BYTES_MAX, .fragments_max = 1},
    };
    struct websocket *socket = websocket_accept(exchange, &options);
    if (socket)
        websocket_close(socket, 1013, span_from_str(err_code(err)));
}

/* Whoever watches the server must get through when it is full. */
static void refuse(struct peer_host *host, struct http_exchange *exchange, enum err err)
{
    struct span segments[4];
    struct buf allowed = BUF_EMPTY;
    const struct route *route = route_find(exchange->method, exchange->path, segments, &allowed);
    buf_deinit(&allowed);
    http_close_after(exchange);
    if (route && route->is_always_served)
        dispatch(request_new(host, exchange));
    else if (websocket_is_requested(exchange))
        refuse_socket(exchange, err);
    else
        request_fail(request_new(host, exchange), err, SPAN_EMPTY, SPAN_EMPTY);
}

static void on_request_too_many(void *arg, struct http_exchange *exchange)
{
    refuse(arg, exchange, ERR_TOO_MANY);
}

static void on_request_too_fast(void *arg, struct http_exchange *exchange)
{
    refuse(arg, exchange, ERR_RATE_LIMITED);
}

static void on_request_overloaded(void *arg, struct http_exchange *exchange)
{
    refuse(arg, exchange, ERR_OVERLOADED);
}

/* ---- connections ---- */

static void on_closed(void *arg, struct conn *conn, void *guest)
{
    struct peer_host *host = arg;
    (void)conn;
    admission_leave(host->admission, guest);
}

/* What admission said is kept in the choice of handlers, not in memory of its own for each connection. */
/* Bodies are bounded by the paths that want them; the rest is bounded by the limits of http. */
static size_t body_limit(void *arg, struct http_exchange *exchange)
{
    struct peer_host *host = arg;
    struct span segments[4];
    struct buf allowed = BUF_EMPTY;
    const struct route *route = route_find(exchange->method, exchange->path, segments, &allowed);
    buf_deinit(&allowed);
    if (route && route->handle == socketio_session_handle)
        return socketio_session_body_limit(host, exchange);
    return host->http_limits->body_bytes_max;
}

static const struct http_handlers handlers_admitted = {on_request, on_abort, body_limit, on_closed};
static const struct http_handlers handlers_too_many = {on_request_too_many, on_abort, NULL, on_closed};
static const struct http_handlers handlers_too_fast = {on_request_too_fast, on_abort, NULL, on_closed};
static const struct http_handlers handlers_overloaded = {on_request_overloaded, on_abort, NULL, on_closed};

void peer_serve(struct peer_host *host, struct conn *conn, const struct http_limits *limits)
{
    struct conn_address address = conn_address(conn);
    struct admission_guest *guest;
    host->http_limits = limits;
    enum err err = admission_enter(host->admission, span_from_str(address.network), loop_now_ms(host->loop), &guest);
    const struct http_handlers *handlers = err == OK               ? &handlers_admitted
                                           : err == ERR_OVERLOADED ? &handlers_overloaded
                                           : err == ERR_TOO_MANY   ? &handlers_too_many
                                                                   : &handlers_too_fast;
    http_serve(conn, handlers, host, limits, guest);
}

void peer_adopt(struct peer_host *host, struct conn_parcel *parcel)
{
    http_adopt(host->conn_host, parcel, &handlers_admitted, host, host->http_limits);
}

void peer_refuse_parcel(struct admission *admission, struct conn_parcel *parcel)
{
    admission_leave(admission, parcel->user);
    conn_parcel_free(parcel);
}
