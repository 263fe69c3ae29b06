#include "lib/store_stage.h"
#include "store/sqlite_internal.h"

#include <sys/stat.h>

static void old_events_go_but_heads_and_history_stay(void **state)
{
    struct store_request *missed;
    uint64_t version;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    for (int i = 0; i < 700; i++)
        assert_int_equal(store_fixture_say(&fixture, "order:O-1", "{}"), OK);
    fixture.wall_ms += 600001;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":2}"), OK);
    store_stage_tidy();
    assert_int_equal(store_stage_number("SELECT count(*) FROM event"), 2); /* the two changes */
    assert_int_equal(store_stage_number("SELECT count(*) FROM room_event"),
                     2); /* the young change, in the channel and in records */
    missed = store_fixture_events(&fixture, "order:O-1", 1, 10000);
    assert_false(missed->is_complete);
    store_request_free(missed);
    missed = store_fixture_events(&fixture, "order-updates", 1, 10000);
    assert_true(missed->is_complete);
    assert_int_equal(missed->event_count, 1);
    store_request_free(missed);

    fixture.wall_ms += 600001;
    store_stage_tidy();
    store_fixture_reopen(&fixture);
    assert_int_equal(store_fixture_position(&fixture, "order:O-1").offset, 702);
    assert_int_equal(store_fixture_position(&fixture, "order-updates").offset, 2);
    assert_int_equal(store_fixture_say(&fixture, "order-updates", "{}"), OK);
    assert_int_equal(store_fixture_position(&fixture, "order-updates").offset, 3);
    assert_int_equal(store_fixture_state(&fixture, "O-1", &version).len > 0, true);
    assert_int_equal(version, 2);
}

static void a_room_without_any_event_left_goes_on_counting(void **state)
{
    (void)state;
    assert_int_equal(store_fixture_say(&fixture, "order:O-1", "{}"), OK);
    assert_int_equal(store_fixture_say(&fixture, "order:O-1", "{}"), OK);
    fixture.wall_ms += 600001;
    store_stage_tidy();
    assert_int_equal(store_stage_number("SELECT count(*) FROM event"), 0);
    store_fixture_reopen(&fixture);
    assert_int_equal(store_fixture_position(&fixture, "order:O-1").offset, 2);
    assert_int_equal(store_fixture_say(&fixture, "order:O-1", "{}"), OK);
    assert_int_equal(store_fixture_position(&fixture, "order:O-1").offset, 3);
    /* and the new event will be looked at when it is old, too */
    fixture.wall_ms += 600001;
    store_stage_tidy();
    assert_int_equal(store_stage_number("SELECT count(*) FROM event"), 0);
}

static void a_crowded_room_keeps_only_so_many(void **state)
{
    struct store_request *batch[1500];

    (void)state;
    fixture.options.log_events_max = 100;
    store_fixture_reopen(&fixture);
    for (size_t i = 0; i < 1500; i++)
        batch[i] = store_fixture_message(&fixture, "order-updates", "{}");
    store_execute(fixture.store, batch, 1500, fixture.wall_ms);
    for (size_t i = 0; i < 1500; i++) {
        assert_int_equal(batch[i]->err, OK);
        store_request_free(batch[i]);
    }
    store_stage_tidy();
    assert_int_equal(store_stage_number("SELECT count(*) FROM room_event"), 1500 - 1024 + 100);
    assert_int_equal(store_stage_number("SELECT min(offset) FROM room_event"), 1024 - 100 + 1);
}

static void places_of_any_size_are_read_back(void **state)
{
    static const uint64_t offsets[] = {0, 1, 127, 128, 16383, 16384, 2097151, 2097152, 9007199254740991, INT64_MAX};
    struct buf bytes = BUF_EMPTY;
    struct span rest;
    int64_t room_id;
    uint64_t offset;

    (void)state;
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
        places_append(&bytes, (int64_t)offsets[9 - i], offsets[i]);
    rest = buf_span(&bytes);
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        assert_true(places_next(&rest, &room_id, &offset));
        assert_int_equal(room_id, offsets[9 - i]);
        assert_int_equal(offset, offsets[i]);
    }
    assert_false(places_next(&rest, &room_id, &offset));
    rest = SPAN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01"); /* no number of ours */
    assert_false(places_next(&rest, &room_id, &offset));
    rest = SPAN("\x01\x80"); /* cut */
    assert_false(places_next(&rest, &room_id, &offset));
    buf_deinit(&bytes);
}

static void the_wal_goes_back_into_the_file(void **state)
{
    struct stat status;

    (void)state;
    fixture.store->checkpoint_frames = 20;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), OK);
        store_stage_tidy();
    }
    assert_int_equal(stat(store_fixture_path(&fixture, "collabd.db-wal"), &status), 0);
    assert_in_range(status.st_size, 1, 60 * 4200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_stage_set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(old_events_go_but_heads_and_history_stay), TEST(a_room_without_any_event_left_goes_on_counting),
        TEST(a_crowded_room_keeps_only_so_many),        TEST(places_of_any_size_are_read_back),
        TEST(the_wal_goes_back_into_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
