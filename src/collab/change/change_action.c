/* Actions as changes: what the type's configuration says they set, once its conditions hold. */
#include "base/clock.h"
#include "collab/change/change_build.h"

/* What "$..." stand for. */
struct variables {
    const struct identity *who;
    yyjson_val *input;
    struct span now;
};

static yyjson_val *member(yyjson_val *object, struct span name)
{
    return yyjson_obj_getn(object, name.data, name.len);
}

static bool is_absent(yyjson_val *value)
{
    return value == NULL || yyjson_is_null(value);
}

/* ---- conditions ---- */

static bool holds(struct change_builder *builder, const struct action_condition *condition, yyjson_val *state)
{
    yyjson_val *value = member(state, condition->field->name);
    struct span text = SPAN_EMPTY;

    if (!is_absent(value))
        text = yyjson_is_str(value) ? json_text(value) : builder_print(builder, value);
    for (uint32_t i = 0; i < condition->value_count; i++)
        if (span_equal(condition->values[i], text))
            return true;
    return false;
}

/* ---- values ---- */

static yyjson_val *text_value(yyjson_val *memory, struct span text)
{
    *memory = (yyjson_val){0};
    yyjson_set_strn(memory, text.len > 0 ? text.data : "", text.len);
    return memory;
}

/* Gives *out = NULL when an optional input was not given. */
static enum err resolve_input(struct change_builder *builder, const struct variables *variables, struct span name,
                              yyjson_val **out)
{
    bool is_optional = span_ends_with(name, SPAN("?"));

    name = span_slice(name, 0, name.len - is_optional);
    *out = member(variables->input, name);
    if (!is_absent(*out))
        return OK;
    *out = NULL;
    return is_optional ? OK : builder_fail(builder, ERR_MISSING_FIELD, name);
}

static enum err resolve(struct change_builder *builder, const struct variables *variables, yyjson_val *value,
                        yyjson_val *memory, yyjson_val **out)
{
    struct span text = json_text(value);
    struct span input = SPAN("$input.");

    *out = value;
    if (span_starts_with(text, input))
        return resolve_input(builder, variables, span_slice(text, input.len, text.len), out);
    if (span_equal(text, SPAN("$user")))
        *out = text_value(memory, variables->who->user_id);
    else if (span_equal(text, SPAN("$username")))
        *out = text_value(memory, variables->who->username);
    else if (span_equal(text, SPAN("$now")))
        *out = text_value(memory, variables->now);
    return OK;
}

/* ---- operations ---- */

static enum err add_amount(struct change_builder *builder, const struct field *field, yyjson_val *amount)
{
    struct op op = {.kind = OP_INC, .path = {1, {arena_copy(builder->arena, field->name)}}};

    if (field->kind == FIELD_INTEGER ? !yyjson_is_int(amount) : !yyjson_is_num(amount))
        return builder_fail(builder, ERR_BAD_FIELD, field->name);
    op.value = builder_print(builder, amount);
    return builder_add(builder, &op);
}

static enum err assign(struct change_builder *builder, const struct variables *variables,
                       const struct action_assignment *assignment)
{
    yyjson_val memory, *value;
    enum err err;

    if ((err = resolve(builder, variables, assignment->value, &memory, &value)) != OK || value == NULL)
        return err;
    if (assignment->adds)
        return add_amount(builder, assignment->field, value);
    return builder_set_field(builder, assignment->field, value);
}

enum err change_from_action(struct arena *arena, const struct type *type, const struct action *action,
                            yyjson_val *state, yyjson_val *input, const struct identity *who, int64_t now_ms,
                            struct change *change, struct span *field)
{
    struct change_builder builder = builder_start(arena, type, UINT64_MAX, change, CHANGE_ACTION, field);
    struct buf now = BUF_EMPTY;
    struct variables variables = {.who = who, .input = input};
    enum err err;

    change->action = arena_copy(arena, action->name);
    for (uint32_t i = 0; i < action->condition_count; i++)
        if (!holds(&builder, &action->conditions[i], state))
            return builder_fail(&builder, ERR_BAD_STATE, action->conditions[i].field->name);
    clock_append_iso(&now, now_ms);
    variables.now = arena_copy(arena, buf_span(&now));
    buf_deinit(&now);
    for (uint32_t i = 0; i < action->assignment_count; i++)
        if ((err = assign(&builder, &variables, &action->assignments[i])) != OK)
            return err;
    return OK;
}
