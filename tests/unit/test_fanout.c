#include "peer/fanout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct span binaries[] = {SPAN_INIT("\x01\x02"), SPAN_INIT("end")};

static struct fanout fanout_of(const char *text)
{
    return (struct fanout){.text = span_from_str(text)};
}

static void assert_frame(const struct frame *frame, struct span expected)
{
    assert_int_equal(frame->len, expected.len);
    assert_memory_equal(frame->data, expected.data, expected.len);
}

static void an_event_is_encoded_once_in_each_form(void **state)
{
    struct fanout fanout = fanout_of("[\"a\",1]");
    struct frame *web = fanout_packet(&fanout, SPAN("/"), PACKET_WEBSOCKET, false);

    (void)state;
    assert_frame(web, SPAN("\x81\x09"
                           "42[\"a\",1]"));
    assert_frame(fanout_packet(&fanout, SPAN("/"), PACKET_POLLED, false), SPAN("42[\"a\",1]"));
    assert_ptr_equal(fanout_packet(&fanout, SPAN("/"), PACKET_WEBSOCKET, false), web);
    fanout_release(&fanout);
}

static void a_namespace_stands_in_the_packet(void **state)
{
    struct fanout fanout = fanout_of("[\"a\"]");

    (void)state;
    assert_frame(fanout_packet(&fanout, SPAN("/chat"), PACKET_POLLED, false), SPAN("42/chat,[\"a\"]"));
    assert_frame(fanout_packet(&fanout, SPAN("/"), PACKET_POLLED, false), SPAN("42[\"a\"]"));
    assert_frame(fanout_packet(&fanout, SPAN("/chat"), PACKET_POLLED, false), SPAN("42/chat,[\"a\"]"));
    fanout_release(&fanout);
}

static void several_arrays_are_several_packets_in_one_frame(void **state)
{
    struct fanout fanout = fanout_of("[1]\x1e[2]");

    (void)state;
    assert_frame(fanout_packet(&fanout, SPAN("/"), PACKET_POLLED, false), SPAN("42[1]\x1e"
                                                                               "42[2]"));
    assert_frame(fanout_packet(&fanout, SPAN("/"), PACKET_WEBSOCKET, false), SPAN("\x81\x05"
                                                                                  "42[1]\x81\x05"
                                                                                  "42[2]"));
    fanout_release(&fanout);
}

static void attachments_follow_as_they_are(void **state)
{
    struct fanout fanout = fanout_of("[\"f\",{\"_placeholder\":true,\"num\":0}]");

    (void)state;
    fanout.binaries = binaries;
    fanout.binary_count = 2;
    assert_frame(fanout_packet(&fanout, SPAN("/x"), PACKET_POLLED, false),
                 SPAN("452-/x,[\"f\",{\"_placeholder\":true,\"num\":0}]"));
    assert_frame(fanout_attachment(&fanout, 0, true), SPAN("\x01\x02"));
    assert_frame(fanout_attachment(&fanout, 1, false), SPAN("\x82\x03"
                                                            "end"));
    fanout_release(&fanout);
}

static void what_does_not_pay_is_not_deflated(void **state)
{
    struct deflater *deflater = deflater_new(15, false, 1);
    struct fanout fanout = fanout_of("[\"a\"]");
    char text[600] = "[\"";
    struct fanout large = {.deflater = deflater};

    (void)state;
    fanout.deflater = deflater;
    assert_frame(fanout_packet(&fanout, SPAN("/"), PACKET_WEBSOCKET_DEFLATED, false), SPAN("\x81\x07"
                                                                                           "42[\"a\"]"));
    for (int i = 2; i < 597; i++)
        text[i] = 'x';
    text[597] = '"';
    text[598] = ']';
    large.text = span_from_str(text);
    assert_true(fanout_packet(&large, SPAN("/"), PACKET_WEBSOCKET_DEFLATED, false)->len < 100);
    assert_int_equal((unsigned char)fanout_packet(&large, SPAN("/"), PACKET_WEBSOCKET_DEFLATED, false)->data[0], 0xc1);
    fanout_release(&fanout);
    fanout_release(&large);
    deflater_free(deflater);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_encoded_once_in_each_form),
        cmocka_unit_test(a_namespace_stands_in_the_packet),
        cmocka_unit_test(several_arrays_are_several_packets_in_one_frame),
        cmocka_unit_test(attachments_follow_as_they_are),
        cmocka_unit_test(what_does_not_pay_is_not_deflated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
