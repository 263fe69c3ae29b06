#include "server/config_row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void is_written(enum config_type type, uint64_t number, const char *expected)
{
    struct buf text = BUF_EMPTY;
    uint64_t again = 0;

    config_number_write(type, number, &text);
    assert_true(config_number_parse(type, buf_span(&text), &again));
    assert_true(again == number);
    buf_append_char(&text, '\0');
    assert_string_equal(text.data, expected);
    buf_deinit(&text);
}

static void numbers_are_written_in_the_largest_unit_that_fits(void **state)
{
    (void)state;
    is_written(CONFIG_u32, 100000, "100000");
    is_written(CONFIG_bytes, 0, "0");
    is_written(CONFIG_bytes, 100, "100");
    is_written(CONFIG_bytes, 1024, "1 KiB");
    is_written(CONFIG_bytes, 65536, "64 KiB");
    is_written(CONFIG_bytes, 1024 * 1024 + 1024, "1025 KiB");
    is_written(CONFIG_bytes, 3 * GIB, "3 GiB");
    is_written(CONFIG_ms, 0, "0");
    is_written(CONFIG_ms, 2, "2 ms");
    is_written(CONFIG_ms, 1500, "1500 ms");
    is_written(CONFIG_ms, 75000, "75 s");
    is_written(CONFIG_ms, 600000, "10 min");
    is_written(CONFIG_ms, 86400000, "1 d");
    is_written(CONFIG_s, 30, "30 s");
    is_written(CONFIG_s, 3600, "1 h");
    is_written(CONFIG_s, UINT64_MAX, "18446744073709551615 s");
}

static void what_is_no_number_with_a_unit_is_refused(void **state)
{
    static const struct {
        enum config_type type;
        const char *text;
    } cases[] = {
        {CONFIG_u32, ""},
        {CONFIG_u32, "-1"},
        {CONFIG_u32, "+1"},
        {CONFIG_u32, "1.5"},
        {CONFIG_u32, "01"},
        {CONFIG_u32, "1 "},
        {CONFIG_u32, " 1"},
        {CONFIG_u32, "1k"},
        {CONFIG_u32, "0x10"},
        {CONFIG_u32, "1e3"},
        {CONFIG_bytes, "KiB"},
        {CONFIG_bytes, "1 KB"},
        {CONFIG_bytes, "1 K"},
        {CONFIG_bytes, "1 s"},
        {CONFIG_ms, "1 KiB"},
        {CONFIG_ms, "1 m"},
        {CONFIG_ms, "1 min 5 s"},
        {CONFIG_s, "1 ms"},
        {CONFIG_ms, "99999999999999999999"},
        {CONFIG_bytes, "18446744073709551615 KiB"},
    };
    uint64_t number;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_false(config_number_parse(cases[i].type, span_from_str(cases[i].text), &number));
}

static void every_row_has_a_name_a_help_text_and_a_default_that_fits(void **state)
{
    (void)state;
    assert_int_equal(config_rows[0].type, CONFIG_GROUP);
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];

        assert_true(strlen(row->name) > 0 && strlen(row->name) < 48);
        assert_true(strlen(row->help) > 0);
        if (row->type == CONFIG_GROUP)
            continue;
        assert_ptr_equal(config_row_find(span_from_str(row->name)), row); /* once */
        assert_ptr_equal(config_row_like(span_from_str(row->name)), row);
        if (config_type_is_number(row->type)) {
            assert_true(row->bounds.least < row->bounds.most);
            assert_true(row->type != CONFIG_u32 || row->bounds.most <= UINT32_MAX);
            assert_true(!row->bounds.is_rate || row->bounds.least == 0);
        }
    }
}

static void a_quoted_text_is_short_and_harmless(void **state)
{
    struct buf text = BUF_EMPTY;

    (void)state;
    config_quote(&text, SPAN("a\x1b[2Jb\n\x7f"));
    assert_true(span_equal(buf_span(&text), SPAN("\"a?[2Jb??\"")));
    buf_reset(&text);
    /* 59 bytes and a character of two: it is not cut in half */
    config_quote(&text, SPAN("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffffffff\xc3\xa4gg"));
    assert_true(
        span_equal(buf_span(&text), SPAN("\"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffffffff...\"")));
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_in_the_largest_unit_that_fits),
        cmocka_unit_test(what_is_no_number_with_a_unit_is_refused),
        cmocka_unit_test(every_row_has_a_name_a_help_text_and_a_default_that_fits),
        cmocka_unit_test(a_quoted_text_is_short_and_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
