#include "collab/record_plan.h"

#include "collab/access.h"
#include "collab/alert.h"
#include "collab/presence.h"
#include "wire/json.h"

#include <assert.h>

/* States are ours: they were bounded when they were made. These only keep a damaged row from doing harm. */
static const struct json_limits state_limits = {16 * 1024 * 1024, 128, 1024 * 1024};

/* ---- who may ------------------------------------------------------------------------------------------------------ */

static const struct type *type_of(const struct hub *hub, const struct command *command, struct span *id)
{
    return type_of_room(hub->registry, command->room, id);
}

static enum verb verb_of(enum change_kind kind)
{
    if (kind == CHANGE_CREATE)
        return VERB_CREATE;
    return kind == CHANGE_DELETE ? VERB_DELETE : VERB_UPDATE;
}

/* The dialects check this while they read the message; but it is the record's home that answers for it. What a new record gets
 * beyond what was sent (its defaults) is none of the sender's doing, so of a create only the verb is asked. */
static enum err authorise_ops(const struct access *access, const struct type *type, const struct change *change,
                              struct span *field)
{
    const uint64_t readable = access_readable(access, type);
    const uint64_t writable = access_writable(access, type);

    for (uint32_t i = 0; i < change->op_count; i++) {
        const struct op *op = &change->ops[i];
        const uint64_t allowed = op->kind == OP_TEST ? readable : writable;
        const struct field *named;

        *field = op->path.depth > 0 ? op->path.steps[0] : SPAN_EMPTY;
        if (op->path.depth == 0)
            return ERR_BAD_PATH;
        if (!(named = type_field(type, op->path.steps[0])))
            return ERR_UNKNOWN_FIELD;
        if (!((allowed >> named->index) & 1))
            return access_field_error(access, type, ERR_FORBIDDEN, *field);
    }
    *field = SPAN_EMPTY;
    return OK;
}

static enum err authorise_change(const struct access *access, const struct type *type, const struct change *change,
                                 struct span *field)
{
    if (!access_allows(access, type, verb_of(change->kind)))
        return ERR_FORBIDDEN;
    return change->kind == CHANGE_CREATE ? OK : authorise_ops(access, type, change, field);
}

enum err record_plan_authorise(const struct hub *hub, const struct command *command, struct span *field)
{
    const struct access *access = command->identity->access;
    const struct action *action;
    struct span id;
    const struct type *type = type_of(hub, command, &id);

    *field = SPAN_EMPTY;
    if (type == NULL)
        return ERR_NOT_FOUND;
    if (!record_id_is_valid(id))
        return ERR_BAD_NAME;
    if (type->write_mode == WRITE_PROXIED) /* the application's own backend decides, and there is none to ask */
        return ERR_UNSUPPORTED;
    if (command->kind == COMMAND_CHANGE)
        return authorise_change(access, type, command->change, field);
    *field = SPAN("action");
    if (!(action = type_action(type, command->action.name)))
        return ERR_UNKNOWN_ACTION;
    if (!access_allows_action(access, type, action))
        return ERR_FORBIDDEN;
    *field = SPAN_EMPTY; /* whatever is wrong from here on, it is not the action's name */
    return OK;
}

/* ---- idempotency -------------------------------------------------------------------------------------------------- */

struct span record_plan_id(const struct command *command)
{
    return command->kind == COMMAND_CHANGE ? command->change->id : command->action.id;
}

static void append_number(struct buf *out, uint64_t number)
{
    buf_append_char(out, ' ');
    buf_append_u64(out, number);
    buf_append_char(out, ' ');
}

static void append_sized(struct buf *out, struct span text)
{
    append_number(out, text.len);
    buf_append_span(out, text);
}

/* What was asked, not against which version: who comes back from a long time offline may well know a newer one by now. */
uint64_t record_plan_hash(const struct command *command)
{
    struct buf text = BUF_EMPTY;
    uint64_t hash;

    if (record_plan_id(command).len == 0)
        return 0;
    buf_append_span(&text, command->room);
    append_sized(&text, command->identity->user_id);
    if (command->kind == COMMAND_ACTION) {
        append_sized(&text, command->action.name);
        append_sized(&text, command->action.input);
    } else {
        const struct change *change = command->change;

        buf_append_str(&text, " change ");
        buf_append_u64(&text, change->kind);
        for (uint32_t i = 0; i < change->op_count; i++) {
            append_number(&text, change->ops[i].kind);
            path_append(&text, &change->ops[i].path);
            append_sized(&text, change->ops[i].value);
            append_sized(&text, change->ops[i].pos);
        }
    }
    hash = hash_stable(buf_span(&text));
    buf_deinit(&text);
    return hash;
}

void plan_set_op(struct store_request *request, const struct command *command, uint64_t hash)
{
    const struct span id = record_plan_id(command);

    if (id.len == 0)
        return;
    request->commit.op_id =
        arena_printf(&request->arena, "%.*s:%.*s", SPAN_ARG(command->identity->user_id), SPAN_ARG(id));
    request->commit.op_hash = hash;
}

static void keep_answer(struct store_request *request, uint64_t version)
{
    struct buf text = BUF_EMPTY;

    if (request->commit.op_id.len == 0)
        return;
    buf_append_char(&text, '{');
    json_member_string(&text, "type", request->type->name);
    json_member_string(&text, "id", request->entity_id);
    json_member_u64(&text, "version", version);
    buf_append_char(&text, '}');
    request->commit.answer = arena_copy(&request->arena, buf_span(&text));
    buf_deinit(&text);
}

uint64_t plan_kept_version(struct span answer)
{
    struct json json = {0};
    int64_t version = 0;

    if (json_parse(&json, answer, &json_limits_default) != OK)
        return 0;
    (void)json_get_i64(json.root, "version", &version);
    json_deinit(&json);
    return version > 0 ? (uint64_t)version : 0;
}

/* ---- against what is there ---------------------------------------------------------------------------------------- */

/* What a record of a type is that only announces its changes: nobody knows, so they are made to nothing. */
static const struct snapshot nothing = {.state = {(char *)(uintptr_t) "{}", 2, 0}, .exists = true};

static enum err check_version(const struct snapshot *present, uint64_t base_version, bool must_match)
{
    if (must_match && base_version != present->version)
        return ERR_PRECONDITION;
    return base_version > present->version ? ERR_BAD_VERSION : OK;
}

static enum err check_present(const struct snapshot *present, const struct command *command)
{
    const bool creates = command->kind == COMMAND_CHANGE && command->change->kind == CHANGE_CREATE;

    if (creates)
        return present->exists ? ERR_EXISTS : OK;
    if (!present->exists)
        return ERR_NOT_FOUND;
    if (command->kind == COMMAND_CHANGE)
        return check_version(present, command->change->base_version, command->change->must_match);
    return check_version(present, command->action.base_version, command->action.must_match);
}

/* An action's operations depend on the record; each attempt makes them anew. */
static enum err change_of_action(struct hub *hub, const struct type *type, const struct snapshot *present,
                                 struct command *command, struct change *change, struct span *field)
{
    const struct action *action = type_action(type, command->action.name);
    struct json state = {0}, input = {0};
    enum err err;

    if (action == NULL) /* a reload took it away while we waited */
        return ERR_UNKNOWN_ACTION;
    if ((err = json_parse(&state, buf_span(&present->state), &state_limits)) != OK)
        goto done;
    *field = SPAN("input");
    if (command->action.input.len > 0 && (err = json_parse(&input, command->action.input, &json_limits_default)) != OK)
        goto done;
    *field = SPAN_EMPTY;
    err = change_from_action(&command->arena, type, action, state.root, input.root, command->identity, hub->wall_ms,
                             change, field);
    *field = arena_copy(&command->arena, *field);
done:
    json_deinit(&input);
    json_deinit(&state);
    change->kind = CHANGE_ACTION;
    change->id = command->action.id;
    change->action = command->action.name;
    change->base_version = command->action.base_version;
    change->must_match = command->action.must_match;
    return err;
}

/* How a change that was made against an older version is brought onto the present one. Every strategy does it in order of
 * arrival, field by field: what a change names becomes what it says, what it does not name stays. Texts and counters merge,
 * because their operations say what was done and not what came out. */
static enum err reconcile(struct command *command, const struct type *type, const struct snapshot *present,
                          size_t state_bytes_max, struct change *change, struct buf *after)
{
    return change_apply(&command->arena, type, buf_span(&present->state), state_bytes_max, change, after);
}

/* ---- who hears of it ---------------------------------------------------------------------------------------------- */

static struct span action_name(const struct change *change)
{
    switch (change->kind) {
    case CHANGE_CREATE: return SPAN("create");
    case CHANGE_DELETE: return SPAN("delete");
    case CHANGE_ACTION: return change->action;
    default: return SPAN("update");
    }
}

static struct span event_name(const struct type *type, const struct change *change)
{
    switch (change->kind) {
    case CHANGE_CREATE: return SPAN("created");
    case CHANGE_DELETE: return SPAN("deleted");
    case CHANGE_ACTION: return type_action(type, change->action)->event;
    default: return SPAN("updated");
    }
}

/* What people call the record: its label field, else its id. */
static struct span label_of(struct arena *arena, const struct type *type, struct span state, struct span id)
{
    struct span label = SPAN_EMPTY;
    struct json json = {0};

    if (type->label.len > 0 && state.len > 0 && json_parse(&json, state, &state_limits) == OK) {
        label = json_text(yyjson_obj_getn(json.root, type->label.data, type->label.len));
        label = arena_copy(arena, label);
        json_deinit(&json);
    }
    return label.len > 0 ? label : arena_copy(arena, id);
}

/* The fields that go along with every change, as they are after it (of a record that is deleted: as they were). */
static struct span context_of(struct arena *arena, const struct type *type, struct span state)
{
    struct span context = SPAN_EMPTY;
    struct buf text = BUF_EMPTY;
    struct json json = {0};

    if (type->context_count == 0 || state.len == 0 || json_parse(&json, state, &state_limits) != OK)
        return SPAN_EMPTY;
    buf_append_char(&text, '{');
    for (uint32_t i = 0; i < type->context_count; i++) {
        const struct span name = type->context[i];
        yyjson_val *value = yyjson_obj_getn(json.root, name.data, name.len);

        if (value == NULL)
            continue;
        if (text.len > 1)
            buf_append_char(&text, ',');
        json_append_string(&text, name);
        buf_append_char(&text, ':');
        json_append_value(&text, value);
    }
    buf_append_char(&text, '}');
    context = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    json_deinit(&json);
    return context;
}

static struct event *add_event(struct hub *hub, struct store_request *request, enum event_kind kind,
                               const struct command *command)
{
    struct commit_event *entry = &request->commit.events[request->commit.event_count++];
    struct event *event = event_new(kind, SPAN_EMPTY);

    entry->event = event;
    event->time_ms = request->commit.time_ms;
    event->type = request->type;
    event->entity_id = arena_copy(&event->arena, request->entity_id);
    event->id = hub_new_event_id(hub, &event->arena);
    event_set_user(event, command->identity,
                   presence_color(room_find(hub, command->room), &event->arena, command->identity->user_id));
    return event;
}

static void show_in(struct store_request *request, struct span room)
{
    struct commit_event *entry = &request->commit.events[request->commit.event_count - 1];

    assert(entry->room_count < COMMIT_ROOMS_MAX);
    entry->rooms[entry->room_count++] = arena_copy(&request->arena, room);
}

static void print_body(struct store_request *request)
{
    struct commit_event *entry = &request->commit.events[request->commit.event_count - 1];
    struct buf body = BUF_EMPTY;

    event_print(&body, entry->event);
    entry->body = arena_copy(&request->arena, buf_span(&body));
    buf_deinit(&body);
}

static void announce_change(struct hub *hub, struct store_request *request, const struct command *command,
                            const struct change *change, struct span named)
{
    struct event *event = add_event(hub, request, EVENT_CHANGE, command);

    event->origin = command->session;
    event_set_change(event, change);
    event->change.action = arena_copy(&event->arena, action_name(change));
    event->change.event = arena_copy(&event->arena, event_name(request->type, change));
    event->change.label = label_of(&event->arena, request->type, named, request->entity_id);
    event->change.context = context_of(&event->arena, request->type, named);
    show_in(request, command->room);
    if (request->type->channel.len > 0)
        show_in(request, request->type->channel);
    show_in(request, SPAN(ROOM_RECORDS));
    print_body(request);
}

/* Whoever caused an alert is told, too: nobody else may be looking. */
static void announce_alerts(struct hub *hub, struct store_request *request, struct command *command, struct span before,
                            struct span after)
{
    struct alert alerts[COMMIT_EVENTS_MAX - 1];
    const uint32_t count =
        alert_check(&command->arena, request->type, before, after, alerts, sizeof(alerts) / sizeof(alerts[0]));

    for (uint32_t i = 0; i < count; i++) {
        struct event *event = add_event(hub, request, EVENT_ALERT, command);
        struct arena *arena = &event->arena;

        event->alert.rule = arena_copy(arena, alerts[i].rule->name);
        event->alert.priority = arena_copy(arena, alerts[i].rule->priority);
        event->alert.title = arena_copy(arena, alerts[i].title);
        event->alert.message = arena_copy(arena, alerts[i].message);
        event->alert.value = alerts[i].value;
        event->alert.limit = alerts[i].limit;
        event->alert.audience = &alerts[i].rule->audience;
        event->alert.shown = alerts[i].rule->shown;
        show_in(request, command->room);
        show_in(request, SPAN(ROOM_RECORDS));
        show_in(request, SPAN(ROOM_ALERTS));
        print_body(request);
    }
}

/* ---- the plan ----------------------------------------------------------------------------------------------------- */

struct making {
    const struct type *type;
    struct span id;
    const struct snapshot *present;
    const struct command *command;
    uint64_t hash;
};

static struct store_request *commit_of(const struct hub *hub, const struct making *making)
{
    const struct command *command = making->command;
    struct store_request *request = store_request_new(STORE_COMMIT);

    request->type = making->type;
    request->room = arena_copy(&request->arena, command->room);
    request->entity_id = arena_copy(&request->arena, making->id);
    request->commit.user_id = arena_copy(&request->arena, command->identity->user_id);
    request->commit.time_ms = hub->wall_ms;
    plan_set_op(request, command, making->hash);
    return request;
}

struct store_request *plan_keep_id(struct hub *hub, const struct command *command, uint64_t hash, uint64_t version)
{
    struct making making = {.command = command, .hash = hash};
    struct store_request *request;

    making.type = type_of(hub, command, &making.id);
    request = commit_of(hub, &making);
    keep_answer(request, version);
    return request;
}

static void plan_commit(struct hub *hub, const struct making *making, struct command *command, struct change *change,
                        struct record_plan *plan)
{
    const bool is_delete = change->kind == CHANGE_DELETE;
    const bool is_stored = making->type->write_mode == WRITE_AUTHORITATIVE;
    const struct span before = buf_span(&making->present->state), after = buf_span(&plan->after.state);
    struct store_request *request = commit_of(hub, making);

    change->type = making->type->name;
    change->entity_id = making->id;
    change->version = is_stored ? making->present->version + 1 : 0;
    change->user_id = command->identity->user_id;
    change->username = command->identity->username;
    change->time_ms = request->commit.time_ms;
    keep_answer(request, change->version);
    announce_change(hub, request, command, change, is_delete ? before : after);
    plan->request = request;
    if (!is_stored)
        return;
    if (!is_delete)
        announce_alerts(hub, request, command, before, after);
    request->commit.has_change = true;
    request->commit.is_delete = is_delete;
    request->commit.version = change->version;
    request->commit.new_state = arena_copy(&request->arena, after);
    plan->changes = true;
    plan->after.version = change->version;
    plan->after.exists = !is_delete;
}

static enum err make_change(struct hub *hub, const struct making *making, struct command *command,
                            struct change *change, struct record_plan *plan)
{
    enum err err;

    if (command->kind == COMMAND_ACTION &&
        (err = change_of_action(hub, making->type, making->present, command, change, &plan->field)) != OK)
        return err;
    err = reconcile(command, making->type, making->present, hub->limits.record_bytes_max, change, &plan->after.state);
    if (err != OK && change->failed_op < change->op_count)
        plan->field = arena_copy(&command->arena, change->ops[change->failed_op].path.steps[0]);
    return err;
}

void record_plan_make(struct hub *hub, const struct snapshot *present, struct command *command, uint64_t hash,
                      struct record_plan *plan)
{
    struct making making = {.present = present, .command = command, .hash = hash};
    struct change of_action = {0};
    struct change *change = command->kind == COMMAND_CHANGE ? command->change : &of_action;

    *plan = (struct record_plan){0};
    if ((plan->err = record_plan_authorise(hub, command, &plan->field)) != OK) /* a reload may have come meanwhile */
        return;
    making.type = type_of(hub, command, &making.id);
    if (making.type->write_mode == WRITE_BROADCAST)
        making.present = &nothing;
    else if ((plan->err = check_present(present, command)) != OK)
        return;
    if ((plan->err = make_change(hub, &making, command, change, plan)) != OK)
        return;
    if (!change_is_empty(change) || making.type->write_mode == WRITE_BROADCAST)
        plan_commit(hub, &making, command, change, plan);
}

void record_plan_deinit(struct record_plan *plan)
{
    store_request_free(plan->request);
    buf_deinit(&plan->after.state);
}
