#include "wire/deflate.h"

#include "base/memory.h"
#include "base/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

enum { MEBIBYTE = 1 << 20 };

/* ---- negotiation ---- */

static void expect_answer(struct span header, enum deflate_policy policy, const char *wanted)
{
    struct buf answer = BUF_EMPTY;
    struct deflate_terms terms;

    assert_int_equal(deflate_negotiate(header, policy, &terms, &answer), OK);
    assert_int_equal(terms.is_on, wanted[0] != '\0');
    buf_append_char(&answer, '\0');
    assert_string_equal(answer.data, wanted);
    buf_deinit(&answer);
}

static const char shared_answer[] = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

static void the_usual_offers_get_the_shared_stream(void **state)
{
    (void)state;
    expect_answer(SPAN("permessage-deflate"), DEFLATE_SHARED, shared_answer);
    expect_answer(SPAN("permessage-deflate; client_max_window_bits"), DEFLATE_SHARED, shared_answer);
    expect_answer(SPAN("PerMessage-Deflate;client_max_window_bits=10"), DEFLATE_SHARED, shared_answer);
    expect_answer(SPAN("permessage-deflate ; server_no_context_takeover\t; client_no_context_takeover "),
                  DEFLATE_SHARED, shared_answer);
    expect_answer(SPAN("permessage-deflate; server_max_window_bits=15"), DEFLATE_SHARED,
                  "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
                  "server_max_window_bits=15");
}

static void offers_the_shared_stream_cannot_serve_are_declined(void **state)
{
    (void)state;
    expect_answer(SPAN("permessage-deflate; server_max_window_bits=10"), DEFLATE_SHARED, "");
    expect_answer(SPAN("x-webkit-deflate-frame"), DEFLATE_SHARED, "");
    expect_answer(SPAN(""), DEFLATE_SHARED, "");
    expect_answer(SPAN("permessage-deflate; server_max_window_bits=10, permessage-deflate"), DEFLATE_SHARED,
                  shared_answer);
    expect_answer(SPAN("foo; bar=\"baz\" , ,permessage-deflate"), DEFLATE_SHARED, shared_answer);
}

static void every_valid_offer_can_be_honoured_as_made(void **state)
{
    (void)state;
    expect_answer(SPAN("permessage-deflate"), DEFLATE_AS_OFFERED, "permessage-deflate");
    expect_answer(SPAN("permessage-deflate; client_max_window_bits"), DEFLATE_AS_OFFERED, "permessage-deflate");
    expect_answer(SPAN("permessage-deflate; server_max_window_bits=9; client_max_window_bits=\"12\""),
                  DEFLATE_AS_OFFERED, "permessage-deflate; server_max_window_bits=9; client_max_window_bits=12");
    expect_answer(SPAN("permessage-deflate; server_no_context_takeover"), DEFLATE_AS_OFFERED,
                  "permessage-deflate; server_no_context_takeover");
}

static void the_terms_say_what_was_agreed(void **state)
{
    struct buf answer = BUF_EMPTY;
    struct deflate_terms terms;

    (void)state;
    assert_int_equal(deflate_negotiate(SPAN("permessage-deflate; server_max_window_bits=11; client_max_window_bits=10; "
                                            "client_no_context_takeover"),
                                       DEFLATE_AS_OFFERED, &terms, &answer),
                     OK);
    assert_true(terms.is_on);
    assert_false(terms.server_no_context_takeover);
    assert_true(terms.client_no_context_takeover);
    assert_int_equal(terms.server_window_bits, 11);
    assert_int_equal(terms.client_window_bits, 10);
    buf_deinit(&answer);
}

static void bad_parameters_decline_the_offer(void **state)
{
    static const char *const bad[] = {
        "server_max_window_bits=7",
        "server_max_window_bits=8",
        "server_max_window_bits=16",
        "server_max_window_bits=0",
        "server_max_window_bits=-1",
        "server_max_window_bits",
        "server_max_window_bits=99999999999",
        "server_max_window_bits=09",
        "client_max_window_bits=8",
        "client_max_window_bits=16",
        "client_max_window_bits=1e1",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "unknown",
        "unknown=1",
        "server_max_window_bits=18446744073709551631",
    };
    struct buf header = BUF_EMPTY;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        buf_reset(&header);
        buf_printf(&header, "permessage-deflate; %s", bad[i]);
        expect_answer(buf_span(&header), DEFLATE_AS_OFFERED, "");
        expect_answer(buf_span(&header), DEFLATE_SHARED, "");
    }
    buf_deinit(&header);
}

static void malformed_headers_are_errors(void **state)
{
    static const char *const bad[] = {
        ";",
        "permessage-deflate;",
        "permessage-deflate; =1",
        "permessage-deflate; a=",
        "permessage-deflate; a=\"",
        "permessage-deflate; a=\"1",
        "permessage-deflate; a=\"\"",
        "permessage-deflate; a=\"1 2\"",
        "a b",
        "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
        "permessage-deflate; server_no_context_takeover; SERVER_NO_CONTEXT_TAKEOVER",
        "permessage-deflate, \x01",
        "permessage-deflate\r\nX: y",
    };
    struct buf answer = BUF_EMPTY;
    struct deflate_terms terms;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(deflate_negotiate(span_from_str(bad[i]), DEFLATE_AS_OFFERED, &terms, &answer),
                         ERR_BAD_REQUEST);
        assert_false(terms.is_on);
        assert_int_equal(answer.len, 0);
    }
    buf_deinit(&answer);
}

static void only_so_many_offers_are_looked_at(void **state)
{
    struct buf header = BUF_EMPTY, answer = BUF_EMPTY;
    struct deflate_terms terms;

    (void)state;
    for (int i = 0; i < 16; i++)
        buf_append_str(&header, "x, ");
    buf_append_str(&header, "permessage-deflate");
    expect_answer(buf_span(&header), DEFLATE_SHARED, "");
    while (header.len <= 4096)
        buf_append_str(&header, ", x");
    assert_int_equal(deflate_negotiate(buf_span(&header), DEFLATE_SHARED, &terms, &answer), ERR_BAD_REQUEST);
    buf_deinit(&header);
}

/* ---- messages ---- */

static struct span random_text(struct rand *rand, char *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (char)('a' + rand_below(rand, 7));
    return span_of(out, len);
}

static void messages_come_back(void **state)
{
    static const size_t lengths[] = {0, 1, 100, 0, 0, 65536, 3, 200000, 0};
    char *text = memory_alloc(200000);
    struct rand rand;

    (void)state;
    rand_seed(&rand, 1);
    for (unsigned bits = 9; bits <= 15; bits++) {
        for (int keeps = 0; keeps < 2; keeps++) {
            struct deflater *deflater = deflater_new(bits, keeps, 6);
            struct inflater *inflater = inflater_new(bits, keeps);

            for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
                struct span message = random_text(&rand, text, lengths[i]);
                struct buf small = BUF_EMPTY, out = BUF_EMPTY;

                deflater_message(deflater, message, &small);
                assert_int_equal(inflater_message(inflater, buf_span(&small), message.len, &out), OK);
                assert_true(span_equal(buf_span(&out), message));
                buf_deinit(&small);
                buf_deinit(&out);
            }
            deflater_free(deflater);
            inflater_free(inflater);
        }
    }
    free(text);
}

static void both_append_to_what_is_there(void **state)
{
    struct deflater *deflater = deflater_new(15, false, 6);
    struct inflater *inflater = inflater_new(15, false);
    struct buf small = BUF_EMPTY, out = BUF_EMPTY;

    (void)state;
    buf_append_str(&small, "head");
    buf_append_str(&out, "before ");
    deflater_message(deflater, SPAN("after"), &small);
    assert_true(span_starts_with(buf_span(&small), SPAN("head")));
    assert_int_equal(inflater_message(inflater, span_slice(buf_span(&small), 4, small.len), 5, &out), OK);
    assert_true(span_equal(buf_span(&out), SPAN("before after")));
    buf_deinit(&small);
    buf_deinit(&out);
    deflater_free(deflater);
    inflater_free(inflater);
}

static void expect_inflated(struct span message, size_t bytes_max, enum err wanted_err, struct span wanted)
{
    struct inflater *inflater = inflater_new(15, false);
    struct buf out = BUF_EMPTY;

    assert_int_equal(inflater_message(inflater, message, bytes_max, &out), wanted_err);
    if (wanted_err == OK)
        assert_true(span_equal(buf_span(&out), wanted));
    assert_true(out.len <= bytes_max);
    buf_deinit(&out);
    inflater_free(inflater);
}

static void the_examples_of_the_rfc_are_read(void **state)
{
    (void)state;
    /* sections 7.2.3.1 to 7.2.3.6: one block, no compression, a final block, two blocks, nothing */
    expect_inflated(SPAN("\xf2\x48\xcd\xc9\xc9\x07\x00"), 5, OK, SPAN("Hello"));
    expect_inflated(SPAN("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), 5, OK, SPAN("Hello"));
    expect_inflated(SPAN("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), 5, OK, SPAN("Hello"));
    expect_inflated(SPAN("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), 5, OK, SPAN("Hello"));
    expect_inflated(SPAN("\x00"), 0, OK, SPAN_EMPTY);
    expect_inflated(SPAN_EMPTY, 0, OK, SPAN_EMPTY);
}

static void the_rfcs_second_message_needs_the_first(void **state)
{
    struct inflater *inflater = inflater_new(15, true);
    struct buf out = BUF_EMPTY;

    (void)state;
    assert_int_equal(inflater_message(inflater, SPAN("\xf2\x48\xcd\xc9\xc9\x07\x00"), 100, &out), OK);
    assert_int_equal(inflater_message(inflater, SPAN("\xf2\x00\x11\x00\x00"), 100, &out), OK);
    assert_true(span_equal(buf_span(&out), SPAN("HelloHello")));
    expect_inflated(SPAN("\xf2\x00\x11\x00\x00"), 100, ERR_PROTOCOL, SPAN_EMPTY);
    buf_deinit(&out);
    inflater_free(inflater);
}

static void several_final_blocks_are_one_message(void **state)
{
    (void)state;
    expect_inflated(SPAN("\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), 10, OK, SPAN("HelloHello"));
    expect_inflated(SPAN("\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00"), 10, OK, SPAN("HelloHello"));
    expect_inflated(SPAN("\x03\x00\x03\x00\x03\x00\x00"), 0, OK, SPAN_EMPTY);
}

static void the_window_outlives_a_final_block(void **state)
{
    struct inflater *inflater = inflater_new(15, true);
    struct buf out = BUF_EMPTY;

    (void)state;
    assert_int_equal(inflater_message(inflater, SPAN("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), 100, &out), OK);
    assert_int_equal(inflater_message(inflater, SPAN("\xf2\x00\x11\x00\x00"), 100, &out), OK);
    assert_true(span_equal(buf_span(&out), SPAN("HelloHello")));
    buf_deinit(&out);
    inflater_free(inflater);
}

static void a_cut_message_is_refused(void **state)
{
    struct span whole = SPAN("\xf2\x48\xcd\xc9\xc9\x07\x00");

    (void)state;
    for (size_t len = 1; len < whole.len; len++)
        expect_inflated(span_slice(whole, 0, len), 100, ERR_PROTOCOL, SPAN_EMPTY);
}

static void garbage_is_refused(void **state)
{
    (void)state;
    expect_inflated(SPAN("\x07"), 100, ERR_PROTOCOL, SPAN_EMPTY);                      /* block type 3 */
    expect_inflated(SPAN("\x00\x05\x00\xfa\xfeHello"), 100, ERR_PROTOCOL, SPAN_EMPTY); /* lengths disagree */
    expect_inflated(SPAN("\xff\xff\xff\xff"), 100, ERR_PROTOCOL, SPAN_EMPTY);
}

static void after_an_error_the_next_message_is_read(void **state)
{
    struct inflater *inflater = inflater_new(15, false);
    struct buf out = BUF_EMPTY;

    (void)state;
    assert_int_equal(inflater_message(inflater, SPAN("\xff\xff"), 100, &out), ERR_PROTOCOL);
    assert_int_equal(inflater_message(inflater, SPAN("\xf2\x48\xcd\xc9\xc9\x07\x00"), 4, &out), ERR_TOO_LARGE);
    buf_reset(&out);
    assert_int_equal(inflater_message(inflater, SPAN("\xf2\x48\xcd\xc9\xc9\x07\x00"), 5, &out), OK);
    assert_true(span_equal(buf_span(&out), SPAN("Hello")));
    buf_deinit(&out);
    inflater_free(inflater);
}

static void a_bomb_stops_at_the_limit(void **state)
{
    struct deflater *deflater = deflater_new(15, false, 9);
    struct inflater *inflater = inflater_new(15, false);
    struct buf bomb = BUF_EMPTY, out = BUF_EMPTY;
    char *zeros = memory_alloc(64 * MEBIBYTE);

    (void)state;
    deflater_message(deflater, span_of(zeros, 64 * MEBIBYTE), &bomb);
    assert_true(bomb.len < 80000);
    assert_int_equal(inflater_message(inflater, buf_span(&bomb), MEBIBYTE, &out), ERR_TOO_LARGE);
    assert_int_equal(out.len, MEBIBYTE);
    assert_true(out.cap <= 2 * MEBIBYTE);
    free(zeros);
    buf_deinit(&bomb);
    buf_deinit(&out);
    deflater_free(deflater);
    inflater_free(inflater);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_usual_offers_get_the_shared_stream),
        cmocka_unit_test(offers_the_shared_stream_cannot_serve_are_declined),
        cmocka_unit_test(every_valid_offer_can_be_honoured_as_made),
        cmocka_unit_test(the_terms_say_what_was_agreed),
        cmocka_unit_test(bad_parameters_decline_the_offer),
        cmocka_unit_test(malformed_headers_are_errors),
        cmocka_unit_test(only_so_many_offers_are_looked_at),
        cmocka_unit_test(messages_come_back),
        cmocka_unit_test(both_append_to_what_is_there),
        cmocka_unit_test(the_examples_of_the_rfc_are_read),
        cmocka_unit_test(the_rfcs_second_message_needs_the_first),
        cmocka_unit_test(several_final_blocks_are_one_message),
        cmocka_unit_test(the_window_outlives_a_final_block),
        cmocka_unit_test(a_cut_message_is_refused),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(after_an_error_the_next_message_is_read),
        cmocka_unit_test(a_bomb_stops_at_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
