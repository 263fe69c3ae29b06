#include "base/log.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/rand.h"
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <yyjson.h>

/* What was logged since set_up, a line each. */
static struct buf lines;
static size_t line_count;

static void keep_line(void *arg, struct span line)
{
    (void)arg;
    buf_append_span(&lines, line);
    buf_append_char(&lines, '\n');
    line_count++;
    errno = EPIPE; /* as writing may */
}

static int set_up(void **state)
{
    (void)state;
    buf_reset(&lines);
    line_count = 0;
    log_configure(LOG_DEBUG, LOG_FORMAT_TEXT);
    log_redirect(keep_line, NULL);
    return 0;
}

static int set_up_json(void **state)
{
    set_up(state);
    log_configure(LOG_DEBUG, LOG_FORMAT_JSON);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    log_redirect(NULL, NULL);
    log_configure(LOG_INFO, LOG_FORMAT_TEXT);
    buf_deinit(&lines);
    return 0;
}

static struct span the_line(void)
{
    assert_int_equal(line_count, 1);
    return span_slice(buf_span(&lines), 0, lines.len - 1);
}

/* The line without the time in front, which is checked. */
static struct span text_after_time(void)
{
    struct span line = the_line();
    struct span moment;
    int64_t wall_ms;

    assert_true(span_cut(&line, ' ', &moment));
    assert_true(clock_parse_iso(moment, &wall_ms));
    return line;
}

/* The line's pairs behind the event; the rest is checked. */
static struct span json_after_event(const char *event)
{
    struct buf head = BUF_EMPTY;
    struct span line = the_line();
    int64_t wall_ms;

    assert_true(span_starts_with(line, SPAN("{\"time\":\"")));
    assert_true(clock_parse_iso(span_slice(line, 9, 24), &wall_ms));
    buf_printf(&head, "\",\"level\":\"info\",\"event\":\"%s\"", event);
    assert_true(span_starts_with(span_slice(line, 33, line.len), buf_span(&head)));
    assert_true(span_ends_with(line, SPAN("}")));
    line = span_slice(line, 33 + head.len, line.len - 33 - head.len - 1);
    buf_deinit(&head);
    return line;
}

/* ---- levels ---- */

static void levels_below_the_configured_one_are_silent(void **state)
{
    (void)state;
    log_configure(LOG_WARN, LOG_FORMAT_TEXT);
    log_debug("a", "n=%d", 1);
    log_info("b", "n=%d", 1);
    assert_int_equal(line_count, 0);
    log_warn("c", "n=%d", 1);
    log_error("d", "n=%d", 1);
    assert_int_equal(line_count, 2);
    log_configure(LOG_OFF, LOG_FORMAT_TEXT);
    log_error("e", "n=%d", 1);
    assert_int_equal(line_count, 2);
}

static void silent_lines_do_not_evaluate_their_arguments(void **state)
{
    int evaluated = 0;

    (void)state;
    log_configure(LOG_WARN, LOG_FORMAT_TEXT);
    log_info("a", "n=%d", ++evaluated);
    assert_int_equal(evaluated, 0);
}

static void levels_have_names(void **state)
{
    enum log_level level;

    (void)state;
    assert_true(log_level_parse(SPAN("debug"), &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_true(log_level_parse(SPAN("off"), &level));
    assert_int_equal(level, LOG_OFF);
    assert_false(log_level_parse(SPAN("INFO"), &level));
    assert_false(log_level_parse(SPAN(""), &level));
    assert_false(log_level_parse(SPAN("information"), &level));
}

/* ---- text ---- */

static void a_text_line_is_time_level_event_and_pairs(void **state)
{
    (void)state;
    log_info("peer.closed", "conn=%u code=%u", 7u, 1001u);
    assert_true(span_equal(text_after_time(), SPAN("info  peer.closed conn=7 code=1001")));
}

static void an_event_needs_no_pairs(void **state)
{
    (void)state;
    log_warn("server.stopped", "%s", "");
    assert_true(span_equal(text_after_time(), SPAN("warn  server.stopped")));
}

static void what_a_peer_says_stays_inside_its_quotes(void **state)
{
    (void)state;
    log_info("login.refused", "user=" LOG_QUOTED " try=%d",
             LOG_TEXT(SPAN("a\"b\\\n2026 error x=1\r\t\x1b[2J\0\xff\xc2\x85")), 2);
    assert_true(span_equal(
        text_after_time(),
        SPAN("info  login.refused user=\"a\\\"b\\\\\\n2026 error x=1\\r\\t\\u001b[2J\\u0000\\ufffd\\u0085\" try=2")));
}

static void readable_letters_of_any_script_stay_readable(void **state)
{
    (void)state;
    log_info("a", "name=" LOG_QUOTED, LOG_TEXT(SPAN("Zo\xc3\xab \xf0\x9f\x98\x80")));
    assert_true(span_equal(text_after_time(), SPAN("info  a name=\"Zo\xc3\xab \xf0\x9f\x98\x80\"")));
}

static void long_text_is_cut_between_characters(void **state)
{
    char text[400];
    struct span logged;

    (void)state;
    for (size_t i = 0; i < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xab", 2);
    text[0] = text[1] = 'x'; /* the 256th byte is the first half of a character now, counted from an odd place */
    logged = span_from_str(log_text(span_of(text + 1, sizeof(text) - 1)));
    assert_true(utf8_is_valid(logged));
    assert_true(span_ends_with(logged, SPAN("...\"")));
    assert_int_equal(logged.len, 1 + 255 + 3 + 1);
    logged = span_from_str(log_text(span_of(text, 256)));
    assert_int_equal(logged.len, 258); /* nothing was cut off */
}

static void the_longest_escapes_fit(void **state)
{
    char text[300];

    (void)state;
    memset(text, 1, sizeof(text));
    assert_int_equal(strlen(log_text(span_of(text, sizeof(text)))), 256 * 6 + 5);
    memset(text, '\xff', sizeof(text)); /* looks like continuation bytes do, only worse */
    assert_int_equal(strlen(log_text(span_of(text, sizeof(text)))), 256 * 6 + 5);
    memset(text, '\x80', sizeof(text));
    assert_true(strlen(log_text(span_of(text, sizeof(text)))) >= 252 * 6 + 5);
}

static void several_texts_fit_in_one_call(void **state)
{
    (void)state;
    log_info("a", "a=%s b=%s c=%s d=%s", LOG_TEXT(SPAN("1")), LOG_TEXT(SPAN("2")), LOG_TEXT(SPAN_EMPTY),
             LOG_TEXT(SPAN("4")));
    assert_true(span_equal(text_after_time(), SPAN("info  a a=\"1\" b=\"2\" c=\"\" d=\"4\"")));
}

static void text_that_forgot_its_quotes_is_one_line_still(void **state)
{
    (void)state;
    log_info("a", "address=%s", "x\ny\xff");
    assert_true(span_equal(text_after_time(), SPAN("info  a address=x\\ny\\ufffd")));
}

static void errno_survives_logging(void **state)
{
    (void)state;
    errno = ENOENT;
    log_error("open.failed", "error=%m file=%s", "x");
    assert_int_equal(errno, ENOENT);
    assert_true(span_equal(text_after_time(), SPAN("error open.failed error=No such file or directory file=x")));
}

/* ---- JSON ---- */

static void pairs_become_members_of_an_object(void **state)
{
    (void)state;
    log_info("peer.closed", "conn=%u room=%s rate=%.2f delta=%d user=%s", 7u, "quotes", 1.5, -3,
             LOG_TEXT(SPAN("a \"b\"=c")));
    assert_true(
        span_equal(json_after_event("peer.closed"),
                   SPAN(",\"conn\":7,\"room\":\"quotes\",\"rate\":1.50,\"delta\":-3,\"user\":\"a \\\"b\\\"=c\"")));
}

static void an_event_without_pairs_is_an_object_too(void **state)
{
    (void)state;
    log_info("server.stopped", "%s", "");
    assert_int_equal(json_after_event("server.stopped").len, 0);
}

static void only_plain_numbers_are_numbers(void **state)
{
    (void)state;
    log_info("a", "%s",
             "a=0 b=-0 c=007 d=1e5 e=.5 f=5. g=1.5.2 h=- i=12ab j=123456789012345678901 k=18446744073709551615 l=");
    assert_true(span_equal(
        json_after_event("a"),
        SPAN(",\"a\":0,\"b\":-0,\"c\":\"007\",\"d\":\"1e5\",\"e\":\".5\",\"f\":\"5.\",\"g\":\"1.5.2\",\"h\":\"-\","
             "\"i\":\"12ab\",\"j\":\"123456789012345678901\",\"k\":18446744073709551615,\"l\":\"\"")));
}

static void quoted_numbers_stay_strings(void **state)
{
    (void)state;
    log_info("a", "user=%s", LOG_TEXT(SPAN("42")));
    assert_true(span_equal(json_after_event("a"), SPAN(",\"user\":\"42\"")));
}

static void a_bare_value_runs_to_the_next_key(void **state)
{
    (void)state;
    log_info("a", "error=%s code=%d", "No such file: a=b", 2);
    assert_true(span_equal(json_after_event("a"), SPAN(",\"error\":\"No such file:\",\"a\":\"b\",\"code\":2")));
}

static void words_without_a_key_are_text(void **state)
{
    (void)state;
    log_info("a", "%s", "  went wrong n=1");
    assert_true(span_equal(json_after_event("a"), SPAN(",\"text\":\"went wrong\",\"n\":1")));
}

static void pairs_do_not_repeat_what_the_line_says_of_itself(void **state)
{
    (void)state;
    log_info("a", "event=%s level=%d time=%d", "x", 1, 2);
    assert_true(span_equal(json_after_event("a"), SPAN(",\"event_\":\"x\",\"level_\":1,\"time_\":2")));
}

static void broken_quotes_and_escapes_are_mended(void **state)
{
    (void)state;
    log_info("a", "%s", "a=\"x\\q\" b=\"\\ud800\" c=\"\\u12\" d=\"\\u00e4\\n\" e=\"\xff\n\" f=\"open\\");
    assert_true(span_equal(json_after_event("a"),
                           SPAN(",\"a\":\"x\\\\q\",\"b\":\"\\\\ud800\",\"c\":\"\\\\u12\",\"d\":\"\\u00e4\\n\","
                                "\"e\":\"\\ufffd\\n\",\"f\":\"open\\\\\"")));
}

static void assert_is_one_object(struct span line)
{
    yyjson_doc *doc = yyjson_read(line.data, line.len, 0);

    assert_non_null(doc);
    assert_true(yyjson_is_obj(yyjson_doc_get_root(doc)));
    yyjson_doc_free(doc);
    assert_true(utf8_is_valid(line));
    assert_int_equal(span_find(line, '\n'), line.len);
}

static void an_endless_line_is_cut_and_valid(void **state)
{
    char text[9000];

    (void)state;
    memset(text, '"', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    log_info("a", "text=x%s", text);
    assert_is_one_object(the_line());
}

static void every_line_is_valid_whatever_is_logged(void **state)
{
    static const char alphabet[] = "  ==\"\"\\\\unab01dD8.-\n\x7f\xc3\xa4\xf0\x9f\x98\x80\xff\xe2\x80\xae";
    struct rand rand;

    rand_seed(&rand, 4);
    for (int i = 0; i < 20000; i++) {
        char text[41];
        size_t len = (size_t)rand_below(&rand, sizeof(text));

        for (size_t k = 0; k < len; k++)
            text[k] = alphabet[rand_below(&rand, sizeof(alphabet) - 1)];
        text[len] = '\0';
        set_up_json(state);
        log_info("a", "%s peer=%s", text, LOG_TEXT(span_of(text, len)));
        assert_is_one_object(the_line());
    }
}

static void what_a_peer_said_can_be_read_back(void **state)
{
    yyjson_doc *doc;
    yyjson_val *user;

    (void)state;
    log_info("a", "user=%s n=%d", LOG_TEXT(SPAN("x\" level=\"error\n\\\0\xc3\xab")), 1);
    doc = yyjson_read(lines.data, lines.len, 0);
    assert_non_null(doc);
    user = yyjson_obj_get(yyjson_doc_get_root(doc), "user");
    assert_true(
        span_equal(span_of(yyjson_get_str(user), yyjson_get_len(user)), SPAN("x\" level=\"error\n\\\0\xc3\xab")));
    assert_int_equal(yyjson_obj_size(yyjson_doc_get_root(doc)), 5);
    yyjson_doc_free(doc);
}

/* ---- where lines go ---- */

static void *log_a_hundred_lines(void *unused)
{
    (void)unused;
    for (int i = 0; i < 100; i++)
        log_info("thread.line", "number=%d name=%s", i, LOG_TEXT(SPAN("abcdefghijklmnopqrstuvwxyz")));
    return NULL;
}

static void threads_do_not_mix_their_lines(void **state)
{
    pthread_t threads[4];
    struct span rest, line;

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_a_hundred_lines, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(line_count, 400);
    rest = buf_span(&lines);
    while (span_cut(&rest, '\n', &line))
        assert_is_one_object(line);
}

static void lines_go_to_standard_error(void **state)
{
    char written[300] = {0};
    int saved = dup(STDERR_FILENO);
    int ends[2];
    ssize_t len;

    (void)state;
    log_redirect(NULL, NULL);
    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    log_info("a", "n=%d", 1);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    close(ends[1]);
    len = read(ends[0], written, sizeof(written) - 1);
    close(ends[0]);
    assert_true(len > 0);
    assert_true(span_ends_with(span_from_str(written), SPAN(" info  a n=1\n")));
    assert_int_equal(line_count, 0);
}

#define LOG_TEST(name, set_up) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(levels_below_the_configured_one_are_silent, set_up),
        LOG_TEST(silent_lines_do_not_evaluate_their_arguments, set_up),
        LOG_TEST(levels_have_names, set_up),
        LOG_TEST(a_text_line_is_time_level_event_and_pairs, set_up),
        LOG_TEST(an_event_needs_no_pairs, set_up),
        LOG_TEST(what_a_peer_says_stays_inside_its_quotes, set_up),
        LOG_TEST(readable_letters_of_any_script_stay_readable, set_up),
        LOG_TEST(long_text_is_cut_between_characters, set_up),
        LOG_TEST(the_longest_escapes_fit, set_up),
        LOG_TEST(several_texts_fit_in_one_call, set_up),
        LOG_TEST(text_that_forgot_its_quotes_is_one_line_still, set_up),
        LOG_TEST(errno_survives_logging, set_up),
        LOG_TEST(pairs_become_members_of_an_object, set_up_json),
        LOG_TEST(an_event_without_pairs_is_an_object_too, set_up_json),
        LOG_TEST(only_plain_numbers_are_numbers, set_up_json),
        LOG_TEST(quoted_numbers_stay_strings, set_up_json),
        LOG_TEST(a_bare_value_runs_to_the_next_key, set_up_json),
        LOG_TEST(words_without_a_key_are_text, set_up_json),
        LOG_TEST(pairs_do_not_repeat_what_the_line_says_of_itself, set_up_json),
        LOG_TEST(broken_quotes_and_escapes_are_mended, set_up_json),
        LOG_TEST(an_endless_line_is_cut_and_valid, set_up_json),
        LOG_TEST(every_line_is_valid_whatever_is_logged, set_up_json),
        LOG_TEST(what_a_peer_said_can_be_read_back, set_up_json),
        LOG_TEST(threads_do_not_mix_their_lines, set_up_json),
        LOG_TEST(lines_go_to_standard_error, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
