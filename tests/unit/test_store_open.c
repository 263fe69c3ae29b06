#include "lib/store_stage.h"
#include "store/sqlite_internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void assert_refused(enum err err, const char *word)
{
    assert_int_equal(store_fixture_open(&fixture), err);
    buf_append_char(&fixture.why, '\0');
    if (strstr(fixture.why.data, word) == NULL)
        fail_msg("no \"%s\" in: %s", word, fixture.why.data);
}

static void only_one_store_is_open_on_a_folder(void **state)
{
    struct store *second = NULL;

    (void)state;
    assert_int_equal(store_open(&fixture.options, &second, &fixture.why), ERR_CONFIG);
    assert_null(second);
    assert_true(fixture.why.len > 0);
}

static void files_are_for_their_owner_only(void **state)
{
    struct stat status;

    (void)state;
    assert_int_equal(stat(store_fixture_path(&fixture, "collabd.db"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(stat(store_fixture_path(&fixture, "collabd.db-wal"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void a_file_of_another_program_is_refused_and_left_alone(void **state)
{
    sqlite3 *db;

    (void)state;
    store_fixture_close(&fixture);
    store_stage_write_file("collabd.db", "this is a letter, not a database", 32);
    assert_refused(ERR_CONFIG, "not a database");

    assert_int_equal(unlink(store_fixture_path(&fixture, "collabd.db")), 0);
    assert_int_equal(sqlite3_open(store_fixture_path(&fixture, "collabd.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE recipe (name TEXT)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_refused(ERR_CONFIG, "another program");
}

static void a_newer_schema_is_refused(void **state)
{
    (void)state;
    store_stage_exec("PRAGMA user_version=999");
    store_fixture_close(&fixture);
    assert_refused(ERR_CONFIG, "newer");
}

static void a_trigger_of_others_is_refused(void **state)
{
    (void)state;
    store_stage_exec("CREATE TRIGGER thief AFTER INSERT ON event BEGIN DELETE FROM account; END");
    store_fixture_close(&fixture);
    assert_refused(ERR_CONFIG, "trigger");
}

static void what_was_acknowledged_survives_the_end_of_the_process(void **state)
{
    uint64_t version;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    store_stage_kill();
    store_fixture_reopen(&fixture);
    assert_text(store_fixture_state(&fixture, "O-1", &version), "{\"title\":\"one\"}");
    assert_int_equal(store_fixture_position(&fixture, "records").offset, 1);
}

static uint64_t next_sequence(void)
{
    struct store_request *request = store_fixture_message(&fixture, "records", "{}");
    uint64_t sequence;

    assert_int_equal(store_fixture_execute(&fixture, request), OK);
    sequence = request->commit.sequence;
    store_request_free(request);
    return sequence;
}

/* What tells the number is kept, or it is kept that it was told. */
static void no_number_of_a_commit_is_given_twice_after_a_kill(void **state)
{
    uint64_t last = 0;

    (void)state;
    for (int round = 0; round < 6; round++) {
        uint64_t next = next_sequence();

        assert_true(next > last);
        last = next;
        fixture.wall_ms += 600001;
        while (round % 2 && store_tidy(fixture.store, fixture.wall_ms))
            ;
        store_stage_kill();
        store_fixture_reopen(&fixture);
    }
}

static void a_missing_wal_is_noticed(void **state)
{
    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    store_stage_kill();
    store_stage_remove_file("collabd.db-wal");
    assert_refused(ERR_STORAGE, "missing");
}

static void a_wal_of_another_database_is_noticed(void **state)
{
    struct store_fixture other;

    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    store_stage_kill();
    store_fixture_init(&other);
    for (int i = 0; i < 5; i++)
        assert_int_equal(store_fixture_put(&other, "O-2", "{\"title\":\"two\"}"), OK);
    assert_int_equal(store_fixture_say(&other, "order:O-2", "{}"), OK);
    assert_int_equal(store_meta_put(other.store, SPAN("other"), SPAN("x")), OK);
    assert_int_equal(
        rename(store_fixture_path(&other, "collabd.db-wal"), store_fixture_path(&fixture, "collabd.db-wal")), 0);
    assert_refused(ERR_STORAGE, "collabd.db-wal belongs to another");
    /* and looking at it did not bring it into the file */
    assert_refused(ERR_STORAGE, "collabd.db-wal belongs to another");
    store_fixture_deinit(&other);
}

static void a_wal_of_another_time_is_noticed(void **state)
{
    (void)state;
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"one\"}"), OK);
    assert_int_equal(store_meta_put(fixture.store, SPAN("other"), SPAN("x")), OK);
    store_stage_copy_file("collabd.db-wal", "old-wal");
    store_fixture_reopen(&fixture);
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"title\":\"two\"}"), OK);
    store_fixture_reopen(&fixture);
    store_stage_kill();
    store_stage_copy_file("old-wal", "collabd.db-wal");
    assert_refused(ERR_STORAGE, "another time");
}

static void a_damaged_file_is_noticed_when_it_was_not_closed(void **state)
{
    char zeros[4096] = {0};
    int fd;

    (void)state;
    for (int i = 0; i < 200; i++)
        assert_int_equal(
            store_fixture_say(&fixture, "order:O-1", "{\"text\":\"something that fills a page, slowly but surely\"}"),
            OK);
    store_fixture_reopen(&fixture); /* all in the file */
    store_stage_kill();
    fd = open(store_fixture_path(&fixture, "collabd.db"), O_RDWR);
    assert_true(lseek(fd, -3 * 4096, SEEK_END) > 0);
    assert_int_equal(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
    close(fd);
    assert_refused(ERR_STORAGE, "damaged");
}

/* A file that may not be written. The superuser may write anything, so he becomes nobody for a moment. */
static void a_file_that_may_not_be_written_is_refused(void **state)
{
    (void)state;
    store_fixture_close(&fixture);
    assert_int_equal(chmod(store_fixture_path(&fixture, "collabd.db"), 0444), 0);
    assert_int_equal(chmod(fixture.folder, 0777), 0);
    assert_int_equal(chmod(store_fixture_path(&fixture, "collabd.lock"), 0666), 0);
    if (geteuid() == 0)
        assert_int_equal(seteuid(65534), 0);
    assert_int_equal(store_fixture_open(&fixture), ERR_READ_ONLY);
    assert_true(fixture.why.len > 0);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
}

static void missing_folders_are_made(void **state)
{
    struct store_options options = fixture.options;
    struct store *store;

    (void)state;
    options.folder = span_from_str(store_fixture_path(&fixture, "a"));
    assert_int_equal(store_open(&options, &store, &fixture.why), OK);
    store_close(store);
    assert_int_equal(unlink(store_fixture_path(&fixture, "a/collabd.db")), 0);
    assert_int_equal(unlink(store_fixture_path(&fixture, "a/collabd.lock")), 0);
    assert_int_equal(rmdir(store_fixture_path(&fixture, "a")), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_stage_set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_one_store_is_open_on_a_folder),
        TEST(files_are_for_their_owner_only),
        TEST(a_file_of_another_program_is_refused_and_left_alone),
        TEST(a_newer_schema_is_refused),
        TEST(a_trigger_of_others_is_refused),
        TEST(what_was_acknowledged_survives_the_end_of_the_process),
        TEST(no_number_of_a_commit_is_given_twice_after_a_kill),
        TEST(a_missing_wal_is_noticed),
        TEST(a_wal_of_another_database_is_noticed),
        TEST(a_wal_of_another_time_is_noticed),
        TEST(a_damaged_file_is_noticed_when_it_was_not_closed),
        TEST(a_file_that_may_not_be_written_is_refused),
        TEST(missing_folders_are_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
