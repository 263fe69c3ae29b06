#include "net/websocket_internal.h"

#include "base/metric.h"
#include "base/utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    CODE_ABNORMAL = 1006,
    DEFLATE_BYTES_MIN = 256, /* below that it costs more than it saves */
    SCRATCH_BYTES_KEPT = 256 * 1024,
};

static struct websocket_host *host_of(const struct websocket *socket)
{
    return websocket_host(conn_host_of(socket->conn));
}

/* Scratch is kept for the next message, unless one large message has swollen it. */
static void reset_scratch(struct buf *scratch)
{
    if (scratch->cap > SCRATCH_BYTES_KEPT)
        buf_deinit(scratch);
    buf_reset(scratch);
}

/* ---- sending ------------------------------------------------------------------------------------------------------ */

static struct frame *encode(enum ws_opcode opcode, bool is_compressed, struct span payload)
{
    uint8_t header[WS_HEADER_BYTES_MAX];
    size_t header_len = ws_write_header(header, opcode, is_compressed, payload.len);
    struct frame *frame = frame_new_blank(header_len + payload.len);

    memcpy(frame->data, header, header_len);
    if (payload.len > 0)
        memcpy(frame->data + header_len, payload.data, payload.len);
    return frame;
}

static struct frame *encode_for(struct websocket *socket, bool is_text, struct span payload)
{
    struct websocket_host *host = host_of(socket);
    enum ws_opcode opcode = is_text ? WS_TEXT : WS_BINARY;
    struct frame *frame;

    if (!socket->has_deflate || payload.len < DEFLATE_BYTES_MIN)
        return encode(opcode, false, payload);
    buf_reset(&host->compressed);
    deflater_message(websocket_deflater(socket), payload, &host->compressed);
    frame = encode(opcode, true, buf_span(&host->compressed));
    reset_scratch(&host->compressed);
    return frame;
}

void websocket_send_frame(struct websocket *socket, struct frame *frame, uint64_t conflate_key)
{
    if (socket->state == WEBSOCKET_OPEN)
        conn_send(socket->conn, frame, conflate_key);
}

void websocket_send(struct websocket *socket, bool is_text, struct span payload)
{
    struct frame *frame;

    if (socket->state != WEBSOCKET_OPEN || !conn_is_open(socket->conn))
        return;
    frame = encode_for(socket, is_text, payload);
    conn_send(socket->conn, frame, 0);
    frame_unref(frame);
}

void websocket_send_uncounted(struct websocket *socket, bool is_text, struct span payload)
{
    struct frame *frame;

    if (socket->state != WEBSOCKET_OPEN || !conn_is_open(socket->conn))
        return;
    frame = encode_for(socket, is_text, payload);
    conn_send_uncounted(socket->conn, frame);
    frame_unref(frame);
}

struct frame *websocket_encode(struct span payload, bool is_text)
{
    return encode(is_text ? WS_TEXT : WS_BINARY, false, payload);
}

struct frame *websocket_encode_deflated(struct deflater *deflater, struct span payload, bool is_text)
{
    struct buf compressed = BUF_EMPTY;
    struct frame *frame = NULL;

    if (payload.len < DEFLATE_BYTES_MIN)
        return NULL;
    deflater_message(deflater, payload, &compressed);
    if (compressed.len < payload.len)
        frame = encode(is_text ? WS_TEXT : WS_BINARY, true, buf_span(&compressed));
    buf_deinit(&compressed);
    return frame;
}

/* One waits at most: while the socket takes no more, a newer ping's answer replaces the older one's (RFC 6455 5.5.3). */
static void send_pong(struct websocket *socket, struct span payload)
{
    struct frame *frame = encode(WS_OP_PONG, false, payload);

    conn_send(socket->conn, frame, conn_is_blocked(socket->conn) ? CONN_KEY_PONG : 0);
    frame_unref(frame);
}

static void send_close(struct websocket *socket, uint16_t code, struct span reason)
{
    struct buf *scratch = &host_of(socket)->encoded;

    buf_reset(scratch);
    ws_append_close(scratch, code, reason, NULL);
    conn_send_bytes(socket->conn, buf_span(scratch));
}

/* ---- closing ------------------------------------------------------------------------------------------------------ */

/* Nothing is heard any more; what is queued leaves, and the connection goes. */
static void finish(struct websocket *socket, uint16_t code)
{
    if (socket->code == 0)
        socket->code = code;
    socket->state = WEBSOCKET_OVER;
    list_remove(&socket->wheel);
    conn_finish(socket->conn, socket->kind->close_ms);
}

void websocket_close(struct websocket *socket, uint16_t code, struct span reason)
{
    if (socket->state != WEBSOCKET_OPEN || !conn_is_open(socket->conn))
        return;
    socket->state = WEBSOCKET_CLOSING;
    socket->code = code;
    socket->close_due_ms = (uint32_t)(loop_now_ms(conn_host_loop(conn_host_of(socket->conn))) + socket->kind->close_ms);
    send_close(socket, code, reason);
    conn_resume(socket->conn); /* or the peer's answer would never be read */
    websocket_schedule(socket, socket->kind->close_ms);
}

void websocket_terminate(struct websocket *socket)
{
    if (socket->code == 0)
        socket->code = CODE_ABNORMAL;
    socket->state = WEBSOCKET_OVER;
    list_remove(&socket->wheel);
    conn_close(socket->conn);
}

static void fail(struct websocket *socket, uint16_t code)
{
    if (socket->state == WEBSOCKET_OPEN)
        send_close(socket, code, SPAN_EMPTY);
    finish(socket, code);
}

/* ---- hearing ------------------------------------------------------------------------------------------------------ */

static void on_message(struct websocket *socket, const struct ws_event *event)
{
    struct websocket_host *host = host_of(socket);
    bool is_text = event->opcode == WS_TEXT;
    struct span payload = event->payload;
    size_t bytes_max = is_text ? socket->kind->text_bytes_max : socket->kind->message_bytes_max;

    if (socket->state != WEBSOCKET_OPEN)
        return; /* after our close; the peer's may still be behind it */
    if (event->is_compressed) {
        enum err err;

        reset_scratch(&host->inflated);
        err = inflater_message(websocket_inflater(socket), payload, bytes_max, &host->inflated);
        payload = buf_span(&host->inflated);
        if (err != OK || (is_text && !utf8_is_valid(payload))) {
            fail(socket, err == ERR_TOO_LARGE ? 1009 : 1007);
            return;
        }
    }
    if (payload.len > bytes_max) {
        fail(socket, 1009);
        return;
    }
    socket->kind->events->on_message(socket, is_text, payload);
}

static void on_ping(struct websocket *socket, struct span payload)
{
    uint32_t second = (uint32_t)(loop_now_ms(conn_host_loop(conn_host_of(socket->conn))) / 1000);

    if (socket->state != WEBSOCKET_OPEN)
        return;
    if (socket->pings_second != second) {
        socket->pings_second = second;
        socket->pings_count = 0;
    }
    if (socket->kind->pings_per_second_max > 0 && ++socket->pings_count > socket->kind->pings_per_second_max)
        fail(socket, 1008);
    else
        send_pong(socket, payload);
}

static void on_close_frame(struct websocket *socket, uint16_t code)
{
    if (socket->state == WEBSOCKET_OPEN)
        send_close(socket, code, SPAN_EMPTY);
    finish(socket, code);
}

static void on_step(struct websocket *socket, enum ws_step step, const struct ws_event *event)
{
    switch (step) {
    case WS_MORE: break;
    case WS_MESSAGE: on_message(socket, event); break;
    case WS_PING: on_ping(socket, event->payload); break;
    case WS_PONG: break; /* that it came is what counts, and the conn knows */
    case WS_CLOSE: on_close_frame(socket, event->code); break;
    case WS_BAD: fail(socket, event->code); break;
    }
}

static size_t on_bytes(void *owner, char *bytes, size_t len)
{
    struct websocket *socket = owner;
    struct span input = {bytes, len};

    while (socket->state != WEBSOCKET_OVER && conn_is_open(socket->conn) && !conn_is_paused(socket->conn)) {
        struct ws_event event;
        enum ws_step step = ws_feed(&socket->ws, &input, &event);

        if (step == WS_MORE)
            break;
        on_step(socket, step, &event);
    }
    return socket->state == WEBSOCKET_OVER ? len : len - input.len;
}

static void on_drained(void *owner)
{
    struct websocket *socket = owner;

    if (socket->state == WEBSOCKET_OPEN)
        socket->kind->events->on_drained(socket);
}

/* A WebSocket ends with a close frame; a FIN without one is a broken connection. */
static void on_end(void *owner)
{
    websocket_terminate(owner);
}

static void on_slow(void *owner)
{
    struct websocket *socket = owner;

    if (socket->state != WEBSOCKET_OPEN)
        return;
    if (socket->kind->events->on_slow) {
        socket->kind->events->on_slow(socket);
        return;
    }
    /* What waits would keep the close frame from a reader that is slow but alive; it resumes where it got to. */
    conn_drop_waiting(socket->conn);
    websocket_close(socket, (uint16_t)err_close_code(ERR_SLOW_CONSUMER), span_from_str(err_code(ERR_SLOW_CONSUMER)));
}

static void on_closed(void *owner)
{
    struct websocket *socket = owner;
    const struct http_service *service = socket->kind->service;

    socket->state = WEBSOCKET_OVER;
    socket->kind->events->on_closed(socket, socket->code ? socket->code : CODE_ABNORMAL);
    if (service->handlers->on_closed)
        service->handlers->on_closed(service->arg, socket->conn, socket->service_user);
    metric_add(METRIC_connections_websocket, -1);
    list_remove(&socket->wheel);
    deflater_free(socket->deflater);
    inflater_free(socket->inflater);
    ws_deinit(&socket->ws);
    free(socket);
}

static const struct conn_events conn_callbacks = {
    .on_bytes = on_bytes,
    .on_end = on_end,
    .on_slow = on_slow,
    .on_closed = on_closed,
};

/* For owners that want to know: else each flush would ask in vain. */
static const struct conn_events conn_callbacks_drained = {
    .on_bytes = on_bytes,
    .on_drained = on_drained,
    .on_end = on_end,
    .on_slow = on_slow,
    .on_closed = on_closed,
};

/* ---- liveness ----------------------------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Any byte is a sign of life, so the time of the last one is all there is to remember: silent for ping_ms, a ping; for
 * dead_ms, the end. */
void websocket_check(struct websocket *socket, uint64_t now_ms)
{
    uint64_t silent_ms = now_ms - conn_last_heard_ms(socket->conn);
    uint64_t ping_in_ms = socket->kind->ping_ms, dead_in_ms = 0;

    if (socket->state == WEBSOCKET_CLOSING) {
        int32_t left_ms = (int32_t)(socket->close_due_ms - (uint32_t)now_ms);

        if (left_ms <= 0)
            websocket_terminate(socket);
        else
            websocket_schedule(socket, (uint64_t)left_ms);
        return;
    }
    if (socket->kind->dead_ms > 0) {
        if (silent_ms >= socket->kind->dead_ms) {
            websocket_terminate(socket);
            return;
        }
        dead_in_ms = socket->kind->dead_ms - silent_ms;
    }
    if (socket->kind->ping_ms > 0 && silent_ms < socket->kind->ping_ms) {
        ping_in_ms = socket->kind->ping_ms - silent_ms;
    } else if (socket->kind->ping_ms > 0 && !conn_is_blocked(socket->conn)) {
        struct frame *frame = encode(WS_OP_PING, false, SPAN_EMPTY);

        conn_send(socket->conn, frame, 0);
        frame_unref(frame);
    }
    websocket_schedule(socket, earlier(ping_in_ms, dead_in_ms));
}

void websocket_begin(struct websocket *socket)
{
    uint64_t first_ms = earlier(socket->kind->ping_ms, socket->kind->dead_ms);

    metric_add(METRIC_connections_websocket, 1);
    conn_set_owner(socket->conn, socket->kind->events->on_drained ? &conn_callbacks_drained : &conn_callbacks, socket);
    if (socket->conn->is_ended) /* while the request waited for its answer */
        websocket_terminate(socket);
    else if (first_ms > 0)
        websocket_schedule(socket, first_ms);
}

/* ---- what is known about one -------------------------------------------------------------------------------------- */

void *websocket_user(const struct websocket *socket)
{
    return socket->user;
}

void websocket_set_user(struct websocket *socket, void *user)
{
    socket->user = user;
}

struct conn *websocket_conn(const struct websocket *socket)
{
    return socket->conn;
}

bool websocket_is_open(const struct websocket *socket)
{
    return socket->state == WEBSOCKET_OPEN && conn_is_open(socket->conn);
}

bool websocket_has_deflate(const struct websocket *socket)
{
    return socket->has_deflate && socket->is_shared;
}
