/* span.h: a view of bytes somebody else owns.
 *
 * A span never outlives the call it was handed to unless the comment of that function says what keeps it alive.
 * Spans are not terminated by a NUL; an empty span may have a NULL pointer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const char *data;
    size_t len;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})
#define SPAN_INIT(literal)             \
    {                                  \
        (literal), sizeof(literal) - 1 \
    } /* for static tables */
#define SPAN_EMPTY ((struct span){NULL, 0})
/* printf("%.*s", SPAN_ARG(name)) */
#define SPAN_ARG(span) ((int)(span).len), ((span).data ? (span).data : "")

static inline struct span span_of(const void *data, size_t len)
{
    return (struct span){(const char *)data, len};
}
struct span span_from_str(const char *str); /* NULL gives an empty span */

static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0); /* memcmp must not be given NULL */
}
bool span_equal_nocase(struct span a, struct span b); /* ASCII letters only, as HTTP names compare */
int span_compare(struct span a, struct span b);       /* bytewise, shorter first: memcmp's signs */
bool span_starts_with(struct span span, struct span prefix);
bool span_ends_with(struct span span, struct span suffix);

/* Position of the first `byte`, or span.len when there is none. */
size_t span_find(struct span span, char byte);
/* The part from `from` on, at most `len` bytes; both are clamped to the span. */
struct span span_slice(struct span span, size_t from, size_t len);
/* Cuts at the first `byte`: gives what is before it and leaves what is after it in *rest (empty when none was left).
 * Returns false when *rest was empty already with nothing to give. */
bool span_cut(struct span *rest, char byte, struct span *head);
struct span span_trim(struct span span); /* without leading and trailing spaces and tabs */

/* Decimal digits only: no sign, no blanks, no leading zeros except "0" itself; false on anything else or overflow. */
bool span_parse_u64(struct span span, uint64_t *out);
/* As above with an optional leading '-'. */
bool span_parse_i64(struct span span, int64_t *out);

/* Copies into fresh NUL-terminated memory that the caller frees with free(). */
char *span_to_str(struct span span);
