#include "auth/login_key.h"
#include "lib/credentials_stage.h"
#include "store/sqlite_internal.h"

#include <string.h>

#define FIFTY "01234567890123456789012345678901234567890123456789"

/* ---- cookies ------------------------------------------------------------------------------------------------------ */

static void a_request_without_anything_is_nobodys(void **state)
{
    (void)state;
    assert_null(check_headers(NULL, NULL));
    assert_nobody(ERR_NOT_AUTHENTICATED);
    assert_null(check_headers("theme=dark", "Basic YTpi"));
    assert_nobody(ERR_NOT_AUTHENTICATED);
}

static void a_cookie_stands_for_its_user(void **state)
{
    struct span cookie = peer_stage_log_in(&stage, in_an_hour());
    uint8_t key[LOGIN_KEY_BYTES];

    (void)state;
    assert_non_null(check_headers(cookie_of(cookie), NULL));
    assert_int_equal(checked.count, 0);
    peer_stage_run_jobs(&stage);
    assert_int_equal(checked.count, 1);
    assert_int_equal(checked.err, OK);
    assert_string_equal(checked.user_id, "7");
    assert_string_equal(checked.username, "ann");
    assert_true(checked.is_account);
    assert_int_equal(checked.expires_ms, in_an_hour());
    assert_true(login_key_of(cookie, key));
    assert_memory_equal(checked.login_key, key, sizeof(key));
}

static void a_cookie_that_was_seen_before_is_known_at_once(void **state)
{
    struct span cookie = peer_stage_log_in(&stage, in_an_hour());

    (void)state;
    check_cookie(cookie);
    unsigned jobs = stage.job_count;
    assert_null(check_headers(cookie_of(cookie), NULL));
    assert_int_equal(checked.count, 2);
    assert_int_equal(checked.err, OK);
    assert_int_equal(stage.job_count, jobs);
}

static void a_cookie_ends_with_its_time_also_when_it_is_cached(void **state)
{
    struct span cookie = peer_stage_log_in(&stage, in_an_hour());

    (void)state;
    check_cookie(cookie);
    assert_int_equal(checked.err, OK);
    stage.host.wall_ms = in_an_hour();
    check_cookie(cookie);
    assert_nobody(ERR_SESSION_REVOKED);
    credentials_forget_all(&stage.host);
    check_cookie(cookie);
    assert_nobody(ERR_SESSION_REVOKED);
}

static void a_cookie_nobody_got_is_refused(void **state)
{
    struct buf value = BUF_EMPTY;
    uint8_t key[LOGIN_KEY_BYTES];

    (void)state;
    login_key_new(&value, key);
    check_cookie(buf_span(&value));
    assert_nobody(ERR_SESSION_REVOKED);
    assert_null(check_headers("collabd_session=short", NULL));
    assert_nobody(ERR_SESSION_REVOKED);
    buf_deinit(&value);
}

static void two_different_cookies_are_a_bad_request(void **state)
{
    struct span first = peer_stage_log_in(&stage, in_an_hour()), second = peer_stage_log_in(&stage, in_an_hour());
    struct span both = arena_printf(&stage.store.arena, "%s; %s", cookie_of(first), cookie_of(second));

    (void)state;
    assert_null(check_headers(both.data, NULL));
    assert_nobody(ERR_BAD_REQUEST);
}

static void cookies_end_when_the_account_changes(void **state)
{
    struct span cookie = peer_stage_log_in(&stage, in_an_hour());

    (void)state;
    peer_stage_set_account(&stage, "viewer", false);
    check_cookie(cookie);
    assert_nobody(ERR_SESSION_REVOKED);
    cookie = peer_stage_log_in(&stage, in_an_hour());
    check_cookie(cookie);
    assert_int_equal(checked.err, OK);
    peer_stage_set_account(&stage, "viewer", true);
    credentials_forget(&stage.host, SPAN("7"), SPAN_EMPTY);
    check_cookie(cookie);
    assert_nobody(ERR_SESSION_REVOKED);
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
    assert_nobody(ERR_SESSION_REVOKED);
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
    assert_int_equal(checked.count, 0);
}

static void a_store_that_fails_is_not_the_users_fault(void **state)
{
    struct span cookie = peer_stage_log_in(&stage, in_an_hour());

    (void)state;
    assert_int_equal(sqlite3_exec(stage.store.store->sql.db, "ALTER TABLE login RENAME TO gone", NULL, NULL, NULL),
                     SQLITE_OK);
    check_cookie(cookie);
    assert_int_not_equal(checked.err, OK);
    assert_int_not_equal(checked.err, ERR_SESSION_REVOKED);
    assert_int_equal(sqlite3_exec(stage.store.store->sql.db, "ALTER TABLE gone RENAME TO login", NULL, NULL, NULL),
                     SQLITE_OK);
}

/* ---- own tokens --------------------------------------------------------------------------------------------------- */

static void an_own_token_stands_for_its_account(void **state)
{
    struct span token = own_token(3600);

    (void)state;
    check_token(token);
    assert_int_equal(checked.err, OK);
    assert_string_equal(checked.user_id, "7");
    assert_true(checked.is_account);
    assert_int_equal(checked.expires_ms, in_an_hour());
    unsigned jobs = stage.job_count;
    check_token(token);
    assert_int_equal(checked.err, OK);
    assert_int_equal(stage.job_count, jobs);
}

static void an_own_token_ends_to_the_second(void **state)
{
    struct span token = own_token(10);

    (void)state;
    stage.host.wall_ms += 9999;
    check_token(token);
    assert_int_equal(checked.err, OK);
    stage.host.wall_ms += 1;
    check_token(token);
    assert_nobody(ERR_TOKEN_EXPIRED);
}

static void an_own_token_ends_when_it_is_revoked_or_the_account_changes(void **state)
{
    struct span token = own_token(3600);

    (void)state;
    peer_stage_set_account(&stage, "viewer", false);
    check_token(token);
    assert_nobody(ERR_SESSION_REVOKED);
    token = own_token(3600);
    check_token(token);
    assert_int_equal(checked.err, OK);
    assert_int_equal(store_account_remove(stage.store.store, SPAN("7")), OK);
    credentials_forget(&stage.host, SPAN("7"), SPAN_EMPTY);
    check_token(token);
    assert_nobody(ERR_SESSION_REVOKED);
}

static void a_bearer_token_wins_over_a_cookie(void **state)
{
    struct span cookie = peer_stage_log_in(&stage, in_an_hour());
    struct span token = foreign_token("{\"iss\":\"elsewhere\",\"sub\":\"ext\",\"exp\":1700003600}");

    (void)state;
    assert_null(check_headers(cookie_of(cookie), bearer_of(token)));
    assert_string_equal(checked.user_id, "ext");
    assert_null(check_headers(cookie_of(cookie), "Bearer nonsense"));
    assert_nobody(ERR_BAD_TOKEN);
    assert_null(check_headers(cookie_of(cookie), "bearer"));
    assert_nobody(ERR_BAD_TOKEN);
}

static void the_cache_is_bounded(void **state)
{
    struct span first = own_token(3600);

    (void)state;
    check_token(first);
    for (unsigned i = 0; i < 10001; i++) {
        check_token(own_token(3600));
        assert_int_equal(checked.err, OK);
    }
    assert_in_range(stage.host.logins.count, 1, 10000);
    check_token(first);
    assert_int_equal(checked.err, OK);
}

/* ---- foreign tokens ----------------------------------------------------------------------------------------------- */

static void a_foreign_token_stands_for_itself(void **state)
{
    (void)state;
    check_token(
        foreign_token("{\"iss\":\"elsewhere\",\"sub\":\"u-1\",\"preferred_username\":\"ext\",\"roles\":[\"a\",\"b\"],"
                      "\"exp\":1700003600}"));
    assert_int_equal(checked.err, OK);
    assert_string_equal(checked.user_id, "u-1");
    assert_string_equal(checked.username, "ext");
    assert_int_equal(checked.role_count, 2);
    assert_false(checked.is_account);
    assert_int_equal(checked.expires_ms, in_an_hour());
    assert_int_equal(stage.job_count, 0);
}

static void a_foreign_token_does_not_speak_for_our_accounts(void **state)
{
    (void)state;
    check_token(foreign_token("{\"iss\":\"collabd\",\"sub\":\"7\",\"gen\":1,\"exp\":1700003600}"));
    assert_nobody(ERR_BAD_TOKEN);
    check_token(foreign_token("{\"iss\":\"elsewhere\",\"sub\":\"7\",\"gen\":1,\"exp\":1700003600}"));
    assert_int_equal(checked.err, OK);
    assert_false(checked.is_account);
    assert_int_equal(checked.role_count, 0);
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
        assert_nobody(ERR_BAD_TOKEN);
    }
    check_token(foreign_token("{\"iss\":\"elsewhere\",\"sub\":\"ext\",\"username\":\"a\\u202eb\",\"exp\":1700003600}"));
    assert_string_equal(checked.username, "ext");
}

static void a_token_within_the_leeway_ends_with_it(void **state)
{
    (void)state;
    check_token(foreign_token("{\"iss\":\"elsewhere\",\"sub\":\"ext\",\"exp\":1699999990}"));
    assert_int_equal(checked.err, OK);
    assert_true(checked.expires_ms == INT64_C(1700000020000));
    check_token(foreign_token("{\"iss\":\"elsewhere\",\"sub\":\"ext\",\"exp\":1699999970}"));
    assert_nobody(ERR_TOKEN_EXPIRED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, credentials_stage_set_up, rest_stage_tear_down)

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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
