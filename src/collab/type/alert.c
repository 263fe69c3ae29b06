#include "collab/type/alert.h"

/* A rule's two numbers in one state; false when one of them is missing. */
static bool read_numbers(const struct alert_rule *rule, yyjson_val *state, double *value, double *limit)
{
    yyjson_val *number = yyjson_obj_getn(state, rule->field->name.data, rule->field->name.len);
    yyjson_val *against = NULL;

    if (rule->against)
        against = yyjson_obj_getn(state, rule->against->name.data, rule->against->name.len);
    if (!yyjson_is_num(number) || (rule->against && !yyjson_is_num(against)))
        return false;
    *value = yyjson_get_num(number);
    *limit = rule->against ? yyjson_get_num(against) : rule->value;
    return true;
}

static bool is_true(const struct alert_rule *rule, yyjson_val *state, double *value, double *limit)
{
    if (!read_numbers(rule, state, value, limit))
        return false;
    switch (rule->comparison) {
    case COMPARE_BELOW: return *value < *limit;
    case COMPARE_AT_MOST: return *value <= *limit;
    case COMPARE_ABOVE: return *value > *limit;
    case COMPARE_AT_LEAST: return *value >= *limit;
    case COMPARE_EQUAL: return *value == *limit;
    }
    return false;
}

/* {name} becomes the field's value; the braces were checked when the type was read. */
static struct span fill_in(struct arena *arena, struct span template, yyjson_val *state)
{
    struct buf text = BUF_EMPTY;
    struct span part, copy;

    while (span_find(template, '{') < template.len) {
        yyjson_val *value;

        span_cut(&template, '{', &part);
        buf_append_span(&text, part);
        span_cut(&template, '}', &part);
        value = yyjson_obj_getn(state, part.data, part.len);
        if (yyjson_is_str(value))
            buf_append_span(&text, json_text(value));
        else if (value && !yyjson_is_null(value))
            json_append_value(&text, value);
    }
    buf_append_span(&text, template);
    copy = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    return copy;
}

static yyjson_doc *parse(struct span state)
{
    return state.len > 0 ? yyjson_read(state.data, state.len, YYJSON_READ_NOFLAG) : NULL;
}

static uint32_t check(struct arena *arena, const struct type *type, yyjson_val *before, yyjson_val *after,
                      struct alert *alerts, uint32_t max)
{
    uint32_t count = 0;
    double value, limit, old_value, old_limit;

    for (uint32_t i = 0; i < type->alert_count && count < max; i++) {
        const struct alert_rule *rule = &type->alerts[i];

        if (!is_true(rule, after, &value, &limit) || is_true(rule, before, &old_value, &old_limit))
            continue;
        alerts[count++] = (struct alert){rule, fill_in(arena, rule->title, after), fill_in(arena, rule->message, after),
                                         value, limit};
    }
    return count;
}

uint32_t alert_check(struct arena *arena, const struct type *type, struct span before, struct span after,
                     struct alert *alerts, uint32_t max)
{
    yyjson_doc *old, *new;
    uint32_t count;

    if (type->alert_count == 0)
        return 0;
    old = parse(before);
    new = parse(after);
    count = check(arena, type, yyjson_doc_get_root(old), yyjson_doc_get_root(new), alerts, max);
    yyjson_doc_free(old);
    yyjson_doc_free(new);
    return count;
}
