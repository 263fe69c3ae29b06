#include "load/plan.h"

#include "load/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define ARGS(...) ((char *[]){"bench", __VA_ARGS__, NULL})

static int read_plan(struct plan *plan, char **args)
{
    int count = 0;

    while (args[count] != NULL)
        count++;
    return plan_init(plan, count, args);
}

static void each_scenario_has_its_own_defaults(void **state)
{
    struct plan plan;

    (void)state;
    assert_int_equal(read_plan(&plan, ARGS("fanout")), 0);
    assert_int_equal(plan_connection_count(&plan), 1001);
    assert_int_equal(plan_speaker_count(&plan), 1);
    plan_deinit(&plan);

    assert_int_equal(read_plan(&plan, ARGS("rooms")), 0);
    assert_int_equal(plan_connection_count(&plan), 2000);
    assert_int_equal(plan_speaker_count(&plan), 5);
    plan_deinit(&plan);

    assert_int_equal(read_plan(&plan, ARGS("idle")), 0);
    assert_int_equal(plan_connection_count(&plan), 10000);
    assert_string_equal(plan_depth_name(&plan), "joined");
    plan_deinit(&plan);
}

static void options_override_them(void **state)
{
    struct plan plan;

    (void)state;
    assert_int_equal(read_plan(&plan, ARGS("fanout", "--senders", "3", "--members", "10", "--rate", "0.5", "--wire",
                                           "raw", "--table", "--pid", "4000000")),
                     0);
    assert_int_equal(plan_room_size(&plan), 13);
    assert_true(plan.rate == 0.5);
    assert_ptr_equal(plan.script, &script_raw);
    assert_true(plan.is_table);
    assert_true(plan.pid == 4000000);
    plan_deinit(&plan);
}

static void an_address_is_taken_apart(void **state)
{
    static const struct {
        char *url;
        const char *host, *port, *path;
    } cases[] = {
        {"ws://127.0.0.1:8000/ws", "127.0.0.1", "8000", "/ws"},
        {"ws://localhost", "localhost", "80", "/"},
        {"ws://localhost:99", "localhost", "99", "/"},
        {"ws://[::1]:8000/a/b?c=d:e", "::1", "8000", "/a/b?c=d:e"},
        {"ws://[::1]/", "::1", "80", "/"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct plan plan;

        assert_int_equal(read_plan(&plan, ARGS("fanout", "--url", cases[i].url)), 0);
        assert_string_equal(plan.host, cases[i].host);
        assert_string_equal(plan.port, cases[i].port);
        assert_true(span_equal(plan.path, span_from_str(cases[i].path)));
        plan_deinit(&plan);
    }
}

static void what_makes_no_sense_is_refused(void **state)
{
    static char *const cases[][4] = {
        {"nothing", NULL},
        {"fanout", "--nothing", "1", NULL},
        {"fanout", "members", "1", NULL},
        {"fanout", "--members", NULL},
        {"fanout", "--members", "many", NULL},
        {"fanout", "--members", "0", NULL},
        {"fanout", "--rate", "0", NULL},
        {"fanout", "--seconds", "-1", NULL},
        {"fanout", "--payload", "31", NULL},
        {"fanout", "--wire", "morse", NULL},
        {"fanout", "--url", "http://localhost/", NULL},
        {"fanout", "--url", "ws://:80/", NULL},
        {"fanout", "--tokens-file", "/nowhere/at/all", NULL},
        {"rooms", "--members", "1", NULL},
        {"saturate", "--window", "65", NULL},
        {"changes", "--wire", "raw", NULL},
        {"idle", "--depth", "deep", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct plan plan;
        char *const *row = cases[i];

        assert_int_equal(read_plan(&plan, (char *[]){"bench", row[0], row[1], row[1] ? row[2] : NULL, NULL}), 2);
        plan_deinit(&plan);
    }
}

static void tokens_of_a_file_are_taken_in_turn(void **state)
{
    char name[] = "/tmp/test_plan_XXXXXX";
    int fd = mkstemp(name);
    struct plan plan;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "first\n\n second \n", 16), 16);
    assert_int_equal(read_plan(&plan, ARGS("fanout", "--tokens-file", name)), 0);
    assert_int_equal(plan.token_count, 2);
    assert_true(span_equal(plan_token(&plan, 0), SPAN("first")));
    assert_true(span_equal(plan_token(&plan, 1), SPAN("second")));
    assert_true(span_equal(plan_token(&plan, 2), SPAN("first")));
    plan_deinit(&plan);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(name), 0);
}

static void nobody_has_a_token_unless_one_is_given(void **state)
{
    struct plan plan;

    (void)state;
    assert_int_equal(read_plan(&plan, ARGS("fanout")), 0);
    assert_true(plan_token(&plan, 3).len == 0);
    plan_deinit(&plan);
    assert_int_equal(read_plan(&plan, ARGS("fanout", "--token", "only")), 0);
    assert_true(span_equal(plan_token(&plan, 3), SPAN("only")));
    plan_deinit(&plan);
}

static void neighbours_share_a_room(void **state)
{
    struct plan plan;
    struct buf room = BUF_EMPTY;

    (void)state;
    assert_int_equal(read_plan(&plan, ARGS("rooms", "--members", "5", "--room-prefix", "r")), 0);
    plan_append_room(&plan, 4, &room);
    buf_append_char(&room, ' ');
    plan_append_room(&plan, 5, &room);
    assert_true(span_equal(buf_span(&room), SPAN("r0 r1")));
    buf_deinit(&room);
    plan_deinit(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_scenario_has_its_own_defaults),
        cmocka_unit_test(options_override_them),
        cmocka_unit_test(an_address_is_taken_apart),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(tokens_of_a_file_are_taken_in_turn),
        cmocka_unit_test(nobody_has_a_token_unless_one_is_given),
        cmocka_unit_test(neighbours_share_a_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
