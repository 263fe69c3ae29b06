#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct member {
    int id;
    struct list node;
};

static struct list head;
static struct member members[4];

static int set_up(void **state)
{
    (void)state;
    list_init(&head);
    for (int i = 0; i < 4; i++) {
        members[i].id = i;
        list_init(&members[i].node);
    }
    return 0;
}

/* The ids in the list as the digits of a number. */
static int ids(void)
{
    int digits = 0;

    LIST_EACH (&head, node) {
        digits = digits * 10 + LIST_OWNER(node, struct member, node)->id;
    }
    return digits;
}

static void members_stay_in_the_order_they_came(void **state)
{
    (void)state;
    assert_true(list_is_empty(&head));
    list_push_tail(&head, &members[1].node);
    list_push_tail(&head, &members[2].node);
    list_push_head(&head, &members[3].node);
    assert_false(list_is_empty(&head));
    assert_int_equal(ids(), 312);
}

static void a_member_may_be_removed_twice(void **state)
{
    (void)state;
    list_push_tail(&head, &members[1].node);
    list_push_tail(&head, &members[2].node);
    list_remove(&members[1].node);
    list_remove(&members[1].node);
    assert_int_equal(ids(), 2);
    list_remove(&members[2].node);
    assert_true(list_is_empty(&head));
}

static void a_member_that_never_was_in_a_list_may_be_removed(void **state)
{
    (void)state;
    list_push_tail(&head, &members[1].node);
    list_remove(&members[3].node);
    assert_int_equal(ids(), 1);
}

static void the_current_member_may_leave_while_all_are_visited(void **state)
{
    int visited = 0;

    (void)state;
    for (int i = 0; i < 4; i++)
        list_push_tail(&head, &members[i].node);
    LIST_EACH (&head, node) {
        visited++;
        if (LIST_OWNER(node, struct member, node)->id != 2)
            list_remove(node);
    }
    assert_int_equal(visited, 4);
    assert_int_equal(ids(), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(members_stay_in_the_order_they_came, set_up),
        cmocka_unit_test_setup(a_member_may_be_removed_twice, set_up),
        cmocka_unit_test_setup(a_member_that_never_was_in_a_list_may_be_removed, set_up),
        cmocka_unit_test_setup(the_current_member_may_leave_while_all_are_visited, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
