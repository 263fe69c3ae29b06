/* password.h: passwords as argon2id hashes (m = 19 MiB, t = 2, p = 1) in the PHC string form. Hashing takes tens
 * of milliseconds: never call it on a worker's thread. Pure but for the salt. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#define PASSWORD_BYTES_MAX 1024

/* Appends the PHC string. ERR_TOO_LARGE, ERR_BAD_FIELD (empty). */
must_check enum err password_hash(struct span password, struct buf *out);
/* ERR_BAD_CREDENTIALS when it does not match or the hash is not valid; an empty hash takes as long as a real one
 * (so that unknown users cannot be told from wrong passwords) and never matches. */
must_check enum err password_verify(struct span password, struct span hash);
