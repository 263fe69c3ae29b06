/* The WebSocket decoder, both roles. The first byte chooses role, extension and limits, the second how the rest is
 * split. The same bytes give the same facts for any split; nothing is held beyond the limits; what was heard, encoded
 * again, is heard again. */
#include "wire/websocket.h"

#include "base/memory.h"
#include "base/rand.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct ws_limits limits_of(uint8_t choice)
{
    struct ws_limits limits = {.message_bytes_max = 1 << 16};

    if (choice & 4)
        limits = (struct ws_limits){.message_bytes_max = 100, .fragments_max = 3, .text_bytes_max = 20};
    return limits;
}

static void note(struct buf *notes, enum ws_step step, const struct ws_event *event)
{
    buf_printf(notes, "%d %d %d %u %zu ", (int)step, (int)event->opcode, event->is_compressed, event->code,
               event->payload.len);
    buf_append_span(notes, event->payload);
}

static void check_round_trip(const struct ws_event *event, bool is_server, const struct ws_limits *limits)
{
    static const uint8_t mask[4] = {9, 0, 255, 77};
    struct buf bytes = BUF_EMPTY;
    struct span input;
    struct ws_event again;
    struct ws ws;
    enum ws_step step;

    ws_append_frame(&bytes, event->opcode, event->is_compressed, event->payload, is_server ? mask : NULL);
    ws_init(&ws, is_server, true, limits);
    input = buf_span(&bytes);
    step = ws_feed(&ws, &input, &again);
    assert(step == WS_MESSAGE && input.len == 0);
    assert(again.opcode == event->opcode && again.is_compressed == event->is_compressed);
    assert(span_equal(again.payload, event->payload));
    ws_deinit(&ws);
    buf_deinit(&bytes);
}

/* `pieces`: NULL for all at once; bytes otherwise. */
static void hear(const uint8_t *data, size_t len, uint8_t choice, struct rand *pieces, struct buf *notes)
{
    struct ws_limits limits = limits_of(choice);
    struct ws_event event;
    struct ws ws;
    enum ws_step step;

    ws_init(&ws, (choice & 1) != 0, (choice & 2) != 0, &limits);
    for (size_t at = 0; at < len;) {
        size_t count = pieces != NULL ? 1 + (size_t)rand_below(pieces, 1 + rand_below(pieces, 40)) : len;
        struct span input;
        char *copy;

        count = count < len - at ? count : len - at;
        copy = memory_copy(data + at, count);
        input = span_of(copy, count);
        while ((step = ws_feed(&ws, &input, &event)) != WS_MORE) {
            note(notes, step, &event);
            assert(event.payload.len <= (step == WS_MESSAGE ? limits.message_bytes_max : 125));
            assert(event.opcode != WS_TEXT || limits.text_bytes_max == 0 || event.payload.len <= limits.text_bytes_max);
            if (step == WS_MESSAGE && pieces == NULL)
                check_round_trip(&event, (choice & 1) != 0, &limits);
        }
        assert(input.len == 0);
        assert(ws.message.cap <= 2 * limits.message_bytes_max + 64);
        assert(ws.message_opcode != 0 || ws.is_over || ws.message.cap == 0);
        free(copy);
        at += count;
    }
    ws_deinit(&ws);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buf whole = BUF_EMPTY, split = BUF_EMPTY;
    struct rand rand;

    if (len < 2)
        return 0;
    rand_seed(&rand, data[1]);
    hear(data + 2, len - 2, data[0], NULL, &whole);
    hear(data + 2, len - 2, data[0], &rand, &split);
    assert(span_equal(buf_span(&whole), buf_span(&split)));
    buf_deinit(&whole);
    buf_deinit(&split);
    return 0;
}
