#include "peer/fanout.h"

#include "base/limits.h"
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

/* A whole Engine.IO message: 4, then the packet with its namespace. */
static void packet_write(struct buf *out, const struct fanout *fanout, struct span nsp, struct span array)
{
    buf_append_char(out, '4');
    sio_append(out, fanout->binary_count ? SIO_BINARY_EVENT : SIO_EVENT, nsp, fanout->binary_count, NULL, array);
}

const struct sio_mark *fanout_mark(struct fanout *fanout)
{
    if (!fanout->has_mark)
        fanout->mark = sio_mark_of(fanout->event->room, fanout->event->position.offset);
    fanout->has_mark = true;
    return &fanout->mark;
}

/* The client takes the last argument that is text for the place where it stands. */
static void append_marked(struct buf *out, struct fanout *fanout, struct span array)
{
    if (fanout->event->position.offset)
        sio_append_marked(out, array, fanout_mark(fanout));
    else
        sio_append_unmarked(out, array);
}

static void append_frame(struct buf *out, const struct fanout *fanout, struct span packet, enum packet_form form)
{
    struct frame *frame = form == PACKET_WEBSOCKET_DEFLATED && fanout->deflater
                              ? websocket_encode_deflated(fanout->deflater, packet, true)
                              : NULL;
    if (!frame)
        frame = websocket_encode(packet, true);
    buf_append_span(out, frame_span(frame));
    frame_unref(frame);
}

/* What the dialect said are one or more arrays: a packet each. */
static struct frame *packets_write(struct fanout *fanout, struct span nsp, enum packet_form form)
{
    struct buf out = BUF_EMPTY, packet = BUF_EMPTY, marked = BUF_EMPTY;
    struct span rest = fanout->text, array;
    while (span_cut(&rest, EIO_SEPARATOR, &array)) {
        buf_reset(&packet);
        buf_reset(&marked);
        if (fanout->is_marked) {
            append_marked(&marked, fanout, array);
            array = buf_span(&marked);
        }
        packet_write(&packet, fanout, nsp, array);
        if (form != PACKET_POLLED) {
            append_frame(&out, fanout, buf_span(&packet), form);
            continue;
        }
        if (out.len)
            buf_append_char(&out, EIO_SEPARATOR);
        buf_append_span(&out, buf_span(&packet));
    }
    struct frame *frame = frame_new(buf_span(&out));
    buf_deinit(&marked);
    buf_deinit(&packet);
    buf_deinit(&out);
    return frame;
}

struct frame *fanout_packet(struct fanout *fanout, struct span nsp, enum packet_form form, bool is_marked)
{
    if (is_marked != fanout->is_marked || !span_equal(nsp, fanout->nsp)) {
        packet_release(fanout);
        fanout->nsp = nsp;
        fanout->is_marked = is_marked;
    }
    if (!fanout->packets[form])
        fanout->packets[form] = packets_write(fanout, nsp, form);
    return fanout->packets[form];
}

struct frame *fanout_attachment(struct fanout *fanout, uint32_t index, bool is_polled)
{
    struct frame **place = &fanout->attachments[is_polled][index];
    assert(index < fanout->binary_count && index < LIMIT_SIO_ATTACHMENTS);
    if (!*place)
        *place = is_polled ? frame_new(fanout->binaries[index]) : websocket_encode(fanout->binaries[index], false);
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
