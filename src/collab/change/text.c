#include "collab/change/text.h"

#include "base/utf8.h"

enum { STEP_UNITS_MAX = 1 << 30 };

static bool is_length(yyjson_val *value)
{
    return yyjson_is_uint(value) && yyjson_get_uint(value) <= STEP_UNITS_MAX;
}

static bool is_deletion(yyjson_val *value)
{
    return yyjson_is_obj(value) && yyjson_obj_size(value) == 1 && is_length(json_get(value, "d"));
}

bool text_edit_is_valid(yyjson_val *edit)
{
    size_t count = yyjson_arr_size(edit);
    yyjson_arr_iter steps;
    yyjson_val *step;

    if (count == 0 || count > TEXT_EDIT_STEPS_MAX)
        return false;
    yyjson_arr_iter_init(edit, &steps);
    while ((step = yyjson_arr_iter_next(&steps)) != NULL)
        if (!is_length(step) && !is_deletion(step) && !yyjson_is_str(step))
            return false;
    return true;
}

/* [0, "new"] is how people write what is at the beginning. */
static bool does_nothing(yyjson_val *step)
{
    if (yyjson_is_str(step))
        return yyjson_get_len(step) == 0;
    return yyjson_get_uint(yyjson_is_obj(step) ? json_get(step, "d") : step) == 0;
}

void text_edit_write(struct buf *out, yyjson_val *edit)
{
    bool is_first = true;
    yyjson_arr_iter steps;
    yyjson_val *step;

    buf_append_char(out, '[');
    yyjson_arr_iter_init(edit, &steps);
    while ((step = yyjson_arr_iter_next(&steps)) != NULL) {
        if (does_nothing(step))
            continue;
        if (!is_first)
            buf_append_char(out, ',');
        is_first = false;
        json_append_value(out, step);
    }
    buf_append_char(out, ']');
}

enum err text_take(struct span *rest, uint64_t units, struct span *taken)
{
    struct span all = *rest;
    uint32_t codepoint;

    while (units > 0) {
        uint64_t width;

        if (!utf8_next(rest, &codepoint))
            return ERR_BAD_OFFSET;
        width = codepoint > 0xffff ? 2 : 1;
        if (width > units)
            return ERR_BAD_OFFSET; /* between the halves of a pair */
        units -= width;
    }
    *taken = span_slice(all, 0, all.len - rest->len);
    return OK;
}

enum err text_edit_apply(struct span text, yyjson_val *edit, struct buf *out)
{
    yyjson_arr_iter steps;
    yyjson_val *step;
    struct span taken;
    enum err err;

    yyjson_arr_iter_init(edit, &steps);
    while ((step = yyjson_arr_iter_next(&steps)) != NULL) {
        if (yyjson_is_str(step)) {
            buf_append_span(out, json_text(step));
        } else if (yyjson_is_obj(step)) {
            if ((err = text_take(&text, yyjson_get_uint(json_get(step, "d")), &taken)) != OK)
                return err;
        } else {
            if ((err = text_take(&text, yyjson_get_uint(step), &taken)) != OK)
                return err;
            buf_append_span(out, taken);
        }
    }
    buf_append_span(out, text);
    return OK;
}
