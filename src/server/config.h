/* config.h: what the operator decides. Every option is a row of config.def; from the rows come the fields of
 * struct config, the readers of the file, of the environment and of the command line, --help and the pages
 * docs/config.md and docs/limits.md.
 *
 * A source overrides those before it: default, file (JSON, with comments and trailing commas), environment
 * (COLLABD_NAME; an empty variable counts as none), flag (--name VALUE, --name=VALUE; a bool is switched on by
 * --name alone). All that is wrong is collected, a line each: where, which option, why. Main thread; texts live as
 * long as the config. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "collab/hub.h"
#include "net/http.h"

struct config_list {
    struct span *items;
    size_t count;
};

#define CONFIG_TYPE_u32 uint32_t
#define CONFIG_TYPE_bytes size_t
#define CONFIG_TYPE_ms uint64_t
#define CONFIG_TYPE_s uint64_t
#define CONFIG_TYPE_bool bool
#define CONFIG_TYPE_string struct span
#define CONFIG_TYPE_word unsigned
#define CONFIG_TYPE_list struct config_list
#define CONFIG_TYPE_joined struct span
#define CONFIG_TYPE_json struct span

struct config_place;

struct config { /* NOLINT(clang-analyzer-optin.performance.Padding): in the order of the page */
#define GROUP(kind, title, sentence)
#define OPTION(type, name, fallback, bounds, reload, help) CONFIG_TYPE_##type name;
#include "server/config.def"
#undef OPTION
#undef GROUP

    struct span file;         /* the configuration file's name; empty: none was read */
    bool wants_help;          /* --help or -h */
    struct config_list words; /* of the command line: what is neither an option nor its value */
    struct config_flag {
        struct span name, value;
    } * flags; /* of the command line: the subcommand's own */
    size_t flag_count;

    struct config_place *places; /* where each option's value was found */
    struct arena arena;
};

enum { LIMITS_NORMAL, LIMITS_OPEN }; /* config.limits */

struct config_input {
    int argc; /* the words after the subcommand's name */
    char **argv;
    char **environment; /* ends with NULL; NULL: none is looked at */
    const char *const
        *other_flags; /* flags of the subcommand's own, without --, each with a value; ends with NULL; NULL: none */
    size_t words_max; /* words that are no flags; more of them are a mistake */
};

struct config_report {
    struct buf text; /* a line for each problem: "collabd.json:12: connections_max: why" */
    unsigned problem_count;
};

/* Reads everything. ERR_CONFIG when the report has problems; *config holds what could be read, and must be
 * deinited, in any case. */
must_check enum err config_load(struct config *config, const struct config_input *input, struct config_report *report);
void config_deinit(struct config *config); /* a zeroed config is fine, too */

/* Looks behind the values: addresses, origins, keys and certificates, business types, folders. Adds to the report
 * all that would keep the server from starting; ERR_CONFIG when there was something. Reads files, changes nothing. */
must_check enum err config_check(const struct config *config, struct config_report *report);
/* Both for one file alone, without environment and flags. */
must_check enum err config_check_file(struct span file, struct config_report *report);

/* A flag of the subcommand's own (the last one of that name); false: it was not given. */
bool config_flag(const struct config *config, const char *name, struct span *value);
/* Appends the names of the options that a reload cannot change but `fresh` has other values for, with ", "
 * between. */
void config_changed_for_restart(const struct config *config, const struct config *fresh, struct buf *out);

/* The limits of the lower folders, filled in. */
struct http_limits config_http_limits(const struct config *config);
struct hub_limits config_hub_limits(const struct config *config);

/* Generated text: the options for --help, docs/config.md, docs/limits.md, and the limits in force for /metrics. */
void config_write_help(struct buf *out);
void config_write_docs(struct buf *out);
void limits_write_docs(struct buf *out);
void limits_write_prometheus(const struct config *config, struct buf *out);
