/* Opening and closing the embedded database, and its transactions.
 *
 * A database that was open when the process died is not whole without its WAL. So the file says itself that it is
 * open, in the part that does not depend on the WAL: a WAL that is missing then, or that belongs to another file or
 * time, is noticed before anything is done with it. */
#include "store/sqlite_internal.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/metric.h"
#include "base/rand.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ARENA_BLOCK_BYTES = 4096 };

/* page_size and the rest were measured with bench/store_commit.c. */
static const char new_file_pragmas[] = "PRAGMA page_size=4096";
static const char writer_pragmas[] = "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-65536;"
                                     "PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=268435456";

/* ---- files ---- */

const char *store_file(struct arena *arena, struct span folder, const char *name)
{
    return arena_printf(arena, "%.*s/%s", SPAN_ARG(folder), name).data;
}

/* With the folders it is in. */
enum err store_make_folder(struct span folder, struct buf *why)
{
    char *path = span_to_str(folder);
    enum err err = OK;

    for (size_t i = 1; i <= folder.len && err == OK; i++) {
        if (i < folder.len && path[i] != '/')
            continue;
        path[i] = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            buf_printf(why, "the folder %s cannot be made: %s", path, strerror(errno));
            err = errno == EROFS ? ERR_READ_ONLY : errno == ENOSPC ? ERR_STORAGE_FULL : ERR_STORAGE;
        }
        if (i < folder.len)
            path[i] = '/';
    }
    free(path);
    return err;
}

enum err store_lock(struct span folder, int *lock, struct buf *why)
{
    char *path = span_to_str(folder);
    struct buf name = BUF_EMPTY;
    enum err err = OK;

    buf_printf(&name, "%s/collabd.lock%c", path, '\0');
    *lock = open(name.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*lock < 0) {
        buf_printf(why, "%s: %s", name.data, strerror(errno));
        err = errno == EROFS || errno == EACCES ? ERR_READ_ONLY : errno == ENOSPC ? ERR_STORAGE_FULL : ERR_STORAGE;
    } else if (flock(*lock, LOCK_EX | LOCK_NB) != 0) {
        buf_printf(why, "the data in %s is in use by another process", path);
        err = ERR_CONFIG;
        close(*lock);
        *lock = -1;
    }
    buf_deinit(&name);
    free(path);
    return err;
}

/* SQLite would make it with the umask's mode; the files beside it take over this one's. */
static enum err make_file(const char *file, struct buf *why)
{
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0) {
        buf_printf(why, "%s: %s", file, strerror(errno));
        return errno == EROFS || errno == EACCES ? ERR_READ_ONLY : errno == ENOSPC ? ERR_STORAGE_FULL : ERR_STORAGE;
    }
    close(fd);
    return OK;
}

/* ---- what the file alone says, without its WAL ---- */

struct glance {
    bool is_readable;
    int64_t is_open, opened, epoch;
    bool has_wal; /* there is such a file */
    bool wal_has_content;
};

static void append_uri(struct buf *out, const char *file)
{
    buf_append_str(out, "file:");
    for (const char *byte = file; *byte; byte++) {
        if (*byte == '%' || *byte == '?' || *byte == '#')
            buf_printf(out, "%%%02x", (unsigned char)*byte);
        else
            buf_append_char(out, *byte);
    }
    buf_append_str(out, "?immutable=1");
    buf_append_char(out, '\0');
}

static bool read_glance(sqlite3 *db, struct glance *glance)
{
    return sql_number(db, "SELECT value FROM meta WHERE name = '" META_IS_OPEN "'", &glance->is_open) == OK &&
           sql_number(db, "SELECT value FROM meta WHERE name = '" META_OPENED "'", &glance->opened) == OK &&
           sql_number(db, "SELECT value FROM meta WHERE name = '" META_EPOCH "'", &glance->epoch) == OK;
}

static void take_glance(const char *file, const char *wal, struct glance *glance)
{
    struct sql sql = {0};
    struct buf uri = BUF_EMPTY, ignored = BUF_EMPTY;
    struct stat status;

    *glance = (struct glance){0};
    glance->has_wal = stat(wal, &status) == 0;
    glance->wal_has_content = glance->has_wal && status.st_size > 0;
    append_uri(&uri, file);
    if (sql_open(&sql, uri.data, SQLITE_OPEN_READONLY, &ignored) == OK)
        glance->is_readable = read_glance(sql.db, glance);
    sql_close(&sql);
    buf_deinit(&uri);
    buf_deinit(&ignored);
}

/* Looks at the database with its WAL and compares. */
static enum err check_wal(struct store *store, const struct glance *before, struct buf *why)
{
    struct glance now = {0};

    if (before->is_readable && before->is_open && !before->has_wal) {
        buf_append_str(
            why, "collabd.db-wal is missing, and the last changes were in it: put it back, or go on without them by "
                 "restoring from a copy of collabd.db");
        return ERR_STORAGE;
    }
    if (!before->wal_has_content && !before->is_open)
        return OK;
    if (!read_glance(store->sql.db, &now)) {
        buf_printf(why, "the database cannot be read: %s", sqlite3_errmsg(store->sql.db));
        return ERR_STORAGE;
    }
    /* Opening counts in the WAL first, so the file may be one behind. */
    if (before->is_readable &&
        (now.epoch != before->epoch || now.opened < before->opened || now.opened > before->opened + 1)) {
        buf_append_str(why, "collabd.db-wal belongs to another database or another time");
        return ERR_STORAGE;
    }
    log_info("store.check", "reason=\"not closed cleanly\"");
    return schema_examine(store->sql.db, "PRAGMA quick_check(1)", why);
}

/* ---- small numbers ---- */

enum err meta_get_number(struct sql *sql, const char *name, uint64_t *out)
{
    sqlite3_stmt *statement = sql->statements[SQL_meta_get];
    enum err err;

    *out = 0;
    sql_bind_text(statement, 1, span_from_str(name));
    if ((err = sql_row(statement)) == OK) {
        *out = sql_column_u64(statement, 0);
        sqlite3_reset(statement);
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err meta_put_number(struct sql *sql, const char *name, uint64_t number)
{
    sqlite3_stmt *statement = sql->statements[SQL_meta_put];

    sql_bind_text(statement, 1, span_from_str(name));
    sql_bind_u64(statement, 2, number);
    return sql_run(statement);
}

/* ---- transactions ---- */

static enum err load_counts(struct store *store);

enum err store_begin(struct store *store)
{
    enum err err = sql_exec(store->sql.db, "BEGIN IMMEDIATE");

    if (err == OK && store->is_stale)
        err = load_counts(store);
    return err == OK ? OK : store_end(store, err);
}

/* Logged when it begins and when it is over, not for every batch in between. */
static void note_outcome(struct store *store, enum err err)
{
    bool failed = err == ERR_STORAGE || err == ERR_STORAGE_FULL || err == ERR_READ_ONLY;

    if (err != OK && !failed)
        return; /* whoever began the transaction thought better of it */
    if (failed) {
        metric_add(METRIC_store_errors, 1);
        if (!store->is_failing)
            log_error("store.failed", "code=%s reason=" LOG_QUOTED, err_code(err),
                      LOG_TEXT(span_from_str(sqlite3_errmsg(store->sql.db))));
    } else if (store->is_failing) {
        log_info("store.recovered", "epoch=%llu", (unsigned long long)store->epoch);
    }
    store->is_failing = failed;
}

enum err store_end(struct store *store, enum err err)
{
    /* Some failures roll back by themselves: what came after them was written outside any transaction, so there must
     * be no such thing. */
    bool is_whole = !sqlite3_get_autocommit(store->sql.db);

    assert(err != OK || is_whole);
    if (err == OK)
        err = sql_exec(store->sql.db, "COMMIT");
    note_outcome(store, err); /* before ROLLBACK replaces the message */
    if (err == OK)
        return OK;
    if (!sqlite3_get_autocommit(store->sql.db))
        (void)sqlite3_exec(store->sql.db, "ROLLBACK", NULL, NULL, NULL);
    rooms_forget(&store->rooms);
    store->crowded_count = 0;
    store->is_stale = true;
    return err;
}

/* ---- types ---- */

static struct stored_type *add_type(struct store *store, int64_t id, struct span name)
{
    struct stored_type *type;

    store->types = memory_resize(store->types, (store->type_count + 1) * sizeof(*store->types));
    type = &store->types[store->type_count++];
    *type = (struct stored_type){.id = id, .name = span_of(span_to_str(name), name.len)};
    return type;
}

static void forget_types(struct store *store)
{
    for (uint32_t i = 0; i < store->type_count; i++)
        free((char *)store->types[i].name.data);
    store->type_count = 0;
}

static enum err load_types(struct store *store)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_type_list];
    enum err err;

    forget_types(store);
    while ((err = sql_row(statement)) == OK)
        add_type(store, sqlite3_column_int64(statement, 0), sql_column(statement, 1));
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err store_type_id(struct store *store, struct span name, struct stored_type **out)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_type_add];
    enum err err;

    for (uint32_t i = 0; i < store->type_count; i++) {
        if (span_equal(store->types[i].name, name)) {
            *out = &store->types[i];
            return OK;
        }
    }
    sql_bind_text(statement, 1, name);
    if ((err = sql_run(statement)) == OK)
        *out = add_type(store, sqlite3_last_insert_rowid(store->sql.db), name);
    return err;
}

/* ---- opening ---- */

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What is counted on in memory. The last events may have been removed, so the last one there is does not say enough. */
static enum err load_counts(struct store *store)
{
    uint64_t floor;
    int64_t last;
    enum err err;

    if ((err = load_types(store)) != OK || (err = meta_get_number(&store->sql, META_TIDIED, &store->tidied)) != OK ||
        (err = meta_get_number(&store->sql, META_INDEXED, &store->indexed)) != OK ||
        (err = meta_get_number(&store->sql, META_SEQUENCE, &floor)) != OK ||
        (err = sql_number(store->sql.db, "SELECT max(seq) FROM event", &last)) != OK)
        return err;
    if (last < 0 || (uint64_t)last >= SQL_NUMBER_MAX)
        return ERR_STORAGE; /* no number of ours */
    store->next_seq = greater(greater((uint64_t)last, store->tidied), floor) + 1;
    store->is_stale = false;
    return OK;
}

static uint64_t draw_epoch(void)
{
    uint64_t epoch;

    do {
        rand_bytes(&epoch, sizeof(epoch));
        epoch &= SQL_NUMBER_MAX;
    } while (epoch == 0);
    return epoch;
}

/* A history that begins here. What is a copy does not know what was numbered after it was taken, and a lock's token
 * that was given then must not be given again: its numbers go on far beyond. */
static enum err begin_epoch(struct store *store)
{
    enum err err;

    store->epoch = draw_epoch();
    if ((err = meta_put_number(&store->sql, META_EPOCH, store->epoch)) != OK || store->next_seq == 1 ||
        store->next_seq > SQL_NUMBER_MAX - 2 * SEQUENCE_LEAP)
        return err;
    store->next_seq += SEQUENCE_LEAP;
    return meta_put_number(&store->sql, META_SEQUENCE, store->next_seq - 1);
}

/* Says in the file itself, not only in the WAL, that it is open from now on. */
static enum err mark_open(struct store *store)
{
    uint64_t opened;
    enum err err;

    if ((err = store_begin(store)) != OK)
        return err;
    if ((err = meta_get_number(&store->sql, META_EPOCH, &store->epoch)) != OK ||
        (err = meta_get_number(&store->sql, META_OPENED, &opened)) != OK)
        goto done;
    if (store->epoch == 0 && (err = begin_epoch(store)) != OK)
        goto done;
    if ((err = meta_put_number(&store->sql, META_IS_OPEN, 1)) == OK)
        err = meta_put_number(&store->sql, META_OPENED, opened < SQL_NUMBER_MAX ? opened + 1 : opened);
done:
    if ((err = store_end(store, err)) != OK)
        return err;
    return sql_err(store->sql.db,
                   sqlite3_wal_checkpoint_v2(store->sql.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
}

/* Nothing is written to the file before it is known to be ours. */
static enum err recognise(struct store *store, const struct glance *glance, struct buf *why)
{
    sqlite3 *db = store->sql.db;
    int version;
    enum err err;

    if ((err = schema_identify(db, &version, why)) != OK)
        return err;
    if (sqlite3_db_readonly(db, "main") == 1) {
        buf_append_str(why, "the database is read-only");
        return ERR_READ_ONLY;
    }
    if (version > 0 && ((err = schema_compare(db, version, why)) != OK || (err = check_wal(store, glance, why)) != OK))
        return err;
    if ((version == 0 && (err = sql_exec(db, new_file_pragmas)) != OK) ||
        (err = sql_exec(db, "PRAGMA journal_mode=WAL")) != OK || (err = sql_exec(db, writer_pragmas)) != OK) {
        buf_printf(why, "the database cannot be set up: %s", sqlite3_errmsg(db));
        return err;
    }
    if (version == SCHEMA_VERSION)
        return OK;
    if (version > 0)
        log_info("store.upgrade", "from=%d to=%d", version, SCHEMA_VERSION);
    return schema_bring_up(db, version, why);
}

static int on_wal(void *arg, sqlite3 *db, const char *name, int frames)
{
    struct store *store = arg;

    (void)db, (void)name;
    store->wal_frames = frames;
    return SQLITE_OK;
}

static enum err open_file(struct store *store, struct buf *why)
{
    const char *file = store_file(&store->arena, store->folder, "collabd.db");
    const char *wal = store_file(&store->arena, store->folder, "collabd.db-wal");
    struct glance glance;
    enum err err;

    if ((err = make_file(file, why)) != OK)
        return err;
    take_glance(file, wal, &glance);
    if ((err = sql_open(&store->sql, file, SQLITE_OPEN_READWRITE, why)) != OK)
        return err;
    /* A WAL that is not believed must not get into the file when we turn away. */
    (void)sqlite3_db_config(store->sql.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
    if ((err = recognise(store, &glance, why)) != OK || (err = sql_prepare_all(&store->sql, why)) != OK)
        return err;
    (void)sqlite3_wal_hook(store->sql.db, on_wal, store);
    if ((err = load_counts(store)) != OK || (err = mark_open(store)) != OK || (err = index_all(store)) != OK) {
        buf_printf(why, "the database cannot be opened for writing: %s", sqlite3_errmsg(store->sql.db));
        return err;
    }
    (void)sqlite3_db_config(store->sql.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, (int *)NULL);
    return OK;
}

enum err store_open(const struct store_options *options, struct store **out, struct buf *why)
{
    struct store *store = NEW(struct store);
    enum err err;

    arena_init(&store->arena, ARENA_BLOCK_BYTES);
    rooms_init(&store->rooms);
    tidy_init(store);
    store->lock = -1;
    store->folder = arena_copy(&store->arena, options->folder);
    store->registry = options->registry ? type_registry_ref(options->registry) : NULL;
    store->log_events_max = options->log_events_max;
    store->log_age_ms = options->log_age_ms;
    store->op_age_ms = options->op_age_ms;
    store->activity_age_ms = options->activity_age_ms > 0 ? options->activity_age_ms : 90 * DAY_MS;
    store->history_age_ms = options->history_age_ms;
    store->message_age_ms = options->message_age_ms > 0 ? options->message_age_ms : 365 * DAY_MS;
    if ((err = store_make_folder(options->folder, why)) != OK ||
        (err = store_lock(options->folder, &store->lock, why)) != OK || (err = open_file(store, why)) != OK)
        goto done;
    *out = store;
    store = NULL;
done:
    if (store) {
        store->epoch = 0; /* it was never open */
        store_close(store);
    }
    return err;
}

void store_set_registry(struct store *store, struct type_registry *registry)
{
    struct type_registry *before = store->registry;

    store->registry = type_registry_ref(registry);
    type_registry_unref(before);
}

/* What fails here costs the next start a check of the file, nothing else. */
static void mark_closed(struct store *store)
{
    enum err err = store_begin(store);

    if (err == OK)
        err = store_end(store, meta_put_number(&store->sql, META_IS_OPEN, 0));
    if (err == OK)
        err = sql_err(store->sql.db,
                      sqlite3_wal_checkpoint_v2(store->sql.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
    if (err != OK)
        log_warn("store.close", "code=%s", err_code(err));
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    if (store->epoch != 0) {
        numbers_give_back(store);
        mark_closed(store);
    }
    sql_close(&store->sql);
    rooms_forget(&store->rooms);
    inboxes_forget(store);
    if (store->lock >= 0)
        close(store->lock);
    type_registry_unref(store->registry);
    buf_deinit(&store->key);
    buf_deinit(&store->places);
    buf_deinit(&store->line);
    arena_deinit(&store->arena);
    forget_types(store);
    free(store->types);
    free(store);
}
