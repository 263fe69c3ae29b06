#include "server/config_row.h"
#include "server/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static bool holds(const struct buf *text, const char *part)
{
    return memmem(text->data, text->len, part, strlen(part)) != NULL;
}

/* Tests run in the source tree. `collabd docs config >docs/config.md` mends it. */
static void is_the_page(const char *path, void (*write)(struct buf *out))
{
    struct buf expected = BUF_EMPTY, page = BUF_EMPTY, why = BUF_EMPTY;

    write(&expected);
    assert_int_equal(file_read(span_from_str(path), 1 << 20, &page, &why), OK);
    if (!span_equal(buf_span(&expected), buf_span(&page)))
        fail_msg("%s is not what the program says: write it again with `collabd docs`", path);
    buf_deinit(&expected);
    buf_deinit(&page);
    buf_deinit(&why);
}

static void the_page_of_the_options_is_the_present_one(void **state)
{
    (void)state;
    is_the_page("docs/config.md", config_write_docs);
}

static void the_page_of_the_limits_is_the_present_one(void **state)
{
    (void)state;
    is_the_page("docs/limits.md", limits_write_docs);
}

static void every_option_is_in_the_help_and_on_its_pages(void **state)
{
    struct buf help = BUF_EMPTY, docs = BUF_EMPTY, limits = BUF_EMPTY;
    bool is_limits = false;

    (void)state;
    config_write_help(&help);
    config_write_docs(&docs);
    limits_write_docs(&limits);
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        char flag[64], cell[64];

        if (row->type == CONFIG_GROUP) {
            is_limits = row->is_limits;
            continue;
        }
        snprintf(flag, sizeof(flag), "\n  --%s", row->name);
        for (char *byte = flag; *byte; byte++)
            *byte = *byte == '_' ? '-' : *byte;
        snprintf(cell, sizeof(cell), "\n| `%s` |", row->name);
        assert_true(holds(&help, flag));
        assert_true(holds(&docs, cell));
        assert_true(holds(&limits, cell) == is_limits);
    }
    buf_deinit(&help);
    buf_deinit(&docs);
    buf_deinit(&limits);
}

static void lines_of_the_help_fit_on_a_screen(void **state)
{
    struct buf help = BUF_EMPTY;
    struct span rest, line;

    (void)state;
    config_write_help(&help);
    rest = buf_span(&help);
    while (span_cut(&rest, '\n', &line)) {
        assert_true(line.len <= 110);
        assert_false(span_ends_with(line, SPAN(" ")));
    }
    buf_deinit(&help);
}

static void the_limits_in_force_are_metrics(void **state)
{
    const struct config_input input = {0};
    struct config_report report = {0};
    struct config config;
    struct buf text = BUF_EMPTY;

    (void)state;
    assert_int_equal(config_load(&config, &input, &report), OK);
    config.messages_per_second = 7;
    limits_write_prometheus(&config, &text);
    assert_true(holds(&text, "# TYPE collabd_limit gauge\n"));
    assert_true(holds(&text, "\ncollabd_limit{name=\"messages_per_second\"} 7\n"));
    assert_true(holds(&text, "\ncollabd_limit{name=\"message_bytes_max\"} 65536\n"));
    assert_false(holds(&text, "workers"));
    buf_deinit(&text);
    config_deinit(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_of_the_options_is_the_present_one),
        cmocka_unit_test(the_page_of_the_limits_is_the_present_one),
        cmocka_unit_test(every_option_is_in_the_help_and_on_its_pages),
        cmocka_unit_test(lines_of_the_help_fit_on_a_screen),
        cmocka_unit_test(the_limits_in_force_are_metrics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
