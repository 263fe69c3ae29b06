/* Events of the feeds as lines of activity. */
#include "lib/say_stage.h"
#include "peer/dialect/activity_say.h"

#define WHEN "\"timestamp\":\"2026-02-19T13:30:00.123Z\""
#define WHO "\"userId\":\"3\",\"username\":\"akhan\",\"name\":\"Amir Khan\""

static struct event *make_event(enum event_kind kind, const char *room)
{
    struct event *event = event_new(kind, span_from_str(room));
    event->id = SPAN("ev-1");
    event->time_ms = 1771507800123;
    event->user_id = SPAN("3");
    event->username = SPAN("akhan");
    event->name = SPAN("Amir Khan");
    event->type = type_find(registry, SPAN("work_order"));
    event->entity_id = SPAN("WO-1");
    return event;
}

static struct event *make_change(void)
{
    struct op ops[] = {set_op("status", "\"open\"", "\"completed\""), set_op("cost_estimate", "1", "2"),
                       set_op("materials", "", "7")};
    struct change change = {
        .kind = CHANGE_ACTION, .version = 7, .op_count = 3, .ops = ops, .metadata = SPAN("{\"a_b\":1}")};
    struct event *event = make_event(EVENT_CHANGE, "feed:user:3");
    ops[2].path.depth = 3;
    ops[2].path.steps[1] = SPAN("@m1");
    ops[2].path.steps[2] = SPAN("required");
    event_set_change(event, &change);
    event->change.action = SPAN("complete");
    event->change.event = SPAN("completed");
    event->change.label = SPAN("Pump");
    return event;
}

static struct event *make_object(enum object_kind kind, enum object_verb verb, const char *body)
{
    struct event *event = make_event(EVENT_OBJECT, "activity-feed");
    event->object.kind = kind;
    event->object.verb = verb;
    event->object.body = span_from_str(body);
    return event;
}

static void assert_activity(struct event *event, uint64_t mask, enum object_style style, const char *expected)
{
    struct buf text = BUF_EMPTY;
    activity_say(&text, event, mask, style);
    buf_append_char(&text, '\0');
    assert_string_equal(text.data, expected);
    buf_deinit(&text);
    event_unref(event);
}

static void a_change_is_an_activity_in_a_feed_and_only_there(void **state)
{
    static const char *const feeds[] = {"activity-feed", "feed:user:3", "feed:customer:CUST-0001"};
    static const char *const others[] = {"work_order:WO-1", "records", "activity-feed-2", "feed"};
    (void)state;
    for (size_t i = 0; i < sizeof feeds / sizeof *feeds; i++) {
        struct event *event = make_event(EVENT_CHANGE, feeds[i]);
        assert_true(activity_is_meant(event));
        event_unref(event);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct event *event = make_event(EVENT_CHANGE, others[i]);
        assert_false(activity_is_meant(event));
        event_unref(event);
    }
    struct event *event = make_event(EVENT_USER_JOINED, "activity-feed");
    assert_false(activity_is_meant(event));
    event_unref(event);
}

static void a_change_says_who_did_what_with_which_fields(void **state)
{
    (void)state;
    assert_activity(make_change(), UINT64_MAX, OBJECT_CAMEL,
                    "{\"id\":\"ev-1\"," WHO
                    ",\"action\":\"completed\",\"entity\":{\"type\":\"work_order\",\"id\":\"WO-1\",\"name\":\"Pump\"},"
                    "\"changes\":[{\"field\":\"status\",\"before\":\"open\",\"after\":\"completed\"},"
                    "{\"field\":\"cost_estimate\",\"before\":1,\"after\":2},"
                    "{\"field\":\"materials.@m1.required\",\"before\":null,\"after\":7}],"
                    "\"version\":7,\"metadata\":{\"a_b\":1}," WHEN "}");
}

static void what_may_not_be_read_is_not_in_it(void **state)
{
    (void)state;
    assert_activity(
        make_change(), all_but("work_order", "cost_estimate") & all_but("work_order", "title"), OBJECT_SNAKE,
        "{\"id\":\"ev-1\",\"user_id\":3,\"username\":\"akhan\",\"name\":\"Amir Khan\",\"action\":\"completed\","
        "\"entity\":{\"type\":\"work_order\",\"id\":\"WO-1\",\"name\":\"WO-1\"},"
        "\"changes\":[{\"field\":\"status\",\"before\":\"open\",\"after\":\"completed\"},"
        "{\"field\":\"materials.@m1.required\",\"before\":null,\"after\":7}],"
        "\"version\":7,\"metadata\":{\"a_b\":1}," WHEN "}");
}

static void a_comment_is_commenting_and_goes_along(void **state)
{
    (void)state;
    assert_activity(
        make_object(OBJECT_COMMENT, OBJECT_ADD,
                    "{\"id\":\"c1\",\"parent_id\":\"c0\",\"text\":\"t\",\"entity_name\":\"Pump\"}"),
        UINT64_MAX, OBJECT_CAMEL,
        "{\"id\":\"ev-1\"," WHO
        ",\"action\":\"commented\",\"entity\":{\"type\":\"work_order\",\"id\":\"WO-1\",\"name\":\"Pump\"},"
        "\"comment\":{\"id\":\"c1\",\"parentId\":\"c0\",\"text\":\"t\",\"entityName\":\"Pump\",\"resolved\":false}," WHEN
        "}");
}

static void an_activity_of_the_applications_own_says_what_it_is(void **state)
{
    (void)state;
    assert_activity(make_object(OBJECT_ACTIVITY, OBJECT_ADD,
                                "{\"action\":\"viewed\",\"metadata\":{\"a_b\":1},\"entity_name\":\"Pump\"}"),
                    all_but("work_order", "title"), OBJECT_CAMEL,
                    "{\"id\":\"ev-1\"," WHO
                    ",\"action\":\"viewed\",\"entity\":{\"type\":\"work_order\",\"id\":\"WO-1\",\"name\":\"WO-1\"},"
                    "\"metadata\":{\"a_b\":1}," WHEN "}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_an_activity_in_a_feed_and_only_there),
        cmocka_unit_test(a_change_says_who_did_what_with_which_fields),
        cmocka_unit_test(what_may_not_be_read_is_not_in_it),
        cmocka_unit_test(a_comment_is_commenting_and_goes_along),
        cmocka_unit_test(an_activity_of_the_applications_own_says_what_it_is),
    };
    return cmocka_run_group_tests(tests, type_stage_set_up, type_stage_tear_down);
}
