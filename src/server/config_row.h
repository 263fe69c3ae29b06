/* config_row.h: the rows of config.def as a table, and single values as text. Inside server/config*.c only. */
#pragma once

#include "server/config.h"

#define KIB ((uint64_t)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define SECOND ((uint64_t)1000) /* in milliseconds, as those below */
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define DAY_S ((uint64_t)86400) /* in seconds */

enum config_type {
    CONFIG_GROUP, /* no option: a headline */
    CONFIG_u32,
    CONFIG_bytes,
    CONFIG_ms,
    CONFIG_s,
    CONFIG_bool,
    CONFIG_string,
    CONFIG_word,
    CONFIG_list,
    CONFIG_joined,
    CONFIG_json,
};

struct config_bounds {
    uint64_t least, most; /* of numbers */
    const char *words;    /* of a word: "a|b|c" */
    bool is_rate;         /* 0 is no limit, and what open limits make of it */
};

struct config_row {
    const char *name;     /* of a group: its title */
    const char *help;     /* of a group: its sentence */
    const char *fallback; /* the default, as text */
    struct config_bounds bounds;
    size_t offset; /* of the field in struct config */
    enum config_type type;
    bool needs_restart;
    bool is_limits; /* of a group: limits, as opposed to settings */
};

extern const struct config_row config_rows[];
extern const size_t config_row_count;

/* By name; NULL: there is none. */
const struct config_row *config_row_find(struct span name);
/* The option whose name is most like this one, if it is alike at all: a slip of a key, another case; else NULL. */
const struct config_row *config_row_like(struct span name);

bool config_type_is_number(enum config_type type);
/* A number with its unit, as a person writes it: "64 KiB", "5 min", "100". */
void config_number_write(enum config_type type, uint64_t number, struct buf *out);
/* The reverse; blanks between number and unit may be missing. */
bool config_number_parse(enum config_type type, struct span text, uint64_t *number);

/* Where a value stands: a file and a line, "environment", "command line"; nothing: the default. */
struct config_place {
    struct span source;
    size_t line; /* 0: none */
};
/* Sets the option from text; what is wrong is appended to *why, and nothing was set then. */
must_check enum err config_value_parse(struct config *config, const struct config_row *row, struct span text,
                                       struct buf *why);
/* The same for a source outside the file: problems go to the report, and the place is remembered. */
void config_value_apply(struct config *config, const struct config_row *row, struct span text,
                        const struct config_place *place, struct config_report *report);
/* The value as a person reads it. */
void config_value_write(const struct config *config, const struct config_row *row, struct buf *out);
uint64_t config_number(const struct config *config, const struct config_row *row);
void config_number_set(struct config *config, const struct config_row *row, uint64_t number);
/* Appends to a list. */
void config_list_add(struct config *config, struct config_list *list, struct span item);
bool config_value_equal(const struct config *a, const struct config *b, const struct config_row *row);

struct config_place *config_place_of(const struct config *config, const struct config_row *row);

/* One line of the report. `key` may be empty. */
__attribute__((format(printf, 4, 5))) void config_problem(struct config_report *report,
                                                          const struct config_place *place, struct span key,
                                                          const char *format, ...);
/* In quotes, at most 60 bytes of it, nothing in it that steers a terminal. */
void config_quote(struct buf *out, struct span text);
/* ": unknown; did you mean x?" and the like. */
void config_problem_unknown(struct config_report *report, const struct config_place *place, struct span key);

/* The words of the command line: first the file's name, --help, the subcommand's own flags and words; then the
 * options. */
void config_flags_read(struct config *config, const struct config_input *input, struct config_report *report);
void config_flags_apply(struct config *config, const struct config_input *input, struct config_report *report);
/* The file's options into the config. */
void config_file_apply(struct config *config, struct span file, struct config_report *report);
