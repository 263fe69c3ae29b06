#include "collab/keep/keep.h"
#include "base/buf.h"
#include "base/rand.h"
#include "lib/object_double.h"

#include <stdio.h>
#include <string.h>

/* ---- builders ---- */

static struct command *comment(session_id session, enum object_verb verb, const char *object_id, const char *input)
{
    return object_command(session, "order:O-1", OBJECT_COMMENT, verb, object_id, input);
}

static struct answer *add(const char *id, const char *text)
{
    char input[128];

    (void)snprintf(input, sizeof(input), "{\"text\":\"%s\"}", text);
    return object_ask_as(id, MARIA, "order:O-1", OBJECT_COMMENT, OBJECT_ADD, "", input);
}

static void id_of(const struct answer *answer, char id[64])
{
    (void)snprintf(id, 64, "%s", answered(answer, "id"));
    assert_true(strlen(id) > 0);
}

/* Somebody was faster. */
static void touch(const char *id)
{
    struct object object = *model_store_object(&world->store, OBJECT_COMMENT, span_from_str(id));

    object.revision++;
    object_put(&object);
}

/* ---- in order ---- */

static void what_is_said_first_is_heard_first_however_long_it_takes(void **state)
{
    const struct event *event;

    (void)state;
    object_listen(AMIR, "order:O-1");
    hub_double_hush(world);
    world->is_store_slow = true;
    hub_double_do(world, comment(MARIA, OBJECT_ADD, "", "{\"text\":\"@amir one\"}")); /* he is looked up first */
    hub_double_do(world, comment(MARIA, OBJECT_ADD, "", "{\"text\":\"two\"}"));
    hub_double_store_all(world);
    event = object_heard("order:O-1");
    assert_string_equal(member_of(event->object.body, "text"), "@amir one");
    event = object_heard("order:O-1");
    assert_string_equal(member_of(event->object.body, "text"), "two");
}

static void what_is_decided_next_sees_what_was_decided_before(void **state)
{
    char id[64];

    (void)state;
    id_of(add("", "x"), id);
    world->is_store_slow = true;
    hub_double_do(world, comment(AMIR, OBJECT_REACT, id, "{\"emoji\":\"+\"}"));
    hub_double_do(world, comment(VERA, OBJECT_REACT, id, "{\"emoji\":\"+\"}"));
    hub_double_do(world, comment(MARIA, OBJECT_RESOLVE, id, ""));
    hub_double_store_all(world);
    assert_int_equal(hub_double_answer(world)->err, OK);
    assert_int_equal(hub_double_answer(world)->err, OK);
    assert_string_equal(answered(hub_double_answer(world), "reactions"), "{\"+\":[\"3\",\"8\"]}");
}

static void a_refusal_holds_nobody_up(void **state)
{
    (void)state;
    world->is_store_slow = true;
    hub_double_do(world, comment(MARIA, OBJECT_EDIT, "nothing", "{\"text\":\"x\"}"));
    hub_double_do(world, comment(MARIA, OBJECT_ADD, "", "{}"));
    hub_double_do(world, comment(MARIA, OBJECT_ADD, "", "{\"text\":\"x\"}"));
    hub_double_store_all(world);
    assert_int_equal(hub_double_answer(world)->err, ERR_NOT_FOUND);
    assert_int_equal(hub_double_answer(world)->err, ERR_MISSING_FIELD);
    assert_int_equal(hub_double_answer(world)->err, OK);
}

/* ---- when somebody was faster ---- */

static void what_lost_a_race_is_decided_again(void **state)
{
    char id[64];
    struct answer *answer;

    (void)state;
    id_of(add("", "x"), id);
    world->is_store_slow = true;
    hub_double_do(world, comment(AMIR, OBJECT_REACT, id, "{\"emoji\":\"+\"}"));
    hub_double_store_some(world, 1);
    touch(id);
    hub_double_store_all(world);
    answer = hub_double_answer(world);
    assert_done(answer);
    assert_string_equal(answered(answer, "reactions"), "{\"+\":[\"3\"]}");
    assert_int_equal(model_store_object(&world->store, OBJECT_COMMENT, span_from_str(id))->revision, 3);
}

static void after_three_races_that_are_lost_he_is_told(void **state)
{
    char id[64];

    (void)state;
    id_of(add("", "x"), id);
    world->is_store_slow = true;
    hub_double_do(world, comment(AMIR, OBJECT_REACT, id, "{\"emoji\":\"+\"}"));
    for (unsigned i = 0; i < 3; i++) {
        hub_double_store_some(world, 1); /* it is read */
        touch(id);
        hub_double_store_some(world, 1); /* and too late */
    }
    assert_refused_for(hub_double_answer(world), ERR_CONFLICT, "");
    assert_int_equal(world->asked_count, 0);
}

/* ---- sent twice ---- */

static void the_same_id_is_done_once_and_answered_twice(void **state)
{
    const struct answer *answer;
    uint64_t offset;
    char id[64];

    (void)state;
    object_listen(AMIR, "order:O-1");
    answer = add("k1", "x");
    assert_false(answer->is_repeat);
    assert_text(answer->op_id, "k1");
    offset = answer->position.offset;
    id_of(answer, id);
    assert_done(object_ask(AMIR, "order:O-1", OBJECT_COMMENT, OBJECT_RESOLVE, id, ""));
    answer = add("k1", "x");
    assert_done(answer);
    assert_true(answer->is_repeat);
    assert_string_equal(answered(answer, "id"), id);
    assert_string_equal(answered(answer, "state"), "resolved"); /* as it is by now */
    assert_int_equal(answer->position.offset, offset);
    assert_null(object_heard("order:O-1"));
}

static void the_same_id_for_something_else_is_refused(void **state)
{
    (void)state;
    assert_done(add("k1", "x"));
    assert_refused_for(add("k1", "y"), ERR_ID_REUSED, "id");
    assert_done(object_ask_as("k1", AMIR, "order:O-1", OBJECT_COMMENT, OBJECT_ADD, "", "{\"text\":\"y\"}"));
}

/* By then what is there would refuse it. */
static void what_was_done_before_is_no_mistake(void **state)
{
    const struct answer *answer;
    char id[64];

    (void)state;
    id_of(add("", "x"), id);
    assert_done(object_ask_as("k1", MARIA, "order:O-1", OBJECT_COMMENT, OBJECT_REMOVE, id, ""));
    answer = object_ask_as("k1", MARIA, "order:O-1", OBJECT_COMMENT, OBJECT_REMOVE, id, "");
    assert_done(answer);
    assert_true(answer->is_repeat);
    assert_string_equal(answered(answer, "deleted"), "true");
    assert_refused_for(object_ask_as("k2", MARIA, "order:O-1", OBJECT_COMMENT, OBJECT_REMOVE, id, ""), ERR_NOT_FOUND,
                       "object_id");
}

/* A toggle that is sent again must not take back what it did. */
static void a_toggle_that_is_repeated_stays(void **state)
{
    const struct answer *answer;
    char id[64];

    (void)state;
    id_of(add("", "x"), id);
    assert_done(object_ask_as("k1", AMIR, "order:O-1", OBJECT_COMMENT, OBJECT_REACT, id, "{\"emoji\":\"+\"}"));
    answer = object_ask_as("k1", AMIR, "order:O-1", OBJECT_COMMENT, OBJECT_REACT, id, "{\"emoji\":\"+\"}");
    assert_true(answer->is_repeat);
    assert_string_equal(answered(answer, "reactions"), "{\"+\":[\"3\"]}");
}

/* And what did nothing then must not do something now. */
static void what_did_nothing_does_nothing_when_it_is_repeated(void **state)
{
    const struct answer *answer;
    char id[64];

    (void)state;
    id_of(add("", "x"), id);
    assert_done(object_ask_as("k1", AMIR, "order:O-1", OBJECT_COMMENT, OBJECT_REOPEN, id, ""));
    assert_done(object_ask(AMIR, "order:O-1", OBJECT_COMMENT, OBJECT_RESOLVE, id, ""));
    answer = object_ask_as("k1", AMIR, "order:O-1", OBJECT_COMMENT, OBJECT_REOPEN, id, "");
    assert_true(answer->is_repeat);
    assert_string_equal(answered(answer, "state"), "resolved");
}

/* He may have lost the right to read it meanwhile. */
static void a_repeat_tells_about_the_same_fields(void **state)
{
    static const char input[] = "{\"text\":\"x\",\"path\":\"cost\"}";
    const struct answer *answer;

    (void)state;
    assert_int_equal(object_ask_as("k1", ADA, "order:O-1", OBJECT_COMMENT, OBJECT_ADD, "", input)->object_shown,
                     1 << 3);
    answer = object_ask_as("k1", ADA, "order:O-1", OBJECT_COMMENT, OBJECT_ADD, "", input);
    assert_true(answer->is_repeat);
    assert_int_equal(answer->object_shown, 1 << 3);
}

/* ---- how much ---- */

static void only_so_many_wait_for_a_room(void **state)
{
    (void)state;
    world->limits.changes_waiting_max = 2;
    hub_double_restart(world);
    world->is_store_slow = true;
    for (unsigned i = 0; i < 3; i++)
        hub_double_do(world, comment(MARIA, OBJECT_ADD, "", "{\"text\":\"x\"}"));
    assert_refused_for(hub_double_answer(world), ERR_OVERLOADED, "");
    hub_double_do(world, object_command(MARIA, "order:O-2", OBJECT_COMMENT, OBJECT_ADD, "", "{\"text\":\"x\"}"));
    hub_double_store_all(world);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(hub_double_answer(world)->err, OK);
    assert_null(hub_double_answer(world));
}

static void only_so_many_wait_in_all(void **state)
{
    (void)state;
    world->limits.keeping_max = 2;
    hub_double_restart(world);
    world->is_store_slow = true;
    for (unsigned i = 0; i < 3; i++) {
        char room[32];

        (void)snprintf(room, sizeof(room), "order:O-%u", i);
        hub_double_do(world, object_command(MARIA, room, OBJECT_COMMENT, OBJECT_ADD, "", "{\"text\":\"x\"}"));
    }
    assert_refused_for(hub_double_answer(world), ERR_OVERLOADED, "");
    hub_double_store_all(world);
    world->is_store_slow = false;
    assert_done(add("", "x"));
}

/* ---- what fails ---- */

static void a_store_that_fails_is_told_and_nothing_is_heard(void **state)
{
    (void)state;
    object_listen(AMIR, "order:O-1");
    world->failure = ERR_STORAGE;
    assert_refused_for(add("", "x"), ERR_STORAGE, "");
    assert_null(object_heard("order:O-1"));
    world->failure = OK;
    assert_done(add("", "x"));
}

static void a_hub_goes_down_with_everything_under_way(void **state)
{
    char id[64];

    (void)state;
    id_of(add("", "x"), id);
    assert_done(object_ask(VERA, "order:O-1", OBJECT_ACTIVITY, OBJECT_ADD, "", "{\"action\":\"viewed\"}"));
    world->is_store_slow = true;
    hub_double_do(world, comment(MARIA, OBJECT_ADD, "", "{\"text\":\"@amir\"}"));
    hub_double_do(world, comment(MARIA, OBJECT_EDIT, id, "{\"text\":\"y\"}"));
    hub_double_store_some(world, 2);
    hub_double_do(world, object_command(MARIA, "user:3", OBJECT_MESSAGE, OBJECT_ADD, "", "{\"text\":\"y\"}"));
    hub_double_restart(world);
    world->is_store_slow = false;
    assert_done(add("", "x"));
}

static void what_nobody_waits_for_is_done_all_the_same(void **state)
{
    struct command *command = comment(MARIA, OBJECT_ADD, "", "{\"text\":\"x\"}");

    (void)state;
    object_listen(AMIR, "order:O-1");
    command->wants_answer = false;
    assert_null(hub_double_ask(world, command));
    assert_non_null(object_heard("order:O-1"));
}

static void a_room_has_a_proper_name(void **state)
{
    (void)state;
    assert_refused_for(object_ask(MARIA, "", OBJECT_MESSAGE, OBJECT_ADD, "", "{\"text\":\"x\"}"), ERR_BAD_NAME, "");
}

static void after_a_reload_the_new_types_count(void **state)
{
    struct type_registry *registry;
    struct buf why = BUF_EMPTY;
    char id[64];

    (void)state;
    id_of(add("", "x"), id);
    assert_int_equal(
        type_registry_new(SPAN("{\"part\":{\"write_mode\":\"broadcast\",\"fields\":{\"name\":{\"kind\":\"string\"}}}}"),
                          SPAN_EMPTY, &registry, &why),
        OK);
    hub_set_registry(world->hub, registry);
    type_registry_unref(registry);
    assert_refused_for(object_ask(MARIA, "order:O-1", OBJECT_COMMENT, OBJECT_RESOLVE, id, ""), ERR_NOT_FOUND, "");
    assert_done(object_ask(MARIA, "part:P-1", OBJECT_COMMENT, OBJECT_ADD, "", "{\"text\":\"x\"}"));
}

/* ---- whatever it is ---- */

enum { WORLDS = 60, COMMANDS = 60 };

static struct rand dice;

static const char *pick(const char *const *words, size_t count)
{
    return words[rand_below(&dice, count)];
}
#define PICK(words) pick(words, sizeof(words) / sizeof((words)[0]))

/* Mostly what is asked for, sometimes something else. */
static void append_member(struct buf *out, const char *key, const char *good, const char *id)
{
    static const char *const others[] = {"7",      "null",     "true", "[]",          "{}",    "\"\"",
                                         "[null]", "\"cost\"", "-1.5", "[3,\"bob\"]", "\"99\""};

    if (rand_below(&dice, 4) == 0)
        return;
    buf_printf(out, "%s\"%s\":", out->len > 1 ? "," : "", key);
    if (rand_below(&dice, 20) == 0)
        buf_append_str(out, PICK(others));
    else if (strcmp(good, "ID") == 0)
        buf_printf(out, "\"%s\"", id);
    else
        buf_append_str(out, good);
}

static void append_input(struct buf *out, const char *id)
{
    static const char *const texts[] = {"\"x\"", "\"@amir @bob @x\"", "\"@vera\""};
    static const char *const actions[] = {"\"viewed\"", "\"exported\""};
    static const char *const choices[] = {"{}", "{\"on\":false}", "{\"sound\":true}"};
    const bool is_rich = rand_below(&dice, 3) == 0;

    buf_append_char(out, '{');
    append_member(out, "text", PICK(texts), id);
    append_member(out, "title", "\"x\"", id);
    append_member(out, "action", PICK(actions), id);
    append_member(out, "emoji", "\"+\"", id);
    append_member(out, "default", PICK(choices), id);
    append_member(out, "user_id", "3", id);
    if (is_rich) {
        append_member(out, "path", "\"title\"", id);
        append_member(out, "parent_id", "ID", id);
        append_member(out, "mentions", "[3,\"bob\"]", id);
        append_member(out, "to", "[3]", id);
        append_member(out, "all", "true", id);
        append_member(out, "on", "true", id);
    }
    buf_append_char(out, '}');
    buf_append_char(out, 0);
}

static enum object_verb any_verb(enum object_kind kind)
{
    static const enum object_verb verbs[] = {OBJECT_EDIT,  OBJECT_REMOVE, OBJECT_RESOLVE, OBJECT_REOPEN,
                                             OBJECT_REACT, OBJECT_READ,   OBJECT_UNREAD};

    if (kind == OBJECT_CONFLICT)
        return OBJECT_ASSIGN;
    if (kind == OBJECT_PREFERENCES)
        return OBJECT_EDIT;
    return rand_below(&dice, 2) ? OBJECT_ADD : verbs[rand_below(&dice, sizeof(verbs) / sizeof(verbs[0]))];
}

static struct command *any_command(const char *last_id)
{
    static const char *const rooms[] = {"order:O-1", "order:O-1", "order:O-1", "order:O-2", "secret:S-1",
                                        "lobby",     "user:2",    "user:3",    "user:99",   "comments"};
    static const enum object_kind kinds[] = {OBJECT_COMMENT,     OBJECT_COMMENT,  OBJECT_MESSAGE, OBJECT_NOTIFICATION,
                                             OBJECT_PREFERENCES, OBJECT_ACTIVITY, OBJECT_CONFLICT};
    static const session_id sessions[] = {ADA, MARIA, AMIR};
    const enum object_kind kind = kinds[rand_below(&dice, sizeof(kinds) / sizeof(kinds[0]))];
    struct buf input = BUF_EMPTY;
    struct command *command;

    append_input(&input, last_id);
    command = object_command(sessions[rand_below(&dice, 3)], PICK(rooms), kind, any_verb(kind),
                             rand_below(&dice, 4) ? last_id : "", input.data);
    buf_deinit(&input);
    if (rand_below(&dice, 2))
        command->object.id = arena_printf(&command->arena, "k%u", (unsigned)rand_below(&dice, 64));
    command->object.as_server = rand_below(&dice, 8) == 0;
    return command;
}

static unsigned take_answers(char last_id[64])
{
    const struct answer *answer;
    unsigned count = 0;

    while ((answer = hub_double_answer(world))) {
        assert_int_equal(answer->kind, COMMAND_OBJECT);
        if (answer->err != OK)
            assert_false(answer->has_object);
        if (answer->has_object && strlen(answered(answer, "id")) > 0)
            (void)snprintf(last_id, 64, "%s", answered(answer, "id"));
        count++;
    }
    return count;
}

/* With a store that takes its time and sometimes fails. */
static void ask_anything(void)
{
    char last_id[64] = "x";
    unsigned count = 0;

    hub_double_hush(world);
    world->is_store_slow = true;
    for (unsigned i = 0; i < COMMANDS; i++) {
        hub_double_do(world, any_command(last_id));
        world->failure = rand_below(&dice, 20) == 0 ? ERR_STORAGE : OK;
        hub_double_store_some(world, (unsigned)rand_below(&dice, 6));
        count += take_answers(last_id);
    }
    world->failure = OK;
    hub_double_store_all(world);
    count += take_answers(last_id);
    assert_int_equal(count, COMMANDS);
}

static void whatever_is_asked_is_answered_once(void **state)
{
    for (unsigned seed = 1; seed <= WORLDS; seed++) {
        rand_seed(&dice, seed);
        print_message("seed %u\r", seed);
        hub_double_join(world, MARIA, user_of(MARIA), "lobby");
        ask_anything();
        (void)hub_stage_tear_down(state);
        (void)object_set_up(state);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, object_set_up, hub_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_said_first_is_heard_first_however_long_it_takes),
        TEST(what_is_decided_next_sees_what_was_decided_before),
        TEST(a_refusal_holds_nobody_up),
        TEST(what_lost_a_race_is_decided_again),
        TEST(after_three_races_that_are_lost_he_is_told),
        TEST(the_same_id_is_done_once_and_answered_twice),
        TEST(the_same_id_for_something_else_is_refused),
        TEST(what_was_done_before_is_no_mistake),
        TEST(a_toggle_that_is_repeated_stays),
        TEST(what_did_nothing_does_nothing_when_it_is_repeated),
        TEST(a_repeat_tells_about_the_same_fields),
        TEST(only_so_many_wait_for_a_room),
        TEST(only_so_many_wait_in_all),
        TEST(a_store_that_fails_is_told_and_nothing_is_heard),
        TEST(a_hub_goes_down_with_everything_under_way),
        TEST(what_nobody_waits_for_is_done_all_the_same),
        TEST(a_room_has_a_proper_name),
        TEST(after_a_reload_the_new_types_count),
        TEST(whatever_is_asked_is_answered_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
