/* What requests over REST are charged (request_charge): whose rate it is, what a queue counts as, what is answered. The rates are so low that no
 * time of a test counts. */
#include "lib/rest_stage.h"
#include "peer/rest/rest.h"

#define RECORD "/api/v1/records/order/O-1"
#define CHANGE "{\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"a\"}]}"

static int set_up(void **state)
{
    (void)rest_stage_set_up(state);
    stage.admission_limits.requests = (struct user_rate_limits){{0.01, 3}, {0.01, 3}, 2};
    admission_set_limits(stage.host.admission, &stage.admission_limits);
    return 0;
}

/* Gives how many commands came of it. */
static unsigned ask(const char *method, const char *path, const char *headers, const char *body)
{
    unsigned before = stage.command_count;

    rest_ask(method, path, headers, body);
    return stage.command_count - before;
}

static unsigned patch(const char *headers)
{
    return ask("PATCH", RECORD, headers, "{\"title\":\"x\"}");
}

/* A request under way keeps its connection from the next: each has one of its own. */
static void on_a_new_connection(void)
{
    far_close(&far);
    stage_turns(&stage.net, 3);
    peer_stage_connect(&stage, &far);
}

static unsigned patch_anew(const char *headers)
{
    on_a_new_connection();
    return patch(headers);
}

static unsigned queue_anew(const char *changes)
{
    on_a_new_connection();
    return ask("POST", RECORD "/changes", JSON, changes);
}

static void assert_too_many(const char *retry_after)
{
    far_until_text(&far, "HTTP/1.1 429 ");
    far_until_text(&far, retry_after);
    far_until_text(&far, "{\"error\":{\"code\":\"rate_limited\",\"message\":\"Too much at once: wait a little.\"");
}

static void a_user_writes_so_much_over_all_his_connections(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(patch_anew(JSON), 1);
    assert_int_equal(patch_anew(JSON), 0);
    assert_too_many("Retry-After: 100\r\n");
}

static void reading_has_a_rate_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(patch_anew(JSON), 1);
    on_a_new_connection();
    for (int i = 0; i < 3; i++) {
        rest_ask("GET", "/api/v1/me", "", "");
        far_until_text(&far, "HTTP/1.1 200 ");
    }
    rest_ask("GET", "/api/v1/me", "", "");
    assert_too_many("Retry-After: 100\r\n");
}

static void whoever_asked_too_much_may_still_log_out_and_be_looked_after(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        (void)patch_anew(JSON);
        rest_ask("GET", "/api/v1/me", "", "");
    }
    on_a_new_connection();
    rest_ask("GET", "/healthz", "", "");
    far_until_text(&far, "HTTP/1.1 200 ");
    rest_ask("POST", "/api/v1/logout", "", "");
    far_until_text(&far, "HTTP/1.1 204 ");
}

static void a_queue_is_charged_as_its_changes_and_refused_whole(void **state)
{
    (void)state;
    assert_int_equal(queue_anew("{\"changes\":[" CHANGE "," CHANGE "]}"), 2);
    assert_int_equal(queue_anew("{\"changes\":[" CHANGE "," CHANGE "]}"), 0);
    assert_too_many("Retry-After: 100\r\n");
    assert_int_equal(patch_anew(JSON), 1); /* what was refused took nothing */
    assert_int_equal(patch_anew(JSON), 0);
}

static void a_queue_larger_than_the_burst_passes_when_nothing_was_taken(void **state)
{
    (void)state;
    assert_int_equal(queue_anew("{\"changes\":[" CHANGE "," CHANGE "," CHANGE "," CHANGE "," CHANGE "]}"), 5);
    assert_int_equal(patch_anew(JSON), 0);
    assert_too_many("Retry-After: 300\r\n"); /* 2 are owed, and 1 */
}

static void a_backend_pays_for_those_it_asks_for(void **state)
{
    struct span role = SPAN("editor");
    struct account bob = {
        .id = SPAN("8"), .username = SPAN("bob"), .name = SPAN("bob"), .roles = &role, .role_count = 1};

    (void)state;
    assert_int_equal(store_account_put(stage.store.store, &stage.store.arena, &bob), OK);
    peer_stage_set_account(&stage, "service", false);
    for (int i = 0; i < 6; i++)
        assert_int_equal(patch_anew(JSON "X-On-Behalf-Of: bob\r\n"), 1);
    assert_int_equal(patch_anew(JSON "X-On-Behalf-Of: bob\r\n"), 0);
    assert_too_many("Retry-After: 50\r\n");
    assert_int_equal(patch_anew(JSON), 0);
    assert_too_many("Retry-After: 50\r\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, rest_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_user_writes_so_much_over_all_his_connections),
        TEST(reading_has_a_rate_of_its_own),
        TEST(whoever_asked_too_much_may_still_log_out_and_be_looked_after),
        TEST(a_queue_is_charged_as_its_changes_and_refused_whole),
        TEST(a_queue_larger_than_the_burst_passes_when_nothing_was_taken),
        TEST(a_backend_pays_for_those_it_asks_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
