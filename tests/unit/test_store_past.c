#include "store/store.h"
#include "lib/store_stage.h"
#include "store/sqlite_internal.h"

/* A record with a long history, written as the store writes it, but faster: every version sets the quantity to itself. */
static void make_long_history(void)
{
    sqlite3 *db = fixture.store->sql.db;

    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), OK);
    assert_int_equal(
        sql_exec(db, "BEGIN;"
                     "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
                     "INSERT INTO event (seq, time_ms, version, offset, previous, previous_change, rooms, body) "
                     "SELECT i, i, i, i, i - 1, i - 1, x'', '{\"kind\":\"update\",\"type\":\"order\","
                     "\"entity_id\":\"O-1\",\"version\":' || i || ',\"time_ms\":' || (1000000 + i * 1000) || "
                     "',\"ops\":[{\"op\":\"set\",\"path\":\"/qty\",\"value\":' || i || ',\"before\":' || (i - 1) || "
                     "',\"after\":' || i || '}],\"event\":{\"kind\":\"change\"}}' FROM n;"
                     "INSERT INTO milestone SELECT record.room_id, event.version, seq, 1000000 + event.version * 1000, "
                     "'{\"qty\":' || event.version || '}' FROM event, record WHERE event.version % 64 = 0;"
                     "UPDATE record SET version = 100000, head = 100000, last = 100000, last_change = 100000, "
                     "state = '{\"qty\":100000}';"
                     "COMMIT"),
        OK);
    store_fixture_reopen(&fixture);
}

/* How many rows of changes were read since the last time. */
static int rows_read(struct sql *sql)
{
    return sqlite3_stmt_status(sql->statements[SQL_change_step], SQLITE_STMTSTATUS_RUN, 1);
}

static const char *quantity(uint64_t version)
{
    return arena_printf(&fixture.arena, "{\"qty\":%llu}", (unsigned long long)version).data;
}

static struct store_request *ask(enum store_kind kind, const char *id)
{
    struct store_request *request = store_request_new(kind);

    request->type = fixture.type;
    request->entity_id = arena_copy(&request->arena, span_from_str(id));
    return request;
}

static struct store_request *ask_changes(const char *id, uint64_t since, uint32_t count_max)
{
    struct store_request *request = ask(STORE_CHANGES_READ, id);

    request->since.offset = since;
    request->count_max = count_max;
    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    return request;
}

static struct span state_at(const char *id, uint64_t version)
{
    struct store_request *request = ask(STORE_RECORD_AT, id);
    struct span found;

    request->version = version;
    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    found = request->found ? arena_copy(&fixture.arena, request->state) : SPAN_EMPTY;
    store_request_free(request);
    return found;
}

static void any_version_of_a_long_history_takes_a_few_rows(void **state)
{
    static const uint64_t versions[] = {1, 2, 63, 64, 65, 127, 50000, 50047, 99967, 99968, 99999, 100000};
    struct sql *reading, *writing;
    struct list_row row;

    (void)state;
    make_long_history();
    reading = &store_fixture_reader(&fixture)->sql;
    writing = &fixture.store->sql;
    (void)rows_read(writing);
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        assert_text(state_at("O-1", versions[i]), quantity(versions[i]));
        assert_in_range(rows_read(writing), 0, MILESTONE_EVERY);
        assert_int_equal(store_record_at(fixture.reader, &fixture.arena, fixture.type, SPAN("O-1"), versions[i], &row),
                         OK);
        assert_text(row.state, quantity(versions[i]));
        assert_in_range(rows_read(reading), 0, MILESTONE_EVERY);
    }
}

static void any_moment_of_a_long_history_takes_a_few_rows(void **state)
{
    static const uint64_t versions[] = {2, 63, 64, 65, 50000, 50047, 99967, 99968, 99999, 100000};
    struct store_reader *reader;
    struct list_row row;

    (void)state;
    make_long_history();
    reader = store_fixture_reader(&fixture);
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        for (int64_t late = 0; late < 1000; late += 999) {
            int64_t time_ms = 1000000 + (int64_t)versions[i] * 1000 + late;

            (void)rows_read(&reader->sql);
            assert_int_equal(store_record_at_time(reader, &fixture.arena, fixture.type, SPAN("O-1"), time_ms, &row),
                             OK);
            assert_int_equal(row.version, versions[i]);
            assert_text(row.state, quantity(versions[i]));
            assert_in_range(rows_read(&reader->sql), 0, 2 * MILESTONE_EVERY + 1);
        }
    }
    assert_int_equal(store_record_at_time(reader, &fixture.arena, fixture.type, SPAN("O-1"), 999999, &row),
                     ERR_NOT_FOUND);
    assert_int_equal(store_record_at_time(reader, &fixture.arena, fixture.type, SPAN("O-9"), 1000000, &row),
                     ERR_NOT_FOUND);
}

static void the_last_changes_of_a_long_history_take_as_many_rows(void **state)
{
    struct store_request *found;

    (void)state;
    make_long_history();
    (void)rows_read(&fixture.store->sql);
    found = ask_changes("O-1", 99990, 1000);
    assert_true(found->is_complete);
    assert_int_equal(found->change_count, 10);
    assert_int_equal(found->changes[0]->version, 99991);
    assert_int_equal(found->changes[9]->version, 100000);
    assert_int_equal(found->version, 100000);
    assert_int_equal(rows_read(&fixture.store->sql), 10);
    store_request_free(found);
    found = ask_changes("O-1", 5, 20);
    assert_false(found->is_complete);
    assert_int_equal(found->change_count, 20);
    assert_int_equal(found->changes[0]->version, 99981);
    assert_int_equal(rows_read(&fixture.store->sql), 20);
    store_request_free(found);
}

static void changes_are_given_oldest_first(void **state)
{
    struct store_request *found;

    (void)state;
    for (int i = 1; i <= 5; i++) {
        assert_int_equal(store_fixture_put(&fixture, "O-1", quantity((uint64_t)i)), OK);
        assert_int_equal(store_fixture_say(&fixture, "order:O-1", "{}"), OK); /* no change of it */
    }
    found = ask_changes("O-1", 2, 10);
    assert_true(found->is_complete);
    assert_int_equal(found->change_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(found->changes[i]->version, i + 3);
        assert_int_equal(found->changes[i]->op_count, 1);
        assert_text(found->changes[i]->ops[0].after, arena_printf(&fixture.arena, "%u", i + 3).data);
    }
    store_request_free(found);
    found = ask_changes("O-1", 5, 10); /* nothing came after it */
    assert_true(found->is_complete);
    assert_int_equal(found->change_count, 0);
    store_request_free(found);
    found = ask_changes("O-1", 6, 10); /* the future */
    assert_false(found->is_complete);
    assert_int_equal(found->change_count, 0);
    assert_int_equal(found->version, 5);
    store_request_free(found);
    found = ask_changes("O-2", 0, 10); /* there never was such a record */
    assert_true(found->is_complete);
    assert_int_equal(found->version, 0);
    store_request_free(found);
    found = ask_changes("O-1", 0, 0);
    assert_false(found->is_complete);
    assert_int_equal(found->version, 5);
    store_request_free(found);
}

static void every_version_is_as_it_was_for_the_writer_too(void **state)
{
    struct store_request *removal = store_fixture_delete(&fixture, "O-1", 71), *future;

    (void)state;
    for (int i = 1; i <= 70; i++)
        assert_int_equal(store_fixture_put(&fixture, "O-1", quantity((uint64_t)i)), OK);
    assert_int_equal(store_fixture_commit(&fixture, removal), OK);
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"again\"}"), OK);
    for (uint64_t version = 1; version <= 70; version++)
        assert_text(state_at("O-1", version), quantity(version));
    assert_int_equal(state_at("O-1", 71).len, 0);
    assert_text(state_at("O-1", 72), "{\"title\":\"again\"}");
    future = ask(STORE_RECORD_AT, "O-1");
    future->version = 73;
    assert_int_equal(store_fixture_execute(&fixture, future), ERR_BAD_VERSION);
    future->version = 0;
    assert_int_equal(store_fixture_execute(&fixture, future), ERR_BAD_VERSION);
    store_request_free(future);
    future = ask(STORE_RECORD_AT, "O-9");
    future->version = 1;
    assert_int_equal(store_fixture_execute(&fixture, future), ERR_BAD_VERSION);
    store_request_free(future);
}

static void a_question_sees_what_came_before_it_in_the_batch(void **state)
{
    struct store_request *change = store_fixture_change(&fixture, "O-1", 2, SPAN("{\"qty\":1}"), "{\"qty\":2}");
    struct store_request *past = ask(STORE_RECORD_AT, "O-1"), *changes = ask(STORE_CHANGES_READ, "O-1");
    struct store_request *batch[] = {change, past, changes};

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), OK);
    past->version = 1;
    changes->count_max = 10;
    store_execute(fixture.store, batch, 3, fixture.wall_ms);
    assert_text(past->state, "{\"qty\":1}");
    assert_int_equal(changes->change_count, 2);
    for (size_t i = 0; i < 3; i++)
        store_request_free(batch[i]);
}

static void of_large_changes_only_the_newest_are_given(void **state)
{
    enum { COUNT = 250, BYTES = 20000 };
    struct store_request *request;
    size_t bytes = 0;

    (void)state;
    for (int i = 1; i <= COUNT; i++) /* each says what was there before, too */
        assert_int_equal(
            store_fixture_put(&fixture, "O-1", arena_printf(&fixture.arena, "{\"tags\":\"%0*d\"}", BYTES, i).data), OK);
    request = ask_changes("O-1", 1, 10000);
    for (uint32_t i = 0; i < request->change_count; i++) {
        assert_int_equal(request->changes[i]->version, COUNT - request->change_count + 1 + i);
        bytes += request->changes[i]->ops[0].value.len;
    }
    assert_false(request->is_complete);
    assert_int_equal(request->version, COUNT);
    assert_true(request->change_count > 10);
    assert_true(bytes < COUNT * BYTES / 2);
    store_request_free(request);
}

static void a_damaged_chain_is_an_error(void **state)
{
    struct store_request *request = ask(STORE_CHANGES_READ, "O-1");

    (void)state;
    for (int i = 1; i <= 5; i++)
        assert_int_equal(store_fixture_put(&fixture, "O-1", quantity((uint64_t)i)), OK);
    assert_int_equal(
        sql_exec(fixture.store->sql.db, "UPDATE event SET previous_change = previous_change - 1 WHERE version = 4"),
        OK);
    request->count_max = 10;
    assert_int_equal(store_fixture_execute(&fixture, request), ERR_STORAGE);
    store_request_free(request);
    request = ask(STORE_RECORD_AT, "O-1");
    request->version = 3;
    assert_int_equal(store_fixture_execute(&fixture, request), ERR_STORAGE);
    store_request_free(request);
}

static void the_state_of_a_moment_is_what_was_current_then(void **state)
{
    struct store_request *removal;
    struct store_reader *reader;
    struct list_row row;

    (void)state;
    fixture.wall_ms = 1000;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), OK);
    fixture.wall_ms = 2000;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":2}"), OK);
    fixture.wall_ms = 3000;
    removal = store_fixture_delete(&fixture, "O-1", 3);
    assert_int_equal(store_fixture_commit(&fixture, removal), OK);
    reader = store_fixture_reader(&fixture);
    assert_int_equal(store_record_at_time(reader, &fixture.arena, fixture.type, SPAN("O-1"), 999, &row), ERR_NOT_FOUND);
    assert_int_equal(store_record_at_time(reader, &fixture.arena, fixture.type, SPAN("O-1"), 1999, &row), OK);
    assert_text(row.state, "{\"qty\":1}");
    assert_int_equal(row.updated_ms, 1000);
    assert_int_equal(store_record_at_time(reader, &fixture.arena, fixture.type, SPAN("O-1"), 2000, &row), OK);
    assert_int_equal(row.version, 2);
    assert_int_equal(store_record_at_time(reader, &fixture.arena, fixture.type, SPAN("O-1"), 9999, &row),
                     ERR_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_stage_set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(any_version_of_a_long_history_takes_a_few_rows),
        TEST(any_moment_of_a_long_history_takes_a_few_rows),
        TEST(the_last_changes_of_a_long_history_take_as_many_rows),
        TEST(changes_are_given_oldest_first),
        TEST(every_version_is_as_it_was_for_the_writer_too),
        TEST(a_question_sees_what_came_before_it_in_the_batch),
        TEST(of_large_changes_only_the_newest_are_given),
        TEST(a_damaged_chain_is_an_error),
        TEST(the_state_of_a_moment_is_what_was_current_then),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
