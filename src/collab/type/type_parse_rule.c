#include "collab/type/type_parse.h"

enum {
    ACTIONS_MAX = 64 /* a bit each in access.c */,
    ALERTS_MAX = TYPE_ALERTS_MAX,
    NOTIFY_MAX = ALERT_NOTIFY_MAX,
    RULE_FIELDS_MAX = 64
};

static enum err find_field(struct type_parser *parser, struct span name, const struct field **out)
{
    *out = type_field(parser->type, name);
    return *out ? OK : type_fail(parser, "there is no field \"%.*s\"", SPAN_ARG(name));
}

static bool is_number_field(const struct field *field)
{
    return field->kind == FIELD_NUMBER || field->kind == FIELD_INTEGER;
}

/* ---- actions ---- */

static enum err parse_condition(struct type_parser *parser, yyjson_val *key, struct action_condition *condition)
{
    yyjson_val *values = yyjson_obj_iter_get_val(key);
    enum err err;

    if ((err = find_field(parser, json_text(key), &condition->field)) != OK)
        return err;
    return type_get_texts(parser, values, "when", true, &condition->values, &condition->value_count);
}

static enum err parse_conditions(struct type_parser *parser, yyjson_val *when, struct action *action)
{
    yyjson_obj_iter members;
    yyjson_val *key;
    enum err err;

    if ((err = type_count(parser, when, "when", RULE_FIELDS_MAX, &action->condition_count)) != OK)
        return err;
    action->conditions =
        arena_alloc(&parser->registry->arena, action->condition_count * sizeof(struct action_condition));
    yyjson_obj_iter_init(when, &members);
    for (uint32_t i = 0; (key = yyjson_obj_iter_next(&members)) != NULL; i++)
        if ((err = parse_condition(parser, key, &action->conditions[i])) != OK)
            return err;
    return OK;
}

static enum err check_variable(struct type_parser *parser, struct span text)
{
    struct span input = SPAN("$input.");

    if (span_equal(text, SPAN("$user")) || span_equal(text, SPAN("$username")) || span_equal(text, SPAN("$now")))
        return OK;
    if (span_starts_with(text, input) && text.len > input.len + span_ends_with(text, SPAN("?")))
        return OK;
    return type_fail(parser, "\"%.*s\" is none of $user, $username, $now, $input.NAME", SPAN_ARG(text));
}

/* A variable's value is checked when the action is used, everything else now. */
static enum err check_assignment(struct type_parser *parser, const struct action_assignment *assignment)
{
    const struct field *field = assignment->field;
    yyjson_val *value = assignment->value;

    if (assignment->adds && !is_number_field(field))
        return type_fail(parser, "\"add\": \"%.*s\" is no number", SPAN_ARG(field->name));
    if (span_starts_with(json_text(value), SPAN("$")))
        return check_variable(parser, json_text(value));
    if (assignment->adds)
        return yyjson_is_num(value) ? OK : type_fail(parser, "\"add\" takes numbers");
    if (yyjson_is_null(value) ? field->is_required : !field_accepts(field, value))
        return type_fail(parser, "the value for \"%.*s\" does not suit the field", SPAN_ARG(field->name));
    return OK;
}

static enum err parse_assignments(struct type_parser *parser, yyjson_val *object, bool adds, struct action *action)
{
    yyjson_obj_iter members;
    yyjson_val *key;
    enum err err;

    yyjson_obj_iter_init(object, &members);
    while ((key = yyjson_obj_iter_next(&members)) != NULL) {
        struct action_assignment *assignment = &action->assignments[action->assignment_count++];

        assignment->adds = adds;
        assignment->value = yyjson_obj_iter_get_val(key);
        if ((err = find_field(parser, json_text(key), &assignment->field)) != OK ||
            (err = check_assignment(parser, assignment)) != OK)
            return err;
    }
    return OK;
}

static bool is_word(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!((text.data[i] >= 'a' && text.data[i] <= 'z') || text.data[i] == '_'))
            return false;
    return text.len > 0;
}

static enum err parse_action(struct type_parser *parser, yyjson_val *object, struct action *action)
{
    yyjson_val *set = json_get(object, "set"), *add = json_get(object, "add");
    uint32_t set_count, add_count;
    enum err err;

    if ((err = type_check_name(parser, action->name)) != OK ||
        (err = type_check_keys(parser, object, "title event roles when set add")) != OK ||
        (err = type_get_text(parser, object, "title", false, &action->title)) != OK ||
        (err = type_get_text(parser, object, "event", false, &action->event)) != OK ||
        (err = type_get_roles(parser, object, "roles", &action->roles)) != OK ||
        (err = parse_conditions(parser, json_get(object, "when"), action)) != OK ||
        (err = type_count(parser, set, "set", RULE_FIELDS_MAX, &set_count)) != OK ||
        (err = type_count(parser, add, "add", RULE_FIELDS_MAX, &add_count)) != OK)
        return err;
    if (!is_word(action->event))
        return type_fail(parser, "\"event\" must be a word of small letters, like \"approved\"");
    if (set_count + add_count == 0)
        return type_fail(parser, "it neither sets nor adds anything");
    action->assignments =
        arena_alloc(&parser->registry->arena, (set_count + add_count) * sizeof(struct action_assignment));
    if ((err = parse_assignments(parser, set, false, action)) != OK)
        return err;
    return parse_assignments(parser, add, true, action);
}

enum err type_parse_actions(struct type_parser *parser, yyjson_val *actions)
{
    struct type *type = parser->type;
    yyjson_obj_iter members;
    yyjson_val *key;
    enum err err;

    if ((err = type_count(parser, actions, "actions", ACTIONS_MAX, &type->action_count)) != OK)
        return err;
    type->actions = arena_alloc(&parser->registry->arena, type->action_count * sizeof(struct action));
    yyjson_obj_iter_init(actions, &members);
    for (uint32_t i = 0; (key = yyjson_obj_iter_next(&members)) != NULL; i++) {
        struct action *action = &type->actions[i];

        *action = (struct action){.name = json_text(key), .title = json_text(key), .event = SPAN("updated")};
        parser->part = "action";
        parser->part_name = action->name;
        if ((err = parse_action(parser, yyjson_obj_iter_get_val(key), action)) != OK)
            return err;
    }
    parser->part = NULL;
    return OK;
}

/* ---- alert rules ---- */

static const struct {
    const char *key;
    enum comparison comparison;
} comparisons[] = {
    {"below", COMPARE_BELOW},       {"at_most", COMPARE_AT_MOST}, {"above", COMPARE_ABOVE},
    {"at_least", COMPARE_AT_LEAST}, {"equal", COMPARE_EQUAL},
};

/* Exactly one of them, with a number or the name of another field. */
static enum err parse_comparison(struct type_parser *parser, yyjson_val *object, struct alert_rule *rule)
{
    yyjson_val *limit = NULL;
    unsigned count = 0;
    enum err err;

    for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++) {
        yyjson_val *value = json_get(object, comparisons[i].key);

        if (value == NULL)
            continue;
        limit = value;
        rule->comparison = comparisons[i].comparison;
        count++;
    }
    if (count != 1)
        return type_fail(parser, "it needs one of \"below\", \"at_most\", \"above\", \"at_least\", \"equal\"");
    if (yyjson_is_num(limit)) {
        rule->value = yyjson_get_num(limit);
        return OK;
    }
    if ((err = find_field(parser, json_text(limit), &rule->against)) != OK)
        return err;
    return is_number_field(rule->against) ? OK
                                          : type_fail(parser, "\"%.*s\" is no number", SPAN_ARG(rule->against->name));
}

static uint64_t field_bit(const struct field *field)
{
    return (uint64_t)1 << field->index;
}

/* Every {name} must be a field; *shown gets them. */
static enum err check_template(struct type_parser *parser, struct span text, uint64_t *shown)
{
    const struct field *field;
    struct span head;

    while (span_find(text, '{') < text.len) {
        span_cut(&text, '{', &head);
        if (span_find(text, '}') == text.len)
            return type_fail(parser, "a \"{\" is not closed");
        span_cut(&text, '}', &head);
        if ((field = type_field(parser->type, head)) == NULL)
            return type_fail(parser, "there is no field \"%.*s\" for {%.*s}", SPAN_ARG(head), SPAN_ARG(head));
        *shown |= field_bit(field);
    }
    return OK;
}

/* "jsmith", "role:manager", or "{manager}": a field with a username. */
static enum err parse_recipient(struct type_parser *parser, struct span text, struct alert_notify *out)
{
    const struct span role = SPAN("role:");

    *out = (struct alert_notify){.name = text};
    if (span_starts_with(text, SPAN("{")) && text.data[text.len - 1] == '}') {
        enum err err = find_field(parser, span_slice(text, 1, text.len - 2), &out->field);

        if (err == OK && out->field->kind != FIELD_STRING)
            return type_fail(parser, "\"%.*s\" in \"notify\" is no string", SPAN_ARG(out->field->name));
        return err;
    }
    if (span_starts_with(text, role))
        out->name = arena_printf(&parser->registry->arena, "@%.*s", SPAN_ARG(span_slice(text, role.len, text.len)));
    else if (text.len == 0 || text.data[0] == '@' || text.data[0] == '#')
        return type_fail(parser, "\"notify\" has usernames, \"role:NAME\" and \"{field}\"");
    return OK;
}

static enum err parse_notify(struct type_parser *parser, yyjson_val *object, struct alert_rule *rule)
{
    yyjson_val *list = json_get(object, "notify"), *item;
    yyjson_arr_iter items;
    enum err err;

    if (list == NULL)
        return OK;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) > NOTIFY_MAX)
        return type_fail(parser, "\"notify\" must be a list of at most %d", NOTIFY_MAX);
    rule->notify = arena_alloc(&parser->registry->arena, yyjson_arr_size(list) * sizeof(*rule->notify));
    yyjson_arr_iter_init(list, &items);
    while ((item = yyjson_arr_iter_next(&items)))
        if ((err = parse_recipient(parser, json_text(item), &rule->notify[rule->notify_count++])) != OK)
            return err;
    return OK;
}

static bool is_priority(struct span text)
{
    return span_equal(text, SPAN("low")) || span_equal(text, SPAN("normal")) || span_equal(text, SPAN("high")) ||
           span_equal(text, SPAN("urgent"));
}

static enum err parse_alert(struct type_parser *parser, yyjson_val *object, struct alert_rule *rule)
{
    struct span field = SPAN_EMPTY;
    enum err err;

    if ((err = type_check_name(parser, rule->name)) != OK ||
        (err = type_check_keys(parser, object,
                               "field below at_most above at_least equal priority title message roles notify")) != OK ||
        (err = type_get_text(parser, object, "field", true, &field)) != OK ||
        (err = find_field(parser, field, &rule->field)) != OK ||
        (err = type_get_text(parser, object, "priority", false, &rule->priority)) != OK ||
        (err = type_get_text(parser, object, "title", true, &rule->title)) != OK ||
        (err = type_get_text(parser, object, "message", true, &rule->message)) != OK ||
        (err = type_get_roles(parser, object, "roles", &rule->audience)) != OK ||
        (err = parse_notify(parser, object, rule)) != OK ||
        (err = check_template(parser, rule->title, &rule->shown)) != OK ||
        (err = check_template(parser, rule->message, &rule->shown)) != OK)
        return err;
    if (!is_number_field(rule->field))
        return type_fail(parser, "\"%.*s\" is no number", SPAN_ARG(field));
    if (!is_priority(rule->priority))
        return type_fail(parser, "\"priority\" must be \"low\", \"normal\", \"high\" or \"urgent\"");
    if ((err = parse_comparison(parser, object, rule)) != OK)
        return err;
    rule->shown |= field_bit(rule->field) | (rule->against ? field_bit(rule->against) : 0);
    return OK;
}

enum err type_parse_alerts(struct type_parser *parser, yyjson_val *alerts)
{
    struct type *type = parser->type;
    yyjson_obj_iter members;
    yyjson_val *key;
    enum err err;

    if ((err = type_count(parser, alerts, "alerts", ALERTS_MAX, &type->alert_count)) != OK)
        return err;
    type->alerts = arena_alloc(&parser->registry->arena, type->alert_count * sizeof(struct alert_rule));
    yyjson_obj_iter_init(alerts, &members);
    for (uint32_t i = 0; (key = yyjson_obj_iter_next(&members)) != NULL; i++) {
        struct alert_rule *rule = &type->alerts[i];

        *rule = (struct alert_rule){.name = json_text(key), .priority = SPAN("normal")};
        parser->part = "alert";
        parser->part_name = rule->name;
        if ((err = parse_alert(parser, yyjson_obj_iter_get_val(key), rule)) != OK)
            return err;
    }
    parser->part = NULL;
    return OK;
}
