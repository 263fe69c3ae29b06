/* static_files.h: files of one folder, read at start (and on reload) into a table: no path of a request ever reaches the file system. ETag (strong,
 * SHA-256 of the content), If-None-Match, Range (one range), Last-Modified, precompressed neighbours (x.js.gz, x.js.br), content types,
 * index.html for "/". Read-only after loading, shared by all workers. */
#pragma once

#include "net/http.h"

struct static_files;

/* ERR_IO with a sentence in *why. Hidden files, links out of the folder and files over 16 MiB are left out. */
must_check enum err static_files_load(struct span folder, struct static_files **out, struct buf *why);
struct static_files *static_files_ref(struct static_files *files); /* any thread */
void static_files_unref(struct static_files *files);
/* Answers GET and HEAD for a path of the table; false when there is no such file (nothing was answered). */
bool static_files_serve(struct static_files *files, struct http_exchange *exchange, struct span path);
