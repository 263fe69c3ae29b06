/* A frame is read in two states: its header is collected byte by byte in ws->header (at most 14 of them), then its
 * payload is taken in whatever pieces arrive. Everything that can be wrong with a frame is decided from the header, as
 * early as possible, so that a length is compared with the limits before a byte of memory depends on it. */
#include "wire/websocket.h"

#include "base/base64.h"
#include "base/memory.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

enum {
    BIT_FIN = 0x80,
    BIT_RSV1 = 0x40,
    BITS_RSV23 = 0x30,
    BITS_OPCODE = 0x0f,
    BIT_MASK = 0x80,
    BITS_LEN = 0x7f,
    LEN_IS_16_BITS = 126,
    LEN_IS_64_BITS = 127,
    CONTROL_BYTES_MAX = 125,
    REASON_BYTES_MAX = 123,
    CODE_PROTOCOL = 1002,
    CODE_NONE = 1005,
    CODE_BAD_DATA = 1007,
    CODE_TOO_LARGE = 1009,
};

void ws_init(struct ws *ws, bool is_server, bool has_deflate, const struct ws_limits *limits)
{
    assert(limits->message_bytes_max > 0);
    memset(ws, 0, sizeof(*ws));
    ws->limits = limits;
    ws->is_server = is_server;
    ws->has_deflate = has_deflate;
}

void ws_deinit(struct ws *ws)
{
    buf_deinit(&ws->message);
    free(ws->control);
}

static bool is_control(uint8_t opcode)
{
    return opcode >= WS_OP_CLOSE;
}

static enum ws_step fail(struct ws *ws, struct ws_event *event, uint16_t code)
{
    ws->is_over = true;
    event->code = code;
    return WS_BAD;
}

/* ---- the header ------------------------------------------------------------------------------------------------- */

static bool opcode_is_known(uint8_t opcode)
{
    return opcode <= WS_BINARY || (opcode >= WS_OP_CLOSE && opcode <= WS_OP_PONG);
}

/* Section 5.2: what the first two bytes alone may not say. */
static bool opening_is_valid(const struct ws *ws)
{
    uint8_t first = ws->header[0], second = ws->header[1];
    uint8_t opcode = first & BITS_OPCODE;
    bool is_continuation = opcode == WS_CONTINUATION;

    if ((first & BITS_RSV23) != 0 || !opcode_is_known(opcode))
        return false;
    if (((second & BIT_MASK) != 0) != ws->is_server)
        return false;
    /* RSV1 belongs to the first frame of a data message (RFC 7692 section 6) */
    if ((first & BIT_RSV1) != 0 && (!ws->has_deflate || is_continuation || is_control(opcode)))
        return false;
    if (is_control(opcode))
        return (first & BIT_FIN) != 0 && (second & BITS_LEN) <= CONTROL_BYTES_MAX;
    return is_continuation == (ws->message_opcode != 0);
}

static uint8_t length_bytes(uint8_t second)
{
    switch (second & BITS_LEN) {
    case LEN_IS_16_BITS: return 2;
    case LEN_IS_64_BITS: return 8;
    default: return 0;
    }
}

static uint64_t read_length(const struct ws *ws)
{
    uint8_t count = length_bytes(ws->header[1]);
    uint64_t length = 0;

    if (count == 0)
        return ws->header[1] & BITS_LEN;
    for (uint8_t i = 0; i < count; i++)
        length = length << 8 | ws->header[2 + i];
    return length;
}

/* The length must be in its shortest form, and its top bit must be 0. */
static bool length_is_canonical(const struct ws *ws, uint64_t length)
{
    switch (length_bytes(ws->header[1])) {
    case 2: return length >= LEN_IS_16_BITS;
    case 8: return length > UINT16_MAX && length <= INT64_MAX;
    default: return true;
    }
}

static size_t message_room(const struct ws *ws, uint8_t opcode)
{
    size_t bytes_max = ws->limits->message_bytes_max;

    if (opcode == WS_TEXT && ws->limits->text_bytes_max > 0 && ws->limits->text_bytes_max < bytes_max)
        bytes_max = ws->limits->text_bytes_max;
    assert(ws->message.len <= bytes_max);
    return bytes_max - ws->message.len;
}

/* Gives the close code of what is wrong with the frame's length, or 0. */
static uint16_t length_fault(const struct ws *ws, uint64_t length)
{
    uint8_t opcode = ws->header[0] & BITS_OPCODE;

    if (!length_is_canonical(ws, length))
        return CODE_PROTOCOL;
    if (is_control(opcode))
        return 0;
    if (length > message_room(ws, opcode == WS_CONTINUATION ? ws->message_opcode : opcode))
        return CODE_TOO_LARGE;
    if (ws->limits->fragments_max != 0 && ws->fragment_count >= ws->limits->fragments_max)
        return CODE_TOO_LARGE;
    return 0;
}

/* Moves input into the header until it has `wanted` bytes; false when there was not enough. */
static bool fill_header(struct ws *ws, struct span *input, uint8_t wanted)
{
    while (ws->header_len < wanted) {
        if (input->len == 0)
            return false;
        ws->header[ws->header_len++] = (uint8_t)*input->data;
        input->data++;
        input->len--;
    }
    return true;
}

static void begin_payload(struct ws *ws, uint64_t length)
{
    uint8_t first = ws->header[0];

    ws->opcode = first & BITS_OPCODE;
    ws->is_final = (first & BIT_FIN) != 0;
    ws->frame_left = length;
    ws->mask_phase = 0;
    ws->header_len = 0;
    ws->in_payload = true;
    if (is_control(ws->opcode))
        return;
    ws->fragment_count++;
    if (ws->opcode == WS_CONTINUATION)
        return;
    ws->message_opcode = ws->opcode;
    ws->message_compressed = (first & BIT_RSV1) != 0;
    ws->utf8 = (struct utf8){0};
}

/* WS_MORE with ws->in_payload set when the header is whole. */
static enum ws_step feed_header(struct ws *ws, struct span *input, struct ws_event *event)
{
    uint8_t wanted = 2;
    uint64_t length;
    uint16_t fault;

    if (!fill_header(ws, input, wanted))
        return WS_MORE;
    if (!opening_is_valid(ws))
        return fail(ws, event, CODE_PROTOCOL);
    wanted = (uint8_t)(wanted + length_bytes(ws->header[1]));
    if (!fill_header(ws, input, wanted))
        return WS_MORE;
    length = read_length(ws);
    if ((fault = length_fault(ws, length)) != 0)
        return fail(ws, event, fault);
    if (ws->is_server) {
        if (!fill_header(ws, input, (uint8_t)(wanted + sizeof(ws->mask))))
            return WS_MORE;
        memcpy(ws->mask, ws->header + wanted, sizeof(ws->mask));
    }
    begin_payload(ws, length);
    return WS_MORE;
}

/* ---- the payload ------------------------------------------------------------------------------------------------ */

/* XORs with the mask, eight bytes at a time; `phase` says where in the mask the first byte is. */
static void apply_mask(char *bytes, size_t len, const uint8_t mask[4], unsigned phase)
{
    uint8_t key[8];
    uint64_t word, key_word;
    size_t i = 0;

    for (unsigned k = 0; k < sizeof(key); k++)
        key[k] = mask[(phase + k) & 3];
    memcpy(&key_word, key, sizeof(key));
    for (; len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, bytes + i, sizeof(word));
        word ^= key_word;
        memcpy(bytes + i, &word, sizeof(word));
    }
    for (unsigned k = 0; i < len; i++, k++)
        bytes[i] = (char)((uint8_t)bytes[i] ^ key[k]);
}

/* Takes what the input has of this frame's payload, unmasked. */
static struct span take_payload(struct ws *ws, struct span *input)
{
    size_t len = input->len < ws->frame_left ? input->len : (size_t)ws->frame_left;
    struct span piece = span_slice(*input, 0, len);

    if (ws->is_server && len > 0) {
        apply_mask((char *)(uintptr_t)piece.data, len, ws->mask, ws->mask_phase);
        ws->mask_phase = (uint8_t)((ws->mask_phase + len) & 3);
    }
    *input = span_slice(*input, len, input->len);
    ws->frame_left -= len;
    return piece;
}

static enum ws_step report_close(struct ws *ws, struct span payload, struct ws_event *event)
{
    ws->is_over = true;
    event->code = CODE_NONE;
    if (payload.len == 0)
        return WS_CLOSE;
    if (payload.len == 1)
        return fail(ws, event, CODE_PROTOCOL);
    assert(payload.data);
    event->code = (uint16_t)((uint8_t)payload.data[0] << 8 | (uint8_t)payload.data[1]);
    if (!ws_close_code_is_valid(event->code))
        return fail(ws, event, CODE_PROTOCOL);
    event->payload = span_slice(payload, 2, payload.len);
    if (!utf8_is_valid(event->payload)) {
        event->payload = SPAN_EMPTY;
        return fail(ws, event, CODE_BAD_DATA);
    }
    return WS_CLOSE;
}

static struct span keep_control(struct ws *ws, struct span piece)
{
    assert(ws->control_len + piece.len <= CONTROL_BYTES_MAX);
    if (ws->control == NULL && piece.len > 0)
        ws->control = memory_alloc(CONTROL_BYTES_MAX);
    if (piece.len > 0)
        memcpy(ws->control + ws->control_len, piece.data, piece.len);
    ws->control_len = (uint8_t)(ws->control_len + piece.len);
    return span_of(ws->control, ws->control_len);
}

static enum ws_step feed_control(struct ws *ws, struct span piece, struct ws_event *event)
{
    if (ws->frame_left > 0 || ws->control_len > 0)
        piece = keep_control(ws, piece);
    if (ws->frame_left > 0)
        return WS_MORE;
    ws->in_payload = false;
    event->opcode = (enum ws_opcode)ws->opcode;
    if (ws->opcode == WS_OP_CLOSE)
        return report_close(ws, piece, event);
    event->payload = piece;
    return ws->opcode == WS_OP_PING ? WS_PING : WS_PONG;
}

static bool text_is_valid(struct ws *ws, struct span piece, bool is_end)
{
    if (ws->message_opcode != WS_TEXT || ws->message_compressed)
        return true;
    return utf8_feed(&ws->utf8, piece) && (!is_end || utf8_is_complete(&ws->utf8));
}

static enum ws_step feed_data(struct ws *ws, struct span piece, struct ws_event *event)
{
    bool is_end = ws->frame_left == 0 && ws->is_final;

    if (!text_is_valid(ws, piece, is_end))
        return fail(ws, event, CODE_BAD_DATA);
    if (!is_end || ws->message.len > 0) {
        buf_append_span(&ws->message, piece);
        piece = buf_span(&ws->message);
    }
    ws->in_payload = ws->frame_left > 0;
    if (!is_end)
        return WS_MORE;
    event->opcode = (enum ws_opcode)ws->message_opcode;
    event->is_compressed = ws->message_compressed;
    event->payload = piece;
    ws->message_opcode = 0;
    ws->fragment_count = 0;
    return WS_MESSAGE;
}

/* What was reported last is not needed any more. */
static void release_reported(struct ws *ws)
{
    if (ws->message_opcode == 0 && ws->message.cap > 0)
        buf_deinit(&ws->message);
    if (ws->control && !(ws->in_payload && is_control(ws->opcode))) {
        free(ws->control);
        ws->control = NULL;
        ws->control_len = 0;
    }
}

enum ws_step ws_feed(struct ws *ws, struct span *input, struct ws_event *event)
{
    *event = (struct ws_event){0};
    release_reported(ws);
    for (;;) {
        enum ws_step step;

        if (ws->is_over) {
            *input = span_slice(*input, input->len, 0);
            return WS_MORE;
        }
        if (!ws->in_payload) {
            step = feed_header(ws, input, event);
            if (!ws->in_payload)
                return step;
        }
        struct span piece = take_payload(ws, input);
        step = is_control(ws->opcode) ? feed_control(ws, piece, event) : feed_data(ws, piece, event);
        if (step != WS_MORE || ws->in_payload)
            return step;
    }
}

bool ws_close_code_is_valid(uint16_t code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/* ---- the encoder ------------------------------------------------------------------------------------------------ */

static size_t write_length(uint8_t *header, size_t len)
{
    uint8_t count = 0;

    if (len <= CONTROL_BYTES_MAX) {
        header[1] = (uint8_t)len;
    } else {
        count = len <= UINT16_MAX ? 2 : 8;
        header[1] = count == 2 ? LEN_IS_16_BITS : LEN_IS_64_BITS;
    }
    for (uint8_t i = 0; i < count; i++)
        header[2 + i] = (uint8_t)((uint64_t)len >> (8 * (count - 1 - i)));
    return 2 + (size_t)count;
}

size_t ws_write_header(uint8_t header[WS_HEADER_BYTES_MAX], enum ws_opcode opcode, bool is_compressed, size_t len)
{
    assert(!is_control((uint8_t)opcode) || len <= CONTROL_BYTES_MAX);
    header[0] = (uint8_t)(BIT_FIN | (is_compressed ? BIT_RSV1 : 0) | opcode);
    return write_length(header, len);
}

void ws_append_frame(struct buf *out, enum ws_opcode opcode, bool is_compressed, struct span payload,
                     const uint8_t *mask)
{
    uint8_t header[WS_HEADER_BYTES_MAX];
    size_t header_len = ws_write_header(header, opcode, is_compressed, payload.len);

    if (mask != NULL) {
        header[1] |= BIT_MASK;
        memcpy(header + header_len, mask, 4);
        header_len += 4;
    }
    buf_reserve(out, header_len + payload.len);
    buf_append(out, header, header_len);
    buf_append_span(out, payload);
    if (mask != NULL && payload.len > 0)
        apply_mask(out->data + out->len - payload.len, payload.len, mask, 0);
}

void ws_append_close(struct buf *out, uint16_t code, struct span reason, const uint8_t *mask)
{
    uint8_t body[CONTROL_BYTES_MAX] = {(uint8_t)(code >> 8), (uint8_t)code};

    if (code == CODE_NONE) {
        ws_append_frame(out, WS_OP_CLOSE, false, SPAN_EMPTY, mask);
        return;
    }
    assert(ws_close_code_is_valid(code));
    if (reason.len > REASON_BYTES_MAX) {
        reason.len = REASON_BYTES_MAX;
        while (reason.len > 0 && ((uint8_t)reason.data[reason.len] & 0xc0) == 0x80)
            reason.len--;
    }
    if (reason.len > 0)
        memcpy(body + 2, reason.data, reason.len);
    ws_append_frame(out, WS_OP_CLOSE, false, span_of(body, 2 + reason.len), mask);
}

/* ---- the handshake ---------------------------------------------------------------------------------------------- */

bool ws_key_is_valid(struct span key)
{
    struct buf bytes = BUF_EMPTY;
    bool is_valid = key.len == 24 && base64_decode(&bytes, key) == OK && bytes.len == 16;

    buf_deinit(&bytes);
    return is_valid;
}

void ws_append_accept(struct buf *out, struct span key)
{
    struct buf seed = BUF_EMPTY;
    uint8_t digest[SHA_DIGEST_LENGTH];

    buf_append_span(&seed, key);
    BUF_APPEND_LITERAL(&seed, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    SHA1((const uint8_t *)seed.data, seed.len, digest);
    base64_encode(out, span_of(digest, sizeof(digest)));
    buf_deinit(&seed);
}
