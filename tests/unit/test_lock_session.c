#include "lib/lock_double.h"

static void a_connection_keeps_its_lock_alive(void **state)
{
    (void)state;
    (void)lock_take(1, "{\"path\":\"price\"}");
    assert_true(lock_set_deadline(&locks.set) == UINT64_MAX);
    locks.scene.now_ms += 100 * LOCK_TTL_MS;
    assert_int_equal(lock_expire(), 0);
    assert_int_equal(lock_write_price(1, 0), OK);
}

static void a_session_that_leaves_gives_its_locks_back(void **state)
{
    (void)state;
    (void)lock_take(1, "{\"path\":\"price\"}");
    (void)lock_take(1, "{\"path\":\"status\"}");
    (void)lock_take(2, "{\"path\":\"note\"}");
    assert_int_equal(lock_leave(1, false), 2);
    assert_int_equal(locks.many[0].verb, OBJECT_REMOVE);
    assert_true(locks.many[0].goes && locks.many[0].object.revision == 2);
    assert_int_equal(locks.set.count, 1);
}

static void a_broken_connection_has_time_to_come_back(void **state)
{
    const uint64_t token = lock_take(1, "{\"path\":\"price\"}");

    (void)state;
    assert_int_equal(lock_leave(1, true), 0);
    assert_int_equal(lock_set_deadline(&locks.set), locks.scene.now_ms + LOCK_GRACE_MS);
    locks.scene.now_ms += LOCK_GRACE_MS - 1;
    lock_set_session_came(&locks.set, SPAN("2"), 50, locks.scene.now_ms); /* somebody else */
    assert_int_equal(lock_set_deadline(&locks.set), locks.scene.now_ms + 1);
    lock_set_session_came(&locks.set, SPAN("1"), 51, locks.scene.now_ms);
    locks.scene.now_ms += LOCK_GRACE_MS;
    assert_int_equal(lock_expire(), 0);
    assert_int_equal(lock_write_price(1, token), OK);
    locks.scene.session = 51;
    assert_int_equal(lock_set_session_left(&locks.set, &locks.arena, &locks.scene, false, locks.many), 1);
}

static void a_broken_connection_that_does_not_come_back_loses_its_locks(void **state)
{
    const uint64_t token = lock_take(1, "{\"path\":\"price\"}");

    (void)state;
    (void)lock_leave(1, true);
    locks.scene.now_ms += LOCK_GRACE_MS;
    assert_int_equal(lock_write_price(1, token), ERR_LOCK_LOST);
    assert_int_equal(lock_expire(), 1);
    assert_int_equal(locks.many[0].verb, OBJECT_EXPIRE);
    assert_true(locks.many[0].goes);
    assert_true(lock_set_deadline(&locks.set) == UINT64_MAX);
}

static void who_comes_back_too_late_has_lost_it(void **state)
{
    (void)state;
    (void)lock_take(1, "{\"path\":\"price\"}");
    (void)lock_leave(1, true);
    locks.scene.now_ms += LOCK_GRACE_MS;
    (void)lock_take(2, "{}"); /* before anybody swept up what expired */
    lock_set_session_came(&locks.set, SPAN("1"), 51, locks.scene.now_ms);
    assert_int_equal(lock_write_price(1, 0), ERR_LOCKED);
    assert_int_equal(lock_expire(), 1);
}

static void another_tab_of_the_holder_can_take_it_on(void **state)
{
    const uint64_t token = lock_take(1, "{\"path\":\"price\"}");

    (void)state;
    (void)lock_leave(1, true);
    lock_as(1);
    locks.scene.session = 77;
    assert_int_equal(lock_ask_with(OBJECT_RENEW, "price", token), OK);
    locks.scene.now_ms += 10 * LOCK_TTL_MS;
    assert_int_equal(lock_expire(), 0);
    assert_int_equal(lock_leave(1, false), 0); /* the one that broke has nothing to do with it any more */
}

static void two_tabs_keep_a_lock_until_both_are_gone(void **state)
{
    const uint64_t token = lock_take(1, "{\"path\":\"price\"}");

    (void)state;
    lock_as(1);
    locks.scene.session = 77;
    assert_int_equal(lock_ask(OBJECT_ADD, "{\"path\":\"price\"}"), OK);
    assert_int_equal(locks.decision.lock->token, token);
    assert_int_equal(lock_set_session_left(&locks.set, &locks.arena, &locks.scene, true, locks.many), 0);
    assert_true(lock_set_deadline(&locks.set) == UINT64_MAX); /* the first one is still there */
    assert_int_equal(lock_leave(1, false), 1);
    assert_int_equal(locks.set.count, 0);
}

static void of_too_many_tabs_the_newest_keep_a_lock(void **state)
{
    (void)state;
    lock_as(1);
    for (unsigned i = 0; i < 2 * LOCK_SESSIONS_MAX; i++) {
        locks.scene.session = 100 + i;
        assert_int_equal(lock_ask(OBJECT_ADD, "{}"), OK);
    }
    for (unsigned i = 0; i < 2 * LOCK_SESSIONS_MAX; i++) {
        locks.scene.session = 100 + i;
        assert_int_equal(lock_set_session_left(&locks.set, &locks.arena, &locks.scene, false, locks.many),
                         i + 1 == 2 * LOCK_SESSIONS_MAX);
    }
}

static void a_lock_taken_by_rest_is_nobodys_who_comes(void **state)
{
    (void)state;
    lock_as_rest(1);
    assert_int_equal(lock_ask(OBJECT_ADD, "{}"), OK);
    lock_set_session_came(&locks.set, SPAN("1"), 5, locks.scene.now_ms);
    locks.scene.now_ms += LOCK_TTL_MS;
    assert_int_equal(lock_expire(), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lock_double_set_up, lock_double_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_keeps_its_lock_alive),
        TEST(a_session_that_leaves_gives_its_locks_back),
        TEST(a_broken_connection_has_time_to_come_back),
        TEST(a_broken_connection_that_does_not_come_back_loses_its_locks),
        TEST(who_comes_back_too_late_has_lost_it),
        TEST(another_tab_of_the_holder_can_take_it_on),
        TEST(two_tabs_keep_a_lock_until_both_are_gone),
        TEST(of_too_many_tabs_the_newest_keep_a_lock),
        TEST(a_lock_taken_by_rest_is_nobodys_who_comes),
    };

    return cmocka_run_group_tests(tests, lock_double_set_up_all, lock_double_tear_down_all);
}
