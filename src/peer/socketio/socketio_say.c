/* Speaking to a client in a namespace: what many hear, encoded once, and what only it is told. */
#include "peer/dialect/dialogue.h"
#include "peer/fanout.h"
#include "peer/socketio/socketio_recovery.h"

#define TAG_ASKED_SHIFT 56
#define TAG_HAS_ACK (UINT64_C(1) << 55)
#define TAG_ACK_ID (TAG_HAS_ACK - 1)

struct sio_socket *sio_session_socket(const struct session *session)
{
    return session->transport;
}

/* ---- the outlet ------------------------------------------------------------------------------------------------- */

/* The sender does not mind. */
static bool is_volatile(const struct event *event)
{
    return event->kind == EVENT_MESSAGE && event->message.is_volatile;
}

/* On a WebSocket frames that were encoded once for all; while the client polls, packets that wait for the poll. */
static void send_fanout(struct session *session, struct fanout *fanout, uint64_t key, bool is_counted)
{
    struct sio_socket *socket = session->transport;
    struct engine *engine = socketio_engine(sio_client(socket));
    struct websocket *web = engine_socket(engine);
    struct span nsp = sio_nsp(socket);
    struct seat *seat = seat_of(session);
    bool is_marked = seat->recovery_ms > 0;
    if (is_volatile(fanout->event) && web && conn_is_blocked(websocket_conn(web)))
        return;
    if (is_marked && fanout->event->position.offset)
        recovery_sent(seat, fanout_mark(fanout));
    if (!web) {
        engine_queue(engine, fanout_packet(fanout, nsp, PACKET_POLLED, is_marked), true, key, is_counted);
        for (uint32_t i = 0; i < fanout->binary_count; i++)
            engine_queue(engine, fanout_attachment(fanout, i, true), false, 0, is_counted);
        return;
    }
    struct frame *frame = fanout_packet(
        fanout, nsp, websocket_has_deflate(web) ? PACKET_WEBSOCKET_DEFLATED : PACKET_WEBSOCKET, is_marked);
    if (!is_counted)
        conn_send_uncounted(websocket_conn(web), frame);
    else
        websocket_send_frame(web, frame, key);
    for (uint32_t i = 0; i < fanout->binary_count; i++) {
        frame = fanout_attachment(fanout, i, false);
        if (!is_counted)
            conn_send_uncounted(websocket_conn(web), frame);
        else
            websocket_send_frame(web, frame, 0);
    }
}

static void send_shared(struct session *session, struct fanout *fanout, uint64_t conflate_key)
{
    send_fanout(session, fanout, conflate_key, true);
}

static void replay(struct session *session, struct fanout *fanout)
{
    send_fanout(session, fanout, 0, false);
}

static void send_one(struct session *session, struct span array, bool is_counted)
{
    (void)is_counted;
    sio_emit(session->transport, array, NULL, 0, NULL);
}

static void close_seat(struct session *session, enum err reason, uint16_t code, struct span text)
{
    struct seat *seat = seat_of(session);
    (void)reason;
    seat->close_code = code;
    seat->close_text = text; /* of an error's code: static */
    loop_timer_set(session->host->loop, &seat->closing, loop_now_ms(session->host->loop));
}

const struct outlet outlet_socketio = {
    .send_shared = send_shared,
    .replay = replay,
    .send = send_one,
    .close = close_seat,
};

/* ---- saying things to one ---------------------------------------------------------------------------------------- */

void sio_session_emit(struct session *session, const char *name, struct span payload)
{
    struct buf text = BUF_EMPTY;
    buf_append_char(&text, '[');
    json_append_string(&text, span_from_str(name));
    if (payload.len) {
        buf_append_char(&text, ',');
        buf_append_span(&text, payload);
    }
    buf_append_char(&text, ']');
    session_say(session, buf_span(&text), true);
    buf_deinit(&text);
}

uint64_t sio_tag_plain(unsigned asked)
{
    return (uint64_t)asked << TAG_ASKED_SHIFT;
}

uint64_t sio_tag(const struct sio_hearing *hearing, unsigned asked)
{
    uint64_t tag = sio_tag_plain(asked);
    return hearing->event->has_ack ? tag | TAG_HAS_ACK | (hearing->event->ack_id & TAG_ACK_ID) : tag;
}

unsigned sio_tag_asked(uint64_t tag)
{
    return (unsigned)(tag >> TAG_ASKED_SHIFT);
}

bool sio_session_acknowledge(struct session *session, uint64_t tag, struct span argument)
{
    struct buf text = BUF_EMPTY;
    if (!(tag & TAG_HAS_ACK))
        return false;
    if (session->is_closing)
        return true;
    buf_append_char(&text, '[');
    buf_append_span(&text, argument);
    buf_append_char(&text, ']');
    sio_acknowledge(session->transport, tag & TAG_ACK_ID, buf_span(&text), NULL, 0);
    buf_deinit(&text);
    return true;
}

void sio_write_error(struct buf *out, enum err err, struct span field, struct span message, uint64_t retry_ms)
{
    buf_append_char(out, '{');
    json_members_error(out, err, field, message);
    if (retry_ms)
        json_member_u64(out, "retry_after_ms", retry_ms);
    buf_append_char(out, '}');
}

void sio_session_fail(struct session *session, uint64_t tag, enum err err, struct span field, struct span message,
                      uint64_t retry_ms)
{
    struct buf text = BUF_EMPTY;
    BUF_APPEND_LITERAL(&text, "{\"error\":");
    sio_write_error(&text, err, field, message, retry_ms);
    buf_append_char(&text, '}');
    if (!sio_session_acknowledge(session, tag, buf_span(&text)))
        sio_session_emit(session, "error", buf_span(&text));
    buf_deinit(&text);
    session_count_error(session, err);
}
