/* The queue of outgoing frames: one slot inside the conn, which is all that most turns need; a ring of eight, lent by the
 * host, in a busy room; a larger one of its own while a reader lags behind. */
#include "net/conn_internal.h"
#include "net/tls_internal.h"

#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    IOV_MAX_PER_CALL = 64,
    CONFLATE_SCAN_MAX = 512, /* frames looked at for one to replace: a longer queue is cut off for its size soon */
};
#define UNCOUNTED ((uintptr_t)1)

static struct conn_slot *slot_at(struct conn *conn, uint32_t index)
{
    return &conn->slots[(conn->slot_head + index) & (conn->slot_cap - 1)];
}

static struct frame *slot_frame(const struct conn_slot *slot)
{
    return (struct frame *)(slot->frame & ~UNCOUNTED); // NOLINT(performance-no-int-to-ptr)
}

static bool slot_is_counted(const struct conn_slot *slot)
{
    return (slot->frame & UNCOUNTED) == 0;
}

void conn_queue_init(struct conn *conn)
{
    conn->slots = conn->slots_inline;
    conn->slot_cap = CONN_SLOTS_INLINE;
}

/* ---- rings -------------------------------------------------------------------------------------------------------- */

/* A pooled ring that nobody uses. */
struct conn_ring {
    struct conn_ring *next;
};

static struct conn_slot *ring_take(struct conn_host *host)
{
    struct conn_ring *ring = host->rings;

    if (ring == NULL)
        return memory_alloc(CONN_SLOTS_POOLED * sizeof(struct conn_slot));
    host->rings = ring->next;
    host->ring_count--;
    return (struct conn_slot *)(void *)ring;
}

static void ring_give(struct conn_host *host, struct conn_slot *slots)
{
    struct conn_ring *ring = (struct conn_ring *)(void *)slots;

    if (host->ring_count == CONN_RINGS_KEPT) {
        free(ring);
        return;
    }
    ring->next = host->rings;
    host->rings = ring;
    host->ring_count++;
}

void conn_rings_free(struct conn_host *host)
{
    while (host->rings)
        free(ring_take(host));
}

static void release_ring(struct conn *conn)
{
    if (conn->slot_cap == CONN_SLOTS_POOLED)
        ring_give(conn->host, conn->slots);
    else if (conn->slots != conn->slots_inline)
        free(conn->slots);
}

static void shrink_ring(struct conn *conn)
{
    release_ring(conn);
    conn_queue_init(conn);
    conn->slot_head = 0;
}

static void grow_ring(struct conn *conn)
{
    uint32_t cap = conn->slot_cap < CONN_SLOTS_POOLED ? CONN_SLOTS_POOLED : conn->slot_cap * 2;
    struct conn_slot *slots =
        cap == CONN_SLOTS_POOLED ? ring_take(conn->host) : memory_array(cap, sizeof(struct conn_slot));

    assert(cap > conn->slot_cap);
    for (uint32_t i = 0; i < conn->slot_count; i++)
        slots[i] = *slot_at(conn, i);
    release_ring(conn);
    conn->slots = slots;
    conn->slot_cap = cap;
    conn->slot_head = 0;
}

/* ---- frames ------------------------------------------------------------------------------------------------------- */

static void count_bytes(struct conn *conn, const struct conn_slot *slot, int64_t change)
{
    conn->queue_bytes += (size_t)change;
    conn->host->queue_bytes += change;
    if (slot_is_counted(slot))
        conn->counted_bytes += (size_t)change;
}

/* Takes the reference. */
static void push(struct conn *conn, struct frame *frame, bool is_counted, uint64_t key)
{
    struct conn_slot *slot;

    if (conn->slot_count == conn->slot_cap)
        grow_ring(conn);
    slot = slot_at(conn, conn->slot_count++);
    *slot = (struct conn_slot){(uintptr_t)frame | (is_counted ? 0 : UNCOUNTED), key};
    count_bytes(conn, slot, frame->len);
    conn_mark_dirty(conn);
}

/* How many frames at the front have begun to leave and so must stay as they are. */
static uint32_t begun_count(struct conn *conn)
{
    size_t bytes = conn->head_sent + (conn->extra ? conn->extra->retry_bytes : 0);
    uint32_t count = 0;

    while (bytes > 0 && count < conn->slot_count) {
        size_t len = slot_frame(slot_at(conn, count))->len;

        count++;
        bytes -= len < bytes ? len : bytes;
    }
    return count;
}

/* The newer one goes to the end, not into the older one's place: what was said between them (somebody left and came back) must be heard
 * before it. */
static void drop_older(struct conn *conn, uint64_t key)
{
    uint32_t begun = begun_count(conn);
    uint32_t stop = conn->slot_count > CONFLATE_SCAN_MAX ? conn->slot_count - CONFLATE_SCAN_MAX : 0;

    for (uint32_t i = conn->slot_count; i > begun && i > stop; i--) {
        struct conn_slot *slot = slot_at(conn, i - 1);

        if (slot->key != key || !slot_is_counted(slot))
            continue;
        count_bytes(conn, slot, -(int64_t)slot_frame(slot)->len);
        frame_unref(slot_frame(slot));
        for (uint32_t next = i; next < conn->slot_count; next++)
            *slot_at(conn, next - 1) = *slot_at(conn, next);
        conn->slot_count--;
        conn->host->messages_conflated++;
        return;
    }
}

static bool has_room(const struct conn *conn, size_t len)
{
    return conn->counted_bytes == 0 || conn->counted_bytes + len <= conn->host->limits.queue_bytes_max;
}

void conn_send(struct conn *conn, struct frame *frame, uint64_t conflate_key)
{
    if (conn->state > CONN_OPEN || conn->is_slow || frame->len == 0)
        return;
    if (conflate_key != 0 && conn->slot_count > 0)
        drop_older(conn, conflate_key);
    /* A burst of one turn is not a slow reader: ask the socket first. */
    if (!has_room(conn, frame->len) && !conn->is_blocked && conn->state == CONN_OPEN && !conn_queue_write(conn)) {
        conn_close(conn);
        return;
    }
    if (!has_room(conn, frame->len)) {
        conn->is_slow = true;
        conn_mark_dirty(conn);
        return;
    }
    push(conn, frame_ref(frame), true, conflate_key);
    if (conn->is_blocked) /* then no flush comes to look */
        conn_watch_backlog(conn);
}

void conn_send_uncounted(struct conn *conn, struct frame *frame)
{
    if (conn_is_open(conn) && frame->len > 0)
        push(conn, frame_ref(frame), false, 0);
}

void conn_send_bytes(struct conn *conn, struct span bytes)
{
    if (conn_is_open(conn) && bytes.len > 0)
        push(conn, frame_new(bytes), false, 0);
}

void conn_drop_waiting(struct conn *conn)
{
    uint32_t begun = begun_count(conn);

    while (conn->slot_count > begun) {
        struct conn_slot *slot = slot_at(conn, --conn->slot_count);

        count_bytes(conn, slot, -(int64_t)slot_frame(slot)->len);
        frame_unref(slot_frame(slot));
    }
    if (conn->slot_count == 0)
        shrink_ring(conn);
}

/* `bytes` at the front have left. */
static void pop(struct conn *conn, size_t bytes)
{
    conn->host->bytes_sent += (int64_t)bytes;
    while (bytes > 0) {
        struct conn_slot *slot = slot_at(conn, 0);
        struct frame *frame = slot_frame(slot);
        size_t left = frame->len - conn->head_sent;
        size_t gone = bytes < left ? bytes : left;

        count_bytes(conn, slot, -(int64_t)gone);
        bytes -= gone;
        if (gone < left) {
            conn->head_sent += (uint32_t)gone;
            return;
        }
        conn->head_sent = 0;
        conn->slot_head = (conn->slot_head + 1) & (conn->slot_cap - 1);
        conn->slot_count--;
        frame_unref(frame);
    }
    if (conn->slot_count == 0)
        shrink_ring(conn);
}

void conn_queue_clear(struct conn *conn)
{
    for (uint32_t i = 0; i < conn->slot_count; i++)
        frame_unref(slot_frame(slot_at(conn, i)));
    conn->host->queue_bytes -= (int64_t)conn->queue_bytes;
    conn->queue_bytes = conn->counted_bytes = 0;
    conn->slot_count = 0;
    conn->head_sent = 0;
    shrink_ring(conn);
    if (conn->extra)
        conn->extra->retry_bytes = 0;
}

/* The front of the queue as vectors; gives how many, and their bytes in *total. */
static unsigned gather(struct conn *conn, struct iovec *iov, size_t *total)
{
    unsigned count = 0;

    *total = 0;
    for (; count < conn->slot_count && count < IOV_MAX_PER_CALL; count++) {
        struct frame *frame = slot_frame(slot_at(conn, count));
        size_t skipped = count == 0 ? conn->head_sent : 0;

        iov[count] = (struct iovec){frame->data + skipped, frame->len - skipped};
        *total += frame->len - skipped;
    }
    return count;
}

static bool write_plain(struct conn *conn)
{
    while (conn->slot_count > 0) {
        struct iovec iov[IOV_MAX_PER_CALL];
        size_t total;
        unsigned count = gather(conn, iov, &total);
        struct msghdr message = {.msg_iov = iov, .msg_iovlen = count};
        ssize_t sent = count == 1 ? send(conn->watch.fd, iov[0].iov_base, iov[0].iov_len, MSG_NOSIGNAL)
                                  : sendmsg(conn->watch.fd, &message, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS && errno != ENOMEM)
            return false;
        if (sent > 0)
            pop(conn, (size_t)sent);
        if (sent < (ssize_t)total) {
            conn->is_blocked = true;
            break;
        }
    }
    return true;
}

/* Small frames are put together into one record: a record of its own for each would cost 22 bytes and a system call. */
static struct span gather_record(struct conn *conn)
{
    struct buf *scratch = &conn->host->tls_scratch;
    size_t retry = conn->extra->retry_bytes;

    buf_reset(scratch);
    for (uint32_t i = 0; i < conn->slot_count && scratch->len < CONN_RECORD_BYTES; i++) {
        struct frame *frame = slot_frame(slot_at(conn, i));
        size_t skipped = i == 0 ? conn->head_sent : 0;
        size_t room = CONN_RECORD_BYTES - scratch->len;
        size_t len = frame->len - skipped < room ? frame->len - skipped : room;

        buf_append(scratch, frame->data + skipped, len);
    }
    /* What was refused must come back with the same length, or OpenSSL takes it for a mistake. */
    return span_slice(buf_span(scratch), 0, retry > 0 ? retry : scratch->len);
}

static bool write_tls(struct conn *conn)
{
    while (conn->slot_count > 0) {
        struct span record = gather_record(conn);
        ssize_t sent = tls_session_write(conn->extra->tls, record.data, record.len);

        if (sent == TLS_AGAIN_WRITE || sent == TLS_AGAIN_READ) {
            conn->extra->retry_bytes = record.len;
            conn->is_blocked = true;
            break;
        }
        if (sent <= 0)
            return false;
        conn->extra->retry_bytes = 0;
        pop(conn, (size_t)sent);
    }
    return true;
}

bool conn_queue_write(struct conn *conn)
{
    return conn->is_tls ? write_tls(conn) : write_plain(conn);
}
