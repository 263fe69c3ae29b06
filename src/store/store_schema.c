/* The tables, what makes a file one of ours, and whether it is in good order. */
#include "store/sqlite_internal.h"

#include <stdio.h>
#include <string.h>

enum { APPLICATION_ID = 0x636c6264 }; /* "clbd" */

/* The order of what is written decides the speed: a change appends to event, op and the crowded rooms' ends of room_event, and touches three
 * places that depend on the record: its row, its room's end in room_event, and the key's place in op's index.
 *
 * room_event: a row with a version is the record's change with that version, seen in the record's own room: the record's history. It and its event
 * are never removed. The others are the log that clients resume from, and go when they are old. */
static const char *const tables[] = {
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL CHECK (value BETWEEN 0 AND 9007199254740991)) "
    "STRICT, WITHOUT ROWID",
    "CREATE TABLE type (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",

    /* head: no event of the room that was removed had a greater offset */
    "CREATE TABLE room (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
    "head INTEGER NOT NULL DEFAULT 0 CHECK (head BETWEEN 0 AND 9007199254740991)) STRICT",
    /* rooms: (room_id, offset) pairs of the rows of room_event that may be removed; is_history: a record's change, never removed */
    "CREATE TABLE event (seq INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, is_history INTEGER NOT NULL, rooms BLOB NOT NULL, "
    "body TEXT NOT NULL) STRICT",
    "CREATE TABLE room_event (room_id INTEGER NOT NULL, offset INTEGER NOT NULL CHECK (offset BETWEEN 1 AND 9007199254740991), "
    "seq INTEGER NOT NULL, version INTEGER CHECK (version BETWEEN 1 AND 9007199254740991), PRIMARY KEY (room_id, offset)) "
    "STRICT, WITHOUT ROWID",

    /* state is empty when is_deleted; a record that is made again goes on with its versions */
    "CREATE TABLE record (room_id INTEGER PRIMARY KEY, type_id INTEGER NOT NULL, id TEXT NOT NULL, "
    "version INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991), updated_ms INTEGER NOT NULL, "
    "is_deleted INTEGER NOT NULL CHECK (is_deleted IN (0, 1)), state TEXT NOT NULL) STRICT",
    "CREATE UNIQUE INDEX record_live ON record (type_id, id) WHERE is_deleted = 0",
    /* the whole state every MILESTONE_EVERY versions; offset is the change's in the record's room */
    "CREATE TABLE milestone (room_id INTEGER NOT NULL, version INTEGER NOT NULL, offset INTEGER NOT NULL, "
    "time_ms INTEGER NOT NULL, state TEXT NOT NULL, PRIMARY KEY (room_id, version)) STRICT, WITHOUT ROWID",
    /* key: user, NUL, the client's id; offset: of the first event in its first room, 0: there was none */
    "CREATE TABLE op (seq INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, hash INTEGER NOT NULL, time_ms INTEGER NOT NULL, "
    "offset INTEGER NOT NULL, answer BLOB NOT NULL) STRICT",

    "CREATE TABLE account (id TEXT PRIMARY KEY, username TEXT UNIQUE COLLATE NOCASE, name TEXT NOT NULL, avatar TEXT NOT NULL, "
    "password_hash TEXT NOT NULL, roles TEXT NOT NULL, is_disabled INTEGER NOT NULL, "
    "generation INTEGER NOT NULL CHECK (generation BETWEEN 1 AND 9007199254740991)) STRICT, WITHOUT ROWID",
    "CREATE TABLE login (key BLOB PRIMARY KEY, user_id TEXT NOT NULL, created_ms INTEGER NOT NULL, "
    "expires_ms INTEGER NOT NULL, generation INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX login_user ON login (user_id)",
    "CREATE INDEX login_expiry ON login (expires_ms)",
    "CREATE TABLE revoked_token (id TEXT PRIMARY KEY, expires_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX revoked_token_expiry ON revoked_token (expires_ms)",
};

/* ---- making ---- */

static enum err create_tables(sqlite3 *db)
{
    enum err err;

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        if ((err = sql_exec(db, tables[i])) != OK)
            return err;
    return OK;
}

enum err schema_create(sqlite3 *db, struct buf *why)
{
    char marks[96];
    enum err err;

    (void)snprintf(marks, sizeof(marks), "PRAGMA application_id=%d; PRAGMA user_version=%d", APPLICATION_ID, SCHEMA_VERSION);
    if ((err = sql_exec(db, "BEGIN IMMEDIATE")) != OK)
        goto done;
    if ((err = create_tables(db)) == OK && (err = sql_exec(db, marks)) == OK)
        err = sql_exec(db, "COMMIT");
    if (!sqlite3_get_autocommit(db))
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
done:
    if (err != OK)
        buf_printf(why, "the tables cannot be made: %s", sqlite3_errmsg(db));
    return err;
}

/* ---- recognising ---- */

enum err schema_identify(sqlite3 *db, bool *is_new, struct buf *why)
{
    int64_t application_id, version, object_count;
    enum err err;

    if ((err = sql_number(db, "PRAGMA application_id", &application_id)) != OK ||
        (err = sql_number(db, "PRAGMA user_version", &version)) != OK ||
        (err = sql_number(db, "SELECT count(*) FROM sqlite_schema", &object_count)) != OK) {
        buf_printf(why, "the file cannot be read: %s", sqlite3_errmsg(db));
        return err;
    }
    *is_new = application_id == 0 && version == 0 && object_count == 0;
    if (*is_new)
        return OK;
    if (application_id != APPLICATION_ID) {
        buf_append_str(why, "the file is a database of another program");
        return ERR_CONFIG;
    }
    if (version > SCHEMA_VERSION) {
        buf_printf(why, "the database was written by a newer version (its schema is %lld, this program knows %d)",
                   (long long)version, SCHEMA_VERSION);
        return ERR_CONFIG;
    }
    return OK;
}

static bool same_column(sqlite3_stmt *a, sqlite3_stmt *b, int column)
{
    return sqlite3_column_type(a, column) == sqlite3_column_type(b, column) &&
           span_equal(sql_column(a, column), sql_column(b, column));
}

static bool same_row(sqlite3_stmt *a, sqlite3_stmt *b)
{
    return same_column(a, b, 0) && same_column(a, b, 1) && same_column(a, b, 2) && same_column(a, b, 3);
}

/* Whether both databases say the same of every table and index, and have nothing else: no trigger, no view, no table of others. */
static enum err compare_schemas(sqlite3 *ours, sqlite3 *theirs, struct buf *why)
{
    static const char query[] = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name";
    sqlite3_stmt *a = NULL, *b = NULL;
    enum err first, second;

    if (sqlite3_prepare_v2(ours, query, -1, &a, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(theirs, query, -1, &b, NULL) != SQLITE_OK) {
        buf_printf(why, "the schema cannot be read: %s", sqlite3_errmsg(theirs));
        first = ERR_STORAGE;
        goto done;
    }
    do {
        first = sql_row(a);
        second = sql_row(b);
    } while (first == OK && second == OK && same_row(a, b));
    if (first == ERR_NOT_FOUND && second == ERR_NOT_FOUND) {
        first = OK;
    } else {
        buf_append_str(why, "the database has other tables, indexes, triggers or views than this program makes");
        first = ERR_CONFIG;
    }
done:
    sqlite3_finalize(a);
    sqlite3_finalize(b);
    return first;
}

enum err schema_compare(sqlite3 *db, struct buf *why)
{
    struct sql model = {0};
    enum err err;

    if ((err = sql_open(&model, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, why)) != OK)
        return err;
    err = create_tables(model.db);
    if (err == OK)
        err = compare_schemas(model.db, db, why);
    sql_close(&model);
    return err;
}

/* ---- examining ---- */

/* One row "ok", or a row per thing that is wrong. */
enum err schema_examine(sqlite3 *db, const char *pragma, struct buf *why)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, pragma, -1, &statement, NULL);
    enum err err = ERR_STORAGE;

    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW && span_equal(sql_column(statement, 0), SPAN("ok"))) {
        err = OK;
    } else if (code == SQLITE_ROW) {
        buf_printf(why, "the database is damaged: %.*s", SPAN_ARG(span_slice(sql_column(statement, 0), 0, 200)));
    } else {
        buf_printf(why, "the database cannot be checked: %s", sqlite3_errmsg(db));
    }
    sqlite3_finalize(statement);
    return err;
}
