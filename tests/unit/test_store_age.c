#include "store/store.h"
#include "lib/store_stage.h"
#include "store/sqlite_internal.h"

enum { DAY = 86400000 };

static void tidy(void)
{
    while (store_tidy(fixture.store, fixture.wall_ms))
        ;
}

static int64_t count(const char *table)
{
    return store_fixture_number(&fixture, arena_printf(&fixture.arena, "SELECT count(*) FROM %s", table).data);
}

static void put(enum object_kind kind, const char *id, uint64_t revision, const char *owner, const char *state)
{
    struct store_request *request = store_fixture_object(&fixture, kind, id, revision, "{}");

    request->commit.objects[0].owner = span_from_str(owner);
    request->commit.objects[0].state = span_from_str(state);
    assert_int_equal(store_fixture_commit(&fixture, request), OK);
}

/* In batches, as they come. */
static void put_many(enum object_kind kind, const char *owner, int from, int upto)
{
    struct store_request *batch[64];
    int added = 0;

    for (int i = from; i < upto; i++) {
        struct store_request *request =
            store_fixture_object(&fixture, kind, arena_printf(&fixture.arena, "%s.%d", owner, i).data, 1, "{}");

        request->commit.objects[0].owner = arena_copy(&request->arena, span_from_str(owner));
        if (kind == OBJECT_NOTIFICATION)
            request->commit.objects[0].state = i % 3 ? SPAN("unread") : SPAN("read");
        request->commit.objects[0].time_ms = i / 10;
        batch[added++] = request;
        if (added < 64 && i + 1 < upto)
            continue;
        store_execute(fixture.store, batch, (size_t)added, fixture.wall_ms);
        while (added > 0) {
            assert_int_equal(batch[--added]->err, OK);
            store_request_free(batch[added]);
        }
        (void)store_tidy(fixture.store, fixture.wall_ms); /* a step after each batch */
    }
}

static void notify(const char *owner, int from, int upto)
{
    put_many(OBJECT_NOTIFICATION, owner, from, upto);
}

static void inboxes_keep_their_newest(void **state)
{
    (void)state;
    notify("7", 0, 1700);
    notify("8", 0, 900);
    fixture.wall_ms += 2000;
    tidy();
    assert_int_equal(count("object WHERE owner = '7'"), 1000);
    assert_int_equal(count("object WHERE owner = '7' AND time_ms < 70"), 0);
    assert_int_equal(count("object WHERE owner = '8'"), 900);
    store_fixture_reopen(&fixture); /* what was counted is forgotten */
    notify("8", 900, 1032);
    fixture.wall_ms += 2000;
    tidy();
    assert_in_range(count("object WHERE owner = '8'"), 1000, 1031);
}

static void many_full_inboxes_are_all_looked_at(void **state)
{
    (void)state;
    for (int i = 0; i < 80; i++) {
        assert_int_equal(
            sql_exec(
                fixture.store->sql.db,
                arena_printf(&fixture.arena,
                             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100) "
                             "INSERT INTO object SELECT 'notification', 'u%d:' || i, '', 'u%d', 'unread', 1, 1, 1, "
                             "'{}' FROM n",
                             i, i)
                    .data),
            OK);
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 80; i++)
            notify(arena_printf(&fixture.arena, "u%d", i).data, round * 32, round * 32 + 32);
        fixture.wall_ms += 2000;
        tidy();
    }
    assert_int_equal(store_fixture_number(&fixture, "SELECT max(n) <= 1031 FROM "
                                                    "(SELECT count(*) AS n FROM object GROUP BY owner)"),
                     1);
}

static void other_kinds_are_no_inbox(void **state)
{
    (void)state;
    put_many(OBJECT_COMMENT, "7", 0, 1100);
    fixture.wall_ms += 2000;
    tidy();
    assert_int_equal(count("object"), 1100);
}

static void what_was_read_or_settled_goes_after_ninety_days(void **state)
{
    (void)state;
    put(OBJECT_NOTIFICATION, "read", 1, "7", "unread");
    put(OBJECT_NOTIFICATION, "unread", 1, "7", "unread");
    put(OBJECT_CONFLICT, "settled", 1, "7", "open");
    put(OBJECT_CONFLICT, "open", 1, "7", "open");
    put(OBJECT_COMMENT, "comment", 1, "7", "resolved");
    fixture.wall_ms += 200LL * DAY;
    put(OBJECT_NOTIFICATION, "read", 2, "7", "read"); /* an old one, read today */
    put(OBJECT_CONFLICT, "settled", 2, "7", "resolved");
    tidy();
    assert_int_equal(count("object"), 5);
    fixture.wall_ms += 90LL * DAY + 1;
    tidy();
    assert_int_equal(count("object"), 3);
    assert_int_equal(count("object WHERE id IN ('unread', 'open', 'comment')"), 3);
}

static void old_messages_go_and_young_ones_stay(void **state)
{
    (void)state;
    fixture.options.message_age_ms = 10000;
    store_fixture_reopen(&fixture);
    put_many(OBJECT_MESSAGE, "7", 0, 600);
    fixture.wall_ms += 9000;
    put(OBJECT_MESSAGE, "young", 1, "7", "");
    fixture.wall_ms += 2000;
    assert_true(store_tidy(fixture.store, fixture.wall_ms));
    assert_in_range(count("object"), 601 - 256, 600); /* a step is small */
    tidy();
    assert_int_equal(count("object"), 1);
}

static void messages_stay_for_a_year_when_nothing_is_said(void **state)
{
    (void)state;
    put(OBJECT_MESSAGE, "m", 1, "7", "");
    fixture.wall_ms += 365LL * DAY;
    tidy();
    assert_int_equal(count("object"), 1);
    fixture.wall_ms += 2000;
    tidy();
    assert_int_equal(count("object"), 0);
}

static void act(bool is_change, const char *id)
{
    struct store_request *request =
        is_change ? store_fixture_change(&fixture, id, 1, SPAN_EMPTY, "{\"qty\":1}")
                  : store_fixture_object(&fixture, OBJECT_ACTIVITY, id, 1, "{\"text\":\"looked at it\"}");

    request->commit.object_count = 0;
    store_fixture_note(request, "did");
    assert_int_equal(store_fixture_commit(&fixture, request), OK);
}

static void activities_outlive_their_events_but_not_for_ever(void **state)
{
    struct activity_query query = {.limit = 10};
    struct activity_page page;

    (void)state;
    act(true, "O-1");
    for (int i = 0; i < 270; i++)
        act(false, "x");
    fixture.wall_ms += 89LL * DAY;
    act(false, "y");
    tidy();
    assert_int_equal(count("event"), 2); /* the change and the young one */
    assert_int_equal(count("activity"), 272);
    assert_int_equal(store_activity(store_fixture_reader(&fixture), &fixture.arena, &query, &page), OK);
    assert_true(page.rows[5].body.len > 0);

    fixture.wall_ms += 1LL * DAY + 1;
    tidy();
    assert_int_equal(count("activity"), 2);
    fixture.wall_ms += 1000LL * DAY;
    tidy();
    assert_int_equal(count("activity"), 1); /* what was changed, by whom, is history */
    assert_int_equal(count("activity WHERE body IS NULL"), 1);
}

static void a_failure_loses_no_inbox(void **state)
{
    (void)state;
    notify("7", 0, 1100);
    fixture.wall_ms += 2000;
    assert_int_equal(sql_exec(fixture.store->sql.db, "PRAGMA query_only=1"), OK);
    (void)store_tidy(fixture.store, fixture.wall_ms);
    assert_int_equal(sql_exec(fixture.store->sql.db, "PRAGMA query_only=0"), OK);
    fixture.wall_ms += 2000;
    tidy();
    assert_int_equal(count("object"), 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_stage_set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(inboxes_keep_their_newest),
        TEST(many_full_inboxes_are_all_looked_at),
        TEST(other_kinds_are_no_inbox),
        TEST(what_was_read_or_settled_goes_after_ninety_days),
        TEST(old_messages_go_and_young_ones_stay),
        TEST(messages_stay_for_a_year_when_nothing_is_said),
        TEST(activities_outlive_their_events_but_not_for_ever),
        TEST(a_failure_loses_no_inbox),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
