#include "load/report.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static struct report_row *add_row(struct report *report, const char *name)
{
    struct report_row *row = &report->rows[report->row_count];

    assert(report->row_count < REPORT_ROWS_MAX);
    report->row_count++;
    row->name = name;
    return row;
}

void report_word(struct report *report, const char *name, const char *word)
{
    struct report_row *row = add_row(report, name);

    (void)snprintf(row->text, sizeof(row->text), "\"%.*s\"", (int)sizeof(row->text) - 3, word);
}

void report_count(struct report *report, const char *name, uint64_t count)
{
    struct report_row *row = add_row(report, name);

    (void)snprintf(row->text, sizeof(row->text), "%" PRIu64, count);
}

void report_number(struct report *report, const char *name, double number, int decimals)
{
    struct report_row *row = add_row(report, name);

    if (isfinite(number))
        (void)snprintf(row->text, sizeof(row->text), "%.*f", decimals, number);
    else
        (void)snprintf(row->text, sizeof(row->text), "null");
}

void report_append_json(const struct report *report, struct buf *out)
{
    buf_append_char(out, '{');
    for (unsigned i = 0; i < report->row_count; i++)
        buf_printf(out, "%s\"%s\": %s", i > 0 ? ", " : "", report->rows[i].name, report->rows[i].text);
    buf_append_str(out, "}\n");
}

void report_append_table(const struct report *report, struct buf *out)
{
    for (unsigned i = 0; i < report->row_count; i++) {
        struct span text = span_from_str(report->rows[i].text);

        if (span_starts_with(text, SPAN("\"")))
            text = span_slice(text, 1, text.len - 2);
        buf_printf(out, "%-32s %16.*s\n", report->rows[i].name, SPAN_ARG(text));
    }
}
