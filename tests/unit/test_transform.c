#include "collab/change/transform.h"
#include "lib/arena_stage.h"

static struct op op(enum op_kind kind, const char *path, const char *value)
{
    struct op made = {.kind = kind, .value = span_from_str(value)};

    assert_int_equal(path_parse(&arena, span_from_str(path), &made.path), OK);
    return made;
}

/* What is left of a's value; NULL: nothing is left of a. */
static const char *rewritten(struct op a, struct op b, enum side side)
{
    return transform_op(&arena, &a, &b, side) ? arena_copy(&arena, a.value).data : NULL;
}

static void assert_relation(const char *a, const char *b, enum relation expected)
{
    const struct op one = op(OP_DEL, a, NULL), other = op(OP_DEL, b, NULL);

    assert_int_equal(path_relation(&one.path, &other.path), expected);
}

static void addresses_are_the_same_or_inside_or_around_or_apart(void **state)
{
    (void)state;
    assert_relation("a", "/a", RELATION_SAME);
    assert_relation("/items/@x/qty", "/items/@x", RELATION_INSIDE);
    assert_relation("/items", "/items/@x", RELATION_AROUND);
    assert_relation("/items/@x", "/items/@y", RELATION_APART);
    assert_relation("/a", "/ab", RELATION_APART);
}

static void of_two_values_the_late_one_stays(void **state)
{
    (void)state;
    assert_string_equal(rewritten(op(OP_SET, "a", "1"), op(OP_SET, "a", "2"), SIDE_LATE), "1");
    assert_null(rewritten(op(OP_SET, "a", "1"), op(OP_SET, "a", "2"), SIDE_EARLY));
}

static void a_value_beats_a_deletion_but_not_that_of_an_item(void **state)
{
    (void)state;
    assert_string_equal(rewritten(op(OP_SET, "a", "1"), op(OP_DEL, "a", NULL), SIDE_EARLY), "1");
    assert_null(rewritten(op(OP_DEL, "a", NULL), op(OP_SET, "a", "1"), SIDE_LATE));
    assert_null(rewritten(op(OP_SET, "/l/@a", "{}"), op(OP_DEL, "/l/@a", NULL), SIDE_LATE));
    assert_non_null(rewritten(op(OP_DEL, "/l/@a", NULL), op(OP_SET, "/l/@a", "{}"), SIDE_EARLY));
}

static void an_increment_stays_on_top_of_a_value(void **state)
{
    (void)state;
    assert_string_equal(rewritten(op(OP_SET, "n", "10"), op(OP_INC, "n", "-3"), SIDE_LATE), "7");
    assert_string_equal(rewritten(op(OP_SET, "n", "0.1"), op(OP_INC, "n", "0.2"), SIDE_LATE), "0.3");
    assert_string_equal(rewritten(op(OP_SET, "n", "7.1"), op(OP_INC, "n", "-7"), SIDE_LATE), "0.1");
    assert_string_equal(rewritten(op(OP_SET, "n", "1000000.1"), op(OP_INC, "n", "-1000000"), SIDE_LATE), "0.1");
    assert_string_equal(rewritten(op(OP_SET, "n", "1e-30"), op(OP_INC, "n", "2e-31"), SIDE_LATE), "1.2e-30");
    assert_string_equal(rewritten(op(OP_INC, "n", "5"), op(OP_SET, "n", "10"), SIDE_LATE), "5");
    assert_null(rewritten(op(OP_INC, "n", "5"), op(OP_SET, "n", "\"ten\""), SIDE_LATE));
    assert_string_equal(rewritten(op(OP_SET, "n", "\"ten\""), op(OP_INC, "n", "5"), SIDE_LATE), "\"ten\"");
}

static void inside_of_what_was_replaced_nothing_is_left(void **state)
{
    (void)state;
    assert_null(rewritten(op(OP_SET, "/a/b", "1"), op(OP_SET, "/a", "{}"), SIDE_EARLY));
    assert_null(rewritten(op(OP_TXT, "/l/@a/t", "[\"x\"]"), op(OP_DEL, "/l/@a", NULL), SIDE_LATE));
    assert_non_null(rewritten(op(OP_SET, "/l/@a/t", "1"), op(OP_MOV, "/l/@a", NULL), SIDE_LATE));
    assert_non_null(rewritten(op(OP_DEL, "/a", NULL), op(OP_SET, "/a/b", "1"), SIDE_LATE));
}

static void a_test_is_never_rewritten_and_rewrites_nothing(void **state)
{
    (void)state;
    assert_string_equal(rewritten(op(OP_TEST, "a", "1"), op(OP_DEL, "a", NULL), SIDE_LATE), "1");
    assert_string_equal(rewritten(op(OP_INC, "a", "1"), op(OP_TEST, "a", "1"), SIDE_LATE), "1");
}

static void lists_lose_what_nothing_is_left_of(void **state)
{
    struct op a[] = {op(OP_TXT, "t", "[3,\"x\"]"), op(OP_INC, "n", "1"), op(OP_SET, "b", "1")};
    const struct op b[] = {op(OP_DEL, "n", NULL), op(OP_TXT, "t", "[\"yy\"]")};
    uint32_t count = 3;

    (void)state;
    transform_ops(&arena, a, &count, b, 2, SIDE_LATE);
    assert_int_equal(count, 2);
    assert_string_equal(a[0].value.data, "[5,\"x\"]");
    assert_int_equal(a[1].kind, OP_SET);
}

static void what_comes_later_in_a_list_is_rewritten_over_what_is_left_of_the_other(void **state)
{
    /* The second set meets nothing any more: the first one has won already. */
    struct op a[] = {op(OP_SET, "n", "1"), op(OP_INC, "n", "2")};
    const struct op b[] = {op(OP_SET, "n", "\"x\"")};
    uint32_t count = 2;

    (void)state;
    transform_ops(&arena, a, &count, b, 1, SIDE_LATE);
    assert_int_equal(count, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, arena_stage_set_up, arena_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(addresses_are_the_same_or_inside_or_around_or_apart),
        TEST(of_two_values_the_late_one_stays),
        TEST(a_value_beats_a_deletion_but_not_that_of_an_item),
        TEST(an_increment_stays_on_top_of_a_value),
        TEST(inside_of_what_was_replaced_nothing_is_left),
        TEST(a_test_is_never_rewritten_and_rewrites_nothing),
        TEST(lists_lose_what_nothing_is_left_of),
        TEST(what_comes_later_in_a_list_is_rewritten_over_what_is_left_of_the_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
