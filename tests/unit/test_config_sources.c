#include "lib/config_stage.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

/* ---- the environment ---------------------------------------------------------------------------------------------- */

static void variables_override_the_file(void **state)
{
    const struct config *config =
        config_read("{\"workers\": 2, \"data\": \"/srv\", \"demo\": true}",
                    "PATH=/bin COLLABD_WORKERS=3 COLLABD_DEMO=false COLLABD_LISTEN=a:1,b:2 "
                    "COLLABD_DRAIN_MS=2s COLLABD_TYPES={\"ship\":{}} COLLABD_TLS_KEY= COLLABD_PORT=80 "
                    "COLLABD_BIN=/bin/collabd COLLABD_SERVICE_HOST=h OTHER",
                    "");

    (void)state;
    assert_int_equal(config->workers, 3);
    assert_false(config->demo);
    assert_text(config->data, "/srv");
    assert_int_equal(config->listen.count, 2);
    assert_text(config->listen.items[0], "a:1");
    assert_text(config->listen.items[1], "b:2");
    assert_int_equal(config->drain_ms, 2000);
    assert_text(config->types, "{\"ship\":{}}");
}

static void the_well_known_names_of_the_origins_are_read(void **state)
{
    const struct config *config =
        config_read("{\"allow_origins\": \"https://file.example\"}",
                    "ALLOW_ORIGINS=https://a.example,https://b.example ALLOW_ORIGIN_REGEX=https://.*", "");

    (void)state;
    assert_text(config->allow_origins, "https://a.example,https://b.example");
    assert_text(config->allow_origin_regex, "https://.*");
    config = config_read(NULL, "COLLABD_ALLOW_ORIGINS=https://ours.example ALLOW_ORIGINS=https://a.example", "");
    assert_text(config->allow_origins, "https://ours.example");
}

static void the_file_may_be_named_in_the_environment(void **state)
{
    char variable[128];

    (void)state;
    config_try("{\"workers\": 5}", "", "");
    snprintf(variable, sizeof(variable), "COLLABD_CONFIG=%s", reading.file);
    config_try(NULL, variable, "");
    assert_int_equal(reading.config.workers, 5);
    assert_text(reading.config.file, reading.file);
}

static void mistakes_in_the_environment_are_told(void **state)
{
    (void)state;
    config_try(NULL, "COLLABD_WORKERS=many COLLABD_WORKER=2 COLLABD_LIMITS=closed COLLABD_TYPES={", "");
    assert_problems("environment: COLLABD_WORKERS: \"many\" is no whole number\n"
                    "environment: COLLABD_WORKER: there is no option \"worker\"; did you mean workers?\n"
                    "environment: COLLABD_LIMITS: \"closed\" is none of normal, open\n"
                    "environment: COLLABD_TYPES: it is no JSON: unexpected end of data at byte 2");
}

/* ---- the command line --------------------------------------------------------------------------------------------- */

static void flags_override_everything(void **state)
{
    const struct config *config =
        config_read("{\"workers\": 2, \"log_level\": \"warn\"}", "COLLABD_WORKERS=3 COLLABD_DATA=/env",
                    "--workers 4 --data=/flag --log-level error --demo");

    (void)state;
    assert_int_equal(config->workers, 4);
    assert_text(config->data, "/flag");
    assert_int_equal(config->log_level, LOG_ERROR);
    assert_true(config->demo);
}

static void listen_may_be_given_more_than_once(void **state)
{
    const struct config *config = config_read("{\"listen\": \"file:1\"}", "COLLABD_LISTEN=env:1",
                                              "--listen a:1 --listen b:2,c:3 --listen=unix:/tmp/x=y");

    (void)state;
    assert_int_equal(config->listen.count, 4);
    assert_text(config->listen.items[0], "a:1");
    assert_text(config->listen.items[1], "b:2");
    assert_text(config->listen.items[2], "c:3");
    assert_text(config->listen.items[3], "unix:/tmp/x=y");
}

static void a_switch_needs_no_value_but_may_have_one(void **state)
{
    (void)state;
    assert_true(config_read(NULL, "", "--demo --workers 1")->demo);
    assert_true(config_read(NULL, "", "--demo true --workers 1")->demo);
    assert_false(config_read("{\"demo\": true}", "", "--demo=false")->demo);
    assert_false(config_read("{\"demo\": true}", "", "--demo false")->demo);
    assert_true(config_read(NULL, "", "--demo=1")->demo);
}

static void underscores_are_as_good_as_hyphens(void **state)
{
    (void)state;
    assert_int_equal(config_read(NULL, "", "--drain_ms 7")->drain_ms, 7);
    assert_int_equal(config_read(NULL, "", "--drain-ms 7")->drain_ms, 7);
}

static void help_is_asked_for_with_either_flag(void **state)
{
    (void)state;
    assert_true(config_read(NULL, "", "--help")->wants_help);
    assert_true(config_read(NULL, "", "-h")->wants_help);
    assert_false(config_read(NULL, "", "")->wants_help);
}

static void mistakes_on_the_command_line_are_told(void **state)
{
    (void)state;
    config_try(NULL, "", "--wokers 2 -x --data --demo --workers=0x2 --log-level word");
    assert_problems("command line: there is no option \"wokers\"; did you mean workers?\n"
                    "command line: there is no option \"-x\"\n"
                    "--data: its value is missing\n"
                    "--workers: \"0x2\" is no whole number\n"
                    "--log-level: \"word\" is none of debug, info, warn, error, off");
    config_try(NULL, "", "--workers");
    assert_problems("--workers: its value is missing");
    config_try(NULL, "", "a b");
    assert_problems("command line: nobody asked for the word a");
}

static void a_subcommand_has_flags_and_words_of_its_own(void **state)
{
    static const char *const other_flags[] = {"roles", "ttl", NULL};
    char *argv[] = {"add", "--roles", "a,b", "--data", "/srv", "ada", "--ttl=5", "--ttl=6", "--", "--strange"};
    const struct config_input input = {.argc = 10, .argv = argv, .other_flags = other_flags, .words_max = 3};
    struct config *config = &reading.config;
    struct span value;

    (void)state;
    assert_int_equal(config_load(config, &input, &reading.report), OK);
    assert_int_equal(config->words.count, 3);
    assert_text(config->words.items[0], "add");
    assert_text(config->words.items[1], "ada");
    assert_text(config->words.items[2], "--strange");
    assert_true(config_flag(config, "roles", &value));
    assert_text(value, "a,b");
    assert_true(config_flag(config, "ttl", &value));
    assert_text(value, "6");
    assert_false(config_flag(config, "name", &value));
    assert_text(config->data, "/srv");
}

/* ---- values together ---------------------------------------------------------------------------------------------- */

static void open_limits_lift_those_per_address_user_and_second(void **state)
{
    const struct config *config = config_read("{\"messages_per_second\": 7}", "COLLABD_LIMITS=open", "");

    (void)state;
    assert_int_equal(config->limits, LIMITS_OPEN);
    assert_int_equal(config->connections_per_address_max, 0);
    assert_int_equal(config->connections_per_user_max, 0);
    assert_int_equal(config->handshakes_per_second, 0);
    assert_int_equal(config->messages_per_second, 0);
    assert_int_equal(config->message_bytes_per_second, 0);
    assert_int_equal(config->message_bytes_max, 64 * 1024);
    assert_int_equal(config->conn_queue_bytes_max, 1024 * 1024);
    assert_int_equal(config->error_messages_per_minute_max, 10);
    assert_int_equal(config->rooms_per_connection_max, 128);
}

static void values_that_do_not_go_together_are_told(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"{\"tls_key\": \"k.pem\"}", "it:1: tls_key: a key needs its certificate: set tls_certificate, too"},
        {"{\"tls_certificate\": \"c.pem\"}", "it:1: tls_certificate: a certificate needs its key: set tls_key, too"},
        {"{\"jwt_secret\": \"0123456789abcdef0123456789abcde\"}",
         "it:1: jwt_secret: a shared secret needs at least 32 bytes"},
        {"{\"listen\": []}", "it:1: listen: there must be an address to listen on"},
        {"{\"data\": \"\"}", "it:1: data: there must be a folder for the data"},
        {"{\"dead_ms\": \"30 s\"}", "it:1: dead_ms: it must be longer than ping_ms, or nobody has the time to answer"},
        {"{\"conn_queue_bytes_soft\": \"2 MiB\"}",
         "it:1: conn_queue_bytes_soft: it must not be more than conn_queue_bytes_max"},
        {"{\"log_bytes_max\": \"1 GiB\"}", "it:1: log_bytes_max: it must not be more than hub_log_bytes_max"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        config_try(cases[i].text, "", "");
        assert_problems(cases[i].expected);
    }
    assert_int_equal(config_read("{\"jwt_secret\": \"0123456789abcdef0123456789abcdef\"}", "", "")->jwt_secret.len, 32);
    assert_int_equal(config_read("{\"dead_ms\": 0}", "", "")->dead_ms, 0);
}

static void a_secret_is_not_repeated_in_what_is_said(void **state)
{
    (void)state;
    config_try("{\"jwt_secret\": \"hunter2\"}", "", "");
    buf_append_char(&reading.report.text, '\0');
    assert_null(strstr(reading.report.text.data, "hunter2"));
}

static void what_only_a_restart_changes_is_told(void **state)
{
    const struct config_input input = {0};
    struct config_report report = {0};
    struct buf names = BUF_EMPTY;
    struct config old;

    (void)state;
    assert_int_equal(config_load(&old, &input, &report), OK);
    config_read("{\"log_level\": \"debug\", \"listen\": [\"a:1\"], \"messages_per_second\": 5, \"data\": \"data\", "
                "\"http_idle_ms\": \"5 s\"}",
                "", "");
    config_changed_for_restart(&old, &reading.config, &names);
    assert_true(span_equal(buf_span(&names), SPAN("listen, http_idle_ms")));
    buf_deinit(&names);
    config_deinit(&old);
}

static void a_config_that_was_never_loaded_may_be_deinited(void **state)
{
    struct config config;

    (void)state;
    memset(&config, 0, sizeof(config));
    config_deinit(&config);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, config_stage_set_up, config_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(variables_override_the_file),
        TEST(the_well_known_names_of_the_origins_are_read),
        TEST(the_file_may_be_named_in_the_environment),
        TEST(mistakes_in_the_environment_are_told),
        TEST(flags_override_everything),
        TEST(listen_may_be_given_more_than_once),
        TEST(a_switch_needs_no_value_but_may_have_one),
        TEST(underscores_are_as_good_as_hyphens),
        TEST(help_is_asked_for_with_either_flag),
        TEST(mistakes_on_the_command_line_are_told),
        TEST(a_subcommand_has_flags_and_words_of_its_own),
        TEST(open_limits_lift_those_per_address_user_and_second),
        TEST(values_that_do_not_go_together_are_told),
        TEST(a_secret_is_not_repeated_in_what_is_said),
        TEST(what_only_a_restart_changes_is_told),
        TEST(a_config_that_was_never_loaded_may_be_deinited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
