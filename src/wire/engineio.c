#include "wire/engineio.h"

#include "base/base64.h"
#include "base/utf8.h"
#include "wire/json.h"

#include <assert.h>

enum { PACKETS_MAX = 1000 };

enum err eio_decode_text(struct span frame, struct eio_packet *packet)
{
    *packet = (struct eio_packet){0};
    if (frame.len == 0 || frame.data[0] < '0' || frame.data[0] > '0' + (int)EIO_NOOP)
        return ERR_PROTOCOL;
    packet->type = (enum eio_type)(frame.data[0] - '0');
    packet->data = span_slice(frame, 1, frame.len);
    return OK;
}

static enum err decode_binary(struct span text, struct buf *decoded, struct eio_packet *packet)
{
    buf_reset(decoded);
    if (base64_decode(decoded, text) != OK)
        return ERR_PROTOCOL;
    *packet = (struct eio_packet){.type = EIO_MESSAGE, .is_binary = true, .data = buf_span(decoded)};
    return OK;
}

static enum err decode_polled(struct eio_payload *payload, struct span text, struct eio_packet *packet)
{
    if (payload->packet_count >= (payload->packets_max > 0 ? payload->packets_max : PACKETS_MAX))
        return ERR_TOO_MANY;
    if (span_starts_with(text, SPAN("b")))
        return decode_binary(span_slice(text, 1, text.len), &payload->decoded, packet);
    if (!utf8_is_valid(text))
        return ERR_BAD_UTF8;
    return eio_decode_text(text, packet);
}

bool eio_payload_next(struct eio_payload *payload, struct eio_packet *packet, enum err *err)
{
    size_t len = span_find(payload->rest, EIO_SEPARATOR);
    struct span text = span_slice(payload->rest, 0, len);

    *packet = (struct eio_packet){0};
    *err = OK;
    if (payload->is_done)
        return false;
    /* Separators stand between packets: behind the last one there is a packet too, and an empty one is an error. */
    payload->is_done = len == payload->rest.len;
    payload->rest = span_slice(payload->rest, len + 1, payload->rest.len);
    *err = decode_polled(payload, text, packet);
    payload->packet_count++;
    if (*err != OK)
        payload->is_done = true;
    return *err == OK;
}

void eio_payload_deinit(struct eio_payload *payload)
{
    buf_deinit(&payload->decoded);
}

void eio_append_text(struct buf *out, enum eio_type type, struct span data)
{
    buf_append_char(out, (char)('0' + (int)type));
    buf_append_span(out, data);
}

void eio_append_binary_polled(struct buf *out, struct span data)
{
    buf_append_char(out, 'b');
    base64_encode(out, data);
}

void eio_append_handshake(struct buf *out, const struct eio_handshake *handshake)
{
    buf_append_char(out, '{');
    json_member_string(out, "sid", handshake->sid);
    json_member_raw(out, "upgrades", handshake->may_upgrade ? SPAN("[\"websocket\"]") : SPAN("[]"));
    json_member_u64(out, "pingInterval", handshake->ping_interval_ms);
    json_member_u64(out, "pingTimeout", handshake->ping_timeout_ms);
    json_member_u64(out, "maxPayload", handshake->payload_bytes_max);
    buf_append_char(out, '}');
}

void eio_append_refusal(struct buf *out, enum eio_refusal refusal)
{
    /* the reference server's words: clients show them */
    static const struct span messages[] = {
        [EIO_UNKNOWN_TRANSPORT] = SPAN_INIT("Transport unknown"),
        [EIO_UNKNOWN_SID] = SPAN_INIT("Session ID unknown"),
        [EIO_BAD_METHOD] = SPAN_INIT("Bad handshake method"),
        [EIO_BAD_REQUEST] = SPAN_INIT("Bad request"),
        [EIO_FORBIDDEN] = SPAN_INIT("Forbidden"),
        [EIO_BAD_VERSION] = SPAN_INIT("Unsupported protocol version"),
    };

    assert((size_t)refusal < sizeof(messages) / sizeof(*messages));
    buf_append_char(out, '{');
    json_member_u64(out, "code", refusal);
    json_member_string(out, "message", messages[refusal]);
    buf_append_char(out, '}');
}
