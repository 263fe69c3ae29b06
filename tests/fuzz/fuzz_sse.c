/* Server-Sent Events. The input is id, name and data, cut at the first two bytes 0xff; what is written is read by a
 * reader as the HTML standard describes it, and must be one event with these three. */
#include "wire/sse.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct heard {
    struct buf id, name, data;
    unsigned event_count;
    uint64_t retry_ms;
};

static struct span take_line(struct span *rest)
{
    size_t len = 0;
    struct span line;

    while (len < rest->len && rest->data[len] != '\r' && rest->data[len] != '\n')
        len++;
    line = span_slice(*rest, 0, len);
    *rest = span_slice(*rest, len, rest->len);
    *rest = span_slice(*rest, span_starts_with(*rest, SPAN("\r\n")) ? 2 : 1, rest->len);
    return line;
}

static void hear_line(struct heard *heard, struct span line)
{
    struct span field, value = line;

    if (line.len == 0) {
        heard->event_count += heard->data.len > 0;
        return;
    }
    (void)span_cut(&value, ':', &field);
    if (span_starts_with(value, SPAN(" ")))
        value = span_slice(value, 1, value.len);
    if (span_equal(field, SPAN("data"))) {
        buf_append_span(&heard->data, value);
        buf_append_char(&heard->data, '\n');
    } else if (span_equal(field, SPAN("event"))) {
        buf_append_span(&heard->name, value);
    } else if (span_equal(field, SPAN("id"))) {
        buf_append_span(&heard->id, value);
    } else if (span_equal(field, SPAN("retry"))) {
        assert(span_parse_u64(value, &heard->retry_ms));
    } else {
        assert(field.len == 0); /* a comment */
    }
}

static void hear(struct heard *heard, struct span stream)
{
    *heard = (struct heard){0};
    while (stream.len > 0)
        hear_line(heard, take_line(&stream));
}

static void forget(struct heard *heard)
{
    buf_deinit(&heard->id);
    buf_deinit(&heard->name);
    buf_deinit(&heard->data);
}

/* With every line end as \n, and one after the last line. */
static void normalize(struct span data, struct buf *out)
{
    for (size_t i = 0; i < data.len; i++) {
        if (data.data[i] == '\r' && i + 1 < data.len && data.data[i + 1] == '\n')
            continue;
        buf_append_char(out, data.data[i] == '\r' ? '\n' : data.data[i]);
    }
    buf_append_char(out, '\n');
}

static void check_event(struct span id, struct span name, struct span data)
{
    struct buf out = BUF_EMPTY, wanted = BUF_EMPTY;
    struct heard heard;

    if (sse_append_event(&out, id, name, data) != OK) {
        assert(out.len == 0);
        return;
    }
    hear(&heard, buf_span(&out));
    normalize(data, &wanted);
    assert(heard.event_count == 1);
    assert(span_equal(buf_span(&heard.id), id) && span_equal(buf_span(&heard.name), name));
    assert(span_equal(buf_span(&heard.data), buf_span(&wanted)));
    forget(&heard);
    buf_deinit(&out);
    buf_deinit(&wanted);
}

static void check_others(struct span text)
{
    struct buf out = BUF_EMPTY;
    struct heard heard;

    sse_append_comment(&out, text);
    sse_append_retry(&out, text.len);
    hear(&heard, buf_span(&out));
    assert(heard.event_count == 0 && heard.id.len == 0 && heard.retry_ms == text.len);
    forget(&heard);
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span rest = span_of(data, len), id = SPAN_EMPTY, name = SPAN_EMPTY;

    check_others(rest);
    (void)span_cut(&rest, '\xff', &id);
    (void)span_cut(&rest, '\xff', &name);
    check_event(id, name, rest);
    return 0;
}
