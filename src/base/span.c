#include "base/span.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

struct span span_from_str(const char *str)
{
    return str ? (struct span){str, strlen(str)} : SPAN_EMPTY;
}

/* memcmp must not be given NULL, not even with a length of 0. */
static int compare_bytes(const char *a, const char *b, size_t len)
{
    return len > 0 ? memcmp(a, b, len) : 0;
}

/* Not tolower(): that one asks the locale. */
static char ascii_lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

bool span_equal_nocase(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.data[i]) != ascii_lower(b.data[i]))
            return false;
    return true;
}

int span_compare(struct span a, struct span b)
{
    int order = compare_bytes(a.data, b.data, a.len < b.len ? a.len : b.len);

    if (order != 0)
        return order < 0 ? -1 : 1;
    return (a.len > b.len) - (a.len < b.len);
}

bool span_starts_with(struct span span, struct span prefix)
{
    return span.len >= prefix.len && compare_bytes(span.data, prefix.data, prefix.len) == 0;
}

bool span_ends_with(struct span span, struct span suffix)
{
    return span.len >= suffix.len && span_equal(span_slice(span, span.len - suffix.len, suffix.len), suffix);
}

size_t span_find(struct span span, char byte)
{
    const char *found = span.len > 0 ? memchr(span.data, byte, span.len) : NULL;

    return found ? (size_t)(found - span.data) : span.len;
}

struct span span_slice(struct span span, size_t from, size_t len)
{
    if (from >= span.len)
        return SPAN_EMPTY;
    if (len > span.len - from)
        len = span.len - from;
    return (struct span){span.data + from, len};
}

bool span_cut(struct span *rest, char byte, struct span *head)
{
    size_t at;

    if (rest->len == 0)
        return false;
    at = span_find(*rest, byte);
    *head = (struct span){rest->data, at};
    *rest = at < rest->len ? span_slice(*rest, at + 1, rest->len) : SPAN_EMPTY;
    return true;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

struct span span_trim(struct span span)
{
    size_t from = 0;
    size_t to = span.len;

    while (from < to && is_blank(span.data[from]))
        from++;
    while (to > from && is_blank(span.data[to - 1]))
        to--;
    return span_slice(span, from, to - from);
}

bool span_parse_u64(struct span span, uint64_t *out)
{
    uint64_t number = 0;

    if (span.len == 0 || (span.len > 1 && span.data[0] == '0'))
        return false;
    for (size_t i = 0; i < span.len; i++) {
        char byte = span.data[i];

        if (byte < '0' || byte > '9')
            return false;
        if (__builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (uint64_t)(byte - '0'), &number))
            return false;
    }
    *out = number;
    return true;
}

bool span_parse_i64(struct span span, int64_t *out)
{
    bool negative = span.len > 0 && span.data[0] == '-';
    uint64_t magnitude;

    if (!span_parse_u64(negative ? span_slice(span, 1, span.len) : span, &magnitude))
        return false;
    /* The negative side reaches one further: subtract from 0 instead of negating. */
    return negative ? !__builtin_sub_overflow(0, magnitude, out) : !__builtin_add_overflow(0, magnitude, out);
}

char *span_to_str(struct span span)
{
    char *str = memory_alloc(span.len + 1);

    if (span.len > 0)
        memcpy(str, span.data, span.len);
    return str;
}
