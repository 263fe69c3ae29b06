/* store_stage.h: the one store of a test, `fixture`, and what a test does to it from outside: through its own connection, to its files, or
 * by killing the process that it is in. */
#pragma once

#include "lib/check.h"
#include "lib/store_fixture.h"

extern struct store_fixture fixture;

/* cmocka's, around each test. */
int store_stage_set_up(void **state);
int store_stage_tear_down(void **state);

void store_stage_exec(const char *sql);
int64_t store_stage_number(const char *query);
/* All that is to be tidied by now. */
void store_stage_tidy(void);

/* A change of a record to version with an idempotency key, whose answer is the record's id; its result. */
enum err store_stage_change_with_key(const char *id, uint64_t version, const char *user, const char *key, uint64_t hash,
                                     struct store_request **out);

/* In the store's folder. */
void store_stage_write_file(const char *name, const char *text, size_t len);
void store_stage_copy_file(const char *from, const char *to);
void store_stage_remove_file(const char *name);
/* Leaves the folder as if the process had been killed at this moment. */
void store_stage_kill(void);
