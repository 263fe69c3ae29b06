/* What machines ask about the server: is it alive, is it ready, how much goes on. Nobody has to log in for it, and it is answered
 * while draining and to connections that are too many. */
#include "peer/rest/rest.h"

#include "base/metric.h"

static void handle_alive(struct request *request)
{
    request_respond(request, 200, SPAN("{\"status\":\"ok\"}"));
}

static void handle_ready(struct request *request)
{
    const struct peer_host *host = request->host;
    if (host->is_draining)
        request_respond(request, 503, SPAN("{\"status\":\"draining\"}"));
    else if (!host->is_ready)
        request_respond(request, 503, SPAN("{\"status\":\"starting\"}"));
    else
        request_respond(request, 200, SPAN("{\"status\":\"ready\"}"));
}

/* The same numbers as /metrics, as one flat object. */
static void handle_stats(struct request *request)
{
    struct buf json = BUF_EMPTY;
    buf_append_char(&json, '{');
    for (int metric = 0; metric < METRIC_COUNT; metric++)
        json_member_i64(&json, metric_name((enum metric)metric), metric_get((enum metric)metric));
    json_member_u64(&json, "workers", request->host->worker_count);
    json_member_time(&json, "timestamp", request->host->wall_ms);
    buf_append_char(&json, '}');
    request_respond(request, 200, buf_span(&json));
    buf_deinit(&json);
}

static void handle_metrics(struct request *request)
{
    struct buf text = BUF_EMPTY;
    metric_write_prometheus(&text);
    buf_append_span(&text, request->host->limits_text);
    request_respond_text(request, 200, "text/plain; version=0.0.4; charset=utf-8", buf_span(&text));
    buf_deinit(&text);
}

const struct route routes_health[] = {
    {"GET", "/healthz", NEED_NOTHING, handle_alive, true},
    {"GET", "/readyz", NEED_NOTHING, handle_ready, true},
    {"GET", "/socket-stats", NEED_NOTHING, handle_stats, true},
    {"GET", "/metrics", NEED_NOTHING, handle_metrics, true},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
