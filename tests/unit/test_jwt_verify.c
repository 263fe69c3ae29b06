#include "lib/jwt_stage.h"

#include <openssl/x509.h>
#include <string.h>

/* ---- the examples of RFC 7515, appendix A ------------------------------------------------------------------------- */

#define RFC_PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

static void is_joe(const char *jwks, const char *token)
{
    struct span text = span_from_str(token);

    jwt_keys_unref(jwt.keys);
    jwt.keys = jwt_keys_new();
    assert_int_equal(jwt_keys_add_jwks(jwt.keys, span_from_str(jwks), true, &jwt.why), OK);
    assert_int_equal(verify_token(&lax, text, 1300819379), OK);
    assert_text(jwt.claims.issuer, "joe");
    assert_int_equal(jwt.claims.expires_s, 1300819380);
    assert_int_equal(verify_token(&lax, text, 1300819380 + 29), OK);
    assert_int_equal(verify_token(&lax, text, 1300819380 + 30), ERR_TOKEN_EXPIRED);
}

static void the_hs256_example_is_valid(void **state)
{
    (void)state;
    is_joe("{\"keys\":[{\"kty\":\"oct\",\"k\":\""
           "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}]}",
           "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." RFC_PAYLOAD ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

static void the_rs256_example_is_valid(void **state)
{
    (void)state;
    is_joe("{\"keys\":[{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26m"
           "PddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47s"
           "oMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMT"
           "BQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD"
           "TW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}]}",
           "eyJhbGciOiJSUzI1NiJ9." RFC_PAYLOAD
           ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2"
           "Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQ"
           "BMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6Ie"
           "YI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw");
}

static void the_es256_example_is_valid(void **state)
{
    (void)state;
    is_joe("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uP"
           "HvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}",
           "eyJhbGciOiJFUzI1NiJ9." RFC_PAYLOAD
           ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
}

/* ---- shape -------------------------------------------------------------------------------------------------------- */

/* Writes a shape with H, P and S replaced by the parts of the token. */
static void expand(struct buf *out, const char *shape, struct span token)
{
    struct span header = SPAN_EMPTY, payload = SPAN_EMPTY;
    struct span rest = token;

    assert_true(span_cut(&rest, '.', &header) && span_cut(&rest, '.', &payload));
    buf_reset(out);
    for (; *shape; shape++) {
        switch (*shape) {
        case 'H': buf_append_span(out, header); break;
        case 'P': buf_append_span(out, payload); break;
        case 'S': buf_append_span(out, rest); break;
        default: buf_append_char(out, *shape);
        }
    }
}

static void only_three_parts_with_dots_between_are_a_token(void **state)
{
    static const char *const refused[] = {
        "",       ".",       "..",        "...",     "H",         "H.P",         "H.P.",   "H..S",      ".P.S",
        "H.P..S", "H..P.S",  ".H.P.S",    "H.P.S.",  "H.P.S.S",   "H.P.S.H.P.S", "H.P.S=", "H.P.S==",   "H.P.S ",
        " H.P.S", "H.P.S\n", "H.P .S",    "H.P%2eS", "H.P,S",     "P.H.S",       "H.S.P",  "H.P.SAAAA", "H.P.AAAAS",
        "H.P.S+", "H.P.S/",  "H.PAAAA.S", "H!.P.S",  "H.P.S\x01", "HPS",
    };
    struct buf text = BUF_EMPTY;

    (void)state;
    assert_int_equal(verify_payload(GOOD), OK);
    expand(&text, "H.P.S", buf_span(&jwt.token));
    assert_int_equal(verify_token(&lax, buf_span(&text), NOW), OK);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        expand(&text, refused[i], buf_span(&jwt.token));
        assert_int_equal(verify_token(&lax, buf_span(&text), NOW), ERR_BAD_TOKEN);
    }
    buf_deinit(&text);
}

/* 32 bytes leave two bits of the 43rd character unused: three more spellings of the same signature. */
static void base64url_has_one_spelling(void **state)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *last;
    size_t value;

    (void)state;
    assert_int_equal(verify_payload(GOOD), OK);
    last = jwt.token.data + jwt.token.len - 1;
    value = (size_t)(strchr(alphabet, *last) - alphabet);
    assert_int_equal(value % 4, 0);
    for (size_t i = 1; i < 4; i++) {
        *last = alphabet[value + i];
        assert_int_equal(verify_token(&lax, buf_span(&jwt.token), NOW), ERR_BAD_TOKEN);
    }
}

static void a_token_over_8_kib_is_refused(void **state)
{
    struct buf payload = BUF_EMPTY;
    enum err result;

    (void)state;
    for (size_t filling = 5900; filling < 7000; filling += 100) {
        buf_reset(&payload);
        buf_append_str(&payload, "{\"exp\":1700000600,\"filling\":\"");
        for (size_t i = 0; i < filling; i++)
            buf_append_char(&payload, 'x');
        buf_append_str(&payload, "\"}");
        buf_append_char(&payload, '\0');
        result = verify_payload(payload.data);
        assert_int_equal(result, jwt.token.len <= 8192 ? OK : ERR_BAD_TOKEN);
    }
    assert_true(jwt.token.len > 8192);
    buf_deinit(&payload);
}

static void every_cut_and_every_changed_byte_is_noticed(void **state)
{
    (void)state;
    assert_int_equal(verify_payload(GOOD), OK);
    for (size_t i = 0; i < jwt.token.len; i++) {
        char before = jwt.token.data[i];

        assert_int_equal(verify_token(&lax, span_of(jwt.token.data, i), NOW), ERR_BAD_TOKEN);
        jwt.token.data[i] = before == 'A' ? 'B' : 'A';
        assert_int_equal(verify_token(&lax, buf_span(&jwt.token), NOW), ERR_BAD_TOKEN);
        jwt.token.data[i] = before;
    }
}

/* ---- header ------------------------------------------------------------------------------------------------------- */

static void the_type_is_a_jwt_or_not_given(void **state)
{
    (void)state;
    assert_int_equal(verify_header("{\"alg\":\"HS256\"}"), OK);
    assert_int_equal(verify_header("{\"alg\":\"HS256\",\"typ\":\"jwt\"}"), OK);
    assert_int_equal(verify_header("{\"alg\":\"HS256\",\"typ\":\"at+JWT\"}"), OK);
    assert_int_equal(verify_header("{\"alg\":\"HS256\",\"typ\":\"JWE\"}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_header("{\"alg\":\"HS256\",\"typ\":\"secevent+jwt\"}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_header("{\"alg\":\"HS256\",\"typ\":\"\"}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_header("{\"alg\":\"HS256\",\"typ\":null}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_header("{\"alg\":\"HS256\",\"typ\":7}"), ERR_BAD_TOKEN);
}

static void other_algorithms_are_refused(void **state)
{
    static const char *const headers[] = {
        "{}",
        "{\"typ\":\"JWT\"}",
        "{\"alg\":null}",
        "{\"alg\":\"\"}",
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"NONE\"}",
        "{\"alg\":\"nOnE\"}",
        "{\"alg\":\"hs256\"}",
        "{\"alg\":\"HS256 \"}",
        "{\"alg\":\"HS384\"}",
        "{\"alg\":\"HS512\"}",
        "{\"alg\":\"RS256\"}", /* known, but the key is none of it */
        "{\"alg\":\"ES256\"}",
        "{\"alg\":\"EdDSA\"}",
        "{\"alg\":\"PS256\"}",
        "{\"alg\":[\"HS256\"]}",
        "{\"alg\":\"HS256\\u0000\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        assert_int_equal(verify_header(headers[i]), ERR_BAD_TOKEN);
}

static void an_unsigned_token_is_refused(void **state)
{
    (void)state;
    mint_unsigned(&jwt.token, SPAN("{\"alg\":\"none\"}"), SPAN(GOOD));
    assert_int_equal(verify_token(&lax, buf_span(&jwt.token), NOW), ERR_BAD_TOKEN);
    buf_append_char(&jwt.token, '.');
    assert_int_equal(verify_token(&lax, buf_span(&jwt.token), NOW), ERR_BAD_TOKEN);
    BUF_APPEND_LITERAL(&jwt.token, "AA");
    assert_int_equal(verify_token(&lax, buf_span(&jwt.token), NOW), ERR_BAD_TOKEN);
}

static void headers_that_change_the_meaning_are_refused(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"HS256\",\"crit\":[]}",
        "{\"alg\":\"HS256\",\"crit\":null}",
        "{\"alg\":\"HS256\",\"zip\":\"DEF\"}",
        "{\"alg\":\"HS256\",\"b64\":false}",
        "{\"alg\":\"HS256\",\"b64\":true}",
        "{\"alg\":\"HS256\",\"kid\":7}",
        "{\"alg\":\"HS256\",\"kid\":null}",
        "{\"alg\":\"HS256\",\"kid\":[\"main\"]}",
        "{\"alg\":\"none\",\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}",
        "[\"HS256\"]",
        "\"HS256\"",
        "null",
        "",
        "{\"alg\":\"HS256\"",
        "{\"alg\":\"HS256\"} ,",
        "{\"alg\":\"HS256\",}",
        "{'alg':'HS256'}",
        "\xef\xbb\xbf{\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"x\":\"\xff\"}",
        "{\"alg\":\"HS256\",\"x\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        assert_int_equal(verify_header(headers[i]), ERR_BAD_TOKEN);
}

/* Keys come from the configuration. What a header says about where to find them changes nothing. */
static void a_key_that_comes_with_the_token_is_not_used(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA\"}}",
        "{\"alg\":\"HS256\",\"jku\":\"http://127.0.0.1:1/keys\"}",
        "{\"alg\":\"HS256\",\"x5u\":\"http://127.0.0.1:1/cert\",\"x5c\":[\"AAAA\"]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        buf_reset(&jwt.token);
        mint_with_secret(&jwt.token, span_from_str(headers[i]), SPAN(GOOD), other_secret);
        assert_int_equal(verify_token(&lax, buf_span(&jwt.token), NOW), ERR_BAD_TOKEN);
        assert_int_equal(verify_header(headers[i]), OK);
    }
}

/* ---- which key ---------------------------------------------------------------------------------------------------- */

static enum err verify_with(const char *header, struct span with)
{
    buf_reset(&jwt.token);
    mint_with_secret(&jwt.token, span_from_str(header), SPAN(GOOD), with);
    return verify_token(&lax, buf_span(&jwt.token), NOW);
}

static void a_known_key_id_decides_which_key_it_is(void **state)
{
    (void)state;
    assert_int_equal(jwt_keys_add_secret(jwt.keys, SPAN("next"), other_secret, &jwt.why), OK);
    assert_int_equal(verify_with("{\"alg\":\"HS256\",\"kid\":\"main\"}", secret), OK);
    assert_int_equal(verify_with("{\"alg\":\"HS256\",\"kid\":\"next\"}", other_secret), OK);
    assert_int_equal(verify_with("{\"alg\":\"HS256\",\"kid\":\"main\"}", other_secret), ERR_BAD_TOKEN);
    assert_int_equal(verify_with("{\"alg\":\"HS256\",\"kid\":\"next\"}", secret), ERR_BAD_TOKEN);
}

static void without_a_known_key_id_every_key_may_be_it(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"kid\":\"\"}",
        "{\"alg\":\"HS256\",\"kid\":\"unknown\"}",
        "{\"alg\":\"HS256\",\"kid\":\"../../../etc/passwd\"}",
        "{\"alg\":\"HS256\",\"kid\":\"' OR 1=1 --\"}",
        "{\"alg\":\"HS256\",\"kid\":\"http://127.0.0.1:1/\"}",
    };

    (void)state;
    assert_int_equal(jwt_keys_add_secret(jwt.keys, SPAN("next"), other_secret, &jwt.why), OK);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        assert_int_equal(verify_with(headers[i], secret), OK);
        assert_int_equal(verify_with(headers[i], other_secret), OK);
        assert_int_equal(verify_with(headers[i], SPAN("a third secret of thirty-two byte")), ERR_BAD_TOKEN);
    }
}

static void at_most_16_keys_are_tried(void **state)
{
    (void)state;
    for (int i = 0; i < 15; i++)
        assert_int_equal(jwt_keys_add_secret(jwt.keys, SPAN(""), secret, &jwt.why), OK);
    assert_int_equal(jwt_keys_add_secret(jwt.keys, SPAN("last"), other_secret, &jwt.why), OK);
    assert_int_equal(verify_with("{\"alg\":\"HS256\"}", other_secret), ERR_BAD_TOKEN);
    assert_int_equal(verify_with("{\"alg\":\"HS256\",\"kid\":\"last\"}", other_secret), OK);
    assert_text(jwt.claims.key_id, "last");
}

static void an_empty_set_accepts_nobody(void **state)
{
    (void)state;
    jwt_keys_unref(jwt.keys);
    jwt.keys = jwt_keys_new();
    assert_int_equal(verify_payload(GOOD), ERR_BAD_TOKEN);
}

static void each_kind_of_key_verifies_its_own_tokens_only(void **state)
{
    static const char *const headers[] = {"{\"alg\":\"RS256\"}", "{\"alg\":\"ES256\"}", "{\"alg\":\"EdDSA\"}"};
    EVP_PKEY *const private[] = {EVP_RSA_gen(2048), EVP_EC_gen("P-256"), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
    struct buf pem = BUF_EMPTY;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        buf_reset(&pem);
        mint_public_pem(&pem, private[i]);
        assert_int_equal(jwt_keys_add_pem(jwt.keys, SPAN(""), buf_span(&pem), &jwt.why), OK);
    }
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            buf_reset(&jwt.token);
            mint_with_key(&jwt.token, span_from_str(headers[i]), SPAN(GOOD), private[j]);
            assert_int_equal(verify_token(&lax, buf_span(&jwt.token), NOW), i == j ? OK : ERR_BAD_TOKEN);
        }
    }
    for (size_t i = 0; i < 3; i++)
        EVP_PKEY_free(private[i]);
    buf_deinit(&pem);
}

/* Everybody knows the public key. A verifier that lets the token choose the algorithm takes it for an HMAC secret. */
static void a_public_key_is_no_hmac_secret(void **state)
{
    EVP_PKEY *const private[] = {EVP_RSA_gen(2048), EVP_EC_gen("P-256"), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct jwt_keys *keys = jwt_keys_new();
        struct buf pem = BUF_EMPTY;
        unsigned char *der = NULL;
        int der_len = i2d_PUBKEY(private[i], &der);
        struct span as_secret[2];

        mint_public_pem(&pem, private[i]);
        as_secret[0] = buf_span(&pem);
        as_secret[1] = span_of(der, (size_t)der_len);
        assert_int_equal(jwt_keys_add_pem(keys, SPAN("main"), buf_span(&pem), &jwt.why), OK);
        jwt_keys_unref(jwt.keys);
        jwt.keys = keys;
        for (size_t j = 0; j < 2; j++) {
            assert_int_equal(verify_with("{\"alg\":\"HS256\",\"kid\":\"main\"}", as_secret[j]), ERR_BAD_TOKEN);
            assert_int_equal(verify_with("{\"alg\":\"HS256\"}", as_secret[j]), ERR_BAD_TOKEN);
            assert_int_equal(verify_with("{\"alg\":\"RS256\"}", as_secret[j]), ERR_BAD_TOKEN);
        }
        OPENSSL_free(der);
        buf_deinit(&pem);
        EVP_PKEY_free(private[i]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, jwt_stage_set_up, jwt_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_hs256_example_is_valid),
        TEST(the_rs256_example_is_valid),
        TEST(the_es256_example_is_valid),
        TEST(only_three_parts_with_dots_between_are_a_token),
        TEST(base64url_has_one_spelling),
        TEST(a_token_over_8_kib_is_refused),
        TEST(every_cut_and_every_changed_byte_is_noticed),
        TEST(the_type_is_a_jwt_or_not_given),
        TEST(other_algorithms_are_refused),
        TEST(an_unsigned_token_is_refused),
        TEST(headers_that_change_the_meaning_are_refused),
        TEST(a_key_that_comes_with_the_token_is_not_used),
        TEST(a_known_key_id_decides_which_key_it_is),
        TEST(without_a_known_key_id_every_key_may_be_it),
        TEST(at_most_16_keys_are_tried),
        TEST(an_empty_set_accepts_nobody),
        TEST(each_kind_of_key_verifies_its_own_tokens_only),
        TEST(a_public_key_is_no_hmac_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
