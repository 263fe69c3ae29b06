#include "lib/store_stage.h"

static uint64_t next_number(void)
{
    uint64_t result = 0;

    assert_int_equal(store_next_number(fixture.store, SPAN("order"), &result), OK);
    return result;
}

static void numbers_go_on_after_those_that_exist(void **state)
{
    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-0041", "{\"qty\":1}"), OK);
    assert_int_equal(store_fixture_put(&fixture, "X-99", "{\"qty\":1}"), OK);
    assert_int_equal(store_fixture_say(&fixture, "order:O-777", "{}"), OK); /* a room, but no record */
    assert_int_equal(next_number(), 42);
    assert_int_equal(next_number(), 43);
    assert_int_equal(store_fixture_put(&fixture, "O-50", "{\"qty\":1}"), OK);
    assert_int_equal(next_number(), 51);
    store_fixture_reopen(&fixture);
    assert_int_equal(next_number(), 52);
    store_stage_kill();
    store_fixture_reopen(&fixture);
    assert_in_range(next_number(), 53, 52 + 17); /* a crash may cost some numbers, but gives none twice */
}

static void numbers_of_what_was_deleted_are_not_given_again(void **state)
{
    struct store_request *removal = store_fixture_delete(&fixture, "O-9", 2);

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-9", "{\"qty\":1}"), OK);
    assert_int_equal(store_fixture_execute(&fixture, removal), OK);
    store_request_free(removal);
    assert_int_equal(next_number(), 10);
}

static void numbers_of_an_unknown_type_are_refused(void **state)
{
    uint64_t result;

    (void)state;
    assert_int_equal(store_next_number(fixture.store, SPAN("ghost"), &result), ERR_UNKNOWN_TYPE);
}

static void an_import_makes_records_and_skips_those_that_exist(void **state)
{
    struct span ids[2500], states[2500];
    uint64_t version;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-7", "{\"title\":\"mine\"}"), OK);
    for (int i = 0; i < 2500; i++) {
        ids[i] = arena_printf(&fixture.arena, "O-%d", i);
        states[i] = arena_printf(&fixture.arena, "{\"title\":\"t%d\",\"qty\":%d}", i, i);
    }
    assert_int_equal(store_import(fixture.store, fixture.type, ids, states, 2500, SPAN("1"), 777), OK);
    assert_int_equal(store_import(fixture.store, fixture.type, ids, states, 2500, SPAN("1"), 888), OK);
    assert_text(store_fixture_state(&fixture, "O-7", &version), "{\"title\":\"mine\"}");
    assert_text(store_fixture_state(&fixture, "O-2499", &version), "{\"title\":\"t2499\",\"qty\":2499}");
    assert_int_equal(version, 1);
    assert_int_equal(store_stage_number("SELECT count(*) FROM record"), 2500);
    assert_int_equal(store_stage_number("SELECT updated_ms FROM record WHERE id = 'O-3'"), 777);
    assert_int_equal(store_fixture_position(&fixture, "order:O-3").offset, 1);
    assert_int_equal(next_number(), 2500);
}

static void an_import_with_a_bad_record_says_so(void **state)
{
    struct span ids[] = {SPAN("O-1"), SPAN("O-2")}, states[] = {SPAN("{\"qty\":1}"), SPAN("{\"qty\":\"many\"}")};
    struct span bad_id = SPAN("a/b");
    uint64_t version;

    (void)state;
    assert_int_equal(store_import(fixture.store, fixture.type, ids, states, 2, SPAN("1"), 777), ERR_BAD_FIELD);
    assert_int_equal(store_fixture_state(&fixture, "O-1", &version).len, 0);
    assert_int_equal(store_import(fixture.store, fixture.type, &bad_id, states, 1, SPAN("1"), 777), ERR_BAD_NAME);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_stage_set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_go_on_after_those_that_exist),   TEST(numbers_of_what_was_deleted_are_not_given_again),
        TEST(numbers_of_an_unknown_type_are_refused), TEST(an_import_makes_records_and_skips_those_that_exist),
        TEST(an_import_with_a_bad_record_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
