#include "lib/object_double.h"

#include "base/buf.h"
#include "collab/type/access.h"
#include "wire/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char types[] =
    "{\"order\":{\"label\":\"title\","
    "\"fields\":{\"title\":{\"kind\":\"string\"},\"note\":{\"kind\":\"text\"},"
    "\"customer\":{\"kind\":\"reference\",\"target\":\"customer\"},"
    "\"cost\":{\"kind\":\"number\",\"read\":[\"manager\"]}},"
    "\"actions\":{\"approve\":{\"event\":\"approved\",\"set\":{\"title\":\"x\"}}}},"
    "\"customer\":{\"label\":\"name\",\"fields\":{\"name\":{\"kind\":\"string\"}}},"
    "\"secret\":{\"write_mode\":\"broadcast\",\"roles\":{\"read\":[\"manager\"]},\"fields\":{\"title\":{\"kind\":\"string\"}}}}";

/* Who somebody is holds on to what his roles allow, and that to the types. */
static void use_types(struct hub_double *world, struct type_registry *registry)
{
    for (unsigned i = 1; i < DOUBLE_USERS; i++) {
        struct identity *old = world->users[i];

        world->users[i] = identity_new(old->user_id, old->username, old->name, old->avatar, old->roles, old->role_count,
                                       access_of(registry, old->roles, old->role_count));
        identity_unref(old);
    }
    hub_set_registry(world->hub, registry);
    type_registry_unref(world->registry);
    world->registry = registry;
    world->store.registry = registry;
}

static void put_record(struct hub_double *world, const char *room, const char *fields)
{
    if (hub_double_change(world, object_session(1), 1, room, CHANGE_CREATE, "", fields)->err != OK)
        abort();
}

struct hub_double *object_double_new(void)
{
    struct hub_double *world = hub_double_new();
    struct type_registry *registry;
    struct buf why = BUF_EMPTY;

    if (type_registry_new(span_from_str(types), SPAN_EMPTY, &registry, &why) != OK)
        abort();
    buf_deinit(&why);
    use_types(world, registry);
    put_record(world, "order:O-1", "{\"title\":\"Pump\",\"customer\":\"C-1\"}");
    put_record(world, "order:O-2", "{\"title\":\"Valve\"}");
    put_record(world, "customer:C-7", "{\"name\":\"Eve\"}");
    return world;
}

void object_double_free(struct hub_double *world)
{
    hub_double_free(world);
}

session_id object_session(unsigned user)
{
    return 10 * user + 1;
}

/* ---- asking ------------------------------------------------------------------------------------------------------- */

struct command *object_command(struct hub_double *world, unsigned user, const char *room, enum object_kind kind,
                               enum object_verb verb, const char *object_id, const char *input)
{
    struct command *command = hub_double_command(world, COMMAND_OBJECT, object_session(user), user, room);

    command->object.kind = kind;
    command->object.verb = verb;
    command->object.object_id = arena_copy(&command->arena, span_from_str(object_id));
    command->object.input = arena_copy(&command->arena, span_from_str(input));
    return command;
}

struct answer *object_ask(struct hub_double *world, unsigned user, const char *room, enum object_kind kind,
                          enum object_verb verb, const char *object_id, const char *input)
{
    return hub_double_ask(world, object_command(world, user, room, kind, verb, object_id, input));
}

struct answer *object_ask_as(struct hub_double *world, const char *id, unsigned user, const char *room,
                             enum object_kind kind, enum object_verb verb, const char *object_id, const char *input)
{
    struct command *command = object_command(world, user, room, kind, verb, object_id, input);

    command->object.id = arena_copy(&command->arena, span_from_str(id));
    return hub_double_ask(world, command);
}

/* ---- looking ------------------------------------------------------------------------------------------------------ */

static yyjson_val *step_into(yyjson_val *value, struct span step)
{
    uint64_t index;

    if (yyjson_is_arr(value))
        return span_parse_u64(step, &index) ? yyjson_arr_get(value, (size_t)index) : NULL;
    return yyjson_obj_getn(value, step.data, step.len);
}

static void append_member(struct buf *out, yyjson_val *value)
{
    if (yyjson_is_str(value))
        buf_append_span(out, json_text(value));
    else if (value)
        json_append_value(out, value);
}

const char *member_of(struct span body, const char *path)
{
    static char texts[4][8192];
    static unsigned next;
    struct span rest = span_from_str(path), step;
    struct json json = {0};
    struct buf text = BUF_EMPTY;
    char *out = texts[next++ % 4];
    yyjson_val *value;

    if (json_parse(&json, body, &json_limits_default) == OK) {
        value = json.root;
        while (span_cut(&rest, '.', &step))
            value = step_into(value, step);
        append_member(&text, value);
        json_deinit(&json);
    }
    (void)snprintf(out, sizeof(texts[0]), "%.*s", (int)text.len, text.data ? text.data : "");
    buf_deinit(&text);
    return out;
}

const char *answered(const struct answer *answer, const char *path)
{
    return member_of(answer->object, path);
}

struct event *object_heard(struct hub_double *world, const char *room)
{
    struct event *event;

    while ((event = hub_double_event(world, 0, EVENT_OBJECT)))
        if (span_is(event->room, room))
            return event;
    return NULL;
}

/* ---- the inbox ---------------------------------------------------------------------------------------------------- */

struct inbox {
    struct store_request *request;
};

static void on_committed(void *arg, struct event *event)
{
    (void)arg;
    (void)event;
}

static void on_done(void *arg, struct store_request *request)
{
    ((struct inbox *)arg)->request = request;
}

static struct store_request *open_inbox(const struct hub_double *world, const char *user_id)
{
    struct store_request *request = store_request_new(STORE_OBJECTS_LIST);
    struct inbox inbox = {0};
    const struct model_sink sink = {&inbox, on_committed, on_done};

    request->objects = arena_alloc(&request->arena, sizeof(*request->objects));
    request->object_count = 1;
    request->objects[0].kind = OBJECT_NOTIFICATION;
    request->objects[0].owner = span_from_str(user_id);
    request->objects[0].state = SPAN("unread");
    request->count_max = 1000;
    model_store_execute((struct model_store *)(uintptr_t)&world->store, request, OK, &sink);
    return inbox.request;
}

unsigned object_notices(const struct hub_double *world, const char *user_id, const char *type)
{
    struct store_request *request = open_inbox(world, user_id);
    unsigned count = 0;

    for (uint32_t i = 0; i < request->object_count; i++)
        count += strcmp(member_of(request->objects[i].body, "type"), type) == 0;
    store_request_free(request);
    return count;
}

struct span object_notice(const struct hub_double *world, const char *user_id)
{
    static char text[8192];
    struct store_request *request = open_inbox(world, user_id);
    struct span body = request->object_count > 0 ? request->objects[request->object_count - 1].body : SPAN_EMPTY;

    (void)snprintf(text, sizeof(text), "%.*s", (int)body.len, body.data ? body.data : "");
    store_request_free(request);
    return span_from_str(text);
}
