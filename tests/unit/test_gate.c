#include "peer/gate.h"

#include "collab/type/access.h"
#include "lib/peer_stage.h"
#include "peer/dialect.h"
#include "peer/gate_question.h"
#include "peer/session.h"

#include <stdlib.h>
#include <string.h>

/* A worker's clients between doubles: rooms that note what comes, a backend that answers when the test says so. */
static struct peer_stage stage;
static struct gate_rules rules;
static struct buf sent;     /* "join lobby, publish lobby, ": what went to the rooms */
static struct buf answered; /* "not_found: sentence, ": what clients were answered */
static struct backend_ask *asks[16];
static unsigned ask_count; /* ever */
static struct peer_errand *errands[16];
static unsigned errand_count;
static enum err ended_by;

static void note_command(void *world, struct command *command)
{
    static const char *const names[] = {
        [COMMAND_JOIN] = "join",       [COMMAND_LEAVE] = "leave",   [COMMAND_PRESENCE] = "presence",
        [COMMAND_PUBLISH] = "publish", [COMMAND_CHANGE] = "change", [COMMAND_ACTION] = "action",
        [COMMAND_RESTORE] = "restore", [COMMAND_OBJECT] = "object", [COMMAND_LOOK] = "look",
        [COMMAND_TOUCH] = "touch",
    };

    (void)world;
    buf_printf(&sent, "%s %.*s, ", names[command->kind], SPAN_ARG(command->room));
    command_free(command);
}

static void take_ask(void *world, struct backend_ask *ask)
{
    (void)world;
    assert_in_range(ask_count, 0, 15);
    asks[ask_count++] = ask;
}

static void take_errand(void *world, unsigned worker, struct peer_errand *errand)
{
    (void)world;
    assert_int_equal(worker, 0);
    assert_in_range(errand_count, 0, 15);
    errands[errand_count++] = errand;
}

static void run_errands(void)
{
    for (unsigned i = 0; i < errand_count; i++)
        errands[i]->run(errands[i], &stage.host);
    errand_count = 0;
}

static void hear_answer(struct session *session, const struct answer *answer)
{
    (void)session;
    buf_printf(&answered, "%s: %.*s, ", err_code(answer->err), SPAN_ARG(answer->message));
}

static void close_outlet(struct session *session, enum err reason, uint16_t code, struct span text)
{
    (void)session;
    (void)code;
    (void)text;
    ended_by = reason;
}

static const struct dialect quiet = {.name = "quiet", .answer = hear_answer};
static const struct outlet outlet = {.close = close_outlet};

static int set_up(void **state)
{
    (void)state;
    peer_stage_init(&stage);
    rules = (struct gate_rules){.asks = GATE_JOIN | GATE_PUBLISH | GATE_CHANGE | GATE_OBJECT,
                                .cache_max_ms = 60000,
                                .waiting_max = 1000,
                                .waiting_bytes_max = 1 << 20,
                                .held_max = 1000,
                                .held_bytes_max = 1 << 20,
                                .remembered_max = 100};
    ask_count = errand_count = 0;
    ended_by = OK;
    stage.host.send_command = note_command;
    stage.host.ask_backend = take_ask;
    stage.host.send_errand = take_errand;
    stage.host.gate = gate_new(&stage.host, &rules);
    return 0;
}

static void set_rules(void)
{
    gate_free(stage.host.gate);
    stage.host.gate = gate_new(&stage.host, &rules);
}

static int tear_down(void **state)
{
    (void)state;
    while (!list_is_empty(&stage.host.sessions_all))
        session_close(LIST_OWNER(stage.host.sessions_all.next, struct session, in_host), LEAVE_DISCONNECTED);
    run_errands();
    gate_free(stage.host.gate);
    stage.host.gate = NULL;
    for (unsigned i = 0; i < ask_count; i++) /* as mail that nobody hears any more */
        if (asks[i])
            asks[i]->errand.run(&asks[i]->errand, NULL);
    peer_stage_deinit(&stage);
    buf_deinit(&sent);
    buf_deinit(&answered);
    return 0;
}

/* ---- people ---- */

static struct session *connect_as(const char *user_id, const char *role_name)
{
    struct session *session = session_open(&stage.host, &quiet, &outlet, NULL);
    struct span role = span_from_str(role_name), id = span_from_str(user_id);
    struct identity *identity =
        identity_new(id, SPAN("ann"), SPAN("Ann"), SPAN_EMPTY, &role, 1, access_of(stage.store.registry, &role, 1));

    assert_int_equal(session_authenticate(session, identity, 0, NULL), OK);
    return session;
}

static struct session *connect_ann(void)
{
    return connect_as("7", "editor");
}

static struct command *command_for(struct session *session, enum command_kind kind, const char *room)
{
    struct command *command;

    assert_int_equal(session_command(session, kind, span_from_str(room), 0, true, &command), OK);
    return command;
}

static void say(struct session *session, enum command_kind kind, const char *room)
{
    session_send(session, command_for(session, kind, room));
}

static void publish(struct session *session, const char *room, const char *data)
{
    struct command *command = command_for(session, COMMAND_PUBLISH, room);

    command->publish.name = SPAN("note");
    command->publish.data = arena_copy(&command->arena, span_from_str(data));
    session_send(session, command);
}

/* ---- the backend ---- */

static void tell(unsigned place, enum err err, const char *text)
{
    struct backend_ask *ask = asks[place];

    assert_in_range(place, 0, ask_count - 1);
    assert_non_null(ask);
    asks[place] = NULL;
    ask->err = err;
    buf_append_str(&ask->answer, text);
    ask->errand.run(&ask->errand, &stage.host);
    run_errands();
}

static void allow(unsigned place)
{
    tell(place, OK, "{\"allow\":true}");
}

static void assert_text(struct buf *found, const char *text)
{
    if (!span_equal(buf_span(found), span_from_str(text)))
        fail_msg("\"%.*s\" is not \"%s\"", SPAN_ARG(buf_span(found)), text);
    buf_reset(found);
}

/* ---- order ---- */

static void everything_waits_behind_what_is_asked_about(void **state)
{
    struct session *session = connect_ann();

    (void)state;
    say(session, COMMAND_JOIN, "lobby");
    say(session, COMMAND_PRESENCE, "lobby");
    publish(session, "lobby", "1");
    say(session, COMMAND_PRESENCE, "lobby");
    assert_text(&sent, "");
    assert_int_equal(ask_count, 1);
    allow(0);
    assert_text(&sent, "join lobby, presence lobby, ");
    assert_int_equal(ask_count, 2);
    allow(1);
    assert_text(&sent, "publish lobby, presence lobby, ");
    assert_int_equal(gate_held(stage.host.gate), 0);
}

static void other_sessions_do_not_wait(void **state)
{
    struct session *one = connect_ann(), *other = connect_ann();

    (void)state;
    say(one, COMMAND_JOIN, "lobby");
    say(other, COMMAND_PRESENCE, "lobby");
    assert_text(&sent, "presence lobby, ");
    say(other, COMMAND_JOIN, "hall");
    allow(1);
    assert_text(&sent, "join hall, ");
    allow(0);
    assert_text(&sent, "join lobby, ");
}

static void what_is_not_asked_about_goes_at_once(void **state)
{
    struct session *session = connect_ann();
    struct command *command;

    (void)state;
    say(session, COMMAND_JOIN, ROOM_PRESENCE);
    say(session, COMMAND_JOIN, ROOM_RECORDS);
    say(session, COMMAND_JOIN, "user:7");
    command = command_for(session, COMMAND_PUBLISH, "lobby");
    command->publish.as_server = true;
    session_send(session, command);
    command = command_for(session, COMMAND_OBJECT, "order:1");
    command->object.kind = OBJECT_LOCK;
    command->object.verb = OBJECT_RENEW;
    session_send(session, command);
    say(session, COMMAND_LEAVE, "lobby");
    assert_int_equal(ask_count, 0);
    assert_text(
        &sent,
        "join user-presence, touch user-presence, join records, join user:7, publish lobby, object order:1, leave lobby, ");
}

static void only_what_is_configured_is_asked_about(void **state)
{
    struct session *session = connect_ann();

    (void)state;
    rules.asks = GATE_CHANGE;
    set_rules();
    say(session, COMMAND_JOIN, "lobby");
    publish(session, "lobby", "1");
    assert_text(&sent, "join lobby, publish lobby, ");
    say(session, COMMAND_RESTORE, "order:1");
    assert_int_equal(ask_count, 1);
}

/* ---- refusing ---- */

static void what_is_refused_is_answered_and_the_rest_goes_on(void **state)
{
    struct session *session = connect_ann();

    (void)state;
    publish(session, "lobby", "1");
    say(session, COMMAND_PRESENCE, "lobby");
    tell(0, OK, "{\"allow\":false,\"message\":\"Not today.\"}");
    assert_text(&answered, "backend_refused: Not today., ");
    assert_text(&sent, "presence lobby, ");
}

static void a_join_that_is_refused_can_be_tried_again(void **state)
{
    struct session *session = connect_ann();

    (void)state;
    say(session, COMMAND_JOIN, "lobby");
    tell(0, OK, "{\"allow\":false}");
    assert_text(&answered, "backend_refused: , ");
    assert_null(session_membership(session, SPAN("lobby")));
    assert_int_equal(session->answers_due, 0);
    say(session, COMMAND_JOIN, "lobby");
    allow(1);
    assert_text(&sent, "join lobby, ");
}

static void without_an_answer_it_is_refused(void **state)
{
    static const char *const texts[] = {"{}", "{\"allow\":1}", "{\"allow\":null}"};
    struct session *session = connect_ann();

    (void)state;
    publish(session, "lobby", "1");
    tell(0, ERR_BACKEND_UNAVAILABLE, "");
    assert_text(&answered, "backend_unavailable: , ");
    for (unsigned i = 0; i < 3; i++) {
        publish(session, "lobby", "1");
        tell(i + 1, OK, texts[i]);
        assert_text(&answered, "backend_unavailable: , ");
    }
    assert_text(&sent, "");
}

static void without_an_answer_it_goes_on_where_that_is_configured(void **state)
{
    struct session *session = connect_ann();

    (void)state;
    rules.allows_when_down = true;
    set_rules();
    publish(session, "lobby", "1");
    tell(0, ERR_BACKEND_UNAVAILABLE, "");
    assert_text(&sent, "publish lobby, ");
    publish(session, "lobby", "1");
    tell(1, OK, "{\"allow\":false}");
    assert_text(&answered, "backend_refused: , ");
    assert_text(&sent, "");
}

/* ---- remembering ---- */

static void what_may_be_remembered_is_not_asked_again(void **state)
{
    struct session *one = connect_ann(), *two = connect_ann();

    (void)state;
    say(one, COMMAND_JOIN, "lobby");
    tell(0, OK, "{\"allow\":true,\"cache_seconds\":10}");
    say(two, COMMAND_LOOK, "lobby");
    assert_text(&sent, "join lobby, look lobby, ");
    say(two, COMMAND_JOIN, "hall");       /* another room */
    publish(connect_ann(), "lobby", "1"); /* another hook */
    say(connect_as("8", "editor"), COMMAND_JOIN, "lobby");
    say(connect_as("7", "viewer"), COMMAND_JOIN, "lobby");
    assert_int_equal(ask_count, 5);
    stage.host.wall_ms += 10000;
    say(connect_ann(), COMMAND_JOIN, "lobby");
    assert_int_equal(ask_count, 6);
}

static void it_is_remembered_no_longer_than_configured(void **state)
{
    (void)state;
    say(connect_ann(), COMMAND_JOIN, "lobby");
    tell(0, OK, "{\"allow\":true,\"cache_seconds\":1e300}");
    stage.host.wall_ms += 59999;
    say(connect_ann(), COMMAND_JOIN, "lobby");
    assert_int_equal(ask_count, 1);
    stage.host.wall_ms += 1;
    say(connect_ann(), COMMAND_JOIN, "lobby");
    assert_int_equal(ask_count, 2);
}

static void a_clock_that_was_put_back_makes_nothing_last_longer(void **state)
{
    (void)state;
    say(connect_ann(), COMMAND_JOIN, "lobby");
    tell(0, OK, "{\"allow\":true,\"cache_seconds\":10}");
    stage.host.wall_ms -= 3600 * 1000;
    say(connect_ann(), COMMAND_JOIN, "lobby");
    assert_int_equal(ask_count, 2);
}

static void neither_changes_nor_refusals_are_remembered(void **state)
{
    struct session *session = connect_ann();

    (void)state;
    say(session, COMMAND_RESTORE, "order:1");
    tell(0, OK, "{\"allow\":true,\"cache_seconds\":10}");
    say(session, COMMAND_RESTORE, "order:1");
    tell(1, OK, "{\"allow\":false,\"cache_seconds\":10}");
    say(session, COMMAND_LOOK, "lobby");
    tell(2, OK, "{\"allow\":false,\"cache_seconds\":10}");
    say(session, COMMAND_LOOK, "lobby");
    assert_int_equal(ask_count, 4);
}

static void revoking_a_user_forgets_what_he_was_allowed(void **state)
{
    (void)state;
    say(connect_ann(), COMMAND_JOIN, "lobby");
    say(connect_as("8", "editor"), COMMAND_JOIN, "lobby");
    tell(0, OK, "{\"allow\":true,\"cache_seconds\":10}");
    tell(1, OK, "{\"allow\":true,\"cache_seconds\":10}");
    peer_host_on_revoke(&stage.host, SPAN("7"), SPAN_EMPTY);
    say(connect_as("8", "editor"), COMMAND_JOIN, "lobby");
    assert_int_equal(ask_count, 2);
    say(connect_ann(), COMMAND_JOIN, "lobby");
    assert_int_equal(ask_count, 3);
}

static void what_was_asked_before_a_revocation_is_not_remembered(void **state)
{
    (void)state;
    say(connect_ann(), COMMAND_JOIN, "lobby");
    peer_host_on_revoke(&stage.host, SPAN("7"), SPAN_EMPTY);
    tell(0, OK, "{\"allow\":true,\"cache_seconds\":10}");
    say(connect_ann(), COMMAND_JOIN, "lobby");
    assert_int_equal(ask_count, 2);
}

static void only_so_much_is_remembered(void **state)
{
    struct session *session = connect_ann();

    (void)state;
    rules.remembered_max = 2;
    set_rules();
    for (unsigned i = 0; i < 3; i++) {
        char room[8];
        (void)snprintf(room, sizeof(room), "r%u", i);
        say(session, COMMAND_LOOK, room);
        tell(i, OK, "{\"allow\":true,\"cache_seconds\":10}");
    }
    say(session, COMMAND_LOOK, "r2");
    assert_int_equal(ask_count, 3);
    say(session, COMMAND_LOOK, "r0");
    assert_int_equal(ask_count, 4);
}

/* ---- going ---- */

static void who_closes_leaves_after_what_he_said(void **state)
{
    struct session *session = connect_ann();

    (void)state;
    say(session, COMMAND_JOIN, "lobby");
    publish(session, "lobby", "1");
    session_close(session, LEAVE_DISCONNECTED);
    allow(0);
    assert_text(&sent, "join lobby, ");
    allow(1);
    assert_text(&sent, "publish lobby, leave lobby, ");
    assert_int_equal(gate_held(stage.host.gate), 0);
}

static void who_is_refused_after_he_went_leaves_all_the_same(void **state)
{
    struct session *session = connect_ann();

    (void)state;
    say(session, COMMAND_JOIN, "lobby");
    session_close(session, LEAVE_DISCONNECTED);
    tell(0, OK, "{\"allow\":false}");
    assert_text(&answered, "");
    assert_text(&sent, "leave lobby, ");
}

static void who_leaves_before_the_answer_has_not_joined(void **state)
{
    struct session *session = connect_ann();

    (void)state;
    say(session, COMMAND_JOIN, "lobby");
    say(session, COMMAND_LEAVE, "lobby");
    tell(0, OK, "{\"allow\":false}");
    assert_text(&answered, "backend_refused: , ");
    assert_text(&sent, "leave lobby, ");
    assert_null(session_membership(session, SPAN("lobby")));
}

/* ---- bounds ---- */

static void who_lets_too_much_wait_is_ended(void **state)
{
    struct session *session = connect_ann();

    (void)state;
    rules.waiting_max = 3;
    set_rules();
    for (int i = 0; i < 3; i++)
        publish(session, "lobby", "1");
    assert_int_equal(ended_by, OK);
    publish(session, "lobby", "1");
    assert_int_equal(ended_by, ERR_OVERLOADED);
    run_errands();
    assert_text(&answered, "overloaded: , ");
    assert_int_equal(gate_held(stage.host.gate), 3);
}

static void what_waits_is_bounded_in_bytes_too(void **state)
{
    struct session *one = connect_ann(), *other = connect_ann();
    char *large = malloc(40003);

    (void)state;
    memset(large, 'x', 40002);
    large[0] = large[40001] = '"';
    large[40002] = '\0';
    rules.waiting_bytes_max = 50000;
    rules.held_bytes_max = 150000;
    set_rules();
    publish(one, "lobby", large);
    publish(one, "lobby", large);
    publish(other, "lobby", large);
    assert_int_equal(ended_by, OK);
    publish(other, "lobby", large); /* the last that there is a place for */
    publish(connect_ann(), "lobby", large);
    assert_int_equal(ended_by, OK);
    publish(one, "lobby", "1");
    assert_int_equal(ended_by, ERR_OVERLOADED);
    run_errands();
    assert_text(&answered, "overloaded: , overloaded: , ");
    free(large);
}

static void only_so_much_waits_in_all(void **state)
{
    struct session *one = connect_ann(), *other = connect_ann();

    (void)state;
    rules.held_max = 2;
    set_rules();
    say(one, COMMAND_JOIN, "lobby");
    publish(one, "lobby", "1");
    publish(other, "lobby", "1");
    say(other, COMMAND_PRESENCE, "lobby"); /* need not wait */
    run_errands();
    assert_text(&answered, "overloaded: , ");
    assert_text(&sent, "presence lobby, ");
    assert_int_equal(ended_by, OK);
    session_close(one, LEAVE_DISCONNECTED);
    allow(0);
    allow(1);
    assert_text(&sent, "join lobby, publish lobby, leave lobby, ");
}

/* ---- words ---- */

static void assert_question(struct command *command, const char *rest)
{
    struct buf text = BUF_EMPTY, expected = BUF_EMPTY;

    gate_print_question(&text, command, stage.host.registry);
    buf_printf(&expected, "%s", rest);
    assert_text(&text, expected.data);
    buf_deinit(&text);
    buf_deinit(&expected);
    command_free(command);
}

#define ANN "\"user\":{\"id\":7,\"username\":\"ann\",\"name\":\"Ann\",\"roles\":[\"editor\"]}"

static void a_question_says_who_wants_what(void **state)
{
    struct session *session = connect_ann();
    struct command *command = command_for(session, COMMAND_PUBLISH, "lobby");

    (void)state;
    command->publish.name = SPAN("note");
    command->publish.data = SPAN("{\"a\": 1}");
    assert_question(command,
                    "{\"hook\":\"publish\"," ANN ",\"room\":\"lobby\",\"event\":\"note\",\"data\":{\"a\": 1}}");
    assert_question(command_for(session, COMMAND_LOOK, "order:O-1"),
                    "{\"hook\":\"join\"," ANN
                    ",\"room\":\"order:O-1\",\"entity_type\":\"order\",\"entity_id\":\"O-1\"}");
    command = command_for(session, COMMAND_ACTION, "order:O-1");
    command->action.name = SPAN("approve");
    assert_question(command, "{\"hook\":\"change\"," ANN ",\"room\":\"order:O-1\",\"entity_type\":\"order\","
                             "\"entity_id\":\"O-1\",\"action\":\"approve\",\"input\":{}}");
    command = command_for(session, COMMAND_OBJECT, "order:O-1");
    command->object.kind = OBJECT_CONFLICT;
    command->object.verb = OBJECT_RESOLVE;
    command->object.object_id = SPAN("c1");
    command->object.input = SPAN("{\"resolution\":\"local\"}");
    assert_question(command, "{\"hook\":\"change\"," ANN ",\"room\":\"order:O-1\",\"entity_type\":\"order\","
                             "\"entity_id\":\"O-1\",\"kind\":\"conflict\",\"verb\":\"resolve\",\"object_id\":\"c1\","
                             "\"input\":{\"resolution\":\"local\"}}");
    command = command_for(session, COMMAND_CHANGE, "order:O-1");
    command->change = arena_alloc(&command->arena, sizeof(struct change));
    command->change->kind = CHANGE_UPDATE;
    command->change->base_version = 4;
    command->change->op_count = 1;
    command->change->ops = arena_alloc(&command->arena, sizeof(struct op));
    command->change->ops[0] = (struct op){.kind = OP_INC, .value = SPAN("2"), .expected = SPAN("5")};
    assert_int_equal(path_parse(&command->arena, SPAN("qty"), &command->change->ops[0].path), OK);
    assert_question(command, "{\"hook\":\"change\"," ANN ",\"room\":\"order:O-1\",\"entity_type\":\"order\","
                             "\"entity_id\":\"O-1\",\"change\":{\"kind\":\"update\",\"base_version\":4,"
                             "\"ops\":[{\"op\":\"inc\",\"path\":\"/qty\",\"value\":2,\"before\":5}]}}");
    command = command_for(session, COMMAND_UNDO, "order:O-1");
    command->undo.version = 3;
    assert_question(command, "{\"hook\":\"change\"," ANN ",\"room\":\"order:O-1\",\"entity_type\":\"order\","
                             "\"entity_id\":\"O-1\",\"undo\":{\"version\":3}}");
}

static void a_refusals_message_is_one_short_line(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"Closed.", "Closed."}, {"One.\\nTwo.", "One."}, {"\\u202eevil", ""}, {"", ""}, {"caf\xc3\xa9", "caf\xc3\xa9"},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, 1024);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span text = arena_printf(&arena, "{\"allow\":false,\"message\":\"%s\"}", cases[i].text);
        struct gate_verdict verdict = gate_read_answer(&arena, text);

        assert_int_equal(verdict.err, ERR_BACKEND_REFUSED);
        assert_true(span_equal(verdict.message, span_from_str(cases[i].message)));
    }
    arena_deinit(&arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(everything_waits_behind_what_is_asked_about),
        TEST(other_sessions_do_not_wait),
        TEST(what_is_not_asked_about_goes_at_once),
        TEST(only_what_is_configured_is_asked_about),
        TEST(what_is_refused_is_answered_and_the_rest_goes_on),
        TEST(a_join_that_is_refused_can_be_tried_again),
        TEST(without_an_answer_it_is_refused),
        TEST(without_an_answer_it_goes_on_where_that_is_configured),
        TEST(what_may_be_remembered_is_not_asked_again),
        TEST(it_is_remembered_no_longer_than_configured),
        TEST(a_clock_that_was_put_back_makes_nothing_last_longer),
        TEST(neither_changes_nor_refusals_are_remembered),
        TEST(revoking_a_user_forgets_what_he_was_allowed),
        TEST(what_was_asked_before_a_revocation_is_not_remembered),
        TEST(only_so_much_is_remembered),
        TEST(who_closes_leaves_after_what_he_said),
        TEST(who_is_refused_after_he_went_leaves_all_the_same),
        TEST(who_leaves_before_the_answer_has_not_joined),
        TEST(who_lets_too_much_wait_is_ended),
        TEST(what_waits_is_bounded_in_bytes_too),
        TEST(only_so_much_waits_in_all),
        TEST(a_question_says_who_wants_what),
        TEST(a_refusals_message_is_one_short_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
