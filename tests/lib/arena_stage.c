#include "lib/arena_stage.h"

struct arena arena;

int arena_stage_set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096);
    return 0;
}

int arena_stage_tear_down(void **state)
{
    (void)state;
    arena_deinit(&arena);
    return 0;
}
