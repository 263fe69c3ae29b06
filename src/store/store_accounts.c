/* Accounts, cookie sessions, revoked tokens and small named values: one row each, written one at a time. */
#include "store/sqlite_internal.h"

#include "wire/json.h"

#include <assert.h>

/* ---- reading accounts ---- */

static const struct json_limits roles_limits = {64 * 1024, 4, 4096};

static enum err read_roles(struct span text, struct arena *arena, struct account *account)
{
    struct json json = {0};
    enum err err = json_parse(&json, text, &roles_limits);
    yyjson_val *role;
    size_t i, max;

    account->role_count = 0;
    if (err != OK || !yyjson_is_arr(json.root)) {
        err = ERR_STORAGE; /* nobody but this file writes it */
        goto done;
    }
    account->roles = arena_alloc(arena, yyjson_arr_size(json.root) * sizeof(*account->roles));
    yyjson_arr_foreach(json.root, i, max, role) account->roles[account->role_count++] =
        arena_copy(arena, json_text(role));
done:
    json_deinit(&json);
    return err;
}

static enum err read_account(sqlite3_stmt *statement, struct arena *arena, struct account *account)
{
    *account = (struct account){
        .id = sql_column_copy(statement, 0, arena),
        .username = sql_column_copy(statement, 1, arena),
        .name = sql_column_copy(statement, 2, arena),
        .avatar = sql_column_copy(statement, 3, arena),
        .password_hash = sql_column_copy(statement, 4, arena),
        .is_disabled = sqlite3_column_int(statement, 6) != 0,
        .generation = sql_column_u64(statement, 7),
    };
    return read_roles(sql_column(statement, 5), arena, account);
}

static enum err find_account(struct sql *sql, enum sql_statement name, struct span key, struct arena *arena,
                             struct account *out)
{
    sqlite3_stmt *statement = sql->statements[name];
    enum err err;

    sql_bind_text(statement, 1, key);
    if ((err = sql_row(statement)) != OK)
        return err;
    err = read_account(statement, arena, out);
    sqlite3_reset(statement);
    return err;
}

enum err store_account_find(struct store *store, struct arena *arena, struct span username, struct account *out)
{
    return find_account(&store->sql, SQL_account_find, username, arena, out);
}

/* A removed one's row is there, with its generation, but has no name. */
static enum err get_row(struct store *store, struct arena *arena, struct span id, struct account *out)
{
    return find_account(&store->sql, SQL_account_get, id, arena, out);
}

enum err store_account_get(struct store *store, struct arena *arena, struct span id, struct account *out)
{
    enum err err = get_row(store, arena, id, out);

    return err == OK && out->username.len == 0 ? ERR_NOT_FOUND : err;
}

static enum err read_account_roles(struct store *store, struct arena *arena, struct span id, struct account_roles *out)
{
    struct account account;
    enum err err = get_row(store, arena, id, &account);

    if (err != OK)
        return err == ERR_NOT_FOUND ? OK : err;
    *out = (struct account_roles){.is_known = true,
                                  .is_active = account.username.len > 0 && !account.is_disabled,
                                  .count = account.role_count,
                                  .names = account.roles};
    return OK;
}

enum err accounts_read_roles(struct store *store, struct store_request *request)
{
    enum err err = OK;

    request->roles = arena_alloc(&request->arena, request->name_count * sizeof(*request->roles));
    for (uint32_t i = 0; i < request->name_count && err == OK; i++)
        err = read_account_roles(store, &request->arena, request->names[i], &request->roles[i]);
    return err;
}

enum err store_user_resolve(struct store_reader *reader, struct arena *arena, struct span *user)
{
    struct account account;
    enum err err;

    if (user->len == 0)
        return OK;
    reader_start_clock(reader);
    err = find_account(&reader->sql, SQL_account_get, *user, arena, &account);
    if (err == ERR_NOT_FOUND && (err = find_account(&reader->sql, SQL_account_find, *user, arena, &account)) == OK)
        *user = account.id;
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err store_account_list(struct store *store, struct arena *arena, struct account **out, uint32_t *count)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_account_list];
    struct buf accounts = BUF_EMPTY;
    struct account account;
    enum err err;

    *count = 0;
    while ((err = sql_row(statement)) == OK) {
        if ((err = read_account(statement, arena, &account)) != OK)
            break;
        buf_append(&accounts, &account, sizeof(account));
        (*count)++;
    }
    sqlite3_reset(statement);
    *out = (struct account *)(void *)arena_copy(arena, buf_span(&accounts)).data;
    buf_deinit(&accounts);
    return err == ERR_NOT_FOUND ? OK : err;
}

/* ---- writing accounts ---- */

static bool same_roles(const struct account *a, const struct account *b)
{
    if (a->role_count != b->role_count)
        return false;
    for (uint32_t i = 0; i < a->role_count; i++)
        if (!span_equal(a->roles[i], b->roles[i]))
            return false;
    return true;
}

static void print_roles(struct buf *out, const struct account *account)
{
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < account->role_count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        json_append_string(out, account->roles[i]);
    }
    buf_append_char(out, ']');
}

/* No type can have this name: it has a point. */
#define COUNTER_NAME SPAN("store.account")

/* Numbers that were ids are never given out again, those that somebody chose himself included. */
static enum err last_number(struct store *store, uint64_t *out)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_counter_get];
    enum err err;

    *out = 0;
    sql_bind_text(statement, 1, COUNTER_NAME);
    if ((err = sql_row(statement)) == OK) {
        *out = sql_column_u64(statement, 0);
        sqlite3_reset(statement);
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err keep_number(struct store *store, uint64_t number)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_counter_put];

    sql_bind_text(statement, 1, COUNTER_NAME);
    sql_bind_u64(statement, 2, number);
    return sql_run(statement);
}

static enum err choose_id(struct store *store, struct arena *arena, struct account *account)
{
    uint64_t last, number;
    enum err err;

    if ((err = last_number(store, &last)) != OK)
        return err;
    if (account->id.len == 0) {
        number = last + 1;
        account->id = arena_printf(arena, "%llu", (unsigned long long)number);
    } else if (!span_parse_u64(account->id, &number) || number <= last || number > SQL_NUMBER_MAX) {
        return OK;
    }
    return keep_number(store, number);
}

/* Older sessions and tokens end when what they were made for is not so any more. */
static enum err next_generation(struct store *store, struct arena *arena, struct account *account)
{
    const uint64_t asked = account->generation;
    struct account before;
    enum err err = get_row(store, arena, account->id, &before);

    if (err == ERR_NOT_FOUND) {
        account->generation = 1;
        return OK;
    }
    if (err != OK)
        return err;
    account->generation = before.generation;
    if (before.is_disabled != account->is_disabled || !span_equal(before.password_hash, account->password_hash) ||
        !same_roles(&before, account))
        account->generation++;
    if (asked > account->generation)
        account->generation = asked;
    return OK;
}

static enum err check_username(struct store *store, struct arena *arena, const struct account *account)
{
    struct account other;
    enum err err = store_account_find(store, arena, account->username, &other);

    if (err == OK)
        return span_equal(other.id, account->id) ? OK : ERR_EXISTS;
    return err == ERR_NOT_FOUND ? OK : err;
}

static enum err write_account(struct store *store, const struct account *account)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_account_put];
    struct buf roles = BUF_EMPTY;
    enum err err;

    print_roles(&roles, account);
    sql_bind_text(statement, 1, account->id);
    sql_bind_text(statement, 2, account->username);
    sql_bind_text(statement, 3, account->name);
    sql_bind_text(statement, 4, account->avatar);
    sql_bind_text(statement, 5, account->password_hash);
    sql_bind_text(statement, 6, buf_span(&roles));
    sql_bind_i64(statement, 7, account->is_disabled);
    sql_bind_u64(statement, 8, account->generation);
    err = sql_run(statement);
    buf_deinit(&roles);
    return err;
}

enum err store_account_put(struct store *store, struct arena *arena, struct account *account)
{
    enum err err, refused;

    if (account->username.len == 0)
        return ERR_BAD_NAME;
    if ((err = store_begin(store)) != OK)
        return err;
    refused = check_username(store, arena, account);
    if (refused == OK) {
        if ((err = choose_id(store, arena, account)) == OK && (err = next_generation(store, arena, account)) == OK)
            err = write_account(store, account);
    } else if (refused != ERR_EXISTS) {
        err = refused;
    }
    err = store_end(store, err);
    return err == OK ? refused : err;
}

static enum err run_with_text(struct store *store, enum sql_statement name, struct span text)
{
    sql_bind_text(store->sql.statements[name], 1, text);
    return sql_run(store->sql.statements[name]);
}

enum err store_account_remove(struct store *store, struct span id)
{
    bool was_there = false;
    enum err err;

    if ((err = store_begin(store)) != OK)
        return err;
    if ((err = run_with_text(store, SQL_account_remove, id)) == OK) {
        was_there = sqlite3_changes(store->sql.db) > 0;
        err = run_with_text(store, SQL_login_remove_all, id);
    }
    if ((err = store_end(store, err)) != OK)
        return err;
    return was_there ? OK : ERR_NOT_FOUND;
}

/* ---- logins ---- */

enum err store_login_put(struct store *store, const struct login *login)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_login_put];

    sql_bind_blob(statement, 1, login->key);
    sql_bind_text(statement, 2, login->user_id);
    sql_bind_i64(statement, 3, login->created_ms);
    sql_bind_i64(statement, 4, login->expires_ms);
    sql_bind_u64(statement, 5, login->generation);
    return sql_run(statement);
}

enum err store_login_get(struct store *store, struct arena *arena, struct span key, struct login *out)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_login_get];
    enum err err;

    sql_bind_blob(statement, 1, key);
    if ((err = sql_row(statement)) != OK)
        return err;
    *out = (struct login){
        .key = sql_column_copy(statement, 0, arena),
        .user_id = sql_column_copy(statement, 1, arena),
        .created_ms = sqlite3_column_int64(statement, 2),
        .expires_ms = sqlite3_column_int64(statement, 3),
        .generation = sql_column_u64(statement, 4),
    };
    sqlite3_reset(statement);
    return OK;
}

enum err store_login_remove(struct store *store, struct span key)
{
    sql_bind_blob(store->sql.statements[SQL_login_remove], 1, key);
    return sql_run(store->sql.statements[SQL_login_remove]);
}

enum err store_login_remove_all(struct store *store, struct span user_id)
{
    return run_with_text(store, SQL_login_remove_all, user_id);
}

/* ---- revoked tokens ---- */

enum err store_token_revoke(struct store *store, struct span token_id, int64_t expires_ms)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_revoked_token_put];

    sql_bind_text(statement, 1, token_id);
    sql_bind_i64(statement, 2, expires_ms);
    return sql_run(statement);
}

enum err store_token_is_revoked(struct store *store, struct span token_id, bool *out)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_revoked_token_get];
    enum err err;

    sql_bind_text(statement, 1, token_id);
    err = sql_row(statement);
    *out = err == OK;
    if (err == OK)
        sqlite3_reset(statement);
    return err == ERR_NOT_FOUND ? OK : err;
}

/* ---- small values ---- */

enum err store_meta_get(struct store *store, struct arena *arena, struct span name, struct span *value)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_meta_get];
    enum err err;

    sql_bind_text(statement, 1, name);
    if ((err = sql_row(statement)) != OK)
        return err;
    *value = sql_column_copy(statement, 0, arena);
    sqlite3_reset(statement);
    return OK;
}

enum err store_meta_put(struct store *store, struct span name, struct span value)
{
    sqlite3_stmt *statement = store->sql.statements[SQL_meta_put];

    assert(!span_starts_with(name, SPAN("store."))); /* this folder's own */
    sql_bind_text(statement, 1, name);
    sql_bind_blob(statement, 2, value);
    return sql_run(statement);
}
