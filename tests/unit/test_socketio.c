#include "wire/socketio.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static enum err verdict(struct span text, struct sio_packet *packet)
{
    return sio_decode(text, &json_limits_default, packet);
}

static void expect_packet(struct span text, struct sio_packet wanted)
{
    struct sio_packet packet;

    assert_int_equal(verdict(text, &packet), OK);
    assert_int_equal(packet.type, wanted.type);
    assert_true(span_equal(packet.nsp, wanted.nsp.data != NULL ? wanted.nsp : SPAN("/")));
    assert_int_equal(packet.has_ack, wanted.has_ack);
    assert_int_equal(packet.ack_id, wanted.ack_id);
    assert_int_equal(packet.attachment_count, wanted.attachment_count);
    assert_true(span_equal(packet.data, wanted.data));
}

static void expect_each(const struct span *texts, size_t count, enum err wanted)
{
    struct sio_packet packet;

    for (size_t i = 0; i < count; i++) {
        if (verdict(texts[i], &packet) != wanted)
            print_error("%.*s: %s\n", SPAN_ARG(texts[i]), err_code(verdict(texts[i], &packet)));
        assert_int_equal(verdict(texts[i], &packet), wanted);
    }
}

#define EXPECT_EACH(texts, wanted) expect_each((texts), sizeof(texts) / sizeof(*(texts)), (wanted))

/* ---- decoding ---- */

static void the_documents_examples_are_read(void **state)
{
    (void)state;
    expect_packet(SPAN("0"), (struct sio_packet){.type = SIO_CONNECT});
    expect_packet(SPAN("0/admin,{\"token\":\"123\"}"),
                  (struct sio_packet){.type = SIO_CONNECT, .nsp = SPAN("/admin"), .data = SPAN("{\"token\":\"123\"}")});
    expect_packet(SPAN("1/admin,"), (struct sio_packet){.type = SIO_DISCONNECT, .nsp = SPAN("/admin")});
    expect_packet(SPAN("2[\"foo\"]"), (struct sio_packet){.type = SIO_EVENT, .data = SPAN("[\"foo\"]")});
    expect_packet(SPAN("2/admin,[\"bar\"]"),
                  (struct sio_packet){.type = SIO_EVENT, .nsp = SPAN("/admin"), .data = SPAN("[\"bar\"]")});
    expect_packet(SPAN("212[\"foo\"]"),
                  (struct sio_packet){.type = SIO_EVENT, .has_ack = true, .ack_id = 12, .data = SPAN("[\"foo\"]")});
    expect_packet(
        SPAN("3/admin,13[\"bar\"]"),
        (struct sio_packet){
            .type = SIO_ACK, .nsp = SPAN("/admin"), .has_ack = true, .ack_id = 13, .data = SPAN("[\"bar\"]")});
    expect_packet(SPAN("4{\"message\":\"Not authorized\"}"),
                  (struct sio_packet){.type = SIO_CONNECT_ERROR, .data = SPAN("{\"message\":\"Not authorized\"}")});
    expect_packet(SPAN("51-[\"baz\",{\"_placeholder\":true,\"num\":0}]"),
                  (struct sio_packet){.type = SIO_BINARY_EVENT,
                                      .attachment_count = 1,
                                      .data = SPAN("[\"baz\",{\"_placeholder\":true,\"num\":0}]")});
    expect_packet(SPAN("61-/admin,15[{\"_placeholder\":true,\"num\":0}]"),
                  (struct sio_packet){.type = SIO_BINARY_ACK,
                                      .nsp = SPAN("/admin"),
                                      .attachment_count = 1,
                                      .has_ack = true,
                                      .ack_id = 15,
                                      .data = SPAN("[{\"_placeholder\":true,\"num\":0}]")});
}

static void a_namespace_ends_at_a_comma_or_the_end(void **state)
{
    (void)state;
    expect_packet(SPAN("0/random"), (struct sio_packet){.type = SIO_CONNECT, .nsp = SPAN("/random")});
    expect_packet(SPAN("1/random"), (struct sio_packet){.type = SIO_DISCONNECT, .nsp = SPAN("/random")});
    expect_packet(SPAN("0/admin?token=1234&uid=abcd,{}"),
                  (struct sio_packet){.type = SIO_CONNECT, .nsp = SPAN("/admin"), .data = SPAN("{}")});
    expect_packet(SPAN("0/,{}"), (struct sio_packet){.type = SIO_CONNECT, .nsp = SPAN("/"), .data = SPAN("{}")});
    expect_packet(
        SPAN("2/a/b,1[1]"),
        (struct sio_packet){.type = SIO_EVENT, .nsp = SPAN("/a/b"), .has_ack = true, .ack_id = 1, .data = SPAN("[1]")});
    expect_packet(SPAN("0/__proto__"), (struct sio_packet){.type = SIO_CONNECT, .nsp = SPAN("/__proto__")});
}

static void event_names_are_strings_or_numbers(void **state)
{
    static const struct span good[] = {SPAN_INIT("2[1]"),           SPAN_INIT("2[1.5,null]"),  SPAN_INIT("2[\"\"]"),
                                       SPAN_INIT("2[\"Connect\"]"), SPAN_INIT("2[\"error\"]"), SPAN_INIT("20[\"a\"]")};
    static const struct span bad[] = {
        SPAN_INIT("2[]"),
        SPAN_INIT("2[null]"),
        SPAN_INIT("2[true,\"a\"]"),
        SPAN_INIT("2[{}]"),
        SPAN_INIT("2[[\"a\"]]"),
        SPAN_INIT("2[\"connect\"]"),
        SPAN_INIT("2[\"connect_error\"]"),
        SPAN_INIT("2[\"disconnect\"]"),
        SPAN_INIT("2[\"disconnecting\"]"),
        SPAN_INIT("2[\"newListener\"]"),
        SPAN_INIT("2[\"removeListener\",1]"),
        SPAN_INIT("2[\"\\u0063onnect\"]"),
    };

    (void)state;
    EXPECT_EACH(good, OK);
    EXPECT_EACH(bad, ERR_PROTOCOL);
}

static void malformed_packets_are_refused(void **state)
{
    static const struct span bad[] = {
        SPAN_INIT(""),
        SPAN_INIT("7"),
        SPAN_INIT("a"),
        SPAN_INIT("abc"),
        SPAN_INIT(" 2[1]"),
        SPAN_INIT("2"),
        SPAN_INIT("2{}"),
        SPAN_INIT("2abc[\"a\"]"),
        SPAN_INIT("2\"a\""),
        SPAN_INIT("2[\"a\""),
        SPAN_INIT("2[\"a\"]x"),
        SPAN_INIT("2-1[\"a\"]"),
        SPAN_INIT("2+1[\"a\"]"),
        SPAN_INIT("201[\"a\"]"),
        SPAN_INIT("21 [\"a\"]x"),
        SPAN_INIT("21"),
        SPAN_INIT("3[1]"),
        SPAN_INIT("31{}"),
        SPAN_INIT("31"),
        SPAN_INIT("0[]"),
        SPAN_INIT("0\"a\""),
        SPAN_INIT("0null"),
        SPAN_INIT("012"),
        SPAN_INIT("1{}"),
        SPAN_INIT("1/a,[]"),
        SPAN_INIT("4"),
        SPAN_INIT("4[]"),
        SPAN_INIT("4abc"),
        SPAN_INIT("2/a[\"a\"]"),
        SPAN_INIT("0/a\x1e"
                  "b,{}"),
        SPAN_INIT("2[\"a\",{\"b\":1,\"b\":2}]"),
    };

    (void)state;
    EXPECT_EACH(bad, ERR_PROTOCOL);
}

static void ack_ids_are_exact_integers(void **state)
{
    static const struct span large[] = {
        SPAN_INIT("29007199254740992[\"a\"]"),
        SPAN_INIT("318446744073709551616[]"),
        SPAN_INIT("299999999999999999999999999999999999999999999999999999999999999999999999999999[\"a\"]"),
    };

    (void)state;
    expect_packet(
        SPAN("29007199254740991[\"a\"]"),
        (struct sio_packet){.type = SIO_EVENT, .has_ack = true, .ack_id = 9007199254740991, .data = SPAN("[\"a\"]")});
    expect_packet(SPAN("30[]"), (struct sio_packet){.type = SIO_ACK, .has_ack = true, .data = SPAN("[]")});
    EXPECT_EACH(large, ERR_TOO_LARGE);
}

static void attachments_are_counted_and_few(void **state)
{
    static const struct span bad[] = {
        SPAN_INIT("5[\"a\"]"),     SPAN_INIT("5-[\"a\"]"),  SPAN_INIT("50-[\"a\"]"), SPAN_INIT("5-["),
        SPAN_INIT("51"),           SPAN_INIT("51-"),        SPAN_INIT("51[\"a\"]"),  SPAN_INIT("501-[\"a\"]"),
        SPAN_INIT("51.5-[\"a\"]"), SPAN_INIT("5a-[\"a\"]"), SPAN_INIT("51-{}"),      SPAN_INIT("61-[]"),
    };
    static const struct span large[] = {
        SPAN_INIT("511-[\"a\"]"),
        SPAN_INIT("51000000000-[\"a\",{\"_placeholder\":true,\"num\":0}]"),
        SPAN_INIT("599999999999999999999999-[\"a\"]"),
    };

    (void)state;
    EXPECT_EACH(bad, ERR_PROTOCOL);
    EXPECT_EACH(large, ERR_TOO_LARGE);
    expect_packet(SPAN("510-[\"a\"]"),
                  (struct sio_packet){.type = SIO_BINARY_EVENT, .attachment_count = 10, .data = SPAN("[\"a\"]")});
}

static void placeholders_name_an_attachment_each(void **state)
{
#define PLACEHOLDER(num) "{\"_placeholder\":true,\"num\":" num "}"
    static const struct span good[] = {
        SPAN_INIT("52-[\"a\"," PLACEHOLDER("1") ",{\"b\":[" PLACEHOLDER("0") "]}]"),
        SPAN_INIT("51-[\"a\",{\"num\":0,\"_placeholder\":true}]"),
        SPAN_INIT("51-[\"a\",{\"_placeholder\":false,\"num\":7}]"),
        SPAN_INIT("51-[\"a\",{\"_placeholder\":\"x\"}]"),
        SPAN_INIT("2[\"a\"," PLACEHOLDER("99") "]"), /* plain data in a packet that is not binary */
    };
    static const struct span bad[] = {
        SPAN_INIT("51-[\"a\"," PLACEHOLDER("1") "]"),
        SPAN_INIT("51-[\"a\"," PLACEHOLDER("-1") "]"),
        SPAN_INIT("51-[\"a\"," PLACEHOLDER("1000000000") "]"),
        SPAN_INIT("51-[\"a\"," PLACEHOLDER("18446744073709551615") "]"),
        SPAN_INIT("51-[\"a\"," PLACEHOLDER("0.5") "]"),
        SPAN_INIT("51-[\"a\"," PLACEHOLDER("0.0") "]"),
        SPAN_INIT("51-[\"a\"," PLACEHOLDER("\"length\"") "]"),
        SPAN_INIT("51-[\"a\"," PLACEHOLDER("null") "]"),
        SPAN_INIT("51-[\"a\",{\"_placeholder\":true}]"),
        SPAN_INIT("51-[\"a\",{\"_placeholder\":true,\"num\":0,\"more\":1}]"),
        SPAN_INIT("52-[\"a\"," PLACEHOLDER("0") "," PLACEHOLDER("0") "]"),
        SPAN_INIT("50-[\"a\"," PLACEHOLDER("0") "]"),
        SPAN_INIT("61-5[{\"deep\":[[" PLACEHOLDER("1") "]]}]"),
    };

    (void)state;
    EXPECT_EACH(good, OK);
    EXPECT_EACH(bad, ERR_PROTOCOL);
}

static void depth_and_size_have_the_limits_of_json(void **state)
{
    struct json_limits limits = {.bytes_max = 20, .depth_max = 3, .members_max = 5};
    struct sio_packet packet;

    (void)state;
    assert_int_equal(sio_decode(SPAN("2[\"a\",[[1]]]"), &limits, &packet), OK);
    assert_int_equal(sio_decode(SPAN("2[\"a\",[[[1]]]]"), &limits, &packet), ERR_PROTOCOL);
    assert_int_equal(sio_decode(SPAN("2[\"a\",1,2,3,4,5]"), &limits, &packet), ERR_PROTOCOL);
    assert_int_equal(sio_decode(SPAN("2[\"a long name of an event\"]"), &limits, &packet), ERR_TOO_LARGE);
}

static void the_parsed_data_can_be_kept(void **state)
{
    struct sio_packet packet;
    struct json json;

    (void)state;
    assert_int_equal(sio_decode_json(SPAN("27[\"a\", {\"b\": 1.0}]"), &json_limits_default, &packet, &json), OK);
    assert_true(span_equal(json_slice(&json, yyjson_arr_get(json.root, 1)), SPAN("{\"b\": 1.0}")));
    json_deinit(&json);
    assert_int_equal(sio_decode_json(SPAN("1"), &json_limits_default, &packet, &json), OK);
    assert_null(json.root);
    assert_int_equal(sio_decode_json(SPAN("2{}"), &json_limits_default, &packet, &json), ERR_PROTOCOL);
    assert_null(json.doc);
}

/* ---- attachments ---- */

/* Both feeds take a copy that is gone afterwards, as a connection's read buffer is. */
static enum err feed_text(struct sio_assembly *assembly, struct span text, bool *is_whole)
{
    char *copy = memory_copy(text.data, text.len);
    enum err err = sio_assembly_text(assembly, span_of(copy, text.len), &json_limits_default, is_whole);

    free(copy);
    return err;
}

static enum err feed_binary(struct sio_assembly *assembly, struct span bytes, bool *is_whole)
{
    char *copy = bytes.len > 0 ? memory_copy(bytes.data, bytes.len) : NULL;
    enum err err = sio_assembly_binary(assembly, span_of(copy, bytes.len), is_whole);

    free(copy);
    return err;
}

static const struct span two_attachments = SPAN_INIT("52-/x,7[\"a\"," PLACEHOLDER("0") "," PLACEHOLDER("1") "]");

static void a_plain_packet_is_whole_at_once(void **state)
{
    struct sio_assembly assembly;
    bool is_whole;

    (void)state;
    sio_assembly_init(&assembly, 1000);
    assert_int_equal(sio_assembly_text(&assembly, SPAN("2[\"a\"]"), &json_limits_default, &is_whole), OK);
    assert_true(is_whole);
    assert_int_equal(assembly.packet.type, SIO_EVENT);
    assert_true(yyjson_is_arr(assembly.json.root));
    assert_int_equal(assembly.text.cap, 0);
    sio_assembly_deinit(&assembly);
}

static void a_binary_packet_waits_for_its_attachments(void **state)
{
    struct sio_assembly assembly;
    bool is_whole;

    (void)state;
    sio_assembly_init(&assembly, 1000);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(feed_text(&assembly, two_attachments, &is_whole), OK);
        assert_false(is_whole);
        assert_true(assembly.is_open);
        assert_null(assembly.json.doc);
        assert_int_equal(feed_binary(&assembly, SPAN("first"), &is_whole), OK);
        assert_false(is_whole);
        assert_int_equal(feed_binary(&assembly, SPAN_EMPTY, &is_whole), OK);
        assert_true(is_whole);
        assert_false(assembly.is_open);
        assert_true(span_equal(assembly.packet.nsp, SPAN("/x")));
        assert_int_equal(assembly.packet.ack_id, 7);
        assert_int_equal(yyjson_arr_size(assembly.json.root), 3);
        assert_true(span_equal(buf_span(&assembly.attachments[0]), SPAN("first")));
        assert_int_equal(assembly.attachments[1].len, 0);
        sio_assembly_reset(&assembly);
        assert_null(assembly.attachments);
    }
    sio_assembly_deinit(&assembly);
}

static void text_and_binary_come_when_they_are_due(void **state)
{
    struct sio_assembly assembly;
    bool is_whole;

    (void)state;
    sio_assembly_init(&assembly, 1000);
    assert_int_equal(feed_binary(&assembly, SPAN("x"), &is_whole), ERR_PROTOCOL);
    assert_int_equal(feed_text(&assembly, two_attachments, &is_whole), OK);
    assert_int_equal(feed_text(&assembly, SPAN("2[\"a\"]"), &is_whole), ERR_PROTOCOL);
    assert_false(is_whole);
    sio_assembly_deinit(&assembly);
    sio_assembly_init(&assembly, 1000);
    assert_int_equal(feed_text(&assembly, SPAN("2[\"a\"]"), &is_whole), OK);
    assert_int_equal(feed_binary(&assembly, SPAN("x"), &is_whole), ERR_PROTOCOL);
    assert_int_equal(feed_text(&assembly, SPAN("2[\"a"), &is_whole), ERR_PROTOCOL);
    sio_assembly_deinit(&assembly);
}

static void text_and_attachments_have_one_limit(void **state)
{
    struct sio_assembly assembly;
    bool is_whole;

    (void)state;
    sio_assembly_init(&assembly, two_attachments.len + 10);
    assert_int_equal(feed_text(&assembly, two_attachments, &is_whole), OK);
    assert_int_equal(feed_binary(&assembly, SPAN("12345"), &is_whole), OK);
    assert_int_equal(feed_binary(&assembly, SPAN("123456"), &is_whole), ERR_TOO_LARGE);
    sio_assembly_reset(&assembly);
    assert_int_equal(feed_text(&assembly, two_attachments, &is_whole), OK);
    assert_int_equal(feed_binary(&assembly, SPAN("12345"), &is_whole), OK);
    assert_int_equal(feed_binary(&assembly, SPAN("12345"), &is_whole), OK);
    assert_true(is_whole);
    sio_assembly_deinit(&assembly);
    sio_assembly_init(&assembly, 5);
    assert_int_equal(feed_text(&assembly, SPAN("2[\"a\"]"), &is_whole), ERR_TOO_LARGE);
    sio_assembly_deinit(&assembly);
}

/* ---- encoding ---- */

static void expect_written(struct buf *out, const char *wanted)
{
    assert_true(span_equal(buf_span(out), span_from_str(wanted)));
    buf_reset(out);
}

static void packets_are_written_as_in_the_document(void **state)
{
    struct buf out = BUF_EMPTY;
    uint64_t id = 13;

    (void)state;
    sio_append(&out, SIO_CONNECT, SPAN("/"), 0, NULL, SPAN("{\"sid\":\"x\"}"));
    expect_written(&out, "0{\"sid\":\"x\"}");
    sio_append(&out, SIO_CONNECT_ERROR, SPAN("/a"), 0, NULL, SPAN("{\"message\":\"Invalid namespace\"}"));
    expect_written(&out, "4/a,{\"message\":\"Invalid namespace\"}");
    sio_append(&out, SIO_EVENT, SPAN_EMPTY, 0, &id, SPAN("[\"a\"]"));
    expect_written(&out, "213[\"a\"]");
    sio_append(&out, SIO_ACK, SPAN("/a"), 0, &id, SPAN("[]"));
    expect_written(&out, "3/a,13[]");
    sio_append(&out, SIO_BINARY_EVENT, SPAN("/a"), 2, NULL, SPAN("[\"a\"]"));
    expect_written(&out, "52-/a,[\"a\"]");
    sio_append(&out, SIO_BINARY_ACK, SPAN("/"), 1, &id, SPAN("[]"));
    expect_written(&out, "61-13[]");
    sio_append(&out, SIO_DISCONNECT, SPAN("/a"), 0, NULL, SPAN_EMPTY);
    expect_written(&out, "1/a,");
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_documents_examples_are_read),
        cmocka_unit_test(a_namespace_ends_at_a_comma_or_the_end),
        cmocka_unit_test(event_names_are_strings_or_numbers),
        cmocka_unit_test(malformed_packets_are_refused),
        cmocka_unit_test(ack_ids_are_exact_integers),
        cmocka_unit_test(attachments_are_counted_and_few),
        cmocka_unit_test(placeholders_name_an_attachment_each),
        cmocka_unit_test(depth_and_size_have_the_limits_of_json),
        cmocka_unit_test(the_parsed_data_can_be_kept),
        cmocka_unit_test(a_plain_packet_is_whole_at_once),
        cmocka_unit_test(a_binary_packet_waits_for_its_attachments),
        cmocka_unit_test(text_and_binary_come_when_they_are_due),
        cmocka_unit_test(text_and_attachments_have_one_limit),
        cmocka_unit_test(packets_are_written_as_in_the_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
