#include "lib/change_stage.h"

/* ---- a client's Change -------------------------------------------------------------------------------------------- */

static void a_change_of_one_operation_is_a_batch_of_one(void **state)
{
    (void)state;
    assert_int_equal(change_try("{\"id\":\"src:7\",\"entityId\":\"ORD-1\",\"entityType\":\"order\",\"userId\":\"5\","
                                "\"operation\":\"update\",\"path\":\"status\",\"before\":\"draft\",\"after\":\"open\","
                                "\"timestamp\":\"2026-02-19T13:30:00Z\",\"version\":12,\"metadata\":{\"tab\":1}}"),
                     OK);
    assert_int_equal(tried.change.kind, CHANGE_UPDATE);
    assert_text(tried.change.id, "src:7");
    assert_text(tried.change.entity_id, "ORD-1");
    assert_int_equal(tried.change.base_version, 12);
    assert_text(tried.change.metadata, "{\"tab\":1}");
    assert_applied("{\"status\":\"draft\"}", "{\"status\":\"open\"}");
}

static void without_a_path_the_whole_record_is_meant(void **state)
{
    (void)state;
    assert_int_equal(change_try("{\"operation\":\"insert\",\"entity_id\":\"ORD-5\",\"after\":{\"title\":\"A\"}}"), OK);
    assert_int_equal(tried.change.kind, CHANGE_CREATE);
    assert_text(tried.change.entity_id, "ORD-5");
    assert_int_equal(change_try("{\"operation\":\"update\",\"after\":{\"qty\":1,\"rush\":true}}"), OK);
    assert_int_equal(tried.change.op_count, 2);
    assert_int_equal(change_try("{\"operation\":\"delete\",\"path\":\"/\",\"entityId\":\"ORD-5\"}"), OK);
    assert_int_equal(tried.change.kind, CHANGE_DELETE);
    assert_false(change_is_empty(&tried.change));
    assert_applied("{\"title\":\"A\"}", "");
}

static void inserting_into_an_object_sets_a_key(void **state)
{
    (void)state;
    assert_op("{\"operation\":\"insert\",\"path\":\"address.city\",\"after\":\"Bern\"}", "{}",
              "{\"address\":{\"city\":\"Bern\"}}");
    assert_op("{\"operation\":\"insert\",\"path\":\"items\",\"after\":{\"id\":\"a\",\"qty\":1}}", "{}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"V000\",\"qty\":1}]}");
    assert_op("{\"operation\":\"move\",\"path\":\"/items/@a\",\"after\":{\"pos\":\"b\"}}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"c\"}]}", "{\"items\":[{\"id\":\"a\",\"pos\":\"b\"}]}");
}

static void bad_changes_say_what_is_wrong(void **state)
{
    static const struct {
        const char *text;
        enum err err;
        const char *field;
    } bad[] = {
        {"[]", ERR_BAD_REQUEST, ""},
        {"{}", ERR_MISSING_FIELD, "operation"},
        {"{\"operation\":\"grow\",\"path\":\"qty\"}", ERR_BAD_FIELD, "operation"},
        {"{\"operation\":\"update\",\"path\":7}", ERR_BAD_FIELD, "path"},
        {"{\"operation\":\"update\",\"path\":\"qty\"}", ERR_MISSING_FIELD, "value"},
        {"{\"operation\":\"update\",\"path\":\"colour\",\"after\":1}", ERR_UNKNOWN_FIELD, "colour"},
        {"{\"operation\":\"update\",\"path\":\"price\",\"after\":1}", ERR_FORBIDDEN, "price"},
        {"{\"operation\":\"update\",\"path\":\"approved_by\",\"after\":\"x\"}", ERR_FORBIDDEN, "approved_by"},
        {"{\"operation\":\"update\",\"path\":\"items[0].qty\",\"after\":1}", ERR_POSITION_IN_PATH, "path"},
        {"{\"operation\":\"update\",\"path\":\"a..b\",\"after\":1}", ERR_BAD_PATH, "path"},
        {"{\"operation\":\"update\",\"path\":\"tags.a\",\"after\":1}", ERR_BAD_PATH, "tags"},
        {"{\"operation\":\"update\",\"path\":\"items.x\",\"after\":1}", ERR_BAD_PATH, "items"},
        {"{\"operation\":\"update\",\"path\":\"address.@x\",\"after\":{}}", ERR_BAD_PATH, "address"},
        {"{\"operation\":\"update\",\"path\":\"items.@x.id\",\"after\":\"y\"}", ERR_BAD_PATH, "items"},
        {"{\"operation\":\"delete\",\"path\":\"items.@x.pos\"}", ERR_BAD_PATH, "items"},
        {"{\"operation\":\"update\",\"path\":\"items.@x\",\"after\":5}", ERR_BAD_FIELD, "items"},
        {"{\"operation\":\"insert\",\"path\":\"items\",\"after\":{}}", ERR_MISSING_FIELD, "id"},
        {"{\"operation\":\"insert\",\"path\":\"items\",\"after\":{\"id\":7}}", ERR_BAD_FIELD, "id"},
        {"{\"operation\":\"insert\",\"path\":\"items.@x\",\"after\":5}", ERR_BAD_FIELD, "items"},
        {"{\"operation\":\"insert\",\"path\":\"items.@x\",\"after\":{},\"pos\":\"\"}", ERR_BAD_FIELD, "pos"},
        {"{\"operation\":\"move\",\"path\":\"items.@x\"}", ERR_MISSING_FIELD, "pos"},
        {"{\"operation\":\"move\",\"path\":\"qty\",\"after\":\"a\"}", ERR_BAD_PATH, "qty"},
        {"{\"operation\":\"delete\",\"path\":\"title\"}", ERR_MISSING_FIELD, "title"},
        {"{\"operation\":\"increment\",\"path\":\"qty\",\"n\":1.5}", ERR_BAD_FIELD, "n"},
        {"{\"operation\":\"increment\",\"path\":\"qty\"}", ERR_MISSING_FIELD, "n"},
        {"{\"operation\":\"increment\",\"path\":\"title\",\"n\":1}", ERR_BAD_FIELD, "title"},
        {"{\"operation\":\"text\",\"path\":\"qty\",\"value\":[1]}", ERR_BAD_FIELD, "qty"},
        {"{\"operation\":\"text\",\"path\":\"notes\",\"value\":[]}", ERR_BAD_FIELD, "value"},
        {"{\"operation\":\"text\",\"path\":\"notes\",\"value\":[{\"d\":1,\"e\":2}]}", ERR_BAD_FIELD, "value"},
        {"{\"ops\":[]}", ERR_BAD_FIELD, "ops"},
        {"{\"ops\":[7]}", ERR_BAD_FIELD, "operation"},
        {"{\"ops\":[{\"op\":\"set\"}]}", ERR_MISSING_FIELD, "path"},
        {"{\"operation\":\"move\"}", ERR_MISSING_FIELD, "path"},
        {"{\"operation\":\"move\",\"path\":\"/\"}", ERR_BAD_PATH, "path"},
        {"{\"operation\":\"update\",\"after\":\"x\"}", ERR_MISSING_FIELD, "path"},
        {"{\"operation\":\"update\",\"path\":\"/\",\"after\":\"x\"}", ERR_BAD_FIELD, "after"},
        {"{\"operation\":\"insert\",\"after\":\"x\"}", ERR_BAD_FIELD, "after"},
        {"{\"operation\":\"insert\"}", ERR_MISSING_FIELD, "after"},
        {"{\"operation\":\"delete\",\"version\":-1}", ERR_BAD_VERSION, "version"},
        {"{\"operation\":\"delete\",\"version\":\"1\"}", ERR_BAD_FIELD, "version"},
        {"{\"operation\":\"delete\",\"id\":\"\"}", ERR_BAD_FIELD, "id"},
        {"{\"operation\":\"delete\",\"entityType\":\"eco\"}", ERR_BAD_FIELD, "entityType"},
        {"{\"operation\":\"delete\",\"entityId\":\"\"}", ERR_BAD_FIELD, "entityId"},
        {"{\"operation\":\"delete\",\"metadata\":[]}", ERR_BAD_FIELD, "metadata"},
        {"{\"operation\":\"delete\",\"mustMatch\":1}", ERR_BAD_FIELD, "mustMatch"},
        {"{\"operation\":\"insert\",\"coll\":\"items\",\"id\":\"a\",\"value\":{}}", ERR_BAD_FIELD, "coll"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_wrong(change_try(bad[i].text), bad[i].err, bad[i].field);
}

static void a_change_has_limits(void **state)
{
    struct buf text = BUF_EMPTY;

    (void)state;
    buf_append_str(&text, "{\"ops\":[");
    for (int i = 0; i < 257; i++)
        buf_append_str(&text,
                       i ? ",{\"op\":\"inc\",\"path\":\"qty\",\"n\":1}" : "{\"op\":\"inc\",\"path\":\"qty\",\"n\":1}");
    buf_append(&text, "]}", 3);
    assert_wrong(change_try(text.data), ERR_TOO_LARGE, "ops");

    buf_reset(&text);
    buf_append_str(&text, "{\"tags\":\"");
    for (int i = 0; i < 50 * 1024; i++)
        buf_append_char(&text, 'x');
    buf_append(&text, "\"}", 3);
    assert_wrong(change_try_patch(text.data), ERR_TOO_LARGE, "tags");
    buf_deinit(&text);
}

/* ---- how it is to be brought onto what others did ----------------------------------------------------------------- */

static void a_change_says_how_it_is_to_be_reconciled(void **state)
{
    (void)state;
    assert_int_equal(change_try("{\"strategy\":\"crdt\",\"fencingToken\":\"17\",\"hlc\":{\"ms\":5,\"counter\":3},"
                                "\"clientId\":\"tab1\",\"group\":\"g\",\"operation\":\"update\",\"path\":\"notes\","
                                "\"before\":null,\"after\":\"a\"}"),
                     OK);
    assert_true(tried.change.has_strategy);
    assert_int_equal(tried.change.strategy, STRATEGY_CRDT);
    assert_int_equal(tried.change.fence, 17);
    assert_int_equal(tried.change.stamp, 5 * 65536 + 3);
    assert_text(tried.change.source, "tab1");
    assert_text(tried.change.group, "g");
    assert_text(tried.change.ops[0].expected, "null");
}

static void a_stamp_is_milliseconds_or_all_in_one(void **state)
{
    (void)state;
    assert_int_equal(change_try("{\"stamp\":1771507800123,\"operation\":\"delete\"}"), OK);
    assert_true(tried.change.stamp == 1771507800123u * 65536);
    assert_int_equal(change_try("{\"stamp\":116097535188860929,\"operation\":\"delete\"}"), OK);
    assert_true(tried.change.stamp == 116097535188860929u);
}

static void terms_that_make_no_sense_are_refused(void **state)
{
    static const char *bad[][2] = {
        {"{\"operation\":\"delete\",\"strategy\":\"hope\"}", "strategy"},
        {"{\"operation\":\"delete\",\"fence\":-1}", "fence"},
        {"{\"operation\":\"delete\",\"lock_token\":\"x\"}", "fence"},
        {"{\"operation\":\"delete\",\"stamp\":1.5}", "stamp"},
        {"{\"operation\":\"delete\",\"hlc\":{\"ms\":1,\"counter\":65536}}", "stamp"},
        {"{\"operation\":\"delete\",\"src\":7}", "source"},
        {"{\"operation\":\"delete\",\"group\":\"\"}", "group"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_wrong(change_try(bad[i][0]), ERR_BAD_FIELD, bad[i][1]);
}

static void what_is_around_the_operations_can_be_read_alone(void **state)
{
    (void)state;
    tried.change = (struct change){0};
    assert_int_equal(change_head_from_json(&arena, tried.type,
                                           change_stage_json("{\"id\":\"c1\",\"source\":\"s\",\"version\":4}"),
                                           &tried.change, &tried.field),
                     OK);
    assert_text(tried.change.id, "c1");
    assert_text(tried.change.source, "s");
    assert_int_equal(tried.change.base_version, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, change_stage_set_up, change_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_of_one_operation_is_a_batch_of_one),
        TEST(without_a_path_the_whole_record_is_meant),
        TEST(inserting_into_an_object_sets_a_key),
        TEST(bad_changes_say_what_is_wrong),
        TEST(a_change_has_limits),
        TEST(a_change_says_how_it_is_to_be_reconciled),
        TEST(a_stamp_is_milliseconds_or_all_in_one),
        TEST(terms_that_make_no_sense_are_refused),
        TEST(what_is_around_the_operations_can_be_read_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
