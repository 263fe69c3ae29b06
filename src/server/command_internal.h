/* command_internal.h: what the files command_*.c share. */
#pragma once

#include "server/admin.h"
#include "server/command.h"
#include "server/config.h"
#include "server/types_builtin.h"
#include "base/clock.h"
#include "wire/json.h"

struct command_words {
    const char *usage;
    int argc; /* after the subcommand's name */
    char **argv;
    const char *const *flags; /* its own */
    size_t words_max;
};

/* Reads the configuration for a subcommand; says what is wrong on standard error and gives false. With --help it prints the usage: look at
 * config->wants_help. config_deinit in any case. */
bool command_config(struct config *config, const struct command_words *words);
int command_usage(const struct command_words *words); /* prints it, gives the exit status */
/* Asks the running server, or does it here when none runs. True: *answer holds what it said (json_deinit; borrows *text). False: why not was printed. */
bool command_ask(const struct config *config, struct span request, struct buf *text, struct json *answer);
