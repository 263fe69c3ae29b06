#include "collab/type/type.h"
#include "lib/check.h"
#include "server/types_builtin.h"

#include <string.h>

static struct type_registry *registry;

static void load(const char *builtin, const char *extra)
{
    struct buf why = BUF_EMPTY;

    if (type_registry_new(span_from_str(builtin), span_from_str(extra), &registry, &why) != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&why)));
    buf_deinit(&why);
}

static int tear_down(void **state)
{
    (void)state;
    type_registry_unref(registry);
    registry = NULL;
    return 0;
}

/* The sentence must name what is wrong. */
static void assert_refused(const char *builtin, const char *extra, const char *why_expected)
{
    struct buf why = BUF_EMPTY;
    struct type_registry *refused = NULL;

    assert_int_equal(type_registry_new(span_from_str(builtin), span_from_str(extra), &refused, &why), ERR_CONFIG);
    assert_null(refused);
    buf_append_char(&why, '\0');
    assert_string_equal(why.data, why_expected);
    buf_deinit(&why);
}

static void a_type_needs_only_fields(void **state)
{
    const struct type *type;

    (void)state;
    load("{\"work_order\":{\"fields\":{\"name\":{\"kind\":\"string\"}}}}", NULL);
    type = type_find(registry, SPAN("work_order"));
    assert_non_null(type);
    assert_text(type->title, "work_order");
    assert_text(type->channel, "work-order-updates");
    assert_int_equal(type->strategy, STRATEGY_LAST_WRITE_WINS);
    assert_int_equal(type->strategies_allowed, 1u << STRATEGY_LAST_WRITE_WINS);
    assert_int_equal(type->write_mode, WRITE_AUTHORITATIVE);
    assert_true(type->read.any);
    assert_int_equal(type->update.count, 2);
    assert_int_equal(type->delete.count, 1);
    assert_ptr_equal(type_find_channel(registry, SPAN("work-order-updates")), type);
    assert_null(type_find(registry, SPAN("eco")));
    assert_null(type_find_channel(registry, SPAN("eco-updates")));
}

static void everything_a_type_may_say_is_read(void **state)
{
    const struct type *type;
    const struct field *field;
    const struct action *action;
    const struct alert_rule *alert;

    (void)state;
    load(
        "{\"thing\":{\"title\":\"Thing\",\"channel\":\"things\",\"id_prefix\":\"T-\",\"label\":\"n\",\"aliases\":[\"stuff\"],"
        "\"strategy\":\"ot\",\"strategies_allowed\":[\"manual\"],\"write_mode\":\"proxied\",\"enforce_locks\":true,"
        "\"roles\":{\"read\":[\"viewer\"],\"create\":\"*\"},"
        "\"fields\":{\"n\":{\"kind\":\"number\",\"title\":\"N\",\"required\":true,\"min\":1,\"max\":5,\"default\":2,"
        "\"strategy\":\"crdt\",\"read\":[\"viewer\"],\"write\":[\"boss\"]},"
        "\"other\":{\"kind\":\"reference\",\"target\":\"stuff\",\"read_only\":true}},"
        "\"actions\":{\"go\":{\"title\":\"Go\",\"event\":\"gone\",\"roles\":[\"boss\"],\"when\":{\"n\":[1,2]},"
        "\"set\":{\"other\":\"$user\"},\"add\":{\"n\":1}}},"
        "\"alerts\":{\"low\":{\"field\":\"n\",\"below\":3,\"priority\":\"urgent\",\"title\":\"t\",\"message\":\"{n}\","
        "\"roles\":[\"boss\"]}}}}",
        NULL);
    type = type_find(registry, SPAN("stuff"));
    assert_text(type->name, "thing");
    assert_text(type->id_prefix, "T-");
    assert_text(type->label, "n");
    assert_int_equal(type->strategy, STRATEGY_OPERATIONAL_TRANSFORM);
    assert_int_equal(type->strategies_allowed,
                     1u << STRATEGY_OPERATIONAL_TRANSFORM | 1u << STRATEGY_MANUAL | 1u << STRATEGY_CRDT);
    assert_int_equal(type->write_mode, WRITE_PROXIED);
    assert_true(type->enforces_locks);
    assert_text(type->read.names[0], "viewer");
    assert_true(type->create.any);
    field = type_field(type, SPAN("n"));
    assert_true(field->is_required && field->has_min && field->has_max && field->has_strategy);
    assert_text(field->title, "N");
    assert_int_equal(yyjson_get_int(field->fallback), 2);
    field = type_field(type, SPAN("other"));
    assert_int_equal(field->index, 1);
    assert_true(field->is_read_only);
    action = type_action(type, SPAN("go"));
    assert_text(action->event, "gone");
    assert_int_equal(action->condition_count, 1);
    assert_text(action->conditions[0].values[1], "2");
    assert_int_equal(action->assignment_count, 2);
    assert_false(action->assignments[0].adds);
    assert_true(action->assignments[1].adds);
    alert = &type->alerts[0];
    assert_int_equal(alert->comparison, COMPARE_BELOW);
    assert_true(alert->value > 2.9 && alert->value < 3.1);
    assert_text(alert->audience.names[0], "boss");
}

static void a_second_text_adds_replaces_and_takes_away(void **state)
{
    (void)state;
    load("{\"a\":{\"fields\":{\"x\":{\"kind\":\"text\"}}},\"b\":{\"fields\":{\"x\":{\"kind\":\"text\"}}}}",
         "{\"a\":{\"title\":\"New\",\"fields\":{\"y\":{\"kind\":\"text\"}}},\"b\":null,"
         "\"c\":{\"fields\":{\"z\":{\"kind\":\"text\"}}}}");
    assert_int_equal(registry->type_count, 2);
    assert_text(type_find(registry, SPAN("a"))->title, "New");
    assert_null(type_field(type_find(registry, SPAN("a")), SPAN("x")));
    assert_null(type_find(registry, SPAN("b")));
    assert_non_null(type_find(registry, SPAN("c")));
}

static void mistakes_are_named(void **state)
{
    static const char *cases[][2] = {
        {"[]", "the types must be an object"},
        {"{", "the types are no JSON that can be read: The text is not valid JSON."},
        {"{\"a\":5}", "type \"a\": must be an object"},
        {"{\"a\":{}}", "type \"a\": has no fields"},
        {"{\"a\":{\"colour\":1}}", "type \"a\": \"colour\" means nothing here"},
        {"{\"A\":{}}", "type \"A\": \"A\" is no name: a small letter, then letters, digits and '_', at most 64 bytes"},
        {"{\"a\":{\"fields\":{\"x\":{}}}}", "type \"a\", field \"x\": \"kind\" is missing"},
        {"{\"a\":{\"fields\":{\"id\":{\"kind\":\"text\"}}}}", "type \"a\", field \"id\": a record's id is no field"},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"blob\"}}}}", "type \"a\", field \"x\": there is no kind \"blob\""},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"enum\"}}}}",
         "type \"a\", field \"x\": an enum has \"values\", and nothing else has"},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"reference\"}}}}",
         "type \"a\", field \"x\": a reference has a \"target\", and nothing else has"},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"reference\",\"target\":\"b\"}}}}",
         "type \"a\": field \"x\": there is no type \"b\""},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"number\",\"min\":2,\"max\":1}}}}",
         "type \"a\", field \"x\": \"min\" is greater than \"max\""},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"number\",\"default\":\"1\"}}}}",
         "type \"a\", field \"x\": \"default\" does not suit the field"},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"text\",\"required\":true,\"read_only\":true}}}}",
         "type \"a\", field \"x\": nobody could create a record: a required, read-only field needs a \"default\""},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"text\",\"write\":[]}}}}",
         "type \"a\", field \"x\": \"write\" must be \"*\" or a list of roles (only [\"admin\"]: nobody else)"},
        {"{\"a\":{\"strategy\":\"magic\"}}", "type \"a\": there is no strategy \"magic\""},
        {"{\"a\":{\"write_mode\":\"x\"}}",
         "type \"a\": \"write_mode\" must be \"authoritative\", \"broadcast\" or \"proxied\""},
        {"{\"a\":{\"channel\":\"comments\",\"fields\":{\"x\":{\"kind\":\"text\"}}}}",
         "type \"a\": channel \"comments\" is no name for a channel of a type"},
        {"{\"a\":{\"channel\":\"c\",\"fields\":{\"x\":{\"kind\":\"text\"}}},"
         "\"b\":{\"channel\":\"c\",\"fields\":{\"x\":{\"kind\":\"text\"}}}}",
         "type \"b\": channel \"c\" is taken by type \"a\""},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"text\"}}},\"b\":{\"aliases\":[\"a\"],\"fields\":{\"x\":{\"kind\":\"text\"}}}}",
         "type \"b\": alias \"a\" is taken by type \"a\""},
        {"{\"a\":{\"label\":\"y\",\"fields\":{\"x\":{\"kind\":\"text\"}}}}", "type \"a\": \"label\" names no field"},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"text\"}},\"actions\":{\"go\":{\"set\":{\"y\":1}}}}}",
         "type \"a\", action \"go\": there is no field \"y\""},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"text\"}},\"actions\":{\"go\":{\"set\":{\"x\":1}}}}}",
         "type \"a\", action \"go\": the value for \"x\" does not suit the field"},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"text\"}},\"actions\":{\"go\":{\"set\":{\"x\":\"$me\"}}}}}",
         "type \"a\", action \"go\": \"$me\" is none of $user, $username, $now, $input.NAME"},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"text\"}},\"actions\":{\"go\":{\"add\":{\"x\":1}}}}}",
         "type \"a\", action \"go\": \"add\": \"x\" is no number"},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"text\"}},\"actions\":{\"go\":{}}}}",
         "type \"a\", action \"go\": it neither sets nor adds anything"},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"number\"}},\"alerts\":{\"w\":{\"field\":\"x\",\"below\":1,\"title\":\"t\","
         "\"message\":\"m\",\"notify\":[\"{y}\"]}}}}",
         "type \"a\", alert \"w\": there is no field \"y\""},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"number\"}},\"alerts\":{\"w\":{\"field\":\"x\",\"below\":1,\"title\":\"t\","
         "\"message\":\"m\",\"notify\":[\"{x}\"]}}}}",
         "type \"a\", alert \"w\": \"x\" in \"notify\" is no string"},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"number\"}},\"alerts\":{\"w\":{\"field\":\"x\",\"below\":1,\"title\":\"t\","
         "\"message\":\"m\",\"notify\":[\"@manager\"]}}}}",
         "type \"a\", alert \"w\": \"notify\" has usernames, \"role:NAME\" and \"{field}\""},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"number\"}},\"alerts\":{\"w\":{\"field\":\"x\",\"below\":1,\"title\":\"t\","
         "\"message\":\"m\",\"notify\":\"bob\"}}}}",
         "type \"a\", alert \"w\": \"notify\" must be a list of at most 8"},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"text\"}},\"alerts\":{\"w\":{\"field\":\"x\",\"below\":1,\"title\":\"t\","
         "\"message\":\"m\"}}}}",
         "type \"a\", alert \"w\": \"x\" is no number"},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"number\"}},\"alerts\":{\"w\":{\"field\":\"x\",\"title\":\"t\","
         "\"message\":\"m\"}}}}",
         "type \"a\", alert \"w\": it needs one of \"below\", \"at_most\", \"above\", \"at_least\", \"equal\""},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"number\"}},\"alerts\":{\"w\":{\"field\":\"x\",\"below\":1,\"title\":\"t\","
         "\"message\":\"{y}\"}}}}",
         "type \"a\", alert \"w\": there is no field \"y\" for {y}"},
        {"{\"a\":{\"fields\":{\"x\":{\"kind\":\"number\"}},\"alerts\":{\"w\":{\"field\":\"x\",\"below\":1,\"title\":\"{x\","
         "\"message\":\"m\"}}}}",
         "type \"a\", alert \"w\": a \"{\" is not closed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_refused(cases[i][0], NULL, cases[i][1]);
        assert_refused("{}", cases[i][0], cases[i][1]);
    }
}

static void a_room_may_be_a_records(void **state)
{
    struct span id = SPAN_EMPTY;

    (void)state;
    load("{\"inventory\":{\"aliases\":[\"item\"],\"fields\":{\"x\":{\"kind\":\"text\"}}}}", NULL);
    assert_text(type_of_room(registry, SPAN("inventory:SKU-1"), &id)->name, "inventory");
    assert_text(id, "SKU-1");
    assert_text(type_of_room(registry, SPAN("item:a:b"), &id)->name, "inventory");
    assert_text(id, "a:b");
    assert_null(type_of_room(registry, SPAN("inventory:"), &id));
    assert_null(type_of_room(registry, SPAN("inventory"), &id));
    assert_null(type_of_room(registry, SPAN("product-7"), &id));
    assert_null(type_of_room(registry, SPAN("other:7"), &id));
}

static void a_records_id_is_short_and_shown(void **state)
{
    char longest[129];

    (void)state;
    memset(longest, 'x', sizeof(longest));
    assert_true(record_id_is_valid(SPAN("WO-1001")));
    assert_true(record_id_is_valid(SPAN("caf\xc3\xa9 7")));
    assert_true(record_id_is_valid(span_of(longest, 128)));
    assert_false(record_id_is_valid(span_of(longest, 129)));
    assert_false(record_id_is_valid(SPAN_EMPTY));
    assert_false(record_id_is_valid(SPAN(" a")));
    assert_false(record_id_is_valid(SPAN("a ")));
    assert_false(record_id_is_valid(SPAN("a/b")));
    assert_false(record_id_is_valid(SPAN("a\nb")));
    assert_false(record_id_is_valid(SPAN("a\xff")));
    assert_false(record_id_is_valid(SPAN("a\xe2\x80\xae")));
}

static void strategies_have_names(void **state)
{
    enum strategy strategy;

    (void)state;
    for (int i = STRATEGY_LAST_WRITE_WINS; i <= STRATEGY_MANUAL; i++) {
        assert_true(strategy_parse(span_from_str(strategy_name((enum strategy)i)), &strategy));
        assert_int_equal(strategy, i);
    }
    assert_string_equal(strategy_name(STRATEGY_LAST_WRITE_WINS), "last-write-wins");
    assert_string_equal(strategy_name(STRATEGY_LOCK_BASED), "lock-based");
    assert_false(strategy_parse(SPAN("LWW"), &strategy));
}

static void the_builtin_types_are_all_there(void **state)
{
    static const char *names[] = {"work_order",  "eco",      "inventory", "part",    "vendor",
                                  "procurement", "customer", "order",     "pricing", "project",
                                  "employee",    "division", "item"};
    static const char *channels[] = {"order-updates",      "inventory-updates", "customer-updates", "pricing-updates",
                                     "work-order-updates", "eco-updates",       "project-updates",  "employee-updates"};
    struct buf why = BUF_EMPTY;

    (void)state;
    if (type_registry_new(types_builtin(), SPAN_EMPTY, &registry, &why) != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&why)));
    buf_deinit(&why);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (type_find(registry, span_from_str(names[i])) == NULL)
            fail_msg("there is no %s", names[i]);
    for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++)
        if (type_find_channel(registry, span_from_str(channels[i])) == NULL)
            fail_msg("there is no %s", channels[i]);
    assert_ptr_equal(type_find(registry, SPAN("item")), type_find(registry, SPAN("inventory")));
    assert_text(type_action(type_find(registry, SPAN("eco")), SPAN("approve"))->event, "approved");
    assert_text(type_action(type_find(registry, SPAN("eco")), SPAN("implement"))->event, "implemented");
    assert_text(type_action(type_find(registry, SPAN("work_order")), SPAN("kit"))->event, "updated");
    assert_non_null(type_field(type_find(registry, SPAN("inventory")), SPAN("qty_ordered_jason")));
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_type_needs_only_fields),
        TEST(everything_a_type_may_say_is_read),
        TEST(a_second_text_adds_replaces_and_takes_away),
        TEST(mistakes_are_named),
        TEST(a_room_may_be_a_records),
        TEST(a_records_id_is_short_and_shown),
        TEST(strategies_have_names),
        TEST(the_builtin_types_are_all_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
