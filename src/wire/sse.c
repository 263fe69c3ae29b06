#include "wire/sse.h"

/* Where the line ends: at \n, \r or the end of the text. */
static size_t line_len(struct span text)
{
    size_t len = 0;

    while (len < text.len && text.data[len] != '\n' && text.data[len] != '\r')
        len++;
    return len;
}

static size_t line_end_len(struct span text)
{
    return span_starts_with(text, SPAN("\r\n")) ? 2 : 1;
}

static bool is_one_line(struct span text)
{
    return line_len(text) == text.len && span_find(text, '\0') == text.len;
}

static void append_line(struct buf *out, const char *field, struct span value)
{
    buf_append_str(out, field);
    buf_append_span(out, value);
    buf_append_char(out, '\n');
}

enum err sse_append_event(struct buf *out, struct span id, struct span name, struct span data)
{
    if (!is_one_line(id) || !is_one_line(name))
        return ERR_BAD_FIELD;
    if (id.len > 0)
        append_line(out, "id: ", id);
    if (name.len > 0)
        append_line(out, "event: ", name);
    for (;;) {
        size_t len = line_len(data);

        append_line(out, "data: ", span_slice(data, 0, len));
        data = span_slice(data, len, data.len);
        if (data.len == 0)
            break;
        /* A line end is followed by a line, be it empty: text that ends with one keeps it. */
        data = span_slice(data, line_end_len(data), data.len);
    }
    buf_append_char(out, '\n');
    return OK;
}

void sse_append_comment(struct buf *out, struct span text)
{
    BUF_APPEND_LITERAL(out, ": ");
    for (size_t i = 0; i < text.len; i++)
        buf_append_char(out, text.data[i] == '\n' || text.data[i] == '\r' ? ' ' : text.data[i]);
    BUF_APPEND_LITERAL(out, "\n\n");
}

void sse_append_retry(struct buf *out, uint64_t delay_ms)
{
    BUF_APPEND_LITERAL(out, "retry: ");
    buf_append_u64(out, delay_ms);
    BUF_APPEND_LITERAL(out, "\n\n");
}
