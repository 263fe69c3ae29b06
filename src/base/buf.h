/* buf.h: a growable buffer of bytes with one owner.
 *
 * Invariants: len <= cap; data is NULL exactly when cap is 0. Growth doubles. Running out of memory ends the process
 * (memory.h), so appending never fails: compare sizes that a peer chose with a limit first. */
#pragma once

#include "base/span.h"

#include <stdarg.h>

struct buf {
    char *data;
    size_t len;
    size_t cap;
};

#define BUF_EMPTY ((struct buf){NULL, 0, 0})

void buf_init(struct buf *buf);
void buf_deinit(struct buf *buf); /* frees; the buf is empty and usable again afterwards */

struct span buf_span(const struct buf *buf);     /* valid until the next change of the buf */
char *buf_reserve(struct buf *buf, size_t more); /* room for `more` bytes after len; gives its address */
void buf_append(struct buf *buf, const void *data, size_t len);
void buf_append_span(struct buf *buf, struct span span);
void buf_append_str(struct buf *buf, const char *str);
void buf_append_char(struct buf *buf, char byte);
void buf_append_u64(struct buf *buf, uint64_t number); /* decimal */
void buf_append_i64(struct buf *buf, int64_t number);
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *buf, const char *format, ...);
void buf_consume(struct buf *buf, size_t count); /* drops bytes at the front, moves the rest down */
void buf_reset(struct buf *buf);                 /* len = 0, keeps the memory */
/* Gives the bytes (free() them) and leaves the buf empty. */
char *buf_take(struct buf *buf, size_t *len);

#define BUF_APPEND_LITERAL(buf, literal) buf_append((buf), (literal), sizeof(literal) - 1)
