#include "collab/hub.h"
#include "lib/hub_stage.h"

#include <stdio.h>

static const char room[] = "part:P-1";

static int set_up(void **state)
{
    (void)hub_stage_set_up(state);
    hub_double_change(world, LI, 4, room, CHANGE_CREATE, "", "{\"title\":\"A\",\"qty\":1}");
    return 0;
}

/* ---- builders ---- */

static struct command *lock_of(session_id session, enum object_verb verb, const char *input)
{
    return object_command(session, room, OBJECT_LOCK, verb, "", input);
}

static struct answer *lock(session_id session, enum object_verb verb, const char *input)
{
    return hub_double_ask(world, lock_of(session, verb, input));
}

static struct command *write_of(session_id session, uint64_t fence, const char *patch)
{
    struct command *command =
        hub_double_change_command(world, session, user_of(session), room, CHANGE_UPDATE, "", patch);

    command->change->fence = fence;
    return command;
}

static struct answer *write(session_id session, uint64_t fence, const char *patch)
{
    return hub_double_ask(world, write_of(session, fence, patch));
}

static struct answer *join(session_id session)
{
    return hub_double_join(world, session, user_of(session), room);
}

static uint64_t number_in(struct span body, const char *key)
{
    yyjson_doc *doc = yyjson_read(body.data, body.len, 0);
    uint64_t number = yyjson_get_uint(json_get(yyjson_doc_get_root(doc), key));

    yyjson_doc_free(doc);
    return number;
}

static bool says(struct span body, const char *key, const char *text)
{
    yyjson_doc *doc = yyjson_read(body.data, body.len, 0);
    bool is = span_is(json_get_text(yyjson_doc_get_root(doc), key), text);

    yyjson_doc_free(doc);
    return is;
}

static uint64_t take(session_id session, const char *input)
{
    const struct answer *answer = lock(session, OBJECT_ADD, input);

    assert_ok(answer);
    assert_true(answer->has_object);
    assert_int_equal(answer->object_kind, OBJECT_LOCK);
    assert_true(number_in(answer->object, "token") > 0);
    return number_in(answer->object, "token");
}

static const struct object *stored(const char *id)
{
    return model_store_object(&world->store, OBJECT_LOCK, span_from_str(id));
}

static bool has_heard(const char *in_room, enum object_kind kind, enum object_verb verb)
{
    const struct event *event;

    while ((event = hub_double_event(world, 0, EVENT_OBJECT)))
        if (span_is(event->room, in_room) && event->object.kind == kind && event->object.verb == verb)
            return true;
    return false;
}

/* ---- taken ---- */

static void a_lock_is_taken_kept_and_heard_of(void **state)
{
    const struct answer *answer;

    (void)state;
    hub_double_join(world, ADA, 1, ROOM_LOCKS);
    join(VERA);
    hub_double_hush(world);
    answer = lock(MARIA, OBJECT_ADD, "{}");
    assert_ok(answer);
    assert_true(says(answer->object, "locked_by", "2"));
    assert_int_equal(number_in(stored("part:P-1#")->body, "token"), number_in(answer->object, "token"));
    assert_true(has_heard(room, OBJECT_LOCK, OBJECT_ADD));
    assert_true(has_heard(ROOM_LOCKS, OBJECT_LOCK, OBJECT_ADD));
}

static void somebody_else_is_told_who_has_it(void **state)
{
    const struct answer *answer;

    (void)state;
    take(MARIA, "{}");
    answer = lock(AMIR, OBJECT_ADD, "{\"path\":\"qty\"}");
    assert_refused(answer, ERR_LOCKED);
    assert_true(answer->has_object);
    assert_true(says(answer->object, "locked_by", "2"));
}

static uint64_t cost_bit(void)
{
    const struct type *type = type_find(world->registry, SPAN("part"));

    return (uint64_t)1 << type_field(type, SPAN("cost"))->index;
}

static void a_lock_on_a_field_that_he_may_not_read_is_not_shown_to_him(void **state)
{
    const struct answer *answer;
    const struct event *event;

    (void)state;
    take(ADA, "{\"path\":\"cost\"}");
    answer = lock(MARIA, OBJECT_ADD, "{}");
    assert_refused(answer, ERR_LOCKED);
    assert_false(answer->has_object);
    assert_false(write(MARIA, 0, "{\"title\":\"B\"}")->has_object);
    join(VERA);
    hub_double_hush(world);
    answer = lock(MARIA, OBJECT_REQUEST, "{}");
    assert_ok(answer);
    assert_false(answer->has_object);
    while ((event = hub_double_event(world, 0, EVENT_OBJECT)))
        assert_true(event->object.shown & cost_bit());
}

static void fields_are_locked_one_by_one(void **state)
{
    (void)state;
    take(MARIA, "{\"path\":\"qty\"}");
    take(AMIR, "{\"path\":\"title\"}");
    assert_refused(lock(LI, OBJECT_ADD, "{}"), ERR_LOCKED);
    assert_refused(lock(LI, OBJECT_ADD, "{\"path\":\"color\"}"), ERR_UNKNOWN_FIELD);
}

static void who_may_not_write_may_not_lock(void **state)
{
    (void)state;
    assert_refused(lock(VERA, OBJECT_ADD, "{}"), ERR_FORBIDDEN);
}

static void what_is_not_there_is_not_locked(void **state)
{
    struct command *command = hub_double_command(world, COMMAND_OBJECT, MARIA, 2, "part:P-9");

    (void)state;
    command->object.kind = OBJECT_LOCK;
    command->object.verb = OBJECT_ADD;
    assert_refused(hub_double_ask(world, command), ERR_NOT_FOUND);
}

static void two_who_take_it_at_once_are_told_when_it_is_certain(void **state)
{
    const struct answer *answer;

    (void)state;
    world->is_store_slow = true;
    hub_double_hush(world);
    hub_double_do(world, lock_of(MARIA, OBJECT_ADD, "{}"));
    hub_double_do(world, lock_of(AMIR, OBJECT_ADD, "{}"));
    assert_null(hub_double_answer(world));
    hub_double_store_all(world);
    answer = hub_double_answer(world);
    assert_ok(answer);
    assert_true(number_in(answer->object, "token") > 0);
    assert_refused(hub_double_answer(world), ERR_LOCKED);
}

static void a_lock_that_cannot_be_kept_is_nobodys(void **state)
{
    (void)state;
    world->is_store_slow = true;
    hub_double_hush(world);
    hub_double_do(world, lock_of(MARIA, OBJECT_ADD, "{}"));
    hub_double_do(world, lock_of(AMIR, OBJECT_ADD, "{}"));
    store_fails(ERR_STORAGE);
    hub_double_store_all(world);
    assert_refused(hub_double_answer(world), ERR_STORAGE);
    assert_ok(hub_double_answer(world));
    assert_true(says(stored("part:P-1#")->body, "locked_by", "3"));
}

/* ---- writing ---- */

static void a_write_needs_the_lock(void **state)
{
    uint64_t token;
    const struct answer *answer;

    (void)state;
    assert_refused(write(MARIA, 0, "{\"qty\":2}"), ERR_LOCK_REQUIRED);
    token = take(MARIA, "{}");
    assert_ok(write(MARIA, token, "{\"qty\":2}"));
    assert_ok(write(MARIA, 0, "{\"qty\":3}"));
    answer = write(AMIR, 0, "{\"qty\":4}");
    assert_refused(answer, ERR_LOCKED);
    assert_true(says(answer->object, "locked_by", "2"));
    assert_refused(write(AMIR, token, "{\"qty\":4}"), ERR_LOCK_LOST);
    assert_int_equal(model_store_record(&world->store, span_from_str(room))->version, 3);
}

static void an_old_token_is_refused(void **state)
{
    uint64_t first, second;

    (void)state;
    first = take(MARIA, "{}");
    assert_ok(lock(MARIA, OBJECT_REMOVE, "{}"));
    second = take(AMIR, "{}");
    assert_true(second > first);
    assert_refused(write(MARIA, first, "{\"qty\":2}"), ERR_LOCK_LOST);
    assert_ok(write(AMIR, second, "{\"qty\":2}"));
}

/* A lock that is on its way may never be. */
static void a_write_waits_for_a_lock_that_is_on_its_way(void **state)
{
    (void)state;
    world->is_store_slow = true;
    hub_double_hush(world);
    hub_double_do(world, lock_of(MARIA, OBJECT_ADD, "{}"));
    hub_double_do(world, write_of(MARIA, 0, "{\"qty\":2}"));
    assert_int_equal(world->asked_count, 1);
    store_fails(ERR_STORAGE);
    hub_double_store_all(world);
    assert_refused(hub_double_answer(world), ERR_STORAGE);
    assert_refused(hub_double_answer(world), ERR_LOCK_REQUIRED);
    assert_int_equal(model_store_record(&world->store, span_from_str(room))->version, 1);
}

static void a_lock_is_in_the_way_of_others_where_the_type_says_so(void **state)
{
    struct command *command;

    (void)state;
    hub_double_change(world, LI, 4, "doc:D-1", CHANGE_CREATE, "", "{\"title\":\"A\"}");
    command = hub_double_command(world, COMMAND_OBJECT, MARIA, 2, "doc:D-1");
    command->object.kind = OBJECT_LOCK;
    command->object.verb = OBJECT_ADD;
    command->object.input = SPAN("{\"path\":\"title\"}");
    assert_ok(hub_double_ask(world, command));
    assert_refused(hub_double_change(world, AMIR, 3, "doc:D-1", CHANGE_UPDATE, "", "{\"title\":\"B\"}"), ERR_LOCKED);
    assert_ok(hub_double_change(world, AMIR, 3, "doc:D-1", CHANGE_UPDATE, "", "{\"qty\":1}"));
    assert_ok(hub_double_change(world, MARIA, 2, "doc:D-1", CHANGE_UPDATE, "", "{\"title\":\"C\"}"));
}

/* ---- kept alive ---- */

static void a_lock_without_a_connection_ends_by_itself(void **state)
{
    (void)state;
    join(VERA);
    take(MARIA, "{\"ttl_ms\":5000}");
    hub_double_hush(world);
    hub_double_advance(world, 4000);
    assert_refused(lock(AMIR, OBJECT_ADD, "{}"), ERR_LOCKED);
    hub_double_advance(world, 2000);
    hub_double_store_all(world);
    assert_true(has_heard(room, OBJECT_LOCK, OBJECT_EXPIRE));
    assert_null(stored("part:P-1#"));
    take(AMIR, "{}");
}

/* However late the server is to notice. */
static void everybody_sees_a_lock_go_before_somebody_else_has_it(void **state)
{
    const struct event *event;

    (void)state;
    join(VERA);
    take(MARIA, "{\"ttl_ms\":5000}");
    hub_double_hush(world);
    world->now_ms += 6000;
    hub_set_time(world->hub, world->now_ms, (int64_t)world->now_ms);
    take(AMIR, "{}");
    event = hub_double_event(world, 0, EVENT_OBJECT);
    assert_int_equal(event->object.verb, OBJECT_EXPIRE);
    assert_int_equal(hub_double_event(world, 0, EVENT_OBJECT)->object.verb, OBJECT_ADD);
}

static void a_lock_of_a_record_that_is_gone_can_be_given_back(void **state)
{
    uint64_t token = take(MARIA, "{}");
    struct command *command = hub_double_change_command(world, MARIA, 2, room, CHANGE_DELETE, "", NULL);

    (void)state;
    command->change->fence = token;
    assert_ok(hub_double_ask(world, command));
    assert_ok(lock(MARIA, OBJECT_REMOVE, "{}"));
    assert_null(stored("part:P-1#"));
}

static void a_renewal_of_what_a_connection_keeps_is_answered_at_once(void **state)
{
    uint64_t token;
    char input[64];
    const struct answer *answer;

    (void)state;
    join(MARIA);
    token = take(MARIA, "{\"ttl_ms\":5000}");
    (void)snprintf(input, sizeof(input), "{\"token\":%u}", (unsigned)token);
    hub_double_advance(world, 4000);
    world->is_store_slow = true;
    answer = lock(MARIA, OBJECT_RENEW, input);
    assert_ok(answer);
    assert_int_equal(number_in(answer->object, "token"), token);
    world->is_store_slow = false;
    hub_double_advance(world, 4000);
    hub_double_store_all(world);
    assert_refused(lock(AMIR, OBJECT_ADD, "{}"), ERR_LOCKED);
}

static void a_member_keeps_his_lock_and_leaves_it_when_he_goes(void **state)
{
    (void)state;
    join(VERA);
    join(MARIA);
    take(MARIA, "{\"ttl_ms\":5000}");
    hub_double_advance(world, 60000);
    hub_double_store_all(world);
    assert_refused(lock(AMIR, OBJECT_ADD, "{}"), ERR_LOCKED);
    hub_double_leave(world, MARIA, 2, room, LEAVE_ASKED);
    assert_true(has_heard(room, OBJECT_LOCK, OBJECT_REMOVE));
    assert_null(stored("part:P-1#"));
    take(AMIR, "{}");
}

static void a_broken_connection_keeps_it_for_a_while(void **state)
{
    (void)state;
    join(VERA);
    join(MARIA);
    take(MARIA, "{}");
    hub_double_leave(world, MARIA, 2, room, LEAVE_DISCONNECTED);
    hub_double_advance(world, world->limits.grace_ms / 2);
    assert_refused(lock(AMIR, OBJECT_ADD, "{}"), ERR_LOCKED);
    join(MARIA_TOO); /* he is back */
    hub_double_advance(world, world->limits.grace_ms * 10);
    hub_double_store_all(world);
    assert_refused(lock(AMIR, OBJECT_ADD, "{}"), ERR_LOCKED);
    hub_double_leave(world, MARIA_TOO, 2, room, LEAVE_DISCONNECTED);
    hub_double_advance(world, world->limits.grace_ms * 10);
    hub_double_store_all(world);
    take(AMIR, "{}");
}

static void a_connection_that_is_dead_keeps_nothing(void **state)
{
    (void)state;
    join(VERA);
    join(MARIA);
    take(MARIA, "{}");
    hub_double_leave(world, MARIA, 2, room, LEAVE_DEAD);
    take(AMIR, "{}");
}

static void who_left_before_his_lock_was_certain_does_not_keep_it(void **state)
{
    (void)state;
    join(MARIA);
    world->is_store_slow = true;
    hub_double_do(world, lock_of(MARIA, OBJECT_ADD, "{}"));
    hub_double_leave(world, MARIA, 2, room, LEAVE_ASKED);
    hub_double_store_all(world);
    world->is_store_slow = false;
    assert_null(stored("part:P-1#"));
    take(AMIR, "{}");
}

static void locks_are_there_after_a_restart_and_end_some_time(void **state)
{
    uint64_t token;

    (void)state;
    token = take(MARIA, "{\"ttl_ms\":5000}");
    hub_double_restart(world);
    assert_refused(lock(AMIR, OBJECT_ADD, "{}"), ERR_LOCKED);
    assert_ok(write(MARIA, token, "{\"qty\":2}"));
    hub_double_advance(world, 5000 + world->limits.grace_ms + 1);
    hub_double_store_all(world);
    assert_null(stored("part:P-1#"));
    take(AMIR, "{}");
}

static void a_locked_record_stays_in_memory(void **state)
{
    (void)state;
    world->limits.records_cached_max = 2;
    hub_double_restart(world);
    take(MARIA, "{\"ttl_ms\":5000}");
    for (unsigned i = 0; i < 5; i++) {
        char other[16];

        (void)snprintf(other, sizeof(other), "order:O-%u", i);
        assert_ok(hub_double_change(world, LI, 4, other, CHANGE_CREATE, "", "{}"));
    }
    hub_double_advance(world, 6000);
    hub_double_store_all(world);
    assert_null(stored("part:P-1#"));
    assert_int_equal(hub_counts(world->hub).records_busy, 0);
    assert_true(hub_counts(world->hub).records <= 2);
}

/* ---- handed over ---- */

static void the_holder_hears_who_asks_for_it(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, "user:2");
    take(MARIA, "{}");
    hub_double_hush(world);
    assert_ok(lock(AMIR, OBJECT_REQUEST, "{\"note\":\"please\"}"));
    assert_true(has_heard("user:2", OBJECT_NOTIFICATION, OBJECT_ADD));
    assert_ok(lock(MARIA, OBJECT_HAND_OVER, "{\"user_id\":\"3\"}"));
    assert_ok(write(AMIR, 0, "{\"qty\":2}"));
    assert_refused(write(MARIA, 0, "{\"qty\":3}"), ERR_LOCKED);
}

static void it_is_taken_away_by_whoever_may(void **state)
{
    uint64_t token;

    (void)state;
    hub_double_join(world, MARIA, 2, "user:2");
    token = take(MARIA, "{}");
    assert_refused(lock(AMIR, OBJECT_FORCE, "{}"), ERR_FORBIDDEN);
    hub_double_hush(world);
    assert_ok(lock(ADA, OBJECT_FORCE, "{}"));
    assert_true(has_heard("user:2", OBJECT_NOTIFICATION, OBJECT_ADD));
    assert_refused(write(MARIA, token, "{\"qty\":2}"), ERR_LOCK_LOST);
    take(AMIR, "{}");
}

static void a_lock_asked_for_again_with_the_same_id_is_the_same(void **state)
{
    struct command *command = lock_of(MARIA, OBJECT_ADD, "{}");
    const struct answer *answer;
    uint64_t token;

    (void)state;
    command->object.id = SPAN("l1");
    answer = hub_double_ask(world, command);
    assert_ok(answer);
    token = number_in(answer->object, "token");
    command = lock_of(MARIA, OBJECT_ADD, "{}");
    command->object.id = SPAN("l1");
    answer = hub_double_ask(world, command);
    assert_ok(answer);
    assert_int_equal(number_in(answer->object, "token"), token);
}

/* Its first answer was that he had it; by now he has not. */
static void a_lock_that_was_lost_does_not_come_back_with_its_id(void **state)
{
    struct command *command = lock_of(MARIA, OBJECT_ADD, "{}");
    const struct answer *answer;

    (void)state;
    command->object.id = SPAN("l1");
    assert_ok(hub_double_ask(world, command));
    assert_ok(lock(MARIA, OBJECT_REMOVE, "{}"));
    command = lock_of(MARIA, OBJECT_ADD, "{}");
    command->object.id = SPAN("l1");
    answer = hub_double_ask(world, command);
    assert_true(answer->is_repeat);
    assert_false(answer->has_object);
    take(AMIR, "{}");
}

static void locks_leave_room_in_memory_for_other_records(void **state)
{
    struct command *command;

    (void)state;
    world->limits.records_cached_max = 2;
    hub_double_restart(world);
    hub_double_change(world, LI, 4, room, CHANGE_CREATE, "", "{\"title\":\"A\",\"qty\":1}");
    assert_ok(lock(AMIR, OBJECT_ADD, "{}"));
    hub_double_change(world, LI, 4, "part:P-2", CHANGE_CREATE, "", "{\"title\":\"B\",\"qty\":1}");
    command = hub_double_command(world, COMMAND_OBJECT, AMIR, 3, "part:P-2");
    command->object.kind = OBJECT_LOCK;
    command->object.verb = OBJECT_ADD;
    assert_refused(hub_double_ask(world, command), ERR_TOO_MANY);
    assert_ok(hub_double_change(world, LI, 4, "part:P-3", CHANGE_CREATE, "", "{\"title\":\"C\",\"qty\":1}"));
    assert_ok(lock(AMIR, OBJECT_REMOVE, "{}"));
    command = hub_double_command(world, COMMAND_OBJECT, AMIR, 3, "part:P-2");
    command->object.kind = OBJECT_LOCK;
    command->object.verb = OBJECT_ADD;
    assert_ok(hub_double_ask(world, command));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lock_is_taken_kept_and_heard_of),
        TEST(somebody_else_is_told_who_has_it),
        TEST(fields_are_locked_one_by_one),
        TEST(a_lock_on_a_field_that_he_may_not_read_is_not_shown_to_him),
        TEST(who_may_not_write_may_not_lock),
        TEST(what_is_not_there_is_not_locked),
        TEST(two_who_take_it_at_once_are_told_when_it_is_certain),
        TEST(a_lock_that_cannot_be_kept_is_nobodys),
        TEST(a_write_needs_the_lock),
        TEST(an_old_token_is_refused),
        TEST(a_write_waits_for_a_lock_that_is_on_its_way),
        TEST(a_lock_is_in_the_way_of_others_where_the_type_says_so),
        TEST(a_lock_without_a_connection_ends_by_itself),
        TEST(everybody_sees_a_lock_go_before_somebody_else_has_it),
        TEST(a_lock_of_a_record_that_is_gone_can_be_given_back),
        TEST(a_renewal_of_what_a_connection_keeps_is_answered_at_once),
        TEST(a_member_keeps_his_lock_and_leaves_it_when_he_goes),
        TEST(a_broken_connection_keeps_it_for_a_while),
        TEST(a_connection_that_is_dead_keeps_nothing),
        TEST(who_left_before_his_lock_was_certain_does_not_keep_it),
        TEST(locks_are_there_after_a_restart_and_end_some_time),
        TEST(a_locked_record_stays_in_memory),
        TEST(the_holder_hears_who_asks_for_it),
        TEST(it_is_taken_away_by_whoever_may),
        TEST(a_lock_asked_for_again_with_the_same_id_is_the_same),
        TEST(a_lock_that_was_lost_does_not_come_back_with_its_id),
        TEST(locks_leave_room_in_memory_for_other_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
