/* Sec-WebSocket-Extensions. An answer is itself a well-formed offer, and offered again it is answered with itself. */
#include "wire/deflate.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool terms_equal(const struct deflate_terms *a, const struct deflate_terms *b)
{
    return a->is_on == b->is_on && a->server_no_context_takeover == b->server_no_context_takeover &&
           a->client_no_context_takeover == b->client_no_context_takeover &&
           a->server_window_bits == b->server_window_bits && a->client_window_bits == b->client_window_bits;
}

static void check(struct span header, enum deflate_policy policy)
{
    struct deflate_terms terms, again_terms;
    struct buf answer = BUF_EMPTY, again = BUF_EMPTY;
    enum err err = deflate_negotiate(header, policy, &terms, &answer);

    assert(err == OK || (err == ERR_BAD_REQUEST && !terms.is_on));
    assert(terms.is_on == (answer.len > 0));
    if (terms.is_on) {
        assert(terms.server_window_bits >= 9 && terms.server_window_bits <= 15);
        assert(terms.client_window_bits >= 9 && terms.client_window_bits <= 15);
        assert(policy != DEFLATE_SHARED || (terms.server_no_context_takeover && terms.server_window_bits == 15));
        err = deflate_negotiate(buf_span(&answer), policy, &again_terms, &again);
        assert(err == OK && terms_equal(&terms, &again_terms));
        assert(span_equal(buf_span(&answer), buf_span(&again)));
    }
    buf_deinit(&answer);
    buf_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span header = span_of(data, len);

    check(header, DEFLATE_SHARED);
    check(header, DEFLATE_AS_OFFERED);
    return 0;
}
