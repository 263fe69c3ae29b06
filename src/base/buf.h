/* buf.h: a growable buffer of bytes with one owner.
 *
 * Invariants: len <= cap; data is NULL exactly when cap is 0. Growth doubles at least. Running out of memory ends the process
 * (memory.h), so appending never fails: compare sizes that a peer chose with a limit first. */
#pragma once

#include "base/span.h"

#include <stdarg.h>
#include <string.h>

struct buf {
    char *data;
    size_t len;
    size_t cap;
};

#define BUF_EMPTY ((struct buf){NULL, 0, 0})

void buf_init(struct buf *buf);
void buf_deinit(struct buf *buf); /* frees; the buf is empty and usable again afterwards */

char *buf_grow(struct buf *buf, size_t more); /* buf_reserve's other half */

/* Valid until the next change of the buf. */
static inline struct span buf_span(const struct buf *buf)
{
    return (struct span){buf->data, buf->len};
}
/* Room for `more` bytes after len; gives its address. Messages are put together from dozens of small pieces: only those
 * that find no room are worth a call. */
static inline char *buf_reserve(struct buf *buf, size_t more)
{
    return more < buf->cap - buf->len ? buf->data + buf->len : buf_grow(buf, more);
}
static inline void buf_append(struct buf *buf, const void *data, size_t len)
{
    if (len == 0)
        return;
    memcpy(buf_reserve(buf, len), data, len);
    buf->len += len;
}
static inline void buf_append_span(struct buf *buf, struct span span)
{
    buf_append(buf, span.data, span.len);
}
static inline void buf_append_char(struct buf *buf, char byte)
{
    *buf_reserve(buf, 1) = byte;
    buf->len++;
}
void buf_append_str(struct buf *buf, const char *str);
void buf_append_u64(struct buf *buf, uint64_t number); /* decimal */
void buf_append_i64(struct buf *buf, int64_t number);
void buf_append_hex(struct buf *buf, uint64_t number); /* lower case, without leading zeros */
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *buf, const char *format, ...);
void buf_consume(struct buf *buf, size_t count); /* drops bytes at the front, moves the rest down */
void buf_reset(struct buf *buf);                 /* len = 0, keeps the memory */
/* Gives the bytes (free() them) and leaves the buf empty. */
char *buf_take(struct buf *buf, size_t *len);

#define BUF_APPEND_LITERAL(buf, literal) buf_append((buf), (literal), sizeof(literal) - 1)
