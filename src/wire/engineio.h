/* engineio.h: Engine.IO protocol 4 as pure codecs: packets on WebSocket, payloads on HTTP long-polling.
 * Source: the Engine.IO protocol document, revision 4. Sessions, timers and transports are in peer/. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

enum eio_type { EIO_OPEN, EIO_CLOSE, EIO_PING, EIO_PONG, EIO_MESSAGE, EIO_UPGRADE, EIO_NOOP };

struct eio_packet {
    enum eio_type type;
    bool is_binary;   /* a binary message; type is EIO_MESSAGE */
    struct span data; /* after the type digit; decoded when it was base64 */
};

/* One text frame of a WebSocket: a type digit and data. ERR_PROTOCOL: empty or an unknown type. */
must_check enum err eio_decode_text(struct span frame, struct eio_packet *packet);

/* A long-polling body: packets separated by 0x1e; `b` + base64 is a binary message. Iterate:
 *     struct eio_payload payload = {.rest = body};
 *     while (eio_payload_next(&payload, &packet, &err)) ... ; eio_payload_deinit(&payload); if (err) ...
 * ERR_PROTOCOL: an empty or unknown packet, bad base64; ERR_BAD_UTF8: text that is none (on a WebSocket the frame was
 * checked before); ERR_TOO_MANY: more than packets_max packets. The packet's data is valid until the next call. */
struct eio_payload {
    struct span rest;
    size_t packet_count;
    size_t packets_max; /* 0: 1000 */
    bool is_done;
    struct buf decoded; /* the binary message given last */
};
bool eio_payload_next(struct eio_payload *payload, struct eio_packet *packet, enum err *err);
void eio_payload_deinit(struct eio_payload *payload);

/* A text packet as both transports carry it (digit + data). */
void eio_append_text(struct buf *out, enum eio_type type, struct span data);
/* A binary message inside a polling payload: `b` + base64. */
void eio_append_binary_polled(struct buf *out, struct span data);
#define EIO_SEPARATOR '\x1e'

struct eio_handshake {
    struct span sid;
    bool may_upgrade;
    unsigned ping_interval_ms, ping_timeout_ms;
    size_t payload_bytes_max;
};
/* The JSON of the open packet: exactly sid, upgrades, pingInterval, pingTimeout, maxPayload. */
void eio_append_handshake(struct buf *out, const struct eio_handshake *handshake);

/* The body {"code":N,"message":"..."} of a refused request. */
enum eio_refusal {
    EIO_UNKNOWN_TRANSPORT,
    EIO_UNKNOWN_SID,
    EIO_BAD_METHOD,
    EIO_BAD_REQUEST,
    EIO_FORBIDDEN,
    EIO_BAD_VERSION
};
void eio_append_refusal(struct buf *out, enum eio_refusal refusal);
