#include "server/hooks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LIST(...)                                                 \
    (&(struct config_list){.items = (struct span[]){__VA_ARGS__}, \
                           .count = sizeof((struct span[]){__VA_ARGS__}) / sizeof(struct span)})

static void what_is_asked_about_is_listed(void **state)
{
    struct buf why = BUF_EMPTY;
    unsigned asks;
    bool asks_who;

    (void)state;
    assert_int_equal(hooks_asks(LIST(SPAN("change"), SPAN("authenticate")), &asks, &asks_who, &why), OK);
    assert_int_equal(asks, GATE_CHANGE);
    assert_true(asks_who);
    assert_int_equal(hooks_asks(LIST(SPAN("join"), SPAN("publish"), SPAN("object")), &asks, &asks_who, &why), OK);
    assert_int_equal(asks, GATE_JOIN | GATE_PUBLISH | GATE_OBJECT);
    assert_false(asks_who);
    assert_int_equal(hooks_asks(LIST(SPAN("join"), SPAN("leave")), &asks, &asks_who, &why), ERR_CONFIG);
    assert_non_null(memmem(why.data, why.len, "\"leave\"", 7));
    buf_deinit(&why);
}

static void what_is_told_is_listed(void **state)
{
    struct buf why = BUF_EMPTY;
    unsigned kinds;

    (void)state;
    assert_int_equal(hooks_events(LIST(SPAN("change"), SPAN("lock")), &kinds, &why), OK);
    assert_int_equal(kinds, HOOKS_CHANGES | 1u << OBJECT_LOCK);
    assert_int_equal(hooks_events(LIST(SPAN("preferences")), &kinds, &why), ERR_CONFIG);
    assert_int_equal(hooks_events(LIST(SPAN("changes")), &kinds, &why), ERR_CONFIG);
    buf_deinit(&why);
}

static void without_a_url_nothing_is_asked(void **state)
{
    struct config config = {.backend_asks = *LIST(SPAN("join"), SPAN("authenticate")), .backend_when_down = 1};
    bool asks_who;

    (void)state;
    assert_int_equal(hooks_gate_rules(&config, &asks_who).asks, 0);
    assert_false(asks_who);
    config.backend_url = SPAN("http://localhost/");
    assert_int_equal(hooks_gate_rules(&config, &asks_who).asks, GATE_JOIN);
    assert_true(asks_who);
    assert_true(hooks_gate_rules(&config, &asks_who).allows_when_down);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_about_is_listed),
        cmocka_unit_test(what_is_told_is_listed),
        cmocka_unit_test(without_a_url_nothing_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
