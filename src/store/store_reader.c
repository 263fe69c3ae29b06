/* The reading connection: lists, history and backups, beside the one that writes and never in its way. It never
 * writes to the file and never moves the WAL into it: two connections that did would have to be timed against each
 * other. */
#include "store/sqlite_internal.h"

#include "base/clock.h"
#include "base/memory.h"

#include <locale.h>
#include <stdlib.h>

enum {
    STATEMENT_MS = 250,
    STEPS_BETWEEN_LOOKS = 2000, /* of SQLite's machine: some ten microseconds */
    ARENA_BLOCK_BYTES = 1024,
};

static int look_at_clock(void *arg)
{
    const struct store_reader *reader = arg;

    return reader->deadline_ms != 0 && clock_mono_ms() >= reader->deadline_ms;
}

void reader_start_clock(struct store_reader *reader)
{
    reader->deadline_ms = clock_mono_ms() + reader->statement_ms;
}

static enum err open_file(struct store_reader *reader, struct buf *why)
{
    const char *file = store_file(&reader->arena, reader->folder, "collabd.db");
    int version;
    enum err err;

    /* Reading a WAL needs its index, which may have to be made: so not SQLITE_OPEN_READONLY. */
    if ((err = sql_open(&reader->sql, file, SQLITE_OPEN_READWRITE, why)) != OK)
        return err;
    (void)sqlite3_db_config(reader->sql.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
    if ((err = sql_exec(reader->sql.db, "PRAGMA wal_autocheckpoint=0; PRAGMA query_only=1; PRAGMA cache_size=-16384;"
                                        "PRAGMA temp_store=MEMORY")) != OK) {
        buf_printf(why, "the database cannot be set up for reading: %s", sqlite3_errmsg(reader->sql.db));
        return err;
    }
    if ((err = schema_identify(reader->sql.db, &version, why)) != OK)
        return err;
    if (version != SCHEMA_VERSION) {
        buf_append_str(why, version == 0 ? "there is no database yet" : "the database is of an older version");
        return ERR_CONFIG;
    }
    if ((err = schema_compare(reader->sql.db, version, why)) != OK)
        return err;
    sqlite3_progress_handler(reader->sql.db, STEPS_BETWEEN_LOOKS, look_at_clock, reader);
    if ((err = search_install(reader)) != OK)
        return err;
    return sql_prepare_all(&reader->sql, why);
}

enum err store_reader_open(const struct store_options *options, struct store_reader **out, struct buf *why)
{
    struct store_reader *reader = NEW(struct store_reader);
    enum err err;

    arena_init(&reader->arena, ARENA_BLOCK_BYTES);
    reader->folder = arena_copy(&reader->arena, options->folder);
    reader->statement_ms = STATEMENT_MS;
    if ((err = open_file(reader, why)) == OK) {
        *out = reader;
        reader = NULL;
    }
    store_reader_close(reader);
    return err;
}

void store_reader_close(struct store_reader *reader)
{
    if (reader == NULL)
        return;
    sql_close(&reader->sql);
    search_uninstall(reader);
    buf_deinit(&reader->name);
    buf_deinit(&reader->text);
    arena_deinit(&reader->arena);
    free(reader);
}
