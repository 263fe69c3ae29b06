#include "collab/hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/hub_double.h"

#include <stdio.h>
#include <string.h>

static struct hub_double *world;

enum { ADA = 11, MARIA = 21, AMIR = 31, VERA = 81 };

static int set_up(void **state)
{
    (void)state;
    world = hub_double_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hub_double_free(world);
    return 0;
}

/* ---- builders ---- */

static void say(session_id session, unsigned user, const char *room, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(hub_double_publish(world, session, user, room, "", "{}")->err, OK);
}

static struct answer *look(const char *room)
{
    return hub_double_ask(world, hub_double_command(world, COMMAND_LOOK, 99, 1, room));
}

static struct answer *publish(struct command *command, const char *data)
{
    command->publish.data = span_from_str(data);
    return hub_double_ask(world, command);
}

static struct command *message(session_id session, unsigned user, const char *room)
{
    return hub_double_command(world, COMMAND_PUBLISH, session, user, room);
}

/* A JOIN that is not waited for. */
static void send_join(session_id session, unsigned user, const char *room)
{
    struct command *command = hub_double_command(world, COMMAND_JOIN, session, user, room);

    command->join.listens = command->join.is_present = true;
    hub_double_do(world, command);
}

static void send_leave(session_id session, unsigned user, const char *room)
{
    struct command *command = hub_double_command(world, COMMAND_LEAVE, session, user, room);

    command->leave.reason = LEAVE_DEAD;
    hub_double_do(world, command);
}

static struct event *heard(enum event_kind kind)
{
    return hub_double_event(world, 0, kind);
}

static void assert_missed(const struct answer *answer, uint64_t since, uint64_t head)
{
    assert_int_equal(answer->err, OK);
    assert_false(answer->is_resync);
    assert_int_equal(answer->position.offset, head);
    assert_int_equal(answer->missed_count, head - since);
    for (uint32_t i = 0; i < answer->missed_count; i++)
        assert_int_equal(answer->missed[i]->position.offset, since + 1 + i);
}

/* ---- joining ---- */

static void a_free_room_begins_with_an_epoch_of_its_own(void **state)
{
    const struct answer *answer = hub_double_join(world, ADA, 1, "lobby");
    const uint64_t epoch = answer->position.epoch;

    (void)state;
    assert_int_equal(answer->err, OK);
    assert_true(answer->listens && answer->is_present);
    assert_true(epoch > 0 && epoch < (uint64_t)1 << 53);
    assert_int_equal(answer->position.offset, 0);
    assert_int_equal(answer->missed_count, 0);
    assert_false(answer->is_resync);
    assert_true(hub_double_join(world, ADA, 1, "board")->position.epoch != epoch);
}

static void a_join_is_answered_before_anything_is_delivered(void **state)
{
    (void)state;
    hub_double_join(world, ADA, 1, "lobby");
    hub_double_hush(world);
    send_join(MARIA, 2, "lobby");
    assert_non_null(world->said[world->heard].answer);
    assert_int_equal(world->said[world->heard + 1].event->kind, EVENT_USER_JOINED);
}

static void joining_again_adds_to_what_there_was(void **state)
{
    struct command *command = hub_double_command(world, COMMAND_JOIN, ADA, 1, "lobby");
    const struct answer *answer;

    (void)state;
    assert_false(hub_double_listen(world, ADA, 1, "lobby")->is_present);
    command->join.is_present = true;
    answer = hub_double_ask(world, command);
    assert_true(answer->listens && answer->is_present);
    assert_int_equal(hub_counts(world->hub).members, 1);
}

static void a_room_with_a_bad_name_is_not_made(void **state)
{
    (void)state;
    assert_int_equal(hub_double_join(world, ADA, 1, "")->err, ERR_BAD_NAME);
    assert_int_equal(hub_double_join(world, ADA, 1, "a\nb")->err, ERR_BAD_NAME);
    assert_int_equal(hub_counts(world->hub).rooms, 0);
}

static void what_somebody_may_not_read_he_may_not_join(void **state)
{
    (void)state;
    assert_int_equal(hub_double_join(world, MARIA, 2, "secret:S-1")->err, ERR_FORBIDDEN);
    assert_int_equal(hub_double_join(world, MARIA, 2, "secret-updates")->err, ERR_FORBIDDEN);
    assert_int_equal(hub_double_ask(world, hub_double_command(world, COMMAND_LOOK, MARIA, 2, "secret:S-1"))->err,
                     ERR_FORBIDDEN);
    assert_int_equal(hub_counts(world->hub).rooms, 0);
    assert_int_equal(hub_double_join(world, ADA, 1, "secret:S-1")->err, OK);
}

static void a_room_is_full_at_some_point(void **state)
{
    (void)state;
    world->limits.room_members_max = 2;
    hub_double_restart(world);
    hub_double_join(world, ADA, 1, "lobby");
    hub_double_join(world, MARIA, 2, "lobby");
    assert_int_equal(hub_double_join(world, AMIR, 3, "lobby")->err, ERR_TOO_MANY);
    assert_int_equal(hub_double_join(world, ADA, 1, "lobby")->err, OK); /* who is in may join again */
    hub_double_leave(world, MARIA, 2, "lobby", LEAVE_ASKED);
    assert_int_equal(hub_double_join(world, AMIR, 3, "lobby")->err, OK);
}

/* ---- leaving and looking ---- */

static void nobody_leaves_a_room_he_is_not_in(void **state)
{
    (void)state;
    assert_int_equal(hub_double_leave(world, ADA, 1, "lobby", LEAVE_ASKED)->err, ERR_NOT_MEMBER);
    hub_double_join(world, ADA, 1, "lobby");
    assert_int_equal(hub_double_leave(world, MARIA, 2, "lobby", LEAVE_ASKED)->err, ERR_NOT_MEMBER);
    assert_int_equal(hub_double_leave(world, ADA, 1, "lobby", LEAVE_ASKED)->err, OK);
    assert_int_equal(hub_double_leave(world, ADA, 1, "lobby", LEAVE_ASKED)->err, ERR_NOT_MEMBER);
}

static void who_left_hears_nothing_more(void **state)
{
    (void)state;
    hub_double_join(world, ADA, 1, "lobby");
    hub_double_join(world, hub_double_session(0, 5), 2, "lobby");
    hub_double_leave(world, ADA, 1, "lobby", LEAVE_DISCONNECTED);
    hub_double_leave(world, hub_double_session(0, 5), 2, "lobby", LEAVE_ASKED);
    hub_double_advance(world, world->limits.grace_ms);
    assert_int_equal(hub_double_count(world, EVENT_USER_LEFT), 0); /* nobody is there to hear it */
}

static void looking_makes_no_free_room(void **state)
{
    const struct answer *answer = look("lobby");

    (void)state;
    assert_int_equal(answer->err, OK);
    assert_int_equal(answer->position.epoch, 0);
    assert_int_equal(answer->presence_count, 0);
    assert_int_equal(hub_counts(world->hub).rooms, 0);
}

static void looking_tells_who_is_there_and_where_the_room_stands(void **state)
{
    const struct answer *answer;

    (void)state;
    hub_double_join(world, ADA, 1, "lobby");
    say(ADA, 1, "lobby", 3);
    answer = look("lobby");
    assert_int_equal(answer->position.offset, 3);
    assert_non_null(hub_double_person(answer, "1"));
    assert_false(answer->listens);
    assert_int_equal(hub_counts(world->hub).members, 1);
    assert_true(look("order:O-1")->position.epoch != 0); /* a stored room always stands somewhere */
}

static void a_room_somebody_only_looked_into_is_not_kept(void **state)
{
    (void)state;
    hub_double_advance(world, world->limits.room_linger_ms);
    look("order:O-1");
    assert_int_equal(hub_counts(world->hub).rooms, 1);
    hub_double_advance(world, 0);
    assert_int_equal(hub_counts(world->hub).rooms, 0);
}

/* ---- publishing ---- */

static void a_message_is_numbered_and_heard_by_all_but_its_sender(void **state)
{
    const struct answer *answer;
    const struct event *event;

    (void)state;
    hub_double_join(world, ADA, 1, "lobby");
    answer = hub_double_publish(world, ADA, 1, "lobby", "", "{\"text\":\"hi\"}");
    assert_int_equal(answer->position.offset, 1);
    event = heard(EVENT_MESSAGE);
    assert_int_equal(event->position.offset, 1);
    assert_int_equal(event->position.epoch, answer->position.epoch);
    assert_int_equal(event->origin, ADA);
    assert_false(event->includes_origin);
    assert_true(span_is(event->message.data, "{\"text\":\"hi\"}"));
    assert_true(span_is(event->user_id, "1"));
    assert_true(span_is(event->color, "#FF6B6B"));
    assert_int_equal(event->id.len, 16);
}

static void an_event_is_delivered_once_to_each_worker_that_listens(void **state)
{
    (void)state;
    world->worker_count = 3;
    hub_double_restart(world);
    /* find a room that is at home here */
    char room[16] = "room0";
    while (room_home(span_from_str(room), 3) != 0)
        room[4]++;
    for (unsigned i = 0; i < 5; i++)
        hub_double_listen(world, hub_double_session(1, i + 1), 1, room);
    hub_double_listen(world, hub_double_session(0, 9), 2, room);
    hub_double_publish(world, hub_double_session(0, 9), 2, room, "", "{}");
    assert_int_equal(hub_double_count(world, EVENT_MESSAGE), 2);
    hub_double_leave(world, hub_double_session(0, 9), 2, room, LEAVE_ASKED);
    hub_double_publish(world, hub_double_session(1, 1), 1, room, "", "{}");
    assert_int_equal(hub_double_count(world, EVENT_MESSAGE), 1);
    assert_non_null(hub_double_event(world, 1, EVENT_MESSAGE));
}

static void only_members_publish(void **state)
{
    (void)state;
    assert_int_equal(hub_double_publish(world, ADA, 1, "lobby", "", "{}")->err, ERR_NOT_MEMBER);
    hub_double_join(world, MARIA, 2, "lobby");
    assert_int_equal(hub_double_publish(world, ADA, 1, "lobby", "", "{}")->err, ERR_NOT_MEMBER);
}

static void in_the_servers_own_rooms_only_the_server_speaks(void **state)
{
    static const char *const rooms[] = {ROOM_RECORDS, ROOM_PRESENCE, ROOM_ALERTS, "order-updates"};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(hub_double_join(world, ADA, 1, rooms[i])->err, OK);
        assert_int_equal(hub_double_publish(world, ADA, 1, rooms[i], "", "{}")->err, ERR_FORBIDDEN);
    }
}

static void a_sender_may_ask_to_hear_himself(void **state)
{
    struct command *command;

    (void)state;
    hub_double_join(world, ADA, 1, "lobby");
    command = message(ADA, 1, "lobby");
    command->publish.includes_origin = true;
    assert_int_equal(publish(command, "{}")->err, OK);
    assert_true(heard(EVENT_MESSAGE)->includes_origin);
}

static void what_is_volatile_is_heard_and_not_kept(void **state)
{
    struct command *command;
    struct position position;

    (void)state;
    position = hub_double_join(world, ADA, 1, "lobby")->position;
    command = message(ADA, 1, "lobby");
    command->publish.is_volatile = true;
    assert_int_equal(publish(command, "{}")->position.offset, 0);
    assert_int_equal(heard(EVENT_MESSAGE)->position.offset, 0);
    assert_missed(hub_double_resume(world, MARIA, 2, "lobby", position), 0, 0);
}

static void a_message_sent_again_is_said_once(void **state)
{
    const struct answer *answer;
    struct position first;

    (void)state;
    hub_double_join(world, ADA, 1, "lobby");
    first = hub_double_publish(world, ADA, 1, "lobby", "m1", "{}")->position;
    hub_double_publish(world, ADA, 1, "lobby", "m2", "{}");
    answer = hub_double_publish(world, ADA, 1, "lobby", "m1", "{}");
    assert_true(answer->is_repeat);
    assert_int_equal(answer->position.offset, first.offset);
    assert_null(heard(EVENT_MESSAGE));
    answer = hub_double_publish(world, ADA, 1, "lobby", "m1", "{\"other\":1}");
    assert_int_equal(answer->err, ERR_ID_REUSED);
}

static void somebody_elses_id_is_another_one(void **state)
{
    (void)state;
    hub_double_join(world, ADA, 1, "lobby");
    hub_double_join(world, MARIA, 2, "lobby");
    hub_double_publish(world, ADA, 1, "lobby", "m1", "{}");
    assert_false(hub_double_publish(world, MARIA, 2, "lobby", "m1", "{}")->is_repeat);
}

/* ---- coming back ---- */

static void who_comes_back_gets_exactly_what_he_missed(void **state)
{
    struct position position;

    (void)state;
    hub_double_join(world, ADA, 1, "lobby");
    say(ADA, 1, "lobby", 2);
    position = hub_double_join(world, MARIA, 2, "lobby")->position;
    hub_double_leave(world, MARIA, 2, "lobby", LEAVE_DISCONNECTED);
    say(ADA, 1, "lobby", 5);
    assert_missed(hub_double_resume(world, MARIA + 1, 2, "lobby", position), 2, 7);
}

static void who_was_in_another_epoch_is_told_to_load_anew(void **state)
{
    struct position position;
    const struct answer *answer;

    (void)state;
    position = hub_double_join(world, ADA, 1, "lobby")->position;
    position.epoch++;
    answer = hub_double_resume(world, MARIA, 2, "lobby", position);
    assert_int_equal(answer->err, OK);
    assert_true(answer->is_resync);
    assert_int_equal(answer->missed_count, 0);
    assert_true(answer->listens); /* and is in */
}

static void who_claims_to_come_from_the_future_is_told_to_load_anew(void **state)
{
    struct position position;

    (void)state;
    position = hub_double_join(world, ADA, 1, "lobby")->position;
    say(ADA, 1, "lobby", 2);
    position.offset = 3;
    assert_true(hub_double_resume(world, MARIA, 2, "lobby", position)->is_resync);
    position.offset = UINT64_MAX;
    assert_true(hub_double_resume(world, MARIA, 2, "lobby", position)->is_resync);
    position = hub_double_join(world, ADA, 1, "order:O-1")->position;
    position.offset = 1;
    assert_true(hub_double_resume(world, MARIA, 2, "order:O-1", position)->is_resync);
}

static void who_missed_too_much_is_told_to_load_anew(void **state)
{
    struct position position;

    (void)state;
    world->limits.log_events_max = 4;
    hub_double_restart(world);
    position = hub_double_join(world, ADA, 1, "lobby")->position;
    say(ADA, 1, "lobby", 4);
    assert_missed(hub_double_resume(world, MARIA, 2, "lobby", position), 0, 4);
    say(ADA, 1, "lobby", 1);
    assert_true(hub_double_resume(world, AMIR, 3, "lobby", position)->is_resync);
}

static void who_was_away_too_long_is_told_to_load_anew(void **state)
{
    struct position position;

    (void)state;
    position = hub_double_join(world, ADA, 1, "lobby")->position;
    say(ADA, 1, "lobby", 1);
    hub_double_advance(world, world->limits.log_age_ms + 1);
    assert_true(hub_double_resume(world, MARIA, 2, "lobby", position)->is_resync);
}

static void all_logs_together_are_bounded_and_the_most_silent_room_forgets_first(void **state)
{
    struct position lobby, board;

    (void)state;
    world->limits.hub_log_bytes_max = 4000;
    hub_double_restart(world);
    lobby = hub_double_join(world, ADA, 1, "lobby")->position;
    board = hub_double_join(world, ADA, 1, "board")->position;
    say(ADA, 1, "lobby", 1);
    say(ADA, 1, "board", 1);
    while (!hub_double_resume(world, MARIA, 2, "lobby", lobby)->is_resync)
        say(ADA, 1, "board", 1);
    assert_false(hub_double_resume(world, MARIA, 2, "board", board)->is_resync);
    assert_true(hub_counts(world->hub).log_bytes <= 4000);
}

/* ---- empty rooms ---- */

static void an_empty_room_is_kept_for_those_who_come_back(void **state)
{
    struct position position;

    (void)state;
    position = hub_double_join(world, ADA, 1, "lobby")->position;
    say(ADA, 1, "lobby", 2);
    hub_double_leave(world, ADA, 1, "lobby", LEAVE_ASKED);
    hub_double_advance(world, world->limits.room_linger_ms - 1);
    assert_int_equal(hub_counts(world->hub).rooms, 1);
    assert_missed(hub_double_resume(world, ADA, 1, "lobby", position), 0, 2);
}

static void an_empty_room_goes_after_a_while(void **state)
{
    struct position position;

    (void)state;
    position = hub_double_join(world, ADA, 1, "lobby")->position;
    say(ADA, 1, "lobby", 2);
    hub_double_leave(world, ADA, 1, "lobby", LEAVE_ASKED);
    hub_double_advance(world, world->limits.room_linger_ms);
    assert_int_equal(hub_counts(world->hub).rooms, 0);
    assert_int_equal(hub_counts(world->hub).log_bytes, 0);
    assert_int_equal(hub_next_deadline(world->hub), UINT64_MAX);
    assert_true(hub_double_resume(world, ADA, 1, "lobby", position)->is_resync); /* it is another room */
}

static void the_longest_empty_room_makes_place_for_a_new_one(void **state)
{
    struct position position;

    (void)state;
    world->limits.rooms_max = 2;
    hub_double_restart(world);
    position = hub_double_join(world, ADA, 1, "lobby")->position;
    hub_double_join(world, ADA, 1, "board");
    assert_int_equal(hub_double_join(world, ADA, 1, "third")->err, ERR_TOO_MANY);
    hub_double_leave(world, ADA, 1, "lobby", LEAVE_ASKED);
    assert_int_equal(hub_double_join(world, ADA, 1, "third")->err, OK);
    hub_double_leave(world, ADA, 1, "board", LEAVE_ASKED);
    assert_true(hub_double_join(world, ADA, 1, "lobby")->position.epoch != position.epoch);
}

/* ---- rooms that are stored ---- */

static void commands_wait_until_the_store_says_where_the_room_stands(void **state)
{
    (void)state;
    world->is_store_slow = true;
    send_join(ADA, 1, "order-updates");
    send_join(MARIA, 2, "order-updates");
    send_leave(ADA, 1, "order-updates");
    assert_null(hub_double_answer(world));
    hub_double_store_all(world);
    assert_int_equal(hub_double_answer(world)->session, ADA);
    assert_int_equal(hub_double_answer(world)->session, MARIA);
    assert_int_equal(hub_double_answer(world)->kind, COMMAND_LEAVE);
    assert_int_equal(hub_counts(world->hub).members, 1);
}

/* The leave must not be lost, or its session would be a ghost. */
static void a_leave_waits_even_when_too_many_wait(void **state)
{
    const struct answer *answer;

    (void)state;
    world->limits.room_waiting_max = 1;
    hub_double_restart(world);
    world->is_store_slow = true;
    send_join(ADA, 1, "order-updates");
    send_join(MARIA, 2, "order-updates");
    answer = hub_double_answer(world);
    assert_int_equal(answer->session, MARIA);
    assert_int_equal(answer->err, ERR_OVERLOADED);
    send_leave(ADA, 1, "order-updates");
    hub_double_store_all(world);
    assert_int_equal(hub_counts(world->hub).members, 0);
}

static void when_the_store_cannot_say_where_a_room_stands_nobody_gets_in(void **state)
{
    (void)state;
    world->failure = ERR_STORAGE;
    assert_int_equal(hub_double_join(world, ADA, 1, "order-updates")->err, ERR_STORAGE);
    assert_int_equal(hub_counts(world->hub).rooms, 0);
    world->failure = OK;
    assert_int_equal(hub_double_join(world, ADA, 1, "order-updates")->err, OK);
}

static void a_message_in_a_records_room_is_heard_and_acknowledged_when_it_is_stored(void **state)
{
    const struct answer *answer;

    (void)state;
    hub_double_join(world, ADA, 1, "order:O-1");
    world->is_store_slow = true;
    assert_null(hub_double_publish(world, ADA, 1, "order:O-1", "m1", "{\"a\":1}"));
    assert_null(heard(EVENT_MESSAGE));
    hub_double_store_all(world);
    assert_int_equal(heard(EVENT_MESSAGE)->position.offset, 1);
    answer = hub_double_answer(world);
    assert_int_equal(answer->err, OK);
    assert_int_equal(answer->position.offset, 1);
    world->is_store_slow = false;
    answer = hub_double_publish(world, ADA, 1, "order:O-1", "m1", "{\"a\":1}");
    assert_true(answer->is_repeat);
    assert_int_equal(answer->position.offset, 1);
    assert_null(heard(EVENT_MESSAGE));
}

static void a_message_that_cannot_be_stored_is_refused_and_not_heard(void **state)
{
    (void)state;
    hub_double_join(world, ADA, 1, "order:O-1");
    world->failure = ERR_STORAGE_FULL;
    assert_int_equal(hub_double_publish(world, ADA, 1, "order:O-1", "", "{}")->err, ERR_STORAGE_FULL);
    assert_null(heard(EVENT_MESSAGE));
}

static void what_was_missed_is_read_from_the_store_after_a_restart(void **state)
{
    struct position position;

    (void)state;
    position = hub_double_join(world, ADA, 1, "order:O-1")->position;
    say(ADA, 1, "order:O-1", 6);
    hub_double_restart(world);
    position.offset = 2;
    assert_missed(hub_double_resume(world, ADA, 1, "order:O-1", position), 2, 6);
}

/* After a restart everybody comes back at once. */
static void what_was_read_for_one_serves_all(void **state)
{
    struct position position;
    unsigned reads = 0;

    (void)state;
    position = hub_double_join(world, ADA, 1, "order-updates")->position;
    for (unsigned i = 0; i < 6; i++) {
        char room[16];

        (void)snprintf(room, sizeof(room), "order:O-%u", i);
        hub_double_change(world, ADA, 1, room, CHANGE_CREATE, "", "{}");
    }
    hub_double_restart(world);
    hub_double_join(world, VERA, 8, "order-updates");
    world->is_store_slow = true;
    for (unsigned i = 0; i < 5; i++) {
        position.offset = 5 - i;
        assert_null(hub_double_resume(world, 100 + i, 1, "order-updates", position));
    }
    for (; world->asked_count > 0; reads++)
        hub_double_store_some(world, 1);
    assert_int_equal(reads, 2); /* the first one's, and one for all who waited meanwhile */
    for (unsigned i = 0; i < 5; i++) {
        const struct answer *answer = hub_double_answer(world);

        assert_missed(answer, 5 - (answer->session - 100), 6);
    }
}

static void what_the_store_does_not_keep_any_more_is_loaded_anew(void **state)
{
    struct position position;

    (void)state;
    position = hub_double_join(world, ADA, 1, "order:O-1")->position;
    say(ADA, 1, "order:O-1", 6);
    world->store.events_max = 3;
    hub_double_restart(world);
    assert_true(hub_double_resume(world, ADA, 1, "order:O-1", position)->is_resync);
    position.offset = 3;
    assert_missed(hub_double_resume(world, MARIA, 2, "order:O-1", position), 3, 6);
}

/* Five missed more than a room keeps in memory, the sixth did not. */
static void who_missed_more_bytes_than_a_room_keeps_is_told_to_load_anew(void **state)
{
    struct position position;
    unsigned reads = 0;

    (void)state;
    world->limits.log_bytes_max = 8000;
    hub_double_restart(world);
    position = hub_double_join(world, ADA, 1, "order:O-1")->position;
    say(ADA, 1, "order:O-1", 40);
    hub_double_restart(world);
    hub_double_join(world, VERA, 8, "order:O-1");
    world->is_store_slow = true;
    for (unsigned i = 0; i < 6; i++) {
        position.offset = i < 5 ? i : 38;
        assert_null(hub_double_resume(world, 100 + i, 1, "order:O-1", position));
    }
    for (; world->asked_count > 0; reads++) {
        assert_true(reads < 10);
        hub_double_store_some(world, 1);
    }
    for (unsigned i = 0; i < 5; i++)
        assert_true(hub_double_answer(world)->is_resync);
    assert_missed(hub_double_answer(world), 38, 40);
    assert_true(hub_counts(world->hub).log_bytes <= 8000);
    assert_int_equal(reads, 1);
}

static void others_do_not_wait_for_one_who_comes_back(void **state)
{
    struct position position;

    (void)state;
    position = hub_double_join(world, ADA, 1, "order:O-1")->position;
    say(ADA, 1, "order:O-1", 3);
    hub_double_restart(world);
    hub_double_join(world, MARIA, 2, "order:O-1");
    world->is_store_slow = true;
    assert_null(hub_double_resume(world, ADA, 1, "order:O-1", position));
    assert_int_equal(hub_double_leave(world, MARIA, 2, "order:O-1", LEAVE_ASKED)->err, OK);
    assert_null(hub_double_leave(world, ADA, 1, "order:O-1", LEAVE_ASKED)); /* in order behind its join */
    hub_double_store_all(world);
    assert_int_equal(hub_counts(world->hub).members, 0);
}

/* It is in no list of empty rooms while somebody waits to get in. */
static void a_room_somebody_waits_for_is_not_taken_away(void **state)
{
    struct position position;

    (void)state;
    world->limits.rooms_max = 1;
    hub_double_restart(world);
    position = hub_double_join(world, ADA, 1, "order:O-1")->position;
    say(ADA, 1, "order:O-1", 3);
    hub_double_restart(world);
    hub_double_join(world, MARIA, 2, "order:O-1");
    hub_double_leave(world, MARIA, 2, "order:O-1", LEAVE_ASKED);
    world->is_store_slow = true;
    hub_double_resume(world, ADA, 1, "order:O-1", position);
    assert_int_equal(hub_double_join(world, AMIR, 3, "lobby")->err, ERR_TOO_MANY);
    hub_double_store_all(world);
    assert_int_equal(hub_counts(world->hub).members, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_free_room_begins_with_an_epoch_of_its_own),
        TEST(a_join_is_answered_before_anything_is_delivered),
        TEST(joining_again_adds_to_what_there_was),
        TEST(a_room_with_a_bad_name_is_not_made),
        TEST(what_somebody_may_not_read_he_may_not_join),
        TEST(a_room_is_full_at_some_point),
        TEST(nobody_leaves_a_room_he_is_not_in),
        TEST(who_left_hears_nothing_more),
        TEST(looking_makes_no_free_room),
        TEST(looking_tells_who_is_there_and_where_the_room_stands),
        TEST(a_room_somebody_only_looked_into_is_not_kept),
        TEST(a_message_is_numbered_and_heard_by_all_but_its_sender),
        TEST(an_event_is_delivered_once_to_each_worker_that_listens),
        TEST(only_members_publish),
        TEST(in_the_servers_own_rooms_only_the_server_speaks),
        TEST(a_sender_may_ask_to_hear_himself),
        TEST(what_is_volatile_is_heard_and_not_kept),
        TEST(a_message_sent_again_is_said_once),
        TEST(somebody_elses_id_is_another_one),
        TEST(who_comes_back_gets_exactly_what_he_missed),
        TEST(who_was_in_another_epoch_is_told_to_load_anew),
        TEST(who_claims_to_come_from_the_future_is_told_to_load_anew),
        TEST(who_missed_too_much_is_told_to_load_anew),
        TEST(who_was_away_too_long_is_told_to_load_anew),
        TEST(all_logs_together_are_bounded_and_the_most_silent_room_forgets_first),
        TEST(an_empty_room_is_kept_for_those_who_come_back),
        TEST(an_empty_room_goes_after_a_while),
        TEST(the_longest_empty_room_makes_place_for_a_new_one),
        TEST(commands_wait_until_the_store_says_where_the_room_stands),
        TEST(a_leave_waits_even_when_too_many_wait),
        TEST(when_the_store_cannot_say_where_a_room_stands_nobody_gets_in),
        TEST(a_message_in_a_records_room_is_heard_and_acknowledged_when_it_is_stored),
        TEST(a_message_that_cannot_be_stored_is_refused_and_not_heard),
        TEST(what_was_missed_is_read_from_the_store_after_a_restart),
        TEST(what_was_read_for_one_serves_all),
        TEST(what_the_store_does_not_keep_any_more_is_loaded_anew),
        TEST(who_missed_more_bytes_than_a_room_keeps_is_told_to_load_anew),
        TEST(others_do_not_wait_for_one_who_comes_back),
        TEST(a_room_somebody_waits_for_is_not_taken_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
