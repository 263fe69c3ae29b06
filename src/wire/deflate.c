/* Two things that have only the extension in common: the small language of Sec-WebSocket-Extensions, and zlib's raw
 * streams with the four bytes 00 00 FF FF, which every message ends with and none is sent with (RFC 7692 section 7.2).
 */
#include "wire/deflate.h"

#include "base/memory.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    HEADER_BYTES_MAX = 4096,
    OFFERS_MAX = 16,
    WINDOW_BITS_MIN = 9, /* 8 is in the RFC, but zlib's raw deflate silently makes a 9 of it */
    WINDOW_BITS_MAX = 15,
    STEP_BYTES = 16384,
    MEMORY_LEVEL = 8,
};

/* ---- negotiation ------------------------------------------------------------------------------------------------ */

enum parameter {
    SERVER_NO_CONTEXT,
    CLIENT_NO_CONTEXT,
    SERVER_BITS,
    CLIENT_BITS,
    PARAMETER_COUNT,
};

static const struct span parameter_names[PARAMETER_COUNT] = {
    [SERVER_NO_CONTEXT] = SPAN_INIT("server_no_context_takeover"),
    [CLIENT_NO_CONTEXT] = SPAN_INIT("client_no_context_takeover"),
    [SERVER_BITS] = SPAN_INIT("server_max_window_bits"),
    [CLIENT_BITS] = SPAN_INIT("client_max_window_bits"),
};

struct offer {
    bool is_ours;    /* permessage-deflate */
    bool is_refused; /* well formed, but with a parameter or value that must be declined */
    bool has[PARAMETER_COUNT];
    uint8_t bits[PARAMETER_COUNT]; /* of the two window parameters; 0: given without a value */
};

static bool is_token_char(char byte)
{
    unsigned char c = (unsigned char)byte;

    return c > 0x20 && c < 0x7f && strchr("()<>@,;:\\\"/[]?={}", c) == NULL;
}

static void skip_blanks(struct span *rest)
{
    while (rest->len > 0 && (*rest->data == ' ' || *rest->data == '\t'))
        *rest = span_slice(*rest, 1, rest->len);
}

/* Takes one separator with the blanks around it. */
static bool take_char(struct span *rest, char wanted)
{
    skip_blanks(rest);
    if (rest->len == 0 || *rest->data != wanted)
        return false;
    *rest = span_slice(*rest, 1, rest->len);
    skip_blanks(rest);
    return true;
}

static bool take_token(struct span *rest, struct span *token)
{
    size_t len = 0;

    while (len < rest->len && is_token_char(rest->data[len]))
        len++;
    *token = span_slice(*rest, 0, len);
    *rest = span_slice(*rest, len, rest->len);
    return len > 0;
}

/* A value is a token, or a token between quotes (section 5.2 of RFC 7692 allows nothing else inside them). */
static bool take_value(struct span *rest, struct span *value)
{
    bool is_quoted = rest->len > 0 && *rest->data == '"';

    if (is_quoted)
        *rest = span_slice(*rest, 1, rest->len);
    if (!take_token(rest, value))
        return false;
    if (!is_quoted)
        return true;
    if (rest->len == 0 || *rest->data != '"')
        return false;
    *rest = span_slice(*rest, 1, rest->len);
    return true;
}

static enum parameter parameter_of(struct span name)
{
    enum parameter parameter = 0;

    while (parameter < PARAMETER_COUNT && !span_equal_nocase(name, parameter_names[parameter]))
        parameter++;
    return parameter;
}

static bool window_bits_parse(struct span value, uint8_t *bits)
{
    uint64_t number;

    if (!span_parse_u64(value, &number) || number < WINDOW_BITS_MIN || number > WINDOW_BITS_MAX)
        return false;
    *bits = (uint8_t)number;
    return true;
}

/* Only a window parameter has a value, and only the client's may go without. */
static bool value_is_acceptable(struct offer *offer, enum parameter parameter, bool has_value, struct span value)
{
    switch (parameter) {
    case SERVER_NO_CONTEXT:
    case CLIENT_NO_CONTEXT: return !has_value;
    case SERVER_BITS: return has_value && window_bits_parse(value, &offer->bits[SERVER_BITS]);
    case CLIENT_BITS: return !has_value || window_bits_parse(value, &offer->bits[CLIENT_BITS]);
    default: return false;
    }
}

static bool take_parameter(struct span *rest, struct offer *offer)
{
    struct span name, value = SPAN_EMPTY;
    bool has_value;
    enum parameter parameter;

    if (!take_token(rest, &name))
        return false;
    has_value = take_char(rest, '=');
    if (has_value && !take_value(rest, &value))
        return false;
    if (!offer->is_ours)
        return true;
    parameter = parameter_of(name);
    if (parameter < PARAMETER_COUNT) {
        if (offer->has[parameter])
            return false;
        offer->has[parameter] = true;
    }
    if (!value_is_acceptable(offer, parameter, has_value, value))
        offer->is_refused = true;
    return true;
}

static bool take_offer(struct span *rest, struct offer *offer)
{
    struct span name;

    *offer = (struct offer){0};
    if (!take_token(rest, &name))
        return false;
    offer->is_ours = span_equal_nocase(name, SPAN("permessage-deflate"));
    while (take_char(rest, ';')) {
        if (!take_parameter(rest, offer))
            return false;
    }
    return true;
}

static bool offer_suits(const struct offer *offer, enum deflate_policy policy)
{
    if (!offer->is_ours || offer->is_refused)
        return false;
    return policy == DEFLATE_AS_OFFERED || !offer->has[SERVER_BITS] || offer->bits[SERVER_BITS] == WINDOW_BITS_MAX;
}

static struct deflate_terms terms_of(const struct offer *offer, enum deflate_policy policy)
{
    bool is_shared = policy == DEFLATE_SHARED;
    uint8_t client_bits = offer->bits[CLIENT_BITS];

    return (struct deflate_terms){
        .is_on = true,
        .server_no_context_takeover = is_shared || offer->has[SERVER_NO_CONTEXT],
        .client_no_context_takeover = is_shared || offer->has[CLIENT_NO_CONTEXT],
        .server_window_bits = offer->has[SERVER_BITS] ? offer->bits[SERVER_BITS] : WINDOW_BITS_MAX,
        /* A smaller window than the client would take by itself saves nothing where one inflater serves everybody. */
        .client_window_bits = !is_shared && client_bits != 0 ? client_bits : WINDOW_BITS_MAX,
    };
}

static void append_answer(struct buf *answer, const struct offer *offer, const struct deflate_terms *terms)
{
    BUF_APPEND_LITERAL(answer, "permessage-deflate");
    if (terms->server_no_context_takeover)
        BUF_APPEND_LITERAL(answer, "; server_no_context_takeover");
    if (terms->client_no_context_takeover)
        BUF_APPEND_LITERAL(answer, "; client_no_context_takeover");
    if (offer->has[SERVER_BITS])
        buf_printf(answer, "; server_max_window_bits=%u", terms->server_window_bits);
    if (terms->client_window_bits != WINDOW_BITS_MAX)
        buf_printf(answer, "; client_max_window_bits=%u", terms->client_window_bits);
}

enum err deflate_negotiate(struct span header, enum deflate_policy policy, struct deflate_terms *terms,
                           struct buf *answer)
{
    struct offer offer, chosen = {0};
    unsigned offer_count = 0;

    *terms = (struct deflate_terms){0};
    if (header.len > HEADER_BYTES_MAX)
        return ERR_BAD_REQUEST;
    do {
        skip_blanks(&header);
        if (header.len == 0 || *header.data == ',')
            continue; /* lists of HTTP may have empty elements */
        if (!take_offer(&header, &offer))
            return ERR_BAD_REQUEST;
        if (++offer_count <= OFFERS_MAX && !chosen.is_ours && offer_suits(&offer, policy))
            chosen = offer;
    } while (take_char(&header, ','));
    if (header.len > 0)
        return ERR_BAD_REQUEST;
    if (!chosen.is_ours)
        return OK;
    *terms = terms_of(&chosen, policy);
    append_answer(answer, &chosen, terms);
    return OK;
}

/* ---- zlib ------------------------------------------------------------------------------------------------------- */

static const unsigned char tail[4] = {0x00, 0x00, 0xff, 0xff};

static void *allocate(void *opaque, uInt count, uInt size)
{
    (void)opaque;
    return memory_array(count, size);
}

static void release(void *opaque, void *memory)
{
    (void)opaque;
    free(memory);
}

struct deflater {
    z_stream stream;
    bool keeps_context;
};

struct deflater *deflater_new(unsigned window_bits, bool keeps_context, int level)
{
    struct deflater *deflater = NEW(struct deflater);
    int status;

    assert(window_bits >= WINDOW_BITS_MIN && window_bits <= WINDOW_BITS_MAX);
    deflater->keeps_context = keeps_context;
    deflater->stream.zalloc = allocate;
    deflater->stream.zfree = release;
    status = deflateInit2(&deflater->stream, level, Z_DEFLATED, -(int)window_bits, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    assert(status == Z_OK);
    return deflater;
}

void deflater_free(struct deflater *deflater)
{
    if (deflater == NULL)
        return;
    (void)deflateEnd(&deflater->stream); /* says Z_DATA_ERROR when a message was under way: so it is, always */
    free(deflater);
}

void deflater_message(struct deflater *deflater, struct span message, struct buf *out)
{
    z_stream *stream = &deflater->stream;
    int status = Z_OK;

    /* Asked to flush twice with nothing between, zlib says nothing; the RFC's word for "empty" is one zero byte. */
    if (message.len == 0) {
        buf_append_char(out, '\0');
        return;
    }
    assert(message.len <= INT_MAX);
    if (!deflater->keeps_context)
        status = deflateReset(stream);
    assert(status == Z_OK);
    stream->next_in = (z_const Bytef *)(uintptr_t)message.data;
    stream->avail_in = (uInt)message.len;
    do {
        size_t room = deflateBound(stream, stream->avail_in) + sizeof(tail) + 1;

        stream->next_out = (Bytef *)buf_reserve(out, room);
        stream->avail_out = (uInt)room;
        status = deflate(stream, Z_SYNC_FLUSH);
        assert(status == Z_OK || status == Z_BUF_ERROR);
        out->len += room - stream->avail_out;
    } while (stream->avail_out == 0);
    assert(stream->avail_in == 0);
    assert(out->len >= sizeof(tail) && memcmp(out->data + out->len - sizeof(tail), tail, sizeof(tail)) == 0);
    out->len -= sizeof(tail);
}

struct inflater {
    z_stream stream;
    bool keeps_context;
};

struct inflater *inflater_new(unsigned window_bits, bool keeps_context)
{
    struct inflater *inflater = NEW(struct inflater);
    int status;

    assert(window_bits >= WINDOW_BITS_MIN && window_bits <= WINDOW_BITS_MAX);
    inflater->keeps_context = keeps_context;
    inflater->stream.zalloc = allocate;
    inflater->stream.zfree = release;
    status = inflateInit2(&inflater->stream, -(int)window_bits);
    assert(status == Z_OK);
    return inflater;
}

void inflater_free(struct inflater *inflater)
{
    if (inflater == NULL)
        return;
    (void)inflateEnd(&inflater->stream);
    free(inflater);
}

/* One call of inflate() with room for at most STEP_BYTES. When *room is used up, one byte of room outside `out` shows
 * whether the message goes on. */
static enum err inflate_step(z_stream *stream, int flush, size_t *room, struct buf *out, int *status)
{
    Bytef probe;
    size_t step = *room < STEP_BYTES ? *room : STEP_BYTES;
    size_t got;

    stream->next_out = step > 0 ? (Bytef *)buf_reserve(out, step) : &probe;
    stream->avail_out = step > 0 ? (uInt)step : 1;
    *status = inflate(stream, flush);
    got = (step > 0 ? step : 1) - stream->avail_out;
    if (got > *room)
        return ERR_TOO_LARGE;
    out->len += got;
    *room -= got;
    return OK;
}

/* Inflates all of `bytes`. A final block ends a deflate stream, not the message (section 7.2.3.4): the next stream
 * begins at the next byte and still sees the window, so the state is reset without it. *at_end: just after a final
 * block. */
static enum err inflate_bytes(z_stream *stream, struct span bytes, int flush, size_t *room, struct buf *out,
                              bool *at_end)
{
    stream->next_in = (z_const Bytef *)(uintptr_t)bytes.data;
    stream->avail_in = (uInt)bytes.len;
    do {
        int status;
        enum err err = inflate_step(stream, flush, room, out, &status);

        if (err != OK)
            return err;
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
            return ERR_PROTOCOL;
        *at_end = status == Z_STREAM_END;
        if (*at_end && inflateResetKeep(stream) != Z_OK)
            return ERR_PROTOCOL;
    } while (stream->avail_in > 0 || (stream->avail_out == 0 && !*at_end));
    return OK;
}

/* After Z_BLOCK: zlib stands between two blocks, and no bit of the last byte is left. */
static bool is_between_blocks(const z_stream *stream)
{
    return (stream->data_type & 128) != 0 && (stream->data_type & 63) == 0;
}

enum err inflater_message(struct inflater *inflater, struct span message, size_t message_bytes_max, struct buf *out)
{
    z_stream *stream = &inflater->stream;
    size_t room = message_bytes_max;
    bool at_end = false;
    enum err err;

    /* Some senders let zlib flush a second empty message, get nothing, and send that. */
    if (message.len == 0)
        return OK;
    assert(message.len <= INT_MAX);
    if (!inflater->keeps_context && inflateReset(stream) != Z_OK)
        return ERR_PROTOCOL;
    if ((err = inflate_bytes(stream, message, Z_SYNC_FLUSH, &room, out, &at_end)) != OK)
        return err;
    if (at_end)
        return OK; /* a sender that ended its stream and left out the zero byte after it */
    if ((err = inflate_bytes(stream, span_of(tail, sizeof(tail)), Z_BLOCK, &room, out, &at_end)) != OK)
        return err;
    return is_between_blocks(stream) ? OK : ERR_PROTOCOL;
}
