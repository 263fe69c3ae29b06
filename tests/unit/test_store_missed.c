/* What was missed in a room, when there is more of it than somebody has room for. */
#include "lib/store_stage.h"

static struct store_request *missed_within(const char *room, size_t bytes_max)
{
    struct store_request *request = store_request_new(STORE_EVENTS_READ);

    request->room = span_from_str(room);
    request->since = (struct position){store_fixture_position(&fixture, room).epoch, 1};
    request->count_max = 1000;
    request->bytes_max = bytes_max;
    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    return request;
}

static size_t bytes_of(const struct store_request *request)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < request->event_count; i++)
        bytes += event_bytes(request->events[i]);
    return bytes;
}

/* The newest ones, without a gap, up to the head; `since` is where they begin. */
static void assert_newest(const struct store_request *request)
{
    assert_int_equal(request->event_count, request->position.offset - request->since.offset);
    for (uint32_t i = 0; i < request->event_count; i++)
        assert_int_equal(request->events[i]->position.offset, request->since.offset + 1 + i);
}

static size_t assert_all(const char *room, uint32_t count)
{
    struct store_request *request = missed_within(room, 0);
    const size_t bytes = bytes_of(request);

    assert_true(request->is_complete);
    assert_int_equal(request->event_count, count);
    assert_int_equal(request->since.offset, 1);
    assert_newest(request);
    store_request_free(request);
    return bytes;
}

/* With every bound from one that has room for nothing to one that has room for all. */
static void assert_bounded(const char *room, uint32_t count, unsigned sources)
{
    const size_t all = assert_all(room, count);
    uint32_t before = 0;

    for (size_t bytes_max = 1; bytes_max <= all + 100; bytes_max += 100) {
        struct store_request *request = missed_within(room, bytes_max);

        assert_newest(request);
        assert_true(bytes_of(request) <= sources * bytes_max);
        assert_true(request->event_count >= before);
        assert_int_equal(request->is_complete, request->event_count == count);
        before = request->event_count;
        store_request_free(request);
    }
    assert_int_equal(before, count);
}

static void of_a_records_room_the_newest_that_fit_are_given(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(store_fixture_put(&fixture, "O-1", i % 2 ? "{\"status\":\"open\"}" : "{\"status\":\"done\"}"),
                         OK);
        assert_int_equal(store_fixture_say(&fixture, "order:O-1", "{\"n\":1}"), OK);
    }
    assert_bounded("order:O-1", 23, 1);
}

/* Its own messages lie elsewhere than the changes of records that it shows. */
static void of_a_room_that_shows_what_happens_elsewhere_too(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 30; i++) {
        if (i % 3 == 0)
            assert_int_equal(
                store_fixture_put(&fixture, "O-1", i % 2 ? "{\"status\":\"open\"}" : "{\"status\":\"done\"}"), OK);
        else
            assert_int_equal(store_fixture_say(&fixture, "records", "{\"text\":\"a somewhat longer one\"}"), OK);
    }
    assert_bounded("records", 29, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_stage_set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_a_records_room_the_newest_that_fit_are_given),
        TEST(of_a_room_that_shows_what_happens_elsewhere_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
