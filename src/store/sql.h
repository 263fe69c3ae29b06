/* sql.h: SQLite's interface in this project's words: a connection with its safeties on, the statements of
 * statements.def, spans in and out, error codes. Every statement is prepared once and takes what people typed as a
 * bound value only. One connection belongs to one thread at a time.
 *
 *     sqlite3_stmt *statement = sql->statements[SQL_room_find];
 *     sql_bind_text(statement, 1, name);
 *     if ((err = sql_row(statement)) == OK) {         (ERR_NOT_FOUND: no row, nothing to reset)
 *         id = sqlite3_column_int64(statement, 0);
 *         sqlite3_reset(statement);
 *     } */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <sqlite3.h>

enum sql_statement {
#define STATEMENT(name, text) SQL_##name,
#include "store/statements.def"
#undef STATEMENT
    SQL_COUNT
};

struct sql {
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_COUNT];
};

/* `flags` as sqlite3_open_v2 takes them; a name that starts with "file:" is a URI. On failure *sql is closed and
 * *why says what happened. */
must_check enum err sql_open(struct sql *sql, const char *file, int flags, struct buf *why);
must_check enum err sql_prepare_all(struct sql *sql, struct buf *why);
void sql_close(struct sql *sql); /* harmless when it is closed */

/* What an SQLite result code means to us; OK for SQLITE_OK, SQLITE_ROW and SQLITE_DONE. */
enum err sql_err(sqlite3 *db, int code);
/* Constant text only. */
must_check enum err sql_exec(sqlite3 *db, const char *text);
/* The first column of the first row of a constant query, as a number; 0 when there is no row. */
must_check enum err sql_number(sqlite3 *db, const char *text, int64_t *out);

/* Numbers of ours stay below 2^53, and so does what is read: a damaged row gives a wrong number, never an overflow. */
#define SQL_NUMBER_MAX ((uint64_t)9007199254740991)

/* Bound bytes must live until the statement has run. */
void sql_bind_i64(sqlite3_stmt *statement, int place, int64_t number);
void sql_bind_u64(sqlite3_stmt *statement, int place, uint64_t number);
void sql_bind_text(sqlite3_stmt *statement, int place, struct span text);
void sql_bind_null(sqlite3_stmt *statement, int place);
void sql_bind_blob(sqlite3_stmt *statement, int place, struct span bytes);

uint64_t sql_column_u64(sqlite3_stmt *statement, int column);
struct span sql_column(sqlite3_stmt *statement, int column); /* text or blob; valid until the next step or reset */
struct span sql_column_copy(sqlite3_stmt *statement, int column, struct arena *arena);

/* OK: there is a row (reset when done with it). ERR_NOT_FOUND: no more rows. Else what went wrong. The latter two
 * have reset the statement. */
must_check enum err sql_row(sqlite3_stmt *statement);
/* Runs a statement that gives no rows. */
must_check enum err sql_run(sqlite3_stmt *statement);
