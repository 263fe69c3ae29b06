/* What the native dialect says of events and answers. */
#include "lib/say_stage.h"
#include "peer/dialect/dialect_native.h"

#include <string.h>

#define WHEN "\"timestamp\":\"2026-02-19T13:30:00.123Z\""
#define POSITION "\"position\":{\"epoch\":8,\"offset\":9}"

static struct op make_op(enum op_kind kind, const char *field, const char *value, const char *before, const char *after)
{
    struct op op = {
        .kind = kind, .value = span_from_str(value), .before = span_from_str(before), .after = span_from_str(after)};
    op.path.depth = 1;
    op.path.steps[0] = span_from_str(field);
    return op;
}

static struct change make_change(struct op *ops, uint32_t count)
{
    return (struct change){.kind = CHANGE_UPDATE,
                           .id = SPAN("c1"),
                           .entity_id = SPAN("WO-1"),
                           .version = 7,
                           .user_id = SPAN("3"),
                           .username = SPAN("akhan"),
                           .time_ms = 1771507800123,
                           .op_count = count,
                           .ops = ops};
}

/* ---- events ---- */

static struct event *make_event(enum event_kind kind, const char *room, const char *type)
{
    struct event *event = event_new(kind, span_from_str(room));
    event->id = SPAN("ev-1");
    event->time_ms = 1771507800123;
    event->user_id = SPAN("3");
    event->username = SPAN("akhan");
    event->position = (struct position){8, 9};
    event->type = type ? type_find(registry, span_from_str(type)) : NULL;
    event->entity_id = SPAN("WO-1");
    return event;
}

static struct event *make_object(enum object_kind kind, enum object_verb verb, const char *room, const char *body)
{
    struct event *event = make_event(EVENT_OBJECT, room, "work_order");
    event->object.kind = kind;
    event->object.verb = verb;
    event->object.body = span_from_str(body);
    return event;
}

#define TAIL WHEN ",\"userId\":\"3\",\"messageId\":\"ev-1\",\"epoch\":8,\"offset\":9}"

static void an_object_is_said_under_its_kinds_name_with_what_happened(void **state)
{
    (void)state;
    assert_said(
        native_say, make_object(OBJECT_LOCK, OBJECT_HAND_OVER, "edit-locks", "{\"locked_by\":\"5\"}"), ALL_FIELDS,
        "{\"type\":\"lock\",\"channel\":\"edit-locks\",\"payload\":{\"event\":\"handed_over\",\"lockedBy\":\"5\","
        "\"renewable\":true}," TAIL);
    assert_said(
        native_say, make_object(OBJECT_COMMENT, OBJECT_RESOLVE, "work_order:WO-1", "{\"state\":\"resolved\"}"),
        ALL_FIELDS,
        "{\"type\":\"comment\",\"channel\":\"work_order:WO-1\",\"payload\":{\"event\":\"resolved\",\"state\":\"resolved\","
        "\"resolved\":true}," TAIL);
    assert_said(native_say, make_object(OBJECT_MESSAGE, OBJECT_ADD, "user:3", "{\"text\":\"t\"}"), ALL_FIELDS,
                "{\"type\":\"chat\",\"channel\":\"user:3\",\"payload\":{\"event\":\"sent\",\"text\":\"t\"}," TAIL);
}

static void in_a_feed_everything_is_an_activity(void **state)
{
    struct op op = make_op(OP_SET, "status", "1", "0", "1");
    struct change change = make_change(&op, 1);
    struct event *event = make_event(EVENT_CHANGE, "activity-feed", "work_order");
    (void)state;
    event_set_change(event, &change);
    event->change.event = SPAN("updated");
    event->change.label = SPAN("Pump");
    assert_said(
        native_say, event, ALL_FIELDS,
        "{\"type\":\"activity\",\"channel\":\"activity-feed\",\"payload\":{\"id\":\"ev-1\",\"userId\":\"3\","
        "\"username\":\"akhan\",\"name\":\"\",\"action\":\"updated\",\"entity\":{\"type\":\"work_order\",\"id\":\"WO-1\","
        "\"name\":\"Pump\"},\"changes\":[{\"field\":\"status\",\"before\":0,\"after\":1}],\"version\":7," WHEN
        "}," TAIL);
}

static void a_change_tells_what_it_takes_back_and_what_it_overrode(void **state)
{
    struct op op = make_op(OP_SET, "status", "1", "0", "1");
    struct superseded lost[] = {
        {.path = make_op(OP_SET, "cost_estimate", "", "", "").path, .value = SPAN("5"), .by_version = 7},
        {.path = op.path, .value = SPAN("\"x\""), .by_version = 6}};
    struct change change = make_change(&op, 1);
    struct event *event = make_event(EVENT_CHANGE, "records", "work_order");
    (void)state;
    change.undo_of = 5;
    change.group = SPAN("g");
    change.superseded = lost;
    change.superseded_count = 2;
    event_set_change(event, &change);
    /* who makes the event copies this too; it is said of whatever is in it */
    event->change.change->undo_of = 5;
    event->change.change->group = SPAN("g");
    event->change.change->superseded = lost;
    event->change.change->superseded_count = 2;
    event->change.action = SPAN("update");
    event->change.label = SPAN("Pump");
    assert_said(
        native_say, event, all_but("work_order", "cost_estimate"),
        "{\"type\":\"update\",\"channel\":\"records\",\"payload\":{\"id\":\"c1\",\"entityType\":\"work_order\",\"entityId\":"
        "\"WO-1\",\"action\":\"update\",\"operation\":\"update\",\"path\":\"/status\",\"before\":0,\"after\":1,\"ops\":[{"
        "\"operation\":\"update\",\"path\":\"/status\",\"before\":0,\"after\":1}],\"version\":7,\"userId\":\"3\",\"username\":"
        "\"akhan\"," WHEN
        ",\"resolved\":true,\"undoOf\":5,\"group\":\"g\",\"superseded\":[{\"path\":\"/status\",\"value\":"
        "\"x\",\"byVersion\":6}],\"label\":\"Pump\"}," TAIL);
}

static void increments_and_text_edits_say_what_was_meant(void **state)
{
    struct op ops[] = {make_op(OP_INC, "quantity", "2", "5", "7"),
                       make_op(OP_TXT, "notes", "[1,\"x\"]", "\"ab\"", "\"axb\"")};
    struct change change = make_change(ops, 2);
    struct event *event = make_event(EVENT_CHANGE, "records", "work_order");
    struct buf text = BUF_EMPTY;
    (void)state;
    event_set_change(event, &change);
    assert_true(native_say(event, ALL_FIELDS, &text));
    buf_append_char(&text, '\0');
    assert_non_null(strstr(
        text.data,
        "\"ops\":[{\"operation\":\"update\",\"path\":\"/quantity\",\"before\":5,\"after\":7,\"op\":\"inc\",\"n\":2},"
        "{\"operation\":\"update\",\"path\":\"/notes\",\"before\":\"ab\",\"after\":\"axb\",\"op\":\"txt\","
        "\"value\":[1,\"x\"]}]"));
    buf_deinit(&text);
    event_unref(event);
}

/* ---- answers ---- */

/* An answer to a command of a kind about a work order. */
static struct answer *make_answer(enum command_kind kind, enum err err)
{
    struct command command = {.kind = kind, .room = SPAN("work_order:WO-1")};
    struct answer *answer = answer_new(&command, err);
    answer->room = SPAN("work_order:WO-1");
    answer->type = type_find(registry, SPAN("work_order"));
    answer->entity_id = SPAN("WO-1");
    answer->position = (struct position){8, 9};
    answer->version = 7;
    return answer;
}

static void give_object(struct answer *answer, enum object_kind kind, const char *body)
{
    answer->has_object = true;
    answer->object_kind = kind;
    answer->object = span_from_str(body);
}

static void assert_ack(struct answer *answer, enum native_ask ask, uint64_t mask, const char *payload)
{
    struct buf text = BUF_EMPTY, expected = BUF_EMPTY;
    native_write_ack(&text, SPAN("m"), answer, ask, mask, NULL);
    buf_append_char(&text, '\0');
    buf_printf(&expected, "{\"type\":\"ack\",\"replyTo\":\"m\",\"channel\":\"work_order:WO-1\",\"payload\":%s}",
               payload);
    buf_append_char(&expected, '\0');
    assert_string_equal(text.data, expected.data);
    buf_deinit(&text);
    buf_deinit(&expected);
    answer_free(answer);
}

static void a_merged_change_says_what_is_there_now_and_what_was_lost(void **state)
{
    struct op op = make_op(OP_INC, "quantity", "2", "5", "7");
    struct superseded lost = {
        .path = make_op(OP_SET, "status", "", "", "").path, .value = SPAN("\"x\""), .by_version = 6};
    struct change change = make_change(&op, 1);
    struct answer *answer = make_answer(COMMAND_CHANGE, OK);
    (void)state;
    change.superseded = &lost;
    change.superseded_count = 1;
    answer->change = &change;
    answer->verdict = VERDICT_MERGED;
    answer->strategy = STRATEGY_OPERATIONAL_TRANSFORM;
    assert_ack(
        answer, NATIVE_CHANGE, ALL_FIELDS,
        "{\"id\":\"c1\",\"verdict\":\"merged\",\"version\":7," POSITION
        ",\"strategy\":\"operational-transform\",\"value\":7,"
        "\"superseded\":[{\"path\":\"/status\",\"value\":\"x\",\"byVersion\":6}],"
        "\"change\":{\"id\":\"c1\",\"entityType\":\"work_order\",\"entityId\":\"WO-1\",\"action\":\"update\",\"operation\":"
        "\"update\",\"path\":\"/quantity\",\"before\":5,\"after\":7,\"op\":\"inc\",\"n\":2,\"ops\":[{\"operation\":\"update\","
        "\"path\":\"/quantity\",\"before\":5,\"after\":7,\"op\":\"inc\",\"n\":2}],\"version\":7,\"userId\":\"3\",\"username\":"
        "\"akhan\"," WHEN
        ",\"resolved\":true,\"superseded\":[{\"path\":\"/status\",\"value\":\"x\",\"byVersion\":6}]}}");
}

static void a_value_that_may_not_be_read_is_not_acknowledged(void **state)
{
    struct op op = make_op(OP_SET, "cost_estimate", "2", "5", "7");
    struct superseded lost = {.path = op.path, .value = SPAN("9"), .by_version = 6};
    struct change change = make_change(&op, 1);
    struct answer *answer = make_answer(COMMAND_CHANGE, OK);
    (void)state;
    change.superseded = &lost;
    change.superseded_count = 1;
    answer->change = &change;
    assert_ack(
        answer, NATIVE_CHANGE, all_but("work_order", "cost_estimate"),
        "{\"id\":\"c1\",\"verdict\":\"applied\",\"version\":7," POSITION ",\"strategy\":\"last-write-wins\","
        "\"change\":{\"id\":\"c1\",\"entityType\":\"work_order\",\"entityId\":\"WO-1\",\"action\":\"update\",\"ops\":[],"
        "\"version\":7,\"userId\":\"3\",\"username\":\"akhan\"," WHEN ",\"resolved\":true}}");
}

static struct answer *make_conflict(void)
{
    struct answer *answer = make_answer(COMMAND_CHANGE, OK);
    answer->op_id = SPAN("c9");
    answer->verdict = VERDICT_CONFLICT;
    answer->strategy = STRATEGY_MANUAL;
    give_object(answer, OBJECT_CONFLICT, "{\"id\":\"k1\",\"state\":\"open\",\"base_version\":3}");
    return answer;
}

static void a_parked_change_comes_with_its_conflict(void **state)
{
    struct answer *answer = make_conflict();
    (void)state;
    assert_ack(answer, NATIVE_CHANGE, ALL_FIELDS,
               "{\"id\":\"c9\",\"verdict\":\"conflict\",\"version\":7," POSITION
               ",\"strategy\":\"manual\",\"conflict\":{\"id\":\"k1\","
               "\"state\":\"open\",\"baseVersion\":3,\"resolutionStrategy\":\"manual\",\"resolved\":false}}");
    answer = make_conflict();
    answer->object_shown = ~all_but("work_order", "cost_estimate");
    assert_ack(answer, NATIVE_CHANGE, all_but("work_order", "cost_estimate"),
               "{\"id\":\"c9\",\"verdict\":\"conflict\",\"version\":7," POSITION
               ",\"strategy\":\"manual\",\"conflict\":{\"id\":\"k1\"}}");
}

static void an_undo_says_what_was_left_out(void **state)
{
    struct answer *answer = make_answer(COMMAND_UNDO, OK);
    (void)state;
    answer->skipped_count = 2;
    answer->is_repeat = true;
    assert_ack(answer, NATIVE_CHANGE, ALL_FIELDS,
               "{\"id\":null,\"verdict\":\"applied\",\"version\":7," POSITION
               ",\"strategy\":\"last-write-wins\",\"repeat\":true,\"skipped\":2}");
}

static void an_object_is_acknowledged_under_its_kinds_name(void **state)
{
    struct answer *answer = make_answer(COMMAND_OBJECT, OK);
    (void)state;
    answer->version = 0;
    give_object(answer, OBJECT_LOCK, "{\"locked_by\":\"3\",\"token\":12}");
    assert_ack(answer, NATIVE_OBJECT, ALL_FIELDS,
               "{\"lock\":{\"lockedBy\":\"3\",\"token\":12,\"renewable\":true}," POSITION "}");
    answer = make_answer(COMMAND_OBJECT, OK);
    answer->has_object = true;
    answer->object_kind = OBJECT_LOCK; /* it is released */
    answer->version = 0;
    answer->position.epoch = 0;
    assert_ack(answer, NATIVE_OBJECT, ALL_FIELDS, "{\"lock\":null}");
}

static void assert_error(struct answer *answer, enum native_ask ask, const char *payload)
{
    struct buf text = BUF_EMPTY, expected = BUF_EMPTY;
    struct native_failure failure = native_failure_of(answer, ask);
    native_write_error(&text, SPAN("m"), &failure);
    buf_append_char(&text, '\0');
    buf_printf(&expected, "{\"type\":\"error\",\"replyTo\":\"m\",\"payload\":%s}", payload);
    buf_append_char(&expected, '\0');
    assert_string_equal(text.data, expected.data);
    buf_deinit(&text);
    buf_deinit(&expected);
    answer_free(answer);
}

static void a_refused_change_says_so_and_shows_the_lock_in_the_way(void **state)
{
    struct answer *answer = make_answer(COMMAND_CHANGE, ERR_LOCKED);
    (void)state;
    answer->current_version = 7;
    give_object(answer, OBJECT_LOCK, "{\"locked_by_name\":\"Amir\"}");
    assert_error(answer, NATIVE_CHANGE,
                 "{\"code\":\"locked\",\"message\":\"Somebody else holds the lock.\",\"verdict\":\"rejected\","
                 "\"currentVersion\":7,\"lock\":{\"lockedByName\":\"Amir\",\"renewable\":true}}");
    answer = make_answer(COMMAND_OBJECT, ERR_LOCK_LOST);
    answer->field = SPAN("token");
    assert_error(answer, NATIVE_OBJECT,
                 "{\"code\":\"lock_lost\",\"message\":\"The lock was lost: take it again and look what changed.\","
                 "\"field\":\"token\"}");
}

static void what_was_wrong_is_named_as_the_client_named_it(void **state)
{
    struct answer *answer = make_answer(COMMAND_OBJECT, ERR_NOT_FOUND);
    (void)state;
    answer->field = SPAN("object_id");
    assert_error(answer, NATIVE_COMMENT,
                 "{\"code\":\"not_found\",\"message\":\"There is no such thing.\",\"field\":\"commentId\"}");
    answer = make_answer(COMMAND_OBJECT, ERR_NOT_FOUND);
    answer->field = SPAN("object_id");
    assert_error(answer, NATIVE_OBJECT, "{\"code\":\"not_found\",\"message\":\"There is no such thing.\"}");
    answer = make_answer(COMMAND_OBJECT, ERR_NOT_FOUND);
    answer->field = SPAN("parent_id");
    assert_error(answer, NATIVE_COMMENT,
                 "{\"code\":\"not_found\",\"message\":\"There is no such thing.\",\"field\":\"parentId\"}");
    answer = make_answer(COMMAND_CHANGE, ERR_NOT_FOUND);
    answer->field = SPAN("parent_id"); /* of a record */
    assert_error(
        answer, NATIVE_CHANGE,
        "{\"code\":\"not_found\",\"message\":\"There is no such thing.\",\"field\":\"parent_id\",\"verdict\":\"rejected\"}");
    answer = make_answer(COMMAND_OBJECT, ERR_ID_REUSED);
    assert_error(
        answer, NATIVE_OBJECT,
        "{\"code\":\"conflict\",\"message\":\"This id was used for something else before.\",\"field\":\"id\"}");
}

/* ---- queues ---- */

static void a_queue_is_answered_with_a_result_for_each_change(void **state)
{
    struct gathering *results = gathering_new(3);
    struct native_failure failure = {.err = ERR_LOCK_REQUIRED, .field = SPAN("status"), .is_verdict = true};
    struct answer *change = make_answer(COMMAND_CHANGE, OK), *conflict = make_conflict(),
                  *look = make_answer(COMMAND_LOOK, OK);
    struct buf text = BUF_EMPTY;
    (void)state;
    change->op_id = SPAN("c1");
    native_write_result(&results->parts[0], change, ALL_FIELDS);
    native_write_result_error(&results->parts[1], SPAN("c2"), &failure);
    native_write_result(&results->parts[2], conflict, ALL_FIELDS);
    look->has_record = true;
    look->record = SPAN("{\"status\":\"open\"}");
    native_write_ack(&text, SPAN("m"), look, NATIVE_SYNC, ALL_FIELDS, results);
    buf_append_char(&text, '\0');
    assert_string_equal(
        text.data,
        "{\"type\":\"ack\",\"replyTo\":\"m\",\"channel\":\"work_order:WO-1\",\"payload\":{\"record\":{\"type\":\"work_order\",\"id\":"
        "\"WO-1\",\"version\":7,\"data\":{\"status\":\"open\"}}," POSITION ",\"results\":["
        "{\"id\":\"c1\",\"verdict\":\"applied\",\"version\":7," POSITION ",\"strategy\":\"last-write-wins\"},"
        "{\"id\":\"c2\",\"verdict\":\"rejected\",\"error\":{\"code\":\"lock_required\",\"message\":\"Take the lock first.\",\"field\":"
        "\"status\",\"verdict\":\"rejected\"}},"
        "{\"id\":\"c9\",\"verdict\":\"conflict\",\"version\":7," POSITION
        ",\"strategy\":\"manual\",\"conflict\":{\"id\":\"k1\","
        "\"state\":\"open\",\"baseVersion\":3,\"resolutionStrategy\":\"manual\",\"resolved\":false}}]}}");
    buf_deinit(&text);
    answer_free(change);
    answer_free(conflict);
    answer_free(look);
    gathering_unref(results);
}

static void a_queue_that_cannot_be_looked_after_still_has_its_results(void **state)
{
    struct gathering *results = gathering_new(0);
    struct answer *look = make_answer(COMMAND_LOOK, ERR_OVERLOADED);
    struct buf text = BUF_EMPTY;
    (void)state;
    native_write_ack(&text, SPAN("m"), look, NATIVE_SYNC, ALL_FIELDS, results);
    buf_append_char(&text, '\0');
    assert_non_null(strstr(text.data, "\"payload\":{\"error\":{\"code\":\"overloaded\""));
    assert_non_null(strstr(text.data, "},\"results\":[]}}"));
    buf_deinit(&text);
    answer_free(look);
    gathering_unref(results);
}

static void a_large_conflict_of_a_queue_is_told_by_its_id(void **state)
{
    struct answer *conflict = make_conflict();
    struct buf body = BUF_EMPTY, text = BUF_EMPTY;
    (void)state;
    buf_append_str(&body, "{\"id\":\"k1\",\"merged_value\":\"");
    for (unsigned i = 0; i < 40000; i++)
        buf_append_char(&body, 'x');
    buf_append_str(&body, "\"}");
    conflict->object = buf_span(&body);
    native_write_result(&text, conflict, ALL_FIELDS);
    buf_append_char(&text, '\0');
    assert_non_null(strstr(text.data, "\"conflict\":{\"id\":\"k1\"}}"));
    buf_deinit(&body);
    buf_deinit(&text);
    answer_free(conflict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_said_under_its_kinds_name_with_what_happened),
        cmocka_unit_test(in_a_feed_everything_is_an_activity),
        cmocka_unit_test(a_change_tells_what_it_takes_back_and_what_it_overrode),
        cmocka_unit_test(increments_and_text_edits_say_what_was_meant),
        cmocka_unit_test(a_merged_change_says_what_is_there_now_and_what_was_lost),
        cmocka_unit_test(a_value_that_may_not_be_read_is_not_acknowledged),
        cmocka_unit_test(a_parked_change_comes_with_its_conflict),
        cmocka_unit_test(an_undo_says_what_was_left_out),
        cmocka_unit_test(an_object_is_acknowledged_under_its_kinds_name),
        cmocka_unit_test(a_refused_change_says_so_and_shows_the_lock_in_the_way),
        cmocka_unit_test(what_was_wrong_is_named_as_the_client_named_it),
        cmocka_unit_test(a_queue_is_answered_with_a_result_for_each_change),
        cmocka_unit_test(a_queue_that_cannot_be_looked_after_still_has_its_results),
        cmocka_unit_test(a_large_conflict_of_a_queue_is_told_by_its_id),
    };
    return cmocka_run_group_tests(tests, type_stage_set_up, type_stage_tear_down);
}
