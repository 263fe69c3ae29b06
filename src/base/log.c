#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    TEXT_MAX = 256,          /* bytes of a peer's text in one value */
    TEXT_ESCAPED_MAX = 1600, /* six characters for each of them, the quotes and a mark that something was cut off */
    TEXT_BUFFERS = 8,        /* so many LOG_TEXT in one call */
    PAIRS_MAX = 3072,        /* a line stays below PIPE_BUF in all but contrived cases: one write, never mixed */
};

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

/* How the process logs is no worker's: the one piece of configuration that everything can see. */
static _Atomic int level_now = LOG_INFO;
static _Atomic int format_now = LOG_FORMAT_TEXT;
static struct {
    atomic_bool is_on;
    pthread_mutex_t mutex; /* guards the two below, and keeps the sink's lines one after the other */
    void (*sink)(void *arg, struct span line);
    void *arg;
} redirect = {.mutex = PTHREAD_MUTEX_INITIALIZER};

void log_configure(enum log_level level, enum log_format format)
{
    atomic_store_explicit(&level_now, (int)level, memory_order_relaxed);
    atomic_store_explicit(&format_now, (int)format, memory_order_relaxed);
}

bool log_is_on(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&level_now, memory_order_relaxed) && level < LOG_OFF;
}

bool log_level_parse(struct span name, enum log_level *out)
{
    for (unsigned i = 0; i <= LOG_OFF; i++) {
        if (span_equal(name, span_from_str(level_names[i]))) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_redirect(void (*sink)(void *arg, struct span line), void *arg)
{
    pthread_mutex_lock(&redirect.mutex);
    redirect.sink = sink;
    redirect.arg = arg;
    atomic_store(&redirect.is_on, sink != NULL);
    pthread_mutex_unlock(&redirect.mutex);
}

/* ---- escaping ---- */

/* Bytes of the first character, or 0 when it is not UTF-8. */
static size_t character_len(struct span text)
{
    struct utf8 utf8 = {0};

    for (size_t i = 0; i < text.len; i++) {
        if (!utf8_feed(&utf8, span_slice(text, i, 1)))
            return 0;
        if (utf8_is_complete(&utf8))
            return i + 1;
    }
    return 0;
}

static void append_control(struct buf *out, uint32_t codepoint)
{
    switch (codepoint) {
    case '\n': BUF_APPEND_LITERAL(out, "\\n"); break;
    case '\r': BUF_APPEND_LITERAL(out, "\\r"); break;
    case '\t': BUF_APPEND_LITERAL(out, "\\t"); break;
    default: buf_printf(out, "\\u%04x", (unsigned)codepoint); /* all of them are below U+10000 */
    }
}

/* Moves one character, escaped where it could break the line, steer a terminal or not be UTF-8. */
static void move_visible(struct buf *out, struct span *rest)
{
    size_t len = character_len(*rest);
    struct span character = span_slice(*rest, 0, len > 0 ? len : 1);
    struct span decoded = character;
    uint32_t codepoint = 0;

    *rest = span_slice(*rest, character.len, rest->len);
    if (len == 0) {
        BUF_APPEND_LITERAL(out, "\\ufffd");
        return;
    }
    utf8_next(&decoded, &codepoint);
    if (utf8_is_control(codepoint))
        append_control(out, codepoint);
    else
        buf_append_span(out, character);
}

/* The same for the inside of a JSON string. */
static void move_in_string(struct buf *out, struct span *rest)
{
    if (rest->data[0] == '"' || rest->data[0] == '\\')
        buf_append_char(out, '\\');
    move_visible(out, rest);
}

static void append_string(struct buf *out, struct span text)
{
    buf_append_char(out, '"');
    while (text.len > 0)
        move_in_string(out, &text);
    buf_append_char(out, '"');
}

/* At most TEXT_MAX bytes, and no half character at the end. */
static struct span cut_short(struct span text)
{
    size_t len = TEXT_MAX;

    if (text.len <= TEXT_MAX)
        return text;
    while (len > TEXT_MAX - 4 && ((unsigned char)text.data[len] & 0xc0) == 0x80)
        len--;
    return span_slice(text, 0, len);
}

const char *log_text(struct span text)
{
    static _Thread_local char buffers[TEXT_BUFFERS][TEXT_ESCAPED_MAX];
    static _Thread_local unsigned turn;
    char *buffer = buffers[turn++ % TEXT_BUFFERS];
    struct span rest = cut_short(text);
    struct buf escaped = BUF_EMPTY;

    buf_append_char(&escaped, '"');
    while (rest.len > 0)
        move_in_string(&escaped, &rest);
    if (text.len > TEXT_MAX)
        BUF_APPEND_LITERAL(&escaped, "...");
    buf_append_char(&escaped, '"');
    buf_append_char(&escaped, '\0');
    assert(escaped.len <= TEXT_ESCAPED_MAX);
    memcpy(buffer, escaped.data, escaped.len);
    buf_deinit(&escaped);
    return buffer;
}

/* ---- key=value pairs to JSON ---- */

static bool is_key_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '_' || byte == '.' || byte == '-';
}

/* Length of the key that begins here and is followed by '=', or 0. */
static size_t key_len(struct span text)
{
    size_t len = 0;

    while (len < text.len && is_key_byte(text.data[len]))
        len++;
    return len < text.len && text.data[len] == '=' ? len : 0;
}

/* Where a value without quotes ends: before the blank that the next key follows. So "error=No such file" is one pair. */
static size_t bare_len(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == ' ' && key_len(span_slice(text, i + 1, text.len)) > 0)
            return i;
    return text.len;
}

static size_t digits_len(struct span text)
{
    size_t len = 0;

    while (len < text.len && text.data[len] >= '0' && text.data[len] <= '9')
        len++;
    return len;
}

/* What JSON calls a number, without exponents (12e9 is far more likely the beginning of an id) and not longer than
 * anything we count with. */
static bool is_number(struct span text)
{
    struct span rest = span_slice(text, span_starts_with(text, SPAN("-")) ? 1 : 0, text.len);
    size_t whole = digits_len(rest);
    size_t fraction;

    if (text.len > 20 || whole == 0 || (whole > 1 && rest.data[0] == '0'))
        return false;
    if (whole == rest.len)
        return true;
    if (rest.data[whole] != '.')
        return false;
    rest = span_slice(rest, whole + 1, rest.len);
    fraction = digits_len(rest);
    return fraction > 0 && fraction == rest.len;
}

static bool is_hex(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

/* Length of the JSON escape that begins here, or 0. Half a surrogate pair is none: strict parsers refuse it. */
static size_t escape_len(struct span text)
{
    if (text.len < 2 || text.data[0] != '\\')
        return 0;
    if (span_find(SPAN("\"\\/bfnrt"), text.data[1]) < 8)
        return 2;
    if (text.data[1] != 'u' || text.len < 6)
        return 0;
    for (size_t i = 2; i < 6; i++)
        if (!is_hex(text.data[i]))
            return 0;
    return (text.data[2] == 'd' || text.data[2] == 'D') && text.data[3] > '7' ? 0 : 6;
}

/* *rest begins behind the opening quote; escapes that are there already stay. */
static void move_quoted(struct buf *out, struct span *rest)
{
    buf_append_char(out, '"');
    while (rest->len > 0 && rest->data[0] != '"') {
        size_t escape = escape_len(*rest);

        if (escape == 0) {
            move_in_string(out, rest);
            continue;
        }
        buf_append_span(out, span_slice(*rest, 0, escape));
        *rest = span_slice(*rest, escape, rest->len);
    }
    buf_append_char(out, '"');
    *rest = span_slice(*rest, 1, rest->len);
}

static void move_value(struct buf *out, struct span *rest)
{
    size_t len;
    struct span value;

    if (span_starts_with(*rest, SPAN("\""))) {
        *rest = span_slice(*rest, 1, rest->len);
        move_quoted(out, rest);
        return;
    }
    len = bare_len(*rest);
    value = span_trim(span_slice(*rest, 0, len));
    *rest = span_slice(*rest, len, rest->len);
    if (is_number(value))
        buf_append_span(out, value);
    else
        append_string(out, value);
}

/* A pair must not repeat what the line says of itself. */
static bool is_taken(struct span key)
{
    return span_equal(key, SPAN("time")) || span_equal(key, SPAN("level")) || span_equal(key, SPAN("event"));
}

static void append_pairs_json(struct buf *out, struct span rest)
{
    while ((rest = span_trim(rest)).len > 0) {
        size_t len = key_len(rest);
        struct span key = len > 0 ? span_slice(rest, 0, len) : SPAN("text"); /* words without a key */

        BUF_APPEND_LITERAL(out, ",\"");
        buf_append_span(out, key);
        buf_append_str(out, is_taken(key) ? "_\":" : "\":");
        if (len > 0)
            rest = span_slice(rest, len + 1, rest.len);
        move_value(out, &rest);
    }
}

/* ---- lines ---- */

static void append_line_json(struct buf *out, enum log_level level, const char *event, struct span pairs)
{
    BUF_APPEND_LITERAL(out, "{\"time\":\"");
    clock_append_iso(out, clock_wall_ms());
    BUF_APPEND_LITERAL(out, "\",\"level\":\"");
    buf_append_str(out, level_names[level]);
    BUF_APPEND_LITERAL(out, "\",\"event\":");
    append_string(out, span_from_str(event));
    append_pairs_json(out, pairs);
    buf_append_char(out, '}');
}

static void append_line_text(struct buf *out, enum log_level level, const char *event, struct span pairs)
{
    clock_append_iso(out, clock_wall_ms());
    buf_printf(out, " %-5s %s", level_names[level], event);
    if (pairs.len > 0)
        buf_append_char(out, ' ');
    while (pairs.len > 0)
        move_visible(out, &pairs);
}

/* Standard error may be a pipe that nobody empties: a line that cannot be written is lost, the server goes on. */
static void write_line(struct span line)
{
    while (line.len > 0) {
        ssize_t written = write(STDERR_FILENO, line.data, line.len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        line = span_slice(line, (size_t)written, line.len);
    }
}

static void emit(struct buf *line)
{
    bool is_redirected = false;

    if (atomic_load(&redirect.is_on)) {
        pthread_mutex_lock(&redirect.mutex);
        is_redirected = redirect.sink != NULL;
        if (is_redirected)
            redirect.sink(redirect.arg, buf_span(line));
        pthread_mutex_unlock(&redirect.mutex);
    }
    if (!is_redirected) {
        buf_append_char(line, '\n');
        write_line(buf_span(line));
    }
}

void log_write(enum log_level level, const char *event, const char *format, ...)
{
    int saved_errno = errno; /* logging an error must not change it */
    char text[PAIRS_MAX];
    struct buf line = BUF_EMPTY;
    struct span pairs;
    va_list args;
    int len;

    if (!log_is_on(level))
        return;
    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    pairs = span_of(text, len < 0 ? 0 : (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
    if (atomic_load_explicit(&format_now, memory_order_relaxed) == LOG_FORMAT_JSON)
        append_line_json(&line, level, event, pairs);
    else
        append_line_text(&line, level, event, pairs);
    emit(&line);
    buf_deinit(&line);
    errno = saved_errno;
}
