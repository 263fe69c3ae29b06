/* The writing half of json.h. */
#include "wire/json.h"

#include "base/utf8.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The largest integer up to which every one is a double of its own (2^53-1). */
#define SAFE_INTEGER_MAX 9007199254740991

static void append_escape(struct buf *out, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    char escape[6] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
    size_t len = 2;

    switch (byte) {
    case '"':
    case '\\':
    case '/': escape[1] = (char)byte; break;
    case '\b': escape[1] = 'b'; break;
    case '\f': escape[1] = 'f'; break;
    case '\n': escape[1] = 'n'; break;
    case '\r': escape[1] = 'r'; break;
    case '\t': escape[1] = 't'; break;
    default: len = sizeof(escape);
    }
    buf_append(out, escape, len);
}

static bool needs_escape(struct span text, size_t at)
{
    unsigned char byte = (unsigned char)text.data[at];

    return byte < 0x20 || byte == '"' || byte == '\\' || (byte == '/' && at > 0 && text.data[at - 1] == '<');
}

/* Printable ASCII that stands for itself wherever it stands: names, times, colours are of nothing else. */
static const bool is_plain[256] = {
    [' ' ... '!'] = true,
    ['#' ... '.'] = true,
    ['0' ... '['] = true,
    [']' ... '~'] = true,
};

static size_t plain_run(struct span text)
{
    size_t at = 0;

    while (at < text.len && is_plain[(unsigned char)text.data[at]])
        at++;
    return at;
}

static void append_escaped(struct buf *out, struct span text, size_t plain_len)
{
    size_t from = 0;

    for (size_t at = plain_len; at < text.len; at++) {
        if (!needs_escape(text, at))
            continue;
        buf_append(out, text.data + from, at - from);
        append_escape(out, (unsigned char)text.data[at]);
        from = at + 1;
    }
    buf_append_span(out, span_slice(text, from, text.len));
}

/* Whatever it was, it was not UTF-8: what is not ASCII becomes replacement characters. */
static void append_repaired(struct buf *out, struct span text)
{
    for (size_t at = 0; at < text.len; at++) {
        if ((unsigned char)text.data[at] >= 0x80)
            BUF_APPEND_LITERAL(out, "\xef\xbf\xbd");
        else if (needs_escape(text, at))
            append_escape(out, (unsigned char)text.data[at]);
        else
            buf_append_char(out, text.data[at]);
    }
}

void json_append_string(struct buf *out, struct span text)
{
    size_t plain_len = plain_run(text);

    buf_reserve(out, text.len + 2);
    buf_append_char(out, '"');
    if (plain_len == text.len || utf8_is_valid(text))
        append_escaped(out, text, plain_len);
    else
        append_repaired(out, text);
    buf_append_char(out, '"');
}

/* Appends what yyjson wrote, and frees it. Outside strings there is no "</", so this one rule can be applied to all. */
static void append_written(struct buf *out, char *written, size_t len)
{
    struct span rest = span_of(written, len);
    const char *found;

    assert(written != NULL); /* there was something in the value that no parser gives and nobody may put there */
    buf_reserve(out, len);
    while (rest.len > 0 && (found = memmem(rest.data, rest.len, "</", 2)) != NULL) {
        size_t before = (size_t)(found - rest.data) + 1;

        buf_append(out, rest.data, before);
        buf_append_char(out, '\\');
        rest = span_slice(rest, before, rest.len);
    }
    buf_append_span(out, rest);
    free(written);
}

void json_append_value(struct buf *out, yyjson_val *value)
{
    size_t len = 0;
    char *written = yyjson_val_write(value, YYJSON_WRITE_NOFLAG, &len);

    append_written(out, written, len);
}

void json_append_mut(struct buf *out, yyjson_mut_val *value)
{
    size_t len = 0;
    char *written = yyjson_mut_val_write(value, YYJSON_WRITE_NOFLAG, &len);

    append_written(out, written, len);
}

void json_append_number(struct buf *out, double number)
{
    yyjson_val value = {0, {0}};

    if (!isfinite(number)) {
        BUF_APPEND_LITERAL(out, "null");
    } else if (number == trunc(number) && fabs(number) <= (double)SAFE_INTEGER_MAX &&
               (number != 0 || !signbit(number))) {
        buf_append_i64(out, (int64_t)number);
    } else {
        unsafe_yyjson_set_real(&value, number);
        json_append_value(out, &value);
    }
}

static void append_comma(struct buf *out)
{
    char last = out->len > 0 ? out->data[out->len - 1] : '{';

    if (last != '{' && last != '[')
        buf_append_char(out, ',');
}

void json_append_key(struct buf *out, const char *key)
{
    append_comma(out);
    buf_append_char(out, '"');
    buf_append_str(out, key);
    BUF_APPEND_LITERAL(out, "\":");
}

void json_member_string(struct buf *out, const char *key, struct span text)
{
    json_append_key(out, key);
    json_append_string(out, text);
}

void json_member_i64(struct buf *out, const char *key, int64_t number)
{
    json_append_key(out, key);
    buf_append_i64(out, number);
}

void json_member_u64(struct buf *out, const char *key, uint64_t number)
{
    json_append_key(out, key);
    buf_append_u64(out, number);
}

void json_member_bool(struct buf *out, const char *key, bool value)
{
    json_append_key(out, key);
    buf_append_str(out, value ? "true" : "false");
}

void json_member_raw(struct buf *out, const char *key, struct span json)
{
    json_append_key(out, key);
    if (json.len > 0)
        buf_append_span(out, json);
    else
        BUF_APPEND_LITERAL(out, "null");
}

void json_member_id(struct buf *out, const char *key, struct span id)
{
    uint64_t number;

    if (span_parse_u64(id, &number) && number <= SAFE_INTEGER_MAX)
        json_member_u64(out, key, number);
    else
        json_member_string(out, key, id);
}
