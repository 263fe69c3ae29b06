#include "auth/jwt_keys.h"

#include "base/base64.h"
#include "wire/json.h"

#include <assert.h>

static void member_text(struct buf *out, const char *key, struct span text)
{
    if (text.len > 0)
        json_member_string(out, key, text);
}

static void write_header(struct buf *out, struct span key_id)
{
    buf_append_char(out, '{');
    json_member_string(out, "alg", SPAN("HS256"));
    json_member_string(out, "typ", SPAN("JWT"));
    member_text(out, "kid", key_id);
    buf_append_char(out, '}');
}

static void write_roles(struct buf *out, const struct jwt_claims *claims)
{
    json_append_key(out, "roles");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < claims->role_count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        json_append_string(out, claims->roles[i]);
    }
    buf_append_char(out, ']');
}

static void write_payload(struct buf *out, const struct jwt_claims *claims, struct span audience)
{
    buf_append_char(out, '{');
    member_text(out, "iss", claims->issuer);
    member_text(out, "sub", claims->subject);
    member_text(out, "aud", audience);
    member_text(out, "jti", claims->token_id);
    member_text(out, "preferred_username", claims->username);
    member_text(out, "name", claims->name);
    member_text(out, "picture", claims->avatar);
    write_roles(out, claims);
    if (claims->issued_s > 0)
        json_member_i64(out, "iat", claims->issued_s);
    if (claims->not_before_s > 0)
        json_member_i64(out, "nbf", claims->not_before_s);
    json_member_i64(out, "exp", claims->expires_s);
    if (claims->has_generation)
        json_member_u64(out, "gen", claims->generation);
    buf_append_char(out, '}');
}

void jwt_sign(struct buf *out, struct span key_id, struct span secret, const struct jwt_claims *claims,
              struct span audience)
{
    struct buf part = BUF_EMPTY;
    size_t start = out->len;
    uint8_t mac[32];

    assert(claims->expires_s > 0);
    write_header(&part, key_id);
    base64url_encode(out, buf_span(&part));
    buf_append_char(out, '.');
    buf_reset(&part);
    write_payload(&part, claims, audience);
    base64url_encode(out, buf_span(&part));
    jwt_hmac(secret, span_slice(buf_span(out), start, out->len), mac);
    buf_append_char(out, '.');
    base64url_encode(out, span_of(mac, sizeof(mac)));
    buf_deinit(&part);
}
