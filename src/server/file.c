#include "server/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum err file_read(struct span path, size_t bytes_max, struct buf *out, struct buf *why)
{
    char *name = span_to_str(path);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    size_t start = out->len;
    ssize_t count = fd < 0 ? -1 : 1;
    while (count > 0 && out->len - start <= bytes_max) {
        count = read(fd, buf_reserve(out, 4096), 4096);
        if (count > 0)
            out->len += (size_t)count;
        else if (count < 0 && errno == EINTR)
            count = 1;
    }
    enum err err = OK;
    if (count < 0) {
        buf_printf(why, "Cannot read %s: %s", name, strerror(errno));
        err = ERR_CONFIG;
    } else if (out->len - start > bytes_max) {
        buf_printf(why, "%s is larger than %zu bytes.", name, bytes_max);
        err = ERR_CONFIG;
    }
    if (fd >= 0)
        close(fd);
    free(name);
    return err;
}

struct span span_trim_lines(struct span text)
{
    while (text.len && strchr(" \t\r\n", text.data[text.len - 1]))
        text.len--;
    while (text.len && strchr(" \t\r\n", text.data[0]))
        text = span_slice(text, 1, text.len - 1);
    return text;
}
