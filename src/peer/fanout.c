#include "peer/fanout.h"

#include <assert.h>


static struct frame *make(struct fanout *fanout, enum wire_form form)
{
    switch (form) {
    case FORM_WEBSOCKET:
        return websocket_encode(fanout->text, true);
    case FORM_WEBSOCKET_DEFLATED: {
        struct frame *frame = fanout->deflater ? websocket_encode_deflated(fanout->deflater, fanout->text, true) : NULL;
        return frame ? frame : frame_ref(fanout_frame(fanout, FORM_WEBSOCKET));
    }
    case FORM_COUNT:
        break;
    }
    assert(!"a wire form without an encoder");
    return NULL;
}

struct frame *fanout_frame(struct fanout *fanout, enum wire_form form)
{
    if (!fanout->frames[form])
        fanout->frames[form] = make(fanout, form);
    return fanout->frames[form];
}

void fanout_release(struct fanout *fanout)
{
    for (unsigned form = 0; form < FORM_COUNT; form++)
        frame_unref(fanout->frames[form]);
}
