#include "server/demo_load.h"

#include "auth/password.h"
#include "base/log.h"
#include "base/memory.h"
#include "server/demo.h"

#include <stdlib.h>

#define BATCH 1000
#define DONE_NAME SPAN("demo_loaded")

/* Records of one type in a row, imported together. */
struct batch {
    struct store *store;
    struct arena arena;
    const struct type *type;
    struct span ids[BATCH], states[BATCH];
    size_t count;
    int64_t wall_ms;
    enum err err;
};

static void flush(struct batch *batch)
{
    if (batch->count && !batch->err)
        batch->err = store_import(batch->store, batch->type, batch->ids, batch->states, batch->count,
                                  demo_accounts[0].id, batch->wall_ms);
    batch->count = 0;
    arena_reset(&batch->arena);
}

static void take(void *arg, const struct type *type, struct span id, struct span state)
{
    struct batch *batch = arg;
    if (batch->count == BATCH || type != batch->type)
        flush(batch);
    batch->type = type;
    batch->ids[batch->count] = arena_copy(&batch->arena, id);
    batch->states[batch->count] = arena_copy(&batch->arena, state);
    batch->count++;
}

static enum err load_records(struct store *store, struct type_registry *registry, int64_t wall_ms)
{
    struct batch *batch = memory_alloc(sizeof *batch);
    batch->store = store;
    batch->wall_ms = wall_ms;
    arena_init(&batch->arena, 256 * 1024);
    size_t count = demo_generate(registry, take, batch);
    flush(batch);
    enum err err = batch->err;
    if (!err)
        log_info("demo.loaded", "records=%zu", count);
    arena_deinit(&batch->arena);
    free(batch);
    return err;
}

static enum err add_account(struct store *store, const struct demo_account *demo)
{
    struct arena arena;
    struct buf hash = BUF_EMPTY;
    struct span roles[2] = {demo->roles[0], demo->roles[1]};
    struct account account = {
        .id = demo->id, .username = demo->username, .name = demo->name, .roles = roles, .role_count = demo->role_count};
    arena_init(&arena, 1024);
    struct account other;
    enum err err = store_account_get(store, &arena, demo->id, &other);
    if (err == OK) { /* somebody's: his account is not ours to change */
        log_warn("demo.account_skipped", "id=" LOG_QUOTED " username=" LOG_QUOTED, LOG_TEXT(demo->id),
                 LOG_TEXT(other.username));
        goto done;
    }
    err = password_hash(demo->password, &hash);
    account.password_hash = buf_span(&hash);
    if (!err)
        err = store_account_put(store, &arena, &account);
done:
    buf_deinit(&hash);
    arena_deinit(&arena);
    return err == ERR_EXISTS ? OK : err;
}

static enum err load(struct store *store, struct type_registry *registry, int64_t wall_ms)
{
    struct arena arena;
    struct span value;
    arena_init(&arena, 256);
    enum err err = store_meta_get(store, &arena, DONE_NAME, &value);
    arena_deinit(&arena);
    if (err != ERR_NOT_FOUND)
        return err;
    err = OK;
    for (size_t i = 0; !err && i < DEMO_ACCOUNT_COUNT; i++)
        err = add_account(store, &demo_accounts[i]);
    if (!err && !(err = load_records(store, registry, wall_ms)))
        err = store_meta_put(store, DONE_NAME, SPAN("1"));
    return err;
}

static enum err look_for_accounts(struct store *store, bool is_there[DEMO_ACCOUNT_COUNT])
{
    struct arena arena;
    enum err err = OK;
    arena_init(&arena, 1024);
    for (size_t i = 0; !err && i < DEMO_ACCOUNT_COUNT; i++) {
        struct account account;
        err = store_account_get(store, &arena, demo_accounts[i].id, &account);
        is_there[i] = err == OK && span_equal(account.username, demo_accounts[i].username);
        err = err == ERR_NOT_FOUND ? OK : err;
    }
    arena_deinit(&arena);
    return err;
}

enum err demo_load(struct store *store, struct type_registry *registry, int64_t wall_ms,
                   bool is_there[DEMO_ACCOUNT_COUNT], struct buf *why)
{
    enum err err = load(store, registry, wall_ms);
    if (!err)
        err = look_for_accounts(store, is_there);
    if (err)
        buf_printf(why, "The demonstration data could not be loaded: %s", err_sentence(err));
    return err;
}

void demo_print_accounts(FILE *out, const bool is_there[DEMO_ACCOUNT_COUNT])
{
    bool is_first = true;
    for (size_t i = 0; i < DEMO_ACCOUNT_COUNT; i++) {
        const struct demo_account *account = &demo_accounts[i];
        if (!is_there[i])
            continue;
        if (is_first)
            fprintf(out, "  Demonstration accounts:\n");
        is_first = false;
        fprintf(out, "    %-8.*s %-14.*s password %.*s\n", SPAN_ARG(account->username), SPAN_ARG(account->name),
                SPAN_ARG(account->password));
    }
}
