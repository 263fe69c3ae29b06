/* Copies of the database, out and in again. */
#include "store/sqlite_internal.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 20 };

/* ---- files ---- */

static enum err file_err(struct buf *why, const char *file)
{
    int code = errno;

    buf_printf(why, "%s: %s", file, strerror(code));
    switch (code) {
    case ENOSPC:
    case EDQUOT: return ERR_STORAGE_FULL;
    case EROFS: return ERR_READ_ONLY;
    case ENOENT: return ERR_NOT_FOUND;
    case EEXIST: return ERR_EXISTS;
    default: return ERR_IO;
    }
}

/* Makes names in the file's folder last. */
static enum err sync_folder(const char *file, struct buf *why)
{
    const char *slash = strrchr(file, '/');
    char *folder = span_to_str(slash ? span_of(file, (size_t)(slash - file) + 1) : SPAN("."));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err err = fd < 0 || fsync(fd) != 0 ? file_err(why, folder) : OK;

    if (fd >= 0)
        close(fd);
    free(folder);
    return err;
}

static enum err sync_file(const char *file, struct buf *why)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    enum err err = fd < 0 || fsync(fd) != 0 ? file_err(why, file) : OK;

    if (fd >= 0)
        close(fd);
    return err;
}

/* An empty file of our own, readable by nobody else; what an attempt before left there goes. */
static enum err make_draft(const char *file, struct buf *why)
{
    int fd;

    if (unlink(file) != 0 && errno != ENOENT)
        return file_err(why, file);
    if ((fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0)
        return file_err(why, file);
    close(fd);
    return OK;
}

static void remove_beside(struct arena *arena, const char *file, const char *ending)
{
    const char *name = arena_printf(arena, "%s%s", file, ending).data;

    if (unlink(name) != 0 && errno != ENOENT)
        log_warn("store.file", "name=" LOG_QUOTED " reason=" LOG_QUOTED, LOG_TEXT(span_from_str(name)),
                 LOG_TEXT(span_from_str(strerror(errno))));
}

static void remove_draft(struct arena *arena, const char *file)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
        remove_beside(arena, file, endings[i]);
}

/* ---- a copy that stands by itself ---- */

/* Whole without a WAL, not open, and of no epoch: whoever opens it draws one, so that positions from before the copy
 * cannot be taken for positions in what comes after it. */
static enum err settle(sqlite3 *db, struct buf *why)
{
    enum err err;

    if ((err = sql_exec(db, "PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL")) == OK)
        err = sql_exec(db, "BEGIN IMMEDIATE;"
                           "UPDATE meta SET value = 0 WHERE name IN ('" META_EPOCH "', '" META_IS_OPEN
                           "', '" META_OPENED "');"
                           "COMMIT");
    if (err != OK)
        buf_printf(why, "the copy cannot be written: %s", sqlite3_errmsg(db));
    return err;
}

static enum err copy_pages(sqlite3 *from, sqlite3 *to, struct buf *why)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    int code;

    if (backup == NULL) {
        buf_printf(why, "the copy cannot be made: %s", sqlite3_errmsg(to));
        return sql_err(to, sqlite3_errcode(to));
    }
    sqlite3_backup_step(backup, -1); /* all of it, as it stands at this moment */
    code = sqlite3_backup_finish(backup);
    if (code != SQLITE_OK)
        buf_printf(why, "the copy cannot be made: %s", sqlite3_errmsg(to));
    return sql_err(to, code);
}

static enum err write_draft(struct store_reader *reader, const char *draft, struct buf *why)
{
    struct sql copy = {0};
    enum err err;

    if ((err = make_draft(draft, why)) != OK || (err = sql_open(&copy, draft, SQLITE_OPEN_READWRITE, why)) != OK)
        return err;
    reader->deadline_ms = 0; /* takes as long as it takes */
    if ((err = copy_pages(reader->sql.db, copy.db, why)) == OK)
        err = settle(copy.db, why);
    sql_close(&copy);
    return err == OK ? sync_file(draft, why) : err;
}

/* Under its name only when it is whole; a file of that name is never replaced. */
static enum err publish(const char *draft, const char *file, struct buf *why)
{
    if (link(draft, file) != 0)
        return file_err(why, file);
    return sync_folder(file, why);
}

enum err store_backup(struct store_reader *reader, struct span file, struct buf *why)
{
    struct arena arena;
    const char *name, *draft;
    struct stat status;
    enum err err;

    arena_init(&arena, 1024);
    name = arena_copy(&arena, file).data;
    draft = arena_printf(&arena, "%s.part", name).data;
    if (lstat(name, &status) == 0) {
        errno = EEXIST;
        err = file_err(why, name);
        goto done;
    }
    if ((err = write_draft(reader, draft, why)) == OK)
        err = publish(draft, name, why);
    remove_draft(&arena, draft);
done:
    arena_deinit(&arena);
    return err;
}

/* ---- back again ---- */

static enum err copy_bytes(const char *from, const char *to, struct buf *why)
{
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CLOEXEC);
    struct buf bytes = BUF_EMPTY;
    enum err err = in < 0 ? file_err(why, from) : out < 0 ? file_err(why, to) : OK;

    while (err == OK) {
        ssize_t len = read(in, buf_reserve(&bytes, COPY_BYTES), COPY_BYTES);

        if (len == 0)
            break;
        if (len < 0 && errno != EINTR)
            err = file_err(why, from);
        for (ssize_t done = 0; done < len && err == OK;) {
            ssize_t more = write(out, bytes.data + done, (size_t)(len - done));

            if (more < 0 && errno != EINTR)
                err = file_err(why, to);
            else if (more > 0)
                done += more;
        }
    }
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    buf_deinit(&bytes);
    return err;
}

/* What the tables themselves cannot say. */
static enum err examine_json(sqlite3 *db, int version, struct buf *why)
{
    static const struct {
        int since;
        const char *count;
    } looks[] = {
        {1, "SELECT count(*) FROM record WHERE is_deleted = 0 AND NOT json_valid(state)"},
        {2, "SELECT count(*) FROM object WHERE NOT json_valid(body)"},
    };
    int64_t bad_count;

    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]) && looks[i].since <= version; i++) {
        if (sql_number(db, looks[i].count, &bad_count) != OK || bad_count > 0) {
            buf_append_str(why, "the database is damaged: what should be JSON is none");
            return ERR_STORAGE;
        }
    }
    return OK;
}

/* Every page, every index, every row against its table's rules. An older version's copy is brought up to date when it
 * is opened. */
static enum err examine(sqlite3 *db, struct buf *why)
{
    int version;
    enum err err;

    if ((err = schema_identify(db, &version, why)) != OK)
        return err;
    if (version == 0) {
        buf_append_str(why, "the file is empty");
        return ERR_CONFIG;
    }
    if ((err = schema_compare(db, version, why)) != OK ||
        (err = schema_examine(db, "PRAGMA integrity_check(1)", why)) != OK)
        return err;
    return examine_json(db, version, why);
}

static enum err examine_draft(const char *draft, struct buf *why)
{
    struct sql sql = {0};
    enum err err;

    if ((err = sql_open(&sql, draft, SQLITE_OPEN_READWRITE, why)) != OK)
        return err;
    if ((err = examine(sql.db, why)) == OK)
        err = settle(sql.db, why);
    sql_close(&sql);
    return err == OK ? sync_file(draft, why) : err;
}

/* The database that is replaced must leave no WAL behind that would be taken for the new one's. One that is in order
 * takes it in as it is closed; that of a broken one is lost with it. */
static void retire(struct arena *arena, const char *file)
{
    struct buf ignored = BUF_EMPTY;
    struct sql sql = {0};
    struct stat status;

    if (stat(file, &status) == 0 && sql_open(&sql, file, SQLITE_OPEN_READWRITE, &ignored) == OK)
        (void)sqlite3_wal_checkpoint_v2(sql.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sql_close(&sql);
    buf_deinit(&ignored);
    remove_beside(arena, file, "-wal");
    remove_beside(arena, file, "-shm");
}

static enum err replace(struct arena *arena, struct span folder, const char *draft, struct buf *why)
{
    const char *file = store_file(arena, folder, "collabd.db");

    retire(arena, file);
    if (rename(draft, file) != 0)
        return file_err(why, file);
    return sync_folder(file, why);
}

enum err store_restore(struct span folder, struct span file, struct buf *why)
{
    struct arena arena;
    const char *draft;
    int lock = -1;
    enum err err;

    arena_init(&arena, 1024);
    draft = store_file(&arena, folder, "collabd.db.restore");
    if ((err = store_make_folder(folder, why)) != OK || (err = store_lock(folder, &lock, why)) != OK)
        goto done;
    if ((err = make_draft(draft, why)) == OK && (err = copy_bytes(arena_copy(&arena, file).data, draft, why)) == OK &&
        (err = examine_draft(draft, why)) == OK)
        err = replace(&arena, folder, draft, why);
    remove_draft(&arena, draft);
done:
    if (lock >= 0)
        close(lock);
    arena_deinit(&arena);
    return err;
}
