/* server.h: the process: opens the data, builds what the workers share, starts them, listens to signals and to the admin socket, drains, stops. The main
 * thread runs this and serves no client. */
#pragma once

#include "server/config.h"

/* Runs until SIGTERM or SIGINT. SIGHUP reads the configuration again (`reread` makes a fresh one, or says why not and gives false). Gives the exit status. */
int server_run(struct config *config, bool (*reread)(void *arg, struct config *out), void *arg);
