/* jwt.h: JSON Web Tokens (RFC 7515, 7517, 7518, 7519, 8037, 8725): signing with the server's own key, verification
 * against a set of keys. HS256, RS256, ES256, EdDSA (Ed25519).
 *
 * The algorithm belongs to the key, never to the token: a token's `alg` only leaves out the keys of other
 * algorithms, and `kid`, when it names keys of the set, leaves out the rest. `none`, `crit`, `zip`, `b64`, `jku`,
 * `x5u` and embedded keys get nowhere; base64url is strict; nothing is ever fetched. Pure: the time comes as an
 * argument. A set of keys is filled by its one owner and immutable once it is shared: then any thread may use it. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum jwt_algorithm { JWT_HS256, JWT_RS256, JWT_ES256, JWT_EDDSA };

struct jwt_keys; /* a set of keys */

struct jwt_keys *jwt_keys_new(void);
struct jwt_keys *jwt_keys_ref(struct jwt_keys *keys); /* any thread */
void jwt_keys_unref(struct jwt_keys *keys);
/* A shared secret (HS256): at least 32 bytes, else ERR_CONFIG with a sentence in *why. */
must_check enum err jwt_keys_add_secret(struct jwt_keys *keys, struct span key_id, struct span secret, struct buf *why);
/* PEM: a public key or certificate (RSA >= 2048 bits: RS256, P-256: ES256, Ed25519: EdDSA). The first block
 * counts. */
must_check enum err jwt_keys_add_pem(struct jwt_keys *keys, struct span key_id, struct span pem, struct buf *why);
/* A JWK set (RFC 7517): keys with a `use` other than sig or of an unknown type are skipped, symmetric ones unless
 * allows_secrets. ERR_CONFIG when a key is weak, broken or private, or when none is left. */
must_check enum err jwt_keys_add_jwks(struct jwt_keys *keys, struct span json, bool allows_secrets, struct buf *why);

struct jwt_rules {
    struct span issuer;      /* required value of iss; empty: any */
    struct span audience;    /* required among aud; empty: any */
    uint64_t leeway_s;       /* 30 */
    uint64_t lifetime_max_s; /* exp - iat (or exp - now without iat); 0: no limit */
};

struct jwt_claims {
    struct span key_id;                    /* of the key that verified it; empty: it has none. Not signed */
    struct span subject, issuer, token_id; /* sub, iss, jti */
    struct span username, name;            /* preferred_username or username; name */
    struct span avatar;                    /* picture */
    const struct span *roles;              /* roles: array of strings, or a string with blanks */
    uint32_t role_count;
    int64_t issued_s, expires_s, not_before_s; /* 0: absent (exp must be present) */
    uint64_t generation;                       /* "gen": the account's generation in our own tokens */
    bool has_generation;
};

/* ERR_BAD_TOKEN, or ERR_TOKEN_EXPIRED when that is all that is wrong with it; claims live in the arena. Tokens
 * over 8 KiB are refused. `sub` may be missing: who needs it asks. */
must_check enum err jwt_verify(const struct jwt_keys *keys, const struct jwt_rules *rules, struct span token,
                               int64_t now_s, struct arena *arena, struct jwt_claims *claims);

/* The server's own signing: HS256 with a 32-byte secret. Appends the token. */
void jwt_sign(struct buf *out, struct span key_id, struct span secret, const struct jwt_claims *claims,
              struct span audience);
