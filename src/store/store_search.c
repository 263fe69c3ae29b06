/* collabd_contains(text, needle): whether a text contains another in any case, in any script. Nothing in the needle
 * has a meaning of its own, as % and _ would have for LIKE, and its cost is linear. Runs on the reader's connection. */
#include "store/sqlite_internal.h"

#include "base/utf8.h"

#include <assert.h>
#include <locale.h>
#include <string.h>
#include <wctype.h>

static void append_utf8(struct buf *out, uint32_t codepoint)
{
    if (codepoint < 0x80) {
        buf_append_char(out, (char)codepoint);
        return;
    }
    if (codepoint < 0x800) {
        buf_append_char(out, (char)(0xc0 | codepoint >> 6));
    } else {
        if (codepoint < 0x10000) {
            buf_append_char(out, (char)(0xe0 | codepoint >> 12));
        } else {
            buf_append_char(out, (char)(0xf0 | codepoint >> 18));
            buf_append_char(out, (char)(0x80 | (codepoint >> 12 & 0x3f)));
        }
        buf_append_char(out, (char)(0x80 | (codepoint >> 6 & 0x3f)));
    }
    buf_append_char(out, (char)(0x80 | (codepoint & 0x3f)));
}

/* Without a locale that knows letters (a minimal system) only ASCII's cases are the same. */
static uint32_t to_lower(const struct store_reader *reader, uint32_t codepoint)
{
    if (codepoint < 0x80)
        return codepoint >= 'A' && codepoint <= 'Z' ? codepoint + 32 : codepoint;
    return reader->locale ? (uint32_t)towlower_l((wint_t)codepoint, reader->locale) : codepoint;
}

void search_fold(const struct store_reader *reader, struct span text, struct buf *out)
{
    uint32_t codepoint;

    while (utf8_next(&text, &codepoint))
        append_utf8(out, to_lower(reader, codepoint & 0x1fffff));
}

static void contains(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct store_reader *reader = sqlite3_user_data(context);
    const void *text = sqlite3_value_text(values[0]); /* before its length: a number is turned into text */
    int len = sqlite3_value_bytes(values[0]);
    struct span needle = span_of(sqlite3_value_blob(values[1]), (size_t)sqlite3_value_bytes(values[1]));

    assert(count == 2);
    buf_reset(&reader->text);
    if (text && len > 0)
        search_fold(reader, span_of(text, (size_t)len), &reader->text);
    sqlite3_result_int(context, needle.len == 0 ||
                                    (reader->text.len >= needle.len &&
                                     memmem(reader->text.data, reader->text.len, needle.data, needle.len) != NULL));
}

enum err search_install(struct store_reader *reader)
{
    int code = sqlite3_create_function_v2(reader->sql.db, "collabd_contains", 2,
                                          SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, reader, contains,
                                          NULL, NULL, NULL);

    reader->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
    return sql_err(reader->sql.db, code);
}

void search_uninstall(struct store_reader *reader)
{
    if (reader->locale)
        freelocale(reader->locale);
}
