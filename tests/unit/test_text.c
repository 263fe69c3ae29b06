#include "collab/change/text.h"
#include "lib/arena_stage.h"
#include "wire/json.h"

#include <stdio.h>
#include <string.h>

static bool is_valid(const char *edit)
{
    struct json json = {0};
    bool valid;

    assert_int_equal(json_parse(&json, span_from_str(edit), &json_limits_default), OK);
    valid = text_edit_is_valid(json.root);
    json_deinit(&json);
    return valid;
}

static struct span written(const char *edit)
{
    struct buf out = BUF_EMPTY;
    struct json json = {0};
    struct span copy;

    assert_int_equal(json_parse(&json, span_from_str(edit), &json_limits_default), OK);
    assert_true(text_edit_is_valid(json.root));
    text_edit_write(&out, json.root);
    copy = arena_copy(&arena, buf_span(&out));
    buf_deinit(&out);
    json_deinit(&json);
    return copy;
}

static enum err apply(const char *text, const char *edit, struct span *after)
{
    struct buf out = BUF_EMPTY;
    struct json json = {0};
    enum err err;

    assert_int_equal(json_parse(&json, span_from_str(edit), &json_limits_default), OK);
    err = text_edit_apply(span_from_str(text), json.root, &out);
    *after = arena_copy(&arena, buf_span(&out));
    buf_deinit(&out);
    json_deinit(&json);
    return err;
}

static void an_edit_is_an_array_of_lengths_texts_and_deletions(void **state)
{
    static const char *const bad[] = {"[]",
                                      "{}",
                                      "\"x\"",
                                      "[-1]",
                                      "[1.5]",
                                      "[null]",
                                      "[true]",
                                      "[[1]]",
                                      "[{}]",
                                      "[{\"d\":\"1\"}]",
                                      "[{\"d\":1,\"e\":2}]",
                                      "[{\"i\":1}]",
                                      "[1073741825]"};

    (void)state;
    assert_true(is_valid("[5,\"new\",{\"d\":2}]"));
    assert_true(is_valid("[1073741824]"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (is_valid(bad[i]))
            fail_msg("%s", bad[i]);
}

static void an_edit_has_a_thousand_steps_at_most(void **state)
{
    struct buf edit = BUF_EMPTY;

    (void)state;
    for (unsigned i = 0; i < TEXT_EDIT_STEPS_MAX; i++)
        buf_append_str(&edit, i > 0 ? ",1" : "[1");
    buf_append(&edit, "]", 2);
    assert_true(is_valid(edit.data));
    edit.len -= 2;
    buf_append(&edit, ",1]", 4);
    assert_false(is_valid(edit.data));
    buf_deinit(&edit);
}

static void steps_that_do_nothing_are_left_out(void **state)
{
    (void)state;
    assert_text(written("[0,\"new\"]"), "[\"new\"]");
    assert_text(written("[3,\"\",{\"d\":0},{\"d\":2},0]"), "[3,{\"d\":2}]");
    assert_text(written("[5,\"n\\\"\",{\"d\":2}]"), "[5,\"n\\\"\",{\"d\":2}]");
    assert_text(written("[0]"), "[]");
}

static void an_edit_of_nothing_changes_nothing(void **state)
{
    struct span after;

    (void)state;
    assert_int_equal(apply("as it was", "[]", &after), OK);
    assert_text(after, "as it was");
}

static void an_edit_walks_over_the_old_text(void **state)
{
    struct span after;

    (void)state;
    assert_int_equal(apply("hello world", "[5,\",\",1,{\"d\":5},\"all\"]", &after), OK);
    assert_text(after, "hello, all");
    assert_int_equal(apply("short", "[6]", &after), ERR_BAD_OFFSET);
    assert_int_equal(apply("\xf0\x9f\x98\x80", "[1,\"x\"]", &after), ERR_BAD_OFFSET);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, arena_stage_set_up, arena_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_edit_is_an_array_of_lengths_texts_and_deletions),
        TEST(an_edit_has_a_thousand_steps_at_most),
        TEST(steps_that_do_nothing_are_left_out),
        TEST(an_edit_of_nothing_changes_nothing),
        TEST(an_edit_walks_over_the_old_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
