#include "base/base64.h"

/* The two alphabets differ in the last two characters only. */
static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Up to three bytes as 24 bits, missing ones as zeros. */
static uint32_t group_of(struct span bytes)
{
    uint32_t group = 0;

    for (size_t i = 0; i < 3; i++)
        group = group << 8 | (i < bytes.len ? (unsigned char)bytes.data[i] : 0);
    return group;
}

static void encode(struct buf *out, struct span bytes, const char *alphabet, bool padded)
{
    while (bytes.len > 0) {
        uint32_t group = group_of(bytes);
        size_t count = bytes.len < 3 ? bytes.len : 3;

        for (size_t i = 0; i < 4; i++) {
            if (i <= count)
                buf_append_char(out, alphabet[group >> (18 - 6 * i) & 0x3f]);
            else if (padded)
                buf_append_char(out, '=');
        }
        bytes = span_slice(bytes, count, bytes.len);
    }
}

/* 0..63, or 64 for a foreign character. `last` are the alphabet's last two. */
static uint32_t value_of(char byte, const char *last)
{
    if (byte >= 'A' && byte <= 'Z')
        return (uint32_t)(byte - 'A');
    if (byte >= 'a' && byte <= 'z')
        return (uint32_t)(byte - 'a' + 26);
    if (byte >= '0' && byte <= '9')
        return (uint32_t)(byte - '0' + 52);
    if (byte == last[0])
        return 62;
    return byte == last[1] ? 63 : 64;
}

/* `text` without padding. */
static enum err decode(struct buf *out, struct span text, const char *alphabet)
{
    uint32_t bits = 0;
    unsigned bit_count = 0;

    if (text.len % 4 == 1)
        return ERR_BAD_MESSAGE;
    buf_reserve(out, text.len / 4 * 3 + 3);
    for (size_t i = 0; i < text.len; i++) {
        uint32_t value = value_of(text.data[i], alphabet + 62);

        if (value > 63)
            return ERR_BAD_MESSAGE;
        bits = bits << 6 | value;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            buf_append_char(out, (char)(unsigned char)(bits >> bit_count));
            bits &= (1u << bit_count) - 1;
        }
    }
    /* What is left of the last character must be zero, or one value would have several spellings. */
    return bits == 0 ? OK : ERR_BAD_MESSAGE;
}

void base64_encode(struct buf *out, struct span bytes)
{
    encode(out, bytes, standard, true);
}

enum err base64_decode(struct buf *out, struct span text)
{
    if (text.len % 4 != 0)
        return ERR_BAD_MESSAGE;
    for (int i = 0; i < 2 && span_ends_with(text, SPAN("=")); i++)
        text.len--;
    return decode(out, text, standard);
}

void base64url_encode(struct buf *out, struct span bytes)
{
    encode(out, bytes, url, false);
}

enum err base64url_decode(struct buf *out, struct span text)
{
    return decode(out, text, url);
}
