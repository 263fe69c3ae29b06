#include "auth/jwt_keys.h"
#include "lib/mint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

static const struct span secret = SPAN_INIT("0123456789abcdef0123456789abcdef");

static void private_pem(struct buf *out, EVP_PKEY *private)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    long len;

    PEM_write_bio_PrivateKey(bio, private, NULL, NULL, 0, NULL, NULL);
    len = BIO_get_mem_data(bio, &data);
    buf_append(out, data, (size_t)len);
    BIO_free(bio);
}

static void certificate_pem(struct buf *out, EVP_PKEY *private)
{
    X509 *certificate = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    long len;

    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, private);
    X509_sign(certificate, private, EVP_sha256());
    PEM_write_bio_X509(bio, certificate);
    len = BIO_get_mem_data(bio, &data);
    buf_append(out, data, (size_t)len);
    BIO_free(bio);
    X509_free(certificate);
}

static void is_refused(struct span pem, const char *sentence)
{
    struct jwt_keys *keys = jwt_keys_new();
    struct buf why = BUF_EMPTY;

    assert_int_equal(jwt_keys_add_pem(keys, SPAN(""), pem, &why), ERR_CONFIG);
    assert_int_equal(keys->count, 0);
    buf_append_char(&why, '\0');
    assert_non_null(strstr(why.data, sentence));
    buf_deinit(&why);
    jwt_keys_unref(keys);
}

static void is_for(struct span pem, enum jwt_algorithm algorithm)
{
    struct jwt_keys *keys = jwt_keys_new();
    struct buf why = BUF_EMPTY;

    assert_int_equal(jwt_keys_add_pem(keys, SPAN("a"), pem, &why), OK);
    assert_int_equal(keys->count, 1);
    assert_int_equal(keys->keys[0].algorithm, algorithm);
    assert_int_equal(why.len, 0);
    jwt_keys_unref(keys);
}

static void a_public_key_decides_the_algorithm(void **state)
{
    EVP_PKEY *const private[] = {EVP_RSA_gen(2048), EVP_EC_gen("P-256"), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
    const enum jwt_algorithm algorithms[] = {JWT_RS256, JWT_ES256, JWT_EDDSA};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct buf pem = BUF_EMPTY;

        mint_public_pem(&pem, private[i]);
        is_for(buf_span(&pem), algorithms[i]);
        buf_deinit(&pem);
        EVP_PKEY_free(private[i]);
    }
}

static void a_certificate_brings_its_key(void **state)
{
    EVP_PKEY *private = EVP_EC_gen("P-256");
    struct buf pem = BUF_EMPTY;

    (void)state;
    certificate_pem(&pem, private);
    is_for(buf_span(&pem), JWT_ES256);
    buf_deinit(&pem);
    EVP_PKEY_free(private);
}

static void an_old_style_rsa_public_key_is_read(void **state)
{
    EVP_PKEY *private = EVP_RSA_gen(2048);
    unsigned char *der = NULL;
    int len = i2d_PublicKey(private, &der);
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    long pem_len;

    (void)state;
    PEM_write_bio(bio, PEM_STRING_RSA_PUBLIC, "", der, len);
    pem_len = BIO_get_mem_data(bio, &data);
    is_for(span_of(data, (size_t)pem_len), JWT_RS256);
    BIO_free(bio);
    OPENSSL_free(der);
    EVP_PKEY_free(private);
}

static void a_private_key_is_not_wanted(void **state)
{
    EVP_PKEY *private = EVP_EC_gen("P-256");
    struct buf pem = BUF_EMPTY;

    (void)state;
    private_pem(&pem, private);
    is_refused(buf_span(&pem), "private");
    buf_deinit(&pem);
    EVP_PKEY_free(private);
}

static void weak_and_foreign_keys_are_refused(void **state)
{
    static const struct {
        const char *type, *curve, *sentence;
        size_t bits;
    } cases[] = {
        {"RSA", NULL, "2048", 1024},   {"EC", "P-384", "P-256", 0},    {"EC", "secp256k1", "P-256", 0},
        {"ED448", NULL, "neither", 0}, {"X25519", NULL, "neither", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EVP_PKEY *private = cases[i].bits > 0     ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", cases[i].bits)
                            : cases[i].curve != 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", cases[i].curve)
                                                  : EVP_PKEY_Q_keygen(NULL, NULL, cases[i].type);
        struct buf pem = BUF_EMPTY;

        assert_non_null(private);
        mint_public_pem(&pem, private);
        is_refused(buf_span(&pem), cases[i].sentence);
        buf_deinit(&pem);
        EVP_PKEY_free(private);
    }
}

static void what_is_no_pem_is_refused(void **state)
{
    static char large[65 * 1024];

    (void)state;
    is_refused(SPAN(""), "empty");
    is_refused(SPAN("hello"), "PEM");
    is_refused(SPAN("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), "neither");
    is_refused(SPAN("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "neither");
    is_refused(SPAN("-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n"), "neither");
    is_refused(SPAN("-----BEGIN PUBLIC KEY-----\nAAAA\n"), "PEM");
    is_refused(span_of(large, sizeof(large)), "too large");
}

static void a_secret_has_32_bytes_or_more(void **state)
{
    static char large[JWT_SECRET_BYTES_MAX + 1];
    struct jwt_keys *keys = jwt_keys_new();
    struct buf why = BUF_EMPTY;

    (void)state;
    assert_int_equal(jwt_keys_add_secret(keys, SPAN(""), span_slice(secret, 0, 31), &why), ERR_CONFIG);
    buf_append_char(&why, '\0');
    assert_non_null(strstr(why.data, "32 bytes"));
    assert_int_equal(jwt_keys_add_secret(keys, SPAN(""), SPAN(""), &why), ERR_CONFIG);
    assert_int_equal(jwt_keys_add_secret(keys, SPAN(""), span_of(large, sizeof(large)), &why), ERR_CONFIG);
    assert_int_equal(jwt_keys_add_secret(keys, SPAN(""), secret, &why), OK);
    assert_int_equal(keys->count, 1);
    buf_deinit(&why);
    jwt_keys_unref(keys);
}

static void a_pem_file_is_no_secret(void **state)
{
    struct jwt_keys *keys = jwt_keys_new();
    EVP_PKEY *private = EVP_EC_gen("P-256");
    struct buf pem = BUF_EMPTY, why = BUF_EMPTY;

    (void)state;
    mint_public_pem(&pem, private);
    assert_int_equal(jwt_keys_add_secret(keys, SPAN(""), buf_span(&pem), &why), ERR_CONFIG);
    buf_deinit(&pem);
    buf_deinit(&why);
    EVP_PKEY_free(private);
    jwt_keys_unref(keys);
}

static void there_is_an_end_to_keys(void **state)
{
    struct jwt_keys *keys = jwt_keys_new();
    EVP_PKEY *private = EVP_EC_gen("P-256");
    struct buf pem = BUF_EMPTY, why = BUF_EMPTY;

    (void)state;
    mint_public_pem(&pem, private);
    for (int i = 0; i < JWT_KEYS_MAX; i++)
        assert_int_equal(jwt_keys_add_secret(keys, SPAN(""), secret, &why), OK);
    assert_int_equal(jwt_keys_add_secret(keys, SPAN(""), secret, &why), ERR_CONFIG);
    assert_int_equal(jwt_keys_add_pem(keys, SPAN(""), buf_span(&pem), &why), ERR_CONFIG);
    buf_deinit(&pem);
    buf_deinit(&why);
    EVP_PKEY_free(private);
    jwt_keys_unref(keys);
}

static void a_set_lives_as_long_as_somebody_holds_it(void **state)
{
    struct jwt_keys *keys = jwt_keys_new();
    struct jwt_keys *other = jwt_keys_ref(keys);

    (void)state;
    jwt_keys_unref(keys);
    assert_int_equal(other->count, 0);
    jwt_keys_unref(other);
    jwt_keys_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_public_key_decides_the_algorithm),
        cmocka_unit_test(a_certificate_brings_its_key),
        cmocka_unit_test(an_old_style_rsa_public_key_is_read),
        cmocka_unit_test(a_private_key_is_not_wanted),
        cmocka_unit_test(weak_and_foreign_keys_are_refused),
        cmocka_unit_test(what_is_no_pem_is_refused),
        cmocka_unit_test(a_secret_has_32_bytes_or_more),
        cmocka_unit_test(a_pem_file_is_no_secret),
        cmocka_unit_test(there_is_an_end_to_keys),
        cmocka_unit_test(a_set_lives_as_long_as_somebody_holds_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
