#include "store/store.h"
#include "lib/store_stage.h"
#include "store/sqlite_internal.h"

#include <unistd.h>

/* The tables as the first version made them, with a record, an account and an event in them. */
static const char first_version[] =
    "PRAGMA application_id=1668047460; PRAGMA user_version=1;"
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE counter (name TEXT PRIMARY KEY, "
    "value INTEGER NOT NULL CHECK (value BETWEEN 0 AND 9007199254740991)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE type (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE room (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
    "head INTEGER NOT NULL DEFAULT 0 CHECK (head BETWEEN 0 AND 9007199254740991)) STRICT;"
    "CREATE TABLE event (seq INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, version INTEGER NOT NULL, "
    "offset INTEGER NOT NULL, previous INTEGER NOT NULL, previous_change INTEGER NOT NULL, "
    "rooms BLOB NOT NULL, body TEXT NOT NULL) STRICT;"
    "CREATE TABLE room_event (room_id INTEGER NOT NULL, "
    "offset INTEGER NOT NULL CHECK (offset BETWEEN 1 AND 9007199254740991), "
    "seq INTEGER NOT NULL, PRIMARY KEY (room_id, offset)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE record (room_id INTEGER PRIMARY KEY, type_id INTEGER NOT NULL, id TEXT NOT NULL, "
    "head INTEGER NOT NULL CHECK (head BETWEEN 0 AND 9007199254740991), "
    "last INTEGER NOT NULL, last_change INTEGER NOT NULL DEFAULT 0, "
    "version INTEGER NOT NULL DEFAULT 0 CHECK (version BETWEEN 0 AND 9007199254740991), "
    "updated_ms INTEGER NOT NULL DEFAULT 0, "
    "is_deleted INTEGER NOT NULL DEFAULT 1 CHECK (is_deleted IN (0, 1)), state TEXT NOT NULL DEFAULT '') STRICT;"
    "CREATE INDEX record_type ON record (type_id, is_deleted, id);"
    "CREATE TABLE milestone (room_id INTEGER NOT NULL, version INTEGER NOT NULL, seq INTEGER NOT NULL, "
    "time_ms INTEGER NOT NULL, state TEXT NOT NULL, PRIMARY KEY (room_id, version)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE op (seq INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, hash INTEGER NOT NULL, "
    "time_ms INTEGER NOT NULL, offset INTEGER NOT NULL, answer BLOB NOT NULL) STRICT;"
    "CREATE TABLE account (id TEXT PRIMARY KEY, username TEXT UNIQUE COLLATE NOCASE, name TEXT NOT NULL, "
    "avatar TEXT NOT NULL, password_hash TEXT NOT NULL, roles TEXT NOT NULL, is_disabled INTEGER NOT NULL, "
    "generation INTEGER NOT NULL CHECK (generation BETWEEN 1 AND 9007199254740991)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE login (key BLOB PRIMARY KEY, user_id TEXT NOT NULL, created_ms INTEGER NOT NULL, "
    "expires_ms INTEGER NOT NULL, generation INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX login_user ON login (user_id);"
    "CREATE INDEX login_expiry ON login (expires_ms);"
    "CREATE TABLE revoked_token (id TEXT PRIMARY KEY, expires_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX revoked_token_expiry ON revoked_token (expires_ms);"
    "INSERT INTO meta VALUES ('store.epoch', 4711), ('store.is_open', 0), ('store.opened', 3);"
    "INSERT INTO type VALUES (1, 'order');"
    "INSERT INTO room VALUES (1, 'order:O-1', 0), (2, 'records', 0);"
    "INSERT INTO event VALUES (1, 1000, 1, 1, 0, 0, x'0201', '{\"kind\":\"create\",\"type\":\"order\",\"entity_id\":"
    "\"O-1\",\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"/qty\",\"value\":3,\"after\":3}],\"event\":{\"kind\":"
    "\"change\",\"id\":\"e1\",\"time\":1000,\"type\":\"order\",\"entity_id\":\"O-1\",\"action\":\"create\",\"event\":"
    "\"created\"}}');"
    "INSERT INTO room_event VALUES (2, 1, 1);"
    "INSERT INTO record VALUES (1, 1, 'O-1', 1, 1, 1, 1, 1000, 0, '{\"qty\":3}');"
    "INSERT INTO account VALUES ('5', 'jsmith', 'John', '', '', '[]', 0, 1);";

static void make_first_version(const char *name)
{
    sqlite3 *db;

    (void)unlink(store_fixture_path(&fixture, name));
    assert_int_equal(sqlite3_open(store_fixture_path(&fixture, name), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, first_version, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void spoil(const char *name, const char *crime)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(store_fixture_path(&fixture, name), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, crime, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Everything that was there, and all that is new, works. */
static void assert_whole(void)
{
    struct store_request *missed, *lock = store_fixture_object(&fixture, OBJECT_LOCK, "order:O-1#", 1, "{\"token\":0}");
    struct account account;
    uint64_t version;

    assert_int_equal(store_fixture_number(&fixture, "PRAGMA user_version"), SCHEMA_VERSION);
    assert_text(store_fixture_state(&fixture, "O-1", &version), "{\"qty\":3}");
    assert_int_equal(version, 1);
    assert_int_equal(store_account_find(fixture.store, &fixture.arena, SPAN("JSMITH"), &account), OK);
    missed = store_fixture_events(&fixture, "records", 0, 10);
    assert_true(missed->is_complete);
    assert_int_equal(missed->event_count, 1);
    store_request_free(missed);

    lock->commit.grants = true;
    store_fixture_note(lock, "locked");
    assert_int_equal(store_fixture_execute(&fixture, lock), OK);
    assert_true(lock->commit.sequence > 1);
    store_request_free(lock);
    assert_int_equal(store_fixture_number(&fixture, "SELECT count(*) FROM object"), 1);
    assert_int_equal(index_all(fixture.store), OK);
    assert_int_equal(store_fixture_number(&fixture, "SELECT count(*) FROM activity"), 1);
    assert_int_equal(store_fixture_put(&fixture, "O-1", "{\"qty\":4}"), OK);
    assert_non_null(store_fixture_reader(&fixture));
    store_fixture_reopen(&fixture);
    assert_text(store_fixture_state(&fixture, "O-1", &version), "{\"qty\":4}");
    assert_int_equal(store_fixture_number(&fixture, "SELECT count(*) FROM object"), 1);
}

static void an_older_database_is_brought_up_to_date(void **state)
{
    (void)state;
    store_fixture_close(&fixture);
    make_first_version("collabd.db");
    assert_int_equal(store_fixture_open(&fixture), OK);
    assert_int_equal(store_fixture_position(&fixture, "records").epoch, 4711);
    assert_whole();
}

static void a_copy_of_an_older_database_comes_back(void **state)
{
    (void)state;
    store_fixture_close(&fixture);
    make_first_version("copy");
    assert_int_equal(
        store_restore(fixture.options.folder, span_from_str(store_fixture_path(&fixture, "copy")), &fixture.why), OK);
    assert_int_equal(store_fixture_open(&fixture), OK);
    assert_int_not_equal(store_fixture_position(&fixture, "records").epoch, 4711);
    assert_whole();
}

static void an_older_database_with_something_of_others_is_refused(void **state)
{
    static const char *const crimes[] = {
        "CREATE TABLE object (x)", "CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM account; END",
        "DROP TABLE op",           "PRAGMA user_version=2",
        "PRAGMA user_version=0",   "PRAGMA user_version=-1",
    };

    (void)state;
    store_fixture_close(&fixture);
    for (size_t i = 0; i < sizeof(crimes) / sizeof(crimes[0]); i++) {
        make_first_version("collabd.db");
        spoil("collabd.db", crimes[i]);
        assert_int_equal(store_fixture_open(&fixture), ERR_CONFIG);
        assert_true(fixture.why.len > 0);
    }
}

static int refuse_commit(void *arg)
{
    (void)arg;
    return 1;
}

static void a_database_is_of_one_version_or_of_the_other(void **state)
{
    struct sql sql = {0};
    int version;

    (void)state;
    make_first_version("old");
    assert_int_equal(sql_open(&sql, store_fixture_path(&fixture, "old"), SQLITE_OPEN_READWRITE, &fixture.why), OK);
    (void)sqlite3_commit_hook(sql.db, refuse_commit, NULL);
    assert_int_not_equal(schema_bring_up(sql.db, 1, &fixture.why), OK);
    (void)sqlite3_commit_hook(sql.db, NULL, NULL);
    assert_int_equal(schema_identify(sql.db, &version, &fixture.why), OK);
    assert_int_equal(version, 1);
    assert_int_equal(schema_compare(sql.db, 1, &fixture.why), OK);
    assert_int_equal(schema_bring_up(sql.db, 1, &fixture.why), OK);
    assert_int_equal(schema_compare(sql.db, SCHEMA_VERSION, &fixture.why), OK);
    sql_close(&sql);
}

static void a_reader_waits_for_the_writer_to_bring_it_up_to_date(void **state)
{
    (void)state;
    store_fixture_close(&fixture);
    make_first_version("collabd.db");
    assert_int_equal(store_reader_open(&fixture.options, &fixture.reader, &fixture.why), ERR_CONFIG);
    assert_true(fixture.why.len > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_stage_set_up, store_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_older_database_is_brought_up_to_date),
        TEST(a_copy_of_an_older_database_comes_back),
        TEST(an_older_database_with_something_of_others_is_refused),
        TEST(a_database_is_of_one_version_or_of_the_other),
        TEST(a_reader_waits_for_the_writer_to_bring_it_up_to_date),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
