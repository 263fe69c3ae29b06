/* admin.h: what the command line asks of a store: accounts, tokens, backups. A request is one JSON object on one line, so that it means the same whether
 * the command opens the database itself or a running server is asked through its socket (admin_socket.h).
 *
 *     {"command": "user_add", "name": "jsmith", "roles": ["editor"], "password": "..."}
 *     {"command": "user_list"}  {"command": "user_passwd", "name", "password"}  {"command": "user_remove", "name"}
 *     {"command": "user_roles", "name", "roles"}  {"command": "token", "name", "ttl_s"}  {"command": "backup", "file"}
 *
 * Answers are {"ok": true, ...} or {"ok": false, "code": "...", "message": "..."}. */
#pragma once

#include "base/arena.h"
#include "store/store.h"

enum admin_command {
    ADMIN_USER_ADD,
    ADMIN_USER_LIST,
    ADMIN_USER_PASSWD,
    ADMIN_USER_ROLES,
    ADMIN_USER_REMOVE,
    ADMIN_TOKEN,
    ADMIN_BACKUP
};

struct admin {
    enum admin_command command;
    struct arena arena;
    struct span name, password_hash, file;
    struct span *roles;
    uint32_t role_count;
    uint64_t ttl_s;
    /* results */
    struct buf answer; /* one JSON object, no line end */
    bool is_ok;
    struct span revoked_user; /* whose sessions must end now; empty: nobody's */
};

/* Parses the request and hashes a password (slow: not on a worker). On an error the answer says so already and there is nothing to run. */
must_check enum err admin_prepare(struct admin *admin, struct span request);
/* Which handle it needs: a backup reads, everything else writes. */
bool admin_needs_reader(const struct admin *admin);
/* On the thread that owns the handle; the other one may be NULL. */
void admin_run(struct admin *admin, struct store *store, struct store_reader *reader, int64_t wall_ms);
void admin_deinit(struct admin *admin);

/* The server's own signing key: made at the first use, kept in the database. 32 bytes into `secret`. */
#define ADMIN_SECRET_BYTES 32
#define TOKEN_KEY_ID "collabd"
#define TOKEN_ISSUER "collabd"
must_check enum err admin_token_secret(struct store *store, uint8_t secret[ADMIN_SECRET_BYTES]);
