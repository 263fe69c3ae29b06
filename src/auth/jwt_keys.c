#include "auth/jwt_keys.h"

#include "base/memory.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

enum { PEM_BYTES_MAX = 64 * 1024 };

struct jwt_keys *jwt_keys_new(void)
{
    struct jwt_keys *keys = NEW(struct jwt_keys);

    keys->ref_count = 1;
    return keys;
}

struct jwt_keys *jwt_keys_ref(struct jwt_keys *keys)
{
    keys->ref_count++;
    return keys;
}

void jwt_keys_unref(struct jwt_keys *keys)
{
    if (keys == NULL || --keys->ref_count > 0)
        return;
    for (uint32_t i = 0; i < keys->count; i++) {
        struct jwt_key *key = &keys->keys[i];

        if (key->secret.cap > 0)
            OPENSSL_cleanse(key->secret.data, key->secret.cap);
        buf_deinit(&key->secret);
        buf_deinit(&key->id);
        EVP_PKEY_free(key->public);
    }
    free(keys);
}

static const char *const algorithm_names[] = {
    [JWT_HS256] = "HS256", [JWT_RS256] = "RS256", [JWT_ES256] = "ES256", [JWT_EDDSA] = "EdDSA"};

const char *jwt_algorithm_name(enum jwt_algorithm algorithm)
{
    return algorithm_names[algorithm];
}

/* With case: "NONE" and "hs256" are no algorithms. */
bool jwt_algorithm_parse(struct span name, enum jwt_algorithm *out)
{
    for (size_t i = 0; i < sizeof(algorithm_names) / sizeof(algorithm_names[0]); i++) {
        if (span_equal(name, span_from_str(algorithm_names[i]))) {
            *out = (enum jwt_algorithm)i;
            return true;
        }
    }
    return false;
}

static enum err refuse(struct buf *why, const char *sentence)
{
    buf_append_str(why, sentence);
    return ERR_CONFIG;
}

/* The next free place, or NULL. */
static struct jwt_key *add(struct jwt_keys *keys, struct span key_id, enum jwt_algorithm algorithm)
{
    struct jwt_key *key;

    assert(keys->ref_count == 1); /* a set that others see already does not change */
    if (keys->count == JWT_KEYS_MAX)
        return NULL;
    key = &keys->keys[keys->count++];
    key->algorithm = algorithm;
    buf_append_span(&key->id, key_id);
    return key;
}

enum err jwt_keys_add_secret(struct jwt_keys *keys, struct span key_id, struct span secret, struct buf *why)
{
    struct jwt_key *key;

    if (secret.len < JWT_SECRET_BYTES_MIN) {
        buf_printf(why, "a shared secret needs at least %d bytes, this one has %zu", JWT_SECRET_BYTES_MIN, secret.len);
        return ERR_CONFIG;
    }
    if (secret.len > JWT_SECRET_BYTES_MAX)
        return refuse(why, "a shared secret has at most 4096 bytes");
    /* HMAC with a public key as its secret is the oldest trick: whoever has the key (everybody) could sign. */
    if (span_starts_with(secret, SPAN("-----BEGIN ")))
        return refuse(why, "a PEM file is no shared secret: name it as a key file");
    if ((key = add(keys, key_id, JWT_HS256)) == NULL)
        return refuse(why, "too many keys");
    buf_reserve(&key->secret, secret.len); /* in one piece: growing would leave copies behind */
    buf_append_span(&key->secret, secret);
    return OK;
}

/* The algorithm a public key is for, or a sentence why none. */
static const char *judge(EVP_PKEY *public, enum jwt_algorithm *algorithm)
{
    char group[32];
    EVP_PKEY_CTX *check;
    bool is_sound;

    if (EVP_PKEY_is_a(public, "RSA")) {
        if (EVP_PKEY_get_bits(public) < JWT_RSA_BITS_MIN)
            return "an RSA key needs at least 2048 bits";
        if (EVP_PKEY_get_bits(public) > JWT_RSA_BITS_MAX)
            return "an RSA key has at most 8192 bits";
        *algorithm = JWT_RS256;
    } else if (EVP_PKEY_is_a(public, "EC")) {
        if (!EVP_PKEY_get_utf8_string_param(public, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), NULL) ||
            strcmp(group, "prime256v1") != 0)
            return "of the elliptic curves only P-256 is supported";
        *algorithm = JWT_ES256;
    } else if (EVP_PKEY_is_a(public, "ED25519")) {
        *algorithm = JWT_EDDSA;
        return NULL; /* any 32 bytes are a key */
    } else {
        return "neither an RSA nor a P-256 nor an Ed25519 key";
    }
    check = EVP_PKEY_CTX_new(public, NULL);
    is_sound = check != NULL && EVP_PKEY_public_check(check) == 1;
    EVP_PKEY_CTX_free(check);
    return is_sound ? NULL : "the numbers of the key are not valid";
}

enum err jwt_keys_add_public(struct jwt_keys *keys, struct span key_id, EVP_PKEY *public, struct buf *why)
{
    enum jwt_algorithm algorithm = JWT_RS256;
    const char *sentence = judge(public, &algorithm);
    struct jwt_key *key = NULL;

    ERR_clear_error();
    if (sentence == NULL && (key = add(keys, key_id, algorithm)) == NULL)
        sentence = "too many keys";
    if (sentence != NULL) {
        EVP_PKEY_free(public);
        return refuse(why, sentence);
    }
    key->public = public;
    return OK;
}

/* By the label of the PEM block. A certificate is only a wrapping here: its dates and its issuer are not looked
 * at, since it was named in the configuration. */
static EVP_PKEY *decode(const char *label, const unsigned char *data, long len)
{
    X509 *certificate;
    EVP_PKEY *public;

    if (strcmp(label, PEM_STRING_PUBLIC) == 0)
        return d2i_PUBKEY(NULL, &data, len);
    if (strcmp(label, PEM_STRING_RSA_PUBLIC) == 0)
        return d2i_PublicKey(EVP_PKEY_RSA, NULL, &data, len);
    if (strcmp(label, PEM_STRING_X509) != 0)
        return NULL;
    certificate = d2i_X509(NULL, &data, len);
    public = certificate ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    return public;
}

/* The first block's key, or a sentence why there is none. */
static const char *read_pem(struct span pem, EVP_PKEY **public)
{
    char *label = NULL, *header = NULL;
    unsigned char *data = NULL;
    long len = 0;
    const char *sentence = NULL;
    BIO *bio;

    if (pem.len > PEM_BYTES_MAX)
        return "the file is too large for a key";
    if (pem.len == 0)
        return "the file is empty";
    bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    assert(bio != NULL);
    if (!PEM_read_bio(bio, &label, &header, &data, &len))
        sentence = "there is no PEM block (-----BEGIN ...) in it";
    else if (strstr(label, "PRIVATE KEY") != NULL)
        sentence = "it is a private key: only the public one belongs here";
    else if ((*public = decode(label, data, len)) == NULL)
        sentence = "the PEM block is neither a public key nor a certificate";
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_free(data);
    BIO_free(bio);
    ERR_clear_error();
    return sentence;
}

enum err jwt_keys_add_pem(struct jwt_keys *keys, struct span key_id, struct span pem, struct buf *why)
{
    EVP_PKEY *public = NULL;
    const char *sentence = read_pem(pem, &public);

    if (sentence != NULL)
        return refuse(why, sentence);
    return jwt_keys_add_public(keys, key_id, public, why);
}
