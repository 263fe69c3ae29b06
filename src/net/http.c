/* One connection's life as HTTP:
 *
 *     idle -> head -> body -> handling -> (body of the answer leaves) -> idle
 *
 * What is under way is in http_conn.inflight; the parser knows head from body. While a request is with its handler, further
 * bytes stay with the conn (on_bytes takes none of them), so requests are looked at one by one. One timer serves all
 * deadlines: it is set when there is none earlier, and looks what is due when it goes off. */
#include "net/http_internal.h"

#include "base/memory.h"
#include "base/rand.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CHECK_MS = 1000 };

const struct http_limits http_limits_default = {
    .request_line_bytes_max = 8 * 1024,
    .header_bytes_max = 16 * 1024,
    .header_count_max = 100,
    .query_count_max = 256,
    .body_bytes_max = 256 * 1024,
    .header_ms = 10000,
    .body_rate_grace_ms = 10000,
    .body_rate_bytes_min = 1024,
    .idle_ms = 75000,
    .first_byte_ms = 10000,
    .pipeline_max = 64,
};

static const struct http_fault fault_late = {408, "timeout", "The request took too long to arrive."};
static const struct http_fault fault_cut = {400, "bad_request", "The request ended before it was whole."};

/* ---- memory ------------------------------------------------------------------------------------------------------- */

static void on_ready_time(struct loop_timer *timer);

struct http_host *http_host(struct conn_host *host)
{
    if (host->http == NULL) {
        struct http_host *http = NEW(struct http_host);

        http->host = host;
        http->ready_timer.on_time = on_ready_time;
        list_init(&http->ready);
        rand_bytes(&http->request_id, sizeof(http->request_id));
        host->http = http;
    }
    return host->http;
}

static struct http_inflight *inflight_new(struct http_conn *http)
{
    struct http_host *host = http_host(conn_host_of(http->conn));
    struct http_inflight *inflight = host->spare;
    struct http_exchange *exchange;
    struct arena arena;

    if (inflight) {
        host->spare = NULL;
        arena = inflight->exchange.arena;
    } else {
        inflight = NEW(struct http_inflight);
        arena_init(&arena, HTTP_ARENA_BYTES);
    }
    *inflight = (struct http_inflight){0};
    exchange = &inflight->exchange;
    exchange->arena = arena;
    exchange->conn = http->conn;
    exchange->http_conn = http;
    for (int i = 0; i < 16; i++)
        exchange->request_id[i] = "0123456789abcdef"[host->request_id >> (60 - 4 * i) & 15];
    host->request_id++;
    http_parse_init(&inflight->parse, exchange, http->service->limits);
    return inflight;
}

static void end_body(struct http_exchange *exchange, bool is_broken)
{
    void (*on_body_end)(struct http_exchange *, bool) = exchange->on_body_end;

    exchange->on_body_end = NULL;
    if (on_body_end)
        on_body_end(exchange, is_broken);
}

static void inflight_free(struct http_host *host, struct http_inflight *inflight)
{
    if (inflight == NULL)
        return;
    end_body(&inflight->exchange, !inflight->exchange.is_answered || inflight->exchange.http_conn->is_ended);
    http_release_body(inflight);
    http_parse_deinit(&inflight->parse);
    if (host->spare == NULL) {
        arena_reset(&inflight->exchange.arena);
        host->spare = inflight;
        return;
    }
    arena_deinit(&inflight->exchange.arena);
    free(inflight);
}

static void http_conn_free(struct http_host *host, struct http_conn *http)
{
    list_remove(&http->ready);
    inflight_free(host, http->inflight);
    free(http);
}

void http_host_free(struct http_host *host)
{
    if (host == NULL)
        return;
    while (!list_is_empty(&host->ready))
        http_conn_free(host, LIST_OWNER(host->ready.next, struct http_conn, ready));
    while (host->services) {
        struct http_service *service = host->services;

        host->services = service->next;
        free(service);
    }
    if (host->spare) {
        arena_deinit(&host->spare->exchange.arena);
        free(host->spare);
    }
    loop_timer_stop(conn_host_loop(host->host), &host->ready_timer);
    buf_deinit(&host->scratch);
    free(host);
}

static const struct http_service *find_service(struct http_host *host, const struct http_handlers *handlers, void *arg,
                                               const struct http_limits *limits)
{
    struct http_service *service = host->services;

    while (service && (service->handlers != handlers || service->arg != arg || service->limits != limits))
        service = service->next;
    if (service == NULL) {
        service = NEW(struct http_service);
        *service = (struct http_service){handlers, arg, limits, host->services};
        host->services = service;
    }
    return service;
}

/* ---- deadlines ---------------------------------------------------------------------------------------------------- */

static void set_deadline(struct http_conn *http, uint64_t delay_ms)
{
    struct loop *loop = conn_host_loop(conn_host_of(http->conn));

    http->deadline_ms = loop_now_ms(loop) + delay_ms;
    if (!timer_is_scheduled(&http->timer.timer) || http->timer.timer.deadline > http->deadline_ms)
        loop_timer_set(loop, &http->timer, http->deadline_ms);
}

static void refuse(struct http_conn *http, const struct http_fault *fault)
{
    if (http->inflight == NULL)
        http->inflight = inflight_new(http);
    http_respond_fault(&http->inflight->exchange, fault);
}

/* Average rate since the body began. */
static bool body_is_late(const struct http_conn *http, uint64_t now_ms)
{
    const struct http_limits *limits = http->service->limits;
    uint64_t age_ms = now_ms - http->inflight->body_start_ms;

    return age_ms >= limits->body_rate_grace_ms &&
           http->inflight->parse.body.len < limits->body_rate_bytes_min * age_ms / 1000;
}

/* A reader must take answers at the rate at which a sender must send bodies. */
static bool reader_is_late(struct http_conn *http)
{
    const struct http_limits *limits = http->service->limits;
    uint64_t left = http->queued_bytes - conn_queue_bytes(http->conn);
    uint64_t gone = left - http->left_bytes;

    http->left_bytes = left;
    return gone < limits->body_rate_bytes_min * limits->body_rate_grace_ms / 1000;
}

static void on_deadline(struct http_conn *http, uint64_t now_ms)
{
    struct http_inflight *inflight = http->inflight;

    if (inflight && inflight->is_handling)
        return; /* the handler's own time */
    if (conn_queue_bytes(http->conn) > 0) {
        if (reader_is_late(http))
            conn_close(http->conn);
        else
            set_deadline(http, http->service->limits->body_rate_grace_ms);
    } else if (inflight == NULL) {
        conn_finish(http->conn, 0);
    } else if (inflight->parse.at == HTTP_AT_HEAD || body_is_late(http, now_ms)) {
        refuse(http, &fault_late);
    } else {
        set_deadline(http, CHECK_MS);
    }
}

static void on_time(struct loop_timer *timer)
{
    struct http_conn *http = LIST_OWNER(timer, struct http_conn, timer);
    uint64_t now_ms = loop_now_ms(conn_host_loop(conn_host_of(http->conn)));

    if (!conn_is_open(http->conn))
        return;
    if (now_ms < http->deadline_ms)
        set_deadline(http, http->deadline_ms - now_ms);
    else
        on_deadline(http, now_ms);
}

/* ---- after an answer ---------------------------------------------------------------------------------------------- */

/* Only then: conn_finish has a deadline, which a long answer over a thin line would not meet. */
static void close_when_drained(struct http_conn *http)
{
    http->is_closing = true;
    if (conn_queue_bytes(http->conn) == 0)
        conn_finish(http->conn, HTTP_LINGER_MS);
    else
        set_deadline(http, http->service->limits->body_rate_grace_ms);
}

/* The answer is queued in full. */
static void end_exchange(struct http_conn *http)
{
    const struct http_limits *limits = http->service->limits;
    bool keeps_alive = http->inflight->keeps_alive;

    inflight_free(http_host(conn_host_of(http->conn)), http->inflight);
    http->inflight = NULL;
    http->unsent_answers++;
    http->left_bytes = http->queued_bytes - conn_queue_bytes(http->conn);
    if (!keeps_alive || http->is_draining) {
        close_when_drained(http);
        return;
    }
    set_deadline(http, conn_queue_bytes(http->conn) > HTTP_PIECE_BYTES ? limits->body_rate_grace_ms : limits->idle_ms);
}

static bool is_over(const struct http_conn *http)
{
    return http->inflight && http->inflight->exchange.is_answered && http->inflight->rest.len == 0;
}

/* In a turn of its own: the caller of http_respond may still hold the exchange, and handlers must not nest. */
static void schedule(struct http_conn *http)
{
    struct http_host *host = http_host(conn_host_of(http->conn));
    struct loop *loop = conn_host_loop(host->host);

    if (!list_is_empty(&http->ready))
        return;
    list_push_tail(&host->ready, &http->ready);
    if (!timer_is_scheduled(&host->ready_timer.timer))
        loop_timer_set(loop, &host->ready_timer, loop_now_ms(loop));
}

void http_answered(struct http_inflight *inflight)
{
    struct http_conn *http = inflight->exchange.http_conn;

    inflight->exchange.is_answered = true;
    inflight->is_handling = false;
    if (inflight->rest.len > 0) {
        http->left_bytes = http->queued_bytes - conn_queue_bytes(http->conn);
        set_deadline(http, http->service->limits->body_rate_grace_ms);
    }
    if (!http->is_in_handler)
        schedule(http);
}

void http_queue(struct http_conn *http, struct span bytes)
{
    http->queued_bytes += bytes.len;
    conn_send_bytes(http->conn, bytes);
}

static void proceed(struct http_conn *http)
{
    if (http->is_closing || !conn_is_open(http->conn))
        return;
    if (is_over(http))
        end_exchange(http);
    if (http->inflight && http->inflight->exchange.is_answered)
        return; /* its body is still leaving */
    if (http->is_ended && http->inflight == NULL && conn_kept_bytes(http->conn) == 0)
        close_when_drained(http);
    else
        conn_resume(http->conn);
}

static void on_ready_time(struct loop_timer *timer)
{
    struct http_host *host = LIST_OWNER(timer, struct http_host, ready_timer);

    while (!list_is_empty(&host->ready)) {
        struct http_conn *http = LIST_OWNER(host->ready.next, struct http_conn, ready);

        list_remove(&http->ready);
        if (http->is_detached)
            http_conn_free(host, http);
        else
            proceed(http);
    }
}

struct conn *http_detach(struct http_exchange *exchange, const struct http_service **service, void **user)
{
    struct http_conn *http = exchange->http_conn;

    assert(!exchange->is_answered);
    exchange->is_answered = true;
    http->inflight->is_handling = false;
    http->is_detached = true;
    loop_timer_stop(conn_host_loop(conn_host_of(http->conn)), &http->timer);
    *service = http->service;
    *user = http->user;
    if (!http->is_in_handler) {
        schedule(http);
        conn_resume(http->conn); /* what came early goes to the new owner */
    }
    return http->conn;
}

/* ---- requests ----------------------------------------------------------------------------------------------------- */

static void on_head(struct http_conn *http, bool has_input)
{
    struct http_inflight *inflight = http->inflight;
    const struct http_service *service = http->service;
    struct http_parse *parse = &inflight->parse;

    inflight->is_head = span_equal(inflight->exchange.method, SPAN("HEAD"));
    inflight->is_upgrade = http_list_has(&inflight->exchange, "upgrade", SPAN("websocket"));
    inflight->keeps_alive = parse->keeps_alive;
    inflight->body_start_ms = loop_now_ms(conn_host_loop(conn_host_of(http->conn)));
    if (service->handlers->body_limit)
        parse->body_bytes_max = service->handlers->body_limit(service->arg, &inflight->exchange);
    if (parse->is_complete)
        return;
    set_deadline(http, service->limits->body_rate_grace_ms);
    if (parse->expects_continue && !has_input && parse->content_length <= parse->body_bytes_max)
        http_queue(http, SPAN("HTTP/1.1 100 Continue\r\n\r\n"));
}

static void on_request(struct http_conn *http)
{
    const struct http_service *service = http->service;

    http->inflight->is_handling = true;
    end_body(&http->inflight->exchange, false);
    service->handlers->on_request(service->arg, &http->inflight->exchange);
    if (!http->is_detached && is_over(http) && conn_is_open(http->conn))
        end_exchange(http);
}

/* False: no more for now, be it for good. */
static bool may_read(const struct http_conn *http)
{
    if (http->is_detached || http->is_closing || !conn_is_open(http->conn))
        return false;
    if (http->inflight && (http->inflight->is_handling || http->inflight->exchange.is_answered))
        return false;
    return http->unsent_answers < http->service->limits->pipeline_max &&
           conn_queue_bytes(http->conn) <= HTTP_UNSENT_BYTES_MAX;
}

static void step(struct http_conn *http, struct span *input)
{
    switch (http_parse_feed(&http->inflight->parse, input)) {
    case HTTP_PARSE_MORE: break;
    case HTTP_PARSE_HEAD: on_head(http, input->len > 0); break;
    case HTTP_PARSE_WHOLE: on_request(http); break;
    case HTTP_PARSE_BAD:
        http->inflight->is_head = span_equal(http->inflight->exchange.method, SPAN("HEAD"));
        refuse(http, &http->inflight->parse.fault);
        end_exchange(http);
        break;
    }
}

static bool has_step(const struct http_conn *http, struct span input)
{
    const struct http_parse *parse;

    if (input.len > 0 || http->inflight == NULL)
        return input.len > 0;
    /* A body that is not there, or will not be wanted, needs no byte to be known. */
    parse = &http->inflight->parse;
    return parse->at == HTTP_AT_BODY && (parse->is_complete || parse->content_length > parse->body_bytes_max);
}

/* The peer has ended and all it sent was looked at: whatever is unfinished stays so. */
static void check_end(struct http_conn *http)
{
    if (http->inflight == NULL) {
        close_when_drained(http);
    } else if (!http->inflight->is_handling && !http->inflight->exchange.is_answered) {
        refuse(http, &fault_cut);
        end_exchange(http);
    }
}

static size_t http_on_bytes(void *owner, char *bytes, size_t len)
{
    struct http_conn *http = owner;
    struct span input = {bytes, len};
    bool was_reading = http->inflight != NULL;

    if (http->is_closing)
        return len;
    http->is_in_handler = true;
    while (has_step(http, input) && may_read(http)) {
        if (http->inflight == NULL) {
            http->inflight = inflight_new(http);
            was_reading = false;
        }
        step(http, &input);
    }
    http->is_in_handler = false;
    if (http->is_detached) {
        http_conn_free(conn_host_of(http->conn)->http, http);
        return len - input.len;
    }
    /* The deadline for a head counts from its first byte; only one that did not come whole needs it. */
    if (conn_is_open(http->conn) && http->inflight && !was_reading && http->inflight->parse.at == HTTP_AT_HEAD)
        set_deadline(http, http->service->limits->header_ms);
    if (http->is_closing)
        return len; /* what follows the last request is not looked at */
    if (http->is_ended && input.len == 0)
        check_end(http);
    return len - input.len;
}

static void http_on_drained(void *owner)
{
    struct http_conn *http = owner;

    http->unsent_answers = 0;
    if (http->is_closing) {
        conn_finish(http->conn, HTTP_LINGER_MS);
        return;
    }
    if (http->inflight && http->inflight->rest.len > 0)
        http_continue_body(http->inflight);
    if (is_over(http) || conn_kept_bytes(http->conn) > 0)
        schedule(http);
}

static void http_on_end(void *owner)
{
    struct http_conn *http = owner;
    struct http_inflight *inflight = http->inflight;

    http->is_ended = true;
    if (inflight && inflight->is_handling && inflight->exchange.aborts_on_end)
        conn_close(http->conn);
    else if (!http->is_closing && conn_kept_bytes(http->conn) == 0)
        check_end(http);
}

void http_conn_drop(struct http_conn *http)
{
    http->is_dropped = true;
}

static void abort_exchange(const struct http_service *service, struct http_exchange *exchange)
{
    if (exchange->on_gone)
        exchange->on_gone(exchange);
    else if (service->handlers->on_abort)
        service->handlers->on_abort(service->arg, exchange);
}

static void http_on_closed(void *owner)
{
    struct http_conn *http = owner;
    const struct http_service *service = http->service;
    struct http_host *host = http_host(conn_host_of(http->conn));

    loop_timer_stop(conn_host_loop(conn_host_of(http->conn)), &http->timer);
    if (http->inflight && http->inflight->is_handling && !http->is_dropped)
        abort_exchange(service, &http->inflight->exchange);
    if (service->handlers->on_closed && !http->is_dropped)
        service->handlers->on_closed(service->arg, http->conn, http->user);
    http_conn_free(host, http);
}

static const struct conn_events http_events = {
    .on_bytes = http_on_bytes,
    .on_drained = http_on_drained,
    .on_end = http_on_end,
    .on_closed = http_on_closed,
};

void http_serve(struct conn *conn, const struct http_handlers *handlers, void *arg, const struct http_limits *limits,
                void *conn_user)
{
    struct http_host *host = http_host(conn_host_of(conn));
    struct http_conn *http = NEW(struct http_conn);

    http->conn = conn;
    http->service = find_service(host, handlers, arg, limits);
    http->user = conn_user;
    http->timer.on_time = on_time;
    http->is_draining = host->is_draining;
    list_init(&http->ready);
    conn_set_owner(conn, &http_events, http);
    set_deadline(http, limits->first_byte_ms);
}

void *http_conn_user(const struct http_exchange *exchange)
{
    return exchange->http_conn->user;
}

void http_drain(struct conn_host *host)
{
    http_host(host)->is_draining = true;
    LIST_EACH (&host->conns, node) {
        struct conn *conn = LIST_OWNER(node, struct conn, all);
        struct http_conn *http = conn->owner;

        if (conn->events != &http_events)
            continue;
        http->is_draining = true;
        if (http->inflight == NULL && !http->is_closing)
            close_when_drained(http); /* stays in the list */
    }
}
