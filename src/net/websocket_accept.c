/* The opening handshake (RFC 6455 section 4.2, RFC 7692 section 5). */
#include "net/websocket_internal.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

enum { EXTENSION_FIELDS_MAX = 8, PROTOCOLS_MAX = 64, OWN_DEFLATE_LEVEL = 3 };

static const struct http_fault fault_request = {400, "bad_request",
                                                "A WebSocket is opened by GET over HTTP/1.1, without a body."};
static const struct http_fault fault_connection = {400, "bad_request",
                                                   "The Connection field does not ask for an upgrade."};
static const struct http_fault fault_key = {400, "bad_request", "Sec-WebSocket-Key must be 16 bytes in base64, once."};
static const struct http_fault fault_version = {426, "upgrade_required", "This server speaks version 13 of WebSocket."};
static const struct http_fault fault_protocol = {400, "bad_request", "Sec-WebSocket-Protocol is not valid."};
static const struct http_fault fault_extensions = {400, "bad_request", "Sec-WebSocket-Extensions is not valid."};

bool websocket_is_requested(const struct http_exchange *exchange)
{
    return http_list_has(exchange, "upgrade", SPAN("websocket"));
}

/* What is offered is the application's to choose from; that it is a list of words is ours to check. */
static bool protocols_are_valid(const struct http_exchange *exchange)
{
    unsigned count = 0;

    for (unsigned i = 0; i < exchange->header_count; i++) {
        struct span rest = exchange->headers[i].value, item;

        if (!span_equal_nocase(exchange->headers[i].name, SPAN("sec-websocket-protocol")))
            continue;
        if (rest.len == 0)
            return false;
        while (span_cut(&rest, ',', &item)) {
            if (!http_is_token(span_trim(item)) || ++count > PROTOCOLS_MAX)
                return false;
        }
    }
    return true;
}

static const struct http_fault *check(const struct http_exchange *exchange, struct span *key)
{
    struct span values[2];

    if (!span_equal(exchange->method, SPAN("GET")) || exchange->is_http_1_0 || exchange->body.len > 0 ||
        http_header(exchange, "transfer-encoding").len > 0)
        return &fault_request;
    if (!websocket_is_requested(exchange) || !http_list_has(exchange, "connection", SPAN("upgrade")))
        return &fault_connection;
    if (http_header_values(exchange, "sec-websocket-version", values, 2) != 1 || !span_equal(values[0], SPAN("13")))
        return &fault_version;
    if (http_header_values(exchange, "sec-websocket-key", values, 2) != 1 || !ws_key_is_valid(values[0]))
        return &fault_key;
    *key = values[0];
    return protocols_are_valid(exchange) ? NULL : &fault_protocol;
}

/* Several fields of a list mean one list. */
static const struct http_fault *negotiate(struct http_exchange *exchange, const struct websocket_options *options,
                                          struct deflate_terms *terms, struct buf *answer)
{
    struct span values[EXTENSION_FIELDS_MAX];
    unsigned count = http_header_values(exchange, "sec-websocket-extensions", values, EXTENSION_FIELDS_MAX);
    struct buf joined = BUF_EMPTY;
    enum err err = OK;

    if (!options->allows_deflate || count == 0)
        return NULL;
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            buf_append_char(&joined, ',');
        buf_append_span(&joined, values[i]);
    }
    err = deflate_negotiate(buf_span(&joined), options->deflate_policy, terms, answer);
    buf_deinit(&joined);
    return err == OK ? NULL : &fault_extensions;
}

static void queue_answer(struct http_exchange *exchange, struct span key, struct span extensions, struct span protocol)
{
    struct buf *out = &http_host(conn_host_of(exchange->conn))->scratch;

    buf_reset(out);
    BUF_APPEND_LITERAL(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: ");
    ws_append_accept(out, key);
    if (extensions.len > 0) {
        BUF_APPEND_LITERAL(out, "\r\nSec-WebSocket-Extensions: ");
        buf_append_span(out, extensions);
    }
    if (protocol.len > 0) {
        BUF_APPEND_LITERAL(out, "\r\nSec-WebSocket-Protocol: ");
        buf_append_span(out, protocol);
    }
    BUF_APPEND_LITERAL(out, "\r\n");
    http_append_added(out, http_inflight_of(exchange));
    BUF_APPEND_LITERAL(out, "\r\n");
    conn_send_bytes(exchange->conn, buf_span(out));
}

static const struct websocket_kind *kind_of(struct conn *conn, const struct http_service *service,
                                            const struct websocket_options *options, bool has_deflate)
{
    struct websocket_kind kind = {
        .events = options->events,
        .service = service,
        .limits = options->limits,
        .message_bytes_max = options->limits.message_bytes_max,
        .ping_ms = options->ping_ms,
        .dead_ms = options->dead_ms,
        .close_ms = options->close_ms > 0 ? options->close_ms : WEBSOCKET_CLOSE_MS,
        .pings_per_second_max = options->pings_per_second_max,
    };

    if (kind.limits.text_bytes_max == 0 || kind.limits.text_bytes_max > kind.limits.message_bytes_max)
        kind.limits.text_bytes_max = kind.limits.message_bytes_max;
    kind.text_bytes_max = kind.limits.text_bytes_max;
    if (has_deflate) { /* what cannot be compressed grows a little: the limit is for what comes out */
        kind.limits.message_bytes_max += kind.limits.message_bytes_max / 1024 + 64;
        kind.limits.text_bytes_max += kind.limits.text_bytes_max / 1024 + 64;
    }
    return websocket_kind(websocket_host(conn_host_of(conn)), &kind);
}

static struct websocket *open_socket(struct http_exchange *exchange, const struct websocket_options *options,
                                     const struct deflate_terms *terms)
{
    struct websocket *socket = NEW(struct websocket);
    const struct http_service *service;

    list_init(&socket->wheel);
    socket->conn = http_detach(exchange, &service, &socket->service_user);
    socket->user = options->user;
    socket->kind = kind_of(socket->conn, service, options, terms->is_on);
    ws_init(&socket->ws, true, terms->is_on, &socket->kind->limits);
    socket->has_deflate = terms->is_on;
    if (terms->is_on) {
        socket->server_window_bits = terms->server_window_bits;
        socket->is_shared = terms->server_no_context_takeover && terms->server_window_bits == 15;
        if (!terms->server_no_context_takeover)
            socket->deflater = deflater_new(terms->server_window_bits, true, OWN_DEFLATE_LEVEL);
        if (!terms->client_no_context_takeover)
            socket->inflater = inflater_new(terms->client_window_bits, true);
    }
    return socket;
}

struct websocket *websocket_accept(struct http_exchange *exchange, const struct websocket_options *options)
{
    struct deflate_terms terms = {0};
    struct buf extensions = BUF_EMPTY;
    struct websocket *socket = NULL;
    struct span key = SPAN_EMPTY;
    const struct http_fault *fault = check(exchange, &key);

    assert(options->events && options->ping_ms <= UINT32_MAX && options->dead_ms <= UINT32_MAX &&
           options->limits.message_bytes_max <= UINT32_MAX && options->pings_per_second_max < UINT16_MAX);
    if (fault == NULL)
        fault = negotiate(exchange, options, &terms, &extensions);
    if (fault) {
        if (fault == &fault_version)
            http_add_header(exchange, "Sec-WebSocket-Version", SPAN("13"));
        http_respond_fault(exchange, fault);
        goto done;
    }
    queue_answer(exchange, key, buf_span(&extensions), options->protocol);
    socket = open_socket(exchange, options, &terms);
    websocket_begin(socket);
done:
    buf_deinit(&extensions);
    return socket;
}
