#include "lib/lobby.h"

static void people_in_a_room_have_different_colours(void **state)
{
    const struct answer *answer;

    (void)state;
    for (unsigned i = 2; i < DOUBLE_USERS; i++)
        lobby_join(10 * i + 2); /* user 7 would like what user 1 has */
    answer = lobby_look();
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
    lobby_join(72);
    assert_text(hub_double_person(lobby_look(), "7")->color, "#4ECDC4"); /* the first that is free */
    lobby_leave(ADA, LEAVE_ASKED);
    lobby_leave(72, LEAVE_ASKED);
    lobby_join(72);
    assert_text(hub_double_person(lobby_look(), "7")->color, "#FF6B6B");
}

static void a_colour_of_ones_own_is_kept_if_nobody_has_it(void **state)
{
    (void)state;
    lobby_join(MARIA);
    assert_int_equal(
        lobby_change(MARIA, (struct presence_change){.given = PRESENCE_COLOR, .color = SPAN("#00ff00")})->err, OK);
    assert_text(lobby_maria()->color, "#00FF00");
    lobby_tick();
    lobby_join(AMIR);
    assert_int_equal(
        lobby_change(AMIR, (struct presence_change){.given = PRESENCE_COLOR, .color = SPAN("#00FF00")})->err,
        ERR_EXISTS);
    assert_int_equal(lobby_change(AMIR, (struct presence_change){.given = PRESENCE_COLOR, .color = SPAN("red")})->err,
                     ERR_BAD_COLOR);
}

static void nobody_is_given_a_colour_that_somebody_chose(void **state)
{
    (void)state;
    /* Ada's number is free now, but Maria took its colour. */
    lobby_join(MARIA);
    lobby_change(ADA, (struct presence_change){.given = PRESENCE_COLOR, .color = SPAN("#123456")});
    lobby_change(MARIA, (struct presence_change){.given = PRESENCE_COLOR, .color = SPAN("#ff6b6b")});
    lobby_join(72);
    assert_text(hub_double_person(lobby_look(), "7")->color, "#4ECDC4");
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, lobby_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(people_in_a_room_have_different_colours),        TEST(a_colour_is_free_again_when_its_owner_is_gone),
        TEST(a_colour_of_ones_own_is_kept_if_nobody_has_it),  TEST(nobody_is_given_a_colour_that_somebody_chose),
        TEST(a_join_with_somebody_elses_colour_gets_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
