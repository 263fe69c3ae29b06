/* conn.h: one connection's byte stream: TCP or Unix socket, plain or TLS, with a bounded queue of outgoing frames.
 *
 * Home thread only. Reading lends the host's buffer (writable) to on_bytes; what the owner wants to keep it copies.
 * Everything queued in a turn leaves with one system call at the turn's end. An idle connection holds no buffers.
 * Life: conn_open (by the listener) -> open -> conn_finish (flush, then close) or conn_close (now) -> on_closed at the end
 * of the turn, after which the conn is gone. No callback is made after on_closed; on_closed is always made, once. No
 * function here makes a callback: they all come from the loop, so nothing an owner calls can re-enter it. */
#pragma once

#include "base/list.h"
#include "net/frame.h"
#include "net/loop.h"

struct conn;
struct conn_host; /* per worker: the loop, the read buffer, the dirty list, the budget */

struct conn_events {
    /* Bytes came; gives how many were taken. The rest is kept (at most one read buffer, then reading stops) and offered
     * again in a turn after conn_resume. When on_bytes gives the connection a new owner, that one gets the rest. */
    size_t (*on_bytes)(void *owner, char *bytes, size_t len);
    void (*on_drained)(void *owner); /* the queue has become empty: produce more. NULL is fine */
    void (*on_end)(void *owner);     /* the peer finished sending (FIN): the owner decides. NULL: conn_finish */
    void (*on_slow)(void *owner);    /* the queue passed a limit; counted frames are dropped. NULL: conn_close */
    void (*on_closed)(void *owner);
};

struct conn_limits {
    size_t queue_bytes_max;  /* hard: 1 MiB of counted bytes waiting make a slow reader */
    size_t queue_bytes_soft; /* 256 KiB ... */
    uint64_t queue_soft_ms;  /* ... for longer than 10 s do the same */
};
extern const struct conn_limits conn_limits_default;

struct conn_host *conn_host_new(struct loop *loop, const struct conn_limits *limits);
void conn_host_free(struct conn_host *host); /* closes what is still open; free the loop afterwards */
void conn_host_flush(
    struct conn_host *host); /* the worker's on_turn_end: one write per dirty connection, then collects closed ones */
struct loop *conn_host_loop(struct conn_host *host);
size_t conn_host_count(const struct conn_host *host); /* connections that are not closed yet */
void conn_host_close_all(struct conn_host *host);     /* as conn_close on each */

/* Who is at the other end, as small as a connection keeps it. */
enum conn_family { CONN_UNIX, CONN_IPV4, CONN_IPV6 };
struct conn_remote {
    uint8_t bytes[16]; /* in network order; 4 or 16 of them */
    uint16_t port;
    uint8_t family; /* enum conn_family */
};
/* The same for people and tables. */
struct conn_address {
    char text[64];    /* "127.0.0.1", "2001:db8::1", "unix" */
    char network[64]; /* what limits per address count by: the address, or its /64 for IPv6 */
    uint16_t port;
    bool is_local; /* a Unix socket */
};
struct conn_address conn_address_of(const struct conn_remote *remote);

struct tls; /* net/tls.h: the context of a listener */

/* Takes the fd, which must not block. With tls the handshake comes first (deadline handshake_ms, total) and on_bytes sees
 * clear text. An owner must be set before the turn ends. */
struct conn *conn_open(struct conn_host *host, int fd, const struct conn_remote *remote, struct tls *tls,
                       uint64_t handshake_ms);
void conn_set_owner(struct conn *conn, const struct conn_events *events, void *owner);
struct conn_address conn_address(const struct conn *conn); /* formatted on demand */
const struct conn_remote *conn_remote(const struct conn *conn);
bool conn_is_tls(const struct conn *conn);
bool conn_is_open(const struct conn *conn); /* neither finishing nor closed */
struct conn_host *conn_host_of(const struct conn *conn);

/* Queues a frame (takes a reference of its own). When counted bytes wait and this frame would take them past
 * queue_bytes_max, the connection is slow: the frame is dropped, on_slow is called at the end of the turn. `conflate_key`
 * != 0: a waiting frame with the same key that has not begun to leave is dropped, so only the newest is sent, in its own
 * place at the end. UINT64_MAX is this folder's own key. */
void conn_send(struct conn *conn, struct frame *frame, uint64_t conflate_key);
/* Queues what is not counted against the slow reader limit (answers produced as the socket drains: the producer waits for
 * on_drained). The second one copies. */
void conn_send_uncounted(struct conn *conn, struct frame *frame);
void conn_send_bytes(struct conn *conn, struct span bytes);
void conn_drop_waiting(struct conn *conn);        /* frames that have not begun to leave */
size_t conn_queue_bytes(const struct conn *conn); /* of both kinds */
bool conn_is_blocked(const struct conn *conn);    /* the socket took less than it was given last time */
void conn_pause(struct conn *conn);               /* stop reading: backpressure; the end is not noticed either */
void conn_resume(struct conn *conn);              /* offers kept bytes first, in a later turn */
bool conn_is_paused(const struct conn *conn);
void conn_finish(struct conn *conn, uint64_t linger_ms); /* flush, shut down, close at the latest after linger_ms */
void conn_close(struct conn *conn);                      /* drop the queue, close */
/* Asks the socket itself whether the peer has ended its side or is gone, which the loop may be about to hear. */
bool conn_is_deserted(const struct conn *conn);
uint64_t conn_bytes_received(const struct conn *conn); /* of clear text */
uint64_t conn_last_heard_ms(const struct conn *conn);  /* loop time of the last byte */
