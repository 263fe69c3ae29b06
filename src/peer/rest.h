/* rest.h: what the REST endpoints share: reading records' coordinates, validators and keys from a request, and printing records,
 * users and changes in snake_case. The wire is described in docs/protocol/rest.md. */
#pragma once

#include "peer/dialogue.h"
#include "peer/route.h"

extern const struct route routes_login[], routes_types[], routes_records[], routes_actions[], routes_history[],
    routes_presence[], routes_inventory[], routes_events[], routes_health[], routes_sockets[], routes_sockets_rest[];

#define IDEMPOTENCY_KEY_BYTES_MAX 128

/* The type named in the path's first segment, if the user may read it; else the request is answered 404 (as for a type that
 * is not there) and this is NULL. */
const struct type *rest_type(struct request *request);
/* Its second segment: false (answered 404) when no record can have that id. */
bool rest_id(struct request *request, struct span *id);
/* "work_order:WO-1001", in the arena. */
struct span rest_room(struct arena *arena, const struct type *type, struct span id);

/* A room that is asked for by its name, as it is known inside (room_canonical): ERR_BAD_NAME, or ERR_NOT_FOUND when it is of a
 * type that the user may not read. */
must_check enum err rest_free_room(struct request *request, struct span name, struct span *room, struct span *field);

/* If-Match: OK with must_match false when there is none or it is a star; ERR_BAD_REQUEST for what is no list of entity tags,
 * ERR_PRECONDITION when none of them can be ours. */
must_check enum err rest_if_match(const struct http_exchange *exchange, bool *must_match, uint64_t *version);
/* If-None-Match names this version. */
bool rest_if_none_match(const struct http_exchange *exchange, uint64_t version);
/* Idempotency-Key; empty: none. ERR_BAD_REQUEST when it is longer than 128 bytes or is not printable ASCII. */
must_check enum err rest_idempotency_key(const struct http_exchange *exchange, struct span *key);
/* What reading a body came to: a field that the user may not even read is one that is not there. */
enum err rest_field_error(const struct request *request, const struct type *type, enum err err, struct span field);
/* A number in the query; false when it is there and is none, or is more than `max`. Not there: *out stays. */
bool rest_query_u64(struct http_exchange *exchange, const char *name, uint64_t max, uint64_t *out);

/* {"type","id","version","updated_at","data"} with only the fields of `mask`. */
void rest_write_record(struct buf *out, const struct type *type, const struct list_row *row, uint64_t mask);
/* A change's object, with only the operations that may be shown. */
void rest_write_change(struct buf *out, const struct type *type, const struct change *change, uint64_t mask);
void rest_write_user(struct buf *out, const char *key, const struct identity *identity);

/* Answers with one record: ETag, and for 201 Location. */
void rest_respond_record(struct request *request, unsigned status, const struct type *type, const struct list_row *row);
/* Answers a command on a record, or says why not: reads the record anew when the answer does not hold all of it. */
void rest_answer_record(struct request *request, const struct answer *answer, unsigned status);
/* Says why a command failed; a version that was not the present one goes into ETag. */
void rest_fail_answer(struct request *request, const struct answer *answer);
