/* Picks the subcommand. Nothing else. */
#include "load/load.h"
#include "server/command.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"serve", command_serve, "the server; no argument is needed"},
    {"check", command_check, "says what is wrong with a configuration"},
    {"user", command_user, "accounts: add, list, passwd, roles, remove"},
    {"token", command_token, "prints a JWT for an account"},
    {"backup", command_backup, "a consistent copy of the data, also while the server runs"},
    {"restore", command_restore, "puts such a copy back"},
    {"bench", load_main, "the load generator"},
    {"docs", command_docs, "prints the generated pages of the documentation"},
};

static int usage(FILE *out, int status)
{
    fprintf(out, "collabd COMMAND [--help] ...\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage(stderr, 2);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return usage(strcmp(argv[1], "--help") == 0 ? stdout : stderr, strcmp(argv[1], "--help") == 0 ? 0 : 2);
}
