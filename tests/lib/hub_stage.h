/* hub_stage.h: the one hub of a test, `world`, with people whose names say which session they speak from, and the words in which tests of
 * hubs and records say what they expect. */
#pragma once

#include "lib/check.h"
#include "lib/hub_double.h"

extern struct hub_double *world;

/* cmocka's, around each test. */
int hub_stage_set_up(void **state);
int hub_stage_tear_down(void **state);

/* Sessions, on worker 0: 21 is user 2's first one, 22 his second. Ada may do everything, Vera only reads, the others edit. */
enum { ADA = 11, MARIA = 21, MARIA_TOO = 22, AMIR = 31, LI = 41, JOHN = 51, VERA = 81 };
unsigned user_of(session_id session);

/* A command about an object, with its input as JSON text. object_id may be "". */
struct command *object_command(session_id session, const char *room, enum object_kind kind, enum object_verb verb,
                               const char *object_id, const char *input);
/* The store does the oldest thing it was asked, and fails. */
void store_fails(enum err err);

/* The next event of a kind for worker 0; see hub_double_event. */
struct event *next_event(enum event_kind kind);

void assert_ok(const struct answer *answer);
void assert_refused(const struct answer *answer, enum err err);
/* A change was made, and is this version. */
void assert_made(const struct answer *answer, uint64_t version);
/* The store has this state of a record. */
void assert_record(const char *room, uint64_t version, const char *state);
