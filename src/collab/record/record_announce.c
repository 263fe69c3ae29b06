/* Who hears of what is committed: the events of a change, its alerts, and objects that come along. */
#include "collab/keep/keep.h"
#include "collab/room/presence.h"
#include "collab/record/record_making.h"

/* ---- what a change is called -------------------------------------------------------------------------------------- */

static struct span action_name(const struct change *change)
{
    switch (change->kind) {
    case CHANGE_CREATE: return SPAN("create");
    case CHANGE_DELETE: return SPAN("delete");
    case CHANGE_ACTION: return change->action;
    default: return SPAN("update");
    }
}

struct span change_event_name(const struct type *type, const struct change *change)
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
    const struct span label = keep_label(arena, type, state);

    return label.len > 0 ? label : arena_copy(arena, id);
}

/* The fields that go along with every change, as they are after it (of a record that is deleted: as they were). */
static struct span context_of(struct arena *arena, const struct type *type, struct span state)
{
    struct span context = SPAN_EMPTY;
    struct buf text = BUF_EMPTY;
    struct json json = {0};

    if (type->context_count == 0 || state.len == 0 || json_parse(&json, state, &record_json_limits) != OK)
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

/* ---- changes and alerts ------------------------------------------------------------------------------------------- */

static struct commit_event *add_event(const struct making *making, struct store_request *request, enum event_kind kind)
{
    const struct command *command = making->command;
    struct commit_event *entry = commit_add_event(request);
    struct event *event = event_new(kind, SPAN_EMPTY);

    entry->event = event;
    event->time_ms = request->commit.time_ms;
    event->moment = making->hub->ports.moment ? making->hub->ports.moment(making->hub->ports.world) : 0;
    event->type = request->type;
    event->entity_id = arena_copy(&event->arena, request->entity_id);
    event->id = hub_new_event_id(making->hub, &event->arena);
    event_set_user(event, command->identity,
                   presence_color(room_find(making->hub, command->room), &event->arena, command->identity->user_id));
    return entry;
}

/* Everything in the history can be named: what came without an id has its event's. That is nobody's idempotency key. */
static void name_change(struct event *event)
{
    if (event->change.change->id.len == 0)
        event->change.change->id = event->id;
}

void announce_change(struct making *making, struct store_request *request, const struct change *change,
                     struct span named)
{
    struct commit_event *entry = add_event(making, request, EVENT_CHANGE);
    struct event *event = entry->event;

    event->origin = making->command->session;
    event_set_change(event, change);
    name_change(event);
    event->change.action = arena_copy(&event->arena, action_name(change));
    event->change.event = arena_copy(&event->arena, change_event_name(request->type, change));
    event->change.label = label_of(&event->arena, request->type, named, request->entity_id);
    event->change.context = context_of(&event->arena, request->type, named);
    commit_show_in(request, entry, making->command->room);
    if (request->type->channel.len > 0)
        commit_show_in(request, entry, request->type->channel);
    commit_show_in(request, entry, SPAN(ROOM_RECORDS));
    activity_note(request, entry, request->type, request->entity_id, named, request->commit.user_id,
                  event->change.event);
    keep_print_event(request, entry);
}

static void announce_alert(const struct making *making, struct store_request *request, const struct alert *alert)
{
    struct commit_event *entry = add_event(making, request, EVENT_ALERT);
    struct event *event = entry->event;
    struct arena *arena = &event->arena;

    event->alert.rule = arena_copy(arena, alert->rule->name);
    event->alert.priority = arena_copy(arena, alert->rule->priority);
    event->alert.title = arena_copy(arena, alert->title);
    event->alert.message = arena_copy(arena, alert->message);
    event->alert.value = alert->value;
    event->alert.limit = alert->limit;
    event->alert.audience = &alert->rule->audience;
    event->alert.shown = alert->rule->shown;
    commit_show_in(request, entry, making->command->room);
    commit_show_in(request, entry, SPAN(ROOM_RECORDS));
    commit_show_in(request, entry, SPAN(ROOM_ALERTS));
    keep_print_event(request, entry);
}

/* Whoever caused an alert is told, too: nobody else may be looking. */
void announce_alerts(struct making *making, struct store_request *request, struct span before, struct span after)
{
    struct alert alerts[TYPE_ALERTS_MAX];
    const uint32_t count = alert_check(making->arena, request->type, before, after, alerts, TYPE_ALERTS_MAX);

    for (uint32_t i = 0; i < count; i++) {
        announce_alert(making, request, &alerts[i]);
        plan_tell_alerted(making, request, &alerts[i]);
    }
}

/* ---- objects ------------------------------------------------------------------------------------------------------ */

void announce_object(struct making *making, struct store_request *request, const struct object *object,
                     struct span body, enum object_verb verb, uint64_t shown, struct span room)
{
    const struct span deed = object_activity_name(object->kind, verb);
    const struct command *command = making->command;
    struct object said = *object;
    struct commit_event *entry;

    *commit_add_object(request) = *object;
    said.body = body;
    entry = keep_add_event(making->hub, request, command->identity, making->type, making->id, &said, verb, shown);
    if (command->identity)
        entry->event->origin = command->session;
    commit_show_in(request, entry, command->room);
    if (room.len > 0)
        commit_show_in(request, entry, room);
    if (command->identity && deed.len > 0)
        activity_note(request, entry, making->type, making->id, buf_span(&making->present->state),
                      command->identity->user_id, deed);
    keep_print_event(request, entry);
}
