#include "lib/net_stage.h"

#include "base/memory.h"
#include "base/metric.h"
#include "base/rand.h"
#include "net/conn_internal.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* An owner that writes down what happens to it and does what the test told it to. */
struct near {
    struct conn *conn;
    struct buf heard;
    size_t takes_max; /* of each call; 0: everything */
    unsigned bytes_count, drained_count, end_count, slow_count, closed_count;
    bool closes_on_bytes, pauses_on_bytes, closes_on_drained;
    struct near *closes_too; /* on_closed */
    struct near *gives_to;   /* on_bytes: the conn's next owner */
    size_t refills;          /* on_drained: so many pieces */
    struct span piece;
};

static const struct conn_events events;

static size_t on_bytes(void *owner, char *bytes, size_t len)
{
    struct near *near = owner;
    size_t taken = near->takes_max > 0 && near->takes_max < len ? near->takes_max : len;

    near->bytes_count++;
    buf_append(&near->heard, bytes, taken);
    memset(bytes, '!', taken); /* the buffer is lent: nobody reads it again */
    if (near->gives_to)
        conn_set_owner(near->conn, &events, near->gives_to);
    if (near->pauses_on_bytes)
        conn_pause(near->conn);
    if (near->closes_on_bytes)
        conn_close(near->conn);
    return taken;
}

static void on_drained(void *owner)
{
    struct near *near = owner;

    near->drained_count++;
    if (near->closes_on_drained)
        conn_close(near->conn);
    if (near->refills > 0) {
        near->refills--;
        conn_send_bytes(near->conn, near->piece);
    }
}

static void on_end(void *owner)
{
    ((struct near *)owner)->end_count++;
}

static void on_slow(void *owner)
{
    ((struct near *)owner)->slow_count++;
}

static void on_closed(void *owner)
{
    struct near *near = owner;

    near->closed_count++;
    if (near->closes_too)
        conn_close(near->closes_too->conn);
}

static const struct conn_events events = {
    .on_bytes = on_bytes,
    .on_drained = on_drained,
    .on_end = on_end,
    .on_slow = on_slow,
    .on_closed = on_closed,
};
static const struct conn_events plain_events = {.on_bytes = on_bytes, .on_closed = on_closed};

struct pair {
    struct stage stage;
    struct near near;
    struct far far;
};

static void open_pair(struct pair *pair, const struct conn_limits *limits)
{
    stage_init(&pair->stage, limits);
    pair->near = (struct near){.conn = far_open(&pair->far, &pair->stage)};
    conn_set_owner(pair->near.conn, &events, &pair->near);
}

static void close_pair(struct pair *pair)
{
    far_close(&pair->far);
    if (pair->near.closed_count == 0)
        conn_close(pair->near.conn);
    stage_turns(&pair->stage, 2);
    assert_int_equal(pair->near.closed_count, 1);
    assert_int_equal(conn_host_count(pair->stage.host), 0);
    stage_deinit(&pair->stage);
    buf_deinit(&pair->near.heard);
}

static bool has_closed(void *arg)
{
    return ((struct near *)arg)->closed_count > 0;
}

static bool has_heard_six(void *arg)
{
    return ((struct near *)arg)->heard.len >= 6;
}

static bool has_heard(void *arg)
{
    return ((struct near *)arg)->heard.len > 0;
}

static bool has_ended(void *arg)
{
    return ((struct near *)arg)->end_count > 0;
}

static bool is_slow(void *arg)
{
    return ((struct near *)arg)->slow_count > 0;
}

static bool is_blocked(void *arg)
{
    return conn_is_blocked(((struct near *)arg)->conn);
}

static void assert_heard(const struct buf *heard, const char *text)
{
    assert_int_equal(heard->len, strlen(text));
    assert_memory_equal(heard->data, text, heard->len);
}

static char *pattern(size_t len)
{
    char *bytes = memory_alloc(len);

    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    return bytes;
}

/* Fills the socket until it takes no more. */
static void block(struct pair *pair)
{
    size_t len = 4 * 1024 * 1024;
    char *bytes = pattern(len);

    far_listen(&pair->far, false);
    conn_send_bytes(pair->near.conn, (struct span){bytes, len});
    free(bytes);
    stage_until(&pair->stage, is_blocked, &pair->near);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static void bytes_reach_the_owner_and_are_counted(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, NULL);
    far_say(&pair.far, SPAN("abcdef"));
    stage_until(&pair.stage, has_heard_six, &pair.near);
    assert_heard(&pair.near.heard, "abcdef");
    assert_int_equal(conn_bytes_received(pair.near.conn), 6);
    assert_int_equal(conn_last_heard_ms(pair.near.conn), loop_now_ms(pair.stage.loop));
    close_pair(&pair);
}

static void what_is_not_taken_is_kept_and_offered_after_resume(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, NULL);
    pair.near.takes_max = 2;
    far_say(&pair.far, SPAN("ab--ef"));
    stage_until(&pair.stage, has_heard, &pair.near);
    far_say(&pair.far, SPAN("gh")); /* comes behind what is kept, and makes no call */
    stage_turns(&pair.stage, 3);
    assert_heard(&pair.near.heard, "ab");

    pair.near.takes_max = 0;
    conn_resume(pair.near.conn);
    assert_int_equal(pair.near.bytes_count, 1); /* not inside the call */
    stage_until(&pair.stage, has_heard_six, &pair.near);
    assert_heard(&pair.near.heard, "ab--efgh");
    close_pair(&pair);
}

static void a_paused_connection_reads_nothing(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, NULL);
    conn_pause(pair.near.conn);
    far_say(&pair.far, SPAN("abcdef"));
    stage_turns(&pair.stage, 5);
    assert_int_equal(pair.near.heard.len, 0);
    assert_true(conn_is_paused(pair.near.conn));

    conn_resume(pair.near.conn);
    stage_until(&pair.stage, has_heard_six, &pair.near);
    close_pair(&pair);
}

static void kept_bytes_have_a_bound(void **state)
{
    struct pair pair;
    size_t len = 512 * 1024;
    char *bytes = pattern(len);

    (void)state;
    open_pair(&pair, NULL);
    pair.near.takes_max = 1;
    far_say(&pair.far, (struct span){bytes, len});
    stage_until(&pair.stage, has_heard, &pair.near);
    stage_turns(&pair.stage, 50);
    assert_true(conn_bytes_received(pair.near.conn) <= 128 * 1024);

    /* and nothing of it is lost */
    pair.near.takes_max = 0;
    while (pair.near.heard.len < len) {
        conn_resume(pair.near.conn);
        stage_turns(&pair.stage, 2);
    }
    assert_memory_equal(pair.near.heard.data, bytes, len);
    free(bytes);
    close_pair(&pair);
}

static void a_new_owner_gets_the_rest_of_the_same_read(void **state)
{
    struct pair pair;
    struct near second = {0};

    (void)state;
    open_pair(&pair, NULL);
    second.conn = pair.near.conn;
    pair.near.takes_max = 2;
    pair.near.gives_to = &second;
    far_say(&pair.far, SPAN("abcdef"));
    stage_until(&pair.stage, has_heard, &second);
    assert_heard(&pair.near.heard, "ab");
    assert_heard(&second.heard, "cdef");

    conn_set_owner(pair.near.conn, &events, &pair.near);
    buf_deinit(&second.heard);
    close_pair(&pair);
}

static void the_owner_decides_what_the_peers_end_means(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, NULL);
    far_say(&pair.far, SPAN("abcdef"));
    far_end(&pair.far);
    stage_until(&pair.stage, has_ended, &pair.near);
    assert_true(conn_is_open(pair.near.conn));
    conn_send_bytes(pair.near.conn, SPAN("still here"));
    far_until_text(&pair.far, "still here");
    close_pair(&pair);
}

static void without_a_say_the_peers_end_closes(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, NULL);
    conn_set_owner(pair.near.conn, &plain_events, &pair.near);
    conn_send_bytes(pair.near.conn, SPAN("bye"));
    far_end(&pair.far);
    far_until_ended(&pair.far);
    assert_heard(&pair.far.heard, "bye");
    stage_until(&pair.stage, has_closed, &pair.near);
    close_pair(&pair);
}

/* ---- sending ------------------------------------------------------------------------------------------------------ */

static void frames_of_a_turn_arrive_in_order(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, NULL);
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
    close_pair(&pair);
}

static void a_larger_ring_is_lent_while_it_is_used(void **state)
{
    struct conn_slot *lent = NULL;
    struct pair pair;

    (void)state;
    open_pair(&pair, NULL);
    for (size_t round = 1; round <= 3; round++) {
        for (int i = 0; i < 8; i++)
            conn_send_bytes(pair.near.conn, SPAN("x"));
        assert_int_equal(pair.near.conn->slot_cap, 8);
        assert_true(lent == NULL || lent == pair.near.conn->slots); /* always the same one */
        lent = pair.near.conn->slots;
        far_until_bytes(&pair.far, round * 8);
        assert_ptr_equal(pair.near.conn->slots, pair.near.conn->slots_inline);
    }
    close_pair(&pair);
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
        conn_set_owner(nears[i].conn, &events, &nears[i]);
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
    struct pair pair;
    size_t len = 4 * 1024 * 1024;
    char *bytes = pattern(len);

    (void)state;
    open_pair(&pair, NULL);
    block(&pair);
    conn_send_bytes(pair.near.conn, SPAN("tail"));
    far_listen(&pair.far, true);
    far_until_bytes(&pair.far, len + 4);
    assert_memory_equal(pair.far.heard.data, bytes, len);
    assert_memory_equal(pair.far.heard.data + len, "tail", 4);
    free(bytes);
    close_pair(&pair);
}

static void a_producer_is_asked_when_the_queue_is_empty(void **state)
{
    struct pair pair;
    char *piece = pattern(100000);

    (void)state;
    open_pair(&pair, NULL);
    pair.near.refills = 50;
    pair.near.piece = (struct span){piece, 100000};
    conn_send_bytes(pair.near.conn, SPAN("first"));
    far_until_bytes(&pair.far, 5 + 50 * 100000);
    for (size_t i = 0; i < 50; i++)
        assert_memory_equal(pair.far.heard.data + 5 + i * 100000, piece, 100000);
    free(piece);
    close_pair(&pair);
}

static void send_text(struct pair *pair, const char *text, uint64_t key)
{
    struct frame *frame = frame_new(span_from_str(text));

    conn_send(pair->near.conn, frame, key);
    frame_unref(frame);
}

static void a_newer_frame_of_the_same_key_drops_the_waiting_one_and_goes_behind(void **state)
{
    struct pair pair;
    size_t before;

    (void)state;
    open_pair(&pair, NULL);
    block(&pair);
    before = conn_queue_bytes(pair.near.conn);
    send_text(&pair, "[a1]", 1);
    send_text(&pair, "[b1]", 2);
    send_text(&pair, "[fact]", 0);
    send_text(&pair, "[a2 is longer]", 1);
    send_text(&pair, "[b2]", 2);
    send_text(&pair, "[a3]", 1);
    assert_int_equal(conn_queue_bytes(pair.near.conn), before + 14);

    far_listen(&pair.far, true);
    far_until_text(&pair.far, "[fact][b2][a3]");
    close_pair(&pair);
}

static void a_frame_that_has_begun_to_leave_is_not_replaced(void **state)
{
    struct pair pair;
    size_t len = 4 * 1024 * 1024;
    char *bytes = pattern(len);
    struct frame *large = frame_new((struct span){bytes, len});

    (void)state;
    open_pair(&pair, NULL);
    far_listen(&pair.far, false);
    conn_send(pair.near.conn, large, 7); /* an empty queue takes a frame of any size */
    stage_until(&pair.stage, is_blocked, &pair.near);
    far_listen(&pair.far, true);
    pair.near.conn->host->limits.queue_bytes_max = 2 * len;
    send_text(&pair, "newer", 7);
    far_until_bytes(&pair.far, len + 5);
    assert_memory_equal(pair.far.heard.data, bytes, len);
    assert_memory_equal(pair.far.heard.data + len, "newer", 5);
    frame_unref(large);
    free(bytes);
    close_pair(&pair);
}

/* ---- slow readers ------------------------------------------------------------------------------------------------- */

static const struct conn_limits small_limits = {
    .queue_bytes_max = 10000, .queue_bytes_soft = 1000, .queue_soft_ms = 30};

static void past_the_hard_limit_a_reader_is_slow_once(void **state)
{
    struct pair pair;
    struct conn_limits limits = small_limits;
    char *bytes = pattern(3000);
    struct frame *frame = frame_new((struct span){bytes, 3000});
    size_t queued;

    (void)state;
    limits.queue_soft_ms = 1000000;
    open_pair(&pair, &limits);
    block(&pair);
    queued = conn_queue_bytes(pair.near.conn);
    for (int i = 0; i < 20; i++)
        conn_send(pair.near.conn, frame, 0);
    assert_int_equal(conn_queue_bytes(pair.near.conn), queued + 9000); /* uncounted bytes do not count */
    assert_int_equal(pair.near.slow_count, 0);                         /* told at the end of the turn */
    stage_until(&pair.stage, is_slow, &pair.near);
    conn_send(pair.near.conn, frame, 0);
    stage_turns(&pair.stage, 3);
    assert_int_equal(pair.near.slow_count, 1);
    assert_int_equal(conn_queue_bytes(pair.near.conn), queued + 9000);

    conn_drop_waiting(pair.near.conn); /* but what has begun to leave */
    assert_true(conn_queue_bytes(pair.near.conn) > 0 && conn_queue_bytes(pair.near.conn) <= 4 * 1024 * 1024);
    frame_unref(frame);
    free(bytes);
    close_pair(&pair);
}

static void a_burst_to_an_attentive_reader_is_no_reason(void **state)
{
    struct pair pair;
    char *bytes = pattern(3000);
    struct frame *frame = frame_new((struct span){bytes, 3000});

    (void)state;
    open_pair(&pair, &small_limits);
    for (int i = 0; i < 20; i++)
        conn_send(pair.near.conn, frame, 0);
    far_until_bytes(&pair.far, 60000);
    assert_int_equal(pair.near.slow_count, 0);
    frame_unref(frame);
    free(bytes);
    close_pair(&pair);
}

static void past_the_soft_limit_for_too_long_is_slow_as_well(void **state)
{
    struct pair pair;
    char *bytes = pattern(2000);
    struct frame *frame = frame_new((struct span){bytes, 2000});

    (void)state;
    open_pair(&pair, &small_limits);
    block(&pair);
    conn_send(pair.near.conn, frame, 0);
    stage_until(&pair.stage, is_slow, &pair.near);
    frame_unref(frame);
    free(bytes);
    close_pair(&pair);
}

static void a_slow_reader_without_a_handler_is_closed(void **state)
{
    struct pair pair;
    char *bytes = pattern(6000);
    struct frame *frame = frame_new((struct span){bytes, 6000});
    int64_t before = metric_get(METRIC_connections_slow_closed);

    (void)state;
    open_pair(&pair, &small_limits);
    block(&pair);
    conn_set_owner(pair.near.conn, &plain_events, &pair.near);
    conn_send(pair.near.conn, frame, 0);
    conn_send(pair.near.conn, frame, 0);
    stage_until(&pair.stage, has_closed, &pair.near);
    assert_int_equal(metric_get(METRIC_connections_slow_closed), before + 1);
    frame_unref(frame);
    free(bytes);
    close_pair(&pair);
}

/* ---- ends --------------------------------------------------------------------------------------------------------- */

static void finish_sends_everything_first(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, NULL);
    block(&pair);
    conn_send_bytes(pair.near.conn, SPAN("last words"));
    conn_finish(pair.near.conn, 60000);
    assert_false(conn_is_open(pair.near.conn));
    conn_send_bytes(pair.near.conn, SPAN("too late"));
    far_listen(&pair.far, true);
    far_until_ended(&pair.far);
    assert_true(far_has(&pair.far, "last words"));
    assert_false(far_has(&pair.far, "too late"));
    assert_int_equal(pair.near.closed_count, 0); /* waits for the peer's FIN */
    far_end(&pair.far);
    stage_until(&pair.stage, has_closed, &pair.near);
    close_pair(&pair);
}

static void finish_hears_nothing_more_but_does_not_reset(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, NULL);
    conn_send_bytes(pair.near.conn, SPAN("bye"));
    conn_finish(pair.near.conn, 60000);
    far_until_ended(&pair.far);
    far_say(&pair.far, SPAN("what?"));
    stage_turns(&pair.stage, 5);
    assert_int_equal(pair.near.bytes_count, 0);
    far_end(&pair.far);
    stage_until(&pair.stage, has_closed, &pair.near);
    close_pair(&pair);
}

static void finish_has_a_deadline(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, NULL);
    block(&pair);
    conn_finish(pair.near.conn, 20);
    stage_until(&pair.stage, has_closed, &pair.near); /* the far end neither reads nor ends */
    close_pair(&pair);
}

static void close_in_a_callback_is_collected_after_it(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, NULL);
    pair.near.closes_on_bytes = true;
    far_say(&pair.far, SPAN("abcdef"));
    far_until_ended(&pair.far);
    assert_int_equal(pair.near.closed_count, 1);
    assert_int_equal(pair.near.end_count, 0);
    close_pair(&pair);

    open_pair(&pair, NULL);
    pair.near.closes_on_drained = true;
    conn_send_bytes(pair.near.conn, SPAN("x"));
    stage_until(&pair.stage, has_closed, &pair.near);
    close_pair(&pair);
}

static void one_that_closes_takes_another_along(void **state)
{
    struct stage stage;
    struct far fars[2];
    struct near nears[2];

    (void)state;
    stage_init(&stage, NULL);
    for (int i = 0; i < 2; i++) {
        nears[i] = (struct near){.conn = far_open(&fars[i], &stage)};
        conn_set_owner(nears[i].conn, &events, &nears[i]);
    }
    nears[0].closes_too = &nears[1];
    conn_send_bytes(nears[1].conn, SPAN("never sent"));
    conn_close(nears[0].conn);
    conn_close(nears[0].conn); /* twice is once */
    conn_send_bytes(nears[0].conn, SPAN("nothing"));
    stage_until(&stage, has_closed, &nears[1]);
    assert_int_equal(nears[0].closed_count, 1);
    far_close(&fars[0]);
    far_close(&fars[1]);
    stage_deinit(&stage);
}

static void a_peer_that_is_gone_closes(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, NULL);
    far_say(&pair.far, SPAN("abcdef"));
    stage_until(&pair.stage, has_heard_six, &pair.near);
    conn_send_bytes(pair.near.conn, SPAN("unread")); /* makes its close a reset */
    stage_turns(&pair.stage, 2);
    far_close(&pair.far);
    while (pair.near.closed_count == 0) {
        conn_send_bytes(pair.near.conn, SPAN("x"));
        stage_turns(&pair.stage, 2);
    }
    close_pair(&pair);
}

static void the_host_closes_what_is_open_when_it_goes(void **state)
{
    struct stage stage;
    struct far far;
    struct near near = {0};

    (void)state;
    stage_init(&stage, NULL);
    near.conn = far_open(&far, &stage);
    conn_set_owner(near.conn, &events, &near);
    far_close(&far);
    near.closed_count = 0;
    stage_deinit(&stage);
    assert_int_equal(near.closed_count, 1);
}

/* ---- everything at once ------------------------------------------------------------------------------------------- */

static unsigned open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;

    while (dir && readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void any_mix_of_sizes_and_pauses_keeps_the_stream(void **state)
{
    unsigned fds = open_fds();

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct pair pair;
        struct rand rand;
        struct buf sent = BUF_EMPTY;
        char *bytes = pattern(300000);

        rand_seed(&rand, seed);
        open_pair(&pair, NULL);
        for (int i = 0; i < 200; i++) {
            size_t from = rand_below(&rand, 1000), len = 1 + rand_below(&rand, i % 20 == 0 ? 290000 : 500);

            conn_send_bytes(pair.near.conn, (struct span){bytes + from, len});
            buf_append(&sent, bytes + from, len);
            if (rand_below(&rand, 4) == 0)
                far_listen(&pair.far, rand_below(&rand, 2) == 0);
            if (rand_below(&rand, 4) == 0)
                stage_turns(&pair.stage, 1);
        }
        far_listen(&pair.far, true);
        far_until_bytes(&pair.far, sent.len);
        assert_int_equal(pair.far.heard.len, sent.len);
        assert_memory_equal(pair.far.heard.data, sent.data, sent.len);
        buf_deinit(&sent);
        free(bytes);
        close_pair(&pair);
    }
    assert_int_equal(open_fds(), fds);
}

/* ---- addresses ---------------------------------------------------------------------------------------------------- */

static void addresses_are_counted_by_network(void **state)
{
    struct conn_remote four = {.bytes = {192, 0, 2, 7}, .port = 99, .family = CONN_IPV4};
    struct conn_remote six = {.port = 1, .family = CONN_IPV6}, local = {.family = CONN_UNIX};
    struct conn_address address = conn_address_of(&four);

    (void)state;
    assert_string_equal(address.text, "192.0.2.7");
    assert_string_equal(address.network, "192.0.2.7");
    assert_int_equal(address.port, 99);
    assert_false(address.is_local);

    assert_int_equal(inet_pton(AF_INET6, "2001:db8:1:2:3:4:5:6", six.bytes), 1);
    address = conn_address_of(&six);
    assert_string_equal(address.text, "2001:db8:1:2:3:4:5:6");
    assert_string_equal(address.network, "2001:db8:1:2::");

    address = conn_address_of(&local);
    assert_string_equal(address.text, "unix");
    assert_true(address.is_local);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_reach_the_owner_and_are_counted),
        cmocka_unit_test(what_is_not_taken_is_kept_and_offered_after_resume),
        cmocka_unit_test(a_paused_connection_reads_nothing),
        cmocka_unit_test(kept_bytes_have_a_bound),
        cmocka_unit_test(a_new_owner_gets_the_rest_of_the_same_read),
        cmocka_unit_test(the_owner_decides_what_the_peers_end_means),
        cmocka_unit_test(without_a_say_the_peers_end_closes),
        cmocka_unit_test(frames_of_a_turn_arrive_in_order),
        cmocka_unit_test(a_larger_ring_is_lent_while_it_is_used),
        cmocka_unit_test(one_frame_serves_many_connections),
        cmocka_unit_test(a_long_queue_arrives_whole_at_a_slow_reader),
        cmocka_unit_test(a_producer_is_asked_when_the_queue_is_empty),
        cmocka_unit_test(a_newer_frame_of_the_same_key_drops_the_waiting_one_and_goes_behind),
        cmocka_unit_test(a_frame_that_has_begun_to_leave_is_not_replaced),
        cmocka_unit_test(past_the_hard_limit_a_reader_is_slow_once),
        cmocka_unit_test(a_burst_to_an_attentive_reader_is_no_reason),
        cmocka_unit_test(past_the_soft_limit_for_too_long_is_slow_as_well),
        cmocka_unit_test(a_slow_reader_without_a_handler_is_closed),
        cmocka_unit_test(finish_sends_everything_first),
        cmocka_unit_test(finish_hears_nothing_more_but_does_not_reset),
        cmocka_unit_test(finish_has_a_deadline),
        cmocka_unit_test(close_in_a_callback_is_collected_after_it),
        cmocka_unit_test(one_that_closes_takes_another_along),
        cmocka_unit_test(a_peer_that_is_gone_closes),
        cmocka_unit_test(the_host_closes_what_is_open_when_it_goes),
        cmocka_unit_test(any_mix_of_sizes_and_pauses_keeps_the_stream),
        cmocka_unit_test(addresses_are_counted_by_network),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
