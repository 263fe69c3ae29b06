/* What messages are charged: session_take_message and what the native dialect counts a queue as. The rates are so low that no time of a test counts. */
#include "lib/rest_stage.h"
#include "peer/dialect.h"
#include "peer/dialect/dialect_native_hear.h"

static const struct dialect quiet = {.name = "quiet"};
static const struct outlet outlet = {0};
static struct session *session;

static int set_up(void **state)
{
    (void)rest_stage_set_up(state);
    stage.limits.messages_per_second = 0.01;
    stage.limits.messages_burst = 50;
    stage.limits.bytes_per_second = 0.01;
    stage.limits.bytes_burst = 1000;
    session = session_open(&stage.host, &quiet, &outlet, NULL);
    return 0;
}

static int tear_down(void **state)
{
    session_close(session, LEAVE_DISCONNECTED);
    return rest_stage_tear_down(state);
}

static enum err take(uint32_t count, size_t bytes)
{
    return session_take_message(session, count, bytes, false, NULL);
}

static void a_message_of_many_changes_takes_as_many(void **state)
{
    (void)state;
    assert_int_equal(take(30, 1), OK);
    assert_int_equal(take(21, 1), ERR_RATE_LIMITED);
    assert_int_equal(take(20, 1), OK);
    assert_int_equal(take(1, 1), ERR_RATE_LIMITED);
}

static void what_is_refused_for_its_bytes_takes_no_messages(void **state)
{
    (void)state;
    assert_int_equal(take(1, 500), OK);
    assert_int_equal(take(49, 501), ERR_RATE_LIMITED);
    assert_int_equal(take(49, 500), OK);
}

static void what_exceeds_the_burst_passes_before_anything_else(void **state)
{
    uint64_t retry_ms = 0;

    (void)state;
    assert_int_equal(take(100, 1), OK);
    assert_int_equal(session_take_message(session, 1, 1, false, &retry_ms), ERR_RATE_LIMITED);
    assert_in_range(retry_ms, 5000000, 5100000); /* the debt of 50, and 1 */
}

static void cursors_pass_whatever_was_taken(void **state)
{
    (void)state;
    assert_int_equal(take(100, 1), OK);
    assert_int_equal(session_take_message(session, 1, 1, true, NULL), OK);
}

/* ---- what a queue is ---- */

static uint32_t count_of(const char *payload)
{
    struct native_hearing hearing = {0};
    struct json json = {0};

    assert_int_equal(json_parse(&json, span_from_str(payload), &json_limits_default), OK);
    hearing.payload = json.root;
    uint32_t count = native_queue_count(&hearing);
    json_deinit(&json);
    return count;
}

static void a_queue_counts_as_its_changes_and_everything_else_as_one(void **state)
{
    struct buf many = BUF_EMPTY;

    (void)state;
    assert_int_equal(count_of("{}"), 1);
    assert_int_equal(count_of("{\"changes\":null}"), 1);
    assert_int_equal(count_of("{\"changes\":{\"a\":1,\"b\":2}}"), 1);
    assert_int_equal(count_of("{\"changes\":[]}"), 1);
    assert_int_equal(count_of("{\"changes\":[{}]}"), 1);
    assert_int_equal(count_of("{\"changes\":[{},{},7]}"), 3);
    BUF_APPEND_LITERAL(&many, "{\"changes\":[0");
    for (int i = 0; i < LIMIT_QUEUE_CHANGES; i++) /* one too many: it will not be done */
        BUF_APPEND_LITERAL(&many, ",0");
    BUF_APPEND_LITERAL(&many, "]}");
    buf_append_char(&many, '\0');
    assert_int_equal(count_of(many.data), 1);
    buf_deinit(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_of_many_changes_takes_as_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_refused_for_its_bytes_takes_no_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_exceeds_the_burst_passes_before_anything_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cursors_pass_whatever_was_taken, set_up, tear_down),
        cmocka_unit_test(a_queue_counts_as_its_changes_and_everything_else_as_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
