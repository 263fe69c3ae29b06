#include "net/listener.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    ACCEPTS_PER_TURN = 64,
    BACKLOG = 4096,
    REST_MS = 200, /* after running out of file descriptors */
    KEEPALIVE_S = 60,
    UNACKED_MS = 60000, /* bytes unacknowledged for so long: the peer is gone */
};

struct listener {
    struct loop_watch watch; /* first */
    struct loop_timer rest;
    struct conn_host *host;
    struct tls *tls;
    uint64_t handshake_ms;
    void (*on_accept)(void *arg, struct conn *conn);
    void *arg;
};

/* ---- addresses --------------------------------------------------------------------------------------------------- */

static bool parse_port(struct span text, uint16_t *port)
{
    uint64_t number;

    if (!span_parse_u64(text, &number) || number > UINT16_MAX)
        return false;
    *port = (uint16_t)number;
    return true;
}

static bool parse_tcp(struct span text, struct listener_address *out)
{
    struct span host = text;
    size_t colon;

    if (text.len > 0 && text.data[0] == '[') {
        size_t end = span_find(text, ']');

        host = span_slice(text, 1, end - 1);
        colon = end + 1;
        if (host.len == 0)
            return false;
    } else {
        colon = span_find(text, ':');
        host.len = colon;
    }
    if (colon >= text.len || text.data[colon] != ':' || host.len >= sizeof(out->host) ||
        memchr(host.data, '\0', host.len))
        return false;
    if (host.len > 0)
        memcpy(out->host, host.data, host.len);
    out->host[host.len] = '\0';
    return parse_port(span_slice(text, colon + 1, text.len), &out->port);
}

enum err listener_parse(struct span text, struct listener_address *out, struct buf *why)
{
    struct span unix_prefix = SPAN("unix:");

    *out = (struct listener_address){.text = text};
    if (span_starts_with(text, unix_prefix)) {
        struct span path = span_slice(text, unix_prefix.len, text.len);

        out->is_unix = true;
        if (path.len > 0 && path.len < sizeof(((struct sockaddr_un *)0)->sun_path) &&
            !memchr(path.data, '\0', path.len)) {
            memcpy(out->host, path.data, path.len);
            return OK;
        }
        buf_printf(why, "\"%.*s\": the path of a Unix socket has 1 to %zu bytes", SPAN_ARG(text),
                   sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
        return ERR_CONFIG;
    }
    if (parse_tcp(text, out))
        return OK;
    buf_printf(why, "\"%.*s\" is no address to listen on: write HOST:PORT, [IPV6]:PORT, :PORT or unix:/PATH",
               SPAN_ARG(text));
    return ERR_CONFIG;
}

/* ---- binding ----------------------------------------------------------------------------------------------------- */

static enum err fail(const struct listener_address *address, const char *what, int error, struct buf *why)
{
    buf_printf(why, "%.*s: %s: %s", SPAN_ARG(address->text), what, strerror(error));
    return ERR_IO;
}

static void set_option(int fd, int level, int option, int value)
{
    /* Each is an improvement only: a kernel without it serves as well. */
    (void)setsockopt(fd, level, option, &value, sizeof(value));
}

/* Accepted sockets inherit these, which saves the system calls for each of them. */
static void set_tcp_options(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
#ifdef TCP_KEEPIDLE
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_S);
#endif
#ifdef TCP_USER_TIMEOUT
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKED_MS);
#endif
}

static int bind_one(const struct addrinfo *info, bool is_shared)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (is_shared)
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (info->ai_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    set_tcp_options(fd);
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* "localhost" names ::1 and 127.0.0.1: everybody who looks it up tries both, so one is enough, and the older one is there
 * on more machines. */
static const struct addrinfo *preferred(const struct addrinfo *list)
{
    for (const struct addrinfo *info = list; info; info = info->ai_next) {
        if (info->ai_family == AF_INET)
            return info;
    }
    return list;
}

static enum err bind_tcp(const struct listener_address *address, bool is_shared, int *fd, struct buf *why)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char port[8];
    int failed;

    snprintf(port, sizeof(port), "%u", address->port);
    failed = getaddrinfo(address->host[0] ? address->host : "::", port, &hints, &list);
    if (failed) {
        buf_printf(why, "%.*s: %s", SPAN_ARG(address->text), gai_strerror(failed));
        return ERR_IO;
    }
    *fd = bind_one(preferred(list), is_shared);
    freeaddrinfo(list);
    /* A machine without IPv6 still has all its IPv4 addresses. */
    if (*fd < 0 && address->host[0] == '\0' && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
        struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(address->port)};
        struct addrinfo info = {.ai_family = AF_INET, .ai_addr = (struct sockaddr *)&any, .ai_addrlen = sizeof(any)};

        *fd = bind_one(&info, is_shared);
    }
    return *fd < 0 ? fail(address, "cannot listen", errno, why) : OK;
}

/* A socket file that nobody listens on is left over from a process that was killed. */
static bool is_dead_socket(const struct sockaddr_un *name)
{
    struct stat status;
    int fd;
    bool is_dead;

    if (lstat(name->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return false;
    if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0) /* a full queue is not dead */
        return false;
    is_dead = connect(fd, (const struct sockaddr *)name, sizeof(*name)) != 0 && errno == ECONNREFUSED;
    close(fd);
    return is_dead;
}

static enum err bind_unix(const struct listener_address *address, int *fd, struct buf *why)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    memcpy(name.sun_path, address->host, strlen(address->host));
    if (is_dead_socket(&name))
        unlink(name.sun_path);
    if ((*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
        return fail(address, "cannot make a socket", errno, why);
    /* Nobody can connect before listen(), so the mode is right in time. */
    if (bind(*fd, (const struct sockaddr *)&name, sizeof(name)) == 0 && chmod(name.sun_path, 0660) == 0 &&
        listen(*fd, BACKLOG) == 0)
        return OK;
    enum err err = fail(address, "cannot listen", errno, why);
    close(*fd);
    *fd = -1;
    return err;
}

enum err listener_bind(const struct listener_address *address, int *fd, struct buf *why)
{
    return address->is_unix ? bind_unix(address, fd, why) : bind_tcp(address, true, fd, why);
}

enum err listener_probe(const struct listener_address *address, struct buf *why)
{
    int fd;
    enum err err;

    if (address->is_unix || address->port == 0)
        return OK; /* nobody shares those */
    if ((err = bind_tcp(address, false, &fd, why)) == OK)
        close(fd);
    return err;
}

uint16_t listener_port(int fd)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof(name);

    if (getsockname(fd, (struct sockaddr *)&name, &len) != 0)
        return 0;
    if (name.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&name)->sin_port);
    if (name.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&name)->sin6_port);
    return 0;
}

/* ---- accepting --------------------------------------------------------------------------------------------------- */

static struct conn_remote remote_of(const struct sockaddr_storage *name)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct conn_remote remote = {.family = CONN_UNIX};

    if (name->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)name;

        remote.family = CONN_IPV4;
        remote.port = ntohs(in->sin_port);
        memcpy(remote.bytes, &in->sin_addr, 4);
    } else if (name->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)name;
        const uint8_t *bytes = in->sin6_addr.s6_addr;
        bool is_mapped = memcmp(bytes, mapped, sizeof(mapped)) == 0; /* IPv4 on a dual-stack socket */

        remote.family = is_mapped ? CONN_IPV4 : CONN_IPV6;
        remote.port = ntohs(in->sin6_port);
        memcpy(remote.bytes, is_mapped ? bytes + 12 : bytes, is_mapped ? 4 : 16);
    }
    return remote;
}

static void take_rest(struct listener *listener)
{
    struct loop *loop = conn_host_loop(listener->host);

    loop_watch_set(&listener->watch, 0);
    loop_timer_set(loop, &listener->rest, loop_now_ms(loop) + REST_MS);
}

static void on_rested(struct loop_timer *timer)
{
    loop_watch_set(&LIST_OWNER(timer, struct listener, rest)->watch, LOOP_READ);
}

/* True: go on accepting. Peers that gave up and network errors of the new connection are reported here as well. */
static bool accept_one(struct listener *listener)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof(name);
    struct conn_remote remote;
    struct conn *conn;
    int fd = accept4(listener->watch.fd, (struct sockaddr *)&name, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        take_rest(listener);
        return false;
    }
    if (fd < 0)
        return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINVAL && errno != EBADF;
    remote = remote_of(&name);
    conn = conn_open(listener->host, fd, &remote, listener->tls, listener->handshake_ms);
    listener->on_accept(listener->arg, conn);
    return true;
}

static void on_ready(struct loop_watch *watch, int events)
{
    struct listener *listener = (struct listener *)(void *)watch;

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN && watch->fd >= 0; i++) {
        if (!accept_one(listener))
            break;
    }
}

static void on_closed(struct loop_watch *watch)
{
    free(watch); /* the listener's first member */
}

static const struct loop_watch_calls watch_calls = {.on_ready = on_ready, .on_closed = on_closed};

struct listener *listener_open(struct conn_host *host, int fd, struct tls *tls, uint64_t handshake_ms,
                               void (*on_accept)(void *arg, struct conn *conn), void *arg)
{
    struct listener *listener = NEW(struct listener);

    listener->host = host;
    listener->tls = tls;
    listener->handshake_ms = handshake_ms;
    listener->on_accept = on_accept;
    listener->arg = arg;
    listener->rest.on_time = on_rested;
    listener->watch.calls = &watch_calls;
    loop_watch_open(conn_host_loop(host), &listener->watch, fd);
    loop_watch_set(&listener->watch, LOOP_READ);
    return listener;
}

void listener_close(struct listener *listener)
{
    if (listener == NULL)
        return;
    loop_timer_stop(conn_host_loop(listener->host), &listener->rest);
    loop_watch_close(&listener->watch);
}
