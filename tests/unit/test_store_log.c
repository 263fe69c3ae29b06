#include "store/store.h"
#include "lib/store_stage.h"

#include <string.h>

#define LAST (((uint64_t)1 << 53) - 1)

static struct log_page read_log(uint64_t after, uint64_t upto, uint32_t limit)
{
    struct log_page page;

    assert_int_equal(store_log(store_fixture_reader(&fixture), &fixture.arena, after, upto, limit, &page), OK);
    return page;
}

static uint64_t log_end(void)
{
    uint64_t seq;

    assert_int_equal(store_log_end(store_fixture_reader(&fixture), &seq), OK);
    return seq;
}

static void assert_holds(struct span text, const char *part)
{
    if (!memmem(text.data, text.len, part, strlen(part)))
        fail_msg("\"%s\" is not in \"%.*s\"", part, SPAN_ARG(text));
}

static void an_empty_log_has_no_end(void **state)
{
    (void)state;
    assert_int_equal(log_end(), 0);
    assert_int_equal(read_log(0, LAST, 10).count, 0);
}

static void events_come_once_in_the_order_of_the_commits(void **state)
{
    struct log_page page;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), OK);
    assert_int_equal(store_fixture_say(&fixture, "order:O-1", "\"one\""), OK);
    assert_int_equal(store_fixture_put(&fixture, "O-2", "{\"qty\":2}"), OK);
    page = read_log(0, LAST, 10);
    assert_int_equal(page.count, 3);
    assert_holds(page.rows[0].body, "\"O-1\"");
    assert_holds(page.rows[1].body, "\"one\"");
    assert_holds(page.rows[2].body, "\"O-2\"");
    assert_true(page.rows[0].seq < page.rows[1].seq && page.rows[1].seq < page.rows[2].seq);
    assert_int_equal(page.upto, log_end());
    assert_int_equal(page.skipped, 0);
}

static void a_page_ends_where_it_is_told_to_and_the_next_goes_on(void **state)
{
    struct log_page first, second;

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(store_fixture_put(&fixture, "O-1", i % 2 ? "{\"qty\":1}" : "{\"qty\":2}"), OK);
    first = read_log(0, LAST, 2);
    second = read_log(first.upto, LAST, 10);
    assert_int_equal(first.count, 2);
    assert_int_equal(second.count, 3);
    assert_int_equal(read_log(second.upto, LAST, 10).count, 0);
    assert_int_equal(read_log(second.upto, LAST, 10).upto, second.upto);
    assert_int_equal(read_log(0, first.upto, 10).count, 2);
}

static void what_was_removed_is_counted(void **state)
{
    uint64_t before;
    struct log_page page;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":1}"), OK);
    before = log_end();
    for (int i = 0; i < 3; i++)
        assert_int_equal(store_fixture_say(&fixture, "order:O-1", "\"old\""), OK);
    fixture.wall_ms += 365 * (int64_t)86400000;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":2}"), OK);
    while (store_tidy(fixture.store, fixture.wall_ms)) {}
    page = read_log(before, LAST, 10);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.skipped, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_stage_set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_log_has_no_end),
        TEST(events_come_once_in_the_order_of_the_commits),
        TEST(a_page_ends_where_it_is_told_to_and_the_next_goes_on),
        TEST(what_was_removed_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
