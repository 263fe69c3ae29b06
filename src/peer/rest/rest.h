/* rest.h: what the REST endpoints share: reading records' coordinates, validators and keys from a request, and answering with records (printed by
 * dialect/record_say.h), users and errors. The wire is described in docs/protocol/rest.md. */
#pragma once

#include "peer/dialect/dialogue.h"
#include "peer/rest/route.h"

extern const struct route routes_login[], routes_types[], routes_records[], routes_changes[], routes_actions[],
    routes_history[], routes_undo[], routes_locks[], routes_conflicts[], routes_comments[], routes_messages[],
    routes_notifications[], routes_activity[], routes_presence[], routes_inventory[], routes_events[], routes_health[],
    routes_sockets[], routes_sockets_rest[], routes_backend[];

/* The type named in the path's first segment, if the user may read it; else the request is answered 404 (as for a type that
 * is not there) and this is NULL. */
const struct type *rest_type(struct request *request);
/* Its second segment: false (answered 404) when no record can have that id. */
bool rest_id(struct request *request, struct span *id);
/* "work_order:WO-1001", in the arena. */
struct span rest_room(struct arena *arena, const struct type *type, struct span id);

/* The room of the record that the path's first two segments name; false: answered 404, as above. */
bool rest_record_room(struct request *request, struct span *room);

/* ?type=: NULL when it is not given; false (answered 404) when there is none of that name that the user may read. */
bool rest_query_type(struct request *request, const struct type **type);
/* The user named in the path's first segment; false (answered 404) when nobody can have that id. */
bool rest_user_id(struct request *request, struct span *id);
/* "user:5", in the exchange's arena. */
struct span rest_user_room(struct request *request, struct span user_id);

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
/* A change that a backend asks for on behalf of somebody (rest_behalf.c): its metadata say who sent it. ERR_BAD_FIELD when they do already. */
must_check enum err rest_sign_change(const struct request *request, struct arena *arena, struct change *change);

/* What a change is to be made against and under, beside its operations: If-Match, X-Base-Version or ?base_version=, Lock-Token,
 * ?strategy=, ?group=. Fills the change; ERR_BAD_REQUEST, ERR_BAD_FIELD, ERR_BAD_VERSION, ERR_PRECONDITION with *field. */
must_check enum err rest_change_terms(struct request *request, struct arena *arena, struct change *change,
                                      struct span *field);
/* What reading a body came to: a field that the user may not even read is one that is not there. */
enum err rest_field_error(const struct request *request, const struct type *type, enum err err, struct span field);
/* A number in the query; false when it is there and is none, or is more than `max`. Not there: *out stays. */
bool rest_query_u64(struct http_exchange *exchange, const char *name, uint64_t max, uint64_t *out);
/* A moment (ISO 8601) in the query; as above. */
bool rest_query_time(struct http_exchange *exchange, const char *name, int64_t *out);
/* A text in the query, at most 256 bytes of UTF-8, copied into the arena; as above. */
bool rest_query_text(struct http_exchange *exchange, struct arena *arena, const char *name, struct span *out);

/* Pages: `limit` (50 when it is not given) and `cursor`, which is copied into the arena. ERR_BAD_FIELD with *field. */
must_check enum err rest_page(struct request *request, struct arena *arena, struct span *cursor, uint32_t *limit,
                              struct span *field);
void rest_write_cursor(struct buf *out, struct span next); /* "next_cursor":"..." or null */
/* The store did not give a page. */
void rest_fail_page(struct request *request, enum err err);

/* An application's own server (role `service`) or an administrator. */
bool rest_has_backend_role(const struct request *request);
/* False: everybody else was answered 403. */
bool rest_is_backend(struct request *request);

void rest_write_user(struct buf *out, const char *key, const struct identity *identity);

/* Answers with one record: ETag, and for 201 Location. */
void rest_respond_record(struct request *request, unsigned status, const struct type *type, const struct list_row *row);
/* Answers a command on a record, or says why not: reads the record anew when the answer does not hold all of it. */
void rest_answer_record(struct request *request, const struct answer *answer, unsigned status);
/* What became of a change, in headers: X-Verdict, X-Strategy, X-Skipped. */
void rest_add_verdict(struct request *request, const struct answer *answer);
/* {"verdict":"conflict","strategy","conflict":{...}}: 202, because nothing was changed yet. */
void rest_answer_conflict(struct request *request, const struct answer *answer);
/* Says why a command failed; a version that was not the present one goes into ETag, a lock that is in the way or a conflict as it is
 * by now beside the error. */
void rest_fail_answer(struct request *request, const struct answer *answer);
