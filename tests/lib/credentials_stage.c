#include "lib/credentials_stage.h"

#include "auth/login_key.h"
#include "lib/mint.h"

#include <stdio.h>
#include <string.h>

#define OTHER_SECRET SPAN("a secret of somebody else: also 32")

struct checked checked;

void credentials_stage_hear(void *arg, const struct credentials_result *result)
{
    (void)arg;
    checked = (struct checked){.count = checked.count + 1, .err = result->err};
    if (!result->identity)
        return;
    (void)snprintf(checked.user_id, sizeof(checked.user_id), "%.*s", SPAN_ARG(result->identity->user_id));
    (void)snprintf(checked.username, sizeof(checked.username), "%.*s", SPAN_ARG(result->identity->username));
    checked.role_count = result->identity->role_count;
    checked.is_account = result->is_account;
    checked.expires_ms = result->expires_ms;
    memcpy(checked.login_key, result->login_key, sizeof(checked.login_key));
    identity_unref(result->identity);
}

int credentials_stage_set_up(void **state)
{
    (void)rest_stage_set_up(state);
    checked = (struct checked){0};
    return 0;
}

/* ---- as a request brings them ------------------------------------------------------------------------------------- */

struct credentials_check *check_headers(const char *cookie, const char *authorization)
{
    struct http_header headers[2];
    struct http_exchange exchange = {.headers = headers};
    struct credentials_check *check;

    if (cookie)
        headers[exchange.header_count++] = (struct http_header){SPAN("Cookie"), span_from_str(cookie)};
    if (authorization)
        headers[exchange.header_count++] = (struct http_header){SPAN("Authorization"), span_from_str(authorization)};
    arena_init(&exchange.arena, 1024);
    check = credentials_check_request(&stage.host, &exchange, false, credentials_stage_hear, NULL);
    arena_deinit(&exchange.arena);
    return check;
}

const char *cookie_of(struct span value)
{
    return arena_printf(&stage.store.arena, "%s=%.*s", LOGIN_COOKIE, SPAN_ARG(value)).data;
}

const char *bearer_of(struct span token)
{
    return arena_printf(&stage.store.arena, "Bearer %.*s", SPAN_ARG(token)).data;
}

void check_cookie(struct span value)
{
    check_headers(cookie_of(value), NULL);
    peer_stage_run_jobs(&stage);
}

/* ---- tokens ------------------------------------------------------------------------------------------------------- */

struct span own_token(uint64_t ttl_s)
{
    struct account account;
    struct buf token = BUF_EMPTY;
    struct identity *identity;
    struct span copy;
    int64_t expires_ms;

    assert_int_equal(store_account_get(stage.store.store, &stage.store.arena, SPAN("7"), &account), OK);
    identity = identity_of_account(&stage.host, &account);
    credentials_issue_token(&stage.host, identity, account.generation, ttl_s, &token, &expires_ms);
    identity_unref(identity);
    copy = arena_copy(&stage.store.arena, buf_span(&token));
    buf_deinit(&token);
    return copy;
}

struct span foreign_token(const char *claims)
{
    struct buf token = BUF_EMPTY;
    struct span copy;

    mint_with_secret(&token, SPAN("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"), span_from_str(claims), OTHER_SECRET);
    copy = arena_copy(&stage.store.arena, buf_span(&token));
    buf_deinit(&token);
    return copy;
}

void check_token(struct span token)
{
    credentials_check_token(&stage.host, token, credentials_stage_hear, NULL);
    peer_stage_run_jobs(&stage);
}

void assert_nobody(enum err err)
{
    assert_int_equal(checked.err, err);
    assert_string_equal(checked.user_id, "");
}

int64_t in_an_hour(void)
{
    return stage.host.wall_ms + 3600 * 1000;
}
