#include "store/store.h"
#include "lib/store_stage.h"
#include "store/sqlite_internal.h"

#include <string.h>

static void put(enum object_kind kind, const char *id, const char *room, const char *owner, const char *state,
                int64_t time_ms)
{
    struct store_request *request = store_fixture_object(&fixture, kind, id, 1, "{}");
    struct object *object = &request->commit.objects[0];

    object->room = span_from_str(room);
    object->owner = span_from_str(owner);
    object->state = span_from_str(state);
    object->time_ms = time_ms;
    assert_int_equal(store_fixture_commit(&fixture, request), OK);
}

/* All pages, as the ids one after the other; checks what each page says of the whole. */
static void assert_pages(struct object_query query, const char *ids, uint64_t total)
{
    struct buf found = BUF_EMPTY;
    struct object_page page;

    do {
        assert_int_equal(store_objects(store_fixture_reader(&fixture), &fixture.arena, &query, &page), OK);
        assert_int_equal(page.total, total);
        assert_true(page.count <= query.limit);
        for (uint32_t i = 0; i < page.count; i++) {
            assert_int_equal(page.objects[i].kind, query.kind);
            buf_append_span(&found, page.objects[i].id);
            buf_append_char(&found, ' ');
        }
        query.cursor = page.next;
    } while (page.next.len > 0);
    assert_text(buf_span(&found), ids);
    buf_deinit(&found);
}

static void put_some_comments(void)
{
    put(OBJECT_COMMENT, "a", "order:O-1", "5", "open", 100);
    put(OBJECT_COMMENT, "b", "order:O-2", "5", "open", 90);
    put(OBJECT_COMMENT, "c", "order:O-1", "6", "resolved", 80);
    put(OBJECT_COMMENT, "d", "order:O-1", "6", "open", 100);
    put(OBJECT_COMMENT, "e", "orders", "6", "open", 70);
    put(OBJECT_COMMENT, "f", "order:O-1", "5", "open", 100);
    put(OBJECT_CONFLICT, "a", "order:O-1", "5", "open", 1);
}

static void comments_of_a_room_are_in_the_order_in_which_they_were_made(void **state)
{
    (void)state;
    put_some_comments();
    for (uint32_t limit = 1; limit < 6; limit++) {
        struct object_query query = {.kind = OBJECT_COMMENT, .room = SPAN("order:O-1"), .limit = limit};

        assert_pages(query, "c a d f ", 4);
        query.newest_first = true;
        assert_pages(query, "f d a c ", 4);
        query.state = SPAN("open");
        assert_pages(query, "f d a ", 3);
        query.owner = SPAN("5");
        assert_pages(query, "f a ", 2);
        query.room = SPAN_EMPTY;
        assert_pages(query, "f a b ", 3);
        query.state = SPAN_EMPTY;
        query.newest_first = false;
        assert_pages(query, "b a f ", 3);
        query.owner = SPAN_EMPTY;
        assert_pages(query, "e c b a d f ", 6);
        query.type = SPAN("order");
        assert_pages(query, "c b a d f ", 5);
        query.type = SPAN("orde");
        assert_pages(query, "", 0);
        query.room = SPAN("order:O-9");
        assert_pages(query, "", 0);
    }
}

static void an_inbox_is_newest_first_with_its_unread_counted(void **state)
{
    struct object_query query = {
        .kind = OBJECT_NOTIFICATION, .owner = SPAN("7"), .state = SPAN("unread"), .newest_first = true, .limit = 2};
    const struct object_rights all = {0};
    struct store_reader *reader;
    uint64_t count;

    (void)state;
    for (int i = 0; i < 7; i++)
        put(OBJECT_NOTIFICATION, arena_printf(&fixture.arena, "n%d", i).data, "user:7", i == 6 ? "8" : "7",
            i % 3 == 0 ? "read" : "unread", 1000 + i);
    reader = store_fixture_reader(&fixture);
    assert_pages(query, "n5 n4 n2 n1 ", 4);
    assert_int_equal(store_object_count(reader, OBJECT_NOTIFICATION, SPAN("7"), SPAN("unread"), &all, &count), OK);
    assert_int_equal(count, 4);
    assert_int_equal(store_object_count(reader, OBJECT_CONFLICT, SPAN("7"), SPAN("unread"), &all, &count), OK);
    assert_int_equal(count, 0);
}

static void what_comes_or_goes_meanwhile_moves_no_page(void **state)
{
    struct object_query query = {.kind = OBJECT_COMMENT, .room = SPAN("order:O-1"), .limit = 2};
    struct store_request *removal = store_fixture_object(&fixture, OBJECT_COMMENT, "c", 2, "");
    struct object_page page;

    (void)state;
    put_some_comments();
    assert_int_equal(store_objects(store_fixture_reader(&fixture), &fixture.arena, &query, &page), OK);
    assert_text(page.objects[1].id, "a");
    assert_int_equal(store_fixture_commit(&fixture, removal), OK); /* on the page that was read */
    put(OBJECT_COMMENT, "g", "order:O-1", "5", "open", 95);
    query.cursor = page.next;
    assert_int_equal(store_objects(store_fixture_reader(&fixture), &fixture.arena, &query, &page), OK);
    assert_int_equal(page.count, 2);
    assert_text(page.objects[0].id, "d");
    assert_text(page.objects[1].id, "f");
    assert_int_equal(page.next.len, 0);
}

static void one_object_is_read_by_its_id(void **state)
{
    struct store_reader *reader;
    struct object object;

    (void)state;
    put_some_comments();
    reader = store_fixture_reader(&fixture);
    assert_int_equal(store_object_get(reader, &fixture.arena, OBJECT_COMMENT, SPAN("c"), &object), OK);
    assert_text(object.state, "resolved");
    assert_text(object.owner, "6");
    assert_text(object.body, "{}");
    assert_int_equal(object.revision, 1);
    assert_int_equal(store_object_get(reader, &fixture.arena, OBJECT_LOCK, SPAN("c"), &object), ERR_NOT_FOUND);
}

static void a_page_has_only_so_many_bytes(void **state)
{
    struct object_query query = {.kind = OBJECT_COMMENT, .limit = 1000};
    char *text = arena_alloc(&fixture.arena, 1 << 20);
    struct object_page page;

    (void)state;
    memset(text, ' ', (1 << 20) - 1);
    text[0] = '{';
    text[(1 << 20) - 2] = '}';
    for (int i = 0; i < 10; i++)
        assert_int_equal(
            store_fixture_commit(&fixture, store_fixture_object(&fixture, OBJECT_COMMENT,
                                                                arena_printf(&fixture.arena, "%d", i).data, 1, text)),
            OK);
    assert_int_equal(store_objects(store_fixture_reader(&fixture), &fixture.arena, &query, &page), OK);
    assert_int_equal(page.count, 5); /* the one that reaches the bound is the last */
    assert_true(page.next.len > 0);
    assert_pages(query, "0 1 2 3 4 5 6 7 8 9 ", 10);
}

static void a_cursor_of_something_else_is_refused(void **state)
{
    struct object_query query = {.kind = OBJECT_COMMENT, .room = SPAN("order:O-1"), .limit = 2};
    struct object_page page;
    struct span cursor;

    (void)state;
    put_some_comments();
    assert_int_equal(store_objects(store_fixture_reader(&fixture), &fixture.arena, &query, &page), OK);
    cursor = page.next;
    query.cursor = cursor;
    query.newest_first = true;
    assert_int_equal(store_objects(fixture.reader, &fixture.arena, &query, &page), ERR_BAD_FIELD);
    query.newest_first = false;
    query.room = SPAN("order:O-2");
    assert_int_equal(store_objects(fixture.reader, &fixture.arena, &query, &page), ERR_BAD_FIELD);
    query.room = SPAN("order:O-1");
    query.cursor = SPAN("AAAA");
    assert_int_equal(store_objects(fixture.reader, &fixture.arena, &query, &page), ERR_BAD_FIELD);
    query.cursor = SPAN("?!");
    assert_int_equal(store_objects(fixture.reader, &fixture.arena, &query, &page), ERR_BAD_FIELD);
    query.cursor = span_slice(cursor, 0, cursor.len - 4);
    assert_int_equal(store_objects(fixture.reader, &fixture.arena, &query, &page), ERR_BAD_FIELD);
    query.cursor = cursor;
    assert_int_equal(store_objects(fixture.reader, &fixture.arena, &query, &page), OK);
}

static void a_question_that_takes_too_long_is_given_up(void **state)
{
    struct object_query query = {.kind = OBJECT_COMMENT, .limit = 10};
    struct object_page page;

    (void)state;
    assert_int_equal(sql_exec(fixture.store->sql.db,
                              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
                              "INSERT INTO object SELECT 'comment', i, 'r', '', '', i, i, 1, '{}' FROM n"),
                     OK);
    store_fixture_reader(&fixture)->statement_ms = 0;
    assert_int_equal(store_objects(fixture.reader, &fixture.arena, &query, &page), ERR_TIMEOUT);
    fixture.reader->statement_ms = 10000;
    assert_int_equal(store_objects(fixture.reader, &fixture.arena, &query, &page), OK);
    assert_int_equal(page.total, 20000);
}

static void put_lock(const char *id, const char *expires_at)
{
    struct store_request *request = store_fixture_object(
        &fixture, OBJECT_LOCK, id, 1, arena_printf(&fixture.arena, "{\"expires_at\":\"%s\"}", expires_at).data);
    struct object *object = &request->commit.objects[0];

    object->room = SPAN("order:O-1");
    object->time_ms = 100;
    assert_int_equal(store_fixture_commit(&fixture, request), OK);
}

static void what_is_over_is_left_out_and_not_counted(void **state)
{
    struct object_query query = {.kind = OBJECT_LOCK, .room = SPAN("order:O-1"), .limit = 1};

    (void)state;
    put_lock("a", "2026-02-19T13:30:00.000Z");
    put_lock("b", "2026-02-19T13:29:59.999Z");
    put_lock("c", "2026-02-19T13:30:00.001Z");
    put_lock("d", "2026-02-20T00:00:00.000Z");
    query.past_ms = 1771507800000; /* 2026-02-19T13:30 */
    assert_pages(query, "c d ", 2);
    query.newest_first = true;
    assert_pages(query, "d c ", 2);
    query.past_ms = 0;
    assert_pages(query, "d c b a ", 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_stage_set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(comments_of_a_room_are_in_the_order_in_which_they_were_made),
        TEST(an_inbox_is_newest_first_with_its_unread_counted),
        TEST(what_comes_or_goes_meanwhile_moves_no_page),
        TEST(one_object_is_read_by_its_id),
        TEST(a_page_has_only_so_many_bytes),
        TEST(a_cursor_of_something_else_is_refused),
        TEST(a_question_that_takes_too_long_is_given_up),
        TEST(what_is_over_is_left_out_and_not_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
