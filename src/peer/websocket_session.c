#include "peer/websocket_session.h"

#include "base/memory.h"
#include "peer/dialect.h"
#include "peer/fanout.h"

#include <stdlib.h>

/* What a client has asked for and does not read: past this it is not heard until it has read. */
#define UNREAD_BYTES_MAX ((size_t)256 * 1024)

/* ---- the outlet ---- */

static struct frame *form_of(struct websocket *socket, struct fanout *fanout)
{
    return fanout_frame(fanout, websocket_has_deflate(socket) ? FORM_WEBSOCKET_DEFLATED : FORM_WEBSOCKET);
}

static void send_shared(struct session *session, struct fanout *fanout, uint64_t conflate_key)
{
    struct websocket *socket = session->transport;
    websocket_send_frame(socket, form_of(socket, fanout), conflate_key);
}

static void send_one(struct session *session, struct span message, bool counted)
{
    if (counted)
        websocket_send(session->transport, true, message);
    else
        websocket_send_uncounted(session->transport, true, message);
}

static void close_socket(struct session *session, enum err reason, uint16_t code, struct span text)
{
    (void)reason;
    websocket_close(session->transport, code, text);
}

/* Whoever asks faster than he reads, or for too much at once, waits. */
static void pace(struct session *session)
{
    struct conn *conn = websocket_conn(session->transport);
    bool must_wait = session_is_busy(session) || conn_queue_bytes(conn) > UNREAD_BYTES_MAX;
    if (session->is_closing || must_wait == conn_is_paused(conn))
        return;
    if (must_wait)
        conn_pause(conn);
    else
        conn_resume(conn);
}

static const struct outlet outlet_websocket = {
    .send_shared = send_shared,
    .send = send_one,
    .close = close_socket,
    .answered = pace,
};

/* ---- the socket's events ---- */

static void on_message(struct websocket *socket, bool is_text, struct span payload)
{
    struct session *session = websocket_user(socket);
    if (session->is_closing)
        return;
    session->dialect->hear(session, is_text, payload);
    pace(session);
}

/* After every turn in which something was sent to him: mostly he is not waiting, and that is all there is to it. */
static void on_drained(struct websocket *socket)
{
    if (conn_is_paused(websocket_conn(socket)))
        pace(websocket_user(socket));
}

static void on_slow(struct websocket *socket)
{
    session_end(websocket_user(socket), ERR_SLOW_CONSUMER);
}

/* A close handshake by the client means he left; anything else may be a broken line or a reload, which gets a grace. */
static enum leave_reason reason_of(const struct session *session, uint16_t code)
{
    if (session->is_closing)
        return session->ended_by == ERR_SLOW_CONSUMER || session->ended_by == ERR_DRAINING ? LEAVE_DISCONNECTED
                                                                                           : LEAVE_DEAD;
    if (code == WEBSOCKET_CODE_DEAD)
        return LEAVE_DEAD;
    return LEAVE_DISCONNECTED;
}

static void on_closed(struct websocket *socket, uint16_t code)
{
    struct session *session = websocket_user(socket);
    session_close(session, reason_of(session, code));
}

static const struct websocket_events events = {
    .on_message = on_message,
    .on_drained = on_drained,
    .on_slow = on_slow,
    .on_closed = on_closed,
};

/* ---- the handshake ---- */

static struct position *resume_of(struct http_exchange *exchange)
{
    struct span epoch, offset;
    struct position position;
    if (!http_query(exchange, "epoch", &epoch) || !http_query(exchange, "offset", &offset))
        return NULL;
    if (!span_parse_u64(epoch, &position.epoch) || !span_parse_u64(offset, &position.offset))
        position = (struct position){.epoch = 0, .offset = 0}; /* nobody's: the client is told to reload */
    return memory_copy(&position, sizeof position);
}

static void open_socket(struct request *request, const struct dialect *dialect, const struct credentials_result *result)
{
    struct peer_host *host = request->host;
    struct websocket_options options = {
        .events = &events,
        .limits = {.message_bytes_max = host->limits->message_bytes_max, .fragments_max = 1024},
        .deflate_policy = DEFLATE_SHARED,
        .allows_deflate = true,
        .ping_ms = host->limits->ping_ms,
        .dead_ms = host->limits->dead_ms,
        .pings_per_second_max = 20,
    };
    struct position *resume = resume_of(request->exchange);
    struct websocket *socket = websocket_accept(request->exchange, &options);
    request_forget(request);
    if (!socket) {
        identity_unref(result->identity);
        free(resume);
        return;
    }
    struct session *session = session_open(host, dialect, &outlet_websocket, socket);
    websocket_set_user(socket, session);
    session->resume = resume;
    enum err err = result->identity ? session_authenticate(session, result->identity, result->expires_ms,
                                                           result->has_login_key ? result->login_key : NULL)
                                    : session_wait(session);
    if (err)
        session_end(session, err);
}

static void on_credentials(void *arg, const struct credentials_result *result)
{
    struct request *request = arg;
    request->check = NULL;
    if (result->err == OK || result->err == ERR_NOT_AUTHENTICATED)
        open_socket(request, request->state, result);
    else
        request_fail(request, result->err, SPAN_EMPTY, SPAN_EMPTY);
}

void websocket_session_handle(struct request *request, const struct dialect *dialect)
{
    if (!websocket_is_requested(request->exchange)) {
        http_add_header(request->exchange, "Upgrade", SPAN("websocket"));
        request_fail(request, ERR_UPGRADE_REQUIRED, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    if (request->host->is_draining) {
        request_fail(request, ERR_DRAINING, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    request->state = (void *)(uintptr_t)dialect;
    request->state_is_borrowed = true;
    struct credentials_check *check =
        credentials_check_request(request->host, request->exchange, true, on_credentials, request);
    /* When it was decided at once the request is gone already. */
    if (check)
        request->check = check;
}
