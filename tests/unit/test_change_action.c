#include "lib/change_stage.h"
#include "collab/type/access.h"

static enum err act(const char *action, const char *state, const char *input)
{
    struct json inputs = {0};
    struct span role = SPAN("editor");
    struct identity *who =
        identity_new(SPAN("5"), SPAN("jsmith"), SPAN_EMPTY, SPAN_EMPTY, &role, 1, access_of(registry, &role, 1));
    enum err err;

    if (input)
        assert_int_equal(json_parse(&inputs, span_from_str(input), &json_limits_default), OK);
    tried.change = (struct change){0};
    tried.field = SPAN_EMPTY;
    err = change_from_action(&arena, tried.type, type_action(tried.type, span_from_str(action)),
                             change_stage_json(state), inputs.root, who, 1771507800123, &tried.change, &tried.field);
    json_deinit(&inputs);
    identity_unref(who);
    return err;
}

static void an_action_sets_what_the_type_says(void **state)
{
    (void)state;
    assert_int_equal(act("approve", "{\"status\":\"open\"}", "{\"note\":\"fine\"}"), OK);
    assert_int_equal(tried.change.kind, CHANGE_ACTION);
    assert_text(tried.change.action, "approve");
    assert_applied("{\"status\":\"open\"}", "{\"status\":\"done\",\"approved_by\":\"jsmith\","
                                            "\"approved_at\":\"2026-02-19T13:30:00.123Z\",\"notes\":\"fine\"}");
    assert_int_equal(act("approve", "{\"status\":\"open\",\"rush\":false}", NULL), OK);
    assert_int_equal(tried.change.op_count, 3); /* the note may be missing */
}

static void an_action_has_conditions(void **state)
{
    (void)state;
    assert_wrong(act("approve", "{\"status\":\"draft\"}", NULL), ERR_BAD_STATE, "status");
    assert_wrong(act("approve", "{}", NULL), ERR_BAD_STATE, "status");
    assert_wrong(act("approve", "{\"status\":\"open\",\"rush\":true}", NULL), ERR_BAD_STATE, "rush");
}

static void an_action_may_add_its_input(void **state)
{
    (void)state;
    assert_int_equal(act("adjust", "{\"qty\":5}", "{\"delta\":-2}"), OK);
    assert_applied("{\"qty\":5}", "{\"qty\":3}");
    assert_wrong(act("adjust", "{\"qty\":5}", NULL), ERR_MISSING_FIELD, "delta");
    assert_wrong(act("adjust", "{\"qty\":5}", "{\"delta\":\"2\"}"), ERR_BAD_FIELD, "qty");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, change_stage_set_up, change_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_action_sets_what_the_type_says),
        TEST(an_action_has_conditions),
        TEST(an_action_may_add_its_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
