#include "auth/jwt_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define P256_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define P256_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define P256 "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\""
#define ED25519 "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define RSA_N                                                                                                        \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-" \
    "pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"                \
    "UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"                    \
    "h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
#define RSA "\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\""
#define OCT "\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\""
#define SET(keys) "{\"keys\":[" keys "]}"

static void has(const char *text, bool allows_secrets, const enum jwt_algorithm *algorithms, uint32_t count)
{
    struct jwt_keys *keys = jwt_keys_new();
    struct buf why = BUF_EMPTY;

    assert_int_equal(jwt_keys_add_jwks(keys, span_from_str(text), allows_secrets, &why), OK);
    assert_int_equal(why.len, 0);
    assert_int_equal(keys->count, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(keys->keys[i].algorithm, algorithms[i]);
    buf_deinit(&why);
    jwt_keys_unref(keys);
}

static void is_refused(const char *text, const char *sentence)
{
    struct jwt_keys *keys = jwt_keys_new();
    struct buf why = BUF_EMPTY;

    assert_int_equal(jwt_keys_add_jwks(keys, span_from_str(text), true, &why), ERR_CONFIG);
    buf_append_char(&why, '\0');
    if (!strstr(why.data, sentence))
        fail_msg("\"%s\" does not say \"%s\"", why.data, sentence);
    buf_deinit(&why);
    jwt_keys_unref(keys);
}

static void keys_of_every_kind_are_read(void **state)
{
    static const enum jwt_algorithm all[] = {JWT_RS256, JWT_ES256, JWT_EDDSA, JWT_HS256};

    (void)state;
    has(SET("{" RSA "},{" P256 "},{" ED25519 "},{" OCT "}"), true, all, 4);
}

static void secrets_are_left_out_unless_allowed(void **state)
{
    static const enum jwt_algorithm rest[] = {JWT_ES256};

    (void)state;
    has(SET("{" OCT "},{" P256 "}"), false, rest, 1);
}

static void a_key_keeps_its_id(void **state)
{
    struct jwt_keys *keys = jwt_keys_new();
    struct buf why = BUF_EMPTY;

    (void)state;
    assert_int_equal(jwt_keys_add_jwks(keys, SPAN(SET("{" P256 ",\"kid\":\"2026-\\u0031\"}")), false, &why), OK);
    assert_true(span_equal(buf_span(&keys->keys[0].id), SPAN("2026-1")));
    buf_deinit(&why);
    jwt_keys_unref(keys);
}

static void keys_for_something_else_are_left_out(void **state)
{
    static const enum jwt_algorithm rest[] = {JWT_EDDSA};
    static const char *const others[] = {
        SET("{" RSA ",\"use\":\"enc\"},{" ED25519 "}"),
        SET("{" RSA ",\"use\":null},{" ED25519 "}"),
        SET("{" RSA ",\"alg\":\"RSA-OAEP\"},{" ED25519 "}"),
        SET("{" RSA ",\"alg\":\"PS256\"},{" ED25519 "}"),
        SET("{" RSA ",\"alg\":\"HS256\"},{" ED25519 "}"),
        SET("{" RSA ",\"key_ops\":[\"encrypt\"]},{" ED25519 "}"),
        SET("{" RSA ",\"key_ops\":[]},{" ED25519 "}"),
        SET("{" OCT ",\"alg\":\"HS512\"},{" ED25519 "}"),
        SET("{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AA\",\"y\":\"AA\"},{" ED25519 "}"),
        SET("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"},{" ED25519 "}"),
        SET("{\"kty\":\"AKP\"},{" ED25519 "}"),
        SET("{\"kty\":7},{},[],null,\"key\",{" ED25519 "}"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        has(others[i], true, rest, 1);
}

static void keys_that_say_they_are_for_signatures_are_taken(void **state)
{
    static const enum jwt_algorithm all[] = {JWT_RS256, JWT_ES256};

    (void)state;
    has(SET("{" RSA ",\"use\":\"sig\",\"alg\":\"RS256\"},{" P256
            ",\"key_ops\":[\"verify\"],\"x5u\":\"http://127.0.0.1/\"}"),
        false, all, 2);
}

static void broken_weak_and_private_keys_are_told(void **state)
{
    (void)state;
    is_refused(SET("{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTY\",\"e\":\"AQAB\"}"), "2048");
    is_refused(SET("{\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}"), "key 1: the numbers");
    is_refused(SET("{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQ==\"}"), "numbers");
    is_refused(SET("{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"\"}"), "numbers");
    is_refused(SET("{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"}"), "numbers");
    is_refused(SET("{" P256 "},{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" P256_X "\"}"), "key 2: the numbers");
    is_refused(SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" P256_X "\",\"y\":\"" P256_X "\"}"),
               "numbers"); /* off the curve */
    is_refused(SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" P256_X "AA\",\"y\":\"" P256_Y "\"}"), "numbers");
    is_refused(SET("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}"), "numbers");
    is_refused(SET("{\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}"), "32 bytes");
    is_refused(SET("{\"kty\":\"oct\"}"), "`k`");
    is_refused(SET("{" P256 ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}"), "private");
}

static void what_is_no_key_set_is_refused(void **state)
{
    (void)state;
    is_refused("", "JSON");
    is_refused("nonsense", "JSON");
    is_refused("{\"keys\":[],\"keys\":[]}", "JSON");
    is_refused("[]", "key set");
    is_refused("{}", "key set");
    is_refused("{\"keys\":{}}", "key set");
    is_refused("{" P256 "}", "key set");
    is_refused("{\"keys\":[]}", "no key");
    is_refused(SET("{\"kty\":\"AKP\"}"), "no key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_every_kind_are_read),
        cmocka_unit_test(secrets_are_left_out_unless_allowed),
        cmocka_unit_test(a_key_keeps_its_id),
        cmocka_unit_test(keys_for_something_else_are_left_out),
        cmocka_unit_test(keys_that_say_they_are_for_signatures_are_taken),
        cmocka_unit_test(broken_weak_and_private_keys_are_told),
        cmocka_unit_test(what_is_no_key_set_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
