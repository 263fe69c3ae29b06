#include "lib/jwt_stage.h"

static void what_we_sign_we_accept(void **state)
{
    const struct jwt_rules rules = {
        .issuer = SPAN("collabd"), .audience = SPAN("collabd"), .leeway_s = 30, .lifetime_max_s = 3600};
    struct span roles[] = {SPAN("manager"), SPAN("a \"b\" </script>")};
    const struct jwt_claims claims = {
        .subject = SPAN("2"),
        .issuer = SPAN("collabd"),
        .token_id = SPAN("t-9"),
        .username = SPAN("mgarcia"),
        .name = SPAN("Mar\xc3\xad"
                     "a\n\x01"),
        .avatar = SPAN("/m.png"),
        .roles = roles,
        .role_count = 2,
        .issued_s = NOW,
        .expires_s = NOW + 3600,
        .not_before_s = NOW - 5,
        .generation = UINT64_MAX,
        .has_generation = true,
    };
    const struct jwt_claims *read = &jwt.claims;

    (void)state;
    BUF_APPEND_LITERAL(&jwt.token, "Bearer ");
    jwt_sign(&jwt.token, SPAN("main"), secret, &claims, SPAN("collabd"));
    assert_int_equal(verify_token(&rules, span_slice(buf_span(&jwt.token), 7, jwt.token.len), NOW), OK);
    assert_true(span_equal(read->subject, claims.subject));
    assert_true(span_equal(read->issuer, claims.issuer));
    assert_true(span_equal(read->token_id, claims.token_id));
    assert_true(span_equal(read->username, claims.username));
    assert_true(span_equal(read->name, claims.name));
    assert_true(span_equal(read->avatar, claims.avatar));
    assert_int_equal(read->role_count, 2);
    assert_true(span_equal(read->roles[0], roles[0]));
    assert_true(span_equal(read->roles[1], roles[1]));
    assert_int_equal(read->issued_s, claims.issued_s);
    assert_int_equal(read->expires_s, claims.expires_s);
    assert_int_equal(read->not_before_s, claims.not_before_s);
    assert_true(read->has_generation);
    assert_true(read->generation == UINT64_MAX);
}

static void a_token_of_ours_may_say_little(void **state)
{
    const struct jwt_claims claims = {.expires_s = NOW + 60};

    (void)state;
    jwt_sign(&jwt.token, SPAN(""), secret, &claims, SPAN(""));
    assert_int_equal(verify_token(&lax, buf_span(&jwt.token), NOW), OK);
    assert_int_equal(jwt.claims.subject.len, 0);
    assert_int_equal(jwt.claims.issued_s, 0);
    assert_false(jwt.claims.has_generation);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, jwt_stage_set_up, jwt_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_we_sign_we_accept),
        TEST(a_token_of_ours_may_say_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
