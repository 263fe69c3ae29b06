#include "auth/login_key.h"

#include "base/base64.h"
#include "base/rand.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

enum { RANDOM_BYTES = 32, VALUE_LEN = 43 }; /* 32 bytes are 43 characters of base64url */

static_assert(LOGIN_KEY_BYTES == SHA256_DIGEST_LENGTH, "the key is a SHA-256");

static void digest(struct span value, uint8_t key[LOGIN_KEY_BYTES])
{
    SHA256((const unsigned char *)value.data, value.len, key);
}

void login_key_new(struct buf *cookie_value, uint8_t key[LOGIN_KEY_BYTES])
{
    uint8_t random[RANDOM_BYTES];
    size_t start = cookie_value->len;

    rand_bytes(random, sizeof(random));
    base64url_encode(cookie_value, span_of(random, sizeof(random)));
    OPENSSL_cleanse(random, sizeof(random));
    assert(cookie_value->len - start == VALUE_LEN);
    digest(span_slice(buf_span(cookie_value), start, VALUE_LEN), key);
}

bool login_key_of(struct span cookie_value, uint8_t key[LOGIN_KEY_BYTES])
{
    struct buf random = BUF_EMPTY;
    bool is_ours = cookie_value.len == VALUE_LEN && base64url_decode(&random, cookie_value) == OK;

    if (is_ours)
        digest(cookie_value, key);
    if (random.cap > 0)
        OPENSSL_cleanse(random.data, random.cap);
    buf_deinit(&random);
    return is_ours;
}

bool secret_equal(struct span a, struct span b)
{
    if (a.len != b.len) /* how long a secret is, is none */
        return false;
    return a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0;
}
