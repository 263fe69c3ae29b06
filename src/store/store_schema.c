/* The tables, what makes a file one of ours, and whether it is in good order. */
#include "store/sqlite_internal.h"

#include <assert.h>

#define APPLICATION_ID 1668047460 /* "clbd" */
#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

/* What is written where decides the speed. A change appends to event and to op; the one place it touches that depends on
 * the record is the record's row. Where else its event is found, room_event and activity, is written later
 * (store_index.c). The events of a record's own room have no index: each knows the one before it there (previous), the
 * record's row knows the last, and reading goes backwards. Changes have a chain of their own (previous_change), which is
 * the record's history: the events of changes are never removed, all others go when they are old.
 *
 * A room is a record's when it has a row in record, which it gets with its first event. */
static const char *const tables[] = {
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE counter (name TEXT PRIMARY KEY, "
    "value INTEGER NOT NULL CHECK (value BETWEEN 0 AND 9007199254740991)) STRICT, WITHOUT ROWID",
    "CREATE TABLE type (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",

    /* head: no event of the room that was removed had a greater offset */
    "CREATE TABLE room (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
    "head INTEGER NOT NULL DEFAULT 0 CHECK (head BETWEEN 0 AND 9007199254740991)) STRICT",
    /* version: of the change, 0: something else; offset, previous: in the record's room it belongs to, 0: none;
     * rooms: (room_id, offset) pairs of its rows in room_event */
    "CREATE TABLE event (seq INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, version INTEGER NOT NULL, "
    "offset INTEGER NOT NULL, previous INTEGER NOT NULL, previous_change INTEGER NOT NULL, "
    "rooms BLOB NOT NULL, body TEXT NOT NULL) STRICT",
    "CREATE TABLE room_event (room_id INTEGER NOT NULL, "
    "offset INTEGER NOT NULL CHECK (offset BETWEEN 1 AND 9007199254740991), "
    "seq INTEGER NOT NULL, PRIMARY KEY (room_id, offset)) STRICT, WITHOUT ROWID",

    /* head: offset of the last event of its room; last, last_change: seqs; version 0: only its room was spoken in;
     * state is empty when is_deleted. A record that is made again goes on with its versions. */
    "CREATE TABLE record (room_id INTEGER PRIMARY KEY, type_id INTEGER NOT NULL, id TEXT NOT NULL, "
    "head INTEGER NOT NULL CHECK (head BETWEEN 0 AND 9007199254740991), "
    "last INTEGER NOT NULL, last_change INTEGER NOT NULL DEFAULT 0, "
    "version INTEGER NOT NULL DEFAULT 0 CHECK (version BETWEEN 0 AND 9007199254740991), "
    "updated_ms INTEGER NOT NULL DEFAULT 0, "
    "is_deleted INTEGER NOT NULL DEFAULT 1 CHECK (is_deleted IN (0, 1)), state TEXT NOT NULL DEFAULT '') STRICT",
    "CREATE INDEX record_type ON record (type_id, is_deleted, id)",
    /* the whole state every MILESTONE_EVERY versions, and the seq of the change that made it */
    "CREATE TABLE milestone (room_id INTEGER NOT NULL, version INTEGER NOT NULL, seq INTEGER NOT NULL, "
    "time_ms INTEGER NOT NULL, state TEXT NOT NULL, PRIMARY KEY (room_id, version)) STRICT, WITHOUT ROWID",
    /* key: user, NUL, the client's id; offset: of the first event in its first room, 0: there was none */
    "CREATE TABLE op (seq INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, hash INTEGER NOT NULL, "
    "time_ms INTEGER NOT NULL, offset INTEGER NOT NULL, answer BLOB NOT NULL) STRICT",

    "CREATE TABLE account (id TEXT PRIMARY KEY, username TEXT UNIQUE COLLATE NOCASE, name TEXT NOT NULL, "
    "avatar TEXT NOT NULL, password_hash TEXT NOT NULL, roles TEXT NOT NULL, is_disabled INTEGER NOT NULL, "
    "generation INTEGER NOT NULL CHECK (generation BETWEEN 1 AND 9007199254740991)) STRICT, WITHOUT ROWID",
    "CREATE TABLE login (key BLOB PRIMARY KEY, user_id TEXT NOT NULL, created_ms INTEGER NOT NULL, "
    "expires_ms INTEGER NOT NULL, generation INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX login_user ON login (user_id)",
    "CREATE INDEX login_expiry ON login (expires_ms)",
    "CREATE TABLE revoked_token (id TEXT PRIMARY KEY, expires_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX revoked_token_expiry ON revoked_token (expires_ms)",
    NULL,

    /* What is kept beside records (collab/object.h). kind: its name; time_ms: when it was made; updated_ms: when it
     * was put last. Rows that were made in the same millisecond are in the order of their rowids. */
    "CREATE TABLE object (kind TEXT NOT NULL, id TEXT NOT NULL, room TEXT NOT NULL, owner TEXT NOT NULL, "
    "state TEXT NOT NULL, time_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, "
    "revision INTEGER NOT NULL CHECK (revision BETWEEN 1 AND 9007199254740991), "
    "body TEXT NOT NULL, PRIMARY KEY (kind, id)) STRICT",
    "CREATE INDEX object_room ON object (kind, room, time_ms)",
    "CREATE INDEX object_owner ON object (kind, owner, state, time_ms)",
    "CREATE INDEX object_age ON object (kind, state, updated_ms)",
    /* seq: the event's; body: of an event that goes when it is old, of a change NULL: it is in event */
    "CREATE TABLE activity (seq INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, action TEXT NOT NULL, "
    "user_id TEXT NOT NULL, type TEXT NOT NULL, entity_id TEXT NOT NULL, customer_id TEXT NOT NULL, body TEXT) STRICT",
    "CREATE INDEX activity_user ON activity (user_id) WHERE user_id != ''",
    "CREATE INDEX activity_entity ON activity (entity_id, type) WHERE entity_id != ''",
    "CREATE INDEX activity_customer ON activity (customer_id) WHERE customer_id != ''",
    "CREATE INDEX activity_age ON activity (time_ms) WHERE body IS NOT NULL",
    NULL,

    /* line: of the activity feed (store_index.c), empty: none; what is older than this was indexed at once */
    "ALTER TABLE event ADD COLUMN line BLOB NOT NULL DEFAULT x''",
    "INSERT INTO meta SELECT '" META_INDEXED "', ifnull(max(seq), 0) FROM event",
    NULL,
};

/* ---- making ---- */

/* What versions after `from` up to `upto` brought: each ends with a NULL. */
static enum err create_tables(sqlite3 *db, int from, int upto)
{
    int version = 1;
    enum err err;

    assert(from >= 0 && upto <= SCHEMA_VERSION);
    for (size_t i = 0; version <= upto; i++) {
        assert(i < sizeof(tables) / sizeof(tables[0]));
        if (tables[i] == NULL)
            version++;
        else if (version > from && (err = sql_exec(db, tables[i])) != OK)
            return err;
    }
    return OK;
}

/* In one transaction: a file is of one version or of the other. */
static enum err bring_up(sqlite3 *db, int from)
{
    static const char marks[] =
        "PRAGMA application_id=" TEXT(APPLICATION_ID) "; PRAGMA user_version=" TEXT(SCHEMA_VERSION);
    enum err err;

    if ((err = sql_exec(db, "BEGIN IMMEDIATE")) != OK)
        return err;
    if ((err = create_tables(db, from, SCHEMA_VERSION)) == OK && (err = sql_exec(db, marks)) == OK)
        err = sql_exec(db, "COMMIT");
    return err;
}

enum err schema_bring_up(sqlite3 *db, int from, struct buf *why)
{
    enum err err = bring_up(db, from);

    if (err != OK)
        buf_printf(why, "the tables cannot be made: %s", sqlite3_errmsg(db));
    if (!sqlite3_get_autocommit(db))
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

/* ---- recognising ---- */

enum err schema_identify(sqlite3 *db, int *version_out, struct buf *why)
{
    int64_t application_id, version, object_count;
    enum err err;

    *version_out = 0;

    if ((err = sql_number(db, "PRAGMA application_id", &application_id)) != OK ||
        (err = sql_number(db, "PRAGMA user_version", &version)) != OK ||
        (err = sql_number(db, "SELECT count(*) FROM sqlite_schema", &object_count)) != OK) {
        buf_printf(why, "the file cannot be read: %s", sqlite3_errmsg(db));
        return err;
    }
    if (application_id == 0 && version == 0 && object_count == 0)
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
    if (version < 1) {
        buf_append_str(why, "the database is of no version");
        return ERR_CONFIG;
    }
    *version_out = (int)version;
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

/* Whether both databases say the same of every table and index, and have nothing else: no trigger, no view, no table
 * of others. */
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

enum err schema_compare(sqlite3 *db, int version, struct buf *why)
{
    struct sql model = {0};
    enum err err;

    if ((err = sql_open(&model, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, why)) != OK)
        return err;
    err = create_tables(model.db, 0, version);
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
