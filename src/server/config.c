#include "server/config.h"

#include "server/config_row.h"

#include <assert.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ARENA_BLOCK = 4096, WORKERS_MAX = 64, SECRET_BYTES_MIN = 32, PATH_BYTES = 4096 };

#define ENVIRONMENT_PREFIX "COLLABD_"

/* ---- the values to begin with ---- */

static void set_defaults(struct config *config)
{
    struct buf why = BUF_EMPTY;

    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        enum err err =
            row->type == CONFIG_GROUP ? OK : config_value_parse(config, row, span_from_str(row->fallback), &why);

        assert(err == OK);
    }
    buf_deinit(&why);
}

/* ---- the environment ---- */

/* "COLLABD_LOG_LEVEL" -> "log_level", in the arena; false when it has another prefix. */
static bool option_of_variable(struct config *config, struct span variable, struct span *name)
{
    const struct span prefix = SPAN(ENVIRONMENT_PREFIX);
    struct span copy;

    if (!span_starts_with(variable, prefix))
        return false;
    copy = arena_copy(&config->arena, span_slice(variable, prefix.len, variable.len));
    for (size_t i = 0; i < copy.len; i++)
        if (copy.data[i] >= 'A' && copy.data[i] <= 'Z')
            ((char *)(uintptr_t)copy.data)[i] = (char)(copy.data[i] - 'A' + 'a');
    *name = copy;
    return true;
}

/* Others name variables COLLABD_..., too (a container's COLLABD_PORT): only what looks like a slip is a mistake. */
static void apply_variable(struct config *config, struct span variable, struct span value, struct config_report *report)
{
    struct config_place place = {arena_printf(&config->arena, "environment: %.*s", SPAN_ARG(variable)), 0};
    const struct config_row *row = NULL;
    struct span name;

    /* Two names without a prefix: web frameworks read them already. */
    if (span_equal(variable, SPAN("ALLOW_ORIGINS")))
        row = config_row_find(SPAN("allow_origins"));
    else if (span_equal(variable, SPAN("ALLOW_ORIGIN_REGEX")))
        row = config_row_find(SPAN("allow_origin_regex"));
    else if (!option_of_variable(config, variable, &name) || span_equal(name, SPAN("config")))
        return;
    else if ((row = config_row_find(name)) == NULL && config_row_like(name) != NULL)
        config_problem_unknown(report, &place, name);
    if (row != NULL)
        config_value_apply(config, row, value, &place, report);
}

/* One pass for the names without the prefix and one for those with it, which are the stronger ones. */
static void apply_environment(struct config *config, char **environment, bool with_prefix, struct config_report *report)
{
    for (; environment != NULL && *environment != NULL; environment++) {
        struct span value = span_from_str(*environment);
        struct span variable = SPAN_EMPTY;

        if (span_cut(&value, '=', &variable) && value.len > 0 &&
            span_starts_with(variable, SPAN(ENVIRONMENT_PREFIX)) == with_prefix)
            apply_variable(config, variable, value, report);
    }
}

static struct span file_of_environment(struct config *config, char **environment)
{
    const struct span prefix = SPAN(ENVIRONMENT_PREFIX "CONFIG=");

    for (; environment != NULL && *environment != NULL; environment++)
        if (span_starts_with(span_from_str(*environment), prefix))
            return arena_copy(&config->arena, span_from_str(*environment + prefix.len));
    return SPAN_EMPTY;
}

/* ---- what follows from the values ---- */

static void lift_limits(struct config *config)
{
    for (size_t i = 0; i < config_row_count && config->limits == LIMITS_OPEN; i++)
        if (config_rows[i].bounds.is_rate)
            config_number_set(config, &config_rows[i], 0);
}

/* Those this process may use: less than the machine has, in a container. */
static uint32_t processor_count(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

    return count < 1 ? 1 : count > WORKERS_MAX ? WORKERS_MAX : (uint32_t)count;
}

/* build/collabd and build/asan/collabd both find the pages of their own tree, wherever they are started. */
static struct span find_web_dir(struct config *config)
{
    static const char *const places[] = {"/../web/static", "/../../web/static"};
    char program[PATH_BYTES];
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program));
    struct stat status;

    while (len > 0 && program[len - 1] != '/')
        len--;
    for (size_t i = 0; len > 0 && i < sizeof(places) / sizeof(places[0]); i++) {
        struct span path = arena_printf(&config->arena, "%.*s%s", (int)len - 1, program, places[i]);

        if (stat(path.data, &status) == 0 && S_ISDIR(status.st_mode))
            return path;
    }
    return SPAN("web/static");
}

static void complain(const struct config *config, const char *name, struct config_report *report, const char *sentence)
{
    const struct config_row *row = config_row_find(span_from_str(name));

    config_problem(report, config_place_of(config, row), span_from_str(name), "%s", sentence);
}

/* Values that are good each for itself and wrong together. */
static void check_together(const struct config *config, struct config_report *report)
{
    if (config->listen.count == 0)
        complain(config, "listen", report, "there must be an address to listen on");
    if (config->data.len == 0)
        complain(config, "data", report, "there must be a folder for the data");
    if (config->tls_certificate.len > 0 && config->tls_key.len == 0)
        complain(config, "tls_certificate", report, "a certificate needs its key: set tls_key, too");
    if (config->tls_key.len > 0 && config->tls_certificate.len == 0)
        complain(config, "tls_key", report, "a key needs its certificate: set tls_certificate, too");
    if (config->jwt_secret.len > 0 && config->jwt_secret.len < SECRET_BYTES_MIN)
        complain(config, "jwt_secret", report, "a shared secret needs at least 32 bytes");
    if (config->ping_ms > 0 && config->dead_ms > 0 && config->ping_ms >= config->dead_ms)
        complain(config, "dead_ms", report, "it must be longer than ping_ms, or nobody has the time to answer");
    if (config->conn_queue_bytes_soft > config->conn_queue_bytes_max)
        complain(config, "conn_queue_bytes_soft", report, "it must not be more than conn_queue_bytes_max");
    if (config->log_bytes_max > config->hub_log_bytes_max)
        complain(config, "log_bytes_max", report, "it must not be more than hub_log_bytes_max");
}

static void finish(struct config *config)
{
    lift_limits(config);
    if (config->workers == 0)
        config->workers = processor_count();
    if (config->web_dir.len == 0)
        config->web_dir = find_web_dir(config);
}

/* ---- life ---- */

enum err config_load(struct config *config, const struct config_input *input, struct config_report *report)
{
    unsigned problems_before = report->problem_count;

    memset(config, 0, sizeof(*config));
    arena_init(&config->arena, ARENA_BLOCK);
    config->places = arena_alloc(&config->arena, config_row_count * sizeof(*config->places));
    set_defaults(config);
    config_flags_read(config, input, report);
    if (config->file.len == 0)
        config->file = file_of_environment(config, input->environment);
    if (config->file.len > 0)
        config_file_apply(config, config->file, report);
    apply_environment(config, input->environment, false, report);
    apply_environment(config, input->environment, true, report);
    config_flags_apply(config, input, report);
    if (report->problem_count == problems_before) /* else half of the values may not be what was meant */
        check_together(config, report);
    finish(config);
    return report->problem_count == problems_before ? OK : ERR_CONFIG;
}

void config_deinit(struct config *config)
{
    arena_deinit(&config->arena);
    memset(config, 0, sizeof(*config));
}

bool config_flag(const struct config *config, const char *name, struct span *value)
{
    bool is_there = false;

    for (size_t i = 0; i < config->flag_count; i++) {
        if (span_equal(config->flags[i].name, span_from_str(name))) {
            *value = config->flags[i].value;
            is_there = true;
        }
    }
    return is_there;
}

void config_changed_for_restart(const struct config *config, const struct config *fresh, struct buf *out)
{
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];

        if (row->type == CONFIG_GROUP || !row->needs_restart || config_value_equal(config, fresh, row))
            continue;
        if (out->len > 0)
            buf_append_str(out, ", ");
        buf_append_str(out, row->name);
    }
}
