#include "lib/lock_double.h"

static void a_lock_based_field_needs_its_lock(void **state)
{
    uint64_t token;

    (void)state;
    assert_int_equal(lock_write_price(1, 0), ERR_LOCK_REQUIRED);
    assert_null(locks.in_the_way);
    token = lock_take(1, "{\"path\":\"price\"}");
    assert_int_equal(lock_write_price(1, 0), OK);
    assert_int_equal(lock_write_price(1, token), OK);
    assert_int_equal(lock_write_price(2, 0), ERR_LOCKED);
    assert_text(locks.in_the_way->user_id, "1");
    assert_int_equal(lock_write(CHANGE_UPDATE, 2, "status", 0, lock_needs_price, false), OK);
}

static void a_lock_on_what_contains_it_is_enough(void **state)
{
    (void)state;
    (void)lock_take(1, "{\"path\":\"items\"}");
    assert_int_equal(lock_write(CHANGE_UPDATE, 1, "/items/@a/qty", 0, lock_needs_all, false), OK);
    assert_int_equal(lock_write(CHANGE_UPDATE, 1, "address", 0, lock_needs_all, false), ERR_LOCK_REQUIRED);
    assert_int_equal(lock_write(CHANGE_UPDATE, 2, "/items/@a/qty", 0, lock_needs_all, false), ERR_LOCKED);
    lock_set_deinit(&locks.set);
    (void)lock_take(1, "{\"path\":\"/items/@a\"}");
    assert_int_equal(lock_write(CHANGE_UPDATE, 1, "items", 0, lock_needs_all, false), ERR_LOCK_REQUIRED);
    assert_int_equal(lock_write(CHANGE_UPDATE, 2, "items", 0, lock_needs_all, false), ERR_LOCKED);
}

static void a_fence_must_be_the_token_of_a_lock_that_he_holds(void **state)
{
    const uint64_t old = lock_take(1, "{\"path\":\"price\"}");
    uint64_t token;

    (void)state;
    assert_int_equal(lock_ask(OBJECT_REMOVE, "{\"path\":\"price\"}"), OK);
    token = lock_take(1, "{\"path\":\"price\"}");
    assert_int_equal(lock_write_price(1, old), ERR_LOCK_LOST);
    assert_int_equal(lock_write_price(1, token + 1), ERR_LOCK_LOST);
    assert_int_equal(lock_write_price(1, UINT64_MAX), ERR_LOCK_LOST);
    assert_int_equal(lock_write_price(2, token), ERR_LOCK_LOST);
    assert_text(locks.in_the_way->user_id, "1");
    assert_int_equal(lock_write_price(1, token), OK);
    /* whatever is written */
    assert_int_equal(lock_write(CHANGE_UPDATE, 1, "status", old, lock_needs_price, false), ERR_LOCK_LOST);
    assert_int_equal(lock_write(CHANGE_UPDATE, 1, "status", token, lock_needs_price, false), OK);
    assert_int_equal(lock_write(CHANGE_CREATE, 1, NULL, old, lock_needs_price, false), ERR_LOCK_LOST);
}

static void no_fence_is_right_while_the_grant_is_under_way(void **state)
{
    (void)state;
    lock_as(1);
    assert_int_equal(lock_try(OBJECT_ADD, "{\"path\":\"price\"}"), OK);
    assert_int_equal(lock_write_price(1, 100), ERR_LOCK_LOST);
    assert_int_equal(lock_write_price(1, 0), OK);
}

static void locks_keep_others_out_where_the_type_enforces_them(void **state)
{
    (void)state;
    (void)lock_take(1, "{\"path\":\"/items/@a\"}");
    assert_int_equal(lock_write_enforced(2, "items"), ERR_LOCKED);
    assert_int_equal(lock_write_enforced(2, "/items/@a/qty"), ERR_LOCKED);
    assert_int_equal(lock_write_enforced(2, "/items/@b/qty"), OK);
    assert_int_equal(lock_write_enforced(1, "items"), OK);
    assert_int_equal(lock_write(CHANGE_UPDATE, 2, "items", 0, lock_needs_price, false), OK);
}

static void a_test_writes_nothing(void **state)
{
    struct op op = {.kind = OP_TEST};
    const struct change change = {.kind = CHANGE_UPDATE, .op_count = 1, .ops = &op};

    (void)state;
    (void)lock_take(1, "{}");
    assert_int_equal(path_parse(&locks.arena, SPAN("price"), &op.path), OK);
    assert_int_equal(lock_set_check(&locks.set, &change, lock_needs_all, NULL, true, SPAN("2"), locks.scene.now_ms,
                                    &locks.in_the_way),
                     OK);
}

static void making_a_record_needs_no_lock(void **state)
{
    (void)state;
    assert_int_equal(lock_write(CHANGE_CREATE, 1, "price", 0, lock_needs_all, false), OK);
    (void)lock_take(1, "{}");
    assert_int_equal(lock_write(CHANGE_CREATE, 2, "price", 0, lock_needs_all, false), OK);
    assert_int_equal(lock_write(CHANGE_CREATE, 2, "price", 0, lock_needs_all, true), ERR_LOCKED);
}

static void taking_a_record_away_does_not_get_around_a_lock(void **state)
{
    (void)state;
    assert_int_equal(lock_write(CHANGE_DELETE, 1, NULL, 0, lock_needs_all, false), ERR_LOCK_REQUIRED);
    assert_int_equal(lock_write(CHANGE_DELETE, 1, NULL, 0, lock_needs_price, false), OK);
    (void)lock_take(1, "{\"path\":\"status\"}");
    assert_int_equal(lock_write(CHANGE_DELETE, 2, NULL, 0, lock_needs_price, false), OK); /* that lock only warns */
    assert_int_equal(lock_write(CHANGE_DELETE, 2, NULL, 0, lock_needs_price, true), ERR_LOCKED);
    (void)lock_take(1, "{\"path\":\"price\"}");
    assert_int_equal(lock_write(CHANGE_DELETE, 2, NULL, 0, lock_needs_price, false), ERR_LOCKED);
    assert_int_equal(lock_write(CHANGE_DELETE, 1, NULL, 0, lock_needs_price, false), OK);
    assert_int_equal(lock_write(CHANGE_DELETE, 1, NULL, 0, lock_needs_all, false), ERR_LOCK_REQUIRED);
    (void)lock_take(1, "{}");
    assert_int_equal(lock_write(CHANGE_DELETE, 1, NULL, 0, lock_needs_all, false), OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lock_double_set_up, lock_double_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lock_based_field_needs_its_lock),
        TEST(a_lock_on_what_contains_it_is_enough),
        TEST(a_fence_must_be_the_token_of_a_lock_that_he_holds),
        TEST(no_fence_is_right_while_the_grant_is_under_way),
        TEST(locks_keep_others_out_where_the_type_enforces_them),
        TEST(a_test_writes_nothing),
        TEST(making_a_record_needs_no_lock),
        TEST(taking_a_record_away_does_not_get_around_a_lock),
    };

    return cmocka_run_group_tests(tests, lock_double_set_up_all, lock_double_tear_down_all);
}
