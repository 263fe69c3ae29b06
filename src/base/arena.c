#include "base/arena.h"

#include "base/memory.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Under AddressSanitizer what is not handed out is off limits, with a gap behind every allocation: so memory used after
 * arena_reset and writes past the end are found here as they are with malloc. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN
#endif

#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
enum { GAP = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(memory, size) ((void)(memory), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(memory, size) ((void)(memory), (void)(size))
enum { GAP = 0 };
#endif

struct arena_block {
    struct arena_block *next;
    size_t size; /* of bytes */
    size_t used;
    alignas(max_align_t) char bytes[];
};

static size_t round_up(size_t size)
{
    const size_t mask = alignof(max_align_t) - 1;

    assert(size <= SIZE_MAX - mask - GAP - sizeof(struct arena_block));
    return (size + mask) & ~mask;
}

static struct arena_block *block_new(size_t size)
{
    struct arena_block *block = memory_resize(NULL, sizeof(*block) + size);

    block->next = NULL;
    block->size = size;
    block->used = 0;
    ASAN_POISON_MEMORY_REGION(block->bytes, block->size);
    return block;
}

void arena_init(struct arena *arena, size_t block_size)
{
    assert(block_size > 0);
    *arena = (struct arena){.block_size = round_up(block_size)};
}

static void free_blocks(struct arena_block *block)
{
    while (block) {
        struct arena_block *next = block->next;

        free(block);
        block = next;
    }
}

void arena_deinit(struct arena *arena)
{
    free_blocks(arena->blocks);
    *arena = (struct arena){.block_size = arena->block_size};
}

/* A block with `size` bytes of room. A large request's own block goes behind the first one, whose rest stays usable. */
static struct arena_block *block_for(struct arena *arena, size_t size)
{
    struct arena_block *first = arena->blocks;
    struct arena_block *block;

    if (first && first->size - first->used >= size)
        return first;
    block = block_new(size > arena->block_size ? size : arena->block_size);
    if (first && size > arena->block_size) {
        block->next = first->next;
        first->next = block;
    } else {
        block->next = first;
        arena->blocks = block;
    }
    return block;
}

static char *take(struct arena *arena, size_t size)
{
    size_t rounded = round_up(size > 0 ? size : 1);
    struct arena_block *block = block_for(arena, rounded + GAP);
    char *memory = block->bytes + block->used;

    block->used += rounded + GAP;
    arena->used_bytes += rounded;
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
    return memory;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    return memset(take(arena, size), 0, size);
}

struct span arena_copy(struct arena *arena, struct span span)
{
    char *copy;

    assert(span.len < SIZE_MAX);
    copy = take(arena, span.len + 1);
    if (span.len > 0)
        memcpy(copy, span.data, span.len);
    copy[span.len] = '\0';
    return (struct span){copy, span.len};
}

struct span arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    char short_text[128], *text; /* most are names: formatting once is enough for them */
    int len;

    va_start(args, format);
    len = vsnprintf(short_text, sizeof(short_text), format, args);
    va_end(args);
    assert(len >= 0);
    if ((size_t)len < sizeof(short_text))
        return arena_copy(arena, (struct span){short_text, (size_t)len});

    text = take(arena, (size_t)len + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return (struct span){text, (size_t)len};
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = arena->blocks;

    arena->used_bytes = 0;
    if (kept == NULL)
        return;
    free_blocks(kept->next);
    kept->next = NULL;
    kept->used = 0;
    ASAN_POISON_MEMORY_REGION(kept->bytes, kept->size);
    /* A block of its own that one large request got is not worth keeping for all the small turns to come. */
    if (kept->size > arena->block_size)
        arena_deinit(arena);
}
