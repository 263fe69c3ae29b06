/* Socket.IO packets with their attachments, as one connection receives them: the input is cut at bytes 0xff into
 * messages, those that begin with 0xfe are binary. A packet written again is the same packet; nothing is held beyond
 * the limit. */
#include "wire/socketio.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { BYTES_MAX = 2000 };

static void check_round_trip(const struct sio_packet *packet)
{
    struct buf text = BUF_EMPTY;
    struct sio_packet again;
    enum err err;

    sio_append(&text, packet->type, packet->nsp, packet->attachment_count, packet->has_ack ? &packet->ack_id : NULL,
               packet->data);
    err = sio_decode(buf_span(&text), &json_limits_default, &again);
    assert(err == OK && again.type == packet->type && again.has_ack == packet->has_ack);
    assert(again.ack_id == packet->ack_id && again.attachment_count == packet->attachment_count);
    assert(span_equal(again.nsp, packet->nsp) && span_equal(again.data, packet->data));
    buf_deinit(&text);
}

static void check_whole(const struct sio_assembly *assembly)
{
    size_t bytes = 0;

    assert(!assembly->is_open && assembly->packet.attachment_count <= LIMIT_SIO_ATTACHMENTS);
    assert((assembly->json.root == NULL) == (assembly->packet.data.len == 0));
    for (unsigned i = 0; i < assembly->packet.attachment_count; i++)
        bytes += assembly->attachments[i].len;
    assert(bytes <= BYTES_MAX);
    check_round_trip(&assembly->packet);
}

/* From a copy of the message's size. Text lives until the next message, as a connection's buffer does for one call. */
static enum err feed(struct sio_assembly *assembly, struct span message)
{
    char *copy = memory_copy(message.data, message.len);
    struct span bytes = span_of(copy, message.len);
    bool is_whole;
    enum err err;

    if (span_starts_with(bytes, SPAN("\xfe")))
        err = sio_assembly_binary(assembly, span_slice(bytes, 1, bytes.len), &is_whole);
    else
        err = sio_assembly_text(assembly, bytes, &json_limits_default, &is_whole);
    assert(err == OK || !is_whole);
    assert(assembly->bytes <= BYTES_MAX && assembly->text.cap <= 2 * BYTES_MAX);
    if (is_whole) {
        check_whole(assembly);
        sio_assembly_reset(assembly);
    }
    free(copy);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span rest = span_of(data, len), message;
    struct sio_assembly assembly;

    sio_assembly_init(&assembly, BYTES_MAX);
    while (span_cut(&rest, '\xff', &message)) {
        if (feed(&assembly, message) != OK)
            break;
    }
    sio_assembly_deinit(&assembly);
    return 0;
}
