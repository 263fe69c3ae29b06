/* Requests from any bytes: nothing breaks, and however the bytes are split the same comes out. The first byte seeds the
 * split. */
#include "base/rand.h"
#include "lib/http_summary.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t piece(void *arg)
{
    return 1 + rand_below(arg, 1 + rand_below(arg, 64));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct http_limits limits = http_limits_default;
    struct buf whole = BUF_EMPTY, pieces = BUF_EMPTY;
    struct span bytes;
    struct rand rand;

    if (len == 0)
        return 0;
    /* Small, so that short inputs reach them. */
    limits.request_line_bytes_max = 256;
    limits.header_bytes_max = 512;
    limits.header_count_max = 16;
    limits.query_count_max = 8;
    limits.body_bytes_max = 1024;
    rand_seed(&rand, data[0]);
    bytes = (struct span){(const char *)data + 1, len - 1};
    http_summary_whole(&whole, bytes, &limits);
    http_summary(&pieces, bytes, &limits, piece, &rand);
    assert(span_equal(buf_span(&whole), buf_span(&pieces)));
    buf_deinit(&whole);
    buf_deinit(&pieces);
    return 0;
}
