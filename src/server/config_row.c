#include "server/config_row.h"

#include <stddef.h>
#include <stdio.h>

/* ---- the table ---- */

#define ANY               \
    {                     \
        0, 0, NULL, false \
    }
#define RANGE(least, most)           \
    {                                \
        (least), (most), NULL, false \
    }
#define RATE(most)            \
    {                         \
        0, (most), NULL, true \
    }
#define WORDS(words)         \
    {                        \
        0, 0, (words), false \
    }

enum { SETTINGS = false, LIMITS = true, RELOAD = false, RESTART = true };

const struct config_row config_rows[] = {
#define GROUP(kind, title, sentence) {(title), (sentence), "", ANY, 0, CONFIG_GROUP, false, (kind)},
#define OPTION(type, name, fallback, bounds, reload, help) \
    {#name, (help), (fallback), bounds, offsetof(struct config, name), CONFIG_##type, (reload), false},
#include "server/config.def"
#undef OPTION
#undef GROUP
};
const size_t config_row_count = sizeof(config_rows) / sizeof(config_rows[0]);

const struct config_row *config_row_find(struct span name)
{
    for (size_t i = 0; i < config_row_count; i++)
        if (config_rows[i].type != CONFIG_GROUP && span_equal(name, span_from_str(config_rows[i].name)))
            return &config_rows[i];
    return NULL;
}

/* ---- names that are alike ---- */

enum { NAME_BYTES_MAX = 48 };

/* Lower case, without _ and -: "connectionsMax" and "connections-max" are connections_max. */
static size_t simplify(struct span name, char out[NAME_BYTES_MAX])
{
    size_t len = 0;

    for (size_t i = 0; i < name.len && len < NAME_BYTES_MAX; i++) {
        char byte = name.data[i];

        if (byte >= 'A' && byte <= 'Z')
            byte = (char)(byte - 'A' + 'a');
        if (byte != '_' && byte != '-')
            out[len++] = byte;
    }
    return len;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must be added, left out or replaced to make one of the other. */
static size_t distance(struct span a, struct span b)
{
    char left[NAME_BYTES_MAX], right[NAME_BYTES_MAX];
    size_t left_len = simplify(a, left);
    size_t right_len = simplify(b, right);
    size_t row[NAME_BYTES_MAX + 1];

    for (size_t j = 0; j <= right_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= left_len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= right_len; j++) {
            size_t replaced = diagonal + (left[i - 1] != right[j - 1]);

            diagonal = row[j];
            row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[right_len];
}

const struct config_row *config_row_like(struct span name)
{
    const struct config_row *best = NULL;
    size_t best_distance = name.len / 4 + 1;

    if (name.len > NAME_BYTES_MAX)
        return NULL;
    for (size_t i = 0; i < config_row_count; i++) {
        size_t apart;

        if (config_rows[i].type == CONFIG_GROUP)
            continue;
        apart = distance(name, span_from_str(config_rows[i].name));
        if (apart < best_distance || (apart == best_distance && best == NULL)) {
            best = &config_rows[i];
            best_distance = apart;
        }
    }
    return best;
}

/* ---- problems ---- */

struct config_place *config_place_of(const struct config *config, const struct config_row *row)
{
    return &config->places[row - config_rows];
}

void config_problem(struct config_report *report, const struct config_place *place, struct span key, const char *format,
                    ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (place != NULL && place->source.len > 0) {
        buf_append_span(&report->text, place->source);
        if (place->line > 0)
            buf_printf(&report->text, ":%zu", place->line);
        buf_append_str(&report->text, ": ");
    }
    if (key.len > 0)
        buf_printf(&report->text, "%.*s: ", SPAN_ARG(key));
    buf_append_str(&report->text, text);
    buf_append_char(&report->text, '\n');
    report->problem_count++;
}

void config_problem_unknown(struct config_report *report, const struct config_place *place, struct span key)
{
    const struct config_row *like = config_row_like(key);
    struct buf quoted = BUF_EMPTY;

    config_quote(&quoted, key);
    if (like != NULL)
        config_problem(report, place, SPAN(""), "there is no option %.*s; did you mean %s?",
                       SPAN_ARG(buf_span(&quoted)), like->name);
    else
        config_problem(report, place, SPAN(""), "there is no option %.*s", SPAN_ARG(buf_span(&quoted)));
    buf_deinit(&quoted);
}
