/* Into whose inboxes an alert comes: those whom its rule names, by name, by role, or by a field of the record. All of them are looked for
 * before the change is committed, and the store is only asked when an alert is really raised. */
#include "base/limits.h"
#include "collab/record/record_making.h"

/* ---- who is meant ------------------------------------------------------------------------------------------------- */

/* Of a field what is in it then. A name that somebody typed there stands for nothing but an account of that name. */
static struct span name_in_field(const struct making *making, yyjson_val *state, const struct field *field)
{
    const struct span name = json_text(yyjson_obj_getn(state, field->name.data, field->name.len));

    return span_starts_with(name, SPAN("@")) || span_starts_with(name, SPAN("#")) ? SPAN_EMPTY
                                                                                  : arena_copy(making->arena, name);
}

static bool is_role(struct span name)
{
    return span_starts_with(name, SPAN("@"));
}

/* Whom a rule names, as the record is then: those who are named one by one before whole roles, so that none of them is one too many. */
static uint32_t names_of(const struct making *making, const struct alert_rule *rule,
                         struct span names[ALERT_NOTIFY_MAX])
{
    struct json json = {0};
    uint32_t count = 0;

    if (json_parse(&json, buf_span(&making->plan->after.state), &record_json_limits) != OK)
        return 0;
    for (unsigned roles = 0; roles < 2; roles++) {
        for (uint32_t i = 0; i < rule->notify_count; i++) {
            const struct alert_notify *notify = &rule->notify[i];
            const struct span name = notify->field ? name_in_field(making, json.root, notify->field) : notify->name;

            if (name.len > 0 && is_role(name) == (roles == 1))
                names[count++] = name;
        }
    }
    json_deinit(&json);
    return count;
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
    for (uint32_t i = 0; i < request->name_count; i++)
        if (span_equal(request->names[i], name))
            return;
    request->names[request->name_count++] = arena_copy(&request->arena, name);
}

static bool ask_for_people(struct making *making, const struct alert *alerts, uint32_t count)
{
    struct span names[ALERT_NOTIFY_MAX];
    struct store_request *request = making_need(making, STORE_USERS_LIST);

    request->count_max = LIMIT_ALERTED;
    request->names = arena_alloc(&request->arena, (size_t)count * ALERT_NOTIFY_MAX * sizeof(*request->names));
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t name_count = names_of(making, alerts[i].rule, names);

        for (uint32_t j = 0; j < name_count; j++)
            add_name(request, names[j]);
    }
    if (request->name_count > 0)
        return false;
    store_request_free(request);
    making->plan->need = NULL;
    return true;
}

/* ---- who of them is told ------------------------------------------------------------------------------------------ */

/* Whom one alert is told. Those who are too many are left out, and counted. */
struct audience {
    uint32_t count, count_max, left_out;
    struct span user_ids[LIMIT_ALERTED];
};

static void add_person(struct audience *audience, struct span user_id)
{
    for (uint32_t i = 0; i < audience->count; i++)
        if (span_equal(audience->user_ids[i], user_id))
            return;
    if (audience->count < audience->count_max)
        audience->user_ids[audience->count++] = user_id;
    else
        audience->left_out++;
}

static void add_people(struct audience *audience, const struct store_request *people, struct span name)
{
    uint32_t which = 0, listed = 0;

    while (which < people->name_count && !span_equal(people->names[which], name))
        which++;
    if (which == people->name_count)
        return;
    for (uint32_t i = 0; i < people->user_count; i++) {
        if (people->user_of[i] != which)
            continue;
        add_person(audience, people->user_ids[i]);
        listed++;
    }
    audience->left_out += people->name_users[which] - listed;
}

/* `told`: by the alerts before it. */
static void gather(struct making *making, const struct alert *alert, const struct store_request *people, uint32_t told,
                   struct audience *audience)
{
    const uint32_t room = LIMIT_ALERTED_BY_CHANGE - told;
    struct span names[ALERT_NOTIFY_MAX];
    const uint32_t count = names_of(making, alert->rule, names);

    audience->count = audience->left_out = 0;
    audience->count_max = room < LIMIT_ALERTED ? room : LIMIT_ALERTED;
    for (uint32_t i = 0; i < count; i++)
        add_people(audience, people, names[i]);
}

static bool read_preferences(struct making *making, const struct alert *alerts, uint32_t count,
                             const struct store_request *people)
{
    struct span ids[LIMIT_ALERTED_BY_CHANGE];
    struct audience audience;
    uint32_t told = 0;

    for (uint32_t i = 0; i < count; i++) {
        gather(making, &alerts[i], people, told, &audience);
        for (uint32_t j = 0; j < audience.count; j++)
            ids[told++] = audience.user_ids[j];
    }
    return making_read_objects(making, OBJECT_PREFERENCES, ids, told);
}

/* ---- before it is committed --------------------------------------------------------------------------------------- */

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
    struct alert alerts[TYPE_ALERTS_MAX];
    uint32_t count;

    if (!may_alert_somebody(making, change))
        return true;
    count = alert_check(making->arena, making->type, buf_span(&making->present->state),
                        buf_span(&making->plan->after.state), alerts, TYPE_ALERTS_MAX);
    return people ? read_preferences(making, alerts, count, people) : ask_for_people(making, alerts, count);
}

/* ---- telling them ------------------------------------------------------------------------------------------------- */

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

/* It comes from the server: whoever caused it is told, too. */
void plan_tell_alerted(struct making *making, struct store_request *request, const struct alert *alert)
{
    const struct store_request *people = find_people(making);
    struct record_outcome *outcome = &making->plan->outcome;
    struct audience audience;
    struct notice notice =
        making_notice(making, SPAN("alert"), buf_span(&making->plan->after.state), alert->rule->shown);

    notice.from_user_id = notice.from_username = notice.from_name = SPAN_EMPTY;
    notice.priority = alert->rule->priority;
    notice.title = alert->title;
    notice.message = alert->message;
    notice.data = data_of(making, alert);
    if (people == NULL)
        return;
    gather(making, alert, people, outcome->alerted_count, &audience);
    outcome->alerted_count += audience.count;
    outcome->left_out_count += audience.left_out;
    for (uint32_t i = 0; i < audience.count; i++)
        making_tell(making, request, &notice, audience.user_ids[i]);
}
