#include "lib/change_stage.h"

static void assert_same(const struct change *a, const struct change *b)
{
    struct buf texts[2] = {BUF_EMPTY, BUF_EMPTY};

    change_print(&texts[0], a);
    change_print(&texts[1], b);
    assert_int_equal(texts[0].len, texts[1].len);
    assert_memory_equal(texts[0].data, texts[1].data, texts[0].len);
    assert_int_equal(a->op_count, b->op_count);
    for (uint32_t i = 0; i < a->op_count; i++) {
        assert_true(span_equal(a->ops[i].before, b->ops[i].before));
        assert_true(span_equal(a->ops[i].after, b->ops[i].after));
        assert_true(span_equal(a->ops[i].value, b->ops[i].value));
        assert_true(span_equal(a->ops[i].pos, b->ops[i].pos));
    }
    buf_deinit(&texts[0]);
    buf_deinit(&texts[1]);
}

static void what_was_printed_reads_the_same(void **state)
{
    static const char *texts[] = {
        "{\"id\":\"c\",\"operation\":\"update\",\"path\":\"status\",\"after\":\"open\",\"version\":3,\"mustMatch\":true}",
        "{\"ops\":[{\"op\":\"set\",\"path\":\"qty\",\"value\":5},{\"op\":\"inc\",\"path\":\"qty\",\"n\":3},"
        "{\"op\":\"del\",\"path\":\"rush\"},{\"op\":\"txt\",\"path\":\"notes\",\"value\":[\"a</b\"]},"
        "{\"op\":\"ins\",\"path\":\"/items/@n\",\"value\":{\"q\":[]}},{\"op\":\"mov\",\"path\":\"/items/@n\",\"pos\":\"a\"},"
        "{\"op\":\"ins\",\"path\":\"/items/@n\",\"value\":{}},{\"op\":\"set\",\"path\":\"/items/@n\",\"value\":{\"a\":1}},"
        "{\"op\":\"set\",\"path\":\"/items/@zz\",\"value\":{}},{\"op\":\"test\",\"path\":\"due\"},"
        "{\"op\":\"set\",\"path\":\"/address/a~1b\",\"value\":null},{\"op\":\"del\",\"path\":\"/items/@n\"}],"
        "\"metadata\":{\"a\":\"\\u00e9\"}}",
        "{\"operation\":\"delete\"}",
        "{\"operation\":\"update\",\"after\":{\"address\":{\"2\":1}}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct buf body = BUF_EMPTY;
        struct change again;

        assert_int_equal(change_try(texts[i]), OK);
        tried.change.entity_id = SPAN("ORD-1");
        assert_int_equal(change_try_on("{\"title\":\"A\",\"rush\":true}"), OK);
        tried.change.version = 4;
        tried.change.user_id = SPAN("5");
        tried.change.username = SPAN("jsmith");
        tried.change.time_ms = 1771507800123;
        change_print(&body, &tried.change);
        assert_int_equal(change_read(&arena, buf_span(&body), &again), OK);
        assert_int_equal(again.version, 4);
        assert_int_equal(again.time_ms, 1771507800123);
        assert_same(&tried.change, &again);
        buf_deinit(&body);
    }
}

static void a_replay_gives_the_same_state(void **state)
{
    struct buf body = BUF_EMPTY, replayed = BUF_EMPTY;
    struct change again;

    (void)state;
    assert_int_equal(change_try_record("{\"title\":\"A\",\"items\":[{\"q\":1}],\"address\":{\"a\":1}}"), OK);
    assert_int_equal(change_try_on(""), OK);
    change_print(&body, &tried.change);
    assert_int_equal(change_read(&arena, buf_span(&body), &again), OK);
    assert_int_equal(change_apply(&arena, NULL, SPAN_EMPTY, SIZE_MAX, &again, &replayed), OK);
    assert_true(span_equal(buf_span(&tried.state), buf_span(&replayed)));
    buf_deinit(&body);
    buf_deinit(&replayed);
}

static void damaged_bodies_are_refused(void **state)
{
    (void)state;
    assert_int_equal(change_read(&arena, SPAN("{\"kind\":"), &tried.change), ERR_BAD_JSON);
    assert_int_equal(change_read(&arena, SPAN("[]"), &tried.change), ERR_BAD_MESSAGE);
    assert_int_equal(change_read(&arena, SPAN("{\"kind\":\"grow\",\"ops\":[]}"), &tried.change), ERR_BAD_MESSAGE);
    assert_int_equal(change_read(&arena, SPAN("{\"kind\":\"update\"}"), &tried.change), ERR_BAD_MESSAGE);
    assert_int_equal(change_read(&arena, SPAN("{\"kind\":\"update\",\"ops\":[{\"op\":\"set\"}]}"), &tried.change),
                     ERR_BAD_PATH);
    assert_int_equal(change_read(&arena, SPAN("{\"kind\":\"update\",\"ops\":[{}]}"), &tried.change), ERR_BAD_MESSAGE);
}

static void a_damaged_state_is_refused(void **state)
{
    (void)state;
    assert_int_equal(change_try_patch("{\"qty\":1}"), OK);
    assert_int_equal(change_try_on("{\"qty\""), ERR_BAD_JSON);
    assert_int_equal(change_try_on("[]"), ERR_BAD_JSON);
}

static void what_became_of_a_change_is_stored_with_it(void **state)
{
    struct superseded lost[] = {{{1, {SPAN("qty")}}, SPAN("7"), 3}, {{1, {SPAN("notes")}}, SPAN("\"x\""), 9}};
    struct change stored = {.kind = CHANGE_UPDATE,
                            .type = SPAN("order"),
                            .entity_id = SPAN("O-1"),
                            .verdict = VERDICT_MERGED,
                            .strategy = STRATEGY_MANUAL,
                            .stamp = 116097535188860929u,
                            .source = SPAN("s"),
                            .undo_of = 5,
                            .restored = 6,
                            .resolves = SPAN("k1"),
                            .group = SPAN("g"),
                            .superseded = lost,
                            .superseded_count = 2,
                            .version = 9};
    struct change read;
    struct buf again = BUF_EMPTY;

    (void)state;
    change_print(&tried.state, &stored);
    assert_int_equal(change_read(&arena, buf_span(&tried.state), &read), OK);
    change_print(&again, &read);
    assert_true(span_equal(buf_span(&tried.state), buf_span(&again)));
    assert_int_equal(read.verdict, VERDICT_MERGED);
    assert_int_equal(read.strategy, STRATEGY_MANUAL);
    assert_int_equal(read.superseded_count, 2);
    assert_int_equal(read.superseded[0].by_version, 3);
    assert_int_equal(read.superseded[1].by_version, 9);
    assert_text(read.superseded[1].value, "\"x\"");
    assert_int_equal(read.undo_of, 5);
    buf_deinit(&again);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, change_stage_set_up, change_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_printed_reads_the_same),
        TEST(a_replay_gives_the_same_state),
        TEST(damaged_bodies_are_refused),
        TEST(a_damaged_state_is_refused),
        TEST(what_became_of_a_change_is_stored_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
