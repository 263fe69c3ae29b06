#include "lib/conn_stage.h"

#include <stdlib.h>

static void bytes_reach_the_owner_and_are_counted(void **state)
{
    (void)state;
    far_say(&pair.far, SPAN("abcdef"));
    stage_until(&pair.stage, near_has_heard_six, &pair.near);
    assert_heard(&pair.near.heard, "abcdef");
    assert_int_equal(conn_bytes_received(pair.near.conn), 6);
    assert_int_equal(conn_last_heard_ms(pair.near.conn), loop_now_ms(pair.stage.loop));
}

static void what_is_not_taken_is_kept_and_offered_after_resume(void **state)
{
    (void)state;
    pair.near.takes_max = 2;
    far_say(&pair.far, SPAN("ab--ef"));
    stage_until(&pair.stage, near_has_heard, &pair.near);
    far_say(&pair.far, SPAN("gh")); /* comes behind what is kept, and makes no call */
    stage_turns(&pair.stage, 3);
    assert_heard(&pair.near.heard, "ab");

    pair.near.takes_max = 0;
    conn_resume(pair.near.conn);
    assert_int_equal(pair.near.bytes_count, 1); /* not inside the call */
    stage_until(&pair.stage, near_has_heard_six, &pair.near);
    assert_heard(&pair.near.heard, "ab--efgh");
}

static void a_paused_connection_reads_nothing(void **state)
{
    (void)state;
    conn_pause(pair.near.conn);
    far_say(&pair.far, SPAN("abcdef"));
    stage_turns(&pair.stage, 5);
    assert_int_equal(pair.near.heard.len, 0);
    assert_true(conn_is_paused(pair.near.conn));

    conn_resume(pair.near.conn);
    stage_until(&pair.stage, near_has_heard_six, &pair.near);
}

static void kept_bytes_have_a_bound(void **state)
{
    size_t len = 512 * 1024;
    char *bytes = pattern(len);

    (void)state;
    pair.near.takes_max = 1;
    far_say(&pair.far, (struct span){bytes, len});
    stage_until(&pair.stage, near_has_heard, &pair.near);
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
}

static void a_new_owner_gets_the_rest_of_the_same_read(void **state)
{
    struct near second = {0};

    (void)state;
    second.conn = pair.near.conn;
    pair.near.takes_max = 2;
    pair.near.gives_to = &second;
    far_say(&pair.far, SPAN("abcdef"));
    stage_until(&pair.stage, near_has_heard, &second);
    assert_heard(&pair.near.heard, "ab");
    assert_heard(&second.heard, "cdef");

    conn_set_owner(pair.near.conn, &near_events, &pair.near);
    buf_deinit(&second.heard);
}

static void the_owner_decides_what_the_peers_end_means(void **state)
{
    (void)state;
    far_say(&pair.far, SPAN("abcdef"));
    far_end(&pair.far);
    stage_until(&pair.stage, near_has_ended, &pair.near);
    assert_true(conn_is_open(pair.near.conn));
    conn_send_bytes(pair.near.conn, SPAN("still here"));
    far_until_text(&pair.far, "still here");
}

static void without_a_say_the_peers_end_closes(void **state)
{
    (void)state;
    conn_set_owner(pair.near.conn, &near_plain_events, &pair.near);
    conn_send_bytes(pair.near.conn, SPAN("bye"));
    far_end(&pair.far);
    far_until_ended(&pair.far);
    assert_heard(&pair.far.heard, "bye");
    stage_until(&pair.stage, near_has_closed, &pair.near);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, conn_stage_set_up, conn_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_reach_the_owner_and_are_counted),      TEST(what_is_not_taken_is_kept_and_offered_after_resume),
        TEST(a_paused_connection_reads_nothing),          TEST(kept_bytes_have_a_bound),
        TEST(a_new_owner_gets_the_rest_of_the_same_read), TEST(the_owner_decides_what_the_peers_end_means),
        TEST(without_a_say_the_peers_end_closes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
