#include "lib/change_stage.h"

#include <string.h>

/* ---- records ------------------------------------------------------------------------------------------------------ */

static void a_record_gets_its_defaults_in_the_order_of_the_type(void **state)
{
    (void)state;
    assert_int_equal(change_try_record("{\"qty\":3,\"title\":\"A\"}"), OK);
    assert_int_equal(tried.change.kind, CHANGE_CREATE);
    assert_applied("", "{\"title\":\"A\",\"status\":\"draft\",\"qty\":3}");
}

static void a_record_may_bring_its_id(void **state)
{
    (void)state;
    assert_int_equal(change_try_record("{\"id\":\"ORD-9\",\"title\":\"A\"}"), OK);
    assert_text(tried.change.entity_id, "ORD-9");
    assert_wrong(change_try_record("{\"id\":\"a/b\",\"title\":\"A\"}"), ERR_BAD_FIELD, "id");
    assert_wrong(change_try_patch("{\"id\":\"ORD-2\"}"), ERR_BAD_FIELD, "id");
    assert_int_equal(change_try_patch("{\"id\":\"ORD-1\"}"), OK);
    assert_int_equal(tried.change.op_count, 0);
}

static void a_record_must_suit_its_type(void **state)
{
    (void)state;
    assert_wrong(change_try_record("{\"qty\":3}"), ERR_MISSING_FIELD, "title");
    assert_wrong(change_try_record("{\"title\":null}"), ERR_MISSING_FIELD, "title");
    assert_wrong(change_try_record("{\"title\":\"A\",\"colour\":1}"), ERR_UNKNOWN_FIELD, "colour");
    assert_wrong(change_try_record("{\"title\":\"A\",\"price\":1}"), ERR_FORBIDDEN, "price");
    assert_wrong(change_try_record("{\"title\":\"A\",\"approved_by\":\"me\"}"), ERR_FORBIDDEN, "approved_by");
    assert_wrong(change_try_record("[]"), ERR_BAD_REQUEST, "");
}

static void values_must_suit_their_fields(void **state)
{
    static const char *bad[][2] = {
        {"{\"title\":5}", "title"},
        {"{\"title\":\"123456789012345678901\"}", "title"},
        {"{\"title\":\"a\\nb\"}", "title"},
        {"{\"status\":\"lost\"}", "status"},
        {"{\"qty\":1.5}", "qty"},
        {"{\"qty\":-1}", "qty"},
        {"{\"qty\":101}", "qty"},
        {"{\"qty\":\"5\"}", "qty"},
        {"{\"rush\":1}", "rush"},
        {"{\"due\":\"soon\"}", "due"},
        {"{\"due\":\"2026-02-30\"}", "due"},
        {"{\"due\":\"2026-02-3\"}", "due"},
        {"{\"address\":\"here\"}", "address"},
        {"{\"items\":{}}", "items"},
        {"{\"items\":[1]}", "items"},
        {"{\"items\":[{\"id\":\"a\"},{\"id\":\"a\"}]}", "items"},
        {"{\"items\":[{\"id\":\"a/b\"}]}", "items"},
        {"{\"items\":[{\"pos\":\"\"}]}", "items"},
        {"{\"address\":{\"@x\":1}}", "address"},
        {"{\"address\":{\"\":1}}", "address"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_wrong(change_try_patch(bad[i][0]), ERR_BAD_FIELD, bad[i][1]);
    assert_int_equal(change_try_patch("{\"due\":\"2026-02-28\",\"notes\":\"a\\n\\tb\",\"tags\":[1,{\"a\":null}]}"), OK);
    assert_int_equal(
        change_try_patch("{\"due\":\"2026-02-28T10:00:00+07:00\",\"title\":\"\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\"}"),
        OK);
}

static void a_value_may_not_be_too_deep(void **state)
{
    char text[256] = "{\"tags\":";

    (void)state;
    for (int i = 0; i < 28; i++)
        strncat(text, "[", 2);
    for (int i = 0; i < 28; i++)
        strncat(text, "]", 2);
    strncat(text, "}", 2);
    assert_wrong(change_try_patch(text), ERR_TOO_DEEP, "tags");
}

/* ---- patches ------------------------------------------------------------------------------------------------------ */

static void a_patch_sets_and_removes(void **state)
{
    (void)state;
    assert_int_equal(change_try_patch("{\"status\":\"open\",\"qty\":null}"), OK);
    assert_applied("{\"title\":\"A\",\"status\":\"draft\",\"qty\":3}", "{\"title\":\"A\",\"status\":\"open\"}");
    assert_text(tried.change.ops[0].before, "\"draft\"");
    assert_text(tried.change.ops[0].after, "\"open\"");
    assert_text(tried.change.ops[1].before, "3");
    assert_text(tried.change.ops[1].after, "");
}

static void a_patch_goes_into_declared_objects(void **state)
{
    (void)state;
    assert_int_equal(change_try_patch("{\"address\":{\"city\":\"Bern\",\"zip\":null,\"7\":true}}"), OK);
    assert_applied("{\"address\":{\"zip\":\"3000\",\"street\":\"X\"}}",
                   "{\"address\":{\"street\":\"X\",\"city\":\"Bern\",\"7\":true}}");
    assert_int_equal(change_try_patch("{\"address\":{\"city\":\"Bern\"}}"), OK);
    assert_applied("{}", "{\"address\":{\"city\":\"Bern\"}}");
}

static void a_patch_replaces_registers_whole(void **state)
{
    (void)state;
    assert_int_equal(change_try_patch("{\"tags\":{\"b\":2}}"), OK);
    assert_applied("{\"tags\":{\"a\":1}}", "{\"tags\":{\"b\":2}}");
}

static void a_patch_may_not_remove_what_is_required(void **state)
{
    (void)state;
    assert_wrong(change_try_patch("{\"title\":null}"), ERR_MISSING_FIELD, "title");
}

static void a_patch_respects_who_may_write(void **state)
{
    (void)state;
    assert_wrong(change_try_patch("{\"qty\":1,\"price\":2}"), ERR_FORBIDDEN, "price");
    tried.change = (struct change){0};
    assert_int_equal(change_from_patch(&arena, tried.type, change_stage_json("{\"price\":2.5}"),
                                       change_stage_writable("manager"), &tried.change, &tried.field),
                     OK);
    assert_wrong(change_from_patch(&arena, tried.type, change_stage_json("{\"qty\":2}"),
                                   change_stage_writable("viewer"), &tried.change, &tried.field),
                 ERR_FORBIDDEN, "qty");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, change_stage_set_up, change_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_record_gets_its_defaults_in_the_order_of_the_type),
        TEST(a_record_may_bring_its_id),
        TEST(a_record_must_suit_its_type),
        TEST(values_must_suit_their_fields),
        TEST(a_value_may_not_be_too_deep),
        TEST(a_patch_sets_and_removes),
        TEST(a_patch_goes_into_declared_objects),
        TEST(a_patch_replaces_registers_whole),
        TEST(a_patch_may_not_remove_what_is_required),
        TEST(a_patch_respects_who_may_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
