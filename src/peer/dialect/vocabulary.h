/* vocabulary.h: what the two vocabularies of Socket.IO's namespace `/` share (dialect_inventory.c, dialect_projects.c): reading arguments, joining rooms on
 * the client's behalf, making changes, saying messages. Home thread only.
 *
 * Who joins something is answered when he hears everything that belongs to it: the rooms that his vocabulary joins for him too (a type's channel, the
 * alerts). Until then the answer is held. */
#pragma once

#include "peer/socketio/socketio_session.h"

/* What was asked, as it stands in a command's tag (sio_tag_asked). A vocabulary's own begin with VOCABULARY_OWN. */
enum { VOCABULARY_NOTHING, VOCABULARY_JOIN, VOCABULARY_PLAIN, VOCABULARY_OWN };

/* The payload is an object, or there is none. ERR_BAD_FIELD. */
must_check enum err vocabulary_object(struct sio_hearing *hearing);
/* A text of 1 to 128 bytes under either name; numbers count as their digits. Missing: *out is empty, or ERR_MISSING_FIELD when it is required. */
must_check enum err vocabulary_text(struct sio_hearing *hearing, const char *key, const char *other, bool is_required,
                                    struct span *out);
/* A value under either name, whatever it is. ERR_MISSING_FIELD. */
must_check enum err vocabulary_value(struct sio_hearing *hearing, const char *key, const char *other, yyjson_val **out);
/* "TYPE:ID" in the hearing's arena, of a required id. ERR_BAD_NAME. */
must_check enum err vocabulary_record_room(struct sio_hearing *hearing, const char *type_name, const char *key,
                                           const char *other, struct span *id, struct span *room);
/* OK when the session is in that room. */
must_check enum err vocabulary_member(struct sio_hearing *hearing, struct span room, const char *field);

/* Joins a room as somebody who is seen there, as the payload says how (VOCABULARY_JOIN); leaves one that he is in (VOCABULARY_PLAIN). `field` is what an error
 * names. */
must_check enum err vocabulary_enter(struct sio_hearing *hearing, struct span room, const char *field);
must_check enum err vocabulary_leave(struct sio_hearing *hearing, struct span room, const char *field);
/* Asks who is in a room that he is in again, without an acknowledgement (sio_vocabulary.returned): who came and went meanwhile is not told one by one. */
void vocabulary_look(struct session *session, struct span room, unsigned asked);
/* Joins a room that the client did not ask for; nobody is told when it fails. To be called by `opened`, when the vocabulary is decided. */
void vocabulary_join(struct session *session, struct span room, bool listens, bool is_present);
/* The dialects' `answer`: says it as what was asked has it said, unless it is an error, has to wait for others or is plain. */
void vocabulary_answer(struct session *session, const struct answer *answer,
                       void (*const ways[])(struct session *session, const struct answer *answer));
/* {"ok":true,...} with these members ("key":value,...; they begin with no comma) and, of what was done before, "repeat". False: no acknowledgement was
 * asked for. */
bool vocabulary_acknowledge(struct session *session, const struct answer *answer, struct span members);
/* The dialects' `closed`. */
void vocabulary_close(struct session *session);

/* A change of one record: either `patch` (an object) or `field` and its `value`. `metadata` is a JSON object or empty. The id (idempotency key) and the
 * version it was made against are taken from the payload. Sends it. */
struct vocabulary_change {
    const struct type *type;
    struct span id, room;
    yyjson_val *patch;
    struct span field;
    yyjson_val *value;
    struct span metadata;
};
must_check enum err vocabulary_change(struct sio_hearing *hearing, const struct vocabulary_change *change,
                                      unsigned asked);

/* A path as people write it: "status", "phases.@p1.name". */
void vocabulary_path(struct buf *out, const struct op *op);
/* ["name", data] of a published message. What would pass for an event of the server's own, or of the client's library, is ["message", {...}] instead.
 * `own_names` ends with NULL. */
void vocabulary_say_message(const struct event *event, const char *const *own_names, struct buf *out);
/* Opens ["name",{ and closes }]. */
void vocabulary_open(struct buf *out, const char *name);
void vocabulary_shut(struct buf *out);
