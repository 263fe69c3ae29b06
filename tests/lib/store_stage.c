#include "lib/store_stage.h"

#include "store/sqlite_internal.h"

#include <fcntl.h>
#include <unistd.h>

struct store_fixture fixture;

int store_stage_set_up(void **state)
{
    (void)state;
    store_fixture_init(&fixture);
    return 0;
}

int store_stage_tear_down(void **state)
{
    (void)state;
    store_fixture_deinit(&fixture);
    return 0;
}

void store_stage_exec(const char *sql)
{
    assert_int_equal(sqlite3_exec(fixture.store->sql.db, sql, NULL, NULL, NULL), SQLITE_OK);
}

int64_t store_stage_number(const char *query)
{
    int64_t result;

    assert_int_equal(sql_number(fixture.store->sql.db, query, &result), OK);
    return result;
}

void store_stage_tidy(void)
{
    while (store_tidy(fixture.store, fixture.wall_ms))
        ;
}

enum err store_stage_change_with_key(const char *id, uint64_t version, const char *user, const char *key, uint64_t hash,
                                     struct store_request **out)
{
    *out = store_fixture_change(&fixture, id, version, SPAN_EMPTY, "{\"title\":\"one\"}");
    store_fixture_set_op(*out, user, key, hash, id);
    return store_fixture_execute(&fixture, *out);
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

void store_stage_write_file(const char *name, const char *text, size_t len)
{
    int fd = open(store_fixture_path(&fixture, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}

void store_stage_copy_file(const char *from, const char *to)
{
    static char bytes[1 << 22];
    int fd = open(store_fixture_path(&fixture, from), O_RDONLY);
    ssize_t len = read(fd, bytes, sizeof(bytes));

    assert_in_range(len, 0, (ssize_t)sizeof(bytes) - 1);
    close(fd);
    store_stage_write_file(to, bytes, (size_t)len);
}

void store_stage_remove_file(const char *name)
{
    assert_int_equal(unlink(store_fixture_path(&fixture, name)), 0);
}

void store_stage_kill(void)
{
    store_stage_copy_file("collabd.db", "kept");
    store_stage_copy_file("collabd.db-wal", "kept-wal");
    store_fixture_close(&fixture);
    store_stage_copy_file("kept", "collabd.db");
    store_stage_copy_file("kept-wal", "collabd.db-wal");
    store_stage_remove_file("kept");
    store_stage_remove_file("kept-wal");
}
