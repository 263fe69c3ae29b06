#include "server/admin.h"

#include "auth/jwt.h"
#include "auth/password.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/rand.h"
#include "base/utf8.h"
#include "wire/json.h"

#include <stdlib.h>
#include <string.h>

#define TOKEN_TTL_S 3600
#define TOKEN_TTL_MAX_S (UINT64_C(366) * 24 * 3600)
#define NAME_CHARACTERS_MAX 64
#define ROLES_MAX 32

static const char *const command_names[] = {
    [ADMIN_USER_ADD] = "user_add",     [ADMIN_USER_LIST] = "user_list",     [ADMIN_USER_PASSWD] = "user_passwd",
    [ADMIN_USER_ROLES] = "user_roles", [ADMIN_USER_REMOVE] = "user_remove", [ADMIN_TOKEN] = "token",
    [ADMIN_BACKUP] = "backup",
};

static enum err fail(struct admin *admin, enum err err, const char *message)
{
    struct buf *out = &admin->answer;
    buf_reset(out);
    BUF_APPEND_LITERAL(out, "{\"ok\":false");
    json_member_string(out, "code", span_from_str(err_code(err)));
    json_member_string(out, "message", span_from_str(message ? message : err_sentence(err)));
    buf_append_char(out, '}');
    admin->is_ok = false;
    return err;
}

static struct buf *succeed(struct admin *admin)
{
    buf_reset(&admin->answer);
    BUF_APPEND_LITERAL(&admin->answer, "{\"ok\":true");
    admin->is_ok = true;
    return &admin->answer;
}

/* ---- reading the request ---- */

static bool read_command(struct span name, enum admin_command *out)
{
    for (unsigned i = 0; i < sizeof command_names / sizeof *command_names; i++) {
        if (span_equal(name, span_from_str(command_names[i]))) {
            *out = (enum admin_command)i;
            return true;
        }
    }
    return false;
}

static enum err read_roles(struct admin *admin, yyjson_val *roles)
{
    size_t count = yyjson_arr_size(roles);
    if (!yyjson_is_arr(roles) || count > ROLES_MAX)
        return fail(admin, ERR_BAD_FIELD, "Roles are a list of at most 32 names.");
    admin->roles = arena_alloc(&admin->arena, (count + 1) * sizeof *admin->roles);
    for (size_t i = 0; i < count; i++) {
        struct span role = json_text(yyjson_arr_get(roles, i));
        if (!utf8_is_label(role, NAME_CHARACTERS_MAX))
            return fail(admin, ERR_BAD_NAME, "A role's name has 1 to 64 characters.");
        admin->roles[admin->role_count++] = arena_copy(&admin->arena, role);
    }
    return OK;
}

static enum err read_password(struct admin *admin, yyjson_val *password)
{
    struct buf hash = BUF_EMPTY;
    enum err err = password_hash(json_text(password), &hash);
    if (err)
        fail(admin, err, "A password has 1 to 1024 bytes.");
    else
        admin->password_hash = arena_copy(&admin->arena, buf_span(&hash));
    buf_deinit(&hash);
    return err;
}

static enum err read_request(struct admin *admin, yyjson_val *root)
{
    enum err err;
    if (!read_command(json_get_text(root, "command"), &admin->command))
        return fail(admin, ERR_UNKNOWN_TYPE, "There is no such command.");
    bool wants_name = admin->command != ADMIN_USER_LIST && admin->command != ADMIN_BACKUP;
    admin->name = arena_copy(&admin->arena, json_get_text(root, "name"));
    if (wants_name && !utf8_is_label(admin->name, NAME_CHARACTERS_MAX))
        return fail(admin, ERR_BAD_NAME, "A user's name has 1 to 64 characters.");
    if (json_get(root, "roles") && (err = read_roles(admin, json_get(root, "roles"))))
        return err;
    bool wants_password = admin->command == ADMIN_USER_ADD || admin->command == ADMIN_USER_PASSWD;
    if (wants_password && (err = read_password(admin, json_get(root, "password"))))
        return err;
    int64_t ttl_s = TOKEN_TTL_S;
    if (json_get(root, "ttl_s") &&
        (!json_get_i64(root, "ttl_s", &ttl_s) || ttl_s < 1 || (uint64_t)ttl_s > TOKEN_TTL_MAX_S))
        return fail(admin, ERR_BAD_FIELD, "A token lives from 1 second to 366 days.");
    admin->ttl_s = (uint64_t)ttl_s;
    admin->file = arena_copy(&admin->arena, json_get_text(root, "file"));
    if (admin->command == ADMIN_BACKUP && admin->file.len == 0)
        return fail(admin, ERR_MISSING_FIELD, "Name the file to write.");
    return OK;
}

enum err admin_prepare(struct admin *admin, struct span request)
{
    struct json json;
    memset(admin, 0, sizeof *admin);
    arena_init(&admin->arena, 4096);
    enum err err = json_parse(&json, request, &json_limits_default);
    if (err)
        fail(admin, err, NULL);
    else
        err = read_request(admin, json.root);
    json_deinit(&json);
    return err;
}

bool admin_needs_reader(const struct admin *admin)
{
    return admin->command == ADMIN_BACKUP;
}

void admin_deinit(struct admin *admin)
{
    arena_deinit(&admin->arena);
    buf_deinit(&admin->answer);
}

/* ---- doing it ---- */

static void write_account(struct buf *out, const struct account *account)
{
    json_member_id(out, "id", account->id);
    json_member_string(out, "username", account->username);
    json_member_string(out, "name", account->name);
    json_append_key(out, "roles");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < account->role_count; i++) {
        if (i)
            buf_append_char(out, ',');
        json_append_string(out, account->roles[i]);
    }
    buf_append_char(out, ']');
}

static enum err find(struct admin *admin, struct store *store, struct account *account)
{
    enum err err = store_account_find(store, &admin->arena, admin->name, account);
    if (err)
        fail(admin, err, err == ERR_NOT_FOUND ? "There is no user of that name." : NULL);
    return err;
}

/* Adds or changes, and answers with the account as it is then. */
static void put(struct admin *admin, struct store *store, struct account *account)
{
    enum err err = store_account_put(store, &admin->arena, account);
    if (err) {
        fail(admin, err, err == ERR_EXISTS ? "There is a user of that name already." : NULL);
        return;
    }
    struct buf *out = succeed(admin);
    json_append_key(out, "user");
    buf_append_char(out, '{');
    write_account(out, account);
    BUF_APPEND_LITERAL(out, "}}");
}

static void run_add(struct admin *admin, struct store *store)
{
    struct account account = {.username = admin->name,
                              .name = admin->name,
                              .password_hash = admin->password_hash,
                              .roles = admin->roles,
                              .role_count = admin->role_count};
    put(admin, store, &account);
}

/* A new password or other roles end what was open under the old ones. */
static void run_change(struct admin *admin, struct store *store)
{
    struct account account;
    if (find(admin, store, &account))
        return;
    if (admin->command == ADMIN_USER_PASSWD)
        account.password_hash = admin->password_hash;
    if (admin->command == ADMIN_USER_ROLES) {
        account.roles = admin->roles;
        account.role_count = admin->role_count;
    }
    account.generation++;
    put(admin, store, &account);
    if (!admin->is_ok)
        return;
    admin->revoked_user = account.id;
    if (store_login_remove_all(store, account.id) != OK)
        fail(admin, ERR_STORAGE, "It was changed, but the user's open logins could not be removed.");
}

static void run_remove(struct admin *admin, struct store *store)
{
    struct account account;
    if (find(admin, store, &account))
        return;
    enum err err = store_account_remove(store, account.id);
    if (err) {
        fail(admin, err, NULL);
        return;
    }
    admin->revoked_user = account.id;
    buf_append_char(succeed(admin), '}');
}

static void run_list(struct admin *admin, struct store *store)
{
    struct account *accounts;
    uint32_t count;
    enum err err = store_account_list(store, &admin->arena, &accounts, &count);
    if (err) {
        fail(admin, err, NULL);
        return;
    }
    struct buf *out = succeed(admin);
    json_append_key(out, "users");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        buf_append_str(out, i ? ",{" : "{");
        write_account(out, &accounts[i]);
        buf_append_char(out, '}');
    }
    BUF_APPEND_LITERAL(out, "]}");
}

static void run_token(struct admin *admin, struct store *store, int64_t wall_ms)
{
    struct account account;
    uint8_t secret[ADMIN_SECRET_BYTES];
    if (find(admin, store, &account))
        return;
    enum err err = admin_token_secret(store, secret);
    if (err) {
        fail(admin, err, NULL);
        return;
    }
    struct buf token = BUF_EMPTY;
    struct jwt_claims claims = {.subject = account.id,
                                .issuer = SPAN(TOKEN_ISSUER),
                                .username = account.username,
                                .name = account.name,
                                .roles = account.roles,
                                .role_count = account.role_count,
                                .issued_s = wall_ms / 1000,
                                .expires_s = wall_ms / 1000 + (int64_t)admin->ttl_s,
                                .generation = account.generation,
                                .has_generation = true};
    jwt_sign(&token, SPAN(TOKEN_KEY_ID), span_of(secret, sizeof secret), &claims, SPAN_EMPTY);
    struct buf *out = succeed(admin);
    json_member_string(out, "token", buf_span(&token));
    json_append_key(out, "expires_at");
    buf_append_char(out, '"');
    clock_append_iso(out, claims.expires_s * 1000);
    BUF_APPEND_LITERAL(out, "\"}");
    buf_deinit(&token);
}

static void run_backup(struct admin *admin, struct store_reader *reader)
{
    struct buf why = BUF_EMPTY;
    enum err err = store_backup(reader, admin->file, &why);
    if (err) {
        buf_append_char(&why, '\0');
        fail(admin, err, why.len > 1 ? why.data : NULL);
    } else {
        buf_append_char(succeed(admin), '}');
    }
    buf_deinit(&why);
}

void admin_run(struct admin *admin, struct store *store, struct store_reader *reader, int64_t wall_ms)
{
    switch (admin->command) {
    case ADMIN_USER_ADD: run_add(admin, store); break;
    case ADMIN_USER_PASSWD:
    case ADMIN_USER_ROLES: run_change(admin, store); break;
    case ADMIN_USER_REMOVE: run_remove(admin, store); break;
    case ADMIN_USER_LIST: run_list(admin, store); break;
    case ADMIN_TOKEN: run_token(admin, store, wall_ms); break;
    case ADMIN_BACKUP: run_backup(admin, reader); break;
    }
}

enum err admin_token_secret(struct store *store, uint8_t secret[ADMIN_SECRET_BYTES])
{
    struct arena arena;
    struct span value;
    arena_init(&arena, 256);
    enum err err = store_meta_get(store, &arena, SPAN("token_secret"), &value);
    if (err == ERR_NOT_FOUND || (err == OK && value.len != ADMIN_SECRET_BYTES)) {
        rand_bytes(secret, ADMIN_SECRET_BYTES);
        err = store_meta_put(store, SPAN("token_secret"), span_of(secret, ADMIN_SECRET_BYTES));
    } else if (err == OK) {
        memcpy(secret, value.data, ADMIN_SECRET_BYTES);
    }
    arena_deinit(&arena);
    return err;
}
