/* Compressed messages. The first byte chooses window and context, the next two the limit. Inflating anything stays
 * within the limit; inflating what was deflated gives it back, also with context and after other messages. */
#include "wire/deflate.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_round_trips(struct span message, unsigned window_bits, bool keeps_context)
{
    struct deflater *deflater = deflater_new(window_bits, keeps_context, 6);
    struct inflater *inflater = inflater_new(window_bits, keeps_context);
    struct buf small = BUF_EMPTY, out = BUF_EMPTY;
    enum err err;

    for (size_t i = 0; i < 4; i++) {
        struct span part = span_slice(message, message.len / 4 * i, message.len);

        buf_reset(&small);
        buf_reset(&out);
        deflater_message(deflater, part, &small);
        err = inflater_message(inflater, buf_span(&small), part.len, &out);
        assert(err == OK && span_equal(buf_span(&out), part));
    }
    buf_deinit(&small);
    buf_deinit(&out);
    deflater_free(deflater);
    inflater_free(inflater);
}

/* Two inflaters fed the same messages agree; with no room for the last byte the message is too large. */
static void check_foreign(struct span message, unsigned window_bits, bool keeps_context, size_t bytes_max)
{
    struct inflater *inflater = inflater_new(window_bits, keeps_context);
    struct buf first = BUF_EMPTY, second = BUF_EMPTY;
    enum err err = inflater_message(inflater, message, bytes_max, &first);
    enum err again = OK;

    assert(err == OK || err == ERR_TOO_LARGE || err == ERR_PROTOCOL);
    assert(first.len <= bytes_max && first.cap <= 4 * bytes_max + 64);
    if (!keeps_context)
        again = inflater_message(inflater, message, bytes_max, &second);
    assert(keeps_context || (again == err && span_equal(buf_span(&first), buf_span(&second))));
    if (err == OK && first.len > 0) {
        inflater_free(inflater);
        inflater = inflater_new(window_bits, keeps_context);
        buf_reset(&second);
        again = inflater_message(inflater, message, first.len - 1, &second);
        assert(again == ERR_TOO_LARGE);
    }
    inflater_free(inflater);
    buf_deinit(&first);
    buf_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    unsigned window_bits;
    bool keeps_context;
    size_t bytes_max;
    struct span message;

    if (len < 3)
        return 0;
    window_bits = 9 + data[0] % 7;
    keeps_context = (data[0] & 0x80) != 0;
    bytes_max = (size_t)data[1] << 8 | data[2];
    message = span_of(data + 3, len - 3);
    check_foreign(message, window_bits, keeps_context, bytes_max);
    check_round_trips(message, window_bits, keeps_context);
    return 0;
}
