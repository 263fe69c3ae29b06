#include "collab/keep/keep.h"
#include "lib/object_double.h"

#include <stdio.h>

/* ---- builders ---- */

static const char body[] = "{\"id\":\"c1\",\"kind\":\"conflict\",\"state\":\"open\",\"fields\":[{\"path\":\"/title\"}],"
                           "\"later\":7}";
static const char hidden_body[] = "{\"id\":\"c1\",\"kind\":\"conflict\",\"fields\":[{\"path\":\"/title\"},"
                                  "{\"path\":\"/cost\"}]}";

/* A conflict, as the record puts it. */
static void put_conflict(const char *state, const char *text, uint64_t revision)
{
    const struct object conflict = {.kind = OBJECT_CONFLICT,
                                    .id = SPAN("c1"),
                                    .room = SPAN("order:O-1"),
                                    .owner = SPAN("2"),
                                    .state = span_from_str(state),
                                    .revision = revision,
                                    .body = span_from_str(text)};

    object_put(&conflict);
}

static struct answer *assign(session_id session, const char *input)
{
    return object_ask(session, "order:O-1", OBJECT_CONFLICT, OBJECT_ASSIGN, "c1", input);
}

static void a_conflict_is_given_to_somebody_who_is_told(void **state)
{
    const struct answer *answer;
    const struct object *kept;
    const struct event *event;

    (void)state;
    put_conflict("open", body, 1);
    object_listen(VERA, "order:O-1");
    answer = assign(MARIA, "{\"user_id\":3}");
    assert_done(answer);
    assert_string_equal(answered(answer, "assigned_to"), "3");
    assert_string_equal(answered(answer, "later"), "7"); /* the rest stays */
    assert_int_equal(answer->object_shown, 1);
    kept = model_store_object(&world->store, OBJECT_CONFLICT, SPAN("c1"));
    assert_true(span_is(kept->owner, "3") && span_is(kept->state, "open"));
    assert_int_equal(kept->revision, 2);
    event = object_heard("order:O-1");
    assert_int_equal(event->object.verb, OBJECT_ASSIGN);
    assert_int_equal(event->object.shown, 1);
    assert_int_equal(object_notices("3", "assignment"), 1);
    assert_string_equal(member_of(object_notice("3"), "data.conflict_id"), "c1");
}

static void it_can_be_taken_from_him(void **state)
{
    const struct answer *answer;

    (void)state;
    put_conflict("open", body, 1);
    assert_done(assign(MARIA, "{\"user_id\":\"3\"}"));
    answer = assign(MARIA, "{\"user_id\":null}");
    assert_done(answer);
    assert_string_equal(answered(answer, "assigned_to"), "null");
    assert_int_equal(model_store_object(&world->store, OBJECT_CONFLICT, SPAN("c1"))->owner.len, 0);
}

static void who_may_not_update_gives_it_to_nobody(void **state)
{
    (void)state;
    put_conflict("open", body, 1);
    assert_refused_for(assign(VERA, "{\"user_id\":3}"), ERR_FORBIDDEN, "");
}

static void it_is_given_to_somebody_who_is_there(void **state)
{
    (void)state;
    put_conflict("open", body, 1);
    assert_refused_for(assign(MARIA, "{\"user_id\":99}"), ERR_UNKNOWN_USER, "user_id");
    assert_refused_for(assign(MARIA, "{}"), ERR_MISSING_FIELD, "user_id");
    assert_refused_for(assign(MARIA, "{\"user_id\":[]}"), ERR_BAD_FIELD, "user_id");
}

static void what_is_settled_stays_as_it_is(void **state)
{
    (void)state;
    assert_refused_for(assign(MARIA, "{\"user_id\":3}"), ERR_NOT_FOUND, "object_id");
    put_conflict("resolved", body, 1);
    assert_refused_for(assign(MARIA, "{\"user_id\":3}"), ERR_ALREADY_RESOLVED, "");
}

static void a_conflict_about_what_he_may_not_read_is_not_there(void **state)
{
    (void)state;
    put_conflict("open", hidden_body, 1);
    assert_refused_for(assign(MARIA, "{\"user_id\":3}"), ERR_NOT_FOUND, "object_id");
    assert_int_equal(assign(ADA, "{\"user_id\":3}")->object_shown, 1 | 1 << 3);
}

static void when_it_was_settled_meanwhile_he_is_told_so(void **state)
{
    struct answer *answer;

    (void)state;
    put_conflict("open", body, 1);
    world->is_store_slow = true;
    hub_double_do(world, object_command(MARIA, "order:O-1", OBJECT_CONFLICT, OBJECT_ASSIGN, "c1", "{\"user_id\":3}"));
    hub_double_store_some(world, 3); /* it is read: the conflict, the user, the record */
    put_conflict("resolved", body, 2);
    hub_double_store_all(world);
    answer = hub_double_answer(world);
    assert_refused_for(answer, ERR_ALREADY_RESOLVED, "");
    assert_int_equal(object_notices("3", "assignment"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, object_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_conflict_is_given_to_somebody_who_is_told),
        TEST(it_can_be_taken_from_him),
        TEST(who_may_not_update_gives_it_to_nobody),
        TEST(it_is_given_to_somebody_who_is_there),
        TEST(what_is_settled_stays_as_it_is),
        TEST(a_conflict_about_what_he_may_not_read_is_not_there),
        TEST(when_it_was_settled_meanwhile_he_is_told_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
