/* JSON. What is accepted keeps the limits, prints to a text that is accepted and prints the same, and each value's
 * slice is a text of that value. Any text written as a string is read back. */
#include "wire/json.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { SLICES_MAX = 64 };

static const struct json_limits limits = {.bytes_max = 65536, .depth_max = 16, .members_max = 200};
/* printing may lengthen a text: control characters, "</" */
static const struct json_limits wide_limits = {.bytes_max = 6 * 65536 + 2, .depth_max = 16, .members_max = 200};

/* Counted the plain way, by recursion: the depth was limited before. */
static size_t count_members(yyjson_val *value, unsigned depth)
{
    yyjson_arr_iter items = yyjson_arr_iter_with(value);
    yyjson_obj_iter members = yyjson_obj_iter_with(value);
    size_t count = yyjson_get_len(value);
    yyjson_val *next;

    if (!yyjson_is_ctn(value))
        return 0;
    assert(depth <= limits.depth_max);
    while ((next = yyjson_arr_iter_next(&items)) != NULL)
        count += count_members(next, depth + 1);
    while ((next = yyjson_obj_iter_next(&members)) != NULL)
        count += count_members(yyjson_obj_iter_get_val(next), depth + 1);
    return count;
}

static void print_again(struct span text, struct buf *printed)
{
    struct json json;
    enum err err = json_parse(&json, text, &wide_limits);

    assert(err == OK);
    buf_reset(printed);
    json_append_value(printed, json.root);
    json_deinit(&json);
}

static void check_slices(const struct json *json)
{
    struct buf printed = BUF_EMPTY, again = BUF_EMPTY;
    size_t count = yyjson_doc_get_val_count(json->doc);

    for (size_t i = 0; i < count && i < SLICES_MAX; i++) {
        struct span slice = json_slice(json, json->root + i);

        assert(slice.data >= json->text.data && slice.data + slice.len <= json->text.data + json->text.len);
        buf_reset(&printed);
        json_append_value(&printed, json->root + i);
        print_again(slice, &again);
        assert(span_equal(buf_span(&printed), buf_span(&again)));
    }
    buf_deinit(&printed);
    buf_deinit(&again);
}

static void check_document(struct span text)
{
    struct buf printed = BUF_EMPTY, again = BUF_EMPTY;
    struct json json;
    enum err err = json_parse(&json, text, &limits);

    assert(err == OK || (err == ERR_BAD_JSON && json.doc == NULL) ||
           (err == ERR_TOO_LARGE && text.len > limits.bytes_max));
    if (err == OK) {
        assert(utf8_is_valid(text) && memchr(text.data, '\0', text.len) == NULL);
        assert(count_members(json.root, 1) <= limits.members_max);
        json_append_value(&printed, json.root);
        print_again(buf_span(&printed), &again);
        assert(span_equal(buf_span(&printed), buf_span(&again)));
        check_slices(&json);
    }
    json_deinit(&json);
    buf_deinit(&printed);
    buf_deinit(&again);
}

static void check_string(struct span text)
{
    struct buf written = BUF_EMPTY;
    struct json json;
    bool has_nul = text.len > 0 && memchr(text.data, '\0', text.len) != NULL;
    enum err err;

    if (text.len > 65536)
        return;
    json_append_string(&written, text);
    assert(utf8_is_valid(buf_span(&written)));
    assert(memmem(written.data, written.len, "</", 2) == NULL);
    err = json_parse(&json, buf_span(&written), &wide_limits);
    assert((err == OK) == !has_nul);
    assert(err != OK || !utf8_is_valid(text) || span_equal(json_text(json.root), text));
    json_deinit(&json);
    buf_deinit(&written);
}

static void check_number(struct span bytes)
{
    struct buf written = BUF_EMPTY;
    struct json json;
    double number;
    enum err err;

    if (bytes.len < sizeof(number))
        return;
    memcpy(&number, bytes.data, sizeof(number));
    json_append_number(&written, number);
    err = json_parse(&json, buf_span(&written), &wide_limits);
    assert(err == OK);
    if (yyjson_is_num(json.root)) {
        double back = yyjson_get_num(json.root);

        assert(memcmp(&back, &number, sizeof(number)) == 0);
    }
    json_deinit(&json);
    buf_deinit(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span text = span_of(data, len);

    check_document(text);
    check_string(text);
    check_number(text);
    return 0;
}
