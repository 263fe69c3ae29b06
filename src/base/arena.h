/* arena.h: memory for one turn or one request, given back all at once. Blocks of `block_size` bytes, larger requests
 * get a block of their own. One owner, one thread. */
#pragma once

#include "base/span.h"

struct arena_block;
struct arena {
    struct arena_block *blocks; /* newest first */
    size_t block_size;
    size_t used_bytes; /* handed out since the last reset */
};

void arena_init(struct arena *arena, size_t block_size);
void arena_deinit(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t size);           /* zeroed, aligned for any type */
struct span arena_copy(struct arena *arena, struct span span); /* the copy is followed by a NUL */
__attribute__((format(printf, 2, 3))) struct span arena_printf(struct arena *arena, const char *format, ...);
void arena_reset(struct arena *arena); /* keeps one block */
