#include "auth/jwt_keys.h"
#include "base/base64.h"
#include "lib/mint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

static struct jwt_keys *key_set(const char *jwks)
{
    struct jwt_keys *keys = jwt_keys_new();
    struct buf why = BUF_EMPTY;

    assert_int_equal(jwt_keys_add_jwks(keys, span_from_str(jwks), true, &why), OK);
    buf_deinit(&why);
    return keys;
}

static bool is_valid(const struct jwt_keys *keys, const char *text, const char *signature_text)
{
    struct buf signature = BUF_EMPTY;
    bool result;

    assert_int_equal(base64url_decode(&signature, span_from_str(signature_text)), OK);
    result = jwt_signature_is_valid(&keys->keys[0], span_from_str(text), buf_span(&signature));
    buf_deinit(&signature);
    return result;
}

/* RFC 8037, appendix A.4 and A.5. */
static void the_example_of_ed25519_is_valid(void **state)
{
    const char *text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    struct jwt_keys *keys = key_set("{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                                    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}");

    (void)state;
    assert_true(
        is_valid(keys, text, "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"));
    assert_false(
        is_valid(keys, text, "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KBg"));
    assert_false(is_valid(keys, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmd",
                          "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"));
    jwt_keys_unref(keys);
}

/* A fresh key pair, a set with the public half, a text and its signature. */
struct fixture {
    EVP_PKEY *private;
    struct jwt_keys *keys;
    struct buf signature;
    struct buf pem;
};

static const struct span text = SPAN_INIT("what was signed");

static void set_up(struct fixture *fixture, EVP_PKEY *private)
{
    struct buf why = BUF_EMPTY;

    *fixture = (struct fixture){private, jwt_keys_new(), BUF_EMPTY, BUF_EMPTY};
    assert_non_null(private);
    mint_public_pem(&fixture->pem, private);
    assert_int_equal(jwt_keys_add_pem(fixture->keys, SPAN(""), buf_span(&fixture->pem), &why), OK);
    mint_signature(&fixture->signature, text, private);
    buf_deinit(&why);
}

static void tear_down(struct fixture *fixture)
{
    EVP_PKEY_free(fixture->private);
    jwt_keys_unref(fixture->keys);
    buf_deinit(&fixture->signature);
    buf_deinit(&fixture->pem);
}

static bool accepts(const struct fixture *fixture, struct span signature)
{
    bool result = jwt_signature_is_valid(&fixture->keys->keys[0], text, signature);

    assert_int_equal(ERR_peek_error(), 0); /* the queue is left as TLS expects it */
    return result;
}

/* Whatever the algorithm: one length, and no bit may change. */
static void check_every_change(const struct fixture *fixture)
{
    struct buf changed = BUF_EMPTY;

    assert_true(accepts(fixture, buf_span(&fixture->signature)));
    for (size_t i = 0; i < fixture->signature.len; i++) {
        buf_reset(&changed);
        buf_append_span(&changed, buf_span(&fixture->signature));
        changed.data[i] = (char)(changed.data[i] ^ 1);
        assert_false(accepts(fixture, buf_span(&changed)));
    }
    buf_reset(&changed);
    buf_append_span(&changed, buf_span(&fixture->signature));
    buf_append_char(&changed, '\0');
    assert_false(accepts(fixture, buf_span(&changed))); /* a byte more */
    assert_false(accepts(fixture, span_slice(buf_span(&changed), 1, changed.len)));
    assert_false(accepts(fixture, span_slice(buf_span(&changed), 0, changed.len - 2)));
    assert_false(accepts(fixture, SPAN("")));
    buf_deinit(&changed);
}

static void no_bit_of_an_ed25519_signature_may_change(void **state)
{
    struct fixture fixture;

    (void)state;
    set_up(&fixture, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    check_every_change(&fixture);
    tear_down(&fixture);
}

static void no_bit_of_an_es256_signature_may_change(void **state)
{
    struct fixture fixture;

    (void)state;
    set_up(&fixture, EVP_EC_gen("P-256"));
    check_every_change(&fixture);
    tear_down(&fixture);
}

static void no_bit_of_an_rs256_signature_may_change(void **state)
{
    struct fixture fixture;

    (void)state;
    set_up(&fixture, EVP_RSA_gen(2048));
    check_every_change(&fixture);
    tear_down(&fixture);
}

static void no_bit_of_an_hs256_signature_may_change(void **state)
{
    struct fixture fixture = {NULL, jwt_keys_new(), BUF_EMPTY, BUF_EMPTY};
    struct buf why = BUF_EMPTY;
    uint8_t mac[32];

    (void)state;
    assert_int_equal(jwt_keys_add_secret(fixture.keys, SPAN(""), SPAN("0123456789abcdef0123456789abcdef"), &why), OK);
    jwt_hmac(SPAN("0123456789abcdef0123456789abcdef"), text, mac);
    buf_append(&fixture.signature, mac, sizeof(mac));
    check_every_change(&fixture);
    tear_down(&fixture);
}

/* Numbers outside [1, n-1] satisfy a careless verifier's equation for every text and every key. */
static void es256_numbers_out_of_range_are_refused(void **state)
{
    static const unsigned char order[32] = {
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    };
    static const unsigned char zero[32];
    unsigned char one[32] = {0}, all_ones[32];
    const unsigned char *const bad[] = {zero, order, all_ones};
    struct fixture fixture;

    (void)state;
    one[31] = 1;
    memset(all_ones, 0xff, sizeof(all_ones));
    set_up(&fixture, EVP_EC_gen("P-256"));
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 4; j++) {
            unsigned char signature[64];

            memcpy(signature, bad[i], 32);
            memcpy(signature + 32, j < 3 ? bad[j] : one, 32);
            assert_false(accepts(&fixture, span_of(signature, 64)));
            memcpy(signature, j < 3 ? bad[j] : one, 32);
            memcpy(signature + 32, bad[i], 32);
            assert_false(accepts(&fixture, span_of(signature, 64)));
        }
    }
    tear_down(&fixture);
}

static void an_es256_signature_in_der_is_refused(void **state)
{
    struct fixture fixture;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    unsigned char der[128];
    unsigned char *end = der;
    const unsigned char *raw;
    int len;

    (void)state;
    set_up(&fixture, EVP_EC_gen("P-256"));
    raw = (const unsigned char *)fixture.signature.data;
    ECDSA_SIG_set0(pair, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL));
    len = i2d_ECDSA_SIG(pair, &end);
    assert_false(accepts(&fixture, span_of(der, (size_t)len)));
    ECDSA_SIG_free(pair);
    tear_down(&fixture);
}

/* PSS is another algorithm (PS256), even with the same key. */
static void an_rsa_pss_signature_is_no_rs256_signature(void **state)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options = NULL;
    unsigned char signature[256];
    size_t len = sizeof(signature);
    struct fixture fixture;

    (void)state;
    set_up(&fixture, EVP_RSA_gen(2048));
    assert_int_equal(EVP_DigestSignInit(context, &options, EVP_sha256(), NULL, fixture.private), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &len, (const unsigned char *)text.data, text.len), 1);
    assert_false(accepts(&fixture, span_of(signature, len)));
    EVP_MD_CTX_free(context);
    tear_down(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_ed25519_is_valid),
        cmocka_unit_test(no_bit_of_an_ed25519_signature_may_change),
        cmocka_unit_test(no_bit_of_an_es256_signature_may_change),
        cmocka_unit_test(no_bit_of_an_rs256_signature_may_change),
        cmocka_unit_test(no_bit_of_an_hs256_signature_may_change),
        cmocka_unit_test(es256_numbers_out_of_range_are_refused),
        cmocka_unit_test(an_es256_signature_in_der_is_refused),
        cmocka_unit_test(an_rsa_pss_signature_is_no_rs256_signature),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
