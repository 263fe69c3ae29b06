#include "lib/object_double.h"

#include <stdio.h>

static const char room[] = "job:J-1";

static void set(session_id session, const char *patch)
{
    assert_ok(hub_double_change(world, session, user_of(session), room, CHANGE_UPDATE, "", patch));
}

static int set_up(void **state)
{
    object_set_up(state);
    assert_ok(hub_double_change(world, ADA, user_of(ADA), room, CHANGE_CREATE, "", "{\"title\":\"x\"}"));
    return 0;
}

static unsigned assignments(const char *user_id)
{
    return object_notices(user_id, "assignment");
}

static void who_is_made_responsible_is_told(void **state)
{
    static const char *const fields[] = {"assigned_to", "assignee", "owner", "manager"};
    char text[80];

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        (void)snprintf(text, sizeof(text), "{\"%s\":\"amir\"}", fields[i]);
        set(MARIA, text);
        assert_int_equal(assignments("3"), i + 1);
        (void)snprintf(text, sizeof(text), "maria put your name in \"%s\".", fields[i]);
        assert_string_equal(member_of(object_notice("3"), "message"), text);
        assert_string_equal(member_of(object_notice("3"), "title"), "Assigned to you: job J-1");
        assert_string_equal(member_of(object_notice("3"), "username"), "maria");
    }
}

static void all_of_them_are_told_of_one_change(void **state)
{
    (void)state;
    set(MARIA, "{\"assigned_to\":\"amir\",\"assignee\":\"li\",\"owner\":\"john\",\"manager\":\"vera\"}");
    assert_int_equal(assignments("3"), 1);
    assert_int_equal(assignments("4"), 1);
    assert_int_equal(assignments("5"), 1);
    assert_int_equal(assignments("8"), 1);
}

static void whoever_makes_a_record_for_somebody_tells_him(void **state)
{
    (void)state;
    assert_ok(
        hub_double_change(world, MARIA, user_of(MARIA), "job:J-2", CHANGE_CREATE, "", "{\"assigned_to\":\"amir\"}"));
    assert_int_equal(assignments("3"), 1);
}

static void who_takes_it_himself_is_not_told(void **state)
{
    (void)state;
    set(MARIA, "{\"assigned_to\":\"MARIA\"}");
    assert_int_equal(assignments("2"), 0);
}

static void who_has_it_already_is_not_told_again(void **state)
{
    (void)state;
    set(MARIA, "{\"assigned_to\":\"amir\"}");
    set(LI, "{\"assigned_to\":\"amir\",\"title\":\"y\"}");
    assert_int_equal(assignments("3"), 1);
}

static void a_name_that_nobody_has_is_just_a_name(void **state)
{
    (void)state;
    set(MARIA, "{\"assigned_to\":\"the night shift\"}");
    set(MARIA, "{\"assigned_to\":null}");
    set(MARIA, "{\"assigned_to\":\"\"}");
}

static void who_does_not_want_to_know_is_not_told(void **state)
{
    (void)state;
    assert_ok(object_ask(AMIR, "user:3", OBJECT_PREFERENCES, OBJECT_EDIT, "", "{\"default\":{\"on\":false}}"));
    set(MARIA, "{\"assigned_to\":\"amir\"}");
    assert_int_equal(assignments("3"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_is_made_responsible_is_told),
        TEST(all_of_them_are_told_of_one_change),
        TEST(whoever_makes_a_record_for_somebody_tells_him),
        TEST(who_takes_it_himself_is_not_told),
        TEST(who_has_it_already_is_not_told_again),
        TEST(a_name_that_nobody_has_is_just_a_name),
        TEST(who_does_not_want_to_know_is_not_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
