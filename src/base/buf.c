#include "base/buf.h"

#include "base/memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A message is put together in many small steps: a small buffer grows fast, so that it is not copied at every other. */
enum { FIRST_CAPACITY = 64, SMALL_CAPACITY = 1024 };

void buf_init(struct buf *buf)
{
    *buf = BUF_EMPTY;
}

void buf_deinit(struct buf *buf)
{
    free(buf->data);
    *buf = BUF_EMPTY;
}

char *buf_grow(struct buf *buf, size_t more)
{
    size_t needed;
    size_t cap = buf->cap > 0 ? buf->cap : FIRST_CAPACITY;
    bool overflow = __builtin_add_overflow(buf->len, more, &needed);

    assert(!overflow && needed <= SIZE_MAX / 4); /* so that doubling stays in range, too */
    if (needed > buf->cap || buf->cap == 0) {
        while (cap < needed)
            cap *= cap < SMALL_CAPACITY ? 4 : 2;
        buf->data = memory_resize(buf->data, cap);
        buf->cap = cap;
    }
    return buf->data + buf->len;
}

void buf_append_str(struct buf *buf, const char *str)
{
    buf_append_span(buf, span_from_str(str));
}

void buf_append_u64(struct buf *buf, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    buf_append(buf, digits + at, sizeof(digits) - at);
}

void buf_append_i64(struct buf *buf, int64_t number)
{
    if (number >= 0) {
        buf_append_u64(buf, (uint64_t)number);
        return;
    }
    buf_append_char(buf, '-');
    buf_append_u64(buf, (uint64_t)(-(number + 1)) + 1); /* INT64_MIN has no positive twin */
}

void buf_append_hex(struct buf *buf, uint64_t number)
{
    char digits[16];
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[number & 15];
        number >>= 4;
    } while (number > 0);
    buf_append(buf, digits + at, sizeof(digits) - at);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);

    va_start(args, format);
    vsnprintf(buf_reserve(buf, (size_t)len + 1), (size_t)len + 1, format, args); /* the NUL stays behind the end */
    va_end(args);
    buf->len += (size_t)len;
}

void buf_consume(struct buf *buf, size_t count)
{
    assert(count <= buf->len);
    buf->len -= count;
    if (count > 0 && buf->len > 0)
        memmove(buf->data, buf->data + count, buf->len);
}

void buf_reset(struct buf *buf)
{
    buf->len = 0;
}

char *buf_take(struct buf *buf, size_t *len)
{
    char *data = buf->data;

    *len = buf->len;
    *buf = BUF_EMPTY;
    return data;
}
