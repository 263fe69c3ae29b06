/* say_stage.h: for tests of what dialects say: changes to the business types that are built in, fields that may be read, and what
 * becomes of an event. */
#pragma once

#include "collab/event.h"
#include "lib/type_stage.h"

#define ALL_FIELDS UINT64_MAX

uint64_t all_but(const char *type, const char *field);
/* A register is set. */
struct op set_op(const char *field, const char *before, const char *after);

typedef bool say_event(const struct event *event, uint64_t mask, struct buf *out);
/* Says it and lets it go. NULL: there are no words for it. */
void assert_said(say_event *say, struct event *event, uint64_t mask, const char *expected);
