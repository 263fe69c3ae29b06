/* websocket.h: RFC 6455 framing as a pure decoder and encoder, and the pieces of its handshake.
 *
 * The decoder is fed bytes and says what it found; it may be fed one byte at a time and gives the same answers for any
 * split. It unmasks in place (so the input is writable), never holds more than limits allow, and asks for a decision
 * about nothing: after WS_BAD the connection is over. It knows RSV1 (permessage-deflate, RFC 7692): it reports a
 * message as compressed and leaves inflating to wire/deflate.h. Used by both roles: a server's decoder wants masked
 * frames, a client's (bench, tests) unmasked ones. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/utf8.h"

enum { WS_HEADER_BYTES_MAX = 14 };
enum ws_opcode { WS_CONTINUATION = 0, WS_TEXT = 1, WS_BINARY = 2, WS_OP_CLOSE = 8, WS_OP_PING = 9, WS_OP_PONG = 10 };

enum ws_step {
    WS_MORE,    /* all input was used, nothing whole yet */
    WS_MESSAGE, /* a whole text or binary message: event.payload (before inflating when event.is_compressed) */
    WS_PING,    /* answer with a pong of event.payload; may come between the fragments of a message */
    WS_PONG,
    WS_CLOSE, /* event.code (1005 when the peer gave none) and event.payload, the reason */
    WS_BAD,   /* fail the connection with event.code: 1002, 1007 or 1009 */
};

struct ws_limits {
    size_t message_bytes_max; /* of a message before inflating, and of a frame */
    size_t fragments_max;     /* of a message; 0: no limit */
    size_t text_bytes_max;    /* as message_bytes_max for text messages, when smaller; 0: the same */
};

struct ws_event {
    enum ws_opcode opcode; /* WS_TEXT or WS_BINARY for WS_MESSAGE */
    bool is_compressed;
    uint16_t code;
    struct span payload; /* valid until the next feed; may point into the input */
};

/* One per connection, so it is small: 80 bytes, and no memory of its own between messages. */
struct ws {
    const struct ws_limits *limits;
    struct buf message;      /* an unfinished message's bytes; unallocated between messages */
    char *control;           /* an unfinished control frame's payload, likewise; NULL: none */
    uint64_t frame_left;     /* payload bytes of the frame that are still to come */
    uint32_t fragment_count; /* of the message under way */
    uint8_t control_len;
    uint8_t header_len;
    uint8_t header[WS_HEADER_BYTES_MAX]; /* of the frame being read */
    uint8_t mask_phase;                  /* which byte of the mask is next */
    uint8_t mask[4];
    uint8_t opcode;         /* of the frame being read */
    uint8_t message_opcode; /* 0: no message under way */
    struct utf8 utf8;       /* of an uncompressed text message, checked as it arrives */
    bool is_server : 1;     /* expects masked frames */
    bool has_deflate : 1;   /* RSV1 was negotiated */
    bool in_payload : 1;
    bool is_final : 1;
    bool message_compressed : 1;
    bool is_over : 1; /* after a close frame or a bad one nothing more is reported */
};

/* The limits are borrowed: they must outlive it. */
void ws_init(struct ws *ws, bool is_server, bool has_deflate, const struct ws_limits *limits);
void ws_deinit(struct ws *ws);
/* Consumes from the front of *input (unmasking in place) until it found something or used all. A whole message that
 * lies unfragmented in the input is reported without copying. Text is checked for UTF-8 at the first bad byte when not
 * compressed; compressed text must be checked by the caller after inflating. Call it until it says WS_MORE: that also
 * releases the memory of the message that was reported last. */
must_check enum ws_step ws_feed(struct ws *ws, struct span *input, struct ws_event *event);

/* Writes the header of an unmasked frame whose payload has `len` bytes; gives its length. For who puts frames together
 * in one piece. */
size_t ws_write_header(uint8_t header[WS_HEADER_BYTES_MAX], enum ws_opcode opcode, bool is_compressed, size_t len);
/* Appends a frame. Server frames are not masked; `mask` is NULL for them and 4 bytes for a client's. */
void ws_append_frame(struct buf *out, enum ws_opcode opcode, bool is_compressed, struct span payload,
                     const uint8_t *mask);
/* Appends a close frame; code 1005 gives an empty body. The reason is cut to 123 bytes at a character's edge. */
void ws_append_close(struct buf *out, uint16_t code, struct span reason, const uint8_t *mask);
/* What a received close frame's code may be: 1000-1003, 1007-1014, 3000-4999. */
bool ws_close_code_is_valid(uint16_t code);

/* Handshake (RFC 6455 section 4.2). */
bool ws_key_is_valid(struct span key);                   /* base64 of exactly 16 bytes */
void ws_append_accept(struct buf *out, struct span key); /* Sec-WebSocket-Accept */
