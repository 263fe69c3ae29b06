/* store_fixture.h: a store in a folder of its own, with one business type, "order", and requests ready to be
 * executed. */
#pragma once

#include "store/store.h"

struct store_fixture {
    char folder[256]; /* removed with everything in it by store_fixture_deinit */
    struct type_registry *registry;
    const struct type *type;
    struct store_options options; /* tests may change the numbers and open again */
    struct store *store;
    struct store_reader *reader; /* opened when first asked for */
    struct arena arena;
    struct buf why;
    int64_t wall_ms; /* passed to the store */
};

/* Makes the folder and opens the store; a failure fails the test. */
void store_fixture_init(struct store_fixture *fixture);
void store_fixture_deinit(struct store_fixture *fixture);
void store_fixture_close(struct store_fixture *fixture); /* store and reader */
enum err store_fixture_open(struct store_fixture *fixture);
void store_fixture_reopen(struct store_fixture *fixture); /* a restart */
struct store_reader *store_fixture_reader(struct store_fixture *fixture);
/* The first number of the first row that a query gives, through the store's connection. */
int64_t store_fixture_number(struct store_fixture *fixture, const char *query);
/* folder/name, in the arena */
const char *store_fixture_path(struct store_fixture *fixture, const char *name);

/* A change of order ID to version: a merge patch on `state`, or the whole record when state is empty. Shown in the
 * record's room, the type's channel and "records". The request's commit.new_state is what it makes of it. */
struct store_request *store_fixture_change(struct store_fixture *fixture, const char *id, uint64_t version,
                                           struct span state, const char *patch);
struct store_request *store_fixture_delete(struct store_fixture *fixture, const char *id, uint64_t version);
/* A message in a room. */
struct store_request *store_fixture_message(struct store_fixture *fixture, const char *room, const char *data);
/* An object of order:O-1, put with this revision and body (empty: taken away), and its event in that room. Tests may
 * change commit.objects[0] and add more. */
struct store_request *store_fixture_object(struct store_fixture *fixture, enum object_kind kind, const char *id,
                                           uint64_t revision, const char *body);
/* Makes the request's first event a line of the activity feed: of user 5 and the request's record, if it has one. */
struct commit_activity *store_fixture_note(struct store_request *request, const char *action);
void store_fixture_set_op(struct store_request *request, const char *user, const char *op, uint64_t hash,
                          const char *answer);

/* Executes one request as a batch and gives its result; the request stays the caller's. */
enum err store_fixture_execute(struct store_fixture *fixture, struct store_request *request);
/* Reads the record's state, makes a change to it with the next version and commits it. */
enum err store_fixture_put(struct store_fixture *fixture, const char *id, const char *patch);
/* Commits a request and frees it. */
enum err store_fixture_commit(struct store_fixture *fixture, struct store_request *request);
enum err store_fixture_say(struct store_fixture *fixture, const char *room, const char *data);
/* The state as the store has it, in the fixture's arena; empty when there is none. */
struct span store_fixture_state(struct store_fixture *fixture, const char *id, uint64_t *version);
/* Where a room stands. */
struct position store_fixture_position(struct store_fixture *fixture, const char *room);
/* A request for what came after an offset of the present epoch. */
struct store_request *store_fixture_events(struct store_fixture *fixture, const char *room, uint64_t since,
                                           uint32_t count_max);
