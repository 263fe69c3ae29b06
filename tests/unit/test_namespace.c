#include "peer/socketio/namespace.h"

#include "base/limits.h"

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

static void recovery_lasts_two_minutes_or_as_long_as_is_said(void **state)
{
    (void)state;
    assert_int_equal(
        read("{\"/a\": {\"recovery\": true}, \"/b\": {\"recovery\": 5000}, \"/c\": {\"recovery\": false}}"), OK);
    assert_int_equal(find("/a")->recovery_ms, 120000);
    assert_int_equal(find("/b")->recovery_ms, 5000);
    assert_int_equal(find("/c")->recovery_ms, 0);
    assert_int_equal(find("/relay")->recovery_ms, 0);
}

static void the_main_namespace_may_keep_its_vocabularies(void **state)
{
    (void)state;
    assert_int_equal(read("{\"/\": {\"relay\": false, \"recovery\": true}}"), OK);
    assert_false(find("/")->is_relay);
    assert_true(find("/relay")->is_relay);
}

static void a_pattern_stands_for_every_name_that_matches(void **state)
{
    static const struct {
        const char *name, *pattern;
    } rows[] = {
        {"/tenant-1", "/tenant-*"},
        {"/tenant-", "/tenant-*"},
        {"/tenant-1/x", NULL},
        {"/tenant", NULL},
        {"/a/b/chat", "/*/*/chat"},
        {"/a/chat", NULL},
        {"/n42", "/^\\/n\\d{1,3}$/"},
        {"/n4242", NULL},
        {"/n", NULL},
        {"/tenant-0", "/tenant-0"},
        {"/tenant-a#b", NULL},
        {"/tenant-a,b", NULL},
        {"/tenant-a?b", NULL},
        {"/tenant-\n", NULL},
        {"/tenant-\xff", NULL},
        {"tenant-1", NULL},
        {"/xx/either", "/either|or/"},
        {"", NULL},
        {"/", NULL},
    };
    char longest[LIMIT_SIO_NAME_BYTES + 2] = "/tenant-";

    (void)state;
    assert_int_equal(
        read(
            "{\"/tenant-*\": {}, \"/tenant-0\": {}, \"/*/*/chat\": {}, \"/^\\\\/n\\\\d{1,3}$/\": {}, \"/either|or/\": {}}"),
        OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct namespace *found = find(rows[i].name);
        assert_int_equal(found != NULL, rows[i].pattern != NULL);
        if (found)
            assert_true(span_equal(found->name, span_from_str(rows[i].pattern)));
    }
    memset(longest + 8, 'x', LIMIT_SIO_NAME_BYTES - 8);
    assert_non_null(find(longest));
    longest[LIMIT_SIO_NAME_BYTES] = 'x';
    assert_null(find(longest));
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
        {"{\"/chat\": {\"recovery\": \"yes\"}}", "milliseconds"},
        {"{\"/chat\": {\"recovery\": 0}}", "milliseconds"},
        {"{\"/chat\": {\"recovery\": 3600001}}", "milliseconds"},
        {"{\"/chat\": {\"relay\": false}}", "relay"},
        {"{\"/a#b\": {}}", "#"},
        {"{\"/(/\": {}}", "regular"},
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
        cmocka_unit_test_teardown(recovery_lasts_two_minutes_or_as_long_as_is_said, tear_down),
        cmocka_unit_test_teardown(the_main_namespace_may_keep_its_vocabularies, tear_down),
        cmocka_unit_test_teardown(a_pattern_stands_for_every_name_that_matches, tear_down),
        cmocka_unit_test_teardown(mistakes_are_explained, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
