/* process.h: what another process on this machine has used, from the kernel's books. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process_use {
    uint64_t cpu_ns;     /* all its threads, also those that ended */
    uint64_t user_ticks; /* of which in user mode and in the kernel, coarsely: only their ratio is of use */
    uint64_t system_ticks;
    size_t resident_bytes;
    size_t anonymous_bytes; /* resident memory that no file backs: heap and stacks */
};

/* False when there is no such process (any more). */
bool process_read(pid_t pid, struct process_use *use);
