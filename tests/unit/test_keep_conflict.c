#include "collab/keep/keep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/object_double.h"

#include <stdio.h>
#include <string.h>

static struct hub_double *world;

/* Users of the double: an admin, two who edit, one who only reads. */
enum { ADA = 1, MARIA = 2, AMIR = 3, VERA = 8 };

static int set_up(void **state)
{
    (void)state;
    world = object_double_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    object_double_free(world);
    return 0;
}

/* ---- builders ---- */

static void listen(unsigned user, const char *room)
{
    assert_int_equal(hub_double_listen(world, object_session(user), user, room)->err, OK);
}

static void assert_refused(const struct answer *answer, enum err err, const char *field)
{
    assert_non_null(answer);
    assert_string_equal(err_code(answer->err), err_code(err));
    assert_true(span_is(answer->field, field));
    assert_false(answer->has_object);
}

static void assert_done(const struct answer *answer)
{
    assert_non_null(answer);
    assert_string_equal(err_code(answer->err), "ok");
    assert_true(answer->has_object);
}

static const char body[] = "{\"id\":\"c1\",\"kind\":\"conflict\",\"state\":\"open\",\"fields\":[{\"path\":\"/title\"}],"
                           "\"later\":7}";
static const char hidden_body[] = "{\"id\":\"c1\",\"kind\":\"conflict\",\"fields\":[{\"path\":\"/title\"},"
                                  "{\"path\":\"/cost\"}]}";

static void ignore_event(void *arg, struct event *event)
{
    (void)arg;
    (void)event;
}

static void free_request(void *arg, struct store_request *request)
{
    (void)arg;
    assert_int_equal(request->err, OK);
    store_request_free(request);
}

/* A conflict, as the record puts it. */
static void put_conflict(const char *state, const char *text, uint64_t revision)
{
    const struct model_sink sink = {NULL, ignore_event, free_request};
    struct store_request *request = store_request_new(STORE_COMMIT);
    struct object *object = commit_add_object(request);

    request->room = SPAN("order:O-1");
    *object = (struct object){.kind = OBJECT_CONFLICT,
                              .id = SPAN("c1"),
                              .room = SPAN("order:O-1"),
                              .owner = SPAN("2"),
                              .state = span_from_str(state),
                              .revision = revision,
                              .body = span_from_str(text)};
    model_store_execute(&world->store, request, OK, &sink);
}

static struct answer *assign(unsigned user, const char *input)
{
    return object_ask(world, user, "order:O-1", OBJECT_CONFLICT, OBJECT_ASSIGN, "c1", input);
}

static void a_conflict_is_given_to_somebody_who_is_told(void **state)
{
    const struct answer *answer;
    const struct object *kept;
    const struct event *event;

    (void)state;
    put_conflict("open", body, 1);
    listen(VERA, "order:O-1");
    answer = assign(MARIA, "{\"user_id\":3}");
    assert_done(answer);
    assert_string_equal(answered(answer, "assigned_to"), "3");
    assert_string_equal(answered(answer, "later"), "7"); /* the rest stays */
    assert_int_equal(answer->object_shown, 1);
    kept = model_store_object(&world->store, OBJECT_CONFLICT, SPAN("c1"));
    assert_true(span_is(kept->owner, "3") && span_is(kept->state, "open"));
    assert_int_equal(kept->revision, 2);
    event = object_heard(world, "order:O-1");
    assert_int_equal(event->object.verb, OBJECT_ASSIGN);
    assert_int_equal(event->object.shown, 1);
    assert_int_equal(object_notices(world, "3", "assignment"), 1);
    assert_string_equal(member_of(object_notice(world, "3"), "data.conflict_id"), "c1");
}

static void it_can_be_taken_from_him(void **state)
{
    const struct answer *answer;

    (void)state;
    put_conflict("open", body, 1);
    assert_done(assign(MARIA, "{\"user_id\":\"3\"}"));
    answer = assign(MARIA, "{\"user_id\":null}");
    assert_done(answer);
    assert_string_equal(answered(answer, "assigned_to"), "");
    assert_int_equal(model_store_object(&world->store, OBJECT_CONFLICT, SPAN("c1"))->owner.len, 0);
}

static void who_may_not_update_gives_it_to_nobody(void **state)
{
    (void)state;
    put_conflict("open", body, 1);
    assert_refused(assign(VERA, "{\"user_id\":3}"), ERR_FORBIDDEN, "");
}

static void it_is_given_to_somebody_who_is_there(void **state)
{
    (void)state;
    put_conflict("open", body, 1);
    assert_refused(assign(MARIA, "{\"user_id\":99}"), ERR_UNKNOWN_USER, "user_id");
    assert_refused(assign(MARIA, "{}"), ERR_MISSING_FIELD, "user_id");
    assert_refused(assign(MARIA, "{\"user_id\":[]}"), ERR_BAD_FIELD, "user_id");
}

static void what_is_settled_stays_as_it_is(void **state)
{
    (void)state;
    assert_refused(assign(MARIA, "{\"user_id\":3}"), ERR_NOT_FOUND, "object_id");
    put_conflict("resolved", body, 1);
    assert_refused(assign(MARIA, "{\"user_id\":3}"), ERR_ALREADY_RESOLVED, "");
}

static void a_conflict_about_what_he_may_not_read_is_not_there(void **state)
{
    (void)state;
    put_conflict("open", hidden_body, 1);
    assert_refused(assign(MARIA, "{\"user_id\":3}"), ERR_NOT_FOUND, "object_id");
    assert_int_equal(assign(ADA, "{\"user_id\":3}")->object_shown, 1 | 1 << 3);
}

static void when_it_was_settled_meanwhile_he_is_told_so(void **state)
{
    struct answer *answer;

    (void)state;
    put_conflict("open", body, 1);
    world->is_store_slow = true;
    hub_double_do(world,
                  object_command(world, MARIA, "order:O-1", OBJECT_CONFLICT, OBJECT_ASSIGN, "c1", "{\"user_id\":3}"));
    hub_double_store_some(world, 3); /* it is read: the conflict, the user, the record */
    put_conflict("resolved", body, 2);
    hub_double_store_all(world);
    answer = hub_double_answer(world);
    assert_refused(answer, ERR_ALREADY_RESOLVED, "");
    assert_int_equal(object_notices(world, "3", "assignment"), 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_conflict_is_given_to_somebody_who_is_told),
        T(it_can_be_taken_from_him),
        T(who_may_not_update_gives_it_to_nobody),
        T(it_is_given_to_somebody_who_is_there),
        T(what_is_settled_stays_as_it_is),
        T(a_conflict_about_what_he_may_not_read_is_not_there),
        T(when_it_was_settled_meanwhile_he_is_told_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
