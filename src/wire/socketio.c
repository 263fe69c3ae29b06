/* A packet's text is a type digit, then, each only where it applies: the number of attachments and '-', the namespace
 * and ',', the acknowledgement's id, the data. None of them is marked, so the order of the tests below is the grammar.
 */
#include "wire/socketio.h"

#include "base/limits.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

#define ACK_ID_MAX 9007199254740991u /* 2^53-1: beyond it JavaScript's numbers are not exact */

static bool is_binary(enum sio_type type)
{
    return type == SIO_BINARY_EVENT || type == SIO_BINARY_ACK;
}

static bool is_event(enum sio_type type)
{
    return type == SIO_EVENT || type == SIO_BINARY_EVENT;
}

static bool is_ack(enum sio_type type)
{
    return type == SIO_ACK || type == SIO_BINARY_ACK;
}

/* ---- the head of a packet --------------------------------------------------------------------------------------- */

static void skip(struct span *rest, size_t count)
{
    *rest = span_slice(*rest, count, rest->len);
}

static struct span take_digits(struct span *rest)
{
    size_t len = 0;

    while (len < rest->len && rest->data[len] >= '0' && rest->data[len] <= '9')
        len++;
    struct span digits = span_slice(*rest, 0, len);
    skip(rest, len);
    return digits;
}

/* Digits as a number up to `max`. What is too long for 64 bits is too large, not broken. */
static enum err number_parse(struct span digits, uint64_t max, uint64_t *out)
{
    if (digits.len == 0 || (digits.len > 1 && digits.data[0] == '0'))
        return ERR_PROTOCOL;
    return span_parse_u64(digits, out) && *out <= max ? OK : ERR_TOO_LARGE;
}

static enum err take_type(struct span *rest, struct sio_packet *packet)
{
    if (rest->len == 0 || rest->data[0] < '0' || rest->data[0] > '0' + (int)SIO_BINARY_ACK)
        return ERR_PROTOCOL;
    packet->type = (enum sio_type)(rest->data[0] - '0');
    skip(rest, 1);
    return OK;
}

static enum err take_attachment_count(struct span *rest, struct sio_packet *packet)
{
    uint64_t count;
    enum err err;

    if (!is_binary(packet->type))
        return OK;
    if ((err = number_parse(take_digits(rest), LIMIT_SIO_ATTACHMENTS, &count)) != OK)
        return err;
    if (count == 0 || !span_starts_with(*rest, SPAN("-")))
        return ERR_PROTOCOL;
    skip(rest, 1);
    packet->attachment_count = (unsigned)count;
    return OK;
}

static enum err take_namespace(struct span *rest, struct sio_packet *packet)
{
    size_t len = span_find(*rest, ',');

    packet->nsp = SPAN("/");
    if (!span_starts_with(*rest, SPAN("/")))
        return OK;
    packet->nsp = span_slice(*rest, 0, len);
    packet->nsp.len = span_find(packet->nsp, '?'); /* older clients sent their query here */
    skip(rest, len + 1);
    assert(packet->nsp.data); /* it begins with a slash */
    for (size_t i = 0; i < packet->nsp.len; i++) {
        if ((unsigned char)packet->nsp.data[i] < 0x20)
            return ERR_PROTOCOL; /* it is echoed, and on long-polling a control character separates packets */
    }
    return OK;
}

static enum err take_ack_id(struct span *rest, struct sio_packet *packet)
{
    struct span digits;

    if (!is_event(packet->type) && !is_ack(packet->type))
        return OK;
    digits = take_digits(rest);
    packet->has_ack = digits.len > 0;
    if (!packet->has_ack)
        return is_ack(packet->type) ? ERR_PROTOCOL : OK;
    return number_parse(digits, ACK_ID_MAX, &packet->ack_id);
}

/* ---- the data --------------------------------------------------------------------------------------------------- */

static bool is_reserved(struct span name)
{
    static const struct span reserved[] = {
        SPAN_INIT("connect"),       SPAN_INIT("connect_error"), SPAN_INIT("disconnect"),
        SPAN_INIT("disconnecting"), SPAN_INIT("newListener"),   SPAN_INIT("removeListener"),
    };

    for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++) {
        if (span_equal(name, reserved[i]))
            return true;
    }
    return false;
}

static bool is_event_name(yyjson_val *value)
{
    return yyjson_is_num(value) || (yyjson_is_str(value) && !is_reserved(json_text(value)));
}

static bool data_suits_type(enum sio_type type, yyjson_val *data)
{
    switch (type) {
    case SIO_CONNECT: return data == NULL || yyjson_is_obj(data);
    case SIO_DISCONNECT: return data == NULL;
    case SIO_CONNECT_ERROR: return yyjson_is_obj(data) || yyjson_is_str(data);
    case SIO_EVENT:
    case SIO_BINARY_EVENT: return yyjson_is_arr(data) && is_event_name(yyjson_arr_get_first(data));
    case SIO_ACK:
    case SIO_BINARY_ACK: return yyjson_is_arr(data);
    default: return false;
    }
}

static bool is_placeholder(yyjson_val *value)
{
    return json_get_bool(value, "_placeholder", false);
}

static bool placeholder_is_valid(yyjson_val *value, unsigned count, bool seen[LIMIT_SIO_ATTACHMENTS])
{
    int64_t num;

    if (yyjson_obj_size(value) != 2 || !json_get_i64(value, "num", &num) || num < 0 || num >= count || seen[num])
        return false;
    seen[num] = true;
    return true;
}

/* All values of a document stand one after the other, so no depth can trouble this. */
static bool placeholders_are_valid(const struct json *json, unsigned count)
{
    bool seen[LIMIT_SIO_ATTACHMENTS] = {false};
    size_t value_count = yyjson_doc_get_val_count(json->doc);

    for (size_t i = 0; i < value_count; i++) {
        if (is_placeholder(json->root + i) && !placeholder_is_valid(json->root + i, count, seen))
            return false;
    }
    return true;
}

static enum err parse_data(const struct sio_packet *packet, const struct json_limits *limits, struct json *json)
{
    enum err err = OK;

    if (packet->data.len > 0)
        err = json_parse(json, packet->data, limits);
    if (err != OK)
        return err == ERR_BAD_JSON ? ERR_PROTOCOL : err;
    if (!data_suits_type(packet->type, json->root))
        return ERR_PROTOCOL;
    if (is_binary(packet->type) && !placeholders_are_valid(json, packet->attachment_count))
        return ERR_PROTOCOL;
    return OK;
}

enum err sio_decode_json(struct span text, const struct json_limits *limits, struct sio_packet *packet,
                         struct json *json)
{
    enum err err;

    *packet = (struct sio_packet){0};
    *json = (struct json){0};
    if ((err = take_type(&text, packet)) != OK || (err = take_attachment_count(&text, packet)) != OK ||
        (err = take_namespace(&text, packet)) != OK || (err = take_ack_id(&text, packet)) != OK)
        return err;
    packet->data = text;
    if ((err = parse_data(packet, limits, json)) != OK)
        json_deinit(json);
    return err;
}

enum err sio_decode(struct span text, const struct json_limits *limits, struct sio_packet *packet)
{
    struct json json;
    enum err err = sio_decode_json(text, limits, packet, &json);

    json_deinit(&json);
    return err;
}

/* ---- attachments ------------------------------------------------------------------------------------------------ */

void sio_assembly_init(struct sio_assembly *assembly, size_t bytes_max)
{
    *assembly = (struct sio_assembly){.bytes_max = bytes_max};
}

void sio_assembly_reset(struct sio_assembly *assembly)
{
    if (assembly->attachments != NULL) {
        for (unsigned i = 0; i < assembly->packet.attachment_count; i++)
            buf_deinit(&assembly->attachments[i]);
        free(assembly->attachments);
    }
    json_deinit(&assembly->json);
    buf_deinit(&assembly->text);
    sio_assembly_init(assembly, assembly->bytes_max);
}

void sio_assembly_deinit(struct sio_assembly *assembly)
{
    sio_assembly_reset(assembly);
}

static bool count_bytes(struct sio_assembly *assembly, size_t count)
{
    if (count > assembly->bytes_max - assembly->bytes)
        return false;
    assembly->bytes += count;
    return true;
}

/* A binary packet's text must outlive the call. Its parsed form need not: it is larger, and made again when the last
 * attachment is here. */
static struct span keep_if_binary(struct sio_assembly *assembly, struct span text)
{
    if (!span_starts_with(text, SPAN("5")) && !span_starts_with(text, SPAN("6")))
        return text;
    buf_append_span(&assembly->text, text);
    return buf_span(&assembly->text);
}

static void begin_waiting(struct sio_assembly *assembly, const struct json_limits *limits)
{
    json_deinit(&assembly->json);
    assembly->attachments = memory_array(assembly->packet.attachment_count, sizeof(struct buf));
    assembly->limits = *limits;
    assembly->is_open = true;
}

enum err sio_assembly_text(struct sio_assembly *assembly, struct span text, const struct json_limits *limits,
                           bool *is_whole)
{
    enum err err;

    *is_whole = false;
    if (assembly->is_open)
        return ERR_PROTOCOL;
    sio_assembly_reset(assembly);
    if (!count_bytes(assembly, text.len))
        return ERR_TOO_LARGE;
    text = keep_if_binary(assembly, text);
    if ((err = sio_decode_json(text, limits, &assembly->packet, &assembly->json)) != OK) {
        assembly->packet = (struct sio_packet){0};
        return err;
    }
    *is_whole = assembly->packet.attachment_count == 0;
    if (!*is_whole)
        begin_waiting(assembly, limits);
    return OK;
}

enum err sio_assembly_binary(struct sio_assembly *assembly, struct span bytes, bool *is_whole)
{
    *is_whole = false;
    if (!assembly->is_open)
        return ERR_PROTOCOL;
    if (!count_bytes(assembly, bytes.len))
        return ERR_TOO_LARGE;
    buf_append_span(&assembly->attachments[assembly->received++], bytes);
    if (assembly->received < assembly->packet.attachment_count)
        return OK;
    assembly->is_open = false;
    *is_whole = true;
    return json_parse(&assembly->json, assembly->packet.data, &assembly->limits);
}

/* ---- encoding --------------------------------------------------------------------------------------------------- */

void sio_append(struct buf *out, enum sio_type type, struct span nsp, unsigned attachment_count, const uint64_t *ack_id,
                struct span data)
{
    assert((attachment_count > 0) == is_binary(type) && attachment_count <= LIMIT_SIO_ATTACHMENTS);
    buf_append_char(out, (char)('0' + (int)type));
    if (is_binary(type)) {
        buf_append_u64(out, attachment_count);
        buf_append_char(out, '-');
    }
    if (nsp.len > 0 && !span_equal(nsp, SPAN("/"))) {
        buf_append_span(out, nsp);
        buf_append_char(out, ',');
    }
    if (ack_id != NULL)
        buf_append_u64(out, *ack_id);
    buf_append_span(out, data);
}
