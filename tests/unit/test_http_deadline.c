#include "base/memory.h"
#include "lib/http_stage.h"

#include <stdlib.h>

static struct http_limits patient(void)
{
    struct http_limits limits = http_limits_default;

    limits.first_byte_ms = limits.header_ms = limits.idle_ms = limits.body_rate_grace_ms = 1000000;
    return limits;
}

static void a_connection_that_says_nothing_is_closed(void **state)
{
    struct http_limits limits = patient();

    (void)state;
    limits.first_byte_ms = 20;
    server_reopen(&limits);
    far_until_ended(&server.far);
    assert_int_equal(server.far.heard.len, 0);
}

static void a_head_has_a_deadline_of_its_own_however_it_drips(void **state)
{
    struct http_limits limits = patient();

    (void)state;
    limits.header_ms = 30;
    server_reopen(&limits);
    server_say("GET /x HTTP/1.1\r\n");
    while (!server.far.is_ended) { /* a byte in each turn does not move it */
        server_say("a");
        stage_turns(&server.stage, 1);
    }
    assert_true(far_has(&server.far, "HTTP/1.1 408 "));
    assert_int_equal(server.request_count, 0);
}

static void a_body_must_come_at_a_pace(void **state)
{
    struct http_limits limits = patient();

    (void)state;
    limits.body_rate_grace_ms = 30;
    limits.body_rate_bytes_min = 1000000;
    server_reopen(&limits);
    server_say("POST /x HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\nabc");
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "HTTP/1.1 408 "));
    assert_int_equal(server.request_count, 0);
}

static void an_idle_connection_is_closed(void **state)
{
    struct http_limits limits = patient();

    (void)state;
    limits.idle_ms = 20;
    server_reopen(&limits);
    server_say(GET("/x"));
    far_until_ended(&server.far);
    assert_int_equal(server_count("HTTP/1.1 "), 1);
}

static void a_handler_has_all_the_time_it_wants(void **state)
{
    struct http_limits limits = patient();
    uint64_t until;

    (void)state;
    limits.header_ms = limits.idle_ms = limits.body_rate_grace_ms = 5;
    server_reopen(&limits);
    server_say(GET("/later"));
    server_until_pending();
    until = loop_now_ms(server.stage.loop) + 30;
    while (loop_now_ms(server.stage.loop) < until)
        stage_turns(&server.stage, 1);
    assert_int_equal(server.closed_count, 0);
    http_respond(server.pending, 200, "text/plain", SPAN("at last"));
    far_until_text(&server.far, "at last");
}

static void a_reader_must_take_its_answer_at_a_pace(void **state)
{
    struct http_limits limits = patient();
    size_t len = 3000000;
    char *bytes = memory_alloc(len);

    (void)state;
    limits.body_rate_grace_ms = 20;
    for (int i = 0; i < 2; i++) {
        server_reopen(&limits);
        server.body = (struct span){bytes, len};
        far_listen(&server.far, false);
        server_say(i == 0 ? GET("/static") : "GET /body HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
        server_until_closed();
    }
    free(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, http_stage_set_up, http_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_that_says_nothing_is_closed),
        TEST(a_head_has_a_deadline_of_its_own_however_it_drips),
        TEST(a_body_must_come_at_a_pace),
        TEST(an_idle_connection_is_closed),
        TEST(a_handler_has_all_the_time_it_wants),
        TEST(a_reader_must_take_its_answer_at_a_pace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
