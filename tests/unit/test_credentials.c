#include "peer/credentials.h"

#include "auth/login_key.h"
#include "lib/mint.h"
#include "lib/peer_stage.h"
#include "store/sqlite_internal.h"

#include <stdio.h>
#include <string.h>

#define FIFTY "01234567890123456789012345678901234567890123456789"
#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define OTHER_SECRET SPAN("a secret of somebody else: also 32")

static struct peer_stage stage;

/* What a check came to. */
static struct heard {
    unsigned count;
    enum err err;
    char user_id[16], username[16];
    uint32_t role_count;
    bool is_account;
    int64_t expires_ms;
    uint8_t login_key[32];
} heard;

static void hear(void *arg, const struct credentials_result *result)
{
    (void)arg;
    heard = (struct heard){.count = heard.count + 1, .err = result->err};
    if (!result->identity)
        return;
    (void)snprintf(heard.user_id, sizeof(heard.user_id), "%.*s", SPAN_ARG(result->identity->user_id));
    (void)snprintf(heard.username, sizeof(heard.username), "%.*s", SPAN_ARG(result->identity->username));
    heard.role_count = result->identity->role_count;
    heard.is_account = result->is_account;
    heard.expires_ms = result->expires_ms;
    memcpy(heard.login_key, result->login_key, sizeof(heard.login_key));
    identity_unref(result->identity);
}

static int set_up(void **state)
{
    (void)state;
    peer_stage_init(&stage);
    heard = (struct heard){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    peer_stage_deinit(&stage);
    return 0;
}

/* ---- as a request brings them ---- */

static struct credentials_check *check_headers(const char *cookie, const char *authorization)
{
    struct http_header headers[2];
    struct http_exchange exchange = {.headers = headers};
    struct credentials_check *check;

    if (cookie)
        headers[exchange.header_count++] = (struct http_header){SPAN("Cookie"), span_from_str(cookie)};
    if (authorization)
        headers[exchange.header_count++] = (struct http_header){SPAN("Authorization"), span_from_str(authorization)};
    arena_init(&exchange.arena, 1024);
    check = credentials_check_request(&stage.host, &exchange, false, hear, NULL);
    arena_deinit(&exchange.arena);
    return check;
}

static const char *cookie_of(struct span value)
{
    return arena_printf(&stage.store.arena, "%s=%.*s", LOGIN_COOKIE, SPAN_ARG(value)).data;
}

static const char *bearer_of(struct span token)
{
    return arena_printf(&stage.store.arena, "Bearer %.*s", SPAN_ARG(token)).data;
}

static void check_cookie(struct span value)
{
    check_headers(cookie_of(value), NULL);
    peer_stage_run_jobs(&stage);
}

/* ---- tokens ---- */

static struct span own_token(uint64_t ttl_s)
{
    struct account account;
    struct buf token = BUF_EMPTY;
    struct identity *identity;
    struct span copy;
    int64_t expires_ms;

    assert_int_equal(store_account_get(stage.store.store, &stage.store.arena, SPAN("7"), &account), OK);
    identity = identity_of_account(&stage.host, &account);
    credentials_issue_token(&stage.host, identity, account.generation, ttl_s, &token, &expires_ms);
    identity_unref(identity);
    copy = arena_copy(&stage.store.arena, buf_span(&token));
    buf_deinit(&token);
    return copy;
}

static struct span foreign_token(const char *claims)
{
    struct buf token = BUF_EMPTY;
    struct span copy;

    mint_with_secret(&token, SPAN(HS256), span_from_str(claims), OTHER_SECRET);
    copy = arena_copy(&stage.store.arena, buf_span(&token));
    buf_deinit(&token);
    return copy;
}

static void check_token(struct span token)
{
    credentials_check_token(&stage.host, token, hear, NULL);
    peer_stage_run_jobs(&stage);
}

static void assert_refused(enum err err)
{
    assert_int_equal(heard.err, err);
    assert_string_equal(heard.user_id, "");
}

static int64_t in_an_hour(void)
{
    return stage.host.wall_ms + 3600 * 1000;
}

/* ---- cookies ---- */

static void a_request_without_anything_is_nobodys(void **state)
{
    (void)state;
    assert_null(check_headers(NULL, NULL));
    assert_refused(ERR_NOT_AUTHENTICATED);
    assert_null(check_headers("theme=dark", "Basic YTpi"));
    assert_refused(ERR_NOT_AUTHENTICATED);
}

static void a_cookie_stands_for_its_user(void **state)
{
    struct span cookie = peer_stage_log_in(&stage, in_an_hour());
    uint8_t key[LOGIN_KEY_BYTES];

    (void)state;
    assert_non_null(check_headers(cookie_of(cookie), NULL));
    assert_int_equal(heard.count, 0);
    peer_stage_run_jobs(&stage);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.err, OK);
    assert_string_equal(heard.user_id, "7");
    assert_string_equal(heard.username, "ann");
    assert_true(heard.is_account);
    assert_int_equal(heard.expires_ms, in_an_hour());
    assert_true(login_key_of(cookie, key));
    assert_memory_equal(heard.login_key, key, sizeof(key));
}

static void a_cookie_that_was_seen_before_is_known_at_once(void **state)
{
    struct span cookie = peer_stage_log_in(&stage, in_an_hour());

    (void)state;
    check_cookie(cookie);
    unsigned jobs = stage.job_count;
    assert_null(check_headers(cookie_of(cookie), NULL));
    assert_int_equal(heard.count, 2);
    assert_int_equal(heard.err, OK);
    assert_int_equal(stage.job_count, jobs);
}

static void a_cookie_ends_with_its_time_also_when_it_is_cached(void **state)
{
    struct span cookie = peer_stage_log_in(&stage, in_an_hour());

    (void)state;
    check_cookie(cookie);
    assert_int_equal(heard.err, OK);
    stage.host.wall_ms = in_an_hour();
    check_cookie(cookie);
    assert_refused(ERR_SESSION_REVOKED);
    credentials_forget_all(&stage.host);
    check_cookie(cookie);
    assert_refused(ERR_SESSION_REVOKED);
}

static void a_cookie_nobody_got_is_refused(void **state)
{
    struct buf value = BUF_EMPTY;
    uint8_t key[LOGIN_KEY_BYTES];

    (void)state;
    login_key_new(&value, key);
    check_cookie(buf_span(&value));
    assert_refused(ERR_SESSION_REVOKED);
    assert_null(check_headers("collabd_session=short", NULL));
    assert_refused(ERR_SESSION_REVOKED);
    buf_deinit(&value);
}

static void two_different_cookies_are_a_bad_request(void **state)
{
    struct span first = peer_stage_log_in(&stage, in_an_hour()), second = peer_stage_log_in(&stage, in_an_hour());
    struct span both = arena_printf(&stage.store.arena, "%s; %s", cookie_of(first), cookie_of(second));

    (void)state;
    assert_null(check_headers(both.data, NULL));
    assert_refused(ERR_BAD_REQUEST);
}

static void cookies_end_when_the_account_changes(void **state)
{
    struct span cookie = peer_stage_log_in(&stage, in_an_hour());

    (void)state;
    peer_stage_set_account(&stage, "viewer", false);
    check_cookie(cookie);
    assert_refused(ERR_SESSION_REVOKED);
    cookie = peer_stage_log_in(&stage, in_an_hour());
    check_cookie(cookie);
    assert_int_equal(heard.err, OK);
    peer_stage_set_account(&stage, "viewer", true);
    credentials_forget(&stage.host, SPAN("7"), SPAN_EMPTY);
    check_cookie(cookie);
    assert_refused(ERR_SESSION_REVOKED);
}

static void what_is_forgotten_is_looked_up_again(void **state)
{
    struct span first = peer_stage_log_in(&stage, in_an_hour()), second = peer_stage_log_in(&stage, in_an_hour());
    uint8_t key[LOGIN_KEY_BYTES];

    (void)state;
    check_cookie(first);
    check_cookie(second);
    assert_true(login_key_of(first, key));
    credentials_forget(&stage.host, SPAN("7"), span_of(key, sizeof(key)));
    assert_int_equal(stage.host.logins.count, 1);
    assert_int_equal(store_login_remove(stage.store.store, span_of(key, sizeof(key))), OK);
    check_cookie(first);
    assert_refused(ERR_SESSION_REVOKED);
    credentials_forget(&stage.host, SPAN("8"), SPAN_EMPTY);
    assert_int_equal(stage.host.logins.count, 1);
    credentials_forget(&stage.host, SPAN("7"), SPAN_EMPTY);
    assert_int_equal(stage.host.logins.count, 0);
}

static void a_cancelled_check_says_nothing(void **state)
{
    struct span cookie = peer_stage_log_in(&stage, in_an_hour());
    struct credentials_check *check = check_headers(cookie_of(cookie), NULL);

    (void)state;
    peer_stage_begin_jobs(&stage);
    credentials_cancel(check);
    peer_stage_finish_jobs(&stage);
    assert_int_equal(heard.count, 0);
}

static void a_store_that_fails_is_not_the_users_fault(void **state)
{
    struct span cookie = peer_stage_log_in(&stage, in_an_hour());

    (void)state;
    assert_int_equal(sqlite3_exec(stage.store.store->sql.db, "ALTER TABLE login RENAME TO gone", NULL, NULL, NULL),
                     SQLITE_OK);
    check_cookie(cookie);
    assert_int_not_equal(heard.err, OK);
    assert_int_not_equal(heard.err, ERR_SESSION_REVOKED);
    assert_int_equal(sqlite3_exec(stage.store.store->sql.db, "ALTER TABLE gone RENAME TO login", NULL, NULL, NULL),
                     SQLITE_OK);
}

/* ---- own tokens ---- */

static void an_own_token_stands_for_its_account(void **state)
{
    struct span token = own_token(3600);

    (void)state;
    check_token(token);
    assert_int_equal(heard.err, OK);
    assert_string_equal(heard.user_id, "7");
    assert_true(heard.is_account);
    assert_int_equal(heard.expires_ms, in_an_hour());
    unsigned jobs = stage.job_count;
    check_token(token);
    assert_int_equal(heard.err, OK);
    assert_int_equal(stage.job_count, jobs);
}

static void an_own_token_ends_to_the_second(void **state)
{
    struct span token = own_token(10);

    (void)state;
    stage.host.wall_ms += 9999;
    check_token(token);
    assert_int_equal(heard.err, OK);
    stage.host.wall_ms += 1;
    check_token(token);
    assert_refused(ERR_TOKEN_EXPIRED);
}

static void an_own_token_ends_when_it_is_revoked_or_the_account_changes(void **state)
{
    struct span token = own_token(3600);

    (void)state;
    peer_stage_set_account(&stage, "viewer", false);
    check_token(token);
    assert_refused(ERR_SESSION_REVOKED);
    token = own_token(3600);
    check_token(token);
    assert_int_equal(heard.err, OK);
    assert_int_equal(store_account_remove(stage.store.store, SPAN("7")), OK);
    credentials_forget(&stage.host, SPAN("7"), SPAN_EMPTY);
    check_token(token);
    assert_refused(ERR_SESSION_REVOKED);
}

static void a_bearer_token_wins_over_a_cookie(void **state)
{
    struct span cookie = peer_stage_log_in(&stage, in_an_hour());
    struct span token = foreign_token("{\"iss\":\"elsewhere\",\"sub\":\"ext\",\"exp\":1700003600}");

    (void)state;
    assert_null(check_headers(cookie_of(cookie), bearer_of(token)));
    assert_string_equal(heard.user_id, "ext");
    assert_null(check_headers(cookie_of(cookie), "Bearer nonsense"));
    assert_refused(ERR_BAD_TOKEN);
    assert_null(check_headers(cookie_of(cookie), "bearer"));
    assert_refused(ERR_BAD_TOKEN);
}

static void the_cache_is_bounded(void **state)
{
    struct span first = own_token(3600);

    (void)state;
    check_token(first);
    for (unsigned i = 0; i < 10001; i++) {
        check_token(own_token(3600));
        assert_int_equal(heard.err, OK);
    }
    assert_in_range(stage.host.logins.count, 1, 10000);
    check_token(first);
    assert_int_equal(heard.err, OK);
}

/* ---- foreign tokens ---- */

static void a_foreign_token_stands_for_itself(void **state)
{
    (void)state;
    check_token(
        foreign_token("{\"iss\":\"elsewhere\",\"sub\":\"u-1\",\"preferred_username\":\"ext\",\"roles\":[\"a\",\"b\"],"
                      "\"exp\":1700003600}"));
    assert_int_equal(heard.err, OK);
    assert_string_equal(heard.user_id, "u-1");
    assert_string_equal(heard.username, "ext");
    assert_int_equal(heard.role_count, 2);
    assert_false(heard.is_account);
    assert_int_equal(heard.expires_ms, in_an_hour());
    assert_int_equal(stage.job_count, 0);
}

static void a_foreign_token_does_not_speak_for_our_accounts(void **state)
{
    (void)state;
    check_token(foreign_token("{\"iss\":\"collabd\",\"sub\":\"7\",\"gen\":1,\"exp\":1700003600}"));
    assert_refused(ERR_BAD_TOKEN);
    check_token(foreign_token("{\"iss\":\"elsewhere\",\"sub\":\"7\",\"gen\":1,\"exp\":1700003600}"));
    assert_int_equal(heard.err, OK);
    assert_false(heard.is_account);
    assert_int_equal(heard.role_count, 0);
}

static void a_foreign_token_must_say_whom_it_is_for(void **state)
{
    static const char *const bad[] = {
        "{\"iss\":\"elsewhere\",\"exp\":1700003600}",
        "{\"iss\":\"elsewhere\",\"sub\":\"\",\"exp\":1700003600}",
        "{\"iss\":\"elsewhere\",\"sub\":\"a\\u0007b\",\"exp\":1700003600}",
        "{\"iss\":\"elsewhere\",\"sub\":\"" FIFTY FIFTY FIFTY "\",\"exp\":1700003600}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        check_token(foreign_token(bad[i]));
        assert_refused(ERR_BAD_TOKEN);
    }
    check_token(foreign_token("{\"iss\":\"elsewhere\",\"sub\":\"ext\",\"username\":\"a\\u202eb\",\"exp\":1700003600}"));
    assert_string_equal(heard.username, "ext");
}

static void a_token_within_the_leeway_ends_with_it(void **state)
{
    (void)state;
    check_token(foreign_token("{\"iss\":\"elsewhere\",\"sub\":\"ext\",\"exp\":1699999990}"));
    assert_int_equal(heard.err, OK);
    assert_true(heard.expires_ms == INT64_C(1700000020000));
    check_token(foreign_token("{\"iss\":\"elsewhere\",\"sub\":\"ext\",\"exp\":1699999970}"));
    assert_refused(ERR_TOKEN_EXPIRED);
}

/* ---- tokens that a backend knows ---- */

static struct backend_ask *asked; /* the question that waits */
static unsigned asked_count;

static void take_ask(void *world, struct backend_ask *ask)
{
    (void)world;
    asked = ask;
    asked_count++;
}

static void ask_backend(void)
{
    asked = NULL;
    asked_count = 0;
    stage.host.asks_who = true;
    stage.host.who_max_ms = 60000;
    stage.host.ask_backend = take_ask;
}

static void answer_ask(enum err err, const char *text)
{
    struct backend_ask *ask = asked;

    asked = NULL;
    ask->err = err;
    buf_append_str(&ask->answer, text);
    ask->errand.run(&ask->errand, &stage.host);
}

#define OUTSIDE "{\"user\":{\"id\":900,\"username\":\"out\",\"roles\":[\"editor\",\"x\"]}"

static void a_backend_says_whom_an_unknown_token_stands_for(void **state)
{
    (void)state;
    ask_backend();
    check_token(SPAN("let \"me\" in"));
    assert_int_equal(heard.count, 0);
    assert_true(
        span_equal(buf_span(&asked->body), SPAN("{\"hook\":\"authenticate\",\"token\":\"let \\\"me\\\" in\"}")));
    answer_ask(OK, OUTSIDE ",\"expires_at\":\"2023-11-14T22:14:20Z\"}");
    assert_int_equal(heard.err, OK);
    assert_string_equal(heard.user_id, "900");
    assert_string_equal(heard.username, "out");
    assert_int_equal(heard.role_count, 2);
    assert_false(heard.is_account);
    assert_true(heard.expires_ms == stage.host.wall_ms + 60000);
}

static void what_a_backend_said_is_believed_for_a_while(void **state)
{
    (void)state;
    ask_backend();
    check_token(SPAN("letmein"));
    answer_ask(OK, OUTSIDE "}");
    assert_true(heard.expires_ms == 0);
    stage.host.wall_ms += 59999;
    check_token(SPAN("letmein"));
    assert_int_equal(heard.count, 2);
    assert_false(heard.is_account);
    assert_int_equal(asked_count, 1);
    stage.host.wall_ms += 1;
    check_token(SPAN("letmein"));
    assert_int_equal(asked_count, 2);
    answer_ask(OK, OUTSIDE ",\"expires_at\":1700000070}"); /* ends sooner */
    stage.host.wall_ms += 10000;
    check_token(SPAN("letmein"));
    assert_int_equal(asked_count, 3);
    answer_ask(OK, "{\"allow\":false}");
    assert_refused(ERR_BAD_TOKEN);
}

static void revoking_its_user_ends_what_a_backend_said(void **state)
{
    (void)state;
    ask_backend();
    check_token(SPAN("letmein"));
    answer_ask(OK, OUTSIDE "}");
    credentials_forget(&stage.host, SPAN("900"), SPAN_EMPTY);
    check_token(SPAN("letmein"));
    assert_int_equal(asked_count, 2);
    credentials_forget(&stage.host, SPAN("900"), SPAN_EMPTY); /* while it is asked */
    answer_ask(OK, OUTSIDE "}");
    check_token(SPAN("letmein"));
    assert_int_equal(asked_count, 3);
    answer_ask(OK, OUTSIDE "}");
}

static void an_answer_that_names_nobody_is_none(void **state)
{
    static const struct {
        enum err err;
        const char *text;
        enum err heard;
    } cases[] = {
        {OK, "{\"allow\":false}", ERR_BAD_TOKEN},
        {OK, "{\"allow\":true}", ERR_BACKEND_UNAVAILABLE},
        {OK, "{}", ERR_BACKEND_UNAVAILABLE},
        {OK, "{\"user\":7}", ERR_BACKEND_UNAVAILABLE},
        {OK, "{\"user\":{\"id\":\"\"}}", ERR_BACKEND_UNAVAILABLE},
        {OK, "{\"user\":{\"id\":-1}}", ERR_BACKEND_UNAVAILABLE},
        {OK, "{\"user\":{\"id\":\"a\\u0007\"}}", ERR_BACKEND_UNAVAILABLE},
        {OK, "{\"user\":{\"id\":1,\"roles\":\"admin\"}}", ERR_BACKEND_UNAVAILABLE},
        {OK, "{\"user\":{\"id\":1,\"roles\":[1]}}", ERR_BACKEND_UNAVAILABLE},
        {OK, "{\"user\":{\"id\":1},\"expires_at\":\"soon\"}", ERR_BACKEND_UNAVAILABLE},
        {OK, "{\"user\":{\"id\":1},\"expires_at\":1600000000}", ERR_TOKEN_EXPIRED},
        {ERR_BACKEND_UNAVAILABLE, "", ERR_BACKEND_UNAVAILABLE},
    };

    (void)state;
    ask_backend();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_token(SPAN("letmein"));
        answer_ask(cases[i].err, cases[i].text);
        assert_refused(cases[i].heard);
    }
}

static void tokens_that_are_explained_are_not_asked_about(void **state)
{
    struct span token = own_token(1);

    (void)state;
    ask_backend();
    check_token(foreign_token("{\"iss\":\"elsewhere\",\"sub\":\"ext\",\"exp\":1700003600}"));
    check_token(foreign_token("{\"iss\":\"elsewhere\",\"sub\":\"ext\",\"exp\":1600000000}"));
    assert_refused(ERR_TOKEN_EXPIRED);
    stage.host.wall_ms += 2000;
    check_token(token);
    assert_refused(ERR_TOKEN_EXPIRED);
    check_token(SPAN("\xff\xfe"));
    assert_refused(ERR_BAD_TOKEN);
    check_token(SPAN_EMPTY);
    assert_refused(ERR_BAD_TOKEN);
    assert_int_equal(asked_count, 0);
}

static void nobody_hears_of_a_token_that_he_does_not_wait_for_any_more(void **state)
{
    struct credentials_check *check;

    (void)state;
    ask_backend();
    check = credentials_check_token(&stage.host, SPAN("letmein"), hear, NULL);
    credentials_cancel(check);
    answer_ask(OK, OUTSIDE "}");
    check = credentials_check_token(&stage.host, SPAN("other"), hear, NULL);
    credentials_cancel(check);
    asked->errand.run(&asked->errand, NULL); /* the worker has stopped */
    assert_int_equal(heard.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_without_anything_is_nobodys),
        TEST(a_cookie_stands_for_its_user),
        TEST(a_cookie_that_was_seen_before_is_known_at_once),
        TEST(a_cookie_ends_with_its_time_also_when_it_is_cached),
        TEST(a_cookie_nobody_got_is_refused),
        TEST(two_different_cookies_are_a_bad_request),
        TEST(cookies_end_when_the_account_changes),
        TEST(what_is_forgotten_is_looked_up_again),
        TEST(a_cancelled_check_says_nothing),
        TEST(a_store_that_fails_is_not_the_users_fault),
        TEST(an_own_token_stands_for_its_account),
        TEST(an_own_token_ends_to_the_second),
        TEST(an_own_token_ends_when_it_is_revoked_or_the_account_changes),
        TEST(a_bearer_token_wins_over_a_cookie),
        TEST(the_cache_is_bounded),
        TEST(a_foreign_token_stands_for_itself),
        TEST(a_foreign_token_does_not_speak_for_our_accounts),
        TEST(a_foreign_token_must_say_whom_it_is_for),
        TEST(a_token_within_the_leeway_ends_with_it),
        TEST(a_backend_says_whom_an_unknown_token_stands_for),
        TEST(what_a_backend_said_is_believed_for_a_while),
        TEST(revoking_its_user_ends_what_a_backend_said),
        TEST(an_answer_that_names_nobody_is_none),
        TEST(tokens_that_are_explained_are_not_asked_about),
        TEST(nobody_hears_of_a_token_that_he_does_not_wait_for_any_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
