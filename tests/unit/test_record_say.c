/* Records, changes and differences in the case of either wire. */
#include "lib/say_stage.h"
#include "peer/dialect/record_say.h"

#define WHEN "\"timestamp\":\"2026-02-19T13:30:00.123Z\""
#define SET(field, before, after) \
    "\"operation\":\"update\",\"path\":\"/" field "\",\"before\":" before ",\"after\":" after

static const struct type *order(void)
{
    return type_find(registry, SPAN("work_order"));
}

/* Merged from version 4: of what it wanted, its author's title was lost. */
static struct change make_change(struct op ops[2], struct superseded *lost)
{
    ops[0] = set_op("title", "\"a\"", "\"b\"");
    ops[1] = set_op("priority", "\"low\"", "\"high\"");
    *lost = (struct superseded){.path = ops[0].path, .value = SPAN("\"c\""), .by_version = 6};
    return (struct change){.kind = CHANGE_UPDATE,
                           .id = SPAN("c1"),
                           .entity_id = SPAN("WO-1"),
                           .version = 7,
                           .base_version = 4,
                           .verdict = VERDICT_MERGED,
                           .strategy = STRATEGY_CRDT,
                           .user_id = SPAN("3"),
                           .username = SPAN("akhan"),
                           .time_ms = 1771507800123,
                           .op_count = 2,
                           .ops = ops,
                           .superseded = lost,
                           .superseded_count = 1,
                           .undo_of = 5,
                           .restored = 2,
                           .resolves = SPAN("x1"),
                           .group = SPAN("g"),
                           .metadata = SPAN("{\"a_b\":1}")};
}

static void assert_change(const struct change *change, uint64_t mask, enum object_style style, const char *expected)
{
    struct buf text = BUF_EMPTY;
    change_say(&text, order(), change, mask, style);
    assert_text(buf_span(&text), expected);
    buf_deinit(&text);
}

static void a_change_says_how_it_came_about_in_either_case(void **state)
{
    struct op ops[2];
    struct superseded lost;
    const struct change change = make_change(ops, &lost);
    (void)state;
    assert_change(
        &change, ALL_FIELDS, OBJECT_CAMEL,
        "{\"id\":\"c1\",\"entityType\":\"work_order\",\"entityId\":\"WO-1\",\"action\":\"update\"," SET("title", "\"a\"", "\"b\"") ",\"ops\":[{" SET(
            "title", "\"a\"",
            "\"b\"") "},{" SET("priority", "\"low\"",
                               "\"high\"") "}],\"version\":7,"
                                           "\"userId\":\"3\",\"username\":\"akhan\"," WHEN
                                           ",\"resolved\":true,\"verdict\":\"merged\",\"strategy\":\"crdt\",\"baseVersion\":4,\"undoOf\":5,"
                                           "\"restored\":2,\"resolves\":\"x1\",\"group\":\"g\","
                                           "\"superseded\":[{\"path\":\"/title\",\"value\":\"c\",\"byVersion\":6}],\"metadata\":{\"a_b\":1}}");
    assert_change(
        &change, ALL_FIELDS, OBJECT_SNAKE,
        "{\"id\":\"c1\",\"entity_type\":\"work_order\",\"entity_id\":\"WO-1\",\"action\":\"update\"," SET(
            "title", "\"a\"",
            "\"b\"") ",\"ops\":[{" SET("title", "\"a\"",
                                       "\"b\"") "},{" SET("priority", "\"low\"",
                                                          "\"high\"") "}],\"version\":7,"
                                                                      "\"user_id\":3,\"username\":\"akhan\"," WHEN
                                                                      ",\"verdict\":\"merged\",\"strategy\":\"crdt\",\"base_version\":4,\"undo_of\":5,"
                                                                      "\"restored\":2,\"resolves\":\"x1\",\"group\":\"g\","
                                                                      "\"superseded\":[{\"path\":\"/title\",\"value\":\"c\",\"by_version\":6}],\"metadata\":{\"a_b\":1}}");
}

static void what_may_not_be_read_is_not_in_it_nor_what_was_lost_there(void **state)
{
    struct op ops[2];
    struct superseded lost;
    struct change change = make_change(ops, &lost);
    (void)state;
    change.undo_of = change.restored = change.base_version = 0;
    change.resolves = change.group = change.metadata = SPAN_EMPTY;
    assert_change(&change, all_but("work_order", "title"), OBJECT_SNAKE,
                  "{\"id\":\"c1\",\"entity_type\":\"work_order\",\"entity_id\":\"WO-1\",\"action\":\"update\"," SET(
                      "priority", "\"low\"",
                      "\"high\"") ",\"ops\":[{" SET("priority", "\"low\"",
                                                    "\"high\"") "}],\"version\":7,"
                                                                "\"user_id\":3,\"username\":\"akhan\"," WHEN
                                                                ",\"verdict\":\"merged\",\"strategy\":\"crdt\"}");
    assert_change(&change, 0, OBJECT_CAMEL,
                  "{\"id\":\"c1\",\"entityType\":\"work_order\",\"entityId\":\"WO-1\",\"action\":\"update\",\"ops\":[],"
                  "\"version\":7,\"userId\":\"3\",\"username\":\"akhan\"," WHEN
                  ",\"resolved\":true,\"verdict\":\"merged\",\"strategy\":\"crdt\"}");
}

static void an_action_is_called_by_its_name(void **state)
{
    const struct change change = {.kind = CHANGE_ACTION, .action = SPAN("kit"), .time_ms = 1771507800123};
    (void)state;
    assert_change(&change, ALL_FIELDS, OBJECT_CAMEL,
                  "{\"id\":\"\",\"entityType\":\"work_order\",\"entityId\":\"\",\"action\":\"kit\",\"ops\":[],"
                  "\"version\":0,\"userId\":\"\",\"username\":\"\"," WHEN
                  ",\"resolved\":true,\"verdict\":\"applied\"}");
}

static void a_record_says_when_it_was_changed(void **state)
{
    const struct list_row row = {SPAN("WO-1"), SPAN("{\"title\":\"a\",\"priority\":\"low\"}"), 7, 1771507800123};
    struct buf text = BUF_EMPTY;
    (void)state;
    record_say(&text, order(), &row, ALL_FIELDS, OBJECT_CAMEL);
    record_say(&text, order(), &row, all_but("work_order", "title"), OBJECT_SNAKE);
    assert_text(buf_span(&text),
                "{\"type\":\"work_order\",\"id\":\"WO-1\",\"version\":7,\"updatedAt\":\"2026-02-19T13:30:00.123Z\","
                "\"data\":{\"title\":\"a\",\"priority\":\"low\"}}"
                "{\"type\":\"work_order\",\"id\":\"WO-1\",\"version\":7,\"updated_at\":\"2026-02-19T13:30:00.123Z\","
                "\"data\":{\"priority\":\"low\"}}");
    buf_deinit(&text);
}

static void a_difference_has_the_operations_that_may_be_read(void **state)
{
    struct op ops[] = {set_op("title", "", "\"b\""), set_op("priority", "\"low\"", "")};
    const struct record_difference difference = {.from = 0, .to = 3, .change = {.ops = ops, .op_count = 2}};
    struct buf text = BUF_EMPTY;
    (void)state;
    ops[1].kind = OP_DEL;
    buf_append_char(&text, '{');
    difference_say(&text, order(), &difference, ALL_FIELDS);
    BUF_APPEND_LITERAL(&text, "}{");
    difference_say(&text, order(), &difference, all_but("work_order", "title"));
    assert_text(
        buf_span(&text),
        "{\"from\":0,\"to\":3,\"ops\":[{" SET(
            "title", "null",
            "\"b\"") "},"
                     "{\"operation\":\"delete\",\"path\":\"/priority\",\"before\":\"low\",\"after\":null}]}"
                     "{\"from\":0,\"to\":3,\"ops\":[{\"operation\":\"delete\",\"path\":\"/priority\",\"before\":\"low\","
                     "\"after\":null}]");
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_says_how_it_came_about_in_either_case),
        cmocka_unit_test(what_may_not_be_read_is_not_in_it_nor_what_was_lost_there),
        cmocka_unit_test(an_action_is_called_by_its_name),
        cmocka_unit_test(a_record_says_when_it_was_changed),
        cmocka_unit_test(a_difference_has_the_operations_that_may_be_read),
    };
    return cmocka_run_group_tests(tests, type_stage_set_up, type_stage_tear_down);
}
