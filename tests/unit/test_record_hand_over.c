/* Whoever gets a lock of somebody else's: whether he may hold it is asked when he gets it, and how he wants to hear of it before that. */
#include "collab/hub.h"
#include "collab/record/lock.h"
#include "collab/type/access.h"
#include "lib/object_double.h"

#include <stdio.h>

static const char room[] = "part:P-1";

static int set_up(void **state)
{
    (void)hub_stage_set_up(state);
    hub_double_change(world, LI, 4, room, CHANGE_CREATE, "", "{\"title\":\"A\",\"qty\":1}");
    return 0;
}

/* ---- builders ---- */

static struct answer *lock(session_id session, enum object_verb verb, const char *input)
{
    return hub_double_ask(world, object_command(session, room, OBJECT_LOCK, verb, "", input));
}

static void account_becomes(unsigned user, const char *role)
{
    world->store.users[user - 1].role = role;
}

static void nobody_has_an_account_for(unsigned user)
{
    world->store.users[user - 1].id[0] = '?';
}

static const char *holder(void)
{
    const struct object *object = model_store_object(&world->store, OBJECT_LOCK, SPAN("part:P-1#"));

    return object ? member_of(object->body, "locked_by") : "";
}

/* Maria has it, and so many ask for it. */
static void ask(const session_id *sessions, unsigned count)
{
    assert_ok(lock(MARIA, OBJECT_ADD, "{}"));
    for (unsigned i = 0; i < count; i++)
        assert_ok(lock(sessions[i], OBJECT_REQUEST, "{}"));
}

static void ask_two(void)
{
    ask((const session_id[]){AMIR, LI}, 2);
}

/* ---- who may have it ---- */

static void who_may_not_write_any_more_does_not_get_it(void **state)
{
    const struct answer *answer;

    (void)state;
    ask_two();
    account_becomes(3, "viewer");
    answer = lock(MARIA, OBJECT_HAND_OVER, "{\"user_id\":\"3\"}");
    assert_refused(answer, ERR_FORBIDDEN);
    assert_true(span_is(answer->field, "user_id"));
    assert_string_equal(holder(), "2");
    assert_ok(lock(MARIA, OBJECT_HAND_OVER, "{\"user_id\":\"4\"}"));
    assert_string_equal(holder(), "4");
}

static void who_may_not_any_more_is_passed_over_and_waits_no_longer(void **state)
{
    const struct object *object;

    (void)state;
    ask((const session_id[]){AMIR, LI, JOHN}, 3);
    account_becomes(3, "viewer");
    assert_ok(lock(MARIA, OBJECT_HAND_OVER, "{}"));
    assert_string_equal(holder(), "4");
    object = model_store_object(&world->store, OBJECT_LOCK, SPAN("part:P-1#"));
    assert_string_equal(member_of(object->body, "requests.0.user_id"), "5");
    assert_string_equal(member_of(object->body, "requests.1"), "");
}

static void when_nobody_who_asked_may_have_it_any_more_nobody_gets_it(void **state)
{
    const struct answer *answer;

    (void)state;
    ask_two();
    account_becomes(3, "viewer");
    account_becomes(4, NULL);
    answer = lock(MARIA, OBJECT_HAND_OVER, "{}");
    assert_refused(answer, ERR_NOT_FOUND);
    assert_true(span_is(answer->field, "user_id"));
    assert_string_equal(holder(), "2");
}

static void who_is_here_is_known_by_what_he_is_here(void **state)
{
    (void)state;
    ask_two();
    account_becomes(3, "viewer");
    hub_double_join(world, AMIR, 3, room); /* his token says that he edits */
    assert_ok(lock(MARIA, OBJECT_HAND_OVER, "{\"user_id\":\"3\"}"));
    assert_string_equal(holder(), "3");
}

/* His new token says less than the one with which he asked. */
static void comes_back_with_less(unsigned user, session_id session)
{
    const struct span viewer = SPAN("viewer");
    struct identity *before = world->users[user];

    world->users[user] = identity_new(before->user_id, before->username, before->name, before->avatar, &viewer, 1,
                                      access_of(world->registry, &viewer, 1));
    identity_unref(before);
    hub_double_join(world, session, user, room);
}

static void who_has_no_account_gets_it_unless_he_is_here_and_may_not(void **state)
{
    (void)state;
    ask_two();
    nobody_has_an_account_for(3);
    nobody_has_an_account_for(4);
    comes_back_with_less(3, AMIR);
    assert_refused(lock(MARIA, OBJECT_HAND_OVER, "{\"user_id\":\"3\"}"), ERR_FORBIDDEN);
    assert_ok(lock(MARIA, OBJECT_HAND_OVER, "{\"user_id\":\"4\"}"));
    assert_string_equal(holder(), "4");
}

/* He may write the record, and the lock that was in his way is on a field that is not his. */
static void a_lock_on_a_field_goes_to_nobody_who_may_not_write_it(void **state)
{
    const struct answer *answer;

    (void)state;
    assert_ok(lock(ADA, OBJECT_ADD, "{\"path\":\"cost\"}"));
    assert_ok(lock(AMIR, OBJECT_REQUEST, "{}"));
    answer = lock(ADA, OBJECT_HAND_OVER, "{\"path\":\"cost\",\"user_id\":\"3\"}");
    assert_refused(answer, ERR_FORBIDDEN);
    assert_true(span_is(answer->field, "user_id"));
    account_becomes(3, "admin");
    assert_ok(lock(ADA, OBJECT_HAND_OVER, "{\"path\":\"cost\",\"user_id\":\"3\"}"));
}

static void what_one_may_not_write_one_does_not_ask_for_or_renew(void **state)
{
    static const char order[] = "order:O-1", price[] = "{\"path\":\"price\"}";
    const struct answer *answer;

    (void)state;
    hub_double_change(world, LI, 4, order, CHANGE_CREATE, "", "{\"title\":\"A\"}");
    assert_ok(hub_double_ask(world, object_command(ADA, order, OBJECT_LOCK, OBJECT_ADD, "", price)));
    answer = hub_double_ask(world, object_command(AMIR, order, OBJECT_LOCK, OBJECT_REQUEST, "", price));
    assert_refused(answer, ERR_FORBIDDEN);
    assert_true(span_is(answer->field, "price"));
    assert_refused(hub_double_ask(world, object_command(AMIR, order, OBJECT_LOCK, OBJECT_RENEW, "", price)),
                   ERR_FORBIDDEN);
}

/* ---- who hears of it ---- */

static void does_not_want_to_hear_of_locks(unsigned user, session_id session)
{
    char inbox[16];

    (void)snprintf(inbox, sizeof(inbox), "user:%u", user);
    assert_ok(object_ask(session, inbox, OBJECT_PREFERENCES, OBJECT_EDIT, "",
                         "{\"types\":{\"lock_request\":{\"on\":false},\"lock_lost\":{\"on\":false}}}"));
}

/* So many soft locks of one user, on as many items: none of them is meant. */
static void fill_with_soft_locks(unsigned count)
{
    char input[80];

    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(input, sizeof(input), "{\"path\":\"/lines/@i%u\",\"soft\":true}", i);
        assert_ok(hub_double_ask(world, object_command(JOHN, "contract:K-1", OBJECT_LOCK, OBJECT_ADD, "", input)));
    }
}

static void of_many_locks_each_holder_hears_only_what_he_wants_to(void **state)
{
    (void)state;
    hub_double_change(world, LI, 4, "contract:K-1", CHANGE_CREATE, "", "{\"title\":\"A\",\"lines\":[]}");
    fill_with_soft_locks(LOCKS_PER_RECORD_MAX - 1);
    assert_ok(hub_double_ask(
        world, object_command(MARIA, "contract:K-1", OBJECT_LOCK, OBJECT_ADD, "", "{\"path\":\"terms\"}")));
    does_not_want_to_hear_of_locks(2, MARIA);
    does_not_want_to_hear_of_locks(3, AMIR);
    assert_ok(hub_double_ask(
        world, object_command(AMIR, "contract:K-1", OBJECT_LOCK, OBJECT_REQUEST, "", "{\"path\":\"terms\"}")));
    assert_int_equal(object_notices("2", "lock_request"), 0);
    assert_ok(hub_double_ask(
        world, object_command(LI, "contract:K-1", OBJECT_LOCK, OBJECT_REQUEST, "", "{\"path\":\"terms\"}")));
    assert_ok(hub_double_ask(
        world, object_command(MARIA, "contract:K-1", OBJECT_LOCK, OBJECT_HAND_OVER, "", "{\"path\":\"terms\"}")));
    assert_int_equal(object_notices("3", "lock_request"), 0);
    assert_ok(hub_double_ask(
        world, object_command(AMIR, "contract:K-1", OBJECT_LOCK, OBJECT_HAND_OVER, "", "{\"path\":\"terms\"}")));
    assert_int_equal(object_notices("4", "lock_request"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_may_not_write_any_more_does_not_get_it),
        TEST(who_may_not_any_more_is_passed_over_and_waits_no_longer),
        TEST(when_nobody_who_asked_may_have_it_any_more_nobody_gets_it),
        TEST(who_is_here_is_known_by_what_he_is_here),
        TEST(who_has_no_account_gets_it_unless_he_is_here_and_may_not),
        TEST(a_lock_on_a_field_goes_to_nobody_who_may_not_write_it),
        TEST(what_one_may_not_write_one_does_not_ask_for_or_renew),
        TEST(of_many_locks_each_holder_hears_only_what_he_wants_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
