/* What waits for a polling client, in a form that suits both transports: it may be a WebSocket by the time it is sent. */
#include "peer/socketio/engine_internal.h"

#include "base/memory.h"

#include <stdlib.h>

enum { CONFLATE_SCAN_MAX = 512 };

void engine_queue_deinit(struct engine_queue *queue)
{
    for (uint32_t i = 0; i < queue->count; i++)
        frame_unref(queue->slots[i].frame);
    free(queue->slots);
    *queue = (struct engine_queue){0};
}

static void count(struct engine_queue *queue, const struct engine_slot *slot, int64_t change)
{
    if (slot->is_counted)
        queue->counted_bytes += (size_t)change;
}

static bool replace(struct engine_queue *queue, struct frame *frame, uint64_t key)
{
    uint32_t stop = queue->count > CONFLATE_SCAN_MAX ? queue->count - CONFLATE_SCAN_MAX : 0;
    for (uint32_t i = queue->count; i > stop; i--) {
        struct engine_slot *slot = &queue->slots[i - 1];
        if (slot->key != key)
            continue;
        count(queue, slot, (int64_t)frame->len - (int64_t)slot->frame->len);
        frame_unref(slot->frame);
        slot->frame = frame_ref(frame);
        return true;
    }
    return false;
}

void engine_queue_push(struct engine_queue *queue, struct frame *frame, bool is_text, uint64_t key, bool is_counted)
{
    if (key && replace(queue, frame, key))
        return;
    if (queue->count == queue->cap) {
        queue->cap = queue->cap ? queue->cap * 2 : 4;
        queue->slots = memory_resize(queue->slots, queue->cap * sizeof *queue->slots);
    }
    struct engine_slot *slot = &queue->slots[queue->count++];
    *slot = (struct engine_slot){frame_ref(frame), key, is_text, is_counted};
    count(queue, slot, frame->len);
}

void engine_queue_drain(struct engine_queue *queue, struct buf *out)
{
    for (uint32_t i = 0; i < queue->count; i++) {
        const struct engine_slot *slot = &queue->slots[i];
        if (out->len)
            buf_append_char(out, EIO_SEPARATOR);
        if (slot->is_text)
            buf_append_span(out, frame_span(slot->frame));
        else
            eio_append_binary_polled(out, frame_span(slot->frame));
    }
    engine_queue_deinit(queue);
}

void engine_queue_carry(struct engine_queue *queue, struct websocket *socket)
{
    for (uint32_t i = 0; i < queue->count; i++) {
        const struct engine_slot *slot = &queue->slots[i];
        struct span rest = frame_span(slot->frame), packet;
        if (!slot->is_text)
            websocket_send_uncounted(socket, false, rest);
        while (slot->is_text && span_cut(&rest, EIO_SEPARATOR, &packet))
            websocket_send_uncounted(socket, true, packet);
    }
    engine_queue_deinit(queue);
}
