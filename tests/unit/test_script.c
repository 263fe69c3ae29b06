#include "load/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define ARGS(...) ((char *[]){"bench", __VA_ARGS__, NULL})
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void plan_for(struct plan *plan, char **args)
{
    int count = 0;

    while (args[count] != NULL)
        count++;
    assert_int_equal(plan_init(plan, count, args), 0);
}

static void assert_text(struct buf *buf, const char *expected)
{
    buf_append_char(buf, '\0');
    assert_string_equal(buf->data, expected);
    buf_deinit(buf);
}

/* Feeds one message (NULL: the upgrade is done) and checks what the caller says to it. */
static enum script_greeting greet(const struct plan *plan, uint8_t *step, const char *heard, const char *says)
{
    struct buf say = BUF_EMPTY;
    enum script_greeting greeting = plan->script->greet(plan, 7, step, span_from_str(heard), &say);

    assert_text(&say, says);
    return greeting;
}

/* ---- payloads ---- */

static void a_payload_has_the_size_asked_for_and_its_moment_is_found(void **state)
{
    static const size_t sizes[] = {SCRIPT_PAYLOAD_BYTES_MIN, 33, 128, 4096};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct buf message = BUF_EMPTY;
        uint64_t sent_ns = 0;

        buf_append_str(&message, "{\"payload\":");
        script_append_payload(&message, 0x0123456789abcdef, sizes[i]);
        assert_true(message.len == sizes[i] + 11);
        buf_append_str(&message, "}");
        assert_true(script_find_sent(buf_span(&message), &sent_ns));
        assert_true(sent_ns == 0x0123456789abcdef);
        buf_deinit(&message);
    }
}

static void a_message_without_a_moment_has_none(void **state)
{
    static const char *const messages[] = {"", "{}", "{\"t0\":\"", "{\"t0\":\"0123456789abcde",
                                           "{\"t0\":\"0123456789abcdeX\"}"};
    uint64_t sent_ns;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(messages); i++)
        assert_false(script_find_sent(span_from_str(messages[i]), &sent_ns));
}

/* ---- native ---- */

static void the_native_greeting_joins_and_waits_for_its_own_ack(void **state)
{
    struct plan plan;
    uint8_t step = 0;

    (void)state;
    plan_for(&plan, ARGS("rooms", "--token", "T", "--room-prefix", "r"));
    assert_int_equal(
        greet(&plan, &step, NULL, "{\"type\":\"subscribe\",\"messageId\":\"join\",\"channel\":\"r1\",\"payload\":{}}"),
        SCRIPT_WAIT);
    assert_int_equal(greet(&plan, &step, "{\"type\":\"presence\",\"payload\":{}}", ""), SCRIPT_WAIT);
    assert_int_equal(greet(&plan, &step, "{\"type\":\"ack\",\"replyTo\":\"other\",\"payload\":{}}", ""), SCRIPT_WAIT);
    assert_int_equal(greet(&plan, &step, "{\"type\":\"ack\",\"replyTo\":\"join\",\"payload\":{}}", ""), SCRIPT_READY);
    plan_deinit(&plan);
}

static void the_native_greeting_logs_in_first_when_the_token_goes_in_a_message(void **state)
{
    struct plan plan;
    uint8_t step = 0;

    (void)state;
    plan_for(&plan, ARGS("idle", "--token", "T", "--login", "message", "--depth", "authenticated"));
    assert_int_equal(
        greet(&plan, &step, NULL, "{\"type\":\"auth\",\"messageId\":\"login\",\"payload\":{\"token\":\"T\"}}"),
        SCRIPT_WAIT);
    assert_int_equal(greet(&plan, &step, "{\"type\":\"ack\",\"replyTo\":\"login\",\"payload\":{}}", ""), SCRIPT_READY);
    plan_deinit(&plan);
}

static void the_native_greeting_ends_with_an_error(void **state)
{
    struct plan plan;
    uint8_t step = 0;
    struct buf say = BUF_EMPTY;

    (void)state;
    plan_for(&plan, ARGS("fanout"));
    assert_int_equal(plan.script->greet(&plan, 0, &step, SPAN_EMPTY, &say), SCRIPT_WAIT);
    buf_deinit(&say);
    assert_int_equal(greet(&plan, &step, "{\"type\":\"error\",\"replyTo\":\"join\",\"payload\":{}}", ""),
                     SCRIPT_REFUSED);
    plan_deinit(&plan);
}

static void a_native_token_may_go_in_the_query(void **state)
{
    struct plan plan;
    struct buf target = BUF_EMPTY;

    (void)state;
    plan_for(&plan, ARGS("fanout", "--url", "ws://localhost:1/ws?a=b", "--login", "query", "--token", "T"));
    plan.script->append_target(&plan, 0, &target);
    assert_text(&target, "/ws?a=b&token=T");
    plan_deinit(&plan);
}

static void native_messages_are_told_apart_by_their_type(void **state)
{
    static const struct {
        const char *message;
        enum script_fact fact;
    } cases[] = {
        {"{\"type\":\"publish\",\"channel\":\"r\",\"payload\":{\"type\":\"ack\"}}", SCRIPT_DELIVERY},
        {"{\"type\":\"cursor\",\"payload\":{}}", SCRIPT_DELIVERY},
        {"{\"channel\":\"r\",\"type\":\"publish\"}", SCRIPT_DELIVERY},
        {"{\"type\":\"ack\",\"replyTo\":\"1\"}", SCRIPT_ACK},
        {"{\"type\":\"error\"}", SCRIPT_ERROR},
        {"{\"type\":\"presence\"}", SCRIPT_OTHER},
        {"{\"type\":\"publisher\"}", SCRIPT_OTHER},
        {"{}", SCRIPT_OTHER},
        {"", SCRIPT_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(script_native.hear(span_from_str(cases[i].message)), cases[i].fact);
}

static void a_change_is_said_with_an_id_that_its_ack_brings_back(void **state)
{
    struct plan plan;
    struct buf text = BUF_EMPTY;
    uint32_t ack_id = 0;

    (void)state;
    plan_for(&plan, ARGS("changes", "--record-type", "part", "--record-prefix", "PN-", "--record-first", "100",
                         "--record-field", "name"));
    plan.script->append_update(&plan, 5, 77, 3, &text);
    assert_text(&text,
                "{\"type\":\"update\",\"messageId\":\"3\",\"payload\":{\"entityType\":\"part\",\"entityId\":\"PN-105\","
                "\"patch\":{\"name\":\"checked 77\"}}}");
    assert_true(plan.script->read_ack_id(SPAN("{\"type\":\"ack\",\"replyTo\":\"3\",\"payload\":{}}"), &ack_id));
    assert_int_equal(ack_id, 3);
    assert_false(plan.script->read_ack_id(SPAN("{\"type\":\"ack\",\"replyTo\":\"join\"}"), &ack_id));
    assert_false(plan.script->read_ack_id(SPAN("{\"type\":\"ack\"}"), &ack_id));
    plan_deinit(&plan);
}

/* ---- raw ---- */

static void a_raw_room_is_the_path(void **state)
{
    struct plan plan;
    struct buf target = BUF_EMPTY;
    uint8_t step = 0;

    (void)state;
    plan_for(&plan, ARGS("rooms", "--wire", "raw", "--url", "ws://localhost:1", "--room-prefix", "r"));
    plan.script->append_target(&plan, 12, &target);
    assert_text(&target, "/r2");
    assert_int_equal(greet(&plan, &step, NULL, ""), SCRIPT_READY);
    plan_deinit(&plan);
}

/* ---- Socket.IO ---- */

static void the_socketio_greeting_opens_connects_and_joins(void **state)
{
    struct plan plan;
    uint8_t step = 0;

    (void)state;
    plan_for(&plan, ARGS("rooms", "--wire", "socketio", "--token", "T", "--room-prefix", "r"));
    assert_int_equal(greet(&plan, &step, NULL, ""), SCRIPT_WAIT);
    assert_int_equal(greet(&plan, &step, "0{\"sid\":\"a\"}", "40{\"token\":\"T\"}"), SCRIPT_WAIT);
    assert_int_equal(greet(&plan, &step, "40{\"sid\":\"b\"}", "420[\"join\",\"r1\"]"), SCRIPT_WAIT);
    assert_int_equal(greet(&plan, &step, "42[\"connection_established\",{}]", ""), SCRIPT_WAIT);
    assert_int_equal(greet(&plan, &step, "430[]", ""), SCRIPT_READY);
    plan_deinit(&plan);
}

static void a_socketio_refusal_ends_the_greeting(void **state)
{
    struct plan plan;
    uint8_t step = 0;

    (void)state;
    plan_for(&plan, ARGS("rooms", "--wire", "socketio", "--room-prefix", "r", "--namespace", "/n"));
    greet(&plan, &step, NULL, "");
    greet(&plan, &step, "0{}", "40/n,");
    assert_int_equal(greet(&plan, &step, "44/n,{\"message\":\"Invalid namespace\"}", ""), SCRIPT_REFUSED);

    step = 0;
    greet(&plan, &step, NULL, "");
    greet(&plan, &step, "0{}", "40/n,");
    greet(&plan, &step, "40/n,{\"sid\":\"b\"}", "42/n,0[\"join\",\"r1\"]");
    assert_int_equal(greet(&plan, &step, "43/n,0[{\"error\":{\"code\":\"forbidden\"}}]", ""), SCRIPT_REFUSED);
    plan_deinit(&plan);
}

static void socketio_messages_are_told_apart_by_their_digits(void **state)
{
    static const struct {
        const char *message;
        enum script_fact fact;
    } cases[] = {
        {"42[\"say\",{}]", SCRIPT_DELIVERY},
        {"430[]", SCRIPT_ACK},
        {"44{}", SCRIPT_ERROR},
        {"2", SCRIPT_PING},
        {"40{}", SCRIPT_OTHER},
        {"6", SCRIPT_OTHER},
        {"", SCRIPT_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(script_socketio.hear(span_from_str(cases[i].message)), cases[i].fact);
}

static void what_is_published_names_the_room_in_every_wire(void **state)
{
    static const struct {
        const char *wire, *says;
    } cases[] = {
        {"raw", "{}"},
        {"socketio", "42[\"say\",\"r2\",{}]"},
        {"native", "{\"type\":\"publish\",\"channel\":\"r2\",\"payload\":{}}"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct plan plan;
        struct buf text = BUF_EMPTY;

        plan_for(&plan, ARGS("rooms", "--room-prefix", "r", "--wire", (char *)(uintptr_t)cases[i].wire));
        plan.script->append_publish(&plan, 14, SPAN("{}"), &text);
        assert_text(&text, cases[i].says);
        plan_deinit(&plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_payload_has_the_size_asked_for_and_its_moment_is_found),
        cmocka_unit_test(a_message_without_a_moment_has_none),
        cmocka_unit_test(the_native_greeting_joins_and_waits_for_its_own_ack),
        cmocka_unit_test(the_native_greeting_logs_in_first_when_the_token_goes_in_a_message),
        cmocka_unit_test(the_native_greeting_ends_with_an_error),
        cmocka_unit_test(a_native_token_may_go_in_the_query),
        cmocka_unit_test(native_messages_are_told_apart_by_their_type),
        cmocka_unit_test(a_change_is_said_with_an_id_that_its_ack_brings_back),
        cmocka_unit_test(a_raw_room_is_the_path),
        cmocka_unit_test(the_socketio_greeting_opens_connects_and_joins),
        cmocka_unit_test(a_socketio_refusal_ends_the_greeting),
        cmocka_unit_test(socketio_messages_are_told_apart_by_their_digits),
        cmocka_unit_test(what_is_published_names_the_room_in_every_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
