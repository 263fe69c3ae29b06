#include "lib/lock_double.h"

#include <stdio.h>

/* ---- taking and giving back --------------------------------------------------------------------------------------- */

static void a_lock_is_granted_with_the_commits_number(void **state)
{
    (void)state;
    lock_as(1);
    assert_int_equal(lock_try(OBJECT_ADD, "{\"path\":\"price\"}"), OK);
    assert_true(locks.decision.is_stored && locks.decision.grant > 0 && !locks.decision.goes);
    assert_int_equal(locks.decision.object.revision, 1);
    assert_text(locks.decision.object.id, "order:O-1#/price");
    assert_int_equal(locks.decision.lock->token, 0);
    lock_set_granted(&locks.set, SPAN("order:O-1#/price"), locks.decision.grant, 77);
    assert_int_equal(locks.decision.lock->token, 77);
}

static void taking_what_one_holds_is_a_renewal(void **state)
{
    const uint64_t token = lock_take(1, "{\"path\":\"price\"}");

    (void)state;
    assert_int_equal(lock_take(1, "{\"path\":\"price\",\"ttl\":60}"), token);
    assert_true(locks.decision.is_stored && locks.decision.is_silent);
    assert_int_equal(locks.decision.verb, OBJECT_RENEW);
    assert_int_equal(locks.decision.lock->ttl_ms, 60000);
    assert_int_equal(lock_take(1, "{\"path\":\"price\"}"), token); /* its connection renews it anyway */
    assert_false(locks.decision.is_stored);
    assert_int_equal(locks.set.count, 1);
}

static void what_depends_on_a_grant_under_way_waits(void **state)
{
    (void)state;
    lock_as(1);
    assert_int_equal(lock_try(OBJECT_ADD, "{}"), OK);
    assert_int_equal(lock_try(OBJECT_ADD, "{}"), OK);
    assert_true(locks.decision.waits);
    lock_as(2);
    assert_int_equal(lock_try(OBJECT_REQUEST, "{}"), OK);
    assert_true(locks.decision.waits && !locks.decision.is_stored);
    assert_int_equal(lock_try(OBJECT_ADD, "{}"), ERR_LOCKED); /* for this it is enough that it is decided */
}

static void an_answer_for_an_earlier_grant_changes_nothing(void **state)
{
    uint64_t first;

    (void)state;
    lock_as(1);
    assert_int_equal(lock_try(OBJECT_ADD, "{}"), OK);
    first = locks.decision.grant;
    assert_int_equal(lock_try(OBJECT_REMOVE, "{}"), OK);
    lock_as(2);
    assert_int_equal(lock_try(OBJECT_ADD, "{}"), OK);
    lock_set_granted(&locks.set, SPAN("order:O-1#"), first, 50);
    assert_int_equal(locks.decision.lock->token, 0);
    lock_set_granted(&locks.set, SPAN("order:O-1#"), locks.decision.grant, 52);
    assert_int_equal(locks.decision.lock->token, 52);
}

static void a_lock_is_given_back_with_its_token_or_without(void **state)
{
    uint64_t token = lock_take(1, "{\"path\":\"price\"}");

    (void)state;
    assert_int_equal(lock_ask_with(OBJECT_REMOVE, "price", token + 1), ERR_LOCK_LOST);
    assert_int_equal(lock_ask_with(OBJECT_REMOVE, "price", token), OK);
    assert_true(locks.decision.goes && locks.decision.object.body.len == 0 && locks.decision.body.len > 0);
    assert_int_equal(locks.decision.object.revision, 2);
    assert_null(locks.decision.lock);
    (void)lock_take(1, "{\"path\":\"price\"}");
    assert_int_equal(lock_ask(OBJECT_REMOVE, "{\"path\":\"price\"}"), OK);
    assert_int_equal(locks.set.count, 0);
}

static void nobody_gives_back_the_lock_of_another(void **state)
{
    const uint64_t token = lock_take(1, "{\"path\":\"price\"}");

    (void)state;
    lock_as(2);
    assert_int_equal(lock_ask_with(OBJECT_REMOVE, "price", token), ERR_LOCK_LOST);
    assert_int_equal(lock_ask(OBJECT_REMOVE, "{\"path\":\"price\"}"), ERR_LOCKED);
    assert_non_null(locks.decision.in_the_way);
    assert_int_equal(lock_ask_with(OBJECT_RENEW, "price", token), ERR_LOCK_LOST);
    assert_int_equal(lock_ask(OBJECT_RENEW, "{\"path\":\"price\"}"), ERR_LOCKED);
    assert_int_equal(lock_ask(OBJECT_HAND_OVER, "{\"path\":\"price\",\"user_id\":2}"), ERR_LOCKED);
    assert_int_equal(locks.set.count, 1);
}

static void what_nobody_holds_is_not_there(void **state)
{
    (void)state;
    lock_as(1);
    assert_int_equal(lock_ask(OBJECT_RENEW, "{}"), ERR_NOT_FOUND);
    assert_int_equal(lock_ask_with(OBJECT_RENEW, "", 5), ERR_LOCK_LOST);
    assert_int_equal(lock_ask(OBJECT_REMOVE, "{}"), ERR_NOT_FOUND);
    assert_int_equal(lock_ask(OBJECT_REQUEST, "{}"), ERR_NOT_FOUND);
    assert_int_equal(lock_ask(OBJECT_HAND_OVER, "{}"), ERR_NOT_FOUND);
}

static void a_lock_that_expired_cannot_be_renewed(void **state)
{
    uint64_t token;

    (void)state;
    lock_as_rest(1);
    assert_int_equal(lock_ask(OBJECT_ADD, "{\"path\":\"price\"}"), OK);
    token = locks.decision.lock->token;
    locks.scene.now_ms += LOCK_TTL_MS - 1;
    assert_int_equal(lock_ask_with(OBJECT_RENEW, "price", token), OK);
    locks.scene.now_ms += LOCK_TTL_MS;
    assert_int_equal(lock_ask_with(OBJECT_RENEW, "price", token), ERR_LOCK_LOST);
    assert_int_equal(lock_ask(OBJECT_RENEW, "{\"path\":\"price\"}"), ERR_NOT_FOUND);
    assert_int_equal(lock_write_price(1, token), ERR_LOCK_LOST);
}

static void an_expired_lock_that_was_not_swept_makes_room(void **state)
{
    uint64_t token;

    (void)state;
    lock_as_rest(1);
    assert_int_equal(lock_ask(OBJECT_ADD, "{\"path\":\"price\"}"), OK);
    token = locks.decision.lock->token;
    locks.scene.now_ms += LOCK_TTL_MS;
    assert_true(lock_take(2, "{\"path\":\"price\"}") > token);
    assert_int_equal(locks.decision.object.revision, 2);
    assert_int_equal(locks.set.count, 1);
    assert_int_equal(lock_expire(), 0);
}

/* ---- clashes ------------------------------------------------------------------------------------------------------ */

static void locks_clash_when_one_path_is_inside_the_other(void **state)
{
    static const char *const paths[] = {"", "status", "items", "/items/@a", "/items/@a/qty", "/items/@ab", "address"};
    static const bool clash[7][7] = {
        {1, 1, 1, 1, 1, 1, 1}, {1, 1, 0, 0, 0, 0, 0}, {1, 0, 1, 1, 1, 1, 0}, {1, 0, 1, 1, 1, 0, 0},
        {1, 0, 1, 1, 1, 0, 0}, {1, 0, 1, 0, 0, 1, 0}, {1, 0, 0, 0, 0, 0, 1},
    };

    (void)state;
    for (unsigned i = 0; i < 7; i++) {
        for (unsigned j = 0; j < 7; j++) {
            char mine[60], his[60];

            (void)snprintf(mine, sizeof(mine), "{\"path\":\"%s\"}", paths[i]);
            (void)snprintf(his, sizeof(his), "{\"path\":\"%s\"}", paths[j]);
            (void)lock_take(1, mine);
            lock_as(2);
            assert_int_equal(lock_ask(OBJECT_ADD, his), clash[i][j] ? ERR_LOCKED : OK);
            assert_true(clash[i][j] == (locks.decision.in_the_way != NULL));
            (void)lock_take(1, i == 0 || !clash[i][j] ? mine : his); /* his own locks do not clash */
            lock_set_deinit(&locks.set);
        }
    }
}

static void a_soft_lock_clashes_with_nothing(void **state)
{
    (void)state;
    (void)lock_take(1, "{\"path\":\"price\",\"soft\":true}");
    (void)lock_take(2, "{\"path\":\"price\",\"soft\":true}");
    (void)lock_take(3, "{\"path\":\"price\"}");
    (void)lock_take(4, "{\"path\":\"price\",\"soft\":true}");
    assert_int_equal(locks.set.count, 4);
    assert_int_equal(lock_write_enforced(5, "price"), ERR_LOCKED);
    assert_text(locks.in_the_way->user_id, "3");
    assert_int_equal(lock_write_price(1, 0), ERR_LOCKED); /* a soft lock is none to write with */
    lock_as(3);
    assert_int_equal(lock_ask(OBJECT_REMOVE, "{\"path\":\"price\"}"), OK);
    assert_int_equal(lock_write_enforced(5, "status"), OK);
    lock_as(1);
    assert_int_equal(lock_ask(OBJECT_REMOVE, "{\"path\":\"price\"}"), OK); /* the only one that he holds there */
    assert_int_equal(locks.set.count, 2);
}

static void a_record_has_so_many_locks(void **state)
{
    char input[60];

    (void)state;
    for (unsigned i = 0; i < LOCKS_PER_RECORD_MAX; i++) {
        (void)snprintf(input, sizeof(input), "{\"path\":\"/items/@%u\"}", i);
        (void)lock_take(i % 2, input);
    }
    lock_as(1);
    assert_int_equal(lock_ask(OBJECT_ADD, "{\"path\":\"/items/@one_more\"}"), ERR_TOO_MANY);
    assert_int_equal(lock_leave(1, false), LOCKS_PER_RECORD_MAX / 2);
    assert_int_equal(lock_ask(OBJECT_ADD, "{\"path\":\"/items/@one_more\"}"), OK);
}

static void a_path_that_is_too_long_for_an_id_is_refused(void **state)
{
    char input[600];

    (void)state;
    lock_as(1);
    (void)snprintf(input, sizeof(input), "{\"path\":\"/address/%0100d/%0100d/%0100d/%0100d\"}", 0, 0, 0, 0);
    for (char *digit = input; *digit; digit++)
        if (*digit == '0')
            *digit = 'x';
    assert_int_equal(lock_ask(OBJECT_ADD, input), ERR_BAD_PATH);
    assert_int_equal(locks.set.count, 0);
}

/* ---- asking for it ------------------------------------------------------------------------------------------------ */

static void a_request_reaches_the_holder(void **state)
{
    const uint64_t token = lock_take(1, "{}");

    (void)state;
    lock_as(2);
    assert_int_equal(lock_ask(OBJECT_REQUEST, "{\"path\":\"price\",\"note\":\"please\"}"), OK);
    assert_text(locks.decision.notify_user_id, "1");
    assert_int_equal(locks.decision.object.revision, 2);
    assert_int_equal(locks.decision.lock->token, token);
    assert_int_equal(locks.decision.lock->request_count, 1);
    assert_text(locks.decision.lock->requests[0].note, "please");
    lock_as(1);
    assert_int_equal(lock_ask(OBJECT_REQUEST, "{}"), ERR_NOT_FOUND); /* it is his own */
}

static void asking_again_keeps_one_place_in_the_line(void **state)
{
    (void)state;
    (void)lock_take(1, "{}");
    for (unsigned i = 0; i < 1000; i++) {
        lock_as(2);
        assert_int_equal(lock_ask(OBJECT_REQUEST, "{\"note\":\"again\"}"), OK);
    }
    assert_int_equal(locks.decision.lock->request_count, 1);
    assert_true(locks.decision.lock->arena.used_bytes < 1000);
}

static void the_line_has_an_end(void **state)
{
    (void)state;
    (void)lock_take(0, "{}");
    for (unsigned i = 1; i <= LOCK_REQUESTS_MAX; i++) {
        lock_as(i);
        assert_int_equal(lock_ask(OBJECT_REQUEST, "{}"), OK);
    }
    lock_as(LOCK_REQUESTS_MAX + 1);
    assert_int_equal(lock_ask(OBJECT_REQUEST, "{}"), ERR_TOO_MANY);
    lock_as(1);
    assert_int_equal(lock_ask(OBJECT_REQUEST, "{\"note\":\"again\"}"), OK);
    assert_int_equal(locks.decision.lock->request_count, LOCK_REQUESTS_MAX);
}

static void a_lock_is_handed_over_to_who_asked_for_it(void **state)
{
    const uint64_t token = lock_take(1, "{\"path\":\"price\"}");

    (void)state;
    lock_as(3);
    assert_int_equal(lock_ask(OBJECT_REQUEST, "{\"path\":\"price\"}"), OK);
    lock_as(2);
    assert_int_equal(lock_ask(OBJECT_REQUEST, "{\"path\":\"price\"}"), OK);
    lock_as(1);
    assert_int_equal(lock_ask(OBJECT_HAND_OVER, "{\"path\":\"price\",\"user_id\":\"7\"}"), ERR_NOT_FOUND);
    assert_text(locks.decision.field, "user_id");
    assert_int_equal(lock_ask(OBJECT_HAND_OVER, "{\"path\":\"price\",\"user_id\":2}"), OK);
    assert_true(locks.decision.grant > 0 && locks.decision.lock->token > token);
    assert_text(locks.decision.notify_user_id, "2");
    assert_text(locks.decision.lock->name, "User 2");
    assert_int_equal(locks.decision.lock->request_count, 1);
    assert_int_equal(lock_write_price(1, token), ERR_LOCK_LOST);
    assert_int_equal(lock_write_price(2, 0), OK);
    lock_as(2);
    assert_int_equal(lock_ask(OBJECT_HAND_OVER, "{\"path\":\"price\"}"), OK); /* the first in the line */
    assert_int_equal(lock_write_price(3, locks.decision.lock->token), OK);
    lock_as(3);
    assert_int_equal(lock_ask(OBJECT_HAND_OVER, "{\"path\":\"price\"}"), ERR_NOT_FOUND);
}

static bool is_not_user_2(const void *context, struct span user_id, const struct path *path)
{
    (void)context;
    assert_int_equal(path->depth, 1);
    return !span_equal(user_id, SPAN("2"));
}

static void who_may_not_hold_it_any_more_does_not_get_it(void **state)
{
    (void)state;
    (void)lock_take(1, "{\"path\":\"price\"}");
    for (unsigned user = 2; user < 5; user++) {
        lock_as(user);
        assert_int_equal(lock_ask(OBJECT_REQUEST, "{\"path\":\"price\"}"), OK);
    }
    lock_as(1);
    locks.scene.may_hold = is_not_user_2;
    assert_int_equal(lock_ask(OBJECT_HAND_OVER, "{\"path\":\"price\",\"user_id\":2}"), ERR_FORBIDDEN);
    assert_text(locks.decision.field, "user_id");
    assert_int_equal(lock_ask(OBJECT_HAND_OVER, "{\"path\":\"price\"}"), OK);
    assert_text(locks.decision.lock->user_id, "3");
    assert_int_equal(locks.decision.lock->request_count, 1); /* user 4 */
}

static void what_one_keeps_around_a_lock_keeps_it_from_being_handed_over(void **state)
{
    (void)state;
    (void)lock_take(1, "{\"path\":\"items\"}");
    lock_as(2);
    assert_int_equal(lock_ask(OBJECT_REQUEST, "{\"path\":\"items\"}"), OK);
    (void)lock_take(1, "{\"path\":\"/items/@a\"}");
    assert_int_equal(lock_ask(OBJECT_HAND_OVER, "{\"path\":\"items\"}"), ERR_LOCKED);
    assert_text(locks.decision.in_the_way->id, "order:O-1#/items/@a");
    assert_int_equal(lock_ask(OBJECT_REMOVE, "{\"path\":\"/items/@a\"}"), OK);
    assert_int_equal(lock_ask(OBJECT_HAND_OVER, "{\"path\":\"items\"}"), OK);
}

static void who_got_a_lock_and_is_not_there_loses_it(void **state)
{
    (void)state;
    (void)lock_take(1, "{}");
    lock_as(2);
    assert_int_equal(lock_ask(OBJECT_REQUEST, "{}"), OK);
    lock_as(1);
    assert_int_equal(lock_ask(OBJECT_HAND_OVER, "{}"), OK);
    assert_int_equal(lock_set_deadline(&locks.set), locks.scene.now_ms + LOCK_TTL_MS);
    locks.scene.now_ms += LOCK_TTL_MS;
    assert_int_equal(lock_expire(), 1);
}

static void a_lock_is_taken_from_its_holder_by_who_may(void **state)
{
    const uint64_t token = lock_take(1, "{\"path\":\"price\"}");

    (void)state;
    lock_as(2);
    assert_int_equal(lock_ask(OBJECT_FORCE, "{\"path\":\"price\"}"), ERR_FORBIDDEN);
    locks.scene.may_force = true;
    assert_int_equal(lock_ask(OBJECT_FORCE, "{}"), ERR_NOT_FOUND);
    assert_int_equal(lock_ask(OBJECT_FORCE, "{\"path\":\"price\"}"), OK);
    assert_true(locks.decision.goes);
    assert_text(locks.decision.notify_user_id, "1");
    assert_int_equal(locks.set.count, 0);
    assert_int_equal(lock_write_price(1, token), ERR_LOCK_LOST);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lock_double_set_up, lock_double_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lock_is_granted_with_the_commits_number),
        TEST(taking_what_one_holds_is_a_renewal),
        TEST(what_depends_on_a_grant_under_way_waits),
        TEST(an_answer_for_an_earlier_grant_changes_nothing),
        TEST(a_lock_is_given_back_with_its_token_or_without),
        TEST(nobody_gives_back_the_lock_of_another),
        TEST(what_nobody_holds_is_not_there),
        TEST(a_lock_that_expired_cannot_be_renewed),
        TEST(an_expired_lock_that_was_not_swept_makes_room),
        TEST(locks_clash_when_one_path_is_inside_the_other),
        TEST(a_soft_lock_clashes_with_nothing),
        TEST(a_record_has_so_many_locks),
        TEST(a_path_that_is_too_long_for_an_id_is_refused),
        TEST(a_request_reaches_the_holder),
        TEST(asking_again_keeps_one_place_in_the_line),
        TEST(the_line_has_an_end),
        TEST(a_lock_is_handed_over_to_who_asked_for_it),
        TEST(who_may_not_hold_it_any_more_does_not_get_it),
        TEST(what_one_keeps_around_a_lock_keeps_it_from_being_handed_over),
        TEST(who_got_a_lock_and_is_not_there_loses_it),
        TEST(a_lock_is_taken_from_its_holder_by_who_may),
    };

    return cmocka_run_group_tests(tests, lock_double_set_up_all, lock_double_tear_down_all);
}
