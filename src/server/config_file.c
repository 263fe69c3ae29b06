/* The configuration file: one JSON object whose members are options. Problems are told with the line they are in:
 * read in place, a member's name still lies where it stands in the text. */
#include "server/config_row.h"

#include "base/memory.h"
#include "server/file.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

enum { FILE_BYTES_MAX = 4 * 1024 * 1024 };

struct reading {
    struct config *config;
    struct config_report *report;
    struct span file;
    struct span text;  /* as it is in the file */
    const char *copy;  /* the same, in which yyjson reads; strings in it were unescaped in place */
    const char *place; /* up to here lines were counted ... */
    size_t line;       /* ... so many */
};

/* Members come in the order of the text, so that each line is counted once. */
static struct config_place place_of(struct reading *reading, const char *name)
{
    size_t end = (size_t)(name - reading->copy);

    for (size_t at = (size_t)(reading->place - reading->copy); at < end; at++)
        reading->line += reading->text.data[at] == '\n';
    reading->place = name;
    return (struct config_place){reading->file, reading->line};
}

static const char *kind_of(const struct config_row *row)
{
    switch (row->type) {
    case CONFIG_u32: return "a whole number";
    case CONFIG_bytes: return "a number of bytes, or a text like \"64 KiB\"";
    case CONFIG_ms: return "a number of milliseconds, or a text like \"10 s\"";
    case CONFIG_s: return "a number of seconds, or a text like \"1 h\"";
    case CONFIG_bool: return "true or false";
    case CONFIG_list:
    case CONFIG_joined: return "a text, or an array of texts";
    case CONFIG_json: return "an object";
    default: return "a text";
    }
}

static enum err wrong_type(const struct config_row *row, struct buf *why)
{
    buf_printf(why, "it must be %s", kind_of(row));
    return ERR_CONFIG;
}

/* An array of texts, with blanks (joined) or commas (list) between them. */
static enum err join(yyjson_val *array, const struct config_row *row, struct buf *out, struct buf *why)
{
    char separator = row->type == CONFIG_list ? ',' : ' ';
    size_t index, count;
    yyjson_val *item;

    yyjson_arr_foreach(array, index, count, item)
    {
        struct span text = span_of(yyjson_get_str(item), yyjson_get_len(item));

        if (!yyjson_is_str(item))
            return wrong_type(row, why);
        if (span_find(text, separator) < text.len) {
            buf_printf(why, "item %zu has a %s in it", index + 1, separator == ',' ? "comma" : "blank");
            return ERR_CONFIG;
        }
        if (out->len > 0)
            buf_append_char(out, separator);
        buf_append_span(out, text);
    }
    return OK;
}

/* The value as the text that the environment or a flag would have brought. */
static enum err to_text(const struct config_row *row, yyjson_val *value, struct buf *out, struct buf *why)
{
    char *printed;

    if (row->type == CONFIG_json) {
        if (!yyjson_is_obj(value))
            return wrong_type(row, why);
        printed = yyjson_val_write(value, YYJSON_WRITE_NOFLAG, NULL);
        buf_append_str(out, printed);
        free(printed);
        return OK;
    }
    if (yyjson_is_arr(value) && (row->type == CONFIG_list || row->type == CONFIG_joined))
        return join(value, row, out, why);
    if (yyjson_is_bool(value) && row->type == CONFIG_bool) {
        buf_append_str(out, yyjson_get_bool(value) ? "true" : "false");
        return OK;
    }
    if (yyjson_is_int(value) && config_type_is_number(row->type)) {
        if (yyjson_is_uint(value))
            buf_append_u64(out, yyjson_get_uint(value));
        else
            buf_append_i64(out, yyjson_get_sint(value));
        return OK;
    }
    if (!yyjson_is_str(value) || row->type == CONFIG_bool || row->type == CONFIG_u32)
        return wrong_type(row, why);
    buf_append(out, yyjson_get_str(value), yyjson_get_len(value));
    return OK;
}

static void apply_member(struct reading *reading, yyjson_val *name, yyjson_val *value)
{
    struct span key = span_of(yyjson_get_str(name), yyjson_get_len(name));
    struct config_place place = place_of(reading, key.data);
    const struct config_row *row = config_row_find(key);
    struct buf text = BUF_EMPTY, why = BUF_EMPTY;

    if (row == NULL) {
        config_problem_unknown(reading->report, &place, key);
        return;
    }
    if (config_place_of(reading->config, row)->line > 0) {
        config_problem(reading->report, &place, key, "it stands in line %zu already",
                       config_place_of(reading->config, row)->line);
        return;
    }
    *config_place_of(reading->config, row) = place;
    if (to_text(row, value, &text, &why) != OK || config_value_parse(reading->config, row, buf_span(&text), &why) != OK)
        config_problem(reading->report, &place, key, "%.*s", SPAN_ARG(buf_span(&why)));
    buf_deinit(&text);
    buf_deinit(&why);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void apply_text(struct reading *reading)
{
    const yyjson_read_flag flags = YYJSON_READ_INSITU | YYJSON_READ_ALLOW_COMMENTS | YYJSON_READ_ALLOW_TRAILING_COMMAS;
    char *copy = memory_alloc(reading->text.len + YYJSON_PADDING_SIZE);
    yyjson_read_err error = {0};
    yyjson_val *root, *name, *value;
    size_t index, count;
    yyjson_doc *doc;

    memcpy(copy, reading->text.data, reading->text.len);
    reading->copy = reading->place = copy;
    reading->line = 1;
    doc = yyjson_read_opts(copy, reading->text.len, flags, NULL, &error);
    root = yyjson_doc_get_root(doc);
    if (doc == NULL) {
        struct config_place place = place_of(reading, copy + least(error.pos, reading->text.len));

        config_problem(reading->report, &place, SPAN(""), "it is no JSON: %s", error.msg);
    } else if (!yyjson_is_obj(root)) {
        struct config_place place = {reading->file, 1};

        config_problem(reading->report, &place, SPAN(""), "it must be one object: {...}");
    } else {
        yyjson_obj_foreach(root, index, count, name, value)
        {
            apply_member(reading, name, value);
        }
    }
    yyjson_doc_free(doc);
    free(copy);
}

void config_file_apply(struct config *config, struct span file, struct config_report *report)
{
    struct reading reading = {.config = config, .report = report, .file = file};
    struct buf text = BUF_EMPTY, why = BUF_EMPTY;

    if (file_read(file, FILE_BYTES_MAX, &text, &why) != OK) {
        config_problem(report, NULL, SPAN(""), "%.*s", SPAN_ARG(buf_span(&why)));
    } else if (text.len == 0) {
        config_problem(report, &(struct config_place){file, 0}, SPAN(""), "it is empty: it must be one object: {...}");
    } else {
        reading.text = buf_span(&text);
        apply_text(&reading);
    }
    buf_deinit(&text);
    buf_deinit(&why);
}
