#include "peer/namespace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct namespaces namespaces;
static struct buf why;

static enum err read(const char *json)
{
    return namespaces_init(&namespaces, span_from_str(json), &why);
}

static int tear_down(void **state)
{
    (void)state;
    namespaces_deinit(&namespaces);
    buf_deinit(&why);
    return 0;
}

static const struct namespace *find(const char *name)
{
    return namespace_find(&namespaces, span_from_str(name));
}

static void a_relay_is_there_without_configuration(void **state)
{
    (void)state;
    assert_int_equal(read(""), OK);
    assert_non_null(find("/relay"));
    assert_null(find("/"));
    assert_false(find("/relay")->is_anonymous);
    assert_true(namespace_joins(find("/relay"), SPAN("join")));
    assert_true(namespace_leaves(find("/relay"), SPAN("leave")));
    assert_false(namespace_joins(find("/relay"), SPAN("leave")));
}

static void names_of_events_are_the_applications(void **state)
{
    const struct namespace *board;

    (void)state;
    assert_int_equal(read("{\"/board\": {\"join\": [\"enter\", \"go to\"], \"leave\": [], \"volatile\": [\"pointer\"], "
                          "\"anonymous\": true, \"echo\": true}}"),
                     OK);
    board = find("/board");
    assert_true(board->is_anonymous && board->echoes);
    assert_true(namespace_joins(board, SPAN("go to")));
    assert_false(namespace_joins(board, SPAN("join")));
    assert_false(namespace_leaves(board, SPAN("leave")));
    assert_true(namespace_is_volatile(board, SPAN("pointer")));
    assert_false(namespace_is_volatile(board, SPAN("draw")));
    assert_non_null(find("/relay"));
}

static void the_relay_can_be_configured_like_any_other(void **state)
{
    (void)state;
    assert_int_equal(read("{\"/relay\": {\"anonymous\": true}, \"/\": {}}"), OK);
    assert_true(find("/relay")->is_anonymous);
    assert_non_null(find("/"));
    assert_int_equal(namespaces.count, 2);
}

static void mistakes_are_explained(void **state)
{
    static const struct {
        const char *json, *word;
    } rows[] = {
        {"[]", "object"},
        {"{\"chat\": {}}", "slash"},
        {"{\"/a,b\": {}}", "comma"},
        {"{\"/chat\": true}", "object"},
        {"{\"/chat\": {\"join\": \"join\"}}", "list"},
        {"{\"/chat\": {\"leave\": [\"\"]}}", "128"},
        {"{\"/chat\": {\"volatile\": [7]}}", "128"},
        {"{", "JSON"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buf_reset(&why);
        assert_int_equal(read(rows[i].json), ERR_CONFIG);
        namespaces_deinit(&namespaces);
        assert_non_null(memmem(why.data, why.len, rows[i].word, strlen(rows[i].word)));
    }
    assert_int_equal(read(""), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_relay_is_there_without_configuration, tear_down),
        cmocka_unit_test_teardown(names_of_events_are_the_applications, tear_down),
        cmocka_unit_test_teardown(the_relay_can_be_configured_like_any_other, tear_down),
        cmocka_unit_test_teardown(mistakes_are_explained, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
