#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void an_empty_buf_holds_no_memory(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.cap, 0);
    buf_append(&buf, NULL, 0);
    buf_append_span(&buf, SPAN_EMPTY);
    buf_append_str(&buf, "");
    assert_null(buf.data);
    buf_deinit(&buf);
}

static void appending_keeps_the_order(void **state)
{
    struct buf buf = BUF_EMPTY;

    (void)state;
    buf_append(&buf, "a\0b", 3);
    buf_append_span(&buf, SPAN("c"));
    buf_append_str(&buf, "de");
    buf_append_char(&buf, 'f');
    BUF_APPEND_LITERAL(&buf, "gh");
    assert_true(span_equal(buf_span(&buf), SPAN("a\0bcdefgh")));
    buf_deinit(&buf);
}

static void growth_keeps_the_bytes_and_doubles(void **state)
{
    struct buf buf = BUF_EMPTY;
    unsigned growths = 0;

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        size_t cap = buf.cap;

        buf_append_char(&buf, (char)(i % 128));
        growths += buf.cap != cap;
    }
    assert_int_equal(buf.len, 100000);
    assert_true(buf.len <= buf.cap);
    assert_in_range(growths, 1, 17);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(buf.data[i], i % 128);
    buf_deinit(&buf);
}

static void numbers_are_written_in_decimal(void **state)
{
    struct buf buf = BUF_EMPTY;

    (void)state;
    buf_append_u64(&buf, 0);
    buf_append_char(&buf, ' ');
    buf_append_u64(&buf, UINT64_MAX);
    buf_append_char(&buf, ' ');
    buf_append_i64(&buf, INT64_MIN);
    buf_append_char(&buf, ' ');
    buf_append_i64(&buf, -1);
    buf_append_char(&buf, ' ');
    buf_append_i64(&buf, INT64_MAX);
    assert_true(span_equal(buf_span(&buf), SPAN("0 18446744073709551615 -9223372036854775808 -1 9223372036854775807")));
    buf_deinit(&buf);
}

static void printf_appends_text_of_any_length(void **state)
{
    struct buf buf = BUF_EMPTY;
    char expected[1002];

    (void)state;
    memset(expected, ' ', 1000);
    memcpy(expected + 999, "7!", 2);
    buf_printf(&buf, "%1000d", 7);
    buf_printf(&buf, "%s", "!");
    buf_printf(&buf, "%s", "");
    assert_true(span_equal(buf_span(&buf), span_of(expected, 1001)));
    buf_deinit(&buf);
}

static void reserved_room_can_be_written_to(void **state)
{
    struct buf buf = BUF_EMPTY;

    (void)state;
    buf_append_str(&buf, "ab");
    memset(buf_reserve(&buf, 5000), 'x', 5000);
    assert_int_equal(buf.len, 2);
    assert_true(buf.cap >= 5002);
    buf.len += 5000;
    assert_int_equal(buf.data[5001], 'x');
    buf_deinit(&buf);
}

static void reserving_nothing_still_gives_an_address(void **state)
{
    struct buf buf = BUF_EMPTY;

    (void)state;
    assert_non_null(buf_reserve(&buf, 0));
    assert_true(buf.cap > 0);
    buf_deinit(&buf);
}

static void consuming_moves_the_rest_to_the_front(void **state)
{
    struct buf buf = BUF_EMPTY;

    (void)state;
    buf_consume(&buf, 0);
    buf_append_str(&buf, "abcdef");
    buf_consume(&buf, 2);
    assert_true(span_equal(buf_span(&buf), SPAN("cdef")));
    buf_consume(&buf, 0);
    buf_consume(&buf, 4);
    assert_int_equal(buf.len, 0);
    buf_deinit(&buf);
}

static void resetting_keeps_the_memory(void **state)
{
    struct buf buf = BUF_EMPTY;
    const char *data;

    (void)state;
    buf_append_str(&buf, "abc");
    data = buf.data;
    buf_reset(&buf);
    assert_int_equal(buf.len, 0);
    buf_append_str(&buf, "d");
    assert_ptr_equal(buf.data, data);
    buf_deinit(&buf);
}

static void taking_leaves_an_empty_buf_that_works(void **state)
{
    struct buf buf = BUF_EMPTY;
    char *data;
    size_t len;

    (void)state;
    buf_append_str(&buf, "abc");
    data = buf_take(&buf, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(data, "abc", 3);
    assert_null(buf.data);
    assert_int_equal(buf.cap, 0);
    free(data);

    buf_append_str(&buf, "d");
    assert_true(span_equal(buf_span(&buf), SPAN("d")));
    buf_deinit(&buf);
    buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buf_holds_no_memory),
        cmocka_unit_test(appending_keeps_the_order),
        cmocka_unit_test(growth_keeps_the_bytes_and_doubles),
        cmocka_unit_test(numbers_are_written_in_decimal),
        cmocka_unit_test(printf_appends_text_of_any_length),
        cmocka_unit_test(reserved_room_can_be_written_to),
        cmocka_unit_test(reserving_nothing_still_gives_an_address),
        cmocka_unit_test(consuming_moves_the_rest_to_the_front),
        cmocka_unit_test(resetting_keeps_the_memory),
        cmocka_unit_test(taking_leaves_an_empty_buf_that_works),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
