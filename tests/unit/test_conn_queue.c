#include "base/metric.h"
#include "lib/conn_stage.h"

#include <stdlib.h>

/* ---- sending ------------------------------------------------------------------------------------------------------ */

static void frames_of_a_turn_arrive_in_order(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) { /* more than one writev takes, and more than the inline ring holds */
        struct frame *frame = frame_new((struct span){&"0123456789"[i % 10], 1});

        conn_send(pair.near.conn, frame, 0);
        frame_unref(frame);
    }
    assert_int_equal(conn_queue_bytes(pair.near.conn), 200);
    far_until_bytes(&pair.far, 200);
    for (size_t i = 0; i < 200; i++)
        assert_int_equal(pair.far.heard.data[i], "0123456789"[i % 10]);
    assert_int_equal(conn_queue_bytes(pair.near.conn), 0);
    assert_int_equal(pair.near.drained_count, 1);
    assert_ptr_equal(pair.near.conn->slots, pair.near.conn->slots_inline); /* the large ring is given back */
}

static void a_larger_ring_is_lent_while_it_is_used(void **state)
{
    struct conn_slot *lent = NULL;

    (void)state;
    for (size_t round = 1; round <= 3; round++) {
        for (int i = 0; i < 8; i++)
            conn_send_bytes(pair.near.conn, SPAN("x"));
        assert_int_equal(pair.near.conn->slot_cap, 8);
        assert_true(lent == NULL || lent == pair.near.conn->slots); /* always the same one */
        lent = pair.near.conn->slots;
        far_until_bytes(&pair.far, round * 8);
        assert_ptr_equal(pair.near.conn->slots, pair.near.conn->slots_inline);
    }
}

static void one_frame_serves_many_connections(void **state)
{
    struct stage stage;
    struct far fars[3];
    struct near nears[3];
    struct frame *frame = frame_new(SPAN("news"));

    (void)state;
    stage_init(&stage, NULL);
    for (int i = 0; i < 3; i++) {
        nears[i] = (struct near){.conn = far_open(&fars[i], &stage)};
        conn_set_owner(nears[i].conn, &near_events, &nears[i]);
        conn_send(nears[i].conn, frame, 0);
    }
    assert_int_equal(frame->ref_count, 4);
    conn_close(nears[1].conn); /* takes its reference along */
    assert_int_equal(frame->ref_count, 3);
    far_until_text(&fars[0], "news");
    far_until_text(&fars[2], "news");
    assert_int_equal(frame->ref_count, 1);
    frame_unref(frame);
    for (int i = 0; i < 3; i++)
        far_close(&fars[i]);
    stage_deinit(&stage);
}

static void a_long_queue_arrives_whole_at_a_slow_reader(void **state)
{
    size_t len = 4 * 1024 * 1024;
    char *bytes = pattern(len);

    (void)state;
    pair_block();
    conn_send_bytes(pair.near.conn, SPAN("tail"));
    far_listen(&pair.far, true);
    far_until_bytes(&pair.far, len + 4);
    assert_memory_equal(pair.far.heard.data, bytes, len);
    assert_memory_equal(pair.far.heard.data + len, "tail", 4);
    free(bytes);
}

static void a_producer_is_asked_when_the_queue_is_empty(void **state)
{
    char *piece = pattern(100000);

    (void)state;
    pair.near.refills = 50;
    pair.near.piece = (struct span){piece, 100000};
    conn_send_bytes(pair.near.conn, SPAN("first"));
    far_until_bytes(&pair.far, 5 + 50 * 100000);
    for (size_t i = 0; i < 50; i++)
        assert_memory_equal(pair.far.heard.data + 5 + i * 100000, piece, 100000);
    free(piece);
}

static void send_text(const char *text, uint64_t key)
{
    struct frame *frame = frame_new(span_from_str(text));

    conn_send(pair.near.conn, frame, key);
    frame_unref(frame);
}

static void a_newer_frame_of_the_same_key_drops_the_waiting_one_and_goes_behind(void **state)
{
    size_t before;

    (void)state;
    pair_block();
    before = conn_queue_bytes(pair.near.conn);
    send_text("[a1]", 1);
    send_text("[b1]", 2);
    send_text("[fact]", 0);
    send_text("[a2 is longer]", 1);
    send_text("[b2]", 2);
    send_text("[a3]", 1);
    assert_int_equal(conn_queue_bytes(pair.near.conn), before + 14);

    far_listen(&pair.far, true);
    far_until_text(&pair.far, "[fact][b2][a3]");
}

static void a_frame_that_has_begun_to_leave_is_not_replaced(void **state)
{
    size_t len = 4 * 1024 * 1024;
    char *bytes = pattern(len);
    struct frame *large = frame_new((struct span){bytes, len});

    (void)state;
    far_listen(&pair.far, false);
    conn_send(pair.near.conn, large, 7); /* an empty queue takes a frame of any size */
    stage_until(&pair.stage, near_is_blocked, &pair.near);
    far_listen(&pair.far, true);
    pair.near.conn->host->limits.queue_bytes_max = 2 * len;
    send_text("newer", 7);
    far_until_bytes(&pair.far, len + 5);
    assert_memory_equal(pair.far.heard.data, bytes, len);
    assert_memory_equal(pair.far.heard.data + len, "newer", 5);
    frame_unref(large);
    free(bytes);
}

/* ---- slow readers ------------------------------------------------------------------------------------------------- */

static const struct conn_limits small_limits = {
    .queue_bytes_max = 10000, .queue_bytes_soft = 1000, .queue_soft_ms = 30};

static void past_the_hard_limit_a_reader_is_slow_once(void **state)
{
    struct conn_limits limits = small_limits;
    char *bytes = pattern(3000);
    struct frame *frame = frame_new((struct span){bytes, 3000});
    size_t queued;

    (void)state;
    limits.queue_soft_ms = 1000000;
    pair_reopen(&limits);
    pair_block();
    queued = conn_queue_bytes(pair.near.conn);
    for (int i = 0; i < 20; i++)
        conn_send(pair.near.conn, frame, 0);
    assert_int_equal(conn_queue_bytes(pair.near.conn), queued + 9000); /* uncounted bytes do not count */
    assert_int_equal(pair.near.slow_count, 0);                         /* told at the end of the turn */
    stage_until(&pair.stage, near_is_slow, &pair.near);
    conn_send(pair.near.conn, frame, 0);
    stage_turns(&pair.stage, 3);
    assert_int_equal(pair.near.slow_count, 1);
    assert_int_equal(conn_queue_bytes(pair.near.conn), queued + 9000);

    conn_drop_waiting(pair.near.conn); /* but what has begun to leave */
    assert_true(conn_queue_bytes(pair.near.conn) > 0 && conn_queue_bytes(pair.near.conn) <= 4 * 1024 * 1024);
    frame_unref(frame);
    free(bytes);
}

static void a_burst_to_an_attentive_reader_is_no_reason(void **state)
{
    char *bytes = pattern(3000);
    struct frame *frame = frame_new((struct span){bytes, 3000});

    (void)state;
    pair_reopen(&small_limits);
    for (int i = 0; i < 20; i++)
        conn_send(pair.near.conn, frame, 0);
    far_until_bytes(&pair.far, 60000);
    assert_int_equal(pair.near.slow_count, 0);
    frame_unref(frame);
    free(bytes);
}

static void past_the_soft_limit_for_too_long_is_slow_as_well(void **state)
{
    char *bytes = pattern(2000);
    struct frame *frame = frame_new((struct span){bytes, 2000});

    (void)state;
    pair_reopen(&small_limits);
    pair_block();
    conn_send(pair.near.conn, frame, 0);
    stage_until(&pair.stage, near_is_slow, &pair.near);
    frame_unref(frame);
    free(bytes);
}

static void a_slow_reader_without_a_handler_is_closed(void **state)
{
    char *bytes = pattern(6000);
    struct frame *frame = frame_new((struct span){bytes, 6000});
    int64_t before = metric_get(METRIC_connections_slow_closed);

    (void)state;
    pair_reopen(&small_limits);
    pair_block();
    conn_set_owner(pair.near.conn, &near_plain_events, &pair.near);
    conn_send(pair.near.conn, frame, 0);
    conn_send(pair.near.conn, frame, 0);
    stage_until(&pair.stage, near_has_closed, &pair.near);
    assert_int_equal(metric_get(METRIC_connections_slow_closed), before + 1);
    frame_unref(frame);
    free(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, conn_stage_set_up, conn_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_of_a_turn_arrive_in_order),
        TEST(a_larger_ring_is_lent_while_it_is_used),
        TEST(one_frame_serves_many_connections),
        TEST(a_long_queue_arrives_whole_at_a_slow_reader),
        TEST(a_producer_is_asked_when_the_queue_is_empty),
        TEST(a_newer_frame_of_the_same_key_drops_the_waiting_one_and_goes_behind),
        TEST(a_frame_that_has_begun_to_leave_is_not_replaced),
        TEST(past_the_hard_limit_a_reader_is_slow_once),
        TEST(a_burst_to_an_attentive_reader_is_no_reason),
        TEST(past_the_soft_limit_for_too_long_is_slow_as_well),
        TEST(a_slow_reader_without_a_handler_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
