/* conn_internal.h: what the .c files of this folder know about connections and their host, and nobody else. */
#pragma once

#include "net/conn.h"

enum {
    CONN_READ_BYTES = 64 * 1024, /* the shared buffer; also the most a connection may keep */
    CONN_RECORD_BYTES =
        16 * 1024, /* a TLS record: a read with less room could leave bytes where epoll does not see them */
    CONN_SLOTS_INLINE = 1,
    CONN_SLOTS_POOLED = 8,        /* the first ring beyond; the host keeps those that are not in use: */
    CONN_RINGS_KEPT = 4096,       /* so many of them */
    CONN_HANDSHAKES_PER_TURN = 8, /* handshakes are dear: open connections get their turn in between */
};
#define CONN_KEY_PONG UINT64_MAX

/* A queued frame; the lowest bit of its address says that it is not counted. */
struct conn_slot {
    uintptr_t frame;
    uint64_t key;
};

/* handshake -> open -> finishing (queue leaves) -> lingering (FIN sent, waiting for the peer's) -> closed -> collected.
 * Any state may go to closed. Changed in conn*.c only. */
enum conn_state { CONN_HANDSHAKE, CONN_OPEN, CONN_FINISHING, CONN_LINGERING, CONN_CLOSED, CONN_COLLECTED };

/* What few connections need at any time: allocated on demand, released when nothing in it is in use. */
struct conn_extra {
    struct loop_timer deadline; /* first: of a handshake or of finishing; closes */
    struct conn *conn;
    struct tls_session *tls;
    struct buf kept;           /* bytes the owner has not taken */
    struct list resumed;       /* in host->resumed: kept bytes are to be offered again */
    struct list backlog;       /* in host->backlog: above the soft limit */
    uint64_t backlog_since_ms; /* valid in that list */
    size_t retry_bytes;        /* TLS: the front of the queue that must be written again unchanged */
};

/* What every frame that is sent comes by stands together, at the front. */
struct conn {
    struct loop_watch watch; /* first */
    struct conn_host *host;
    struct conn *dirty_next;
    struct conn_slot *slots; /* a ring: slots_inline, or a larger one while that is too small */
    struct conn_slot slots_inline[CONN_SLOTS_INLINE];
    uint32_t slot_head, slot_count, slot_cap; /* cap is a power of two */
    uint32_t head_sent;                       /* bytes of the first frame that have left */
    size_t queue_bytes;
    size_t counted_bytes;
    struct conn_extra *extra;
    uint8_t state; /* enum conn_state */
    bool is_tls : 1;
    bool is_dirty : 1;
    bool is_blocked : 1; /* waits for LOOP_WRITE */
    bool is_paused : 1;
    bool is_ended : 1; /* the peer's FIN was read */
    bool is_slow : 1;
    bool is_slow_told : 1;
    struct conn_remote remote;
    const struct conn_events *events;
    void *owner;
    struct list all; /* in host->conns or host->closed */
    uint64_t bytes_received;
    uint64_t last_heard_ms;
};

struct http_host;
struct websocket_host;

struct conn_host {
    struct loop *loop;
    struct conn_limits limits;
    struct list conns;  /* not closed yet */
    struct list closed; /* to be collected at the end of the turn */
    size_t conn_count;
    struct conn *dirty_first, *dirty_last;
    struct list resumed, backlog;
    struct loop_timer resume_timer, backlog_timer; /* LIST_OWNER finds the host */
    unsigned handshakes_left;                      /* this turn */
    struct conn_ring *rings;                       /* not in use, the one that was last in use first */
    unsigned ring_count;
    struct buf tls_scratch;
    /* Counted here, added to the metrics once per flush. */
    int64_t bytes_received, bytes_sent, messages_conflated, queue_bytes, queue_bytes_told;
    /* State per worker of the layers above; made on first use, freed with the host. */
    struct http_host *http;
    struct websocket_host *websocket;
    char read_buf[CONN_READ_BYTES];
};

/* conn_queue.c */
void conn_queue_init(struct conn *conn);
void conn_queue_clear(struct conn *conn);
void conn_rings_free(struct conn_host *host);
/* Writes as much as the socket takes; sets is_blocked when it took less. False: the connection is broken. No callbacks. */
bool conn_queue_write(struct conn *conn);

/* conn.c */
struct conn_extra *conn_extra(struct conn *conn); /* made when missing */
void conn_extra_release(struct conn *conn);       /* if nothing in it is in use */
void conn_extra_free(struct conn *conn);
size_t conn_kept_bytes(const struct conn *conn);
bool conn_wants_read(const struct conn *conn);
void conn_update_watch(struct conn *conn);
void conn_mark_dirty(struct conn *conn);

/* conn_host.c: looks whether the counted bytes are above the soft limit, and since when. */
void conn_watch_backlog(struct conn *conn);

/* conn_read.c */
void conn_on_ready(struct loop_watch *watch, int events);
void conn_on_resume_time(struct loop_timer *timer);

/* http.c, websocket_conn.c */
void http_host_free(struct http_host *http);
void websocket_host_free(struct websocket_host *websocket);
