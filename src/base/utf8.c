#include "base/utf8.h"

#include <string.h>

/* What may come next. The four special states narrow the first continuation byte: that is where overlong forms,
 * surrogates and numbers above U+10FFFF show. */
enum state {
    BETWEEN = 0,
    ONE_MORE,
    TWO_MORE,
    THREE_MORE,
    AFTER_E0, /* A0..BF, else overlong */
    AFTER_ED, /* 80..9F, else a surrogate */
    AFTER_F0, /* 90..BF, else overlong */
    AFTER_F4, /* 80..8F, else above U+10FFFF */
    SPOILED,
};

static enum state after_lead(unsigned char byte)
{
    if (byte < 0x80)
        return BETWEEN;
    if (byte >= 0xc2 && byte <= 0xdf)
        return ONE_MORE;
    if (byte == 0xe0)
        return AFTER_E0;
    if (byte == 0xed)
        return AFTER_ED;
    if (byte >= 0xe1 && byte <= 0xef)
        return TWO_MORE;
    if (byte == 0xf0)
        return AFTER_F0;
    if (byte >= 0xf1 && byte <= 0xf3)
        return THREE_MORE;
    return byte == 0xf4 ? AFTER_F4 : SPOILED;
}

static enum state after(enum state state, unsigned char byte)
{
    static const struct {
        unsigned char first;
        unsigned char last;
        unsigned char next;
    } continuations[] = {
        [ONE_MORE] = {0x80, 0xbf, BETWEEN},  [TWO_MORE] = {0x80, 0xbf, ONE_MORE}, [THREE_MORE] = {0x80, 0xbf, TWO_MORE},
        [AFTER_E0] = {0xa0, 0xbf, ONE_MORE}, [AFTER_ED] = {0x80, 0x9f, ONE_MORE}, [AFTER_F0] = {0x90, 0xbf, TWO_MORE},
        [AFTER_F4] = {0x80, 0x8f, TWO_MORE}, [SPOILED] = {1, 0, SPOILED}, /* no byte lies between 1 and 0 */
    };

    if (state == BETWEEN)
        return after_lead(byte);
    if (byte < continuations[state].first || byte > continuations[state].last)
        return SPOILED;
    return (enum state)continuations[state].next;
}

/* How many of the bytes from `from` on are ASCII: most text is. Long runs go by in steps of eight. */
static size_t ascii_run(struct span bytes, size_t from)
{
    size_t at = from;

    while (bytes.len - at >= 8) {
        uint64_t word;

        memcpy(&word, bytes.data + at, 8);
        if (word & 0x8080808080808080u)
            break;
        at += 8;
    }
    while (at < bytes.len && (unsigned char)bytes.data[at] < 0x80)
        at++;
    return at - from;
}

bool utf8_feed(struct utf8 *utf8, struct span bytes)
{
    enum state state = (enum state)utf8->state;
    size_t at = 0;

    while (at < bytes.len && state != SPOILED) {
        if (state == BETWEEN)
            at += ascii_run(bytes, at);
        if (at < bytes.len)
            state = after(state, (unsigned char)bytes.data[at++]);
    }
    utf8->state = (uint8_t)state;
    return state != SPOILED;
}

bool utf8_is_complete(const struct utf8 *utf8)
{
    return utf8->state == BETWEEN;
}

bool utf8_is_valid(struct span bytes)
{
    struct utf8 utf8 = {BETWEEN};

    return utf8_feed(&utf8, bytes) && utf8_is_complete(&utf8);
}

bool utf8_next(struct span *rest, uint32_t *codepoint)
{
    unsigned char lead;
    size_t len;

    if (rest->len == 0)
        return false;
    lead = (unsigned char)rest->data[0];
    len = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (len > rest->len)
        len = rest->len; /* not valid UTF-8 after all: nonsense comes out, but nothing beyond the end is read */
    *codepoint = len == 1 ? lead : lead & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++)
        *codepoint = *codepoint << 6 | ((unsigned char)rest->data[i] & 0x3fu);
    *rest = span_slice(*rest, len, rest->len);
    return true;
}

size_t utf8_utf16_len(struct span text)
{
    size_t units = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];

        units += (byte & 0xc0) != 0x80; /* every character's first byte */
        units += byte >= 0xf0;          /* four bytes here are a surrogate pair there */
    }
    return units;
}

bool utf8_is_control(uint32_t codepoint)
{
    if (codepoint < 0x20 || (codepoint >= 0x7f && codepoint <= 0x9f))
        return true; /* C0, DEL, C1 */
    if (codepoint == 0x61c || codepoint == 0x200e || codepoint == 0x200f)
        return true; /* direction marks */
    if (codepoint >= 0x2028 && codepoint <= 0x202e)
        return true; /* line and paragraph separator, embeddings and overrides */
    return (codepoint >= 0x2066 && codepoint <= 0x2069) || codepoint == 0xfeff; /* isolates, byte order mark */
}

bool utf8_is_label(struct span text, size_t characters_max)
{
    size_t characters = 0;
    uint32_t codepoint;

    if (!utf8_is_valid(text))
        return false;
    while (utf8_next(&text, &codepoint)) {
        if (utf8_is_control(codepoint) || ++characters > characters_max)
            return false;
    }
    return characters > 0;
}
