/* tls_internal.h: one connection's TLS, as conn.c uses it. Reads and writes go straight to the socket; nothing blocks. */
#pragma once

#include "net/tls.h"

#include <sys/types.h>

struct tls_session;

enum tls_step {
    TLS_AGAIN_READ = -1,  /* wait until the socket is readable */
    TLS_AGAIN_WRITE = -2, /* wait until it is writable */
    TLS_ENDED = -3,       /* close_notify came */
    TLS_FAILED = -4,
};

struct tls_session *tls_session_new(struct tls *tls, int fd);
void tls_session_move(struct tls_session *session, int fd); /* the same socket under another number */
void tls_session_free(struct tls_session *session);
/* 0: done; else an enum tls_step. */
int tls_session_handshake(struct tls_session *session);
/* Bytes, or an enum tls_step. */
ssize_t tls_session_read(struct tls_session *session, char *bytes, size_t len);
/* As above. After TLS_AGAIN_* the next call must start with the same bytes (at another address is fine). */
ssize_t tls_session_write(struct tls_session *session, const char *bytes, size_t len);
void tls_session_end(struct tls_session *session); /* sends close_notify if the socket takes it */
