/* What a record was, and what differs between its versions. */
#include "peer/record_past.h"

#include "lib/store_stage.h"

static enum err read_at(const struct record_moment *moment, struct list_row *row)
{
    return record_past_read(store_fixture_reader(&fixture), &fixture.arena, fixture.type, SPAN("O-1"), moment, row);
}

static enum err compare(uint64_t from, uint64_t to, struct record_difference *difference)
{
    *difference = (struct record_difference){.from = from, .to = to};
    return record_past_compare(store_fixture_reader(&fixture), &fixture.arena, fixture.type, SPAN("O-1"), difference);
}

/* Version 1 at one moment, version 2 a second later. */
static void given_two_versions(void)
{
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), OK);
    fixture.wall_ms += 1000;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":2}"), OK);
}

static void assert_read(struct record_moment moment, uint64_t version, const char *state)
{
    struct list_row row;
    assert_int_equal(read_at(&moment, &row), OK);
    assert_int_equal(row.version, version);
    assert_text(row.state, state);
}

static void it_is_read_now_at_a_version_or_at_a_moment(void **state)
{
    (void)state;
    given_two_versions();
    assert_read((struct record_moment){.when = RECORD_NOW}, 2, "{\"qty\":2}");
    assert_read((struct record_moment){.when = RECORD_AT_VERSION, .version = 1}, 1, "{\"qty\":1}");
    assert_read((struct record_moment){.when = RECORD_AT_TIME, .time_ms = fixture.wall_ms - 1}, 1, "{\"qty\":1}");
    assert_read((struct record_moment){.when = RECORD_AT_TIME, .time_ms = INT64_MAX}, 2, "{\"qty\":2}");
}

static void a_version_that_never_was_is_not_read(void **state)
{
    struct list_row row;
    (void)state;
    given_two_versions();
    for (uint64_t version = 0; version < 4; version += 3)
        assert_int_equal(read_at(&(struct record_moment){.when = RECORD_AT_VERSION, .version = version}, &row),
                         ERR_BAD_VERSION);
    assert_int_equal(read_at(&(struct record_moment){.when = RECORD_AT_TIME, .time_ms = 1}, &row), ERR_NOT_FOUND);
}

static void assert_difference(uint64_t from, uint64_t to, enum op_kind kind, const char *before, const char *after)
{
    struct record_difference difference;
    assert_int_equal(compare(from, to, &difference), OK);
    assert_int_equal(difference.change.op_count, 1);
    assert_int_equal(difference.change.ops[0].kind, kind);
    assert_text(difference.change.ops[0].before, before);
    assert_text(difference.change.ops[0].after, after);
}

static void two_versions_differ_in_operations_with_both_values(void **state)
{
    struct record_difference difference;
    (void)state;
    given_two_versions();
    assert_difference(1, 2, OP_SET, "1", "2");
    assert_difference(2, 1, OP_SET, "2", "1");
    assert_int_equal(compare(2, 2, &difference), OK);
    assert_int_equal(difference.change.op_count, 0);
    assert_int_equal(compare(1, 3, &difference), ERR_BAD_VERSION);
}

static void a_record_that_is_not_there_has_no_fields(void **state)
{
    (void)state;
    given_two_versions();
    assert_difference(0, 1, OP_SET, "", "1");
    assert_int_equal(store_fixture_commit(&fixture, store_fixture_delete(&fixture, "O-1", 3)), OK);
    assert_difference(2, 3, OP_DEL, "2", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_read_now_at_a_version_or_at_a_moment, store_stage_set_up,
                                        store_stage_tear_down),
        cmocka_unit_test_setup_teardown(a_version_that_never_was_is_not_read, store_stage_set_up,
                                        store_stage_tear_down),
        cmocka_unit_test_setup_teardown(two_versions_differ_in_operations_with_both_values, store_stage_set_up,
                                        store_stage_tear_down),
        cmocka_unit_test_setup_teardown(a_record_that_is_not_there_has_no_fields, store_stage_set_up,
                                        store_stage_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
