/* A connection's life, and what is known about it. Reading is in conn_read.c, the queue in conn_queue.c, the end of the turn
 * in conn_host.c. */
#include "net/conn_internal.h"
#include "net/tls_internal.h"

#include "base/memory.h"
#include "base/metric.h"

#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ---- extras ------------------------------------------------------------------------------------------------------ */

static void on_deadline(struct loop_timer *timer)
{
    conn_close(((struct conn_extra *)(void *)timer)->conn);
}

struct conn_extra *conn_extra(struct conn *conn)
{
    if (conn->extra == NULL) {
        conn->extra = NEW(struct conn_extra);
        conn->extra->deadline.on_time = on_deadline;
        conn->extra->conn = conn;
        list_init(&conn->extra->resumed);
        list_init(&conn->extra->backlog);
    }
    return conn->extra;
}

void conn_extra_free(struct conn *conn)
{
    struct conn_extra *extra = conn->extra;

    if (extra == NULL)
        return;
    loop_timer_stop(conn->host->loop, &extra->deadline);
    list_remove(&extra->resumed);
    list_remove(&extra->backlog);
    tls_session_free(extra->tls);
    buf_deinit(&extra->kept);
    free(extra);
    conn->extra = NULL;
}

void conn_extra_release(struct conn *conn)
{
    const struct conn_extra *extra = conn->extra;

    if (extra && extra->tls == NULL && extra->kept.len == 0 && list_is_empty(&extra->resumed) &&
        list_is_empty(&extra->backlog) && !timer_is_scheduled(&extra->deadline.timer))
        conn_extra_free(conn);
}

size_t conn_kept_bytes(const struct conn *conn)
{
    return conn->extra ? conn->extra->kept.len : 0;
}

/* ---- what is waited for ------------------------------------------------------------------------------------------ */

bool conn_wants_read(const struct conn *conn)
{
    if (conn->is_ended)
        return false;
    switch ((enum conn_state)conn->state) {
    case CONN_HANDSHAKE: return true;
    case CONN_OPEN: return !conn->is_paused && conn_kept_bytes(conn) + CONN_RECORD_BYTES <= CONN_READ_BYTES;
    case CONN_FINISHING:
    case CONN_LINGERING:
        return true; /* and thrown away: closing with unread bytes would reset, and take the answer along */
    default: return false;
    }
}

void conn_update_watch(struct conn *conn)
{
    if (conn->state < CONN_CLOSED)
        loop_watch_set(&conn->watch, (conn_wants_read(conn) ? LOOP_READ : 0) | (conn->is_blocked ? LOOP_WRITE : 0));
}

void conn_mark_dirty(struct conn *conn)
{
    struct conn_host *host = conn->host;

    if (conn->is_dirty || (conn->is_blocked && !conn->is_slow))
        return;
    conn->is_dirty = true;
    conn->dirty_next = NULL;
    if (host->dirty_first)
        host->dirty_last->dirty_next = conn;
    else
        host->dirty_first = conn;
    host->dirty_last = conn;
}

/* ---- the life ---------------------------------------------------------------------------------------------------- */

static void on_watch_closed(struct loop_watch *watch)
{
    free(watch); /* the conn's first member */
}

static const struct loop_watch_calls watch_calls = {.on_ready = conn_on_ready, .on_closed = on_watch_closed};

struct conn *conn_open(struct conn_host *host, int fd, const struct conn_remote *remote, struct tls *tls,
                       uint64_t handshake_ms)
{
    struct conn *conn = NEW(struct conn);

    conn->host = host;
    conn->remote = *remote;
    conn->last_heard_ms = loop_now_ms(host->loop);
    conn->state = CONN_OPEN;
    conn_queue_init(conn);
    list_init(&conn->all);
    list_push_tail(&host->conns, &conn->all);
    host->conn_count++;
    metric_add(METRIC_connections, 1);
    conn->watch.calls = &watch_calls;
    loop_watch_open(host->loop, &conn->watch, fd);
    if (tls) {
        conn->is_tls = true;
        conn->state = CONN_HANDSHAKE;
        conn_extra(conn)->tls = tls_session_new(tls, fd);
        loop_timer_set(host->loop, &conn->extra->deadline, conn->last_heard_ms + handshake_ms);
    }
    conn_update_watch(conn);
    return conn;
}

void conn_set_owner(struct conn *conn, const struct conn_events *events, void *owner)
{
    conn->events = events;
    conn->owner = owner;
}

void conn_pause(struct conn *conn)
{
    conn->is_paused = true;
    conn_update_watch(conn);
}

void conn_resume(struct conn *conn)
{
    struct conn_host *host = conn->host;

    conn->is_paused = false;
    if (conn_kept_bytes(conn) > 0 && list_is_empty(&conn->extra->resumed)) {
        list_push_tail(&host->resumed, &conn->extra->resumed);
        loop_timer_set(host->loop, &host->resume_timer, loop_now_ms(host->loop));
    }
    conn_update_watch(conn);
}

void conn_finish(struct conn *conn, uint64_t linger_ms)
{
    if (conn->state >= CONN_FINISHING)
        return;
    if (conn->state == CONN_HANDSHAKE) {
        conn_close(conn);
        return;
    }
    conn->state = CONN_FINISHING;
    loop_timer_set(conn->host->loop, &conn_extra(conn)->deadline, loop_now_ms(conn->host->loop) + linger_ms);
    buf_deinit(&conn->extra->kept);
    conn_mark_dirty(conn);
    conn_update_watch(conn);
}

void conn_close(struct conn *conn)
{
    if (conn->state >= CONN_CLOSED)
        return;
    conn_queue_clear(conn);
    loop_watch_set(&conn->watch, 0);
    conn->state = CONN_CLOSED;
    list_remove(&conn->all);
    list_push_tail(&conn->host->closed, &conn->all);
    conn->host->conn_count--;
}

/* ---- what is known about one ------------------------------------------------------------------------------------- */

struct conn_address conn_address_of(const struct conn_remote *remote)
{
    struct conn_address address = {.text = "unix", .network = "unix", .is_local = remote->family == CONN_UNIX};
    uint8_t network[16] = {0};

    if (remote->family == CONN_IPV4) {
        inet_ntop(AF_INET, remote->bytes, address.text, sizeof(address.text));
        inet_ntop(AF_INET, remote->bytes, address.network, sizeof(address.network));
    } else if (remote->family == CONN_IPV6) {
        memcpy(network, remote->bytes, 8); /* one subscriber usually has a whole /64 */
        inet_ntop(AF_INET6, remote->bytes, address.text, sizeof(address.text));
        inet_ntop(AF_INET6, network, address.network, sizeof(address.network));
    }
    address.port = remote->port;
    return address;
}

struct conn_address conn_address(const struct conn *conn)
{
    return conn_address_of(&conn->remote);
}

const struct conn_remote *conn_remote(const struct conn *conn)
{
    return &conn->remote;
}

bool conn_is_tls(const struct conn *conn)
{
    return conn->is_tls;
}

bool conn_is_open(const struct conn *conn)
{
    return conn->state == CONN_HANDSHAKE || conn->state == CONN_OPEN;
}

struct conn_host *conn_host_of(const struct conn *conn)
{
    return conn->host;
}

bool conn_is_deserted(const struct conn *conn)
{
    struct pollfd ask = {.fd = conn->watch.fd, .events = POLLRDHUP};

    return !conn_is_open(conn) || conn->is_ended ||
           (poll(&ask, 1, 0) > 0 && (ask.revents & (POLLRDHUP | POLLHUP | POLLERR)));
}

size_t conn_queue_bytes(const struct conn *conn)
{
    return conn->queue_bytes;
}

bool conn_is_blocked(const struct conn *conn)
{
    return conn->is_blocked;
}

bool conn_is_paused(const struct conn *conn)
{
    return conn->is_paused;
}

uint64_t conn_bytes_received(const struct conn *conn)
{
    return conn->bytes_received;
}

uint64_t conn_last_heard_ms(const struct conn *conn)
{
    return conn->last_heard_ms;
}
