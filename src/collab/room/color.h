/* color.h: which colour a person has in a room. Colours are numbered: the palette's six, then generated ones without end, each
 * different from all others. A set holds the numbers that are taken in one room. Pure. */
#pragma once

#include "base/span.h"

enum { COLOR_PALETTE_COUNT = 6 };

struct color {
    char text[8]; /* "#FF6B6B" and a NUL */
};

struct color color_at(uint32_t number);
/* #RRGGBB in upper case, so that two spellings of a colour are one. The text is valid (color_is_valid). */
struct color color_parse(struct span text);
static inline struct span color_span(const struct color *color)
{
    return span_of(color->text, 7);
}
/* The number of the palette's colour that somebody has wherever it is free: people recognise each other by it. */
uint32_t color_preferred(struct span user_id);

struct color_set {
    uint64_t low; /* numbers 0..63: most rooms have no more people */
    uint64_t *high;
    uint32_t high_count;
};

void color_set_deinit(struct color_set *set);
bool color_set_has(const struct color_set *set, uint32_t number);
void color_set_add(struct color_set *set, uint32_t number);
void color_set_remove(struct color_set *set, uint32_t number);
/* The lowest number from `from` on that is not taken. */
uint32_t color_set_next_free(const struct color_set *set, uint32_t from);
