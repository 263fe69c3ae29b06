/* Histories that are cut at their far end: what is left is as it was, and what is gone is said to be gone. */
#include "lib/store_stage.h"
#include "store/sqlite_internal.h"

enum { HOUR = 3600000, SECOND = 1000 };
#define AGE (HOUR + 100 * SECOND)
/* The last state that was kept whole, up to a version. */
#define WHOLE(version) ((version) / MILESTONE_EVERY * MILESTONE_EVERY)
/* Of 450 versions that were made before an hour passed, those up to 349 are older than AGE. */
enum { MADE = 450, FIRST = WHOLE(349), KEPT = MADE - FIRST + 1 };

static int64_t first_ms;

static const char *number_text(uint64_t number)
{
    return arena_printf(&fixture.arena, "{\"qty\":%llu}", (unsigned long long)number).data;
}

/* A version each second, each with its number in it; the first one's time is first_ms. */
static void make_versions(const char *id, uint64_t from, uint64_t upto)
{
    for (uint64_t version = from; version <= upto; version++) {
        struct store_request *request = store_fixture_change(
            &fixture, id, version, version > 1 ? SPAN("{\"qty\":0}") : SPAN_EMPTY, number_text(version));

        (void)store_fixture_note(request, "updated");
        assert_int_equal(store_fixture_commit(&fixture, request), OK);
        fixture.wall_ms += SECOND;
    }
}

static int set_up(void **state)
{
    (void)store_stage_set_up(state);
    fixture.options.history_age_ms = AGE;
    fixture.options.log_age_ms = SECOND;
    store_fixture_reopen(&fixture);
    first_ms = fixture.wall_ms;
    return 0;
}

/* An hour later, which is when histories are looked at again. */
static void let_an_hour_pass(void)
{
    store_stage_tidy();
    fixture.wall_ms += HOUR;
    store_stage_tidy();
}

static enum err read_version(uint64_t version, struct list_row *row)
{
    return store_record_at(store_fixture_reader(&fixture), &fixture.arena, fixture.type, SPAN("O-1"), version, row);
}

static enum err read_moment(int64_t time_ms, struct list_row *row)
{
    return store_record_at_time(store_fixture_reader(&fixture), &fixture.arena, fixture.type, SPAN("O-1"), time_ms,
                                row);
}

static void assert_state(const struct list_row *row, uint64_t version)
{
    assert_int_equal(row->version, version);
    assert_text(row->state, number_text(version));
}

static void what_is_young_can_be_read_as_before(void **state)
{
    struct list_row row;

    (void)state;
    make_versions("O-1", 1, MADE);
    let_an_hour_pass();
    for (uint64_t version = FIRST; version <= MADE; version++) {
        assert_int_equal(read_version(version, &row), OK);
        assert_state(&row, version);
        assert_int_equal(read_moment(first_ms + (int64_t)(version - 1) * SECOND + 1, &row), OK);
        assert_state(&row, version);
    }
}

static void what_is_old_is_said_to_be_gone(void **state)
{
    const uint64_t gone[] = {1, 50, MILESTONE_EVERY, 101, 200, FIRST - 1};
    struct list_row row;

    (void)state;
    make_versions("O-1", 1, MADE);
    let_an_hour_pass();
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
        assert_int_equal(read_version(gone[i], &row), ERR_BAD_VERSION);
        assert_int_equal(read_moment(first_ms + (int64_t)(gone[i] - 1) * SECOND + 1, &row), ERR_NOT_FOUND);
    }
    assert_int_equal(store_stage_number("SELECT count(*) FROM event"), KEPT);
    assert_int_equal(store_stage_number("SELECT count(*) FROM activity"), KEPT);
    assert_int_equal(store_stage_number("SELECT min(version) FROM milestone"), FIRST);
}

static void the_history_ends_where_it_was_cut(void **state)
{
    struct history_page page;
    uint64_t before = 0, count = 0;

    (void)state;
    make_versions("O-1", 1, MADE);
    let_an_hour_pass();
    do {
        assert_int_equal(
            store_history(store_fixture_reader(&fixture), &fixture.arena, fixture.type, SPAN("O-1"), before, 40, &page),
            OK);
        for (uint32_t i = 0; i < page.count; i++)
            assert_int_equal(page.changes[i]->version, MADE - count++);
        before = page.next_before;
    } while (before > 0);
    assert_int_equal(count, KEPT);
    assert_int_equal(
        store_history(store_fixture_reader(&fixture), &fixture.arena, fixture.type, SPAN("O-1"), 250, 40, &page), OK);
    assert_int_equal(page.count, 0);
}

static void who_was_away_since_before_that_is_not_given_a_part_as_the_whole(void **state)
{
    const struct {
        uint64_t since;
        uint32_t count;
        bool is_complete;
    } cases[] = {{10, KEPT, false}, {FIRST - 2, KEPT, false}, {FIRST - 1, KEPT, true}, {MADE - 10, 10, true}};

    (void)state;
    make_versions("O-1", 1, MADE);
    let_an_hour_pass();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct store_request *request = store_request_new(STORE_CHANGES_READ);

        request->type = fixture.type;
        request->entity_id = SPAN("O-1");
        request->since.offset = cases[i].since;
        request->count_max = 1000;
        assert_int_equal(store_fixture_execute(&fixture, request), OK);
        assert_int_equal(request->change_count, cases[i].count);
        assert_int_equal(request->is_complete, cases[i].is_complete);
        assert_int_equal(request->changes[0]->version, MADE + 1 - cases[i].count);
        store_request_free(request);
    }
}

static void a_history_that_was_cut_goes_on_and_is_cut_again(void **state)
{
    struct list_row row;

    (void)state;
    make_versions("O-1", 1, MADE);
    let_an_hour_pass();
    make_versions("O-1", MADE + 1, 720);
    let_an_hour_pass();
    assert_int_equal(read_version(WHOLE(620) - 1, &row), ERR_BAD_VERSION);
    assert_int_equal(read_version(WHOLE(620), &row), OK);
    assert_state(&row, WHOLE(620));
    store_fixture_reopen(&fixture);
    assert_int_equal(read_version(720, &row), OK);
    assert_state(&row, 720);
    assert_int_equal(store_stage_number("SELECT count(*) FROM event"), 720 - WHOLE(620) + 1);
}

static void a_short_history_is_never_cut(void **state)
{
    struct list_row row;

    (void)state;
    make_versions("O-1", 1, 2 * MILESTONE_EVERY - 1);
    fixture.wall_ms += 100LL * HOUR;
    let_an_hour_pass();
    assert_int_equal(read_version(1, &row), OK);
    assert_state(&row, 1);
}

static void each_record_is_cut_by_itself(void **state)
{
    (void)state;
    make_versions("O-1", 1, 320);
    make_versions("O-2", 1, 150);
    let_an_hour_pass();
    make_versions("O-3", 1, 250);
    let_an_hour_pass();
    assert_int_equal(store_stage_number("SELECT count(*) FROM event"),
                     1 + (320 - WHOLE(319)) + 150 + 1 + (250 - WHOLE(150)));
}

static void the_newest_versions_stay_however_old_they_are(void **state)
{
    struct list_row row;

    (void)state;
    make_versions("O-1", 1, WHOLE(450));
    fixture.wall_ms += 100LL * HOUR;
    let_an_hour_pass();
    assert_int_equal(read_version(WHOLE(450) - MILESTONE_EVERY - 1, &row), ERR_BAD_VERSION);
    for (uint64_t version = WHOLE(450) - MILESTONE_EVERY; version <= WHOLE(450); version++) {
        assert_int_equal(read_version(version, &row), OK);
        assert_state(&row, version);
    }
}

static void without_an_age_all_is_kept(void **state)
{
    struct list_row row;

    (void)state;
    fixture.options.history_age_ms = 0;
    store_fixture_reopen(&fixture);
    make_versions("O-1", 1, 250);
    fixture.wall_ms += 100000LL * HOUR;
    let_an_hour_pass();
    assert_int_equal(read_version(1, &row), OK);
    assert_state(&row, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_young_can_be_read_as_before),
        TEST(what_is_old_is_said_to_be_gone),
        TEST(the_history_ends_where_it_was_cut),
        TEST(who_was_away_since_before_that_is_not_given_a_part_as_the_whole),
        TEST(a_history_that_was_cut_goes_on_and_is_cut_again),
        TEST(a_short_history_is_never_cut),
        TEST(each_record_is_cut_by_itself),
        TEST(the_newest_versions_stay_however_old_they_are),
        TEST(without_an_age_all_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
