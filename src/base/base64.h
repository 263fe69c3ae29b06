/* base64.h: RFC 4648 base64 and base64url. Decoding is strict: no blanks, no foreign characters, no bits left over;
 * base64 must be padded, base64url must not. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

void base64_encode(struct buf *out, struct span bytes);
must_check enum err base64_decode(struct buf *out, struct span text); /* ERR_BAD_MESSAGE; *out may hold a part */
void base64url_encode(struct buf *out, struct span bytes);
must_check enum err base64url_decode(struct buf *out, struct span text);
