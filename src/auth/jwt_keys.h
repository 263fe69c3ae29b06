/* jwt_keys.h: what a set of keys looks like inside auth/. Everybody else sees jwt.h. */
#pragma once

#include "auth/jwt.h"

#include <openssl/evp.h>

enum {
    JWT_KEYS_MAX = 64,
    JWT_SECRET_BYTES_MIN = 32,
    JWT_SECRET_BYTES_MAX = 4096,
    JWT_RSA_BITS_MIN = 2048,
    JWT_RSA_BITS_MAX = 8192, /* checking a signature gets slow */
};

struct jwt_key {
    enum jwt_algorithm algorithm;
    struct buf id;     /* empty: none */
    struct buf secret; /* HS256 */
    EVP_PKEY *public;  /* the others */
};

struct jwt_keys {
    _Atomic uint32_t ref_count;
    uint32_t count;
    struct jwt_key keys[JWT_KEYS_MAX];
};

/* "HS256" and so on, as in `alg`; false for every other name. */
bool jwt_algorithm_parse(struct span name, enum jwt_algorithm *out);
const char *jwt_algorithm_name(enum jwt_algorithm algorithm);

/* Takes the public key, also when it refuses it: ERR_CONFIG with a sentence when it is too weak or of a kind that
 * nothing here verifies with. */
must_check enum err jwt_keys_add_public(struct jwt_keys *keys, struct span key_id, EVP_PKEY *public, struct buf *why);

/* Whether `signature` is the key's for `text`. Any thread; leaves no errors in OpenSSL's queue. */
bool jwt_signature_is_valid(const struct jwt_key *key, struct span text, struct span signature);
/* HMAC-SHA256 of `text`. */
void jwt_hmac(struct span secret, struct span text, uint8_t mac[32]);
