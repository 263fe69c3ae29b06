/* UTF-8 whole, cut in two at a place the first byte chooses, and decoded: all must agree. */
#include "base/utf8.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Decodes by the book and checks what the decoder promises of valid text. */
static void check_valid(struct span text)
{
    struct span rest = text;
    size_t units = 0;
    size_t characters = 0;
    bool is_clean = true;
    uint32_t codepoint;

    while (utf8_next(&rest, &codepoint)) {
        assert(codepoint <= 0x10ffff && (codepoint < 0xd800 || codepoint > 0xdfff));
        units += codepoint > 0xffff ? 2 : 1;
        characters++;
        is_clean = is_clean && !utf8_is_control(codepoint);
    }
    assert(utf8_utf16_len(text) == units);
    assert(utf8_is_label(text, characters) == (is_clean && characters > 0));
    assert(characters == 0 || !utf8_is_label(text, characters - 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span text = span_of(len > 0 ? data + 1 : NULL, len > 0 ? len - 1 : 0);
    size_t cut = len > 0 ? data[0] % (text.len + 1) : 0;
    struct utf8 utf8 = {0};
    bool is_valid = utf8_feed(&utf8, span_slice(text, 0, cut)) && utf8_feed(&utf8, span_slice(text, cut, text.len)) &&
                    utf8_is_complete(&utf8);
    uint32_t codepoint;

    assert(utf8_is_valid(text) == is_valid);
    if (is_valid)
        check_valid(text);
    else
        assert(!utf8_is_label(text, text.len));
    for (struct span rest = text; utf8_next(&rest, &codepoint);) {
        /* ends, and stays inside, whatever the bytes are */
    }
    return 0;
}
