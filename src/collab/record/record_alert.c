/* Into whose inboxes an alert comes: those whom its rule names, by name, by role, or by a field of the record. All of them are looked for
 * before the change is committed, and the store is only asked when an alert is really raised. */
#include "collab/record/record_making.h"

enum { ALERTED_MAX = 40 /* in one commit, of all its alerts: more objects and events do not go into it */ };

/* ---- who is meant ------------------------------------------------------------------------------------------------- */

/* Of a field what is in it then. A name that somebody typed there stands for nothing but an account of that name. */
static struct span name_in_field(struct making *making, const struct field *field)
{
    struct json json = {0};
    struct span name;

    if (json_parse(&json, buf_span(&making->plan->after.state), &record_json_limits) != OK)
        return SPAN_EMPTY;
    name = json_text(yyjson_obj_getn(json.root, field->name.data, field->name.len));
    name = span_starts_with(name, SPAN("@")) || span_starts_with(name, SPAN("#")) ? SPAN_EMPTY
                                                                                  : arena_copy(making->arena, name);
    json_deinit(&json);
    return name;
}

static struct span name_of(struct making *making, const struct alert_notify *notify)
{
    return notify->field ? name_in_field(making, notify->field) : notify->name;
}

/* The request that asked for all of them: there is one at most, since the state does not change while it is away. */
static const struct store_request *find_people(const struct making *making)
{
    for (uint32_t i = 0; i < making->reads->count; i++)
        if (making->reads->requests[i]->kind == STORE_USERS_LIST)
            return making->reads->requests[i];
    return NULL;
}

static void add_name(struct store_request *request, struct span name)
{
    if (name.len == 0)
        return;
    for (uint32_t i = 0; i < request->name_count; i++)
        if (span_equal(request->names[i], name))
            return;
    request->names[request->name_count++] = arena_copy(&request->arena, name);
}

static void ask_for_people(struct making *making, const struct alert *alerts, uint32_t count, uint32_t name_count)
{
    struct store_request *request = making_need(making, STORE_USERS_LIST);

    request->count_max = ALERTED_MAX;
    request->names = arena_alloc(&request->arena, name_count * sizeof(*request->names));
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < alerts[i].rule->notify_count; j++)
            add_name(request, name_of(making, &alerts[i].rule->notify[j]));
}

/* A rule is about two fields: a change of others raises nothing. */
static bool touches(const struct change *change, const struct field *field)
{
    for (uint32_t i = 0; field && i < change->op_count; i++)
        if (change->ops[i].path.depth == 0 || span_equal(change->ops[i].path.steps[0], field->name))
            return true;
    return false;
}

static bool may_alert_somebody(const struct making *making, const struct change *change)
{
    const struct type *type = making->type;

    if (!type_is_stored(type) || change->kind == CHANGE_DELETE)
        return false;
    for (uint32_t i = 0; i < type->alert_count; i++) {
        const struct alert_rule *rule = &type->alerts[i];

        if (rule->notify_count > 0 &&
            (change->kind == CHANGE_CREATE || touches(change, rule->field) || touches(change, rule->against)))
            return true;
    }
    return false;
}

bool plan_find_alerted(struct making *making, const struct change *change)
{
    const struct store_request *people = find_people(making);
    struct alert alerts[ANNOUNCED_ALERTS_MAX];
    uint32_t count, name_count = 0;

    if (people)
        return making_read_objects(making, OBJECT_PREFERENCES, people->user_ids, people->user_count);
    if (!may_alert_somebody(making, change))
        return true;
    count = alert_check(making->arena, making->type, buf_span(&making->present->state),
                        buf_span(&making->plan->after.state), alerts, ANNOUNCED_ALERTS_MAX);
    for (uint32_t i = 0; i < count; i++)
        name_count += alerts[i].rule->notify_count;
    if (name_count > 0)
        ask_for_people(making, alerts, count, name_count);
    return name_count == 0;
}

/* ---- telling them ------------------------------------------------------------------------------------------------- */

static bool is_named(struct making *making, const struct alert *alert, struct span name)
{
    for (uint32_t i = 0; i < alert->rule->notify_count; i++)
        if (span_equal(name_of(making, &alert->rule->notify[i]), name))
            return true;
    return false;
}

static struct span data_of(struct making *making, const struct alert *alert)
{
    struct buf text = BUF_EMPTY;
    struct span data;

    buf_append_char(&text, '{');
    json_member_string(&text, "rule", alert->rule->name);
    json_append_key(&text, "value");
    json_append_number(&text, alert->value);
    json_append_key(&text, "limit");
    json_append_number(&text, alert->limit);
    buf_append_char(&text, '}');
    data = arena_copy(making->arena, buf_span(&text));
    buf_deinit(&text);
    return data;
}

/* By one of the rule's names, and by none before it. */
static bool is_meant(struct making *making, const struct alert *alert, const struct store_request *people, uint32_t i)
{
    for (uint32_t j = 0; j < i; j++)
        if (span_equal(people->user_ids[j], people->user_ids[i]) &&
            is_named(making, alert, people->names[people->user_of[j]]))
            return false;
    return is_named(making, alert, people->names[people->user_of[i]]);
}

/* It comes from the server: whoever caused it is told, too. */
void plan_tell_alerted(struct making *making, struct store_request *request, const struct alert *alert)
{
    const struct store_request *people = find_people(making);
    struct notice notice =
        making_notice(making, SPAN("alert"), buf_span(&making->plan->after.state), alert->rule->shown);

    notice.from_user_id = notice.from_username = notice.from_name = SPAN_EMPTY;
    notice.priority = alert->rule->priority;
    notice.title = alert->title;
    notice.message = alert->message;
    notice.data = data_of(making, alert);
    for (uint32_t i = 0; people && i < people->user_count && request->commit.object_count < ALERTED_MAX; i++)
        if (is_meant(making, alert, people, i))
            making_tell(making, request, &notice, people->user_ids[i]);
}
