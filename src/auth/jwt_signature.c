/* One signature, one key (RFC 7518 section 3, RFC 8037 section 3.1). */
#include "auth/jwt_keys.h"

#include "auth/login_key.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <string.h>

enum { HMAC_BYTES = 32, ES256_BYTES = 64, NUMBER_BYTES = 32, DER_BYTES_MAX = 80 };

void jwt_hmac(struct span secret, struct span text, uint8_t mac[HMAC_BYTES])
{
    unsigned len = 0;

    assert(secret.len >= JWT_SECRET_BYTES_MIN && secret.len <= JWT_SECRET_BYTES_MAX);
    if (HMAC(EVP_sha256(), secret.data, (int)secret.len, (const unsigned char *)text.data, text.len, mac, &len) == NULL)
        len = 0;
    assert(len == HMAC_BYTES);
}

static bool hmac_is_valid(struct span secret, struct span text, struct span signature)
{
    uint8_t mac[HMAC_BYTES];

    jwt_hmac(secret, text, mac);
    return secret_equal(span_of(mac, sizeof(mac)), signature);
}

static bool verify(EVP_PKEY *public, const EVP_MD *digest, struct span text, const void *signature, size_t len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_valid;

    assert(context != NULL);
    is_valid = EVP_DigestVerifyInit(context, NULL, digest, NULL, public) == 1 &&
               EVP_DigestVerify(context, signature, len, (const unsigned char *)text.data, text.len) == 1;
    EVP_MD_CTX_free(context);
    return is_valid;
}

/* A number of a signature lies in [1, n-1]: with r = s = 0 a careless library accepts everything. */
static bool is_in_range(const unsigned char number[NUMBER_BYTES])
{
    static const unsigned char zero[NUMBER_BYTES];
    static const unsigned char order[NUMBER_BYTES] = {
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    };

    return memcmp(number, zero, NUMBER_BYTES) != 0 && memcmp(number, order, NUMBER_BYTES) < 0;
}

/* JWS writes r and s one after the other, 32 bytes each; OpenSSL reads them as DER. */
static bool es256_is_valid(EVP_PKEY *public, struct span text, struct span signature)
{
    const unsigned char *bytes = (const unsigned char *)signature.data;
    unsigned char der[DER_BYTES_MAX];
    unsigned char *end = der;
    ECDSA_SIG *pair;
    BIGNUM *r, *s;
    int len;

    if (signature.len != ES256_BYTES || !is_in_range(bytes) || !is_in_range(bytes + NUMBER_BYTES))
        return false;
    pair = ECDSA_SIG_new();
    r = BN_bin2bn(bytes, NUMBER_BYTES, NULL);
    s = BN_bin2bn(bytes + NUMBER_BYTES, NUMBER_BYTES, NULL);
    assert(pair != NULL && r != NULL && s != NULL);
    ECDSA_SIG_set0(pair, r, s); /* takes both */
    len = i2d_ECDSA_SIG(pair, NULL);
    assert(len > 0 && (size_t)len <= sizeof(der));
    i2d_ECDSA_SIG(pair, &end);
    ECDSA_SIG_free(pair);
    return verify(public, EVP_sha256(), text, der, (size_t)len);
}

/* A signature is as long as the modulus, leading zeros included: one spelling only. */
static bool rs256_is_valid(EVP_PKEY *public, struct span text, struct span signature)
{
    return signature.len == (size_t)EVP_PKEY_get_size(public) &&
           verify(public, EVP_sha256(), text, signature.data, signature.len);
}

bool jwt_signature_is_valid(const struct jwt_key *key, struct span text, struct span signature)
{
    bool is_valid = false;

    ERR_clear_error();
    switch (key->algorithm) {
    case JWT_HS256: is_valid = hmac_is_valid(buf_span(&key->secret), text, signature); break;
    case JWT_RS256: is_valid = rs256_is_valid(key->public, text, signature); break;
    case JWT_ES256: is_valid = es256_is_valid(key->public, text, signature); break;
    case JWT_EDDSA: is_valid = verify(key->public, NULL, text, signature.data, signature.len); break;
    }
    ERR_clear_error(); /* TLS on this thread reads the same queue */
    return is_valid;
}
