#include "lib/store_stage.h"

#include <stdio.h>

static void a_full_disk_is_an_error_for_all_and_passes(void **state)
{
    struct store_request *batch[3];
    char limit[64];
    uint64_t version;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    (void)snprintf(limit, sizeof(limit), "PRAGMA max_page_count=%lld",
                   (long long)store_stage_number("PRAGMA page_count"));
    store_stage_exec(limit);
    batch[0] = store_fixture_change(&fixture, "O-1", 2, SPAN("{\"title\":\"one\"}"), "{\"qty\":1}");
    batch[1] = store_fixture_change(&fixture, "O-2", 1, SPAN_EMPTY, "{\"title\":\"two\"}");
    batch[1]->commit.new_state = arena_printf(&batch[1]->arena, "{\"title\":\"%050000d\"}", 7);
    batch[2] = store_request_new(STORE_RECORD_LOAD);
    batch[2]->type = fixture.type;
    batch[2]->entity_id = SPAN("O-1");
    store_execute(fixture.store, batch, 3, fixture.wall_ms);
    assert_int_equal(batch[0]->err, ERR_STORAGE_FULL);
    assert_int_equal(batch[1]->err, ERR_STORAGE_FULL);
    assert_int_equal(batch[2]->err, OK);    /* reading goes on ... */
    assert_int_equal(batch[2]->version, 1); /* ... and does not tell of what was undone */

    store_stage_exec("PRAGMA max_page_count=1000000");
    store_execute(fixture.store, batch, 3, fixture.wall_ms);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(batch[i]->err, OK);
    assert_int_equal(batch[0]->commit.events[0].positions[0].offset, 2);
    assert_int_equal(batch[1]->commit.events[0].positions[1].offset, 3);
    for (size_t i = 0; i < 3; i++)
        store_request_free(batch[i]);
    assert_text(store_fixture_state(&fixture, "O-1", &version), "{\"title\":\"one\",\"qty\":1}");
}

/* The first record of a type gives the type its number, too. */
static void what_was_undone_is_not_remembered(void **state)
{
    struct store_request *request = store_fixture_change(&fixture, "O-1", 1, SPAN_EMPTY, "{\"title\":\"one\"}");
    struct list_query query = {.type = fixture.type, .limit = 10};
    char limit[64];
    struct list_page page;
    uint64_t version;

    (void)state;
    request->commit.new_state = arena_printf(&request->arena, "{\"title\":\"%050000d\"}", 7);
    (void)snprintf(limit, sizeof(limit), "PRAGMA max_page_count=%lld",
                   (long long)store_stage_number("PRAGMA page_count"));
    store_stage_exec(limit);
    assert_int_equal(store_fixture_execute(&fixture, request), ERR_STORAGE_FULL);
    store_stage_exec("PRAGMA max_page_count=1000000");
    assert_int_equal(store_fixture_state(&fixture, "O-1", &version).len, 0);
    assert_int_equal(version, 0);
    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    assert_int_equal(request->commit.events[0].positions[0].offset, 1);
    assert_int_equal(store_list(store_fixture_reader(&fixture), &fixture.arena, &query, &page), OK);
    assert_int_equal(page.total, 1);
    store_request_free(request);
}

static void a_read_only_database_is_an_error_and_passes(void **state)
{
    uint64_t version;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    store_stage_exec("PRAGMA query_only=1");
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), ERR_READ_ONLY);
    assert_text(store_fixture_state(&fixture, "O-1", &version), "{\"title\":\"one\"}");
    store_stage_exec("PRAGMA query_only=0");
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), OK);
}

/* A row that says the room is behind where it is: the next place is taken. */
static void a_damaged_row_is_an_error_and_no_crash(void **state)
{
    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    store_stage_exec("INSERT INTO room_event (room_id, offset, seq) "
                     "SELECT id, 9007199254740991, 1 FROM room WHERE name = 'records'");
    store_fixture_reopen(&fixture);
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), ERR_STORAGE);
    assert_int_equal(store_fixture_say(&fixture, "order:O-1", "{}"), OK);
    store_stage_exec("DELETE FROM room_event WHERE offset = 9007199254740991");
    store_fixture_reopen(&fixture);
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_stage_set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_full_disk_is_an_error_for_all_and_passes),
        TEST(what_was_undone_is_not_remembered),
        TEST(a_read_only_database_is_an_error_and_passes),
        TEST(a_damaged_row_is_an_error_and_no_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
