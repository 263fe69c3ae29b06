/* credentials.h: from what a request brings (cookie, bearer token, ?token=, a first message) to an identity. Own tokens
 * and cookies are checked against the accounts (cached per worker until revoked, so that most checks need no store);
 * foreign tokens stand for themselves; of those that no key explains an application's backend is asked, if one is configured for that. Home
 * thread only.
 *
 * What a request brings is looked at in this order: `Authorization: Bearer`, ?token= where that is allowed, the cookie.
 * The first that is there decides. */
#pragma once

#include "peer/host.h"

#define LOGIN_COOKIE "collabd_session"

struct credentials_result {
    /* OK; ERR_NOT_AUTHENTICATED when the request brought nothing; ERR_BAD_TOKEN, ERR_TOKEN_EXPIRED,
     * ERR_SESSION_REVOKED; ERR_BAD_REQUEST for two cookies of that name; or the store's error. */
    enum err err;
    struct identity *identity; /* with OK: a reference for the callback's owner */
    int64_t expires_ms;        /* wall clock; 0: never */
    bool has_login_key;
    uint8_t login_key[32]; /* what logging out ends: SHA-256 of the cookie's value, or of an own token's signature */
    bool is_account;       /* one of our accounts, as opposed to somebody whom a foreign token or a backend names */
    uint64_t generation;   /* of the account */
    struct span token_id;  /* of an own token: by what it is revoked. Valid during the callback */
};
typedef void credentials_done(void *arg, const struct credentials_result *result);

/* Calls `done` once: now when it can be decided now (gives NULL), or in a later turn (gives a handle that
 * credentials_cancel takes). */
struct credentials_check;
struct credentials_check *credentials_check_request(struct peer_host *host, struct http_exchange *exchange,
                                                    bool allows_query_token, credentials_done *done, void *arg);
struct credentials_check *credentials_check_token(struct peer_host *host, struct span token, credentials_done *done,
                                                  void *arg);
void credentials_cancel(struct credentials_check *check); /* done is not called any more */

/* A token for this identity by the server's own key. */
void credentials_issue_token(struct peer_host *host, const struct identity *identity, uint64_t generation,
                             uint64_t ttl_s, struct buf *out, int64_t *expires_ms);
/* Drops from the cache what belongs to the user; with a login key only that one. */
void credentials_forget(struct peer_host *host, struct span user_id, struct span login_key);
void credentials_forget_all(struct peer_host *host);
struct identity *identity_of_account(struct peer_host *host, const struct account *account);
