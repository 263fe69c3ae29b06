/* pace.h: when who of many speakers is to speak. Each speaks once per period, at a moment of his own in it, drawn
 * once: so messages fall as irregularly as people's do, and each speaker's rate is exact. Pure; times are on the
 * caller's clock. */
#pragma once

#include <stdint.h>

struct pace_turn {
    uint64_t phase_ns; /* after the period's begin */
    uint32_t speaker;
};

struct pace {
    uint64_t start_ns, period_ns;
    uint64_t period_index; /* that of the next turn */
    uint32_t turn, speaker_count;
    struct pace_turn *turns; /* in the order of their phases */
};

/* `rate` is each speaker's messages per second. The same seed gives the same phases; a single speaker's is 0. */
void pace_init(struct pace *pace, uint32_t speaker_count, double rate, uint64_t start_ns, uint64_t seed);
void pace_deinit(struct pace *pace);
uint64_t pace_due_ns(const struct pace *pace); /* when the next one is to speak */
uint32_t pace_take(struct pace *pace);         /* gives who that is, and goes on to the one after him */
