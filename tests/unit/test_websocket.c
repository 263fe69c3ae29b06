#include "wire/websocket.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ws_limits small_limits = {.message_bytes_max = 1000, .fragments_max = 8};
static const struct ws_limits big_limits = {.message_bytes_max = 1 << 20};
static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

enum { FIN = 0x80, RSV1 = 0x40, RSV2 = 0x20, RSV3 = 0x10, WHOLE = 0, BYTEWISE = 1 };

/* ---- given ---- */

/* A frame of any first byte; `payload` is masked when the receiver is a server. */
static void put_frame(struct buf *out, unsigned first, struct span payload)
{
    size_t at = out->len;

    ws_append_frame(out, WS_BINARY, false, payload, mask);
    out->data[at] = (char)first;
}

static struct buf frame(unsigned first, struct span payload)
{
    struct buf out = BUF_EMPTY;

    put_frame(&out, first, payload);
    return out;
}

/* ---- when ---- */

static void note_event(struct buf *notes, enum ws_step step, const struct ws_event *event)
{
    static const char *const names[] = {"more", "", "ping", "pong", "close", "bad"};

    if (step == WS_MESSAGE)
        buf_append_str(notes, event->opcode == WS_TEXT ? "text" : "binary");
    buf_append_str(notes, names[step]);
    if (event->is_compressed)
        buf_append_char(notes, '*');
    if (event->code != 0)
        buf_printf(notes, " %u", event->code);
    buf_append_char(notes, ' ');
    if (event->payload.len > 40)
        buf_printf(notes, "%zu bytes", event->payload.len);
    else
        buf_append_span(notes, event->payload);
    buf_append_char(notes, ';');
}

/* Feeds a copy of exactly `len` bytes, so that reading past them shows. */
static void feed(struct ws *ws, const char *bytes, size_t len, struct buf *notes)
{
    char *copy = len > 0 ? memory_copy(bytes, len) : NULL;
    struct span input = span_of(copy, len);
    struct ws_event event;
    enum ws_step step;

    while ((step = ws_feed(ws, &input, &event)) != WS_MORE)
        note_event(notes, step, &event);
    assert_int_equal(input.len, 0);
    free(copy);
}

/* What the decoder says about the bytes: all at once (split 0), a byte at a time (1), or cut in two at split - 1. */
static void hear(struct buf *notes, struct span bytes, size_t split, bool has_deflate, const struct ws_limits *limits)
{
    struct ws ws;

    ws_init(&ws, true, has_deflate, limits);
    if (split == BYTEWISE) {
        for (size_t i = 0; i < bytes.len; i++)
            feed(&ws, bytes.data + i, 1, notes);
    } else {
        size_t first = split == WHOLE ? bytes.len : split - 1;

        feed(&ws, bytes.data, first, notes);
        feed(&ws, bytes.data + first, bytes.len - first, notes);
    }
    assert_true(ws.is_over || ws.message_opcode != 0 || ws.message.cap == 0);
    ws_deinit(&ws);
}

/* ---- then: the same for every split ---- */

static void expect_with(struct buf *bytes, const char *wanted, bool has_deflate, const struct ws_limits *limits)
{
    struct buf notes = BUF_EMPTY;

    for (size_t split = WHOLE; split <= bytes->len && split < 400; split++) {
        buf_reset(&notes);
        hear(&notes, buf_span(bytes), split, has_deflate, limits);
        buf_append_char(&notes, '\0');
        assert_string_equal(notes.data, wanted);
    }
    buf_deinit(&notes);
    buf_deinit(bytes);
}

static void expect(struct buf *bytes, const char *wanted)
{
    expect_with(bytes, wanted, false, &small_limits);
}

static void expect_frame(unsigned first, struct span payload, const char *wanted)
{
    struct buf bytes = frame(first, payload);

    expect(&bytes, wanted);
}

static void expect_raw(struct span raw, const char *wanted)
{
    struct buf bytes = BUF_EMPTY;

    buf_append_span(&bytes, raw);
    expect(&bytes, wanted);
}

/* ---- messages ---- */

static void a_masked_text_is_heard_as_in_the_rfc(void **state)
{
    (void)state;
    /* section 5.7: a single-frame masked text message */
    expect_raw(SPAN("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "text Hello;");
}

static void messages_come_in_order_and_empty_ones_count(void **state)
{
    struct buf bytes = frame(FIN | WS_TEXT, SPAN("one"));

    (void)state;
    put_frame(&bytes, FIN | WS_TEXT, SPAN_EMPTY);
    put_frame(&bytes, FIN | WS_BINARY, SPAN("\xff\xfe"));
    put_frame(&bytes, FIN | WS_TEXT, SPAN("three"));
    expect(&bytes, "text one;text ;binary \xff\xfe;text three;");
}

static void fragments_make_one_message_and_pings_come_between_them(void **state)
{
    struct buf bytes = frame(WS_TEXT, SPAN("He"));

    (void)state;
    put_frame(&bytes, WS_CONTINUATION, SPAN("ll"));
    put_frame(&bytes, FIN | WS_OP_PING, SPAN("are you there"));
    put_frame(&bytes, WS_CONTINUATION, SPAN_EMPTY);
    put_frame(&bytes, FIN | WS_OP_PONG, SPAN_EMPTY);
    put_frame(&bytes, FIN | WS_CONTINUATION, SPAN("o"));
    put_frame(&bytes, FIN | WS_TEXT, SPAN("next"));
    expect(&bytes, "ping are you there;pong ;text Hello;text next;");
}

static void a_message_of_empty_fragments_is_empty(void **state)
{
    struct buf bytes = frame(WS_BINARY, SPAN_EMPTY);

    (void)state;
    put_frame(&bytes, WS_CONTINUATION, SPAN_EMPTY);
    put_frame(&bytes, FIN | WS_CONTINUATION, SPAN_EMPTY);
    expect(&bytes, "binary ;");
}

static void all_three_forms_of_length_are_read(void **state)
{
    static const size_t lengths[] = {125, 126, 127, 65535, 65536, 70001};
    char *zeros = memory_alloc(70001);

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        struct buf bytes = frame(FIN | WS_BINARY, span_of(zeros, lengths[i]));
        char wanted[40];

        snprintf(wanted, sizeof(wanted), "binary %zu bytes;", lengths[i]);
        expect_with(&bytes, wanted, false, &big_limits);
    }
    free(zeros);
}

static void any_mask_is_undone_wherever_the_payload_is_cut(void **state)
{
    static const uint8_t masks[][4] = {{0, 0, 0, 0}, {255, 255, 255, 255}, {1, 2, 3, 4}, {0, 0, 0, 9}};
    struct span text = SPAN("The quick brown fox jumps over the dog");

    (void)state;
    for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
        struct buf bytes = BUF_EMPTY;

        ws_append_frame(&bytes, WS_TEXT, false, text, masks[i]);
        expect(&bytes, "text The quick brown fox jumps over the dog;");
    }
}

static void an_unfragmented_message_is_not_copied(void **state)
{
    struct buf bytes = frame(FIN | WS_TEXT, SPAN("in place"));
    struct span input = buf_span(&bytes);
    struct ws_event event;
    struct ws ws;

    (void)state;
    ws_init(&ws, true, false, &small_limits);
    assert_int_equal(ws_feed(&ws, &input, &event), WS_MESSAGE);
    assert_ptr_equal(event.payload.data, bytes.data + 6);
    assert_int_equal(ws.message.cap, 0);
    ws_deinit(&ws);
    buf_deinit(&bytes);
}

static void an_announced_length_allocates_nothing(void **state)
{
    char raw[] = "\x82\xff\x00\x00\x00\x00\x00\x0f\xff\xffMASKx";
    struct span input = span_of(raw, sizeof(raw) - 1);
    struct ws_event event;
    struct ws ws;

    (void)state;
    ws_init(&ws, true, false, &big_limits);
    assert_int_equal(ws_feed(&ws, &input, &event), WS_MORE);
    assert_int_equal(ws.message.len, 1);
    assert_true(ws.message.cap <= 64);
    ws_deinit(&ws);
}

static void memory_is_given_back_after_each_message(void **state)
{
    struct buf bytes = frame(WS_TEXT, SPAN("a"));
    struct ws_event event;
    struct ws ws;
    struct span input;

    (void)state;
    put_frame(&bytes, FIN | WS_CONTINUATION, SPAN("b"));
    put_frame(&bytes, FIN | WS_OP_PING, SPAN("c"));
    ws_init(&ws, true, false, &small_limits);
    for (size_t i = 0; i < bytes.len; i++) {
        input = span_of(bytes.data + i, 1);
        while (ws_feed(&ws, &input, &event) != WS_MORE)
            continue;
    }
    assert_int_equal(ws.message.cap, 0);
    assert_null(ws.control);
    ws_deinit(&ws);
    buf_deinit(&bytes);
}

static void a_client_hears_unmasked_frames_only(void **state)
{
    char good[] = "\x81\x05Hello", bad[] = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    struct span input = span_of(good, sizeof(good) - 1);
    struct ws_event event;
    struct ws ws;

    (void)state;
    ws_init(&ws, false, false, &small_limits);
    assert_int_equal(ws_feed(&ws, &input, &event), WS_MESSAGE);
    assert_true(span_equal(event.payload, SPAN("Hello")));
    input = span_of(bad, sizeof(bad) - 1);
    assert_int_equal(ws_feed(&ws, &input, &event), WS_BAD);
    assert_int_equal(event.code, 1002);
    ws_deinit(&ws);
}

/* ---- what is refused ---- */

static void an_unmasked_client_frame_is_refused(void **state)
{
    (void)state;
    expect_raw(SPAN("\x81\x05Hello"), "bad 1002 ;");
    expect_raw(SPAN("GET / HTTP/1.1\r\n\r\n"), "bad 1002 ;");
}

static void reserved_bits_and_opcodes_are_refused(void **state)
{
    (void)state;
    expect_frame(FIN | RSV1 | WS_TEXT, SPAN("x"), "bad 1002 ;");
    expect_frame(FIN | RSV2 | WS_TEXT, SPAN("x"), "bad 1002 ;");
    expect_frame(FIN | RSV3 | WS_TEXT, SPAN("x"), "bad 1002 ;");
    for (unsigned opcode = 3; opcode < 16; opcode++) {
        if (opcode < WS_OP_CLOSE || opcode > WS_OP_PONG)
            expect_frame(FIN | opcode, SPAN("x"), "bad 1002 ;");
    }
}

static void control_frames_are_short_and_whole(void **state)
{
    char body[126] = {0};
    struct buf bytes = BUF_EMPTY;

    (void)state;
    expect_frame(WS_OP_PING, SPAN("x"), "bad 1002 ;");
    expect_frame(WS_OP_CLOSE, SPAN_EMPTY, "bad 1002 ;");
    expect_frame(FIN | WS_OP_PING, span_of(body, 125), "ping 125 bytes;");
    put_frame(&bytes, FIN | WS_OP_PING, span_of(body, 126));
    expect(&bytes, "bad 1002 ;");
}

static void fragments_must_have_a_start_and_no_second_one(void **state)
{
    struct buf bytes = frame(WS_TEXT, SPAN("a"));

    (void)state;
    put_frame(&bytes, FIN | WS_TEXT, SPAN("b"));
    expect(&bytes, "bad 1002 ;");
    expect_frame(FIN | WS_CONTINUATION, SPAN("x"), "bad 1002 ;");
    bytes = frame(FIN | WS_TEXT, SPAN("a"));
    put_frame(&bytes, WS_CONTINUATION, SPAN("b"));
    expect(&bytes, "text a;bad 1002 ;");
}

static void a_length_has_one_spelling_and_no_sign(void **state)
{
    (void)state;
    expect_raw(SPAN("\x82\xfe\x00\x7dMASK"), "bad 1002 ;");
    expect_raw(SPAN("\x82\xff\x00\x00\x00\x00\x00\x00\xff\xffMASK"), "bad 1002 ;");
    expect_raw(SPAN("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x01MASK"), "bad 1002 ;");
    expect_raw(SPAN("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xffMASK"), "bad 1002 ;");
}

static void too_much_is_refused_before_it_arrives(void **state)
{
    char body[1001] = {0};
    struct buf bytes = frame(FIN | WS_BINARY, span_of(body, 1000));

    (void)state;
    expect(&bytes, "binary 1000 bytes;");
    expect_raw(SPAN("\x82\xfe\x03\xe9"), "bad 1009 ;"); /* 1001 */
    expect_raw(SPAN("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"), "bad 1009 ;");
    bytes = frame(WS_BINARY, span_of(body, 600));
    put_frame(&bytes, WS_CONTINUATION, span_of(body, 400));
    put_frame(&bytes, WS_CONTINUATION, SPAN("x"));
    expect(&bytes, "bad 1009 ;");
}

static void text_may_have_a_smaller_limit(void **state)
{
    struct ws_limits limits = {.message_bytes_max = 100, .text_bytes_max = 10};
    struct buf bytes = frame(FIN | WS_BINARY, SPAN("0123456789a"));

    (void)state;
    put_frame(&bytes, FIN | WS_TEXT, SPAN("0123456789"));
    put_frame(&bytes, WS_TEXT, SPAN("01234"));
    put_frame(&bytes, FIN | WS_CONTINUATION, SPAN("56789a"));
    expect_with(&bytes, "binary 0123456789a;text 0123456789;bad 1009 ;", false, &limits);
}

static void fragments_are_counted_by_message(void **state)
{
    struct buf bytes = BUF_EMPTY;

    (void)state;
    for (int message = 0; message < 2; message++) {
        put_frame(&bytes, WS_TEXT, SPAN("x"));
        for (int i = 0; i < 6; i++)
            put_frame(&bytes, WS_CONTINUATION, SPAN_EMPTY);
        put_frame(&bytes, FIN | WS_CONTINUATION, SPAN("y"));
    }
    put_frame(&bytes, WS_TEXT, SPAN_EMPTY);
    for (int i = 0; i < 8; i++)
        put_frame(&bytes, WS_CONTINUATION, SPAN_EMPTY);
    expect(&bytes, "text xy;text xy;bad 1009 ;");
}

/* ---- UTF-8 ---- */

static void text_must_be_utf8_also_across_fragments(void **state)
{
    struct buf bytes = frame(WS_TEXT, SPAN("\xce\xba\xe1\xbd"));

    (void)state;
    put_frame(&bytes, FIN | WS_CONTINUATION, SPAN("\xb9\xcf\x83"));
    expect(&bytes, "text \xce\xba\xe1\xbd\xb9\xcf\x83;");
    expect_frame(FIN | WS_TEXT, SPAN("\xc0\x80"), "bad 1007 ;");
    expect_frame(FIN | WS_TEXT, SPAN("\xe0\x80\x80"), "bad 1007 ;");
    expect_frame(FIN | WS_TEXT, SPAN("\xed\xa0\x80"), "bad 1007 ;");
    expect_frame(FIN | WS_TEXT, SPAN("\xf4\x90\x80\x80"), "bad 1007 ;");
    expect_frame(FIN | WS_TEXT, SPAN("cut \xe2\x82"), "bad 1007 ;");
    bytes = frame(WS_TEXT, SPAN("\xe2\x82"));
    put_frame(&bytes, FIN | WS_CONTINUATION, SPAN("x"));
    expect(&bytes, "bad 1007 ;");
    bytes = frame(WS_TEXT, SPAN("\xe2\x82"));
    put_frame(&bytes, FIN | WS_CONTINUATION, SPAN_EMPTY);
    expect(&bytes, "bad 1007 ;");
}

static void a_bad_byte_is_refused_before_its_frame_is_whole(void **state)
{
    struct buf bytes = frame(FIN | WS_TEXT, SPAN("good\xff and more that is never sent"));

    (void)state;
    bytes.len = 6 + 5;
    expect(&bytes, "bad 1007 ;");
}

static void binary_and_compressed_messages_are_not_text(void **state)
{
    struct buf bytes = frame(FIN | WS_BINARY, SPAN("\xff"));

    (void)state;
    put_frame(&bytes, FIN | RSV1 | WS_TEXT, SPAN("\xff"));
    put_frame(&bytes, FIN | WS_TEXT, SPAN("plain"));
    put_frame(&bytes, RSV1 | WS_BINARY, SPAN("a"));
    put_frame(&bytes, FIN | WS_CONTINUATION, SPAN("b"));
    expect_with(&bytes, "binary \xff;text* \xff;text plain;binary* ab;", true, &small_limits);
}

static void only_a_messages_first_frame_says_it_is_compressed(void **state)
{
    struct buf bytes = frame(RSV1 | WS_TEXT, SPAN("a"));

    (void)state;
    put_frame(&bytes, FIN | RSV1 | WS_CONTINUATION, SPAN("b"));
    expect_with(&bytes, "bad 1002 ;", true, &small_limits);
    bytes = frame(FIN | RSV1 | WS_OP_PING, SPAN("a"));
    expect_with(&bytes, "bad 1002 ;", true, &small_limits);
}

/* ---- closing ---- */

static void a_close_frame_is_the_last_word(void **state)
{
    struct buf bytes = frame(FIN | WS_OP_CLOSE, SPAN("\x03\xe8"
                                                     "bye"));

    (void)state;
    put_frame(&bytes, FIN | WS_TEXT, SPAN("too late"));
    put_frame(&bytes, FIN | WS_OP_CLOSE, SPAN_EMPTY);
    buf_append_str(&bytes, "\xff\xff\xff\xff");
    expect(&bytes, "close 1000 bye;");
    expect_frame(FIN | WS_OP_CLOSE, SPAN_EMPTY, "close 1005 ;");
}

static void close_codes_are_checked(void **state)
{
    static const uint16_t good[] = {1000, 1001, 1002, 1003, 1007, 1008, 1014, 3000, 3999, 4000, 4999};
    static const uint16_t bad[] = {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        char body[2] = {(char)(good[i] >> 8), (char)good[i]};
        char wanted[40];

        snprintf(wanted, sizeof(wanted), "close %u ;", good[i]);
        expect_frame(FIN | WS_OP_CLOSE, span_of(body, 2), wanted);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char body[2] = {(char)(bad[i] >> 8), (char)bad[i]};

        expect_frame(FIN | WS_OP_CLOSE, span_of(body, 2), "bad 1002 ;");
    }
}

static void a_close_body_is_a_code_and_utf8(void **state)
{
    (void)state;
    expect_frame(FIN | WS_OP_CLOSE, SPAN("\x03"), "bad 1002 ;");
    expect_frame(FIN | WS_OP_CLOSE, SPAN("\x03\xe8\xc0\x80"), "bad 1007 ;");
    expect_frame(FIN | WS_OP_CLOSE, SPAN("\x03\xe8 \xe2\x82"), "bad 1007 ;");
}

/* ---- encoding ---- */

static void frames_are_written_as_in_the_rfc(void **state)
{
    struct buf out = BUF_EMPTY;

    (void)state;
    ws_append_frame(&out, WS_TEXT, false, SPAN("Hello"), NULL);
    assert_true(span_equal(buf_span(&out), SPAN("\x81\x05Hello")));
    buf_reset(&out);
    ws_append_frame(&out, WS_TEXT, false, SPAN("Hello"), mask);
    assert_true(span_equal(buf_span(&out), SPAN("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")));
    buf_reset(&out);
    ws_append_frame(&out, WS_BINARY, true, SPAN_EMPTY, NULL);
    assert_true(span_equal(buf_span(&out), SPAN("\xc2\x00")));
    buf_deinit(&out);
}

static void a_long_reason_is_cut_between_characters(void **state)
{
    struct buf reason = BUF_EMPTY, out = BUF_EMPTY;

    (void)state;
    for (int i = 0; i < 50; i++)
        buf_append_str(&reason, "\xe2\x82\xac"); /* three bytes each: 123 is 41 of them */
    ws_append_close(&out, 1000, buf_span(&reason), NULL);
    assert_int_equal(out.len, 2 + 2 + 123);
    buf_reset(&out);
    ws_append_close(&out, 1000, span_slice(buf_span(&reason), 0, 3 * 41), NULL);
    assert_int_equal(out.len, 2 + 2 + 123);
    buf_append_char(&out, 'x');
    buf_reset(&out);
    reason.data[0] = 'x';
    memmove(reason.data + 1, reason.data + 3, reason.len -= 2);
    ws_append_close(&out, 1000, buf_span(&reason), NULL);
    assert_int_equal(out.len, 2 + 2 + 121);
    assert_true(utf8_is_valid(span_slice(buf_span(&out), 4, out.len)));
    buf_deinit(&out);
    buf_deinit(&reason);
}

static void a_close_without_a_code_is_empty(void **state)
{
    struct buf out = BUF_EMPTY;

    (void)state;
    ws_append_close(&out, 1005, SPAN("ignored"), NULL);
    assert_true(span_equal(buf_span(&out), SPAN("\x88\x00")));
    buf_reset(&out);
    ws_append_close(&out, 4400, SPAN("why"), NULL);
    assert_true(span_equal(buf_span(&out), SPAN("\x88\x05\x11\x30why")));
    buf_deinit(&out);
}

/* ---- the handshake ---- */

static void a_key_is_sixteen_bytes_in_base64(void **state)
{
    (void)state;
    assert_true(ws_key_is_valid(SPAN("dGhlIHNhbXBsZSBub25jZQ==")));
    assert_false(ws_key_is_valid(SPAN_EMPTY));
    assert_false(ws_key_is_valid(SPAN("dGhlIHNhbXBsZSBub25j")));     /* 15 */
    assert_false(ws_key_is_valid(SPAN("dGhlIHNhbXBsZSBub25jZWE="))); /* 17 */
    assert_false(ws_key_is_valid(SPAN("dGhlIHNhbXBsZSBub25jZWFi"))); /* 18 */
    assert_false(ws_key_is_valid(SPAN("dGhlIHNhbXBsZSBub25jZQ")));   /* no padding */
    assert_false(ws_key_is_valid(SPAN("dGhlIHNhbXBsZSBub25jZQ== ")));
    assert_false(ws_key_is_valid(SPAN("dGhlIHNhbXBsZS*ub25jZQ==")));
}

static void the_answer_to_a_key_is_that_of_the_rfc(void **state)
{
    struct buf out = BUF_EMPTY;

    (void)state;
    ws_append_accept(&out, SPAN("dGhlIHNhbXBsZSBub25jZQ=="));
    assert_true(span_equal(buf_span(&out), SPAN("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_masked_text_is_heard_as_in_the_rfc),
        cmocka_unit_test(messages_come_in_order_and_empty_ones_count),
        cmocka_unit_test(fragments_make_one_message_and_pings_come_between_them),
        cmocka_unit_test(a_message_of_empty_fragments_is_empty),
        cmocka_unit_test(all_three_forms_of_length_are_read),
        cmocka_unit_test(any_mask_is_undone_wherever_the_payload_is_cut),
        cmocka_unit_test(an_unfragmented_message_is_not_copied),
        cmocka_unit_test(an_announced_length_allocates_nothing),
        cmocka_unit_test(memory_is_given_back_after_each_message),
        cmocka_unit_test(a_client_hears_unmasked_frames_only),
        cmocka_unit_test(an_unmasked_client_frame_is_refused),
        cmocka_unit_test(reserved_bits_and_opcodes_are_refused),
        cmocka_unit_test(control_frames_are_short_and_whole),
        cmocka_unit_test(fragments_must_have_a_start_and_no_second_one),
        cmocka_unit_test(a_length_has_one_spelling_and_no_sign),
        cmocka_unit_test(too_much_is_refused_before_it_arrives),
        cmocka_unit_test(text_may_have_a_smaller_limit),
        cmocka_unit_test(fragments_are_counted_by_message),
        cmocka_unit_test(text_must_be_utf8_also_across_fragments),
        cmocka_unit_test(a_bad_byte_is_refused_before_its_frame_is_whole),
        cmocka_unit_test(binary_and_compressed_messages_are_not_text),
        cmocka_unit_test(only_a_messages_first_frame_says_it_is_compressed),
        cmocka_unit_test(a_close_frame_is_the_last_word),
        cmocka_unit_test(close_codes_are_checked),
        cmocka_unit_test(a_close_body_is_a_code_and_utf8),
        cmocka_unit_test(frames_are_written_as_in_the_rfc),
        cmocka_unit_test(a_long_reason_is_cut_between_characters),
        cmocka_unit_test(a_close_without_a_code_is_empty),
        cmocka_unit_test(a_key_is_sixteen_bytes_in_base64),
        cmocka_unit_test(the_answer_to_a_key_is_that_of_the_rfc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
