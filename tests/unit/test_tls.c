#include "base/rand.h"
#include "lib/tls_stage.h"
#include "net/http.h"

#include <stdlib.h>
#include <string.h>

/* ---- streams ------------------------------------------------------------------------------------------------------ */

static void bytes_travel_both_ways(void **state)
{
    (void)state;
    channel_until_connected();
    assert_true(conn_is_tls(channel.conn));
    channel_write("hello", 5);
    channel_until_heard(5);
    assert_memory_equal(channel.heard.data, "hello", 5);
    assert_int_equal(conn_bytes_received(channel.conn), 5);
}

static void large_streams_arrive_whole(void **state)
{
    size_t len = 2000000;
    char *bytes = pattern(len);

    (void)state;
    channel_until_connected();
    channel_write(bytes, len);
    channel_until_heard(len);
    assert_int_equal(channel.heard.len, len);
    assert_memory_equal(channel.heard.data, bytes, len);
    free(bytes);
}

static void small_frames_of_a_turn_share_a_record(void **state)
{
    struct frame *frame = frame_new(SPAN("abcd"));
    size_t before;

    (void)state;
    channel_until_connected();
    stage_turns(&channel.stage, 3); /* tickets */
    channel_pump();
    before = channel.far.heard.len;
    for (int i = 0; i < 100; i++)
        conn_send(channel.conn, frame, 0);
    stage_turns(&channel.stage, 3);
    assert_true(channel.far.heard.len - before < 400 + 60);
    channel_until_heard(400);
    frame_unref(frame);
}

static void a_slow_reader_gets_the_stream_and_the_latest_of_a_key(void **state)
{
    size_t len = 3000000;
    char *bytes = pattern(len);

    (void)state;
    channel_until_connected();
    far_listen(&channel.far, false);
    conn_send_bytes(channel.conn, (struct span){bytes, len});
    channel_until_blocked();
    for (int i = 0; i < 10; i++) {
        struct frame *frame = frame_new((struct span){&"0123456789"[i], 1});

        conn_send(channel.conn, frame, 5);
        frame_unref(frame);
    }
    far_listen(&channel.far, true);
    channel_until_heard(len + 1);
    assert_int_equal(channel.heard.len, len + 1);
    assert_memory_equal(channel.heard.data, bytes, len);
    assert_int_equal(channel.heard.data[len], '9');
    free(bytes);
}

static void any_mix_of_sizes_and_pauses_keeps_the_stream(void **state)
{
    char *bytes = pattern(200000);

    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct buf sent = BUF_EMPTY;
        struct rand rand;

        rand_seed(&rand, seed);
        channel_reopen(NULL, 10000);
        channel_until_connected();
        for (int i = 0; i < 100; i++) {
            size_t from = rand_below(&rand, 1000), len = 1 + rand_below(&rand, i % 10 == 0 ? 190000 : 500);

            conn_send_bytes(channel.conn, (struct span){bytes + from, len});
            buf_append(&sent, bytes + from, len);
            if (rand_below(&rand, 4) == 0)
                far_listen(&channel.far, rand_below(&rand, 2) == 0);
            if (rand_below(&rand, 4) == 0)
                stage_turns(&channel.stage, 1);
        }
        far_listen(&channel.far, true);
        channel_until_heard(sent.len);
        assert_int_equal(channel.heard.len, sent.len);
        assert_memory_equal(channel.heard.data, sent.data, sent.len);
        buf_deinit(&sent);
    }
    free(bytes);
}

/* ---- ends --------------------------------------------------------------------------------------------------------- */

static void finish_says_goodbye(void **state)
{
    (void)state;
    channel_until_connected();
    channel_write("x", 1); /* the client is done with its handshake before the server */
    channel_until_heard(1);
    conn_send_bytes(channel.conn, SPAN("last words"));
    conn_finish(channel.conn, 10000);
    channel_until_ended();
    assert_int_equal(channel.heard.len, 11);
    assert_true(SSL_get_shutdown(channel.client) & SSL_RECEIVED_SHUTDOWN);
    far_end(&channel.far);
    channel_until_closed();
}

static void the_peers_goodbye_is_its_end(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) { /* with and without close_notify */
        channel_reopen(NULL, 10000);
        channel_until_connected();
        channel_write("x", 1);
        channel_until_heard(1);
        if (i == 0)
            SSL_shutdown(channel.client);
        channel_pump();
        far_end(&channel.far);
        channel_until_closed();
        assert_int_equal(channel.end_count, 1);
    }
}

static void a_close_while_bytes_wait_frees_everything(void **state)
{
    char *bytes = pattern(3000000);

    (void)state;
    channel_until_connected();
    far_listen(&channel.far, false);
    conn_send_bytes(channel.conn, (struct span){bytes, 3000000});
    channel_until_blocked();
    conn_close(channel.conn);
    channel_until_closed();
    free(bytes);
}

/* ---- with HTTP on top --------------------------------------------------------------------------------------------- */

static void on_request(void *arg, struct http_exchange *exchange)
{
    (void)arg;
    http_respond(exchange, 200, "text/plain", exchange->body);
}

static void count_closed(void *arg, struct conn *conn, void *user)
{
    (void)conn;
    (void)user;
    ((struct tls_stage *)arg)->closed_count++;
}

static void a_body_cut_short_is_refused(void **state)
{
    static const struct http_handlers handlers = {.on_request = on_request, .on_closed = count_closed};
    const char *request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf";

    (void)state;
    http_serve(channel.conn, &handlers, &channel, &http_limits_default, NULL);
    channel_until_connected();
    channel_write(request, strlen(request));
    far_end(&channel.far); /* without close_notify, as somebody in the middle would */
    channel_until_ended();
    assert_non_null(memmem(channel.heard.data, channel.heard.len, "HTTP/1.1 400 ", 13));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tls_stage_set_up, tls_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_travel_both_ways),
        TEST(large_streams_arrive_whole),
        TEST(small_frames_of_a_turn_share_a_record),
        TEST(a_slow_reader_gets_the_stream_and_the_latest_of_a_key),
        TEST(any_mix_of_sizes_and_pauses_keeps_the_stream),
        TEST(finish_says_goodbye),
        TEST(the_peers_goodbye_is_its_end),
        TEST(a_close_while_bytes_wait_frees_everything),
        TEST(a_body_cut_short_is_refused),
    };

    return cmocka_run_group_tests(tests, tls_stage_make_files, tls_stage_remove_files);
}
