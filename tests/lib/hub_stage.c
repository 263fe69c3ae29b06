#include "lib/hub_stage.h"

struct hub_double *world;

int hub_stage_set_up(void **state)
{
    (void)state;
    world = hub_double_new();
    return 0;
}

int hub_stage_tear_down(void **state)
{
    (void)state;
    hub_double_free(world);
    return 0;
}

unsigned user_of(session_id session)
{
    return (unsigned)session / 10;
}

struct command *object_command(session_id session, const char *room, enum object_kind kind, enum object_verb verb,
                               const char *object_id, const char *input)
{
    struct command *command = hub_double_command(world, COMMAND_OBJECT, session, user_of(session), room);

    command->object.kind = kind;
    command->object.verb = verb;
    command->object.object_id = arena_copy(&command->arena, span_from_str(object_id));
    command->object.input = arena_copy(&command->arena, span_from_str(input));
    return command;
}

void store_fails(enum err err)
{
    world->failure = err;
    hub_double_store_some(world, 1);
    world->failure = OK;
}

struct event *next_event(enum event_kind kind)
{
    return hub_double_event(world, 0, kind);
}

void assert_ok(const struct answer *answer)
{
    assert_non_null(answer);
    assert_string_equal(err_code(answer->err), "ok");
}

void assert_refused(const struct answer *answer, enum err err)
{
    assert_non_null(answer);
    assert_string_equal(err_code(answer->err), err_code(err));
}

void assert_made(const struct answer *answer, uint64_t version)
{
    assert_ok(answer);
    assert_int_equal(answer->version, version);
    assert_non_null(answer->change);
    assert_int_equal(answer->change->version, version);
    assert_false(answer->is_repeat);
}

void assert_record(const char *room, uint64_t version, const char *state)
{
    const struct model_change *row = model_store_record(&world->store, span_from_str(room));

    assert_non_null(row);
    assert_string_equal(row->state, state);
    assert_int_equal(row->version, version);
}
