#include "auth/jwt_keys.h"
#include "lib/mint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/x509.h>
#include <string.h>

enum { NOW = 1700000000 };

#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define GOOD "{\"sub\":\"7\",\"exp\":1700000600}"

static const struct span secret = SPAN_INIT("0123456789abcdef0123456789abcdef");
static const struct span other_secret = SPAN_INIT("fedcba9876543210fedcba9876543210");
static const struct jwt_rules lax = {.leeway_s = 30};

/* A set with the key of `secret`, an arena for the claims, and a token under way. */
struct fixture {
    struct jwt_keys *keys;
    struct arena arena;
    struct buf token, why;
    struct jwt_claims claims;
};

static int set_up(void **state)
{
    static struct fixture fixture;

    fixture = (struct fixture){.keys = jwt_keys_new()};
    arena_init(&fixture.arena, 4096);
    *state = &fixture;
    return jwt_keys_add_secret(fixture.keys, SPAN("main"), secret, &fixture.why) == OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    jwt_keys_unref(fixture->keys);
    arena_deinit(&fixture->arena);
    buf_deinit(&fixture->token);
    buf_deinit(&fixture->why);
    return 0;
}

static enum err verify(struct fixture *fixture, const struct jwt_rules *rules, struct span token, int64_t now_s)
{
    arena_reset(&fixture->arena);
    return jwt_verify(fixture->keys, rules, token, now_s, &fixture->arena, &fixture->claims);
}

static enum err verify_signed(struct fixture *fixture, const struct jwt_rules *rules, const char *header,
                              const char *payload)
{
    buf_reset(&fixture->token);
    mint_with_secret(&fixture->token, span_from_str(header), span_from_str(payload), secret);
    return verify(fixture, rules, buf_span(&fixture->token), NOW);
}

static enum err verify_payload(struct fixture *fixture, const char *payload)
{
    return verify_signed(fixture, &lax, HS256, payload);
}

static enum err verify_header(struct fixture *fixture, const char *header)
{
    return verify_signed(fixture, &lax, header, GOOD);
}

/* ---- the examples of RFC 7515, appendix A ---- */

#define RFC_PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

static void is_joe(struct fixture *fixture, const char *jwks, const char *token)
{
    struct span text = span_from_str(token);

    jwt_keys_unref(fixture->keys);
    fixture->keys = jwt_keys_new();
    assert_int_equal(jwt_keys_add_jwks(fixture->keys, span_from_str(jwks), true, &fixture->why), OK);
    assert_int_equal(verify(fixture, &lax, text, 1300819379), OK);
    assert_true(span_equal(fixture->claims.issuer, SPAN("joe")));
    assert_int_equal(fixture->claims.expires_s, 1300819380);
    assert_int_equal(verify(fixture, &lax, text, 1300819380 + 29), OK);
    assert_int_equal(verify(fixture, &lax, text, 1300819380 + 30), ERR_TOKEN_EXPIRED);
}

static void the_hs256_example_is_valid(void **state)
{
    is_joe(*state,
           "{\"keys\":[{\"kty\":\"oct\",\"k\":\""
           "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}]}",
           "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." RFC_PAYLOAD ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

static void the_rs256_example_is_valid(void **state)
{
    is_joe(*state,
           "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26m"
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
    is_joe(*state,
           "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uP"
           "HvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}",
           "eyJhbGciOiJFUzI1NiJ9." RFC_PAYLOAD
           ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
}

/* ---- shape ---- */

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
    struct fixture *fixture = *state;
    struct buf text = BUF_EMPTY;

    assert_int_equal(verify_payload(fixture, GOOD), OK);
    expand(&text, "H.P.S", buf_span(&fixture->token));
    assert_int_equal(verify(fixture, &lax, buf_span(&text), NOW), OK);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        expand(&text, refused[i], buf_span(&fixture->token));
        assert_int_equal(verify(fixture, &lax, buf_span(&text), NOW), ERR_BAD_TOKEN);
    }
    buf_deinit(&text);
}

/* 32 bytes leave two bits of the 43rd character unused: three more spellings of the same signature. */
static void base64url_has_one_spelling(void **state)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct fixture *fixture = *state;
    char *last;
    size_t value;

    assert_int_equal(verify_payload(fixture, GOOD), OK);
    last = fixture->token.data + fixture->token.len - 1;
    value = (size_t)(strchr(alphabet, *last) - alphabet);
    assert_int_equal(value % 4, 0);
    for (size_t i = 1; i < 4; i++) {
        *last = alphabet[value + i];
        assert_int_equal(verify(fixture, &lax, buf_span(&fixture->token), NOW), ERR_BAD_TOKEN);
    }
}

static void a_token_over_8_kib_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct buf payload = BUF_EMPTY;
    enum err result;

    for (size_t filling = 5900; filling < 7000; filling += 100) {
        buf_reset(&payload);
        buf_append_str(&payload, "{\"exp\":1700000600,\"filling\":\"");
        for (size_t i = 0; i < filling; i++)
            buf_append_char(&payload, 'x');
        buf_append_str(&payload, "\"}");
        buf_append_char(&payload, '\0');
        result = verify_payload(fixture, payload.data);
        assert_int_equal(result, fixture->token.len <= 8192 ? OK : ERR_BAD_TOKEN);
    }
    assert_true(fixture->token.len > 8192);
    buf_deinit(&payload);
}

static void every_cut_and_every_changed_byte_is_noticed(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(verify_payload(fixture, GOOD), OK);
    for (size_t i = 0; i < fixture->token.len; i++) {
        char before = fixture->token.data[i];

        assert_int_equal(verify(fixture, &lax, span_of(fixture->token.data, i), NOW), ERR_BAD_TOKEN);
        fixture->token.data[i] = before == 'A' ? 'B' : 'A';
        assert_int_equal(verify(fixture, &lax, buf_span(&fixture->token), NOW), ERR_BAD_TOKEN);
        fixture->token.data[i] = before;
    }
}

/* ---- header ---- */

static void the_type_is_a_jwt_or_not_given(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(verify_header(fixture, "{\"alg\":\"HS256\"}"), OK);
    assert_int_equal(verify_header(fixture, "{\"alg\":\"HS256\",\"typ\":\"jwt\"}"), OK);
    assert_int_equal(verify_header(fixture, "{\"alg\":\"HS256\",\"typ\":\"at+JWT\"}"), OK);
    assert_int_equal(verify_header(fixture, "{\"alg\":\"HS256\",\"typ\":\"JWE\"}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_header(fixture, "{\"alg\":\"HS256\",\"typ\":\"secevent+jwt\"}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_header(fixture, "{\"alg\":\"HS256\",\"typ\":\"\"}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_header(fixture, "{\"alg\":\"HS256\",\"typ\":null}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_header(fixture, "{\"alg\":\"HS256\",\"typ\":7}"), ERR_BAD_TOKEN);
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
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        assert_int_equal(verify_header(fixture, headers[i]), ERR_BAD_TOKEN);
}

static void an_unsigned_token_is_refused(void **state)
{
    struct fixture *fixture = *state;

    mint_unsigned(&fixture->token, SPAN("{\"alg\":\"none\"}"), SPAN(GOOD));
    assert_int_equal(verify(fixture, &lax, buf_span(&fixture->token), NOW), ERR_BAD_TOKEN);
    buf_append_char(&fixture->token, '.');
    assert_int_equal(verify(fixture, &lax, buf_span(&fixture->token), NOW), ERR_BAD_TOKEN);
    BUF_APPEND_LITERAL(&fixture->token, "AA");
    assert_int_equal(verify(fixture, &lax, buf_span(&fixture->token), NOW), ERR_BAD_TOKEN);
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
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        assert_int_equal(verify_header(fixture, headers[i]), ERR_BAD_TOKEN);
}

/* Keys come from the configuration. What a header says about where to find them changes nothing. */
static void a_key_that_comes_with_the_token_is_not_used(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA\"}}",
        "{\"alg\":\"HS256\",\"jku\":\"http://127.0.0.1:1/keys\"}",
        "{\"alg\":\"HS256\",\"x5u\":\"http://127.0.0.1:1/cert\",\"x5c\":[\"AAAA\"]}",
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        buf_reset(&fixture->token);
        mint_with_secret(&fixture->token, span_from_str(headers[i]), SPAN(GOOD), other_secret);
        assert_int_equal(verify(fixture, &lax, buf_span(&fixture->token), NOW), ERR_BAD_TOKEN);
        assert_int_equal(verify_header(fixture, headers[i]), OK);
    }
}

/* ---- which key ---- */

static enum err verify_with(struct fixture *fixture, const char *header, struct span with)
{
    buf_reset(&fixture->token);
    mint_with_secret(&fixture->token, span_from_str(header), SPAN(GOOD), with);
    return verify(fixture, &lax, buf_span(&fixture->token), NOW);
}

static void a_known_key_id_decides_which_key_it_is(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(jwt_keys_add_secret(fixture->keys, SPAN("next"), other_secret, &fixture->why), OK);
    assert_int_equal(verify_with(fixture, "{\"alg\":\"HS256\",\"kid\":\"main\"}", secret), OK);
    assert_int_equal(verify_with(fixture, "{\"alg\":\"HS256\",\"kid\":\"next\"}", other_secret), OK);
    assert_int_equal(verify_with(fixture, "{\"alg\":\"HS256\",\"kid\":\"main\"}", other_secret), ERR_BAD_TOKEN);
    assert_int_equal(verify_with(fixture, "{\"alg\":\"HS256\",\"kid\":\"next\"}", secret), ERR_BAD_TOKEN);
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
    struct fixture *fixture = *state;

    assert_int_equal(jwt_keys_add_secret(fixture->keys, SPAN("next"), other_secret, &fixture->why), OK);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        assert_int_equal(verify_with(fixture, headers[i], secret), OK);
        assert_int_equal(verify_with(fixture, headers[i], other_secret), OK);
        assert_int_equal(verify_with(fixture, headers[i], SPAN("a third secret of thirty-two byte")), ERR_BAD_TOKEN);
    }
}

static void at_most_16_keys_are_tried(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 15; i++)
        assert_int_equal(jwt_keys_add_secret(fixture->keys, SPAN(""), secret, &fixture->why), OK);
    assert_int_equal(jwt_keys_add_secret(fixture->keys, SPAN("last"), other_secret, &fixture->why), OK);
    assert_int_equal(verify_with(fixture, "{\"alg\":\"HS256\"}", other_secret), ERR_BAD_TOKEN);
    assert_int_equal(verify_with(fixture, "{\"alg\":\"HS256\",\"kid\":\"last\"}", other_secret), OK);
    assert_true(span_equal(fixture->claims.key_id, SPAN("last")));
}

static void an_empty_set_accepts_nobody(void **state)
{
    struct fixture *fixture = *state;

    jwt_keys_unref(fixture->keys);
    fixture->keys = jwt_keys_new();
    assert_int_equal(verify_payload(fixture, GOOD), ERR_BAD_TOKEN);
}

static void each_kind_of_key_verifies_its_own_tokens_only(void **state)
{
    static const char *const headers[] = {"{\"alg\":\"RS256\"}", "{\"alg\":\"ES256\"}", "{\"alg\":\"EdDSA\"}"};
    EVP_PKEY *const private[] = {EVP_RSA_gen(2048), EVP_EC_gen("P-256"), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
    struct fixture *fixture = *state;
    struct buf pem = BUF_EMPTY;

    for (size_t i = 0; i < 3; i++) {
        buf_reset(&pem);
        mint_public_pem(&pem, private[i]);
        assert_int_equal(jwt_keys_add_pem(fixture->keys, SPAN(""), buf_span(&pem), &fixture->why), OK);
    }
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            buf_reset(&fixture->token);
            mint_with_key(&fixture->token, span_from_str(headers[i]), SPAN(GOOD), private[j]);
            assert_int_equal(verify(fixture, &lax, buf_span(&fixture->token), NOW), i == j ? OK : ERR_BAD_TOKEN);
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
    struct fixture *fixture = *state;

    for (size_t i = 0; i < 3; i++) {
        struct jwt_keys *keys = jwt_keys_new();
        struct buf pem = BUF_EMPTY;
        unsigned char *der = NULL;
        int der_len = i2d_PUBKEY(private[i], &der);
        struct span as_secret[2];

        mint_public_pem(&pem, private[i]);
        as_secret[0] = buf_span(&pem);
        as_secret[1] = span_of(der, (size_t)der_len);
        assert_int_equal(jwt_keys_add_pem(keys, SPAN("main"), buf_span(&pem), &fixture->why), OK);
        jwt_keys_unref(fixture->keys);
        fixture->keys = keys;
        for (size_t j = 0; j < 2; j++) {
            assert_int_equal(verify_with(fixture, "{\"alg\":\"HS256\",\"kid\":\"main\"}", as_secret[j]), ERR_BAD_TOKEN);
            assert_int_equal(verify_with(fixture, "{\"alg\":\"HS256\"}", as_secret[j]), ERR_BAD_TOKEN);
            assert_int_equal(verify_with(fixture, "{\"alg\":\"RS256\"}", as_secret[j]), ERR_BAD_TOKEN);
        }
        OPENSSL_free(der);
        buf_deinit(&pem);
        EVP_PKEY_free(private[i]);
    }
}

/* ---- times ---- */

static void a_token_ends(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(verify_payload(fixture, "{\"exp\":1700000001}"), OK);
    assert_int_equal(verify_payload(fixture, "{\"exp\":1699999971}"), OK); /* 29 s ago: within the leeway */
    assert_int_equal(verify_payload(fixture, "{\"exp\":1699999970}"), ERR_TOKEN_EXPIRED);
    assert_int_equal(verify_payload(fixture, "{\"exp\":1}"), ERR_TOKEN_EXPIRED);
    assert_int_equal(verify_payload(fixture, "{\"exp\":253402300799}"), OK);
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
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        assert_int_equal(verify_payload(fixture, payloads[i]), ERR_BAD_TOKEN);
}

static void a_token_begins(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(verify_payload(fixture, "{\"nbf\":1700000030,\"exp\":1700000600}"), OK);
    assert_int_equal(verify_payload(fixture, "{\"nbf\":1700000031,\"exp\":1700000600}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_payload(fixture, "{\"iat\":1700000030,\"exp\":1700000600}"), OK);
    assert_int_equal(verify_payload(fixture, "{\"iat\":1700000031,\"exp\":1700000600}"), ERR_BAD_TOKEN);
    assert_int_equal(fixture->claims.issued_s, 1700000031);
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
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        assert_int_equal(verify_payload(fixture, payloads[i]), ERR_BAD_TOKEN);
}

static void a_life_may_be_limited(void **state)
{
    const struct jwt_rules rules = {.leeway_s = 30, .lifetime_max_s = 3600};
    struct fixture *fixture = *state;

    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"iat\":1699999000,\"exp\":1700002600}"), OK);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"iat\":1699999000,\"exp\":1700002601}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":1700003630}"), OK);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":1700003631}"), ERR_BAD_TOKEN);
}

/* ---- who it is from, and for whom ---- */

static void the_issuer_must_be_the_one_named(void **state)
{
    const struct jwt_rules rules = {.issuer = SPAN("https://id.example"), .leeway_s = 30};
    struct fixture *fixture = *state;

    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":1700000600,\"iss\":\"https://id.example\"}"), OK);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":1700000600,\"iss\":\"https://id.example/\"}"),
                     ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":1700000600,\"iss\":\"HTTPS://id.example\"}"),
                     ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":1700000600,\"iss\":\"\"}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":1700000600,\"iss\":[\"https://id.example\"]}"),
                     ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":1700000600}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_payload(fixture, "{\"exp\":1700000600,\"iss\":\"anybody\"}"), OK);
    assert_int_equal(verify_payload(fixture, "{\"exp\":1700000600,\"iss\":7}"), ERR_BAD_TOKEN);
}

static void the_audience_must_be_among_those_named(void **state)
{
    const struct jwt_rules rules = {.audience = SPAN("collabd"), .leeway_s = 30};
    struct fixture *fixture = *state;

    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":1700000600,\"aud\":\"collabd\"}"), OK);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":1700000600,\"aud\":[\"a\",\"collabd\"]}"), OK);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":1700000600,\"aud\":[\"a\",\"b\"]}"),
                     ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":1700000600,\"aud\":[]}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":1700000600,\"aud\":[\"collabd\",7]}"),
                     ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":1700000600,\"aud\":{\"collabd\":1}}"),
                     ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":1700000600,\"aud\":\"collabd2\"}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":1700000600,\"aud\":null}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":1700000600}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_payload(fixture, "{\"exp\":1700000600,\"aud\":\"anybody\"}"), OK);
    assert_int_equal(verify_payload(fixture, "{\"exp\":1700000600,\"aud\":7}"), ERR_BAD_TOKEN);
}

/* An expired token of a wrong issuer is wrong, not expired: getting a new one would not help. */
static void expired_is_said_only_of_what_was_good_otherwise(void **state)
{
    const struct jwt_rules rules = {.issuer = SPAN("a"), .audience = SPAN("b"), .leeway_s = 0};
    struct fixture *fixture = *state;

    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":5,\"iss\":\"a\",\"aud\":\"b\"}"),
                     ERR_TOKEN_EXPIRED);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":5,\"iss\":\"x\",\"aud\":\"b\"}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":5,\"iss\":\"a\",\"aud\":\"x\"}"), ERR_BAD_TOKEN);
    assert_int_equal(verify_signed(fixture, &rules, HS256, "{\"exp\":5,\"iss\":\"a\",\"aud\":\"b\",\"iat\":6}"),
                     ERR_BAD_TOKEN);
}

/* ---- claims ---- */

static void the_claims_are_given(void **state)
{
    struct fixture *fixture = *state;
    const struct jwt_claims *claims = &fixture->claims;

    assert_int_equal(
        verify_payload(
            fixture,
            "{\"sub\":\"7\",\"iss\":\"me\",\"jti\":\"t1\",\"exp\":1700000600,\"iat\":1699999999,\"nbf\":1699999998,"
            "\"preferred_username\":\"akhan\",\"name\":\"Amir Kh\\u00e4n\",\"picture\":\"/a.png\","
            "\"roles\":[\"editor\",\"approver\"],\"gen\":3}"),
        OK);
    assert_true(span_equal(claims->subject, SPAN("7")));
    assert_true(span_equal(claims->issuer, SPAN("me")));
    assert_true(span_equal(claims->token_id, SPAN("t1")));
    assert_true(span_equal(claims->username, SPAN("akhan")));
    assert_true(span_equal(claims->name, SPAN("Amir Kh\xc3\xa4n")));
    assert_true(span_equal(claims->avatar, SPAN("/a.png")));
    assert_int_equal(claims->role_count, 2);
    assert_true(span_equal(claims->roles[0], SPAN("editor")));
    assert_true(span_equal(claims->roles[1], SPAN("approver")));
    assert_int_equal(claims->expires_s, 1700000600);
    assert_int_equal(claims->issued_s, 1699999999);
    assert_int_equal(claims->not_before_s, 1699999998);
    assert_true(claims->has_generation);
    assert_int_equal(claims->generation, 3);
}

static void what_is_missing_is_empty(void **state)
{
    struct fixture *fixture = *state;
    const struct jwt_claims *claims = &fixture->claims;

    assert_int_equal(verify_payload(fixture, "{\"exp\":1700000600,\"name\":null,\"picture\":{},\"username\":\"ada\"}"),
                     OK);
    assert_int_equal(claims->subject.len, 0);
    assert_int_equal(claims->name.len, 0);
    assert_int_equal(claims->avatar.len, 0);
    assert_int_equal(claims->role_count, 0);
    assert_int_equal(claims->issued_s, 0);
    assert_false(claims->has_generation);
    assert_true(span_equal(claims->username, SPAN("ada")));
}

static void roles_may_be_words(void **state)
{
    struct fixture *fixture = *state;
    const struct jwt_claims *claims = &fixture->claims;

    assert_int_equal(verify_payload(fixture, "{\"exp\":1700000600,\"roles\":\" editor  approver \"}"), OK);
    assert_int_equal(claims->role_count, 2);
    assert_true(span_equal(claims->roles[0], SPAN("editor")));
    assert_true(span_equal(claims->roles[1], SPAN("approver")));
    assert_int_equal(verify_payload(fixture, "{\"exp\":1700000600,\"roles\":\"\"}"), OK);
    assert_int_equal(claims->role_count, 0);
    assert_int_equal(verify_payload(fixture, "{\"exp\":1700000600,\"roles\":\"a b c d e f\"}"), OK);
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
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        assert_int_equal(verify_payload(fixture, payloads[i]), ERR_BAD_TOKEN);
}

/* ---- our own ---- */

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
    struct fixture *fixture = *state;
    const struct jwt_claims *read = &fixture->claims;

    BUF_APPEND_LITERAL(&fixture->token, "Bearer ");
    jwt_sign(&fixture->token, SPAN("main"), secret, &claims, SPAN("collabd"));
    assert_int_equal(verify(fixture, &rules, span_slice(buf_span(&fixture->token), 7, fixture->token.len), NOW), OK);
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
    struct fixture *fixture = *state;

    jwt_sign(&fixture->token, SPAN(""), secret, &claims, SPAN(""));
    assert_int_equal(verify(fixture, &lax, buf_span(&fixture->token), NOW), OK);
    assert_int_equal(fixture->claims.subject.len, 0);
    assert_int_equal(fixture->claims.issued_s, 0);
    assert_false(fixture->claims.has_generation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_hs256_example_is_valid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_rs256_example_is_valid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_es256_example_is_valid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_three_parts_with_dots_between_are_a_token, set_up, tear_down),
        cmocka_unit_test_setup_teardown(base64url_has_one_spelling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_token_over_8_kib_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_cut_and_every_changed_byte_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_type_is_a_jwt_or_not_given, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_algorithms_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unsigned_token_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(headers_that_change_the_meaning_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_that_comes_with_the_token_is_not_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_known_key_id_decides_which_key_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_known_key_id_every_key_may_be_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(at_most_16_keys_are_tried, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_set_accepts_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_kind_of_key_verifies_its_own_tokens_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_public_key_is_no_hmac_secret, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_token_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_end_is_an_integer_and_must_be_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_token_begins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nonsense_times_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_life_may_be_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_issuer_must_be_the_one_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_audience_must_be_among_those_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(expired_is_said_only_of_what_was_good_otherwise, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_claims_are_given, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_missing_is_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(roles_may_be_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(claims_of_a_wrong_type_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_we_sign_we_accept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_token_of_ours_may_say_little, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
