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
    "\"deal\":{\"title\":\"Deal\",\"label\":\"code\",\"fields\":{\"code\":{\"kind\":\"string\",\"read\":[\"manager\"]},"
    "\"owner\":{\"kind\":\"string\"},\"limit\":{\"kind\":\"number\",\"strategy\":\"manual\",\"read\":[\"manager\",\"editor\"]},"
    "\"customer\":{\"kind\":\"reference\",\"target\":\"customer\",\"read\":[\"manager\"]}}},"
    "\"item\":{\"label\":\"name\",\"fields\":{\"name\":{\"kind\":\"string\"},\"qty\":{\"kind\":\"number\"},"
    "\"least\":{\"kind\":\"number\",\"read\":[\"manager\"]},\"keeper\":{\"kind\":\"string\"}},"
    "\"alerts\":{\"low\":{\"field\":\"qty\",\"below\":\"least\",\"title\":\"Low: {name}\",\"message\":\"{qty} left\","
    "\"priority\":\"urgent\",\"notify\":[\"role:buyer\",\"{keeper}\",\"vera\"]},"
    "\"none\":{\"field\":\"qty\",\"equal\":0,\"title\":\"No {name}\",\"message\":\"none left\",\"notify\":[\"{keeper}\"]},"
    "\"many\":{\"field\":\"qty\",\"above\":100,\"title\":\"Many\",\"message\":\"{qty}\"}}},"
    "\"tank\":{\"fields\":{\"level\":{\"kind\":\"number\"}},\"alerts\":{"
    "\"a\":{\"field\":\"level\",\"below\":9,\"title\":\"A\",\"message\":\"-\",\"notify\":[\"role:buyer\"]},"
    "\"b\":{\"field\":\"level\",\"below\":8,\"title\":\"B\",\"message\":\"-\",\"notify\":[\"role:buyer\",\"vera\"]},"
    "\"c\":{\"field\":\"level\",\"below\":7,\"title\":\"C\",\"message\":\"-\",\"notify\":[\"role:buyer\"]},"
    "\"d\":{\"field\":\"level\",\"below\":6,\"title\":\"D\",\"message\":\"-\",\"notify\":[\"role:buyer\"]},"
    "\"e\":{\"field\":\"level\",\"below\":5,\"title\":\"E\",\"message\":\"-\",\"notify\":[\"role:buyer\"]},"
    "\"f\":{\"field\":\"level\",\"below\":4,\"title\":\"F\",\"message\":\"-\"},"
    "\"g\":{\"field\":\"level\",\"below\":3,\"title\":\"G\",\"message\":\"-\"},"
    "\"h\":{\"field\":\"level\",\"below\":2,\"title\":\"H\",\"message\":\"-\",\"notify\":[\"ada\"]}}},"
    "\"job\":{\"fields\":{\"title\":{\"kind\":\"string\"},\"assigned_to\":{\"kind\":\"string\"},\"assignee\":{\"kind\":\"string\"},"
    "\"owner\":{\"kind\":\"string\"},\"manager\":{\"kind\":\"string\"}}},"
    "\"secret\":{\"write_mode\":\"broadcast\",\"roles\":{\"read\":[\"manager\"]},\"fields\":{\"title\":{\"kind\":\"string\"}}}}";

/* Who somebody is holds on to what his roles allow, and that to the types. */
static void use_types(struct type_registry *registry)
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

static void put_record(const char *room, const char *fields)
{
    if (hub_double_change(world, ADA, user_of(ADA), room, CHANGE_CREATE, "", fields)->err != OK)
        abort();
}

int object_set_up(void **state)
{
    struct type_registry *registry;
    struct buf why = BUF_EMPTY;

    (void)hub_stage_set_up(state);
    if (type_registry_new(span_from_str(types), SPAN_EMPTY, &registry, &why) != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&why)));
    use_types(registry);
    put_record("order:O-1", "{\"title\":\"Pump\",\"customer\":\"C-1\"}");
    put_record("order:O-2", "{\"title\":\"Valve\"}");
    put_record("customer:C-7", "{\"name\":\"Eve\"}");
    return 0;
}

/* ---- asking ------------------------------------------------------------------------------------------------------- */

struct answer *object_ask(session_id session, const char *room, enum object_kind kind, enum object_verb verb,
                          const char *object_id, const char *input)
{
    return hub_double_ask(world, object_command(session, room, kind, verb, object_id, input));
}

struct answer *object_ask_as(const char *id, session_id session, const char *room, enum object_kind kind,
                             enum object_verb verb, const char *object_id, const char *input)
{
    struct command *command = object_command(session, room, kind, verb, object_id, input);

    command->object.id = arena_copy(&command->arena, span_from_str(id));
    return hub_double_ask(world, command);
}

void object_listen(session_id session, const char *room)
{
    assert_int_equal(hub_double_listen(world, session, user_of(session), room)->err, OK);
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

void assert_done(const struct answer *answer)
{
    assert_ok(answer);
    assert_true(answer->has_object);
}

void assert_refused_for(const struct answer *answer, enum err err, const char *field)
{
    assert_refused(answer, err);
    assert_true(span_is(answer->field, field));
    assert_false(answer->has_object);
}

struct event *object_heard(const char *room)
{
    struct event *event;

    while ((event = hub_double_event(world, 0, EVENT_OBJECT)))
        if (span_is(event->room, room))
            return event;
    return NULL;
}

/* ---- the store ---------------------------------------------------------------------------------------------------- */

static void ignore_event(void *arg, struct event *event)
{
    (void)arg;
    (void)event;
}

static void ignore_request(void *arg, struct store_request *request)
{
    (void)arg;
    (void)request;
}

/* At once, whatever else waits. */
static void execute(struct store_request *request)
{
    const struct model_sink sink = {NULL, ignore_event, ignore_request};

    model_store_execute(&world->store, request, OK, &sink);
    assert_int_equal(request->err, OK);
}

void object_put(const struct object *object)
{
    struct store_request *request = store_request_new(STORE_COMMIT);

    request->room = object->room;
    *commit_add_object(request) = *object;
    execute(request);
    store_request_free(request);
}

static struct store_request *open_inbox(const char *user_id)
{
    struct store_request *request = store_request_new(STORE_OBJECTS_LIST);

    request->objects = arena_alloc(&request->arena, sizeof(*request->objects));
    request->object_count = 1;
    request->objects[0].kind = OBJECT_NOTIFICATION;
    request->objects[0].owner = span_from_str(user_id);
    request->objects[0].state = SPAN("unread");
    request->count_max = 1000;
    execute(request);
    return request;
}

unsigned object_notices(const char *user_id, const char *type)
{
    struct store_request *request = open_inbox(user_id);
    unsigned count = 0;

    for (uint32_t i = 0; i < request->object_count; i++)
        count += strcmp(member_of(request->objects[i].body, "type"), type) == 0;
    store_request_free(request);
    return count;
}

struct span object_notice(const char *user_id)
{
    static char text[8192];
    struct store_request *request = open_inbox(user_id);
    struct span body = request->object_count > 0 ? request->objects[request->object_count - 1].body : SPAN_EMPTY;

    (void)snprintf(text, sizeof(text), "%.*s", (int)body.len, body.data ? body.data : "");
    store_request_free(request);
    return span_from_str(text);
}
