/* The rows of config.def for people: --help, docs/config.md, docs/limits.md; and for machines: the limits at
 * /metrics. */
#include "server/config_row.h"

#include <string.h>

enum { HELP_COLUMN = 34, HELP_WIDTH = 110 };

static const char generated[] = "<!-- Made from src/server/config.def by `collabd docs`: change it there. -->\n\n";

/* ---- pieces ---- */

static const char *type_text(const struct config_row *row)
{
    switch (row->type) {
    case CONFIG_u32: return "number";
    case CONFIG_bytes: return "bytes";
    case CONFIG_ms: return "milliseconds";
    case CONFIG_s: return "seconds";
    case CONFIG_bool: return "true or false";
    case CONFIG_word: return "word";
    case CONFIG_list:
    case CONFIG_joined: return "texts";
    case CONFIG_json: return "object";
    default: return "text";
    }
}

static void write_range(const struct config_row *row, struct buf *out)
{
    if (row->type == CONFIG_word) {
        for (const char *byte = row->bounds.words; *byte; byte++)
            buf_append_str(out, *byte == '|' ? ", " : (char[2]){*byte, '\0'});
    } else if (config_type_is_number(row->type)) {
        config_number_write(row->type, row->bounds.least, out);
        buf_append_str(out, " to ");
        config_number_write(row->type, row->bounds.most, out);
    }
}

/* A cell of a table: | would end it. */
static void write_cell(const char *text, struct buf *out)
{
    for (; *text; text++) {
        if (*text == '|')
            buf_append_char(out, '\\');
        buf_append_char(out, *text);
    }
}

static void write_fallback(const struct config_row *row, struct buf *out)
{
    if (row->fallback[0] != '\0')
        buf_printf(out, "`%s`", row->fallback);
}

/* ---- docs/config.md ---- */

static void write_settings_row(const struct config_row *row, struct buf *out)
{
    buf_printf(out, "| `%s` | %s | ", row->name, type_text(row));
    write_fallback(row, out);
    buf_append_str(out, " | ");
    write_range(row, out);
    buf_printf(out, " | %s | ", row->needs_restart ? "restart" : "reload");
    write_cell(row->help, out);
    buf_append_str(out, " |\n");
}

void config_write_docs(struct buf *out)
{
    buf_append_str(out, "# Options\n\n");
    buf_append_str(out, generated);
    buf_append_str(
        out, "None of these needs to be set. Each can be given in four places; a later one overrides those before:\n\n"
             "1. its default,\n"
             "2. the file named with `--config` (or `COLLABD_CONFIG`): one JSON object, in which comments and\n"
             "   trailing commas are allowed,\n"
             "3. the environment: `COLLABD_LOG_LEVEL=debug` (an empty variable counts as none); `ALLOW_ORIGINS` and\n"
             "   `ALLOW_ORIGIN_REGEX` are read, too,\n"
             "4. the command line: `--log-level debug`, `--log-level=debug`; `--demo` alone is `--demo=true`;\n"
             "   `--listen` may be given more than once.\n\n"
             "Sizes and durations are numbers of bytes, milliseconds or seconds, as the type says, or texts with a\n"
             "unit: `\"64 KiB\"`, `\"1 MiB\"`, `\"10 s\"`, `\"5 min\"`, `\"2 h\"`, `\"7 d\"`. Texts are an array of\n"
             "texts in the file, and one text with commas between elsewhere. Paths are relative to the working\n"
             "directory. `collabd check` says what is wrong, with file, line, option and reason.\n\n"
             "*Reload*: SIGHUP reads everything again and brings a new value into force; *restart*: only a new start\n"
             "does. Options that are limits are explained once more, with what happens at the limit, in\n"
             "[limits](limits.md).\n");
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];

        if (row->type == CONFIG_GROUP)
            buf_printf(out,
                       "\n## %s\n\n%s\n\n| option | type | default | values | takes effect | meaning |\n"
                       "| --- | --- | --- | --- | --- | --- |\n",
                       row->name, row->help);
        else
            write_settings_row(row, out);
    }
    buf_append_str(out, "\n## An example\n\n"
                        "```\n"
                        "{\n"
                        "    // who may come in\n"
                        "    \"listen\": [\"localhost:8000\", \"unix:/run/collabd/http.sock\"],\n"
                        "    \"allow_origins\": [\"https://app.example.com\"],\n"
                        "    \"jwks_file\": \"/etc/collabd/keys.json\",\n"
                        "    \"jwt_issuer\": \"https://id.example.com/\",\n"
                        "    // large drawings travel in records\n"
                        "    \"record_bytes_max\": \"1 MiB\",\n"
                        "    \"message_bytes_max\": \"1 MiB\",\n"
                        "}\n"
                        "```\n");
}

/* ---- docs/limits.md ---- */

static void write_limits_row(const struct config_row *row, struct buf *out)
{
    buf_printf(out, "| `%s` | %s%s | ", row->name, row->fallback, row->bounds.is_rate ? " (open: none)" : "");
    write_cell(row->help, out);
    buf_append_str(out, " |\n");
}

enum unit { UNIT_COUNT, UNIT_BYTES, UNIT_CHARACTERS, UNIT_MS };

static void append_grouped(struct buf *out, unsigned number)
{
    if (number >= 1000)
        append_grouped(out, number / 1000);
    buf_printf(out, number >= 1000 ? ",%03u" : "%u", number % 1000);
}

static void write_amount(enum unit unit, unsigned number, struct buf *out)
{
    if (unit == UNIT_MS || (unit == UNIT_BYTES && number % 1024 == 0)) {
        config_number_write(unit == UNIT_MS ? CONFIG_ms : CONFIG_bytes, number, out);
        return;
    }
    append_grouped(out, number);
    buf_append_str(out, unit == UNIT_BYTES ? " bytes" : unit == UNIT_CHARACTERS ? " characters" : "");
}

static void write_limit(const char *what, enum unit unit, unsigned number, const char *consequence, struct buf *out)
{
    buf_printf(out, "| %s | ", what);
    write_amount(unit, number, out);
    buf_printf(out, " | %s |\n", consequence);
}

static void write_fixed(struct buf *out)
{
    buf_append_str(out, "\n## Fixed\n\nThese belong to a protocol or to the program and are no options.\n");
#define SECTION(title, sentence) \
    buf_append_str(out, "\n### " title "\n\n" sentence "\n\n| what | limit | past it |\n| --- | --- | --- |\n");
#define LIMIT(name, number, unit, what, consequence) write_limit(what, UNIT_##unit, number, consequence, out);
#define FIXED(what, value, consequence) buf_append_str(out, "| " what " | " value " | " consequence " |\n");
#include "base/limits.def"
#undef FIXED
#undef LIMIT
#undef SECTION
}

void limits_write_docs(struct buf *out)
{
    bool is_limits = false;

    buf_append_str(out, "# Limits\n\n");
    buf_append_str(
        out,
        "<!-- Made from src/server/config.def and src/base/limits.def by `collabd docs`: change it there. -->\n\n");
    buf_append_str(
        out, "Nothing that a client chooses is unbounded. What exceeds a limit gets an answer that says so (the code,\n"
             "the HTTP status or the close code that stands here; [errors](errors.md) lists the codes), and nothing\n"
             "half done remains. The limits with a name are options: [config](config.md) has their types and ranges,\n"
             "`/metrics` the values in force. `COLLABD_LIMITS=open` lifts those marked *open: none*, which count per\n"
             "address, per user and per second: for benchmarks, and for test suites that come from one address.\n");
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];

        if (row->type == CONFIG_GROUP)
            is_limits = row->is_limits;
        if (is_limits && row->type == CONFIG_GROUP)
            buf_printf(out, "\n## %s\n\n%s\n\n| limit | default | what is limited |\n| --- | --- | --- |\n", row->name,
                       row->help);
        else if (is_limits)
            write_limits_row(row, out);
    }
    write_fixed(out);
}

/* ---- --help ---- */

/* Words of the text in lines that begin at HELP_COLUMN; the first one begins where the cursor is. */
static void write_wrapped(struct span text, size_t column, struct buf *out)
{
    struct span word;

    while (span_cut(&text, ' ', &word)) {
        if (column + 1 + word.len > HELP_WIDTH) {
            buf_printf(out, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            buf_append_char(out, ' ');
            column++;
        }
        buf_append_span(out, word);
        column += word.len;
    }
    buf_append_char(out, '\n');
}

static void write_help_row(const struct config_row *row, struct buf *out)
{
    struct buf text = BUF_EMPTY;
    size_t start = out->len;

    buf_append_str(out, "  --");
    for (const char *byte = row->name; *byte; byte++)
        buf_append_char(out, *byte == '_' ? '-' : *byte);
    if (out->len - start + 2 > HELP_COLUMN) {
        buf_append_char(out, '\n');
        start = out->len;
    }
    buf_printf(out, "%*s", HELP_COLUMN - (int)(out->len - start), "");
    buf_append_str(&text, row->help);
    if (row->bounds.words != NULL) {
        buf_append_str(&text, "; one of ");
        write_range(row, &text);
    }
    if (row->fallback[0] != '\0')
        buf_printf(&text, " [%s]", row->fallback);
    write_wrapped(buf_span(&text), HELP_COLUMN, out);
    buf_deinit(&text);
}

void config_write_help(struct buf *out)
{
    buf_append_str(out, "Options (--name VALUE; the default is in brackets):\n\n"
                        "  --config                        file with options: JSON, comments allowed\n"
                        "  --help                          this list\n");
    for (size_t i = 0; i < config_row_count; i++) {
        if (config_rows[i].type == CONFIG_GROUP)
            buf_printf(out, "\n%s\n", config_rows[i].name);
        else
            write_help_row(&config_rows[i], out);
    }
}

/* ---- /metrics ---- */

void limits_write_prometheus(const struct config *config, struct buf *out)
{
    bool is_limits = false;

    buf_append_str(
        out,
        "# HELP collabd_limit limits in force, in the unit that the name ends with; 0 may mean that there is none\n"
        "# TYPE collabd_limit gauge\n");
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];

        if (row->type == CONFIG_GROUP)
            is_limits = row->is_limits;
        else if (is_limits && config_type_is_number(row->type))
            buf_printf(out, "collabd_limit{name=\"%s\"} %llu\n", row->name,
                       (unsigned long long)config_number(config, row));
    }
}
