/* mint.h: tokens for tests, good and bad: any header, any payload, a real signature. */
#pragma once

#include "base/buf.h"

#include <openssl/evp.h>

/* base64url(header).base64url(payload).base64url(signature): appended. With HMAC-SHA256, whatever the header says. */
void mint_with_secret(struct buf *out, struct span header, struct span payload, struct span secret);
/* With an RSA (PKCS #1 v1.5, SHA-256), P-256 (raw r and s) or Ed25519 private key. */
void mint_with_key(struct buf *out, struct span header, struct span payload, EVP_PKEY *private);
/* The same without a signature: ends with the second part. */
void mint_unsigned(struct buf *out, struct span header, struct span payload);
/* Raw signature of any text, as JWS wants it. */
void mint_signature(struct buf *out, struct span text, EVP_PKEY *private);
/* The public half as a PEM file. */
void mint_public_pem(struct buf *out, EVP_PKEY *private);
