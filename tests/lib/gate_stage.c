#include "lib/gate_stage.h"

#include "collab/type/access.h"
#include "peer/dialect.h"

#include <string.h>

struct gate_stage gated;
static struct backend_ask *asks[16];
static struct peer_errand *errands[16];
static unsigned errand_count;

static void note_command(void *world, struct command *command)
{
    static const char *const names[] = {
        [COMMAND_JOIN] = "join",       [COMMAND_LEAVE] = "leave",   [COMMAND_PRESENCE] = "presence",
        [COMMAND_PUBLISH] = "publish", [COMMAND_CHANGE] = "change", [COMMAND_ACTION] = "action",
        [COMMAND_RESTORE] = "restore", [COMMAND_OBJECT] = "object", [COMMAND_LOOK] = "look",
        [COMMAND_TOUCH] = "touch",
    };

    (void)world;
    buf_printf(&gated.sent, "%s %.*s, ", names[command->kind], SPAN_ARG(command->room));
    command_free(command);
}

static void take_ask(void *world, struct backend_ask *ask)
{
    (void)world;
    assert_in_range(gated.ask_count, 0, 15);
    asks[gated.ask_count++] = ask;
}

static void take_errand(void *world, unsigned worker, struct peer_errand *errand)
{
    (void)world;
    assert_int_equal(worker, 0);
    assert_in_range(errand_count, 0, 15);
    errands[errand_count++] = errand;
}

void gated_run_errands(void)
{
    for (unsigned i = 0; i < errand_count; i++)
        errands[i]->run(errands[i], &stage.host);
    errand_count = 0;
}

static void hear_answer(struct session *session, const struct answer *answer)
{
    (void)session;
    buf_printf(&gated.answered, "%s: %.*s, ", err_code(answer->err), SPAN_ARG(answer->message));
}

static void close_outlet(struct session *session, enum err reason, uint16_t code, struct span text)
{
    (void)session;
    (void)code;
    (void)text;
    gated.ended_by = reason;
}

static const struct dialect quiet = {.name = "quiet", .answer = hear_answer};
static const struct outlet outlet = {.close = close_outlet};

int gate_stage_set_up(void **state)
{
    (void)rest_stage_set_up(state);
    gated = (struct gate_stage){.rules = {.has_backend = true,
                                          .asks = GATE_JOIN | GATE_PUBLISH | GATE_CHANGE | GATE_OBJECT,
                                          .cache_max_ms = 60000,
                                          .waiting_max = 1000,
                                          .waiting_bytes_max = 1 << 20,
                                          .held_max = 1000,
                                          .held_bytes_max = 1 << 20,
                                          .remembered_max = 100}};
    errand_count = 0;
    stage.host.send_command = note_command;
    stage.host.ask_backend = take_ask;
    stage.host.send_errand = take_errand;
    stage.host.gate = gate_new(&stage.host, &gated.rules);
    return 0;
}

void gated_set_rules(void)
{
    gate_free(stage.host.gate);
    stage.host.gate = gate_new(&stage.host, &gated.rules);
}

int gate_stage_tear_down(void **state)
{
    while (!list_is_empty(&stage.host.sessions_all))
        session_close(LIST_OWNER(stage.host.sessions_all.next, struct session, in_host), LEAVE_DISCONNECTED);
    gated_run_errands();
    gate_free(stage.host.gate);
    stage.host.gate = NULL;
    for (unsigned i = 0; i < gated.ask_count; i++) /* as mail that nobody hears any more */
        if (asks[i])
            asks[i]->errand.run(&asks[i]->errand, NULL);
    (void)rest_stage_tear_down(state);
    buf_deinit(&gated.sent);
    buf_deinit(&gated.answered);
    return 0;
}

/* ---- people ------------------------------------------------------------------------------------------------------- */

struct session *gated_connect(const char *user_id, const char *role_name)
{
    struct session *session = session_open(&stage.host, &quiet, &outlet, NULL);
    struct span role = span_from_str(role_name), id = span_from_str(user_id);
    struct identity *identity =
        identity_new(id, SPAN("ann"), SPAN("Ann"), SPAN_EMPTY, &role, 1, access_of(stage.store.registry, &role, 1));

    assert_int_equal(session_authenticate(session, identity, 0, NULL), OK);
    return session;
}

struct session *gated_connect_ann(void)
{
    return gated_connect("7", "editor");
}

struct command *gated_command(struct session *session, enum command_kind kind, const char *room)
{
    struct command *command;

    assert_int_equal(session_command(session, kind, span_from_str(room), 0, true, &command), OK);
    return command;
}

void gated_say(struct session *session, enum command_kind kind, const char *room)
{
    session_send(session, gated_command(session, kind, room));
}

void gated_publish(struct session *session, const char *room, const char *data)
{
    struct command *command = gated_command(session, COMMAND_PUBLISH, room);

    command->publish.name = SPAN("note");
    command->publish.data = arena_copy(&command->arena, span_from_str(data));
    session_send(session, command);
}

/* ---- the backend -------------------------------------------------------------------------------------------------- */

void gated_tell(unsigned place, enum err err, const char *text)
{
    struct backend_ask *ask = asks[place];

    assert_in_range(place, 0, gated.ask_count - 1);
    assert_non_null(ask);
    asks[place] = NULL;
    ask->err = err;
    buf_append_str(&ask->answer, text);
    ask->errand.run(&ask->errand, &stage.host);
    gated_run_errands();
}

void gated_allow(unsigned place)
{
    gated_tell(place, OK, "{\"allow\":true}");
}

void assert_next(struct buf *found, const char *text)
{
    assert_text(buf_span(found), text);
    buf_reset(found);
}
