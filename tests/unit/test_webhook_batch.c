#include "server/webhook_batch.h"

#include "collab/event.h"
#include "lib/store_fixture.h"
#include "server/hooks.h"
#include "wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_place_is_read_as_it_was_written(void **state)
{
    static const struct webhook_place places[] = {
        {0, 0, ""}, {17, 17, ""}, {17, 9007199254740991, "0123456789abcdef0123456789abcdef"}};

    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct buf text = BUF_EMPTY;
        struct webhook_place place;

        webhook_place_print(&text, &places[i]);
        assert_true(webhook_place_read(buf_span(&text), &place));
        assert_int_equal(place.done, places[i].done);
        assert_int_equal(place.upto, places[i].upto);
        assert_string_equal(place.id, places[i].id);
        buf_deinit(&text);
    }
}

static void what_is_no_place_is_not_read(void **state)
{
    static const char *const texts[] = {"", "1", "1 x ", "x 1 ", "2 1 ", "1 2 0123456789abcdef0123456789abcdef0"};
    struct webhook_place place;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(webhook_place_read(span_from_str(texts[i]), &place));
}

/* A row of the log that tells of an object. */
static struct span object_body(struct arena *arena, enum object_kind kind, enum object_verb verb, const char *body)
{
    struct event *event = event_new(EVENT_OBJECT, SPAN("order:O-1"));
    struct buf text = BUF_EMPTY;
    struct span copy;

    event->id = SPAN("e1");
    event->time_ms = 1700000000000;
    event->object.kind = kind;
    event->object.verb = verb;
    event->object.id = SPAN("x");
    event->object.body = span_from_str(body);
    event_print(&text, event);
    event_unref(event);
    copy = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    return copy;
}

static void a_batch_holds_what_is_wanted_in_order(void **state)
{
    struct store_fixture fixture;
    struct buf body = BUF_EMPTY, kinds = BUF_EMPTY;
    struct webhook_batch batch;
    struct json json;
    yyjson_val *events;

    (void)state;
    store_fixture_init(&fixture);
    struct log_row rows[] = {
        {1, object_body(&fixture.arena, OBJECT_LOCK, OBJECT_ADD, "{\"id\":\"l\",\"token\":7}")},
        {2, object_body(&fixture.arena, OBJECT_MESSAGE, OBJECT_ADD, "{\"id\":\"m\",\"text\":\"Hello\"}")},
        {3, SPAN("{\"event\":{\"kind\":\"alert\",\"type\":\"gone\"}}")},
        {4, object_body(&fixture.arena, OBJECT_COMMENT, OBJECT_RESOLVE, "{\"id\":\"c\",\"text\":\"Well\"}")},
    };
    const struct log_page page = {.rows = rows, .count = 4};

    batch =
        webhook_print_batch(&body, &page, 1u << OBJECT_LOCK | 1u << OBJECT_COMMENT | HOOKS_CHANGES, fixture.registry);
    assert_int_equal(batch.count, 2);
    assert_int_equal(batch.lost, 1);
    webhook_print_kinds(&kinds, batch.kinds);
    assert_true(span_equal(buf_span(&kinds), SPAN("lock,comment")));
    assert_int_equal(json_parse(&json, buf_span(&body), &json_limits_default), OK);
    events = json_get(json.root, "events");
    assert_int_equal(yyjson_arr_size(events), 2);
    assert_true(span_equal(json_get_text(yyjson_arr_get(events, 0), "event"), SPAN("acquired")));
    assert_int_equal(yyjson_get_uint(json_get(json_get(yyjson_arr_get(events, 0), "lock"), "token")), 7);
    assert_true(span_equal(json_get_text(yyjson_arr_get(events, 1), "kind"), SPAN("comment")));
    json_deinit(&json);
    buf_deinit(&kinds);
    buf_deinit(&body);
    store_fixture_deinit(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_read_as_it_was_written),
        cmocka_unit_test(what_is_no_place_is_not_read),
        cmocka_unit_test(a_batch_holds_what_is_wanted_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
