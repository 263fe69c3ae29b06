/* What the projects vocabulary says of each event. */
#include "lib/say_stage.h"
#include "peer/dialect/dialect_projects.h"

#define WHEN "\"timestamp\":\"2026-02-19T13:30:00.123Z\""

static struct event *make_event(enum event_kind kind, const char *room, const char *type, const char *id)
{
    struct event *event = event_new(kind, span_from_str(room));
    event->time_ms = 1771507800123;
    event->user_id = SPAN("3");
    event->username = SPAN("akhan");
    event->type = type ? type_find(registry, span_from_str(type)) : NULL;
    event->entity_id = span_from_str(id);
    return event;
}

static struct event *make_change(const char *room, const char *type, const char *id, struct op *ops, uint32_t count,
                                 const char *context)
{
    struct event *event = make_event(EVENT_CHANGE, room, type, id);
    struct change change = {.kind = CHANGE_UPDATE, .version = 7, .op_count = count, .ops = ops};
    event_set_change(event, &change);
    event->change.action = SPAN("update");
    event->change.event = SPAN("updated");
    event->change.context = span_from_str(context);
    return event;
}

#define CONTEXT "{\"division\":\"DIV-1\",\"hours\":30,\"capacity\":40}"
#define CAPACITY(utilization, hours)                                                                         \
    "[\"capacity:updated\",{\"division\":\"DIV-1\",\"employeeId\":\"EMP-1\",\"newUtilization\":" utilization \
    ",\"hours\":" hours ",\"capacity\":40,\"updatedBy\":\"3\",\"username\":\"akhan\",\"version\":7," WHEN "}]"

static void hours_are_told_with_what_comes_of_them(void **state)
{
    struct op op = set_op("hours", "0", "30");
    (void)state;
    assert_said(projects_say, make_change("employee-updates", "employee", "EMP-1", &op, 1, CONTEXT), ALL_FIELDS,
                CAPACITY("75", "30"));
}

static void hours_that_may_not_be_read_tell_no_utilization(void **state)
{
    struct op op = set_op("division", "0", "\"DIV-1\"");
    uint64_t hidden = UINT64_C(1) << type_field(type_find(registry, SPAN("employee")), SPAN("hours"))->index;
    (void)state;
    assert_said(projects_say, make_change("employee-updates", "employee", "EMP-1", &op, 1, CONTEXT), ~hidden,
                CAPACITY("null", "null"));
}

static void other_fields_of_employees_are_not_about_capacity(void **state)
{
    struct op op = set_op("notes", "0", "\"x\"");
    (void)state;
    assert_said(projects_say, make_change("employee-updates", "employee", "EMP-1", &op, 1, CONTEXT), ALL_FIELDS, NULL);
}

static void capacity_is_told_once_on_the_channel(void **state)
{
    struct op op = set_op("hours", "0", "30");
    (void)state;
    assert_said(projects_say, make_change("employee:EMP-1", "employee", "EMP-1", &op, 1, CONTEXT), ALL_FIELDS, NULL);
}

static void what_was_stored_tells_the_same_when_it_is_replayed(void **state)
{
    struct op op = set_op("hours", "0", "30");
    struct event *event = make_change("employee-updates", "employee", "EMP-1", &op, 1, CONTEXT), *again;
    struct buf body = BUF_EMPTY;
    (void)state;
    event->change.change->user_id = SPAN("3");
    event_print(&body, event);
    assert_int_equal(event_read(buf_span(&body), event->room, event->position, registry, &again), OK);
    buf_deinit(&body);
    event_unref(event);
    assert_said(projects_say, again, ALL_FIELDS, CAPACITY("75", "30"));
}

static void nobody_divides_by_nothing(void **state)
{
    struct buf text = BUF_EMPTY;
    (void)state;
    buf_append_char(&text, '{');
    projects_write_capacity(&text, type_find(registry, SPAN("employee")), SPAN("E"),
                            SPAN("{\"hours\":10,\"capacity\":0}"), ALL_FIELDS);
    buf_append_char(&text, '\0');
    assert_string_equal(text.data,
                        "{\"division\":null,\"employeeId\":\"E\",\"newUtilization\":null,\"hours\":10,\"capacity\":0");
    buf_deinit(&text);
}

static void a_project_is_told_by_field_in_its_room(void **state)
{
    struct op ops[] = {set_op("name", "0", "\"Bridge\""), set_op("progress", "0", "5")};
    (void)state;
    assert_said(
        projects_say, make_change("project:P", "project", "P", ops, 1, NULL), ALL_FIELDS,
        "[\"project:updated\",{\"projectId\":\"P\",\"field\":\"name\",\"newValue\":\"Bridge\",\"action\":\"update\","
        "\"updatedBy\":\"3\",\"username\":\"akhan\",\"version\":7," WHEN "}]");
    assert_said(
        projects_say, make_change("project:P", "project", "P", ops, 2, NULL), ALL_FIELDS,
        "[\"project:updated\",{\"projectId\":\"P\",\"field\":\"name\",\"newValue\":\"Bridge\",\"changes\":["
        "{\"field\":\"name\",\"newValue\":\"Bridge\"},{\"field\":\"progress\",\"newValue\":5}],\"action\":\"update\","
        "\"updatedBy\":\"3\",\"username\":\"akhan\",\"version\":7," WHEN "}]");
    assert_said(projects_say, make_change("project-updates", "project", "P", ops, 1, NULL), ALL_FIELDS, NULL);
}

static void what_may_not_be_read_is_not_told(void **state)
{
    struct op op = set_op("name", "0", "\"Bridge\"");
    (void)state;
    assert_said(projects_say, make_change("project:P", "project", "P", &op, 1, NULL), 0, NULL);
}

static struct event *make_presence(enum event_kind kind, const char *room, const char *type, const char *id,
                                   enum status status)
{
    struct event *event = make_event(kind, room, type, id);
    event->presence = (struct presence){.user_id = SPAN("5"),
                                        .username = SPAN("jsmith"),
                                        .color = SPAN("#FF6B6B"),
                                        .status = status,
                                        .intent = INTENT_EDITING};
    return event;
}

static void away_is_idle(void **state)
{
    (void)state;
    assert_said(
        projects_say, make_presence(EVENT_PRESENCE, ROOM_PRESENCE, NULL, NULL, STATUS_AWAY), ALL_FIELDS,
        "[\"presence:change\",{\"userId\":\"5\",\"username\":\"jsmith\",\"color\":\"#FF6B6B\",\"status\":\"idle\"}]");
}

static void who_leaves_a_project_is_offline_there(void **state)
{
    (void)state;
    assert_said(
        projects_say, make_presence(EVENT_PRESENCE, "project:P", "project", "P", STATUS_ONLINE), ALL_FIELDS,
        "[\"presence:change\",{\"userId\":\"5\",\"username\":\"jsmith\",\"color\":\"#FF6B6B\",\"status\":\"online\","
        "\"projectId\":\"P\",\"action\":\"editing\"}]");
    assert_said(
        projects_say, make_presence(EVENT_USER_LEFT, "project:P", "project", "P", STATUS_OFFLINE), ALL_FIELDS,
        "[\"presence:change\",{\"userId\":\"5\",\"username\":\"jsmith\",\"color\":\"#FF6B6B\",\"status\":\"offline\","
        "\"projectId\":\"P\",\"action\":null}]");
}

static void what_people_do_on_other_records_is_nobodys_status(void **state)
{
    (void)state;
    assert_said(projects_say, make_presence(EVENT_PRESENCE, ROOM_PRESENCE, "work_order", "W", STATUS_ONLINE),
                ALL_FIELDS, NULL);
}

static void typing_starts_and_stops(void **state)
{
    struct event *event = make_event(EVENT_TYPING, "project:P", "project", "P");
    (void)state;
    event->typing.field = SPAN("notes");
    event->typing.is_typing = true;
    assert_said(projects_say, event_ref(event), ALL_FIELDS,
                "[\"typing:start\",{\"projectId\":\"P\",\"userId\":\"3\",\"username\":\"akhan\",\"field\":\"notes\"}]");
    event->typing.is_typing = false;
    assert_said(projects_say, event, ALL_FIELDS,
                "[\"typing:stop\",{\"projectId\":\"P\",\"userId\":\"3\",\"username\":\"akhan\",\"field\":\"notes\"}]");
}

static void an_alert_is_told_in_the_alerts_room_alone(void **state)
{
    struct event *event = make_event(EVENT_ALERT, ROOM_ALERTS, "project", "P");
    (void)state;
    event->id = SPAN("a1");
    event->alert.rule = SPAN("over_budget");
    event->alert.priority = SPAN("high");
    event->alert.title = SPAN("T");
    event->alert.message = SPAN("M");
    event->alert.value = 2;
    event->alert.limit = 1.5;
    assert_said(projects_say, event, ALL_FIELDS,
                "[\"alert:new\",{\"id\":\"a1\",\"entityType\":\"project\",\"entityId\":\"P\",\"rule\":\"over_budget\","
                "\"priority\":\"high\",\"title\":\"T\",\"message\":\"M\",\"value\":2,\"limit\":1.5," WHEN "}]");
    assert_said(projects_say, make_event(EVENT_ALERT, "project:P", "project", "P"), ALL_FIELDS, NULL);
    assert_said(projects_say, make_event(EVENT_ALERT, ROOM_RECORDS, "project", "P"), ALL_FIELDS, NULL);
}

static void an_alert_that_was_stored_is_told_when_it_is_replayed(void **state)
{
    struct event *event = make_event(EVENT_ALERT, ROOM_ALERTS, "project", "P"), *again;
    struct buf body = BUF_EMPTY;
    (void)state;
    event->id = SPAN("a1");
    event->alert.title = SPAN("T");
    event->alert.value = 2;
    event_print(&body, event);
    assert_int_equal(event_read(buf_span(&body), event->room, event->position, registry, &again), OK);
    buf_deinit(&body);
    event_unref(event);
    assert_said(projects_say, again, ALL_FIELDS,
                "[\"alert:new\",{\"id\":\"a1\",\"entityType\":\"project\",\"entityId\":\"P\",\"rule\":\"\","
                "\"priority\":\"\",\"title\":\"T\",\"message\":\"\",\"value\":2,\"limit\":0," WHEN "}]");
}

static void there_are_no_words_for_cursors(void **state)
{
    (void)state;
    assert_said(projects_say, make_event(EVENT_CURSOR, "project:P", "project", "P"), ALL_FIELDS, NULL);
}

/* ---- what is kept for somebody ---- */

static struct event *make_object(const char *room, const char *type, enum object_kind kind, enum object_verb verb,
                                 const char *body)
{
    struct event *event = make_event(EVENT_OBJECT, room, type, "P");
    event->object.kind = kind;
    event->object.verb = verb;
    event->object.body = span_from_str(body);
    return event;
}

#define MESSAGE \
    "{\"id\":\"m1\",\"user_id\":\"3\",\"username\":\"akhan\",\"to_user_id\":\"5\",\"text\":\"t\",\"data\":{\"a_b\":1},\"created_at\":\"x\"}"
#define MESSAGE_SAID "\"id\":\"m1\",\"userId\":\"3\",\"username\":\"akhan\",\"to\":\"5\","

static void a_message_is_told_to_whom_it_is_for(void **state)
{
    (void)state;
    assert_said(projects_say, make_object("user:5", NULL, OBJECT_MESSAGE, OBJECT_ADD, MESSAGE), ALL_FIELDS,
                "[\"message:new\",{" MESSAGE_SAID "\"text\":\"t\",\"data\":{\"a_b\":1},\"timestamp\":\"x\"}]");
    assert_said(projects_say, make_object("project:P", "project", OBJECT_MESSAGE, OBJECT_ADD, MESSAGE), ALL_FIELDS,
                "[\"message:new\",{" MESSAGE_SAID
                "\"projectId\":\"P\",\"text\":\"t\",\"data\":{\"a_b\":1},\"timestamp\":\"x\"}]");
    assert_said(projects_say, make_object("coffee", NULL, OBJECT_MESSAGE, OBJECT_ADD, MESSAGE), ALL_FIELDS, NULL);
}

static void a_notification_is_an_alert_to_whose_it_is(void **state)
{
    (void)state;
    assert_said(
        projects_say,
        make_object("user:5", "project", OBJECT_NOTIFICATION, OBJECT_ADD,
                    "{\"id\":\"n1\",\"type\":\"mention\",\"entity_id\":\"P\",\"state\":\"unread\"}"),
        ALL_FIELDS,
        "[\"alert:new\",{\"id\":\"n1\",\"type\":\"mention\",\"entityId\":\"P\",\"state\":\"unread\",\"read\":false," WHEN
        "}]");
}

static void what_is_heard_elsewhere_anyhow_is_no_alert(void **state)
{
    (void)state;
    assert_said(projects_say, make_object("user:5", NULL, OBJECT_NOTIFICATION, OBJECT_ADD, "{\"type\":\"alert\"}"),
                ALL_FIELDS, NULL);
    assert_said(projects_say, make_object("user:5", NULL, OBJECT_NOTIFICATION, OBJECT_ADD, "{\"type\":\"message\"}"),
                ALL_FIELDS, NULL);
    assert_said(projects_say,
                make_object("notifications", NULL, OBJECT_NOTIFICATION, OBJECT_ADD, "{\"type\":\"info\"}"), ALL_FIELDS,
                NULL);
    assert_said(projects_say, make_object("user:5", NULL, OBJECT_NOTIFICATION, OBJECT_READ, "{\"type\":\"info\"}"),
                ALL_FIELDS, NULL);
}

static void there_are_no_words_for_locks_and_comments(void **state)
{
    (void)state;
    assert_said(projects_say, make_object("project:P", "project", OBJECT_LOCK, OBJECT_ADD, "{}"), ALL_FIELDS, NULL);
    assert_said(projects_say, make_object("project:P", "project", OBJECT_COMMENT, OBJECT_ADD, "{}"), ALL_FIELDS, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hours_are_told_with_what_comes_of_them),
        cmocka_unit_test(hours_that_may_not_be_read_tell_no_utilization),
        cmocka_unit_test(other_fields_of_employees_are_not_about_capacity),
        cmocka_unit_test(capacity_is_told_once_on_the_channel),
        cmocka_unit_test(what_was_stored_tells_the_same_when_it_is_replayed),
        cmocka_unit_test(nobody_divides_by_nothing),
        cmocka_unit_test(a_project_is_told_by_field_in_its_room),
        cmocka_unit_test(what_may_not_be_read_is_not_told),
        cmocka_unit_test(away_is_idle),
        cmocka_unit_test(who_leaves_a_project_is_offline_there),
        cmocka_unit_test(what_people_do_on_other_records_is_nobodys_status),
        cmocka_unit_test(typing_starts_and_stops),
        cmocka_unit_test(an_alert_is_told_in_the_alerts_room_alone),
        cmocka_unit_test(an_alert_that_was_stored_is_told_when_it_is_replayed),
        cmocka_unit_test(there_are_no_words_for_cursors),
        cmocka_unit_test(a_message_is_told_to_whom_it_is_for),
        cmocka_unit_test(a_notification_is_an_alert_to_whose_it_is),
        cmocka_unit_test(what_is_heard_elsewhere_anyhow_is_no_alert),
        cmocka_unit_test(there_are_no_words_for_locks_and_comments),
    };
    return cmocka_run_group_tests(tests, type_stage_set_up, type_stage_tear_down);
}
