/* tls_stage.h: a connection under TLS whose owner sends back what it hears, and a client in memory. Made anew for every test, as `channel`;
 * the certificate and its key are made for the whole program. */
#pragma once

#include "lib/net_stage.h"
#include "net/tls.h"

#include <openssl/ssl.h>

struct tls_stage {
    struct stage stage;
    struct far far;
    struct tls *tls;
    struct conn *conn;
    unsigned closed_count, end_count;
    SSL_CTX *context;
    SSL *client;
    BIO *in, *out;
    struct buf heard; /* by the client, clear */
};

extern struct tls_stage channel;
extern char certificate_file[64], key_file[64], other_key_file[64];

/* cmocka's: the files for a whole program, the channel for each test. */
int tls_stage_make_files(void **state);
int tls_stage_remove_files(void **state);
int tls_stage_set_up(void **state);
int tls_stage_tear_down(void **state);

/* A key of its own and a certificate of that name, signed by itself, in the files above. */
void tls_stage_make_certificate(const char *name);
struct tls *tls_stage_tls(void);

/* Another connection. Takes tls; NULL: one with the files as they are. */
void channel_reopen(struct tls *tls, uint64_t handshake_ms);
/* Moves what there is between the far end and the client. */
void channel_pump(void);
void channel_write(const char *bytes, size_t len);
void channel_until_connected(void);
void channel_until_heard(size_t count);
void channel_until_ended(void);  /* the far end */
void channel_until_closed(void); /* the connection */
void channel_until_blocked(void);
