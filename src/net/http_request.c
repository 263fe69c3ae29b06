/* Reading a request: targets, header fields, queries and cookies. Pure. */
#include "net/http_internal.h"

#include "base/utf8.h"

#include <assert.h>
#include <string.h>

/* RFC 9110 5.6.2: what names, methods and most words are made of. */
static bool is_token_byte(unsigned char byte)
{
    if ((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z'))
        return true;
    return byte != '\0' && memchr("!#$%&'*+-.^_`|~", byte, 15) != NULL;
}

bool http_is_token(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_token_byte((unsigned char)text.data[i]))
            return false;
    }
    return text.len > 0;
}

struct span http_header(const struct http_exchange *exchange, const char *name)
{
    struct span value = SPAN_EMPTY;

    http_header_values(exchange, name, &value, 1);
    return value;
}

unsigned http_header_values(const struct http_exchange *exchange, const char *name, struct span *values, unsigned max)
{
    struct span wanted = span_from_str(name);
    unsigned count = 0;

    for (unsigned i = 0; i < exchange->header_count && count < max; i++) {
        if (span_equal_nocase(exchange->headers[i].name, wanted))
            values[count++] = exchange->headers[i].value;
    }
    return count;
}

bool http_list_has(const struct http_exchange *exchange, const char *name, struct span token)
{
    struct span wanted = span_from_str(name);

    for (unsigned i = 0; i < exchange->header_count; i++) {
        struct span rest = exchange->headers[i].value, item;

        if (!span_equal_nocase(exchange->headers[i].name, wanted))
            continue;
        while (span_cut(&rest, ',', &item)) {
            if (span_equal_nocase(span_trim(item), token))
                return true;
        }
    }
    return false;
}

/* ---- percent-encoding --------------------------------------------------------------------------------------------- */

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* Gives false for a % without two digits. */
static bool decode(struct arena *arena, struct span text, bool plus_is_blank, struct span *out)
{
    char *bytes;
    size_t len = 0;

    if (text.len == 0 || (!memchr(text.data, '%', text.len) && !(plus_is_blank && memchr(text.data, '+', text.len)))) {
        *out = text;
        return true;
    }
    bytes = arena_alloc(arena, text.len);
    for (size_t i = 0; i < text.len; i++) {
        int high, low;

        if (text.data[i] != '%') {
            bytes[len++] = (char)(plus_is_blank && text.data[i] == '+' ? ' ' : text.data[i]);
            continue;
        }
        if (text.len - i < 3 || (high = hex_value(text.data[i + 1])) < 0 || (low = hex_value(text.data[i + 2])) < 0)
            return false;
        bytes[len++] = (char)(high << 4 | low);
        i += 2;
    }
    *out = (struct span){bytes, len};
    return true;
}

/* ---- targets ------------------------------------------------------------------------------------------------------ */

/* uri-host [":" port] of RFC 3986, without user information. */
bool http_host_is_valid(struct span host)
{
    size_t end = 0;
    uint64_t port;
    struct span digits;

    if (host.len > 0 && host.data[0] == '[') {
        end = span_find(host, ']');
        for (size_t i = 1; i < end; i++) {
            if (hex_value(host.data[i]) < 0 && host.data[i] != ':' && host.data[i] != '.')
                return false;
        }
        if (end < 3 || end == host.len)
            return false;
        end++;
    } else {
        while (end < host.len && host.data[end] != ':') {
            unsigned char byte = (unsigned char)host.data[end++];

            if (!(is_token_byte(byte) || memchr("(),;=", byte, 5)) || memchr("#^`|", byte, 4))
                return false;
        }
        if (end == 0)
            return false;
    }
    if (end == host.len)
        return true;
    digits = span_slice(host, end + 1, host.len);
    if (host.data[end] != ':')
        return false;
    while (digits.len > 1 && digits.data[0] == '0')
        digits = span_slice(digits, 1, digits.len);
    return digits.len == 0 || (span_parse_u64(digits, &port) && port <= UINT16_MAX);
}

/* No way up, no second spelling of the same place: tables can compare paths as they are. */
static bool path_is_clean(struct span path)
{
    struct span rest = span_slice(path, 1, path.len), segment;

    if (path.len == 0 || path.data[0] != '/' || !utf8_is_valid(path))
        return false;
    for (size_t i = 0; i < path.len; i++) {
        unsigned char byte = (unsigned char)path.data[i];

        if (byte < ' ' || byte == 0x7f || byte == '\\')
            return false;
    }
    while (span_cut(&rest, '/', &segment)) {
        if (span_equal(segment, SPAN(".")) || span_equal(segment, SPAN("..")))
            return false;
        if (segment.len == 0) /* "//"; a slash at the very end leaves no segment behind it */
            return false;
    }
    return true;
}

bool http_parse_target(struct http_exchange *exchange, struct span *authority)
{
    struct span rest = exchange->target;
    size_t question;

    if (memchr(rest.data, '#', rest.len))
        return false;
    if (span_equal(rest, SPAN("*"))) {
        exchange->path = rest;
        return span_equal(exchange->method, SPAN("OPTIONS"));
    }
    if (rest.data[0] != '/') {
        struct span scheme = span_slice(rest, 0, span_find(rest, ':'));
        size_t end = 0;

        if (!span_equal_nocase(scheme, SPAN("http")) && !span_equal_nocase(scheme, SPAN("https")))
            return false;
        rest = span_slice(rest, scheme.len, rest.len);
        if (!span_starts_with(rest, SPAN("://")))
            return false;
        rest = span_slice(rest, 3, rest.len);
        while (end < rest.len && rest.data[end] != '/' && rest.data[end] != '?')
            end++;
        *authority = span_slice(rest, 0, end);
        rest = span_slice(rest, end, rest.len);
        if (!http_host_is_valid(*authority))
            return false;
    }
    question = span_find(rest, '?');
    exchange->query = span_slice(rest, question + 1, rest.len);
    rest = span_slice(rest, 0, question);
    if (rest.len == 0 && authority->len > 0)
        rest = span_equal(exchange->method, SPAN("OPTIONS")) && exchange->query.len == 0 ? SPAN("*") : SPAN("/");
    if (span_equal(rest, SPAN("*"))) {
        exchange->path = rest;
        return true;
    }
    return decode(&exchange->arena, rest, false, &exchange->path) && path_is_clean(exchange->path);
}

/* ---- queries and cookies ------------------------------------------------------------------------------------------ */

bool http_query_next(struct http_exchange *exchange, size_t *position, struct span *name, struct span *value)
{
    while (*position < exchange->query.len) {
        struct span rest = span_slice(exchange->query, *position, exchange->query.len);
        struct span item = span_slice(rest, 0, span_find(rest, '&'));
        size_t equals = span_find(item, '=');

        *position += item.len + 1;
        if (item.len == 0)
            continue;
        /* A % that encodes nothing stands for itself, as browsers read it. */
        if (!decode(&exchange->arena, span_slice(item, 0, equals), true, name))
            *name = span_slice(item, 0, equals);
        if (!decode(&exchange->arena, span_slice(item, equals + 1, item.len), true, value))
            *value = span_slice(item, equals + 1, item.len);
        return true;
    }
    return false;
}

bool http_query(struct http_exchange *exchange, const char *name, struct span *value)
{
    struct span wanted = span_from_str(name), key;
    size_t position = 0;

    while (http_query_next(exchange, &position, &key, value)) {
        if (span_equal(key, wanted))
            return true;
    }
    *value = SPAN_EMPTY;
    return false;
}

/* "gzip;q=0" means not. */
bool http_accepts_coding(const struct http_exchange *exchange, struct span coding)
{
    struct span rest = http_header(exchange, "Accept-Encoding"), item;

    while (span_cut(&rest, ',', &item)) {
        struct span name, weight = item;

        if (!span_cut(&weight, ';', &name) || !span_equal_nocase(span_trim(name), coding))
            continue;
        weight = span_trim(weight);
        if (span_starts_with(weight, SPAN("q=0"))) {
            for (size_t i = 3; i < weight.len; i++) {
                if (weight.data[i] >= '1' && weight.data[i] <= '9')
                    return true;
            }
            return false;
        }
        return true;
    }
    return false;
}

enum err http_cookie(const struct http_exchange *exchange, const char *name, struct span *value)
{
    struct span wanted = span_from_str(name);
    bool is_found = false;

    *value = SPAN_EMPTY;
    for (unsigned i = 0; i < exchange->header_count; i++) {
        struct span rest = exchange->headers[i].value, pair;

        if (!span_equal_nocase(exchange->headers[i].name, SPAN("cookie")))
            continue;
        while (span_cut(&rest, ';', &pair)) {
            size_t equals = span_find(pair, '=');
            struct span found = span_trim(span_slice(pair, equals + 1, pair.len));

            if (equals == pair.len || !span_equal(span_trim(span_slice(pair, 0, equals)), wanted))
                continue;
            if (is_found && !span_equal(*value, found))
                return ERR_BAD_REQUEST;
            *value = found;
            is_found = true;
        }
    }
    return OK;
}
