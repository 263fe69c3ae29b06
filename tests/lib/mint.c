#include "lib/mint.h"

#include "base/base64.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

void mint_unsigned(struct buf *out, struct span header, struct span payload)
{
    base64url_encode(out, header);
    buf_append_char(out, '.');
    base64url_encode(out, payload);
}

void mint_with_secret(struct buf *out, struct span header, struct span payload, struct span secret)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    size_t start = out->len;
    struct span text;
    unsigned len = 0;

    mint_unsigned(out, header, payload);
    text = span_slice(buf_span(out), start, out->len);
    HMAC(EVP_sha256(), secret.data, (int)secret.len, (const unsigned char *)text.data, text.len, mac, &len);
    buf_append_char(out, '.');
    base64url_encode(out, span_of(mac, len));
}

static void raw_from_der(struct buf *out, const unsigned char *der, size_t len)
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
    unsigned char raw[64];

    assert(pair != NULL);
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + 32, 32);
    buf_append(out, raw, sizeof(raw));
    ECDSA_SIG_free(pair);
}

void mint_signature(struct buf *out, struct span text, EVP_PKEY *private)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const EVP_MD *digest = EVP_PKEY_is_a(private, "ED25519") ? NULL : EVP_sha256();
    unsigned char signature[1024];
    size_t len = sizeof(signature);
    int result = EVP_DigestSignInit(context, NULL, digest, NULL, private);

    assert(result == 1);
    result = EVP_DigestSign(context, signature, &len, (const unsigned char *)text.data, text.len);
    assert(result == 1);
    if (EVP_PKEY_is_a(private, "EC"))
        raw_from_der(out, signature, len);
    else
        buf_append(out, signature, len);
    EVP_MD_CTX_free(context);
}

void mint_with_key(struct buf *out, struct span header, struct span payload, EVP_PKEY *private)
{
    struct buf signature = BUF_EMPTY;
    size_t start = out->len;

    mint_unsigned(out, header, payload);
    mint_signature(&signature, span_slice(buf_span(out), start, out->len), private);
    buf_append_char(out, '.');
    base64url_encode(out, buf_span(&signature));
    buf_deinit(&signature);
}

void mint_public_pem(struct buf *out, EVP_PKEY *private)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    long len;

    PEM_write_bio_PUBKEY(bio, private);
    len = BIO_get_mem_data(bio, &data);
    buf_append(out, data, (size_t)len);
    BIO_free(bio);
}
