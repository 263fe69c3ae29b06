#include "store/sql.h"

#include <assert.h>
#include <errno.h>

enum { BUSY_MS = 2000 }; /* how long somebody else's lock on the file is waited for: an administrator's shell, say */

static const char *const texts[SQL_COUNT] = {
#define STATEMENT(name, text) [SQL_##name] = (text),
#include "store/statements.def"
#undef STATEMENT
};

/* ---- connections ---- */

/* The file may come from anywhere: nothing in its schema may act by itself. */
static int make_safe(sqlite3 *db)
{
    static const struct {
        int option, value;
    } safeties[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 0},
        {SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    };

    for (size_t i = 0; i < sizeof(safeties) / sizeof(safeties[0]); i++) {
        int code = sqlite3_db_config(db, safeties[i].option, safeties[i].value, (int *)NULL);

        if (code != SQLITE_OK)
            return code;
    }
    sqlite3_extended_result_codes(db, 1);
    return sqlite3_busy_timeout(db, BUSY_MS);
}

enum err sql_open(struct sql *sql, const char *file, int flags, struct buf *why)
{
    int code = sqlite3_open_v2(file, &sql->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL);
    enum err err;

    if (code == SQLITE_OK)
        code = make_safe(sql->db);
    if (code == SQLITE_OK)
        return OK;
    err = sql_err(sql->db, code);
    buf_printf(why, "%s: %s", file, sqlite3_errmsg(sql->db));
    sql_close(sql);
    return err;
}

enum err sql_prepare_all(struct sql *sql, struct buf *why)
{
    for (int i = 0; i < SQL_COUNT; i++) {
        int code = sqlite3_prepare_v3(sql->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &sql->statements[i], NULL);

        if (code != SQLITE_OK) {
            buf_printf(why, "the database does not understand a statement: %s", sqlite3_errmsg(sql->db));
            return sql_err(sql->db, code);
        }
    }
    return OK;
}

void sql_close(struct sql *sql)
{
    int code;

    for (int i = 0; i < SQL_COUNT; i++) {
        sqlite3_finalize(sql->statements[i]);
        sql->statements[i] = NULL;
    }
    code = sqlite3_close(sql->db);
    assert(code == SQLITE_OK); /* else a statement was forgotten */
    sql->db = NULL;
}

/* ---- errors ---- */

/* Where SQLite has one code for any failed system call, the system's own number tells more. */
static enum err system_err(sqlite3 *db)
{
    switch (db ? sqlite3_system_errno(db) : 0) {
    case ENOSPC:
    case EFBIG:
    case EDQUOT: return ERR_STORAGE_FULL;
    case EROFS: return ERR_READ_ONLY;
    default: return ERR_STORAGE;
    }
}

enum err sql_err(sqlite3 *db, int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return OK;
    case SQLITE_FULL: return ERR_STORAGE_FULL;
    case SQLITE_READONLY: return ERR_READ_ONLY;
    case SQLITE_INTERRUPT: return ERR_TIMEOUT;
    case SQLITE_NOTADB: return ERR_CONFIG;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: return system_err(db);
    default: return ERR_STORAGE;
    }
}

/* The first statement of *text, which is moved behind it. */
static int run_first(sqlite3 *db, const char **text)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, *text, -1, &statement, text);

    while (code == SQLITE_OK || code == SQLITE_ROW) /* a pragma tells what it has set */
        code = statement ? sqlite3_step(statement) : SQLITE_DONE;
    sqlite3_finalize(statement);
    return code;
}

enum err sql_exec(sqlite3 *db, const char *text)
{
    int code = SQLITE_DONE;

    while (code == SQLITE_DONE && *text)
        code = run_first(db, &text);
    return sql_err(db, code);
}

enum err sql_number(sqlite3 *db, const char *text, int64_t *out)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, text, -1, &statement, NULL);

    *out = 0;
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return sql_err(db, code);
}

/* ---- values ---- */

void sql_bind_i64(sqlite3_stmt *statement, int place, int64_t number)
{
    int code = sqlite3_bind_int64(statement, place, number);

    assert(code == SQLITE_OK); /* else the statement is in use or has no such place */
}

void sql_bind_u64(sqlite3_stmt *statement, int place, uint64_t number)
{
    assert(number <= INT64_MAX);
    sql_bind_i64(statement, place, (int64_t)number);
}

void sql_bind_text(sqlite3_stmt *statement, int place, struct span text)
{
    /* No address would be NULL, which is not the empty text. */
    int code = sqlite3_bind_text64(statement, place, text.data ? text.data : "", text.len, SQLITE_STATIC, SQLITE_UTF8);

    assert(code == SQLITE_OK);
}

void sql_bind_null(sqlite3_stmt *statement, int place)
{
    int code = sqlite3_bind_null(statement, place);

    assert(code == SQLITE_OK);
}

void sql_bind_blob(sqlite3_stmt *statement, int place, struct span bytes)
{
    int code = sqlite3_bind_blob64(statement, place, bytes.data ? bytes.data : "", bytes.len, SQLITE_STATIC);

    assert(code == SQLITE_OK);
}

uint64_t sql_column_u64(sqlite3_stmt *statement, int column)
{
    int64_t number = sqlite3_column_int64(statement, column);

    if (number < 0)
        return 0;
    return (uint64_t)number < SQL_NUMBER_MAX ? (uint64_t)number : SQL_NUMBER_MAX;
}

struct span sql_column(sqlite3_stmt *statement, int column)
{
    const void *bytes = sqlite3_column_blob(statement, column); /* of a text: its bytes, too */
    int len = sqlite3_column_bytes(statement, column);

    return bytes && len > 0 ? span_of(bytes, (size_t)len) : SPAN_EMPTY;
}

struct span sql_column_copy(sqlite3_stmt *statement, int column, struct arena *arena)
{
    struct span bytes = sql_column(statement, column);

    return bytes.len > 0 ? arena_copy(arena, bytes) : SPAN_EMPTY;
}

/* ---- running ---- */

enum err sql_row(sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    enum err err;

    if (code == SQLITE_ROW)
        return OK;
    /* Before the reset, which may make system calls of its own. */
    err = code == SQLITE_DONE ? ERR_NOT_FOUND : sql_err(sqlite3_db_handle(statement), code);
    sqlite3_reset(statement);
    return err;
}

enum err sql_run(sqlite3_stmt *statement)
{
    enum err err = sql_row(statement);

    assert(err != OK); /* a statement that gives rows has no business here */
    return err == ERR_NOT_FOUND ? OK : err;
}
