#include "collab/change/undo.h"
#include "lib/type_stage.h"

static const char types[] = "{\"order\":{\"fields\":{\"title\":{\"kind\":\"string\"},\"notes\":{\"kind\":\"text\"},"
                            "\"qty\":{\"kind\":\"integer\"},\"items\":{\"kind\":\"collection\"}}}}";

enum { LOG_MAX = 16, WIDTH = 200, GROUP = 24 };

/* A record at version 1 and what was done to it. */
static const struct type *type;
static struct span present;
static struct change *history[LOG_MAX];
static uint32_t count, skipped;
static int64_t now_ms;
static struct undo_target target;

static int set_up(void **state)
{
    (void)state;
    type_stage_init(types);
    type = type_find(registry, SPAN("order"));
    count = 0;
    now_ms = 0;
    return 0;
}

static const struct change *const *changes(void)
{
    return (const struct change *const *)history;
}

static void commit(const char *user, const struct change *made)
{
    struct change *change = arena_alloc(&arena, sizeof(*change));
    struct buf after = BUF_EMPTY;

    *change = *made;
    change->user_id = span_from_str(user);
    change->version = 2 + count;
    change->time_ms = now_ms;
    assert_int_equal(change_apply(&arena, type, present, 65536, change, &after), OK);
    present = arena_copy(&arena, buf_span(&after));
    history[count++] = change;
    buf_deinit(&after);
}

/* A second after what was done before. */
static void does(const char *user, const char *text)
{
    struct change change = {0};
    struct span field;
    struct json json;

    assert_int_equal(json_parse(&json, span_from_str(text), &json_limits_default), OK);
    assert_int_equal(change_from_json(&arena, type, json.root, UINT64_MAX, &change, &field), OK);
    json_deinit(&json);
    now_ms += 1000;
    commit(user, &change);
}

static void sets(const char *user, const char *path, const char *value)
{
    does(user, arena_printf(&arena, "{\"operation\":\"update\",\"path\":\"%s\",\"after\":%s}", path, value).data);
}

static enum err take_back(const char *user, bool is_redo)
{
    struct change change = {0};
    enum err err = undo_find_last(type, changes(), count, span_from_str(user), is_redo, &target);

    if (err == OK)
        err = undo_make(&arena, changes(), count, &target, &change, &skipped);
    if (err == OK)
        commit(user, &change);
    return err;
}

static enum err undo(const char *user)
{
    return take_back(user, false);
}

static enum err redo(const char *user)
{
    return take_back(user, true);
}

/* ---- whose turn it is ---- */

static void given_two_titles(void)
{
    present = SPAN("{\"title\":\"a\"}");
    sets("5", "title", "\"b\"");
    sets("5", "title", "\"c\"");
}

static void undo_goes_back_step_by_step_and_redo_forth(void **state)
{
    (void)state;
    given_two_titles();
    assert_int_equal(undo("5"), OK);
    assert_text(present, "{\"title\":\"b\"}");
    assert_int_equal(undo("5"), OK);
    assert_text(present, "{\"title\":\"a\"}");
    assert_int_equal(undo("5"), ERR_NOTHING_TO_UNDO);
    assert_int_equal(redo("5"), OK);
    assert_int_equal(redo("5"), OK);
    assert_text(present, "{\"title\":\"c\"}");
    assert_int_equal(redo("5"), ERR_NOTHING_TO_UNDO);
}

static void a_new_change_leaves_what_was_taken_back_behind(void **state)
{
    (void)state;
    given_two_titles();
    assert_int_equal(undo("5"), OK);
    sets("5", "qty", "1");
    assert_int_equal(redo("5"), ERR_NOTHING_TO_UNDO);
    assert_int_equal(undo("5"), OK);
    assert_int_equal(undo("5"), OK);
    assert_text(present, "{\"title\":\"a\"}");
}

static void only_ones_own_changes_are_taken_back(void **state)
{
    (void)state;
    given_two_titles();
    assert_int_equal(undo("6"), ERR_NOTHING_TO_UNDO);
    assert_true(target.may_be_older);
    sets("6", "qty", "7");
    assert_int_equal(undo("5"), OK);
    assert_text(present, "{\"title\":\"b\",\"qty\":7}");
}

static void changes_within_half_a_second_go_together(void **state)
{
    (void)state;
    present = SPAN("{\"qty\":1}");
    for (int i = 0; i < 3; i++) {
        now_ms -= 1000 - UNDO_GROUP_MS;
        does("5", "{\"operation\":\"increment\",\"path\":\"qty\",\"n\":1}");
    }
    assert_int_equal(undo("5"), OK);
    assert_text(present, "{\"qty\":1}");
}

static void a_named_group_goes_together_whatever_lies_between(void **state)
{
    (void)state;
    present = SPAN("{\"qty\":1}");
    sets("5", "title", "\"a\"");
    does("5", "{\"group\":\"g\",\"operation\":\"increment\",\"path\":\"qty\",\"n\":1}");
    does("6", "{\"operation\":\"increment\",\"path\":\"qty\",\"n\":10}");
    does("5", "{\"group\":\"g\",\"operation\":\"increment\",\"path\":\"qty\",\"n\":1}");
    assert_int_equal(undo("5"), OK);
    assert_text(present, "{\"qty\":11,\"title\":\"a\"}");
}

static void a_change_is_found_by_its_version(void **state)
{
    (void)state;
    given_two_titles();
    assert_int_equal(undo_find(changes(), count, 3, false, &target), OK);
    assert_int_equal(target.last, 1);
    assert_int_equal(undo_find(changes(), count, 9, false, &target), ERR_NOT_FOUND);
    assert_int_equal(undo_find(changes(), count, 3, true, &target), ERR_NOTHING_TO_UNDO);
    assert_int_equal(undo("5"), OK);
    assert_int_equal(undo_find(changes(), count, 3, false, &target), ERR_NOTHING_TO_UNDO);
    assert_int_equal(undo_find(changes(), count, 3, true, &target), OK);
    assert_int_equal(target.last, 2);
}

/* ---- nobody else's work is destroyed ---- */

static void what_somebody_changed_since_blocks_the_way_back(void **state)
{
    (void)state;
    present = SPAN("{\"title\":\"a\"}");
    sets("5", "title", "\"b\"");
    sets("6", "title", "\"c\"");
    assert_int_equal(undo("5"), ERR_UNDO_BLOCKED);
    assert_text(present, "{\"title\":\"c\"}");
}

static void what_can_be_taken_back_is(void **state)
{
    (void)state;
    present = SPAN("{\"title\":\"a\",\"qty\":1}");
    does("5",
         "{\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"b\"},{\"op\":\"inc\",\"path\":\"qty\",\"n\":5}]}");
    sets("6", "title", "\"c\"");
    does("6", "{\"operation\":\"increment\",\"path\":\"qty\",\"n\":3}");
    assert_int_equal(undo("5"), OK);
    assert_text(present, "{\"title\":\"c\",\"qty\":4}");
    assert_int_equal(skipped, 1);
}

static void an_item_that_others_worked_on_is_not_taken_out(void **state)
{
    (void)state;
    present = SPAN("{}");
    does("5", "{\"operation\":\"insert\",\"path\":\"/items/@x\",\"after\":{\"q\":1}}");
    sets("6", "/items/@x/q", "2");
    assert_int_equal(undo("5"), ERR_UNDO_BLOCKED);
}

static void a_text_keeps_what_others_wrote_into_it(void **state)
{
    (void)state;
    present = SPAN("{\"notes\":\"abc\"}");
    does("5", "{\"operation\":\"text\",\"path\":\"notes\",\"value\":[1,\"XYZ\",{\"d\":1}]}");
    does("6", "{\"operation\":\"text\",\"path\":\"notes\",\"value\":[2,\"-\"]}");
    assert_int_equal(undo("5"), OK);
    assert_text(present, "{\"notes\":\"a-bc\"}");
}

static void the_first_count_of_a_counter_leaves_that_of_others(void **state)
{
    (void)state;
    present = SPAN("{}");
    does("5", "{\"operation\":\"increment\",\"path\":\"qty\",\"n\":5}");
    does("6", "{\"operation\":\"increment\",\"path\":\"qty\",\"n\":3}");
    assert_int_equal(undo("5"), OK);
    assert_text(present, "{\"qty\":3}");
}

/* ---- whole records ---- */

static void a_record_that_was_deleted_is_made_again(void **state)
{
    struct change change = {0};

    (void)state;
    present = SPAN_EMPTY;
    does("5", "{\"operation\":\"insert\",\"after\":{\"title\":\"a\",\"qty\":1}}");
    does("5", "{\"operation\":\"increment\",\"path\":\"qty\",\"n\":2}");
    does("5", "{\"operation\":\"delete\"}");
    present = SPAN_EMPTY;
    assert_int_equal(undo_find_last(type, changes(), count, SPAN("5"), false, &target), OK);
    assert_int_equal(undo_make(&arena, changes(), count, &target, &change, &skipped), OK);
    assert_int_equal(change.kind, CHANGE_CREATE);
    commit("5", &change);
    assert_text(present, "{\"title\":\"a\",\"qty\":3}");
}

/* A change in a group that writes many fields of an item each. */
static struct change *make_wide(uint64_t version, const char *user)
{
    struct change *wide = arena_alloc(&arena, sizeof(*wide));

    *wide =
        (struct change){.kind = CHANGE_UPDATE, .version = version, .user_id = span_from_str(user), .group = SPAN("g")};
    wide->op_count = WIDTH;
    wide->ops = arena_alloc(&arena, WIDTH * sizeof(*wide->ops));
    for (uint32_t i = 0; i < WIDTH; i++) {
        wide->ops[i] = (struct op){
            .kind = OP_SET,
            .path = {3, {SPAN("items"), SPAN("@1"), arena_printf(&arena, "f%06u", (unsigned)version * WIDTH + i)}},
            .before = arena_printf(&arena, "%u", (unsigned)version - 1),
            .after = arena_printf(&arena, "%u", (unsigned)version)};
        wide->ops[i].value = wide->ops[i].after;
    }
    return wide;
}

static void a_group_that_is_far_too_large_to_be_taken_back_is_refused_at_once(void **state)
{
    struct change *log[GROUP + 1];
    const struct undo_target all = {.first = 0, .last = GROUP - 1};
    struct change change = {0};

    (void)state;
    for (uint32_t i = 0; i < GROUP; i++)
        log[i] = make_wide(i + 2, "5");
    log[GROUP] = make_wide(GROUP + 2, "6");
    log[GROUP]->ops[0].path.depth = 1; /* the whole list: it is in the way of everything */
    assert_int_equal(undo_make(&arena, (const struct change *const *)log, GROUP + 1, &all, &change, &skipped),
                     ERR_TOO_LARGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, type_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(undo_goes_back_step_by_step_and_redo_forth),
        TEST(a_new_change_leaves_what_was_taken_back_behind),
        TEST(only_ones_own_changes_are_taken_back),
        TEST(changes_within_half_a_second_go_together),
        TEST(a_named_group_goes_together_whatever_lies_between),
        TEST(a_change_is_found_by_its_version),
        TEST(what_somebody_changed_since_blocks_the_way_back),
        TEST(what_can_be_taken_back_is),
        TEST(an_item_that_others_worked_on_is_not_taken_out),
        TEST(a_text_keeps_what_others_wrote_into_it),
        TEST(the_first_count_of_a_counter_leaves_that_of_others),
        TEST(a_record_that_was_deleted_is_made_again),
        TEST(a_group_that_is_far_too_large_to_be_taken_back_is_refused_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
