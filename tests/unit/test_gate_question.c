#include "lib/gate_stage.h"
#include "peer/gate_question.h"

static void assert_question(struct command *command, const char *expected)
{
    struct buf text = BUF_EMPTY;

    gate_print_question(&text, command, stage.host.registry);
    assert_text(buf_span(&text), expected);
    buf_deinit(&text);
    command_free(command);
}

#define ANN "\"user\":{\"id\":7,\"username\":\"ann\",\"name\":\"Ann\",\"roles\":[\"editor\"]}"

static void a_question_says_who_wants_what(void **state)
{
    struct session *session = gated_connect_ann();
    struct command *command = gated_command(session, COMMAND_PUBLISH, "lobby");

    (void)state;
    command->publish.name = SPAN("note");
    command->publish.data = SPAN("{\"a\": 1}");
    assert_question(command,
                    "{\"hook\":\"publish\"," ANN ",\"room\":\"lobby\",\"event\":\"note\",\"data\":{\"a\": 1}}");
    assert_question(gated_command(session, COMMAND_LOOK, "order:O-1"),
                    "{\"hook\":\"join\"," ANN
                    ",\"room\":\"order:O-1\",\"entity_type\":\"order\",\"entity_id\":\"O-1\"}");
    command = gated_command(session, COMMAND_ACTION, "order:O-1");
    command->action.name = SPAN("approve");
    assert_question(command, "{\"hook\":\"change\"," ANN ",\"room\":\"order:O-1\",\"entity_type\":\"order\","
                             "\"entity_id\":\"O-1\",\"action\":\"approve\",\"input\":{}}");
    command = gated_command(session, COMMAND_OBJECT, "order:O-1");
    command->object.kind = OBJECT_CONFLICT;
    command->object.verb = OBJECT_RESOLVE;
    command->object.object_id = SPAN("c1");
    command->object.input = SPAN("{\"resolution\":\"local\"}");
    assert_question(command, "{\"hook\":\"change\"," ANN ",\"room\":\"order:O-1\",\"entity_type\":\"order\","
                             "\"entity_id\":\"O-1\",\"kind\":\"conflict\",\"verb\":\"resolve\",\"object_id\":\"c1\","
                             "\"input\":{\"resolution\":\"local\"}}");
    command = gated_command(session, COMMAND_CHANGE, "order:O-1");
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
    command = gated_command(session, COMMAND_UNDO, "order:O-1");
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, gate_stage_set_up, gate_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_question_says_who_wants_what),
        TEST(a_refusals_message_is_one_short_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
