/* tls.h: TLS 1.2 and 1.3 for listeners (OpenSSL 3): certificate and key from PEM files, strong ciphers only, no renegotiation, no early
 * data, at most 32 key updates. A context is shared by all workers (OpenSSL counts references atomically). */
#pragma once

#include "base/err.h"
#include "base/buf.h"

struct tls;

/* ERR_CONFIG with a sentence in *why (file and reason) when a file cannot be read or does not fit. */
must_check enum err tls_new(struct span certificate_file, struct span key_file, struct tls **out, struct buf *why);
struct tls *tls_ref(struct tls *tls);
void tls_unref(struct tls *tls);
/* Reads the files again (SIGHUP): new handshakes use them; on error the old ones stay. Any thread. */
must_check enum err tls_reload(struct tls *tls, struct buf *why);
