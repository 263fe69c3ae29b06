/* A change that is named is taken back alone, or with the group that has a name; without a name a burst is one step. */
#include "collab/change/undo.h"
#include "lib/type_stage.h"

static const char types[] = "{\"order\":{\"fields\":{\"title\":{\"kind\":\"string\"},\"notes\":{\"kind\":\"text\"},"
                            "\"color\":{\"kind\":\"string\"},\"qty\":{\"kind\":\"integer\"}}}}";

enum { LOG_MAX = 24, BURST_MS = UNDO_GROUP_MS / 5 };

static const struct type *type;
static struct span present;
static struct change *history[LOG_MAX];
static uint32_t count, skipped;
static int64_t now_ms;

static void begin(void)
{
    count = 0;
    now_ms = 0;
    present = SPAN("{\"title\":\"a\",\"color\":\"red\",\"qty\":1,\"notes\":\"the pump\"}");
}

static int set_up(void **state)
{
    (void)state;
    type_stage_init(types);
    type = type_find(registry, SPAN("order"));
    begin();
    return 0;
}

/* ---- builders ----------------------------------------------------------------------------------------------------- */

static const struct change *const *changes(void)
{
    return (const struct change *const *)history;
}

/* As the log gives it back. Version 1 is the record as it is found; the first change makes version 2. */
static void commit(const char *user, const struct change *made)
{
    struct change change = *made;
    struct buf after = BUF_EMPTY, text = BUF_EMPTY;

    change.user_id = span_from_str(user);
    change.version = 2 + count;
    change.time_ms = now_ms += BURST_MS;
    assert_int_equal(change_apply(&arena, type, present, 65536, &change, &after), OK);
    present = arena_copy(&arena, buf_span(&after));
    change_print(&text, &change);
    history[count] = arena_alloc(&arena, sizeof(change));
    assert_int_equal(change_read(&arena, buf_span(&text), history[count++]), OK);
    buf_deinit(&text);
    buf_deinit(&after);
}

static void does_in(const char *group, const char *user, const char *text)
{
    struct change change = {0};
    struct span field;
    struct json json;

    assert_int_equal(json_parse(&json, span_from_str(text), &json_limits_default), OK);
    assert_int_equal(change_from_json(&arena, type, json.root, UINT64_MAX, &change, &field), OK);
    json_deinit(&json);
    change.group = span_from_str(group);
    commit(user, &change);
}

static void does(const char *user, const char *text)
{
    does_in("", user, text);
}

/* title b, color blue, qty 3: a burst of one person's, versions 2, 3 and 4. */
static void given_a_burst(void)
{
    does("5", "{\"operation\":\"update\",\"path\":\"title\",\"after\":\"b\"}");
    does("5", "{\"operation\":\"update\",\"path\":\"color\",\"after\":\"blue\"}");
    does("5", "{\"operation\":\"increment\",\"path\":\"qty\",\"n\":2}");
}

static enum err take_back(const char *user, enum err found, const struct undo_target *target)
{
    struct change change = {0};
    enum err err = found;

    if (err == OK)
        err = undo_make(&arena, changes(), count, target, &change, &skipped);
    if (err == OK)
        commit(user, &change);
    now_ms += 2 * (int64_t)UNDO_GROUP_MS;
    return err;
}

static enum err last(const char *user, bool is_redo)
{
    struct undo_target target;

    return take_back(user, undo_find_last(type, changes(), count, span_from_str(user), is_redo, &target), &target);
}

static enum err named(uint64_t version, bool is_redo)
{
    struct undo_target target;

    return take_back("5", undo_find(changes(), count, version, is_redo, &target), &target);
}

static void assert_is(const char *title, const char *color, unsigned qty)
{
    assert_text(present, arena_printf(&arena, "{\"title\":\"%s\",\"color\":\"%s\",\"qty\":%u,\"notes\":\"the pump\"}",
                                      title, color, qty)
                             .data);
}

/* ---- named -------------------------------------------------------------------------------------------------------- */

static void a_change_that_is_named_is_taken_back_alone(void **state)
{
    (void)state;
    given_a_burst();
    assert_int_equal(named(3, false), OK);
    assert_is("b", "red", 3);
    assert_int_equal(history[count - 1]->undo_of, 3);
    assert_int_equal(named(3, false), ERR_NOTHING_TO_UNDO);
    assert_int_equal(named(3, true), OK);
    assert_is("b", "blue", 3);
}

static void without_a_name_a_burst_is_one_step(void **state)
{
    (void)state;
    given_a_burst();
    assert_int_equal(last("5", false), OK);
    assert_is("a", "red", 1);
    assert_int_equal(named(3, false), ERR_NOTHING_TO_UNDO);
    assert_int_equal(last("5", true), OK);
    assert_is("b", "blue", 3);
}

static void the_rest_of_a_burst_is_one_step(void **state)
{
    (void)state;
    for (uint64_t version = 2; version <= 4; version++) {
        begin();
        given_a_burst();
        assert_int_equal(named(version, false), OK);
        assert_int_equal(last("5", false), OK);
        assert_is("a", "red", 1);
        assert_int_equal(last("5", false), ERR_NOTHING_TO_UNDO);
        assert_int_equal(last("5", true), OK); /* the rest */
        assert_int_equal(last("5", true), OK); /* the one that was named */
        assert_is("b", "blue", 3);
    }
}

static void what_was_taken_back_alone_is_brought_back_alone(void **state)
{
    (void)state;
    given_a_burst();
    assert_int_equal(named(2, false), OK);
    assert_int_equal(named(4, false), OK);
    assert_is("a", "blue", 1);
    assert_int_equal(named(2, true), OK);
    assert_is("b", "blue", 1);
    assert_int_equal(last("5", true), OK);
    assert_is("b", "blue", 3);
    assert_int_equal(last("5", true), ERR_NOTHING_TO_UNDO);
}

static void a_group_is_taken_back_whole_whichever_of_it_is_named(void **state)
{
    (void)state;
    for (uint64_t version = 2; version <= 4; version++) {
        begin();
        does_in("g", "5", "{\"operation\":\"update\",\"path\":\"title\",\"after\":\"b\"}");
        does_in("g", "5", "{\"operation\":\"update\",\"path\":\"color\",\"after\":\"blue\"}");
        does_in("g", "5", "{\"operation\":\"increment\",\"path\":\"qty\",\"n\":2}");
        does_in("h", "5", "{\"operation\":\"increment\",\"path\":\"qty\",\"n\":4}");
        assert_int_equal(named(version, false), OK);
        assert_is("a", "red", 5);
        assert_int_equal(named(version, true), OK);
        assert_is("b", "blue", 7);
    }
}

static void an_edit_in_the_midst_of_others_is_taken_back_alone(void **state)
{
    (void)state;
    does("5", "{\"operation\":\"text\",\"path\":\"notes\",\"after\":[\"oh, \"]}");
    does("5", "{\"operation\":\"text\",\"path\":\"notes\",\"after\":[8,\"red \"]}");
    does("5", "{\"operation\":\"text\",\"path\":\"notes\",\"after\":[16,\" leaks\"]}");
    assert_text(present, "{\"title\":\"a\",\"color\":\"red\",\"qty\":1,\"notes\":\"oh, the red pump leaks\"}");
    assert_int_equal(named(3, false), OK);
    assert_text(present, "{\"title\":\"a\",\"color\":\"red\",\"qty\":1,\"notes\":\"oh, the pump leaks\"}");
    assert_int_equal(last("5", false), OK);
    assert_is("a", "red", 1);
    assert_int_equal(last("5", true), OK);
    assert_int_equal(last("5", true), OK);
    assert_text(present, "{\"title\":\"a\",\"color\":\"red\",\"qty\":1,\"notes\":\"oh, the red pump leaks\"}");
}

static void what_ones_own_later_change_covers_is_not_taken_back_alone(void **state)
{
    (void)state;
    does("5", "{\"operation\":\"update\",\"path\":\"title\",\"after\":\"b\"}");
    does("5", "{\"operation\":\"update\",\"path\":\"title\",\"after\":\"c\"}");
    assert_int_equal(named(2, false), ERR_UNDO_BLOCKED);
    assert_int_equal(named(3, false), OK);
    assert_is("b", "red", 1);
    assert_int_equal(named(2, false), OK);
    assert_is("a", "red", 1);
}

/* An undo that was kept before undos said where they begin. */
static void an_undo_of_old_took_the_whole_burst(void **state)
{
    (void)state;
    given_a_burst();
    assert_int_equal(last("5", false), OK);
    history[count - 1]->undo_from = 0;
    assert_int_equal(named(2, false), ERR_NOTHING_TO_UNDO);
    assert_int_equal(last("5", true), OK);
    assert_is("b", "blue", 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, type_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_that_is_named_is_taken_back_alone),
        TEST(without_a_name_a_burst_is_one_step),
        TEST(the_rest_of_a_burst_is_one_step),
        TEST(what_was_taken_back_alone_is_brought_back_alone),
        TEST(a_group_is_taken_back_whole_whichever_of_it_is_named),
        TEST(an_edit_in_the_midst_of_others_is_taken_back_alone),
        TEST(what_ones_own_later_change_covers_is_not_taken_back_alone),
        TEST(an_undo_of_old_took_the_whole_burst),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
