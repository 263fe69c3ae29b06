/* hand_over.h: a connection moves to another worker, with the request that showed that it belongs there. The socket, its TLS state, the request (written
 * out again) and whatever was read behind it travel as one parcel; the new worker serves them as if it had accepted the connection.
 *
 * A parcel is mail: made on one worker, posted, opened on another. docs/decisions/0003-hand-over.md says why. */
#pragma once

#include "net/http.h"
#include "net/mailbox.h"

struct conn_parcel {
    struct mail mail; /* first */
    int fd;
    struct conn_remote remote;
    struct tls_session *tls;
    struct buf bytes; /* to be read first */
    void *user;       /* http_serve's conn_user: on_closed is called by the new worker's handlers, once */
};

/* Takes the exchange's connection: the exchange and the old connection are gone after this, without on_abort and on_closed. Not within the callback that brought
 * the request: what follows it has not been kept yet (a timer of 0 ms is early enough). */
struct conn_parcel *http_hand_over(struct http_exchange *exchange);
/* On the new worker; takes the parcel. */
void http_adopt(struct conn_host *host, struct conn_parcel *parcel, const struct http_handlers *handlers, void *arg,
                const struct http_limits *limits);
/* One that nobody will open: closes it. The caller tells whoever counts connections. */
void conn_parcel_free(struct conn_parcel *parcel);
