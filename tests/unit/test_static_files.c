#include "lib/net_stage.h"

#include "net/static_files.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder of files, and a server that serves it. */
struct server {
    char folder[64];
    struct static_files *files;
    struct stage stage;
    struct far far;
    struct http_handlers handlers;
    struct buf why;
};

static void write_file(const struct server *server, const char *name, struct span bytes)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", server->folder, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    if (bytes.len > 0)
        assert_int_equal(fwrite(bytes.data, 1, bytes.len, file), bytes.len);
    fclose(file);
}

static void make_folder(const struct server *server, const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", server->folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void on_request(void *arg, struct http_exchange *exchange)
{
    struct server *server = arg;

    if (!static_files_serve(server->files, exchange, exchange->path))
        http_respond_error(exchange, ERR_NOT_FOUND, SPAN_EMPTY, SPAN_EMPTY);
}

static void open_folder(struct server *server)
{
    *server = (struct server){.folder = "/tmp/static_files_XXXXXX"};
    assert_non_null(mkdtemp(server->folder));
    make_folder(server, "js");
    write_file(server, "index.html", SPAN("<h1>home</h1>"));
    write_file(server, "js/app.js", SPAN("0123456789"));
    write_file(server, "js/app.js.gz", SPAN("gzipped"));
    write_file(server, "js/app.js.br", SPAN("brotli"));
    write_file(server, "js/index.html", SPAN("folder's page"));
    write_file(server, "empty.txt", SPAN_EMPTY);
    write_file(server, ".secret", SPAN("hidden"));
}

static void serve(struct server *server)
{
    struct conn *conn;

    assert_int_equal(static_files_load(span_from_str(server->folder), &server->files, &server->why), OK);
    server->handlers.on_request = on_request;
    stage_init(&server->stage, NULL);
    conn = far_open(&server->far, &server->stage);
    http_serve(conn, &server->handlers, server, &http_limits_default, NULL);
}

static void close_server(struct server *server)
{
    far_close(&server->far);
    stage_deinit(&server->stage);
    static_files_unref(server->files);
    buf_deinit(&server->why);
    nftw(server->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Asks and waits for the whole head; the body stands behind it in the same turn, since the files are short. */
static void ask(struct server *server, const char *method, const char *path, const char *fields)
{
    struct buf text = BUF_EMPTY;

    buf_reset(&server->far.heard);
    buf_printf(&text, "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", method, path, fields);
    far_say(&server->far, buf_span(&text));
    far_until_text(&server->far, "\r\n\r\n");
    stage_turns(&server->stage, 2);
    buf_deinit(&text);
}

static void assert_answer(const struct server *server, const char *text)
{
    if (!far_has(&server->far, text))
        fail_msg("no \"%s\" in %.*s", text, SPAN_ARG(buf_span(&server->far.heard)));
}

static void files_have_a_type_a_tag_and_a_date(void **state)
{
    struct server server;

    (void)state;
    open_folder(&server);
    serve(&server);
    ask(&server, "GET", "/index.html", "");
    assert_answer(&server, "HTTP/1.1 200 OK\r\n");
    assert_answer(&server, "Content-Type: text/html; charset=utf-8\r\n");
    assert_answer(&server, "Content-Length: 13\r\n");
    assert_answer(&server, "\r\nETag: \"");
    assert_answer(&server, "\r\nLast-Modified: ");
    assert_answer(&server, "\r\nCache-Control: no-cache\r\n");
    assert_answer(&server, "\r\n\r\n<h1>home</h1>");
    close_server(&server);
}

static void a_folder_is_its_index(void **state)
{
    struct server server;

    (void)state;
    open_folder(&server);
    serve(&server);
    ask(&server, "GET", "/", "");
    assert_answer(&server, "<h1>home</h1>");
    ask(&server, "GET", "/js/", "");
    assert_answer(&server, "folder's page");
    ask(&server, "GET", "/js", "");
    assert_answer(&server, "HTTP/1.1 404 ");
    close_server(&server);
}

static void head_tells_everything_but_the_bytes(void **state)
{
    struct server server;

    (void)state;
    open_folder(&server);
    serve(&server);
    ask(&server, "HEAD", "/js/app.js", "");
    assert_answer(&server, "Content-Length: 10\r\n");
    assert_false(far_has(&server.far, "0123456789"));
    ask(&server, "GET", "/empty.txt", "");
    assert_answer(&server, "Content-Length: 0\r\n");
    close_server(&server);
}

static void nothing_else_is_served(void **state)
{
    static const char *paths[] = {"/.secret",   "/nothing",     "/outside.txt", "/js/outside",
                                  "/large.bin", "/index.html/", "/linked/"};
    struct server server;
    char path[256], target[256];
    int result;

    (void)state;
    open_folder(&server);
    snprintf(path, sizeof(path), "%s/outside.txt", server.folder);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    snprintf(path, sizeof(path), "%s/linked", server.folder);
    assert_int_equal(symlink("/etc", path), 0);
    snprintf(path, sizeof(path), "%s/js/outside", server.folder);
    assert_int_equal(symlink("..", path), 0); /* round in a circle */
    snprintf(path, sizeof(path), "%s/inside.html", server.folder);
    snprintf(target, sizeof(target), "%s/index.html", server.folder);
    assert_int_equal(symlink(target, path), 0);
    write_file(&server, "large.bin", SPAN("x"));
    snprintf(path, sizeof(path), "%s/large.bin", server.folder);
    result = truncate(path, 16 * 1024 * 1024 + 1);
    assert_int_equal(result, 0);
    serve(&server);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        ask(&server, "GET", paths[i], "");
        assert_answer(&server, "HTTP/1.1 404 ");
    }
    ask(&server, "POST", "/index.html", "Content-Length: 0\r\n");
    assert_answer(&server, "HTTP/1.1 404 "); /* not ours to answer */
    ask(&server, "GET", "/inside.html", "");
    assert_answer(&server, "<h1>home</h1>");
    close_server(&server);
}

static void what_the_client_has_is_not_sent_again(void **state)
{
    struct server server;
    char etag[64], modified[64], fields[256];
    const char *at;

    (void)state;
    open_folder(&server);
    serve(&server);
    ask(&server, "GET", "/js/app.js", "");
    buf_append_char(&server.far.heard, '\0');
    at = strstr(server.far.heard.data, "ETag: ") + 6;
    snprintf(etag, sizeof(etag), "%.34s", at);
    at = strstr(server.far.heard.data, "Last-Modified: ") + 15;
    snprintf(modified, sizeof(modified), "%.29s", at);

    snprintf(fields, sizeof(fields), "If-None-Match: \"other\", W/%s\r\n", etag);
    ask(&server, "GET", "/js/app.js", fields);
    assert_answer(&server, "HTTP/1.1 304 Not Modified\r\n");
    assert_answer(&server, etag);
    assert_false(far_has(&server.far, "0123456789"));
    assert_false(far_has(&server.far, "Content-Length"));

    ask(&server, "GET", "/js/app.js", "If-None-Match: \"other\"\r\n");
    assert_answer(&server, "HTTP/1.1 200 ");

    snprintf(fields, sizeof(fields), "If-Modified-Since: %s\r\n", modified);
    ask(&server, "GET", "/js/app.js", fields);
    assert_answer(&server, "HTTP/1.1 304 ");

    snprintf(fields, sizeof(fields), "If-None-Match: \"other\"\r\nIf-Modified-Since: %s\r\n", modified);
    ask(&server, "GET", "/js/app.js", fields);
    assert_answer(&server, "HTTP/1.1 200 ");

    snprintf(fields, sizeof(fields), "Range: bytes=2-3\r\nIf-Range: %s\r\n", etag);
    ask(&server, "GET", "/js/app.js", fields);
    assert_answer(&server, "HTTP/1.1 206 ");
    ask(&server, "GET", "/js/app.js", "Range: bytes=2-3\r\nIf-Range: \"other\"\r\n");
    assert_answer(&server, "HTTP/1.1 200 ");
    close_server(&server);
}

static void one_range_is_served_and_nonsense_is_not(void **state)
{
    static const struct {
        const char *range, *answer, *end;
    } rows[] = {
        {"bytes=2-4", "Content-Range: bytes 2-4/10\r\n", "\r\n\r\n234"},
        {"bytes=7-", "Content-Range: bytes 7-9/10\r\n", "\r\n\r\n789"},
        {"bytes=-3", "Content-Range: bytes 7-9/10\r\n", "\r\n\r\n789"},
        {"bytes=-300", "Content-Range: bytes 0-9/10\r\n", "\r\n\r\n0123456789"},
        {"bytes=0-0", "Content-Range: bytes 0-0/10\r\n", "\r\n\r\n0"},
        {"bytes=5-18446744073709551615", "Content-Range: bytes 5-9/10\r\n", "\r\n\r\n56789"},
        {"bytes=10-", "HTTP/1.1 416 ", "\r\n\r\n"},
        {"bytes=10-20", "Content-Range: bytes */10\r\n", "\r\n\r\n"},
        {"bytes=-0", "HTTP/1.1 416 ", "\r\n\r\n"},
        {"bytes=4-2", "HTTP/1.1 200 ", "\r\n\r\n0123456789"},
        {"bytes=1-2,4-5", "HTTP/1.1 200 ", "\r\n\r\n0123456789"},
        {"bytes=-17208,-9223372036854758792", "HTTP/1.1 200 ", "\r\n\r\n0123456789"},
        {"bytes=5-99999999999999999999", "HTTP/1.1 200 ", "\r\n\r\n0123456789"},
        {"bytes=5", "HTTP/1.1 200 ", "\r\n\r\n0123456789"},
        {"bytes=-", "HTTP/1.1 200 ", "\r\n\r\n0123456789"},
        {"bytes=a-b", "HTTP/1.1 200 ", "\r\n\r\n0123456789"},
        {"lines=1-2", "HTTP/1.1 200 ", "\r\n\r\n0123456789"},
    };
    struct server server;

    (void)state;
    open_folder(&server);
    serve(&server);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char fields[128];

        snprintf(fields, sizeof(fields), "Range: %s\r\n", rows[i].range);
        ask(&server, "GET", "/js/app.js", fields);
        assert_answer(&server, rows[i].answer);
        assert_true(span_ends_with(buf_span(&server.far.heard), span_from_str(rows[i].end)));
    }
    ask(&server, "GET", "/empty.txt", "Range: bytes=0-\r\n");
    assert_answer(&server, "HTTP/1.1 416 ");
    close_server(&server);
}

static void precompressed_neighbours_go_to_who_can_read_them(void **state)
{
    static const struct {
        const char *fields, *coding, *end;
    } rows[] = {
        {"Accept-Encoding: gzip, deflate, br\r\n", "Content-Encoding: br\r\n", "brotli"},
        {"Accept-Encoding: GZIP\r\n", "Content-Encoding: gzip\r\n", "gzipped"},
        {"Accept-Encoding: br;q=0, gzip;q=0.5\r\n", "Content-Encoding: gzip\r\n", "gzipped"},
        {"Accept-Encoding: br;q=0.000, gzip; q=0\r\n", "Content-Length: 10\r\n", "0123456789"},
        {"Accept-Encoding: identity\r\n", "Content-Length: 10\r\n", "0123456789"},
        {"", "Content-Length: 10\r\n", "0123456789"},
    };
    struct server server;

    (void)state;
    open_folder(&server);
    serve(&server);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ask(&server, "GET", "/js/app.js", rows[i].fields);
        assert_answer(&server, rows[i].coding);
        assert_answer(&server, "Vary: Accept-Encoding\r\n");
        assert_answer(&server, "Content-Type: text/javascript; charset=utf-8\r\n");
        assert_true(span_ends_with(buf_span(&server.far.heard), span_from_str(rows[i].end)));
    }
    ask(&server, "GET", "/index.html", "Accept-Encoding: br\r\n");
    assert_false(far_has(&server.far, "Vary"));
    close_server(&server);
}

static void files_stay_until_the_last_answer_has_left(void **state)
{
    struct server server;
    size_t len = 8 * 1024 * 1024;
    char *bytes = malloc(len);

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 'x', len);
    open_folder(&server);
    write_file(&server, "large.txt", (struct span){bytes, len});
    serve(&server);
    far_listen(&server.far, false);
    far_say(&server.far, SPAN("GET /large.txt HTTP/1.1\r\nHost: a\r\n\r\n"));
    stage_turns(&server.stage, 5);
    static_files_unref(server.files); /* reloaded meanwhile */
    server.files = NULL;
    far_listen(&server.far, true);
    far_until_bytes(&server.far, len);
    free(bytes);
    close_server(&server);
}

static void a_folder_that_is_not_there_is_said_so(void **state)
{
    struct static_files *files = NULL;
    struct buf why = BUF_EMPTY;

    (void)state;
    assert_int_equal(static_files_load(SPAN("/nowhere/at/all"), &files, &why), ERR_IO);
    assert_null(files);
    assert_true(span_equal(buf_span(&why), SPAN("/nowhere/at/all: No such file or directory")));
    buf_deinit(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_have_a_type_a_tag_and_a_date),
        cmocka_unit_test(a_folder_is_its_index),
        cmocka_unit_test(head_tells_everything_but_the_bytes),
        cmocka_unit_test(nothing_else_is_served),
        cmocka_unit_test(what_the_client_has_is_not_sent_again),
        cmocka_unit_test(one_range_is_served_and_nonsense_is_not),
        cmocka_unit_test(precompressed_neighbours_go_to_who_can_read_them),
        cmocka_unit_test(files_stay_until_the_last_answer_has_left),
        cmocka_unit_test(a_folder_that_is_not_there_is_said_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
