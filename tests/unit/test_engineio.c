#include "wire/engineio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The packets of a body as "type:data;", binary ones as "b:data;", then the error's code. */
static void expect_packets(struct span body, size_t packets_max, const char *wanted)
{
    struct eio_payload payload = {.rest = body, .packets_max = packets_max};
    struct eio_packet packet;
    struct buf notes = BUF_EMPTY;
    enum err err;

    while (eio_payload_next(&payload, &packet, &err)) {
        buf_append_char(&notes, packet.is_binary ? 'b' : (char)('0' + (int)packet.type));
        buf_append_char(&notes, ':');
        buf_append_span(&notes, packet.data);
        buf_append_char(&notes, ';');
    }
    buf_append_str(&notes, err_code(err));
    assert_false(eio_payload_next(&payload, &packet, &err));
    buf_append_char(&notes, '\0');
    assert_string_equal(notes.data, wanted);
    eio_payload_deinit(&payload);
    buf_deinit(&notes);
}

static void a_frame_is_a_digit_and_data(void **state)
{
    struct eio_packet packet;

    (void)state;
    assert_int_equal(eio_decode_text(SPAN("4hello"), &packet), OK);
    assert_int_equal(packet.type, EIO_MESSAGE);
    assert_false(packet.is_binary);
    assert_true(span_equal(packet.data, SPAN("hello")));
    assert_int_equal(eio_decode_text(SPAN("2probe"), &packet), OK);
    assert_int_equal(packet.type, EIO_PING);
    assert_int_equal(eio_decode_text(SPAN("6"), &packet), OK);
    assert_int_equal(packet.type, EIO_NOOP);
    assert_int_equal(packet.data.len, 0);
}

static void an_unknown_or_empty_frame_is_an_error(void **state)
{
    static const struct span bad[] = {SPAN_INIT(""),
                                      SPAN_INIT("7"),
                                      SPAN_INIT("9x"),
                                      SPAN_INIT("bAQID"),
                                      SPAN_INIT("/"),
                                      SPAN_INIT("\xff"
                                                "4"),
                                      SPAN_INIT("abc"),
                                      SPAN_INIT(" 4")};
    struct eio_packet packet;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(eio_decode_text(bad[i], &packet), ERR_PROTOCOL);
}

static void a_body_holds_several_packets(void **state)
{
    (void)state;
    expect_packets(SPAN("4hello"), 0, "4:hello;ok");
    expect_packets(SPAN("4hello\x1e"
                        "2\x1e"
                        "4\xe2\x82\xac"),
                   0, "4:hello;2:;4:\xe2\x82\xac;ok");
    expect_packets(SPAN("4\x1e"
                        "4"),
                   0, "4:;4:;ok");
}

static void binary_messages_are_base64(void **state)
{
    (void)state;
    expect_packets(SPAN("bYWJj\x1e"
                        "4x\x1e"
                        "bZGVmZw=="),
                   0, "b:abc;4:x;b:defg;ok");
    expect_packets(SPAN("b"), 0, "b:;ok");
    expect_packets(SPAN("4x\x1e"
                        "bYWJ"),
                   0, "4:x;protocol_error");
    expect_packets(SPAN("bYW*j"), 0, "protocol_error");
    expect_packets(SPAN("b4YWJj"), 0, "protocol_error");
}

static void empty_and_unknown_packets_end_the_payload(void **state)
{
    (void)state;
    expect_packets(SPAN_EMPTY, 0, "protocol_error");
    expect_packets(SPAN("4a\x1e"), 0, "4:a;protocol_error");
    expect_packets(SPAN("\x1e"
                        "4a"),
                   0, "protocol_error");
    expect_packets(SPAN("4a\x1e\x1e"
                        "4b"),
                   0, "4:a;protocol_error");
    expect_packets(SPAN("4a\x1e"
                        "7b\x1e"
                        "4c"),
                   0, "4:a;protocol_error");
    expect_packets(SPAN("4\xff"), 0, "bad_utf8");
}

static void packets_are_counted(void **state)
{
    struct buf body = BUF_EMPTY;
    struct eio_payload payload;
    struct eio_packet packet;
    size_t count = 0;
    enum err err;

    (void)state;
    expect_packets(SPAN("3\x1e"
                        "3\x1e"
                        "3"),
                   2, "3:;3:;too_many");
    expect_packets(SPAN("3\x1e"
                        "3"),
                   2, "3:;3:;ok");
    for (int i = 0; i < 1000; i++)
        buf_append_str(&body, "3\x1e");
    buf_append_str(&body, "3");
    payload = (struct eio_payload){.rest = buf_span(&body)};
    while (eio_payload_next(&payload, &packet, &err))
        count++;
    assert_int_equal(count, 1000);
    assert_int_equal(err, ERR_TOO_MANY);
    eio_payload_deinit(&payload);
    buf_deinit(&body);
}

static void expect_text(struct buf *out, struct span wanted)
{
    assert_true(span_equal(buf_span(out), wanted));
    buf_deinit(out);
}

static void packets_are_written(void **state)
{
    struct buf out = BUF_EMPTY;

    (void)state;
    eio_append_text(&out, EIO_MESSAGE, SPAN("hi"));
    buf_append_char(&out, EIO_SEPARATOR);
    eio_append_text(&out, EIO_NOOP, SPAN_EMPTY);
    buf_append_char(&out, EIO_SEPARATOR);
    eio_append_binary_polled(&out, SPAN("abcd"));
    expect_text(&out, SPAN("4hi\x1e"
                           "6\x1e"
                           "bYWJjZA=="));
}

static void the_handshake_has_exactly_five_members(void **state)
{
    struct eio_handshake handshake = {.sid = SPAN("abc"),
                                      .may_upgrade = true,
                                      .ping_interval_ms = 25000,
                                      .ping_timeout_ms = 20000,
                                      .payload_bytes_max = 1000000};
    struct buf out = BUF_EMPTY;

    (void)state;
    eio_append_handshake(&out, &handshake);
    expect_text(&out, SPAN("{\"sid\":\"abc\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,"
                           "\"maxPayload\":1000000}"));
    handshake.may_upgrade = false;
    eio_append_handshake(&out, &handshake);
    expect_text(&out, SPAN("{\"sid\":\"abc\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,"
                           "\"maxPayload\":1000000}"));
}

static void refusals_have_the_known_codes(void **state)
{
    struct buf out = BUF_EMPTY;

    (void)state;
    eio_append_refusal(&out, EIO_UNKNOWN_TRANSPORT);
    expect_text(&out, SPAN("{\"code\":0,\"message\":\"Transport unknown\"}"));
    eio_append_refusal(&out, EIO_BAD_VERSION);
    expect_text(&out, SPAN("{\"code\":5,\"message\":\"Unsupported protocol version\"}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_a_digit_and_data),
        cmocka_unit_test(an_unknown_or_empty_frame_is_an_error),
        cmocka_unit_test(a_body_holds_several_packets),
        cmocka_unit_test(binary_messages_are_base64),
        cmocka_unit_test(empty_and_unknown_packets_end_the_payload),
        cmocka_unit_test(packets_are_counted),
        cmocka_unit_test(packets_are_written),
        cmocka_unit_test(the_handshake_has_exactly_five_members),
        cmocka_unit_test(refusals_have_the_known_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
