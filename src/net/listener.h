/* listener.h: a listening socket of one worker. TCP sockets use SO_REUSEPORT so that every worker has its own; a Unix socket
 * is shared. "HOST:PORT", "[::]:8000" (dual-stack), ":8000" (all addresses), "unix:/path". Accepts a bounded number per turn, survives
 * ECONNABORTED, and rests (no busy loop) while the process is out of file descriptors. */
#pragma once

#include "net/conn.h"
#include "net/tls.h"
#include "base/err.h"

struct listener;

struct listener_address {
    struct span text;
    bool is_unix;
    char host[256];
    uint16_t port;
};
/* ERR_CONFIG with a sentence in *why. */
must_check enum err listener_parse(struct span text, struct listener_address *out, struct buf *why);

/* Makes the bound, listening socket: once per worker for TCP (the port 0 is bound once: pass the port of the first to the others),
 * once in all for Unix sockets (mode 0660; a dead file is removed first; the other workers get dup(2)s). ERR_IO with a
 * sentence in *why. */
must_check enum err listener_bind(const struct listener_address *address, int *fd, struct buf *why);
uint16_t listener_port(int fd);
/* Whether the address is free, before the first listener_bind: SO_REUSEPORT lets another process of the same user share it, and each
 * would get some of the clients. ERR_IO with a sentence in *why. */
must_check enum err listener_probe(const struct listener_address *address, struct buf *why);

/* Takes the fd. on_accept gets each new connection and must give it an owner before it returns. tls is borrowed: it must
 * outlive the listener. */
struct listener *listener_open(struct conn_host *host, int fd, struct tls *tls, uint64_t handshake_ms,
                               void (*on_accept)(void *arg, struct conn *conn), void *arg);
void listener_close(struct listener *listener); /* stops accepting; memory goes at the end of a later turn */
