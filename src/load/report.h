/* report.h: a measurement's results: rows of a name (its unit last) and a number or a word, printed as one JSON
 * object or as a table for people. */
#pragma once

#include "base/buf.h"

enum { REPORT_ROWS_MAX = 64 };

struct report_row {
    const char *name; /* constant */
    char text[64];    /* as JSON: a number, or a word in quotes */
};

struct report {
    unsigned row_count;
    struct report_row rows[REPORT_ROWS_MAX];
};

void report_word(struct report *report, const char *name, const char *word); /* letters, digits and punctuation only */
void report_count(struct report *report, const char *name, uint64_t count);
void report_number(struct report *report, const char *name, double number, int decimals); /* not finite: null */
void report_append_json(const struct report *report, struct buf *out);
void report_append_table(const struct report *report, struct buf *out);
