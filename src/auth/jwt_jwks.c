/* JWK sets (RFC 7517, 7518 section 6, 8037 section 2). */
#include "auth/jwt_keys.h"

#include "base/base64.h"
#include "wire/json.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <string.h>

enum { P256_BYTES = 32, ED25519_BYTES = 32, RSA_BYTES_MAX = 1024, EXPONENT_BYTES_MAX = 8 };

/* A member that holds bytes. Strict, and within bounds. */
static bool get_bytes(yyjson_val *jwk, const char *name, size_t len_min, size_t len_max, struct buf *out)
{
    struct span text = json_get_text(jwk, name);

    buf_reset(out);
    return text.len > 0 && text.len <= len_max * 2 && base64url_decode(out, text) == OK && out->len >= len_min &&
           out->len <= len_max;
}

static EVP_PKEY *key_from_params(const char *type, OSSL_PARAM_BLD *build)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (params == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    return key;
}

static BIGNUM *number(const struct buf *bytes)
{
    return BN_bin2bn((const unsigned char *)bytes->data, (int)bytes->len, NULL);
}

static EVP_PKEY *read_rsa(yyjson_val *jwk, struct buf *scratch)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n = NULL, *e = NULL;
    EVP_PKEY *key = NULL;

    if (get_bytes(jwk, "n", 1, RSA_BYTES_MAX, scratch))
        n = number(scratch);
    if (get_bytes(jwk, "e", 1, EXPONENT_BYTES_MAX, scratch))
        e = number(scratch);
    if (n != NULL && e != NULL && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
        key = key_from_params("RSA", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
    return key;
}

static EVP_PKEY *read_p256(yyjson_val *jwk, struct buf *scratch)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    unsigned char point[1 + 2 * P256_BYTES] = {4}; /* SEC 1: x and y follow in full */
    EVP_PKEY *key = NULL;
    bool is_whole = false;

    if (get_bytes(jwk, "x", P256_BYTES, P256_BYTES, scratch)) {
        memcpy(point + 1, scratch->data, P256_BYTES);
        if (get_bytes(jwk, "y", P256_BYTES, P256_BYTES, scratch)) {
            memcpy(point + 1 + P256_BYTES, scratch->data, P256_BYTES);
            is_whole = true;
        }
    }
    if (is_whole && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)))
        key = key_from_params("EC", build);
    OSSL_PARAM_BLD_free(build);
    return key;
}

static EVP_PKEY *read_ed25519(yyjson_val *jwk, struct buf *scratch)
{
    if (!get_bytes(jwk, "x", ED25519_BYTES, ED25519_BYTES, scratch))
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)scratch->data, scratch->len);
}

/* `key_ops`, when there, must allow verifying. */
static bool may_verify(yyjson_val *jwk)
{
    yyjson_val *operations = json_get(jwk, "key_ops");
    yyjson_val *operation;
    size_t index, count;

    if (operations == NULL)
        return true;
    yyjson_arr_foreach(operations, index, count, operation)
    {
        if (span_equal(json_text(operation), SPAN("verify")))
            return true;
    }
    return false;
}

/* The algorithm that the key's type and curve stand for; false when it is none of ours or the key says that it is
 * for something else. */
static bool algorithm_of(yyjson_val *jwk, enum jwt_algorithm *out)
{
    static const struct {
        struct span type, curve;
        enum jwt_algorithm algorithm;
    } kinds[] = {
        {SPAN_INIT("RSA"), SPAN_INIT(""), JWT_RS256},
        {SPAN_INIT("EC"), SPAN_INIT("P-256"), JWT_ES256},
        {SPAN_INIT("OKP"), SPAN_INIT("Ed25519"), JWT_EDDSA},
        {SPAN_INIT("oct"), SPAN_INIT(""), JWT_HS256},
    };
    struct span type = json_get_text(jwk, "kty");
    struct span curve = json_get_text(jwk, "crv");

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!span_equal(type, kinds[i].type) || (kinds[i].curve.len > 0 && !span_equal(curve, kinds[i].curve)))
            continue;
        *out = kinds[i].algorithm;
        if (json_get(jwk, "alg") != NULL &&
            !span_equal(json_get_text(jwk, "alg"), span_from_str(jwt_algorithm_name(*out))))
            return false;
        if (json_get(jwk, "use") != NULL && !span_equal(json_get_text(jwk, "use"), SPAN("sig")))
            return false;
        return may_verify(jwk);
    }
    return false;
}

static enum err add_public(struct jwt_keys *keys, yyjson_val *jwk, enum jwt_algorithm algorithm, struct buf *why)
{
    struct buf scratch = BUF_EMPTY;
    EVP_PKEY *public = NULL;

    if (json_get(jwk, "d") != NULL) {
        buf_append_str(why, "it is a private key: only the public one belongs here");
        return ERR_CONFIG;
    }
    switch (algorithm) {
    case JWT_RS256:
        public
        = read_rsa(jwk, &scratch);
        break;
    case JWT_ES256:
        public
        = read_p256(jwk, &scratch);
        break;
    case JWT_EDDSA:
        public
        = read_ed25519(jwk, &scratch);
        break;
    case JWT_HS256: break;
    }
    buf_deinit(&scratch);
    ERR_clear_error();
    if (public == NULL) {
        buf_append_str(why, "the numbers of the key are missing or not valid");
        return ERR_CONFIG;
    }
    return jwt_keys_add_public(keys, json_get_text(jwk, "kid"), public, why);
}

static enum err add_secret(struct jwt_keys *keys, yyjson_val *jwk, struct buf *why)
{
    struct buf secret = BUF_EMPTY;
    enum err err = ERR_CONFIG;

    buf_reserve(&secret, (size_t)JWT_SECRET_BYTES_MAX * 2);
    if (get_bytes(jwk, "k", 0, JWT_SECRET_BYTES_MAX, &secret))
        err = jwt_keys_add_secret(keys, json_get_text(jwk, "kid"), buf_span(&secret), why);
    else
        buf_append_str(why, "`k` is missing or not base64url");
    OPENSSL_cleanse(secret.data, secret.cap);
    buf_deinit(&secret);
    return err;
}

static enum err add_jwk(struct jwt_keys *keys, yyjson_val *jwk, bool allows_secrets, struct buf *why)
{
    enum jwt_algorithm algorithm;

    if (!algorithm_of(jwk, &algorithm))
        return OK; /* somebody else's, RFC 7517 section 5 */
    if (algorithm != JWT_HS256)
        return add_public(keys, jwk, algorithm, why);
    return allows_secrets ? add_secret(keys, jwk, why) : OK;
}

enum err jwt_keys_add_jwks(struct jwt_keys *keys, struct span text, bool allows_secrets, struct buf *why)
{
    static const struct json_limits limits = {1u << 20, 16, 1u << 14};
    uint32_t count_before = keys->count;
    yyjson_val *set, *jwk;
    size_t index, count;
    struct json json = {0};
    enum err err = ERR_CONFIG;

    if (json_parse(&json, text, &limits) != OK) {
        buf_append_str(why, "it is not valid JSON");
        goto done;
    }
    set = json_get(json.root, "keys");
    if (!yyjson_is_arr(set)) {
        buf_append_str(why, "it is not a key set: {\"keys\": [...]}");
        goto done;
    }
    yyjson_arr_foreach(set, index, count, jwk)
    {
        size_t start = why->len;

        buf_printf(why, "key %zu: ", index + 1);
        if ((err = add_jwk(keys, jwk, allows_secrets, why)) != OK)
            goto done;
        why->len = start;
    }
    err = keys->count > count_before ? OK : ERR_CONFIG;
    if (err != OK)
        buf_append_str(why, "there is no key in it to verify RS256, ES256 or EdDSA with");
done:
    json_deinit(&json);
    return err;
}
