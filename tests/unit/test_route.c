#include "peer/rest/route.h"
#include "lib/rest_stage.h"
#include "peer/rest/rest.h"

#include <stdio.h>
#include <string.h>

/* ---- asking ---- */

static const char *session_header(void)
{
    struct span cookie = peer_stage_log_in(&stage, stage.host.wall_ms + 3600 * 1000);

    return arena_printf(&stage.store.arena, "Cookie: %s=%.*s\r\n", LOGIN_COOKIE, SPAN_ARG(cookie)).data;
}

static void ask_on(struct far *client, const char *method, const char *path, const char *headers, const char *body)
{
    struct span text =
        arena_printf(&stage.store.arena, "%s %s HTTP/1.1\r\nHost: here\r\n%sContent-Length: %zu\r\n\r\n%s", method,
                     path, headers, strlen(body), body);

    buf_reset(&client->heard);
    far_say(client, text);
}

static void ask(const char *method, const char *path, const char *headers, const char *body)
{
    ask_on(&far, method, path, headers, body);
}

/* A reset, say: nothing that is on its way has anybody to come back to. */
static void lose_connection(void)
{
    conn_host_close_all(stage.net.host);
    stage_turns(&stage.net, 3);
}

static void assert_status(unsigned status)
{
    char line[32];

    (void)snprintf(line, sizeof(line), "HTTP/1.1 %u ", status);
    far_until_text(&far, "\r\n\r\n");
    if (!span_starts_with(buf_span(&far.heard), span_from_str(line)))
        fail_msg("not %u: %.*s", status, SPAN_ARG(buf_span(&far.heard)));
}

/* ---- the table ---- */

static const struct route *find(const char *method, const char *path, struct span segments[4], struct buf *allowed)
{
    buf_reset(allowed);
    return route_find(span_from_str(method), span_from_str(path), segments, allowed);
}

static void a_path_finds_its_route_and_its_parts(void **state)
{
    struct span segments[4];
    struct buf allowed = BUF_EMPTY;
    const struct route *route = find("POST", "/api/v1/records/order/O 1/actions/ship", segments, &allowed);

    (void)state;
    assert_non_null(route);
    assert_string_equal(route->path, "/api/v1/records/{type}/{id}/actions/{action}");
    assert_text(segments[0], "order");
    assert_text(segments[1], "O 1");
    assert_text(segments[2], "ship");
    assert_string_equal(find("HEAD", "/api/v1/me", segments, &allowed)->method, "GET");
    assert_int_equal(find("GET", "/api/v1/me", segments, &allowed)->need, NEED_USER);
    assert_true(find("GET", "/healthz", segments, &allowed)->is_always_served);
    assert_int_equal(allowed.len, 0);
    buf_deinit(&allowed);
}

static void a_part_in_braces_is_one_whole_segment(void **state)
{
    static const char *const nowhere[] = {"/api/v1/records",
                                          "/api/v1/records/",
                                          "/api/v1/records/order/",
                                          "/api/v1/records/order/1/history/",
                                          "/api/v1/records/order/1/2",
                                          "/api/v1/mee",
                                          "/api/v1/m",
                                          "/API/v1/me",
                                          "",
                                          "/",
                                          "api/v1/me"};
    struct span segments[4];
    struct buf allowed = BUF_EMPTY;

    (void)state;
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        if (find("GET", nowhere[i], segments, &allowed) || allowed.len > 0)
            fail_msg("there is a route for \"%s\"", nowhere[i]);
    }
    buf_deinit(&allowed);
}

static void a_star_is_whatever_follows(void **state)
{
    struct span segments[4];

    (void)state;
    assert_true(route_matches("/socket.io/*", SPAN("/socket.io/"), segments));
    assert_true(route_matches("/socket.io/*", SPAN("/socket.io/a/b"), segments));
    assert_false(route_matches("/socket.io/*", SPAN("/socket.io"), segments));
    assert_true(route_matches("/yjs/{document}/*", SPAN("/yjs/d/"), segments));
    assert_text(segments[0], "d");
    assert_false(route_matches("/yjs/{document}/*", SPAN("/yjs//"), segments));
}

static void a_part_with_a_plus_may_have_slashes_in_it(void **state)
{
    struct span segments[4];

    (void)state;
    assert_true(route_matches("/rooms/{room+}/messages", SPAN("/rooms/page:/a/messages/b/messages"), segments));
    assert_text(segments[0], "page:/a/messages/b");
    assert_true(route_matches("/rooms/{room+}/messages", SPAN("/rooms/x/messages"), segments));
    assert_text(segments[0], "x");
    assert_false(route_matches("/rooms/{room+}/messages", SPAN("/rooms//messages"), segments));
    assert_false(route_matches("/rooms/{room+}/messages", SPAN("/rooms/messages"), segments));
    assert_false(route_matches("/rooms/{room+}/messages", SPAN("/rooms/x/message"), segments));
}

static void a_path_without_the_method_names_those_it_has(void **state)
{
    struct span segments[4];
    struct buf allowed = BUF_EMPTY;

    (void)state;
    assert_null(find("PUT", "/api/v1/records/order/1", segments, &allowed));
    assert_text(buf_span(&allowed), "GET, HEAD, PATCH, DELETE, OPTIONS");
    assert_null(find("get", "/api/v1/me", segments, &allowed));
    assert_text(buf_span(&allowed), "GET, HEAD, OPTIONS");
    buf_deinit(&allowed);
}

/* ---- validators ---- */

static enum err if_match(const char *value, bool *must_match, uint64_t *version)
{
    struct http_header header = {SPAN("If-Match"), span_from_str(value)};
    struct http_exchange exchange = {.headers = &header, .header_count = 1};

    return rest_if_match(&exchange, must_match, version);
}

static void if_match_takes_strong_tags_and_a_star(void **state)
{
    struct http_exchange none = {0};
    uint64_t version;
    bool must_match;

    (void)state;
    assert_int_equal(rest_if_match(&none, &must_match, &version), OK);
    assert_false(must_match);
    assert_int_equal(if_match("*", &must_match, &version), OK);
    assert_false(must_match);
    assert_int_equal(if_match("\"7\"", &must_match, &version), OK);
    assert_true(must_match);
    assert_int_equal(version, 7);
    assert_int_equal(if_match("\"3\" ,W/\"9\", \"5\",\"x,y\"", &must_match, &version), OK);
    assert_int_equal(version, 5);
}

static void if_match_tells_what_cannot_match_from_what_is_no_tag(void **state)
{
    static const char *const others[] = {
        "W/\"7\"", "\"abc\"", "\"\"", "\"0\"", "\"07\"", "\"-1\"", "\"18446744073709551616\""};
    static const char *const garbage[] = {
        "7", "\"7", "7\"", "\"7\" \"8\"", "\"7\",,\"8\"", "w/\"7\"", "W/ \"7\"", "*, \"7\"", "\"a b\"", "\"7\",*", ","};
    uint64_t version;
    bool must_match;

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (if_match(others[i], &must_match, &version) != ERR_PRECONDITION)
            fail_msg("%s", others[i]);
    }
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        if (if_match(garbage[i], &must_match, &version) != ERR_BAD_REQUEST)
            fail_msg("%s", garbage[i]);
    }
}

/* ---- requests ---- */

static void a_request_is_answered(void **state)
{
    (void)state;
    ask("GET", "/readyz", "", "");
    assert_status(200);
    far_until_text(&far, "{\"status\":\"ready\"}");
    assert_true(far_has(&far, "Vary: Origin"));
}

static void an_error_has_its_shape(void **state)
{
    (void)state;
    ask("GET", "/api/v1/nothing", "", "");
    assert_status(404);
    far_until_text(&far,
                   "{\"error\":{\"code\":\"not_found\",\"message\":\"There is no such thing.\",\"request_id\":\"");
    ask("GET", "/api/v1/me", "", "");
    assert_status(401);
    far_until_text(&far, "WWW-Authenticate: Bearer");
}

static void the_user_is_looked_up_before_the_route_is_asked(void **state)
{
    (void)state;
    rest_ask("GET", "/api/v1/me", "", "");
    assert_status(200);
    far_until_text(&far, "\"username\":\"ann\"");
}

static void saying_on_whose_behalf_is_an_error_where_nobody_is_acted_for(void **state)
{
    static const char header[] = "X-On-Behalf-Of: akhan\r\n";

    (void)state;
    rest_ask("GET", "/api/v1/me", header, "");
    assert_status(400);
    far_until_text(&far, "\"field\":\"on_behalf_of\"");
    ask("GET", "/healthz", header, "");
    assert_status(400);
    rest_ask("GET", "/api/v1/types", header, ""); /* he is no backend */
    assert_status(403);
}

static void a_connection_may_be_gone_while_its_user_is_looked_up(void **state)
{
    (void)state;
    ask("GET", "/api/v1/me", session_header(), "");
    stage_turns(&stage.net, 3);
    assert_int_equal(stage.job_count, 1);
    lose_connection();
    peer_stage_run_jobs(&stage);
}

static void a_connection_may_be_gone_while_a_job_is_on_its_way(void **state)
{
    (void)state;
    ask("GET", "/api/v1/records/order/O-1", session_header(), "");
    stage_turns(&stage.net, 3);
    peer_stage_begin_jobs(&stage);
    peer_stage_finish_jobs(&stage); /* the cookie; the record is asked for now */
    assert_int_equal(stage.job_count, 2);
    peer_stage_begin_jobs(&stage);
    lose_connection();
    peer_stage_finish_jobs(&stage);
}

static void a_connection_may_be_gone_while_a_command_is_on_its_way(void **state)
{
    (void)state;
    rest_ask("PATCH", "/api/v1/records/order/O-1", JSON, "{\"title\":\"x\"}");
    assert_int_equal(stage.command_count, 1);
    assert_int_equal(stage.host.sessions.count, 1);
    lose_connection();
    assert_int_equal(stage.host.sessions.count, 0);
    peer_stage_send_answer(&stage, peer_stage_answer(&stage, OK));
}

static void a_command_is_answered_and_its_session_is_gone(void **state)
{
    struct answer *answer;

    (void)state;
    rest_ask("DELETE", "/api/v1/records/order/O-1", "If-Match: \"3\"\r\nIdempotency-Key: k\r\n", "");
    struct command *command = stage.commands[0];
    assert_int_equal(command->kind, COMMAND_CHANGE);
    assert_text(command->room, "order:O-1");
    assert_int_equal(command->change->kind, CHANGE_DELETE);
    assert_true(command->change->must_match);
    assert_int_equal(command->change->base_version, 3);
    assert_text(command->change->id, "k");
    assert_text(command->identity->user_id, "7");
    answer = peer_stage_answer(&stage, ERR_PRECONDITION);
    answer->current_version = 4;
    peer_stage_send_answer(&stage, answer);
    assert_status(412);
    far_until_text(&far, "ETag: \"4\"");
    assert_int_equal(stage.host.sessions.count, 0);
    assert_int_equal(admission_user_count(stage.host.admission), 0);
}

static void a_user_who_is_revoked_meanwhile_still_hears_what_became_of_his_change(void **state)
{
    (void)state;
    rest_ask("DELETE", "/api/v1/records/order/O-1", "", "");
    peer_host_on_revoke(&stage.host, SPAN("7"), SPAN_EMPTY);
    peer_stage_send_answer(&stage, peer_stage_answer(&stage, OK));
    assert_status(204);
    rest_ask("GET", "/api/v1/me", "", "");
    assert_status(200);
}

static void a_server_that_drains_serves_health_only(void **state)
{
    (void)state;
    stage.host.is_draining = true;
    ask("GET", "/healthz", "", "");
    assert_status(200);
    ask("GET", "/readyz", "", "");
    assert_status(503);
    far_until_text(&far, "{\"status\":\"draining\"}");
    ask("GET", "/api/v1/me", session_header(), "");
    assert_status(503);
    far_until_text(&far, "\"code\":\"draining\"");
    assert_true(far_has(&far, "Retry-After: 1"));
    assert_true(far_has(&far, "Connection: close"));
    far_until_ended(&far);
}

static void too_many_who_log_in_at_once_are_told_to_wait(void **state)
{
    (void)state;
    stage.is_busy = true;
    ask("POST", "/api/v1/login", JSON, "{\"username\":\"ann\",\"password\":\"x\"}");
    stage_turns(&stage.net, 3);
    peer_stage_run_jobs(&stage);
    assert_status(503);
    far_until_text(&far, "Retry-After: 1");
}

static void logging_out_revokes_on_all_workers(void **state)
{
    (void)state;
    rest_ask("POST", "/api/v1/logout", "", "");
    assert_status(204);
    far_until_text(&far, "Set-Cookie: collabd_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax\r\n");
    assert_int_equal(stage.revoke_count, 1);
    assert_int_equal(stage.host.logins.count, 0);
}

static void behind_a_trusted_proxy_the_cookie_is_for_tls(void **state)
{
    static const char https[] = "X-Forwarded-Proto: https\r\n";

    (void)state;
    rest_ask("POST", "/api/v1/logout", https, "");
    assert_status(204);
    assert_false(far_has(&far, "Secure"));
    stage.host.trusts_forwarded = true;
    rest_ask("POST", "/api/v1/logout", https, "");
    far_until_text(&far, "SameSite=Lax; Secure\r\n");
    ask("GET", "/healthz", "X-Forwarded-Proto: https\r\nOrigin: http://here\r\n", "");
    assert_status(403);
    ask("GET", "/healthz", "X-Forwarded-Proto: https\r\nOrigin: https://here\r\n", "");
    assert_status(200);
}

/* ---- who may connect ---- */

static void limit_connections(uint32_t total, uint32_t per_address)
{
    stage.admission_limits.connections_max = total;
    stage.admission_limits.connections_per_address_max = per_address;
    admission_set_limits(stage.host.admission, &stage.admission_limits);
}

static void one_more_connection_of_an_address_is_told_to_wait(void **state)
{
    struct far second;

    (void)state;
    limit_connections(0, 1);
    peer_stage_connect(&stage, &second);
    ask_on(&second, "GET", "/api/v1/me", "", "");
    far_until_text(&second, "\"code\":\"too_many\"");
    assert_true(far_has(&second, "HTTP/1.1 429 "));
    assert_true(far_has(&second, "Retry-After: 1"));
    far_until_ended(&second);
    far_close(&second);
    ask("GET", "/readyz", "", "");
    assert_status(200);
}

static void a_full_server_still_says_that_it_is_alive(void **state)
{
    struct far second, third;

    (void)state;
    limit_connections(1, 0);
    peer_stage_connect(&stage, &second);
    ask_on(&second, "GET", "/healthz", "", "");
    far_until_text(&second, "HTTP/1.1 200 ");
    far_until_ended(&second);
    peer_stage_connect(&stage, &third);
    ask_on(&third, "GET", "/", "", "");
    far_until_text(&third, "HTTP/1.1 503 ");
    far_until_text(&third, "\"code\":\"overloaded\"");
    far_until_ended(&third);
    far_close(&second);
    far_close(&third);
}

static void a_web_socket_too_many_is_closed_with_a_code(void **state)
{
    struct far second;

    (void)state;
    limit_connections(0, 1);
    peer_stage_connect(&stage, &second);
    far_say(&second, SPAN("GET /ws HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"));
    far_until_text(&second, "HTTP/1.1 101 ");
    far_until_text(&second, "\x03\xf5too_many"); /* 1013 */
    far_close(&second);
}

static void a_connection_that_is_gone_makes_room(void **state)
{
    struct far second;

    (void)state;
    limit_connections(0, 1);
    far_close(&far);
    stage_turns(&stage.net, 3);
    peer_stage_connect(&stage, &second);
    ask_on(&second, "GET", "/readyz", "", "");
    far_until_text(&second, "HTTP/1.1 200 ");
    far_close(&second);
}

#define PURE(name) cmocka_unit_test(name)
#define TEST(name) cmocka_unit_test_setup_teardown(name, rest_stage_set_up, rest_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PURE(a_path_finds_its_route_and_its_parts),
        PURE(a_part_in_braces_is_one_whole_segment),
        PURE(a_star_is_whatever_follows),
        PURE(a_part_with_a_plus_may_have_slashes_in_it),
        PURE(a_path_without_the_method_names_those_it_has),
        PURE(if_match_takes_strong_tags_and_a_star),
        PURE(if_match_tells_what_cannot_match_from_what_is_no_tag),
        TEST(a_request_is_answered),
        TEST(an_error_has_its_shape),
        TEST(the_user_is_looked_up_before_the_route_is_asked),
        TEST(saying_on_whose_behalf_is_an_error_where_nobody_is_acted_for),
        TEST(a_connection_may_be_gone_while_its_user_is_looked_up),
        TEST(a_connection_may_be_gone_while_a_job_is_on_its_way),
        TEST(a_connection_may_be_gone_while_a_command_is_on_its_way),
        TEST(a_command_is_answered_and_its_session_is_gone),
        TEST(a_user_who_is_revoked_meanwhile_still_hears_what_became_of_his_change),
        TEST(a_server_that_drains_serves_health_only),
        TEST(too_many_who_log_in_at_once_are_told_to_wait),
        TEST(logging_out_revokes_on_all_workers),
        TEST(behind_a_trusted_proxy_the_cookie_is_for_tls),
        TEST(one_more_connection_of_an_address_is_told_to_wait),
        TEST(a_full_server_still_says_that_it_is_alive),
        TEST(a_web_socket_too_many_is_closed_with_a_code),
        TEST(a_connection_that_is_gone_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
