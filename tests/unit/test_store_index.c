/* The log is written first, what finds events in it later: nobody who reads can tell. */
#include "lib/store_stage.h"
#include "store/sqlite_internal.h"

enum { DEEDS = 14 };

/* A change, or something else that somebody did, or a message. */
static void do_deed(unsigned number)
{
    const char *ids[] = {"O-1", "O-2"};
    struct store_request *request;
    struct commit_activity *activity;

    if (number % 3 == 2) {
        assert_int_equal(store_fixture_say(&fixture, "records", "{}"), OK);
        return;
    }
    if (number % 3 == 0) {
        uint64_t version;
        struct span before = store_fixture_state(&fixture, ids[number % 2], &version);

        request = store_fixture_change(&fixture, ids[number % 2], version + 1, before, "{\"qty\":1}");
    } else {
        request = store_fixture_object(&fixture, OBJECT_ACTIVITY, "x", 1, "{\"n\":1}");
        request->commit.object_count = 0;
    }
    activity = store_fixture_note(request, number % 3 ? "viewed" : "updated");
    activity->user_id = number % 4 ? SPAN("5") : SPAN("6");
    activity->entity_id = span_from_str(ids[number % 2]);
    activity->customer_id = number % 5 ? SPAN("C-1") : SPAN_EMPTY;
    fixture.wall_ms += 10;
    assert_int_equal(store_fixture_commit(&fixture, request), OK);
}

static void print_feed(struct activity_query query, struct buf *out)
{
    struct activity_page page;

    do {
        assert_int_equal(store_activity(store_fixture_reader(&fixture), &fixture.arena, &query, &page), OK);
        for (uint32_t i = 0; i < page.count; i++)
            buf_printf(out, "%llu %.*s %.*s %.*s %lld %zu; ", (unsigned long long)page.rows[i].seq,
                       SPAN_ARG(page.rows[i].action), SPAN_ARG(page.rows[i].user_id),
                       SPAN_ARG(page.rows[i].customer_id), (long long)page.rows[i].time_ms, page.rows[i].body.len);
        query.cursor = page.next;
        buf_append_str(out, page.next.len > 0 ? "more\n" : "\n");
    } while (page.next.len > 0);
}

static void print_missed(const char *room, struct buf *out)
{
    const uint64_t head = store_fixture_position(&fixture, room).offset;

    for (uint64_t since = 0; since <= head; since++) {
        struct store_request *missed = store_fixture_events(&fixture, room, since, 1000);

        buf_printf(out, "%s %llu: %d %u of %llu\n", room, (unsigned long long)since, missed->is_complete,
                   missed->event_count, (unsigned long long)head);
        store_request_free(missed);
    }
}

/* Everything that is found by an index. */
static void print_all(struct buf *out)
{
    for (uint32_t limit = 1; limit <= 5; limit += 2) {
        print_feed((struct activity_query){.limit = limit}, out);
        print_feed((struct activity_query){.limit = limit, .user_id = SPAN("5")}, out);
        print_feed((struct activity_query){.limit = limit, .entity_id = SPAN("O-1"), .type = SPAN("order")}, out);
        print_feed((struct activity_query){.limit = limit, .customer_id = SPAN("C-1")}, out);
        print_feed((struct activity_query){.limit = limit, .action = SPAN("viewed")}, out);
        print_feed((struct activity_query){.limit = limit, .since_ms = 1000030, .until_ms = 1000070}, out);
    }
    print_missed("records", out);
    print_missed("order-updates", out);
    print_missed("order:O-1", out);
}

/* The deeds, the first `indexed` of which are in the indexes. */
static struct span after_deeds(unsigned indexed)
{
    struct buf out = BUF_EMPTY;
    struct span copy;

    store_fixture_deinit(&fixture);
    store_fixture_init(&fixture);
    for (unsigned i = 0; i < DEEDS; i++) {
        if (i == indexed)
            assert_int_equal(index_all(fixture.store), OK);
        do_deed(i);
    }
    if (indexed == DEEDS)
        assert_int_equal(index_all(fixture.store), OK);
    print_all(&out);
    copy = span_of(span_to_str(buf_span(&out)), out.len);
    buf_deinit(&out);
    return copy;
}

static void what_is_read_is_the_same_wherever_the_indexes_end(void **state)
{
    struct span whole = after_deeds(DEEDS);

    (void)state;
    assert_true(whole.len > 2000);
    for (unsigned indexed = 0; indexed < DEEDS; indexed++) {
        struct span found = after_deeds(indexed);

        assert_text(found, whole.data);
        free((char *)found.data);
    }
    free((char *)whole.data);
}

static void after_a_crash_they_go_on_from_where_they_were(void **state)
{
    int64_t places, lines;

    (void)state;
    for (unsigned i = 0; i < DEEDS; i++)
        do_deed(i);
    assert_int_equal(index_all(fixture.store), OK);
    places = store_stage_number("SELECT count(*) FROM room_event");
    lines = store_stage_number("SELECT count(*) FROM activity");
    for (unsigned i = 0; i < DEEDS; i++)
        do_deed(i);
    assert_int_equal(store_stage_number("SELECT count(*) FROM room_event"), places);
    store_stage_kill();
    assert_int_equal(store_fixture_open(&fixture), OK);
    assert_int_equal(store_stage_number("SELECT count(*) FROM room_event"), 2 * places);
    assert_int_equal(store_stage_number("SELECT count(*) FROM activity"), 2 * lines);
}

static void a_room_that_was_forgotten_goes_on_counting(void **state)
{
    (void)state;
    assert_int_equal(store_fixture_say(&fixture, "records", "{}"), OK);
    assert_int_equal(index_all(fixture.store), OK);
    for (uint64_t offset = 2; offset < 6; offset++) {
        assert_int_equal(store_fixture_say(&fixture, "records", "{}"), OK);
        rooms_forget(&fixture.store->rooms);
        assert_int_equal(store_fixture_position(&fixture, "records").offset, offset);
    }
}

static int refuse(void *arg)
{
    (void)arg;
    return 1;
}

static void a_step_that_fails_is_made_later_and_nothing_is_missing_meanwhile(void **state)
{
    struct buf before = BUF_EMPTY, after = BUF_EMPTY;

    (void)state;
    for (unsigned i = 0; i < DEEDS; i++)
        do_deed(i);
    print_all(&before);
    (void)sqlite3_commit_hook(fixture.store->sql.db, refuse, NULL);
    assert_int_equal(index_all(fixture.store), ERR_STORAGE);
    (void)sqlite3_commit_hook(fixture.store->sql.db, NULL, NULL);
    assert_false(index_is_whole(fixture.store));
    do_deed(2);
    assert_int_equal(index_all(fixture.store), OK);
    assert_int_equal(store_stage_number("SELECT count(*) FROM activity"), 10);
    assert_int_equal(store_fixture_position(&fixture, "records").offset, 10);
    print_feed((struct activity_query){.limit = 1}, &after);
    assert_true(span_starts_with(buf_span(&before), buf_span(&after)));
    buf_deinit(&before);
    buf_deinit(&after);
}

static void they_are_brought_up_to_date_when_many_events_wait_or_some_waited_long(void **state)
{
    (void)state;
    (void)store_tidy(fixture.store, fixture.wall_ms);
    assert_int_equal(store_fixture_say(&fixture, "records", "{}"), OK);
    (void)store_tidy(fixture.store, fixture.wall_ms + 4000);
    assert_int_equal(store_stage_number("SELECT count(*) FROM room_event"), 0);
    (void)store_tidy(fixture.store, fixture.wall_ms + 5000);
    assert_int_equal(store_stage_number("SELECT count(*) FROM room_event"), 1);
    for (int i = 0; i < INDEX_ENOUGH - 1; i++)
        assert_int_equal(store_fixture_say(&fixture, "records", "{}"), OK);
    (void)store_tidy(fixture.store, fixture.wall_ms + 5000);
    assert_int_equal(store_stage_number("SELECT count(*) FROM room_event"), 1);
    assert_int_equal(store_fixture_say(&fixture, "records", "{}"), OK);
    (void)store_tidy(fixture.store, fixture.wall_ms + 5000);
    assert_int_equal(store_stage_number("SELECT count(*) FROM room_event"), INDEX_ENOUGH + 1);
}

static void a_line_of_any_bytes_is_read_back_and_a_cut_one_is_none(void **state)
{
    const struct commit_activity activity = {SPAN("viewed"), SPAN("u\0\xff"), SPAN("order"), SPAN("O-1"), SPAN_EMPTY};
    struct activity_row row = {.seq = 7};
    struct buf line = BUF_EMPTY;

    (void)state;
    line_append(&line, &activity, 1234567890123);
    assert_true(line_read(buf_span(&line), &row));
    assert_int_equal(row.seq, 7);
    assert_int_equal(row.time_ms, 1234567890123);
    assert_true(span_equal(row.user_id, SPAN("u\0\xff")));
    assert_text(row.entity_id, "O-1");
    assert_int_equal(row.customer_id.len, 0);
    for (size_t len = 0; len < line.len; len++)
        assert_false(line_read(span_slice(buf_span(&line), 0, len), &row));
    buf_deinit(&line);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_stage_set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_read_is_the_same_wherever_the_indexes_end),
        TEST(after_a_crash_they_go_on_from_where_they_were),
        TEST(a_room_that_was_forgotten_goes_on_counting),
        TEST(a_step_that_fails_is_made_later_and_nothing_is_missing_meanwhile),
        TEST(they_are_brought_up_to_date_when_many_events_wait_or_some_waited_long),
        TEST(a_line_of_any_bytes_is_read_back_and_a_cut_one_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
