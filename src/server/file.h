/* file.h: whole small files of the operator's (keys, certificates). Not for a worker's thread: it blocks. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#define FILE_KEY_BYTES_MAX ((size_t)256 * 1024)

/* Appends the file's bytes. ERR_CONFIG with a sentence in *why when it cannot be read or is larger. */
must_check enum err file_read(struct span path, size_t bytes_max, struct buf *out, struct buf *why);
/* Without line ends and blanks at its ends. */
struct span span_trim_lines(struct span text);
