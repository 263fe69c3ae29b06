#include "lib/lock_double.h"

static void assert_member(yyjson_val *body, const char *key, const char *expected)
{
    if (!span_equal(json_get_text(body, key), span_from_str(expected)))
        fail_msg("%s is %.*s", key, SPAN_ARG(json_get_text(body, key)));
}

static void the_body_tells_all_about_it(void **state)
{
    struct json json;

    (void)state;
    lock_as_rest(1);
    assert_int_equal(lock_ask(OBJECT_ADD, "{\"path\":\"/items/@a\",\"ttl\":60}"), OK);
    lock_as(2);
    assert_int_equal(lock_ask(OBJECT_REQUEST, "{\"path\":\"/items/@a\",\"note\":\"\\\"now\\\"\"}"), OK);
    assert_int_equal(json_parse(&json, locks.decision.body, &json_limits_default), OK);
    assert_member(json.root, "id", "order:O-1#/items/@a");
    assert_member(json.root, "kind", "lock");
    assert_member(json.root, "entity_type", "order");
    assert_member(json.root, "entity_id", "O-1");
    assert_member(json.root, "path", "/items/@a");
    assert_member(json.root, "locked_by", "1");
    assert_member(json.root, "locked_by_name", "User 1");
    assert_member(json.root, "locked_at", "2026-02-19T13:30:00.000Z");
    assert_member(json.root, "expires_at", "2026-02-19T13:31:00.000Z");
    assert_member(yyjson_arr_get_first(json_get(json.root, "requests")), "note", "\"now\"");
    assert_int_equal(yyjson_get_uint(json_get(json.root, "token")), 101);
    assert_int_equal(yyjson_get_uint(json_get(json.root, "ttl_ms")), 60000);
    json_deinit(&json);
}

static void the_body_names_the_record_of_a_soft_lock_too(void **state)
{
    struct json json;

    (void)state;
    (void)lock_take(1, "{\"soft\":true}");
    assert_int_equal(json_parse(&json, locks.decision.body, &json_limits_default), OK);
    assert_member(json.root, "id", "order:O-1#~~1");
    assert_member(json.root, "entity_id", "O-1");
    assert_member(json.root, "path", "");
    json_deinit(&json);
}

static void after_a_restart_a_lock_waits_for_its_user(void **state)
{
    struct object objects[LOCKS_PER_RECORD_MAX];
    const uint64_t token = lock_take(1, "{\"path\":\"/items/@a\",\"ttl\":60}");
    uint32_t count;

    (void)state;
    lock_as(2);
    assert_int_equal(lock_ask(OBJECT_REQUEST, "{\"path\":\"/items/@a\",\"note\":\"me\"}"), OK);
    count = lock_stored(objects);
    lock_set_deinit(&locks.set);
    lock_set_load(&locks.set, locks.scene.room, objects, count, &locks.limits, locks.scene.now_ms);
    assert_int_equal(lock_set_deadline(&locks.set), locks.scene.now_ms + 60000 + LOCK_GRACE_MS);
    assert_int_equal(lock_write(CHANGE_UPDATE, 1, "/items/@a/qty", token, lock_needs_all, false), OK);
    lock_set_session_came(&locks.set, SPAN("1"), 8, locks.scene.now_ms);
    assert_true(lock_set_deadline(&locks.set) == UINT64_MAX);
    lock_as(1);
    assert_int_equal(lock_ask(OBJECT_HAND_OVER, "{\"path\":\"/items/@a\"}"), OK);
    assert_text(locks.decision.lock->user_id, "2");
    assert_int_equal(locks.decision.object.revision, 3);
}

static void loaded_anew_a_lock_is_kept_by_all_tabs_of_its_user(void **state)
{
    struct object objects[LOCKS_PER_RECORD_MAX];
    uint32_t count;

    (void)state;
    (void)lock_take(1, "{}");
    count = lock_stored(objects);
    assert_int_equal(lock_try(OBJECT_REMOVE, "{}"), OK); /* which the store refuses */
    lock_set_load(&locks.set, locks.scene.room, objects, count, &locks.limits, locks.scene.now_ms);
    lock_set_session_came(&locks.set, SPAN("1"), 2, locks.scene.now_ms);
    lock_set_session_came(&locks.set, SPAN("1"), 50, locks.scene.now_ms);
    assert_int_equal(lock_leave(1, false), 0);
    locks.scene.session = 50;
    assert_int_equal(lock_set_session_left(&locks.set, &locks.arena, &locks.scene, false, locks.many), 1);
}

static void loading_anew_keeps_who_is_there(void **state)
{
    struct object objects[LOCKS_PER_RECORD_MAX];
    uint32_t count;

    (void)state;
    (void)lock_take(1, "{\"path\":\"price\"}");
    count = lock_stored(objects);
    lock_as(2);
    assert_int_equal(lock_try(OBJECT_ADD, "{\"path\":\"status\"}"), OK); /* which the store refuses */
    lock_set_load(&locks.set, locks.scene.room, objects, count, &locks.limits, locks.scene.now_ms);
    assert_int_equal(locks.set.count, 1);
    assert_true(lock_set_deadline(&locks.set) == UINT64_MAX);
    assert_int_equal(lock_leave(1, false), 1);
}

static void a_lock_that_expired_before_a_restart_does_not_come_back(void **state)
{
    struct object objects[LOCKS_PER_RECORD_MAX];
    uint64_t token;

    (void)state;
    lock_as_rest(1);
    assert_int_equal(lock_ask(OBJECT_ADD, "{\"path\":\"items\"}"), OK);
    locks.scene.now_ms += LOCK_TTL_MS;
    token = lock_take(2, "{\"path\":\"/items/@a\"}"); /* nobody has swept the other one up */
    lock_set_load(&locks.set, locks.scene.room, objects, lock_stored(objects), &locks.limits, locks.scene.now_ms);
    assert_int_equal(lock_write(CHANGE_UPDATE, 2, "/items/@a", token, lock_needs_all, false), OK);
    assert_int_equal(lock_write(CHANGE_UPDATE, 1, "/items/@a", 0, lock_needs_all, false), ERR_LOCKED);
    assert_int_equal(lock_expire(), 1);
    assert_text(locks.many[0].object.id, "order:O-1#/items");
}

static void a_body_that_is_no_locks_is_left_out(void **state)
{
    const struct object objects[] = {
        {.kind = OBJECT_LOCK, .id = SPAN("order:O-1#"), .body = SPAN("{\"path\":")},
        {.kind = OBJECT_LOCK, .id = SPAN("order:O-1#"), .body = SPAN("{\"path\":\"items[2]\"}")},
        {.kind = OBJECT_COMMENT, .id = SPAN("order:O-1#"), .body = SPAN("{\"path\":\"\"}")},
        {.kind = OBJECT_LOCK, .id = SPAN("order:O-2#"), .body = SPAN("{\"path\":\"\"}")},
    };

    (void)state;
    lock_set_load(&locks.set, locks.scene.room, objects, 4, &locks.limits, 0);
    assert_int_equal(locks.set.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lock_double_set_up, lock_double_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_body_tells_all_about_it),
        TEST(the_body_names_the_record_of_a_soft_lock_too),
        TEST(after_a_restart_a_lock_waits_for_its_user),
        TEST(loaded_anew_a_lock_is_kept_by_all_tabs_of_its_user),
        TEST(loading_anew_keeps_who_is_there),
        TEST(a_lock_that_expired_before_a_restart_does_not_come_back),
        TEST(a_body_that_is_no_locks_is_left_out),
    };

    return cmocka_run_group_tests(tests, lock_double_set_up_all, lock_double_tear_down_all);
}
