#include "store/store.h"
#include "lib/store_stage.h"
#include "store/sqlite_internal.h"

#include <stdio.h>

/* A change of an order, noted as what its user did. */
static void change(const char *id, const char *user, const char *customer)
{
    uint64_t version;
    struct span before = store_fixture_state(&fixture, id, &version);
    struct store_request *request = store_fixture_change(&fixture, id, version + 1, before, "{\"qty\":1}");
    struct commit_activity *activity = store_fixture_note(request, version == 0 ? "created" : "updated");

    activity->user_id = span_from_str(user);
    activity->customer_id = span_from_str(customer);
    assert_int_equal(store_fixture_commit(&fixture, request), OK);
}

/* Something that is no change. */
static void act(const char *action, const char *type, const char *id, const char *user)
{
    struct store_request *request = store_fixture_object(&fixture, OBJECT_ACTIVITY, "x", 1, "{\"n\":1}");
    struct commit_activity *activity = store_fixture_note(request, action);

    request->commit.object_count = 0;
    activity->user_id = span_from_str(user);
    activity->type = span_from_str(type);
    activity->entity_id = span_from_str(id);
    assert_int_equal(store_fixture_commit(&fixture, request), OK);
}

/* All pages, as action:id one after the other. */
static void assert_feed(struct activity_query query, const char *lines)
{
    struct buf found = BUF_EMPTY;
    struct activity_page page;
    uint64_t last = UINT64_MAX;

    do {
        assert_int_equal(store_activity(store_fixture_reader(&fixture), &fixture.arena, &query, &page), OK);
        assert_true(page.count <= query.limit);
        for (uint32_t i = 0; i < page.count; i++) {
            assert_true(page.rows[i].seq < last);
            last = page.rows[i].seq;
            buf_printf(&found, "%.*s:%.*s ", SPAN_ARG(page.rows[i].action), SPAN_ARG(page.rows[i].entity_id));
        }
        query.cursor = page.next;
    } while (page.next.len > 0);
    assert_text(buf_span(&found), lines);
    buf_deinit(&found);
}

static void act_a_little(void)
{
    change("O-1", "5", "C-1");
    change("O-2", "6", "C-2");
    act("viewed", "order", "O-1", "6");
    change("O-1", "6", "C-1");
    act("viewed", "invoice", "O-1", "5");
    act("logged_in", "", "", "5");
}

static void the_feed_is_found_by_whatever_it_is_about(void **state)
{
    (void)state;
    act_a_little();
    for (uint32_t limit = 1; limit < 8; limit++) {
        struct activity_query all = {.limit = limit}, query = all;

        assert_feed(all, "logged_in: viewed:O-1 updated:O-1 viewed:O-1 created:O-2 created:O-1 ");
        query.user_id = SPAN("6");
        assert_feed(query, "updated:O-1 viewed:O-1 created:O-2 ");
        query.type = SPAN("order");
        query.entity_id = SPAN("O-1");
        assert_feed(query, "updated:O-1 viewed:O-1 ");
        query.user_id = SPAN_EMPTY;
        assert_feed(query, "updated:O-1 viewed:O-1 created:O-1 ");
        query.action = SPAN("viewed");
        assert_feed(query, "viewed:O-1 ");
        query = all;
        query.type = SPAN("order");
        assert_feed(query, "updated:O-1 viewed:O-1 created:O-2 created:O-1 ");
        query = all;
        query.customer_id = SPAN("C-1");
        assert_feed(query, "updated:O-1 created:O-1 ");
        query.user_id = SPAN("5");
        assert_feed(query, "created:O-1 ");
        query = all;
        query.action = SPAN("approved");
        assert_feed(query, "");
    }
}

static void a_line_says_who_what_and_when(void **state)
{
    struct activity_query query = {.limit = 10};
    struct activity_page page;
    struct event *event;

    (void)state;
    change("O-1", "5", "C-1");
    fixture.wall_ms += 500;
    act("viewed", "order", "O-1", "6");
    assert_int_equal(store_activity(store_fixture_reader(&fixture), &fixture.arena, &query, &page), OK);
    assert_int_equal(page.count, 2);
    assert_text(page.rows[1].user_id, "5");
    assert_text(page.rows[1].customer_id, "C-1");
    assert_text(page.rows[1].type, "order");
    assert_int_equal(page.rows[1].time_ms, fixture.wall_ms - 500);
    assert_int_equal(event_read(page.rows[1].body, SPAN("r"), (struct position){1, 1}, fixture.registry, &event), OK);
    assert_int_equal(event->kind, EVENT_CHANGE);
    assert_text(event->entity_id, "O-1");
    event_unref(event);
    assert_int_equal(event_read(page.rows[0].body, SPAN("r"), (struct position){1, 1}, fixture.registry, &event), OK);
    assert_int_equal(event->kind, EVENT_OBJECT);
    assert_text(event->object.body, "{\"n\":1}");
    assert_int_equal(page.rows[0].time_ms, event->time_ms);
    event_unref(event);
}

static void a_change_is_kept_once(void **state)
{
    (void)state;
    act_a_little();
    assert_int_equal(index_all(fixture.store), OK);
    assert_int_equal(store_fixture_number(&fixture, "SELECT count(*) FROM activity WHERE body IS NULL"), 3);
    assert_int_equal(store_fixture_number(&fixture, "SELECT count(*) FROM activity WHERE body IS NOT NULL"), 3);
}

static void a_period_begins_with_its_first_moment_and_ends_before_its_last(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        fixture.wall_ms = 100000000 + i * 1000000;
        act("viewed", "order", arena_printf(&fixture.arena, "%d", i).data, i % 2 ? "5" : "6");
        if (i % 7 == 0) /* numbers that nothing in the feed has */
            assert_int_equal(store_fixture_say(&fixture, "records", "{}"), OK);
    }
    for (int i = 1; i < 49; i++) {
        struct activity_query query = {
            .since_ms = 100000000 + i * 1000000, .until_ms = 100000000 + (i + 2) * 1000000, .limit = 1};
        char expected[64];

        (void)snprintf(expected, sizeof(expected), i + 1 < 50 ? "viewed:%d viewed:%d " : "viewed:%d ",
                       i + 1 < 50 ? i + 1 : i, i);
        assert_feed(query, expected);
        query.since_ms++;
        (void)snprintf(expected, sizeof(expected), "viewed:%d ", i + 1);
        assert_feed(query, expected);
        query.user_id = (i + 1) % 2 ? SPAN("5") : SPAN("6");
        assert_feed(query, expected);
        query.until_ms = query.since_ms;
        assert_feed(query, "");
    }
    assert_feed((struct activity_query){.until_ms = 100000000, .limit = 10}, "");
    assert_feed((struct activity_query){.until_ms = 100000001, .limit = 10}, "viewed:0 ");
    assert_feed((struct activity_query){.since_ms = 149000000, .limit = 10}, "viewed:49 ");
    assert_feed((struct activity_query){.since_ms = 149000001, .limit = 10}, "");
    assert_feed((struct activity_query){.since_ms = INT64_MAX, .until_ms = INT64_MAX, .limit = 10}, "");
}

/* Events are numbered when they are committed, which is not quite the order in which they were made. */
static void a_period_has_what_came_a_little_out_of_order(void **state)
{
    static const int64_t times[] = {50000, 90000, 45000, 91000, 100000, 60000};

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        fixture.wall_ms = 10000000 + times[i];
        act("viewed", "order", arena_printf(&fixture.arena, "%zu", i).data, "5");
    }
    assert_feed((struct activity_query){.since_ms = 10000000 + 91000, .limit = 10}, "viewed:4 viewed:3 ");
    assert_feed((struct activity_query){.until_ms = 10000000 + 60001, .limit = 10}, "viewed:5 viewed:2 viewed:0 ");
}

static void an_empty_feed_is_an_empty_page(void **state)
{
    (void)state;
    assert_feed((struct activity_query){.limit = 10}, "");
    assert_feed((struct activity_query){.since_ms = 1000000, .until_ms = 2000000, .limit = 10}, "");
}

static void a_cursor_of_something_else_is_refused(void **state)
{
    struct activity_query query = {.limit = 2}, other = {.limit = 2, .user_id = SPAN("5")};
    struct activity_page page;

    (void)state;
    act_a_little();
    assert_int_equal(store_activity(store_fixture_reader(&fixture), &fixture.arena, &query, &page), OK);
    other.cursor = page.next;
    assert_int_equal(store_activity(fixture.reader, &fixture.arena, &other, &page), ERR_BAD_FIELD);
    other.cursor = SPAN("AA");
    assert_int_equal(store_activity(fixture.reader, &fixture.arena, &other, &page), ERR_BAD_FIELD);
}

static void a_page_has_only_so_many_bytes(void **state)
{
    struct activity_query query = {.limit = 1000};
    struct activity_page page;
    uint32_t count = 0;

    (void)state;
    assert_int_equal(
        sql_exec(fixture.store->sql.db,
                 "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10) INSERT INTO "
                 "activity SELECT i, i, 'a', '', '', '', '', hex(zeroblob(524288)) FROM n"),
        OK);
    do {
        assert_int_equal(store_activity(store_fixture_reader(&fixture), &fixture.arena, &query, &page), OK);
        assert_in_range(page.count, 1, 4);
        count += page.count;
        query.cursor = page.next;
    } while (page.next.len > 0);
    assert_int_equal(count, 10);
}

static void the_feed_comes_back_with_a_copy(void **state)
{
    struct span copy = span_from_str(store_fixture_path(&fixture, "copy"));

    (void)state;
    change("O-1", "5", "");
    assert_int_equal(store_backup(store_fixture_reader(&fixture), copy, &fixture.why), OK);
    act("viewed", "order", "O-1", "5");
    store_fixture_close(&fixture);
    assert_int_equal(store_restore(fixture.options.folder, copy, &fixture.why), OK);
    store_fixture_reopen(&fixture);
    assert_feed((struct activity_query){.limit = 10}, "created:O-1 ");
    act("viewed", "order", "O-1", "5");
    assert_feed((struct activity_query){.limit = 1}, "viewed:O-1 created:O-1 ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_stage_set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_feed_is_found_by_whatever_it_is_about),
        TEST(a_line_says_who_what_and_when),
        TEST(a_change_is_kept_once),
        TEST(a_period_begins_with_its_first_moment_and_ends_before_its_last),
        TEST(a_period_has_what_came_a_little_out_of_order),
        TEST(an_empty_feed_is_an_empty_page),
        TEST(a_cursor_of_something_else_is_refused),
        TEST(a_page_has_only_so_many_bytes),
        TEST(the_feed_comes_back_with_a_copy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
