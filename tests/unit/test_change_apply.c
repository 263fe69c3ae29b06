#include "lib/change_stage.h"

#include <stdio.h>

/* ---- collections -------------------------------------------------------------------------------------------------- */

static void items_are_sorted_by_pos_and_id(void **state)
{
    (void)state;
    assert_int_equal(change_try_patch("{\"items\":[{\"id\":\"c\",\"pos\":\"b\",\"n\":1},{\"id\":\"b\",\"pos\":\"b\"},"
                                      "{\"n\":3,\"id\":\"z\",\"pos\":\"a\"}]}"),
                     OK);
    assert_applied("{}", "{\"items\":[{\"id\":\"z\",\"pos\":\"a\",\"n\":3},{\"id\":\"b\",\"pos\":\"b\"},"
                         "{\"id\":\"c\",\"pos\":\"b\",\"n\":1}]}");
}

static void items_without_id_and_pos_get_them(void **state)
{
    (void)state;
    assert_int_equal(change_try_patch("{\"items\":[{\"sku\":\"A\"},{\"id\":\"i1\",\"sku\":\"B\"}]}"), OK);
    assert_applied("{}", "{\"items\":[{\"id\":\"i2\",\"pos\":\"V000\",\"sku\":\"A\"},"
                         "{\"id\":\"i1\",\"pos\":\"V001\",\"sku\":\"B\"}]}");
}

static void an_item_is_inserted_where_its_pos_says(void **state)
{
    (void)state;
    assert_op("{\"ops\":[{\"op\":\"ins\",\"path\":\"/items/@n\",\"pos\":\"m\",\"value\":{\"qty\":1}}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\"},{\"id\":\"z\",\"pos\":\"z\"}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\"},{\"id\":\"n\",\"pos\":\"m\",\"qty\":1},"
              "{\"id\":\"z\",\"pos\":\"z\"}]}");
    assert_text(tried.change.ops[0].before, "");
    assert_text(tried.change.ops[0].after, "{\"id\":\"n\",\"pos\":\"m\",\"qty\":1}");
    assert_op("{\"ops\":[{\"op\":\"ins\",\"coll\":\"items\",\"id\":\"n\",\"pos\":\"m\",\"value\":{\"qty\":1}}]}", "{}",
              "{\"items\":[{\"id\":\"n\",\"pos\":\"m\",\"qty\":1}]}");
}

static void an_item_without_pos_comes_last(void **state)
{
    (void)state;
    assert_op("{\"ops\":[{\"op\":\"ins\",\"path\":\"/items/@n\",\"value\":{}}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"V00z\"}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"V00z\"},{\"id\":\"n\",\"pos\":\"V010\"}]}");
    assert_text(tried.change.ops[0].pos, "V010");
    assert_op("{\"ops\":[{\"op\":\"ins\",\"path\":\"/items/@n\",\"value\":{}}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"zz\"}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"zz\"},{\"id\":\"n\",\"pos\":\"zzV\"}]}");
}

static void inserting_an_item_twice_does_nothing(void **state)
{
    (void)state;
    assert_op("{\"ops\":[{\"op\":\"ins\",\"path\":\"/items/@a\",\"pos\":\"b\",\"value\":{\"qty\":2}}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"qty\":1}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"qty\":1}]}");
    assert_true(change_is_empty(&tried.change));
}

static void an_item_moves_without_losing_anything(void **state)
{
    (void)state;
    assert_op("{\"ops\":[{\"op\":\"mov\",\"path\":\"/items/@a\",\"pos\":\"c\"}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"q\":1},{\"id\":\"b\",\"pos\":\"b\"}]}",
              "{\"items\":[{\"id\":\"b\",\"pos\":\"b\"},{\"id\":\"a\",\"pos\":\"c\",\"q\":1}]}");
    assert_text(tried.change.ops[0].before, "\"a\"");
    assert_text(tried.change.ops[0].after, "\"c\"");
}

static void an_items_members_are_set_by_its_id(void **state)
{
    (void)state;
    assert_op("{\"operation\":\"update\",\"path\":\"items.@b.qty\",\"after\":7}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\"},{\"id\":\"b\",\"pos\":\"b\",\"qty\":1}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\"},{\"id\":\"b\",\"pos\":\"b\",\"qty\":7}]}");
    assert_op("{\"operation\":\"update\",\"path\":\"/items/@b\",\"after\":{\"x\":1,\"id\":\"zzz\"}}",
              "{\"items\":[{\"id\":\"b\",\"pos\":\"b\",\"qty\":1}]}",
              "{\"items\":[{\"id\":\"b\",\"pos\":\"b\",\"x\":1}]}");
    assert_op("{\"operation\":\"delete\",\"path\":\"/items/@b\"}",
              "{\"items\":[{\"id\":\"b\",\"pos\":\"b\",\"qty\":1}]}", "{\"items\":[]}");
    assert_text(tried.change.ops[0].before, "{\"id\":\"b\",\"pos\":\"b\",\"qty\":1}");
}

static void what_is_missing_is_left_alone(void **state)
{
    static const char *ops[] = {
        "{\"operation\":\"update\",\"path\":\"/items/@x/qty\",\"after\":7}",
        "{\"operation\":\"update\",\"path\":\"/items/@x\",\"after\":{}}",
        "{\"operation\":\"delete\",\"path\":\"/items/@x\"}",
        "{\"operation\":\"move\",\"path\":\"/items/@x\",\"after\":\"q\"}",
        "{\"operation\":\"delete\",\"path\":\"/address/city\"}",
        "{\"operation\":\"update\",\"path\":\"/address/geo/lat\",\"after\":1}",
        "{\"operation\":\"increment\",\"path\":\"/items/@a/name\",\"n\":1}",
        "{\"operation\":\"text\",\"path\":\"/items/@a/missing\",\"value\":[\"x\"]}",
        "{\"operation\":\"delete\",\"path\":\"qty\"}",
    };
    const char *record_state = "{\"title\":\"A\",\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"name\":\"n\"}]}";

    (void)state;
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        assert_op(ops[i], record_state, record_state);
        assert_true(change_is_empty(&tried.change));
    }
}

/* ---- items inside of items ---------------------------------------------------------------------------------------- */

static void an_item_cannot_be_put_into_itself(void **state)
{
    static const char tree[] = "{\"items\":[{\"id\":\"a\",\"pos\":\"a\"},{\"id\":\"b\",\"pos\":\"b\",\"parent\":\"a\"},"
                               "{\"id\":\"c\",\"pos\":\"c\",\"parent\":\"b\"}]}";
    static const char *bad[] = {
        "{\"operation\":\"update\",\"path\":\"/items/@a/parent\",\"after\":\"c\"}",
        "{\"operation\":\"update\",\"path\":\"/items/@a/parent\",\"after\":\"a\"}",
        "{\"operation\":\"update\",\"path\":\"/items/@b\",\"after\":{\"parent\":\"c\"}}",
        "{\"operation\":\"insert\",\"path\":\"/items/@d\",\"after\":{\"parent\":\"d\"}}",
        ("{\"operation\":\"update\",\"path\":\"/items\",\"after\":[{\"id\":\"x\",\"parent\":\"y\"},"
         "{\"id\":\"y\",\"parent\":\"x\"}]}"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(change_try(bad[i]), OK);
        assert_int_equal(change_try_on(tree), ERR_CYCLIC_MOVE);
        assert_int_equal(tried.state.len, 0);
    }
}

static void items_may_change_places_in_a_tree(void **state)
{
    (void)state;
    assert_int_equal(change_try("{\"ops\":[{\"op\":\"set\",\"path\":\"/items/@a/parent\",\"value\":\"b\"},"
                                "{\"op\":\"del\",\"path\":\"/items/@b/parent\"}]}"),
                     OK);
    assert_int_equal(
        change_try_on("{\"items\":[{\"id\":\"a\",\"pos\":\"a\"},{\"id\":\"b\",\"pos\":\"b\",\"parent\":\"a\"}]}"), OK);
    assert_int_equal(
        change_try("{\"operation\":\"update\",\"path\":\"tags\",\"after\":[\"a\",{\"id\":\"b\",\"parent\":\"b\"}]}"),
        OK);
    assert_int_equal(change_try_on("{}"), OK); /* what is in a plain value is not a tree */
}

/* ---- numbers and texts -------------------------------------------------------------------------------------------- */

static void an_increment_adds(void **state)
{
    (void)state;
    assert_op("{\"ops\":[{\"op\":\"inc\",\"path\":\"qty\",\"n\":-2}]}", "{\"qty\":5}", "{\"qty\":3}");
    assert_text(tried.change.ops[0].before, "5");
    assert_text(tried.change.ops[0].after, "3");
    assert_op("{\"ops\":[{\"op\":\"inc\",\"path\":\"qty\",\"n\":2}]}", "{}", "{\"qty\":2}");
    assert_op("{\"ops\":[{\"op\":\"inc\",\"path\":\"/items/@a/w\",\"n\":0.5}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"w\":1}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"w\":1.5}]}");
    assert_op("{\"ops\":[{\"op\":\"inc\",\"path\":\"/items/@a/w\",\"n\":1}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"w\":9223372036854775807}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"w\":9223372036854776000.0}]}");
}

static void an_increment_stays_in_the_fields_range(void **state)
{
    (void)state;
    assert_int_equal(change_try("{\"ops\":[{\"op\":\"set\",\"path\":\"rush\",\"value\":true},"
                                "{\"op\":\"inc\",\"path\":\"qty\",\"n\":-6}]}"),
                     OK);
    assert_int_equal(change_try_on("{\"qty\":5}"), ERR_BAD_FIELD);
    assert_int_equal(tried.change.failed_op, 1);
    assert_int_equal(tried.state.len, 0);
    buf_reset(&tried.state);
    assert_int_equal(change_apply(&arena, NULL, SPAN("{\"qty\":5}"), 65536, &tried.change, &tried.state),
                     OK); /* a replay */
    assert_text(buf_span(&tried.state), "{\"qty\":-1,\"rush\":true}");
}

static void a_text_edit_counts_as_javascript_does(void **state)
{
    (void)state;
    assert_op("{\"ops\":[{\"op\":\"txt\",\"path\":\"notes\",\"value\":[5,\" there\",{\"d\":1}]}]}",
              "{\"notes\":\"hello!?\"}", "{\"notes\":\"hello there?\"}");
    /* an emoji is two units */
    assert_op("{\"ops\":[{\"op\":\"txt\",\"path\":\"notes\",\"value\":[3,\"x\"]}]}",
              "{\"notes\":\"a\xf0\x9f\x98\x80z\"}", "{\"notes\":\"a\xf0\x9f\x98\x80xz\"}");
    assert_op("{\"ops\":[{\"op\":\"txt\",\"path\":\"notes\",\"value\":[1,{\"d\":2}]}]}",
              "{\"notes\":\"a\xf0\x9f\x98\x80z\"}", "{\"notes\":\"az\"}");
    assert_op("{\"ops\":[{\"op\":\"txt\",\"path\":\"notes\",\"value\":[2,\"!\"]}]}", "{\"notes\":\"hi\"}",
              "{\"notes\":\"hi!\"}");
    assert_op("{\"ops\":[{\"op\":\"txt\",\"path\":\"notes\",\"value\":[{\"d\":2}]}]}", "{\"notes\":\"hi\"}",
              "{\"notes\":\"\"}");
    assert_op("{\"ops\":[{\"op\":\"txt\",\"path\":\"notes\",\"value\":[\"new\"]}]}", "{}", "{\"notes\":\"new\"}");
}

static void a_text_edit_must_fit_the_text(void **state)
{
    static const char *bad[] = {
        "[2,\"x\"]",     /* inside the pair */
        "[1,{\"d\":1}]", /* half of it */
        "[9,\"x\"]",     /* beyond the end */
        "[{\"d\":9}]",
    };
    char op[128];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(op, sizeof(op), "{\"ops\":[{\"op\":\"txt\",\"path\":\"notes\",\"value\":%s}]}", bad[i]);
        assert_int_equal(change_try(op), OK);
        assert_int_equal(change_try_on("{\"notes\":\"a\xf0\x9f\x98\x80z\"}"), ERR_BAD_OFFSET);
        assert_int_equal(tried.state.len, 0);
    }
    assert_int_equal(change_try("{\"ops\":[{\"op\":\"txt\",\"path\":\"title\",\"value\":[\"0123456789\"]}]}"), OK);
    assert_int_equal(change_try_on("{\"title\":\"01234567890\"}"), ERR_BAD_FIELD); /* longer than a title may be */
}

static void a_failed_test_refuses_the_whole_change(void **state)
{
    (void)state;
    assert_int_equal(change_try("{\"ops\":[{\"op\":\"set\",\"path\":\"qty\",\"value\":1},"
                                "{\"op\":\"test\",\"path\":\"status\",\"value\":\"open\"}]}"),
                     OK);
    assert_applied("{\"status\":\"open\"}", "{\"status\":\"open\",\"qty\":1}");
    assert_int_equal(change_try_on("{\"status\":\"done\"}"), ERR_CONFLICT);
    assert_int_equal(tried.change.failed_op, 1);
    assert_op("{\"ops\":[{\"op\":\"test\",\"path\":\"qty\",\"value\":null}]}", "{}", "{}");
    assert_op("{\"ops\":[{\"op\":\"test\",\"path\":\"qty\"}]}", "{}", "{}");
    assert_op("{\"ops\":[{\"op\":\"test\",\"path\":\"tags\",\"value\":{\"b\":1,\"a\":[2]}}]}",
              "{\"tags\":{\"a\":[2],\"b\":1}}", "{\"tags\":{\"a\":[2],\"b\":1}}");
    assert_op("{\"ops\":[{\"op\":\"test\",\"path\":\"approved_by\",\"value\":\"x\"}]}", "{\"approved_by\":\"x\"}",
              "{\"approved_by\":\"x\"}");
}

static void sums_of_decimals_are_decimals(void **state)
{
    (void)state;
    assert_int_equal(change_try("{\"operation\":\"increment\",\"path\":\"/items/@a/w\",\"n\":0.2}"), OK);
    assert_int_equal(change_try_on("{\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"w\":0.1}]}"), OK);
    assert_text(buf_span(&tried.state), "{\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"w\":0.3}]}");
}

static void a_record_may_not_outgrow_its_limit(void **state)
{
    (void)state;
    assert_int_equal(change_try_patch("{\"notes\":\"0123456789\"}"), OK);
    buf_append_str(&tried.state, "before:");
    assert_int_equal(change_apply(&arena, tried.type, SPAN("{}"), 10, &tried.change, &tried.state), ERR_TOO_LARGE);
    assert_text(buf_span(&tried.state), "before:");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, change_stage_set_up, change_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(items_are_sorted_by_pos_and_id),
        TEST(items_without_id_and_pos_get_them),
        TEST(an_item_is_inserted_where_its_pos_says),
        TEST(an_item_without_pos_comes_last),
        TEST(inserting_an_item_twice_does_nothing),
        TEST(an_item_moves_without_losing_anything),
        TEST(an_items_members_are_set_by_its_id),
        TEST(what_is_missing_is_left_alone),
        TEST(an_increment_adds),
        TEST(an_increment_stays_in_the_fields_range),
        TEST(a_text_edit_counts_as_javascript_does),
        TEST(a_text_edit_must_fit_the_text),
        TEST(a_failed_test_refuses_the_whole_change),
        TEST(a_record_may_not_outgrow_its_limit),
        TEST(an_item_cannot_be_put_into_itself),
        TEST(items_may_change_places_in_a_tree),
        TEST(sums_of_decimals_are_decimals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
