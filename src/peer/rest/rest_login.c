/* Logging in and out, who am I, and a token for programs.
 *
 * A login takes three steps on three threads: the account is looked up, the password is verified (of an unknown user against
 * nothing, which takes as long), the session is written. Nothing tells an unknown user from a wrong password. */
#include "peer/rest/rest.h"

#include "auth/login_key.h"
#include "auth/password.h"
#include "base/log.h"
#include "base/metric.h"

#include <string.h>

#define USERNAME_BYTES_MAX 256

struct attempt {
    struct span username, password; /* in the arena of the job that has it */
    bool is_known;
    struct account account;
};

/* ---- the steps ---- */

/* As few copies of a password as can be stay behind in memory that is given back. */
static void forget_password(struct attempt *attempt)
{
    if (attempt->password.len)
        explicit_bzero((void *)(uintptr_t)attempt->password.data, attempt->password.len);
}

static struct account account_copy(struct arena *arena, const struct account *from)
{
    struct account to = *from;
    to.id = arena_copy(arena, from->id);
    to.username = arena_copy(arena, from->username);
    to.name = arena_copy(arena, from->name);
    to.avatar = arena_copy(arena, from->avatar);
    to.password_hash = arena_copy(arena, from->password_hash);
    to.roles = arena_alloc(arena, from->role_count * sizeof *to.roles);
    for (uint32_t i = 0; i < from->role_count; i++)
        to.roles[i] = arena_copy(arena, from->roles[i]);
    return to;
}

static struct request_job *next_step(struct request *request, const struct attempt *attempt,
                                     void (*run)(struct request_job *, struct store *, struct store_reader *),
                                     void (*done)(struct request_job *, struct request *))
{
    struct request_job *job = request_job_new(request);
    struct attempt *copy = arena_alloc(&job->arena, sizeof *copy);
    copy->username = arena_copy(&job->arena, attempt->username);
    copy->password = arena_copy(&job->arena, attempt->password);
    copy->is_known = attempt->is_known;
    if (attempt->is_known)
        copy->account = account_copy(&job->arena, &attempt->account);
    job->state = copy;
    job->run = run;
    job->done = done;
    return job;
}

/* ---- 3: the session ---- */

struct opening {
    uint8_t key[LOGIN_KEY_BYTES];
    struct span cookie; /* its value */
    struct login login;
    struct account account;
};

static void run_open(struct request_job *job, struct store *store, struct store_reader *reader)
{
    struct opening *opening = job->state;
    (void)reader;
    job->err = store_login_put(store, &opening->login);
}

static void add_cookie(struct request *request, struct span value, uint64_t max_age_s)
{
    struct http_exchange *exchange = request->exchange;
    http_add_header(exchange, "Set-Cookie",
                    arena_printf(&exchange->arena, "%s=%.*s; Path=/; Max-Age=%llu; HttpOnly; SameSite=Lax%s",
                                 LOGIN_COOKIE, SPAN_ARG(value), (unsigned long long)max_age_s,
                                 request_is_tls(request) ? "; Secure" : ""));
}

static void respond_user(struct request *request, const struct identity *identity)
{
    struct buf json = BUF_EMPTY;
    buf_append_char(&json, '{');
    rest_write_user(&json, "user", identity);
    buf_append_char(&json, '}');
    request_respond(request, 200, buf_span(&json));
    buf_deinit(&json);
}

static void on_opened(struct request_job *job, struct request *request)
{
    const struct opening *opening = job->state;
    if (job->err) {
        request_fail(request, job->err, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    struct identity *identity = identity_of_account(request->host, &opening->account);
    metric_add(METRIC_logins, 1);
    log_info("login", "user=%s", LOG_TEXT(identity->username));
    add_cookie(request, opening->cookie, request->host->limits->login_ttl_s);
    respond_user(request, identity);
    identity_unref(identity);
}

static void open_login(struct request *request, const struct account *account)
{
    struct request_job *job = request_job_new(request);
    struct opening *opening = arena_alloc(&job->arena, sizeof *opening);
    struct buf cookie = BUF_EMPTY;
    login_key_new(&cookie, opening->key);
    opening->cookie = arena_copy(&job->arena, buf_span(&cookie));
    buf_deinit(&cookie);
    opening->account = account_copy(&job->arena, account);
    opening->login = (struct login){
        .key = span_of(opening->key, sizeof opening->key),
        .user_id = opening->account.id,
        .created_ms = request->host->wall_ms,
        .expires_ms = request->host->wall_ms + (int64_t)request->host->limits->login_ttl_s * 1000,
        .generation = account->generation,
    };
    job->state = opening;
    job->run = run_open;
    job->done = on_opened;
    request_write(job);
}

/* ---- 2: the password ---- */

static void run_verify(struct request_job *job, struct store *store, struct store_reader *reader)
{
    struct attempt *attempt = job->state;
    (void)store;
    (void)reader;
    job->err = password_verify(attempt->password, attempt->is_known ? attempt->account.password_hash : SPAN_EMPTY);
    forget_password(attempt);
}

static void on_verified(struct request_job *job, struct request *request)
{
    const struct attempt *attempt = job->state;
    bool is_good = job->err == OK && attempt->is_known && !attempt->account.is_disabled;
    if (is_good) {
        open_login(request, &attempt->account);
        return;
    }
    struct conn_address address = conn_address(request->exchange->conn);
    metric_add(METRIC_logins_refused, 1);
    log_warn("login.refused", "user=%s address=%s", LOG_TEXT(attempt->username), address.text);
    request_fail(request, ERR_BAD_CREDENTIALS, SPAN_EMPTY, SPAN_EMPTY);
}

/* ---- 1: the account ---- */

static void run_find(struct request_job *job, struct store *store, struct store_reader *reader)
{
    struct attempt *attempt = job->state;
    (void)reader;
    job->err = store_account_find(store, &job->arena, attempt->username, &attempt->account);
    attempt->is_known = job->err == OK;
    if (job->err == ERR_NOT_FOUND)
        job->err = OK;
}

static void on_found(struct request_job *job, struct request *request)
{
    struct attempt *attempt = job->state;
    if (job->err)
        request_fail(request, job->err, SPAN_EMPTY, SPAN_EMPTY);
    else
        request_compute(next_step(request, attempt, run_verify, on_verified));
    forget_password(attempt);
}

static enum err read_member(yyjson_val *body, const char *name, size_t bytes_max, struct span *out, struct span *field)
{
    yyjson_val *value = json_get(body, name);
    *field = span_from_str(name);
    *out = json_text(value);
    if (!value)
        return ERR_MISSING_FIELD;
    return yyjson_is_str(value) && out->len > 0 && out->len <= bytes_max ? OK : ERR_BAD_FIELD;
}

static void handle_login(struct request *request)
{
    struct json body;
    struct attempt attempt = {0};
    struct span field = SPAN_EMPTY;
    enum err err = request_json(request, &body);
    if (err) {
        request_fail(request, err, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    err = read_member(body.root, "username", USERNAME_BYTES_MAX, &attempt.username, &field);
    if (err == OK)
        err = read_member(body.root, "password", PASSWORD_BYTES_MAX, &attempt.password, &field);
    if (err)
        request_fail(request, err, field, SPAN_EMPTY);
    else
        request_write(next_step(request, &attempt, run_find, on_found));
    json_deinit(&body);
}

/* ---- out ---- */

struct closing {
    bool has_token;
    struct span token_id, key, user_id;
    int64_t expires_ms;
};

static void run_close(struct request_job *job, struct store *store, struct store_reader *reader)
{
    const struct closing *closing = job->state;
    (void)reader;
    job->err = closing->has_token ? store_token_revoke(store, closing->token_id, closing->expires_ms)
                                  : store_login_remove(store, closing->key);
    if (job->err == ERR_NOT_FOUND) /* somebody was faster */
        job->err = OK;
}

static void on_closed(struct request_job *job, struct request *request)
{
    const struct closing *closing = job->state;
    if (job->err) {
        request_fail(request, job->err, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    request->host->revoke(request->host->world, closing->user_id, closing->key);
    if (!closing->has_token)
        add_cookie(request, SPAN_EMPTY, 0);
    request_respond(request, 204, SPAN_EMPTY);
}

static void handle_logout(struct request *request)
{
    if (!request->has_login_key) {
        request_fail(request, ERR_FORBIDDEN, SPAN_EMPTY, SPAN("Log out where this token was issued."));
        return;
    }
    struct request_job *job = request_job_new(request);
    struct closing *closing = arena_alloc(&job->arena, sizeof *closing);
    closing->has_token = request->token_id.len > 0;
    closing->token_id = arena_copy(&job->arena, request->token_id);
    closing->key = arena_copy(&job->arena, span_of(request->login_key, sizeof request->login_key));
    closing->user_id = arena_copy(&job->arena, request->identity->user_id);
    closing->expires_ms = request->token_expires_ms;
    job->state = closing;
    job->run = run_close;
    job->done = on_closed;
    request_write(job);
}

/* ---- who am I ---- */

static void handle_me(struct request *request)
{
    respond_user(request, request->identity);
}

static void handle_token(struct request *request)
{
    struct peer_host *host = request->host;
    struct buf token = BUF_EMPTY, json = BUF_EMPTY;
    int64_t expires_ms;
    if (!request->is_account) {
        request_fail(request, ERR_FORBIDDEN, SPAN_EMPTY, SPAN("Tokens are made for accounts of this server only."));
        return;
    }
    credentials_issue_token(host, request->identity, request->generation, host->limits->token_ttl_s, &token,
                            &expires_ms);
    buf_append_char(&json, '{');
    json_member_string(&json, "token", buf_span(&token));
    json_member_time(&json, "expires_at", expires_ms);
    buf_append_char(&json, '}');
    request_respond(request, 200, buf_span(&json));
    buf_deinit(&json);
    buf_deinit(&token);
}

const struct route routes_login[] = {
    {"POST", "/api/v1/login", NEED_NOTHING, handle_login, false},
    {"POST", "/api/v1/logout", NEED_USER_AT_ANY_RATE, handle_logout, false},
    {"GET", "/api/v1/me", NEED_USER, handle_me, false},
    {"POST", "/api/v1/token", NEED_USER, handle_token, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
