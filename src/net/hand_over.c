#include "net/hand_over.h"

#include "net/http_internal.h"
#include "net/tls_internal.h"

#include "base/memory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Framing that is said anew, or of the hop: the request is written out with the body that was read. */
static bool is_framing(struct span name)
{
    return span_equal_nocase(name, SPAN("Content-Length")) || span_equal_nocase(name, SPAN("Transfer-Encoding")) ||
           span_equal_nocase(name, SPAN("Expect"));
}

static void write_request(struct buf *out, const struct http_exchange *exchange)
{
    buf_printf(out, "%.*s %.*s HTTP/1.%c\r\n", SPAN_ARG(exchange->method), SPAN_ARG(exchange->target),
               exchange->is_http_1_0 ? '0' : '1');
    for (unsigned i = 0; i < exchange->header_count; i++) {
        const struct http_header *header = &exchange->headers[i];
        if (is_framing(header->name))
            continue;
        buf_append_span(out, header->name);
        BUF_APPEND_LITERAL(out, ": ");
        buf_append_span(out, header->value);
        BUF_APPEND_LITERAL(out, "\r\n");
    }
    if (exchange->body.len)
        buf_printf(out, "Content-Length: %zu\r\n", exchange->body.len);
    BUF_APPEND_LITERAL(out, "\r\n");
    buf_append_span(out, exchange->body);
}

struct conn_parcel *http_hand_over(struct http_exchange *exchange)
{
    struct conn *conn = exchange->conn;
    struct http_conn *http = exchange->http_conn;
    struct conn_parcel *parcel = NEW(struct conn_parcel);

    /* Answers to earlier requests go first; what the socket does not take now is lost with its reader's patience. */
    if (!conn->is_blocked && conn->slot_count > 0)
        (void)conn_queue_write(conn);
    parcel->remote = conn->remote;
    parcel->user = http->user;
    write_request(&parcel->bytes, exchange);
    if (conn->extra) {
        buf_append_span(&parcel->bytes, buf_span(&conn->extra->kept));
        parcel->tls = conn->extra->tls;
        conn->extra->tls = NULL;
        conn->is_tls = false;
    }
    /* The watch closes its own descriptor when the old loop lets go of it; the socket lives on under the new one. */
    parcel->fd = fcntl(conn->watch.fd, F_DUPFD_CLOEXEC, 0);
    http_conn_drop(http);
    conn_close(conn);
    return parcel;
}

void http_adopt(struct conn_host *host, struct conn_parcel *parcel, const struct http_handlers *handlers, void *arg,
                const struct http_limits *limits)
{
    struct conn *conn = conn_open(host, parcel->fd, &parcel->remote, NULL, 0);

    if (parcel->tls) {
        conn->is_tls = true;
        conn_extra(conn)->tls = parcel->tls;
        tls_session_move(parcel->tls, parcel->fd);
    }
    http_serve(conn, handlers, arg, limits, parcel->user);
    conn_extra(conn)->kept = parcel->bytes;
    conn_pause(conn);
    conn_resume(conn);
    free(parcel);
}

void conn_parcel_free(struct conn_parcel *parcel)
{
    if (parcel == NULL)
        return;
    tls_session_free(parcel->tls);
    if (parcel->fd >= 0)
        close(parcel->fd);
    buf_deinit(&parcel->bytes);
    free(parcel);
}
