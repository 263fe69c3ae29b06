/* What is stored of a lock says when it ends, and goes on saying so while somebody keeps the lock. */
#include "base/clock.h"
#include "lib/lock_double.h"

static uint64_t extend_at(void)
{
    return lock_set_extend_at(&locks.set, locks.scene.now_ms, locks.scene.wall_ms);
}

static uint32_t extend(void)
{
    return lock_set_extend(&locks.set, &locks.arena, &locks.scene, locks.many);
}

static void pass(uint64_t ms)
{
    locks.scene.now_ms += ms;
    locks.scene.wall_ms += (int64_t)ms;
}

static void assert_says_end(const struct object *object, int64_t ends_ms)
{
    struct json json;
    int64_t said_ms = 0;

    assert_int_equal(json_parse(&json, object->body, &json_limits_default), OK);
    assert_true(clock_parse_iso(json_get_text(json.root, "expires_at"), &said_ms));
    assert_int_equal(said_ms, ends_ms);
    json_deinit(&json);
}

static void a_lock_that_is_kept_is_put_again_when_half_of_its_time_is_over(void **state)
{
    uint64_t revision;

    (void)state;
    (void)lock_take(1, "{\"path\":\"price\",\"ttl\":60}");
    revision = locks.decision.object.revision;
    assert_int_equal(extend_at(), locks.scene.now_ms + 30000);
    pass(29999);
    assert_int_equal(extend(), 0);
    pass(1);
    assert_int_equal(extend(), 1);
    assert_true(locks.many[0].is_stored && locks.many[0].is_silent);
    assert_int_equal(locks.many[0].object.revision, revision + 1);
    assert_says_end(&locks.many[0].object, locks.scene.wall_ms + 60000);
    assert_int_equal(extend(), 0);
    assert_int_equal(extend_at(), locks.scene.now_ms + 30000);
}

static void a_short_lock_that_is_kept_is_not_put_all_the_time(void **state)
{
    (void)state;
    (void)lock_take(1, "{\"ttl\":1}");
    assert_says_end(&locks.decision.object, locks.scene.wall_ms + LOCK_KEPT_MS);
    assert_int_equal(extend_at(), locks.scene.now_ms + LOCK_KEPT_MS / 2);
}

static void a_lock_that_nobody_keeps_ends_as_it_is_stored(void **state)
{
    (void)state;
    lock_as_rest(1);
    assert_int_equal(lock_ask(OBJECT_ADD, "{\"ttl\":5}"), OK);
    assert_says_end(&locks.decision.object, locks.scene.wall_ms + 5000);
    assert_true(extend_at() == UINT64_MAX);
    pass(4000);
    assert_int_equal(lock_ask(OBJECT_RENEW, "{}"), OK);
    assert_true(locks.decision.is_stored && locks.decision.is_silent);
    assert_says_end(&locks.decision.object, locks.scene.wall_ms + 5000);
    assert_true(extend_at() == UINT64_MAX);
    pass(5000);
    assert_int_equal(extend(), 0);
    assert_int_equal(lock_expire(), 1);
}

static void a_lock_whose_connection_broke_is_not_prolonged(void **state)
{
    (void)state;
    (void)lock_take(1, "{\"ttl\":60}");
    assert_int_equal(lock_leave(1, true), 0);
    assert_true(extend_at() == UINT64_MAX);
}

static void a_grant_on_its_way_is_not_put_again(void **state)
{
    (void)state;
    lock_as(1);
    assert_int_equal(lock_try(OBJECT_ADD, "{}"), OK);
    pass(LOCK_TTL_MS);
    assert_int_equal(extend(), 0);
}

/* A clock that is put forward makes what is stored look old: what goes on is put at once. */
static void it_goes_by_the_clock_that_readers_go_by(void **state)
{
    (void)state;
    (void)lock_take(1, "{}");
    locks.scene.wall_ms += 3600000;
    assert_int_equal(extend_at(), locks.scene.now_ms);
    assert_int_equal(extend(), 1);
    assert_says_end(&locks.many[0].object, locks.scene.wall_ms + LOCK_TTL_MS);
}

static void load_after(uint64_t ms)
{
    struct object objects[LOCKS_PER_RECORD_MAX];
    uint32_t count = lock_stored(objects);

    lock_set_deinit(&locks.set);
    pass(ms);
    lock_set_load(&locks.set, locks.scene.room, objects, count, &locks.limits, locks.scene.now_ms);
    lock_set_end_overdue(&locks.set, &locks.limits, locks.scene.now_ms, locks.scene.wall_ms);
}

static void what_ended_while_the_server_was_away_is_over(void **state)
{
    (void)state;
    (void)lock_take(1, "{}");
    load_after(LOCK_TTL_MS + LOCK_GRACE_MS);
    assert_int_equal(lock_write_enforced(2, "note"), OK);
    assert_int_equal(extend(), 0);
    assert_int_equal(lock_expire(), 1);
}

static void what_is_not_over_waits_for_its_user_and_is_put_again(void **state)
{
    (void)state;
    (void)lock_take(1, "{}");
    load_after(LOCK_TTL_MS + LOCK_GRACE_MS - 1);
    assert_int_equal(lock_write_enforced(2, "note"), ERR_LOCKED);
    assert_int_equal(extend(), 1);
    assert_says_end(&locks.many[0].object, locks.scene.wall_ms + LOCK_TTL_MS + LOCK_GRACE_MS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lock_double_set_up, lock_double_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lock_that_is_kept_is_put_again_when_half_of_its_time_is_over),
        TEST(a_short_lock_that_is_kept_is_not_put_all_the_time),
        TEST(a_lock_that_nobody_keeps_ends_as_it_is_stored),
        TEST(a_lock_whose_connection_broke_is_not_prolonged),
        TEST(a_grant_on_its_way_is_not_put_again),
        TEST(it_goes_by_the_clock_that_readers_go_by),
        TEST(what_ended_while_the_server_was_away_is_over),
        TEST(what_is_not_over_waits_for_its_user_and_is_put_again),
    };

    return cmocka_run_group_tests(tests, lock_double_set_up_all, lock_double_tear_down_all);
}
