#include "lib/lock_double.h"

#include <stdio.h>

static const char types[] =
    "{\"order\":{\"fields\":{\"status\":{\"kind\":\"string\"},\"note\":{\"kind\":\"text\"},"
    "\"price\":{\"kind\":\"number\",\"strategy\":\"lock-based\"},\"address\":{\"kind\":\"object\"},"
    "\"items\":{\"kind\":\"collection\"}}}}";

struct lock_double locks = {.limits = {LOCK_TTL_MS, LOCK_GRACE_MS}};

/* ---- given -------------------------------------------------------------------------------------------------------- */

int lock_double_set_up_all(void **state)
{
    struct buf why = BUF_EMPTY;

    (void)state;
    if (type_registry_new(SPAN(types), SPAN_EMPTY, &locks.registry, &why) != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&why)));
    locks.type = type_find(locks.registry, SPAN("order"));
    for (unsigned i = 0; i < LOCK_USERS; i++) {
        char id[12], name[24];

        (void)snprintf(id, sizeof(id), "%u", i);
        (void)snprintf(name, sizeof(name), "User %u", i);
        locks.users[i] = identity_new(span_from_str(id), span_from_str(id), span_from_str(name), SPAN_EMPTY, NULL, 0,
                                      access_of(locks.registry, NULL, 0));
    }
    return 0;
}

int lock_double_tear_down_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LOCK_USERS; i++)
        identity_unref(locks.users[i]);
    type_registry_unref(locks.registry);
    return 0;
}

int lock_double_set_up(void **state)
{
    (void)state;
    arena_init(&locks.arena, 4096);
    lock_set_init(&locks.set);
    locks.sequence = 100;
    locks.scene = (struct lock_scene){
        .room = SPAN("order:O-1"), .limits = &locks.limits, .now_ms = 1000, .wall_ms = 1771507800000};
    return 0;
}

int lock_double_tear_down(void **state)
{
    (void)state;
    lock_set_deinit(&locks.set);
    arena_deinit(&locks.arena);
    return 0;
}

void lock_as(unsigned user)
{
    locks.scene.identity = locks.users[user];
    locks.scene.session = user + 1;
    locks.scene.is_member = true;
}

void lock_as_rest(unsigned user)
{
    lock_as(user);
    locks.scene.session = 999;
    locks.scene.is_member = false;
}

/* ---- asking ------------------------------------------------------------------------------------------------------- */

enum err lock_parse(enum object_verb verb, const char *input, struct lock_ask *ask, struct span *field)
{
    struct json json = {0};
    enum err err = json_parse(&json, span_from_str(input), &json_limits_default);

    if (err == OK)
        err = lock_ask_parse(&locks.arena, locks.type, verb, json.root, ask, field);
    json_deinit(&json);
    return err;
}

enum err lock_try(enum object_verb verb, const char *input)
{
    struct lock_ask ask;
    struct span field;

    assert_int_equal(lock_parse(verb, input, &ask, &field), OK);
    lock_decide(&locks.set, &locks.arena, &locks.scene, &ask, &locks.decision);
    return locks.decision.err;
}

void lock_store(const struct lock_decision *decision)
{
    if (decision->is_stored)
        locks.sequence++;
    if (decision->grant)
        lock_set_granted(&locks.set, decision->object.id, decision->grant, locks.sequence);
}

enum err lock_ask(enum object_verb verb, const char *input)
{
    enum err err = lock_try(verb, input);

    if (err == OK)
        lock_store(&locks.decision);
    return err;
}

uint64_t lock_take(unsigned user, const char *input)
{
    lock_as(user);
    assert_int_equal(lock_ask(OBJECT_ADD, input), OK);
    return locks.decision.lock->token;
}

enum err lock_ask_with(enum object_verb verb, const char *path, uint64_t token)
{
    char input[200];

    (void)snprintf(input, sizeof(input), "{\"path\":\"%s\",\"token\":%llu}", path, (unsigned long long)token);
    return lock_ask(verb, input);
}

uint32_t lock_expire(void)
{
    const struct identity *identity = locks.scene.identity;
    uint32_t count;

    locks.scene.identity = NULL;
    count = lock_set_expire(&locks.set, &locks.arena, &locks.scene, locks.many);
    locks.scene.identity = identity;
    for (uint32_t i = 0; i < count; i++)
        lock_store(&locks.many[i]);
    return count;
}

uint32_t lock_leave(unsigned user, bool is_broken)
{
    lock_as(user);
    return lock_set_session_left(&locks.set, &locks.arena, &locks.scene, is_broken, locks.many);
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

bool lock_needs_price(const void *context, const struct op *op)
{
    (void)context;
    return op->path.depth > 0 && span_equal(op->path.steps[0], SPAN("price"));
}

bool lock_needs_all(const void *context, const struct op *op)
{
    (void)context;
    (void)op;
    return true;
}

enum err lock_write(enum change_kind kind, unsigned user, const char *path, uint64_t fence,
                    bool (*needs)(const void *, const struct op *), bool enforces)
{
    struct op op = {.kind = OP_SET};
    struct change change = {.kind = kind, .op_count = path ? 1 : 0, .ops = &op, .fence = fence};

    if (path)
        assert_int_equal(path_parse(&locks.arena, span_from_str(path), &op.path), OK);
    return lock_set_check(&locks.set, &change, needs, NULL, enforces, locks.users[user]->user_id, locks.scene.now_ms,
                          &locks.in_the_way);
}

enum err lock_write_price(unsigned user, uint64_t fence)
{
    return lock_write(CHANGE_UPDATE, user, "price", fence, lock_needs_price, false);
}

enum err lock_write_enforced(unsigned user, const char *path)
{
    return lock_write(CHANGE_UPDATE, user, path, 0, lock_needs_price, true);
}

/* ---- the store ---------------------------------------------------------------------------------------------------- */

static struct object stored(const struct lock *lock)
{
    struct buf text = BUF_EMPTY;
    struct object object = {.kind = OBJECT_LOCK, .revision = lock->revision, .time_ms = lock->locked_at_ms};

    lock_print(&text, lock, locks.scene.now_ms, locks.scene.wall_ms);
    object.id = arena_copy(&locks.arena, lock->id);
    object.body = arena_copy(&locks.arena, buf_span(&text));
    buf_deinit(&text);
    return object;
}

uint32_t lock_stored(struct object objects[LOCKS_PER_RECORD_MAX])
{
    uint32_t count = 0;

    LIST_EACH (&locks.set.locks, node) {
        objects[count++] = stored(LIST_OWNER(node, struct lock, node));
    }
    return count;
}
