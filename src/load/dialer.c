#include "load/dialer.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

enum { SOURCE_SYSTEM = 1, SOURCE_MAX = 254, SOURCE_CONNECTIONS = 1000 };

enum err dialer_init(struct dialer *dialer, const char *host, const char *port)
{
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM}, *found = NULL;

    *dialer = (struct dialer){.source = SOURCE_SYSTEM};
    if (getaddrinfo(host, port, &wanted, &found) != 0 || found == NULL)
        return ERR_NOT_FOUND;
    memcpy(&dialer->to, found->ai_addr, found->ai_addrlen);
    dialer->to_len = found->ai_addrlen;
    freeaddrinfo(found);
    return OK;
}

static bool is_loopback(const struct dialer *dialer)
{
    const struct sockaddr_in *to = (const struct sockaddr_in *)(const void *)&dialer->to;

    return to->sin_family == AF_INET && ntohl(to->sin_addr.s_addr) >> 24 == 127;
}

static int connect_from(const struct dialer *dialer)
{
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000 | dialer->source)};
    int fd = socket(dialer->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, failure;

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (dialer->source != SOURCE_SYSTEM) {
        /* the port is picked when connecting, when it need be unique to the destination only */
        (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
        if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0)
            goto failed;
    }
    if (connect(fd, (const struct sockaddr *)&dialer->to, dialer->to_len) == 0 || errno == EINPROGRESS)
        return fd;
failed:
    failure = errno;
    (void)close(fd);
    errno = failure;
    return -1;
}

static void next_source(struct dialer *dialer)
{
    dialer->source++;
    dialer->source_count = 0;
}

int dialer_connect(struct dialer *dialer)
{
    bool has_more = is_loopback(dialer);
    int fd;

    if (has_more && dialer->source_count == SOURCE_CONNECTIONS && dialer->source < SOURCE_MAX)
        next_source(dialer);
    while ((fd = connect_from(dialer)) < 0 && errno == EADDRNOTAVAIL && has_more && dialer->source < SOURCE_MAX)
        next_source(dialer);
    dialer->source_count++;
    return fd;
}
