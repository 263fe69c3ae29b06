#include "collab/event.h"
#include "lib/hub_stage.h"

#include <string.h>

static struct buf body;

static int tear_down(void **state)
{
    buf_deinit(&body);
    return hub_stage_tear_down(state);
}

/* ---- builders ---- */

static struct event *event_of(enum event_kind kind)
{
    struct event *event = event_new(kind, SPAN_EMPTY);

    event->time_ms = 1771507800123;
    event->id = arena_copy(&event->arena, SPAN("0123456789abcdef"));
    event_set_user(event, world->users[2], SPAN("#4ECDC4"));
    return event;
}

static struct event *message(const char *data)
{
    struct event *event = event_of(EVENT_MESSAGE);

    event->message.name = SPAN("note");
    event->message.data = arena_copy(&event->arena, span_from_str(data));
    return event;
}

static struct op set_status(const char *value)
{
    struct op op = {
        .kind = OP_SET, .value = span_from_str(value), .before = SPAN("\"draft\""), .after = span_from_str(value)};

    op.path.depth = 1;
    op.path.steps[0] = SPAN("status");
    return op;
}

static struct event *change(void)
{
    struct event *event = event_of(EVENT_CHANGE);
    struct op op = set_status("\"approved\"");
    const struct change approve = {.kind = CHANGE_ACTION,
                                   .id = SPAN("c1"),
                                   .type = SPAN("order"),
                                   .entity_id = SPAN("O-1"),
                                   .action = SPAN("approve"),
                                   .op_count = 1,
                                   .ops = &op,
                                   .version = 4,
                                   .user_id = SPAN("2"),
                                   .username = SPAN("maria")};

    event->type = type_find(world->registry, SPAN("order"));
    event->entity_id = SPAN("O-1");
    event_set_change(event, &approve);
    event->change.action = SPAN("approve");
    event->change.event = SPAN("approved");
    event->change.label = SPAN("Screws");
    return event;
}

static struct event *alert(const char *rule)
{
    struct event *event = event_of(EVENT_ALERT);

    event->type = type_find(world->registry, SPAN("order"));
    event->entity_id = SPAN("O-1");
    event->alert.rule = arena_copy(&event->arena, span_from_str(rule));
    event->alert.priority = SPAN("high");
    event->alert.title = SPAN("Screws is low");
    event->alert.message = SPAN("2 left \"here\"");
    event->alert.value = 2;
    event->alert.limit = 3.5;
    return event;
}

/* Stored and read again, as the room "order:O-1" numbers it. Frees what it is given. */
static struct event *round_trip(struct event *event)
{
    struct event *again = NULL;

    buf_reset(&body);
    event_print(&body, event);
    event_unref(event);
    assert_int_equal(event_read(buf_span(&body), SPAN("order:O-1"), (struct position){7, 9}, world->registry, &again),
                     OK);
    buf_deinit(&body); /* it must not point in there */
    return again;
}

static enum err read(const char *text)
{
    struct event *event = NULL;
    enum err err = event_read(span_from_str(text), SPAN("lobby"), (struct position){1, 1}, world->registry, &event);

    event_unref(event);
    return err;
}

/* ---- stored and read ---- */

static void a_message_is_read_as_it_was_stored(void **state)
{
    struct event *again = round_trip(message("{\"text\":\"\\u00e4 <b>\",\"n\":1.50}"));

    (void)state;
    assert_int_equal(again->kind, EVENT_MESSAGE);
    assert_text(again->room, "order:O-1");
    assert_int_equal(again->position.epoch, 7);
    assert_int_equal(again->position.offset, 9);
    assert_int_equal(again->time_ms, 1771507800123);
    assert_text(again->id, "0123456789abcdef");
    assert_text(again->user_id, "2");
    assert_text(again->username, "maria");
    assert_text(again->color, "#4ECDC4");
    assert_text(again->message.name, "note");
    assert_text(again->message.data, "{\"text\":\"\\u00e4 <b>\",\"n\":1.50}"); /* to the byte */
    event_unref(again);
}

static void the_attachments_of_a_message_are_kept(void **state)
{
    struct event *event = message("[{\"_placeholder\":true,\"num\":0}]");
    struct span binaries[2] = {{"\0\1\xff", 3}, SPAN_EMPTY};
    struct event *again;

    (void)state;
    event->message.binaries = binaries;
    event->message.binary_count = 2;
    again = round_trip(event);
    assert_int_equal(again->message.binary_count, 2);
    assert_int_equal(again->message.binaries[0].len, 3);
    assert_memory_equal(again->message.binaries[0].data, "\0\1\xff", 3);
    assert_int_equal(again->message.binaries[1].len, 0);
    event_unref(again);
}

static void a_message_without_anything_is_read_as_it_was_stored(void **state)
{
    struct event *again = round_trip(event_new(EVENT_MESSAGE, SPAN_EMPTY));

    (void)state;
    assert_int_equal(again->user_id.len, 0);
    assert_int_equal(again->message.data.len, 0);
    event_unref(again);
}

static void a_change_is_read_as_it_was_stored(void **state)
{
    struct event *again = round_trip(change());
    const struct change *read = again->change.change;

    (void)state;
    assert_int_equal(again->kind, EVENT_CHANGE);
    assert_ptr_equal(again->type, type_find(world->registry, SPAN("order")));
    assert_text(again->entity_id, "O-1");
    assert_text(again->change.action, "approve");
    assert_text(again->change.event, "approved");
    assert_text(again->change.label, "Screws");
    assert_int_equal(read->version, 4);
    assert_int_equal(read->op_count, 1);
    assert_text(read->ops[0].path.steps[0], "status");
    assert_text(read->ops[0].before, "\"draft\"");
    assert_text(read->ops[0].after, "\"approved\"");
    event_unref(again);
}

static void history_reads_a_change_from_the_body_of_its_event(void **state)
{
    struct event *event = change();
    struct change read;
    struct arena arena;

    (void)state;
    arena_init(&arena, 1024);
    event_print(&body, event);
    event_unref(event);
    assert_int_equal(change_read(&arena, buf_span(&body), &read), OK);
    assert_int_equal(read.version, 4);
    assert_text(read.action, "approve");
    assert_text(read.username, "maria");
    arena_deinit(&arena);
}

static void an_alert_is_read_as_it_was_stored_and_finds_its_audience(void **state)
{
    struct event *again = round_trip(alert("low"));

    (void)state;
    assert_int_equal(again->kind, EVENT_ALERT);
    assert_text(again->alert.message, "2 left \"here\"");
    assert_text(again->alert.priority, "high");
    assert_true(again->alert.value == 2 && again->alert.limit == 3.5);
    assert_ptr_equal(again->alert.audience, &again->type->alerts[0].audience);
    event_unref(again);
}

static void an_alert_whose_rule_is_gone_is_for_whoever_may_read_the_record(void **state)
{
    struct event *again = round_trip(alert("an_old_rule"));

    (void)state;
    assert_null(again->alert.audience);
    event_unref(again);
}

static void what_is_no_event_is_refused(void **state)
{
    (void)state;
    assert_int_equal(read(""), ERR_BAD_JSON);
    assert_int_equal(read("{"), ERR_BAD_JSON);
    assert_int_equal(read("[]"), ERR_BAD_MESSAGE);
    assert_int_equal(read("{\"event\":{}}"), ERR_BAD_MESSAGE);
    assert_int_equal(read("{\"event\":{\"kind\":\"typing\"}}"), ERR_BAD_MESSAGE);
    assert_int_equal(read("{\"event\":{\"kind\":\"alert\"}}"), ERR_UNKNOWN_TYPE);
    assert_int_equal(read("{\"event\":{\"kind\":\"change\",\"type\":\"gone\"}}"), ERR_UNKNOWN_TYPE);
    assert_int_equal(read("{\"event\":{\"kind\":\"message\",\"binaries\":[\"%\"]}}"), ERR_BAD_MESSAGE);
}

/* ---- references ---- */

static void a_view_is_the_same_event_in_another_room(void **state)
{
    struct event *event = message("{}");
    struct event *view = event_in_room(event, SPAN("order:O-1"), (struct position){3, 4});
    struct event *other = event_in_room(view, SPAN("records"), (struct position){5, 6});

    (void)state;
    event_unref(event);
    event_unref(view);
    assert_text(other->room, "records"); /* the first one lives as long as the last view */
    assert_int_equal(other->position.offset, 6);
    assert_text(other->id, "0123456789abcdef");
    assert_text(other->message.name, "note");
    assert_true(event_bytes(other) > event_bytes(event));
    event_unref(other);
}

static void an_event_keeps_nothing_of_the_change_it_was_given(void **state)
{
    struct op op = set_status("\"approved\"");
    char action[] = "approve";
    struct change given = {.kind = CHANGE_ACTION, .action = span_from_str(action), .op_count = 1, .ops = &op};
    struct event *event = event_of(EVENT_CHANGE);

    (void)state;
    event_set_change(event, &given);
    memset(action, 'x', sizeof(action));
    memset(&op, 0, sizeof(op));
    assert_text(event->change.change->action, "approve");
    assert_text(event->change.change->ops[0].value, "\"approved\"");
    event_unref(event);
}

static void presence_is_copied_with_everything_it_points_to(void **state)
{
    char page[] = "orders";
    struct presence presence = {.user_id = SPAN("5"), .page = span_from_str(page), .intent = INTENT_EDITING};
    struct presence copy;
    struct arena arena;

    (void)state;
    arena_init(&arena, 256);
    presence_copy(&arena, &presence, &copy);
    memset(page, 'x', sizeof(page));
    assert_text(copy.page, "orders");
    assert_text(copy.user_id, "5");
    assert_int_equal(copy.intent, INTENT_EDITING);
    assert_int_equal(copy.activity.len, 0);
    arena_deinit(&arena);
}

/* ---- names and colours ---- */

static void a_colour_is_written_with_six_digits(void **state)
{
    (void)state;
    assert_true(color_is_valid(SPAN("#FF6B6B")));
    assert_true(color_is_valid(SPAN("#ff6b6b")));
    assert_false(color_is_valid(SPAN("")));
    assert_false(color_is_valid(SPAN("#FFF")));
    assert_false(color_is_valid(SPAN("FF6B6B1")));
    assert_false(color_is_valid(SPAN("#FF6B6G")));
    assert_false(color_is_valid(SPAN("#FF6B6B;")));
    assert_false(color_is_valid(SPAN("url(x)")));
}

static void a_room_has_a_name_of_printable_text(void **state)
{
    char longest[201];

    (void)state;
    memset(longest, 'a', sizeof(longest));
    assert_true(room_name_is_valid(span_of(longest, 200)));
    assert_true(room_name_is_valid(SPAN("work_order:WO-1001")));
    assert_true(room_name_is_valid(SPAN("G\xc3\xa4ste")));
    assert_false(room_name_is_valid(SPAN_EMPTY));
    assert_false(room_name_is_valid(span_of(longest, 201)));
    assert_false(room_name_is_valid(SPAN("a\nb")));
    assert_false(room_name_is_valid(span_of("a\0b", 3)));
    assert_false(room_name_is_valid(SPAN("a\xff")));
    assert_false(room_name_is_valid(SPAN("a\xe2\x80\xae"
                                         "b"))); /* turns the text around */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, hub_stage_set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_is_read_as_it_was_stored),
        TEST(the_attachments_of_a_message_are_kept),
        TEST(a_message_without_anything_is_read_as_it_was_stored),
        TEST(a_change_is_read_as_it_was_stored),
        TEST(history_reads_a_change_from_the_body_of_its_event),
        TEST(an_alert_is_read_as_it_was_stored_and_finds_its_audience),
        TEST(an_alert_whose_rule_is_gone_is_for_whoever_may_read_the_record),
        TEST(what_is_no_event_is_refused),
        TEST(a_view_is_the_same_event_in_another_room),
        TEST(an_event_keeps_nothing_of_the_change_it_was_given),
        TEST(presence_is_copied_with_everything_it_points_to),
        TEST(a_colour_is_written_with_six_digits),
        TEST(a_room_has_a_name_of_printable_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
