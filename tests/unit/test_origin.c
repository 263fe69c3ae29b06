#include "auth/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static struct origin_rules *rules_of(const char *exact, const char *pattern)
{
    struct origin_rules *rules = NULL;
    struct buf why = BUF_EMPTY;

    assert_int_equal(origin_rules_new(span_from_str(exact), span_from_str(pattern), &rules, &why), OK);
    assert_int_equal(why.len, 0);
    buf_deinit(&why);
    return rules;
}

/* A socket from that origin to http://collab.example:8000. */
static enum origin_verdict verdict(const struct origin_rules *rules, const char *origin)
{
    struct origin_request request = {
        .origin = span_from_str(origin),
        .host = SPAN("collab.example:8000"),
        .is_state_changing = true,
    };

    return origin_check(rules, &request);
}

static void the_servers_own_pages_are_the_same_origin(void **state)
{
    struct origin_rules *rules = rules_of("", "");

    (void)state;
    assert_int_equal(verdict(rules, "http://collab.example:8000"), ORIGIN_SAME);
    assert_int_equal(verdict(rules, "HTTP://Collab.Example:8000"), ORIGIN_SAME);
    assert_int_equal(verdict(rules, "https://collab.example:8000"), ORIGIN_REFUSED);
    assert_int_equal(verdict(rules, "http://collab.example"), ORIGIN_REFUSED);
    assert_int_equal(verdict(rules, "http://collab.example:8001"), ORIGIN_REFUSED);
    origin_rules_free(rules);
}

static void a_default_port_may_be_left_out(void **state)
{
    static const struct {
        const char *origin, *host;
        bool is_tls;
        enum origin_verdict verdict;
    } cases[] = {
        {"http://a.example", "a.example", false, ORIGIN_SAME},
        {"http://a.example", "a.example:80", false, ORIGIN_SAME},
        {"http://a.example:80", "a.example", false, ORIGIN_SAME},
        {"https://a.example", "a.example:443", true, ORIGIN_SAME},
        {"https://a.example:443", "a.example", true, ORIGIN_SAME},
        {"http://a.example", "a.example:443", false, ORIGIN_REFUSED},
        {"https://a.example", "a.example:80", true, ORIGIN_REFUSED},
        {"https://a.example", "a.example", false, ORIGIN_REFUSED},
        {"http://a.example", "a.example", true, ORIGIN_REFUSED},
        {"http://[::1]:8000", "[::1]:8000", false, ORIGIN_SAME},
        {"http://[::1]", "[::1]:80", false, ORIGIN_SAME},
        {"http://127.0.0.1:8000", "127.0.0.1:8000", false, ORIGIN_SAME},
        {"http://localhost:8000", "127.0.0.1:8000", false, ORIGIN_REFUSED},
    };
    struct origin_rules *rules = rules_of("", "");

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct origin_request request = {
            .origin = span_from_str(cases[i].origin), .host = span_from_str(cases[i].host), .is_tls = cases[i].is_tls};

        assert_int_equal(origin_check(rules, &request), cases[i].verdict);
    }
    origin_rules_free(rules);
}

static void listed_origins_are_allowed_and_nothing_like_them(void **state)
{
    static const char *const refused[] = {
        "https://app.example.com.evil",
        "https://app.example.com.evil.com",
        "https://evilapp.example.com",
        "https://appXexample.com",
        "https://app.example.co",
        "https://app.example.com:8443",
        "http://app.example.com",
        "wss://app.example.com",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://app.example.com?x",
        "https://app.example.com#x",
        "https://user@app.example.com",
        "https://app.example.com@evil.com",
        "https://app.example.com\\@evil.com",
        "https://app.example.com:",
        "https://app.example.com:0",
        "https://app.example.com:0443",
        "https://app.example.com:65536",
        "https://app.example.com:443:443",
        "https://app.example.com:4 43",
        "https://app.example.com ",
        " https://app.example.com",
        "https://app.example.com https://evil.com",
        "https://app.example.com,https://evil.com",
        "https://app.example.com\nx",
        "https://app.example.com.",
        "https:app.example.com",
        "https:/app.example.com",
        "//app.example.com",
        "://app.example.com",
        "app.example.com",
        "https://",
        "https://:443",
        "https://[",
        "https://[]",
        "https://[app.example.com]",
        "https://app.example.com]",
        "https://\xc3\xa4pp.example.com",
        "null",
        "NULL",
        "*",
    };
    struct origin_rules *rules =
        rules_of("https://app.example.com, http://other.example:3000\n  https://[2001:db8::1]", "");

    (void)state;
    assert_int_equal(verdict(rules, "https://app.example.com"), ORIGIN_ALLOWED);
    assert_int_equal(verdict(rules, "https://APP.example.COM"), ORIGIN_ALLOWED);
    assert_int_equal(verdict(rules, "https://app.example.com:443"), ORIGIN_ALLOWED);
    assert_int_equal(verdict(rules, "http://other.example:3000"), ORIGIN_ALLOWED);
    assert_int_equal(verdict(rules, "https://[2001:DB8::1]"), ORIGIN_ALLOWED);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_int_equal(verdict(rules, refused[i]), ORIGIN_REFUSED);
    origin_rules_free(rules);
}

static void the_pattern_must_match_the_whole_origin(void **state)
{
    struct origin_rules *rules = rules_of("", "https://[a-z0-9-]+\\.example\\.com|http://localhost(:[0-9]+)?");

    (void)state;
    assert_int_equal(verdict(rules, "https://pr-12.example.com"), ORIGIN_ALLOWED);
    assert_int_equal(verdict(rules, "https://PR-12.Example.com:443"), ORIGIN_ALLOWED);
    assert_int_equal(verdict(rules, "http://localhost:5173"), ORIGIN_ALLOWED);
    assert_int_equal(verdict(rules, "http://localhost"), ORIGIN_ALLOWED);
    assert_int_equal(verdict(rules, "https://pr-12.example.com.evil"), ORIGIN_REFUSED);
    assert_int_equal(verdict(rules, "https://a.pr-12.example.com"), ORIGIN_REFUSED);
    assert_int_equal(verdict(rules, "https://pr-12.example.com:8443"), ORIGIN_REFUSED);
    assert_int_equal(verdict(rules, "https://pr-12xexample.com"), ORIGIN_REFUSED);
    assert_int_equal(verdict(rules, "http://localhost:5173.evil.com"), ORIGIN_REFUSED);
    assert_int_equal(verdict(rules, "http://localhost.evil.com"), ORIGIN_REFUSED);
    origin_rules_free(rules);
}

static void a_pattern_that_takes_everything_does_not_take_what_is_no_origin(void **state)
{
    struct origin_rules *rules = rules_of("", ".*");

    (void)state;
    assert_int_equal(verdict(rules, "https://anything.example"), ORIGIN_ALLOWED);
    assert_int_equal(verdict(rules, "chrome-extension://abcdefgh"), ORIGIN_ALLOWED);
    assert_int_equal(verdict(rules, "null"), ORIGIN_REFUSED);
    assert_int_equal(verdict(rules, "https://anything.example/path"), ORIGIN_REFUSED);
    assert_int_equal(verdict(rules, "javascript:alert(1)"), ORIGIN_REFUSED);
    origin_rules_free(rules);
}

static void without_an_origin_only_browsers_are_asked_where_they_come_from(void **state)
{
    static const struct {
        const char *fetch_site;
        bool is_state_changing;
        enum origin_verdict verdict;
    } cases[] = {
        {"", true, ORIGIN_NONE},
        {"", false, ORIGIN_NONE},
        {"same-origin", true, ORIGIN_NONE},
        {"none", true, ORIGIN_NONE},
        {"none", false, ORIGIN_NONE},
        {"cross-site", true, ORIGIN_REFUSED},
        {"same-site", true, ORIGIN_REFUSED},
        {"Cross-Site", true, ORIGIN_REFUSED},
        {"something-new", true, ORIGIN_REFUSED},
        {"cross-site", false, ORIGIN_NONE},
        {"same-site", false, ORIGIN_NONE},
    };
    struct origin_rules *rules = rules_of("https://app.example.com", ".*");

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct origin_request request = {.host = SPAN("collab.example:8000"),
                                         .fetch_site = span_from_str(cases[i].fetch_site),
                                         .is_state_changing = cases[i].is_state_changing};

        assert_int_equal(origin_check(rules, &request), cases[i].verdict);
    }
    origin_rules_free(rules);
}

static void a_strange_host_has_no_pages(void **state)
{
    static const char *const hosts[] = {"",     ":8000",   "a b", "a/b", "evil.example@collab.example",
                                        "[::1", "a:99999", "null"};
    struct origin_rules *rules = rules_of("", "");

    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct origin_request request = {.origin = SPAN("http://collab.example:8000"), .host = span_from_str(hosts[i])};

        assert_int_equal(origin_check(rules, &request), ORIGIN_REFUSED);
    }
    origin_rules_free(rules);
}

static void an_endless_origin_is_refused(void **state)
{
    static char origin[4096];
    struct origin_rules *rules = rules_of("", ".*");
    struct origin_request request = {.origin = {origin, sizeof(origin)}, .host = {origin, sizeof(origin)}};

    (void)state;
    memset(origin, 'a', sizeof(origin));
    memcpy(origin, "http://", 7);
    assert_int_equal(origin_check(rules, &request), ORIGIN_REFUSED);
    request.origin.len = 513;
    assert_int_equal(origin_check(rules, &request), ORIGIN_REFUSED);
    request.origin.len = 512;
    assert_int_equal(origin_check(rules, &request), ORIGIN_ALLOWED);
    origin_rules_free(rules);
}

static void mistakes_in_the_configuration_are_told(void **state)
{
    static const struct {
        const char *exact, *pattern, *sentence;
    } cases[] = {
        {"*", "", "name the origins or use the pattern"},
        {"https://app.example.com *", "", "name the origins or use the pattern"},
        {"https://*.example.com", "", "use the pattern"},
        {"https://app.example.com/", "", "no path"},
        {"null", "", "cannot be allowed"},
        {"app.example.com", "", "scheme://host"},
        {"https://a.example;https://b.example", "", "scheme://host"},
        {"", "https://(a", "regular expression"},
        {"", "a)|(b", "regular expression"},
        {"", "[a-", "regular expression"},
        {"", "https://pr-\\d+\\.example\\.com", "[0-9]"},
        {"", "(a)\\1", "POSIX"},
        {"", "https://(?:a|b)", "(?...)"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct origin_rules *rules = NULL;
        struct buf why = BUF_EMPTY;

        assert_int_equal(origin_rules_new(span_from_str(cases[i].exact), span_from_str(cases[i].pattern), &rules, &why),
                         ERR_CONFIG);
        assert_null(rules);
        buf_append_char(&why, '\0');
        assert_non_null(strstr(why.data, cases[i].sentence));
        buf_deinit(&why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_servers_own_pages_are_the_same_origin),
        cmocka_unit_test(a_default_port_may_be_left_out),
        cmocka_unit_test(listed_origins_are_allowed_and_nothing_like_them),
        cmocka_unit_test(the_pattern_must_match_the_whole_origin),
        cmocka_unit_test(a_pattern_that_takes_everything_does_not_take_what_is_no_origin),
        cmocka_unit_test(without_an_origin_only_browsers_are_asked_where_they_come_from),
        cmocka_unit_test(a_strange_host_has_no_pages),
        cmocka_unit_test(an_endless_origin_is_refused),
        cmocka_unit_test(mistakes_in_the_configuration_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
