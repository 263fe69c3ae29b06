/* Single values: from text, to text. */
#include "server/config_row.h"

#include "base/memory.h"
#include "wire/json.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { QUOTED_BYTES_MAX = 60, LIST_ITEMS_MAX = 1024 };

/* ---- numbers with units ---- */

static const struct unit {
    enum config_type type;
    const char *name;
    uint64_t factor;
} units[] = {
    /* of each type the largest first */
    {CONFIG_bytes, "GiB", GIB}, {CONFIG_bytes, "MiB", MIB}, {CONFIG_bytes, "KiB", KIB}, {CONFIG_bytes, "B", 1},
    {CONFIG_ms, "d", DAY},      {CONFIG_ms, "h", HOUR},     {CONFIG_ms, "min", MINUTE}, {CONFIG_ms, "s", SECOND},
    {CONFIG_ms, "ms", 1},       {CONFIG_s, "d", DAY_S},     {CONFIG_s, "h", 3600},      {CONFIG_s, "min", 60},
    {CONFIG_s, "s", 1},
};
static const size_t unit_count = sizeof(units) / sizeof(units[0]);

bool config_type_is_number(enum config_type type)
{
    return type == CONFIG_u32 || type == CONFIG_bytes || type == CONFIG_ms || type == CONFIG_s;
}

void config_number_write(enum config_type type, uint64_t number, struct buf *out)
{
    for (size_t i = 0; i < unit_count && number > 0; i++) {
        if (units[i].type != type || number % units[i].factor != 0 || units[i].factor == 1)
            continue;
        buf_append_u64(out, number / units[i].factor);
        buf_printf(out, " %s", units[i].name);
        return;
    }
    buf_append_u64(out, number);
    if (type == CONFIG_ms && number > 0)
        buf_append_str(out, " ms");
    if (type == CONFIG_s && number > 0)
        buf_append_str(out, " s");
}

bool config_number_parse(enum config_type type, struct span text, uint64_t *number)
{
    size_t digits = 0;
    struct span unit;

    while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    if (!span_parse_u64(span_slice(text, 0, digits), number))
        return false;
    unit = span_trim(span_slice(text, digits, text.len));
    if (unit.len == 0)
        return digits == text.len;
    for (size_t i = 0; i < unit_count; i++)
        if (units[i].type == type && span_equal_nocase(unit, span_from_str(units[i].name)))
            return !__builtin_mul_overflow(*number, units[i].factor, number);
    return false;
}

/* ---- fields ---- */

static void *field(const struct config *config, const struct config_row *row)
{
    return (char *)(uintptr_t)config + row->offset;
}

static bool holds_number(const struct config_row *row)
{
    return config_type_is_number(row->type) || row->type == CONFIG_word || row->type == CONFIG_bool;
}

uint64_t config_number(const struct config *config, const struct config_row *row)
{
    const void *place = field(config, row);

    assert(holds_number(row));
    switch (row->type) {
    case CONFIG_u32: return *(const uint32_t *)place;
    case CONFIG_word: return *(const unsigned *)place;
    case CONFIG_bool: return *(const bool *)place;
    case CONFIG_bytes: return *(const size_t *)place;
    case CONFIG_ms:
    case CONFIG_s: return *(const uint64_t *)place;
    default: return 0;
    }
}

void config_number_set(struct config *config, const struct config_row *row, uint64_t number)
{
    void *place = field(config, row);

    assert(holds_number(row));
    switch (row->type) {
    case CONFIG_u32: *(uint32_t *)place = (uint32_t)number; break;
    case CONFIG_word: *(unsigned *)place = (unsigned)number; break;
    case CONFIG_bool: *(bool *)place = number != 0; break;
    case CONFIG_bytes: *(size_t *)place = (size_t)number; break;
    case CONFIG_ms:
    case CONFIG_s: *(uint64_t *)place = number; break;
    default: break;
    }
}

/* Room for the next power of two items: the arena takes back the rest with everything else. */
void config_list_add(struct config *config, struct config_list *list, struct span item)
{
    if ((list->count & (list->count - 1)) == 0) {
        struct span *items = arena_alloc(&config->arena, (list->count > 0 ? list->count * 2 : 1) * sizeof(*items));

        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof(*items));
        list->items = items;
    }
    list->items[list->count++] = item;
}

/* ---- from text ---- */

static enum err refuse(struct buf *why, const char *sentence)
{
    buf_append_str(why, sentence);
    return ERR_CONFIG;
}

static enum err parse_number(struct config *config, const struct config_row *row, struct span text, struct buf *why)
{
    uint64_t number;

    if (!config_number_parse(row->type, text, &number)) {
        config_quote(why, text);
        switch (row->type) {
        case CONFIG_bytes: return refuse(why, " is no size: write a number of bytes or, say, \"64 KiB\" or \"1 MiB\"");
        case CONFIG_ms:
            return refuse(why, " is no duration: write a number of milliseconds or, say, \"10 s\" or \"5 min\"");
        case CONFIG_s: return refuse(why, " is no duration: write a number of seconds or, say, \"5 min\" or \"2 h\"");
        default: return refuse(why, " is no whole number");
        }
    }
    if (number < row->bounds.least || number > row->bounds.most) {
        config_number_write(row->type, number, why);
        buf_append_str(why, " is out of range: ");
        config_number_write(row->type, row->bounds.least, why);
        buf_append_str(why, " to ");
        config_number_write(row->type, row->bounds.most, why);
        return ERR_CONFIG;
    }
    config_number_set(config, row, number);
    return OK;
}

static enum err parse_bool(struct config *config, const struct config_row *row, struct span text, struct buf *why)
{
    bool is_true = span_equal(text, SPAN("true")) || span_equal(text, SPAN("1"));

    if (!is_true && !span_equal(text, SPAN("false")) && !span_equal(text, SPAN("0"))) {
        config_quote(why, text);
        return refuse(why, " is neither true nor false");
    }
    config_number_set(config, row, is_true);
    return OK;
}

static enum err parse_word(struct config *config, const struct config_row *row, struct span text, struct buf *why)
{
    struct span rest = span_from_str(row->bounds.words);
    struct span word;

    for (uint64_t place = 0; span_cut(&rest, '|', &word); place++) {
        if (span_equal(text, word)) {
            config_number_set(config, row, place);
            return OK;
        }
    }
    config_quote(why, text);
    buf_append_str(why, " is none of ");
    for (const char *byte = row->bounds.words; *byte; byte++)
        buf_append_str(why, *byte == '|' ? ", " : (char[2]){*byte, '\0'});
    return ERR_CONFIG;
}

static enum err parse_list(struct config *config, const struct config_row *row, struct span text, struct buf *why)
{
    struct config_list *list = field(config, row);
    struct span rest = text;
    struct span item;

    *list = (struct config_list){NULL, 0};
    while (span_cut(&rest, ',', &item)) {
        item = span_trim(item);
        if (item.len == 0)
            continue;
        if (list->count == LIST_ITEMS_MAX)
            return refuse(why, "too many");
        config_list_add(config, list, arena_copy(&config->arena, item));
    }
    return OK;
}

static enum err parse_json(struct config *config, const struct config_row *row, struct span text, struct buf *why)
{
    char *copy = span_to_str(text); /* yyjson promises not to write, but takes no const */
    yyjson_read_err error = {0};
    yyjson_doc *doc =
        yyjson_read_opts(copy, text.len, YYJSON_READ_ALLOW_COMMENTS | YYJSON_READ_ALLOW_TRAILING_COMMAS, NULL, &error);
    enum err err = OK;

    if (doc == NULL)
        buf_printf(why, "it is no JSON: %s at byte %zu", error.msg, error.pos + 1);
    else if (!yyjson_is_obj(yyjson_doc_get_root(doc)))
        buf_append_str(why, "it is no object: {...}");
    if (doc == NULL || !yyjson_is_obj(yyjson_doc_get_root(doc))) {
        err = ERR_CONFIG;
    } else {
        struct buf compact = BUF_EMPTY;

        json_append_value(&compact, yyjson_doc_get_root(doc));
        *(struct span *)field(config, row) = arena_copy(&config->arena, buf_span(&compact));
        buf_deinit(&compact);
    }
    yyjson_doc_free(doc);
    free(copy);
    return err;
}

enum err config_value_parse(struct config *config, const struct config_row *row, struct span text, struct buf *why)
{
    if (span_find(text, '\0') < text.len)
        return refuse(why, "there is a NUL in it");
    switch (row->type) {
    case CONFIG_u32:
    case CONFIG_bytes:
    case CONFIG_ms:
    case CONFIG_s: return parse_number(config, row, text, why);
    case CONFIG_bool: return parse_bool(config, row, text, why);
    case CONFIG_word: return parse_word(config, row, text, why);
    case CONFIG_list: return parse_list(config, row, text, why);
    case CONFIG_json:
        if (text.len > 0)
            return parse_json(config, row, text, why);
        break;
    default: break;
    }
    *(struct span *)field(config, row) = arena_copy(&config->arena, text);
    return OK;
}

void config_value_apply(struct config *config, const struct config_row *row, struct span text,
                        const struct config_place *place, struct config_report *report)
{
    struct buf why = BUF_EMPTY;

    if (config_value_parse(config, row, text, &why) != OK)
        config_problem(report, place, SPAN(""), "%.*s", SPAN_ARG(buf_span(&why)));
    *config_place_of(config, row) = *place;
    buf_deinit(&why);
}

/* ---- to text ---- */

static void write_word(const struct config_row *row, uint64_t place, struct buf *out)
{
    struct span rest = span_from_str(row->bounds.words);
    struct span word = SPAN_EMPTY;

    for (uint64_t i = 0; i <= place; i++)
        (void)span_cut(&rest, '|', &word);
    buf_append_span(out, word);
}

void config_value_write(const struct config *config, const struct config_row *row, struct buf *out)
{
    const struct config_list *list;

    switch (row->type) {
    case CONFIG_bool: buf_append_str(out, config_number(config, row) ? "true" : "false"); break;
    case CONFIG_word: write_word(row, config_number(config, row), out); break;
    case CONFIG_list:
        list = field(config, row);
        for (size_t i = 0; i < list->count; i++)
            buf_printf(out, "%s%.*s", i > 0 ? ", " : "", SPAN_ARG(list->items[i]));
        break;
    case CONFIG_string:
    case CONFIG_joined:
    case CONFIG_json: buf_append_span(out, *(const struct span *)field(config, row)); break;
    default: config_number_write(row->type, config_number(config, row), out);
    }
}

bool config_value_equal(const struct config *a, const struct config *b, const struct config_row *row)
{
    struct buf left = BUF_EMPTY, right = BUF_EMPTY;
    bool is_equal;

    config_value_write(a, row, &left);
    config_value_write(b, row, &right);
    is_equal = span_equal(buf_span(&left), buf_span(&right));
    buf_deinit(&left);
    buf_deinit(&right);
    return is_equal;
}

void config_quote(struct buf *out, struct span text)
{
    struct span shown = text;

    if (shown.len > QUOTED_BYTES_MAX) {
        shown.len = QUOTED_BYTES_MAX;
        while (shown.len > 0 && ((unsigned char)text.data[shown.len] & 0xc0) == 0x80)
            shown.len--; /* not in the middle of a character */
    }
    buf_append_char(out, '"');
    for (size_t i = 0; i < shown.len; i++) {
        unsigned char byte = (unsigned char)shown.data[i];

        buf_append_char(out, byte < 0x20 || byte == 0x7f ? '?' : shown.data[i]);
    }
    buf_append_str(out, shown.len < text.len ? "...\"" : "\"");
}
