#include "lib/config_stage.h"
#include "base/log.h"

#include <sched.h>

/* ---- defaults ----------------------------------------------------------------------------------------------------- */

static void nothing_needs_to_be_set(void **state)
{
    const struct config *config = config_read(NULL, "", "");

    (void)state;
    assert_int_equal(config->listen.count, 1);
    assert_text(config->listen.items[0], "localhost:8000");
    assert_text(config->data, "data");
    assert_false(config->demo);
    assert_int_equal(config->log_level, LOG_INFO);
    assert_int_equal(config->log_format, LOG_FORMAT_TEXT);
    assert_int_equal(config->limits, LIMITS_NORMAL);
    assert_int_equal(config->allow_origins.len, 0);
    assert_int_equal(config->types.len, 0);
    assert_int_equal(config->connections_per_address_max, 1000);
    assert_int_equal(config->connections_per_user_max, 50);
    assert_int_equal(config->rooms_per_connection_max, 128);
    assert_int_equal(config->messages_per_second, 100);
    assert_int_equal(config->message_bytes_per_second, 1024 * 1024);
    assert_int_equal(config->auth_timeout_ms, 10000);
    assert_int_equal(config->op_age_ms, 24 * 3600 * 1000);
    assert_int_equal(config->token_ttl_s, 3600);
    assert_true(config->web_dir.len > 0);
}

static void there_is_a_worker_for_each_processor_that_may_be_used(void **state)
{
    cpu_set_t set;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
    assert_int_equal(config_read(NULL, "", "")->workers, CPU_COUNT(&set) > 64 ? 64 : CPU_COUNT(&set));
}

/* The numbers stand in two places, here and where lower folders are tested with them. */
static void the_defaults_are_those_of_the_lower_folders(void **state)
{
    const struct config *config = config_read(NULL, "", "");
    struct http_limits http = config_http_limits(config);
    struct hub_limits hub = config_hub_limits(config);

    (void)state;
    assert_int_equal(http.request_line_bytes_max, http_limits_default.request_line_bytes_max);
    assert_int_equal(http.header_bytes_max, http_limits_default.header_bytes_max);
    assert_int_equal(http.header_count_max, http_limits_default.header_count_max);
    assert_int_equal(http.query_count_max, http_limits_default.query_count_max);
    assert_int_equal(http.body_bytes_max, http_limits_default.body_bytes_max);
    assert_int_equal(http.header_ms, http_limits_default.header_ms);
    assert_int_equal(http.body_rate_grace_ms, http_limits_default.body_rate_grace_ms);
    assert_int_equal(http.body_rate_bytes_min, http_limits_default.body_rate_bytes_min);
    assert_int_equal(http.idle_ms, http_limits_default.idle_ms);
    assert_int_equal(http.first_byte_ms, http_limits_default.first_byte_ms);
    assert_int_equal(http.pipeline_max, http_limits_default.pipeline_max);
    assert_int_equal(hub.tick_ms, hub_limits_default.tick_ms);
    assert_int_equal(hub.grace_ms, hub_limits_default.grace_ms);
    assert_int_equal(hub.idle_ms, hub_limits_default.idle_ms);
    assert_int_equal(hub.typing_ms, hub_limits_default.typing_ms);
    assert_int_equal(hub.refresh_ms, hub_limits_default.refresh_ms);
    assert_int_equal(hub.log_events_max, hub_limits_default.log_events_max);
    assert_int_equal(hub.log_age_ms, hub_limits_default.log_age_ms);
    assert_int_equal(hub.log_bytes_max, hub_limits_default.log_bytes_max);
    assert_int_equal(hub.hub_log_bytes_max, hub_limits_default.hub_log_bytes_max);
    assert_int_equal(hub.rooms_max, hub_limits_default.rooms_max);
    assert_int_equal(hub.room_members_max, hub_limits_default.room_members_max);
    assert_int_equal(hub.room_waiting_max, hub_limits_default.room_waiting_max);
    assert_int_equal(hub.presence_list_max, hub_limits_default.presence_list_max);
    assert_int_equal(hub.records_bytes_max, hub_limits_default.records_bytes_max);
    assert_int_equal(hub.records_cached_max, hub_limits_default.records_cached_max);
    assert_int_equal(hub.record_bytes_max, hub_limits_default.record_bytes_max);
    assert_int_equal(hub.changes_waiting_max, hub_limits_default.changes_waiting_max);
    assert_int_equal(hub.room_linger_ms, hub_limits_default.room_linger_ms);
}

/* ---- the file ----------------------------------------------------------------------------------------------------- */

static void the_file_is_json_with_comments_and_trailing_commas(void **state)
{
    const struct config *config = config_read("{\n"
                                              "    // two threads\n"
                                              "    \"workers\": 2,\n"
                                              "    /* and\n"
                                              "       more */\n"
                                              "    \"demo\": true,\n"
                                              "    \"data\": \"/srv/data\",\n"
                                              "    \"log_level\": \"debug\", \"log_format\": \"json\",\n"
                                              "    \"listen\": [\"127.0.0.1:9000\", \"[::1]:9000\",],\n"
                                              "}\n",
                                              "", "");

    (void)state;
    assert_int_equal(config->workers, 2);
    assert_true(config->demo);
    assert_text(config->data, "/srv/data");
    assert_int_equal(config->log_level, LOG_DEBUG);
    assert_int_equal(config->log_format, LOG_FORMAT_JSON);
    assert_int_equal(config->listen.count, 2);
    assert_text(config->listen.items[1], "[::1]:9000");
}

static void sizes_and_durations_may_have_a_unit(void **state)
{
    const struct config *config =
        config_read("{\"record_bytes_max\": 2048, \"message_bytes_max\": \"128 KiB\","
                    "\"conn_queue_bytes_max\": \"2MiB\", \"mem_limit_bytes\": \"3 gib\","
                    "\"drain_ms\": 500, \"typing_ms\": \"250 ms\", \"auth_timeout_ms\": \"20 s\","
                    "\"dead_ms\": \"2min\", \"op_age_ms\": \"2 d\", \"token_ttl_s\": \"2 h\"}",
                    "", "");

    (void)state;
    assert_int_equal(config->record_bytes_max, 2048);
    assert_int_equal(config->message_bytes_max, 128 * 1024);
    assert_int_equal(config->conn_queue_bytes_max, 2 * 1024 * 1024);
    assert_true(config->mem_limit_bytes == 3 * (size_t)1024 * 1024 * 1024);
    assert_int_equal(config->drain_ms, 500);
    assert_int_equal(config->typing_ms, 250);
    assert_int_equal(config->auth_timeout_ms, 20000);
    assert_int_equal(config->dead_ms, 120000);
    assert_int_equal(config->op_age_ms, 2 * 86400 * 1000);
    assert_int_equal(config->token_ttl_s, 7200);
}

static void types_and_namespaces_are_handed_on_as_text(void **state)
{
    const struct config *config =
        config_read("{\"types\": {\"ship\": {/* new */ \"title\": \"Sh\\u0069p\", \"n\": [1, 2.5,]}},"
                    "\"namespaces\": {\"/board\": {}}}",
                    "", "");

    (void)state;
    assert_text(config->types, "{\"ship\":{\"title\":\"Ship\",\"n\":[1,2.5]}}");
    assert_text(config->namespaces, "{\"/board\":{}}");
}

static void origins_may_be_an_array_or_one_text(void **state)
{
    const struct config *config =
        config_read("{\"allow_origins\": [\"https://a.example\", \"https://b.example\"]}", "", "");

    (void)state;
    assert_text(config->allow_origins, "https://a.example https://b.example");
    config = config_read("{\"allow_origins\": \"https://a.example, https://b.example\"}", "", "");
    assert_text(config->allow_origins, "https://a.example, https://b.example");
}

static void every_mistake_is_told_with_its_line(void **state)
{
    (void)state;
    config_try("{\n"
               "  \"workers\": 65,\n"
               "  \"conections_max\": 5,\n"
               "  \"connections_max\": \"many\",\n"
               "  \"demo\": \"true\", \"log_level\": \"loud\",\n"
               "  // what follows is fine\n"
               "  \"data\": \"/srv/\\u00fcbung\",\n"
               "  \"auth_timeout_ms\": \"5 weeks\",\n"
               "  \"data\": \"twice\",\n"
               "  \"drain_ms\": -1,\n"
               "  \"types\": [],\n"
               "  \"listen\": [\"a:1\", 2],\n"
               "  \"jwks_file\": 7,\n"
               "  \"ping_ms\": 2.5,\n"
               "  \"gibberish of ours\": 1\n"
               "}\n",
               "", "");
    assert_problems(
        "it:2: workers: 65 is out of range: 0 to 64\n"
        "it:3: there is no option \"conections_max\"; did you mean connections_max?\n"
        "it:4: connections_max: it must be a whole number\n"
        "it:5: demo: it must be true or false\n"
        "it:5: log_level: \"loud\" is none of debug, info, warn, error, off\n"
        "it:8: auth_timeout_ms: \"5 weeks\" is no duration: write a number of milliseconds or, say, \"10 s\" or "
        "\"5 min\"\n"
        "it:9: data: it stands in line 7 already\n"
        "it:10: drain_ms: \"-1\" is no duration: write a number of milliseconds or, say, \"10 s\" or \"5 min\"\n"
        "it:11: types: it must be an object\n"
        "it:12: listen: it must be a text, or an array of texts\n"
        "it:13: jwks_file: it must be a text\n"
        "it:14: ping_ms: it must be a number of milliseconds, or a text like \"10 s\"\n"
        "it:15: there is no option \"gibberish of ours\"");
}

static void what_is_good_in_a_bad_file_is_read_all_the_same(void **state)
{
    (void)state;
    config_try("{\"workers\": 3, \"nonsense\": 1, \"data\": \"/srv\"}", "", "");
    assert_int_equal(reading.err, ERR_CONFIG);
    assert_int_equal(reading.config.workers, 3);
    assert_text(reading.config.data, "/srv");
}

static void broken_json_is_told_with_its_line(void **state)
{
    (void)state;
    config_try("{\n  \"workers\": 2,\n  \"demo\" true\n}\n", "", "");
    assert_problems("it:3: it is no JSON: unexpected character, expected a colon after object key");
    config_try("{\n  \"workers\": 2\n", "", "");
    assert_int_equal(reading.report.problem_count, 1);
    config_try("[]", "", "");
    assert_problems("it:1: it must be one object: {...}");
    config_try("", "", "");
    assert_problems("it: it is empty: it must be one object: {...}");
    config_try("{} {}", "", "");
    assert_int_equal(reading.report.problem_count, 1);
}

static void a_file_that_is_not_there_is_told(void **state)
{
    (void)state;
    config_try(NULL, "", "--config /nowhere/at/all.json");
    assert_int_equal(reading.err, ERR_CONFIG);
    assert_problems("Cannot read /nowhere/at/all.json: No such file or directory");
}

static void another_case_or_a_slip_of_a_key_is_recognised(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"{\"connectionsMax\": 1}", "it:1: there is no option \"connectionsMax\"; did you mean connections_max?"},
        {"{\"log-level\": 1}", "it:1: there is no option \"log-level\"; did you mean log_level?"},
        {"{\"LISTEN\": 1}", "it:1: there is no option \"LISTEN\"; did you mean listen?"},
        {"{\"lsten\": 1}", "it:1: there is no option \"lsten\"; did you mean listen?"},
        {"{\"jwt_secretfile\": 1}", "it:1: there is no option \"jwt_secretfile\"; did you mean jwt_secret_file?"},
        {"{\"\": 1}", "it:1: there is no option \"\""},
        {"{\"password\": 1}", "it:1: there is no option \"password\""},
        {"{\"\\u001b[2J\": 1}", "it:1: there is no option \"?[2J\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        config_try(cases[i].text, "", "");
        assert_problems(cases[i].expected);
    }
}

static void a_nul_in_a_text_is_refused(void **state)
{
    (void)state;
    config_try("{\"data\": \"a\\u0000b\"}", "", "");
    assert_problems("it:1: data: there is a NUL in it");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, config_stage_set_up, config_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_needs_to_be_set),
        TEST(there_is_a_worker_for_each_processor_that_may_be_used),
        TEST(the_defaults_are_those_of_the_lower_folders),
        TEST(the_file_is_json_with_comments_and_trailing_commas),
        TEST(sizes_and_durations_may_have_a_unit),
        TEST(types_and_namespaces_are_handed_on_as_text),
        TEST(origins_may_be_an_array_or_one_text),
        TEST(every_mistake_is_told_with_its_line),
        TEST(what_is_good_in_a_bad_file_is_read_all_the_same),
        TEST(broken_json_is_told_with_its_line),
        TEST(a_file_that_is_not_there_is_told),
        TEST(another_case_or_a_slip_of_a_key_is_recognised),
        TEST(a_nul_in_a_text_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
