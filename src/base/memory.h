/* memory.h: allocation that cannot fail. Out of memory is one line on standard error and abort(): no size chosen by
 * a peer may reach these before it was compared with a limit. Release with free(). Any thread. */
#pragma once

#include <stddef.h>

void *memory_alloc(size_t size); /* zeroed */
void *memory_resize(void *memory, size_t size);
void *memory_copy(const void *data, size_t size);
/* count * size, checked for overflow; zeroed */
void *memory_array(size_t count, size_t size);

#define NEW(type) ((type *)memory_alloc(sizeof(type)))
