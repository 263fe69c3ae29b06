/* clock.h: the two clocks. Durations use the monotonic one; the wall clock is for display and for the expiry of
 * tokens. Only net/, store/ and server/ read them; collab/ gets the time as an argument. Any thread. */
#pragma once

#include "base/buf.h"

uint64_t clock_mono_ns(void);
uint64_t clock_mono_ms(void);
int64_t clock_wall_ms(void); /* since 1970, UTC */
int64_t clock_wall_ns(void);

/* "2026-02-19T13:30:00.123Z"; pure, may be called from anywhere. */
void clock_append_iso(struct buf *out, int64_t wall_ms);
/* Parses that form (milliseconds and any offset optional); false when it is something else. */
bool clock_parse_iso(struct span text, int64_t *wall_ms);
