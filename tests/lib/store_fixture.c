#include "lib/store_fixture.h"

#include "base/log.h"
#include "store/sqlite_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char types[] =
    "{\"order\":{\"channel\":\"order-updates\",\"id_prefix\":\"O-\",\"label\":\"title\",\"fields\":{"
    "\"title\":{\"kind\":\"string\"},"
    "\"status\":{\"kind\":\"enum\",\"values\":[\"draft\",\"open\",\"done\"]},"
    "\"qty\":{\"kind\":\"integer\"},"
    "\"price\":{\"kind\":\"number\"},"
    "\"rush\":{\"kind\":\"boolean\"},"
    "\"due\":{\"kind\":\"date\"},"
    "\"notes\":{\"kind\":\"text\"},"
    "\"tags\":{\"kind\":\"json\"},"
    "\"items\":{\"kind\":\"collection\"}}}}";

/* ---- the folder ---- */

static void remove_folder(const char *folder)
{
    DIR *directory = opendir(folder);
    struct dirent *entry;

    while (directory && (entry = readdir(directory)) != NULL)
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        closedir(directory);
    (void)rmdir(folder);
}

const char *store_fixture_path(struct store_fixture *fixture, const char *name)
{
    return arena_printf(&fixture->arena, "%s/%s", fixture->folder, name).data;
}

static void make_folder(struct store_fixture *fixture)
{
    const char *where = getenv("TMPDIR");
    int len = snprintf(fixture->folder, sizeof(fixture->folder), "%s/collabd-test-XXXXXX", where ? where : P_tmpdir);

    assert_in_range(len, 1, sizeof(fixture->folder) - 1);
    assert_non_null(mkdtemp(fixture->folder));
}

/* ---- life ---- */

void store_fixture_init(struct store_fixture *fixture)
{
    log_configure(LOG_OFF, LOG_FORMAT_TEXT); /* failures are made on purpose */
    *fixture = (struct store_fixture){.wall_ms = 1000000};
    arena_init(&fixture->arena, 4096);
    make_folder(fixture);
    if (type_registry_new(SPAN(types), SPAN_EMPTY, &fixture->registry, &fixture->why) != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&fixture->why)));
    fixture->type = type_find(fixture->registry, SPAN("order"));
    fixture->options = (struct store_options){.folder = span_from_str(fixture->folder),
                                              .log_events_max = 10000,
                                              .log_age_ms = 600000,
                                              .op_age_ms = 86400000,
                                              .registry = fixture->registry};
    store_fixture_reopen(fixture);
}

void store_fixture_close(struct store_fixture *fixture)
{
    store_reader_close(fixture->reader);
    store_close(fixture->store);
    fixture->reader = NULL;
    fixture->store = NULL;
}

enum err store_fixture_open(struct store_fixture *fixture)
{
    buf_reset(&fixture->why);
    return store_open(&fixture->options, &fixture->store, &fixture->why);
}

void store_fixture_reopen(struct store_fixture *fixture)
{
    store_fixture_close(fixture);
    if (store_fixture_open(fixture) != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&fixture->why)));
}

void store_fixture_deinit(struct store_fixture *fixture)
{
    store_fixture_close(fixture);
    type_registry_unref(fixture->registry);
    remove_folder(fixture->folder);
    arena_deinit(&fixture->arena);
    buf_deinit(&fixture->why);
}

struct store_reader *store_fixture_reader(struct store_fixture *fixture)
{
    if (fixture->reader == NULL && store_reader_open(&fixture->options, &fixture->reader, &fixture->why) != OK)
        fail_msg("%.*s", SPAN_ARG(buf_span(&fixture->why)));
    return fixture->reader;
}

int64_t store_fixture_number(struct store_fixture *fixture, const char *query)
{
    int64_t result;

    assert_int_equal(sql_number(fixture->store->sql.db, query, &result), OK);
    return result;
}

/* ---- requests ---- */

static struct commit_event *add_event(struct store_request *request, struct event *event)
{
    struct commit_event *entry = commit_add_event(request);
    struct buf body = BUF_EMPTY;

    entry->event = event;
    event_print(&body, event);
    entry->body = arena_copy(&request->arena, buf_span(&body));
    buf_deinit(&body);
    return entry;
}

static void show_in(struct store_request *request, const char *room)
{
    struct commit_event *entry = &request->commit.events[request->commit.event_count - 1];

    commit_show_in(request, entry, span_from_str(room));
}

static struct store_request *commit_change(struct store_fixture *fixture, const char *id, uint64_t version,
                                           struct change *change)
{
    struct store_request *request = store_request_new(STORE_COMMIT);
    struct event *event = event_new(EVENT_CHANGE, SPAN_EMPTY);

    change->type = fixture->type->name;
    change->version = version;
    change->user_id = SPAN("5");
    change->username = SPAN("jsmith");
    change->time_ms = fixture->wall_ms;
    event->time_ms = fixture->wall_ms;
    event->type = fixture->type;
    event->entity_id = arena_copy(&event->arena, span_from_str(id));
    event->id = arena_printf(&event->arena, "%s.%llu", id, (unsigned long long)version);
    event->user_id = SPAN("5");
    event->change.action = change->kind == CHANGE_CREATE ? SPAN("create") : SPAN("update");
    event->change.event = change->kind == CHANGE_CREATE ? SPAN("created") : SPAN("updated");
    event_set_change(event, change);
    request->type = fixture->type;
    request->entity_id = arena_copy(&request->arena, span_from_str(id));
    request->commit.user_id = SPAN("5");
    request->commit.has_change = true;
    request->commit.version = version;
    request->commit.time_ms = fixture->wall_ms;
    add_event(request, event);
    show_in(request, arena_printf(&request->arena, "order:%s", id).data);
    show_in(request, "order-updates");
    show_in(request, "records");
    return request;
}

struct store_request *store_fixture_change(struct store_fixture *fixture, const char *id, uint64_t version,
                                           struct span state, const char *patch)
{
    struct change change = {.entity_id = span_from_str(id)};
    struct buf after = BUF_EMPTY;
    struct store_request *request;
    struct span field;
    struct json json;
    enum err err;

    assert_int_equal(json_parse(&json, span_from_str(patch), &json_limits_default), OK);
    err = state.len > 0 ? change_from_patch(&fixture->arena, fixture->type, json.root, UINT64_MAX, &change, &field)
                        : change_from_record(&fixture->arena, fixture->type, json.root, UINT64_MAX, &change, &field);
    assert_int_equal(err, OK);
    assert_int_equal(change_apply(&fixture->arena, fixture->type, state, SIZE_MAX, &change, &after), OK);
    request = commit_change(fixture, id, version, &change);
    request->commit.new_state = arena_copy(&request->arena, buf_span(&after));
    buf_deinit(&after);
    json_deinit(&json);
    return request;
}

struct store_request *store_fixture_delete(struct store_fixture *fixture, const char *id, uint64_t version)
{
    struct change change = {.kind = CHANGE_DELETE, .entity_id = span_from_str(id)};
    struct store_request *request = commit_change(fixture, id, version, &change);

    request->commit.is_delete = true;
    return request;
}

struct store_request *store_fixture_message(struct store_fixture *fixture, const char *room, const char *data)
{
    struct store_request *request = store_request_new(STORE_COMMIT);
    struct event *event = event_new(EVENT_MESSAGE, SPAN_EMPTY);

    event->time_ms = fixture->wall_ms;
    event->id = SPAN("m");
    event->message.data = arena_copy(&event->arena, span_from_str(data));
    request->commit.user_id = SPAN("5");
    request->commit.time_ms = fixture->wall_ms;
    add_event(request, event);
    show_in(request, room);
    return request;
}

struct store_request *store_fixture_object(struct store_fixture *fixture, enum object_kind kind, const char *id,
                                           uint64_t revision, const char *body)
{
    struct store_request *request = store_request_new(STORE_COMMIT);
    struct event *event = event_new(EVENT_OBJECT, SPAN_EMPTY);
    struct object *object = commit_add_object(request);

    *object = (struct object){.kind = kind,
                              .id = arena_copy(&request->arena, span_from_str(id)),
                              .room = SPAN("order:O-1"),
                              .time_ms = fixture->wall_ms,
                              .revision = revision,
                              .body = arena_copy(&request->arena, span_from_str(body))};
    event->time_ms = fixture->wall_ms;
    event->id = SPAN("o");
    event->object.kind = kind;
    event->object.verb = object->body.len > 0 ? OBJECT_ADD : OBJECT_REMOVE;
    event->object.id = arena_copy(&event->arena, object->id);
    event->object.body = object->body.len > 0 ? arena_copy(&event->arena, object->body) : SPAN("{}");
    request->commit.user_id = SPAN("5");
    request->commit.time_ms = fixture->wall_ms;
    add_event(request, event);
    show_in(request, "order:O-1");
    return request;
}

struct commit_activity *store_fixture_note(struct store_request *request, const char *action)
{
    struct commit_activity *activity = arena_alloc(&request->arena, sizeof(*activity));

    activity->action = arena_copy(&request->arena, span_from_str(action));
    activity->user_id = SPAN("5");
    if (request->type) {
        activity->type = request->type->name;
        activity->entity_id = request->entity_id;
    }
    request->commit.events[0].activity = activity;
    return activity;
}

void store_fixture_set_op(struct store_request *request, const char *user, const char *op, uint64_t hash,
                          const char *answer)
{
    request->commit.user_id = span_from_str(user);
    request->commit.op_id = span_from_str(op);
    request->commit.op_hash = hash;
    request->commit.answer = span_from_str(answer);
}

/* ---- executing ---- */

enum err store_fixture_execute(struct store_fixture *fixture, struct store_request *request)
{
    store_execute(fixture->store, &request, 1, fixture->wall_ms);
    return request->err;
}

enum err store_fixture_commit(struct store_fixture *fixture, struct store_request *request)
{
    enum err err = store_fixture_execute(fixture, request);

    store_request_free(request);
    return err;
}

struct span store_fixture_state(struct store_fixture *fixture, const char *id, uint64_t *version)
{
    struct store_request *request = store_request_new(STORE_RECORD_LOAD);
    struct span state;

    request->type = fixture->type;
    request->entity_id = span_from_str(id);
    assert_int_equal(store_fixture_execute(fixture, request), OK);
    *version = request->version;
    state = request->found ? arena_copy(&fixture->arena, request->state) : SPAN_EMPTY;
    store_request_free(request);
    return state;
}

enum err store_fixture_put(struct store_fixture *fixture, const char *id, const char *patch)
{
    uint64_t version;
    struct span state = store_fixture_state(fixture, id, &version);
    struct store_request *request = store_fixture_change(fixture, id, version + 1, state, patch);
    enum err err = store_fixture_execute(fixture, request);

    store_request_free(request);
    return err;
}

enum err store_fixture_say(struct store_fixture *fixture, const char *room, const char *data)
{
    struct store_request *request = store_fixture_message(fixture, room, data);
    enum err err = store_fixture_execute(fixture, request);

    store_request_free(request);
    return err;
}

struct position store_fixture_position(struct store_fixture *fixture, const char *room)
{
    struct store_request *request = store_request_new(STORE_ROOM_OPEN);
    struct position position;

    request->room = span_from_str(room);
    assert_int_equal(store_fixture_execute(fixture, request), OK);
    position = request->position;
    store_request_free(request);
    return position;
}

struct store_request *store_fixture_events(struct store_fixture *fixture, const char *room, uint64_t since,
                                           uint32_t count_max)
{
    struct store_request *request = store_request_new(STORE_EVENTS_READ);

    request->room = arena_copy(&request->arena, span_from_str(room));
    request->since = (struct position){store_fixture_position(fixture, room).epoch, since};
    request->count_max = count_max;
    assert_int_equal(store_fixture_execute(fixture, request), OK);
    return request;
}
