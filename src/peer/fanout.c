#include "peer/fanout.h"

#include "wire/engineio.h"
#include "wire/socketio.h"

#include <assert.h>

/* ---- a message as it is ---- */

static struct frame *deflated(struct fanout *fanout, struct span text, struct frame *plain)
{
    struct frame *frame = fanout->deflater ? websocket_encode_deflated(fanout->deflater, text, true) : NULL;
    return frame ? frame : frame_ref(plain);
}

struct frame *fanout_frame(struct fanout *fanout, enum wire_form form)
{
    if (fanout->frames[form])
        return fanout->frames[form];
    assert(form == FORM_WEBSOCKET || form == FORM_WEBSOCKET_DEFLATED);
    fanout->frames[form] = form == FORM_WEBSOCKET
                               ? websocket_encode(fanout->text, true)
                               : deflated(fanout, fanout->text, fanout_frame(fanout, FORM_WEBSOCKET));
    return fanout->frames[form];
}

/* ---- as a Socket.IO event ---- */

static void packet_release(struct fanout *fanout)
{
    for (unsigned form = 0; form < PACKET_FORM_COUNT; form++) {
        frame_unref(fanout->packets[form]);
        fanout->packets[form] = NULL;
    }
}

/* The whole Engine.IO message: 4, then the packet with its namespace. */
static void packet_write(struct buf *out, const struct fanout *fanout, struct span nsp)
{
    buf_append_char(out, '4');
    sio_append(out, fanout->binary_count ? SIO_BINARY_EVENT : SIO_EVENT, nsp, fanout->binary_count, NULL, fanout->text);
}

struct frame *fanout_packet(struct fanout *fanout, struct span nsp, enum packet_form form)
{
    if (!span_equal(nsp, fanout->nsp)) {
        packet_release(fanout);
        fanout->nsp = nsp;
    }
    if (fanout->packets[form])
        return fanout->packets[form];
    struct buf text = BUF_EMPTY;
    packet_write(&text, fanout, nsp);
    if (form == PACKET_POLLED)
        fanout->packets[form] = frame_new(buf_span(&text));
    else if (form == PACKET_WEBSOCKET)
        fanout->packets[form] = websocket_encode(buf_span(&text), true);
    else
        fanout->packets[form] = deflated(fanout, buf_span(&text), fanout_packet(fanout, nsp, PACKET_WEBSOCKET));
    buf_deinit(&text);
    return fanout->packets[form];
}

struct frame *fanout_attachment(struct fanout *fanout, uint32_t index, bool is_polled)
{
    struct frame **place = &fanout->attachments[is_polled][index];
    assert(index < fanout->binary_count && index < FANOUT_ATTACHMENTS_MAX);
    if (!*place && is_polled) {
        struct buf packet = BUF_EMPTY;
        eio_append_binary_polled(&packet, fanout->binaries[index]);
        *place = frame_new(buf_span(&packet));
        buf_deinit(&packet);
    } else if (!*place) {
        *place = websocket_encode(fanout->binaries[index], false);
    }
    return *place;
}

void fanout_release(struct fanout *fanout)
{
    for (unsigned form = 0; form < FORM_COUNT; form++)
        frame_unref(fanout->frames[form]);
    packet_release(fanout);
    for (uint32_t i = 0; i < fanout->binary_count; i++) {
        frame_unref(fanout->attachments[false][i]);
        frame_unref(fanout->attachments[true][i]);
    }
}
