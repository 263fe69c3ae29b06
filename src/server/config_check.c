/* What the values alone cannot say: whether the addresses, files, keys and types they name are any good. Each option is
 * looked at for itself, so that one mistake does not hide the next. */
#include "server/config_row.h"

#include "auth/jwt.h"
#include "auth/origin.h"
#include "collab/type/type.h"
#include "net/listener.h"
#include "net/static_files.h"
#include "net/tls.h"
#include "peer/socketio/namespace.h"
#include "server/file.h"
#include "server/hooks.h"
#include "server/outbound.h"
#include "server/types_builtin.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct check {
    const struct config *config;
    struct config_report *report;
    struct buf why; /* of the look under way */
};

/* Ends a look at an option: tells what was wrong, if anything. */
static void conclude(struct check *check, const char *name, enum err err)
{
    const struct config_row *row = config_row_find(span_from_str(name));

    if (err != OK)
        config_problem(check->report, config_place_of(check->config, row), span_from_str(name), "%.*s",
                       SPAN_ARG(buf_span(&check->why)));
    buf_reset(&check->why);
}

static void check_addresses(struct check *check)
{
    for (size_t i = 0; i < check->config->listen.count; i++) {
        struct listener_address address;

        conclude(check, "listen", listener_parse(check->config->listen.items[i], &address, &check->why));
    }
}

static void check_origins(struct check *check)
{
    struct origin_rules *rules = NULL;

    conclude(check, "allow_origins", origin_rules_new(check->config->allow_origins, SPAN(""), &rules, &check->why));
    origin_rules_free(rules);
    rules = NULL;
    conclude(check, "allow_origin_regex",
             origin_rules_new(SPAN(""), check->config->allow_origin_regex, &rules, &check->why));
    origin_rules_free(rules);
}

enum key_kind { KEY_SECRET, KEY_PEM, KEY_SET };

static enum err add_key(struct jwt_keys *keys, enum key_kind kind, struct span text, struct buf *why)
{
    switch (kind) {
    case KEY_SECRET: return jwt_keys_add_secret(keys, SPAN(""), span_trim_lines(text), why);
    case KEY_PEM: return jwt_keys_add_pem(keys, SPAN(""), text, why);
    case KEY_SET: return jwt_keys_add_jwks(keys, text, false, why);
    }
    return OK;
}

static void check_key_file(struct check *check, const char *name, enum key_kind kind, struct span path)
{
    struct jwt_keys *keys = jwt_keys_new();
    struct buf text = BUF_EMPTY;
    enum err err = OK;

    if (path.len > 0 && (err = file_read(path, FILE_KEY_BYTES_MAX, &text, &check->why)) == OK) {
        buf_printf(&check->why, "%.*s: ", SPAN_ARG(path));
        err = add_key(keys, kind, buf_span(&text), &check->why);
    }
    conclude(check, name, err);
    buf_deinit(&text);
    jwt_keys_unref(keys);
}

static void check_keys(struct check *check)
{
    const struct config *config = check->config;

    check_key_file(check, "jwt_secret_file", KEY_SECRET, config->jwt_secret_file);
    for (size_t i = 0; i < config->jwt_key_files.count; i++)
        check_key_file(check, "jwt_key_files", KEY_PEM, config->jwt_key_files.items[i]);
    check_key_file(check, "jwks_file", KEY_SET, config->jwks_file);
}

static void check_tls(struct check *check)
{
    struct tls *tls = NULL;
    enum err err = OK;

    if (check->config->tls_certificate.len > 0 && check->config->tls_key.len > 0)
        err = tls_new(check->config->tls_certificate, check->config->tls_key, &tls, &check->why);
    conclude(check, "tls_certificate", err);
    tls_unref(tls);
}

static void check_types(struct check *check)
{
    struct type_registry *registry = NULL;

    conclude(check, "types", type_registry_new(types_builtin(), check->config->types, &registry, &check->why));
    type_registry_unref(registry);
}

static void check_namespaces(struct check *check)
{
    struct namespaces namespaces;

    conclude(check, "namespaces", namespaces_init(&namespaces, check->config->namespaces, &check->why));
    namespaces_deinit(&namespaces);
}

/* A URL, the secret that goes with it, and a list of words. */
static void check_endpoint(struct check *check, const char *url_name, struct span url, const char *secret_name,
                           struct span secret)
{
    if (url.len == 0)
        return;
    conclude(check, url_name, outbound_check_url(url, &check->why));
    conclude(check, secret_name, outbound_check_secret(secret, &check->why));
}

static void check_hooks(struct check *check)
{
    const struct config *config = check->config;
    unsigned bits;
    bool asks_who;

    check_endpoint(check, "backend_url", config->backend_url, "backend_secret", config->backend_secret);
    conclude(check, "backend_asks", hooks_asks(&config->backend_asks, &bits, &asks_who, &check->why));
    check_endpoint(check, "webhook_url", config->webhook_url, "webhook_secret", config->webhook_secret);
    conclude(check, "webhook_events", hooks_events(&config->webhook_events, &bits, &check->why));
}

static void check_web_dir(struct check *check)
{
    struct static_files *files = NULL;

    conclude(check, "web_dir", static_files_load(check->config->web_dir, &files, &check->why));
    static_files_unref(files);
}

/* The folder itself is made at the start. What is there already must be a folder that may be written to. */
static void check_data(struct check *check)
{
    char *path = span_to_str(check->config->data);
    struct stat status;
    enum err err = OK;

    if (stat(path, &status) == 0) {
        if (!S_ISDIR(status.st_mode) || access(path, W_OK | X_OK) != 0)
            err = ERR_CONFIG;
        buf_printf(&check->why, "%s is %s", path, S_ISDIR(status.st_mode) ? "not ours to write to" : "no folder");
    }
    conclude(check, "data", err);
    free(path);
}

enum err config_check(const struct config *config, struct config_report *report)
{
    struct check check = {config, report, BUF_EMPTY};
    unsigned problems_before = report->problem_count;

    check_addresses(&check);
    check_data(&check);
    check_web_dir(&check);
    check_tls(&check);
    check_origins(&check);
    check_keys(&check);
    check_namespaces(&check);
    check_types(&check);
    check_hooks(&check);
    buf_deinit(&check.why);
    return report->problem_count == problems_before ? OK : ERR_CONFIG;
}

enum err config_check_file(struct span file, struct config_report *report)
{
    char *path = span_to_str(file);
    char *argv[] = {"--config", path};
    const struct config_input input = {.argc = 2, .argv = argv};
    struct config config;
    unsigned problems_before = report->problem_count;

    /* Also when something is wrong already: the rest is what it would be. */
    (void)!config_load(&config, &input, report);
    (void)!config_check(&config, report);
    config_deinit(&config);
    free(path);
    return report->problem_count == problems_before ? OK : ERR_CONFIG;
}
