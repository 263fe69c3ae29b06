#include "collab/keep/notice.h"
#include "lib/object_double.h"

#include <string.h>

/* ---- builders ---- */

static bool add(const struct notice *notice, const char *preferences)
{
    struct store_request *request = store_request_new(STORE_COMMIT);
    const bool is_added = notice_add(world->hub, request, notice, SPAN("3"), span_from_str(preferences));

    assert_int_equal(request->commit.object_count, is_added ? 1 : 0);
    assert_int_equal(request->commit.event_count, is_added ? 1 : 0);
    store_request_free(request);
    return is_added;
}

/* ---- preferences ---- */

static void by_default_there_is_a_toast_and_a_badge(void **state)
{
    const struct notice_ways ways = notice_ways_of(SPAN_EMPTY, SPAN("mention"), SPAN("normal"));

    (void)state;
    assert_true(ways.is_on && ways.toast && ways.badge);
    assert_false(ways.sound || ways.desktop);
}

static void what_is_urgent_is_heard_and_seen_on_the_desktop(void **state)
{
    const struct notice_ways ways = notice_ways_of(SPAN_EMPTY, SPAN("alert"), SPAN("urgent"));

    (void)state;
    assert_true(ways.is_on && ways.toast && ways.badge && ways.sound && ways.desktop);
}

static void what_is_said_of_a_type_counts_before_what_is_said_of_all(void **state)
{
    const struct span preferences = SPAN("{\"types\":{\"mention\":{\"sound\":true,\"toast\":true}},"
                                         "\"default\":{\"toast\":false,\"sound\":false}}");
    const struct notice_ways mention = notice_ways_of(preferences, SPAN("mention"), SPAN("normal"));
    const struct notice_ways alert = notice_ways_of(preferences, SPAN("alert"), SPAN("urgent"));

    (void)state;
    assert_true(mention.toast && mention.sound && mention.badge);
    assert_false(alert.toast || alert.sound);
    assert_true(alert.desktop);
}

static void what_he_does_not_want_he_is_not_told(void **state)
{
    const struct notice notice = {.type = SPAN("mention"), .title = SPAN("x")};

    (void)state;
    assert_true(add(&notice, ""));
    assert_true(add(&notice, "{\"types\":{\"alert\":{\"on\":false}}}"));
    assert_false(add(&notice, "{\"types\":{\"mention\":{\"on\":false}}}"));
    assert_false(add(&notice, "{\"default\":{\"on\":false}}"));
    assert_true(add(&notice, "{\"default\":{\"on\":false},\"types\":{\"mention\":{\"on\":true}}}"));
    assert_true(add(&notice, "damaged"));
}

static void nobody_is_told_of_what_he_did_himself(void **state)
{
    struct notice notice = {.type = SPAN("mention"), .title = SPAN("x")};

    (void)state;
    notice.from_user_id = SPAN("3");
    assert_false(add(&notice, ""));
    notice.from_user_id = SPAN("2");
    assert_true(add(&notice, ""));
}

/* ---- what is added ---- */

static void a_notice_is_an_object_in_his_inbox_and_an_event_in_his_room(void **state)
{
    const struct notice notice = {.type = SPAN("alert"),
                                  .title = SPAN("Low"),
                                  .message = SPAN("2 left"),
                                  .priority = SPAN("urgent"),
                                  .data = SPAN("{\"rule\":\"low\"}"),
                                  .actions = SPAN("[{\"label\":\"Open\"}]"),
                                  .about = type_find(world->registry, SPAN("order")),
                                  .entity_id = SPAN("O-1"),
                                  .entity_name = SPAN("Pump"),
                                  .from_user_id = SPAN("2"),
                                  .from_username = SPAN("maria"),
                                  .from_name = SPAN("Maria"),
                                  .shown = 5};
    struct store_request *request = store_request_new(STORE_COMMIT);
    const struct object *object;
    const struct event *event;

    (void)state;
    assert_true(notice_add(world->hub, request, &notice, SPAN("3"), SPAN_EMPTY));
    object = &request->commit.objects[0];
    assert_int_equal(object->kind, OBJECT_NOTIFICATION);
    assert_true(span_is(object->room, "user:3") && span_is(object->owner, "3") && span_is(object->state, "unread"));
    assert_int_equal(object->revision, 1);
    assert_string_equal(member_of(object->body, "title"), "Low");
    assert_string_equal(member_of(object->body, "message"), "2 left");
    assert_string_equal(member_of(object->body, "priority"), "urgent");
    assert_string_equal(member_of(object->body, "data.rule"), "low");
    assert_string_equal(member_of(object->body, "actions.0.label"), "Open");
    assert_string_equal(member_of(object->body, "entity_name"), "Pump");
    assert_string_equal(member_of(object->body, "state"), "unread");
    assert_string_equal(member_of(object->body, "to_user_id"), "3");
    assert_string_equal(member_of(object->body, "show.sound"), "true");
    event = request->commit.events[0].event;
    assert_true(span_equal(event->object.body, object->body));
    assert_true(span_is(event->username, "maria"));
    assert_int_equal(event->object.shown, 5);
    assert_true(span_is(request->commit.events[0].rooms[0], "user:3"));
    assert_true(request->commit.events[0].body.len > 0);
    store_request_free(request);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, object_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(by_default_there_is_a_toast_and_a_badge),
        TEST(what_is_urgent_is_heard_and_seen_on_the_desktop),
        TEST(what_is_said_of_a_type_counts_before_what_is_said_of_all),
        TEST(what_he_does_not_want_he_is_not_told),
        TEST(nobody_is_told_of_what_he_did_himself),
        TEST(a_notice_is_an_object_in_his_inbox_and_an_event_in_his_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
