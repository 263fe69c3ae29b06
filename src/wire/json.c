/* yyjson decides what is JSON; one pass over its values decides the rest. It keeps them in one array in the order of
 * the text, and strings in a copy of the text at their own offsets. Both the pass and json_slice() live off that:
 * neither recurses, so depth costs a counter and not a stack. */
#include "wire/json.h"

#include "base/map.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEPTH_CEILING = 256,
    KEYS_COMPARED_MAX = 16, /* up to here comparing all pairs is quicker than hashing */
    BIG_INTEGER_BYTES_MAX = 22,
    NUMBER_BYTES = 64,
};

const struct json_limits json_limits_default = {65536, 32, 4096};
const struct json_limits json_limits_kept = {16 * 1024 * 1024, 128, 1024 * 1024};

/* ---- parsing ---------------------------------------------------------------------------------------------------- */

/* yyjson's memory. The first array of values is sized by the text's length; when it wants to grow beyond what
 * members_max values need, the text is refused there and then. */
struct budget {
    size_t values_bytes_max;
};

static void *budget_alloc(void *context, size_t size)
{
    (void)context;
    return memory_resize(NULL, size);
}

static void *budget_resize(void *context, void *memory, size_t old_size, size_t size)
{
    const struct budget *budget = context;

    return old_size > budget->values_bytes_max ? NULL : memory_resize(memory, size);
}

static void budget_free(void *context, void *memory)
{
    (void)context; /* gone by the time the document is freed */
    free(memory);
}

static yyjson_doc *read_document(struct span text, const struct json_limits *limits)
{
    /* each member is a key and a value; the rest is the root and yyjson's own head */
    struct budget budget = {((size_t)limits->members_max * 2 + 64) * sizeof(yyjson_val)};
    yyjson_alc allocator = {budget_alloc, budget_resize, budget_free, &budget};

    if (text.len == 0)
        return NULL;
    /* Big numbers come as text, so that integers are not rounded behind our back. Without the in-place flag yyjson
     * only reads the text. */
    return yyjson_read_opts((char *)(uintptr_t)text.data, text.len, YYJSON_READ_BIGNUM_AS_RAW, &allocator, NULL);
}

static struct span text_of(yyjson_val *value)
{
    return span_of(unsafe_yyjson_get_str(value), unsafe_yyjson_get_len(value));
}

static bool has_byte(struct span text, char byte)
{
    return text.len > 0 && memchr(text.data, byte, text.len) != NULL;
}

/* The next member's key, given the key of this one. */
static yyjson_val *key_after(yyjson_val *key)
{
    return unsafe_yyjson_get_next(key + 1);
}

static bool few_keys_differ(yyjson_val *first, size_t count)
{
    struct span seen[KEYS_COMPARED_MAX];

    for (size_t i = 0; i < count; i++, first = key_after(first)) {
        seen[i] = text_of(first);
        for (size_t k = 0; k < i; k++) {
            if (seen[k].len == seen[i].len && span_equal(seen[k], seen[i]))
                return false;
        }
    }
    return true;
}

static bool many_keys_differ(yyjson_val *first, size_t count)
{
    struct map seen;
    bool differ = true;

    map_init(&seen);
    for (size_t i = 0; i < count && differ; i++, first = key_after(first))
        differ = map_put(&seen, text_of(first), first) == NULL;
    map_deinit(&seen);
    return differ;
}

static bool keys_differ(yyjson_val *object)
{
    size_t count = unsafe_yyjson_get_len(object);
    yyjson_val *first = unsafe_yyjson_get_first(object);

    return count <= KEYS_COMPARED_MAX ? few_keys_differ(first, count) : many_keys_differ(first, count);
}

/* Writes a finite number as yyjson does; gives the length. */
static size_t write_real(double number, char out[NUMBER_BYTES])
{
    char memory[1024];
    yyjson_alc allocator;
    yyjson_val value = {0, {0}};
    size_t len = 0;
    char *written;
    bool is_big_enough = yyjson_alc_pool_init(&allocator, memory, sizeof(memory));

    unsafe_yyjson_set_real(&value, number);
    written = is_big_enough ? yyjson_val_write_opts(&value, 0, &allocator, &len, NULL) : NULL;
    assert(written != NULL && len < NUMBER_BYTES);
    memcpy(out, written, len);
    return len;
}

/* A number's digits from the first to the last that is not 0. */
static struct span significant_digits(struct span number, char out[NUMBER_BYTES])
{
    size_t len = 0, kept = 0;

    for (size_t i = 0; i < number.len && number.data[i] != 'e' && number.data[i] != 'E'; i++) {
        char digit = number.data[i];

        if (digit < '0' || digit > '9' || (digit == '0' && len == 0))
            continue;
        out[len++] = digit;
        if (digit != '0')
            kept = len;
    }
    return span_of(out, kept);
}

/* What yyjson could not represent: numbers beyond a double's range, which are refused, and integers beyond 64 bits.
 * Those are accepted in the form in which JavaScript prints a double below 1e21: they come back as the same digits. */
static bool settle_big_number(yyjson_val *value)
{
    struct span literal = text_of(value);
    char text[BIG_INTEGER_BYTES_MAX + 1] = {0};
    char printed[NUMBER_BYTES], digits[NUMBER_BYTES], printed_digits[NUMBER_BYTES];
    yyjson_val parsed = {0, {0}};
    size_t len;

    if (literal.len > BIG_INTEGER_BYTES_MAX)
        return false;
    for (size_t i = 0; i < literal.len; i++) {
        if (literal.data[i] != '-' && (literal.data[i] < '0' || literal.data[i] > '9'))
            return false;
    }
    memcpy(text, literal.data, literal.len);
    if (yyjson_read_number(text, &parsed, 0, NULL, NULL) == NULL || !unsafe_yyjson_is_real(&parsed))
        return false;
    len = write_real(unsafe_yyjson_get_real(&parsed), printed);
    if (!span_equal(significant_digits(literal, digits), significant_digits(span_of(printed, len), printed_digits)))
        return false;
    unsafe_yyjson_set_real(value, unsafe_yyjson_get_real(&parsed));
    return true;
}

/* `has_escapes`: without any in the text no string can hold a NUL. */
static bool value_is_acceptable(yyjson_val *value, bool has_escapes)
{
    if (unsafe_yyjson_is_str(value))
        return !has_escapes || !has_byte(text_of(value), '\0');
    if (unsafe_yyjson_is_raw(value))
        return settle_big_number(value);
    return !unsafe_yyjson_is_obj(value) || keys_differ(value);
}

/* The values stand one after the other; `ends` says where the containers we are in end. */
static bool values_are_acceptable(yyjson_val *root, bool has_escapes, const struct json_limits *limits)
{
    const yyjson_val *ends[DEPTH_CEILING];
    const yyjson_val *end = unsafe_yyjson_get_next(root);
    unsigned depth = 0;
    size_t member_count = 0;

    for (yyjson_val *value = root; value < end; value++) {
        while (depth > 0 && value == ends[depth - 1])
            depth--;
        if (unsafe_yyjson_is_ctn(value)) {
            member_count += unsafe_yyjson_get_len(value);
            if (depth == limits->depth_max || member_count > limits->members_max)
                return false;
            ends[depth++] = unsafe_yyjson_get_next(value);
        }
        if (!value_is_acceptable(value, has_escapes))
            return false;
    }
    return true;
}

enum err json_parse(struct json *json, struct span text, const struct json_limits *limits)
{
    assert(limits->depth_max <= DEPTH_CEILING);
    *json = (struct json){0};
    if (text.len > limits->bytes_max)
        return ERR_TOO_LARGE;
    json->doc = read_document(text, limits);
    if (json->doc == NULL)
        return ERR_BAD_JSON;
    json->root = yyjson_doc_get_root(json->doc);
    json->text = text;
    if (!values_are_acceptable(json->root, has_byte(text, '\\'), limits)) {
        json_deinit(json);
        return ERR_BAD_JSON;
    }
    return OK;
}

void json_deinit(struct json *json)
{
    yyjson_doc_free(json->doc);
    *json = (struct json){0};
}

/* ---- slices ----------------------------------------------------------------------------------------------------- */

/* Where a string's opening quote is. */
static size_t string_start(const struct json *json, yyjson_val *string)
{
    return (size_t)(unsafe_yyjson_get_str(string) - json->doc->str_pool) - 1;
}

/* Just after its closing quote. Escapes make a string shorter when it is decoded: if as many bytes as it has now hold
 * no backslash, there was none. */
static size_t string_end(const struct json *json, yyjson_val *string)
{
    const char *text = json->text.data;
    size_t at = string_start(json, string) + 1;
    size_t len = unsafe_yyjson_get_len(string);

    if (!has_byte(span_of(text + at, len), '\\'))
        return at + len + 1;
    for (; text[at] != '"'; at++) {
        if (text[at] == '\\')
            at++;
    }
    return at + 1;
}

static bool is_between_values(char byte)
{
    switch (byte) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
    case ',':
    case ':':
    case ']':
    case '}': return true;
    default: return false;
    }
}

/* A number's or a literal's. */
static size_t scalar_end(struct span text, size_t at)
{
    while (at < text.len && !is_between_values(text.data[at]))
        at++;
    return at;
}

/* The last string in the container, or NULL; *depth: how many brackets are open there, the container's own included. */
static yyjson_val *last_string(yyjson_val *container, size_t *depth)
{
    const yyjson_val *ends[DEPTH_CEILING];
    const yyjson_val *end = unsafe_yyjson_get_next(container);
    yyjson_val *last = NULL;
    size_t open_count = 0;

    *depth = 1;
    for (yyjson_val *value = container; value < end; value++) {
        while (open_count > 0 && value == ends[open_count - 1])
            open_count--;
        if (unsafe_yyjson_is_ctn(value))
            ends[open_count++] = unsafe_yyjson_get_next(value);
        if (unsafe_yyjson_is_str(value)) {
            last = value;
            *depth = open_count;
        }
    }
    return last;
}

/* Behind the last string in it, only brackets matter. */
static size_t container_end(const struct json *json, yyjson_val *container, size_t at)
{
    size_t depth;
    yyjson_val *string = last_string(container, &depth);

    at = string != NULL ? string_end(json, string) : at + 1;
    for (; depth > 0; at++) {
        char byte = json->text.data[at];

        if (byte == '[' || byte == '{')
            depth++;
        else if (byte == ']' || byte == '}')
            depth--;
    }
    return at;
}

/* Where `value` begins. The nearest string at or before it tells its own place; from there on (or from the text's
 * start) the beginnings of values are counted. No string lies between, so numbers, literals and brackets are all there
 * is. */
static size_t value_start(const struct json *json, yyjson_val *value)
{
    struct span text = json->text;
    yyjson_val *anchor = value;
    size_t at = 0;

    while (anchor > json->root && !unsafe_yyjson_is_str(anchor))
        anchor--;
    if (unsafe_yyjson_is_str(anchor)) {
        if (anchor == value)
            return string_start(json, anchor);
        at = string_end(json, anchor++);
    }
    for (;; anchor++) {
        while (is_between_values(text.data[at]))
            at++;
        if (anchor == value)
            return at;
        at = text.data[at] == '[' || text.data[at] == '{' ? at + 1 : scalar_end(text, at);
    }
}

struct span json_slice(const struct json *json, yyjson_val *value)
{
    size_t from = value_start(json, value);
    size_t to;

    if (unsafe_yyjson_is_str(value))
        to = string_end(json, value);
    else if (unsafe_yyjson_is_ctn(value))
        to = container_end(json, value, from);
    else
        to = scalar_end(json->text, from);
    return span_slice(json->text, from, to - from);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

yyjson_val *json_get(yyjson_val *object, const char *key)
{
    return yyjson_obj_get(object, key);
}

yyjson_val *json_get2(yyjson_val *object, const char *key, const char *other)
{
    yyjson_val *value = json_get(object, key);

    return value != NULL ? value : json_get(object, other);
}

struct span json_text(yyjson_val *value)
{
    return yyjson_is_str(value) ? text_of(value) : SPAN_EMPTY;
}

struct span json_get_text(yyjson_val *object, const char *key)
{
    return json_text(json_get(object, key));
}

struct span json_get_text2(yyjson_val *object, const char *key, const char *other)
{
    return json_text(json_get2(object, key, other));
}

bool json_get_i64(yyjson_val *object, const char *key, int64_t *out)
{
    yyjson_val *value = json_get(object, key);

    if (!yyjson_is_int(value) || (yyjson_is_uint(value) && yyjson_get_uint(value) > INT64_MAX))
        return false;
    *out = yyjson_get_sint(value);
    return true;
}

bool json_get_bool(yyjson_val *object, const char *key, bool fallback)
{
    yyjson_val *value = json_get(object, key);

    return yyjson_is_bool(value) ? yyjson_get_bool(value) : fallback;
}
