/* Whether a value suits a field. Sizes are checked here once, where values come in; all behind it trusts them. */
#include "base/clock.h"
#include "base/utf8.h"
#include "collab/type/type.h"

#include <math.h>

enum {
    STRING_CHARACTERS_MAX = 500, /* unless the type says otherwise */
    TEXT_CHARACTERS_MAX = 20000,
    ORDER_KEY_BYTES_MAX = 64,
    ITEM_ID_BYTES_MAX = 64,
};

#define INTEGER_MAX 9007199254740991.0 /* what JavaScript can hold without rounding */

/* Content, not a name: only what is no text at all is refused. A text may have lines and tabs. */
static bool is_text(struct span text, bool may_have_lines, size_t *characters)
{
    uint32_t codepoint;

    *characters = 0;
    while (utf8_next(&text, &codepoint)) {
        bool is_line = codepoint == '\n' || codepoint == '\r' || codepoint == '\t';
        bool is_control = codepoint < 0x20 || (codepoint >= 0x7f && codepoint < 0xa0);

        if (is_control && !(is_line && may_have_lines))
            return false;
        ++*characters;
    }
    return true;
}

bool field_text_fits(const struct field *field, struct span text)
{
    bool has_lines = field->kind == FIELD_TEXT;
    double max = has_lines ? TEXT_CHARACTERS_MAX : STRING_CHARACTERS_MAX;
    size_t characters;

    if (field->has_max)
        max = field->max;
    if (!is_text(text, has_lines, &characters))
        return false;
    return (double)characters <= max && (!field->has_min || (double)characters >= field->min);
}

static bool accepts_text(const struct field *field, yyjson_val *value)
{
    return yyjson_is_str(value) && field_text_fits(field, json_text(value));
}

bool field_number_fits(const struct field *field, double number)
{
    if (field->kind == FIELD_INTEGER && (fabs(number) > INTEGER_MAX || number != floor(number)))
        return false;
    return !(field->has_min && number < field->min) && !(field->has_max && number > field->max);
}

static bool accepts_number(const struct field *field, yyjson_val *value)
{
    if (field->kind == FIELD_INTEGER ? !yyjson_is_int(value) : !yyjson_is_num(value))
        return false;
    return field_number_fits(field, yyjson_get_num(value));
}

static bool accepts_choice(const struct field *field, yyjson_val *value)
{
    for (uint32_t i = 0; i < field->value_count; i++)
        if (yyjson_is_str(value) && span_equal(field->values[i], json_text(value)))
            return true;
    return false;
}

/* "2026-02-19", or with a time "2026-02-19T13:30:00Z". */
static bool accepts_date(yyjson_val *value)
{
    struct span text = json_text(value);
    char with_time[] = "0000-00-00T00:00:00Z";
    int64_t wall_ms;

    if (text.len != 10)
        return clock_parse_iso(text, &wall_ms);
    for (size_t i = 0; i < 10; i++)
        with_time[i] = text.data[i];
    return clock_parse_iso(SPAN(with_time), &wall_ms);
}

bool order_key_is_valid(struct span key)
{
    if (key.len == 0 || key.len > ORDER_KEY_BYTES_MAX)
        return false;
    for (size_t i = 0; i < key.len; i++)
        if (key.data[i] <= ' ' || key.data[i] >= 0x7f || key.data[i] == '"' || key.data[i] == '\\')
            return false;
    return true;
}

bool item_id_is_valid(struct span id)
{
    return id.len <= ITEM_ID_BYTES_MAX && record_id_is_valid(id);
}

static bool accepts_items(yyjson_val *value)
{
    struct map ids;
    bool is_good = yyjson_is_arr(value);
    yyjson_arr_iter items;
    yyjson_val *item;

    map_init(&ids);
    yyjson_arr_iter_init(value, &items);
    while (is_good && (item = yyjson_arr_iter_next(&items)) != NULL) {
        struct span id = json_get_text(item, "id");

        is_good = item_id_is_valid(id) && order_key_is_valid(json_get_text(item, "pos")) && !map_put(&ids, id, item);
    }
    map_deinit(&ids);
    return is_good;
}

bool field_accepts(const struct field *field, yyjson_val *value)
{
    if (value == NULL || yyjson_is_null(value))
        return false;
    switch (field->kind) {
    case FIELD_STRING:
    case FIELD_TEXT: return accepts_text(field, value);
    case FIELD_NUMBER:
    case FIELD_INTEGER: return accepts_number(field, value);
    case FIELD_BOOLEAN: return yyjson_is_bool(value);
    case FIELD_ENUM: return accepts_choice(field, value);
    case FIELD_DATE: return accepts_date(value);
    case FIELD_REFERENCE: return record_id_is_valid(json_text(value));
    case FIELD_JSON: return true;
    case FIELD_OBJECT: return yyjson_is_obj(value);
    case FIELD_COLLECTION: return accepts_items(value);
    }
    return false;
}
