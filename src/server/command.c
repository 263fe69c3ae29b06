/* What the subcommands share. */
#include "server/command_internal.h"

#include "server/admin_socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool command_config(struct config *config, const struct command_words *words)
{
    struct config_report report = {0};
    struct config_input input = {.argc = words->argc,
                                 .argv = words->argv,
                                 .environment = environ,
                                 .other_flags = words->flags,
                                 .words_max = words->words_max};
    enum err err = config_load(config, &input, &report);
    if (err)
        fprintf(stderr, "%.*s", SPAN_ARG(buf_span(&report.text)));
    if (!err && config->wants_help) {
        struct buf help = BUF_EMPTY;
        config_write_help(&help);
        printf("%s\n\n%.*s", words->usage, SPAN_ARG(buf_span(&help)));
        buf_deinit(&help);
    }
    buf_deinit(&report.text);
    return err == OK;
}

int command_usage(const struct command_words *words)
{
    fprintf(stderr, "%s\n", words->usage);
    return 2;
}

/* Only a first account makes a database; everything else asks one that is there, or the folder's name is wrong. */
static bool has_data(const struct config *config, const struct admin *admin)
{
    char *folder = span_to_str(config->data);
    bool is_there = admin->command == ADMIN_USER_ADD || access(folder, F_OK) == 0;
    if (!is_there)
        fprintf(stderr, "collabd: There is no data in %s.\n", folder);
    free(folder);
    return is_there;
}

/* No server runs: the command opens the database itself. */
static bool run_here(const struct config *config, struct admin *admin)
{
    struct buf why = BUF_EMPTY;
    struct type_registry *registry = NULL;
    struct store *store = NULL;
    struct store_reader *reader = NULL;
    struct store_options options = {.folder = config->data,
                                    .log_events_max = config->log_events_max,
                                    .log_age_ms = config->log_age_ms,
                                    .op_age_ms = config->op_age_ms,
                                    .activity_age_ms = config->activity_age_ms,
                                    .message_age_ms = config->message_age_ms,
                                    .history_age_ms = config->history_age_ms};
    enum err err;
    if (!has_data(config, admin))
        return false;
    if ((err = type_registry_new(types_builtin(), config->types, &registry, &why)))
        goto done;
    options.registry = registry;
    if ((err = store_open(&options, &store, &why)) || (err = store_reader_open(&options, &reader, &why)))
        goto done;
    admin_run(admin, store, reader, clock_wall_ms());
done:
    if (err)
        fprintf(stderr, "collabd: %.*s\n", SPAN_ARG(buf_span(&why)));
    store_reader_close(reader);
    store_close(store);
    type_registry_unref(registry);
    buf_deinit(&why);
    return err == OK;
}

/* A refusal is a sentence on standard error; a success is the caller's to print. */
static bool understand(struct span text, struct json *answer)
{
    if (json_parse(answer, text, &(struct json_limits){64u << 20, 32, 1u << 22}) != OK) {
        fprintf(stderr, "collabd: The server's answer makes no sense.\n");
        return false;
    }
    if (json_get_bool(answer->root, "ok", false))
        return true;
    fprintf(stderr, "collabd: %.*s\n", SPAN_ARG(json_get_text(answer->root, "message")));
    return false;
}

bool command_ask(const struct config *config, struct span request, struct buf *text, struct json *answer)
{
    *answer = (struct json){0};
    enum err err = admin_socket_ask(config->data, request, text);
    if (err == ERR_NOT_FOUND) {
        struct admin admin;
        bool is_done = admin_prepare(&admin, request) != OK || run_here(config, &admin);
        buf_append_span(text, buf_span(&admin.answer));
        admin_deinit(&admin);
        if (!is_done)
            return false;
    } else if (err) {
        fprintf(stderr, "collabd: The server did not answer.\n");
        return false;
    }
    return understand(buf_span(text), answer);
}
