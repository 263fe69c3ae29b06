/* collabd serve, collabd check. */
#include "base/log.h"
#include "server/command_internal.h"
#include "server/errors_docs.h"
#include "server/server.h"

#include <stdio.h>

static bool reread(void *arg, struct config *out)
{
    return command_config(out, arg);
}

int command_serve(int argc, char **argv)
{
    struct command_words words = {
        .usage = "collabd serve [--config FILE] [--listen HOST:PORT]... [--data DIR] [--demo] [--workers N]",
        .argc = argc - 1,
        .argv = argv + 1};
    struct config config = {0};
    struct config_report report = {0};
    int status = 1;
    if (!command_config(&config, &words))
        goto done;
    if (config.wants_help)
        status = 0;
    else if (config_check(&config, &report)) /* everything that is wrong, and where, before anything is made */
        fprintf(stderr, "%.*s", SPAN_ARG(buf_span(&report.text)));
    else
        status = server_run(&config, reread, &words);
done:
    buf_deinit(&report.text);
    config_deinit(&config);
    return status;
}

int command_check(int argc, char **argv)
{
    struct command_words words = {.usage = "collabd check [--config FILE]", .argc = argc - 1, .argv = argv + 1};
    struct config config = {0};
    struct config_report report = {0};
    int status = 1;
    if (!command_config(&config, &words))
        goto done;
    if (config.wants_help) {
        status = 0;
    } else if (config_check(&config, &report)) {
        fprintf(stderr, "%.*s", SPAN_ARG(buf_span(&report.text)));
    } else {
        printf("The configuration is fine.\n");
        status = 0;
    }
done:
    buf_deinit(&report.text);
    config_deinit(&config);
    return status;
}

int command_docs(int argc, char **argv)
{
    struct buf text = BUF_EMPTY;
    struct span page = argc == 2 ? span_from_str(argv[1]) : SPAN_EMPTY;
    if (span_equal(page, SPAN("config"))) {
        config_write_docs(&text);
    } else if (span_equal(page, SPAN("limits"))) {
        limits_write_docs(&text);
    } else if (span_equal(page, SPAN("errors"))) {
        errors_write_docs(&text);
    } else {
        fprintf(stderr, "collabd docs config|limits|errors\n");
        return 2;
    }
    printf("%.*s", SPAN_ARG(buf_span(&text)));
    buf_deinit(&text);
    return 0;
}
