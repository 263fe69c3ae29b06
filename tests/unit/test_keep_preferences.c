#include "collab/keep/keep.h"
#include "base/buf.h"
#include "lib/object_double.h"

/* ---- builders ---- */

static struct answer *put(session_id session, const char *room, const char *input)
{
    return object_ask(session, room, OBJECT_PREFERENCES, OBJECT_EDIT, "", input);
}

static void preferences_are_one_object_and_put_whole(void **state)
{
    const struct answer *answer = put(AMIR, "user:3", "{\"types\":{\"mention\":{\"sound\":true,\"smell\":true}}}");
    const struct object *kept;

    (void)state;
    assert_done(answer);
    assert_int_equal(answer->object_kind, OBJECT_PREFERENCES);
    assert_string_equal(answered(answer, "types"), "{\"mention\":{\"sound\":true}}");
    assert_string_equal(answered(answer, "default"), "{}");
    hub_double_advance(world, 1000);
    answer = put(AMIR, "user:3", "{\"default\":{\"toast\":false}}");
    assert_string_equal(answered(answer, "types"), "{}");
    assert_string_equal(answered(answer, "default"), "{\"toast\":false}");
    assert_string_equal(answered(answer, "created_at"), "1970-01-01T00:00:01.000Z");
    assert_string_equal(answered(answer, "updated_at"), "1970-01-01T00:00:02.000Z");
    kept = model_store_object(&world->store, OBJECT_PREFERENCES, SPAN("3"));
    assert_true(span_equal(kept->body, answer->object));
    assert_int_equal(kept->revision, 2);
}

static void his_other_devices_hear_of_it(void **state)
{
    (void)state;
    object_listen(AMIR, "user:3");
    assert_done(put(AMIR, "user:3", "{}"));
    assert_int_equal(object_heard("user:3")->object.verb, OBJECT_EDIT);
}

static void they_count_for_what_he_is_told_from_then_on(void **state)
{
    (void)state;
    assert_done(put(AMIR, "user:3", "{\"types\":{\"mention\":{\"on\":false},\"message\":{\"desktop\":true}}}"));
    object_ask(MARIA, "order:O-1", OBJECT_COMMENT, OBJECT_ADD, "", "{\"text\":\"@amir\"}");
    assert_int_equal(object_notices("3", "mention"), 0);
    object_ask(MARIA, "user:3", OBJECT_MESSAGE, OBJECT_ADD, "", "{\"text\":\"x\"}");
    assert_string_equal(member_of(object_notice("3"), "show.desktop"), "true");
}

static void nobody_sets_them_for_somebody_else_but_an_admin(void **state)
{
    (void)state;
    assert_refused_for(put(MARIA, "user:3", "{}"), ERR_FORBIDDEN, "");
    assert_refused_for(put(MARIA, "order:O-1", "{}"), ERR_NOT_FOUND, "");
    assert_done(put(ADA, "user:3", "{}"));
}

static void a_choice_is_true_or_false(void **state)
{
    (void)state;
    assert_refused_for(put(AMIR, "user:3", "{\"default\":{\"toast\":1}}"), ERR_BAD_FIELD, "default");
    assert_refused_for(put(AMIR, "user:3", "{\"default\":[]}"), ERR_BAD_FIELD, "default");
    assert_refused_for(put(AMIR, "user:3", "{\"types\":{\"mention\":true}}"), ERR_BAD_FIELD, "types");
    assert_refused_for(put(AMIR, "user:3", "{\"types\":{\"\":{}}}"), ERR_BAD_FIELD, "types");
    assert_refused_for(put(AMIR, "user:3", "{\"types\":{\"mention\":{\"on\":\"yes\"}}}"), ERR_BAD_FIELD, "types");
    assert_refused_for(object_ask(AMIR, "user:3", OBJECT_PREFERENCES, OBJECT_ADD, "", "{}"), ERR_UNKNOWN_ACTION,
                       "verb");
}

static void there_are_at_most_64_types(void **state)
{
    struct buf input = BUF_EMPTY;

    (void)state;
    for (unsigned count = 64; count <= 65; count++) {
        buf_reset(&input);
        buf_append_str(&input, "{\"types\":{\"t\":{}");
        for (unsigned i = 1; i < count; i++)
            buf_printf(&input, ",\"t%u\":{\"on\":true}", i);
        buf_append(&input, "}}", 3);
        assert_int_equal(put(AMIR, "user:3", input.data)->err, count == 64 ? OK : ERR_BAD_FIELD);
    }
    buf_deinit(&input);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, object_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(preferences_are_one_object_and_put_whole),
        TEST(his_other_devices_hear_of_it),
        TEST(they_count_for_what_he_is_told_from_then_on),
        TEST(nobody_sets_them_for_somebody_else_but_an_admin),
        TEST(a_choice_is_true_or_false),
        TEST(there_are_at_most_64_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
