/* dialer.h: from where to where: the server's address, and the addresses of our own that connections to it come
 * from. To a server on loopback each thousand connections come from an address of their own (127.0.0.1, .2 and so
 * on): one address has some 28,000 ports for one destination, and long before they are used up the kernel's search
 * for a free one costs more than all the rest of a connection. */
#pragma once

#include "base/err.h"

#include <sys/socket.h>

struct dialer {
    struct sockaddr_storage to;
    socklen_t to_len;
    uint32_t source;       /* last byte of the source address; 1: the system picks it */
    uint32_t source_count; /* connections from it */
};

/* ERR_NOT_FOUND: there is no such host. */
must_check enum err dialer_init(struct dialer *dialer, const char *host, const char *port);
/* A socket whose connection is under way: it becomes writable when that has come to an end. -1: see errno. */
int dialer_connect(struct dialer *dialer);
