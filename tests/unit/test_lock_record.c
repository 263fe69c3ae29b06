/* Locks of a record as time passes and people take them from each other: what the store keeps of them, and who hears why. */
#include "lib/hub_stage.h"

#include "base/clock.h"
#include "collab/record/lock.h"

static const char room[] = "page:P-1";
static const char lock_id[] = "page:P-1#";

static const char types[] = "{\"page\":{\"strategy\":\"lock-based\",\"label\":\"title\","
                            "\"roles\":{\"create\":[\"editor\"],\"update\":\"*\",\"force_locks\":[\"editor\"]},"
                            "\"fields\":{\"title\":{\"kind\":\"string\"},\"qty\":{\"kind\":\"integer\"}}}}";
static const char types_without_pages[] = "{\"note\":{\"fields\":{\"title\":{\"kind\":\"string\"}}}}";

/* The server's configuration is read anew. */
static void reload(const char *text)
{
    struct type_registry *registry;
    struct buf why = BUF_EMPTY;

    if (type_registry_new(span_from_str(text), SPAN_EMPTY, &registry, &why) != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&why)));
    hub_set_registry(world->hub, registry);
    type_registry_unref(world->registry);
    world->registry = registry;
}

static int set_up(void **state)
{
    (void)hub_stage_set_up(state);
    reload(types);
    assert_ok(hub_double_change(world, LI, 4, room, CHANGE_CREATE, "", "{\"title\":\"A\",\"qty\":1}"));
    return 0;
}

/* ---- builders ----------------------------------------------------------------------------------------------------- */

static struct command *lock_of(session_id session, enum object_verb verb, const char *input)
{
    struct command *command = hub_double_command(world, COMMAND_OBJECT, session, user_of(session), room);

    command->object.kind = OBJECT_LOCK;
    command->object.verb = verb;
    command->object.input = arena_copy(&command->arena, span_from_str(input));
    return command;
}

static struct answer *lock(session_id session, enum object_verb verb, const char *input)
{
    return hub_double_ask(world, lock_of(session, verb, input));
}

static const struct object *stored(void)
{
    return model_store_object(&world->store, OBJECT_LOCK, SPAN(lock_id));
}

static int64_t stored_end(void)
{
    struct json json;
    int64_t ends_ms = 0;

    assert_non_null(stored());
    assert_int_equal(json_parse(&json, stored()->body, &json_limits_default), OK);
    assert_true(clock_parse_iso(json_get_text(json.root, "expires_at"), &ends_ms));
    json_deinit(&json);
    return ends_ms;
}

/* The body of the next such event in the room; fails when there is none. */
static struct span heard(const char *in_room, enum object_kind kind, enum object_verb verb)
{
    const struct event *event;

    while ((event = hub_double_event(world, 0, EVENT_OBJECT)))
        if (span_is(event->room, in_room) && event->object.kind == kind && event->object.verb == verb)
            return event->object.body;
    fail_msg("nothing was heard in %s", in_room);
    return SPAN_EMPTY;
}

static void assert_says(struct span body, const char *key, const char *text)
{
    struct json json;

    assert_int_equal(json_parse(&json, body, &json_limits_default), OK);
    if (!span_is(json_get_text(json.root, key), text))
        fail_msg("%s is %.*s", key, SPAN_ARG(json_get_text(json.root, key)));
    json_deinit(&json);
}

static void pass(uint64_t ms)
{
    hub_double_advance(world, ms);
    hub_double_store_all(world);
}

/* ---- taken from each other ---------------------------------------------------------------------------------------- */

static void a_lock_is_taken_away_by_those_whom_the_type_lets(void **state)
{
    (void)state;
    assert_ok(lock(MARIA, OBJECT_ADD, "{}"));
    assert_refused(lock(VERA, OBJECT_FORCE, "{}"), ERR_FORBIDDEN);
    assert_ok(lock(AMIR, OBJECT_FORCE, "{}"));
    assert_ok(lock(VERA, OBJECT_ADD, "{}"));
    assert_ok(lock(ADA, OBJECT_FORCE, "{}"));
}

static void why_it_was_taken_is_in_the_activity_feed(void **state)
{
    (void)state;
    hub_double_join(world, LI, 4, ROOM_ACTIVITY);
    assert_ok(lock(MARIA, OBJECT_ADD, "{}"));
    hub_double_hush(world);
    assert_ok(lock(AMIR, OBJECT_FORCE, "{\"note\":\"line 2 is down\"}"));
    assert_says(heard(ROOM_ACTIVITY, OBJECT_LOCK, OBJECT_FORCE), "note", "line 2 is down");
}

static void the_holder_reads_why_it_was_taken(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, "user:2");
    assert_ok(lock(MARIA, OBJECT_ADD, "{}"));
    hub_double_hush(world);
    assert_ok(lock(AMIR, OBJECT_FORCE, "{\"note\":\"line 2 is down\"}"));
    assert_says(heard("user:2", OBJECT_NOTIFICATION, OBJECT_ADD), "message", "line 2 is down");
}

static void a_lock_is_not_given_to_somebody_who_did_not_ask(void **state)
{
    const struct answer *answer;

    (void)state;
    assert_ok(lock(MARIA, OBJECT_ADD, "{}"));
    answer = lock(MARIA, OBJECT_HAND_OVER, "{\"user_id\":\"3\"}");
    assert_refused(answer, ERR_NOT_FOUND);
    assert_true(span_is(answer->field, "user_id"));
}

static void who_takes_a_lock_and_then_comes_in_keeps_it(void **state)
{
    (void)state;
    assert_ok(lock(MARIA, OBJECT_ADD, "{\"ttl_ms\":5000}"));
    hub_double_join(world, MARIA, 2, room);
    pass(20000);
    assert_refused(lock(AMIR, OBJECT_ADD, "{}"), ERR_LOCKED);
    assert_ok(hub_double_leave(world, MARIA, 2, room, LEAVE_ASKED));
    assert_ok(lock(AMIR, OBJECT_ADD, "{}"));
}

/* ---- time --------------------------------------------------------------------------------------------------------- */

static void what_is_stored_of_a_kept_lock_is_never_over(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, room);
    assert_ok(lock(MARIA, OBJECT_ADD, "{}"));
    for (int i = 0; i < 40; i++) {
        pass(3000);
        assert_true(stored_end() > (int64_t)world->now_ms);
    }
    assert_refused(lock(AMIR, OBJECT_ADD, "{}"), ERR_LOCKED);
}

/* Nobody but the store hears of it. */
static void that_it_goes_on_is_no_event(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, room);
    hub_double_join(world, AMIR, 3, ROOM_LOCKS);
    assert_ok(lock(MARIA, OBJECT_ADD, "{}"));
    hub_double_hush(world);
    pass(20000);
    pass(20000);
    assert_int_equal(hub_double_count(world, EVENT_OBJECT), 0);
    assert_true(stored()->revision > 1);
}

static void a_renewal_is_kept_before_it_is_answered(void **state)
{
    int64_t ends_ms;

    (void)state;
    assert_ok(lock(MARIA, OBJECT_ADD, "{\"ttl_ms\":5000}"));
    ends_ms = stored_end();
    hub_double_advance(world, 4000);
    world->is_store_slow = true;
    hub_double_hush(world);
    hub_double_do(world, lock_of(MARIA, OBJECT_RENEW, "{}"));
    assert_null(hub_double_answer(world));
    hub_double_store_all(world);
    assert_ok(hub_double_answer(world));
    assert_int_equal(stored_end(), ends_ms + 4000);
}

static void a_renewal_that_cannot_be_kept_is_none(void **state)
{
    (void)state;
    assert_ok(lock(MARIA, OBJECT_ADD, "{\"ttl_ms\":5000}"));
    world->failure = ERR_STORAGE_FULL;
    assert_refused(lock(MARIA, OBJECT_RENEW, "{\"ttl_ms\":9000}"), ERR_STORAGE_FULL);
    world->failure = OK;
    hub_double_store_all(world);
    assert_ok(lock(MARIA, OBJECT_RENEW, "{\"ttl_ms\":9000}"));
    assert_int_equal(stored_end(), (int64_t)world->now_ms + 9000);
}

static void a_store_that_refuses_is_not_asked_again_at_once(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, room);
    assert_ok(lock(MARIA, OBJECT_ADD, "{}"));
    world->is_store_slow = true;
    hub_double_advance(world, 15000);
    world->failure = ERR_STORAGE_FULL;
    hub_double_store_some(world, 1);
    world->failure = OK;
    hub_double_store_all(world); /* it is read anew */
    hub_double_advance(world, 1);
    assert_int_equal(world->asked_count, 0);
    pass(1000);
    assert_true(stored_end() >= (int64_t)world->now_ms + LOCK_KEPT_MS);
}

static void a_lock_that_ended_while_the_server_was_away_is_in_nobodys_way(void **state)
{
    (void)state;
    assert_ok(lock(MARIA, OBJECT_ADD, "{\"ttl_ms\":5000}"));
    world->now_ms += 60000;
    hub_double_restart(world);
    assert_ok(lock(AMIR, OBJECT_ADD, "{}"));
    assert_says(stored()->body, "locked_by", "3");
}

/* What a lock's time was over for while its type was away: the locks of those who come later end as well. */
static void locks_end_though_their_type_was_away_for_a_while(void **state)
{
    (void)state;
    hub_double_join(world, LI, 4, ROOM_LOCKS);
    assert_ok(lock(MARIA, OBJECT_ADD, "{\"ttl_ms\":5000}"));
    reload(types_without_pages);
    pass(6000);
    reload(types);
    assert_ok(lock(AMIR, OBJECT_ADD, "{\"ttl_ms\":5000}"));
    hub_double_hush(world);
    pass(6000);
    assert_says(heard(ROOM_LOCKS, OBJECT_LOCK, OBJECT_EXPIRE), "locked_by", "3");
    assert_null(stored());
}

static void who_leaves_while_the_type_is_away_keeps_nothing(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, room);
    assert_ok(lock(MARIA, OBJECT_ADD, "{}"));
    reload(types_without_pages);
    assert_ok(hub_double_leave(world, MARIA, 2, room, LEAVE_ASKED));
    reload(types);
    pass(world->limits.grace_ms);
    pass(10000);
    assert_null(stored());
    assert_ok(lock(AMIR, OBJECT_ADD, "{}"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lock_is_taken_away_by_those_whom_the_type_lets),
        TEST(why_it_was_taken_is_in_the_activity_feed),
        TEST(the_holder_reads_why_it_was_taken),
        TEST(a_lock_is_not_given_to_somebody_who_did_not_ask),
        TEST(who_takes_a_lock_and_then_comes_in_keeps_it),
        TEST(what_is_stored_of_a_kept_lock_is_never_over),
        TEST(that_it_goes_on_is_no_event),
        TEST(a_renewal_is_kept_before_it_is_answered),
        TEST(a_renewal_that_cannot_be_kept_is_none),
        TEST(a_store_that_refuses_is_not_asked_again_at_once),
        TEST(a_lock_that_ended_while_the_server_was_away_is_in_nobodys_way),
        TEST(locks_end_though_their_type_was_away_for_a_while),
        TEST(who_leaves_while_the_type_is_away_keeps_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
