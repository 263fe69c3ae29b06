#include "base/limits.h"
#include "lib/object_double.h"

#include <stdio.h>
#include <string.h>

/* Amir (3) and Li (4) buy; John (5) is the keeper of what is made here; Vera (8) is named by the rule. */
static const char room[] = "item:I-1";

static struct answer *set(session_id session, const char *patch)
{
    return hub_double_change(world, session, user_of(session), room, CHANGE_UPDATE, "", patch);
}

static int set_up(void **state)
{
    object_set_up(state);
    for (unsigned i = 0; i < world->store.user_count; i++)
        if (strcmp(world->store.users[i].name, "amir") == 0 || strcmp(world->store.users[i].name, "li") == 0)
            world->store.users[i].role = "buyer";
    assert_ok(hub_double_change(world, ADA, user_of(ADA), room, CHANGE_CREATE, "",
                                "{\"name\":\"Bolt\",\"qty\":50,\"least\":10,\"keeper\":\"john\"}"));
    return 0;
}

static unsigned alerts(const char *user_id)
{
    return object_notices(user_id, "alert");
}

static void an_alert_comes_into_the_inboxes_of_those_whom_its_rule_names(void **state)
{
    struct span body;

    (void)state;
    assert_ok(set(MARIA, "{\"qty\":9}"));
    assert_int_equal(alerts("3"), 1);
    assert_int_equal(alerts("4"), 1);
    assert_int_equal(alerts("5"), 1);
    assert_int_equal(alerts("8"), 1);
    assert_int_equal(alerts("2"), 0);
    assert_int_equal(alerts("1"), 0);
    body = object_notice("5");
    assert_string_equal(member_of(body, "title"), "Low: Bolt");
    assert_string_equal(member_of(body, "message"), "9 left");
    assert_string_equal(member_of(body, "priority"), "urgent");
    assert_string_equal(member_of(body, "entity_id"), "I-1");
    assert_string_equal(member_of(body, "data"), "{\"rule\":\"low\",\"value\":9,\"limit\":10}");
    assert_string_equal(member_of(body, "user_id"), ""); /* the server says it */
}

static void it_says_which_fields_it_tells_about(void **state)
{
    (void)state;
    assert_ok(set(MARIA, "{\"qty\":9}"));
    assert_string_equal(member_of(object_notice("5"), "fields"),
                        "[{\"path\":\"/name\"},{\"path\":\"/qty\"},{\"path\":\"/least\"}]");
}

static void who_caused_it_is_told_too(void **state)
{
    (void)state;
    assert_ok(set(AMIR, "{\"qty\":9}"));
    assert_int_equal(alerts("3"), 1);
}

static void while_it_stays_true_nobody_is_told_again(void **state)
{
    (void)state;
    assert_ok(set(MARIA, "{\"qty\":9}"));
    assert_ok(set(MARIA, "{\"qty\":8}"));
    assert_int_equal(alerts("3"), 1);
}

static void of_two_alerts_at_once_he_is_told_of_each(void **state)
{
    (void)state;
    assert_ok(set(MARIA, "{\"qty\":0}"));
    assert_int_equal(alerts("5"), 2);
    assert_int_equal(alerts("3"), 1);
}

static void who_is_named_twice_is_told_once(void **state)
{
    (void)state;
    assert_ok(set(MARIA, "{\"keeper\":\"amir\",\"qty\":9}"));
    assert_int_equal(alerts("3"), 1);
    assert_int_equal(alerts("5"), 0);
}

static void a_field_names_an_account_and_no_role(void **state)
{
    (void)state;
    assert_ok(set(MARIA, "{\"keeper\":\"@buyer\"}"));
    assert_ok(set(MARIA, "{\"qty\":0}"));
    assert_int_equal(alerts("3"), 1); /* of the other rule */
    assert_ok(set(MARIA, "{\"keeper\":\"nobody\",\"qty\":50}"));
    assert_ok(set(MARIA, "{\"qty\":0}"));
    assert_int_equal(alerts("8"), 2);
}

static void who_does_not_want_alerts_gets_none(void **state)
{
    (void)state;
    assert_ok(object_ask(LI, "user:4", OBJECT_PREFERENCES, OBJECT_EDIT, "", "{\"types\":{\"alert\":{\"on\":false}}}"));
    assert_ok(set(MARIA, "{\"qty\":9}"));
    assert_int_equal(alerts("4"), 0);
    assert_int_equal(alerts("3"), 1);
}

static void a_rule_without_names_is_only_heard(void **state)
{
    (void)state;
    object_listen(VERA, room);
    assert_ok(set(MARIA, "{\"qty\":101}"));
    assert_non_null(next_event(EVENT_ALERT));
    assert_int_equal(alerts("8"), 0);
}

static void making_a_record_raises_it(void **state)
{
    (void)state;
    assert_ok(hub_double_change(world, MARIA, user_of(MARIA), "item:I-2", CHANGE_CREATE, "",
                                "{\"name\":\"Nut\",\"qty\":0,\"keeper\":\"john\"}"));
    assert_int_equal(alerts("5"), 1);
    assert_string_equal(member_of(object_notice("5"), "title"), "No Nut");
}

/* ---- of many people ---- */

/* Li and Amir buy already. */
static void so_many_more_buy(unsigned count)
{
    char name[16], id[16];

    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "buyer%u", i);
        (void)snprintf(id, sizeof(id), "%u", 100 + i);
        model_store_add_user(&world->store, span_from_str(name), span_from_str(id));
        world->store.users[world->store.user_count - 1].role = "buyer";
    }
}

static unsigned alerts_of_buyers(unsigned count)
{
    unsigned sum = alerts("3") + alerts("4");
    char id[16];

    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(id, sizeof(id), "%u", 100 + i);
        sum += alerts(id);
    }
    return sum;
}

static struct answer *fill_tank(const char *patch)
{
    return hub_double_change(world, MARIA, user_of(MARIA), "tank:T-1", CHANGE_CREATE, "", patch);
}

static void many_who_are_told_of_one_alert_leave_room_for_the_next(void **state)
{
    (void)state;
    so_many_more_buy(LIMIT_ALERTED);
    assert_ok(set(MARIA, "{\"qty\":0}"));
    assert_int_equal(alerts("5"), 2); /* of the second one, too */
}

static void who_is_named_himself_is_told_before_a_whole_role(void **state)
{
    (void)state;
    so_many_more_buy(LIMIT_ALERTED);
    assert_ok(set(MARIA, "{\"qty\":9}"));
    assert_int_equal(alerts("5"), 1);
    assert_int_equal(alerts("8"), 1);
    assert_int_equal(alerts_of_buyers(LIMIT_ALERTED), LIMIT_ALERTED - 2);
}

static void those_who_are_left_out_are_told_of_once(void **state)
{
    (void)state;
    so_many_more_buy(LIMIT_ALERTED);
    assert_ok(set(MARIA, "{\"qty\":9}"));
    assert_int_equal(world->left_out_times, 1);
    assert_int_equal(world->alerted, LIMIT_ALERTED);
    assert_int_equal(world->left_out, 4); /* of 42 who buy, the keeper and Vera */
}

static void when_all_are_told_nobody_is_left_out(void **state)
{
    (void)state;
    so_many_more_buy(LIMIT_ALERTED - 4);
    assert_ok(set(MARIA, "{\"qty\":9}"));
    assert_int_equal(alerts_of_buyers(LIMIT_ALERTED - 4), LIMIT_ALERTED - 2);
    assert_int_equal(world->left_out_times, 0);
}

static void nobody_is_left_out_by_a_change_that_never_was(void **state)
{
    (void)state;
    so_many_more_buy(LIMIT_ALERTED);
    world->failure = ERR_STORAGE_FULL;
    assert_refused(set(MARIA, "{\"qty\":9}"), ERR_STORAGE_FULL);
    assert_int_equal(world->left_out_times, 0);
}

static void a_change_tells_so_many_of_all_its_alerts(void **state)
{
    (void)state;
    so_many_more_buy(2 * LIMIT_ALERTED);
    assert_ok(fill_tank("{\"level\":1}"));
    assert_int_equal(alerts_of_buyers(2 * LIMIT_ALERTED), LIMIT_ALERTED_BY_CHANGE - 1);
    assert_int_equal(alerts("8"), 1);
    assert_int_equal(alerts("1"), 0); /* Ada is one too many, and that is said */
    assert_int_equal(world->left_out_times, 1);
    assert_int_equal(world->alerted, LIMIT_ALERTED_BY_CHANGE);
    assert_int_equal(world->left_out, 5 * (2 * LIMIT_ALERTED + 2) + 2 - LIMIT_ALERTED_BY_CHANGE);
}

static void all_alerts_of_a_change_are_raised(void **state)
{
    unsigned count = 0;

    (void)state;
    object_listen(VERA, ROOM_ALERTS);
    assert_ok(fill_tank("{\"level\":1}"));
    while (next_event(EVENT_ALERT))
        count++;
    assert_int_equal(count, 8);
    assert_int_equal(alerts("1"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_alert_comes_into_the_inboxes_of_those_whom_its_rule_names),
        TEST(it_says_which_fields_it_tells_about),
        TEST(who_caused_it_is_told_too),
        TEST(while_it_stays_true_nobody_is_told_again),
        TEST(of_two_alerts_at_once_he_is_told_of_each),
        TEST(who_is_named_twice_is_told_once),
        TEST(a_field_names_an_account_and_no_role),
        TEST(who_does_not_want_alerts_gets_none),
        TEST(a_rule_without_names_is_only_heard),
        TEST(making_a_record_raises_it),
        TEST(many_who_are_told_of_one_alert_leave_room_for_the_next),
        TEST(who_is_named_himself_is_told_before_a_whole_role),
        TEST(those_who_are_left_out_are_told_of_once),
        TEST(when_all_are_told_nobody_is_left_out),
        TEST(nobody_is_left_out_by_a_change_that_never_was),
        TEST(a_change_tells_so_many_of_all_its_alerts),
        TEST(all_alerts_of_a_change_are_raised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
