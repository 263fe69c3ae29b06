/* Tokens, claims and key sets. The first byte says what the rest is: a whole token; a payload, which gets a good
 * header and a good signature, so that the claims are reached at all; a header; a JWK set. */
#include "auth/jwt.h"

#include "base/base64.h"

#include <assert.h>
#include <openssl/hmac.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1700000000 };

/* The keys of the examples of RFC 7515 and RFC 8037, so that the corpus has tokens that are good. */
static const struct span jwks = SPAN_INIT(
    "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"},"
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},"
    "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-"
    "4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-"
    "bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"
    "UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-"
    "DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}]}");
static const struct span secret = SPAN_INIT("0123456789abcdef0123456789abcdef");

static struct jwt_keys *keys_of(struct span text)
{
    struct jwt_keys *keys = jwt_keys_new();
    struct buf why = BUF_EMPTY;
    enum err err = jwt_keys_add_jwks(keys, text, true, &why);

    assert((err == OK) == (why.len == 0)); /* a refusal comes with a sentence */
    buf_deinit(&why);
    return keys;
}

static void mint(struct buf *out, struct span header, struct span payload)
{
    unsigned char mac[32];
    unsigned len = 0;

    base64url_encode(out, header);
    buf_append_char(out, '.');
    base64url_encode(out, payload);
    HMAC(EVP_sha256(), secret.data, (int)secret.len, (const unsigned char *)out->data, out->len, mac, &len);
    buf_append_char(out, '.');
    base64url_encode(out, span_of(mac, len));
}

static void verify(struct span token)
{
    static const struct jwt_rules rules = {.leeway_s = 30, .lifetime_max_s = 86400};
    static struct jwt_keys *keys; /* made once: checking the numbers of an RSA key takes longer than all the rest */
    struct jwt_claims claims;
    struct arena arena;
    size_t bytes = 0;

    if (keys == NULL)
        keys = keys_of(jwks);
    arena_init(&arena, 4096);
    if (jwt_verify(keys, &rules, token, NOW, &arena, &claims) == OK) {
        assert(claims.expires_s > NOW - 30 && claims.expires_s <= NOW + 86400 + 30);
        for (uint32_t i = 0; i < claims.role_count; i++)
            bytes += claims.roles[i].len;
        assert(bytes + claims.subject.len + claims.issuer.len + claims.token_id.len + claims.username.len <= token.len);
    }
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_of(data + 1, size > 0 ? size - 1 : 0);
    struct buf token = BUF_EMPTY;

    if (size == 0)
        return 0;
    switch (data[0]) {
    case 't': verify(rest); break;
    case 'p':
        mint(&token, SPAN("{\"alg\":\"HS256\"}"), rest);
        verify(buf_span(&token));
        break;
    case 'h':
        mint(&token, rest, SPAN("{\"exp\":1700000600}"));
        verify(buf_span(&token));
        break;
    case 'k': jwt_keys_unref(keys_of(rest)); break;
    default: break;
    }
    buf_deinit(&token);
    return 0;
}
