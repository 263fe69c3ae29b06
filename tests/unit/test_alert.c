#include "collab/type/alert.h"
#include "lib/type_stage.h"

static const char types[] =
    "{\"stock\":{\"fields\":{\"sku\":{\"kind\":\"string\"},\"qty\":{\"kind\":\"integer\"},\"limit\":{\"kind\":\"integer\"},"
    "\"temperature\":{\"kind\":\"number\"}},"
    "\"alerts\":{\"low\":{\"field\":\"qty\",\"at_most\":\"limit\",\"title\":\"Low: {sku}\","
    "\"message\":\"{sku} has {qty} left of {limit}\"},"
    "\"hot\":{\"field\":\"temperature\",\"above\":30.5,\"priority\":\"urgent\",\"title\":\"Hot\",\"message\":\"{temperature}\"}}},"
    "\"quiet\":{\"fields\":{\"qty\":{\"kind\":\"integer\"}}},"
    "\"all\":{\"fields\":{\"n\":{\"kind\":\"number\"}},\"alerts\":{"
    "\"a\":{\"field\":\"n\",\"below\":5,\"title\":\"a\",\"message\":\"\"},"
    "\"b\":{\"field\":\"n\",\"at_most\":5,\"title\":\"b\",\"message\":\"\"},"
    "\"c\":{\"field\":\"n\",\"above\":5,\"title\":\"c\",\"message\":\"\"},"
    "\"d\":{\"field\":\"n\",\"at_least\":5,\"title\":\"d\",\"message\":\"\"},"
    "\"e\":{\"field\":\"n\",\"equal\":5,\"title\":\"e\",\"message\":\"\"}}}}";

static struct alert alerts[8];

static int set_up(void **state)
{
    (void)state;
    type_stage_init(types);
    return 0;
}

static uint32_t check(const char *type, const char *before, const char *after)
{
    return alert_check(&arena, type_find(registry, span_from_str(type)), span_from_str(before), span_from_str(after),
                       alerts, 8);
}

static void a_rule_fires_when_it_becomes_true(void **state)
{
    (void)state;
    assert_int_equal(check("stock", "{\"qty\":6,\"limit\":5}", "{\"qty\":5,\"limit\":5}"), 1);
    assert_text(alerts[0].rule->name, "low");
    assert_true(alerts[0].value > 4.9 && alerts[0].limit > 4.9 && alerts[0].limit < 5.1);
    assert_int_equal(check("stock", "{\"qty\":6,\"limit\":5}", "{\"qty\":6,\"limit\":7}"), 1);
}

static void a_rule_is_silent_while_it_stays_true(void **state)
{
    (void)state;
    assert_int_equal(check("stock", "{\"qty\":5,\"limit\":5}", "{\"qty\":1,\"limit\":5}"), 0);
    assert_int_equal(check("stock", "{\"qty\":1,\"limit\":5}", "{\"qty\":9,\"limit\":5}"), 0);
}

static void a_rule_fires_on_creation(void **state)
{
    (void)state;
    assert_int_equal(check("stock", NULL, "{\"qty\":1,\"limit\":5}"), 1);
    assert_int_equal(check("stock", NULL, "{\"qty\":9,\"limit\":5}"), 0);
}

static void a_deleted_record_is_silent(void **state)
{
    (void)state;
    assert_int_equal(check("stock", "{\"qty\":9,\"limit\":5}", NULL), 0);
}

static void what_has_no_number_is_not_compared(void **state)
{
    (void)state;
    assert_int_equal(check("stock", NULL, "{\"qty\":1}"), 0);
    assert_int_equal(check("stock", NULL, "{\"limit\":1}"), 0);
    assert_int_equal(check("stock", NULL, "{\"qty\":\"1\",\"limit\":5}"), 0);
    assert_int_equal(check("quiet", NULL, "{\"qty\":1}"), 0);
}

static void texts_are_filled_in(void **state)
{
    (void)state;
    assert_int_equal(check("stock", NULL, "{\"sku\":\"SKU-7\",\"qty\":1,\"limit\":5,\"temperature\":31.25}"), 2);
    assert_text(alerts[0].title, "Low: SKU-7");
    assert_text(alerts[0].message, "SKU-7 has 1 left of 5");
    assert_text(alerts[1].message, "31.25");
    assert_text(alerts[1].rule->priority, "urgent");
    assert_int_equal(check("stock", NULL, "{\"qty\":1,\"limit\":5}"), 1);
    assert_text(alerts[0].title, "Low: ");
}

static void every_comparison_means_what_it_says(void **state)
{
    (void)state;
    assert_int_equal(check("all", NULL, "{\"n\":4}"), 2);
    assert_text(alerts[0].title, "a");
    assert_text(alerts[1].title, "b");
    assert_int_equal(check("all", NULL, "{\"n\":5}"), 3);
    assert_text(alerts[0].title, "b");
    assert_text(alerts[1].title, "d");
    assert_text(alerts[2].title, "e");
    assert_int_equal(check("all", NULL, "{\"n\":6.5}"), 2);
    assert_text(alerts[0].title, "c");
}

static void no_more_are_given_than_asked_for(void **state)
{
    (void)state;
    assert_int_equal(alert_check(&arena, type_find(registry, SPAN("all")), SPAN_EMPTY, SPAN("{\"n\":5}"), alerts, 2),
                     2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, type_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_rule_fires_when_it_becomes_true),
        TEST(a_rule_is_silent_while_it_stays_true),
        TEST(a_rule_fires_on_creation),
        TEST(a_deleted_record_is_silent),
        TEST(what_has_no_number_is_not_compared),
        TEST(texts_are_filled_in),
        TEST(every_comparison_means_what_it_says),
        TEST(no_more_are_given_than_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
