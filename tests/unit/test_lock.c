#include "base/rand.h"
#include "collab/type/access.h"
#include "collab/record/lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

static const char types[] =
    "{\"order\":{\"fields\":{\"status\":{\"kind\":\"string\"},\"note\":{\"kind\":\"text\"},"
    "\"price\":{\"kind\":\"number\",\"strategy\":\"lock-based\"},\"address\":{\"kind\":\"object\"},"
    "\"items\":{\"kind\":\"collection\"}}}}";

enum { USERS = 20, GRACE_MS = 15000, TTL_MS = 30000 };

static const struct lock_limits limits = {TTL_MS, GRACE_MS};

static struct {
    struct type_registry *registry;
    const struct type *type;
    struct identity *users[USERS];
    struct arena arena;
    struct lock_set set;
    struct lock_scene scene;
    struct lock_decision decision;
    uint64_t sequence; /* the store's */
    struct lock_decision many[LOCKS_PER_RECORD_MAX];
} the;

/* ---- given -------------------------------------------------------------------------------------------------------- */

static int set_up_all(void **state)
{
    struct buf why = BUF_EMPTY;

    (void)state;
    if (type_registry_new(SPAN(types), SPAN_EMPTY, &the.registry, &why) != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&why)));
    the.type = type_find(the.registry, SPAN("order"));
    for (unsigned i = 0; i < USERS; i++) {
        char id[12], name[24];

        (void)snprintf(id, sizeof(id), "%u", i);
        (void)snprintf(name, sizeof(name), "User %u", i);
        the.users[i] = identity_new(span_from_str(id), span_from_str(id), span_from_str(name), SPAN_EMPTY, NULL, 0,
                                    access_of(the.registry, NULL, 0));
    }
    return 0;
}

static int tear_down_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < USERS; i++)
        identity_unref(the.users[i]);
    type_registry_unref(the.registry);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    arena_init(&the.arena, 4096);
    lock_set_init(&the.set);
    the.sequence = 100;
    the.scene =
        (struct lock_scene){.room = SPAN("order:O-1"), .limits = &limits, .now_ms = 1000, .wall_ms = 1771507800000};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lock_set_deinit(&the.set);
    arena_deinit(&the.arena);
    return 0;
}

/* User n is in the room with session n + 1. */
static void as(unsigned user)
{
    the.scene.identity = the.users[user];
    the.scene.session = user + 1;
    the.scene.is_member = true;
}

/* Without a connection, as REST asks. */
static void as_rest(unsigned user)
{
    as(user);
    the.scene.session = 999;
    the.scene.is_member = false;
}

static enum err parse(enum object_verb verb, const char *input, struct lock_ask *ask, struct span *field)
{
    struct json json = {0};
    enum err err = json_parse(&json, span_from_str(input), &json_limits_default);

    if (err == OK)
        err = lock_ask_parse(&the.arena, the.type, verb, json.root, ask, field);
    json_deinit(&json);
    return err;
}

static enum err decide(enum object_verb verb, const char *input)
{
    struct lock_ask ask;
    struct span field;

    assert_int_equal(parse(verb, input, &ask, &field), OK);
    lock_decide(&the.set, &the.arena, &the.scene, &ask, &the.decision);
    return the.decision.err;
}

static void store_decision(const struct lock_decision *decision)
{
    if (decision->is_stored)
        the.sequence++;
    if (decision->grant)
        lock_set_granted(&the.set, decision->object.id, decision->grant, the.sequence);
}

/* What is decided, and done by the store at once. */
static enum err ask(enum object_verb verb, const char *input)
{
    enum err err = decide(verb, input);

    if (err == OK)
        store_decision(&the.decision);
    return err;
}

static uint64_t take(unsigned user, const char *input)
{
    as(user);
    assert_int_equal(ask(OBJECT_ADD, input), OK);
    return the.decision.lock->token;
}

static enum err with_token(enum object_verb verb, const char *path, uint64_t token)
{
    char input[200];

    (void)snprintf(input, sizeof(input), "{\"path\":\"%s\",\"token\":%llu}", path, (unsigned long long)token);
    return ask(verb, input);
}

static uint32_t expire(void)
{
    const struct identity *identity = the.scene.identity;
    uint32_t count;

    the.scene.identity = NULL;
    count = lock_set_expire(&the.set, &the.arena, &the.scene, the.many);
    the.scene.identity = identity;
    for (uint32_t i = 0; i < count; i++)
        store_decision(&the.many[i]);
    return count;
}

static uint32_t leave(unsigned user, bool is_broken)
{
    as(user);
    return lock_set_session_left(&the.set, &the.arena, &the.scene, is_broken, the.many);
}

/* ---- writes ------------------------------------------------------------------------------------------------------- */

static const struct lock *in_the_way;

static bool is_price(const void *context, const struct op *op)
{
    (void)context;
    return op->path.depth > 0 && span_equal(op->path.steps[0], SPAN("price"));
}

static bool is_everything(const void *context, const struct op *op)
{
    (void)context;
    (void)op;
    return true;
}

static enum err check_kind(enum change_kind kind, unsigned user, const char *path, uint64_t fence,
                           bool (*needs)(const void *, const struct op *), bool enforces)
{
    struct op op = {.kind = OP_SET};
    struct change change = {.kind = kind, .op_count = path ? 1 : 0, .ops = &op, .fence = fence};

    if (path)
        assert_int_equal(path_parse(&the.arena, span_from_str(path), &op.path), OK);
    return lock_set_check(&the.set, &change, needs, NULL, enforces, the.users[user]->user_id, the.scene.now_ms,
                          &in_the_way);
}

static enum err write_price(unsigned user, uint64_t fence)
{
    return check_kind(CHANGE_UPDATE, user, "price", fence, is_price, false);
}

static enum err write_enforced(unsigned user, const char *path)
{
    return check_kind(CHANGE_UPDATE, user, path, 0, is_price, true);
}

/* ---- what is asked ------------------------------------------------------------------------------------------------ */

static void assert_refused(const char *input, enum err expected, const char *name)
{
    struct lock_ask parsed;
    struct span field;

    assert_int_equal(parse(OBJECT_ADD, input, &parsed, &field), expected);
    assert_true(span_equal(field, span_from_str(name)));
}

static void a_ttl_outside_of_the_limits_is_refused(void **state)
{
    static const char *const ttls[] = {"0",       "-1",       "2147483648", "1000000000000000000", "1e18", "999",
                                       "3600001", "\"5000\"", "1500.5",     "18446744073709551615"};

    (void)state;
    for (size_t i = 0; i < sizeof(ttls) / sizeof(ttls[0]); i++) {
        char input[80];

        (void)snprintf(input, sizeof(input), "{\"ttl_ms\":%s}", ttls[i]);
        assert_refused(input, ERR_BAD_FIELD, "ttl_ms");
    }
    assert_refused("{\"ttl\":0}", ERR_BAD_FIELD, "ttl");
    assert_refused("{\"ttl\":-1}", ERR_BAD_FIELD, "ttl");
    assert_refused("{\"ttl\":3601}", ERR_BAD_FIELD, "ttl");
    assert_refused("{\"ttl\":2147483648}", ERR_BAD_FIELD, "ttl");
    assert_refused("{\"ttl\":18446744073709552}", ERR_BAD_FIELD, "ttl"); /* times 1000 it would be small again */
}

static void a_ttl_is_told_in_milliseconds_or_in_seconds(void **state)
{
    struct lock_ask parsed;
    struct span field;

    (void)state;
    assert_int_equal(parse(OBJECT_ADD, "{\"ttl_ms\":1000}", &parsed, &field), OK);
    assert_int_equal(parsed.ttl_ms, 1000);
    assert_int_equal(parse(OBJECT_ADD, "{\"ttl\":3600}", &parsed, &field), OK);
    assert_int_equal(parsed.ttl_ms, 3600000);
    assert_int_equal(parse(OBJECT_ADD, "{\"ttl\":null}", &parsed, &field), OK);
    assert_false(parsed.has_ttl);
}

static void a_path_must_name_something_that_can_be_locked(void **state)
{
    (void)state;
    assert_refused("{\"path\":\"color\"}", ERR_UNKNOWN_FIELD, "color");
    assert_refused("{\"path\":\"items[2]\"}", ERR_POSITION_IN_PATH, "path");
    assert_refused("{\"path\":\"/items/2/qty\"}", ERR_POSITION_IN_PATH, "path");
    assert_refused("{\"path\":\"status.x\"}", ERR_BAD_PATH, "status");
    assert_refused("{\"path\":\"items.qty\"}", ERR_BAD_PATH, "items");
    assert_refused("{\"path\":\"/address/@a\"}", ERR_BAD_PATH, "address");
    assert_refused("{\"path\":\"@a\"}", ERR_BAD_PATH, "path");
    assert_refused("{\"path\":5}", ERR_BAD_FIELD, "path");
}

static void other_members_must_be_of_their_kinds(void **state)
{
    (void)state;
    assert_refused("{\"token\":0}", ERR_BAD_FIELD, "token");
    assert_refused("{\"token\":-5}", ERR_BAD_FIELD, "token");
    assert_refused("{\"token\":\"5\"}", ERR_BAD_FIELD, "token");
    assert_refused("{\"soft\":1}", ERR_BAD_FIELD, "soft");
    assert_refused("{\"note\":7}", ERR_BAD_FIELD, "note");
    assert_refused("{\"note\":\"\\u0007\"}", ERR_BAD_FIELD, "note");
    assert_refused("{\"user_id\":[]}", ERR_BAD_FIELD, "user_id");
    assert_refused("[]", ERR_BAD_REQUEST, "");
}

static void a_note_has_a_limit(void **state)
{
    char input[LOCK_NOTE_BYTES_MAX + 40];

    (void)state;
    (void)snprintf(input, sizeof(input), "{\"note\":\"%0*d\"}", LOCK_NOTE_BYTES_MAX, 0);
    assert_refused(input, OK, "");
    (void)snprintf(input, sizeof(input), "{\"note\":\"%0*d\"}", LOCK_NOTE_BYTES_MAX + 1, 0);
    assert_refused(input, ERR_BAD_FIELD, "note");
}

static void verbs_of_other_kinds_are_refused(void **state)
{
    struct lock_ask parsed;
    struct span field;

    (void)state;
    assert_int_equal(parse(OBJECT_RESOLVE, "{}", &parsed, &field), ERR_BAD_FIELD);
    assert_int_equal(parse(OBJECT_EXPIRE, "{}", &parsed, &field), ERR_BAD_FIELD);
}

static void without_any_input_it_is_the_whole_record(void **state)
{
    struct lock_ask parsed;
    struct span field;

    (void)state;
    assert_int_equal(lock_ask_parse(&the.arena, the.type, OBJECT_ADD, NULL, &parsed, &field), OK);
    assert_int_equal(parsed.path.depth, 0);
    assert_int_equal(parse(OBJECT_ADD, "{\"path\":\"/\"}", &parsed, &field), OK);
    assert_int_equal(parsed.path.depth, 0);
    assert_int_equal(parse(OBJECT_ADD, "{\"path\":\"/items/@a/qty\"}", &parsed, &field), OK);
    assert_int_equal(parsed.path.depth, 3);
}

/* ---- taking and giving back --------------------------------------------------------------------------------------- */

static void a_lock_is_granted_with_the_commits_number(void **state)
{
    (void)state;
    as(1);
    assert_int_equal(decide(OBJECT_ADD, "{\"path\":\"price\"}"), OK);
    assert_true(the.decision.is_stored && the.decision.grant > 0 && !the.decision.goes);
    assert_int_equal(the.decision.object.revision, 1);
    assert_true(span_equal(the.decision.object.id, SPAN("order:O-1#/price")));
    assert_int_equal(the.decision.lock->token, 0);
    lock_set_granted(&the.set, SPAN("order:O-1#/price"), the.decision.grant, 77);
    assert_int_equal(the.decision.lock->token, 77);
}

static void taking_what_one_holds_is_a_renewal(void **state)
{
    const uint64_t token = take(1, "{\"path\":\"price\"}");

    (void)state;
    assert_int_equal(take(1, "{\"path\":\"price\",\"ttl\":60}"), token);
    assert_false(the.decision.is_stored);
    assert_int_equal(the.decision.verb, OBJECT_RENEW);
    assert_int_equal(the.decision.lock->ttl_ms, 60000);
    assert_int_equal(the.set.count, 1);
}

static void what_depends_on_a_grant_under_way_waits(void **state)
{
    (void)state;
    as(1);
    assert_int_equal(decide(OBJECT_ADD, "{}"), OK);
    assert_int_equal(decide(OBJECT_ADD, "{}"), OK);
    assert_true(the.decision.waits);
    as(2);
    assert_int_equal(decide(OBJECT_REQUEST, "{}"), OK);
    assert_true(the.decision.waits && !the.decision.is_stored);
    assert_int_equal(decide(OBJECT_ADD, "{}"), ERR_LOCKED); /* for this it is enough that it is decided */
}

static void an_answer_for_an_earlier_grant_changes_nothing(void **state)
{
    uint64_t first;

    (void)state;
    as(1);
    assert_int_equal(decide(OBJECT_ADD, "{}"), OK);
    first = the.decision.grant;
    assert_int_equal(decide(OBJECT_REMOVE, "{}"), OK);
    as(2);
    assert_int_equal(decide(OBJECT_ADD, "{}"), OK);
    lock_set_granted(&the.set, SPAN("order:O-1#"), first, 50);
    assert_int_equal(the.decision.lock->token, 0);
    lock_set_granted(&the.set, SPAN("order:O-1#"), the.decision.grant, 52);
    assert_int_equal(the.decision.lock->token, 52);
}

static void a_lock_is_given_back_with_its_token_or_without(void **state)
{
    uint64_t token = take(1, "{\"path\":\"price\"}");

    (void)state;
    assert_int_equal(with_token(OBJECT_REMOVE, "price", token + 1), ERR_LOCK_LOST);
    assert_int_equal(with_token(OBJECT_REMOVE, "price", token), OK);
    assert_true(the.decision.goes && the.decision.object.body.len == 0 && the.decision.body.len > 0);
    assert_int_equal(the.decision.object.revision, 2);
    assert_null(the.decision.lock);
    (void)take(1, "{\"path\":\"price\"}");
    assert_int_equal(ask(OBJECT_REMOVE, "{\"path\":\"price\"}"), OK);
    assert_int_equal(the.set.count, 0);
}

static void nobody_gives_back_the_lock_of_another(void **state)
{
    const uint64_t token = take(1, "{\"path\":\"price\"}");

    (void)state;
    as(2);
    assert_int_equal(with_token(OBJECT_REMOVE, "price", token), ERR_LOCK_LOST);
    assert_int_equal(ask(OBJECT_REMOVE, "{\"path\":\"price\"}"), ERR_LOCKED);
    assert_non_null(the.decision.in_the_way);
    assert_int_equal(with_token(OBJECT_RENEW, "price", token), ERR_LOCK_LOST);
    assert_int_equal(ask(OBJECT_RENEW, "{\"path\":\"price\"}"), ERR_LOCKED);
    assert_int_equal(ask(OBJECT_HAND_OVER, "{\"path\":\"price\",\"user_id\":2}"), ERR_LOCKED);
    assert_int_equal(the.set.count, 1);
}

static void what_nobody_holds_is_not_there(void **state)
{
    (void)state;
    as(1);
    assert_int_equal(ask(OBJECT_RENEW, "{}"), ERR_NOT_FOUND);
    assert_int_equal(with_token(OBJECT_RENEW, "", 5), ERR_LOCK_LOST);
    assert_int_equal(ask(OBJECT_REMOVE, "{}"), ERR_NOT_FOUND);
    assert_int_equal(ask(OBJECT_REQUEST, "{}"), ERR_NOT_FOUND);
    assert_int_equal(ask(OBJECT_HAND_OVER, "{}"), ERR_NOT_FOUND);
}

static void a_lock_that_expired_cannot_be_renewed(void **state)
{
    uint64_t token;

    (void)state;
    as_rest(1);
    assert_int_equal(ask(OBJECT_ADD, "{\"path\":\"price\"}"), OK);
    token = the.decision.lock->token;
    the.scene.now_ms += TTL_MS - 1;
    assert_int_equal(with_token(OBJECT_RENEW, "price", token), OK);
    the.scene.now_ms += TTL_MS;
    assert_int_equal(with_token(OBJECT_RENEW, "price", token), ERR_LOCK_LOST);
    assert_int_equal(ask(OBJECT_RENEW, "{\"path\":\"price\"}"), ERR_NOT_FOUND);
    assert_int_equal(write_price(1, token), ERR_LOCK_LOST);
}

static void an_expired_lock_that_was_not_swept_makes_room(void **state)
{
    uint64_t token;

    (void)state;
    as_rest(1);
    assert_int_equal(ask(OBJECT_ADD, "{\"path\":\"price\"}"), OK);
    token = the.decision.lock->token;
    the.scene.now_ms += TTL_MS;
    assert_true(take(2, "{\"path\":\"price\"}") > token);
    assert_int_equal(the.decision.object.revision, 2);
    assert_int_equal(the.set.count, 1);
    assert_int_equal(expire(), 0);
}

/* ---- clashes ------------------------------------------------------------------------------------------------------ */

static void locks_clash_when_one_path_is_inside_the_other(void **state)
{
    static const char *const paths[] = {"", "status", "items", "/items/@a", "/items/@a/qty", "/items/@ab", "address"};
    static const bool clash[7][7] = {
        {1, 1, 1, 1, 1, 1, 1}, {1, 1, 0, 0, 0, 0, 0}, {1, 0, 1, 1, 1, 1, 0}, {1, 0, 1, 1, 1, 0, 0},
        {1, 0, 1, 1, 1, 0, 0}, {1, 0, 1, 0, 0, 1, 0}, {1, 0, 0, 0, 0, 0, 1},
    };

    (void)state;
    for (unsigned i = 0; i < 7; i++) {
        for (unsigned j = 0; j < 7; j++) {
            char mine[60], his[60];

            (void)snprintf(mine, sizeof(mine), "{\"path\":\"%s\"}", paths[i]);
            (void)snprintf(his, sizeof(his), "{\"path\":\"%s\"}", paths[j]);
            (void)take(1, mine);
            as(2);
            assert_int_equal(ask(OBJECT_ADD, his), clash[i][j] ? ERR_LOCKED : OK);
            assert_true(clash[i][j] == (the.decision.in_the_way != NULL));
            (void)take(1, i == 0 || !clash[i][j] ? mine : his); /* his own locks do not clash */
            lock_set_deinit(&the.set);
        }
    }
}

static void a_soft_lock_clashes_with_nothing(void **state)
{
    (void)state;
    (void)take(1, "{\"path\":\"price\",\"soft\":true}");
    (void)take(2, "{\"path\":\"price\",\"soft\":true}");
    (void)take(3, "{\"path\":\"price\"}");
    (void)take(4, "{\"path\":\"price\",\"soft\":true}");
    assert_int_equal(the.set.count, 4);
    assert_int_equal(write_enforced(5, "price"), ERR_LOCKED);
    assert_true(span_equal(in_the_way->user_id, SPAN("3")));
    assert_int_equal(write_price(1, 0), ERR_LOCKED); /* a soft lock is none to write with */
    as(3);
    assert_int_equal(ask(OBJECT_REMOVE, "{\"path\":\"price\"}"), OK);
    assert_int_equal(write_enforced(5, "status"), OK);
    as(1);
    assert_int_equal(ask(OBJECT_REMOVE, "{\"path\":\"price\"}"), OK); /* the only one that he holds there */
    assert_int_equal(the.set.count, 2);
}

static void a_record_has_so_many_locks(void **state)
{
    char input[60];

    (void)state;
    for (unsigned i = 0; i < LOCKS_PER_RECORD_MAX; i++) {
        (void)snprintf(input, sizeof(input), "{\"path\":\"/items/@%u\"}", i);
        (void)take(i % 2, input);
    }
    as(1);
    assert_int_equal(ask(OBJECT_ADD, "{\"path\":\"/items/@one_more\"}"), ERR_TOO_MANY);
    assert_int_equal(leave(1, false), LOCKS_PER_RECORD_MAX / 2);
    assert_int_equal(ask(OBJECT_ADD, "{\"path\":\"/items/@one_more\"}"), OK);
}

static void a_path_that_is_too_long_for_an_id_is_refused(void **state)
{
    char input[600];

    (void)state;
    as(1);
    (void)snprintf(input, sizeof(input), "{\"path\":\"/address/%0100d/%0100d/%0100d/%0100d\"}", 0, 0, 0, 0);
    for (char *digit = input; *digit; digit++)
        if (*digit == '0')
            *digit = 'x';
    assert_int_equal(ask(OBJECT_ADD, input), ERR_BAD_PATH);
    assert_int_equal(the.set.count, 0);
}

/* ---- asking for it ------------------------------------------------------------------------------------------------ */

static void a_request_reaches_the_holder(void **state)
{
    const uint64_t token = take(1, "{}");

    (void)state;
    as(2);
    assert_int_equal(ask(OBJECT_REQUEST, "{\"path\":\"price\",\"note\":\"please\"}"), OK);
    assert_true(span_equal(the.decision.notify_user_id, SPAN("1")));
    assert_int_equal(the.decision.object.revision, 2);
    assert_int_equal(the.decision.lock->token, token);
    assert_int_equal(the.decision.lock->request_count, 1);
    assert_true(span_equal(the.decision.lock->requests[0].note, SPAN("please")));
    as(1);
    assert_int_equal(ask(OBJECT_REQUEST, "{}"), ERR_NOT_FOUND); /* it is his own */
}

static void asking_again_keeps_one_place_in_the_line(void **state)
{
    (void)state;
    (void)take(1, "{}");
    for (unsigned i = 0; i < 1000; i++) {
        as(2);
        assert_int_equal(ask(OBJECT_REQUEST, "{\"note\":\"again\"}"), OK);
    }
    assert_int_equal(the.decision.lock->request_count, 1);
    assert_true(the.decision.lock->arena.used_bytes < 1000);
}

static void the_line_has_an_end(void **state)
{
    (void)state;
    (void)take(0, "{}");
    for (unsigned i = 1; i <= LOCK_REQUESTS_MAX; i++) {
        as(i);
        assert_int_equal(ask(OBJECT_REQUEST, "{}"), OK);
    }
    as(LOCK_REQUESTS_MAX + 1);
    assert_int_equal(ask(OBJECT_REQUEST, "{}"), ERR_TOO_MANY);
    as(1);
    assert_int_equal(ask(OBJECT_REQUEST, "{\"note\":\"again\"}"), OK);
    assert_int_equal(the.decision.lock->request_count, LOCK_REQUESTS_MAX);
}

static void a_lock_is_handed_over_to_who_asked_for_it(void **state)
{
    const uint64_t token = take(1, "{\"path\":\"price\"}");

    (void)state;
    as(3);
    assert_int_equal(ask(OBJECT_REQUEST, "{\"path\":\"price\"}"), OK);
    as(2);
    assert_int_equal(ask(OBJECT_REQUEST, "{\"path\":\"price\"}"), OK);
    as(1);
    assert_int_equal(ask(OBJECT_HAND_OVER, "{\"path\":\"price\",\"user_id\":\"7\"}"), ERR_UNKNOWN_USER);
    assert_int_equal(ask(OBJECT_HAND_OVER, "{\"path\":\"price\",\"user_id\":2}"), OK);
    assert_true(the.decision.grant > 0 && the.decision.lock->token > token);
    assert_true(span_equal(the.decision.notify_user_id, SPAN("2")));
    assert_true(span_equal(the.decision.lock->name, SPAN("User 2")));
    assert_int_equal(the.decision.lock->request_count, 1);
    assert_int_equal(write_price(1, token), ERR_LOCK_LOST);
    assert_int_equal(write_price(2, 0), OK);
    as(2);
    assert_int_equal(ask(OBJECT_HAND_OVER, "{\"path\":\"price\"}"), OK); /* the first in the line */
    assert_int_equal(write_price(3, the.decision.lock->token), OK);
    as(3);
    assert_int_equal(ask(OBJECT_HAND_OVER, "{\"path\":\"price\"}"), ERR_UNKNOWN_USER);
}

static void what_one_keeps_around_a_lock_keeps_it_from_being_handed_over(void **state)
{
    (void)state;
    (void)take(1, "{\"path\":\"items\"}");
    as(2);
    assert_int_equal(ask(OBJECT_REQUEST, "{\"path\":\"items\"}"), OK);
    (void)take(1, "{\"path\":\"/items/@a\"}");
    assert_int_equal(ask(OBJECT_HAND_OVER, "{\"path\":\"items\"}"), ERR_LOCKED);
    assert_true(span_equal(the.decision.in_the_way->id, SPAN("order:O-1#/items/@a")));
    assert_int_equal(ask(OBJECT_REMOVE, "{\"path\":\"/items/@a\"}"), OK);
    assert_int_equal(ask(OBJECT_HAND_OVER, "{\"path\":\"items\"}"), OK);
}

static void who_got_a_lock_and_is_not_there_loses_it(void **state)
{
    (void)state;
    (void)take(1, "{}");
    as(2);
    assert_int_equal(ask(OBJECT_REQUEST, "{}"), OK);
    as(1);
    assert_int_equal(ask(OBJECT_HAND_OVER, "{}"), OK);
    assert_int_equal(lock_set_deadline(&the.set), the.scene.now_ms + TTL_MS);
    the.scene.now_ms += TTL_MS;
    assert_int_equal(expire(), 1);
}

static void a_lock_is_taken_from_its_holder_by_who_may(void **state)
{
    const uint64_t token = take(1, "{\"path\":\"price\"}");

    (void)state;
    as(2);
    assert_int_equal(ask(OBJECT_FORCE, "{\"path\":\"price\"}"), ERR_FORBIDDEN);
    the.scene.may_force = true;
    assert_int_equal(ask(OBJECT_FORCE, "{}"), ERR_NOT_FOUND);
    assert_int_equal(ask(OBJECT_FORCE, "{\"path\":\"price\"}"), OK);
    assert_true(the.decision.goes);
    assert_true(span_equal(the.decision.notify_user_id, SPAN("1")));
    assert_int_equal(the.set.count, 0);
    assert_int_equal(write_price(1, token), ERR_LOCK_LOST);
}

/* ---- sessions and time -------------------------------------------------------------------------------------------- */

static void a_connection_keeps_its_lock_alive(void **state)
{
    (void)state;
    (void)take(1, "{\"path\":\"price\"}");
    assert_true(lock_set_deadline(&the.set) == UINT64_MAX);
    the.scene.now_ms += 100 * TTL_MS;
    assert_int_equal(expire(), 0);
    assert_int_equal(write_price(1, 0), OK);
}

static void a_session_that_leaves_gives_its_locks_back(void **state)
{
    (void)state;
    (void)take(1, "{\"path\":\"price\"}");
    (void)take(1, "{\"path\":\"status\"}");
    (void)take(2, "{\"path\":\"note\"}");
    assert_int_equal(leave(1, false), 2);
    assert_int_equal(the.many[0].verb, OBJECT_REMOVE);
    assert_true(the.many[0].goes && the.many[0].object.revision == 2);
    assert_int_equal(the.set.count, 1);
}

static void a_broken_connection_has_time_to_come_back(void **state)
{
    const uint64_t token = take(1, "{\"path\":\"price\"}");

    (void)state;
    assert_int_equal(leave(1, true), 0);
    assert_int_equal(lock_set_deadline(&the.set), the.scene.now_ms + GRACE_MS);
    the.scene.now_ms += GRACE_MS - 1;
    lock_set_session_came(&the.set, SPAN("2"), 50, the.scene.now_ms); /* somebody else */
    assert_int_equal(lock_set_deadline(&the.set), the.scene.now_ms + 1);
    lock_set_session_came(&the.set, SPAN("1"), 51, the.scene.now_ms);
    the.scene.now_ms += GRACE_MS;
    assert_int_equal(expire(), 0);
    assert_int_equal(write_price(1, token), OK);
    the.scene.session = 51;
    assert_int_equal(lock_set_session_left(&the.set, &the.arena, &the.scene, false, the.many), 1);
}

static void a_broken_connection_that_does_not_come_back_loses_its_locks(void **state)
{
    const uint64_t token = take(1, "{\"path\":\"price\"}");

    (void)state;
    (void)leave(1, true);
    the.scene.now_ms += GRACE_MS;
    assert_int_equal(write_price(1, token), ERR_LOCK_LOST);
    assert_int_equal(expire(), 1);
    assert_int_equal(the.many[0].verb, OBJECT_EXPIRE);
    assert_true(the.many[0].goes);
    assert_true(lock_set_deadline(&the.set) == UINT64_MAX);
}

static void who_comes_back_too_late_has_lost_it(void **state)
{
    (void)state;
    (void)take(1, "{\"path\":\"price\"}");
    (void)leave(1, true);
    the.scene.now_ms += GRACE_MS;
    (void)take(2, "{}"); /* before anybody swept up what expired */
    lock_set_session_came(&the.set, SPAN("1"), 51, the.scene.now_ms);
    assert_int_equal(write_price(1, 0), ERR_LOCKED);
    assert_int_equal(expire(), 1);
}

static void another_tab_of_the_holder_can_take_it_on(void **state)
{
    const uint64_t token = take(1, "{\"path\":\"price\"}");

    (void)state;
    (void)leave(1, true);
    as(1);
    the.scene.session = 77;
    assert_int_equal(with_token(OBJECT_RENEW, "price", token), OK);
    the.scene.now_ms += 10 * TTL_MS;
    assert_int_equal(expire(), 0);
    assert_int_equal(leave(1, false), 0); /* the one that broke has nothing to do with it any more */
}

static void two_tabs_keep_a_lock_until_both_are_gone(void **state)
{
    const uint64_t token = take(1, "{\"path\":\"price\"}");

    (void)state;
    as(1);
    the.scene.session = 77;
    assert_int_equal(ask(OBJECT_ADD, "{\"path\":\"price\"}"), OK);
    assert_int_equal(the.decision.lock->token, token);
    assert_int_equal(lock_set_session_left(&the.set, &the.arena, &the.scene, true, the.many), 0);
    assert_true(lock_set_deadline(&the.set) == UINT64_MAX); /* the first one is still there */
    assert_int_equal(leave(1, false), 1);
    assert_int_equal(the.set.count, 0);
}

static void of_too_many_tabs_the_newest_keep_a_lock(void **state)
{
    (void)state;
    as(1);
    for (unsigned i = 0; i < 2 * LOCK_SESSIONS_MAX; i++) {
        the.scene.session = 100 + i;
        assert_int_equal(ask(OBJECT_ADD, "{}"), OK);
    }
    for (unsigned i = 0; i < 2 * LOCK_SESSIONS_MAX; i++) {
        the.scene.session = 100 + i;
        assert_int_equal(lock_set_session_left(&the.set, &the.arena, &the.scene, false, the.many),
                         i + 1 == 2 * LOCK_SESSIONS_MAX);
    }
}

static void a_lock_taken_by_rest_is_nobodys_who_comes(void **state)
{
    (void)state;
    as_rest(1);
    assert_int_equal(ask(OBJECT_ADD, "{}"), OK);
    lock_set_session_came(&the.set, SPAN("1"), 5, the.scene.now_ms);
    the.scene.now_ms += TTL_MS;
    assert_int_equal(expire(), 1);
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static void a_lock_based_field_needs_its_lock(void **state)
{
    uint64_t token;

    (void)state;
    assert_int_equal(write_price(1, 0), ERR_LOCK_REQUIRED);
    assert_null(in_the_way);
    token = take(1, "{\"path\":\"price\"}");
    assert_int_equal(write_price(1, 0), OK);
    assert_int_equal(write_price(1, token), OK);
    assert_int_equal(write_price(2, 0), ERR_LOCKED);
    assert_true(span_equal(in_the_way->user_id, SPAN("1")));
    assert_int_equal(check_kind(CHANGE_UPDATE, 2, "status", 0, is_price, false), OK);
}

static void a_lock_on_what_contains_it_is_enough(void **state)
{
    (void)state;
    (void)take(1, "{\"path\":\"items\"}");
    assert_int_equal(check_kind(CHANGE_UPDATE, 1, "/items/@a/qty", 0, is_everything, false), OK);
    assert_int_equal(check_kind(CHANGE_UPDATE, 1, "address", 0, is_everything, false), ERR_LOCK_REQUIRED);
    assert_int_equal(check_kind(CHANGE_UPDATE, 2, "/items/@a/qty", 0, is_everything, false), ERR_LOCKED);
    lock_set_deinit(&the.set);
    (void)take(1, "{\"path\":\"/items/@a\"}");
    assert_int_equal(check_kind(CHANGE_UPDATE, 1, "items", 0, is_everything, false), ERR_LOCK_REQUIRED);
    assert_int_equal(check_kind(CHANGE_UPDATE, 2, "items", 0, is_everything, false), ERR_LOCKED);
}

static void a_fence_must_be_the_token_of_a_lock_that_he_holds(void **state)
{
    const uint64_t old = take(1, "{\"path\":\"price\"}");
    uint64_t token;

    (void)state;
    assert_int_equal(ask(OBJECT_REMOVE, "{\"path\":\"price\"}"), OK);
    token = take(1, "{\"path\":\"price\"}");
    assert_int_equal(write_price(1, old), ERR_LOCK_LOST);
    assert_int_equal(write_price(1, token + 1), ERR_LOCK_LOST);
    assert_int_equal(write_price(1, UINT64_MAX), ERR_LOCK_LOST);
    assert_int_equal(write_price(2, token), ERR_LOCK_LOST);
    assert_true(span_equal(in_the_way->user_id, SPAN("1")));
    assert_int_equal(write_price(1, token), OK);
    /* whatever is written */
    assert_int_equal(check_kind(CHANGE_UPDATE, 1, "status", old, is_price, false), ERR_LOCK_LOST);
    assert_int_equal(check_kind(CHANGE_UPDATE, 1, "status", token, is_price, false), OK);
    assert_int_equal(check_kind(CHANGE_CREATE, 1, NULL, old, is_price, false), ERR_LOCK_LOST);
}

static void no_fence_is_right_while_the_grant_is_under_way(void **state)
{
    (void)state;
    as(1);
    assert_int_equal(decide(OBJECT_ADD, "{\"path\":\"price\"}"), OK);
    assert_int_equal(write_price(1, 100), ERR_LOCK_LOST);
    assert_int_equal(write_price(1, 0), OK);
}

static void locks_keep_others_out_where_the_type_enforces_them(void **state)
{
    (void)state;
    (void)take(1, "{\"path\":\"/items/@a\"}");
    assert_int_equal(write_enforced(2, "items"), ERR_LOCKED);
    assert_int_equal(write_enforced(2, "/items/@a/qty"), ERR_LOCKED);
    assert_int_equal(write_enforced(2, "/items/@b/qty"), OK);
    assert_int_equal(write_enforced(1, "items"), OK);
    assert_int_equal(check_kind(CHANGE_UPDATE, 2, "items", 0, is_price, false), OK);
}

static void a_test_writes_nothing(void **state)
{
    struct op op = {.kind = OP_TEST};
    const struct change change = {.kind = CHANGE_UPDATE, .op_count = 1, .ops = &op};

    (void)state;
    (void)take(1, "{}");
    assert_int_equal(path_parse(&the.arena, SPAN("price"), &op.path), OK);
    assert_int_equal(
        lock_set_check(&the.set, &change, is_everything, NULL, true, SPAN("2"), the.scene.now_ms, &in_the_way), OK);
}

static void making_a_record_needs_no_lock(void **state)
{
    (void)state;
    assert_int_equal(check_kind(CHANGE_CREATE, 1, "price", 0, is_everything, false), OK);
    (void)take(1, "{}");
    assert_int_equal(check_kind(CHANGE_CREATE, 2, "price", 0, is_everything, false), OK);
    assert_int_equal(check_kind(CHANGE_CREATE, 2, "price", 0, is_everything, true), ERR_LOCKED);
}

static void taking_a_record_away_does_not_get_around_a_lock(void **state)
{
    (void)state;
    assert_int_equal(check_kind(CHANGE_DELETE, 1, NULL, 0, is_everything, false), ERR_LOCK_REQUIRED);
    assert_int_equal(check_kind(CHANGE_DELETE, 1, NULL, 0, is_price, false), OK);
    (void)take(1, "{\"path\":\"status\"}");
    assert_int_equal(check_kind(CHANGE_DELETE, 2, NULL, 0, is_price, false), OK); /* that lock only warns */
    assert_int_equal(check_kind(CHANGE_DELETE, 2, NULL, 0, is_price, true), ERR_LOCKED);
    (void)take(1, "{\"path\":\"price\"}");
    assert_int_equal(check_kind(CHANGE_DELETE, 2, NULL, 0, is_price, false), ERR_LOCKED);
    assert_int_equal(check_kind(CHANGE_DELETE, 1, NULL, 0, is_price, false), OK);
    assert_int_equal(check_kind(CHANGE_DELETE, 1, NULL, 0, is_everything, false), ERR_LOCK_REQUIRED);
    (void)take(1, "{}");
    assert_int_equal(check_kind(CHANGE_DELETE, 1, NULL, 0, is_everything, false), OK);
}

/* ---- what is kept ------------------------------------------------------------------------------------------------- */

static void assert_member(yyjson_val *body, const char *key, const char *expected)
{
    if (!span_equal(json_get_text(body, key), span_from_str(expected)))
        fail_msg("%s is %.*s", key, SPAN_ARG(json_get_text(body, key)));
}

static void the_body_tells_all_about_it(void **state)
{
    struct json json;

    (void)state;
    as_rest(1);
    assert_int_equal(ask(OBJECT_ADD, "{\"path\":\"/items/@a\",\"ttl\":60}"), OK);
    as(2);
    assert_int_equal(ask(OBJECT_REQUEST, "{\"path\":\"/items/@a\",\"note\":\"\\\"now\\\"\"}"), OK);
    assert_int_equal(json_parse(&json, the.decision.body, &json_limits_default), OK);
    assert_member(json.root, "id", "order:O-1#/items/@a");
    assert_member(json.root, "kind", "lock");
    assert_member(json.root, "entity_type", "order");
    assert_member(json.root, "entity_id", "O-1");
    assert_member(json.root, "path", "/items/@a");
    assert_member(json.root, "locked_by", "1");
    assert_member(json.root, "locked_by_name", "User 1");
    assert_member(json.root, "locked_at", "2026-02-19T13:30:00.000Z");
    assert_member(json.root, "expires_at", "2026-02-19T13:31:00.000Z");
    assert_member(yyjson_arr_get_first(json_get(json.root, "requests")), "note", "\"now\"");
    assert_int_equal(yyjson_get_uint(json_get(json.root, "token")), 101);
    assert_int_equal(yyjson_get_uint(json_get(json.root, "ttl_ms")), 60000);
    json_deinit(&json);
}

static void the_body_names_the_record_of_a_soft_lock_too(void **state)
{
    struct json json;

    (void)state;
    (void)take(1, "{\"soft\":true}");
    assert_int_equal(json_parse(&json, the.decision.body, &json_limits_default), OK);
    assert_member(json.root, "id", "order:O-1#~~1");
    assert_member(json.root, "entity_id", "O-1");
    assert_member(json.root, "path", "");
    json_deinit(&json);
}

/* The objects of a store that has just done what is decided. */
static struct object stored(const struct lock *lock)
{
    struct buf text = BUF_EMPTY;
    struct object object = {.kind = OBJECT_LOCK, .revision = lock->revision, .time_ms = lock->locked_at_ms};

    lock_print(&text, lock, the.scene.now_ms, the.scene.wall_ms);
    object.id = arena_copy(&the.arena, lock->id);
    object.body = arena_copy(&the.arena, buf_span(&text));
    buf_deinit(&text);
    return object;
}

static uint32_t stored_all(struct object *objects)
{
    uint32_t count = 0;

    LIST_EACH (&the.set.locks, node) {
        objects[count++] = stored(LIST_OWNER(node, struct lock, node));
    }
    return count;
}

static void after_a_restart_a_lock_waits_for_its_user(void **state)
{
    struct object objects[LOCKS_PER_RECORD_MAX];
    const uint64_t token = take(1, "{\"path\":\"/items/@a\",\"ttl\":60}");
    uint32_t count;

    (void)state;
    as(2);
    assert_int_equal(ask(OBJECT_REQUEST, "{\"path\":\"/items/@a\",\"note\":\"me\"}"), OK);
    count = stored_all(objects);
    lock_set_deinit(&the.set);
    lock_set_load(&the.set, the.scene.room, objects, count, &limits, the.scene.now_ms);
    assert_int_equal(lock_set_deadline(&the.set), the.scene.now_ms + 60000 + GRACE_MS);
    assert_int_equal(check_kind(CHANGE_UPDATE, 1, "/items/@a/qty", token, is_everything, false), OK);
    lock_set_session_came(&the.set, SPAN("1"), 8, the.scene.now_ms);
    assert_true(lock_set_deadline(&the.set) == UINT64_MAX);
    as(1);
    assert_int_equal(ask(OBJECT_HAND_OVER, "{\"path\":\"/items/@a\"}"), OK);
    assert_true(span_equal(the.decision.lock->user_id, SPAN("2")));
    assert_int_equal(the.decision.object.revision, 3);
}

static void loaded_anew_a_lock_is_kept_by_all_tabs_of_its_user(void **state)
{
    struct object objects[LOCKS_PER_RECORD_MAX];
    uint32_t count;

    (void)state;
    (void)take(1, "{}");
    count = stored_all(objects);
    assert_int_equal(decide(OBJECT_REMOVE, "{}"), OK); /* which the store refuses */
    lock_set_load(&the.set, the.scene.room, objects, count, &limits, the.scene.now_ms);
    lock_set_session_came(&the.set, SPAN("1"), 2, the.scene.now_ms);
    lock_set_session_came(&the.set, SPAN("1"), 50, the.scene.now_ms);
    assert_int_equal(leave(1, false), 0);
    the.scene.session = 50;
    assert_int_equal(lock_set_session_left(&the.set, &the.arena, &the.scene, false, the.many), 1);
}

static void loading_anew_keeps_who_is_there(void **state)
{
    struct object objects[LOCKS_PER_RECORD_MAX];
    uint32_t count;

    (void)state;
    (void)take(1, "{\"path\":\"price\"}");
    count = stored_all(objects);
    as(2);
    assert_int_equal(decide(OBJECT_ADD, "{\"path\":\"status\"}"), OK); /* which the store refuses */
    lock_set_load(&the.set, the.scene.room, objects, count, &limits, the.scene.now_ms);
    assert_int_equal(the.set.count, 1);
    assert_true(lock_set_deadline(&the.set) == UINT64_MAX);
    assert_int_equal(leave(1, false), 1);
}

static void a_lock_that_expired_before_a_restart_does_not_come_back(void **state)
{
    struct object objects[LOCKS_PER_RECORD_MAX];
    uint64_t token;

    (void)state;
    as_rest(1);
    assert_int_equal(ask(OBJECT_ADD, "{\"path\":\"items\"}"), OK);
    the.scene.now_ms += TTL_MS;
    token = take(2, "{\"path\":\"/items/@a\"}"); /* nobody has swept the other one up */
    lock_set_load(&the.set, the.scene.room, objects, stored_all(objects), &limits, the.scene.now_ms);
    assert_int_equal(check_kind(CHANGE_UPDATE, 2, "/items/@a", token, is_everything, false), OK);
    assert_int_equal(check_kind(CHANGE_UPDATE, 1, "/items/@a", 0, is_everything, false), ERR_LOCKED);
    assert_int_equal(expire(), 1);
    assert_true(span_equal(the.many[0].object.id, SPAN("order:O-1#/items")));
}

static void a_body_that_is_no_locks_is_left_out(void **state)
{
    const struct object objects[] = {
        {.kind = OBJECT_LOCK, .id = SPAN("order:O-1#"), .body = SPAN("{\"path\":")},
        {.kind = OBJECT_LOCK, .id = SPAN("order:O-1#"), .body = SPAN("{\"path\":\"items[2]\"}")},
        {.kind = OBJECT_COMMENT, .id = SPAN("order:O-1#"), .body = SPAN("{\"path\":\"\"}")},
        {.kind = OBJECT_LOCK, .id = SPAN("order:O-2#"), .body = SPAN("{\"path\":\"\"}")},
    };

    (void)state;
    lock_set_load(&the.set, the.scene.room, objects, 4, &limits, 0);
    assert_int_equal(the.set.count, 0);
}

/* ---- whatever happens --------------------------------------------------------------------------------------------- */

enum { PLACES = 7, PEOPLE = 4, STEPS = 120, PLAYS = 2000 };

static const char *const places[PLACES] = {"", "price", "status", "items", "/items/@a", "/items/@a/qty", "/items/@b"};

/* One play: what its people believe to hold, and the greatest token that each place has seen in a grant or a write. */
static struct play {
    uint64_t seed;
    struct rand rand;
    uint64_t known[PEOPLE][PLACES]; /* tokens that they were told, ever */
    uint64_t seen[PLACES];
    uint64_t last_token;
    bool is_here[PEOPLE];
    unsigned granted, written, refused;
} play;

static void holds(bool it_does, const char *what)
{
    if (!it_does)
        fail_msg("%s: seed %llu", what, (unsigned long long)play.seed);
}

static unsigned draw(unsigned bound)
{
    return (unsigned)rand_below(&play.rand, bound);
}

static bool is_within(const struct path *a, const struct path *b)
{
    for (uint32_t i = 0; i < a->depth && i < b->depth; i++)
        if (!span_equal(a->steps[i], b->steps[i]))
            return false;
    return true;
}

static bool is_alive(const struct lock *lock)
{
    return !lock->is_soft && (lock->session_count > 0 || lock->expires_ms > the.scene.now_ms);
}

static void nobody_else_holds_it(void)
{
    uint32_t count = 0;

    LIST_EACH (&the.set.locks, node) {
        const struct lock *a = LIST_OWNER(node, struct lock, node);

        count++;
        for (const struct list *other = node->next; other != &the.set.locks; other = other->next) {
            const struct lock *b = LIST_OWNER(other, struct lock, node);

            holds(!span_equal(a->id, b->id), "two locks with one id");
            holds(!is_alive(a) || !is_alive(b) || span_equal(a->user_id, b->user_id) || !is_within(&a->path, &b->path),
                  "two people hold the same");
        }
    }
    holds(count == the.set.count && count <= LOCKS_PER_RECORD_MAX, "the count is wrong");
}

static void random_ask(unsigned user, unsigned place)
{
    static const enum object_verb verbs[] = {OBJECT_ADD,     OBJECT_ADD,       OBJECT_ADD,   OBJECT_REMOVE,
                                             OBJECT_RENEW,   OBJECT_HAND_OVER, OBJECT_FORCE, OBJECT_REQUEST,
                                             OBJECT_REQUEST, OBJECT_RENEW};
    const enum object_verb verb = verbs[draw(10)];
    char input[160], token[40] = "";

    if (draw(2) && play.known[user][place] > 0)
        (void)snprintf(token, sizeof(token), ",\"token\":%llu", (unsigned long long)play.known[user][place]);
    (void)snprintf(input, sizeof(input), "{\"path\":\"%s\",\"soft\":%s%s,\"ttl\":%u}", places[place],
                   draw(8) ? "false" : "true", token, 1 + draw(10));
    if (play.is_here[user])
        as(user);
    else
        as_rest(user);
    the.scene.may_force = draw(3) == 0;
    if (ask(verb, input) != OK)
        play.refused++;
    if (the.decision.err == OK && the.decision.grant) {
        play.granted++;
        holds(the.sequence > play.last_token, "a token did not grow");
        play.last_token = the.sequence;
    }
    if (the.decision.lock && the.decision.verb != OBJECT_REQUEST && !the.decision.lock->is_soft) {
        const unsigned owner = (unsigned)(the.decision.lock->user_id.data[0] - '0');

        play.known[owner][place] = the.decision.lock->token;
        holds(the.decision.lock->token >= play.seen[place], "a token went back");
        play.seen[place] = the.decision.lock->token;
    }
}

static void random_write(unsigned user, unsigned place)
{
    const uint64_t fence = draw(3) ? play.known[user][place] : draw(2) ? 0 : 100 + draw(60);
    const enum err err = check_kind(place ? CHANGE_UPDATE : CHANGE_DELETE, user, place ? places[place] : NULL, fence,
                                    is_everything, false);

    if (err != OK)
        return;
    play.written++;
    holds(fence == 0 || fence <= the.sequence, "a write passed with a token that was never given");
    LIST_EACH (&the.set.locks, node) {
        const struct lock *lock = LIST_OWNER(node, struct lock, node);
        struct path path = {0};

        if (place)
            assert_int_equal(path_parse(&the.arena, span_from_str(places[place]), &path), OK);
        holds(!is_alive(lock) || !is_within(&lock->path, &path) || span_equal(lock->user_id, the.users[user]->user_id),
              "a write passed although somebody else holds it");
    }
    if (fence == play.known[user][place] && fence > 0)
        holds(fence >= play.seen[place], "a write passed with a token older than one that was seen");
}

static void random_session(unsigned user)
{
    const bool is_broken = draw(2);

    as(user);
    if (play.is_here[user]) {
        const uint32_t count = leave(user, is_broken);

        for (uint32_t i = 0; i < count; i++)
            store_decision(&the.many[i]);
    } else {
        lock_set_session_came(&the.set, the.users[user]->user_id, user + 1, the.scene.now_ms);
    }
    play.is_here[user] = !play.is_here[user];
}

/* Loaded anew, or after a restart: then everybody is gone. */
static void random_load(void)
{
    struct object objects[LOCKS_PER_RECORD_MAX];
    const uint32_t count = stored_all(objects);

    if (draw(2)) {
        lock_set_deinit(&the.set);
        for (unsigned i = 0; i < PEOPLE; i++)
            play.is_here[i] = false;
    }
    lock_set_load(&the.set, the.scene.room, objects, count, &limits, the.scene.now_ms);
}

static void random_step(void)
{
    const unsigned user = draw(PEOPLE), place = draw(PLACES), what = draw(100);

    if (what < 45)
        random_ask(user, place);
    else if (what < 75)
        random_write(user, place);
    else if (what < 85)
        random_session(user);
    else if (what < 93)
        the.scene.now_ms += draw(12000);
    else if (what < 97)
        (void)expire();
    else
        random_load();
    nobody_else_holds_it();
}

static void no_two_people_ever_hold_the_same(void **state)
{
    unsigned granted = 0, written = 0, refused = 0;

    for (uint64_t seed = 1; seed <= PLAYS; seed++) {
        play = (struct play){.seed = seed};
        rand_seed(&play.rand, seed);
        (void)set_up(state);
        for (unsigned i = 0; i < STEPS; i++)
            random_step();
        (void)tear_down(state);
        granted += play.granted;
        written += play.written;
        refused += play.refused;
    }
    print_message("%u locks granted, %u asks refused, %u writes allowed\n", granted, refused, written);
    assert_true(granted > 5 * PLAYS && written > PLAYS && refused > 5 * PLAYS);
    (void)set_up(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_ttl_outside_of_the_limits_is_refused),
        TEST(a_ttl_is_told_in_milliseconds_or_in_seconds),
        TEST(a_path_must_name_something_that_can_be_locked),
        TEST(other_members_must_be_of_their_kinds),
        TEST(a_note_has_a_limit),
        TEST(verbs_of_other_kinds_are_refused),
        TEST(without_any_input_it_is_the_whole_record),
        TEST(a_lock_is_granted_with_the_commits_number),
        TEST(taking_what_one_holds_is_a_renewal),
        TEST(what_depends_on_a_grant_under_way_waits),
        TEST(an_answer_for_an_earlier_grant_changes_nothing),
        TEST(a_lock_is_given_back_with_its_token_or_without),
        TEST(nobody_gives_back_the_lock_of_another),
        TEST(what_nobody_holds_is_not_there),
        TEST(a_lock_that_expired_cannot_be_renewed),
        TEST(an_expired_lock_that_was_not_swept_makes_room),
        TEST(locks_clash_when_one_path_is_inside_the_other),
        TEST(a_soft_lock_clashes_with_nothing),
        TEST(a_record_has_so_many_locks),
        TEST(a_path_that_is_too_long_for_an_id_is_refused),
        TEST(a_request_reaches_the_holder),
        TEST(asking_again_keeps_one_place_in_the_line),
        TEST(the_line_has_an_end),
        TEST(a_lock_is_handed_over_to_who_asked_for_it),
        TEST(what_one_keeps_around_a_lock_keeps_it_from_being_handed_over),
        TEST(who_got_a_lock_and_is_not_there_loses_it),
        TEST(a_lock_is_taken_from_its_holder_by_who_may),
        TEST(a_connection_keeps_its_lock_alive),
        TEST(a_session_that_leaves_gives_its_locks_back),
        TEST(a_broken_connection_has_time_to_come_back),
        TEST(a_broken_connection_that_does_not_come_back_loses_its_locks),
        TEST(who_comes_back_too_late_has_lost_it),
        TEST(another_tab_of_the_holder_can_take_it_on),
        TEST(two_tabs_keep_a_lock_until_both_are_gone),
        TEST(of_too_many_tabs_the_newest_keep_a_lock),
        TEST(a_lock_taken_by_rest_is_nobodys_who_comes),
        TEST(a_lock_based_field_needs_its_lock),
        TEST(a_lock_on_what_contains_it_is_enough),
        TEST(a_fence_must_be_the_token_of_a_lock_that_he_holds),
        TEST(no_fence_is_right_while_the_grant_is_under_way),
        TEST(locks_keep_others_out_where_the_type_enforces_them),
        TEST(a_test_writes_nothing),
        TEST(making_a_record_needs_no_lock),
        TEST(taking_a_record_away_does_not_get_around_a_lock),
        TEST(the_body_tells_all_about_it),
        TEST(the_body_names_the_record_of_a_soft_lock_too),
        TEST(after_a_restart_a_lock_waits_for_its_user),
        TEST(loaded_anew_a_lock_is_kept_by_all_tabs_of_its_user),
        TEST(loading_anew_keeps_who_is_there),
        TEST(a_lock_that_expired_before_a_restart_does_not_come_back),
        TEST(a_body_that_is_no_locks_is_left_out),
        TEST(no_two_people_ever_hold_the_same),
    };

    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
