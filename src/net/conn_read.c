/* Reading: one read per connection and turn into the host's buffer, which the owner sees at once. */
#include "net/conn_internal.h"
#include "net/tls_internal.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

/* Gives how many of the bytes found a taker. */
static size_t offer(struct conn *conn, char *bytes, size_t len)
{
    size_t taken = 0;
    const void *owner = NULL;

    /* An upgrade changes the owner: the new one gets what the old one left. */
    while (taken < len && conn->state == CONN_OPEN && !conn->is_paused && owner != conn->owner) {
        size_t count;

        owner = conn->owner;
        count = conn->events->on_bytes(conn->owner, bytes + taken, len - taken);
        assert(count <= len - taken);
        taken += count;
    }
    return conn->state == CONN_OPEN ? taken : len;
}

static void on_read(struct conn *conn, char *bytes, size_t len)
{
    size_t taken = 0;

    conn->bytes_received += len;
    conn->host->bytes_received += (int64_t)len;
    conn->last_heard_ms = loop_now_ms(conn->host->loop);
    if (conn->state != CONN_OPEN)
        return;
    if (conn_kept_bytes(conn) == 0)
        taken = offer(conn, bytes, len);
    if (taken < len && conn->state == CONN_OPEN)
        buf_append(&conn_extra(conn)->kept, bytes + taken, len - taken);
}

static void on_end(struct conn *conn)
{
    conn->is_ended = true;
    if (conn->state == CONN_LINGERING)
        conn_close(conn);
    else if (conn->state == CONN_OPEN && conn->events->on_end)
        conn->events->on_end(conn->owner);
    else if (conn->state == CONN_OPEN)
        conn_finish(conn, 0);
}

static void read_plain(struct conn *conn)
{
    size_t room = CONN_READ_BYTES - conn_kept_bytes(conn);
    ssize_t len;

    do
        len = recv(conn->watch.fd, conn->host->read_buf, room, 0);
    while (len < 0 && errno == EINTR);
    if (len > 0)
        on_read(conn, conn->host->read_buf, (size_t)len);
    else if (len == 0)
        on_end(conn);
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS && errno != ENOMEM)
        conn_close(conn);
}

/* Whole records only: what stayed inside OpenSSL would not wake epoll. */
static void read_tls(struct conn *conn)
{
    size_t room = CONN_READ_BYTES - conn_kept_bytes(conn);
    size_t len = 0;
    ssize_t step = 0;

    while (room - len >= CONN_RECORD_BYTES) {
        if ((step = tls_session_read(conn->extra->tls, conn->host->read_buf + len, room - len)) <= 0)
            break;
        len += (size_t)step;
    }
    if (len > 0)
        on_read(conn, conn->host->read_buf, len);
    if (conn->state == CONN_CLOSED)
        return;
    if (step == TLS_ENDED)
        on_end(conn);
    else if (step == TLS_FAILED)
        conn_close(conn); /* also when the socket ended without close_notify: the bytes may have been cut short */
    else if (step == TLS_AGAIN_WRITE)
        conn->is_blocked = true;
}

static void shake_hands(struct conn *conn)
{
    int step;

    if (conn->host->handshakes_left == 0)
        return; /* the socket stays readable: next turn */
    conn->host->handshakes_left--;
    step = tls_session_handshake(conn->extra->tls);
    conn->is_blocked = step == TLS_AGAIN_WRITE;
    if (step == 0) {
        conn->state = CONN_OPEN;
        loop_timer_stop(conn->host->loop, &conn->extra->deadline);
        conn->last_heard_ms = loop_now_ms(conn->host->loop);
        conn_mark_dirty(conn);
    } else if (step == TLS_FAILED || step == TLS_ENDED) {
        /* Closing with unread bytes would reset the connection, and take the alert along. */
        (void)!recv(conn->watch.fd, conn->host->read_buf, CONN_READ_BYTES, 0);
        conn_close(conn);
    }
}

void conn_on_ready(struct loop_watch *watch, int events)
{
    struct conn *conn = (struct conn *)(void *)watch;

    if (conn->state == CONN_HANDSHAKE) {
        shake_hands(conn);
    } else {
        if (events & LOOP_WRITE) {
            conn->is_blocked = false;
            conn_mark_dirty(conn);
        }
        if (conn->is_tls && events && conn_wants_read(conn)) /* reading may have waited for a write */
            read_tls(conn);
        else if ((events & LOOP_READ) && conn_wants_read(conn))
            read_plain(conn);
    }
    conn_update_watch(conn);
}

static void offer_kept(struct conn *conn)
{
    struct buf kept = conn->extra->kept;
    size_t taken;

    if (conn->state != CONN_OPEN || conn->is_paused)
        return;
    conn->extra->kept = BUF_EMPTY;
    taken = offer(conn, kept.data, kept.len);
    if (taken < kept.len) {
        buf_consume(&kept, taken);
        conn_extra(conn)->kept = kept;
    } else {
        buf_deinit(&kept);
        conn_extra_release(conn);
    }
    conn_update_watch(conn);
}

void conn_on_resume_time(struct loop_timer *timer)
{
    struct conn_host *host = LIST_OWNER(timer, struct conn_host, resume_timer);
    struct list resumed;

    /* Taken over first: a connection that is resumed in a callback waits for the next turn. */
    list_init(&resumed);
    while (!list_is_empty(&host->resumed)) {
        struct list *node = host->resumed.next;

        list_remove(node);
        list_push_tail(&resumed, node);
    }
    while (!list_is_empty(&resumed)) {
        struct conn_extra *extra = LIST_OWNER(resumed.next, struct conn_extra, resumed);

        list_remove(&extra->resumed);
        offer_kept(extra->conn);
    }
}
