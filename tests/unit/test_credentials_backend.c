#include "lib/credentials_stage.h"

static struct backend_ask *asked; /* the question that waits */
static unsigned asked_count;

static void take_ask(void *world, struct backend_ask *ask)
{
    (void)world;
    asked = ask;
    asked_count++;
}

static void ask_backend(void)
{
    asked = NULL;
    asked_count = 0;
    stage.host.asks_who = true;
    stage.host.who_max_ms = 60000;
    stage.host.ask_backend = take_ask;
}

static void answer_ask(enum err err, const char *text)
{
    struct backend_ask *ask = asked;

    asked = NULL;
    ask->err = err;
    buf_append_str(&ask->answer, text);
    ask->errand.run(&ask->errand, &stage.host);
}

#define OUTSIDE "{\"user\":{\"id\":900,\"username\":\"out\",\"roles\":[\"editor\",\"x\"]}"

static void a_backend_says_whom_an_unknown_token_stands_for(void **state)
{
    (void)state;
    ask_backend();
    check_token(SPAN("let \"me\" in"));
    assert_int_equal(checked.count, 0);
    assert_text(buf_span(&asked->body), "{\"hook\":\"authenticate\",\"token\":\"let \\\"me\\\" in\"}");
    answer_ask(OK, OUTSIDE ",\"expires_at\":\"2023-11-14T22:14:20Z\"}");
    assert_int_equal(checked.err, OK);
    assert_string_equal(checked.user_id, "900");
    assert_string_equal(checked.username, "out");
    assert_int_equal(checked.role_count, 2);
    assert_false(checked.is_account);
    assert_true(checked.expires_ms == stage.host.wall_ms + 60000);
}

static void what_a_backend_said_is_believed_for_a_while(void **state)
{
    (void)state;
    ask_backend();
    check_token(SPAN("letmein"));
    answer_ask(OK, OUTSIDE "}");
    assert_true(checked.expires_ms == 0);
    stage.host.wall_ms += 59999;
    check_token(SPAN("letmein"));
    assert_int_equal(checked.count, 2);
    assert_false(checked.is_account);
    assert_int_equal(asked_count, 1);
    stage.host.wall_ms += 1;
    check_token(SPAN("letmein"));
    assert_int_equal(asked_count, 2);
    answer_ask(OK, OUTSIDE ",\"expires_at\":1700000070}"); /* ends sooner */
    stage.host.wall_ms += 10000;
    check_token(SPAN("letmein"));
    assert_int_equal(asked_count, 3);
    answer_ask(OK, "{\"allow\":false}");
    assert_nobody(ERR_BAD_TOKEN);
}

static void revoking_its_user_ends_what_a_backend_said(void **state)
{
    (void)state;
    ask_backend();
    check_token(SPAN("letmein"));
    answer_ask(OK, OUTSIDE "}");
    credentials_forget(&stage.host, SPAN("900"), SPAN_EMPTY);
    check_token(SPAN("letmein"));
    assert_int_equal(asked_count, 2);
    credentials_forget(&stage.host, SPAN("900"), SPAN_EMPTY); /* while it is asked */
    answer_ask(OK, OUTSIDE "}");
    check_token(SPAN("letmein"));
    assert_int_equal(asked_count, 3);
    answer_ask(OK, OUTSIDE "}");
}

static void an_answer_that_names_nobody_is_none(void **state)
{
    static const struct {
        enum err err;
        const char *text;
        enum err expected;
    } cases[] = {
        {OK, "{\"allow\":false}", ERR_BAD_TOKEN},
        {OK, "{\"allow\":true}", ERR_BACKEND_UNAVAILABLE},
        {OK, "{}", ERR_BACKEND_UNAVAILABLE},
        {OK, "{\"user\":7}", ERR_BACKEND_UNAVAILABLE},
        {OK, "{\"user\":{\"id\":\"\"}}", ERR_BACKEND_UNAVAILABLE},
        {OK, "{\"user\":{\"id\":-1}}", ERR_BACKEND_UNAVAILABLE},
        {OK, "{\"user\":{\"id\":\"a\\u0007\"}}", ERR_BACKEND_UNAVAILABLE},
        {OK, "{\"user\":{\"id\":1,\"roles\":\"admin\"}}", ERR_BACKEND_UNAVAILABLE},
        {OK, "{\"user\":{\"id\":1,\"roles\":[1]}}", ERR_BACKEND_UNAVAILABLE},
        {OK, "{\"user\":{\"id\":1},\"expires_at\":\"soon\"}", ERR_BACKEND_UNAVAILABLE},
        {OK, "{\"user\":{\"id\":1},\"expires_at\":1600000000}", ERR_TOKEN_EXPIRED},
        {ERR_BACKEND_UNAVAILABLE, "", ERR_BACKEND_UNAVAILABLE},
    };

    (void)state;
    ask_backend();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_token(SPAN("letmein"));
        answer_ask(cases[i].err, cases[i].text);
        assert_nobody(cases[i].expected);
    }
}

static void tokens_that_are_explained_are_not_asked_about(void **state)
{
    struct span token = own_token(1);

    (void)state;
    ask_backend();
    check_token(foreign_token("{\"iss\":\"elsewhere\",\"sub\":\"ext\",\"exp\":1700003600}"));
    check_token(foreign_token("{\"iss\":\"elsewhere\",\"sub\":\"ext\",\"exp\":1600000000}"));
    assert_nobody(ERR_TOKEN_EXPIRED);
    stage.host.wall_ms += 2000;
    check_token(token);
    assert_nobody(ERR_TOKEN_EXPIRED);
    check_token(SPAN("\xff\xfe"));
    assert_nobody(ERR_BAD_TOKEN);
    check_token(SPAN_EMPTY);
    assert_nobody(ERR_BAD_TOKEN);
    assert_int_equal(asked_count, 0);
}

static void nobody_hears_of_a_token_that_he_does_not_wait_for_any_more(void **state)
{
    struct credentials_check *check;

    (void)state;
    ask_backend();
    check = credentials_check_token(&stage.host, SPAN("letmein"), credentials_stage_hear, NULL);
    credentials_cancel(check);
    answer_ask(OK, OUTSIDE "}");
    check = credentials_check_token(&stage.host, SPAN("other"), credentials_stage_hear, NULL);
    credentials_cancel(check);
    asked->errand.run(&asked->errand, NULL); /* the worker has stopped */
    assert_int_equal(checked.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, credentials_stage_set_up, rest_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_backend_says_whom_an_unknown_token_stands_for),
        TEST(what_a_backend_said_is_believed_for_a_while),
        TEST(revoking_its_user_ends_what_a_backend_said),
        TEST(an_answer_that_names_nobody_is_none),
        TEST(tokens_that_are_explained_are_not_asked_about),
        TEST(nobody_hears_of_a_token_that_he_does_not_wait_for_any_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
