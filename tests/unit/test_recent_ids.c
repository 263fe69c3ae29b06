#include "collab/room/recent_ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

static struct recent_ids ids;

static int tear_down(void **state)
{
    (void)state;
    recent_ids_deinit(&ids);
    return 0;
}

static struct span number(unsigned i)
{
    static char text[16];

    return span_of(text, (size_t)snprintf(text, sizeof(text), "%u", i));
}

static void an_id_is_new_once(void **state)
{
    uint64_t offset = 0;

    (void)state;
    assert_int_equal(recent_ids_find(&ids, SPAN("5"), SPAN("a"), 1, &offset), ERR_NOT_FOUND);
    recent_ids_add(&ids, SPAN("5"), SPAN("a"), 1, 42);
    assert_int_equal(recent_ids_find(&ids, SPAN("5"), SPAN("a"), 1, &offset), OK);
    assert_int_equal(offset, 42);
}

static void an_id_used_for_something_else_is_refused(void **state)
{
    uint64_t offset;

    (void)state;
    recent_ids_add(&ids, SPAN("5"), SPAN("a"), 1, 42);
    assert_int_equal(recent_ids_find(&ids, SPAN("5"), SPAN("a"), 2, &offset), ERR_ID_REUSED);
}

static void everybody_has_ids_of_his_own(void **state)
{
    uint64_t offset;

    (void)state;
    recent_ids_add(&ids, SPAN("5"), SPAN("a"), 1, 42);
    assert_int_equal(recent_ids_find(&ids, SPAN("4"), SPAN("a"), 1, &offset), ERR_NOT_FOUND);
    assert_int_equal(recent_ids_find(&ids, SPAN("5a"), SPAN_EMPTY, 1, &offset), ERR_NOT_FOUND);
}

static void the_oldest_makes_room(void **state)
{
    uint64_t offset;

    (void)state;
    for (unsigned i = 0; i < RECENT_IDS_MAX + 10; i++)
        recent_ids_add(&ids, SPAN("5"), number(i), 1, i + 1);
    assert_int_equal(recent_ids_find(&ids, SPAN("5"), number(9), 1, &offset), ERR_NOT_FOUND);
    for (unsigned i = 10; i < RECENT_IDS_MAX + 10; i++) {
        assert_int_equal(recent_ids_find(&ids, SPAN("5"), number(i), 1, &offset), OK);
        assert_int_equal(offset, i + 1);
    }
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_id_is_new_once),
        TEST(an_id_used_for_something_else_is_refused),
        TEST(everybody_has_ids_of_his_own),
        TEST(the_oldest_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
