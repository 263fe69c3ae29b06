#include "collab/hub.h"
#include "lib/hub_stage.h"

#include <stdio.h>
#include <string.h>

/* ---- names ---- */

static void every_room_has_one_home(void **state)
{
    unsigned counts[4] = {0};

    (void)state;
    for (unsigned i = 0; i < 400; i++) {
        char room[32];
        const struct span name = span_of(room, (size_t)snprintf(room, sizeof(room), "work_order:WO-%u", i));
        const unsigned home = room_home(name, 4);

        assert_in_range(home, 0, 3);
        assert_int_equal(room_home(name, 4), home);
        assert_int_equal(room_home(name, 1), 0);
        counts[home]++;
    }
    for (unsigned i = 0; i < 4; i++)
        assert_true(counts[i] > 50);
}

static void what_is_stored_is_told_by_its_name(void **state)
{
    (void)state;
    assert_true(room_is_durable(world->registry, SPAN("order:O-1")));
    assert_true(room_is_durable(world->registry, SPAN("order-updates")));
    assert_true(room_is_durable(world->registry, SPAN(ROOM_RECORDS)));
    assert_true(room_is_durable(world->registry, SPAN(ROOM_ALERTS)));
    assert_true(room_is_durable(world->registry, SPAN(ROOM_PRESENCE)));
    assert_false(room_is_durable(world->registry, SPAN("lobby")));
    assert_false(room_is_durable(world->registry, SPAN("unknown:O-1")));
}

/* ---- answers ---- */

static void nobody_is_answered_who_does_not_want_it(void **state)
{
    struct command *command = hub_double_command(world, COMMAND_JOIN, ADA, 1, "lobby");

    (void)state;
    command->wants_answer = false;
    assert_null(hub_double_ask(world, command));
    command = hub_double_command(world, COMMAND_PUBLISH, MARIA, 2, "lobby");
    command->wants_answer = false;
    assert_null(hub_double_ask(world, command)); /* not even that it was refused */
    assert_int_equal(hub_counts(world->hub).members, 1);
}

static void a_quiet_command_is_answered_only_when_it_is_refused(void **state)
{
    struct command *command = hub_double_command(world, COMMAND_TOUCH, ADA, 1, "lobby");

    (void)state;
    command->is_quiet = true;
    assert_int_equal(hub_double_ask(world, command)->err, ERR_NOT_MEMBER);
    hub_double_join(world, ADA, 1, "lobby");
    command = hub_double_command(world, COMMAND_TOUCH, ADA, 1, "lobby");
    command->is_quiet = true;
    assert_null(hub_double_ask(world, command));
}

static void an_answer_says_what_it_answers(void **state)
{
    struct command *command = hub_double_command(world, COMMAND_TOUCH, ADA, 1, "lobby");
    const struct answer *answer;

    (void)state;
    command->tag = 77;
    answer = hub_double_ask(world, command);
    assert_int_equal(answer->tag, 77);
    assert_int_equal(answer->session, ADA);
    assert_int_equal(answer->kind, COMMAND_TOUCH);
    assert_int_equal(answer->err, ERR_NOT_MEMBER);
    assert_text(answer->room, "lobby");
}

/* ---- time ---- */

static void an_idle_hub_waits_for_nothing(void **state)
{
    (void)state;
    assert_int_equal(hub_next_deadline(world->hub), UINT64_MAX);
}

static void the_next_deadline_is_the_earliest(void **state)
{
    struct command *command;

    (void)state;
    hub_double_join(world, ADA, 1, "lobby");
    assert_int_equal(hub_next_deadline(world->hub), world->now_ms + world->limits.idle_ms);
    command = hub_double_command(world, COMMAND_TYPING, ADA, 1, "lobby");
    command->typing.is_typing = true;
    hub_double_do(world, command);
    assert_int_equal(hub_next_deadline(world->hub), world->now_ms + world->limits.typing_ms);
}

static void the_wall_clock_decides_nothing(void **state)
{
    (void)state;
    hub_double_join(world, ADA, 1, "lobby");
    hub_double_join(world, MARIA, 2, "lobby");
    hub_double_leave(world, MARIA, 2, "lobby", LEAVE_DISCONNECTED);
    hub_set_time(world->hub, world->now_ms, 4000000000000); /* somebody set it to 2096 */
    hub_advance(world->hub);
    assert_int_equal(hub_counts(world->hub).people, 2);
    hub_set_time(world->hub, world->now_ms, 0);
    hub_advance(world->hub);
    assert_int_equal(hub_counts(world->hub).people, 2);
}

/* ---- in and out of turn ---- */

static void end_slow_reader(void *arg, unsigned worker, struct event *event)
{
    struct hub_double *double_world = arg;
    struct command *command;

    (void)worker;
    if (event->kind != EVENT_MESSAGE)
        return;
    command = hub_double_command(double_world, COMMAND_LEAVE, MARIA, 2, "lobby");
    command->leave.reason = LEAVE_DEAD;
    hub_command(double_world->hub, command);
}

/* What is delivered can end a slow reader, who leaves while the hub is still at it. */
static void a_command_that_comes_while_the_hub_works_is_done_after_that(void **state)
{
    struct ports ports = world->ports;
    const struct answer *answer;

    (void)state;
    ports.deliver = end_slow_reader;
    hub_free(world->hub);
    world->hub = hub_new(0, 1, world->registry, &world->limits, &ports);
    hub_set_time(world->hub, world->now_ms, 0);
    hub_double_join(world, ADA, 1, "lobby");
    hub_double_join(world, MARIA, 2, "lobby");
    answer = hub_double_publish(world, ADA, 1, "lobby", "", "{}");
    assert_int_equal(answer->err, OK);
    assert_int_equal(hub_counts(world->hub).members, 1);
}

/* Between a commit's event and its completion the room is ahead of the record: no join may see that. */
static void a_command_that_comes_with_a_committed_event_waits_for_the_completion(void **state)
{
    struct ports ports = world->ports;
    struct event *event;

    (void)state;
    ports.deliver = end_slow_reader;
    hub_free(world->hub);
    world->hub = hub_new(0, 1, world->registry, &world->limits, &ports);
    hub_set_time(world->hub, world->now_ms, 0);
    hub_double_join(world, MARIA, 2, "order:O-1");
    hub_double_join(world, MARIA, 2, "lobby");
    event = event_new(EVENT_MESSAGE, SPAN("order:O-1"));
    event->position = (struct position){world->store.rooms[0].epoch, 1};
    hub_on_committed(world->hub, event);
    event_unref(event);
    assert_int_equal(hub_counts(world->hub).members, 2);
    assert_int_equal(hub_next_deadline(world->hub), 0); /* something is waiting */
    hub_advance(world->hub);
    assert_int_equal(hub_counts(world->hub).members, 1);
}

/* ---- several workers ---- */

static void presence_in_a_records_room_is_relayed_to_the_room_of_all_people(void **state)
{
    char room[16] = "order:A";
    struct command *relayed = NULL;

    (void)state;
    world->worker_count = 64; /* so that the two are not at home together */
    hub_double_restart(world);
    while (room_home(span_from_str(room), 64) != 0) {
        if (room[6]++ == 'Z')
            (void)memcpy(room, "order:AA", 9); /* never needed so far */
    }
    assert_int_not_equal(room_home(SPAN(ROOM_PRESENCE), 64), 0);
    hub_double_join(world, ADA, 1, room);
    for (unsigned i = 0; i < world->said_count; i++) {
        if (world->said[i].relayed)
            relayed = world->said[i].relayed;
    }
    assert_non_null(relayed);
    assert_int_equal(relayed->kind, COMMAND_MIRROR);
    assert_text(relayed->room, ROOM_PRESENCE);
    assert_text(relayed->mirror.event->presence.room, room);
    assert_int_equal(relayed->mirror.event->presence.status, STATUS_ONLINE);
}

/* ---- a reload ---- */

static void after_a_reload_the_new_business_types_count(void **state)
{
    struct type_registry *reloaded;
    struct buf why = BUF_EMPTY;

    (void)state;
    hub_double_join(world, ADA, 1, "order:O-1");
    hub_double_change(world, MARIA, 2, "order:O-1", CHANGE_CREATE, "", "{\"qty\":1}");
    assert_int_equal(type_registry_new(SPAN("{\"order\":{\"fields\":{\"qty\":{\"kind\":\"integer\"}}}}"), SPAN_EMPTY,
                                       &reloaded, &why),
                     OK);
    hub_set_registry(world->hub, reloaded);
    type_registry_unref(reloaded); /* the hub keeps what it needs */
    assert_int_equal(hub_double_join(world, ADA, 1, "secret:S-1")->position.epoch,
                     hub_double_join(world, ADA, 1, "secret:S-1")->position.epoch); /* a free room like any other now */
    assert_int_equal(hub_double_change(world, MARIA, 2, "secret:S-1", CHANGE_DELETE, "", NULL)->err, ERR_NOT_FOUND);
    assert_int_equal(hub_double_change(world, MARIA, 2, "order:O-1", CHANGE_UPDATE, "", "{\"qty\":2}")->version, 2);
}

/* ---- going down ---- */

static void a_hub_goes_down_with_everything_under_way(void **state)
{
    (void)state;
    hub_double_join(world, ADA, 1, "lobby");
    hub_double_listen(world, MARIA, 2, "lobby");
    hub_double_join(world, ADA, 1, "order:O-1");
    world->is_store_slow = true;
    hub_double_join(world, MARIA, 2, "order:O-2");
    hub_double_change(world, MARIA, 2, "order:O-1", CHANGE_CREATE, "c1", "{\"qty\":1}");
    hub_double_change(world, MARIA, 2, "order:O-3", CHANGE_CREATE, "c2", "{\"qty\":1}");
    hub_double_publish(world, ADA, 1, "order:O-1", "", "{}");
    hub_double_restart(world); /* the sanitizer counts what is left */
    assert_int_equal(hub_counts(world->hub).rooms, 0);
}

static void nothing_is_left_when_all_have_left(void **state)
{
    static const char *const rooms[] = {"lobby", "order:O-1", "order-updates", ROOM_PRESENCE};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        hub_double_join(world, ADA, 1, rooms[i]);
        hub_double_listen(world, MARIA, 2, rooms[i]);
    }
    hub_double_publish(world, ADA, 1, "lobby", "m1", "{}");
    hub_double_change(world, ADA, 1, "order:O-1", CHANGE_CREATE, "c1", "{\"qty\":1}");
    for (unsigned i = 0; i < 4; i++) {
        hub_double_leave(world, ADA, 1, rooms[i], LEAVE_DISCONNECTED);
        hub_double_leave(world, MARIA, 2, rooms[i], LEAVE_ASKED);
    }
    assert_true(hub_counts(world->hub).members > 0);
    hub_double_advance(world, world->limits.grace_ms);
    assert_int_equal(hub_counts(world->hub).members, 0);
    assert_int_equal(hub_counts(world->hub).people, 0);
    hub_double_advance(world, world->limits.room_linger_ms);
    assert_int_equal(hub_counts(world->hub).rooms, 0);
    assert_int_equal(hub_counts(world->hub).log_bytes, 0);
    assert_int_equal(hub_counts(world->hub).records_busy, 0);
    assert_int_equal(hub_next_deadline(world->hub), UINT64_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, hub_stage_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_room_has_one_home),
        TEST(what_is_stored_is_told_by_its_name),
        TEST(nobody_is_answered_who_does_not_want_it),
        TEST(a_quiet_command_is_answered_only_when_it_is_refused),
        TEST(an_answer_says_what_it_answers),
        TEST(an_idle_hub_waits_for_nothing),
        TEST(the_next_deadline_is_the_earliest),
        TEST(the_wall_clock_decides_nothing),
        TEST(a_command_that_comes_while_the_hub_works_is_done_after_that),
        TEST(a_command_that_comes_with_a_committed_event_waits_for_the_completion),
        TEST(presence_in_a_records_room_is_relayed_to_the_room_of_all_people),
        TEST(after_a_reload_the_new_business_types_count),
        TEST(a_hub_goes_down_with_everything_under_way),
        TEST(nothing_is_left_when_all_have_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
