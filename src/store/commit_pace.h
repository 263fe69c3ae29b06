/* commit_pace.h: whether a commit waits a moment for company. A flush of the disk costs the same for one change and for
 * twenty. While few are asked for, each is done at once; from so many a second on that some are to be expected within
 * `gather_ns`, they are done together, at most that long after the batch before began. So nobody waits alone, no
 * sender who waits for each of his answers is slowed down below that many a second, and a queue that is long anyway does
 * not wait. Pure; time comes as an argument. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { PACE_COMPANY = 4 /* expected in a batch, or it is not waited for */, PACE_FULL = 64 /* not waited longer */ };

struct commit_pace {
    uint64_t gather_ns;       /* 0: nobody ever waits */
    uint64_t batch_began_ns;  /* the last one */
    uint64_t window_began_ns; /* in which the commits are counted */
    uint32_t window_count;
    bool is_busy; /* in the window before this one */
};

void commit_pace_init(struct commit_pace *pace, uint64_t gather_ns, uint64_t now_ns);
/* How long `waiting` commits, which could begin now, are to wait for more. */
uint64_t commit_pace_wait_ns(const struct commit_pace *pace, uint64_t now_ns, uint32_t waiting);
/* A batch with so many commits begins. */
void commit_pace_note(struct commit_pace *pace, uint64_t now_ns, uint32_t count);
