#include "lib/lobby.h"

#include <string.h>

static void of_many_moves_within_a_tick_the_last_is_said(void **state)
{
    struct event *event;

    (void)state;
    lobby_join(MARIA);
    lobby_point(MARIA, "{\"x\":1}", NULL);
    lobby_point(MARIA, "{\"x\":2}", "row-7");
    lobby_point(MARIA, "{\"x\":3}", NULL);
    lobby_tick();
    event = next_event(EVENT_CURSOR);
    assert_text(event->cursor.data, "{\"x\":3}");
    assert_text(event->cursor.editing_row, "row-7");
    assert_text(event->user_id, "2");
    assert_int_not_equal(event->conflate_key, 0);
    assert_null(next_event(EVENT_CURSOR));
}

static void a_cursor_is_part_of_presence(void **state)
{
    (void)state;
    lobby_join(MARIA);
    lobby_point(MARIA, "{\"x\":1}", "row-7");
    assert_text(lobby_maria()->cursor, "{\"x\":1}");
    assert_text(lobby_maria()->editing_row, "row-7");
    lobby_point(MARIA, "", "row-8"); /* a row without a position leaves the position */
    assert_text(lobby_maria()->cursor, "{\"x\":1}");
    assert_text(lobby_maria()->editing_row, "row-8");
}

static void a_cursor_goes_with_its_tab(void **state)
{
    struct event *event;

    (void)state;
    lobby_join(MARIA);
    lobby_join(MARIA_TOO);
    lobby_point(MARIA, "{\"x\":1}", "row-7");
    lobby_tick();
    lobby_leave(MARIA, LEAVE_ASKED);
    lobby_tick();
    event = next_event(EVENT_PRESENCE);
    assert_non_null(event);
    assert_int_equal(event->presence.cursor.len, 0);
    assert_int_equal(event->presence.editing_row.len, 0);
}

static void a_cursor_and_a_presence_have_keys_of_their_own(void **state)
{
    uint64_t cursor, presence;

    (void)state;
    lobby_join(MARIA);
    lobby_point(MARIA, "{\"x\":1}", NULL);
    lobby_change(MARIA, (struct presence_change){.given = PRESENCE_PAGE, .page = SPAN("orders")});
    lobby_tick();
    presence = next_event(EVENT_PRESENCE)->conflate_key;
    cursor = next_event(EVENT_CURSOR)->conflate_key;
    assert_true(cursor != presence);
}

static void too_large_a_cursor_is_refused(void **state)
{
    static char text[1026];

    (void)state;
    memset(text, ' ', sizeof(text) - 1);
    lobby_join(MARIA);
    assert_int_equal(lobby_point(MARIA, text, NULL)->err, ERR_TOO_LARGE);
    assert_int_equal(lobby_point(ADA + 1, "{}", NULL)->err, ERR_NOT_MEMBER);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lobby_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_many_moves_within_a_tick_the_last_is_said),
        TEST(a_cursor_is_part_of_presence),
        TEST(a_cursor_goes_with_its_tab),
        TEST(a_cursor_and_a_presence_have_keys_of_their_own),
        TEST(too_large_a_cursor_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
