#include "net/static_files.h"

#include "base/map.h"
#include "base/memory.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    FILE_BYTES_MAX = 16 * 1024 * 1024,
    FILES_MAX = 10000,
    DEPTH_MAX = 16,
    DIGEST_BYTES = 16, /* of the SHA-256: enough to tell versions of a file apart */
};

struct file {
    struct file *next;
    struct span path; /* of the request: "/js/app.js" */
    char *bytes;
    size_t len;
    const char *content_type;
    char etag[2 * DIGEST_BYTES + 3]; /* with its quotes */
    char modified[32];
    const struct file *gzip, *brotli; /* its precompressed neighbours */
};

struct static_files {
    atomic_uint ref_count;
    char *root; /* resolved */
    struct file *files;
    unsigned count;
    struct map by_path;
};

/* ---- loading ------------------------------------------------------------------------------------------------------ */

static const char *content_type_of(struct span path)
{
    static const struct {
        struct span ending;
        const char *type;
    } rows[] = {{SPAN_INIT(".html"), "text/html; charset=utf-8"},
                {SPAN_INIT(".js"), "text/javascript; charset=utf-8"},
                {SPAN_INIT(".mjs"), "text/javascript; charset=utf-8"},
                {SPAN_INIT(".css"), "text/css; charset=utf-8"},
                {SPAN_INIT(".json"), "application/json"},
                {SPAN_INIT(".map"), "application/json"},
                {SPAN_INIT(".webmanifest"), "application/manifest+json"},
                {SPAN_INIT(".svg"), "image/svg+xml"},
                {SPAN_INIT(".png"), "image/png"},
                {SPAN_INIT(".jpg"), "image/jpeg"},
                {SPAN_INIT(".jpeg"), "image/jpeg"},
                {SPAN_INIT(".gif"), "image/gif"},
                {SPAN_INIT(".webp"), "image/webp"},
                {SPAN_INIT(".ico"), "image/x-icon"},
                {SPAN_INIT(".woff2"), "font/woff2"},
                {SPAN_INIT(".woff"), "font/woff"},
                {SPAN_INIT(".wasm"), "application/wasm"},
                {SPAN_INIT(".txt"), "text/plain; charset=utf-8"},
                {SPAN_INIT(".md"), "text/markdown; charset=utf-8"},
                {SPAN_INIT(".csv"), "text/csv; charset=utf-8"},
                {SPAN_INIT(".xml"), "application/xml"},
                {SPAN_INIT(".pdf"), "application/pdf"},
                {SPAN_INIT(".mp3"), "audio/mpeg"},
                {SPAN_INIT(".mp4"), "video/mp4"},
                {SPAN_INIT(".gz"), "application/gzip"}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (span_ends_with(path, rows[i].ending))
            return rows[i].type;
    }
    return "application/octet-stream";
}

static enum err fail(const char *path, struct buf *why)
{
    buf_printf(why, "%s: %s", path, strerror(errno));
    return ERR_IO;
}

static void file_free(struct file *file)
{
    if (file == NULL)
        return;
    free((char *)(uintptr_t)file->path.data);
    free(file->bytes);
    free(file);
}

static void describe(struct file *file, time_t modified)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct tm tm;
    int done = EVP_Digest(file->bytes, file->len, digest, NULL, EVP_sha256(), NULL);

    assert(done == 1);
    file->etag[0] = '"';
    for (int i = 0; i < DIGEST_BYTES; i++)
        snprintf(file->etag + 1 + 2 * i, 3, "%02x", digest[i]);
    file->etag[2 * DIGEST_BYTES + 1] = '"';
    gmtime_r(&modified, &tm);
    snprintf(file->modified, sizeof(file->modified), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
             tm.tm_mday, months + 3 * tm.tm_mon, (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
    file->content_type = content_type_of(file->path);
}

/* A file that grows meanwhile is cut where it ended before; one that shrinks is an error. */
static enum err read_file(const char *path, struct file *file, struct buf *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    size_t len = 0;
    enum err err = OK;

    if (fd < 0 || fstat(fd, &status) != 0) {
        err = fail(path, why);
        goto done;
    }
    assert(status.st_size >= 0 && status.st_size <= FILE_BYTES_MAX);
    file->len = (size_t)status.st_size;
    file->bytes = memory_alloc(file->len + 1);
    while (len < file->len) {
        ssize_t count = read(fd, file->bytes + len, file->len - len);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            errno = count == 0 ? EIO : errno;
            err = fail(path, why);
            goto done;
        }
        len += (size_t)count;
    }
    describe(file, status.st_mtime);
done:
    if (fd >= 0)
        close(fd);
    return err;
}

static enum err load_file(struct static_files *files, const char *path, struct buf *why)
{
    struct file *file = NEW(struct file);
    struct span name = span_from_str(path + strlen(files->root));
    enum err err;

    file->path = (struct span){span_to_str(name), name.len};
    if ((err = read_file(path, file, why)) != OK)
        goto done;
    file->next = files->files;
    files->files = file;
    map_put(&files->by_path, file->path, file);
    file = NULL;
done:
    file_free(file);
    return err;
}

/* A link may lead to a file of the folder, not out of it, and not to a folder: those could go round in circles. */
static bool link_stays_inside(const struct static_files *files, const char *path)
{
    char target[PATH_MAX];
    size_t len = strlen(files->root);

    return realpath(path, target) && strncmp(target, files->root, len) == 0 && target[len] == '/';
}

static enum err load_folder(struct static_files *files, const char *folder, unsigned depth, struct buf *why);

static enum err load_entry(struct static_files *files, const char *path, unsigned depth, struct buf *why)
{
    struct stat status;

    if (lstat(path, &status) != 0)
        return fail(path, why);
    if (S_ISDIR(status.st_mode))
        return depth < DEPTH_MAX ? load_folder(files, path, depth + 1, why) : OK;
    if (S_ISLNK(status.st_mode) && (!link_stays_inside(files, path) || stat(path, &status) != 0))
        return OK;
    if (!S_ISREG(status.st_mode) || status.st_size > FILE_BYTES_MAX)
        return OK;
    if (++files->count > FILES_MAX) {
        buf_printf(why, "%s: more than %d files", files->root, FILES_MAX);
        return ERR_IO;
    }
    return load_file(files, path, why);
}

static enum err load_folder(struct static_files *files, const char *folder, unsigned depth, struct buf *why)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    enum err err = OK;

    if (dir == NULL)
        return fail(folder, why);
    while (err == OK && (entry = readdir(dir)) != NULL) {
        char path[PATH_MAX];
        int len = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);

        if (entry->d_name[0] == '.')
            continue;
        if (len < 0 || (size_t)len >= sizeof(path)) {
            errno = ENAMETOOLONG;
            err = fail(folder, why);
        } else {
            err = load_entry(files, path, depth, why);
        }
    }
    closedir(dir);
    return err;
}

static void attach_neighbours(struct static_files *files)
{
    for (const struct file *file = files->files; file; file = file->next) {
        bool is_gzip = span_ends_with(file->path, SPAN(".gz"));
        struct file *plain;

        if (!is_gzip && !span_ends_with(file->path, SPAN(".br")))
            continue;
        plain = map_get(&files->by_path, span_slice(file->path, 0, file->path.len - 3));
        if (plain && is_gzip)
            plain->gzip = file;
        else if (plain)
            plain->brotli = file;
    }
}

enum err static_files_load(struct span folder, struct static_files **out, struct buf *why)
{
    struct static_files *files = NEW(struct static_files);
    char *name = span_to_str(folder);
    enum err err;

    atomic_init(&files->ref_count, 1);
    map_init(&files->by_path);
    files->root = realpath(name, NULL);
    if (files->root == NULL) {
        err = fail(name, why);
        goto done;
    }
    if ((err = load_folder(files, files->root, 0, why)) != OK)
        goto done;
    attach_neighbours(files);
    *out = files;
    files = NULL;
done:
    free(name);
    static_files_unref(files);
    return err;
}

struct static_files *static_files_ref(struct static_files *files)
{
    atomic_fetch_add_explicit(&files->ref_count, 1, memory_order_relaxed);
    return files;
}

void static_files_unref(struct static_files *files)
{
    if (files == NULL || atomic_fetch_sub_explicit(&files->ref_count, 1, memory_order_acq_rel) > 1)
        return;
    while (files->files) {
        struct file *file = files->files;

        files->files = file->next;
        file_free(file);
    }
    map_deinit(&files->by_path);
    free(files->root);
    free(files);
}

/* ---- serving ------------------------------------------------------------------------------------------------------ */

static const struct file *find(struct static_files *files, struct http_exchange *exchange, struct span path)
{
    if (path.len > 0 && path.data[path.len - 1] == '/')
        path = arena_printf(&exchange->arena, "%.*sindex.html", SPAN_ARG(path));
    return map_get(&files->by_path, path);
}

static const struct file *pick_coding(const struct http_exchange *exchange, const struct file *file,
                                      const char **coding)
{
    *coding = NULL;
    if (file->brotli && http_accepts_coding(exchange, SPAN("br"))) {
        *coding = "br";
        return file->brotli;
    }
    if (file->gzip && http_accepts_coding(exchange, SPAN("gzip"))) {
        *coding = "gzip";
        return file->gzip;
    }
    return file;
}

/* RFC 9110 13.1.2: If-None-Match compares weakly, and If-Modified-Since counts only without it. */
static bool is_unchanged(const struct http_exchange *exchange, const struct file *file)
{
    struct span rest = http_header(exchange, "if-none-match"), item;
    struct span etag = span_from_str(file->etag);

    if (rest.len == 0)
        return span_equal(http_header(exchange, "if-modified-since"), span_from_str(file->modified));
    while (span_cut(&rest, ',', &item)) {
        item = span_trim(item);
        if (span_starts_with(item, SPAN("W/")))
            item = span_slice(item, 2, item.len);
        if (span_equal(item, etag) || span_equal(item, SPAN("*")))
            return true;
    }
    return false;
}

enum range { RANGE_NONE, RANGE_PART, RANGE_BAD };

/* One range of bytes. What is not understood, several ranges included, is ignored, as RFC 9110 14.2 allows. */
static enum range parse_range(struct span text, size_t len, size_t *from, size_t *count)
{
    struct span first, last = text;
    uint64_t start = 0, end = 0;

    if (!span_starts_with(text, SPAN("bytes=")) || memchr(text.data, ',', text.len))
        return RANGE_NONE;
    last = span_trim(span_slice(text, 6, text.len));
    if (last.len < 2 || !memchr(last.data, '-', last.len) || !span_cut(&last, '-', &first))
        return RANGE_NONE;
    if ((first.len > 0 && !span_parse_u64(first, &start)) || (last.len > 0 && !span_parse_u64(last, &end)))
        return RANGE_NONE;
    if (first.len == 0) { /* the last `end` bytes */
        start = end < len ? len - end : 0;
        *from = (size_t)start;
        *count = len - (size_t)start;
        return *count > 0 ? RANGE_PART : RANGE_BAD;
    }
    if (last.len > 0 && end < start)
        return RANGE_NONE;
    if (start >= len)
        return RANGE_BAD;
    if (last.len == 0 || end >= len)
        end = len - 1;
    *from = (size_t)start;
    *count = (size_t)(end - start) + 1;
    return RANGE_PART;
}

static enum range wanted_range(const struct http_exchange *exchange, const struct file *file, size_t *from,
                               size_t *count)
{
    struct span range = http_header(exchange, "range"), condition = http_header(exchange, "if-range");

    if (range.len == 0 || !span_equal(exchange->method, SPAN("GET")))
        return RANGE_NONE;
    if (condition.len > 0 && !span_equal(condition, span_from_str(file->etag)) &&
        !span_equal(condition, span_from_str(file->modified)))
        return RANGE_NONE;
    return parse_range(range, file->len, from, count);
}

static void release(void *arg)
{
    static_files_unref(arg);
}

static void answer(struct static_files *files, struct http_exchange *exchange, const struct file *file,
                   const char *content_type)
{
    struct arena *arena = &exchange->arena;
    size_t from = 0, count = file->len;
    unsigned status = 200;

    if (is_unchanged(exchange, file)) {
        http_respond(exchange, 304, NULL, SPAN_EMPTY);
        return;
    }
    switch (wanted_range(exchange, file, &from, &count)) {
    case RANGE_NONE: break;
    case RANGE_PART:
        status = 206;
        http_add_header(exchange, "Content-Range",
                        arena_printf(arena, "bytes %zu-%zu/%zu", from, from + count - 1, file->len));
        break;
    case RANGE_BAD:
        http_add_header(exchange, "Content-Range", arena_printf(arena, "bytes */%zu", file->len));
        http_respond(exchange, 416, NULL, SPAN_EMPTY);
        return;
    }
    http_respond_static(exchange, status, content_type, (struct span){file->bytes + from, count}, release,
                        static_files_ref(files));
}

bool static_files_serve(struct static_files *files, struct http_exchange *exchange, struct span path)
{
    const struct file *plain = find(files, exchange, path), *file;
    const char *coding;

    if (plain == NULL || (!span_equal(exchange->method, SPAN("GET")) && !span_equal(exchange->method, SPAN("HEAD"))))
        return false;
    file = pick_coding(exchange, plain, &coding);
    http_add_header(exchange, "ETag", span_from_str(file->etag));
    http_add_header(exchange, "Last-Modified", span_from_str(plain->modified));
    http_add_header(exchange, "Accept-Ranges", SPAN("bytes"));
    http_add_header(exchange, "Cache-Control", SPAN("no-cache")); /* ask each time: the ETag makes it cheap */
    if (plain->gzip || plain->brotli)
        http_add_header(exchange, "Vary", SPAN("Accept-Encoding"));
    if (coding)
        http_add_header(exchange, "Content-Encoding", span_from_str(coding));
    answer(files, exchange, file, plain->content_type);
    return true;
}
