#include "net/frame.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct frame *frame_new_blank(size_t len)
{
    struct frame *frame;

    assert(len <= UINT32_MAX);
    frame = memory_resize(NULL, sizeof(*frame) + len); /* not zeroed: it is about to be filled */
    frame->ref_count = 1;
    frame->len = (uint32_t)len;
    return frame;
}

struct frame *frame_new(struct span bytes)
{
    struct frame *frame = frame_new_blank(bytes.len);

    if (bytes.len > 0)
        memcpy(frame->data, bytes.data, bytes.len);
    return frame;
}

struct frame *frame_ref(struct frame *frame)
{
    assert(frame->ref_count > 0 && frame->ref_count < UINT32_MAX);
    frame->ref_count++;
    return frame;
}

void frame_unref(struct frame *frame)
{
    if (frame == NULL)
        return;
    assert(frame->ref_count > 0);
    if (--frame->ref_count == 0)
        free(frame);
}
