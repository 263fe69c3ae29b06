/* change_stage.h: changes as clients send them, read against one business type, "order", and applied to a state. What the newest
 * one became is in `tried`. */
#pragma once

#include "collab/change/change.h"
#include "lib/type_stage.h"

struct tried {
    const struct type *type;
    struct change change;
    struct span field; /* that was wrong */
    struct buf state;  /* what change_try_on made */
};

extern struct tried tried;

/* cmocka's, around each test. */
int change_stage_set_up(void **state);
int change_stage_tear_down(void **state);

/* JSON text; valid until the next call. */
yyjson_val *change_stage_json(const char *text);
uint64_t change_stage_writable(const char *role);

/* Reads a merge patch for ORD-1, a whole record, or a change in a client's words, from an editor. */
enum err change_try_patch(const char *text);
enum err change_try_record(const char *text);
enum err change_try(const char *text);
/* Applies what was read. */
enum err change_try_on(const char *state);

void assert_wrong(enum err err, enum err expected, const char *field);
void assert_applied(const char *state, const char *expected);
/* One change, from its JSON, on a state. */
void assert_op(const char *change, const char *state, const char *expected);
