#include "collab/change/reconcile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char types[] =
    "{\"order\":{\"strategy\":\"operational-transform\",\"strategies_allowed\":[\"last-write-wins\",\"manual\"],"
    "\"fields\":{\"title\":{\"kind\":\"string\"},\"notes\":{\"kind\":\"text\"},"
    "\"qty\":{\"kind\":\"integer\",\"max\":100},\"price\":{\"kind\":\"number\",\"strategy\":\"manual\"},"
    "\"status\":{\"kind\":\"string\",\"strategy\":\"last-write-wins\"},"
    "\"likes\":{\"kind\":\"integer\",\"strategy\":\"crdt\"},\"color\":{\"kind\":\"string\",\"strategy\":\"crdt\"},"
    "\"items\":{\"kind\":\"collection\"}}}}";

/* A record at version 1, on which changes are made. */
static struct type_registry *registry;
static const struct type *type;
static struct arena arena;
static struct span present;
static struct change *history[8];
static uint32_t count;
static struct change change; /* the last one */
static struct reconciled outcome;

static int set_up(void **state)
{
    struct buf why = BUF_EMPTY;

    (void)state;
    if (type_registry_new(SPAN(types), SPAN_EMPTY, &registry, &why) != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&why)));
    type = type_find(registry, SPAN("order"));
    arena_init(&arena, 4096);
    present = SPAN_EMPTY;
    count = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_deinit(&arena);
    type_registry_unref(registry);
    return 0;
}

static void given(const char *json)
{
    present = span_from_str(json);
}

static struct change read_change(const char *text)
{
    struct change made = {0};
    struct span field;
    struct json json;

    assert_int_equal(json_parse(&json, span_from_str(text), &json_limits_default), OK);
    assert_int_equal(change_from_json(&arena, type, json.root, UINT64_MAX, &made, &field), OK);
    json_deinit(&json);
    return made;
}

static struct reconcile_input input(uint64_t base_version)
{
    const uint32_t known = base_version > 0 ? (uint32_t)base_version - 1 : count;

    return (struct reconcile_input){.type = type,
                                    .state = present,
                                    .state_bytes_max = 65536,
                                    .since = (const struct change *const *)history + known,
                                    .since_count = count - known,
                                    .present_version = 1 + count};
}

/* `user` sends a Change: ops or one operation, with the version that it was made on. */
static enum verdict send(const char *user, const char *text)
{
    struct buf after = BUF_EMPTY;
    struct reconcile_input met;

    change = read_change(text);
    change.user_id = span_from_str(user);
    met = input(change.base_version);
    reconcile(&arena, &met, &change, &after, &outcome);
    assert_int_equal(outcome.verdict, change.verdict);
    if (outcome.verdict == VERDICT_APPLIED || outcome.verdict == VERDICT_MERGED) {
        change.version = 2 + count;
        history[count] = arena_alloc(&arena, sizeof(change));
        *history[count++] = change;
        present = arena_copy(&arena, buf_span(&after));
    }
    buf_deinit(&after);
    return outcome.verdict;
}

static void assert_text(struct span text, const char *expected)
{
    if (!span_equal(text, span_from_str(expected)))
        fail_msg("%.*s\n is not\n%s", SPAN_ARG(text), expected);
}

static void assert_superseded(const char *value, uint64_t by_version)
{
    assert_int_equal(change.superseded_count, 1);
    assert_text(change.superseded[0].value, value);
    assert_int_equal(change.superseded[0].by_version, by_version);
}

static void assert_refused(enum err err)
{
    assert_int_equal(outcome.verdict, VERDICT_REJECTED);
    assert_string_equal(err_code(outcome.err), err_code(err));
}

/* ---- which strategy ---- */

static void a_field_has_its_own_strategy_or_its_types(void **state)
{
    struct change asked = {.has_strategy = true, .strategy = STRATEGY_LAST_WRITE_WINS};
    const struct change plain = {0};
    const struct op title = {.path = {1, {SPAN("title")}}}, price = {.path = {1, {SPAN("price")}}};
    const struct op likes = {.path = {1, {SPAN("likes")}}}, whole = {.path = {0}};

    (void)state;
    assert_int_equal(strategy_of(type, &plain, &title), STRATEGY_OPERATIONAL_TRANSFORM);
    assert_int_equal(strategy_of(type, &plain, &whole), STRATEGY_OPERATIONAL_TRANSFORM);
    assert_int_equal(strategy_of(type, &plain, &likes), STRATEGY_CRDT);
    assert_int_equal(strategy_of(type, &asked, &title), STRATEGY_LAST_WRITE_WINS);
    assert_int_equal(strategy_of(type, &asked, &likes), STRATEGY_LAST_WRITE_WINS);
    assert_int_equal(strategy_of(type, &asked, &price), STRATEGY_MANUAL); /* nobody asks his way around it */
}

static void a_strategy_that_the_type_does_not_allow_is_refused(void **state)
{
    (void)state;
    given("{}");
    send("5", "{\"operation\":\"update\",\"path\":\"title\",\"after\":\"a\",\"strategy\":\"lock-based\"}");
    assert_refused(ERR_STRATEGY);
}

/* ---- the strategies ---- */

static void what_meets_nothing_is_applied_as_it_was_sent(void **state)
{
    (void)state;
    given("{\"title\":\"a\"}");
    assert_int_equal(send("5", "{\"version\":1,\"operation\":\"update\",\"path\":\"title\",\"after\":\"b\"}"),
                     VERDICT_APPLIED);
    assert_int_equal(send("6", "{\"version\":1,\"operation\":\"increment\",\"path\":\"qty\",\"n\":2}"),
                     VERDICT_APPLIED);
    assert_text(present, "{\"title\":\"b\",\"qty\":2}");
    assert_int_equal(change.superseded_count, 0);
}

static void both_edits_of_a_text_survive(void **state)
{
    (void)state;
    given("{\"notes\":\"abc\"}");
    send("5", "{\"version\":1,\"operation\":\"text\",\"path\":\"notes\",\"value\":[\"x\"]}");
    assert_int_equal(send("6", "{\"version\":1,\"operation\":\"text\",\"path\":\"notes\",\"value\":[3,\"y\"]}"),
                     VERDICT_MERGED);
    assert_text(present, "{\"notes\":\"xabcy\"}");
}

static void an_edit_of_a_text_that_was_replaced_is_superseded_whatever_it_met_before(void **state)
{
    (void)state;
    given("{\"notes\":\"abc\"}");
    send("5", "{\"version\":1,\"operation\":\"text\",\"path\":\"notes\",\"value\":[\"x\"]}");
    send("5", "{\"version\":2,\"operation\":\"update\",\"path\":\"notes\",\"after\":\"new\"}");
    assert_int_equal(send("6", "{\"version\":1,\"operation\":\"text\",\"path\":\"notes\",\"value\":[3,\"y\"]}"),
                     VERDICT_MERGED);
    assert_text(present, "{\"notes\":\"new\"}");
    assert_superseded("[3,\"y\"]", 3);
    assert_false(change_is_empty(&change));
}

static void what_goes_into_something_that_he_himself_took_away_before_is_superseded_too(void **state)
{
    (void)state;
    given("{\"items\":[{\"id\":\"x\",\"pos\":\"a\"}]}");
    send("5", "{\"version\":1,\"source\":\"q\",\"operation\":\"delete\",\"path\":\"/items/@x\"}");
    assert_int_equal(
        send("5", "{\"version\":1,\"source\":\"q\",\"operation\":\"update\",\"path\":\"/items/@x/qty\",\"after\":7}"),
        VERDICT_MERGED);
    assert_superseded("7", 2);
    assert_false(change_is_empty(&change));
}

static void what_goes_into_something_that_never_was_is_superseded(void **state)
{
    (void)state;
    given("{\"items\":[{\"id\":\"x\",\"pos\":\"a\"}]}");
    assert_int_equal(send("5", "{\"operation\":\"update\",\"path\":\"/items/@gone/qty\",\"after\":7}"), VERDICT_MERGED);
    assert_superseded("7", 1);
    assert_int_equal(send("5", "{\"operation\":\"delete\",\"path\":\"/items/@gone\"}"), VERDICT_APPLIED);
    assert_true(change_is_empty(&change));
}

static void a_second_item_of_the_same_name_is_superseded_and_the_same_one_is_not(void **state)
{
    (void)state;
    given("{\"items\":[{\"id\":\"x\",\"pos\":\"a\",\"qty\":1}]}");
    assert_int_equal(send("5", "{\"operation\":\"insert\",\"path\":\"/items/@x\",\"after\":{\"qty\":2}}"),
                     VERDICT_MERGED);
    assert_int_equal(change.superseded_count, 1);
    assert_int_equal(change.superseded[0].by_version, 1);
    assert_int_equal(send("5", "{\"operation\":\"insert\",\"path\":\"/items/@x\",\"after\":{\"qty\":1}}"),
                     VERDICT_APPLIED);
    assert_true(change_is_empty(&change));
    assert_int_equal(send("5", "{\"ops\":[{\"op\":\"ins\",\"path\":\"/items/@y\",\"value\":{\"qty\":1}},"
                               "{\"op\":\"ins\",\"path\":\"/items/@y\",\"value\":{\"qty\":2}}]}"),
                     VERDICT_MERGED);
    assert_int_equal(change.superseded_count, 1);
    assert_int_equal(change.superseded[0].by_version, change.version);
}

static void the_later_value_counts_and_the_other_one_is_superseded(void **state)
{
    (void)state;
    given("{\"title\":\"a\"}");
    send("5", "{\"version\":1,\"operation\":\"update\",\"path\":\"title\",\"after\":\"b\"}");
    assert_int_equal(send("6", "{\"version\":1,\"operation\":\"update\",\"path\":\"title\",\"after\":\"c\"}"),
                     VERDICT_MERGED);
    assert_text(present, "{\"title\":\"c\"}");
    assert_superseded("\"b\"", 3);
}

static void what_goes_into_something_that_was_deleted_is_superseded(void **state)
{
    (void)state;
    given("{\"items\":[{\"id\":\"x\",\"pos\":\"a\"}]}");
    send("5", "{\"version\":1,\"operation\":\"delete\",\"path\":\"/items/@x\"}");
    assert_int_equal(send("6", "{\"version\":1,\"operation\":\"update\",\"path\":\"/items/@x/qty\",\"after\":7}"),
                     VERDICT_MERGED);
    assert_int_equal(change.op_count, 0);
    assert_superseded("7", 2);
    assert_false(change_is_empty(&change)); /* the trace is to be kept */
}

static void a_sum_that_the_field_may_not_hold_is_refused(void **state)
{
    (void)state;
    given("{\"qty\":1}");
    send("5", "{\"version\":1,\"operation\":\"increment\",\"path\":\"qty\",\"n\":9}");
    send("6", "{\"version\":1,\"operation\":\"update\",\"path\":\"qty\",\"after\":95}");
    assert_refused(ERR_BAD_FIELD);
    assert_text(present, "{\"qty\":10}");
}

static void the_greater_stamp_counts_whatever_came_first(void **state)
{
    (void)state;
    given("{\"color\":\"red\"}");
    send("5", "{\"version\":1,\"stamp\":9000,\"operation\":\"update\",\"path\":\"color\",\"after\":\"blue\"}");
    assert_int_equal(
        send("6", "{\"version\":1,\"stamp\":8000,\"operation\":\"update\",\"path\":\"color\",\"after\":\"green\"}"),
        VERDICT_MERGED);
    assert_text(present, "{\"color\":\"blue\"}");
    assert_superseded("\"green\"", 2);
    assert_int_equal(outcome.strategy, STRATEGY_CRDT);
}

static void counters_add_up_under_any_value(void **state)
{
    (void)state;
    given("{\"likes\":3}");
    send("5", "{\"version\":1,\"stamp\":1,\"operation\":\"delete\",\"path\":\"likes\"}");
    send("6", "{\"version\":1,\"stamp\":2,\"operation\":\"increment\",\"path\":\"likes\",\"n\":5}");
    send("7", "{\"version\":1,\"stamp\":3,\"operation\":\"update\",\"path\":\"likes\",\"after\":10}");
    assert_text(present, "{\"likes\":15}");
}

static void two_wishes_for_one_place_are_a_conflict(void **state)
{
    (void)state;
    given("{\"price\":10,\"title\":\"a\"}");
    send("5", "{\"version\":1,\"operation\":\"update\",\"path\":\"price\",\"after\":12}");
    assert_int_equal(send("6", "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"b\"},"
                               "{\"op\":\"set\",\"path\":\"price\",\"value\":11}]}"),
                     VERDICT_CONFLICT);
    assert_text(present, "{\"price\":12,\"title\":\"a\"}"); /* nothing of it is done */
    assert_int_equal(outcome.clash_count, 1);
    assert_int_equal(outcome.clashes[0].op, 1);
    assert_text(outcome.clashes[0].base, "10");
    assert_text(outcome.clashes[0].mine, "11");
    assert_text(outcome.clashes[0].theirs, "12");
    assert_int_equal(change.op_count, 2);
}

static void the_same_wish_twice_is_none(void **state)
{
    (void)state;
    given("{\"price\":10}");
    send("5", "{\"version\":1,\"operation\":\"update\",\"path\":\"price\",\"after\":12}");
    assert_int_not_equal(send("6", "{\"version\":1,\"operation\":\"update\",\"path\":\"price\",\"after\":12.0}"),
                         VERDICT_CONFLICT);
}

static void what_counts_is_what_the_change_wants_at_its_end(void **state)
{
    (void)state;
    given("{\"price\":10}");
    send("5", "{\"version\":1,\"operation\":\"update\",\"path\":\"price\",\"after\":12}");
    assert_int_equal(send("6", "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":12},"
                               "{\"op\":\"set\",\"path\":\"price\",\"value\":11}]}"),
                     VERDICT_CONFLICT);
    assert_text(outcome.clashes[0].mine, "11");
    assert_text(outcome.clashes[0].base, "10");
}

static void a_record_that_was_made_anew_takes_nothing_that_was_meant_for_the_old_one(void **state)
{
    (void)state;
    given("{\"notes\":\"a long text\",\"likes\":1}");
    send("5", "{\"operation\":\"delete\"}");
    present = SPAN_EMPTY;
    send("5", "{\"operation\":\"insert\",\"after\":{\"notes\":\"new\"}}");
    assert_int_equal(send("6", "{\"version\":1,\"ops\":[{\"op\":\"txt\",\"path\":\"notes\",\"value\":[11,\"!\"]},"
                               "{\"op\":\"inc\",\"path\":\"likes\",\"n\":1}]}"),
                     VERDICT_MERGED);
    assert_text(present, "{\"notes\":\"new\"}");
    assert_int_equal(change.superseded_count, 2);
    assert_int_equal(change.superseded[0].by_version, 2);
}

static void who_made_it_anew_himself_does_not_give_way_to_what_was_before(void **state)
{
    (void)state;
    given("{\"notes\":\"a long text\"}");
    send("6", "{\"operation\":\"delete\",\"source\":\"tab\"}");
    present = SPAN_EMPTY;
    send("6", "{\"operation\":\"insert\",\"after\":{\"notes\":\"new\"},\"source\":\"tab\"}");
    assert_int_equal(
        send("6", "{\"version\":1,\"source\":\"tab\",\"operation\":\"text\",\"path\":\"notes\",\"after\":[3,\"!\"]}"),
        VERDICT_APPLIED);
    assert_text(present, "{\"notes\":\"new!\"}");
    assert_int_equal(change.superseded_count, 0);
    /* from another tab he has not seen it */
    assert_int_equal(send("6", "{\"version\":1,\"operation\":\"text\",\"path\":\"notes\",\"after\":[3,\"?\"]}"),
                     VERDICT_MERGED);
    assert_superseded("[3,\"?\"]", 2);
}

static void who_deletes_what_a_person_decides_about_must_have_seen_it(void **state)
{
    (void)state;
    given("{\"title\":\"a\"}");
    send("5", "{\"version\":1,\"operation\":\"update\",\"path\":\"title\",\"after\":\"b\"}");
    assert_int_equal(send("6", "{\"version\":1,\"operation\":\"delete\",\"strategy\":\"manual\"}"), VERDICT_CONFLICT);
    assert_int_equal(outcome.clashes[0].op, 0);
    assert_text(outcome.clashes[0].base, "{\"title\":\"a\"}");
}

static void nobody_is_in_conflict_with_himself(void **state)
{
    (void)state;
    given("{\"price\":10}");
    send("5", "{\"version\":1,\"source\":\"tab1\",\"operation\":\"update\",\"path\":\"price\",\"after\":11}");
    assert_int_equal(
        send("5", "{\"version\":1,\"source\":\"tab1\",\"operation\":\"update\",\"path\":\"price\",\"before\":11,"
                  "\"after\":12}"),
        VERDICT_APPLIED);
    assert_int_equal(
        send("5", "{\"version\":1,\"source\":\"tab2\",\"operation\":\"update\",\"path\":\"price\",\"after\":13}"),
        VERDICT_CONFLICT);
}

/* ---- what was there before ---- */

static void a_value_before_that_never_was_is_refused(void **state)
{
    (void)state;
    given("{\"title\":\"a\"}");
    send("5", "{\"version\":1,\"operation\":\"update\",\"path\":\"title\",\"before\":\"z\",\"after\":\"b\"}");
    assert_refused(ERR_BAD_BEFORE);
}

static void a_value_before_is_that_of_the_version_it_was_made_on(void **state)
{
    (void)state;
    given("{\"title\":\"a\"}");
    send("5", "{\"version\":1,\"operation\":\"update\",\"path\":\"title\",\"before\":\"a\",\"after\":\"b\"}");
    assert_int_equal(
        send("6", "{\"version\":1,\"operation\":\"update\",\"path\":\"title\",\"before\":\"a\",\"after\":\"c\"}"),
        VERDICT_MERGED);
}

static void the_version_is_found_by_the_values_before(void **state)
{
    struct reconcile_input since;
    struct change made;
    uint64_t base = 0;

    (void)state;
    given("{\"title\":\"a\"}");
    send("5", "{\"operation\":\"update\",\"path\":\"title\",\"after\":\"b\"}");
    send("5", "{\"operation\":\"update\",\"path\":\"title\",\"after\":\"c\"}");
    since = input(1);
    made = read_change("{\"operation\":\"update\",\"path\":\"title\",\"before\":\"b\",\"after\":\"x\"}");
    assert_true(reconcile_find_base(&since, &made, &base));
    assert_int_equal(base, 2);
    made = read_change("{\"operation\":\"update\",\"path\":\"title\",\"before\":null,\"after\":\"x\"}");
    assert_false(reconcile_find_base(&since, &made, &base));
}

static void a_long_text_over_many_edits_takes_little_memory(void **state)
{
    enum { EDITS = 2000, BYTES = 40000 };
    struct op key = {.kind = OP_TXT, .path = {1, {SPAN("notes")}}, .value = SPAN("[\"x\"]")};
    const struct change typed = {.kind = CHANGE_UPDATE, .user_id = SPAN("5"), .ops = &key, .op_count = 1};
    const struct change **edits = arena_alloc(&arena, EDITS * sizeof(*edits));
    const struct reconcile_input input = {.type = type,
                                          .state = SPAN("{\"notes\":\"a\"}"),
                                          .state_bytes_max = SIZE_MAX,
                                          .since = edits,
                                          .since_count = EDITS,
                                          .present_version = EDITS + 1};
    struct op paste = {.kind = OP_TXT, .path = key.path};
    struct change pasted = {
        .kind = CHANGE_UPDATE, .user_id = SPAN("6"), .base_version = 1, .op_count = 1, .ops = &paste};
    struct buf after = BUF_EMPTY;
    size_t used;

    (void)state;
    for (uint32_t i = 0; i < EDITS; i++)
        edits[i] = &typed;
    paste.value = arena_printf(&arena, "[\"%0*d\"]", BYTES, 1);
    used = arena.used_bytes;
    reconcile(&arena, &input, &pasted, &after, &outcome);
    assert_int_equal(outcome.verdict, VERDICT_REJECTED); /* the state is not what the edits made */
    assert_true(arena.used_bytes - used < 50 * BYTES);
    buf_deinit(&after);
}

/* A change of the status, from one number to the next. */
static const struct change *make_step(unsigned number)
{
    struct change *step = arena_alloc(&arena, sizeof(*step));
    struct op *op = arena_alloc(&arena, sizeof(*op));

    op->kind = OP_SET;
    op->path = (struct path){1, {SPAN("status")}};
    op->before = arena_printf(&arena, "\"%u\"", number);
    op->value = op->after = arena_printf(&arena, "\"%u\"", number + 1);
    *step = (struct change){.kind = CHANGE_UPDATE, .version = number + 2, .ops = op, .op_count = 1};
    return step;
}

enum { STEPS = 3000, LARGE = 60000 };

static void however_long_a_version_is_looked_for_it_takes_little_memory(void **state)
{
    const struct change **steps = arena_alloc(&arena, STEPS * sizeof(*steps));
    struct reconcile_input long_past = {.type = type, .since = steps, .since_count = STEPS};
    struct op op = {
        .kind = OP_SET, .path = {1, {SPAN("status")}}, .value = SPAN("\"x\""), .expected = SPAN("\"never\"")};
    const struct change sought = {.kind = CHANGE_UPDATE, .ops = &op, .op_count = 1};
    uint64_t base = 0;
    size_t used;

    (void)state;
    long_past.present_version = STEPS + 1;
    long_past.state = arena_printf(&arena, "{\"notes\":\"%0*d\",\"status\":\"%d\"}", LARGE, 0, STEPS);
    for (unsigned i = 0; i < STEPS; i++)
        steps[i] = make_step(i);
    used = arena.used_bytes;
    assert_false(reconcile_find_base(&long_past, &sought, &base));
    op.expected = SPAN("\"7\"");
    assert_true(reconcile_find_base(&long_past, &sought, &base));
    assert_int_equal(base, 8);
    assert_true(arena.used_bytes - used < 10 * LARGE);
}

static void greater_is_the_stamp_then_the_source(void **state)
{
    (void)state;
    assert_true(stamp_is_greater(2, SPAN("a"), 1, SPAN("b")));
    assert_true(stamp_is_greater(1, SPAN("b"), 1, SPAN("a")));
    assert_false(stamp_is_greater(1, SPAN("a"), 1, SPAN("a")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_field_has_its_own_strategy_or_its_types),
        TEST(a_strategy_that_the_type_does_not_allow_is_refused),
        TEST(what_meets_nothing_is_applied_as_it_was_sent),
        TEST(both_edits_of_a_text_survive),
        TEST(an_edit_of_a_text_that_was_replaced_is_superseded_whatever_it_met_before),
        TEST(what_goes_into_something_that_he_himself_took_away_before_is_superseded_too),
        TEST(what_goes_into_something_that_never_was_is_superseded),
        TEST(a_second_item_of_the_same_name_is_superseded_and_the_same_one_is_not),
        TEST(the_later_value_counts_and_the_other_one_is_superseded),
        TEST(what_goes_into_something_that_was_deleted_is_superseded),
        TEST(a_sum_that_the_field_may_not_hold_is_refused),
        TEST(the_greater_stamp_counts_whatever_came_first),
        TEST(counters_add_up_under_any_value),
        TEST(two_wishes_for_one_place_are_a_conflict),
        TEST(the_same_wish_twice_is_none),
        TEST(what_counts_is_what_the_change_wants_at_its_end),
        TEST(a_record_that_was_made_anew_takes_nothing_that_was_meant_for_the_old_one),
        TEST(who_deletes_what_a_person_decides_about_must_have_seen_it),
        TEST(nobody_is_in_conflict_with_himself),
        TEST(a_value_before_that_never_was_is_refused),
        TEST(a_value_before_is_that_of_the_version_it_was_made_on),
        TEST(the_version_is_found_by_the_values_before),
        TEST(a_long_text_over_many_edits_takes_little_memory),
        TEST(however_long_a_version_is_looked_for_it_takes_little_memory),
        TEST(greater_is_the_stamp_then_the_source),
        TEST(who_made_it_anew_himself_does_not_give_way_to_what_was_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
