#include "collab/change/change.h"
#include "lib/arena_stage.h"

#include <string.h>

/* What the path is canonically, or the error's code. */
static void assert_path(const char *text, const char *expected)
{
    struct path path;
    struct buf out = BUF_EMPTY;
    enum err err = path_parse(&arena, span_from_str(text), &path);

    if (err == OK)
        path_append(&out, &path);
    else
        buf_append_str(&out, err_code(err));
    buf_append_char(&out, '\0');
    assert_string_equal(out.data, expected);
    buf_deinit(&out);
}

static void dots_and_slashes_mean_the_same(void **state)
{
    (void)state;
    assert_path("status", "/status");
    assert_path("/status", "/status");
    assert_path("address.city", "/address/city");
    assert_path("/address/city", "/address/city");
    assert_path("address/city", "/address/city");
}

static void items_are_addressed_by_id(void **state)
{
    (void)state;
    assert_path("/items/@i7f3/qty", "/items/@i7f3/qty");
    assert_path("items.@i7f3.qty", "/items/@i7f3/qty");
    assert_path("/items/@i7f3", "/items/@i7f3");
    assert_path("/items/@", "bad_path");
    assert_path("/@i7f3/qty", "bad_path"); /* no record is a collection */
}

static void positions_are_refused(void **state)
{
    (void)state;
    assert_path("/items/2/qty", "position_in_path");
    assert_path("items.0", "position_in_path");
    assert_path("items[2].qty", "position_in_path");
    assert_path("/items[10]", "position_in_path");
    assert_path("/items/-", "position_in_path");
}

static void a_pointer_may_escape_slashes_and_tildes(void **state)
{
    struct path path;

    (void)state;
    assert_int_equal(path_parse(&arena, SPAN("/a~1b/c~0d.e"), &path), OK);
    assert_int_equal(path.depth, 2);
    assert_text(path.steps[0], "a/b");
    assert_text(path.steps[1], "c~d.e");
    assert_path("/a~1b/c~0d.e", "/a~1b/c~0d.e");
    assert_path("/a~2b", "bad_path");
    assert_path("/a~", "bad_path");
}

static void nonsense_is_no_path(void **state)
{
    (void)state;
    assert_path("", "bad_path");
    assert_path("/", "bad_path");
    assert_path("a..b", "bad_path");
    assert_path("a.", "bad_path");
    assert_path("/a//b", "bad_path");
    assert_path("/a/", "bad_path");
    assert_path("a.b\nc", "bad_path");
    assert_path("a.\xff", "bad_path");
    assert_path("/a/__proto__", "bad_path");
}

static void a_path_has_limits(void **state)
{
    char text[2048];

    (void)state;
    assert_path("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a", "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a");
    assert_path("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a", "bad_path");
    memset(text, 'a', sizeof(text));
    text[129] = '\0';
    assert_path(text, "bad_path");
    memset(text, '/', sizeof(text));
    text[2047] = '\0';
    assert_path(text, "bad_path");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(dots_and_slashes_mean_the_same, arena_stage_set_up, arena_stage_tear_down),
        cmocka_unit_test_setup_teardown(items_are_addressed_by_id, arena_stage_set_up, arena_stage_tear_down),
        cmocka_unit_test_setup_teardown(positions_are_refused, arena_stage_set_up, arena_stage_tear_down),
        cmocka_unit_test_setup_teardown(a_pointer_may_escape_slashes_and_tildes, arena_stage_set_up,
                                        arena_stage_tear_down),
        cmocka_unit_test_setup_teardown(nonsense_is_no_path, arena_stage_set_up, arena_stage_tear_down),
        cmocka_unit_test_setup_teardown(a_path_has_limits, arena_stage_set_up, arena_stage_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
