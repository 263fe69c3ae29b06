/* object_double.h: commands about what is kept beside records, to a hub_double whose orders have a cost that only managers see and a
 * customer. Bodies are looked at member by member. */
#pragma once

#include "lib/hub_double.h"

/* Orders and customers instead of the double's own types. There are order:O-1, the pump of customer C-1, order:O-2 and customer:C-7. */
struct hub_double *object_double_new(void);
void object_double_free(struct hub_double *world);

/* A command with the input as JSON text. object_id and id (the idempotency key) may be "". */
struct command *object_command(struct hub_double *world, unsigned user, const char *room, enum object_kind kind,
                               enum object_verb verb, const char *object_id, const char *input);
/* The same, done; its answer is lent. */
struct answer *object_ask(struct hub_double *world, unsigned user, const char *room, enum object_kind kind,
                          enum object_verb verb, const char *object_id, const char *input);
struct answer *object_ask_as(struct hub_double *world, const char *id, unsigned user, const char *room,
                             enum object_kind kind, enum object_verb verb, const char *object_id, const char *input);
/* The session with which a user sends. */
session_id object_session(unsigned user);

/* A member of a body as JSON text without quotes ("text", "show.toast", "mentions.0"); "" when it is not there. Valid until the
 * fourth call after it. */
const char *member_of(struct span body, const char *path);
/* The body of an answer's object. */
const char *answered(const struct answer *answer, const char *path);

/* The next event about an object that a room heard; NULL: none. Passes over everything else. */
struct event *object_heard(struct hub_double *world, const char *room);
/* How many notifications of a type are kept for a user. */
unsigned object_notices(const struct hub_double *world, const char *user_id, const char *type);
/* The newest of them; its body, or an empty span. */
struct span object_notice(const struct hub_double *world, const char *user_id);
