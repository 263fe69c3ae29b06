#include "server/admin_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME "admin.sock"
#define LINE_BYTES_MAX (64 * 1024)
#define LINE_MS 2000
/* A backup or a slow disk may take its time. */
#define ANSWER_MS (10 * 60 * 1000)

static bool address_of(struct span folder, struct sockaddr_un *address)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    int len = snprintf(address->sun_path, sizeof address->sun_path, "%.*s/%s", SPAN_ARG(folder), SOCKET_NAME);
    return len > 0 && (size_t)len < sizeof address->sun_path;
}

static int socket_new(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

enum err admin_socket_listen(struct span data_folder, int *out, struct buf *why)
{
    struct sockaddr_un address;
    if (!address_of(data_folder, &address)) {
        buf_printf(why, "The data folder's path is too long for a socket: %.*s", SPAN_ARG(data_folder));
        return ERR_CONFIG;
    }
    int fd = socket_new();
    unlink(address.sun_path); /* the store has locked the folder: whoever made it is gone */
    mode_t old_mask = umask(0177);
    bool is_listening = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
                        listen(fd, 16) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
    umask(old_mask);
    if (!is_listening) {
        buf_printf(why, "Cannot listen on %s: %s", address.sun_path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return ERR_IO;
    }
    *out = fd;
    return OK;
}

void admin_socket_remove(struct span data_folder)
{
    struct sockaddr_un address;
    if (address_of(data_folder, &address))
        unlink(address.sun_path);
}

/* Up to a line end or the end of the stream. */
static bool read_line(int fd, struct buf *line, int wait_ms)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    while (line->len < LINE_BYTES_MAX || wait_ms == ANSWER_MS) {
        if (poll(&ready, 1, wait_ms) <= 0)
            return false;
        char *place = buf_reserve(line, 4096);
        ssize_t count = read(fd, place, 4096);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count == 0 && line->len > 0;
        line->len += (size_t)count;
        if (line->data[line->len - 1] == '\n') {
            line->len--;
            return true;
        }
    }
    return false;
}

static bool write_line(int fd, struct buf *line)
{
    buf_append_char(line, '\n');
    for (size_t done = 0; done < line->len;) {
        ssize_t count = send(fd, line->data + done, line->len - done, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        done += (size_t)count;
    }
    return true;
}

void admin_socket_serve(int listener, void (*answer)(void *arg, struct span request, struct buf *out), void *arg)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct buf request = BUF_EMPTY, text = BUF_EMPTY;
    struct timeval patience = {.tv_sec = LINE_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (read_line(fd, &request, LINE_MS)) {
        answer(arg, buf_span(&request), &text);
        write_line(fd, &text);
    }
    buf_deinit(&request);
    buf_deinit(&text);
    close(fd);
}

enum err admin_socket_ask(struct span data_folder, struct span request, struct buf *answer)
{
    struct sockaddr_un address;
    struct buf line = BUF_EMPTY;
    enum err err = ERR_NOT_FOUND;
    int fd = socket_new();
    if (fd < 0 || !address_of(data_folder, &address) || connect(fd, (const struct sockaddr *)&address, sizeof address))
        goto done;
    buf_append_span(&line, request);
    err = write_line(fd, &line) && read_line(fd, answer, ANSWER_MS) ? OK : ERR_IO;
done:
    buf_deinit(&line);
    if (fd >= 0)
        close(fd);
    return err;
}
