/* What the inventory vocabulary says of each event. */
#include "lib/say_stage.h"
#include "peer/dialect/dialect_inventory.h"

#include <string.h>

static struct event *make_event(enum event_kind kind, const char *room)
{
    struct event *event = event_new(kind, span_from_str(room));
    event->time_ms = 1771507800123;
    event->user_id = SPAN("3");
    event->username = SPAN("akhan");
    event->color = SPAN("#FF6B6B");
    return event;
}

static struct event *make_change(const char *room, struct op *ops, uint32_t count, struct span metadata)
{
    struct event *event = make_event(EVENT_CHANGE, room);
    struct change change = {.kind = CHANGE_UPDATE, .version = 7, .op_count = count, .ops = ops, .metadata = metadata};
    event->type = type_find(registry, SPAN("inventory"));
    event->entity_id = SPAN("SKU-0001");
    event_set_change(event, &change);
    event->change.action = SPAN("update");
    return event;
}

static void who_comes_is_told_whole(void **state)
{
    struct event *event = make_event(EVENT_USER_JOINED, "inventory_management");
    (void)state;
    event->presence = (struct presence){.user_id = SPAN("3"),
                                        .username = SPAN("akhan"),
                                        .color = SPAN("#FF6B6B"),
                                        .session = 255,
                                        .editing_row = SPAN("SKU-1"),
                                        .cursor = SPAN("{\"x\":1}"),
                                        .last_seen_ms = 1771507800123};
    assert_said(
        inventory_say, event, ALL_FIELDS,
        "[\"user_joined\",{\"user_id\":\"3\",\"username\":\"akhan\",\"color\":\"#FF6B6B\",\"cursor_position\":{\"x\":1},"
        "\"editing_row\":\"SKU-1\",\"status\":\"online\",\"last_seen\":\"2026-02-19T13:30:00.123Z\",\"sid\":\"ff\","
        "\"room\":\"inventory_management\"}]");
}

static void the_room_of_all_people_is_not_told(void **state)
{
    (void)state;
    assert_said(inventory_say, make_event(EVENT_USER_LEFT, ROOM_PRESENCE), ALL_FIELDS, NULL);
}

static void a_cursor_has_its_row_or_none(void **state)
{
    struct event *event = make_event(EVENT_CURSOR, "r");
    (void)state;
    event->cursor.data = SPAN("{\"x\":1}");
    assert_said(
        inventory_say, event, ALL_FIELDS,
        "[\"cursor_updated\",{\"user_id\":\"3\",\"username\":\"akhan\",\"color\":\"#FF6B6B\",\"cursor_position\":{\"x\":1},"
        "\"editing_row\":null,\"room\":\"r\"}]");
}

static void a_change_is_told_by_field(void **state)
{
    struct op op = set_op("location", "\"A\"", "\"B\"");
    (void)state;
    assert_said(
        inventory_say, make_change("inventory-updates", &op, 1, SPAN("{\"update_type\":\"recount\"}")), ALL_FIELDS,
        "[\"inventory_changed\",{\"user_id\":\"3\",\"username\":\"akhan\",\"color\":\"#FF6B6B\",\"update_type\":\"recount\","
        "\"sku\":\"SKU-0001\",\"field\":\"location\",\"old_value\":\"A\",\"new_value\":\"B\","
        "\"timestamp\":\"2026-02-19T13:30:00.123Z\",\"version\":7}]");
}

static void several_fields_are_listed(void **state)
{
    struct op ops[] = {set_op("location", NULL, "\"B\""), set_op("unit", "\"each\"", "\"box\"")};
    (void)state;
    assert_said(
        inventory_say, make_change("inventory-updates", ops, 2, SPAN_EMPTY), ALL_FIELDS,
        "[\"inventory_changed\",{\"user_id\":\"3\",\"username\":\"akhan\",\"color\":\"#FF6B6B\",\"update_type\":\"edit\","
        "\"sku\":\"SKU-0001\",\"field\":\"location\",\"old_value\":null,\"new_value\":\"B\",\"changes\":["
        "{\"field\":\"location\",\"old_value\":null,\"new_value\":\"B\"},"
        "{\"field\":\"unit\",\"old_value\":\"each\",\"new_value\":\"box\"}],"
        "\"timestamp\":\"2026-02-19T13:30:00.123Z\",\"version\":7}]");
}

static void fields_that_may_not_be_read_are_not_told(void **state)
{
    struct op ops[] = {set_op("unit_cost", "1", "2"), set_op("location", "\"A\"", "\"B\"")};
    uint64_t hidden = UINT64_C(1) << type_field(type_find(registry, SPAN("inventory")), SPAN("unit_cost"))->index;
    (void)state;
    assert_said(
        inventory_say, make_change("inventory-updates", ops, 2, SPAN_EMPTY), ~hidden,
        "[\"inventory_changed\",{\"user_id\":\"3\",\"username\":\"akhan\",\"color\":\"#FF6B6B\",\"update_type\":\"edit\","
        "\"sku\":\"SKU-0001\",\"field\":\"location\",\"old_value\":\"A\",\"new_value\":\"B\","
        "\"timestamp\":\"2026-02-19T13:30:00.123Z\",\"version\":7}]");
    assert_said(inventory_say, make_change("inventory-updates", ops, 1, SPAN_EMPTY), ~hidden, NULL);
}

static void a_change_is_told_on_the_channel_alone(void **state)
{
    struct op op = set_op("location", "\"A\"", "\"B\"");
    (void)state;
    assert_said(inventory_say, make_change("inventory:SKU-0001", &op, 1, SPAN_EMPTY), ALL_FIELDS, NULL);
}

static struct event *make_message(const char *name, const char *data)
{
    struct event *event = make_event(EVENT_MESSAGE, "r");
    event->message.name = span_from_str(name);
    event->message.data = span_from_str(data);
    return event;
}

static void messages_have_the_names_that_people_gave_them(void **state)
{
    (void)state;
    assert_said(inventory_say, make_message("hello", "[1,null]"), ALL_FIELDS, "[\"hello\",[1,null]]");
    assert_said(inventory_say, make_message("say \"hi\"", "{}"), ALL_FIELDS, "[\"say \\\"hi\\\"\",{}]");
}

static void messages_cannot_pass_for_the_servers_events(void **state)
{
    static const char *const names[] = {"user_left",     "room_joined", "disconnect",
                                        "connect_error", "error",       "connection_established"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct buf expected = BUF_EMPTY;
        buf_printf(&expected,
                   "[\"message\",{\"room\":\"r\",\"event\":\"%s\",\"user_id\":\"3\",\"username\":\"akhan\",\"data\":1,"
                   "\"timestamp\":\"2026-02-19T13:30:00.123Z\"}]",
                   names[i]);
        buf_append_char(&expected, '\0');
        assert_said(inventory_say, make_message(names[i], "1"), ALL_FIELDS, expected.data);
        buf_deinit(&expected);
    }
}

static void an_announcement_is_of_who_announced_it(void **state)
{
    (void)state;
    assert_said(
        inventory_say,
        make_message("inventory_changed",
                     "{\"user_id\":\"1\",\"username\":\"admin\",\"sku\":\"S\",\"field\":\"f\",\"new_value\":[2]}"),
        ALL_FIELDS,
        "[\"inventory_changed\",{\"user_id\":\"3\",\"username\":\"akhan\",\"color\":\"#FF6B6B\",\"update_type\":null,\"sku\":\"S\","
        "\"field\":\"f\",\"old_value\":null,\"new_value\":[2],\"timestamp\":\"2026-02-19T13:30:00.123Z\"}]");
}

static void the_list_of_people_names_the_asker_by_his_socket(void **state)
{
    struct presence people[] = {
        {.user_id = SPAN("2"), .username = SPAN("mgarcia"), .color = SPAN("#4ECDC4"), .session = 16},
        {.user_id = SPAN("3"), .username = SPAN("akhan"), .color = SPAN("#FF6B6B"), .session = 17},
    };
    struct answer answer = {.room = SPAN("r"), .presence_count = 2, .people_count = 2, .presences = people};
    struct inventory_asker asker = {SPAN("3"), SPAN("akhan"), SPAN("socket-1")};
    struct buf text = BUF_EMPTY;
    (void)state;
    buf_append_char(&text, '{');
    inventory_write_room(&text, &answer, &asker, true);
    BUF_APPEND_LITERAL(&text, "}\0");
    assert_non_null(strstr(text.data, "\"sid\":\"10\"}"));
    assert_null(strstr(text.data, "\"sid\":\"11\"}"));
    assert_non_null(strstr(
        text.data,
        "],\"count\":2,\"user\":{\"user_id\":\"3\",\"username\":\"akhan\",\"color\":\"#FF6B6B\",\"sid\":\"socket-1\"}}"));
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_comes_is_told_whole),
        cmocka_unit_test(the_room_of_all_people_is_not_told),
        cmocka_unit_test(a_cursor_has_its_row_or_none),
        cmocka_unit_test(a_change_is_told_by_field),
        cmocka_unit_test(several_fields_are_listed),
        cmocka_unit_test(fields_that_may_not_be_read_are_not_told),
        cmocka_unit_test(a_change_is_told_on_the_channel_alone),
        cmocka_unit_test(messages_have_the_names_that_people_gave_them),
        cmocka_unit_test(messages_cannot_pass_for_the_servers_events),
        cmocka_unit_test(an_announcement_is_of_who_announced_it),
        cmocka_unit_test(the_list_of_people_names_the_asker_by_his_socket),
    };
    return cmocka_run_group_tests(tests, type_stage_set_up, type_stage_tear_down);
}
