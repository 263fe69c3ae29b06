/* command.h: the subcommands of collabd, one function each: argv[0] is its name; each gives the exit status. */
#pragma once

int command_serve(int argc, char **argv);
int command_check(int argc, char **argv);
int command_user(int argc, char **argv);
int command_token(int argc, char **argv);
int command_backup(int argc, char **argv);
int command_restore(int argc, char **argv);
int command_docs(int argc, char **argv); /* writes the generated pages of docs/ */
