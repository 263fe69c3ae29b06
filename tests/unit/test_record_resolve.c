#include "lib/contract.h"

#include <stdio.h>

/* Decides for it, and the store takes its time. */
static void li_begins_to_resolve(const char *id)
{
    world->is_store_slow = true;
    hub_double_hush(world);
    hub_double_do(world, contract_resolve_of(LI, id, "{\"resolution\":\"local\"}"));
}

static void the_parked_change_is_made_when_somebody_decides_for_it(void **state)
{
    const char *id = contract_given_conflict();
    const struct answer *answer;

    (void)state;
    answer = contract_resolve(LI, id, "{\"resolution\":\"local\"}");
    assert_ok(answer);
    assert_int_equal(answer->version, 3);
    assert_text(answer->change->resolves, id);
    assert_record(CONTRACT, 3, "{\"title\":\"A\",\"price\":7,\"terms\":\"none!\"}");
    assert_member(answer->object, "/state", "\"resolved\"");
    assert_member(answer->object, "/resolution", "\"local\"");
    assert_member(answer->object, "/resolved_by", "\"4\"");
    assert_member(answer->object, "/resolved_version", "3");
    assert_int_equal(conflict_stored(id)->revision, 2);
    assert_text(conflict_stored(id)->state, "resolved");
}

static void what_nobody_minded_is_brought_onto_what_happened_since(void **state)
{
    const char *id = contract_given_conflict();

    (void)state;
    contract_change(MARIA, "{\"ops\":[{\"op\":\"txt\",\"path\":\"terms\",\"value\":[\"almost \"]}]}");
    assert_ok(contract_resolve(LI, id, "{\"resolution\":\"local\"}"));
    assert_record(CONTRACT, 4, "{\"title\":\"A\",\"price\":7,\"terms\":\"almost none!\"}");
}

static void what_nobody_minded_and_lost_all_the_same_is_kept(void **state)
{
    const char *id = contract_given_conflict();
    const struct answer *answer;

    (void)state;
    contract_change(MARIA, "{\"ops\":[{\"op\":\"set\",\"path\":\"terms\",\"value\":\"other\"}]}");
    answer = contract_resolve(LI, id, "{\"resolution\":\"local\"}");
    assert_ok(answer);
    assert_record(CONTRACT, 4, "{\"title\":\"A\",\"price\":7,\"terms\":\"other\"}");
    assert_int_equal(answer->change->superseded_count, 1);
    assert_text(answer->change->superseded[0].value, "[4,\"!\"]");
    assert_int_equal(answer->change->superseded[0].by_version, 3);
}

static void what_others_wrote_where_a_person_decides_is_kept_when_he_has_decided(void **state)
{
    const struct answer *answer;
    char id[64];

    (void)state;
    contract_given();
    answer = contract_change(AMIR, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":7},"
                                   "{\"op\":\"set\",\"path\":\"fee\",\"value\":3}]}");
    (void)snprintf(id, sizeof(id), "%s", conflict_id(answer));
    contract_change(MARIA, "{\"ops\":[{\"op\":\"set\",\"path\":\"fee\",\"value\":4}]}");
    answer = contract_resolve(LI, id, "{\"resolution\":\"local\"}");
    assert_ok(answer);
    assert_record(CONTRACT, 4, "{\"title\":\"A\",\"price\":7,\"terms\":\"none\",\"fee\":3}");
    assert_int_equal(answer->change->superseded_count, 1);
    assert_text(answer->change->superseded[0].value, "4");
    assert_int_equal(answer->change->superseded[0].by_version, 4);
}

static void deciding_for_the_others_changes_nothing(void **state)
{
    const char *id = contract_given_conflict();
    const struct answer *answer;

    (void)state;
    hub_double_join(world, ADA, 1, CONTRACT);
    answer = contract_resolve(LI, id, "{\"resolution\":\"remote\"}");
    assert_ok(answer);
    assert_null(answer->change);
    assert_int_equal(answer->version, 2);
    assert_member(answer->object, "/resolution", "\"remote\"");
    assert_record(CONTRACT, 2, "{\"title\":\"A\",\"price\":6,\"terms\":\"none\"}");
    assert_int_equal(hub_double_event(world, 0, EVENT_OBJECT)->object.verb, OBJECT_RESOLVE);
}

static void a_value_made_of_both_is_checked_like_any(void **state)
{
    const char *id = contract_given_conflict();
    const struct answer *answer;

    (void)state;
    assert_refused(contract_resolve(LI, id, "{\"resolution\":\"merged\"}"), ERR_MISSING_FIELD);
    assert_refused(contract_resolve(LI, id, "{\"resolution\":\"merged\",\"value\":\"much\"}"), ERR_BAD_FIELD);
    assert_refused(contract_resolve(LI, id, "{\"resolution\":\"merged\",\"values\":{\"title\":\"B\"}}"), ERR_BAD_FIELD);
    assert_refused(contract_resolve(LI, id, "{\"resolution\":\"both\"}"), ERR_BAD_FIELD);
    assert_refused(contract_resolve(LI, id, "{}"), ERR_MISSING_FIELD);
    answer = contract_resolve(LI, id, "{\"resolution\":\"merged\",\"values\":{\"price\":6.5}}");
    assert_ok(answer);
    /* and what nobody disputed of the parked change is done, too */
    assert_record(CONTRACT, 3, "{\"title\":\"A\",\"price\":6.5,\"terms\":\"none!\"}");
    assert_member(answer->object, "/merged_value/price", "6.5");
}

static void a_place_that_changed_again_is_shown_anew(void **state)
{
    const char *id = contract_given_conflict();
    const struct answer *answer;

    (void)state;
    contract_change(MARIA, "{\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":8}]}");
    hub_double_join(world, ADA, 1, CONTRACT);
    answer = contract_resolve(LI, id, "{\"resolution\":\"local\"}");
    assert_refused(answer, ERR_CONFLICT);
    assert_int_equal(answer->current_version, 3);
    assert_member(answer->object, "/fields/0/theirs", "8");
    assert_member(answer->object, "/current_version", "3");
    assert_member(answer->object, "/state", "\"open\"");
    assert_int_equal(hub_double_event(world, 0, EVENT_OBJECT)->object.verb, OBJECT_EDIT);
    assert_string_equal(world->store.lines[world->store.line_count - 1].action,
                        "updated"); /* nobody did anything else */
    assert_refused(contract_resolve(LI, id, "{\"resolution\":\"local\",\"version\":2}"),
                   ERR_CONFLICT); /* he saw the old one */
    assert_ok(contract_resolve(LI, id, "{\"resolution\":\"local\",\"version\":3}"));
    assert_record(CONTRACT, 4, "{\"title\":\"A\",\"price\":7,\"terms\":\"none!\"}");
}

static void what_it_shows_of_the_others_ends_with_what_is_there_now(void **state)
{
    const char *id = contract_given_conflict();
    const struct answer *answer;

    (void)state;
    contract_change(LI, "{\"ops\":[{\"op\":\"txt\",\"path\":\"terms\",\"value\":[\"almost \"]}]}");
    contract_change(LI, "{\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":8}]}");
    answer = contract_resolve(ADA, id, "{\"resolution\":\"local\"}");
    assert_refused(answer, ERR_CONFLICT);
    assert_member(answer->object, "/current_version", "4");
    assert_member(answer->object, "/remote/0/version", "2");
    assert_member(answer->object, "/remote/1/version", "4");
    assert_member(answer->object, "/remote/1/user_id", "\"4\"");
    assert_member(answer->object, "/remote/2", "(nothing)");
}

static void of_many_changes_it_shows_the_last_eight(void **state)
{
    const char *id = contract_given_conflict();
    const struct answer *answer;
    char text[80];

    (void)state;
    for (int price = 10; price < 20; price++) {
        (void)snprintf(text, sizeof(text), "{\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":%d}]}", price);
        contract_change(LI, text);
    }
    answer = contract_resolve(ADA, id, "{\"resolution\":\"local\"}");
    assert_refused(answer, ERR_CONFLICT);
    assert_member(answer->object, "/remote/0/version", "5");
    assert_member(answer->object, "/remote/7/version", "12");
    assert_member(answer->object, "/remote/8", "(nothing)");
    assert_member(answer->object, "/fields/0/theirs", "19");
}

static void of_two_who_settle_it_at_once_one_is_told(void **state)
{
    const char *id = contract_given_conflict();
    const struct answer *answer;

    (void)state;
    li_begins_to_resolve(id);
    hub_double_do(world, contract_resolve_of(MARIA, id, "{\"resolution\":\"remote\"}"));
    hub_double_store_all(world);
    assert_int_equal(hub_double_answer(world)->version, 3);
    answer = hub_double_answer(world);
    assert_refused(answer, ERR_ALREADY_RESOLVED);
    assert_member(answer->object, "/resolution", "\"local\"");
}

/* Somebody assigned it meanwhile. */
static void a_conflict_that_was_put_by_others_is_read_and_settled_again(void **state)
{
    const char *id = contract_given_conflict();
    struct object *object;

    (void)state;
    li_begins_to_resolve(id);
    hub_double_store_some(world, 1); /* it is read */
    object = (struct object *)(uintptr_t)conflict_stored(id);
    object->revision++;
    hub_double_store_all(world);
    assert_int_equal(hub_double_answer(world)->version, 3);
    assert_int_equal(conflict_stored(id)->revision, 3);
}

static void settling_that_cannot_be_kept_leaves_it_open(void **state)
{
    const char *id = contract_given_conflict();

    (void)state;
    li_begins_to_resolve(id);
    hub_double_store_some(world, 1);
    store_fails(ERR_STORAGE);
    hub_double_store_all(world);
    assert_refused(hub_double_answer(world), ERR_STORAGE);
    assert_text(conflict_stored(id)->state, "open");
    world->is_store_slow = false;
    assert_ok(contract_resolve(LI, id, "{\"resolution\":\"local\"}"));
}

static void who_may_not_write_the_fields_may_not_settle(void **state)
{
    char id[64];
    const struct answer *answer;

    (void)state;
    hub_double_change(world, ADA, 1, CONTRACT, CHANGE_CREATE, "", "{\"secret\":\"a\"}");
    contract_change(ADA, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"secret\",\"value\":\"b\"}]}");
    answer = contract_change(12, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"secret\",\"value\":\"c\"}]}");
    assert_conflict(answer, 2);
    (void)snprintf(id, sizeof(id), "%s", conflict_id(answer));
    assert_refused(contract_resolve(VERA, id, "{\"resolution\":\"remote\"}"), ERR_FORBIDDEN);
    assert_refused(contract_resolve(LI, id, "{\"resolution\":\"remote\"}"), ERR_FORBIDDEN);
    assert_ok(contract_resolve(ADA, id, "{\"resolution\":\"remote\"}"));
}

static void what_is_no_conflict_of_the_record_is_not_settled(void **state)
{
    (void)state;
    contract_given();
    assert_refused(contract_resolve(LI, "CF-1", "{\"resolution\":\"local\"}"), ERR_NOT_FOUND);
    assert_refused(contract_resolve(LI, "", "{\"resolution\":\"local\"}"), ERR_MISSING_FIELD);
}

static struct answer *amir_deletes(void)
{
    struct command *command = hub_double_change_command(world, AMIR, 3, CONTRACT, CHANGE_DELETE, "", NULL);

    command->change->base_version = 1;
    return hub_double_ask(world, command);
}

static void taking_away_what_somebody_works_on_is_left_to_a_person(void **state)
{
    const struct answer *answer;
    char id[64];

    (void)state;
    contract_given();
    answer = amir_deletes();
    assert_conflict(answer, 2);
    assert_member(answer->object, "/fields/0/path", "\"\"");
    assert_int_equal(answer->object_shown, (1 << 6) - 1); /* the whole record is in it */
    (void)snprintf(id, sizeof(id), "%s", conflict_id(answer));
    assert_refused(contract_resolve(LI, id, "{\"resolution\":\"merged\",\"value\":1}"), ERR_BAD_FIELD);
    contract_change(MARIA, "{\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":8}]}");
    assert_refused(contract_resolve(LI, id, "{\"resolution\":\"local\"}"),
                   ERR_CONFLICT); /* it is another record by now */
    assert_ok(contract_resolve(LI, id, "{\"resolution\":\"local\"}"));
    assert_true(model_store_record(&world->store, span_from_str(CONTRACT))->is_delete);
}

static void a_conflict_over_a_record_that_is_gone_can_only_be_closed(void **state)
{
    const char *id = contract_given_conflict();
    const struct answer *answer;

    (void)state;
    hub_double_change(world, LI, 4, CONTRACT, CHANGE_DELETE, "", NULL);
    assert_refused(contract_resolve(LI, id, "{\"resolution\":\"local\"}"), ERR_CONFLICT);
    assert_refused(contract_resolve(LI, id, "{\"resolution\":\"local\"}"), ERR_NOT_FOUND);
    answer = contract_resolve(LI, id, "{\"resolution\":\"remote\"}");
    assert_ok(answer);
    assert_int_equal(answer->version, 0);
}

static const char *given_an_item_that_is_gone(void)
{
    hub_double_change(world, LI, 4, CONTRACT, CHANGE_CREATE, "",
                      "{\"title\":\"A\",\"lines\":[{\"id\":\"a\",\"pos\":\"a\",\"qty\":1}]}");
    assert_ok(contract_change(MARIA, "{\"version\":1,\"ops\":[{\"op\":\"del\",\"path\":\"lines/@a\"}]}"));
    return conflict_id(contract_change(
        AMIR,
        "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"lines/@a/qty\",\"value\":7},{\"op\":\"set\",\"path\":\"title\",\"value\":\"B\"}]}"));
}

static void what_stood_in_an_item_that_is_gone_cannot_be_written(void **state)
{
    const char *id = given_an_item_that_is_gone();
    const struct answer *answer;

    (void)state;
    answer = contract_resolve(LI, id, "{\"resolution\":\"local\"}");
    assert_refused(answer, ERR_NOT_FOUND);
    assert_text(answer->field, "/lines/@a/qty");
    answer = contract_resolve(LI, id, "{\"resolution\":\"merged\",\"value\":8}");
    assert_refused(answer, ERR_NOT_FOUND);
    assert_text(answer->field, "/lines/@a/qty");
    assert_text(conflict_stored(id)->state, "open");
    assert_ok(contract_resolve(LI, id, "{\"resolution\":\"remote\"}"));
}

static void of_several_places_each_must_be_decided(void **state)
{
    const struct answer *answer;
    const char *id;

    (void)state;
    hub_double_change(world, LI, 4, CONTRACT, CHANGE_CREATE, "", "{\"title\":\"A\",\"price\":5}");
    assert_ok(contract_change(MARIA, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"B\"},"
                                     "{\"op\":\"set\",\"path\":\"price\",\"value\":6}]}"));
    id =
        conflict_id(contract_change(AMIR, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"C\"},"
                                          "{\"op\":\"set\",\"path\":\"price\",\"value\":7}]}"));
    answer = contract_resolve(LI, id, "{\"resolution\":\"merged\",\"values\":{\"price\":6.5}}");
    assert_refused(answer, ERR_MISSING_FIELD);
    assert_text(answer->field, "/title");
    assert_refused(contract_resolve(LI, id, "{\"resolution\":\"merged\",\"values\":{}}"), ERR_MISSING_FIELD);
    assert_ok(contract_resolve(LI, id, "{\"resolution\":\"merged\",\"values\":{\"/price\":6.5,\"title\":\"B\"}}"));
    assert_record(CONTRACT, 3, "{\"title\":\"B\",\"price\":6.5}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, hub_stage_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_parked_change_is_made_when_somebody_decides_for_it),
        TEST(what_nobody_minded_is_brought_onto_what_happened_since),
        TEST(deciding_for_the_others_changes_nothing),
        TEST(a_value_made_of_both_is_checked_like_any),
        TEST(a_place_that_changed_again_is_shown_anew),
        TEST(what_it_shows_of_the_others_ends_with_what_is_there_now),
        TEST(of_many_changes_it_shows_the_last_eight),
        TEST(of_two_who_settle_it_at_once_one_is_told),
        TEST(a_conflict_that_was_put_by_others_is_read_and_settled_again),
        TEST(settling_that_cannot_be_kept_leaves_it_open),
        TEST(who_may_not_write_the_fields_may_not_settle),
        TEST(what_is_no_conflict_of_the_record_is_not_settled),
        TEST(taking_away_what_somebody_works_on_is_left_to_a_person),
        TEST(a_conflict_over_a_record_that_is_gone_can_only_be_closed),
        TEST(what_stood_in_an_item_that_is_gone_cannot_be_written),
        TEST(of_several_places_each_must_be_decided),
        TEST(what_nobody_minded_and_lost_all_the_same_is_kept),
        TEST(what_others_wrote_where_a_person_decides_is_kept_when_he_has_decided),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
