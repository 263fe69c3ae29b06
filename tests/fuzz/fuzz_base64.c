/* Text that decodes encodes to itself, and bytes that were encoded decode to themselves. */
#include "base/base64.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct variant {
    void (*encode)(struct buf *out, struct span bytes);
    enum err (*decode)(struct buf *out, struct span text);
};

static void check(struct variant variant, struct span input)
{
    struct buf decoded = BUF_EMPTY;
    struct buf encoded = BUF_EMPTY;
    enum err err;

    if (variant.decode(&decoded, input) == OK) {
        variant.encode(&encoded, buf_span(&decoded));
        assert(span_equal(buf_span(&encoded), input));
    }
    buf_reset(&encoded);
    buf_reset(&decoded);
    variant.encode(&encoded, input);
    err = variant.decode(&decoded, buf_span(&encoded));
    assert(err == OK && span_equal(buf_span(&decoded), input));
    buf_deinit(&encoded);
    buf_deinit(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span input = span_of(data, len);

    check((struct variant){base64_encode, base64_decode}, input);
    check((struct variant){base64url_encode, base64url_decode}, input);
    return 0;
}
