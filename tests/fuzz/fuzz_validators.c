/* What clients send in If-Match, If-None-Match, Idempotency-Key and Last-Event-ID. The first byte says which header the rest is. */
#include "peer/rest/rest.h"
#include "peer/dialect/sse_positions.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_if_match(struct span value)
{
    struct http_header header = {SPAN("If-Match"), value};
    struct http_exchange exchange = {.headers = &header, .header_count = 1};
    bool must_match = false;
    uint64_t version = 0;
    enum err err = rest_if_match(&exchange, &must_match, &version);

    assert(err == OK || err == ERR_BAD_REQUEST || err == ERR_PRECONDITION);
    if (err == OK)
        assert(must_match == (version > 0));
}

static void check_if_none_match(struct span value)
{
    struct http_header header = {SPAN("If-None-Match"), value};
    struct http_exchange exchange = {.headers = &header, .header_count = 1};

    (void)rest_if_none_match(&exchange, 7);
}

static void check_key(struct span value)
{
    struct http_header header = {SPAN("Idempotency-Key"), value};
    struct http_exchange exchange = {.headers = &header, .header_count = 1};
    struct span key;

    if (rest_idempotency_key(&exchange, &key) == OK)
        assert(key.len <= LIMIT_ID_BYTES);
}

/* What is read is written and read again as the same. */
static void check_positions(struct span value)
{
    struct sse_channel channels[2], again[2];
    struct buf text = BUF_EMPTY;

    sse_channel_init(&channels[0], SPAN("lobby"));
    sse_channel_init(&channels[1], SPAN("order:O-1"));
    if (sse_positions_read(value, channels, 2) != OK)
        return;
    sse_positions_write(&text, channels, 2);
    again[0] = channels[0];
    again[1] = channels[1];
    enum err err = sse_positions_read(buf_span(&text), again, 2);
    assert(err == OK);
    for (unsigned i = 0; i < 2; i++) {
        assert(again[i].position.epoch == channels[i].position.epoch);
        assert(again[i].position.offset == channels[i].position.offset);
    }
    buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(struct span value) = {check_if_match, check_if_none_match, check_key,
                                                        check_positions};

    if (size > 0)
        checks[data[0] % 4](span_of(data + 1, size - 1));
    return 0;
}
