#include "collab/type/type_parse.h"

enum { FIELDS_MAX = 64 /* a bit each in a mask */ };

static enum err get_number(struct type_parser *parser, yyjson_val *object, const char *key, bool *has, double *out)
{
    yyjson_val *value = json_get(object, key);

    if (value && !yyjson_is_num(value))
        return type_fail(parser, "\"%s\" must be a number", key);
    *has = value != NULL;
    *out = value ? yyjson_get_num(value) : 0;
    return OK;
}

static const struct {
    struct span name;
    enum field_kind kind;
} kinds[] = {
    {SPAN_INIT("string"), FIELD_STRING},
    {SPAN_INIT("text"), FIELD_TEXT},
    {SPAN_INIT("number"), FIELD_NUMBER},
    {SPAN_INIT("integer"), FIELD_INTEGER},
    {SPAN_INIT("boolean"), FIELD_BOOLEAN},
    {SPAN_INIT("enum"), FIELD_ENUM},
    {SPAN_INIT("date"), FIELD_DATE},
    {SPAN_INIT("reference"), FIELD_REFERENCE},
    {SPAN_INIT("json"), FIELD_JSON},
    {SPAN_INIT("object"), FIELD_OBJECT},
    {SPAN_INIT("collection"), FIELD_COLLECTION},
};

static enum err parse_kind(struct type_parser *parser, yyjson_val *object, struct field *field)
{
    struct span name = SPAN_EMPTY;
    enum err err;

    if ((err = type_get_text(parser, object, "kind", true, &name)) != OK)
        return err;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (span_equal(kinds[i].name, name)) {
            field->kind = kinds[i].kind;
            return OK;
        }
    }
    return type_fail(parser, "there is no kind \"%.*s\"", SPAN_ARG(name));
}

/* What only some kinds have. */
static enum err parse_kind_options(struct type_parser *parser, yyjson_val *object, struct field *field)
{
    yyjson_val *values = json_get(object, "values");
    bool has_range = field->kind == FIELD_NUMBER || field->kind == FIELD_INTEGER || field->kind == FIELD_STRING ||
                     field->kind == FIELD_TEXT;
    enum err err;

    if ((field->has_min || field->has_max) && !has_range)
        return type_fail(parser, "only numbers and texts have \"min\" and \"max\"");
    if (field->has_min && field->has_max && field->min > field->max)
        return type_fail(parser, "\"min\" is greater than \"max\"");
    if ((values != NULL) != (field->kind == FIELD_ENUM))
        return type_fail(parser, "an enum has \"values\", and nothing else has");
    if (values && (!yyjson_is_arr(values) || yyjson_arr_size(values) == 0))
        return type_fail(parser, "\"values\" must be a list of texts");
    if (values && (err = type_get_texts(parser, values, "values", false, &field->values, &field->value_count)) != OK)
        return err;
    if ((field->target.len > 0) != (field->kind == FIELD_REFERENCE))
        return type_fail(parser, "a reference has a \"target\", and nothing else has");
    return OK;
}

static enum err parse_field(struct type_parser *parser, yyjson_val *object, struct field *field)
{
    enum err err;

    if ((err = type_check_name(parser, field->name)) != OK ||
        (err = type_check_keys(parser, object,
                               "kind title required read_only min max values target strategy read write default")) !=
            OK ||
        (err = parse_kind(parser, object, field)) != OK ||
        (err = type_get_text(parser, object, "title", false, &field->title)) != OK ||
        (err = type_get_bool(parser, object, "required", &field->is_required)) != OK ||
        (err = type_get_bool(parser, object, "read_only", &field->is_read_only)) != OK ||
        (err = get_number(parser, object, "min", &field->has_min, &field->min)) != OK ||
        (err = get_number(parser, object, "max", &field->has_max, &field->max)) != OK ||
        (err = type_get_text(parser, object, "target", false, &field->target)) != OK ||
        (err = type_get_strategy(parser, object, &field->has_strategy, &field->strategy)) != OK ||
        (err = type_get_roles(parser, object, "read", &field->read)) != OK ||
        (err = type_get_roles(parser, object, "write", &field->write)) != OK ||
        (err = parse_kind_options(parser, object, field)) != OK)
        return err;
    if (span_equal(field->name, SPAN("id")))
        return type_fail(parser, "a record's id is no field");
    field->fallback = json_get(object, "default");
    if (field->fallback && !field_accepts(field, field->fallback))
        return type_fail(parser, "\"default\" does not suit the field");
    if (field->is_required && field->is_read_only && field->fallback == NULL)
        return type_fail(parser, "nobody could create a record: a required, read-only field needs a \"default\"");
    return OK;
}

enum err type_parse_fields(struct type_parser *parser, yyjson_val *fields)
{
    struct type *type = parser->type;
    yyjson_obj_iter members;
    yyjson_val *key;
    enum err err;

    if ((err = type_count(parser, fields, "fields", FIELDS_MAX, &type->field_count)) != OK)
        return err;
    if (type->field_count == 0)
        return type_fail(parser, "has no fields");
    type->fields = arena_alloc(&parser->registry->arena, type->field_count * sizeof(struct field));
    yyjson_obj_iter_init(fields, &members);
    for (uint32_t i = 0; (key = yyjson_obj_iter_next(&members)) != NULL; i++) {
        struct field *field = &type->fields[i];

        *field = (struct field){.name = json_text(key), .title = json_text(key), .index = i};
        parser->part = "field";
        parser->part_name = field->name;
        if ((err = parse_field(parser, yyjson_obj_iter_get_val(key), field)) != OK)
            return err;
    }
    parser->part = NULL;
    return OK;
}
