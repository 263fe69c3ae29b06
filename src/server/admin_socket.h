/* admin_socket.h: the socket in the data folder (mode 0600) through which the other commands ask a running server: one request line, one answer line, then
 * close. Whoever can open it may do everything: the file's mode is the permission. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* The server's side: bound and listening, non-blocking; a dead file is replaced. ERR_IO with a sentence in *why. */
must_check enum err admin_socket_listen(struct span data_folder, int *fd, struct buf *why);
/* Serves one waiting connection: reads its line (at most 64 KiB, at most 2 s) and lets `answer` write one. */
void admin_socket_serve(int fd, void (*answer)(void *arg, struct span request, struct buf *out), void *arg);
void admin_socket_remove(struct span data_folder);

/* The command's side. ERR_NOT_FOUND: no server runs on that folder. */
must_check enum err admin_socket_ask(struct span data_folder, struct span request, struct buf *answer);
