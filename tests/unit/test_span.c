#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void an_empty_span_may_have_no_memory(void **state)
{
    (void)state;
    assert_int_equal(span_from_str(NULL).len, 0);
    assert_true(span_equal(SPAN_EMPTY, SPAN("")));
    assert_true(span_equal_nocase(SPAN_EMPTY, SPAN("")));
    assert_int_equal(span_compare(SPAN_EMPTY, SPAN("")), 0);
    assert_true(span_starts_with(SPAN_EMPTY, SPAN_EMPTY));
    assert_true(span_ends_with(SPAN_EMPTY, SPAN_EMPTY));
    assert_int_equal(span_find(SPAN_EMPTY, 'x'), 0);
    assert_int_equal(span_trim(SPAN_EMPTY).len, 0);
    assert_int_equal(span_slice(SPAN_EMPTY, 3, 3).len, 0);
    assert_int_equal(span_of(NULL, 0).len, 0);
}

static void spans_are_equal_when_every_byte_is(void **state)
{
    (void)state;
    assert_true(span_equal(SPAN("room\0a"), SPAN("room\0a")));
    assert_false(span_equal(SPAN("room\0a"), SPAN("room\0b")));
    assert_false(span_equal(SPAN("room"), SPAN("rooms")));
}

static void names_compare_without_case_in_ascii_only(void **state)
{
    (void)state;
    assert_true(span_equal_nocase(SPAN("Content-Type"), SPAN("cONTENT-tYPE")));
    assert_false(span_equal_nocase(SPAN("a"), SPAN("ab")));
    assert_false(span_equal_nocase(SPAN("["), SPAN("{"))); /* 0x20 apart, but no letters */
    assert_false(span_equal_nocase(SPAN("@"), SPAN("`")));
    assert_false(span_equal_nocase(SPAN("\xc4"), SPAN("\xe4")));
}

static void the_order_is_bytewise_and_a_prefix_comes_first(void **state)
{
    (void)state;
    assert_int_equal(span_compare(SPAN("abc"), SPAN("abc")), 0);
    assert_int_equal(span_compare(SPAN("abc"), SPAN("abd")), -1);
    assert_int_equal(span_compare(SPAN("b"), SPAN("abc")), 1);
    assert_int_equal(span_compare(SPAN("ab"), SPAN("abc")), -1);
    assert_int_equal(span_compare(SPAN("abc"), SPAN("ab")), 1);
    assert_int_equal(span_compare(SPAN("\xff"), SPAN("a")), 1);
}

static void a_span_knows_how_it_starts_and_ends(void **state)
{
    struct span path = SPAN("/api/records");

    (void)state;
    assert_true(span_starts_with(path, SPAN("/api/")));
    assert_false(span_starts_with(path, SPAN("/apx")));
    assert_false(span_starts_with(SPAN("/a"), path));
    assert_true(span_ends_with(path, SPAN("records")));
    assert_true(span_ends_with(path, path));
    assert_true(span_ends_with(path, SPAN("")));
    assert_false(span_ends_with(path, SPAN("recordz")));
    assert_false(span_ends_with(SPAN("s"), path));
}

static void find_gives_the_first_place_or_the_length(void **state)
{
    (void)state;
    assert_int_equal(span_find(SPAN("a=b=c"), '='), 1);
    assert_int_equal(span_find(SPAN("a=b=c"), 'x'), 5);
}

static void a_slice_never_leaves_the_span(void **state)
{
    struct span span = SPAN("0123456789");

    (void)state;
    assert_true(span_equal(span_slice(span, 2, 3), SPAN("234")));
    assert_true(span_equal(span_slice(span, 8, 100), SPAN("89")));
    assert_true(span_equal(span_slice(span, 8, SIZE_MAX), SPAN("89")));
    assert_int_equal(span_slice(span, 10, 1).len, 0);
    assert_int_equal(span_slice(span, SIZE_MAX, SIZE_MAX).len, 0);
}

static void cutting_gives_each_part_once(void **state)
{
    struct span rest = SPAN("a,,bc");
    struct span head;

    (void)state;
    assert_true(span_cut(&rest, ',', &head));
    assert_true(span_equal(head, SPAN("a")));
    assert_true(span_cut(&rest, ',', &head));
    assert_true(span_equal(head, SPAN("")));
    assert_true(span_cut(&rest, ',', &head));
    assert_true(span_equal(head, SPAN("bc")));
    assert_false(span_cut(&rest, ',', &head));
}

static void trimming_takes_spaces_and_tabs_from_both_ends(void **state)
{
    (void)state;
    assert_true(span_equal(span_trim(SPAN(" \t a b\t ")), SPAN("a b")));
    assert_true(span_equal(span_trim(SPAN("\n")), SPAN("\n")));
    assert_int_equal(span_trim(SPAN(" \t ")).len, 0);
}

static void unsigned_numbers_have_one_spelling(void **state)
{
    static const struct span refused[] = {SPAN_INIT(""),
                                          SPAN_INIT("00"),
                                          SPAN_INIT("01"),
                                          SPAN_INIT("+1"),
                                          SPAN_INIT("-1"),
                                          SPAN_INIT(" 1"),
                                          SPAN_INIT("1 "),
                                          SPAN_INIT("1a"),
                                          SPAN_INIT("18446744073709551616"),
                                          SPAN_INIT("99999999999999999999"),
                                          SPAN_INIT("1\0")};
    uint64_t number = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_false(span_parse_u64(refused[i], &number));
    assert_int_equal(number, 7);
    assert_true(span_parse_u64(SPAN("0"), &number));
    assert_int_equal(number, 0);
    assert_true(span_parse_u64(SPAN("18446744073709551615"), &number));
    assert_true(number == UINT64_MAX);
}

static void signed_numbers_reach_both_ends(void **state)
{
    int64_t number = 7;

    (void)state;
    assert_true(span_parse_i64(SPAN("-9223372036854775808"), &number));
    assert_true(number == INT64_MIN);
    assert_true(span_parse_i64(SPAN("9223372036854775807"), &number));
    assert_true(number == INT64_MAX);
    assert_true(span_parse_i64(SPAN("-1"), &number));
    assert_int_equal(number, -1);
    assert_false(span_parse_i64(SPAN("9223372036854775808"), &number));
    assert_false(span_parse_i64(SPAN("-9223372036854775809"), &number));
    assert_false(span_parse_i64(SPAN("-"), &number));
    assert_false(span_parse_i64(SPAN("--1"), &number));
    assert_false(span_parse_i64(SPAN(""), &number));
}

static void a_copy_as_a_string_is_terminated(void **state)
{
    char *str = span_to_str(span_of("rooms", 4));
    char *empty = span_to_str(SPAN_EMPTY);

    (void)state;
    assert_string_equal(str, "room");
    assert_string_equal(empty, "");
    free(str);
    free(empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_span_may_have_no_memory),
        cmocka_unit_test(spans_are_equal_when_every_byte_is),
        cmocka_unit_test(names_compare_without_case_in_ascii_only),
        cmocka_unit_test(the_order_is_bytewise_and_a_prefix_comes_first),
        cmocka_unit_test(a_span_knows_how_it_starts_and_ends),
        cmocka_unit_test(find_gives_the_first_place_or_the_length),
        cmocka_unit_test(a_slice_never_leaves_the_span),
        cmocka_unit_test(cutting_gives_each_part_once),
        cmocka_unit_test(trimming_takes_spaces_and_tabs_from_both_ends),
        cmocka_unit_test(unsigned_numbers_have_one_spelling),
        cmocka_unit_test(signed_numbers_reach_both_ends),
        cmocka_unit_test(a_copy_as_a_string_is_terminated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
