#include "store/store.h"
#include "base/rand.h"
#include "lib/store_stage.h"
#include "store/sqlite_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *path(const char *name)
{
    return store_fixture_path(&fixture, name);
}

static void assert_ok(enum err err)
{
    if (err != OK)
        fail_msg("%s: %.*s", err_code(err), SPAN_ARG(buf_span(&fixture.why)));
}

static bool exists(const char *name)
{
    return access(path(name), F_OK) == 0;
}

static enum err backup(const char *name)
{
    buf_reset(&fixture.why);
    return store_backup(store_fixture_reader(&fixture), span_from_str(path(name)), &fixture.why);
}

static enum err restore(const char *name)
{
    buf_reset(&fixture.why);
    return store_restore(fixture.options.folder, span_from_str(path(name)), &fixture.why);
}

static void put_some(int count)
{
    for (int i = 0; i < count; i++)
        assert_ok(store_fixture_put(&fixture, arena_printf(&fixture.arena, "O-%d", i).data,
                                    "{\"title\":\"some order\",\"qty\":1}"));
}

/* ---- there and back ---- */

static void a_copy_is_taken_while_it_runs_and_comes_back(void **state)
{
    struct position before, after;
    struct account account = {.username = SPAN("jsmith")};
    uint64_t version;

    (void)state;
    put_some(20);
    assert_ok(store_account_put(fixture.store, &fixture.arena, &account));
    assert_ok(backup("copy"));
    before = store_fixture_position(&fixture, "records");
    put_some(20); /* after the copy */
    store_fixture_close(&fixture);
    assert_ok(restore("copy"));
    assert_ok(store_fixture_open(&fixture));
    after = store_fixture_position(&fixture, "records");
    assert_int_equal(after.offset, 20);
    assert_int_not_equal(after.epoch, before.epoch); /* positions from before the copy are nothing worth any more */
    assert_true(store_fixture_state(&fixture, "O-7", &version).len > 0);
    assert_int_equal(version, 1);
    assert_ok(store_account_find(fixture.store, &fixture.arena, SPAN("jsmith"), &account));
    put_some(3);
    assert_int_equal(store_fixture_position(&fixture, "records").offset, 23);
}

static void a_copy_is_one_file_of_its_owner_alone(void **state)
{
    struct stat status;

    (void)state;
    put_some(5);
    assert_ok(backup("copy"));
    assert_int_equal(stat(path("copy"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_false(exists("copy-wal"));
    assert_false(exists("copy.part"));
    assert_false(exists("copy.part-wal"));
}

static void a_file_that_exists_is_not_replaced(void **state)
{
    struct stat before, after;

    (void)state;
    put_some(5);
    assert_ok(backup("copy"));
    assert_int_equal(stat(path("copy"), &before), 0);
    assert_int_equal(backup("copy"), ERR_EXISTS);
    assert_true(fixture.why.len > 0);
    assert_int_equal(stat(path("copy"), &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
    assert_int_equal(backup("no/such/folder/copy"), ERR_NOT_FOUND);
    assert_true(fixture.why.len > 0);
}

static void a_copy_put_in_place_by_hand_has_a_new_epoch_too(void **state)
{
    uint64_t before;

    (void)state;
    put_some(5);
    before = store_fixture_position(&fixture, "records").epoch;
    assert_ok(backup("copy"));
    store_fixture_close(&fixture);
    assert_int_equal(rename(path("copy"), path("collabd.db")), 0);
    assert_ok(store_fixture_open(&fixture));
    assert_int_equal(store_fixture_position(&fixture, "records").offset, 5);
    assert_int_not_equal(store_fixture_position(&fixture, "records").epoch, before);
}

static void the_same_copy_comes_back_with_another_epoch_each_time(void **state)
{
    uint64_t first;

    (void)state;
    put_some(2);
    assert_ok(backup("copy"));
    store_fixture_close(&fixture);
    assert_ok(restore("copy"));
    assert_ok(store_fixture_open(&fixture));
    first = store_fixture_position(&fixture, "records").epoch;
    store_fixture_close(&fixture);
    assert_ok(restore("copy"));
    assert_ok(store_fixture_open(&fixture));
    assert_int_not_equal(store_fixture_position(&fixture, "records").epoch, first);
}

static void nothing_is_restored_under_an_open_store(void **state)
{
    uint64_t version;

    (void)state;
    put_some(1);
    assert_ok(backup("copy"));
    assert_int_equal(restore("copy"), ERR_CONFIG);
    assert_true(fixture.why.len > 0);
    assert_true(store_fixture_state(&fixture, "O-0", &version).len > 0);
}

static void a_folder_without_a_database_gets_the_copy(void **state)
{
    struct store_options options = fixture.options;
    struct store *store;

    (void)state;
    put_some(1);
    assert_ok(backup("copy"));
    options.folder = span_from_str(path("new"));
    assert_ok(store_restore(options.folder, span_from_str(path("copy")), &fixture.why));
    assert_ok(store_open(&options, &store, &fixture.why));
    store_close(store);
    assert_int_equal(unlink(path("new/collabd.db")), 0);
    assert_int_equal(unlink(path("new/collabd.lock")), 0);
    assert_int_equal(rmdir(path("new")), 0);
}

static void a_broken_database_is_replaced(void **state)
{
    uint64_t version;
    int fd;

    (void)state;
    put_some(5);
    assert_ok(backup("copy"));
    store_fixture_close(&fixture);
    fd = open(path("collabd.db"), O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "garbage", 7), 7);
    close(fd);
    assert_int_not_equal(store_fixture_open(&fixture), OK);
    assert_ok(restore("copy"));
    assert_ok(store_fixture_open(&fixture));
    assert_true(store_fixture_state(&fixture, "O-4", &version).len > 0);
}

/* ---- files that are not good ---- */

static void write_file(const char *name, const void *bytes, size_t len)
{
    int fd = open(path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

static char *read_file(const char *name, size_t *len)
{
    struct stat status;
    char *bytes;
    int fd = open(path(name), O_RDONLY);

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &status), 0);
    *len = (size_t)status.st_size;
    bytes = malloc(*len + 1);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, *len), *len);
    close(fd);
    return bytes;
}

/* Runs SQL on a copy, as somebody with bad intentions and SQLite's own shell would. */
static void tamper(const char *name, const char *text)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path(name), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void assert_untouched(void)
{
    uint64_t version;

    assert_false(exists("collabd.db.restore"));
    assert_ok(store_fixture_open(&fixture));
    assert_true(store_fixture_state(&fixture, "O-0", &version).len > 0);
    store_fixture_close(&fixture);
}

static void what_is_no_copy_is_refused(void **state)
{
    (void)state;
    put_some(1);
    store_fixture_close(&fixture);
    assert_int_equal(restore("missing"), ERR_NOT_FOUND);
    write_file("letter", "Dear Sir or Madam, this is not a database.", 42);
    assert_int_equal(restore("letter"), ERR_CONFIG);
    write_file("empty", "", 0);
    assert_int_equal(restore("empty"), ERR_CONFIG);
    assert_int_equal(restore("."), ERR_IO);
    assert_untouched();
}

static void a_copy_with_something_of_others_in_it_is_refused(void **state)
{
    static const char *const crimes[] = {
        "CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM account; END",
        "CREATE VIEW v AS SELECT * FROM account",
        "CREATE TABLE extra (x)",
        "CREATE INDEX extra ON event (time_ms)",
        "DROP INDEX record_type",
        "DROP TABLE op",
        "ALTER TABLE account ADD COLUMN extra TEXT",
        "PRAGMA user_version=77",
        "PRAGMA application_id=77",
        "PRAGMA writable_schema=1; UPDATE sqlite_schema SET sql = "
        "'CREATE TABLE login (key, user_id, created_ms, expires_ms, generation)' "
        "WHERE name = 'login'",
        "UPDATE record SET state = 'not json'",
        "INSERT INTO object VALUES ('comment', 'c', '', '', '', 1, 1, 1, 'not json')",
        "PRAGMA ignore_check_constraints=1; INSERT INTO object VALUES ('comment', 'c', '', '', '', 1, 1, 0, '{}')",
        "CREATE INDEX extra ON activity (action)",
        "DROP INDEX object_age",
        "PRAGMA ignore_check_constraints=1; UPDATE record SET version = -1",
        "PRAGMA ignore_check_constraints=1; UPDATE room SET head = 9223372036854775807",
        "PRAGMA ignore_check_constraints=1; UPDATE record SET head = -9223372036854775808",
    };

    (void)state;
    put_some(1);
    for (size_t i = 0; i < sizeof(crimes) / sizeof(crimes[0]); i++) {
        enum err err;

        assert_ok(backup("copy"));
        tamper("copy", crimes[i]);
        store_fixture_close(&fixture);
        err = restore("copy");
        if (err != ERR_CONFIG && err != ERR_STORAGE)
            fail_msg("%s: %s", crimes[i], err_code(err));
        assert_true(fixture.why.len > 0);
        assert_untouched();
        assert_int_equal(unlink(path("copy")), 0);
        assert_ok(store_fixture_open(&fixture));
    }
}

static void a_cut_copy_is_refused(void **state)
{
    size_t len;
    char *bytes;

    (void)state;
    put_some(50);
    assert_ok(backup("copy"));
    store_fixture_close(&fixture);
    bytes = read_file("copy", &len);
    for (size_t part = 0; part < 10; part++) {
        write_file("cut", bytes, len / 10 * part);
        assert_int_not_equal(restore("cut"), OK);
    }
    free(bytes);
    assert_untouched();
}

/* Reads whatever is in it, and goes on writing: any answer is good that is not a crash. */
static void use(void)
{
    struct list_query query = {.type = fixture.type, .limit = 100};
    struct store_request *missed;
    struct history_page history;
    struct list_page page;
    struct list_row row;
    enum err err = store_fixture_open(&fixture);

    if (err != OK)
        return;
    missed = store_request_new(STORE_EVENTS_READ);
    missed->room = SPAN("records");
    missed->since.epoch = fixture.store->epoch;
    missed->count_max = 1000;
    (void)store_fixture_execute(&fixture, missed);
    store_request_free(missed);
    (void)store_fixture_say(&fixture, "order:O-1", "{}");
    (void)store_tidy(fixture.store, fixture.wall_ms + 700000);
    if (store_reader_open(&fixture.options, &fixture.reader, &fixture.why) == OK) {
        err = store_list(fixture.reader, &fixture.arena, &query, &page);
        err = store_history(fixture.reader, &fixture.arena, fixture.type, SPAN("O-1"), 0, 100, &history);
        err = store_record_at(fixture.reader, &fixture.arena, fixture.type, SPAN("O-1"), 1, &row);
    }
    (void)err;
    store_fixture_close(&fixture);
}

/* One bit of a good copy turned round, at places drawn by chance: it is refused, or it is harmless. */
static void a_turned_bit_is_refused_or_harmless(void **state)
{
    struct rand rand;
    unsigned refused = 0;
    size_t len;
    char *bytes;

    (void)state;
    put_some(12);
    assert_ok(backup("copy"));
    store_fixture_close(&fixture);
    bytes = read_file("copy", &len);
    rand_seed(&rand, 4711);
    for (int i = 0; i < 150; i++) {
        size_t at = rand_below(&rand, i % 2 ? len : 8192); /* half of them where it hurts: the header and the schema */
        char bit = (char)(1 << rand_below(&rand, 8));

        bytes[at] = (char)(bytes[at] ^ bit);
        write_file("turned", bytes, len);
        bytes[at] = (char)(bytes[at] ^ bit);
        if (restore("turned") == OK)
            use();
        else
            refused++;
    }
    free(bytes);
    assert_true(refused > 0);
}

/* The same without asking first: the file is simply put in place. */
static void a_turned_bit_in_the_database_itself_is_no_crash(void **state)
{
    struct rand rand;
    size_t len;
    char *bytes;

    (void)state;
    put_some(12);
    store_fixture_close(&fixture);
    bytes = read_file("collabd.db", &len);
    rand_seed(&rand, 1147);
    for (int i = 0; i < 150; i++) {
        size_t at = rand_below(&rand, i % 2 ? len : 8192);
        char bit = (char)(1 << rand_below(&rand, 8));

        bytes[at] = (char)(bytes[at] ^ bit);
        write_file("collabd.db", bytes, len);
        bytes[at] = (char)(bytes[at] ^ bit);
        (void)unlink(path("collabd.db-wal"));
        (void)unlink(path("collabd.db-shm"));
        use();
    }
    free(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_stage_set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_copy_is_taken_while_it_runs_and_comes_back),
        TEST(a_copy_is_one_file_of_its_owner_alone),
        TEST(a_file_that_exists_is_not_replaced),
        TEST(a_copy_put_in_place_by_hand_has_a_new_epoch_too),
        TEST(the_same_copy_comes_back_with_another_epoch_each_time),
        TEST(nothing_is_restored_under_an_open_store),
        TEST(a_folder_without_a_database_gets_the_copy),
        TEST(a_broken_database_is_replaced),
        TEST(what_is_no_copy_is_refused),
        TEST(a_copy_with_something_of_others_in_it_is_refused),
        TEST(a_cut_copy_is_refused),
        TEST(a_turned_bit_is_refused_or_harmless),
        TEST(a_turned_bit_in_the_database_itself_is_no_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
