/* Order matters here: shape, header, signature, and only then is a byte of the payload looked at. */
#include "auth/jwt_keys.h"

#include "base/base64.h"
#include "wire/json.h"

#include <assert.h>

enum { TOKEN_BYTES_MAX = 8 * 1024, KEYS_TRIED_MAX = 16 };

/* The end of the year 9999. Up to here sums of times and durations stay far from overflow. */
#define SECONDS_MAX INT64_C(253402300799)

static const struct json_limits json_limits = {TOKEN_BYTES_MAX, 16, 1024};

/* A token in its three parts, decoded; the spans live in the arena. */
struct token {
    struct span signed_text; /* the first two parts as they came */
    struct span header, payload, signature;
};

struct header {
    enum jwt_algorithm algorithm;
    struct span key_id; /* empty: none */
};

/* ---- shape ---- */

static bool decode_part(struct arena *arena, struct span text, struct span *out)
{
    struct buf bytes = BUF_EMPTY;
    bool is_good = text.len > 0 && base64url_decode(&bytes, text) == OK;

    if (is_good)
        *out = arena_copy(arena, buf_span(&bytes));
    buf_deinit(&bytes);
    return is_good;
}

/* Exactly three parts, none of them empty: an unsigned token ends with a dot. */
static bool split(struct arena *arena, struct span text, struct token *token)
{
    size_t first, second;

    if (text.len > TOKEN_BYTES_MAX)
        return false;
    first = span_find(text, '.');
    if (first == text.len)
        return false;
    second = first + 1 + span_find(span_slice(text, first + 1, text.len), '.');
    if (second >= text.len)
        return false;
    token->signed_text = span_slice(text, 0, second);
    return decode_part(arena, span_slice(text, 0, first), &token->header) &&
           decode_part(arena, span_slice(text, first + 1, second - first - 1), &token->payload) &&
           decode_part(arena, span_slice(text, second + 1, text.len), &token->signature);
}

/* ---- header ---- */

static bool is_jwt(yyjson_val *type)
{
    return type == NULL || span_equal_nocase(json_text(type), SPAN("JWT")) ||
           span_equal_nocase(json_text(type), SPAN("at+jwt"));
}

/* What would change how the rest is to be read is refused: critical extensions (RFC 7515 4.1.11), compression, an
 * unencoded payload (RFC 7797). Where to find keys (jku, x5u, jwk, x5c) is the configuration's to say; the
 * header's word on it is not even read. */
static bool read_header(struct arena *arena, struct span text, struct header *header)
{
    struct json json = {0};
    bool is_good = false;
    yyjson_val *key_id;

    if (json_parse(&json, text, &json_limits) != OK || !yyjson_is_obj(json.root))
        goto done;
    if (json_get(json.root, "crit") || json_get(json.root, "zip") || json_get(json.root, "b64"))
        goto done;
    if (!is_jwt(json_get(json.root, "typ")))
        goto done;
    if (!jwt_algorithm_parse(json_get_text(json.root, "alg"), &header->algorithm))
        goto done;
    key_id = json_get(json.root, "kid");
    if (key_id != NULL && !yyjson_is_str(key_id))
        goto done;
    header->key_id = arena_copy(arena, json_text(key_id));
    is_good = true;
done:
    json_deinit(&json);
    return is_good;
}

/* ---- signature ---- */

static bool has_id(const struct jwt_key *key, struct span id)
{
    return id.len > 0 && span_equal(buf_span(&key->id), id);
}

static bool knows_id(const struct jwt_keys *keys, struct span id)
{
    for (uint32_t i = 0; i < keys->count; i++)
        if (has_id(&keys->keys[i], id))
            return true;
    return false;
}

/* The key that signed it, or NULL. A known key id decides which key that is. Without one (or with a name that tells us
 * nothing) every key of the algorithm may be it. */
static const struct jwt_key *signer_of(const struct jwt_keys *keys, const struct header *header,
                                       const struct token *token)
{
    bool is_named = knows_id(keys, header->key_id);
    unsigned tried = 0;

    for (uint32_t i = 0; i < keys->count && tried < KEYS_TRIED_MAX; i++) {
        const struct jwt_key *key = &keys->keys[i];

        if (key->algorithm != header->algorithm || (is_named && !has_id(key, header->key_id)))
            continue;
        if (jwt_signature_is_valid(key, token->signed_text, token->signature))
            return key;
        tried++;
    }
    return NULL;
}

/* ---- claims ---- */

/* A registered claim: absent or of the right type, nothing else. */
static bool read_text(struct arena *arena, yyjson_val *claims, const char *name, struct span *out)
{
    yyjson_val *value = json_get(claims, name);

    if (value != NULL && !yyjson_is_str(value))
        return false;
    *out = arena_copy(arena, json_text(value));
    return true;
}

/* Seconds since 1970 as an integer. */
static bool read_time(yyjson_val *claims, const char *name, int64_t *out)
{
    *out = 0;
    if (json_get(claims, name) == NULL)
        return true;
    return json_get_i64(claims, name, out) && *out > 0 && *out <= SECONDS_MAX;
}

static bool read_generation(yyjson_val *claims, struct jwt_claims *out)
{
    yyjson_val *value = json_get(claims, "gen");

    out->has_generation = value != NULL;
    out->generation = yyjson_get_uint(value);
    return value == NULL || yyjson_is_uint(value);
}

static bool read_role_list(struct arena *arena, yyjson_val *list, struct jwt_claims *out)
{
    struct span *roles = arena_alloc(arena, yyjson_arr_size(list) * sizeof(struct span));
    size_t index, count;
    yyjson_val *role;

    out->roles = roles;
    yyjson_arr_foreach(list, index, count, role)
    {
        if (!yyjson_is_str(role))
            return false;
        roles[out->role_count++] = arena_copy(arena, json_text(role));
    }
    return true;
}

/* "a b": how OAuth writes its scopes. */
static void read_role_words(struct arena *arena, struct span words, struct jwt_claims *out)
{
    struct span rest = arena_copy(arena, words);
    struct span *roles = arena_alloc(arena, (words.len / 2 + 1) * sizeof(struct span));
    struct span word;

    out->roles = roles;
    while (span_cut(&rest, ' ', &word))
        if (word.len > 0)
            roles[out->role_count++] = word;
}

static bool read_roles(struct arena *arena, yyjson_val *claims, struct jwt_claims *out)
{
    yyjson_val *value = json_get(claims, "roles");

    if (yyjson_is_arr(value))
        return read_role_list(arena, value, out);
    if (yyjson_is_str(value))
        read_role_words(arena, json_text(value), out);
    return value == NULL || yyjson_is_str(value);
}

static bool read_claims(struct arena *arena, yyjson_val *claims, struct jwt_claims *out)
{
    /* For display; issuers put null or objects there, which is no reason to turn a person away. */
    out->username = json_get_text2(claims, "preferred_username", "username");
    out->username = arena_copy(arena, out->username);
    out->name = arena_copy(arena, json_get_text(claims, "name"));
    out->avatar = arena_copy(arena, json_get_text(claims, "picture"));
    return read_text(arena, claims, "sub", &out->subject) && read_text(arena, claims, "iss", &out->issuer) &&
           read_text(arena, claims, "jti", &out->token_id) && read_time(claims, "exp", &out->expires_s) &&
           read_time(claims, "nbf", &out->not_before_s) && read_time(claims, "iat", &out->issued_s) &&
           read_generation(claims, out) && read_roles(arena, claims, out);
}

/* ---- rules ---- */

static bool is_for_audience(yyjson_val *value, struct span wanted)
{
    size_t index, count;
    yyjson_val *item;
    bool is_among = wanted.len == 0;

    if (value == NULL || yyjson_is_str(value))
        return is_among || span_equal(json_text(value), wanted);
    if (!yyjson_is_arr(value))
        return false;
    yyjson_arr_foreach(value, index, count, item)
    {
        if (!yyjson_is_str(item))
            return false;
        is_among = is_among || span_equal(json_text(item), wanted);
    }
    return is_among;
}

static bool is_plausible(const struct jwt_claims *claims, const struct jwt_rules *rules, int64_t now_s)
{
    int64_t leeway_s = (int64_t)rules->leeway_s;
    int64_t lifetime_s =
        claims->issued_s > 0 ? claims->expires_s - claims->issued_s : claims->expires_s - now_s - leeway_s;

    if (claims->expires_s == 0) /* absent: a token without an end is none */
        return false;
    if (claims->issued_s > claims->expires_s || claims->not_before_s > claims->expires_s)
        return false;
    if (claims->issued_s > now_s + leeway_s || claims->not_before_s > now_s + leeway_s)
        return false;
    return rules->lifetime_max_s == 0 || lifetime_s <= (int64_t)rules->lifetime_max_s;
}

static bool satisfies(const struct jwt_claims *claims, yyjson_val *audience, const struct jwt_rules *rules,
                      int64_t now_s)
{
    if (rules->issuer.len > 0 && !span_equal(claims->issuer, rules->issuer))
        return false;
    return is_for_audience(audience, rules->audience) && is_plausible(claims, rules, now_s);
}

static enum err read_payload(const struct jwt_rules *rules, struct span text, int64_t now_s, struct arena *arena,
                             struct jwt_claims *claims)
{
    struct json json = {0};
    enum err err = ERR_BAD_TOKEN;

    if (json_parse(&json, text, &json_limits) != OK || !yyjson_is_obj(json.root))
        goto done;
    if (!read_claims(arena, json.root, claims) || !satisfies(claims, json_get(json.root, "aud"), rules, now_s))
        goto done;
    /* Last, so that "expired" is said of tokens that were good otherwise: their clients fetch a new one and come
     * back. */
    err = now_s >= claims->expires_s + (int64_t)rules->leeway_s ? ERR_TOKEN_EXPIRED : OK;
done:
    json_deinit(&json);
    return err;
}

enum err jwt_verify(const struct jwt_keys *keys, const struct jwt_rules *rules, struct span text, int64_t now_s,
                    struct arena *arena, struct jwt_claims *claims)
{
    struct token token = {0};
    struct header header = {0};
    const struct jwt_key *signer;

    assert(rules->leeway_s <= SECONDS_MAX && rules->lifetime_max_s <= SECONDS_MAX);
    assert(now_s >= 0 && now_s <= SECONDS_MAX);
    *claims = (struct jwt_claims){0};
    if (!split(arena, text, &token) || !read_header(arena, token.header, &header))
        return ERR_BAD_TOKEN;
    if ((signer = signer_of(keys, &header, &token)) == NULL)
        return ERR_BAD_TOKEN;
    claims->key_id = arena_copy(arena, buf_span(&signer->id));
    return read_payload(rules, token.payload, now_s, arena, claims);
}
