/* Lists, single records, the past and the history: what the reading connection answers. */
#include "store/store.h"
#include "lib/store_stage.h"
#include "store/sqlite_internal.h"

#include <stdio.h>
#include <string.h>

static struct list_query query;
static struct list_page page;

static int set_up(void **state)
{
    (void)store_stage_set_up(state);
    query = (struct list_query){.type = fixture.type, .limit = 1000};
    return 0;
}

static const struct field *field(const char *name)
{
    return type_field(fixture.type, span_from_str(name));
}

static void put(const char *id, const char *patch)
{
    assert_int_equal(store_fixture_put(&fixture, id, patch), OK);
}

static void remove_order(const char *id, uint64_t version)
{
    struct store_request *request = store_fixture_delete(&fixture, id, version);

    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    store_request_free(request);
}

static void filter_by(const char *name, enum comparison comparison, const char *value)
{
    query.filters[query.filter_count++] =
        (struct list_filter){name ? field(name) : NULL, comparison, span_from_str(value)};
}

static enum err list(void)
{
    return store_list(store_fixture_reader(&fixture), &fixture.arena, &query, &page);
}

/* "A B C": the ids of a page. */
static void assert_ids(const char *ids)
{
    struct buf text = BUF_EMPTY;

    assert_int_equal(list(), OK);
    for (uint32_t i = 0; i < page.count; i++) {
        if (i > 0)
            buf_append_char(&text, ' ');
        buf_append_span(&text, page.rows[i].id);
    }
    if (!span_equal(buf_span(&text), span_from_str(ids)))
        fail_msg("\"%.*s\" is not \"%s\"", SPAN_ARG(buf_span(&text)), ids);
    buf_deinit(&text);
}

/* ---- which rows ---- */

static void a_list_has_what_exists_now(void **state)
{
    (void)state;
    put("B", "{\"title\":\"b\"}");
    put("A", "{\"title\":\"a\"}");
    put("C", "{\"title\":\"c\"}");
    remove_order("B", 2);
    put("A", "{\"qty\":2}");
    assert_int_equal(store_fixture_say(&fixture, "order:D", "{}"), OK); /* spoken of, but never made */
    assert_ids("A C");
    assert_int_equal(page.total, 2);
    assert_int_equal(page.next.len, 0);
    assert_text(page.rows[0].state, "{\"title\":\"a\",\"qty\":2}");
    assert_int_equal(page.rows[0].version, 2);
    assert_int_equal(page.rows[0].updated_ms, fixture.wall_ms);
    put("B", "{\"title\":\"again\"}");
    assert_ids("A B C");
}

static void a_type_nobody_stored_yet_is_an_empty_list(void **state)
{
    (void)state;
    assert_ids("");
    assert_int_equal(page.total, 0);
}

static void filters_compare_as_the_fields_kind(void **state)
{
    (void)state;
    put("A", "{\"qty\":5,\"price\":1.5,\"rush\":true,\"status\":\"open\",\"due\":\"2026-01-05\"}");
    put("B", "{\"qty\":40,\"price\":2.25,\"rush\":false,\"status\":\"done\",\"due\":\"2026-02-01\"}");
    put("C", "{\"qty\":100,\"status\":\"open\"}");
    filter_by("qty", COMPARE_ABOVE, "9"); /* as numbers: 40 > 9 */
    assert_ids("B C");
    filter_by("status", COMPARE_EQUAL, "open");
    assert_ids("C");
    assert_int_equal(page.total, 1);
    query.filter_count = 0;
    filter_by("price", COMPARE_AT_MOST, "1.5");
    assert_ids("A");
    query.filter_count = 0;
    filter_by("rush", COMPARE_EQUAL, "false");
    assert_ids("B");
    query.filter_count = 0;
    filter_by("due", COMPARE_BELOW, "2026-01-31");
    assert_ids("A");
    query.filter_count = 0;
    filter_by(NULL, COMPARE_AT_LEAST, "B");
    assert_ids("B C");
}

static void a_filter_that_makes_no_sense_is_refused(void **state)
{
    static const char *const numbers[] = {"many", "", "1x", "0x10", "nan", "inf", "1e999", "1,5"};

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        query.filter_count = 0;
        filter_by("qty", COMPARE_EQUAL, numbers[i]);
        assert_int_equal(list(), ERR_BAD_FIELD);
    }
    query.filter_count = 0;
    filter_by("rush", COMPARE_EQUAL, "yes");
    assert_int_equal(list(), ERR_BAD_FIELD);
    query.filter_count = 0;
    filter_by("items", COMPARE_EQUAL, "[]");
    assert_int_equal(list(), ERR_BAD_FIELD);
    query.filter_count = 0;
    query.sort = field("tags");
    assert_int_equal(list(), ERR_BAD_FIELD);
}

static void what_people_type_is_taken_literally(void **state)
{
    (void)state;
    put("A", "{\"title\":\"'; DROP TABLE record; --\",\"notes\":\"50% off_today\"}");
    put("B", "{\"title\":\"50x off today\",\"notes\":\"?1 and \\\"quotes\\\"\"}");
    filter_by("title", COMPARE_EQUAL, "'; DROP TABLE record; --");
    assert_ids("A");
    query.filter_count = 0;
    query.searchable = 1u << field("title")->index | 1u << field("notes")->index;
    query.search = SPAN("%");
    assert_ids("A");
    query.search = SPAN("f_t");
    assert_ids("A");
    query.search = SPAN("?1");
    assert_ids("B");
    query.search = SPAN("\"quotes\"");
    assert_ids("B");
    query.search = SPAN("a* NEAR(");
    assert_ids("");
}

static void searching_knows_no_case_in_any_script(void **state)
{
    (void)state;
    put("A-1", "{\"title\":\"M\xc3\xbcller & S\xc3\x96HNE\"}");
    put("B-2", "{\"title\":\"\xd0\x98\xd0\xb2\xd0\xb0\xd0\xbd\"}");
    query.searchable = 1u << field("title")->index;
    query.search = SPAN("M\xc3\x9cLLER");
    assert_ids("A-1");
    query.search = SPAN("s\xc3\xb6hne");
    assert_ids("A-1");
    query.search = SPAN("\xd0\x98\xd0\x92");
    assert_ids("B-2");
    query.search = SPAN("b-"); /* the id is always searched */
    assert_ids("B-2");
    query.searchable = 0;
    query.search = SPAN("muller");
    assert_ids("");
}

static void a_search_that_is_too_long_is_refused(void **state)
{
    char text[257];

    (void)state;
    memset(text, 'a', sizeof(text));
    query.search = span_of(text, sizeof(text));
    assert_int_equal(list(), ERR_BAD_FIELD);
    query.search = span_of(text, sizeof(text) - 1);
    assert_int_equal(list(), OK);
}

/* ---- order and pages ---- */

static void rows_are_sorted_by_value_and_then_by_id(void **state)
{
    (void)state;
    put("A", "{\"qty\":10,\"title\":\"x\"}");
    put("B", "{\"qty\":9,\"title\":\"y\"}");
    put("C", "{\"title\":\"x\"}");
    put("D", "{\"qty\":9,\"title\":\"x\"}");
    query.sort = field("qty");
    assert_ids("C B D A"); /* nothing comes first */
    query.is_descending = true;
    assert_ids("A D B C");
    query.sort = field("title");
    assert_ids("B D C A");
    query.sort = NULL;
    assert_ids("D C B A");
}

/* Goes through all pages and compares with the whole. */
static void assert_pages(uint32_t limit)
{
    struct list_page whole;
    uint32_t seen = 0;

    query.cursor = SPAN_EMPTY;
    query.limit = 1000;
    assert_int_equal(list(), OK);
    whole = page;
    query.limit = limit;
    do {
        assert_int_equal(list(), OK);
        assert_int_equal(page.total, whole.count);
        assert_true(page.count > 0 || whole.count == 0);
        for (uint32_t i = 0; i < page.count; i++, seen++)
            assert_true(span_equal(page.rows[i].id, whole.rows[seen].id));
        query.cursor = page.next;
    } while (page.next.len > 0);
    assert_int_equal(seen, whole.count);
    query.cursor = SPAN_EMPTY;
}

static void pages_together_are_the_whole_in_every_order(void **state)
{
    static const char *const sorts[] = {NULL, "title", "qty", "price", "rush", "due"};

    (void)state;
    for (int i = 0; i < 60; i++) {
        const char *id = arena_printf(&fixture.arena, "O-%d", i).data;
        struct buf patch = BUF_EMPTY;

        buf_printf(&patch, "{\"notes\":\"%d\"", i);
        if (i % 3)
            buf_printf(&patch, ",\"qty\":%d,\"price\":%d.%d", i % 7, i % 5, i % 4);
        if (i % 4)
            buf_printf(&patch, ",\"title\":\"t%d\",\"rush\":%s,\"due\":\"2026-01-%02d\"", i % 6,
                       i % 2 ? "true" : "false", i % 9 + 1);
        buf_append_str(&patch, "}");
        buf_append_char(&patch, '\0');
        put(id, patch.data);
        buf_deinit(&patch);
    }
    for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++) {
        query.sort = sorts[i] ? field(sorts[i]) : NULL;
        for (uint32_t limit = 1; limit <= 61; limit += 6) {
            query.is_descending = false;
            assert_pages(limit);
            query.is_descending = true;
            assert_pages(limit);
        }
    }
    query.sort = field("qty");
    filter_by("rush", COMPARE_EQUAL, "true");
    query.search = SPAN("o-");
    assert_pages(4);
}

static void rows_that_come_or_go_move_no_page(void **state)
{
    (void)state;
    put("A", "{\"qty\":1}");
    put("C", "{\"qty\":3}");
    put("E", "{\"qty\":5}");
    put("G", "{\"qty\":7}");
    query.limit = 2;
    assert_ids("A C");
    query.cursor = page.next;
    remove_order("C", 2);
    put("B", "{\"qty\":2}");
    put("D", "{\"qty\":4}");
    assert_ids("D E");
    query.cursor = page.next;
    assert_ids("G");
}

static void long_texts_make_no_long_cursors(void **state)
{
    char patch[4000];

    (void)state;
    for (int i = 0; i < 3; i++) {
        (void)snprintf(patch, sizeof(patch), "{\"notes\":\"%03500d\"}", i);
        put(arena_printf(&fixture.arena, "O-%d", i).data, patch);
    }
    query.sort = field("notes");
    query.limit = 1;
    assert_int_equal(list(), OK);
    assert_in_range(page.next.len, 1, 400);
    assert_pages(1);
}

static void a_page_has_only_so_many_bytes(void **state)
{
    uint32_t count = 0;

    (void)state;
    query = (struct list_query){.type = fixture.type, .limit = 1000, .is_descending = true};
    assert_int_equal(store_fixture_put(&fixture, "O-0", "{\"qty\":1}"), OK);
    assert_int_equal(sql_exec(fixture.store->sql.db,
                              "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 109) "
                              "INSERT INTO record SELECT i, type_id, 'O-' || i, 1, 1, 1, 1, 1, 0, "
                              "'{\"notes\":\"' || hex(zeroblob(524288)) || '\"}' FROM n, record WHERE id = 'O-0'"),
                     OK);
    do {
        assert_int_equal(store_list(store_fixture_reader(&fixture), &fixture.arena, &query, &page), OK);
        assert_int_equal(page.total, 11);
        assert_in_range(page.count, 1, 5);
        count += page.count;
        query.cursor = page.next;
    } while (page.next.len > 0);
    assert_int_equal(count, 11);
}

static void a_cursor_of_something_else_is_refused(void **state)
{
    struct span cursor;

    (void)state;
    put("A", "{\"qty\":1}");
    put("B", "{\"qty\":2}");
    query.limit = 1;
    query.sort = field("qty");
    assert_int_equal(list(), OK);
    cursor = page.next;
    query.cursor = cursor;
    query.is_descending = true; /* of another order */
    assert_int_equal(list(), ERR_BAD_FIELD);
    query.is_descending = false;
    query.sort = field("price");
    assert_int_equal(list(), ERR_BAD_FIELD);
    query.sort = field("qty");
    for (size_t len = 1; len < cursor.len; len++) { /* cut */
        query.cursor = span_slice(cursor, 0, len);
        assert_int_equal(list(), ERR_BAD_FIELD);
    }
    query.cursor = SPAN("'); DROP TABLE record");
    assert_int_equal(list(), ERR_BAD_FIELD);
    query.cursor = cursor;
    assert_ids("B");
}

static void a_question_that_takes_too_long_is_given_up(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++)
        put(arena_printf(&fixture.arena, "O-%d", i).data, "{\"title\":\"some\"}");
    query.search = SPAN("none");
    query.searchable = UINT64_MAX;
    store_fixture_reader(&fixture)->statement_ms = 0;
    assert_int_equal(list(), ERR_TIMEOUT);
    fixture.reader->statement_ms = 60000;
    assert_int_equal(list(), OK);
    assert_int_equal(page.total, 0);
}

/* ---- one record, now and then ---- */

static enum err record_at(const char *id, uint64_t version, struct list_row *row)
{
    return store_record_at(store_fixture_reader(&fixture), &fixture.arena, fixture.type, span_from_str(id), version,
                           row);
}

static void a_record_is_read_as_it_is_now(void **state)
{
    struct list_row row;

    (void)state;
    put("A", "{\"title\":\"a\"}");
    assert_int_equal(store_record(store_fixture_reader(&fixture), &fixture.arena, fixture.type, SPAN("A"), &row), OK);
    assert_text(row.state, "{\"title\":\"a\"}");
    assert_int_equal(row.version, 1);
    assert_int_equal(store_record(fixture.reader, &fixture.arena, fixture.type, SPAN("B"), &row), ERR_NOT_FOUND);
    remove_order("A", 2);
    assert_int_equal(store_record(fixture.reader, &fixture.arena, fixture.type, SPAN("A"), &row), ERR_NOT_FOUND);
}

static void every_version_can_be_read_again(void **state)
{
    struct list_row row;

    (void)state;
    for (int version = 1; version <= 300; version++) {
        fixture.wall_ms = 1000 + version;
        put("A",
            arena_printf(&fixture.arena, version == 1 ? "{\"title\":\"t\",\"qty\":%d}" : "{\"qty\":%d}", version).data);
        if (version % 10 == 0)
            assert_int_equal(store_fixture_say(&fixture, "order:A", "{}"), OK);
    }
    for (uint64_t version = 1; version <= 300; version++) {
        assert_int_equal(record_at("A", version, &row), OK);
        assert_true(span_equal(row.state, arena_printf(&fixture.arena, "{\"title\":\"t\",\"qty\":%d}", (int)version)));
        assert_int_equal(row.version, version);
        assert_int_equal(row.updated_ms, 1000 + version);
    }
    assert_int_equal(record_at("A", 0, &row), ERR_BAD_VERSION);
    assert_int_equal(record_at("A", 301, &row), ERR_BAD_VERSION);
    assert_int_equal(record_at("B", 1, &row), ERR_BAD_VERSION);
}

static void a_time_without_the_record_is_told_from_one_with_it(void **state)
{
    struct list_row row;

    (void)state;
    put("A", "{\"title\":\"first\"}");
    remove_order("A", 2);
    put("A", "{\"title\":\"second\"}");
    remove_order("A", 4);
    assert_int_equal(record_at("A", 1, &row), OK);
    assert_text(row.state, "{\"title\":\"first\"}");
    assert_int_equal(record_at("A", 2, &row), ERR_NOT_FOUND);
    assert_int_equal(record_at("A", 3, &row), OK);
    assert_text(row.state, "{\"title\":\"second\"}");
    assert_int_equal(record_at("A", 4, &row), ERR_NOT_FOUND);
}

static void the_past_is_there_when_old_events_are_gone(void **state)
{
    struct list_row row;

    (void)state;
    for (int version = 1; version <= 70; version++) {
        put("A", "{\"qty\":1}");
        assert_int_equal(store_fixture_say(&fixture, "order:A", "{}"), OK);
    }
    while (store_tidy(fixture.store, fixture.wall_ms + 700000))
        ;
    assert_int_equal(record_at("A", 3, &row), OK);
    assert_int_equal(record_at("A", 69, &row), OK);
}

/* ---- history ---- */

static void history_is_newest_first_and_paged(void **state)
{
    struct history_page history;
    uint64_t before = 0, expected = 200;

    (void)state;
    for (int version = 1; version <= 200; version++) {
        put("A", arena_printf(&fixture.arena, "{\"qty\":%d}", version).data);
        if (version % 7 == 0)
            assert_int_equal(store_fixture_say(&fixture, "order:A", "{}"), OK);
    }
    do {
        assert_int_equal(store_history(store_fixture_reader(&fixture), &fixture.arena, fixture.type, SPAN("A"), before,
                                       30, &history),
                         OK);
        for (uint32_t i = 0; i < history.count; i++, expected--) {
            const struct change *change = history.changes[i];

            assert_int_equal(change->version, expected);
            assert_int_equal(change->op_count, 1);
            assert_text(change->user_id, "5");
            assert_true(span_equal(change->ops[0].after, arena_printf(&fixture.arena, "%d", (int)expected)));
        }
        before = history.next_before;
    } while (before > 0);
    assert_int_equal(expected, 0);
    assert_int_equal(history.count, 200 % 30);
}

static void history_ends_with_the_page_that_holds_the_first_change(void **state)
{
    struct history_page history;

    (void)state;
    put("A", "{\"qty\":1}");
    put("A", "{\"qty\":2}");
    assert_int_equal(
        store_history(store_fixture_reader(&fixture), &fixture.arena, fixture.type, SPAN("A"), 0, 2, &history), OK);
    assert_int_equal(history.count, 2);
    assert_int_equal(history.next_before, 0);
    assert_int_equal(store_history(fixture.reader, &fixture.arena, fixture.type, SPAN("A"), 1, 2, &history), OK);
    assert_int_equal(history.count, 0);
    assert_int_equal(history.next_before, 0);
    assert_int_equal(store_history(fixture.reader, &fixture.arena, fixture.type, SPAN("B"), 0, 2, &history),
                     ERR_NOT_FOUND);
}

static void the_history_of_what_was_deleted_stays(void **state)
{
    struct history_page history;

    (void)state;
    put("A", "{\"qty\":1}");
    remove_order("A", 2);
    assert_int_equal(
        store_history(store_fixture_reader(&fixture), &fixture.arena, fixture.type, SPAN("A"), 0, 10, &history), OK);
    assert_int_equal(history.count, 2);
    assert_int_equal(history.changes[0]->kind, CHANGE_DELETE);
    assert_int_equal(history.changes[1]->kind, CHANGE_CREATE);
}

static void history_goes_on_after_a_restart(void **state)
{
    struct history_page history;

    (void)state;
    put("A", "{\"qty\":1}");
    assert_int_equal(store_fixture_say(&fixture, "order:A", "{}"), OK);
    store_fixture_reopen(&fixture);
    put("A", "{\"qty\":2}");
    remove_order("A", 3);
    assert_ids("");
    store_fixture_reopen(&fixture);
    put("A", "{\"qty\":4}");
    assert_ids("A");
    store_fixture_reopen(&fixture);
    remove_order("A", 5);
    assert_ids("");
    assert_int_equal(
        store_history(store_fixture_reader(&fixture), &fixture.arena, fixture.type, SPAN("A"), 0, 10, &history), OK);
    assert_int_equal(history.count, 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(history.changes[i]->version, 5 - i);
}

/* Links that lead in circles, or nowhere. */
static void a_damaged_chain_is_an_error_and_no_endless_loop(void **state)
{
    struct history_page history;
    struct list_row row;

    (void)state;
    for (int i = 0; i < 5; i++)
        put("A", "{\"qty\":1}");
    assert_int_equal(sql_exec(fixture.store->sql.db,
                              "UPDATE event SET previous_change = seq + 1, previous = seq + 1 WHERE version = 3"),
                     OK);
    assert_int_equal(
        store_history(store_fixture_reader(&fixture), &fixture.arena, fixture.type, SPAN("A"), 0, 10, &history),
        ERR_STORAGE);
    assert_int_equal(record_at("A", 2, &row), ERR_STORAGE);
    assert_int_equal(sql_exec(fixture.store->sql.db, "DELETE FROM event WHERE version = 3"), OK);
    assert_int_equal(store_history(fixture.reader, &fixture.arena, fixture.type, SPAN("A"), 0, 10, &history),
                     ERR_STORAGE);
    assert_int_equal(record_at("A", 2, &row), ERR_STORAGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_list_has_what_exists_now),
        TEST(a_type_nobody_stored_yet_is_an_empty_list),
        TEST(filters_compare_as_the_fields_kind),
        TEST(a_filter_that_makes_no_sense_is_refused),
        TEST(what_people_type_is_taken_literally),
        TEST(searching_knows_no_case_in_any_script),
        TEST(a_search_that_is_too_long_is_refused),
        TEST(rows_are_sorted_by_value_and_then_by_id),
        TEST(pages_together_are_the_whole_in_every_order),
        TEST(rows_that_come_or_go_move_no_page),
        TEST(long_texts_make_no_long_cursors),
        TEST(a_page_has_only_so_many_bytes),
        TEST(a_cursor_of_something_else_is_refused),
        TEST(a_question_that_takes_too_long_is_given_up),
        TEST(a_record_is_read_as_it_is_now),
        TEST(every_version_can_be_read_again),
        TEST(a_time_without_the_record_is_told_from_one_with_it),
        TEST(the_past_is_there_when_old_events_are_gone),
        TEST(history_is_newest_first_and_paged),
        TEST(history_ends_with_the_page_that_holds_the_first_change),
        TEST(the_history_of_what_was_deleted_stays),
        TEST(history_goes_on_after_a_restart),
        TEST(a_damaged_chain_is_an_error_and_no_endless_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
