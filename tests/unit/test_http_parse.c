#include "base/rand.h"
#include "lib/http_summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define HOST "Host: example.com\r\n"
#define GET(fields) "GET /x HTTP/1.1\r\n" HOST fields "\r\n"
#define POST(fields, body) "POST /x HTTP/1.1\r\n" HOST fields "\r\n" body
#define CHUNKED "Transfer-Encoding: chunked\r\n"

struct row {
    struct span text;
    const char *expected; /* the summary ends with it */
};
#define ROW(text, expected)       \
    {                             \
        SPAN_INIT(text), expected \
    }

static const struct row good[] = {
    ROW("GET / HTTP/1.1\r\n" HOST "\r\n", "method=GET|path=/|field=Host|is=example.com|body=|1.1|stays\nend\n"),
    ROW("\r\n\r\n" GET(""), "body=|1.1|stays\nend\n"),
    ROW(GET("") GET("Connection: close\r\n"), "body=|1.1|closes\nend\n"),
    ROW("GET / HTTP/1.0\r\n\r\n", "method=GET|path=/|body=|1.0|closes\nend\n"),
    ROW("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "1.0|stays\nend\n"),
    ROW("GET / HTTP/1.1\r\nhoSt:\texample.com \t\r\nempty:\r\n\r\n",
        "field=hoSt|is=example.com|field=empty|is=|body=|1.1|stays\nend\n"),
    ROW(GET("X: a\xe9\r\n"), "field=X|is=a\xe9|body=|1.1|stays\nend\n"),
    ROW(POST("Content-Length: 5\r\n", "hello"), "body=hello|1.1|stays\nend\n"),
    ROW(POST("Content-Length: 0\r\n", ""), "body=|1.1|stays\nend\n"),
    ROW(POST("", ""), "body=|1.1|stays\nend\n"),
    ROW(POST("Content-Length: 5\r\n", "hello") POST("Content-Length: 3\r\n", "you"), "body=you|1.1|stays\nend\n"),
    ROW(POST(CHUNKED, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), "body=hello world|1.1|stays\nend\n"),
    ROW(POST(CHUNKED, "5;a=b;c=\"d\"\r\nhello\r\n0;e\r\n\r\n"), "body=hello|1.1|stays\nend\n"),
    ROW(POST(CHUNKED, "0\r\nX: y\r\nZ: z\r\n\r\n"), "body=|1.1|stays\nend\n"),
    ROW(POST("transfer-encoding: ChUnKeD\r\n", "1\r\na\r\n0\r\n\r\n") GET(""), "body=|1.1|stays\nend\n"),
    ROW(POST("Content-Encoding: identity\r\n", ""), "body=|1.1|stays\nend\n"),
    ROW(POST("Expect: 100-Continue\r\nContent-Length: 1\r\n", "a"), "body=a|1.1|stays\nend\n"),
    ROW("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "1.1|stays\nend\n"),
    ROW("GET http://other.example:81/a?b=c HTTP/1.1\r\n" HOST "\r\n",
        "path=/a|name=b|value=c|field=Host|is=other.example:81|body=|1.1|stays\nend\n"),
    ROW("GET HTTPS://other.example HTTP/1.1\r\n" HOST "\r\n",
        "path=/|field=Host|is=other.example|body=|1.1|stays\nend\n"),
    ROW("GET http://other.example?q HTTP/1.1\r\n" HOST "\r\n",
        "path=/|name=q|value=|field=Host|is=other.example|body=|1.1|stays\nend\n"),
    ROW("GET /a%20b/%C3%A9/?x=%41+%zz&&y&=z HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        "path=/a b/\xc3\xa9/|name=x|value=%41+%zz|name=y|value=|name=|value=z|field=Host|is=[::1]:80|body=|1.1|stays\nend\n"),
    ROW("GET /?x=%41+b HTTP/1.1\r\nHost: a:\r\n\r\n", "name=x|value=A b|field=Host|is=a:|body=|1.1|stays\nend\n"),
    ROW("GET /...a/.b HTTP/1.1\r\n" HOST "\r\n", "stays\nend\n"),
    ROW(GET("Upgrade: websocket\r\nConnection: Upgrade\r\n") "\x81\x80", "stays\nmore\n"),
    ROW("G", "more\n"),
    ROW("GET /x HTTP/1.1\r\n" HOST "\r", "more\n"),
    ROW(POST("Content-Length: 5\r\n", "hell"), "more\n"),
    ROW(POST(CHUNKED, "5\r\nhello\r\n0\r\n"), "more\n"),
};

static const struct row bad[] = {
    /* request lines */
    ROW("GET / \r\n\r\n", "bad 400\n"),
    ROW("GET /\r\n", "bad 400\n"),
    ROW("GET\r\n", "bad 400\n"),
    ROW("GET HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET  / HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET /  HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET / HTTP/1.1 \r\n" HOST "\r\n", "bad 400\n"),
    ROW(" GET / HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET\t/ HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET / http/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET / HTTP/1.10\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET / HTTP/9.9\r\n" HOST "\r\n", "bad 505\n"),
    ROW("GET / HTTP/1.2\r\n" HOST "\r\n", "bad 505\n"),
    ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "bad 505\n"),
    ROW("FOO / HTTP/1.1\r\n" HOST "\r\n", "bad 501\n"),
    ROW("get / HTTP/1.1\r\n" HOST "\r\n", "bad 501\n"),
    ROW("CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n", "bad 501\n"),
    ROW("G[T / HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("Extra lineGET / HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("\r\n\r\n\r\n\r\n\r\n" GET(""), "bad 400\n"),
    ROW("\x16\x03\x01\x02\x00", "bad 400\n"),
    ROW("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" GET(""), "bad 400\n"),
    ROW("\r\n\r\n\0\r\nQUIT\n", "bad 400\n"),
    /* line ends and bytes */
    ROW("GET / HTTP/1.1\nHost: a\r\n\r\n", "bad 400\n"),
    ROW("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", "bad 400\n"),
    ROW("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", "bad 400\n"),
    ROW("GET / HTTP/1.1\rHost: a\r\n\r\n", "bad 400\n"),
    ROW("GET / HTTP/1.1\n\rHost: a\n\r\n\r", "bad 400\n"),
    ROW("GET / HTTP/1.1\r\nHost: a\r\n\n", "bad 400\n"),
    ROW("GET / HTTP/1.1\r\nHost: a\r\n\rX", "bad 400\n"),
    ROW("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", "bad 400\n"),
    ROW("\n" GET(""), "bad 400\n"),
    ROW(GET("X: a\7\r\n"), "bad 400\n"),
    ROW(GET("X: a\0\r\n"), "bad 400\n"),
    ROW(GET("X: a\x7f\r\n"), "bad 400\n"),
    /* fields */
    ROW(GET("X: y\r\n z\r\n"), "bad 400\n"),
    ROW("GET / HTTP/1.1\r\n Host: a\r\n\r\n", "bad 400\n"),
    ROW(GET("X : y\r\n"), "bad 400\n"),
    ROW(GET("X\t: y\r\n"), "bad 400\n"),
    ROW(GET("Xy\r\n"), "bad 400\n"),
    ROW(GET(": y\r\n"), "bad 400\n"),
    ROW(GET("X[]: y\r\n"), "bad 400\n"),
    ROW(GET("\xc3\xa9: y\r\n"), "bad 400\n"),
    ROW(GET("Expect: 200-ok\r\n"), "bad 417\n"),
    ROW(POST("Content-Encoding: gzip\r\n", ""), "bad 415\n"),
    ROW(POST("Content-Encoding: identity\r\nContent-Encoding: gzip\r\n", ""), "bad 415\n"),
    /* hosts */
    ROW("GET / HTTP/1.1\r\n\r\n", "bad 400\n"),
    ROW(GET(HOST), "bad 400\n"),
    ROW("GET / HTTP/1.0\r\n" HOST HOST "\r\n", "bad 400\n"),
    ROW("GET / HTTP/1.1\r\nHost:\r\n\r\n", "bad 400\n"),
    ROW("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "bad 400\n"),
    ROW("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "bad 400\n"),
    ROW("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "bad 400\n"),
    ROW("GET / HTTP/1.1\r\nHost: a:80x\r\n\r\n", "bad 400\n"),
    ROW("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", "bad 400\n"),
    ROW("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "bad 400\n"),
    ROW("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "bad 400\n"),
    ROW("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "bad 400\n"),
    /* lengths */
    ROW(POST(CHUNKED "Content-Length: 5\r\n", "0\r\n\r\n"), "bad 400\n"),
    ROW(POST("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), "bad 400\n"),
    ROW(POST("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), "bad 400\n"),
    ROW(POST("Content-Length: 5, 5\r\n", "hello"), "bad 400\n"),
    ROW(POST("Content-Length: -1\r\n", ""), "bad 400\n"),
    ROW(POST("Content-Length: +5\r\n", "hello"), "bad 400\n"),
    ROW(POST("Content-Length: 0x5\r\n", "hello"), "bad 400\n"),
    ROW(POST("Content-Length: 5 5\r\n", "hello"), "bad 400\n"),
    ROW(POST("Content-Length: 1e3\r\n", ""), "bad 400\n"),
    ROW(POST("Content-Length:\r\n", ""), "bad 400\n"),
    ROW(POST("Content-Length: 9223372036854775808\r\n", ""), "bad 400\n"),
    ROW(POST("Content-Length: 18446744073709551621\r\n", "hello"), "bad 400\n"),
    ROW(POST("Content-Length: 05\r\n", "hello"), "bad 400\n"),
    ROW(POST("Content-Length: 4000000000000\r\n", ""), "bad 413\n"),
    /* codings and chunks */
    ROW(POST("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), "bad 400\n"),
    ROW(POST("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), "bad 400\n"),
    ROW(POST("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), "bad 501\n"),
    ROW(POST("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"), "bad 400\n"),
    ROW(POST("Transfer-Encoding: chunked,\r\n", "0\r\n\r\n"), "bad 400\n"),
    ROW(POST("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), "bad 400\n"),
    ROW(POST("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), "bad 400\n"),
    ROW(POST("Transfer-Encoding:\r\n", "0\r\n\r\n"), "bad 400\n"),
    ROW(POST(CHUNKED CHUNKED, "0\r\n\r\n"), "bad 400\n"),
    ROW(POST("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n"), "bad 400\n"),
    ROW("POST / HTTP/1.0\r\n" HOST CHUNKED "\r\n0\r\n\r\n", "bad 400\n"),
    ROW(POST(CHUNKED, "FFFFFFFFFFFFFFFF\r\n"), "bad 413\n"),
    ROW(POST(CHUNKED, "7FFFFFFFFFFFFFFF\r\n"), "bad 413\n"),
    ROW(POST(CHUNKED, "FFFFFFFFFFFFFFFFF\r\n"), "bad 400\n"),
    ROW(POST(CHUNKED, "0x5\r\nhello\r\n0\r\n\r\n"), "bad 400\n"),
    ROW(POST(CHUNKED, "-5\r\nhello\r\n0\r\n\r\n"), "bad 400\n"),
    ROW(POST(CHUNKED, " 5\r\nhello\r\n0\r\n\r\n"), "bad 400\n"),
    ROW(POST(CHUNKED, "5 \r\nhello\r\n0\r\n\r\n"), "bad 400\n"),
    ROW(POST(CHUNKED, "5\nhello\r\n0\r\n\r\n"), "bad 400\n"),
    ROW(POST(CHUNKED, "5\rhello\r\n0\r\n\r\n"), "bad 400\n"),
    ROW(POST(CHUNKED, "5\r\nhello0\r\n\r\n"), "bad 400\n"),
    ROW(POST(CHUNKED, "5\r\nhello\n0\r\n\r\n"), "bad 400\n"),
    ROW(POST(CHUNKED, "5;a\nb\r\nhello\r\n0\r\n\r\n"), "bad 400\n"),
    ROW(POST(CHUNKED, "\r\nhello\r\n0\r\n\r\n"), "bad 400\n"),
    ROW(POST(CHUNKED, "0\r\nX: y\n\r\n"), "bad 400\n"),
    ROW(POST(CHUNKED, "0\r\nX : y\r\n\r\n"), "bad 400\n"),
    ROW(POST(CHUNKED, "0\r\nX: y\r\n z\r\n\r\n"), "bad 400\n"),
    ROW(POST(CHUNKED, "0\r\nContent-Length: 5\r\n\r\n"), "bad 400\n"),
    /* targets */
    ROW("GET x HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET * HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET /a#b HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET /caf\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET /../x HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET /a/.. HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET /./x HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET /%2e%2e/x HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET /%2e%2e%2fx HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET /..%5cx HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET /a\\b HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET /a%00 HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET /a%0d%0ab HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET /%c0%ae%c0%ae/ HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET /%zz HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET /a% HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET //host/ HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET /a//b HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET http:///x HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET http://u@a/x HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET ftp://a/x HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
    ROW("GET http:/a HTTP/1.1\r\n" HOST "\r\n", "bad 400\n"),
};

static size_t one_byte(void *arg)
{
    (void)arg;
    return 1;
}

static size_t cut_once(void *arg)
{
    size_t *cut = arg, first = *cut;

    *cut = SIZE_MAX;
    return first;
}

static void assert_same(const struct buf *a, const struct buf *b, struct span text)
{
    if (!span_equal(buf_span(a), buf_span(b)))
        fail_msg("for:\n%.*s\n%.*s is not %.*s", SPAN_ARG(text), SPAN_ARG(buf_span(b)), SPAN_ARG(buf_span(a)));
}

/* Whole, byte by byte, and cut in two at every place. */
static void check(const struct row *row)
{
    struct buf whole = BUF_EMPTY, pieces = BUF_EMPTY;

    http_summary_whole(&whole, row->text, &http_limits_default);
    if (!span_ends_with(buf_span(&whole), span_from_str(row->expected)))
        fail_msg("for:\n%.*s\ncame %.*s not %s", SPAN_ARG(row->text), SPAN_ARG(buf_span(&whole)), row->expected);
    http_summary(&pieces, row->text, &http_limits_default, one_byte, NULL);
    assert_same(&whole, &pieces, row->text);
    for (size_t at = 1; at < row->text.len; at++) {
        size_t cut = at;

        buf_reset(&pieces);
        http_summary(&pieces, row->text, &http_limits_default, cut_once, &cut);
        assert_same(&whole, &pieces, row->text);
    }
    buf_deinit(&whole);
    buf_deinit(&pieces);
}

static void good_requests_are_read_however_they_are_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        check(&good[i]);
}

static void bad_requests_are_refused_however_they_are_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check(&bad[i]);
}

/* ---- limits ------------------------------------------------------------------------------------------------------- */

static void repeat(struct buf *out, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_append_str(out, text);
}

static void assert_answer(struct buf *text, const char *expected)
{
    struct row row = {buf_span(text), expected};
    struct buf whole = BUF_EMPTY, pieces = BUF_EMPTY;

    http_summary_whole(&whole, row.text, &http_limits_default);
    if (!span_ends_with(buf_span(&whole), span_from_str(expected)))
        fail_msg("came %.*s not %s", SPAN_ARG(span_slice(buf_span(&whole), 0, 200)), expected);
    http_summary(&pieces, row.text, &http_limits_default, one_byte, NULL);
    assert_same(&whole, &pieces, span_slice(row.text, 0, 100));
    buf_deinit(&whole);
    buf_deinit(&pieces);
    buf_reset(text);
}

static void heads_have_limits(void **state)
{
    struct buf text = BUF_EMPTY;

    (void)state;
    buf_append_str(&text, "GET /");
    repeat(&text, "a", 8 * 1024 - 16); /* the line with its end is 8 KiB */
    buf_append_str(&text, " HTTP/1.1\r\n" HOST "\r\n");
    assert_answer(&text, "stays\nend\n");

    buf_append_str(&text, "GET /");
    repeat(&text, "a", 8 * 1024 - 15);
    buf_append_str(&text, " HTTP/1.1\r\n" HOST "\r\n");
    assert_answer(&text, "bad 414\n");

    repeat(&text, "A", 20000); /* no blank far and wide: that is no method */
    assert_answer(&text, "bad 400\n");

    buf_append_str(&text, "GET / HTTP/1.1\r\n" HOST "X: ");
    repeat(&text, "y", 16 * 1024 - 19 - 3 - 4); /* all fields with the blank line: 16 KiB */
    buf_append_str(&text, "\r\n\r\n");
    assert_answer(&text, "stays\nend\n");

    buf_append_str(&text, "GET / HTTP/1.1\r\n" HOST "X: ");
    repeat(&text, "y", 16 * 1024 - 19 - 3 - 3);
    buf_append_str(&text, "\r\n\r\n");
    assert_answer(&text, "bad 431\n");

    buf_append_str(&text, "GET / HTTP/1.1\r\n" HOST);
    repeat(&text, "a: b\r\n", 99);
    buf_append_str(&text, "\r\n");
    assert_answer(&text, "stays\nend\n");

    buf_append_str(&text, "GET / HTTP/1.1\r\n" HOST);
    repeat(&text, "a: b\r\n", 100);
    assert_answer(&text, "bad 431\n");

    buf_append_str(&text, "GET /?a");
    repeat(&text, "&a", 255);
    buf_append_str(&text, " HTTP/1.1\r\n" HOST "\r\n");
    assert_answer(&text, "stays\nend\n");

    buf_append_str(&text, "GET /?a");
    repeat(&text, "&a", 256);
    buf_append_str(&text, " HTTP/1.1\r\n" HOST "\r\n");
    assert_answer(&text, "bad 400\n");
    buf_deinit(&text);
}

static void bodies_have_limits(void **state)
{
    struct buf text = BUF_EMPTY;
    const size_t max = http_limits_default.body_bytes_max;

    (void)state;
    buf_printf(&text, POST("Content-Length: %zu\r\n", ""), max);
    repeat(&text, "b", max);
    assert_answer(&text, "stays\nend\n");

    buf_printf(&text, POST("Content-Length: %zu\r\n", ""), max + 1); /* refused before it comes */
    assert_answer(&text, "bad 413\n");

    buf_append_str(&text, POST(CHUNKED, ""));
    for (size_t i = 0; i < max / 1024; i++) {
        buf_append_str(&text, "400\r\n");
        repeat(&text, "b", 1024);
        buf_append_str(&text, "\r\n");
    }
    buf_append_str(&text, "1\r\n");
    assert_answer(&text, "bad 413\n");

    buf_append_str(&text, POST(CHUNKED, ""));
    repeat(&text, "1\r\nb\r\n", 100000); /* a call or two for each byte */
    assert_answer(&text, "bad 400\n");

    buf_append_str(&text, POST(CHUNKED, "1;"));
    repeat(&text, "e", 1024 * 1024);
    assert_answer(&text, "bad 400\n");

    buf_append_str(&text, POST(CHUNKED, "0\r\n"));
    repeat(&text, "trailer: field\r\n", 2000);
    assert_answer(&text, "bad 400\n");

    buf_append_str(&text, POST(CHUNKED, ""));
    repeat(&text, "0", 200000);
    assert_answer(&text, "bad 400\n");
    buf_deinit(&text);
}

/* ---- random splits of random mixes -------------------------------------------------------------------------------- */

static size_t random_piece(void *arg)
{
    return 1 + rand_below(arg, rand_below(arg, 3) == 0 ? 3 : 100);
}

static void any_split_of_any_sequence_gives_the_same(void **state)
{
    const size_t good_count = sizeof(good) / sizeof(good[0]) - 5; /* the last ones are unfinished */
    struct rand rand;

    (void)state;
    rand_seed(&rand, 7);
    for (int round = 0; round < 500; round++) {
        struct buf text = BUF_EMPTY, whole = BUF_EMPTY, pieces = BUF_EMPTY;

        for (uint64_t count = rand_below(&rand, 5); count > 0; count--)
            buf_append_span(&text, good[rand_below(&rand, good_count)].text);
        if (rand_below(&rand, 2) == 0)
            buf_append_span(&text, bad[rand_below(&rand, sizeof(bad) / sizeof(bad[0]))].text);
        if (rand_below(&rand, 3) == 0 && text.len > 0)
            text.data[rand_below(&rand, text.len)] = (char)rand_below(&rand, 256);
        http_summary_whole(&whole, buf_span(&text), &http_limits_default);
        http_summary(&pieces, buf_span(&text), &http_limits_default, random_piece, &rand);
        assert_same(&whole, &pieces, buf_span(&text));
        buf_deinit(&text);
        buf_deinit(&whole);
        buf_deinit(&pieces);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_requests_are_read_however_they_are_split),
        cmocka_unit_test(bad_requests_are_refused_however_they_are_split),
        cmocka_unit_test(heads_have_limits),
        cmocka_unit_test(bodies_have_limits),
        cmocka_unit_test(any_split_of_any_sequence_gives_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
