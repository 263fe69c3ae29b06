/* object_double.h: commands about what is kept beside records, to a hub_double whose orders have a cost that only managers see and a
 * customer. Bodies are looked at member by member. */
#pragma once

#include "lib/hub_stage.h"

/* Around each test: orders and customers instead of the double's own types. There are order:O-1, the pump of customer C-1, order:O-2 and
 * customer:C-7. */
int object_set_up(void **state);

/* A command about an object, done; its answer is lent. id is the idempotency key and may be "". */
struct answer *object_ask(session_id session, const char *room, enum object_kind kind, enum object_verb verb,
                          const char *object_id, const char *input);
struct answer *object_ask_as(const char *id, session_id session, const char *room, enum object_kind kind,
                             enum object_verb verb, const char *object_id, const char *input);
/* That session hears what happens in a room from now on. */
void object_listen(session_id session, const char *room);
/* The store has this object from now on, and no hub was asked. */
void object_put(const struct object *object);

/* A member of a body as JSON text without quotes ("text", "show.toast", "mentions.0"); "" when it is not there. Valid until the
 * fourth call after it. */
const char *member_of(struct span body, const char *path);
/* The body of an answer's object. */
const char *answered(const struct answer *answer, const char *path);

void assert_done(const struct answer *answer);
/* Because of this field (""), and nothing is told of the object. */
void assert_refused_for(const struct answer *answer, enum err err, const char *field);

/* The next event about an object that a room heard; NULL: none. Passes over everything else. */
struct event *object_heard(const char *room);
/* How many notifications of a type are kept for a user. */
unsigned object_notices(const char *user_id, const char *type);
/* The newest of them; its body, or an empty span. */
struct span object_notice(const char *user_id);
