/* utf8.h: strict UTF-8 (RFC 3629), whole or in pieces: no overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once

#include "base/span.h"

struct utf8 {
    uint8_t state; /* 0: between characters */
};

/* Feeds more bytes; false at the first bad byte, then the state is spoiled. */
bool utf8_feed(struct utf8 *utf8, struct span bytes);
bool utf8_is_complete(const struct utf8 *utf8);
bool utf8_is_valid(struct span bytes);

/* Decodes the character at the front of valid UTF-8 and advances; false at the end. */
bool utf8_next(struct span *rest, uint32_t *codepoint);
/* How many UTF-16 code units valid UTF-8 has (what JavaScript calls length). */
size_t utf8_utf16_len(struct span text);
/* Characters that steer a terminal or the direction of text instead of being seen: C0, DEL, C1, U+2028, U+2029, the
 * bidirectional controls and the byte order mark. */
bool utf8_is_control(uint32_t codepoint);
/* A name or label for people: valid UTF-8, 1..characters_max characters (code points), none of them a control
 * character as above. */
bool utf8_is_label(struct span text, size_t characters_max);
