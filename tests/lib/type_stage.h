/* type_stage.h: the business types of a test, beside an arena for what it makes. */
#pragma once

#include "collab/type/type.h"
#include "lib/arena_stage.h"

extern struct type_registry *registry;

/* With types as JSON text; a mistake in it fails the test. */
void type_stage_init(const char *types);
/* cmocka's, around each test: with the types that are built in. */
int type_stage_set_up(void **state);
int type_stage_tear_down(void **state);
