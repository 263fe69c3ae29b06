/* type_parse.h: what the files that read a type's JSON share: type_parse.c (types), type_parse_field.c (fields),
 * type_parse_rule.c (actions and alert rules). Nobody else includes it. The first error wins: it leaves a sentence in
 * *why that says where. */
#pragma once

#include "collab/type/type.h"

struct type_parser {
    struct type_registry *registry;
    struct buf *why;
    struct type *type;     /* under way; NULL: none yet */
    const char *part;      /* "field", "action" or "alert" of it, or NULL */
    struct span part_name; /* "status" */
};

/* Says where and why; gives ERR_CONFIG. */
__attribute__((format(printf, 2, 3))) enum err type_fail(struct type_parser *parser, const char *format, ...);

/* Members of an object. A missing one leaves *out as it is, unless it is required. */
must_check enum err type_get_text(struct type_parser *parser, yyjson_val *object, const char *key, bool is_required,
                                  struct span *out);
must_check enum err type_get_bool(struct type_parser *parser, yyjson_val *object, const char *key, bool *out);
must_check enum err type_get_roles(struct type_parser *parser, yyjson_val *object, const char *key,
                                   struct role_set *out);
must_check enum err type_get_strategy(struct type_parser *parser, yyjson_val *object, bool *has, enum strategy *out);
/* A text or a list of texts; other scalars as their JSON, null as the empty text, when `takes_any`. */
must_check enum err type_get_texts(struct type_parser *parser, yyjson_val *value, const char *key, bool takes_any,
                                   struct span **out, uint32_t *count);
/* An object's keys must be among these names, which are separated by blanks. */
must_check enum err type_check_keys(struct type_parser *parser, yyjson_val *object, const char *names);
/* a-z first, then letters, digits and '_'; at most 64 bytes. */
must_check enum err type_check_name(struct type_parser *parser, struct span name);
/* How many members `object` has (NULL: none); more than `max` is an error, and so is what is no object. */
must_check enum err type_count(struct type_parser *parser, yyjson_val *object, const char *what, uint32_t max,
                               uint32_t *out);

must_check enum err type_parse_fields(struct type_parser *parser, yyjson_val *fields);
/* The type's fields are there already. */
must_check enum err type_parse_actions(struct type_parser *parser, yyjson_val *actions);
must_check enum err type_parse_alerts(struct type_parser *parser, yyjson_val *alerts);
