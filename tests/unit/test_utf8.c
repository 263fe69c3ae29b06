#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct span good[] = {
    SPAN_INIT(""),
    SPAN_INIT("plain text, longer than eight"),
    SPAN_INIT("\0"),
    SPAN_INIT("\x7f"),
    SPAN_INIT("\xc2\x80"),
    SPAN_INIT("\xdf\xbf"),
    SPAN_INIT("\xe0\xa0\x80"),
    SPAN_INIT("\xed\x9f\xbf"), /* the last before the surrogates */
    SPAN_INIT("\xee\x80\x80"), /* the first behind them */
    SPAN_INIT("\xef\xbf\xbf"),
    SPAN_INIT("\xf0\x90\x80\x80"),
    SPAN_INIT("\xf4\x8f\xbf\xbf"), /* U+10FFFF */
    SPAN_INIT("eight by\xc3\xa4nd more \xf0\x9f\x98\x80 to come"),
};

static const struct span bad[] = {
    SPAN_INIT("\x80"),
    SPAN_INIT("\xbf"),
    SPAN_INIT("\xc0\x80"), /* overlong NUL */
    SPAN_INIT("\xc1\xbf"),
    SPAN_INIT("\xc2 "),
    SPAN_INIT("\xc2\xc2"),
    SPAN_INIT("\xe0\x9f\xbf"), /* overlong */
    SPAN_INIT("\xe1\x80 "),
    SPAN_INIT("\xed\xa0\x80"), /* a surrogate */
    SPAN_INIT("\xed\xbf\xbf"),
    SPAN_INIT("\xf0\x8f\xbf\xbf"), /* overlong */
    SPAN_INIT("\xf4\x90\x80\x80"), /* above U+10FFFF */
    SPAN_INIT("\xf5\x80\x80\x80"),
    SPAN_INIT("\xf8\x88\x80\x80\x80"),
    SPAN_INIT("\xfe"),
    SPAN_INIT("\xff"),
    SPAN_INIT("12345678\xff"
              "2345678"),
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool is_valid_bytewise(struct span text)
{
    struct utf8 utf8 = {0};

    for (size_t i = 0; i < text.len; i++)
        if (!utf8_feed(&utf8, span_slice(text, i, 1)))
            return false;
    return utf8_is_complete(&utf8);
}

static void valid_text_is_valid_whole_and_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_true(utf8_is_valid(good[i]));
        assert_true(is_valid_bytewise(good[i]));
    }
}

static void bad_bytes_are_refused_whole_and_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct utf8 utf8 = {0};

        assert_false(utf8_feed(&utf8, bad[i]));
        assert_false(utf8_is_valid(bad[i]));
        assert_false(is_valid_bytewise(bad[i]));
    }
}

static void once_spoiled_it_stays_spoiled(void **state)
{
    struct utf8 utf8 = {0};

    (void)state;
    assert_false(utf8_feed(&utf8, SPAN("\xff")));
    assert_false(utf8_feed(&utf8, SPAN("a")));
    assert_false(utf8_feed(&utf8, SPAN_EMPTY));
    assert_false(utf8_is_complete(&utf8));
}

static void half_a_character_is_not_bad_but_incomplete(void **state)
{
    static const struct span character = SPAN_INIT("\xf0\x9f\x98\x80");

    (void)state;
    for (size_t len = 1; len < character.len; len++) {
        struct utf8 utf8 = {0};

        assert_true(utf8_feed(&utf8, span_slice(character, 0, len)));
        assert_false(utf8_is_complete(&utf8));
        assert_false(utf8_is_valid(span_slice(character, 0, len)));
        assert_true(utf8_feed(&utf8, span_slice(character, len, 4)));
        assert_true(utf8_is_complete(&utf8));
    }
}

/* Written from the definition, to compare with; 0: none. */
static size_t encode(uint32_t codepoint, char out[4])
{
    if (codepoint < 0x80) {
        out[0] = (char)codepoint;
        return 1;
    }
    if (codepoint < 0x800) {
        out[0] = (char)(0xc0 | codepoint >> 6);
        out[1] = (char)(0x80 | (codepoint & 0x3f));
        return 2;
    }
    if (codepoint < 0x10000) {
        out[0] = (char)(0xe0 | codepoint >> 12);
        out[1] = (char)(0x80 | (codepoint >> 6 & 0x3f));
        out[2] = (char)(0x80 | (codepoint & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | codepoint >> 18);
    out[1] = (char)(0x80 | (codepoint >> 12 & 0x3f));
    out[2] = (char)(0x80 | (codepoint >> 6 & 0x3f));
    out[3] = (char)(0x80 | (codepoint & 0x3f));
    return 4;
}

static void every_codepoint_there_is_decodes_to_itself(void **state)
{
    (void)state;
    for (uint32_t codepoint = 0; codepoint < 0x200000; codepoint++) {
        bool is_character = codepoint <= 0x10ffff && (codepoint < 0xd800 || codepoint > 0xdfff);
        char bytes[4];
        struct span text = {bytes, encode(codepoint, bytes)};
        uint32_t decoded;

        assert_true(utf8_is_valid(text) == is_character);
        if (!is_character)
            continue;
        assert_int_equal(utf8_utf16_len(text), codepoint < 0x10000 ? 1 : 2);
        assert_true(utf8_next(&text, &decoded));
        assert_int_equal(decoded, codepoint);
        assert_int_equal(text.len, 0);
        assert_false(utf8_next(&text, &decoded));
    }
}

static void decoding_stops_at_the_end_even_of_broken_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct span rest = bad[i];
        size_t left = rest.len;
        uint32_t codepoint;

        while (utf8_next(&rest, &codepoint)) {
            assert_true(rest.len < left);
            left = rest.len;
        }
    }
}

static void length_in_javascript_counts_surrogate_pairs_twice(void **state)
{
    (void)state;
    assert_int_equal(utf8_utf16_len(SPAN_EMPTY), 0);
    assert_int_equal(utf8_utf16_len(SPAN("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")), 5);
}

static void labels_are_counted_in_characters(void **state)
{
    (void)state;
    assert_true(utf8_is_label(SPAN("Zo\xc3\xab \xf0\x9f\x98\x80"), 5));
    assert_false(utf8_is_label(SPAN("Zo\xc3\xab \xf0\x9f\x98\x80"), 4));
    assert_false(utf8_is_label(SPAN(""), 5));
    assert_false(utf8_is_label(SPAN_EMPTY, 5));
    assert_false(utf8_is_label(SPAN("a"), 0));
}

static void labels_hold_nothing_that_steers_a_terminal_or_the_direction_of_text(void **state)
{
    static const struct span refused[] = {
        SPAN_INIT("a\0b"),         SPAN_INIT("a\nb"),         SPAN_INIT("\x1b[2J"),      SPAN_INIT("a\x7f"),
        SPAN_INIT("\xc2\x80"),     SPAN_INIT("\xc2\x9f"),     SPAN_INIT("\xe2\x80\x8e"), SPAN_INIT("\xe2\x80\x8f"),
        SPAN_INIT("\xe2\x80\xa8"), SPAN_INIT("\xe2\x80\xa9"), SPAN_INIT("\xe2\x80\xaa"), SPAN_INIT("\xe2\x80\xae"),
        SPAN_INIT("\xe2\x81\xa6"), SPAN_INIT("\xe2\x81\xa9"), SPAN_INIT("\xef\xbb\xbf"), SPAN_INIT("\xd8\x9c"),
        SPAN_INIT("broken \xff"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        assert_false(utf8_is_label(refused[i], 100));
    assert_true(utf8_is_label(SPAN("\xd7\x9e\xd7\x99\xd7\xa8\xd7\x99"), 100)); /* right to left, but letters */
    assert_true(utf8_is_label(SPAN("\xc2\xa0\xe2\x80\x8d\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5"), 100)); /* neighbours */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_text_is_valid_whole_and_byte_by_byte),
        cmocka_unit_test(bad_bytes_are_refused_whole_and_byte_by_byte),
        cmocka_unit_test(once_spoiled_it_stays_spoiled),
        cmocka_unit_test(half_a_character_is_not_bad_but_incomplete),
        cmocka_unit_test(every_codepoint_there_is_decodes_to_itself),
        cmocka_unit_test(decoding_stops_at_the_end_even_of_broken_text),
        cmocka_unit_test(length_in_javascript_counts_surrogate_pairs_twice),
        cmocka_unit_test(labels_are_counted_in_characters),
        cmocka_unit_test(labels_hold_nothing_that_steers_a_terminal_or_the_direction_of_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
