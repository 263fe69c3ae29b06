#include "base/utf8.h"
#include "collab/change/change_build.h"

enum { PATH_BYTES_MAX = 1024, STEP_BYTES_MAX = 128 };

static bool is_digits(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len > 0;
}

/* "2", "items[2]", and "-", which means the end of an array elsewhere. */
static bool is_position(struct span step)
{
    size_t bracket = span_find(step, '[');

    if (bracket < step.len && step.data[step.len - 1] == ']')
        return is_digits(span_slice(step, bracket + 1, step.len - bracket - 2));
    return is_digits(step) || span_equal(step, SPAN("-"));
}

bool path_step_is_valid(struct span step)
{
    if (step.len == 0 || step.len > STEP_BYTES_MAX || !utf8_is_valid(step))
        return false;
    for (size_t i = 0; i < step.len; i++)
        if ((unsigned char)step.data[i] < 0x20 || step.data[i] == 0x7f)
            return false;
    if (step.data[0] == '@')
        return item_id_is_valid(span_slice(step, 1, step.len));
    return !span_equal(step, SPAN("__proto__")); /* what it would do in a browser is nothing good */
}

/* ~1 is '/' and ~0 is '~', as in RFC 6901. */
static enum err unescape(struct arena *arena, struct span text, struct span *out)
{
    char *copy = arena_alloc(arena, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        copy[len++] = text.data[i];
        if (text.data[i] != '~')
            continue;
        if (++i == text.len || (text.data[i] != '0' && text.data[i] != '1'))
            return ERR_BAD_PATH;
        copy[len - 1] = text.data[i] == '0' ? '~' : '/';
    }
    *out = span_of(copy, len);
    return OK;
}

static enum err take_step(struct arena *arena, struct span text, bool is_pointer, struct path *out)
{
    struct span step = text;
    enum err err;

    if (out->depth == PATH_DEPTH_MAX)
        return ERR_BAD_PATH;
    if (!is_pointer)
        step = arena_copy(arena, text);
    else if ((err = unescape(arena, text, &step)) != OK)
        return err;
    if (!path_step_is_valid(step))
        return ERR_BAD_PATH;
    out->steps[out->depth++] = step;
    return OK;
}

/* A slash anywhere makes it a pointer, /a/b or a/b; else a.b. */
static enum err take_steps(struct arena *arena, struct span text, struct path *out)
{
    bool is_pointer = span_find(text, '/') < text.len;
    char separator = is_pointer ? '/' : '.';
    enum err err;

    out->depth = 0;
    if (text.len == 0 || text.len > PATH_BYTES_MAX)
        return ERR_BAD_PATH;
    if (text.data[0] == '/')
        text = span_slice(text, 1, text.len);
    for (size_t end = span_find(text, separator);; end = span_find(text, separator)) {
        if ((err = take_step(arena, span_slice(text, 0, end), is_pointer, out)) != OK)
            return err;
        if (end == text.len)
            return OK;
        text = span_slice(text, end + 1, text.len);
    }
}

enum err path_parse(struct arena *arena, struct span text, struct path *out)
{
    enum err err = take_steps(arena, text, out);

    if (err != OK)
        return err;
    for (uint32_t i = 0; i < out->depth; i++)
        if (is_position(out->steps[i]))
            return ERR_POSITION_IN_PATH;
    return out->steps[0].data[0] == '@' ? ERR_BAD_PATH : OK;
}

/* Merge patches may name keys that look like positions, so a stored path may have some. */
enum err path_read(struct arena *arena, struct span text, struct path *out)
{
    return span_starts_with(text, SPAN("/")) ? take_steps(arena, text, out) : ERR_BAD_PATH;
}

void path_append(struct buf *out, const struct path *path)
{
    for (uint32_t i = 0; i < path->depth; i++) {
        struct span step = path->steps[i];

        buf_append_char(out, '/');
        for (size_t k = 0; k < step.len; k++) {
            if (step.data[k] == '~')
                BUF_APPEND_LITERAL(out, "~0");
            else if (step.data[k] == '/')
                BUF_APPEND_LITERAL(out, "~1");
            else
                buf_append_char(out, step.data[k]);
        }
    }
}
