#include "lib/jwt_stage.h"

/* ---- times -------------------------------------------------------------------------------------------------------- */

static void a_token_ends(void **state)
{
    (void)state;
    assert_int_equal(verify_payload("{\"exp\":1700000001}"), OK);
    assert_int_equal(verify_payload("{\"exp\":1699999971}"), OK); /* 29 s ago: within the leeway */
    assert_int_equal(verify_payload("{\"exp\":1699999970}"), ERR_TOKEN_EXPIRED);
    assert_int_equal(verify_payload("{\"exp\":1}"), ERR_TOKEN_EXPIRED);
    assert_int_equal(verify_payload("{\"exp\":253402300799}"), OK);
}

static void the_end_is_an_integer_and_must_be_there(void **state)
{
    static const char *const payloads[] = {
        "{}",
        "{\"sub\":\"7\"}",
        "{\"exp\":null}",
        "{\"exp\":0}",
        "{\"exp\":-1}",
        "{\"exp\":-1700000600}",
        "{\"exp\":1700000600.5}",
        "{\"exp\":1700000600.0}",
        "{\"exp\":1.7000006e9}",
        "{\"exp\":\"1700000600\"}",
        "{\"exp\":true}",
        "{\"exp\":[1700000600]}",
        "{\"exp\":{}}",
        "{\"exp\":253402300800}",
        "{\"exp\":9223372036854775807}",
        "{\"exp\":9223372036854775808}",
        "{\"exp\":18446744073709551615}",
        "{\"exp\":18446744073709551616}",
        "{\"exp\":1e400}",
        "{\"exp\":NaN}",
        "{\"exp\":1,\"exp\":1700000600}",
        "{\"Exp\":1700000600}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        assert_int_equal(verify_payload(payloads[i]), ERR_BAD_TOKEN);
}

static void a_token_begins(void **state)
{
    (void)state;
    assert_int_equal(verify_payload("{\"nbf\":1700000030,\"exp\":1700000600}"), OK);
    assert_int_equal(verify_payload("{\"nbf\":1700000031,\"exp\":1700000600}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_payload("{\"iat\":1700000030,\"exp\":1700000600}"), OK);
    assert_int_equal(verify_payload("{\"iat\":1700000031,\"exp\":1700000600}"), ERR_BAD_TOKEN);
    assert_int_equal(jwt.claims.issued_s, 1700000031);
}

static void nonsense_times_are_refused(void **state)
{
    static const char *const payloads[] = {
        "{\"exp\":1700000600,\"iat\":9223372036854775808}",
        "{\"exp\":1700000600,\"iat\":-1}",
        "{\"exp\":1700000600,\"iat\":0}",
        "{\"exp\":1700000600,\"iat\":\"1\"}",
        "{\"exp\":1700000600,\"iat\":1.5}",
        "{\"exp\":1700000600,\"iat\":null}",
        "{\"exp\":1700000600,\"nbf\":9223372036854775807}",
        "{\"exp\":1700000600,\"nbf\":-9223372036854775808}",
        "{\"exp\":1700000600,\"nbf\":\"soon\"}",
        "{\"exp\":1700000010,\"nbf\":1700000020}", /* ends before it begins */
        "{\"exp\":1700000010,\"iat\":1700000020}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        assert_int_equal(verify_payload(payloads[i]), ERR_BAD_TOKEN);
}

static void a_life_may_be_limited(void **state)
{
    const struct jwt_rules rules = {.leeway_s = 30, .lifetime_max_s = 3600};

    (void)state;
    assert_int_equal(verify_signed(&rules, HS256, "{\"iat\":1699999000,\"exp\":1700002600}"), OK);
    assert_int_equal(verify_signed(&rules, HS256, "{\"iat\":1699999000,\"exp\":1700002601}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":1700003630}"), OK);
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":1700003631}"), ERR_BAD_TOKEN);
}

/* ---- who it is from, and for whom --------------------------------------------------------------------------------- */

static void the_issuer_must_be_the_one_named(void **state)
{
    const struct jwt_rules rules = {.issuer = SPAN("https://id.example"), .leeway_s = 30};

    (void)state;
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":1700000600,\"iss\":\"https://id.example\"}"), OK);
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":1700000600,\"iss\":\"https://id.example/\"}"),
                     ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":1700000600,\"iss\":\"HTTPS://id.example\"}"),
                     ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":1700000600,\"iss\":\"\"}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":1700000600,\"iss\":[\"https://id.example\"]}"),
                     ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":1700000600}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_payload("{\"exp\":1700000600,\"iss\":\"anybody\"}"), OK);
    assert_int_equal(verify_payload("{\"exp\":1700000600,\"iss\":7}"), ERR_BAD_TOKEN);
}

static void the_audience_must_be_among_those_named(void **state)
{
    const struct jwt_rules rules = {.audience = SPAN("collabd"), .leeway_s = 30};

    (void)state;
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":1700000600,\"aud\":\"collabd\"}"), OK);
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":1700000600,\"aud\":[\"a\",\"collabd\"]}"), OK);
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":1700000600,\"aud\":[\"a\",\"b\"]}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":1700000600,\"aud\":[]}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":1700000600,\"aud\":[\"collabd\",7]}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":1700000600,\"aud\":{\"collabd\":1}}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":1700000600,\"aud\":\"collabd2\"}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":1700000600,\"aud\":null}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":1700000600}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_payload("{\"exp\":1700000600,\"aud\":\"anybody\"}"), OK);
    assert_int_equal(verify_payload("{\"exp\":1700000600,\"aud\":7}"), ERR_BAD_TOKEN);
}

/* An expired token of a wrong issuer is wrong, not expired: getting a new one would not help. */
static void expired_is_said_only_of_what_was_good_otherwise(void **state)
{
    const struct jwt_rules rules = {.issuer = SPAN("a"), .audience = SPAN("b"), .leeway_s = 0};

    (void)state;
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":5,\"iss\":\"a\",\"aud\":\"b\"}"), ERR_TOKEN_EXPIRED);
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":5,\"iss\":\"x\",\"aud\":\"b\"}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":5,\"iss\":\"a\",\"aud\":\"x\"}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(&rules, HS256, "{\"exp\":5,\"iss\":\"a\",\"aud\":\"b\",\"iat\":6}"), ERR_BAD_TOKEN);
}

/* ---- claims ------------------------------------------------------------------------------------------------------- */

static void the_claims_are_given(void **state)
{
    const struct jwt_claims *claims = &jwt.claims;

    (void)state;
    assert_int_equal(
        verify_payload(
            "{\"sub\":\"7\",\"iss\":\"me\",\"jti\":\"t1\",\"exp\":1700000600,\"iat\":1699999999,\"nbf\":1699999998,"
            "\"preferred_username\":\"akhan\",\"name\":\"Amir Kh\\u00e4n\",\"picture\":\"/a.png\","
            "\"roles\":[\"editor\",\"approver\"],\"gen\":3}"),
        OK);
    assert_text(claims->subject, "7");
    assert_text(claims->issuer, "me");
    assert_text(claims->token_id, "t1");
    assert_text(claims->username, "akhan");
    assert_true(span_equal(claims->name, SPAN("Amir Kh\xc3\xa4n")));
    assert_text(claims->avatar, "/a.png");
    assert_int_equal(claims->role_count, 2);
    assert_text(claims->roles[0], "editor");
    assert_text(claims->roles[1], "approver");
    assert_int_equal(claims->expires_s, 1700000600);
    assert_int_equal(claims->issued_s, 1699999999);
    assert_int_equal(claims->not_before_s, 1699999998);
    assert_true(claims->has_generation);
    assert_int_equal(claims->generation, 3);
}

static void what_is_missing_is_empty(void **state)
{
    const struct jwt_claims *claims = &jwt.claims;

    (void)state;
    assert_int_equal(verify_payload("{\"exp\":1700000600,\"name\":null,\"picture\":{},\"username\":\"ada\"}"), OK);
    assert_int_equal(claims->subject.len, 0);
    assert_int_equal(claims->name.len, 0);
    assert_int_equal(claims->avatar.len, 0);
    assert_int_equal(claims->role_count, 0);
    assert_int_equal(claims->issued_s, 0);
    assert_false(claims->has_generation);
    assert_text(claims->username, "ada");
}

static void roles_may_be_words(void **state)
{
    const struct jwt_claims *claims = &jwt.claims;

    (void)state;
    assert_int_equal(verify_payload("{\"exp\":1700000600,\"roles\":\" editor  approver \"}"), OK);
    assert_int_equal(claims->role_count, 2);
    assert_text(claims->roles[0], "editor");
    assert_text(claims->roles[1], "approver");
    assert_int_equal(verify_payload("{\"exp\":1700000600,\"roles\":\"\"}"), OK);
    assert_int_equal(claims->role_count, 0);
    assert_int_equal(verify_payload("{\"exp\":1700000600,\"roles\":\"a b c d e f\"}"), OK);
    assert_int_equal(claims->role_count, 6);
}

static void claims_of_a_wrong_type_are_refused(void **state)
{
    static const char *const payloads[] = {
        "{\"exp\":1700000600,\"sub\":7}",
        "{\"exp\":1700000600,\"sub\":null}",
        "{\"exp\":1700000600,\"jti\":[]}",
        "{\"exp\":1700000600,\"roles\":7}",
        "{\"exp\":1700000600,\"roles\":{\"admin\":true}}",
        "{\"exp\":1700000600,\"roles\":[\"editor\",7]}",
        "{\"exp\":1700000600,\"roles\":[[\"admin\"]]}",
        "{\"exp\":1700000600,\"gen\":-1}",
        "{\"exp\":1700000600,\"gen\":\"3\"}",
        "{\"exp\":1700000600,\"gen\":3.5}",
        "{\"exp\":1700000600,\"sub\":\"a\",\"sub\":\"b\"}",
        "{\"exp\":1700000600,\"sub\":\"a\",\"s\\u0075b\":\"b\"}",
        "{\"exp\":1700000600,\"sub\":\"a\\u0000b\"}",
        "{\"exp\":1700000600,\"sub\":\"\\ud800\"}",
        "{\"exp\":1700000600,\"sub\":\"\xff\"}",
        "[{\"exp\":1700000600}]",
        "\"exp\"",
        "1700000600",
        "null",
        "{\"exp\":1700000600}{}",
        "{\"exp\":1700000600",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        assert_int_equal(verify_payload(payloads[i]), ERR_BAD_TOKEN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, jwt_stage_set_up, jwt_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_token_ends),
        TEST(the_end_is_an_integer_and_must_be_there),
        TEST(a_token_begins),
        TEST(nonsense_times_are_refused),
        TEST(a_life_may_be_limited),
        TEST(the_issuer_must_be_the_one_named),
        TEST(the_audience_must_be_among_those_named),
        TEST(expired_is_said_only_of_what_was_good_otherwise),
        TEST(the_claims_are_given),
        TEST(what_is_missing_is_empty),
        TEST(roles_may_be_words),
        TEST(claims_of_a_wrong_type_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
