#include "store/commit_pace.h"

#define WINDOW_NS ((uint64_t)20 * 1000 * 1000)

void commit_pace_init(struct commit_pace *pace, uint64_t gather_ns, uint64_t now_ns)
{
    *pace = (struct commit_pace){.gather_ns = gather_ns, .window_began_ns = now_ns};
}

uint64_t commit_pace_wait_ns(const struct commit_pace *pace, uint64_t now_ns, uint32_t waiting)
{
    const uint64_t since_ns = now_ns - pace->batch_began_ns;

    if (!pace->is_busy || waiting == 0 || waiting >= PACE_FULL || since_ns >= pace->gather_ns)
        return 0;
    return pace->gather_ns - since_ns;
}

/* Counted over a window that ended: so many that PACE_COMPANY come in gather_ns. */
static bool is_busy(const struct commit_pace *pace, uint64_t lasted_ns)
{
    return (uint64_t)pace->window_count * pace->gather_ns >= PACE_COMPANY * lasted_ns;
}

void commit_pace_note(struct commit_pace *pace, uint64_t now_ns, uint32_t count)
{
    const uint64_t lasted_ns = now_ns - pace->window_began_ns;

    if (lasted_ns >= WINDOW_NS) {
        pace->is_busy = is_busy(pace, lasted_ns);
        pace->window_began_ns = now_ns;
        pace->window_count = 0;
    }
    pace->window_count += count;
    pace->batch_began_ns = now_ns;
}
