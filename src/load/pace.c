#include "load/pace.h"

#include "base/memory.h"
#include "base/rand.h"

#include <assert.h>
#include <stdlib.h>

static int compare_turns(const void *a, const void *b)
{
    uint64_t phase_a = ((const struct pace_turn *)a)->phase_ns, phase_b = ((const struct pace_turn *)b)->phase_ns;

    return (phase_a > phase_b) - (phase_a < phase_b);
}

void pace_init(struct pace *pace, uint32_t speaker_count, double rate, uint64_t start_ns, uint64_t seed)
{
    struct rand rand;

    assert(speaker_count > 0 && rate > 0);
    rand_seed(&rand, seed);
    *pace = (struct pace){.start_ns = start_ns, .period_ns = (uint64_t)(1e9 / rate), .speaker_count = speaker_count};
    if (pace->period_ns == 0)
        pace->period_ns = 1;
    pace->turns = memory_array(speaker_count, sizeof(*pace->turns));
    for (uint32_t i = 0; i < speaker_count; i++)
        pace->turns[i] = (struct pace_turn){speaker_count > 1 ? rand_below(&rand, pace->period_ns) : 0, i};
    qsort(pace->turns, speaker_count, sizeof(*pace->turns), compare_turns);
}

void pace_deinit(struct pace *pace)
{
    free(pace->turns);
    pace->turns = NULL;
}

uint64_t pace_due_ns(const struct pace *pace)
{
    return pace->start_ns + pace->period_index * pace->period_ns + pace->turns[pace->turn].phase_ns;
}

uint32_t pace_take(struct pace *pace)
{
    uint32_t speaker = pace->turns[pace->turn].speaker;

    if (++pace->turn == pace->speaker_count) {
        pace->turn = 0;
        pace->period_index++;
    }
    return speaker;
}
