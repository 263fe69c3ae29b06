#include "peer/credentials.h"

#include "auth/login_key.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/metric.h"
#include "base/utf8.h"
#include "collab/type/access.h"
#include "wire/json.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

/* A cookie or an own token that was good, or a token that a backend has explained: all that is left to compare is the time. */
struct cached_login {
    uint8_t key[LOGIN_KEY_BYTES]; /* its bytes are the key in host->logins */
    struct identity *identity;
    uint64_t generation;
    int64_t expires_ms;
    struct span token_id; /* of a token; owned */
    bool is_foreign;      /* as the backend said: */
    int64_t asked_ms, asked_until_ms;
};

/* When the cache is full it starts anew: everybody who is still there is looked up once more. */
#define CACHED_LOGINS_MAX 10000
#define USER_ID_BYTES_MAX 128
#define NAME_CHARACTERS_MAX 64
#define AVATAR_BYTES_MAX 2048
#define ARENA_BLOCK_BYTES 1024
#define OWN_LEEWAY_S 30
/* What a backend is asked about at all: a token is never longer. */
#define ASKED_TOKEN_BYTES_MAX 8192
#define ROLES_MAX 64

/* A cookie or an own token that is looked up. It is done on the thread that writes, whose mail comes in the order of its
 * work: what a logout ends cannot be put into the cache after the logout. */
struct credentials_check {
    struct store_job job; /* first */
    struct peer_host *host;
    credentials_done *done; /* NULL: cancelled */
    void *arg;
    struct arena arena;
    uint8_t key[LOGIN_KEY_BYTES];
    bool is_token;
    struct span user_id, token_id; /* of a token */
    uint64_t generation;
    int64_t expires_ms;
    enum err err; /* results */
    struct account account;
    struct backend_ask ask; /* instead of the job: about a token that is none of ours */
};

/* ---- identities ---- */

struct identity *identity_of_account(struct peer_host *host, const struct account *account)
{
    return identity_new(account->id, account->username, account->name, account->avatar, account->roles,
                        account->role_count, access_of(host->registry, account->roles, account->role_count));
}

static struct span avatar_of(struct span avatar)
{
    bool is_link = span_starts_with(avatar, SPAN("https://")) || span_starts_with(avatar, SPAN("http://")) ||
                   span_starts_with(avatar, SPAN("/"));
    return is_link && avatar.len <= AVATAR_BYTES_MAX && utf8_is_label(avatar, AVATAR_BYTES_MAX) ? avatar : SPAN_EMPTY;
}

/* NULL: the token does not say whom it stands for. */
static struct identity *identity_of_claims(struct peer_host *host, const struct jwt_claims *claims)
{
    struct span id = claims->subject;
    if (id.len > USER_ID_BYTES_MAX || !utf8_is_label(id, USER_ID_BYTES_MAX))
        return NULL;
    struct span username = utf8_is_label(claims->username, NAME_CHARACTERS_MAX) ? claims->username : id;
    struct span name = utf8_is_label(claims->name, NAME_CHARACTERS_MAX) ? claims->name : username;
    return identity_new(id, username, name, avatar_of(claims->avatar), claims->roles, claims->role_count,
                        access_of(host->registry, claims->roles, claims->role_count));
}

/* ---- the cache ---- */

static void cached_free(struct cached_login *cached)
{
    identity_unref(cached->identity);
    free((void *)(uintptr_t)cached->token_id.data);
    free(cached);
}

static struct cached_login *cache_get(struct peer_host *host, const uint8_t *key)
{
    return map_get(&host->logins, span_of(key, LOGIN_KEY_BYTES));
}

static void cache_remove(struct peer_host *host, struct span key)
{
    struct cached_login *cached = map_remove(&host->logins, key);
    if (cached)
        cached_free(cached);
}

static struct cached_login *cache_add(struct peer_host *host, const uint8_t *key)
{
    if (host->logins.count >= CACHED_LOGINS_MAX)
        credentials_forget_all(host);
    cache_remove(host, span_of(key, LOGIN_KEY_BYTES));
    struct cached_login *cached = NEW(struct cached_login);
    memcpy(cached->key, key, sizeof cached->key);
    map_put(&host->logins, span_of(cached->key, sizeof cached->key), cached);
    return cached;
}

static struct cached_login *cache_put(struct credentials_check *check)
{
    struct peer_host *host = check->host;
    struct cached_login *cached = cache_add(host, check->key);
    cached->identity = identity_of_account(host, &check->account);
    cached->generation = check->account.generation;
    cached->expires_ms = check->expires_ms;
    if (check->token_id.len)
        cached->token_id = span_of(memory_copy(check->token_id.data, check->token_id.len), check->token_id.len);
    return cached;
}

void credentials_forget(struct peer_host *host, struct span user_id, struct span login_key)
{
    host->revocations++;
    if (login_key.len) {
        cache_remove(host, login_key);
        return;
    }
    /* A table must not change while it is walked: start again after each find. Logins per user are few. */
    struct map_entry *entry = map_first(&host->logins);
    while (entry) {
        struct cached_login *cached = entry->value;
        if (!span_equal(cached->identity->user_id, user_id)) {
            entry = map_next(&host->logins, entry);
            continue;
        }
        cache_remove(host, span_of(cached->key, sizeof cached->key));
        entry = map_first(&host->logins);
    }
}

void credentials_forget_all(struct peer_host *host)
{
    for (struct map_entry *entry = map_first(&host->logins); entry; entry = map_next(&host->logins, entry))
        cached_free(entry->value);
    map_deinit(&host->logins);
    map_init(&host->logins);
}

/* ---- saying how it came out ---- */

static void fail(enum err err, credentials_done *done, void *arg)
{
    if (err != ERR_NOT_AUTHENTICATED)
        metric_add(METRIC_tokens_refused, 1);
    done(arg, &(struct credentials_result){.err = err});
}

static void succeed(const struct cached_login *cached, credentials_done *done, void *arg)
{
    struct credentials_result result = {
        .err = OK,
        .identity = identity_ref(cached->identity),
        .expires_ms = cached->expires_ms,
        .has_login_key = !cached->is_foreign,
        .is_account = !cached->is_foreign,
        .generation = cached->generation,
        .token_id = cached->token_id,
    };
    if (result.has_login_key)
        memcpy(result.login_key, cached->key, sizeof result.login_key);
    done(arg, &result);
}

/* ---- looking up ---- */

static enum err find_account(struct credentials_check *check, struct store *store)
{
    enum err err = store_account_get(store, &check->arena, check->user_id, &check->account);
    if (err)
        return err == ERR_NOT_FOUND ? ERR_SESSION_REVOKED : err;
    bool is_current = !check->account.is_disabled && check->account.generation == check->generation;
    return is_current ? OK : ERR_SESSION_REVOKED;
}

static enum err find_login(struct credentials_check *check, struct store *store)
{
    struct login login;
    enum err err = store_login_get(store, &check->arena, span_of(check->key, sizeof check->key), &login);
    if (err)
        return err == ERR_NOT_FOUND ? ERR_SESSION_REVOKED : err;
    check->user_id = login.user_id;
    check->generation = login.generation;
    check->expires_ms = login.expires_ms;
    return find_account(check, store);
}

static enum err find_token(struct credentials_check *check, struct store *store)
{
    bool is_revoked;
    enum err err = store_token_is_revoked(store, check->token_id, &is_revoked);
    if (err)
        return err;
    return is_revoked ? ERR_SESSION_REVOKED : find_account(check, store);
}

static void run_lookup(struct store_job *job, struct store *store, struct store_reader *reader)
{
    struct credentials_check *check = (struct credentials_check *)job;
    (void)reader;
    check->err = check->is_token ? find_token(check, store) : find_login(check, store);
}

static void on_looked_up(struct store_job *job, void *worker)
{
    struct credentials_check *check = (struct credentials_check *)job;
    (void)worker;
    if (check->err == OK && check->expires_ms <= check->host->wall_ms)
        check->err = ERR_SESSION_REVOKED;
    struct cached_login *cached = check->err == OK ? cache_put(check) : NULL;
    if (check->done && cached)
        succeed(cached, check->done, check->arg);
    else if (check->done)
        fail(check->err, check->done, check->arg);
    arena_deinit(&check->arena);
    free(check);
}

static struct credentials_check *look_up(struct peer_host *host, const uint8_t *key, credentials_done *done, void *arg)
{
    struct credentials_check *check = NEW(struct credentials_check);
    arena_init(&check->arena, ARENA_BLOCK_BYTES);
    check->job.run = run_lookup;
    check->job.done = on_looked_up;
    check->host = host;
    check->done = done;
    check->arg = arg;
    memcpy(check->key, key, sizeof check->key);
    return check;
}

static struct credentials_check *send(struct credentials_check *check)
{
    check->host->write_job(check->host->world, &check->job);
    return check;
}

void credentials_cancel(struct credentials_check *check)
{
    check->done = NULL;
}

/* ---- cookies ---- */

static struct credentials_check *check_cookie(struct peer_host *host, struct span value, credentials_done *done,
                                              void *arg)
{
    uint8_t key[LOGIN_KEY_BYTES];
    if (!login_key_of(value, key)) {
        fail(ERR_SESSION_REVOKED, done, arg);
        return NULL;
    }
    struct cached_login *cached = cache_get(host, key);
    if (!cached)
        return send(look_up(host, key, done, arg));
    if (cached->expires_ms > host->wall_ms)
        succeed(cached, done, arg);
    else
        fail(ERR_SESSION_REVOKED, done, arg);
    return NULL;
}

/* ---- tokens ---- */

/* What is ours and what is foreign is the key's doing, not the claims': an issuer that we trust for its own people must
 * not speak for our accounts. */
static enum err verify(struct peer_host *host, struct span token, struct arena *arena, struct jwt_claims *claims,
                       bool *is_own)
{
    const struct token_rules *tokens = host->tokens;
    const struct jwt_rules own = {tokens->own_issuer, tokens->own_audience, OWN_LEEWAY_S, 0};
    int64_t now_s = host->wall_ms / 1000;
    enum err err = jwt_verify(tokens->keys, &own, token, now_s, arena, claims);
    *is_own = claims->key_id.len && span_equal(claims->key_id, tokens->own_key_id);
    if (*is_own) /* the leeway is for clocks that differ: ours does not, as to when a token ends */
        return err == OK && claims->expires_s <= now_s ? ERR_TOKEN_EXPIRED : err;
    return jwt_verify(tokens->keys, &tokens->rules, token, now_s, arena, claims);
}

static struct credentials_check *check_own(struct peer_host *host, struct span token, const struct jwt_claims *claims,
                                           credentials_done *done, void *arg)
{
    struct span signature = token;
    uint8_t key[LOGIN_KEY_BYTES];
    for (size_t dot; (dot = span_find(signature, '.')) < signature.len;)
        signature = span_slice(signature, dot + 1, signature.len);
    if (claims->subject.len == 0 || !claims->has_generation || !login_key_of(signature, key)) {
        fail(ERR_BAD_TOKEN, done, arg);
        return NULL;
    }
    struct cached_login *cached = cache_get(host, key);
    if (cached) {
        succeed(cached, done, arg);
        return NULL;
    }
    struct credentials_check *check = look_up(host, key, done, arg);
    check->is_token = true;
    check->user_id = arena_copy(&check->arena, claims->subject);
    check->token_id = arena_copy(&check->arena, claims->token_id.len ? claims->token_id : signature);
    check->generation = claims->generation;
    check->expires_ms = claims->expires_s * 1000;
    return send(check);
}

static void check_foreign(struct peer_host *host, const struct jwt_claims *claims, credentials_done *done, void *arg)
{
    struct credentials_result result = {.identity = identity_of_claims(host, claims)};
    if (!result.identity) {
        fail(ERR_BAD_TOKEN, done, arg);
        return;
    }
    /* Within the leeway it is still good: it ends when that does. */
    result.expires_ms = claims->expires_s * 1000;
    if (result.expires_ms <= host->wall_ms)
        result.expires_ms += (int64_t)host->tokens->rules.leeway_s * 1000;
    done(arg, &result);
}

/* ---- tokens that a backend knows ---- */

/* {"user": {"id", "username"?, "name"?, "avatar"?, "roles"?}, "expires_at"?}: read as the claims of a foreign token. */
static bool read_user(struct arena *arena, yyjson_val *user, struct jwt_claims *claims)
{
    yyjson_val *id = json_get(user, "id"), *roles = json_get(user, "roles"), *role;
    size_t index, count;
    *claims = (struct jwt_claims){.username = json_get_text(user, "username"),
                                  .name = json_get_text(user, "name"),
                                  .avatar = json_get_text(user, "avatar")};
    claims->subject =
        yyjson_is_uint(id) ? arena_printf(arena, "%llu", (unsigned long long)yyjson_get_uint(id)) : json_text(id);
    if (!claims->subject.len || (roles && !yyjson_is_arr(roles)) || yyjson_arr_size(roles) > ROLES_MAX)
        return false;
    struct span *names = arena_alloc(arena, (ROLES_MAX + 1) * sizeof *names);
    yyjson_arr_foreach(roles, index, count, role)
    {
        names[claims->role_count++] = json_text(role);
        if (!utf8_is_label(json_text(role), NAME_CHARACTERS_MAX))
            return false;
    }
    claims->roles = names;
    return true;
}

/* A moment in ISO 8601 or in seconds since 1970; without one it does not end. */
static bool read_expiry(yyjson_val *answer, int64_t *expires_ms)
{
    yyjson_val *value = json_get(answer, "expires_at");
    int64_t seconds;
    *expires_ms = 0;
    if (!value || yyjson_is_null(value))
        return true;
    if (!json_get_i64(answer, "expires_at", &seconds))
        return clock_parse_iso(json_text(value), expires_ms);
    *expires_ms = seconds * 1000;
    return seconds > 0 && seconds < INT64_MAX / 1000;
}

/* NULL with check->err: it is nobody, or nobody any more, or the backend said nothing that we understand. */
static struct identity *identity_of_answer(struct credentials_check *check, yyjson_val *answer)
{
    struct jwt_claims claims;
    check->err = ERR_BAD_TOKEN;
    if (yyjson_is_false(json_get(answer, "allow")))
        return NULL;
    check->err = ERR_BACKEND_UNAVAILABLE;
    if (!read_user(&check->arena, json_get(answer, "user"), &claims) || !read_expiry(answer, &check->expires_ms))
        return NULL;
    check->err = ERR_TOKEN_EXPIRED;
    if (check->expires_ms && check->expires_ms <= check->host->wall_ms)
        return NULL;
    struct identity *identity = identity_of_claims(check->host, &claims);
    check->err = identity ? OK : ERR_BACKEND_UNAVAILABLE;
    return identity;
}

/* Not past a logout of its user in the meantime: revocations are counted. */
static void cache_put_foreign(struct credentials_check *check, struct identity *identity)
{
    struct peer_host *host = check->host;
    if (host->who_max_ms == 0 || check->generation != host->revocations)
        return;
    struct cached_login *cached = cache_add(host, check->key);
    cached->identity = identity_ref(identity);
    cached->is_foreign = true;
    cached->expires_ms = check->expires_ms;
    cached->asked_ms = host->wall_ms;
    cached->asked_until_ms = host->wall_ms + (int64_t)host->who_max_ms;
    if (cached->expires_ms && cached->expires_ms < cached->asked_until_ms)
        cached->asked_until_ms = cached->expires_ms;
}

static void hear_backend(struct credentials_check *check)
{
    static const struct json_limits limits = {64 * 1024, 32, 4096};
    struct json json = {0};
    struct identity *identity = NULL;
    check->err = check->ask.err;
    if (!check->err && json_parse(&json, buf_span(&check->ask.answer), &limits) == OK)
        identity = identity_of_answer(check, json.root);
    if (identity)
        cache_put_foreign(check, identity);
    else if (check->err == ERR_BAD_TOKEN)
        metric_add(METRIC_backend_refused, 1);
    if (!check->done)
        identity_unref(identity);
    else if (identity)
        check->done(check->arg, &(struct credentials_result){.identity = identity, .expires_ms = check->expires_ms});
    else
        fail(check->err, check->done, check->arg);
    json_deinit(&json);
}

static void on_backend_answered(struct peer_errand *errand, struct peer_host *host)
{
    struct credentials_check *check = LIST_OWNER(errand, struct credentials_check, ask.errand);
    if (host)
        hear_backend(check);
    else if (check->done)
        fail(ERR_BACKEND_UNAVAILABLE, check->done, check->arg);
    buf_deinit(&check->ask.body);
    buf_deinit(&check->ask.answer);
    arena_deinit(&check->arena);
    free(check);
}

/* The token may hold anything: what is no text is no token. */
static struct credentials_check *check_unknown(struct peer_host *host, struct span token, credentials_done *done,
                                               void *arg)
{
    uint8_t key[SHA256_DIGEST_LENGTH];
    if (token.len == 0 || token.len > ASKED_TOKEN_BYTES_MAX || !utf8_is_label(token, ASKED_TOKEN_BYTES_MAX)) {
        fail(ERR_BAD_TOKEN, done, arg);
        return NULL;
    }
    SHA256((const unsigned char *)token.data, token.len, key);
    struct cached_login *cached = cache_get(host, key);
    if (cached && host->wall_ms >= cached->asked_ms && host->wall_ms < cached->asked_until_ms) {
        succeed(cached, done, arg);
        return NULL;
    }
    struct credentials_check *check = look_up(host, key, done, arg);
    check->generation = host->revocations;
    check->ask.errand.run = on_backend_answered;
    buf_append_char(&check->ask.body, '{');
    json_member_string(&check->ask.body, "hook", SPAN("authenticate"));
    json_member_string(&check->ask.body, "token", token);
    buf_append_char(&check->ask.body, '}');
    host->ask_backend(host->world, &check->ask);
    return check;
}

struct credentials_check *credentials_check_token(struct peer_host *host, struct span token, credentials_done *done,
                                                  void *arg)
{
    struct credentials_check *check = NULL;
    struct arena arena;
    struct jwt_claims claims;
    bool is_own;
    arena_init(&arena, ARENA_BLOCK_BYTES);
    enum err err = verify(host, token, &arena, &claims, &is_own);
    if (err == ERR_BAD_TOKEN && !is_own && host->asks_who)
        check = check_unknown(host, token, done, arg);
    else if (err)
        fail(err, done, arg);
    else if (is_own)
        check = check_own(host, token, &claims, done, arg);
    else
        check_foreign(host, &claims, done, arg);
    arena_deinit(&arena);
    return check;
}

void credentials_issue_token(struct peer_host *host, const struct identity *identity, uint64_t generation,
                             uint64_t ttl_s, struct buf *out, int64_t *expires_ms)
{
    const struct token_rules *tokens = host->tokens;
    struct buf id = BUF_EMPTY;
    uint8_t key[LOGIN_KEY_BYTES];
    login_key_new(&id, key);
    struct jwt_claims claims = {
        .subject = identity->user_id,
        .issuer = tokens->own_issuer,
        .token_id = buf_span(&id),
        .username = identity->username,
        .name = identity->name,
        .roles = identity->roles,
        .role_count = identity->role_count,
        .issued_s = host->wall_ms / 1000,
        .generation = generation,
        .has_generation = true,
    };
    claims.expires_s = claims.issued_s + (int64_t)ttl_s;
    *expires_ms = claims.expires_s * 1000;
    jwt_sign(out, tokens->own_key_id, tokens->own_secret, &claims, tokens->own_audience);
    buf_deinit(&id);
}

/* ---- requests ---- */

/* The first bearer token. Other schemes are somebody else's: a proxy's password, say. */
static enum err bearer_of(const struct http_exchange *exchange, bool *is_there, struct span *token)
{
    struct span values[2];
    unsigned count = http_header_values(exchange, "Authorization", values, 2);
    *is_there = false;
    if (count > 1)
        return ERR_BAD_REQUEST;
    struct span rest = count ? values[0] : SPAN_EMPTY, scheme = SPAN_EMPTY;
    *is_there = span_cut(&rest, ' ', &scheme) && span_equal_nocase(scheme, SPAN("Bearer"));
    *token = span_trim(rest);
    return OK;
}

struct credentials_check *credentials_check_request(struct peer_host *host, struct http_exchange *exchange,
                                                    bool allows_query_token, credentials_done *done, void *arg)
{
    struct span value;
    bool is_there;
    enum err err = bearer_of(exchange, &is_there, &value);
    if (err == OK && (is_there || (allows_query_token && http_query(exchange, "token", &value))))
        return credentials_check_token(host, value, done, arg);
    if (err == OK)
        err = http_cookie(exchange, LOGIN_COOKIE, &value);
    if (err == OK && value.len)
        return check_cookie(host, value, done, arg);
    fail(err ? err : ERR_NOT_AUTHENTICATED, done, arg);
    return NULL;
}
