/* GET /api/v1/types: the business types as this user sees them: what he may read, and what he may do. */
#include "peer/rest/rest.h"

#include "collab/type/access.h"

static const char *kind_name(enum field_kind kind)
{
    static const char *const names[] = {
        [FIELD_STRING] = "string",
        [FIELD_TEXT] = "text",
        [FIELD_NUMBER] = "number",
        [FIELD_INTEGER] = "integer",
        [FIELD_BOOLEAN] = "boolean",
        [FIELD_ENUM] = "enum",
        [FIELD_DATE] = "date",
        [FIELD_REFERENCE] = "reference",
        [FIELD_JSON] = "json",
        [FIELD_OBJECT] = "object",
        [FIELD_COLLECTION] = "collection",
    };
    return names[kind];
}

static const char *write_mode_name(enum write_mode mode)
{
    return mode == WRITE_AUTHORITATIVE ? "authoritative" : mode == WRITE_BROADCAST ? "broadcast" : "proxied";
}

static void open_item(struct buf *out)
{
    if (out->data[out->len - 1] != '[')
        buf_append_char(out, ',');
    buf_append_char(out, '{');
}

static void open_list(struct buf *out, const char *key)
{
    json_append_key(out, key);
    buf_append_char(out, '[');
}

static void write_texts(struct buf *out, const char *key, const struct span *texts, uint32_t count)
{
    open_list(out, key);
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            buf_append_char(out, ',');
        json_append_string(out, texts[i]);
    }
    buf_append_char(out, ']');
}

static void member_number(struct buf *out, const char *key, double number)
{
    json_append_key(out, key);
    json_append_number(out, number);
}

/* ---- fields ---- */

static void write_field(struct buf *out, const struct field *field, uint64_t writable)
{
    open_item(out);
    json_member_string(out, "name", field->name);
    json_member_string(out, "title", field->title);
    json_member_string(out, "kind", span_from_str(kind_name(field->kind)));
    json_member_bool(out, "required", field->is_required);
    json_member_bool(out, "writable", writable >> field->index & 1);
    if (field->has_min)
        member_number(out, "min", field->min);
    if (field->has_max)
        member_number(out, "max", field->max);
    if (field->value_count)
        write_texts(out, "values", field->values, field->value_count);
    if (field->target.len)
        json_member_string(out, "target", field->target);
    if (field->has_strategy)
        json_member_string(out, "strategy", span_from_str(strategy_name(field->strategy)));
    if (field->fallback) {
        json_append_key(out, "default");
        json_append_value(out, field->fallback);
    }
    buf_append_char(out, '}');
}

static void write_fields(struct buf *out, const struct type *type, uint64_t readable, uint64_t writable)
{
    open_list(out, "fields");
    for (uint32_t i = 0; i < type->field_count; i++)
        if (readable >> type->fields[i].index & 1)
            write_field(out, &type->fields[i], writable);
    buf_append_char(out, ']');
}

/* ---- actions ---- */

static void write_inputs(struct buf *out, const struct action *action)
{
    struct span prefix = SPAN("$input.");
    open_list(out, "input");
    for (uint32_t i = 0; i < action->assignment_count; i++) {
        const struct action_assignment *assignment = &action->assignments[i];
        struct span name = json_text(assignment->value);
        if (!span_starts_with(name, prefix))
            continue;
        name = span_slice(name, prefix.len, name.len);
        bool is_optional = span_ends_with(name, SPAN("?"));
        open_item(out);
        json_member_string(out, "name", span_slice(name, 0, name.len - is_optional));
        json_member_bool(out, "required", !is_optional);
        json_member_string(out, "field", assignment->field->name);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

/* When the action can be done: what the fields that he may read must be. */
static void write_conditions(struct buf *out, const struct action *action, uint64_t readable)
{
    json_append_key(out, "when");
    buf_append_char(out, '{');
    for (uint32_t i = 0; i < action->condition_count; i++) {
        const struct action_condition *condition = &action->conditions[i];
        if (!(readable >> condition->field->index & 1))
            continue;
        if (out->data[out->len - 1] != '{')
            buf_append_char(out, ',');
        json_append_string(out, condition->field->name);
        BUF_APPEND_LITERAL(out, ":[");
        for (uint32_t j = 0; j < condition->value_count; j++) {
            if (j)
                buf_append_char(out, ',');
            json_append_string(out, condition->values[j]);
        }
        buf_append_char(out, ']');
    }
    buf_append_char(out, '}');
}

static void write_actions(struct buf *out, const struct access *access, const struct type *type, uint64_t readable)
{
    open_list(out, "actions");
    for (uint32_t i = 0; i < type->action_count; i++) {
        const struct action *action = &type->actions[i];
        open_item(out);
        json_member_string(out, "name", action->name);
        json_member_string(out, "title", action->title);
        json_member_string(out, "event", action->event);
        json_member_bool(out, "allowed", access_allows_action(access, type, action));
        write_conditions(out, action, readable);
        write_inputs(out, action);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

/* ---- types ---- */

static void write_allowed(struct buf *out, const struct access *access, const struct type *type)
{
    json_append_key(out, "allowed");
    buf_append_char(out, '{');
    json_member_bool(out, "create", access_allows(access, type, VERB_CREATE));
    json_member_bool(out, "update", access_allows(access, type, VERB_UPDATE));
    json_member_bool(out, "delete", access_allows(access, type, VERB_DELETE));
    json_member_bool(out, "force_locks", access_allows(access, type, VERB_FORCE_LOCKS));
    json_member_bool(out, "revert_others", access_allows(access, type, VERB_REVERT_OTHERS));
    buf_append_char(out, '}');
}

static void write_type(struct buf *out, const struct access *access, const struct type *type)
{
    uint64_t readable = access_readable(access, type);
    open_item(out);
    json_member_string(out, "name", type->name);
    json_member_string(out, "title", type->title);
    json_member_string(out, "channel", type->channel);
    json_member_string(out, "id_prefix", type->id_prefix);
    json_member_string(out, "label", type->label);
    write_texts(out, "aliases", type->aliases, type->alias_count);
    json_member_string(out, "strategy", span_from_str(strategy_name(type->strategy)));
    json_member_string(out, "write_mode", span_from_str(write_mode_name(type->write_mode)));
    write_allowed(out, access, type);
    write_fields(out, type, readable, access_writable(access, type));
    write_actions(out, access, type, readable);
    buf_append_char(out, '}');
}

static void handle_types(struct request *request)
{
    const struct type_registry *registry = request->registry;
    const struct access *access = request->identity->access;
    struct buf json = BUF_EMPTY;
    BUF_APPEND_LITERAL(&json, "{\"types\":[");
    for (uint32_t i = 0; i < registry->type_count; i++)
        if (access_allows(access, &registry->types[i], VERB_READ))
            write_type(&json, access, &registry->types[i]);
    BUF_APPEND_LITERAL(&json, "]}");
    request_respond(request, 200, buf_span(&json));
    buf_deinit(&json);
}

const struct route routes_types[] = {
    {"GET", "/api/v1/types", NEED_ACTOR, handle_types, false},
    {NULL, NULL, NEED_NOTHING, NULL, false},
};
