/* frame.h: encoded bytes, immutable and reference-counted, that any number of connections' queues point to. A frame never leaves
 * its worker: the count is not atomic. */
#pragma once

#include "base/buf.h"

struct frame {
    uint32_t ref_count;
    uint32_t len;
    char data[];
};

struct frame *frame_new(struct span bytes); /* copies; one reference, the caller's */
struct frame *frame_new_blank(size_t len);  /* for its maker to fill before anybody else sees it */
struct frame *frame_ref(struct frame *frame);
void frame_unref(struct frame *frame); /* NULL is fine */
static inline struct span frame_span(const struct frame *frame)
{
    return (struct span){frame->data, frame->len};
}
