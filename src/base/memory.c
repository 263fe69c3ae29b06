#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SMALL_BYTES_MAX = 4096 };

/* No log.h here: the log allocates. The line is JSON, so that it can be read in either format of the log, and lives on
 * the stack, because there is nothing left on the heap. */
static _Noreturn void out_of_memory(size_t size)
{
    char line[96];
    int len =
        snprintf(line, sizeof(line), "{\"level\":\"error\",\"event\":\"memory.exhausted\",\"bytes\":%zu}\n", size);

    /* When even standard error is gone there is nobody left to tell. */
    if (len > 0 && write(STDERR_FILENO, line, (size_t)len) < 0)
        abort();
    abort();
}

/* malloc(0) may give NULL, which would look like exhaustion. */
static size_t at_least_one(size_t size)
{
    return size > 0 ? size : 1;
}

/* glibc's calloc passes by the thread's own list of small free blocks, which malloc takes from without a lock: messages
 * live off that list. What is large comes fresh from the kernel and is zero already. */
void *memory_alloc(size_t size)
{
    void *memory;

    if (size > SMALL_BYTES_MAX)
        return memory_array(1, size);
    memory = malloc(at_least_one(size));
    if (memory == NULL)
        out_of_memory(size);
    return memset(memory, 0, size);
}

void *memory_array(size_t count, size_t size)
{
    size_t bytes;
    void *memory;

    if (__builtin_mul_overflow(count, size, &bytes))
        out_of_memory(SIZE_MAX);
    memory = calloc(1, at_least_one(bytes));
    if (memory == NULL)
        out_of_memory(bytes);
    return memory;
}

void *memory_resize(void *memory, size_t size)
{
    void *resized = realloc(memory, at_least_one(size));

    if (resized == NULL)
        out_of_memory(size);
    return resized;
}

void *memory_copy(const void *data, size_t size)
{
    void *copy = malloc(at_least_one(size));

    if (copy == NULL)
        out_of_memory(size);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}
