#include "wire/gzip.h"

#include "base/memory.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

enum { GZIP_WINDOW_BITS = 15 + 16, MEMORY_LEVEL = 8 };

struct gzipper {
    z_stream stream;
};

struct gzipper *gzipper_new(int level)
{
    struct gzipper *gzipper = NEW(struct gzipper);
    int status = deflateInit2(&gzipper->stream, level, Z_DEFLATED, GZIP_WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    assert(status == Z_OK);
    (void)status;
    return gzipper;
}

void gzipper_free(struct gzipper *gzipper)
{
    if (!gzipper)
        return;
    deflateEnd(&gzipper->stream);
    free(gzipper);
}

/* The bound is zlib's own, so that one call does it. */
void gzipper_append(struct gzipper *gzipper, struct span text, struct buf *out)
{
    z_stream *stream = &gzipper->stream;
    assert(text.len < INT_MAX);
    deflateReset(stream);
    size_t bound = deflateBound(stream, (uLong)text.len);
    char *place = buf_reserve(out, bound);
    stream->next_in = (Bytef *)(uintptr_t)text.data;
    stream->avail_in = (uInt)text.len;
    stream->next_out = (Bytef *)place;
    stream->avail_out = (uInt)bound;
    int status = deflate(stream, Z_FINISH);
    assert(status == Z_STREAM_END);
    (void)status;
    out->len += bound - stream->avail_out;
}
