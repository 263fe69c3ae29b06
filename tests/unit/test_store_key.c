#include "lib/store_stage.h"

static void a_key_seen_before_gets_the_first_answer_and_writes_nothing(void **state)
{
    struct store_request *first, *repeat;

    (void)state;
    assert_int_equal(store_stage_change_with_key("O-1", 1, "5", "key", 77, &first), OK);
    assert_false(first->is_repeat);
    assert_int_equal(store_stage_change_with_key("O-2", 1, "5", "key", 77, &repeat), OK);
    assert_true(repeat->is_repeat);
    assert_text(repeat->commit.answer, "O-1");
    assert_int_equal(repeat->position.epoch, first->commit.events[0].positions[0].epoch);
    assert_int_equal(repeat->position.offset, 1);
    store_request_free(first);
    store_request_free(repeat);
    assert_int_equal(store_fixture_position(&fixture, "order-updates").offset, 1);
    assert_int_equal(store_fixture_position(&fixture, "order:O-2").offset, 0);
}

static void a_repeat_is_a_repeat_although_the_record_went_on(void **state)
{
    struct store_request *first, *repeat;

    (void)state;
    assert_int_equal(store_stage_change_with_key("O-1", 1, "5", "key", 77, &first), OK);
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), OK);
    assert_int_equal(store_stage_change_with_key("O-1", 1, "5", "key", 77, &repeat), OK);
    assert_true(repeat->is_repeat);
    store_request_free(first);
    store_request_free(repeat);
}

static void a_key_used_for_something_else_is_refused(void **state)
{
    struct store_request *first, *other;

    (void)state;
    assert_int_equal(store_stage_change_with_key("O-1", 1, "5", "key", 77, &first), OK);
    assert_int_equal(store_stage_change_with_key("O-2", 1, "5", "key", 78, &other), ERR_ID_REUSED);
    assert_false(other->is_repeat);
    assert_text(other->commit.answer, "O-1");
    store_request_free(first);
    store_request_free(other);
}

static void keys_of_different_users_have_nothing_to_do_with_each_other(void **state)
{
    struct store_request *first, *other;

    (void)state;
    assert_int_equal(store_stage_change_with_key("O-1", 1, "5", "key", 77, &first), OK);
    assert_int_equal(store_stage_change_with_key("O-2", 1, "6", "key", 77, &other), OK);
    assert_false(other->is_repeat);
    store_request_free(first);
    store_request_free(other);
}

static void a_refused_change_does_not_use_up_its_key(void **state)
{
    struct store_request *early, *good;

    (void)state;
    assert_int_equal(store_stage_change_with_key("O-1", 5, "5", "key", 77, &early), ERR_CONFLICT);
    assert_int_equal(store_stage_change_with_key("O-1", 1, "5", "key", 77, &good), OK);
    assert_false(good->is_repeat);
    store_request_free(early);
    store_request_free(good);
}

static void a_key_can_be_asked_for_without_writing(void **state)
{
    struct store_request *first, *find = store_request_new(STORE_OP_FIND);

    (void)state;
    store_fixture_set_op(find, "5", "key", 77, "");
    assert_int_equal(store_fixture_execute(&fixture, find), OK);
    assert_false(find->is_repeat);
    assert_int_equal(store_stage_change_with_key("O-1", 1, "5", "key", 77, &first), OK);
    assert_int_equal(store_fixture_execute(&fixture, find), OK);
    assert_true(find->is_repeat);
    assert_text(find->commit.answer, "O-1");
    find->commit.op_hash = 78;
    assert_int_equal(store_fixture_execute(&fixture, find), ERR_ID_REUSED);
    assert_false(find->is_repeat);
    assert_text(find->commit.answer, "O-1");
    store_request_free(first);
    store_request_free(find);
}

static void old_keys_are_forgotten_and_young_ones_kept(void **state)
{
    struct store_request *first, *again;

    (void)state;
    fixture.options.op_age_ms = 1000;
    store_fixture_reopen(&fixture);
    assert_int_equal(store_stage_change_with_key("O-1", 1, "5", "old", 77, &first), OK);
    store_request_free(first);
    fixture.wall_ms += 900;
    assert_int_equal(store_stage_change_with_key("O-2", 1, "5", "young", 77, &first), OK);
    store_request_free(first);
    while (store_tidy(fixture.store, fixture.wall_ms + 200))
        ;
    assert_int_equal(store_stage_change_with_key("O-3", 1, "5", "young", 77, &again), OK);
    assert_true(again->is_repeat);
    store_request_free(again);
    assert_int_equal(store_stage_change_with_key("O-3", 1, "5", "old", 77, &again), OK);
    assert_false(again->is_repeat);
    store_request_free(again);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_stage_set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_seen_before_gets_the_first_answer_and_writes_nothing),
        TEST(a_repeat_is_a_repeat_although_the_record_went_on),
        TEST(a_key_used_for_something_else_is_refused),
        TEST(keys_of_different_users_have_nothing_to_do_with_each_other),
        TEST(a_refused_change_does_not_use_up_its_key),
        TEST(a_key_can_be_asked_for_without_writing),
        TEST(old_keys_are_forgotten_and_young_ones_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
