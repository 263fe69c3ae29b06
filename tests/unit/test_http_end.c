#include "lib/http_stage.h"

/* ---- staying and going -------------------------------------------------------------------------------------------- */

static void who_asks_to_close_is_closed_and_what_follows_is_ignored(void **state)
{
    (void)state;
    server_say("GET /one HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n" GET("/two") "\0garbage");
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "Connection: close\r\n"));
    assert_seen("[GET /one ]");
}

static void http_1_0_closes_unless_asked_to_stay(void **state)
{
    (void)state;
    server_say("GET /one HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    far_until_text(&server.far, "/one");
    assert_true(far_has(&server.far, "Connection: keep-alive\r\n"));
    server_say("GET /two HTTP/1.0\r\n\r\n");
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "/two"));
}

static void a_bad_request_is_answered_and_ends_the_connection(void **state)
{
    (void)state;
    server_say(GET("/one") "GET /two HTTP/1.1\nHost: a\r\n\r\n" GET("/three"));
    far_until_ended(&server.far);
    assert_int_equal(server_count("HTTP/1.1 200"), 1);
    assert_int_equal(server_count("HTTP/1.1 400"), 1);
    assert_true(far_has(&server.far, "{\"error\":{\"code\":\"bad_request\""));
    assert_true(far_has(&server.far, "Connection: close\r\n"));
    assert_seen("[GET /one ]");
}

static void a_handler_can_end_the_connection_with_its_answer(void **state)
{
    (void)state;
    server_say(GET("/last") GET("/more"));
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "Connection: close\r\n"));
    assert_seen("[GET /last ]");
}

static void a_handler_may_close_the_connection_under_itself(void **state)
{
    const char *paths[] = {GET("/close"), GET("/close-then-answer"), GET("/answer-then-close")};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        server_reopen(NULL);
        server_say(paths[i]);
        server_say(GET("/more"));
        far_until_ended(&server.far);
        assert_int_equal(server.request_count, 1);
        assert_int_equal(server.abort_count, i == 0); /* only the one that has no answer */
    }
}

static void a_request_cut_short_by_the_peers_end_is_refused(void **state)
{
    const char *parts[] = {"GET /x HT", "POST /x HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nhello",
                           "POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"};

    (void)state;
    for (int i = 0; i < 3; i++) {
        server_reopen(NULL);
        server_say(parts[i]);
        far_end(&server.far);
        far_until_ended(&server.far);
        assert_true(far_has(&server.far, "HTTP/1.1 400 "));
        assert_int_equal(server.request_count, 0);
    }
}

static void a_peer_that_has_ended_still_gets_its_answers(void **state)
{
    (void)state;
    server_say(GET("/later") GET("/two"));
    far_end(&server.far);
    server_until_pending();
    stage_turns(&server.stage, 3);
    http_respond(server.pending, 200, "text/plain", SPAN("one"));
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "one"));
    assert_true(far_has(&server.far, "/two"));
    assert_int_equal(server.abort_count, 0);
}

static void a_long_poll_is_given_up_when_the_peer_ends(void **state)
{
    (void)state;
    server_say(GET("/poll"));
    far_end(&server.far);
    server_until_closed();
    assert_int_equal(server.abort_count, 1);
}

/* ---- upgrades, streams, draining ---------------------------------------------------------------------------------- */

static void nothing_behind_a_refused_upgrade_is_a_request(void **state)
{
    (void)state;
    server_say("GET /one HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" GET("/smuggled"));
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "Connection: close\r\n"));
    assert_seen("[GET /one ]");
}

static void an_upgrade_to_something_else_is_ignored(void **state)
{
    (void)state;
    server_say("GET /one HTTP/1.1\r\n" HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n" GET("/two"));
    far_until_text(&server.far, "/two");
}

static void a_stream_sends_frames_as_they_are_until_it_is_finished(void **state)
{
    struct frame *frame = frame_new(SPAN("data: x\n\n"));

    (void)state;
    server_say(GET("/stream"));
    far_until_text(&server.far, "\r\n\r\n");
    assert_true(far_has(&server.far, "HTTP/1.1 200 OK\r\n"));
    assert_true(far_has(&server.far, "Content-Type: text/event-stream\r\n"));
    assert_true(far_has(&server.far, "Connection: close\r\n"));
    assert_false(far_has(&server.far, "Content-Length"));
    conn_send(server.stream->conn, frame, 0);
    conn_send(server.stream->conn, frame, 0);
    far_until_text(&server.far, "\r\n\r\ndata: x\n\ndata: x\n\n");
    server_say(GET("/ignored"));
    stage_turns(&server.stage, 3);
    assert_int_equal(server.request_count, 1);

    http_stream_finish(server.stream);
    far_until_ended(&server.far);
    far_end(&server.far);
    server_until_closed();
    assert_int_equal(server.stream_closed_count, 1);
    frame_unref(frame);
}

static void a_streams_reader_that_leaves_ends_it(void **state)
{
    (void)state;
    server_say("HEAD /stream HTTP/1.1\r\n" HOST "\r\n");
    far_until_ended(&server.far);
    assert_null(server.stream); /* nothing to stream to */
    server_reopen(NULL);
    server_say(GET("/stream"));
    far_until_text(&server.far, "\r\n\r\n");
    far_end(&server.far);
    server_until_closed();
    assert_int_equal(server.stream_closed_count, 1);
}

static void draining_closes_idle_connections_and_lets_the_others_finish(void **state)
{
    (void)state;
    server_say(GET("/x"));
    far_until_text(&server.far, "/x");
    http_drain(server.stage.host);
    far_until_ended(&server.far);
    server_reopen(NULL);
    server_say(GET("/later"));
    server_until_pending();
    http_drain(server.stage.host);
    stage_turns(&server.stage, 3);
    assert_int_equal(server.closed_count, 0);
    http_respond(server.pending, 200, "text/plain", SPAN("done"));
    far_until_ended(&server.far);
    assert_true(far_has(&server.far, "done"));
    assert_true(far_has(&server.far, "Connection: close\r\n"));
}

static void a_peer_that_dies_aborts_what_it_asked_for(void **state)
{
    (void)state;
    server_say(GET("/later"));
    server_until_pending();
    conn_close(server.conn);
    server_until_closed();
    assert_int_equal(server.abort_count, 1);
}

static void an_answer_and_the_connections_end_may_meet_in_a_turn(void **state)
{
    (void)state;
    server_say(GET("/later"));
    server_until_pending();
    http_respond(server.pending, 200, "text/plain", SPAN("too late"));
    conn_close(server.conn);
    server_until_closed();
    assert_int_equal(server.abort_count, 0);
    stage_turns(&server.stage, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, http_stage_set_up, http_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_asks_to_close_is_closed_and_what_follows_is_ignored),
        TEST(http_1_0_closes_unless_asked_to_stay),
        TEST(a_bad_request_is_answered_and_ends_the_connection),
        TEST(a_handler_can_end_the_connection_with_its_answer),
        TEST(a_handler_may_close_the_connection_under_itself),
        TEST(a_request_cut_short_by_the_peers_end_is_refused),
        TEST(a_peer_that_has_ended_still_gets_its_answers),
        TEST(a_long_poll_is_given_up_when_the_peer_ends),
        TEST(nothing_behind_a_refused_upgrade_is_a_request),
        TEST(an_upgrade_to_something_else_is_ignored),
        TEST(a_stream_sends_frames_as_they_are_until_it_is_finished),
        TEST(a_streams_reader_that_leaves_ends_it),
        TEST(draining_closes_idle_connections_and_lets_the_others_finish),
        TEST(a_peer_that_dies_aborts_what_it_asked_for),
        TEST(an_answer_and_the_connections_end_may_meet_in_a_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
