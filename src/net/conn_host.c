/* The end of the turn: what was queued leaves, what was closed is collected. */
#include "net/conn_internal.h"
#include "net/tls_internal.h"

#include "base/memory.h"
#include "base/metric.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>

const struct conn_limits conn_limits_default = {
    .queue_bytes_max = 1024 * 1024,
    .queue_bytes_soft = 256 * 1024,
    .queue_soft_ms = 10000,
};

static void end_sending(struct conn *conn)
{
    conn->state = CONN_LINGERING;
    if (conn->extra->tls)
        tls_session_end(conn->extra->tls);
    if (conn->is_ended || shutdown(conn->watch.fd, SHUT_WR) != 0)
        conn_close(conn);
}

/* Above the soft limit the clock runs; a timer of the host looks at those connections only. */
void conn_watch_backlog(struct conn *conn)
{
    struct conn_host *host = conn->host;
    bool is_over = conn->counted_bytes > host->limits.queue_bytes_soft;
    struct conn_extra *extra;

    if (!is_over && conn->extra == NULL)
        return;
    extra = conn_extra(conn);
    if (is_over && list_is_empty(&extra->backlog)) {
        extra->backlog_since_ms = loop_now_ms(host->loop);
        list_push_tail(&host->backlog, &extra->backlog); /* oldest first */
        if (!timer_is_scheduled(&host->backlog_timer.timer))
            loop_timer_set(host->loop, &host->backlog_timer, extra->backlog_since_ms + host->limits.queue_soft_ms);
    } else if (!is_over && !list_is_empty(&extra->backlog)) {
        list_remove(&extra->backlog);
        conn_extra_release(conn);
    }
}

static void on_backlog_time(struct loop_timer *timer)
{
    struct conn_host *host = LIST_OWNER(timer, struct conn_host, backlog_timer);
    uint64_t now = loop_now_ms(host->loop);

    while (!list_is_empty(&host->backlog)) {
        struct conn_extra *extra = LIST_OWNER(host->backlog.next, struct conn_extra, backlog);

        if (extra->backlog_since_ms + host->limits.queue_soft_ms > now) {
            loop_timer_set(host->loop, timer, extra->backlog_since_ms + host->limits.queue_soft_ms);
            return;
        }
        list_remove(&extra->backlog);
        extra->conn->is_slow = true;
        conn_mark_dirty(extra->conn);
    }
}

static void tell_slow(struct conn *conn)
{
    conn->is_slow_told = true;
    metric_add(METRIC_connections_slow_closed, 1);
    if (conn->events->on_slow)
        conn->events->on_slow(conn->owner);
    else
        conn_close(conn);
}

static void flush(struct conn *conn)
{
    bool had_bytes = conn->slot_count > 0;

    if (conn->state == CONN_OPEN && conn->is_slow && !conn->is_slow_told)
        tell_slow(conn);
    if (conn->state == CONN_OPEN || conn->state == CONN_FINISHING) {
        if (!conn->is_blocked && !conn_queue_write(conn))
            conn_close(conn);
    }
    if (conn->state == CONN_OPEN && had_bytes && conn->slot_count == 0 && conn->events->on_drained)
        conn->events->on_drained(conn->owner);
    if (conn->state == CONN_FINISHING && conn->slot_count == 0)
        end_sending(conn);
    conn->is_dirty = false;
    if (conn->state >= CONN_CLOSED)
        return;
    /* What on_drained produced waits for the next turn, so that a fast reader of a long answer holds nobody up. */
    if (conn->slot_count > 0 && conn->state != CONN_HANDSHAKE)
        conn->is_blocked = true;
    conn_watch_backlog(conn);
    conn_update_watch(conn);
}

static void collect(struct conn *conn)
{
    conn->state = CONN_COLLECTED;
    list_remove(&conn->all);
    if (conn->events)
        conn->events->on_closed(conn->owner);
    conn_extra_free(conn);
    metric_add(METRIC_connections, -1);
    loop_watch_close(&conn->watch);
}

static void tell_metrics(struct conn_host *host)
{
    struct {
        enum metric metric;
        int64_t *count;
    } rows[] = {{METRIC_bytes_received, &host->bytes_received},
                {METRIC_bytes_sent, &host->bytes_sent},
                {METRIC_messages_conflated, &host->messages_conflated}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (*rows[i].count != 0)
            metric_add(rows[i].metric, *rows[i].count);
        *rows[i].count = 0;
    }
    if (host->queue_bytes != host->queue_bytes_told)
        metric_add(METRIC_send_queue_bytes, host->queue_bytes - host->queue_bytes_told);
    host->queue_bytes_told = host->queue_bytes;
}

void conn_host_flush(struct conn_host *host)
{
    /* on_drained and on_closed may dirty or close others: until there is nothing left. */
    while (host->dirty_first || !list_is_empty(&host->closed)) {
        while (host->dirty_first) {
            struct conn *conn = host->dirty_first;

            /* Stays marked as dirty while it is flushed, so that its own callbacks do not queue it again. */
            host->dirty_first = conn->dirty_next;
            flush(conn);
        }
        while (!list_is_empty(&host->closed))
            collect(LIST_OWNER(host->closed.next, struct conn, all));
    }
    host->handshakes_left = CONN_HANDSHAKES_PER_TURN;
    tell_metrics(host);
}

/* ---- the host ---------------------------------------------------------------------------------------------------- */

struct conn_host *conn_host_new(struct loop *loop, const struct conn_limits *limits)
{
    struct conn_host *host = NEW(struct conn_host);

    host->loop = loop;
    host->limits = *limits;
    host->handshakes_left = CONN_HANDSHAKES_PER_TURN;
    host->resume_timer.on_time = conn_on_resume_time;
    host->backlog_timer.on_time = on_backlog_time;
    list_init(&host->conns);
    list_init(&host->closed);
    list_init(&host->resumed);
    list_init(&host->backlog);
    return host;
}

void conn_host_close_all(struct conn_host *host)
{
    while (!list_is_empty(&host->conns))
        conn_close(LIST_OWNER(host->conns.next, struct conn, all));
}

void conn_host_free(struct conn_host *host)
{
    if (host == NULL)
        return;
    conn_host_close_all(host);
    conn_host_flush(host);
    assert(list_is_empty(&host->conns));
    loop_timer_stop(host->loop, &host->resume_timer);
    loop_timer_stop(host->loop, &host->backlog_timer);
    http_host_free(host->http);
    websocket_host_free(host->websocket);
    conn_rings_free(host);
    buf_deinit(&host->tls_scratch);
    free(host);
}

struct loop *conn_host_loop(struct conn_host *host)
{
    return host->loop;
}

size_t conn_host_count(const struct conn_host *host)
{
    return host->conn_count;
}
