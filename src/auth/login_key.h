/* login_key.h: the value of the cookie `collabd_session`: 256 random bits as base64url, kept by the server only as
 * its SHA-256. */
#pragma once

#include "base/buf.h"

#define LOGIN_KEY_BYTES 32

void login_key_new(struct buf *cookie_value, uint8_t key[LOGIN_KEY_BYTES]);
/* false when it cannot be one of ours (length, alphabet). */
bool login_key_of(struct span cookie_value, uint8_t key[LOGIN_KEY_BYTES]);
/* Constant time. */
bool secret_equal(struct span a, struct span b);
