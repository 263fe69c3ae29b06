/* gzip.h: bodies of HTTP answers, compressed (RFC 1952). Holds one zlib state for reuse; one thread. Pure. */
#pragma once

#include "base/buf.h"

struct gzipper;
struct gzipper *gzipper_new(int level); /* 1, fast, to 9 */
void gzipper_free(struct gzipper *gzipper);
/* Appends the whole file that holds `text`. */
void gzipper_append(struct gzipper *gzipper, struct span text, struct buf *out);
