#include "collab/change/undo.h"
#include "lib/type_stage.h"

static const char types[] = "{\"order\":{\"fields\":{\"title\":{\"kind\":\"string\"},\"tags\":{\"kind\":\"json\"},"
                            "\"address\":{\"kind\":\"object\"},\"items\":{\"kind\":\"collection\"}}}}";

static const struct type *type;
static struct op *ops;
static uint32_t count;

static int set_up(void **state)
{
    (void)state;
    type_stage_init(types);
    type = type_find(registry, SPAN("order"));
    return 0;
}

static void compare(const char *from, const char *to)
{
    assert_int_equal(change_between(&arena, type, span_from_str(from), span_from_str(to), &ops, &count), OK);
}

static void assert_op(uint32_t index, enum op_kind kind, const char *path, const char *value)
{
    struct buf text = BUF_EMPTY;

    assert_true(index < count);
    path_append(&text, &ops[index].path);
    assert_int_equal(ops[index].kind, kind);
    assert_true(span_equal(buf_span(&text), span_from_str(path)));
    assert_true(span_equal(ops[index].value, span_from_str(value)));
    buf_deinit(&text);
}

static void equal_states_differ_in_nothing(void **state)
{
    (void)state;
    compare("{\"title\":\"a\",\"address\":{\"x\":1,\"y\":2}}", "{\"address\":{\"y\":2,\"x\":1},\"title\":\"a\"}");
    assert_int_equal(count, 0);
}

static void fields_are_set_and_taken_away(void **state)
{
    (void)state;
    compare("{\"title\":\"a\",\"tags\":[1]}", "{\"tags\":[1,2]}");
    assert_int_equal(count, 2);
    assert_op(0, OP_DEL, "/title", NULL);
    assert_op(1, OP_SET, "/tags", "[1,2]");
}

static void objects_differ_by_members(void **state)
{
    (void)state;
    compare("{\"address\":{\"city\":\"a\",\"zip\":1}}", "{\"address\":{\"city\":\"b\",\"street\":\"c\"}}");
    assert_int_equal(count, 3);
    assert_op(0, OP_DEL, "/address/zip", NULL);
    assert_op(1, OP_SET, "/address/city", "\"b\"");
    assert_op(2, OP_SET, "/address/street", "\"c\"");
}

static void items_are_taken_out_put_in_moved_and_changed(void **state)
{
    (void)state;
    compare("{\"items\":[{\"id\":\"x\",\"pos\":\"a\",\"q\":1},{\"id\":\"y\",\"pos\":\"b\"}]}",
            "{\"items\":[{\"id\":\"z\",\"pos\":\"a\"},{\"id\":\"x\",\"pos\":\"c\",\"q\":2}]}");
    assert_int_equal(count, 4);
    assert_op(0, OP_DEL, "/items/@y", NULL);
    assert_op(1, OP_INS, "/items/@z", "{\"id\":\"z\",\"pos\":\"a\"}");
    assert_op(2, OP_MOV, "/items/@x", NULL);
    assert_op(3, OP_SET, "/items/@x/q", "2");
}

static void what_would_be_too_many_operations_is_whole_fields(void **state)
{
    struct buf from = BUF_EMPTY, to = BUF_EMPTY;

    (void)state;
    buf_append_str(&from, "{\"address\":{\"z\":1");
    buf_append_str(&to, "{\"address\":{\"z\":1");
    for (int i = 0; i < CHANGE_OPS_MAX + 1; i++)
        buf_printf(&to, ",\"k%d\":1", i);
    buf_append_str(&from, "}}");
    buf_append_str(&to, "}}");
    assert_int_equal(change_between(&arena, type, buf_span(&from), buf_span(&to), &ops, &count), OK);
    assert_int_equal(count, 1);
    assert_int_equal(ops[0].path.depth, 1);
    buf_deinit(&from);
    buf_deinit(&to);
}

static void only_objects_are_states(void **state)
{
    (void)state;
    assert_int_equal(change_between(&arena, type, SPAN("[]"), SPAN("{}"), &ops, &count), ERR_BAD_JSON);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, type_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(equal_states_differ_in_nothing),
        TEST(fields_are_set_and_taken_away),
        TEST(objects_differ_by_members),
        TEST(items_are_taken_out_put_in_moved_and_changed),
        TEST(what_would_be_too_many_operations_is_whole_fields),
        TEST(only_objects_are_states),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
