#include "server/config.h"
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A configuration that was read, and what was said about it. The file's name is "it" in expectations. */
struct fixture {
    char file[64];
    struct config config;
    struct config_report report;
    enum err err;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    int fd;

    memset(&fixture, 0, sizeof(fixture));
    snprintf(fixture.file, sizeof(fixture.file), "/tmp/test_config_XXXXXX");
    fd = mkstemp(fixture.file);
    *state = &fixture;
    return fd >= 0 ? close(fd) : -1;
}

static void forget(struct fixture *fixture)
{
    config_deinit(&fixture->config);
    buf_deinit(&fixture->report.text);
    fixture->report = (struct config_report){0};
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    forget(fixture);
    return unlink(fixture->file);
}

enum { WORDS_MAX = 16 };

/* The text goes into the file (NULL: there is none); flags and variables are separated by blanks. */
static void load(struct fixture *fixture, const char *text, const char *variables, const char *flags)
{
    char *words[2][WORDS_MAX + 3] = {{NULL}};
    struct config_input input = {0};
    FILE *file;

    forget(fixture);
    for (int i = 0; i < 2; i++) {
        struct span rest = span_from_str(i == 0 ? variables : flags);
        struct span word;
        int count = 0;

        while (count < WORDS_MAX && span_cut(&rest, ' ', &word))
            words[i][count++] = span_to_str(word);
        if (i == 1 && text != NULL) {
            words[i][count++] = strdup("--config");
            words[i][count++] = strdup(fixture->file);
        }
        input.argc = count;
    }
    if (text != NULL) {
        file = fopen(fixture->file, "w");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
    }
    input.environment = words[0];
    input.argv = words[1];
    fixture->err = config_load(&fixture->config, &input, &fixture->report);
    for (int i = 0; i < 2; i++)
        for (char **word = words[i]; *word; word++)
            free(*word);
}

static const struct config *loads(struct fixture *fixture, const char *text, const char *variables, const char *flags)
{
    load(fixture, text, variables, flags);
    if (fixture->err != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&fixture->report.text)));
    assert_int_equal(fixture->report.problem_count, 0);
    return &fixture->config;
}

/* Exactly this is wrong; "it" at the beginning of a line is the file. */
static void fails(struct fixture *fixture, const char *expected)
{
    struct buf text = BUF_EMPTY;
    struct span rest = buf_span(&fixture->report.text), line;
    struct span file = span_from_str(fixture->file);

    assert_int_equal(fixture->err, ERR_CONFIG);
    while (span_cut(&rest, '\n', &line)) {
        bool is_of_file = span_starts_with(line, file);

        if (text.len > 0)
            buf_append_char(&text, '\n');
        buf_append_str(&text, is_of_file ? "it" : "");
        buf_append_span(&text, is_of_file ? span_slice(line, file.len, line.len) : line);
    }
    buf_append_char(&text, '\0');
    assert_string_equal(text.data, expected);
    buf_deinit(&text);
}

static bool is(struct span span, const char *text)
{
    return span_equal(span, span_from_str(text));
}

/* ---- defaults ---- */

static void nothing_needs_to_be_set(void **state)
{
    const struct config *config = loads(*state, NULL, "", "");

    assert_int_equal(config->listen.count, 1);
    assert_true(is(config->listen.items[0], "localhost:8000"));
    assert_true(is(config->data, "data"));
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

    assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
    assert_int_equal(loads(*state, NULL, "", "")->workers, CPU_COUNT(&set) > 64 ? 64 : CPU_COUNT(&set));
}

/* The numbers stand in two places, here and where lower folders are tested with them. */
static void the_defaults_are_those_of_the_lower_folders(void **state)
{
    const struct config *config = loads(*state, NULL, "", "");
    struct http_limits http = config_http_limits(config);
    struct hub_limits hub = config_hub_limits(config);

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

/* ---- the file ---- */

static void the_file_is_json_with_comments_and_trailing_commas(void **state)
{
    const struct config *config = loads(*state,
                                        "{\n"
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

    assert_int_equal(config->workers, 2);
    assert_true(config->demo);
    assert_true(is(config->data, "/srv/data"));
    assert_int_equal(config->log_level, LOG_DEBUG);
    assert_int_equal(config->log_format, LOG_FORMAT_JSON);
    assert_int_equal(config->listen.count, 2);
    assert_true(is(config->listen.items[1], "[::1]:9000"));
}

static void sizes_and_durations_may_have_a_unit(void **state)
{
    const struct config *config = loads(*state,
                                        "{\"record_bytes_max\": 2048, \"message_bytes_max\": \"128 KiB\","
                                        "\"conn_queue_bytes_max\": \"2MiB\", \"mem_limit_bytes\": \"3 gib\","
                                        "\"drain_ms\": 500, \"typing_ms\": \"250 ms\", \"auth_timeout_ms\": \"20 s\","
                                        "\"dead_ms\": \"2min\", \"op_age_ms\": \"2 d\", \"token_ttl_s\": \"2 h\"}",
                                        "", "");

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
        loads(*state,
              "{\"types\": {\"ship\": {/* new */ \"title\": \"Sh\\u0069p\", \"n\": [1, 2.5,]}},"
              "\"namespaces\": {\"/board\": {}}}",
              "", "");

    assert_true(is(config->types, "{\"ship\":{\"title\":\"Ship\",\"n\":[1,2.5]}}"));
    assert_true(is(config->namespaces, "{\"/board\":{}}"));
}

static void origins_may_be_an_array_or_one_text(void **state)
{
    const struct config *config =
        loads(*state, "{\"allow_origins\": [\"https://a.example\", \"https://b.example\"]}", "", "");

    assert_true(is(config->allow_origins, "https://a.example https://b.example"));
    config = loads(*state, "{\"allow_origins\": \"https://a.example, https://b.example\"}", "", "");
    assert_true(is(config->allow_origins, "https://a.example, https://b.example"));
}

static void every_mistake_is_told_with_its_line(void **state)
{
    struct fixture *fixture = *state;

    load(fixture,
         "{\n"
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
    fails(fixture,
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
    struct fixture *fixture = *state;

    load(fixture, "{\"workers\": 3, \"nonsense\": 1, \"data\": \"/srv\"}", "", "");
    assert_int_equal(fixture->err, ERR_CONFIG);
    assert_int_equal(fixture->config.workers, 3);
    assert_true(is(fixture->config.data, "/srv"));
}

static void broken_json_is_told_with_its_line(void **state)
{
    struct fixture *fixture = *state;

    load(fixture, "{\n  \"workers\": 2,\n  \"demo\" true\n}\n", "", "");
    fails(fixture, "it:3: it is no JSON: unexpected character, expected a colon after object key");
    load(fixture, "{\n  \"workers\": 2\n", "", "");
    assert_int_equal(fixture->report.problem_count, 1);
    load(fixture, "[]", "", "");
    fails(fixture, "it:1: it must be one object: {...}");
    load(fixture, "", "", "");
    fails(fixture, "it: it is empty: it must be one object: {...}");
    load(fixture, "{} {}", "", "");
    assert_int_equal(fixture->report.problem_count, 1);
}

static void a_file_that_is_not_there_is_told(void **state)
{
    struct fixture *fixture = *state;

    load(fixture, NULL, "", "--config /nowhere/at/all.json");
    assert_int_equal(fixture->err, ERR_CONFIG);
    fails(fixture, "Cannot read /nowhere/at/all.json: No such file or directory");
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
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        load(fixture, cases[i].text, "", "");
        fails(fixture, cases[i].expected);
    }
}

static void a_nul_in_a_text_is_refused(void **state)
{
    load(*state, "{\"data\": \"a\\u0000b\"}", "", "");
    fails(*state, "it:1: data: there is a NUL in it");
}

/* ---- the environment ---- */

static void variables_override_the_file(void **state)
{
    const struct config *config =
        loads(*state, "{\"workers\": 2, \"data\": \"/srv\", \"demo\": true}",
              "PATH=/bin COLLABD_WORKERS=3 COLLABD_DEMO=false COLLABD_LISTEN=a:1,b:2 "
              "COLLABD_DRAIN_MS=2s COLLABD_TYPES={\"ship\":{}} COLLABD_TLS_KEY= COLLABD_PORT=80 "
              "COLLABD_BIN=/bin/collabd COLLABD_SERVICE_HOST=h OTHER",
              "");

    assert_int_equal(config->workers, 3);
    assert_false(config->demo);
    assert_true(is(config->data, "/srv"));
    assert_int_equal(config->listen.count, 2);
    assert_true(is(config->listen.items[0], "a:1"));
    assert_true(is(config->listen.items[1], "b:2"));
    assert_int_equal(config->drain_ms, 2000);
    assert_true(is(config->types, "{\"ship\":{}}"));
}

static void the_well_known_names_of_the_origins_are_read(void **state)
{
    const struct config *config =
        loads(*state, "{\"allow_origins\": \"https://file.example\"}",
              "ALLOW_ORIGINS=https://a.example,https://b.example ALLOW_ORIGIN_REGEX=https://.*", "");

    assert_true(is(config->allow_origins, "https://a.example,https://b.example"));
    assert_true(is(config->allow_origin_regex, "https://.*"));
    config = loads(*state, NULL, "COLLABD_ALLOW_ORIGINS=https://ours.example ALLOW_ORIGINS=https://a.example", "");
    assert_true(is(config->allow_origins, "https://ours.example"));
}

static void the_file_may_be_named_in_the_environment(void **state)
{
    struct fixture *fixture = *state;
    char variable[128];

    load(fixture, "{\"workers\": 5}", "", "");
    snprintf(variable, sizeof(variable), "COLLABD_CONFIG=%s", fixture->file);
    load(fixture, NULL, variable, "");
    assert_int_equal(fixture->config.workers, 5);
    assert_true(is(fixture->config.file, fixture->file));
}

static void mistakes_in_the_environment_are_told(void **state)
{
    load(*state, NULL, "COLLABD_WORKERS=many COLLABD_WORKER=2 COLLABD_LIMITS=closed COLLABD_TYPES={", "");
    fails(*state, "environment: COLLABD_WORKERS: \"many\" is no whole number\n"
                  "environment: COLLABD_WORKER: there is no option \"worker\"; did you mean workers?\n"
                  "environment: COLLABD_LIMITS: \"closed\" is none of normal, open\n"
                  "environment: COLLABD_TYPES: it is no JSON: unexpected end of data at byte 2");
}

/* ---- the command line ---- */

static void flags_override_everything(void **state)
{
    const struct config *config =
        loads(*state, "{\"workers\": 2, \"log_level\": \"warn\"}", "COLLABD_WORKERS=3 COLLABD_DATA=/env",
              "--workers 4 --data=/flag --log-level error --demo");

    assert_int_equal(config->workers, 4);
    assert_true(is(config->data, "/flag"));
    assert_int_equal(config->log_level, LOG_ERROR);
    assert_true(config->demo);
}

static void listen_may_be_given_more_than_once(void **state)
{
    const struct config *config = loads(*state, "{\"listen\": \"file:1\"}", "COLLABD_LISTEN=env:1",
                                        "--listen a:1 --listen b:2,c:3 --listen=unix:/tmp/x=y");

    assert_int_equal(config->listen.count, 4);
    assert_true(is(config->listen.items[0], "a:1"));
    assert_true(is(config->listen.items[1], "b:2"));
    assert_true(is(config->listen.items[2], "c:3"));
    assert_true(is(config->listen.items[3], "unix:/tmp/x=y"));
}

static void a_switch_needs_no_value_but_may_have_one(void **state)
{
    assert_true(loads(*state, NULL, "", "--demo --workers 1")->demo);
    assert_true(loads(*state, NULL, "", "--demo true --workers 1")->demo);
    assert_false(loads(*state, "{\"demo\": true}", "", "--demo=false")->demo);
    assert_false(loads(*state, "{\"demo\": true}", "", "--demo false")->demo);
    assert_true(loads(*state, NULL, "", "--demo=1")->demo);
}

static void underscores_are_as_good_as_hyphens(void **state)
{
    assert_int_equal(loads(*state, NULL, "", "--drain_ms 7")->drain_ms, 7);
    assert_int_equal(loads(*state, NULL, "", "--drain-ms 7")->drain_ms, 7);
}

static void help_is_asked_for_with_either_flag(void **state)
{
    assert_true(loads(*state, NULL, "", "--help")->wants_help);
    assert_true(loads(*state, NULL, "", "-h")->wants_help);
    assert_false(loads(*state, NULL, "", "")->wants_help);
}

static void mistakes_on_the_command_line_are_told(void **state)
{
    load(*state, NULL, "", "--wokers 2 -x --data --demo --workers=0x2 --log-level word");
    fails(*state, "command line: there is no option \"wokers\"; did you mean workers?\n"
                  "command line: there is no option \"-x\"\n"
                  "--data: its value is missing\n"
                  "--workers: \"0x2\" is no whole number\n"
                  "--log-level: \"word\" is none of debug, info, warn, error, off");
    load(*state, NULL, "", "--workers");
    fails(*state, "--workers: its value is missing");
    load(*state, NULL, "", "a b");
    fails(*state, "command line: nobody asked for the word a");
}

static void a_subcommand_has_flags_and_words_of_its_own(void **state)
{
    static const char *const other_flags[] = {"roles", "ttl", NULL};
    char *argv[] = {"add", "--roles", "a,b", "--data", "/srv", "ada", "--ttl=5", "--ttl=6", "--", "--strange"};
    const struct config_input input = {.argc = 10, .argv = argv, .other_flags = other_flags, .words_max = 3};
    struct fixture *fixture = *state;
    struct config *config = &fixture->config;
    struct span value;

    assert_int_equal(config_load(config, &input, &fixture->report), OK);
    assert_int_equal(config->words.count, 3);
    assert_true(is(config->words.items[0], "add"));
    assert_true(is(config->words.items[1], "ada"));
    assert_true(is(config->words.items[2], "--strange"));
    assert_true(config_flag(config, "roles", &value) && is(value, "a,b"));
    assert_true(config_flag(config, "ttl", &value) && is(value, "6"));
    assert_false(config_flag(config, "name", &value));
    assert_true(is(config->data, "/srv"));
}

/* ---- values together ---- */

static void open_limits_lift_those_per_address_user_and_second(void **state)
{
    const struct config *config = loads(*state, "{\"messages_per_second\": 7}", "COLLABD_LIMITS=open", "");

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
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        load(fixture, cases[i].text, "", "");
        fails(fixture, cases[i].expected);
    }
    assert_int_equal(loads(fixture, "{\"jwt_secret\": \"0123456789abcdef0123456789abcdef\"}", "", "")->jwt_secret.len,
                     32);
    assert_int_equal(loads(fixture, "{\"dead_ms\": 0}", "", "")->dead_ms, 0);
}

static void a_secret_is_not_repeated_in_what_is_said(void **state)
{
    struct fixture *fixture = *state;

    load(fixture, "{\"jwt_secret\": \"hunter2\"}", "", "");
    buf_append_char(&fixture->report.text, '\0');
    assert_null(strstr(fixture->report.text.data, "hunter2"));
}

static void what_only_a_restart_changes_is_told(void **state)
{
    struct fixture *fixture = *state;
    const struct config_input input = {0};
    struct config_report report = {0};
    struct buf names = BUF_EMPTY;
    struct config old;

    assert_int_equal(config_load(&old, &input, &report), OK);
    loads(fixture,
          "{\"log_level\": \"debug\", \"listen\": [\"a:1\"], \"messages_per_second\": 5, \"data\": \"data\", "
          "\"http_idle_ms\": \"5 s\"}",
          "", "");
    config_changed_for_restart(&old, &fixture->config, &names);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_needs_to_be_set, set_up, tear_down),
        cmocka_unit_test_setup_teardown(there_is_a_worker_for_each_processor_that_may_be_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_defaults_are_those_of_the_lower_folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_file_is_json_with_comments_and_trailing_commas, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sizes_and_durations_may_have_a_unit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(types_and_namespaces_are_handed_on_as_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(origins_may_be_an_array_or_one_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_mistake_is_told_with_its_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_good_in_a_bad_file_is_read_all_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken_json_is_told_with_its_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_not_there_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_case_or_a_slip_of_a_key_is_recognised, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_nul_in_a_text_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(variables_override_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_well_known_names_of_the_origins_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_file_may_be_named_in_the_environment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_in_the_environment_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flags_override_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(listen_may_be_given_more_than_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_switch_needs_no_value_but_may_have_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(underscores_are_as_good_as_hyphens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(help_is_asked_for_with_either_flag, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_on_the_command_line_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_subcommand_has_flags_and_words_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(open_limits_lift_those_per_address_user_and_second, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_that_do_not_go_together_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_secret_is_not_repeated_in_what_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_only_a_restart_changes_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_config_that_was_never_loaded_may_be_deinited, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
