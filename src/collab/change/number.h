/* number.h: sums of JSON numbers, given and had as text. Whole numbers stay whole as long as they fit 64 bits. Sums of
 * decimals are rounded to the 15 digits that a double keeps, so that 0.1 + 0.2 is 0.3 and taking 0.2 away again gives
 * 0.1: quantities and prices are decimals to those who read them. Pure. */
#pragma once

#include "base/arena.h"

bool number_is(struct span json); /* by its first byte: of valid JSON */
/* In the arena; empty: one of them is no number, or the sum is beyond what a double holds. */
struct span number_sum(struct arena *arena, struct span a, struct span b);
struct span number_negative(struct arena *arena, struct span number);
double number_value(struct arena *arena, struct span number); /* 0: it is none */
