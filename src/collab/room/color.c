#include "collab/room/color.h"

#include "base/map.h"
#include "base/memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BITS = 64 };

static const char palette[COLOR_PALETTE_COUNT][8] = {"#FF6B6B", "#4ECDC4", "#45B7D1", "#FFA07A", "#98D8C8", "#F7DC6F"};

/* ---- the colours -------------------------------------------------------------------------------------------------- */

/* Hues a golden angle apart are as far from each other as they can be, however many there are. Three bands of brightness
 * keep neighbours apart once the hues come close; all are dark enough to be seen on white and light enough for dark text.
 * The last four bits of each part spell the number, which makes colours different that came out the same. */
static struct color generated(uint32_t number)
{
    static const unsigned char bands[3][2] = {{0x58, 0xE8}, {0x40, 0xC0}, {0x70, 0xD8}}; /* lowest and highest part */
    const unsigned low = bands[number % 3][0];
    const unsigned range = bands[number % 3][1] - low;
    const uint64_t turn = (uint64_t)(uint32_t)(number * 2654435769u) * 6; /* 2^32 / the golden ratio; six sextants */
    const unsigned rise = (unsigned)(((turn & UINT32_MAX) * range) >> 32);
    const unsigned parts[6][3] = {{range, rise, 0},         {range - rise, range, 0}, {0, range, rise},
                                  {0, range - rise, range}, {rise, 0, range},         {range, 0, range - rise}};
    const unsigned *part = parts[turn >> 32];
    unsigned rgb[3];
    struct color color;

    for (unsigned i = 0; i < 3; i++)
        rgb[i] = ((low + part[i]) & 0xF0U) | ((number >> (4 * i)) & 0xFU);
    (void)snprintf(color.text, sizeof(color.text), "#%02X%02X%02X", rgb[0] & 0xFF, rgb[1] & 0xFF, rgb[2] & 0xFF);
    return color;
}

struct color color_at(uint32_t number)
{
    struct color color;

    if (number >= COLOR_PALETTE_COUNT)
        return generated(number);
    memcpy(color.text, palette[number], sizeof(color.text));
    return color;
}

struct color color_parse(struct span text)
{
    struct color color = {"#"};

    assert(text.len == 7);
    for (size_t i = 1; i < 7; i++)
        color.text[i] = (char)(text.data[i] >= 'a' ? text.data[i] - 'a' + 'A' : text.data[i]);
    return color;
}

/* Numbered accounts take the palette in turn, so that the first six people of a small team never share a preference. */
uint32_t color_preferred(struct span user_id)
{
    uint64_t number;

    if (!span_parse_u64(user_id, &number) || number == 0)
        return (uint32_t)(hash_stable(user_id) % COLOR_PALETTE_COUNT);
    return (uint32_t)((number - 1) % COLOR_PALETTE_COUNT);
}

/* ---- sets of them ------------------------------------------------------------------------------------------------- */

void color_set_deinit(struct color_set *set)
{
    free(set->high);
    *set = (struct color_set){0};
}

static uint64_t word_at(const struct color_set *set, uint32_t index)
{
    if (index == 0)
        return set->low;
    return index <= set->high_count ? set->high[index - 1] : 0;
}

bool color_set_has(const struct color_set *set, uint32_t number)
{
    return (word_at(set, number / BITS) >> (number % BITS)) & 1;
}

void color_set_add(struct color_set *set, uint32_t number)
{
    const uint32_t index = number / BITS;
    const uint64_t bit = (uint64_t)1 << (number % BITS);

    if (index == 0) {
        set->low |= bit;
        return;
    }
    if (index > set->high_count) {
        set->high = memory_resize(set->high, index * sizeof(*set->high));
        memset(set->high + set->high_count, 0, (index - set->high_count) * sizeof(*set->high));
        set->high_count = index;
    }
    set->high[index - 1] |= bit;
}

void color_set_remove(struct color_set *set, uint32_t number)
{
    const uint32_t index = number / BITS;
    const uint64_t bit = (uint64_t)1 << (number % BITS);

    if (index == 0)
        set->low &= ~bit;
    else if (index <= set->high_count)
        set->high[index - 1] &= ~bit;
}

uint32_t color_set_next_free(const struct color_set *set, uint32_t from)
{
    for (uint32_t index = from / BITS;; index++) {
        uint64_t taken = word_at(set, index);

        if (index == from / BITS)
            taken |= ((uint64_t)1 << (from % BITS)) - 1; /* those before `from` */
        if (taken != UINT64_MAX)
            return index * BITS + (uint32_t)__builtin_ctzll(~taken);
    }
}
