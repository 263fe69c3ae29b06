/* json.h: JSON on top of yyjson, with what it lacks: limits for depth and member count, duplicate keys refused
 * (compared after decoding), no byte order mark, no NUL and no lone surrogate in text, numbers that must fit
 * int64/uint64 or a finite double; and the exact slice of the input that a value came from, so that payloads travel
 * untouched. A document borrows the text: keep it alive (and unchanged) as long as the document. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <yyjson.h>

struct json_limits {
    size_t bytes_max;
    unsigned depth_max;
    unsigned members_max; /* of all objects and arrays together */
};
extern const struct json_limits json_limits_default; /* 64 KiB, 32, 4096 */
/* 16 MiB, 128, 1 Mi: of what the program wrote itself. It was bounded when it was made; these only keep a damaged row from doing harm. */
extern const struct json_limits json_limits_kept;

struct json {
    yyjson_doc *doc;
    yyjson_val *root;
    struct span text;
};

/* ERR_TOO_LARGE for more than bytes_max; ERR_BAD_JSON for all else: what is no JSON, too deep (depth_max is at most
 * 256), too many members, a key twice, NUL, an integer that would be rounded, a number beyond a double's range. An
 * integer beyond 64 bits is a double, and accepted, in the form in which JavaScript prints one: its digits survive. On
 * failure *json is empty and needs no deinit (deinit is harmless). */
must_check enum err json_parse(struct json *json, struct span text, const struct json_limits *limits);
void json_deinit(struct json *json);

/* The text of `value` as it stands in the document's text: byte for byte, for an object, array, string (with its
 * quotes), number or literal. Cost: proportional to the count of values in it, and to the numbers, literals and
 * brackets between it and the string before it. */
struct span json_slice(const struct json *json, yyjson_val *value);

/* Members of an object; NULL / empty / false when missing or of another type. */
yyjson_val *json_get(yyjson_val *object, const char *key);
/* The first of two names (snake_case and camelCase mean the same field). */
yyjson_val *json_get2(yyjson_val *object, const char *key, const char *other);
struct span json_get_text(yyjson_val *object, const char *key); /* a string's decoded bytes, else empty */
struct span json_get_text2(yyjson_val *object, const char *key, const char *other);
bool json_get_i64(yyjson_val *object, const char *key, int64_t *out); /* integers only */
bool json_get_bool(yyjson_val *object, const char *key, bool fallback);
struct span json_text(yyjson_val *value); /* of a string value, else empty */

/* Writing. Strings are escaped as JSON needs it ("</" as "<\/" too, so that it may stand in a page); in text that is
 * not UTF-8 what is not ASCII becomes U+FFFD. */
void json_append_string(struct buf *out, struct span text);   /* with quotes */
void json_append_value(struct buf *out, yyjson_val *value);   /* compact */
void json_append_mut(struct buf *out, yyjson_mut_val *value); /* compact */
void json_append_number(struct buf *out,
                        double number); /* shortest form that round-trips, in any locale; not finite: null */
/* `"key":` with a comma before it unless the last byte of *out is { or [. A key is a word of ours: it is not escaped. */
void json_append_key(struct buf *out, const char *key);
/* whole members: "key":"text" and so on, with that comma rule */
void json_member_string(struct buf *out, const char *key, struct span text);
void json_member_i64(struct buf *out, const char *key, int64_t number);
void json_member_u64(struct buf *out, const char *key, uint64_t number);
void json_member_bool(struct buf *out, const char *key, bool value);
void json_member_raw(struct buf *out, const char *key, struct span json); /* empty: null */
/* A user's id as the manufacturing dialect and REST print it: a number when it is one (canonical decimal, at
 * most 2^53-1), else a string. */
void json_member_id(struct buf *out, const char *key, struct span id);
