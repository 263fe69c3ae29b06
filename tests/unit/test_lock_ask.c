#include "lib/lock_double.h"

#include <stdio.h>

static void assert_refused(const char *input, enum err expected, const char *name)
{
    struct lock_ask parsed;
    struct span field;

    assert_int_equal(lock_parse(OBJECT_ADD, input, &parsed, &field), expected);
    assert_true(span_equal(field, span_from_str(name)));
}

static void a_ttl_outside_of_the_limits_is_refused(void **state)
{
    static const char *const ttls[] = {"0",       "-1",       "2147483648", "1000000000000000000", "1e18", "999",
                                       "3600001", "\"5000\"", "1500.5",     "18446744073709551615"};

    (void)state;
    for (size_t i = 0; i < sizeof(ttls) / sizeof(ttls[0]); i++) {
        char input[80];

        (void)snprintf(input, sizeof(input), "{\"ttl_ms\":%s}", ttls[i]);
        assert_refused(input, ERR_BAD_FIELD, "ttl_ms");
    }
    assert_refused("{\"ttl\":0}", ERR_BAD_FIELD, "ttl");
    assert_refused("{\"ttl\":-1}", ERR_BAD_FIELD, "ttl");
    assert_refused("{\"ttl\":3601}", ERR_BAD_FIELD, "ttl");
    assert_refused("{\"ttl\":2147483648}", ERR_BAD_FIELD, "ttl");
    assert_refused("{\"ttl\":18446744073709552}", ERR_BAD_FIELD, "ttl"); /* times 1000 it would be small again */
}

static void a_ttl_is_told_in_milliseconds_or_in_seconds(void **state)
{
    struct lock_ask parsed;
    struct span field;

    (void)state;
    assert_int_equal(lock_parse(OBJECT_ADD, "{\"ttl_ms\":1000}", &parsed, &field), OK);
    assert_int_equal(parsed.ttl_ms, 1000);
    assert_int_equal(lock_parse(OBJECT_ADD, "{\"ttl\":3600}", &parsed, &field), OK);
    assert_int_equal(parsed.ttl_ms, 3600000);
    assert_int_equal(lock_parse(OBJECT_ADD, "{\"ttl\":null}", &parsed, &field), OK);
    assert_false(parsed.has_ttl);
}

static void a_path_must_name_something_that_can_be_locked(void **state)
{
    (void)state;
    assert_refused("{\"path\":\"color\"}", ERR_UNKNOWN_FIELD, "color");
    assert_refused("{\"path\":\"items[2]\"}", ERR_POSITION_IN_PATH, "path");
    assert_refused("{\"path\":\"/items/2/qty\"}", ERR_POSITION_IN_PATH, "path");
    assert_refused("{\"path\":\"status.x\"}", ERR_BAD_PATH, "status");
    assert_refused("{\"path\":\"items.qty\"}", ERR_BAD_PATH, "items");
    assert_refused("{\"path\":\"/address/@a\"}", ERR_BAD_PATH, "address");
    assert_refused("{\"path\":\"@a\"}", ERR_BAD_PATH, "path");
    assert_refused("{\"path\":5}", ERR_BAD_FIELD, "path");
}

static void other_members_must_be_of_their_kinds(void **state)
{
    (void)state;
    assert_refused("{\"token\":0}", ERR_BAD_FIELD, "token");
    assert_refused("{\"token\":-5}", ERR_BAD_FIELD, "token");
    assert_refused("{\"token\":\"5\"}", ERR_BAD_FIELD, "token");
    assert_refused("{\"soft\":1}", ERR_BAD_FIELD, "soft");
    assert_refused("{\"note\":7}", ERR_BAD_FIELD, "note");
    assert_refused("{\"note\":\"\\u0007\"}", ERR_BAD_FIELD, "note");
    assert_refused("{\"user_id\":[]}", ERR_BAD_FIELD, "user_id");
    assert_refused("[]", ERR_BAD_REQUEST, "");
}

static void a_note_has_a_limit(void **state)
{
    char input[LOCK_NOTE_BYTES_MAX + 40];

    (void)state;
    (void)snprintf(input, sizeof(input), "{\"note\":\"%0*d\"}", LOCK_NOTE_BYTES_MAX, 0);
    assert_refused(input, OK, "");
    (void)snprintf(input, sizeof(input), "{\"note\":\"%0*d\"}", LOCK_NOTE_BYTES_MAX + 1, 0);
    assert_refused(input, ERR_BAD_FIELD, "note");
}

static void verbs_of_other_kinds_are_refused(void **state)
{
    struct lock_ask parsed;
    struct span field;

    (void)state;
    assert_int_equal(lock_parse(OBJECT_RESOLVE, "{}", &parsed, &field), ERR_BAD_FIELD);
    assert_int_equal(lock_parse(OBJECT_EXPIRE, "{}", &parsed, &field), ERR_BAD_FIELD);
}

static void without_any_input_it_is_the_whole_record(void **state)
{
    struct lock_ask parsed;
    struct span field;

    (void)state;
    assert_int_equal(lock_ask_parse(&locks.arena, locks.type, OBJECT_ADD, NULL, &parsed, &field), OK);
    assert_int_equal(parsed.path.depth, 0);
    assert_int_equal(lock_parse(OBJECT_ADD, "{\"path\":\"/\"}", &parsed, &field), OK);
    assert_int_equal(parsed.path.depth, 0);
    assert_int_equal(lock_parse(OBJECT_ADD, "{\"path\":\"/items/@a/qty\"}", &parsed, &field), OK);
    assert_int_equal(parsed.path.depth, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lock_double_set_up, lock_double_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_ttl_outside_of_the_limits_is_refused),
        TEST(a_ttl_is_told_in_milliseconds_or_in_seconds),
        TEST(a_path_must_name_something_that_can_be_locked),
        TEST(other_members_must_be_of_their_kinds),
        TEST(a_note_has_a_limit),
        TEST(verbs_of_other_kinds_are_refused),
        TEST(without_any_input_it_is_the_whole_record),
    };

    return cmocka_run_group_tests(tests, lock_double_set_up_all, lock_double_tear_down_all);
}
