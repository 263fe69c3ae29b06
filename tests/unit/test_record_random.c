#include "collab/hub.h"
#include "base/rand.h"
#include "lib/hub_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whatever is asked of a record, in whatever order, while the store is slow, fails and the process is killed: everybody gets one
 * answer, what was acknowledged is in the history, and the state is what the history makes of it. */

enum { SEEDS = 150, STEPS = 250, TAGS_MAX = 8192 };

static const char *const rooms[] = {"order:O-1", "contract:C-1", "part:P-1", "doc:D-1"};
enum { ROOMS = sizeof(rooms) / sizeof(rooms[0]) };

struct chaos {
    struct rand rand;
    unsigned seed, ids;
    unsigned done, merged, conflicts, refused; /* over all seeds: that it does what it says */
    unsigned char life[TAGS_MAX];              /* by tag: sent in which life; 0: answered, or lost with its life */
    unsigned lives;
    unsigned looked; /* at what was said */
};

static unsigned below(struct chaos *chaos, unsigned limit)
{
    return (unsigned)rand_below(&chaos->rand, limit);
}

static const char *random_room(struct chaos *chaos)
{
    return rooms[below(chaos, ROOMS)];
}

static session_id random_session(struct chaos *chaos)
{
    return (session_id)(10 * (1 + below(chaos, 4)) + 1 + below(chaos, 2));
}

static uint64_t random_version(struct chaos *chaos, const char *room)
{
    const struct model_change *row = model_store_record(&world->store, span_from_str(room));
    const uint64_t present = row ? row->version : 0;

    return present == 0 ? 0 : below(chaos, 2) ? present : 1 + below(chaos, (unsigned)present);
}

/* ---- commands ---- */

static struct command *begin(struct chaos *chaos, enum command_kind kind, const char *room)
{
    const session_id session = random_session(chaos);

    return hub_double_command(world, kind, session, user_of(session), room);
}

static struct span random_id(struct chaos *chaos, struct arena *arena)
{
    if (below(chaos, 3) > 0)
        return SPAN_EMPTY;
    if (below(chaos, 3) > 0)
        chaos->ids++;
    return arena_printf(arena, "id%u", chaos->ids);
}

static struct command *random_change(struct chaos *chaos)
{
    static const char *const fields[] = {"title", "qty"};
    const char *room = random_room(chaos), *field = fields[below(chaos, 2)];
    const session_id session = random_session(chaos);
    struct command *command;
    const bool is_doc = strcmp(room, "doc:D-1") == 0;
    char text[120];

    if (strcmp(room, "contract:C-1") == 0 && field == fields[1])
        field = "price";
    if (is_doc && below(chaos, 2))
        (void)snprintf(text, sizeof(text), "{\"ops\":[{\"op\":\"txt\",\"path\":\"body\",\"value\":[\"%c\"]}]}",
                       'a' + (int)below(chaos, 26));
    else if (strcmp(field, "title") == 0)
        (void)snprintf(text, sizeof(text), "{\"ops\":[{\"op\":\"set\",\"path\":\"title\",\"value\":\"%u\"}]}",
                       below(chaos, 5));
    else
        (void)snprintf(text, sizeof(text), "{\"ops\":[{\"op\":\"%s\",\"path\":\"%s\",\"value\":%u}]}",
                       below(chaos, 2) ? "inc" : "set", field, below(chaos, 4));
    command = hub_double_json_command(world, session, user_of(session), room, text);
    command->change->base_version = below(chaos, 3) ? random_version(chaos, room) : 0;
    command->change->id = random_id(chaos, &command->arena);
    return command;
}

static struct command *random_whole(struct chaos *chaos)
{
    const session_id session = random_session(chaos);
    const bool is_delete = below(chaos, 4) == 0;

    return hub_double_change_command(world, session, user_of(session), random_room(chaos),
                                     is_delete ? CHANGE_DELETE : CHANGE_CREATE, "",
                                     is_delete ? NULL : "{\"title\":\"new\"}");
}

static struct command *random_undo(struct chaos *chaos)
{
    const char *room = random_room(chaos);
    struct command *command = begin(chaos, COMMAND_UNDO, room);

    command->undo.is_redo = below(chaos, 3) == 0;
    command->undo.version = below(chaos, 3) ? 0 : random_version(chaos, room);
    command->undo.id = random_id(chaos, &command->arena);
    return command;
}

static struct command *random_restore(struct chaos *chaos)
{
    const char *room = random_room(chaos);
    struct command *command = begin(chaos, COMMAND_RESTORE, room);

    command->restore.version = random_version(chaos, room);
    return command;
}

static struct command *random_lock(struct chaos *chaos)
{
    static const enum object_verb verbs[] = {OBJECT_ADD,     OBJECT_ADD,       OBJECT_REMOVE, OBJECT_RENEW,
                                             OBJECT_REQUEST, OBJECT_HAND_OVER, OBJECT_FORCE};
    static const char *const inputs[] = {"{}", "{\"path\":\"title\"}", "{\"path\":\"qty\",\"ttl_ms\":2000}"};
    struct command *command = begin(chaos, COMMAND_OBJECT, random_room(chaos));

    command->object.kind = OBJECT_LOCK;
    command->object.verb = verbs[below(chaos, 7)];
    command->object.input = span_from_str(inputs[below(chaos, 3)]);
    command->object.id = random_id(chaos, &command->arena);
    return command;
}

static struct command *random_resolve(struct chaos *chaos)
{
    static const char *const inputs[] = {"{\"resolution\":\"local\"}", "{\"resolution\":\"remote\"}",
                                         "{\"resolution\":\"merged\",\"value\":3}"};
    const struct model_store *store = &world->store;
    const unsigned start = store->object_count ? below(chaos, store->object_count) : 0;
    struct command *command;

    for (unsigned i = 0; i < store->object_count; i++) {
        const struct object *object = &store->objects[(start + i) % store->object_count].object;

        if (object->kind != OBJECT_CONFLICT || object->room.len == 0)
            continue;
        command = begin(chaos, COMMAND_OBJECT, "order:O-1");
        command->room = arena_copy(&command->arena, object->room);
        command->object.kind = OBJECT_CONFLICT;
        command->object.verb = OBJECT_RESOLVE;
        command->object.object_id = arena_copy(&command->arena, object->id);
        command->object.input = span_from_str(inputs[below(chaos, 3)]);
        return command;
    }
    return random_lock(chaos);
}

static struct command *random_member(struct chaos *chaos)
{
    static const enum leave_reason reasons[] = {LEAVE_ASKED, LEAVE_DISCONNECTED, LEAVE_DEAD};
    struct command *command = begin(chaos, below(chaos, 2) ? COMMAND_JOIN : COMMAND_LEAVE, random_room(chaos));

    if (command->kind == COMMAND_JOIN)
        command->join.listens = command->join.is_present = true;
    else
        command->leave.reason = reasons[below(chaos, 3)];
    return command;
}

static void send(struct chaos *chaos)
{
    const unsigned what = below(chaos, 20);
    struct command *command = what < 9    ? random_change(chaos)
                              : what < 11 ? random_whole(chaos)
                              : what < 13 ? random_undo(chaos)
                              : what < 14 ? random_restore(chaos)
                              : what < 17 ? random_lock(chaos)
                              : what < 18 ? random_resolve(chaos)
                                          : random_member(chaos);

    assert_true(command->tag < TAGS_MAX);
    chaos->life[command->tag] = (unsigned char)chaos->lives;
    hub_double_do(world, command);
}

/* ---- what must hold ---- */

static void check_answer(struct chaos *chaos, const struct answer *answer)
{
    const struct model_change *row;

    if (chaos->life[answer->tag] != chaos->lives)
        fail_msg("seed %u: answered twice: %u", chaos->seed, (unsigned)answer->tag);
    chaos->life[answer->tag] = 0;
    chaos->refused += answer->err != OK;
    if (answer->err != OK || answer->change == NULL)
        return;
    row = model_store_version(&world->store, answer->room, answer->version);
    if (row == NULL)
        fail_msg("seed %u: version %u was acknowledged, and is not there", chaos->seed, (unsigned)answer->version);
    chaos->done++;
    chaos->merged += answer->verdict == VERDICT_MERGED;
}

static void look(struct chaos *chaos)
{
    for (; chaos->looked < world->said_count; chaos->looked++) {
        const struct answer *answer = world->said[chaos->looked].answer;

        if (answer == NULL)
            continue;
        check_answer(chaos, answer);
        chaos->conflicts += answer->err == OK && answer->verdict == VERDICT_CONFLICT;
    }
}

static void check_history(struct chaos *chaos, const char *room)
{
    const struct model_store *store = &world->store;
    struct buf state = BUF_EMPTY, next = BUF_EMPTY;
    uint64_t version = 0;
    const struct model_change *row;
    struct arena arena;

    arena_init(&arena, 4096);
    while ((row = model_store_version(store, span_from_str(room), ++version))) {
        struct change change;

        assert_int_equal(change_read(&arena, span_of(row->body, row->body_len), &change), OK);
        buf_reset(&next);
        assert_int_equal(change_apply(&arena, NULL, buf_span(&state), SIZE_MAX, &change, &next), OK);
        buf_reset(&state);
        buf_append_span(&state, buf_span(&next));
        if (!row->is_delete && !span_equal(buf_span(&state), span_of(row->state, row->state_len)))
            fail_msg("seed %u: %s version %u is %.*s and not %s", chaos->seed, room, (unsigned)version,
                     SPAN_ARG(buf_span(&state)), row->state);
    }
    arena_deinit(&arena);
    buf_deinit(&state);
    buf_deinit(&next);
}

static void check_quiet(struct chaos *chaos)
{
    hub_double_store_all(world);
    look(chaos);
    for (unsigned tag = 0; tag < TAGS_MAX; tag++)
        if (chaos->life[tag] == chaos->lives)
            fail_msg("seed %u: not answered: %u", chaos->seed, tag);
    assert_int_equal(hub_counts(world->hub).records_busy, 0);
    for (unsigned i = 0; i < ROOMS; i++)
        check_history(chaos, rooms[i]);
}

/* ---- what happens ---- */

static void step(struct chaos *chaos)
{
    static const enum err failures[] = {ERR_STORAGE, ERR_STORAGE_FULL, ERR_CONFLICT};

    switch (below(chaos, 16)) {
    case 0:
        world->failure = failures[below(chaos, 3)];
        hub_double_store_some(world, 1);
        world->failure = OK;
        break;
    case 1: hub_double_advance(world, below(chaos, 3000)); break;
    case 2:
    case 3:
    case 4:
    case 5: hub_double_store_some(world, 1 + below(chaos, 6)); break;
    default: send(chaos);
    }
    if (world->asked_count > DOUBLE_ASKED_MAX - 50)
        hub_double_store_all(world);
    look(chaos);
}

static void restart(struct chaos *chaos)
{
    look(chaos);
    chaos->lives++;
    hub_double_restart(world);
    chaos->looked = 0;
}

static void run(struct chaos *chaos, unsigned seed)
{
    world = hub_double_new();
    chaos->seed = seed;
    chaos->lives = 1;
    chaos->looked = 0;
    memset(chaos->life, 0, sizeof(chaos->life));
    rand_seed(&chaos->rand, seed);
    world->is_store_slow = true;
    for (unsigned i = 0; i < STEPS; i++) {
        step(chaos);
        if (below(chaos, 80) == 0)
            restart(chaos);
    }
    check_quiet(chaos);
    restart(chaos);
    for (unsigned i = 0; i < 20; i++)
        send(chaos);
    check_quiet(chaos);
    hub_double_free(world);
}

static void whatever_is_asked_is_answered_once_and_the_history_holds_it(void **state)
{
    struct chaos *chaos = calloc(1, sizeof(*chaos));

    (void)state;
    for (unsigned seed = 1; seed <= SEEDS; seed++)
        run(chaos, seed);
    print_message("%u done, %u merged, %u conflicts, %u refused\n", chaos->done, chaos->merged, chaos->conflicts,
                  chaos->refused);
    assert_true(chaos->done > SEEDS * 20 && chaos->merged > SEEDS && chaos->conflicts > SEEDS / 4);
    free(chaos);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_asked_is_answered_once_and_the_history_holds_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
