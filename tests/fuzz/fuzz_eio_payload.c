/* Engine.IO payloads. The packets of a body, written again, make a body with the same packets. */
#include "wire/engineio.h"

#include "base/utf8.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { PACKETS_MAX = 50 };

/* Notes the packets in `notes` and writes them to `body`, when one is given. */
static enum err read_all(struct span text, struct buf *notes, struct buf *body)
{
    struct eio_payload payload = {.rest = text, .packets_max = PACKETS_MAX};
    struct eio_packet packet;
    size_t count = 0;
    enum err err;

    while (eio_payload_next(&payload, &packet, &err)) {
        count++;
        assert(count <= PACKETS_MAX && packet.type <= EIO_NOOP);
        assert(packet.is_binary ? packet.type == EIO_MESSAGE : utf8_is_valid(packet.data));
        buf_printf(notes, "%d %d %zu ", (int)packet.type, packet.is_binary, packet.data.len);
        buf_append_span(notes, packet.data);
        if (body == NULL)
            continue;
        if (count > 1)
            buf_append_char(body, EIO_SEPARATOR);
        if (packet.is_binary)
            eio_append_binary_polled(body, packet.data);
        else
            eio_append_text(body, packet.type, packet.data);
    }
    assert(err != OK || count > 0);
    eio_payload_deinit(&payload);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span text = span_of(data, len);
    struct buf notes = BUF_EMPTY, again = BUF_EMPTY, body = BUF_EMPTY;
    struct eio_packet packet;
    enum err err = read_all(text, &notes, &body);

    if (err == OK) {
        assert(span_equal(buf_span(&body), text));
        err = read_all(buf_span(&body), &again, NULL);
        assert(err == OK && span_equal(buf_span(&notes), buf_span(&again)));
    }
    if (eio_decode_text(text, &packet) == OK) {
        buf_reset(&body);
        eio_append_text(&body, packet.type, packet.data);
        assert(span_equal(buf_span(&body), text));
    }
    buf_deinit(&notes);
    buf_deinit(&again);
    buf_deinit(&body);
    return 0;
}
