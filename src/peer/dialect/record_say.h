/* record_say.h: records, their changes and what differs between two of their versions, as clients read them: REST in snake_case, the native dialect in
 * camelCase. What happens right now the dialects say in words of their own (dialect_native_say.c, ...). Only fields of the mask are shown. Pure. */
#pragma once

#include "peer/dialect/object_say.h"
#include "peer/record_past.h"

/* {type, id, version, updated_at, data} */
void record_say(struct buf *out, const struct type *type, const struct list_row *row, uint64_t mask,
                enum object_style style);
/* A change as the history has it: {id, entity_type, entity_id, action, operation, path, before, after, ops, version, user_id, username, timestamp,
 * verdict, ...}, and how it came about. */
void change_say(struct buf *out, const struct type *type, const struct change *change, uint64_t mask,
                enum object_style style);
/* "superseded":[{path, value, by_version}] of a change that lost values, into the object that *out has open; nothing when there are none to be shown. */
void superseded_say(struct buf *out, const struct type *type, const struct change *change, uint64_t mask,
                    enum object_style style);
/* "from":V,"to":W,"ops":[{operation, path, before, after}], into the object that *out has open. */
void difference_say(struct buf *out, const struct type *type, const struct record_difference *difference,
                    uint64_t mask);
/* "rule", "priority", "title", "message", "value", "limit" of an alert, into the object that *out has open: the same in every dialect. */
void alert_say(struct buf *out, const struct event *event);
const char *verdict_name(enum verdict verdict); /* "applied", "merged", "conflict", "rejected" */
