#include "base/rand.h"
#include "lib/conn_stage.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdlib.h>

/* ---- ends --------------------------------------------------------------------------------------------------------- */

static void finish_sends_everything_first(void **state)
{
    (void)state;
    pair_block();
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
    stage_until(&pair.stage, near_has_closed, &pair.near);
}

static void finish_hears_nothing_more_but_does_not_reset(void **state)
{
    (void)state;
    conn_send_bytes(pair.near.conn, SPAN("bye"));
    conn_finish(pair.near.conn, 60000);
    far_until_ended(&pair.far);
    far_say(&pair.far, SPAN("what?"));
    stage_turns(&pair.stage, 5);
    assert_int_equal(pair.near.bytes_count, 0);
    far_end(&pair.far);
    stage_until(&pair.stage, near_has_closed, &pair.near);
}

static void finish_has_a_deadline(void **state)
{
    (void)state;
    pair_block();
    conn_finish(pair.near.conn, 20);
    stage_until(&pair.stage, near_has_closed, &pair.near); /* the far end neither reads nor ends */
}

static void close_in_a_callback_is_collected_after_it(void **state)
{
    (void)state;
    pair.near.closes_on_bytes = true;
    far_say(&pair.far, SPAN("abcdef"));
    far_until_ended(&pair.far);
    assert_int_equal(pair.near.closed_count, 1);
    assert_int_equal(pair.near.end_count, 0);

    pair_reopen(NULL);
    pair.near.closes_on_drained = true;
    conn_send_bytes(pair.near.conn, SPAN("x"));
    stage_until(&pair.stage, near_has_closed, &pair.near);
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
        conn_set_owner(nears[i].conn, &near_events, &nears[i]);
    }
    nears[0].closes_too = &nears[1];
    conn_send_bytes(nears[1].conn, SPAN("never sent"));
    conn_close(nears[0].conn);
    conn_close(nears[0].conn); /* twice is once */
    conn_send_bytes(nears[0].conn, SPAN("nothing"));
    stage_until(&stage, near_has_closed, &nears[1]);
    assert_int_equal(nears[0].closed_count, 1);
    far_close(&fars[0]);
    far_close(&fars[1]);
    stage_deinit(&stage);
}

static void a_peer_that_is_gone_closes(void **state)
{
    (void)state;
    far_say(&pair.far, SPAN("abcdef"));
    stage_until(&pair.stage, near_has_heard_six, &pair.near);
    conn_send_bytes(pair.near.conn, SPAN("unread")); /* makes its close a reset */
    stage_turns(&pair.stage, 2);
    far_close(&pair.far);
    while (pair.near.closed_count == 0) {
        conn_send_bytes(pair.near.conn, SPAN("x"));
        stage_turns(&pair.stage, 2);
    }
}

static void the_host_closes_what_is_open_when_it_goes(void **state)
{
    struct stage stage;
    struct far far;
    struct near near = {0};

    (void)state;
    stage_init(&stage, NULL);
    near.conn = far_open(&far, &stage);
    conn_set_owner(near.conn, &near_events, &near);
    far_close(&far);
    near.closed_count = 0;
    stage_deinit(&stage);
    assert_int_equal(near.closed_count, 1);
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
        struct rand rand;
        struct buf sent = BUF_EMPTY;
        char *bytes = pattern(300000);

        rand_seed(&rand, seed);
        pair_reopen(NULL);
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
    }
    assert_int_equal(open_fds(), fds);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, conn_stage_set_up, conn_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finish_sends_everything_first),
        TEST(finish_hears_nothing_more_but_does_not_reset),
        TEST(finish_has_a_deadline),
        TEST(close_in_a_callback_is_collected_after_it),
        TEST(one_that_closes_takes_another_along),
        TEST(a_peer_that_is_gone_closes),
        TEST(the_host_closes_what_is_open_when_it_goes),
        TEST(addresses_are_counted_by_network),
        TEST(any_mix_of_sizes_and_pauses_keeps_the_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
