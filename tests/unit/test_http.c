#include "base/memory.h"
#include "base/rand.h"
#include "lib/http_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- answers ------------------------------------------------------------------------------------------------------ */

static void a_connection_serves_one_request_after_the_other(void **state)
{
    (void)state;
    server_say(GET("/one"));
    far_until_text(&server.far, "\r\n\r\n/one");
    server_say("POST /two HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
    far_until_text(&server.far, "\r\n\r\n/two");
    assert_seen("[GET /one ][POST /two abc]");
    assert_false(server.far.is_ended);
}

static void every_answer_has_the_headers_that_keep_browsers_honest(void **state)
{
    (void)state;
    server_say(GET("/one"));
    far_until_text(&server.far, "/one");
    assert_true(far_has(&server.far, "HTTP/1.1 200 OK\r\nDate: "));
    assert_true(far_has(&server.far, " GMT\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n"));
    assert_true(far_has(&server.far, "\r\nX-Content-Type-Options: nosniff\r\n"));
    assert_true(far_has(&server.far, "\r\nReferrer-Policy: no-referrer\r\n"));
    assert_true(far_has(&server.far, "\r\nCache-Control: no-store\r\n"));
    assert_true(far_has(&server.far, "\r\nX-Request-Id: "));
    assert_false(far_has(&server.far, "Connection:"));

    buf_reset(&server.far.heard);
    server_say(GET("/cached"));
    far_until_text(&server.far, "X-Own: yes\r\n");
    assert_true(far_has(&server.far, "cache-control: max-age=1\r\n"));
    assert_false(far_has(&server.far, "no-store"));
}

static void an_error_has_a_code_a_sentence_a_field_and_its_request(void **state)
{
    const char *id;
    char wanted[64];

    (void)state;
    server_say(GET("/error"));
    far_until_text(&server.far, "}}");
    assert_true(far_has(&server.far, "HTTP/1.1 400 Bad Request\r\n"));
    assert_true(far_has(&server.far, "Content-Type: application/json\r\n"));
    assert_true(far_has(&server.far,
                        "{\"error\":{\"code\":\"bad_field\",\"message\":\"A field has the wrong type or value.\","
                        "\"field\":\"na\\\"me\",\"request_id\":\""));
    buf_append_char(&server.far.heard, '\0');
    id = strstr(server.far.heard.data, "X-Request-Id: ") + 14;
    snprintf(wanted, sizeof(wanted), "\"request_id\":\"%.16s\"", id);
    assert_true(far_has(&server.far, wanted));
}

static void head_and_204_have_no_body(void **state)
{
    (void)state;
    server_say("HEAD /one HTTP/1.1\r\n" HOST "\r\n" GET("/none") GET("/end"));
    far_until_text(&server.far, "/end");
    assert_true(far_has(&server.far, "Content-Length: 4\r\n")); /* of both the first and the last */
    assert_false(far_has(&server.far, "/one"));
    assert_true(far_has(&server.far, "HTTP/1.1 204 No Content\r\n"));
    assert_int_equal(server_count("Content-Length"), 2);
}

static void long_bodies_arrive_whole(void **state)
{
    size_t len = 3000000;
    char *bytes = pattern(len);
    const char *paths[] = {GET("/body"), GET("/static"), "GET /static HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"};

    (void)state;
    server.body = (struct span){bytes, len};
    for (int i = 0; i < 3; i++) {
        size_t head;

        buf_reset(&server.far.heard);
        server_say(paths[i]);
        far_until_bytes(&server.far, len + 1);
        head = (size_t)((char *)memmem(server.far.heard.data, 1000, "\r\n\r\n", 4) - server.far.heard.data) + 4;
        far_until_bytes(&server.far, head + len);
        assert_memory_equal(server.far.heard.data + head, bytes, len);
    }
    far_until_ended(&server.far);
    assert_int_equal(server.release_count, 2);
    free(bytes);
}

static void a_body_that_is_still_leaving_is_released_when_the_connection_dies(void **state)
{
    size_t len = 3000000;
    char *bytes = memory_alloc(len);

    (void)state;
    server.body = (struct span){bytes, len};
    far_listen(&server.far, false);
    server_say(GET("/static"));
    while (server.request_count == 0)
        stage_turns(&server.stage, 1);
    stage_turns(&server.stage, 5);
    assert_int_equal(server.release_count, 0);
    far_close(&server.far);
    server_until_closed();
    assert_int_equal(server.release_count, 1);
    assert_int_equal(server.abort_count, 0); /* it was answered */
    free(bytes);
}

/* ---- bodies ------------------------------------------------------------------------------------------------------- */

static void expect_gets_100_when_the_body_is_welcome(void **state)
{
    (void)state;
    server_say("POST /x HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    far_until_text(&server.far, "HTTP/1.1 100 Continue\r\n\r\n");
    server_say("hello");
    far_until_text(&server.far, "HTTP/1.1 200 OK");
    assert_seen("[POST /x hello]");
}

static void expect_gets_413_when_it_is_not(void **state)
{
    (void)state;
    server_say("POST /x HTTP/1.1\r\n" HOST "Content-Length: 500000\r\nExpect: 100-continue\r\n\r\n");
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "HTTP/1.1 413 "));
    assert_false(far_has(&server.far, "HTTP/1.1 100 "));
}

static size_t limit_to_four(void *arg, struct http_exchange *exchange)
{
    (void)arg;
    assert_true(exchange->path.len > 0);
    return 4;
}

static void the_handler_says_how_large_a_body_may_be(void **state)
{
    (void)state;
    server.handlers.body_limit = limit_to_four;
    server_say("POST /x HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nfour");
    far_until_text(&server.far, "HTTP/1.1 200 OK");
    server_say("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nfiver\r\n0\r\n\r\n");
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "HTTP/1.1 413 "));
    assert_seen("[POST /x four]");
}

static void a_request_byte_by_byte_is_one_request(void **state)
{
    const char *text = "POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";

    (void)state;
    for (const char *byte = text; *byte; byte++) {
        far_say(&server.far, (struct span){byte, 1});
        stage_turns(&server.stage, 2);
    }
    far_until_text(&server.far, "HTTP/1.1 200 OK");
    assert_seen("[POST /x hello]");
}

/* ---- reading a request -------------------------------------------------------------------------------------------- */

static void check_request(void *arg, struct http_exchange *exchange)
{
    struct span values[4], value;
    size_t position = 0;

    (void)arg;
    assert_text(http_header(exchange, "x-multi"), "a");
    assert_int_equal(http_header_values(exchange, "X-MULTI", values, 4), 2);
    assert_text(values[1], "b");
    assert_int_equal(http_header(exchange, "absent").len, 0);

    assert_true(http_query(exchange, "q", &value));
    assert_text(value, "one two&");
    assert_true(http_query(exchange, "empty", &value));
    assert_int_equal(value.len, 0);
    assert_false(http_query(exchange, "absent", &value));
    assert_true(http_query_next(exchange, &position, &values[0], &values[1]));
    assert_text(values[0], "q");

    assert_int_equal(http_cookie(exchange, "session", &value), OK);
    assert_text(value, "s3cret=");
    assert_int_equal(http_cookie(exchange, "absent", &value), OK);
    assert_int_equal(value.len, 0);
    assert_int_equal(http_cookie(exchange, "same", &value), OK);
    assert_int_equal(http_cookie(exchange, "twice", &value), ERR_BAD_REQUEST);
    http_respond(exchange, 200, "text/plain", SPAN("checked"));
}

static void headers_queries_and_cookies_are_found(void **state)
{
    (void)state;
    server.handlers.on_request = check_request;
    server_say("GET /x?q=one+two%26&empty&q=second HTTP/1.1\r\n" HOST "X-Multi: a\r\nx-multi: b\r\n"
               "Cookie: a=b; session=s3cret=; twice=1; same=x\r\nCookie: twice=2; same=x\r\n\r\n");
    far_until_text(&server.far, "checked");
}

/* ---- pipelining --------------------------------------------------------------------------------------------------- */

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct buf expected = BUF_EMPTY;

    (void)state;
    for (int i = 0; i < 500; i++) { /* more than are looked at before the answers leave */
        struct buf text = BUF_EMPTY;

        buf_printf(&text, GET("/%03d"), i);
        far_say(&server.far, buf_span(&text));
        buf_deinit(&text);
        buf_printf(&expected, "[GET /%03d ]", i);
    }
    far_until_text(&server.far, "/499");
    assert_int_equal(server_count("HTTP/1.1 200"), 500);
    assert_true(span_equal(buf_span(&server.seen), buf_span(&expected)));
    buf_deinit(&expected);
}

static void the_next_request_waits_for_a_late_answer(void **state)
{
    (void)state;
    server_say(GET("/later") GET("/two"));
    server_until_pending();
    server_say(GET("/three"));
    stage_turns(&server.stage, 5);
    assert_int_equal(server.request_count, 1);

    http_respond(server.pending, 200, "text/plain", SPAN("one"));
    assert_int_equal(server.request_count, 1); /* handlers do not nest */
    far_until_text(&server.far, "/three");
    assert_seen("[GET /later ][GET /two ][GET /three ]");
}

static void who_does_not_read_is_not_listened_to(void **state)
{
    char *bytes = memory_alloc(10000);

    (void)state;
    server.body = (struct span){bytes, 10000};
    far_listen(&server.far, false);
    for (int i = 0; i < 10000; i++)
        server_say(GET("/body"));
    stage_turns(&server.stage, 300);
    assert_true(conn_queue_bytes(server.conn) <= 256 * 1024 + 2 * 10000);
    assert_true(server.request_count < 1000);
    free(bytes);
}

/* ---- everything at once ------------------------------------------------------------------------------------------- */

static void say_something(struct rand *rand)
{
    static const char *texts[] = {
        GET("/one"),
        GET("/later"),
        GET("/poll"),
        GET("/static"),
        GET("/body"),
        "HEAD /static HTTP/1.1\r\n" HOST "\r\n",
        "POST /x HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
        "POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        GET("/stream"),
        GET("/close"),
        GET("/answer-then-close"),
        GET("/last"),
        "GET /bad HTTP/1.1\n" HOST "\r\n",
    };
    size_t count = sizeof(texts) / sizeof(texts[0]);
    /* The first ones more often: the last ones end it all. */
    struct span text = span_from_str(texts[rand_below(rand, rand_below(rand, 4) == 0 ? count : 9)]);

    far_say(&server.far, rand_below(rand, 8) == 0 ? span_slice(text, 0, rand_below(rand, text.len)) : text);
}

static void do_something(struct rand *rand)
{
    bool is_open = server.closed_count == 0;

    switch (rand_below(rand, 24)) {
    case 0: far_listen(&server.far, false); break;
    case 1: far_listen(&server.far, true); break;
    case 2:
        if (rand_below(rand, 8) == 0)
            far_end(&server.far);
        break;
    case 3:
        if (is_open && rand_below(rand, 8) == 0)
            conn_close(server.conn);
        break;
    case 4:
        if (rand_below(rand, 8) == 0)
            http_drain(server.stage.host);
        break;
    case 5:
    case 6:
    case 7:
        if (server.pending) {
            struct http_exchange *exchange = server.pending;

            server.pending = NULL;
            http_respond(exchange, 200, "text/plain", SPAN("later"));
        }
        break;
    default: say_something(rand);
    }
}

static void any_mix_of_requests_answers_and_ends_is_survived(void **state)
{
    char *bytes = memory_alloc(300000);

    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct rand rand;

        rand_seed(&rand, seed);
        server.body = (struct span){bytes, 300000};
        for (int i = 0; i < 60; i++) {
            do_something(&rand);
            stage_turns(&server.stage, (unsigned)rand_below(&rand, 3) + 1);
        }
        server_reopen(NULL);
    }
    free(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, http_stage_set_up, http_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_serves_one_request_after_the_other),
        TEST(every_answer_has_the_headers_that_keep_browsers_honest),
        TEST(an_error_has_a_code_a_sentence_a_field_and_its_request),
        TEST(head_and_204_have_no_body),
        TEST(long_bodies_arrive_whole),
        TEST(a_body_that_is_still_leaving_is_released_when_the_connection_dies),
        TEST(pipelined_requests_are_answered_in_order),
        TEST(the_next_request_waits_for_a_late_answer),
        TEST(who_does_not_read_is_not_listened_to),
        TEST(expect_gets_100_when_the_body_is_welcome),
        TEST(expect_gets_413_when_it_is_not),
        TEST(the_handler_says_how_large_a_body_may_be),
        TEST(a_request_byte_by_byte_is_one_request),
        TEST(headers_queries_and_cookies_are_found),
        TEST(any_mix_of_requests_answers_and_ends_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
