#include "collab/room/color.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collab/command.h"

#include <stdlib.h>
#include <string.h>

enum { MANY = 20000 }; /* as many people as a room may have */

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void the_palette_comes_first(void **state)
{
    (void)state;
    assert_string_equal(color_at(0).text, "#FF6B6B");
    assert_string_equal(color_at(5).text, "#F7DC6F");
}

static void a_full_room_has_as_many_colours_as_people(void **state)
{
    struct color *colors = calloc(MANY, sizeof(*colors));

    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        colors[i] = color_at(i);
        assert_true(color_is_valid(color_span(&colors[i])));
    }
    qsort(colors, MANY, sizeof(*colors), compare);
    for (uint32_t i = 1; i < MANY; i++)
        assert_string_not_equal(colors[i - 1].text, colors[i].text);
    free(colors);
}

/* No part of a generated colour is black or white: it is seen on both. */
static void generated_colours_are_neither_black_nor_white(void **state)
{
    (void)state;
    for (uint32_t i = COLOR_PALETTE_COUNT; i < MANY; i++) {
        const struct color color = color_at(i);
        const unsigned long rgb = strtoul(color.text + 1, NULL, 16);
        const unsigned brightness = (unsigned)((rgb >> 16) + (rgb >> 8 & 255) + (rgb & 255));

        assert_in_range(brightness, 0x40 * 3, 0xD8 * 3);
    }
}

static void two_spellings_are_one_colour(void **state)
{
    (void)state;
    assert_string_equal(color_parse(SPAN("#ff6b6b")).text, "#FF6B6B");
    assert_string_equal(color_parse(SPAN("#09aFfA")).text, "#09AFFA");
}

static void the_first_accounts_prefer_different_colours(void **state)
{
    (void)state;
    assert_int_equal(color_preferred(SPAN("1")), 0);
    assert_int_equal(color_preferred(SPAN("6")), 5);
    assert_int_equal(color_preferred(SPAN("7")), 0);
    assert_in_range(color_preferred(SPAN("0")), 0, 5);
    assert_in_range(color_preferred(SPAN("auth0|abc")), 0, 5);
    assert_int_equal(color_preferred(SPAN("auth0|abc")), color_preferred(SPAN("auth0|abc")));
}

static void a_set_knows_what_is_taken(void **state)
{
    struct color_set set = {0};

    (void)state;
    assert_int_equal(color_set_next_free(&set, 0), 0);
    for (uint32_t i = 0; i < 300; i++) {
        assert_int_equal(color_set_next_free(&set, 0), i);
        color_set_add(&set, i);
    }
    assert_true(color_set_has(&set, 299));
    assert_false(color_set_has(&set, 300));
    color_set_remove(&set, 63);
    color_set_remove(&set, 64);
    color_set_remove(&set, 5000); /* never was in it */
    assert_int_equal(color_set_next_free(&set, 0), 63);
    assert_int_equal(color_set_next_free(&set, 64), 64);
    assert_int_equal(color_set_next_free(&set, 65), 300);
    color_set_deinit(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_palette_comes_first),
        cmocka_unit_test(a_full_room_has_as_many_colours_as_people),
        cmocka_unit_test(generated_colours_are_neither_black_nor_white),
        cmocka_unit_test(two_spellings_are_one_colour),
        cmocka_unit_test(the_first_accounts_prefer_different_colours),
        cmocka_unit_test(a_set_knows_what_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
