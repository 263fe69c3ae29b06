/* arena_stage.h: an arena for what a test makes, made anew for every test. */
#pragma once

#include "base/arena.h"
#include "lib/check.h"

extern struct arena arena;

/* cmocka's, around each test. */
int arena_stage_set_up(void **state);
int arena_stage_tear_down(void **state);
