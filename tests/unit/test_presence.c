#include "collab/hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/hub_double.h"

#include <string.h>

static struct hub_double *world;

/* Sessions: of Ada (user 1), the one who watches; of Maria (user 2) in two tabs; of Amir (user 3). */
enum { ADA = 11, MARIA = 21, MARIA_TOO = 22, AMIR = 31 };

static int set_up(void **state)
{
    (void)state;
    world = hub_double_new();
    hub_double_join(world, ADA, 1, "lobby");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hub_double_free(world);
    return 0;
}

/* ---- builders ---- */

static struct answer *change(session_id session, unsigned user, struct presence_change presence)
{
    struct command *command = hub_double_command(world, COMMAND_PRESENCE, session, user, "lobby");

    command->presence = presence;
    return hub_double_ask(world, command);
}

static void type(session_id session, unsigned user, const char *field, bool is_typing)
{
    struct command *command = hub_double_command(world, COMMAND_TYPING, session, user, "lobby");

    command->typing.field = span_from_str(field);
    command->typing.is_typing = is_typing;
    hub_double_ask(world, command);
}

static struct answer *point(session_id session, unsigned user, const char *cursor, const char *row)
{
    struct command *command = hub_double_command(world, COMMAND_CURSOR, session, user, "lobby");

    command->cursor.data = span_from_str(cursor);
    command->cursor.has_editing_row = row != NULL;
    command->cursor.editing_row = span_from_str(row);
    return hub_double_ask(world, command);
}

static void touch(session_id session, unsigned user)
{
    hub_double_ask(world, hub_double_command(world, COMMAND_TOUCH, session, user, "lobby"));
}

/* Who is there, as somebody who only looks is told. */
static const struct answer *look(void)
{
    return hub_double_ask(world, hub_double_command(world, COMMAND_LOOK, 99, 1, "lobby"));
}

static const struct presence *maria(void)
{
    return hub_double_person(look(), "2");
}

static void tick(void)
{
    hub_double_advance(world, world->limits.tick_ms);
}

static struct event *heard(enum event_kind kind)
{
    return hub_double_event(world, 0, kind);
}

static void assert_quiet(void)
{
    assert_int_equal(hub_double_count(world, EVENT_USER_JOINED), 0);
    assert_int_equal(hub_double_count(world, EVENT_USER_LEFT), 0);
    assert_int_equal(hub_double_count(world, EVENT_PRESENCE), 0);
}

static void assert_text(struct span text, const char *expected)
{
    if (!span_is(text, expected))
        fail_msg("\"%.*s\" is not \"%s\"", SPAN_ARG(text), expected);
}

/* ---- coming and going ---- */

static void somebody_who_comes_is_announced_once(void **state)
{
    struct event *event;

    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    event = heard(EVENT_USER_JOINED);
    assert_non_null(event);
    assert_text(event->presence.user_id, "2");
    assert_text(event->presence.username, "maria");
    assert_int_equal(event->presence.status, STATUS_ONLINE);
    assert_int_equal(event->presence.session_count, 1);
    assert_int_equal(event->presence.session, MARIA);
    assert_int_equal(event->origin, MARIA);
    assert_null(heard(EVENT_USER_JOINED));
}

static void two_tabs_are_one_person(void **state)
{
    const struct answer *answer;

    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    answer = hub_double_join(world, MARIA_TOO, 2, "lobby");
    assert_int_equal(answer->presence_count, 2);
    assert_int_equal(hub_double_person(answer, "2")->session_count, 2);
    assert_quiet();
    hub_double_leave(world, MARIA, 2, "lobby", LEAVE_ASKED);
    assert_quiet();
    hub_double_leave(world, MARIA_TOO, 2, "lobby", LEAVE_ASKED);
    assert_non_null(heard(EVENT_USER_LEFT));
}

static void a_leave_that_was_asked_for_is_heard_at_once(void **state)
{
    struct event *event;

    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    hub_double_leave(world, MARIA, 2, "lobby", LEAVE_ASKED);
    event = heard(EVENT_USER_LEFT);
    assert_non_null(event);
    assert_text(event->presence.user_id, "2");
    assert_int_equal(event->presence.status, STATUS_OFFLINE);
    assert_null(maria());
}

static void somebody_who_is_dead_leaves_at_once(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    hub_double_leave(world, MARIA, 2, "lobby", LEAVE_DEAD);
    assert_non_null(heard(EVENT_USER_LEFT));
}

static void a_broken_connection_is_a_leave_only_after_the_grace(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    hub_double_leave(world, MARIA, 2, "lobby", LEAVE_DISCONNECTED);
    hub_double_advance(world, world->limits.grace_ms - 1);
    assert_quiet();
    assert_non_null(maria());
    hub_double_advance(world, 1);
    assert_non_null(heard(EVENT_USER_LEFT));
    assert_null(maria());
}

static void who_reloads_the_page_never_left(void **state)
{
    const struct presence *presence;
    char color[8];

    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    (void)memcpy(color, maria()->color.data, 7);
    hub_double_leave(world, MARIA, 2, "lobby", LEAVE_DISCONNECTED);
    hub_double_advance(world, 2000);
    hub_double_join(world, MARIA_TOO, 2, "lobby");
    hub_double_advance(world, world->limits.grace_ms * 2);
    assert_quiet();
    presence = maria();
    assert_int_equal(presence->session_count, 1);
    assert_int_equal(presence->session, MARIA); /* the name others know him by */
    assert_memory_equal(presence->color.data, color, 7);
}

/* The page that was reloaded does not edit any more until it says so. */
static void what_a_broken_connection_said_goes_when_its_user_is_back(void **state)
{
    struct event *event;

    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    change(MARIA, 2, (struct presence_change){.given = PRESENCE_INTENT, .intent = INTENT_EDITING});
    tick();
    hub_double_leave(world, MARIA, 2, "lobby", LEAVE_DISCONNECTED);
    assert_int_equal(maria()->intent, INTENT_EDITING);
    hub_double_join(world, MARIA_TOO, 2, "lobby");
    tick();
    event = heard(EVENT_PRESENCE);
    assert_non_null(event);
    assert_int_equal(event->presence.intent, INTENT_NONE);
}

static void without_grace_a_broken_connection_is_a_leave(void **state)
{
    (void)state;
    world->limits.grace_ms = 0;
    hub_double_restart(world);
    hub_double_join(world, ADA, 1, "lobby");
    hub_double_join(world, MARIA, 2, "lobby");
    hub_double_leave(world, MARIA, 2, "lobby", LEAVE_DISCONNECTED);
    assert_non_null(heard(EVENT_USER_LEFT));
}

static void who_only_listens_is_not_there(void **state)
{
    const struct answer *answer = hub_double_listen(world, MARIA, 2, "lobby");

    (void)state;
    assert_true(answer->listens);
    assert_false(answer->is_present);
    assert_int_equal(answer->presence_count, 1);
    assert_quiet();
    assert_int_equal(change(MARIA, 2, (struct presence_change){0})->err, ERR_NOT_MEMBER);
    hub_double_leave(world, MARIA, 2, "lobby", LEAVE_DISCONNECTED);
    hub_double_advance(world, world->limits.grace_ms);
    assert_quiet();
}

static void who_only_wants_to_be_seen_is_not_told_who_is_there(void **state)
{
    struct command *command = hub_double_command(world, COMMAND_JOIN, MARIA, 2, "lobby");
    const struct answer *answer;

    (void)state;
    command->join.is_present = true;
    answer = hub_double_ask(world, command);
    assert_true(answer->is_present);
    assert_int_equal(answer->presence_count, 0);
    assert_non_null(maria());
}

/* ---- what somebody does ---- */

static void changes_within_a_tick_are_said_once(void **state)
{
    struct event *event;

    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    change(MARIA, 2, (struct presence_change){.given = PRESENCE_PAGE, .page = SPAN("orders")});
    change(MARIA, 2, (struct presence_change){.given = PRESENCE_SECTION, .section = SPAN("lines")});
    assert_quiet();
    tick();
    event = heard(EVENT_PRESENCE);
    assert_text(event->presence.page, "orders");
    assert_text(event->presence.section, "lines");
    assert_int_equal(event->origin, MARIA);
    assert_int_not_equal(event->conflate_key, 0);
    assert_null(heard(EVENT_PRESENCE));
}

static void without_a_tick_changes_are_said_at_once(void **state)
{
    (void)state;
    world->limits.tick_ms = 0;
    hub_double_restart(world);
    hub_double_join(world, ADA, 1, "lobby");
    hub_double_join(world, MARIA, 2, "lobby");
    change(MARIA, 2, (struct presence_change){.given = PRESENCE_PAGE, .page = SPAN("orders")});
    assert_non_null(heard(EVENT_PRESENCE));
}

static void what_changes_nothing_is_not_said(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    change(MARIA, 2, (struct presence_change){.given = PRESENCE_PAGE, .page = SPAN("orders")});
    tick();
    change(MARIA, 2, (struct presence_change){.given = PRESENCE_PAGE, .page = SPAN("orders")});
    tick();
    assert_quiet();
}

static void editing_in_one_tab_beats_viewing_in_another(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    hub_double_join(world, MARIA_TOO, 2, "lobby");
    change(MARIA, 2, (struct presence_change){.given = PRESENCE_INTENT, .intent = INTENT_EDITING});
    change(MARIA_TOO, 2, (struct presence_change){.given = PRESENCE_INTENT, .intent = INTENT_VIEWING});
    assert_int_equal(maria()->intent, INTENT_EDITING);
    hub_double_leave(world, MARIA, 2, "lobby", LEAVE_ASKED);
    tick();
    assert_int_equal(heard(EVENT_PRESENCE)->presence.intent, INTENT_VIEWING);
}

static void somebody_is_where_he_was_active_last(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    hub_double_join(world, MARIA_TOO, 2, "lobby");
    change(MARIA, 2, (struct presence_change){.given = PRESENCE_PAGE, .page = SPAN("orders")});
    change(MARIA_TOO, 2, (struct presence_change){.given = PRESENCE_PAGE, .page = SPAN("parts")});
    assert_text(maria()->page, "parts");
    touch(MARIA, 2);
    assert_text(maria()->page, "orders");
}

/* When two of his tabs said something within a tick, each has to hear of the other. */
static void what_two_tabs_say_at_once_both_hear(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    hub_double_join(world, MARIA_TOO, 2, "lobby");
    tick();
    change(MARIA, 2, (struct presence_change){.given = PRESENCE_PAGE, .page = SPAN("orders")});
    change(MARIA_TOO, 2, (struct presence_change){.given = PRESENCE_SECTION, .section = SPAN("top")});
    tick();
    assert_int_equal(heard(EVENT_PRESENCE)->origin, 0);
}

static void too_long_a_text_is_refused_and_changes_nothing(void **state)
{
    static char text[257];
    struct presence_change presence = {.given = PRESENCE_PAGE | PRESENCE_INTENT, .intent = INTENT_EDITING};
    const struct answer *answer;

    (void)state;
    memset(text, 'a', sizeof(text));
    presence.page = span_of(text, sizeof(text));
    hub_double_join(world, MARIA, 2, "lobby");
    answer = change(MARIA, 2, presence);
    assert_int_equal(answer->err, ERR_TOO_LARGE);
    assert_text(answer->field, "page");
    assert_int_equal(maria()->intent, INTENT_NONE);
}

static void a_new_name_is_told(void **state)
{
    const struct span role = SPAN("editor");
    struct identity *renamed =
        identity_new(SPAN("2"), SPAN("maria"), SPAN("Maria Lopez"), SPAN_EMPTY, &role, 1, world->users[2]->access);
    struct command *command;

    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    command = command_new(COMMAND_JOIN, MARIA, renamed, SPAN("lobby"));
    command->join.is_present = true;
    hub_double_do(world, command);
    identity_unref(renamed);
    tick();
    assert_text(heard(EVENT_PRESENCE)->presence.name, "Maria Lopez");
}

/* ---- idle ---- */

static void who_does_nothing_is_away(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    hub_double_hush(world);
    hub_double_advance(world, world->limits.idle_ms - 1);
    assert_quiet();
    touch(ADA, 1);
    hub_double_advance(world, 1 + world->limits.tick_ms);
    assert_int_equal(hub_double_count(world, EVENT_PRESENCE), 1);
    assert_int_equal(heard(EVENT_PRESENCE)->presence.status, STATUS_AWAY);
}

static void who_does_something_is_back(void **state)
{
    struct event *event;

    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    hub_double_advance(world, world->limits.idle_ms * 2);
    touch(MARIA, 2);
    tick();
    event = heard(EVENT_PRESENCE);
    assert_int_equal(event->presence.status, STATUS_ONLINE);
    assert_int_equal(event->origin, 0); /* his own page was told that he is away */
}

static void activity_puts_idleness_off(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    hub_double_advance(world, world->limits.idle_ms - 1);
    touch(MARIA, 2);
    hub_double_advance(world, world->limits.idle_ms - 1);
    assert_int_equal(maria()->status, STATUS_ONLINE);
    hub_double_advance(world, 1);
    assert_int_equal(maria()->status, STATUS_AWAY);
}

static void one_active_tab_keeps_somebody_online(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    hub_double_join(world, MARIA_TOO, 2, "lobby");
    hub_double_advance(world, world->limits.idle_ms - 1);
    touch(MARIA_TOO, 2);
    hub_double_advance(world, world->limits.idle_ms - 1);
    assert_int_equal(maria()->status, STATUS_ONLINE);
    hub_double_leave(world, MARIA_TOO, 2, "lobby", LEAVE_ASKED);
    tick();
    assert_int_equal(maria()->status, STATUS_AWAY);
}

static void a_status_of_ones_own_choice_stays(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    change(MARIA, 2, (struct presence_change){.given = PRESENCE_STATUS, .status = STATUS_AWAY});
    touch(MARIA, 2);
    point(MARIA, 2, "{\"x\":1}", NULL);
    tick();
    assert_int_equal(maria()->status, STATUS_AWAY);
    change(MARIA, 2, (struct presence_change){.given = PRESENCE_STATUS, .status = STATUS_ONLINE});
    assert_int_equal(maria()->status, STATUS_ONLINE);
}

/* ---- refresh ---- */

static void the_refresh_carries_who_moved_and_nobody_else(void **state)
{
    struct event *event;

    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    hub_double_join(world, AMIR, 3, "lobby");
    hub_double_advance(world, world->limits.refresh_ms);
    hub_double_hush(world);
    touch(AMIR, 3);
    hub_double_advance(world, world->limits.refresh_ms);
    event = heard(EVENT_PRESENCE_REFRESH);
    assert_non_null(event);
    assert_int_equal(event->presences.count, 1);
    assert_text(event->presences.entries[0].user_id, "3");
    hub_double_advance(world, world->limits.refresh_ms * 3);
    assert_null(heard(EVENT_PRESENCE_REFRESH)); /* nobody moved since */
}

/* ---- cursors ---- */

static void of_many_moves_within_a_tick_the_last_is_said(void **state)
{
    struct event *event;

    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    point(MARIA, 2, "{\"x\":1}", NULL);
    point(MARIA, 2, "{\"x\":2}", "row-7");
    point(MARIA, 2, "{\"x\":3}", NULL);
    tick();
    event = heard(EVENT_CURSOR);
    assert_text(event->cursor.data, "{\"x\":3}");
    assert_text(event->cursor.editing_row, "row-7");
    assert_text(event->user_id, "2");
    assert_int_not_equal(event->conflate_key, 0);
    assert_null(heard(EVENT_CURSOR));
}

static void a_cursor_is_part_of_presence(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    point(MARIA, 2, "{\"x\":1}", "row-7");
    assert_text(maria()->cursor, "{\"x\":1}");
    assert_text(maria()->editing_row, "row-7");
    point(MARIA, 2, "", "row-8"); /* a row without a position leaves the position */
    assert_text(maria()->cursor, "{\"x\":1}");
    assert_text(maria()->editing_row, "row-8");
}

static void a_cursor_goes_with_its_tab(void **state)
{
    struct event *event;

    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    hub_double_join(world, MARIA_TOO, 2, "lobby");
    point(MARIA, 2, "{\"x\":1}", "row-7");
    tick();
    hub_double_leave(world, MARIA, 2, "lobby", LEAVE_ASKED);
    tick();
    event = heard(EVENT_PRESENCE);
    assert_non_null(event);
    assert_int_equal(event->presence.cursor.len, 0);
    assert_int_equal(event->presence.editing_row.len, 0);
}

static void a_cursor_and_a_presence_have_keys_of_their_own(void **state)
{
    uint64_t cursor, presence;

    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    point(MARIA, 2, "{\"x\":1}", NULL);
    change(MARIA, 2, (struct presence_change){.given = PRESENCE_PAGE, .page = SPAN("orders")});
    tick();
    presence = heard(EVENT_PRESENCE)->conflate_key;
    cursor = heard(EVENT_CURSOR)->conflate_key;
    assert_true(cursor != presence);
}

static void too_large_a_cursor_is_refused(void **state)
{
    static char text[1026];

    (void)state;
    memset(text, ' ', sizeof(text) - 1);
    hub_double_join(world, MARIA, 2, "lobby");
    assert_int_equal(point(MARIA, 2, text, NULL)->err, ERR_TOO_LARGE);
    assert_int_equal(point(ADA + 1, 2, "{}", NULL)->err, ERR_NOT_MEMBER);
}

/* ---- typing ---- */

static void typing_is_said_when_it_starts_and_stops(void **state)
{
    struct event *event;

    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    type(MARIA, 2, "notes", true);
    event = heard(EVENT_TYPING);
    assert_true(event->typing.is_typing);
    assert_text(event->typing.field, "notes");
    type(MARIA, 2, "notes", true);
    assert_null(heard(EVENT_TYPING)); /* still */
    type(MARIA, 2, "notes", false);
    assert_false(heard(EVENT_TYPING)->typing.is_typing);
    type(MARIA, 2, "notes", false);
    assert_null(heard(EVENT_TYPING));
}

static void typing_ends_by_itself_unless_it_is_renewed(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    type(MARIA, 2, "notes", true);
    hub_double_advance(world, world->limits.typing_ms - 1);
    type(MARIA, 2, "notes", true);
    hub_double_advance(world, world->limits.typing_ms - 1);
    assert_null(heard(EVENT_TYPING));
    hub_double_advance(world, 1);
    assert_false(heard(EVENT_TYPING)->typing.is_typing);
}

static void typing_ends_when_the_connection_breaks(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    type(MARIA, 2, "notes", true);
    hub_double_leave(world, MARIA, 2, "lobby", LEAVE_DISCONNECTED);
    assert_false(heard(EVENT_TYPING)->typing.is_typing);
}

static void who_comes_later_hears_of_typing_when_it_is_renewed(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    type(MARIA, 2, "notes", true);
    hub_double_join(world, AMIR, 3, "lobby");
    type(MARIA, 2, "notes", true);
    assert_true(heard(EVENT_TYPING)->typing.is_typing);
    type(MARIA, 2, "notes", true);
    assert_null(heard(EVENT_TYPING));
}

static void two_fields_are_typed_in_separately(void **state)
{
    uint64_t notes, title;

    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    type(MARIA, 2, "notes", true);
    notes = heard(EVENT_TYPING)->conflate_key;
    type(MARIA, 2, "title", true);
    title = heard(EVENT_TYPING)->conflate_key;
    assert_true(notes != title);
    type(MARIA, 2, "notes", false);
    assert_text(heard(EVENT_TYPING)->typing.field, "notes");
    hub_double_leave(world, MARIA, 2, "lobby", LEAVE_ASKED);
    assert_text(heard(EVENT_TYPING)->typing.field, "title");
}

/* ---- colours ---- */

static void people_in_a_room_have_different_colours(void **state)
{
    const struct answer *answer;

    (void)state;
    for (unsigned i = 2; i < DOUBLE_USERS; i++)
        hub_double_join(world, 100 + i, i, "lobby"); /* user 7 would like what user 1 has */
    answer = look();
    assert_int_equal(answer->presence_count, 8);
    for (uint32_t i = 0; i < answer->presence_count; i++) {
        for (uint32_t j = 0; j < i; j++)
            assert_false(span_equal(answer->presences[i].color, answer->presences[j].color));
    }
    assert_text(hub_double_person(answer, "1")->color, "#FF6B6B");
    assert_text(hub_double_person(answer, "2")->color, "#4ECDC4");
}

static void a_colour_is_free_again_when_its_owner_is_gone(void **state)
{
    (void)state;
    hub_double_join(world, 107, 7, "lobby");
    assert_text(hub_double_person(look(), "7")->color, "#4ECDC4"); /* the first that is free */
    hub_double_leave(world, ADA, 1, "lobby", LEAVE_ASKED);
    hub_double_leave(world, 107, 7, "lobby", LEAVE_ASKED);
    hub_double_join(world, 107, 7, "lobby");
    assert_text(hub_double_person(look(), "7")->color, "#FF6B6B");
}

static void a_colour_of_ones_own_is_kept_if_nobody_has_it(void **state)
{
    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    assert_int_equal(change(MARIA, 2, (struct presence_change){.given = PRESENCE_COLOR, .color = SPAN("#00ff00")})->err,
                     OK);
    assert_text(maria()->color, "#00FF00");
    tick();
    hub_double_join(world, AMIR, 3, "lobby");
    assert_int_equal(change(AMIR, 3, (struct presence_change){.given = PRESENCE_COLOR, .color = SPAN("#00FF00")})->err,
                     ERR_EXISTS);
    assert_int_equal(change(AMIR, 3, (struct presence_change){.given = PRESENCE_COLOR, .color = SPAN("red")})->err,
                     ERR_BAD_COLOR);
}

static void nobody_is_given_a_colour_that_somebody_chose(void **state)
{
    (void)state;
    /* Ada's number is free now, but Maria took its colour. */
    hub_double_join(world, MARIA, 2, "lobby");
    change(ADA, 1, (struct presence_change){.given = PRESENCE_COLOR, .color = SPAN("#123456")});
    change(MARIA, 2, (struct presence_change){.given = PRESENCE_COLOR, .color = SPAN("#ff6b6b")});
    hub_double_join(world, 107, 7, "lobby");
    assert_text(hub_double_person(look(), "7")->color, "#4ECDC4");
}

static void a_join_with_somebody_elses_colour_gets_another(void **state)
{
    struct command *command = hub_double_command(world, COMMAND_JOIN, MARIA, 2, "lobby");
    const struct answer *answer;

    (void)state;
    command->join.listens = command->join.is_present = true;
    command->join.presence = (struct presence_change){
        .given = PRESENCE_COLOR | PRESENCE_PAGE, .color = SPAN("#FF6B6B"), .page = SPAN("orders")};
    answer = hub_double_ask(world, command);
    assert_int_equal(answer->err, OK);
    assert_text(hub_double_person(answer, "2")->color, "#4ECDC4");
    assert_text(hub_double_person(answer, "2")->page, "orders");
}

/* ---- bounds ---- */

static void a_very_full_room_lists_only_some_and_says_how_many_there_are(void **state)
{
    const struct answer *answer;

    (void)state;
    world->limits.presence_list_max = 3;
    hub_double_restart(world);
    for (unsigned i = 1; i < DOUBLE_USERS; i++)
        hub_double_join(world, 100 + i, i, "lobby");
    answer = look();
    assert_int_equal(answer->presence_count, 3);
    assert_int_equal(answer->people_count, 8);
}

static void somebody_types_in_a_bounded_number_of_fields(void **state)
{
    struct command *command;
    char field[2] = "a";

    (void)state;
    hub_double_join(world, MARIA, 2, "lobby");
    for (; field[0] < 'a' + 16; field[0]++)
        type(MARIA, 2, field, true);
    command = hub_double_command(world, COMMAND_TYPING, MARIA, 2, "lobby");
    command->typing.field = SPAN("one more");
    command->typing.is_typing = true;
    assert_int_equal(hub_double_ask(world, command)->err, ERR_TOO_MANY);
}

/* ---- the room of all people ---- */

static void presence_in_a_records_room_is_mirrored_for_all(void **state)
{
    const struct event *event;
    struct command *command;

    (void)state;
    hub_double_join(world, ADA, 1, ROOM_PRESENCE);
    hub_double_join(world, MARIA, 2, "order:O-1");
    event = heard(EVENT_PRESENCE);
    assert_text(event->room, ROOM_PRESENCE);
    assert_text(event->presence.room, "order:O-1");
    assert_text(event->entity_id, "O-1");
    assert_non_null(event->type);
    command = hub_double_command(world, COMMAND_PRESENCE, MARIA, 2, "order:O-1");
    command->presence = (struct presence_change){.given = PRESENCE_INTENT, .intent = INTENT_EDITING};
    hub_double_ask(world, command);
    tick();
    event = heard(EVENT_PRESENCE); /* in the record's room */
    assert_text(event->room, "order:O-1");
    event = heard(EVENT_PRESENCE);
    assert_text(event->room, ROOM_PRESENCE);
    assert_int_equal(event->presence.intent, INTENT_EDITING);
    hub_double_leave(world, MARIA, 2, "order:O-1", LEAVE_ASKED);
    event = heard(EVENT_PRESENCE);
    assert_int_equal(event->presence.status, STATUS_OFFLINE);
    assert_int_equal(event->presence.intent, INTENT_NONE);
}

static void presence_in_other_rooms_is_nobody_elses_business(void **state)
{
    (void)state;
    hub_double_join(world, ADA, 1, ROOM_PRESENCE);
    hub_double_join(world, MARIA, 2, "lobby");
    assert_int_equal(hub_double_count(world, EVENT_PRESENCE), 0);
}

static void who_begins_to_look_sees_who_was_at_which_record_before_him(void **state)
{
    struct answer *answer;

    (void)state;
    hub_double_join(world, MARIA, 2, "order:O-1");
    hub_double_join(world, AMIR, 3, "order:O-2");
    hub_double_leave(world, AMIR, 3, "order:O-2", LEAVE_ASKED);
    answer = hub_double_join(world, ADA, 1, ROOM_PRESENCE);
    assert_int_equal(answer->place_count, 1);
    assert_text(answer->places[0].room, "order:O-1");
    assert_text(answer->places[0].user_id, "2");
    hub_double_leave(world, MARIA, 2, "order:O-1", LEAVE_DISCONNECTED);
    hub_double_advance(world, world->limits.grace_ms);
    assert_int_equal(hub_double_join(world, ADA, 1, ROOM_PRESENCE)->place_count, 0);
}

static void who_is_at_a_record_is_not_told_to_those_who_may_not_read_it(void **state)
{
    (void)state;
    hub_double_join(world, ADA, 1, "secret:S-1");
    assert_int_equal(hub_double_join(world, AMIR, 3, ROOM_PRESENCE)->place_count, 0);
    assert_int_equal(hub_double_join(world, ADA, 1, ROOM_PRESENCE)->place_count, 1);
}

static void only_so_many_places_are_remembered(void **state)
{
    struct answer *answer;

    (void)state;
    world->limits.places_max = 1;
    hub_double_restart(world);
    hub_double_join(world, MARIA, 2, "order:O-1");
    hub_double_join(world, AMIR, 3, "order:O-2");
    answer = hub_double_join(world, ADA, 1, ROOM_PRESENCE);
    assert_int_equal(answer->place_count, 1);
    assert_text(answer->places[0].user_id, "2");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(somebody_who_comes_is_announced_once),
        TEST(two_tabs_are_one_person),
        TEST(a_leave_that_was_asked_for_is_heard_at_once),
        TEST(somebody_who_is_dead_leaves_at_once),
        TEST(a_broken_connection_is_a_leave_only_after_the_grace),
        TEST(who_reloads_the_page_never_left),
        TEST(what_a_broken_connection_said_goes_when_its_user_is_back),
        TEST(without_grace_a_broken_connection_is_a_leave),
        TEST(who_only_listens_is_not_there),
        TEST(who_only_wants_to_be_seen_is_not_told_who_is_there),
        TEST(changes_within_a_tick_are_said_once),
        TEST(without_a_tick_changes_are_said_at_once),
        TEST(what_changes_nothing_is_not_said),
        TEST(editing_in_one_tab_beats_viewing_in_another),
        TEST(somebody_is_where_he_was_active_last),
        TEST(what_two_tabs_say_at_once_both_hear),
        TEST(too_long_a_text_is_refused_and_changes_nothing),
        TEST(a_new_name_is_told),
        TEST(who_does_nothing_is_away),
        TEST(who_does_something_is_back),
        TEST(activity_puts_idleness_off),
        TEST(one_active_tab_keeps_somebody_online),
        TEST(a_status_of_ones_own_choice_stays),
        TEST(the_refresh_carries_who_moved_and_nobody_else),
        TEST(of_many_moves_within_a_tick_the_last_is_said),
        TEST(a_cursor_is_part_of_presence),
        TEST(a_cursor_goes_with_its_tab),
        TEST(a_cursor_and_a_presence_have_keys_of_their_own),
        TEST(too_large_a_cursor_is_refused),
        TEST(typing_is_said_when_it_starts_and_stops),
        TEST(typing_ends_by_itself_unless_it_is_renewed),
        TEST(typing_ends_when_the_connection_breaks),
        TEST(who_comes_later_hears_of_typing_when_it_is_renewed),
        TEST(two_fields_are_typed_in_separately),
        TEST(people_in_a_room_have_different_colours),
        TEST(a_colour_is_free_again_when_its_owner_is_gone),
        TEST(a_colour_of_ones_own_is_kept_if_nobody_has_it),
        TEST(nobody_is_given_a_colour_that_somebody_chose),
        TEST(a_join_with_somebody_elses_colour_gets_another),
        TEST(a_very_full_room_lists_only_some_and_says_how_many_there_are),
        TEST(somebody_types_in_a_bounded_number_of_fields),
        TEST(presence_in_a_records_room_is_mirrored_for_all),
        TEST(who_begins_to_look_sees_who_was_at_which_record_before_him),
        TEST(who_is_at_a_record_is_not_told_to_those_who_may_not_read_it),
        TEST(only_so_many_places_are_remembered),
        TEST(presence_in_other_rooms_is_nobody_elses_business),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
