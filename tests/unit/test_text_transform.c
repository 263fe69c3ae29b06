#include "collab/change/transform.h"
#include "lib/arena_stage.h"
#include "collab/change/items.h"
#include "collab/change/text.h"

static struct span edited(const char *text, struct span edit)
{
    struct buf out = BUF_EMPTY;
    struct span copy;

    assert_int_equal(text_edit_apply(span_from_str(text), json_in_arena_read(&arena, edit), &out), OK);
    copy = arena_copy(&arena, buf_span(&out));
    buf_deinit(&out);
    return copy;
}

static struct span late(const char *a, const char *b)
{
    return text_transform(&arena, span_from_str(a), span_from_str(b), SIDE_LATE);
}

static struct span early(const char *a, const char *b)
{
    return text_transform(&arena, span_from_str(a), span_from_str(b), SIDE_EARLY);
}

static void an_insert_moves_behind_what_was_put_in_before_it(void **state)
{
    (void)state;
    assert_text(late("[5,\"new\"]", "[2,\"ab\"]"), "[7,\"new\"]");
    assert_text(late("[2,\"new\"]", "[5,\"ab\"]"), "[2,\"new\"]");
    assert_text(late("[5,\"new\"]", "[2,{\"d\":2}]"), "[3,\"new\"]");
}

static void at_the_same_place_what_was_committed_first_is_to_the_left(void **state)
{
    (void)state;
    assert_text(late("[1,\"mine\"]", "[1,\"first\"]"), "[6,\"mine\"]");
    assert_text(early("[1,\"mine\"]", "[1,\"later\"]"), "[1,\"mine\"]");
}

static void an_insert_survives_the_deletion_around_it(void **state)
{
    (void)state;
    assert_text(late("[3,\"x\"]", "[1,{\"d\":4}]"), "[1,\"x\"]");
    assert_text(late("[1,{\"d\":4}]", "[3,\"x\"]"), "[1,{\"d\":2},1,{\"d\":2}]");
}

static void what_both_delete_is_deleted_once(void **state)
{
    (void)state;
    assert_text(late("[1,{\"d\":4}]", "[3,{\"d\":4}]"), "[1,{\"d\":2}]");
    assert_text(late("[1,{\"d\":2}]", "[{\"d\":9}]"), "");
}

static void lengths_are_those_of_javascript(void **state)
{
    (void)state;
    assert_text(late("[2,\"x\"]", "[\"\xf0\x9f\x98\x80\xc3\xa4\"]"), "[5,\"x\"]");
}

static void neighbours_become_one_step(void **state)
{
    (void)state;
    assert_text(late("[1,1,\"a\",\"b\",{\"d\":1},{\"d\":1},3]", "[9,\"z\"]"), "[2,\"ab\",{\"d\":2}]");
}

static void an_edit_can_be_taken_back(void **state)
{
    const char *text = "caf\xc3\xa9 \xf0\x9f\x98\x80 bar";
    const struct span edit = SPAN("[3,{\"d\":1},\"e\",1,{\"d\":2},4,\"!\"]");
    char after[64] = {0};
    struct span there = edited(text, edit), back = text_invert(&arena, span_from_str(text), edit);

    (void)state;
    memcpy(after, there.data, there.len);
    assert_text(there, "cafe  bar!");
    assert_text(back, "[3,\"\xc3\xa9\",{\"d\":1},1,\"\xf0\x9f\x98\x80\",4,{\"d\":1}]");
    assert_text(edited(after, back), text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, arena_stage_set_up, arena_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_insert_moves_behind_what_was_put_in_before_it),
        TEST(at_the_same_place_what_was_committed_first_is_to_the_left),
        TEST(an_insert_survives_the_deletion_around_it),
        TEST(what_both_delete_is_deleted_once),
        TEST(lengths_are_those_of_javascript),
        TEST(neighbours_become_one_step),
        TEST(an_edit_can_be_taken_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
