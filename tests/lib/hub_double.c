#include "lib/hub_double.h"

#include "base/memory.h"
#include "base/rand.h"
#include "collab/type/access.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char hub_double_types[] =
    "{\"order\":{\"channel\":\"order-updates\",\"label\":\"title\","
    "\"roles\":{\"create\":[\"editor\"],\"update\":[\"editor\"],\"delete\":[\"editor\"]},"
    "\"fields\":{"
    "\"title\":{\"kind\":\"string\"},"
    "\"status\":{\"kind\":\"enum\",\"values\":[\"draft\",\"approved\"],\"default\":\"draft\"},"
    "\"approved_by\":{\"kind\":\"string\",\"read_only\":true},"
    "\"price\":{\"kind\":\"number\",\"write\":[\"manager\"]},"
    "\"qty\":{\"kind\":\"integer\",\"min\":0}},"
    "\"actions\":{\"approve\":{\"event\":\"approved\",\"when\":{\"status\":[\"draft\"]},"
    "\"set\":{\"status\":\"approved\",\"approved_by\":\"$username\"},\"roles\":[\"editor\"]}},"
    "\"alerts\":{\"low\":{\"field\":\"qty\",\"below\":3,\"title\":\"{title} is low\",\"message\":\"{qty} left\"}}},"
    "\"contract\":{\"strategy\":\"manual\",\"strategies_allowed\":[\"last-write-wins\"],\"label\":\"title\","
    "\"roles\":{\"create\":[\"editor\"],\"update\":[\"editor\"],\"delete\":[\"editor\"]},"
    "\"fields\":{\"title\":{\"kind\":\"string\"},\"price\":{\"kind\":\"number\"},\"terms\":{\"kind\":\"text\"},"
    "\"secret\":{\"kind\":\"string\",\"write\":[\"manager\"]},\"lines\":{\"kind\":\"collection\"},"
    "\"fee\":{\"kind\":\"number\",\"strategy\":\"manual\"}}},"
    "\"part\":{\"strategy\":\"lock-based\",\"label\":\"title\","
    "\"roles\":{\"create\":[\"editor\"],\"update\":[\"editor\"],\"delete\":[\"editor\"]},"
    "\"fields\":{\"title\":{\"kind\":\"string\"},\"qty\":{\"kind\":\"integer\"},\"cost\":{\"kind\":\"number\",\"read\":[\"admin\"]}}},"
    "\"doc\":{\"strategy\":\"operational-transform\",\"strategies_allowed\":[\"last-write-wins\",\"manual\"],"
    "\"label\":\"title\",\"enforce_locks\":true,"
    "\"roles\":{\"create\":[\"editor\"],\"update\":[\"editor\"],\"delete\":[\"editor\"]},"
    "\"fields\":{\"title\":{\"kind\":\"string\"},\"body\":{\"kind\":\"text\"},\"qty\":{\"kind\":\"integer\"},"
    "\"owner\":{\"kind\":\"string\"}}},"
    "\"secret\":{\"roles\":{\"read\":[\"manager\"]},\"fields\":{\"title\":{\"kind\":\"string\"}}},"
    "\"shout\":{\"write_mode\":\"broadcast\",\"fields\":{\"title\":{\"kind\":\"string\"}}},"
    "\"far\":{\"write_mode\":\"proxied\",\"fields\":{\"title\":{\"kind\":\"string\"}}}}";

/* ---- the world ---------------------------------------------------------------------------------------------------- */

static struct double_said *add_said(struct hub_double *world)
{
    assert(world->said_count < DOUBLE_SAID_MAX);
    world->said[world->said_count] = (struct double_said){0};
    return &world->said[world->said_count++];
}

static void on_answer(void *arg, struct answer *answer)
{
    add_said(arg)->answer = answer;
}

static void on_deliver(void *arg, unsigned worker, struct event *event)
{
    struct double_said *said = add_said(arg);

    said->event = event_ref(event);
    said->worker = worker;
}

static void on_relay(void *arg, struct command *command)
{
    add_said(arg)->relayed = command;
}

static void on_store(void *arg, struct store_request *request)
{
    struct hub_double *world = arg;

    assert(world->asked_count < DOUBLE_ASKED_MAX);
    world->asked[world->asked_count++] = request;
}

static uint64_t on_random(void *arg)
{
    return rand_next(((struct hub_double *)arg)->random);
}

static void on_committed(void *arg, struct event *event)
{
    struct hub_double *world = arg;

    if (room_home(event->room, world->worker_count) == 0)
        hub_on_committed(world->hub, event);
}

static void on_done(void *arg, struct store_request *request)
{
    hub_on_stored(((struct hub_double *)arg)->hub, request);
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static void on_left_out(void *arg, struct span room, uint32_t told, uint32_t left_out)
{
    struct hub_double *world = arg;

    (void)room;
    world->left_out_times++;
    world->alerted += told;
    world->left_out += left_out;
}

static void start(struct hub_double *world)
{
    world->ports = (struct ports){world, on_answer, on_deliver, on_relay, on_store, on_random, NULL, on_left_out};
    world->hub = hub_new(0, world->worker_count, world->registry, &world->limits, &world->ports);
    hub_set_time(world->hub, world->now_ms, (int64_t)world->now_ms);
}

static void make_users(struct hub_double *world)
{
    static const char *const names[DOUBLE_USERS] = {"", "ada", "maria", "amir", "li", "john", "eve", "bob", "vera"};

    for (unsigned i = 1; i < DOUBLE_USERS; i++) {
        const char id[2] = {(char)('0' + i), 0};
        const struct span role = i == 1 ? SPAN("admin") : i == 8 ? SPAN("viewer") : SPAN("editor");

        world->users[i] = identity_new(span_from_str(id), span_from_str(names[i]), SPAN_EMPTY, SPAN_EMPTY, &role, 1,
                                       access_of(world->registry, &role, 1));
    }
}

struct hub_double *hub_double_new(void)
{
    struct hub_double *world = NEW(struct hub_double);
    struct buf why = BUF_EMPTY;

    if (type_registry_new(span_from_str(hub_double_types), SPAN_EMPTY, &world->registry, &why) != OK)
        abort();
    buf_deinit(&why);
    make_users(world);
    world->limits = hub_limits_default;
    world->worker_count = 1;
    world->now_ms = 1000;
    world->random = NEW(struct rand);
    rand_seed(world->random, 1);
    model_store_init(&world->store, world->registry, 1);
    for (unsigned i = 1; i < DOUBLE_USERS; i++) {
        model_store_add_user(&world->store, world->users[i]->username, world->users[i]->user_id);
        world->store.users[i - 1].role = i == 1 ? "admin" : i == 8 ? "viewer" : "editor";
    }
    start(world);
    return world;
}

static void forget(struct hub_double *world)
{
    for (unsigned i = 0; i < world->said_count; i++) {
        answer_free(world->said[i].answer);
        event_unref(world->said[i].event);
        command_free(world->said[i].relayed);
    }
    world->said_count = world->heard = 0;
    for (unsigned i = 0; i < world->asked_count; i++)
        store_request_free(world->asked[i]);
    world->asked_count = 0;
}

void hub_double_restart(struct hub_double *world)
{
    hub_free(world->hub);
    forget(world);
    start(world);
}

void hub_double_free(struct hub_double *world)
{
    hub_free(world->hub);
    forget(world);
    model_store_deinit(&world->store);
    for (unsigned i = 1; i < DOUBLE_USERS; i++)
        identity_unref(world->users[i]);
    type_registry_unref(world->registry);
    free(world->random);
    free(world);
}

/* ---- doing -------------------------------------------------------------------------------------------------------- */

session_id hub_double_session(unsigned worker, unsigned number)
{
    return (session_id)worker << 48 | number;
}

struct command *hub_double_command(struct hub_double *world, enum command_kind kind, session_id session, unsigned user,
                                   const char *room)
{
    struct command *command = command_new(kind, session, world->users[user], span_from_str(room));

    command->wants_answer = true;
    command->tag = ++world->next_tag;
    return command;
}

void hub_double_store_some(struct hub_double *world, unsigned count)
{
    const struct model_sink sink = {world, on_committed, on_done};

    for (unsigned i = 0; i < count && world->asked_count > 0; i++) {
        struct store_request *request = world->asked[0];

        memmove(world->asked, world->asked + 1, --world->asked_count * sizeof(*world->asked));
        model_store_execute(&world->store, request, world->failure, &sink);
    }
}

void hub_double_store_all(struct hub_double *world)
{
    while (world->asked_count > 0)
        hub_double_store_some(world, world->asked_count);
}

void hub_double_do(struct hub_double *world, struct command *command)
{
    hub_command(world->hub, command);
    if (!world->is_store_slow)
        hub_double_store_all(world);
}

struct answer *hub_double_ask(struct hub_double *world, struct command *command)
{
    const uint64_t tag = command->tag;

    hub_double_hush(world);
    hub_double_do(world, command);
    for (unsigned i = world->heard; i < world->said_count; i++) {
        if (world->said[i].answer && world->said[i].answer->tag == tag) {
            world->said[i].is_lent = true;
            return world->said[i].answer;
        }
    }
    return NULL;
}

void hub_double_advance(struct hub_double *world, uint64_t ms)
{
    const uint64_t end_ms = world->now_ms + ms;

    while (hub_next_deadline(world->hub) <= end_ms) {
        if (hub_next_deadline(world->hub) > world->now_ms)
            world->now_ms = hub_next_deadline(world->hub);
        hub_set_time(world->hub, world->now_ms, (int64_t)world->now_ms);
        hub_advance(world->hub);
    }
    world->now_ms = end_ms;
    hub_set_time(world->hub, world->now_ms, (int64_t)world->now_ms);
}

static struct answer *join(struct hub_double *world, session_id session, unsigned user, const char *room,
                           bool is_present, const struct position *since)
{
    struct command *command = hub_double_command(world, COMMAND_JOIN, session, user, room);

    command->join.listens = true;
    command->join.is_present = is_present;
    command->join.has_since = since != NULL;
    if (since)
        command->join.since = *since;
    return hub_double_ask(world, command);
}

struct answer *hub_double_join(struct hub_double *world, session_id session, unsigned user, const char *room)
{
    return join(world, session, user, room, true, NULL);
}

struct answer *hub_double_listen(struct hub_double *world, session_id session, unsigned user, const char *room)
{
    return join(world, session, user, room, false, NULL);
}

struct answer *hub_double_resume(struct hub_double *world, session_id session, unsigned user, const char *room,
                                 struct position since)
{
    return join(world, session, user, room, true, &since);
}

struct answer *hub_double_leave(struct hub_double *world, session_id session, unsigned user, const char *room,
                                enum leave_reason reason)
{
    struct command *command = hub_double_command(world, COMMAND_LEAVE, session, user, room);

    command->leave.reason = reason;
    return hub_double_ask(world, command);
}

struct answer *hub_double_publish(struct hub_double *world, session_id session, unsigned user, const char *room,
                                  const char *id, const char *data)
{
    struct command *command = hub_double_command(world, COMMAND_PUBLISH, session, user, room);

    command->publish.name = SPAN("note");
    command->publish.data = arena_copy(&command->arena, span_from_str(data));
    command->publish.id = arena_copy(&command->arena, span_from_str(id));
    return hub_double_ask(world, command);
}

static void fill_change(struct hub_double *world, struct command *command, enum change_kind kind, const char *patch)
{
    struct change *change = command->change;
    struct json json = {0};
    struct span text, id, field;
    const struct type *type = type_of_room(world->registry, command->room, &id);

    change->kind = kind;
    if (patch == NULL)
        return;
    text = arena_copy(&command->arena, span_from_str(patch));
    if (json_parse(&json, text, &json_limits_default) != OK ||
        change_from_patch(&command->arena, type, json.root, UINT64_MAX, change, &field) != OK)
        abort();
    change->kind = kind;
    json_deinit(&json);
}

struct command *hub_double_change_command(struct hub_double *world, session_id session, unsigned user, const char *room,
                                          enum change_kind kind, const char *id, const char *patch)
{
    struct command *command = hub_double_command(world, COMMAND_CHANGE, session, user, room);

    command->change = arena_alloc(&command->arena, sizeof(*command->change));
    fill_change(world, command, kind, patch);
    command->change->id = arena_copy(&command->arena, span_from_str(id));
    return command;
}

struct command *hub_double_json_command(struct hub_double *world, session_id session, unsigned user, const char *room,
                                        const char *json)
{
    struct command *command = hub_double_command(world, COMMAND_CHANGE, session, user, room);
    const struct span text = arena_copy(&command->arena, span_from_str(json));
    struct span id, field;
    const struct type *type = type_of_room(world->registry, command->room, &id);
    struct json parsed = {0};

    command->change = arena_alloc(&command->arena, sizeof(struct change));
    if (json_parse(&parsed, text, &json_limits_default) != OK ||
        change_from_json(&command->arena, type, parsed.root, UINT64_MAX, command->change, &field) != OK)
        abort();
    json_deinit(&parsed);
    return command;
}

struct answer *hub_double_change(struct hub_double *world, session_id session, unsigned user, const char *room,
                                 enum change_kind kind, const char *id, const char *patch)
{
    return hub_double_ask(world, hub_double_change_command(world, session, user, room, kind, id, patch));
}

/* ---- looking ------------------------------------------------------------------------------------------------------ */

struct event *hub_double_event(struct hub_double *world, unsigned worker, enum event_kind kind)
{
    while (world->heard < world->said_count) {
        struct double_said *said = &world->said[world->heard++];

        if (said->event && said->worker == worker && said->event->kind == kind)
            return said->event;
    }
    return NULL;
}

struct answer *hub_double_answer(struct hub_double *world)
{
    while (world->heard < world->said_count) {
        const struct double_said *said = &world->said[world->heard++];

        if (said->answer && !said->is_lent)
            return said->answer;
    }
    return NULL;
}

void hub_double_hush(struct hub_double *world)
{
    world->heard = world->said_count;
}

unsigned hub_double_count(const struct hub_double *world, enum event_kind kind)
{
    unsigned count = 0;

    for (unsigned i = world->heard; i < world->said_count; i++)
        count += world->said[i].event && world->said[i].event->kind == kind;
    return count;
}

const struct presence *hub_double_person(const struct answer *answer, const char *user_id)
{
    for (uint32_t i = 0; i < answer->presence_count; i++) {
        if (span_is(answer->presences[i].user_id, user_id))
            return &answer->presences[i];
    }
    return NULL;
}

bool span_is(struct span span, const char *text)
{
    return span_equal(span, span_from_str(text));
}
