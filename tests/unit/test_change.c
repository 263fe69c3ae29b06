#include "collab/change/change.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collab/type/access.h"

#include <stdlib.h>
#include <string.h>

static const char types[] =
    "{\"order\":{\"fields\":{"
    "\"title\":{\"kind\":\"string\",\"required\":true,\"max\":20},"
    "\"status\":{\"kind\":\"enum\",\"values\":[\"draft\",\"open\",\"done\"],\"default\":\"draft\",\"required\":true},"
    "\"approved_by\":{\"kind\":\"string\",\"read_only\":true},"
    "\"approved_at\":{\"kind\":\"date\",\"read_only\":true},"
    "\"qty\":{\"kind\":\"integer\",\"min\":0,\"max\":100},"
    "\"price\":{\"kind\":\"number\",\"write\":[\"manager\"]},"
    "\"rush\":{\"kind\":\"boolean\"},"
    "\"due\":{\"kind\":\"date\"},"
    "\"notes\":{\"kind\":\"text\"},"
    "\"tags\":{\"kind\":\"json\"},"
    "\"address\":{\"kind\":\"object\"},"
    "\"items\":{\"kind\":\"collection\"}},"
    "\"actions\":{"
    "\"approve\":{\"event\":\"approved\",\"when\":{\"status\":[\"open\"],\"rush\":[false,null]},"
    "\"set\":{\"status\":\"done\",\"approved_by\":\"$username\",\"approved_at\":\"$now\",\"notes\":\"$input.note?\"}},"
    "\"adjust\":{\"add\":{\"qty\":\"$input.delta\"}}}}}";

static struct type_registry *registry;
static const struct type *type;
static struct arena arena;
static struct json json;
static struct change change;
static struct span field;
static struct buf out;

static int set_up(void **state)
{
    struct buf why = BUF_EMPTY;

    (void)state;
    if (type_registry_new(SPAN(types), SPAN_EMPTY, &registry, &why) != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&why)));
    type = type_find(registry, SPAN("order"));
    arena_init(&arena, 4096);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_deinit(&json);
    json = (struct json){0};
    buf_deinit(&out);
    arena_deinit(&arena);
    type_registry_unref(registry);
    return 0;
}

/* ---- builders ---- */

static yyjson_val *parse(const char *text)
{
    json_deinit(&json);
    assert_int_equal(json_parse(&json, span_from_str(text), &json_limits_default), OK);
    return json.root;
}

static uint64_t writable_for(const char *role)
{
    struct span name = span_from_str(role);

    return access_writable(access_of(registry, &name, 1), type);
}

static enum err patch(const char *text)
{
    change = (struct change){.entity_id = SPAN("ORD-1")};
    field = SPAN_EMPTY;
    return change_from_patch(&arena, type, parse(text), writable_for("editor"), &change, &field);
}

static enum err record(const char *text)
{
    change = (struct change){0};
    field = SPAN_EMPTY;
    return change_from_record(&arena, type, parse(text), writable_for("editor"), &change, &field);
}

static enum err from_json(const char *text)
{
    change = (struct change){0};
    field = SPAN_EMPTY;
    return change_from_json(&arena, type, parse(text), writable_for("editor"), &change, &field);
}

static enum err apply(const char *state)
{
    buf_reset(&out);
    return change_apply(&arena, type, span_from_str(state), 65536, &change, &out);
}

static void assert_text(struct span text, const char *expected)
{
    char *copy = span_to_str(text);

    assert_string_equal(copy, expected);
    free(copy);
}

static void assert_refused(enum err err, enum err expected, const char *expected_field)
{
    assert_string_equal(err_code(err), err_code(expected));
    assert_text(field, expected_field);
}

static void assert_applied(const char *state, const char *expected)
{
    assert_string_equal(err_code(apply(state)), "ok");
    assert_text(buf_span(&out), expected);
}

/* One change of one operation, from its JSON, on a state. */
static void assert_op(const char *op, const char *state, const char *expected)
{
    assert_string_equal(err_code(from_json(op)), "ok");
    assert_applied(state, expected);
}

/* ---- records ---- */

static void a_record_gets_its_defaults_in_the_order_of_the_type(void **state)
{
    (void)state;
    assert_int_equal(record("{\"qty\":3,\"title\":\"A\"}"), OK);
    assert_int_equal(change.kind, CHANGE_CREATE);
    assert_applied("", "{\"title\":\"A\",\"status\":\"draft\",\"qty\":3}");
}

static void a_record_may_bring_its_id(void **state)
{
    (void)state;
    assert_int_equal(record("{\"id\":\"ORD-9\",\"title\":\"A\"}"), OK);
    assert_text(change.entity_id, "ORD-9");
    assert_refused(record("{\"id\":\"a/b\",\"title\":\"A\"}"), ERR_BAD_FIELD, "id");
    assert_refused(patch("{\"id\":\"ORD-2\"}"), ERR_BAD_FIELD, "id");
    assert_int_equal(patch("{\"id\":\"ORD-1\"}"), OK);
    assert_int_equal(change.op_count, 0);
}

static void a_record_must_suit_its_type(void **state)
{
    (void)state;
    assert_refused(record("{\"qty\":3}"), ERR_MISSING_FIELD, "title");
    assert_refused(record("{\"title\":null}"), ERR_MISSING_FIELD, "title");
    assert_refused(record("{\"title\":\"A\",\"colour\":1}"), ERR_UNKNOWN_FIELD, "colour");
    assert_refused(record("{\"title\":\"A\",\"price\":1}"), ERR_FORBIDDEN, "price");
    assert_refused(record("{\"title\":\"A\",\"approved_by\":\"me\"}"), ERR_FORBIDDEN, "approved_by");
    assert_refused(record("[]"), ERR_BAD_REQUEST, "");
}

static void values_must_suit_their_fields(void **state)
{
    static const char *bad[][2] = {
        {"{\"title\":5}", "title"},
        {"{\"title\":\"123456789012345678901\"}", "title"},
        {"{\"title\":\"a\\nb\"}", "title"},
        {"{\"status\":\"lost\"}", "status"},
        {"{\"qty\":1.5}", "qty"},
        {"{\"qty\":-1}", "qty"},
        {"{\"qty\":101}", "qty"},
        {"{\"qty\":\"5\"}", "qty"},
        {"{\"rush\":1}", "rush"},
        {"{\"due\":\"soon\"}", "due"},
        {"{\"due\":\"2026-02-30\"}", "due"},
        {"{\"due\":\"2026-02-3\"}", "due"},
        {"{\"address\":\"here\"}", "address"},
        {"{\"items\":{}}", "items"},
        {"{\"items\":[1]}", "items"},
        {"{\"items\":[{\"id\":\"a\"},{\"id\":\"a\"}]}", "items"},
        {"{\"items\":[{\"id\":\"a/b\"}]}", "items"},
        {"{\"items\":[{\"pos\":\"\"}]}", "items"},
        {"{\"address\":{\"@x\":1}}", "address"},
        {"{\"address\":{\"\":1}}", "address"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_refused(patch(bad[i][0]), ERR_BAD_FIELD, bad[i][1]);
    assert_int_equal(patch("{\"due\":\"2026-02-28\",\"notes\":\"a\\n\\tb\",\"tags\":[1,{\"a\":null}]}"), OK);
    assert_int_equal(
        patch("{\"due\":\"2026-02-28T10:00:00+07:00\",\"title\":\"\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\"}"), OK);
}

static void a_value_may_not_be_too_deep(void **state)
{
    char text[256] = "{\"tags\":";

    (void)state;
    for (int i = 0; i < 28; i++)
        strncat(text, "[", 2);
    for (int i = 0; i < 28; i++)
        strncat(text, "]", 2);
    strncat(text, "}", 2);
    assert_refused(patch(text), ERR_TOO_DEEP, "tags");
}

/* ---- patches ---- */

static void a_patch_sets_and_removes(void **state)
{
    (void)state;
    assert_int_equal(patch("{\"status\":\"open\",\"qty\":null}"), OK);
    assert_applied("{\"title\":\"A\",\"status\":\"draft\",\"qty\":3}", "{\"title\":\"A\",\"status\":\"open\"}");
    assert_text(change.ops[0].before, "\"draft\"");
    assert_text(change.ops[0].after, "\"open\"");
    assert_text(change.ops[1].before, "3");
    assert_text(change.ops[1].after, "");
}

static void a_patch_goes_into_declared_objects(void **state)
{
    (void)state;
    assert_int_equal(patch("{\"address\":{\"city\":\"Bern\",\"zip\":null,\"7\":true}}"), OK);
    assert_applied("{\"address\":{\"zip\":\"3000\",\"street\":\"X\"}}",
                   "{\"address\":{\"street\":\"X\",\"city\":\"Bern\",\"7\":true}}");
    assert_int_equal(patch("{\"address\":{\"city\":\"Bern\"}}"), OK);
    assert_applied("{}", "{\"address\":{\"city\":\"Bern\"}}");
}

static void a_patch_replaces_registers_whole(void **state)
{
    (void)state;
    assert_int_equal(patch("{\"tags\":{\"b\":2}}"), OK);
    assert_applied("{\"tags\":{\"a\":1}}", "{\"tags\":{\"b\":2}}");
}

static void a_patch_may_not_remove_what_is_required(void **state)
{
    (void)state;
    assert_refused(patch("{\"title\":null}"), ERR_MISSING_FIELD, "title");
}

static void a_patch_respects_who_may_write(void **state)
{
    (void)state;
    assert_refused(patch("{\"qty\":1,\"price\":2}"), ERR_FORBIDDEN, "price");
    change = (struct change){0};
    assert_int_equal(
        change_from_patch(&arena, type, parse("{\"price\":2.5}"), writable_for("manager"), &change, &field), OK);
    assert_refused(change_from_patch(&arena, type, parse("{\"qty\":2}"), writable_for("viewer"), &change, &field),
                   ERR_FORBIDDEN, "qty");
}

/* ---- collections ---- */

static void items_are_sorted_by_pos_and_id(void **state)
{
    (void)state;
    assert_int_equal(patch("{\"items\":[{\"id\":\"c\",\"pos\":\"b\",\"n\":1},{\"id\":\"b\",\"pos\":\"b\"},"
                           "{\"n\":3,\"id\":\"z\",\"pos\":\"a\"}]}"),
                     OK);
    assert_applied("{}", "{\"items\":[{\"id\":\"z\",\"pos\":\"a\",\"n\":3},{\"id\":\"b\",\"pos\":\"b\"},"
                         "{\"id\":\"c\",\"pos\":\"b\",\"n\":1}]}");
}

static void items_without_id_and_pos_get_them(void **state)
{
    (void)state;
    assert_int_equal(patch("{\"items\":[{\"sku\":\"A\"},{\"id\":\"i1\",\"sku\":\"B\"}]}"), OK);
    assert_applied("{}", "{\"items\":[{\"id\":\"i2\",\"pos\":\"V000\",\"sku\":\"A\"},"
                         "{\"id\":\"i1\",\"pos\":\"V001\",\"sku\":\"B\"}]}");
}

static void an_item_is_inserted_where_its_pos_says(void **state)
{
    (void)state;
    assert_op("{\"ops\":[{\"op\":\"ins\",\"path\":\"/items/@n\",\"pos\":\"m\",\"value\":{\"qty\":1}}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\"},{\"id\":\"z\",\"pos\":\"z\"}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\"},{\"id\":\"n\",\"pos\":\"m\",\"qty\":1},"
              "{\"id\":\"z\",\"pos\":\"z\"}]}");
    assert_text(change.ops[0].before, "");
    assert_text(change.ops[0].after, "{\"id\":\"n\",\"pos\":\"m\",\"qty\":1}");
    assert_op("{\"ops\":[{\"op\":\"ins\",\"coll\":\"items\",\"id\":\"n\",\"pos\":\"m\",\"value\":{\"qty\":1}}]}", "{}",
              "{\"items\":[{\"id\":\"n\",\"pos\":\"m\",\"qty\":1}]}");
}

static void an_item_without_pos_comes_last(void **state)
{
    (void)state;
    assert_op("{\"ops\":[{\"op\":\"ins\",\"path\":\"/items/@n\",\"value\":{}}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"V00z\"}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"V00z\"},{\"id\":\"n\",\"pos\":\"V010\"}]}");
    assert_text(change.ops[0].pos, "V010");
    assert_op("{\"ops\":[{\"op\":\"ins\",\"path\":\"/items/@n\",\"value\":{}}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"zz\"}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"zz\"},{\"id\":\"n\",\"pos\":\"zzV\"}]}");
}

static void inserting_an_item_twice_does_nothing(void **state)
{
    (void)state;
    assert_op("{\"ops\":[{\"op\":\"ins\",\"path\":\"/items/@a\",\"pos\":\"b\",\"value\":{\"qty\":2}}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"qty\":1}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"qty\":1}]}");
    assert_true(change_is_empty(&change));
}

static void an_item_moves_without_losing_anything(void **state)
{
    (void)state;
    assert_op("{\"ops\":[{\"op\":\"mov\",\"path\":\"/items/@a\",\"pos\":\"c\"}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"q\":1},{\"id\":\"b\",\"pos\":\"b\"}]}",
              "{\"items\":[{\"id\":\"b\",\"pos\":\"b\"},{\"id\":\"a\",\"pos\":\"c\",\"q\":1}]}");
    assert_text(change.ops[0].before, "\"a\"");
    assert_text(change.ops[0].after, "\"c\"");
}

static void an_items_members_are_set_by_its_id(void **state)
{
    (void)state;
    assert_op("{\"operation\":\"update\",\"path\":\"items.@b.qty\",\"after\":7}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\"},{\"id\":\"b\",\"pos\":\"b\",\"qty\":1}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\"},{\"id\":\"b\",\"pos\":\"b\",\"qty\":7}]}");
    assert_op("{\"operation\":\"update\",\"path\":\"/items/@b\",\"after\":{\"x\":1,\"id\":\"zzz\"}}",
              "{\"items\":[{\"id\":\"b\",\"pos\":\"b\",\"qty\":1}]}",
              "{\"items\":[{\"id\":\"b\",\"pos\":\"b\",\"x\":1}]}");
    assert_op("{\"operation\":\"delete\",\"path\":\"/items/@b\"}",
              "{\"items\":[{\"id\":\"b\",\"pos\":\"b\",\"qty\":1}]}", "{\"items\":[]}");
    assert_text(change.ops[0].before, "{\"id\":\"b\",\"pos\":\"b\",\"qty\":1}");
}

static void what_is_missing_is_left_alone(void **state)
{
    static const char *ops[] = {
        "{\"operation\":\"update\",\"path\":\"/items/@x/qty\",\"after\":7}",
        "{\"operation\":\"update\",\"path\":\"/items/@x\",\"after\":{}}",
        "{\"operation\":\"delete\",\"path\":\"/items/@x\"}",
        "{\"operation\":\"move\",\"path\":\"/items/@x\",\"after\":\"q\"}",
        "{\"operation\":\"delete\",\"path\":\"/address/city\"}",
        "{\"operation\":\"update\",\"path\":\"/address/geo/lat\",\"after\":1}",
        "{\"operation\":\"increment\",\"path\":\"/items/@a/name\",\"n\":1}",
        "{\"operation\":\"text\",\"path\":\"/items/@a/missing\",\"value\":[\"x\"]}",
        "{\"operation\":\"delete\",\"path\":\"qty\"}",
    };
    const char *record_state = "{\"title\":\"A\",\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"name\":\"n\"}]}";

    (void)state;
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        assert_op(ops[i], record_state, record_state);
        assert_true(change_is_empty(&change));
    }
}

/* ---- numbers and texts ---- */

static void an_increment_adds(void **state)
{
    (void)state;
    assert_op("{\"ops\":[{\"op\":\"inc\",\"path\":\"qty\",\"n\":-2}]}", "{\"qty\":5}", "{\"qty\":3}");
    assert_text(change.ops[0].before, "5");
    assert_text(change.ops[0].after, "3");
    assert_op("{\"ops\":[{\"op\":\"inc\",\"path\":\"qty\",\"n\":2}]}", "{}", "{\"qty\":2}");
    assert_op("{\"ops\":[{\"op\":\"inc\",\"path\":\"/items/@a/w\",\"n\":0.5}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"w\":1}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"w\":1.5}]}");
    assert_op("{\"ops\":[{\"op\":\"inc\",\"path\":\"/items/@a/w\",\"n\":1}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"w\":9223372036854775807}]}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"w\":9223372036854776000.0}]}");
}

static void an_increment_stays_in_the_fields_range(void **state)
{
    (void)state;
    assert_int_equal(from_json("{\"ops\":[{\"op\":\"set\",\"path\":\"rush\",\"value\":true},"
                               "{\"op\":\"inc\",\"path\":\"qty\",\"n\":-6}]}"),
                     OK);
    assert_int_equal(apply("{\"qty\":5}"), ERR_BAD_FIELD);
    assert_int_equal(change.failed_op, 1);
    assert_int_equal(out.len, 0);
    buf_reset(&out);
    assert_int_equal(change_apply(&arena, NULL, SPAN("{\"qty\":5}"), 65536, &change, &out), OK); /* a replay */
    assert_text(buf_span(&out), "{\"qty\":-1,\"rush\":true}");
}

static void a_text_edit_counts_as_javascript_does(void **state)
{
    (void)state;
    assert_op("{\"ops\":[{\"op\":\"txt\",\"path\":\"notes\",\"value\":[5,\" there\",{\"d\":1}]}]}",
              "{\"notes\":\"hello!?\"}", "{\"notes\":\"hello there?\"}");
    /* an emoji is two units */
    assert_op("{\"ops\":[{\"op\":\"txt\",\"path\":\"notes\",\"value\":[3,\"x\"]}]}",
              "{\"notes\":\"a\xf0\x9f\x98\x80z\"}", "{\"notes\":\"a\xf0\x9f\x98\x80xz\"}");
    assert_op("{\"ops\":[{\"op\":\"txt\",\"path\":\"notes\",\"value\":[1,{\"d\":2}]}]}",
              "{\"notes\":\"a\xf0\x9f\x98\x80z\"}", "{\"notes\":\"az\"}");
    assert_op("{\"ops\":[{\"op\":\"txt\",\"path\":\"notes\",\"value\":[2,\"!\"]}]}", "{\"notes\":\"hi\"}",
              "{\"notes\":\"hi!\"}");
    assert_op("{\"ops\":[{\"op\":\"txt\",\"path\":\"notes\",\"value\":[{\"d\":2}]}]}", "{\"notes\":\"hi\"}",
              "{\"notes\":\"\"}");
    assert_op("{\"ops\":[{\"op\":\"txt\",\"path\":\"notes\",\"value\":[\"new\"]}]}", "{}", "{\"notes\":\"new\"}");
}

static void a_text_edit_must_fit_the_text(void **state)
{
    static const char *bad[] = {
        "[2,\"x\"]",     /* inside the pair */
        "[1,{\"d\":1}]", /* half of it */
        "[9,\"x\"]",     /* beyond the end */
        "[{\"d\":9}]",
    };
    char op[128];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(op, sizeof(op), "{\"ops\":[{\"op\":\"txt\",\"path\":\"notes\",\"value\":%s}]}", bad[i]);
        assert_int_equal(from_json(op), OK);
        assert_int_equal(apply("{\"notes\":\"a\xf0\x9f\x98\x80z\"}"), ERR_BAD_OFFSET);
        assert_int_equal(out.len, 0);
    }
    assert_int_equal(from_json("{\"ops\":[{\"op\":\"txt\",\"path\":\"title\",\"value\":[\"0123456789\"]}]}"), OK);
    assert_int_equal(apply("{\"title\":\"01234567890\"}"), ERR_BAD_FIELD); /* longer than a title may be */
}

static void a_failed_test_refuses_the_whole_change(void **state)
{
    (void)state;
    assert_int_equal(from_json("{\"ops\":[{\"op\":\"set\",\"path\":\"qty\",\"value\":1},"
                               "{\"op\":\"test\",\"path\":\"status\",\"value\":\"open\"}]}"),
                     OK);
    assert_applied("{\"status\":\"open\"}", "{\"status\":\"open\",\"qty\":1}");
    assert_int_equal(apply("{\"status\":\"done\"}"), ERR_CONFLICT);
    assert_int_equal(change.failed_op, 1);
    assert_op("{\"ops\":[{\"op\":\"test\",\"path\":\"qty\",\"value\":null}]}", "{}", "{}");
    assert_op("{\"ops\":[{\"op\":\"test\",\"path\":\"qty\"}]}", "{}", "{}");
    assert_op("{\"ops\":[{\"op\":\"test\",\"path\":\"tags\",\"value\":{\"b\":1,\"a\":[2]}}]}",
              "{\"tags\":{\"a\":[2],\"b\":1}}", "{\"tags\":{\"a\":[2],\"b\":1}}");
    assert_op("{\"ops\":[{\"op\":\"test\",\"path\":\"approved_by\",\"value\":\"x\"}]}", "{\"approved_by\":\"x\"}",
              "{\"approved_by\":\"x\"}");
}

/* ---- a client's Change ---- */

static void a_change_of_one_operation_is_a_batch_of_one(void **state)
{
    (void)state;
    assert_int_equal(from_json("{\"id\":\"src:7\",\"entityId\":\"ORD-1\",\"entityType\":\"order\",\"userId\":\"5\","
                               "\"operation\":\"update\",\"path\":\"status\",\"before\":\"draft\",\"after\":\"open\","
                               "\"timestamp\":\"2026-02-19T13:30:00Z\",\"version\":12,\"metadata\":{\"tab\":1}}"),
                     OK);
    assert_int_equal(change.kind, CHANGE_UPDATE);
    assert_text(change.id, "src:7");
    assert_text(change.entity_id, "ORD-1");
    assert_int_equal(change.base_version, 12);
    assert_text(change.metadata, "{\"tab\":1}");
    assert_applied("{\"status\":\"draft\"}", "{\"status\":\"open\"}");
}

static void without_a_path_the_whole_record_is_meant(void **state)
{
    (void)state;
    assert_int_equal(from_json("{\"operation\":\"insert\",\"entity_id\":\"ORD-5\",\"after\":{\"title\":\"A\"}}"), OK);
    assert_int_equal(change.kind, CHANGE_CREATE);
    assert_text(change.entity_id, "ORD-5");
    assert_int_equal(from_json("{\"operation\":\"update\",\"after\":{\"qty\":1,\"rush\":true}}"), OK);
    assert_int_equal(change.op_count, 2);
    assert_int_equal(from_json("{\"operation\":\"delete\",\"path\":\"/\",\"entityId\":\"ORD-5\"}"), OK);
    assert_int_equal(change.kind, CHANGE_DELETE);
    assert_false(change_is_empty(&change));
    assert_applied("{\"title\":\"A\"}", "");
}

static void inserting_into_an_object_sets_a_key(void **state)
{
    (void)state;
    assert_op("{\"operation\":\"insert\",\"path\":\"address.city\",\"after\":\"Bern\"}", "{}",
              "{\"address\":{\"city\":\"Bern\"}}");
    assert_op("{\"operation\":\"insert\",\"path\":\"items\",\"after\":{\"id\":\"a\",\"qty\":1}}", "{}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"V000\",\"qty\":1}]}");
    assert_op("{\"operation\":\"move\",\"path\":\"/items/@a\",\"after\":{\"pos\":\"b\"}}",
              "{\"items\":[{\"id\":\"a\",\"pos\":\"c\"}]}", "{\"items\":[{\"id\":\"a\",\"pos\":\"b\"}]}");
}

static void bad_changes_say_what_is_wrong(void **state)
{
    static const struct {
        const char *text;
        enum err err;
        const char *field;
    } bad[] = {
        {"[]", ERR_BAD_REQUEST, ""},
        {"{}", ERR_MISSING_FIELD, "operation"},
        {"{\"operation\":\"grow\",\"path\":\"qty\"}", ERR_BAD_FIELD, "operation"},
        {"{\"operation\":\"update\",\"path\":7}", ERR_BAD_FIELD, "path"},
        {"{\"operation\":\"update\",\"path\":\"qty\"}", ERR_MISSING_FIELD, "value"},
        {"{\"operation\":\"update\",\"path\":\"colour\",\"after\":1}", ERR_UNKNOWN_FIELD, "colour"},
        {"{\"operation\":\"update\",\"path\":\"price\",\"after\":1}", ERR_FORBIDDEN, "price"},
        {"{\"operation\":\"update\",\"path\":\"approved_by\",\"after\":\"x\"}", ERR_FORBIDDEN, "approved_by"},
        {"{\"operation\":\"update\",\"path\":\"items[0].qty\",\"after\":1}", ERR_POSITION_IN_PATH, "path"},
        {"{\"operation\":\"update\",\"path\":\"a..b\",\"after\":1}", ERR_BAD_PATH, "path"},
        {"{\"operation\":\"update\",\"path\":\"tags.a\",\"after\":1}", ERR_BAD_PATH, "tags"},
        {"{\"operation\":\"update\",\"path\":\"items.x\",\"after\":1}", ERR_BAD_PATH, "items"},
        {"{\"operation\":\"update\",\"path\":\"address.@x\",\"after\":{}}", ERR_BAD_PATH, "address"},
        {"{\"operation\":\"update\",\"path\":\"items.@x.id\",\"after\":\"y\"}", ERR_BAD_PATH, "items"},
        {"{\"operation\":\"delete\",\"path\":\"items.@x.pos\"}", ERR_BAD_PATH, "items"},
        {"{\"operation\":\"update\",\"path\":\"items.@x\",\"after\":5}", ERR_BAD_FIELD, "items"},
        {"{\"operation\":\"insert\",\"path\":\"items\",\"after\":{}}", ERR_BAD_FIELD, "id"},
        {"{\"operation\":\"insert\",\"path\":\"items.@x\",\"after\":5}", ERR_BAD_FIELD, "items"},
        {"{\"operation\":\"insert\",\"path\":\"items.@x\",\"after\":{},\"pos\":\"\"}", ERR_BAD_FIELD, "pos"},
        {"{\"operation\":\"move\",\"path\":\"items.@x\"}", ERR_MISSING_FIELD, "pos"},
        {"{\"operation\":\"move\",\"path\":\"qty\",\"after\":\"a\"}", ERR_BAD_PATH, "qty"},
        {"{\"operation\":\"delete\",\"path\":\"title\"}", ERR_MISSING_FIELD, "title"},
        {"{\"operation\":\"increment\",\"path\":\"qty\",\"n\":1.5}", ERR_BAD_FIELD, "n"},
        {"{\"operation\":\"increment\",\"path\":\"qty\"}", ERR_MISSING_FIELD, "n"},
        {"{\"operation\":\"increment\",\"path\":\"title\",\"n\":1}", ERR_BAD_FIELD, "title"},
        {"{\"operation\":\"text\",\"path\":\"qty\",\"value\":[1]}", ERR_BAD_FIELD, "qty"},
        {"{\"operation\":\"text\",\"path\":\"notes\",\"value\":[]}", ERR_BAD_FIELD, "value"},
        {"{\"operation\":\"text\",\"path\":\"notes\",\"value\":[0]}", ERR_BAD_FIELD, "value"},
        {"{\"operation\":\"text\",\"path\":\"notes\",\"value\":[{\"d\":1,\"e\":2}]}", ERR_BAD_FIELD, "value"},
        {"{\"operation\":\"text\",\"path\":\"notes\",\"value\":[\"\"]}", ERR_BAD_FIELD, "value"},
        {"{\"ops\":[]}", ERR_BAD_FIELD, "ops"},
        {"{\"ops\":[7]}", ERR_BAD_FIELD, "operation"},
        {"{\"ops\":[{\"op\":\"set\"}]}", ERR_BAD_PATH, "path"},
        {"{\"operation\":\"move\"}", ERR_BAD_PATH, "path"},
        {"{\"operation\":\"delete\",\"version\":-1}", ERR_BAD_VERSION, "version"},
        {"{\"operation\":\"delete\",\"version\":\"1\"}", ERR_BAD_FIELD, "version"},
        {"{\"operation\":\"delete\",\"id\":\"\"}", ERR_BAD_FIELD, "id"},
        {"{\"operation\":\"delete\",\"entityType\":\"eco\"}", ERR_BAD_FIELD, "entityType"},
        {"{\"operation\":\"delete\",\"entityId\":\"\"}", ERR_BAD_FIELD, "entityId"},
        {"{\"operation\":\"delete\",\"metadata\":[]}", ERR_BAD_FIELD, "metadata"},
        {"{\"operation\":\"delete\",\"mustMatch\":1}", ERR_BAD_FIELD, "mustMatch"},
        {"{\"operation\":\"insert\",\"coll\":\"items\",\"id\":\"a\",\"value\":{}}", ERR_BAD_FIELD, "coll"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_refused(from_json(bad[i].text), bad[i].err, bad[i].field);
}

static void a_change_has_limits(void **state)
{
    struct buf text = BUF_EMPTY;

    (void)state;
    buf_append_str(&text, "{\"ops\":[");
    for (int i = 0; i < 257; i++)
        buf_append_str(&text,
                       i ? ",{\"op\":\"inc\",\"path\":\"qty\",\"n\":1}" : "{\"op\":\"inc\",\"path\":\"qty\",\"n\":1}");
    buf_append(&text, "]}", 3);
    assert_refused(from_json(text.data), ERR_TOO_LARGE, "ops");

    buf_reset(&text);
    buf_append_str(&text, "{\"tags\":\"");
    for (int i = 0; i < 50 * 1024; i++)
        buf_append_char(&text, 'x');
    buf_append(&text, "\"}", 3);
    assert_refused(patch(text.data), ERR_TOO_LARGE, "tags");
    buf_deinit(&text);
}

static void a_record_may_not_outgrow_its_limit(void **state)
{
    (void)state;
    assert_int_equal(patch("{\"notes\":\"0123456789\"}"), OK);
    buf_append_str(&out, "before:");
    assert_int_equal(change_apply(&arena, type, SPAN("{}"), 10, &change, &out), ERR_TOO_LARGE);
    assert_text(buf_span(&out), "before:");
}

/* ---- actions ---- */

static enum err act(const char *action, const char *state, const char *input)
{
    static struct json inputs;
    struct span role = SPAN("editor");
    struct identity *who =
        identity_new(SPAN("5"), SPAN("jsmith"), SPAN_EMPTY, SPAN_EMPTY, &role, 1, access_of(registry, &role, 1));
    enum err err;

    json_deinit(&inputs);
    inputs = (struct json){0};
    if (input)
        assert_int_equal(json_parse(&inputs, span_from_str(input), &json_limits_default), OK);
    change = (struct change){0};
    field = SPAN_EMPTY;
    err = change_from_action(&arena, type, type_action(type, span_from_str(action)), parse(state), inputs.root, who,
                             1771507800123, &change, &field);
    json_deinit(&inputs);
    inputs = (struct json){0};
    identity_unref(who);
    return err;
}

static void an_action_sets_what_the_type_says(void **state)
{
    (void)state;
    assert_int_equal(act("approve", "{\"status\":\"open\"}", "{\"note\":\"fine\"}"), OK);
    assert_int_equal(change.kind, CHANGE_ACTION);
    assert_text(change.action, "approve");
    assert_applied("{\"status\":\"open\"}", "{\"status\":\"done\",\"approved_by\":\"jsmith\","
                                            "\"approved_at\":\"2026-02-19T13:30:00.123Z\",\"notes\":\"fine\"}");
    assert_int_equal(act("approve", "{\"status\":\"open\",\"rush\":false}", NULL), OK);
    assert_int_equal(change.op_count, 3); /* the note may be missing */
}

static void an_action_has_conditions(void **state)
{
    (void)state;
    assert_refused(act("approve", "{\"status\":\"draft\"}", NULL), ERR_BAD_STATE, "status");
    assert_refused(act("approve", "{}", NULL), ERR_BAD_STATE, "status");
    assert_refused(act("approve", "{\"status\":\"open\",\"rush\":true}", NULL), ERR_BAD_STATE, "rush");
}

static void an_action_may_add_its_input(void **state)
{
    (void)state;
    assert_int_equal(act("adjust", "{\"qty\":5}", "{\"delta\":-2}"), OK);
    assert_applied("{\"qty\":5}", "{\"qty\":3}");
    assert_refused(act("adjust", "{\"qty\":5}", NULL), ERR_MISSING_FIELD, "delta");
    assert_refused(act("adjust", "{\"qty\":5}", "{\"delta\":\"2\"}"), ERR_BAD_FIELD, "qty");
}

/* ---- the log ---- */

static void assert_same(const struct change *a, const struct change *b)
{
    struct buf texts[2] = {BUF_EMPTY, BUF_EMPTY};

    change_print(&texts[0], a);
    change_print(&texts[1], b);
    assert_int_equal(texts[0].len, texts[1].len);
    assert_memory_equal(texts[0].data, texts[1].data, texts[0].len);
    assert_int_equal(a->op_count, b->op_count);
    for (uint32_t i = 0; i < a->op_count; i++) {
        assert_true(span_equal(a->ops[i].before, b->ops[i].before));
        assert_true(span_equal(a->ops[i].after, b->ops[i].after));
        assert_true(span_equal(a->ops[i].value, b->ops[i].value));
        assert_true(span_equal(a->ops[i].pos, b->ops[i].pos));
    }
    buf_deinit(&texts[0]);
    buf_deinit(&texts[1]);
}

static void what_was_printed_reads_the_same(void **state)
{
    static const char *texts[] = {
        "{\"id\":\"c\",\"operation\":\"update\",\"path\":\"status\",\"after\":\"open\",\"version\":3,\"mustMatch\":true}",
        "{\"ops\":[{\"op\":\"set\",\"path\":\"qty\",\"value\":5},{\"op\":\"inc\",\"path\":\"qty\",\"n\":3},"
        "{\"op\":\"del\",\"path\":\"rush\"},{\"op\":\"txt\",\"path\":\"notes\",\"value\":[\"a</b\"]},"
        "{\"op\":\"ins\",\"path\":\"/items/@n\",\"value\":{\"q\":[]}},{\"op\":\"mov\",\"path\":\"/items/@n\",\"pos\":\"a\"},"
        "{\"op\":\"ins\",\"path\":\"/items/@n\",\"value\":{}},{\"op\":\"set\",\"path\":\"/items/@n\",\"value\":{\"a\":1}},"
        "{\"op\":\"set\",\"path\":\"/items/@zz\",\"value\":{}},{\"op\":\"test\",\"path\":\"due\"},"
        "{\"op\":\"set\",\"path\":\"/address/a~1b\",\"value\":null},{\"op\":\"del\",\"path\":\"/items/@n\"}],"
        "\"metadata\":{\"a\":\"\\u00e9\"}}",
        "{\"operation\":\"delete\"}",
        "{\"operation\":\"update\",\"after\":{\"address\":{\"2\":1}}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct buf body = BUF_EMPTY;
        struct change again;

        assert_int_equal(from_json(texts[i]), OK);
        change.entity_id = SPAN("ORD-1");
        assert_int_equal(apply("{\"title\":\"A\",\"rush\":true}"), OK);
        change.version = 4;
        change.user_id = SPAN("5");
        change.username = SPAN("jsmith");
        change.time_ms = 1771507800123;
        change_print(&body, &change);
        assert_int_equal(change_read(&arena, buf_span(&body), &again), OK);
        assert_int_equal(again.version, 4);
        assert_int_equal(again.time_ms, 1771507800123);
        assert_same(&change, &again);
        buf_deinit(&body);
    }
}

static void a_replay_gives_the_same_state(void **state)
{
    struct buf body = BUF_EMPTY, replayed = BUF_EMPTY;
    struct change again;

    (void)state;
    assert_int_equal(record("{\"title\":\"A\",\"items\":[{\"q\":1}],\"address\":{\"a\":1}}"), OK);
    assert_int_equal(apply(""), OK);
    change_print(&body, &change);
    assert_int_equal(change_read(&arena, buf_span(&body), &again), OK);
    assert_int_equal(change_apply(&arena, NULL, SPAN_EMPTY, SIZE_MAX, &again, &replayed), OK);
    assert_true(span_equal(buf_span(&out), buf_span(&replayed)));
    buf_deinit(&body);
    buf_deinit(&replayed);
}

static void damaged_bodies_are_refused(void **state)
{
    (void)state;
    assert_int_equal(change_read(&arena, SPAN("{\"kind\":"), &change), ERR_BAD_JSON);
    assert_int_equal(change_read(&arena, SPAN("[]"), &change), ERR_BAD_MESSAGE);
    assert_int_equal(change_read(&arena, SPAN("{\"kind\":\"grow\",\"ops\":[]}"), &change), ERR_BAD_MESSAGE);
    assert_int_equal(change_read(&arena, SPAN("{\"kind\":\"update\"}"), &change), ERR_BAD_MESSAGE);
    assert_int_equal(change_read(&arena, SPAN("{\"kind\":\"update\",\"ops\":[{\"op\":\"set\"}]}"), &change),
                     ERR_BAD_PATH);
    assert_int_equal(change_read(&arena, SPAN("{\"kind\":\"update\",\"ops\":[{}]}"), &change), ERR_BAD_MESSAGE);
}

static void a_damaged_state_is_refused(void **state)
{
    (void)state;
    assert_int_equal(patch("{\"qty\":1}"), OK);
    assert_int_equal(apply("{\"qty\""), ERR_BAD_JSON);
    assert_int_equal(apply("[]"), ERR_BAD_JSON);
}

/* ---- how it is to be brought onto what others did ---- */

static void a_change_says_how_it_is_to_be_reconciled(void **state)
{
    (void)state;
    assert_int_equal(from_json("{\"strategy\":\"crdt\",\"fencingToken\":\"17\",\"hlc\":{\"ms\":5,\"counter\":3},"
                               "\"clientId\":\"tab1\",\"group\":\"g\",\"operation\":\"update\",\"path\":\"notes\","
                               "\"before\":null,\"after\":\"a\"}"),
                     OK);
    assert_true(change.has_strategy);
    assert_int_equal(change.strategy, STRATEGY_CRDT);
    assert_int_equal(change.fence, 17);
    assert_int_equal(change.stamp, 5 * 65536 + 3);
    assert_text(change.source, "tab1");
    assert_text(change.group, "g");
    assert_text(change.ops[0].expected, "null");
}

static void a_stamp_is_milliseconds_or_all_in_one(void **state)
{
    (void)state;
    assert_int_equal(from_json("{\"stamp\":1771507800123,\"operation\":\"delete\"}"), OK);
    assert_true(change.stamp == 1771507800123u * 65536);
    assert_int_equal(from_json("{\"stamp\":116097535188860929,\"operation\":\"delete\"}"), OK);
    assert_true(change.stamp == 116097535188860929u);
}

static void terms_that_make_no_sense_are_refused(void **state)
{
    static const char *bad[][2] = {
        {"{\"operation\":\"delete\",\"strategy\":\"hope\"}", "strategy"},
        {"{\"operation\":\"delete\",\"fence\":-1}", "fence"},
        {"{\"operation\":\"delete\",\"lock_token\":\"x\"}", "fence"},
        {"{\"operation\":\"delete\",\"stamp\":1.5}", "stamp"},
        {"{\"operation\":\"delete\",\"hlc\":{\"ms\":1,\"counter\":65536}}", "stamp"},
        {"{\"operation\":\"delete\",\"src\":7}", "source"},
        {"{\"operation\":\"delete\",\"group\":\"\"}", "group"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_refused(from_json(bad[i][0]), ERR_BAD_FIELD, bad[i][1]);
}

static void what_is_around_the_operations_can_be_read_alone(void **state)
{
    (void)state;
    change = (struct change){0};
    assert_int_equal(
        change_head_from_json(&arena, type, parse("{\"id\":\"c1\",\"source\":\"s\",\"version\":4}"), &change, &field),
        OK);
    assert_text(change.id, "c1");
    assert_text(change.source, "s");
    assert_int_equal(change.base_version, 4);
}

static void what_became_of_a_change_is_stored_with_it(void **state)
{
    struct superseded lost[] = {{{1, {SPAN("qty")}}, SPAN("7"), 3}, {{1, {SPAN("notes")}}, SPAN("\"x\""), 9}};
    struct change stored = {.kind = CHANGE_UPDATE,
                            .type = SPAN("order"),
                            .entity_id = SPAN("O-1"),
                            .verdict = VERDICT_MERGED,
                            .strategy = STRATEGY_MANUAL,
                            .stamp = 116097535188860929u,
                            .source = SPAN("s"),
                            .undo_of = 5,
                            .restored = 6,
                            .resolves = SPAN("k1"),
                            .group = SPAN("g"),
                            .superseded = lost,
                            .superseded_count = 2,
                            .version = 9};
    struct change read;
    struct buf again = BUF_EMPTY;

    (void)state;
    change_print(&out, &stored);
    assert_int_equal(change_read(&arena, buf_span(&out), &read), OK);
    change_print(&again, &read);
    assert_true(span_equal(buf_span(&out), buf_span(&again)));
    assert_int_equal(read.verdict, VERDICT_MERGED);
    assert_int_equal(read.strategy, STRATEGY_MANUAL);
    assert_int_equal(read.superseded_count, 2);
    assert_int_equal(read.superseded[0].by_version, 3);
    assert_int_equal(read.superseded[1].by_version, 9);
    assert_text(read.superseded[1].value, "\"x\"");
    assert_int_equal(read.undo_of, 5);
    buf_deinit(&again);
}

/* ---- items inside of items ---- */

static void an_item_cannot_be_put_into_itself(void **state)
{
    static const char tree[] = "{\"items\":[{\"id\":\"a\",\"pos\":\"a\"},{\"id\":\"b\",\"pos\":\"b\",\"parent\":\"a\"},"
                               "{\"id\":\"c\",\"pos\":\"c\",\"parent\":\"b\"}]}";
    static const char *bad[] = {
        "{\"operation\":\"update\",\"path\":\"/items/@a/parent\",\"after\":\"c\"}",
        "{\"operation\":\"update\",\"path\":\"/items/@a/parent\",\"after\":\"a\"}",
        "{\"operation\":\"update\",\"path\":\"/items/@b\",\"after\":{\"parent\":\"c\"}}",
        "{\"operation\":\"insert\",\"path\":\"/items/@d\",\"after\":{\"parent\":\"d\"}}",
        ("{\"operation\":\"update\",\"path\":\"/items\",\"after\":[{\"id\":\"x\",\"parent\":\"y\"},"
         "{\"id\":\"y\",\"parent\":\"x\"}]}"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(from_json(bad[i]), OK);
        assert_int_equal(apply(tree), ERR_CYCLIC_MOVE);
        assert_int_equal(out.len, 0);
    }
}

static void items_may_change_places_in_a_tree(void **state)
{
    (void)state;
    assert_int_equal(from_json("{\"ops\":[{\"op\":\"set\",\"path\":\"/items/@a/parent\",\"value\":\"b\"},"
                               "{\"op\":\"del\",\"path\":\"/items/@b/parent\"}]}"),
                     OK);
    assert_int_equal(apply("{\"items\":[{\"id\":\"a\",\"pos\":\"a\"},{\"id\":\"b\",\"pos\":\"b\",\"parent\":\"a\"}]}"),
                     OK);
    assert_int_equal(
        from_json("{\"operation\":\"update\",\"path\":\"tags\",\"after\":[\"a\",{\"id\":\"b\",\"parent\":\"b\"}]}"),
        OK);
    assert_int_equal(apply("{}"), OK); /* what is in a plain value is not a tree */
}

static void sums_of_decimals_are_decimals(void **state)
{
    (void)state;
    assert_int_equal(from_json("{\"operation\":\"increment\",\"path\":\"/items/@a/w\",\"n\":0.2}"), OK);
    assert_int_equal(apply("{\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"w\":0.1}]}"), OK);
    assert_text(buf_span(&out), "{\"items\":[{\"id\":\"a\",\"pos\":\"a\",\"w\":0.3}]}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_record_gets_its_defaults_in_the_order_of_the_type),
        TEST(a_record_may_bring_its_id),
        TEST(a_record_must_suit_its_type),
        TEST(values_must_suit_their_fields),
        TEST(a_value_may_not_be_too_deep),
        TEST(a_patch_sets_and_removes),
        TEST(a_patch_goes_into_declared_objects),
        TEST(a_patch_replaces_registers_whole),
        TEST(a_patch_may_not_remove_what_is_required),
        TEST(a_patch_respects_who_may_write),
        TEST(items_are_sorted_by_pos_and_id),
        TEST(items_without_id_and_pos_get_them),
        TEST(an_item_is_inserted_where_its_pos_says),
        TEST(an_item_without_pos_comes_last),
        TEST(inserting_an_item_twice_does_nothing),
        TEST(an_item_moves_without_losing_anything),
        TEST(an_items_members_are_set_by_its_id),
        TEST(what_is_missing_is_left_alone),
        TEST(an_increment_adds),
        TEST(an_increment_stays_in_the_fields_range),
        TEST(a_text_edit_counts_as_javascript_does),
        TEST(a_text_edit_must_fit_the_text),
        TEST(a_failed_test_refuses_the_whole_change),
        TEST(a_change_of_one_operation_is_a_batch_of_one),
        TEST(without_a_path_the_whole_record_is_meant),
        TEST(inserting_into_an_object_sets_a_key),
        TEST(bad_changes_say_what_is_wrong),
        TEST(a_change_has_limits),
        TEST(a_record_may_not_outgrow_its_limit),
        TEST(an_action_sets_what_the_type_says),
        TEST(an_action_has_conditions),
        TEST(an_action_may_add_its_input),
        TEST(what_was_printed_reads_the_same),
        TEST(a_replay_gives_the_same_state),
        TEST(damaged_bodies_are_refused),
        TEST(a_damaged_state_is_refused),
        TEST(a_change_says_how_it_is_to_be_reconciled),
        TEST(a_stamp_is_milliseconds_or_all_in_one),
        TEST(terms_that_make_no_sense_are_refused),
        TEST(what_is_around_the_operations_can_be_read_alone),
        TEST(what_became_of_a_change_is_stored_with_it),
        TEST(an_item_cannot_be_put_into_itself),
        TEST(items_may_change_places_in_a_tree),
        TEST(sums_of_decimals_are_decimals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
